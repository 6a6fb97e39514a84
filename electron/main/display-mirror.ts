// What the machine's screen holds, kept in the main process: it checks every command from the guest's side before the renderer sees
// it, and it can tell a renderer that starts anew (reload, crash) everything at once.
//
// Invariants: rectangles passed on lie inside their surface or framebuffer and carry exactly their bytes; surface numbers are
// unique; the scene passed its schema; memory is bounded by MAX_TOTAL_SURFACE_BYTES and one framebuffer.

import type { DisplayCommand, RawDisplayCommand } from '../protocol/display-messages.ts';
import {
  CELL_BYTES,
  MAX_COORDINATE,
  MAX_EXTENT_PIXELS,
  MAX_FRAMEBUFFER_HEIGHT,
  MAX_FRAMEBUFFER_WIDTH,
  MAX_SURFACE_CELLS,
  MAX_SURFACE_PIXELS,
  MAX_SURFACES,
  MAX_TOTAL_SURFACE_BYTES,
} from '../protocol/limits.ts';
import { parseScene, type Scene } from '../protocol/scene-schema.ts';

/** Pixels or cells in rows without gaps. */
class Raster {
  readonly width: number;
  readonly height: number;
  readonly unitBytes: number;
  readonly bytes: Uint8Array;

  constructor(width: number, height: number, unitBytes: number) {
    this.width = width;
    this.height = height;
    this.unitBytes = unitBytes;
    this.bytes = new Uint8Array(width * height * unitBytes);
  }

  /** False, and nothing changed, if the rectangle or the length of `data` does not fit. */
  write(x: number, y: number, width: number, height: number, data: Uint8Array): boolean {
    if (width < 1 || height < 1 || x < 0 || y < 0 || x + width > this.width || y + height > this.height) return false;
    const rowBytes = width * this.unitBytes;
    if (data.length !== rowBytes * height) return false;
    for (let row = 0; row < height; row++) {
      const target = ((y + row) * this.width + x) * this.unitBytes;
      this.bytes.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), target);
    }
    return true;
  }
}

interface MirroredSurface {
  readonly kind: 'cells' | 'pixels';
  readonly raster: Raster;
}

export class DisplayMirror {
  private readonly surfaces = new Map<number, MirroredSurface>();
  private readonly framebuffer: Raster;
  private framebufferUsed = false;
  private totalBytes = 0;
  private scene: Scene | null = null;
  private showScene = false;
  private cursor: Extract<DisplayCommand, { kind: 'cursor' }> | null = null;

  constructor(framebufferWidth: number, framebufferHeight: number) {
    if (framebufferWidth > MAX_FRAMEBUFFER_WIDTH || framebufferHeight > MAX_FRAMEBUFFER_HEIGHT) {
      throw new RangeError(`framebuffer of ${framebufferWidth} x ${framebufferHeight}`);
    }
    this.framebuffer = new Raster(framebufferWidth, framebufferHeight, 4);
  }

  /**
   * Takes commands of the machine in order; what the renderer shall do. A command that does not fit is left out, and `problem` gets
   * one line about it.
   */
  apply(commands: readonly RawDisplayCommand[], problem: (line: string) => void): DisplayCommand[] {
    const accepted: DisplayCommand[] = [];
    for (const command of commands) {
      const result = this.applyOne(command);
      if (typeof result === 'string') problem(`display: ${command.kind}: ${result}`);
      else accepted.push(...result);
    }
    return accepted;
  }

  /** Everything, for a renderer that knows nothing. */
  complete(): DisplayCommand[] {
    const commands: DisplayCommand[] = [];
    if (this.framebufferUsed) commands.push(this.wholeFramebuffer());
    for (const [id, { kind, raster }] of this.surfaces) {
      const { width, height } = raster;
      commands.push({ kind: 'surfaceCreated', id, surfaceKind: kind, width, height });
      commands.push({ kind: 'surfaceDamaged', id, x: 0, y: 0, width, height, data: raster.bytes });
    }
    if (this.scene) commands.push({ kind: 'scene', scene: this.scene });
    if (this.cursor) commands.push(this.cursor);
    commands.push({ kind: 'showScene', on: this.showScene });
    return commands;
  }

  /** The current scene, for the window's title and for tests of the whole app. */
  get currentScene(): Scene | null {
    return this.scene;
  }

  private wholeFramebuffer(): DisplayCommand {
    const { width, height, bytes } = this.framebuffer;
    return { kind: 'framebuffer', x: 0, y: 0, width, height, rgba: bytes };
  }

  private applyOne(command: RawDisplayCommand): readonly DisplayCommand[] | string {
    switch (command.kind) {
      case 'framebuffer': {
        const { x, y, width, height, rgba } = command;
        if (!this.framebuffer.write(x, y, width, height, rgba)) return `rectangle ${x},${y} ${width} x ${height}`;
        if (this.framebufferUsed) return [command];
        // The renderer learns the framebuffer's size from the first rectangle.
        this.framebufferUsed = true;
        return [this.wholeFramebuffer()];
      }
      case 'showScene':
        this.showScene = command.on;
        return [command];
      case 'surfaceCreated':
        return this.createSurface(command);
      case 'surfaceDestroyed': {
        const surface = this.surfaces.get(command.id);
        if (!surface) return `surface ${command.id} does not exist`;
        this.surfaces.delete(command.id);
        this.totalBytes -= surface.raster.bytes.length;
        return [command];
      }
      case 'surfaceDamaged': {
        const { id, x, y, width, height, data } = command;
        const surface = this.surfaces.get(id);
        if (!surface) return `surface ${id} does not exist`;
        if (!surface.raster.write(x, y, width, height, data)) {
          return `surface ${id}: rectangle ${x},${y} ${width} x ${height}, ${data.length} bytes`;
        }
        return [command];
      }
      case 'scene': {
        const result = parseScene(command.json);
        if ('problem' in result) return result.problem;
        this.scene = result.scene;
        return [{ kind: 'scene', scene: result.scene }];
      }
      case 'cursor': {
        const clamp = (value: number) => Math.max(-MAX_COORDINATE, Math.min(MAX_COORDINATE, value));
        this.cursor = { kind: 'cursor', x: clamp(command.x), y: clamp(command.y), shape: command.shape };
        return [this.cursor];
      }
    }
  }

  private createSurface(
    command: Extract<RawDisplayCommand, { kind: 'surfaceCreated' }>,
  ): readonly DisplayCommand[] | string {
    const { id, surfaceKind, width, height } = command;
    if (this.surfaces.has(id)) return `surface ${id} exists already`;
    if (this.surfaces.size >= MAX_SURFACES) return `more than ${MAX_SURFACES} surfaces`;
    if (width < 1 || height < 1 || width > MAX_EXTENT_PIXELS || height > MAX_EXTENT_PIXELS) {
      return `size ${width} x ${height}`;
    }
    const units = surfaceKind === 'cells' ? MAX_SURFACE_CELLS : MAX_SURFACE_PIXELS;
    if (width * height > units) return `size ${width} x ${height}`;
    const bytes = width * height * (surfaceKind === 'cells' ? CELL_BYTES : 4);
    if (this.totalBytes + bytes > MAX_TOTAL_SURFACE_BYTES) return 'surfaces hold too many bytes';
    this.surfaces.set(id, {
      kind: surfaceKind,
      raster: new Raster(width, height, surfaceKind === 'cells' ? CELL_BYTES : 4),
    });
    this.totalBytes += bytes;
    return [command];
  }
}
