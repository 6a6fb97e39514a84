// Collects what the display device shows into numbered batches for the renderer: one is under way at a time, the next goes out
// after its acknowledgement. What comes meanwhile waits here; the device's own byte budget bounds it.

import type { DisplayBackend } from '../../devices/backends/backends.ts';
import type { RawDisplayBatch, RawDisplayCommand } from '../protocol/display-messages.ts';
import { MAX_BATCH_COMMANDS } from '../protocol/limits.ts';

export class DisplayBatches implements DisplayBackend {
  private commands: RawDisplayCommand[] = [];
  private sequence = 0;
  private underWay = false;
  /** Where the guest has its cursor, null before it has shown one. */
  cursorPosition: { readonly x: number; readonly y: number } | null = null;
  private readonly post: (batch: RawDisplayBatch) => void;

  constructor(post: (batch: RawDisplayBatch) => void) {
    this.post = post;
  }

  framebuffer(x: number, y: number, width: number, height: number, rgba: Uint8Array): void {
    this.commands.push({ kind: 'framebuffer', x, y, width, height, rgba });
  }
  showScene(on: boolean): void {
    this.commands.push({ kind: 'showScene', on });
  }
  surfaceCreated(id: number, surfaceKind: 'cells' | 'pixels', width: number, height: number): void {
    this.commands.push({ kind: 'surfaceCreated', id, surfaceKind, width, height });
  }
  surfaceDestroyed(id: number): void {
    this.commands.push({ kind: 'surfaceDestroyed', id });
  }
  surfaceDamaged(id: number, x: number, y: number, width: number, height: number, data: Uint8Array): void {
    this.commands.push({ kind: 'surfaceDamaged', id, x, y, width, height, data });
  }
  scene(json: Uint8Array): void {
    this.replaceLast('scene', { kind: 'scene', json });
  }
  cursor(x: number, y: number, shape: number): void {
    this.cursorPosition = { x, y };
    this.replaceLast('cursor', { kind: 'cursor', x, y, shape });
  }

  /** A later scene or cursor makes an earlier one in the same batch pointless. */
  private replaceLast(kind: RawDisplayCommand['kind'], command: RawDisplayCommand): void {
    const last = this.commands.length - 1;
    if (last >= 0 && this.commands[last].kind === kind) this.commands[last] = command;
    else this.commands.push(command);
  }

  /** True while the renderer owes an acknowledgement. */
  get busy(): boolean {
    return this.underWay;
  }

  /** Sends what has come together, unless a batch is under way. */
  flush(): void {
    if (this.underWay || this.commands.length === 0) return;
    this.underWay = true;
    this.sequence++;
    this.post({ kind: 'display', sequence: this.sequence, commands: this.commands.splice(0, MAX_BATCH_COMMANDS) });
  }

  /**
   * Takes the renderer's answer; a number that is not the one under way is ignored. True if nothing is left to send: then the device
   * may fill another batch. Told any sooner, it could fill this list with small commands faster than they go out.
   */
  acknowledge(sequence: number): boolean {
    if (!this.underWay || sequence !== this.sequence) return false;
    this.underWay = false;
    return this.commands.length === 0;
  }
}
