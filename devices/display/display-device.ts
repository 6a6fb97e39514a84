// The display device: surfaces in guest memory, shown by a DisplayBackend. README.md beside this file is its data sheet.
//
//   header   0 u32 command   4 u32 surface   8 u32 argument0   12 u32 argument1   16 … payload         (readable part of a chain)
//   answer   u32 status: 0 ok, 1 refused                                                               (writable part, optional)
//
//   1 create   2 destroy   3 update   4 scene   5 cursor   6 show scene
//
// Every number in a message is hostile: surfaces must lie in RAM, rectangles in their surface, scenes below 64 KiB. What goes to the
// backend is a copy.
//
// Invariants: a surface in the list lies in RAM; sentBytes counts what was sent since the viewer's last acknowledgement, and no
// message is taken from the ring while it is BATCH_BYTES or more.

import type { DisplayBackend } from '../backends/backends.ts';
import { restoreState, writeState } from '../base/device-state.ts';
import type { PhysicalMemory } from '../base/physical-memory.ts';
import type { DeviceSnapshot } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { putConfiguration, readConfiguration } from '../virtio/configuration.ts';
import type { VirtioDevice, VirtioTransport } from '../virtio/virtio-device.ts';
import { DescriptorChain, QueueLook } from '../virtio/virtqueue.ts';
import { type FramebufferPlace, FramebufferWatch } from './framebuffer-watch.ts';

const QUEUE_SIZE = 64;
const HEADER_BYTES = 16;
const CONFIGURATION_BYTES = 20;
const MAX_SURFACES = 64;
const MAX_SCENE_BYTES = 64 * 1024;
/** Cells: 512 x 256 of 12 bytes. Pixels: a 4096 x 2160 desktop of 4. */
const MAX_CELLS = 512 * 256;
const MAX_PIXELS = 4096 * 2160;
/** Surface data per batch: a full 1280 x 800 window of pixels fits. */
export const BATCH_BYTES = 4 * 1024 * 1024;
/** What an accepted message counts at least, so that small ones are bounded too. */
const MESSAGE_COST_BYTES = 256;

const Command = { create: 1, destroy: 2, update: 3, scene: 4, cursor: 5, showScene: 6 } as const;
const Kind = { cells: 0, pixels: 1 } as const;
const unitBytes: Readonly<Record<number, number>> = { [Kind.cells]: 12, [Kind.pixels]: 4 };
const Status = { ok: 0, refused: 1 } as const;

interface Surface {
  id: number;
  kind: number;
  width: number;
  height: number;
  address: number;
}

export class DisplayDevice implements VirtioDevice {
  readonly deviceType = 63;
  readonly classCode = 0x03_8000;
  readonly features = 0;
  readonly queueSizes: readonly number[] = [QUEUE_SIZE];
  readonly configurationBytes = CONFIGURATION_BYTES;
  private readonly memory: PhysicalMemory;
  private readonly backend: DisplayBackend;
  private readonly watch: FramebufferWatch;
  private readonly configuration = new Uint8Array(CONFIGURATION_BYTES);
  private readonly chain = new DescriptorChain();
  private readonly header = new Uint8Array(HEADER_BYTES + 8);
  private readonly headerView = new DataView(this.header.buffer);
  private readonly answer = new Uint8Array(4);
  private transport!: VirtioTransport;
  /** Not state: whether the viewer must be told everything again. */
  private viewerStale = false;
  private readonly state = {
    surfaces: [] as Surface[],
    scene: [] as { json: Uint8Array }[],
    cursorX: 0,
    cursorY: 0,
    cursorShape: 0,
    sceneShown: false,
    sentBytes: 0,
  };

  constructor(memory: PhysicalMemory, framebuffer: FramebufferPlace, backend: DisplayBackend) {
    this.memory = memory;
    this.backend = backend;
    this.watch = new FramebufferWatch(memory, framebuffer, backend);
    putConfiguration(this.configuration, 0, 4, 1);
    putConfiguration(this.configuration, 4, 4, framebuffer.width);
    putConfiguration(this.configuration, 8, 4, framebuffer.height);
    putConfiguration(this.configuration, 12, 4, MAX_SURFACES);
    putConfiguration(this.configuration, 16, 4, BATCH_BYTES);
  }

  connect(transport: VirtioTransport): void {
    this.transport = transport;
  }
  configurationRead(offset: number, width: AccessWidth): number {
    return readConfiguration(this.configuration, offset, width);
  }
  configurationWrite(): void {}
  started(): void {
    this.notified();
  }
  queueReset(): void {}

  reset(): void {
    for (const surface of this.state.surfaces) this.backend.surfaceDestroyed(surface.id);
    this.state.surfaces = [];
    this.state.scene = [];
    this.state.sentBytes = 0;
    this.show(false);
  }

  notified(): void {
    if (!this.transport.running) return;
    const queue = this.transport.queue(0);
    let finished = 0;
    // Bounded by the ring, and what is sent by the batch: every accepted message costs at least MESSAGE_COST_BYTES.
    while (this.state.sentBytes < BATCH_BYTES) {
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) break;
      if (look === QueueLook.broken || this.chain.readableBytes < HEADER_BYTES) {
        this.transport.broken();
        return;
      }
      queue.take();
      const accepted = this.perform();
      // Only what the viewer gets: it would never acknowledge a batch of refused messages.
      if (accepted) this.state.sentBytes += MESSAGE_COST_BYTES;
      this.answer[0] = accepted ? Status.ok : Status.refused;
      queue.addUsed(this.chain.head, this.chain.write(this.memory, 0, this.answer));
      queue.publish(1);
      finished++;
    }
    if (finished > 0) this.transport.signal(0);
  }

  /** The viewer has shown the last batch. */
  acknowledged(): void {
    this.state.sentBytes = 0;
    this.notified();
  }

  /** Sends what has changed in the boot framebuffer, if it is shown. */
  refreshFramebuffer(): void {
    this.resendIfStale();
    if (!this.state.sceneShown) this.watch.refresh();
  }

  /** The viewer has lost everything (it was loaded again, or the machine was restored). */
  resend(): void {
    this.viewerStale = true;
    this.resendIfStale();
  }

  pollBackend(): boolean {
    this.resendIfStale();
    return false;
  }

  // ------------------------------------------------------------------------------------------------- messages

  private perform(): boolean {
    this.header.fill(0);
    this.chain.read(this.memory, 0, this.header);
    const surface = this.headerView.getUint32(4, true);
    const argument0 = this.headerView.getUint32(8, true);
    const argument1 = this.headerView.getUint32(12, true);
    return this.commands[this.headerView.getUint32(0, true)]?.(surface, argument0, argument1) ?? false;
  }

  private readonly commands: Readonly<
    Record<number, (surface: number, argument0: number, argument1: number) => boolean>
  > = {
    [Command.create]: (id, size, kind) => this.create(id, size & 0xffff, size >>> 16, kind),
    [Command.destroy]: (id) => this.destroy(id),
    [Command.update]: (id, origin, extent) =>
      this.update(id, origin & 0xffff, origin >>> 16, extent & 0xffff, extent >>> 16),
    [Command.scene]: () => this.setScene(),
    [Command.cursor]: (_id, position, shape) => this.moveCursor(position & 0xffff, position >>> 16, shape),
    [Command.showScene]: (_id, on) => this.show(on === 1),
  };

  private find(id: number): Surface | undefined {
    return this.state.surfaces.find((surface) => surface.id === id);
  }

  private create(id: number, width: number, height: number, kind: number): boolean {
    if (this.chain.readableBytes < HEADER_BYTES + 8) return false;
    const address = this.headerView.getUint32(16, true) + this.headerView.getUint32(20, true) * 2 ** 32;
    const surface = { id, kind, width, height, address };
    if (this.find(id) !== undefined || !this.isValid(surface)) return false;
    this.state.surfaces.push(surface);
    this.backend.surfaceCreated(id, kind === Kind.cells ? 'cells' : 'pixels', width, height);
    return true;
  }

  private isValid({ id, kind, width, height, address }: Surface): boolean {
    const unit = unitBytes[kind];
    return (
      Number.isInteger(id) &&
      id >= 1 &&
      id <= MAX_SURFACES &&
      unit !== undefined &&
      Number.isInteger(width) &&
      Number.isInteger(height) &&
      width > 0 &&
      height > 0 &&
      width * height <= (kind === Kind.cells ? MAX_CELLS : MAX_PIXELS) &&
      Number.isSafeInteger(address) &&
      this.memory.contains(address, width * height * unit)
    );
  }

  private destroy(id: number): boolean {
    const index = this.state.surfaces.findIndex((surface) => surface.id === id);
    if (index < 0) return false;
    this.state.surfaces.splice(index, 1);
    this.backend.surfaceDestroyed(id);
    return true;
  }

  private update(id: number, x: number, y: number, width: number, height: number): boolean {
    const surface = this.find(id);
    if (surface === undefined || width === 0 || height === 0) return false;
    if (x + width > surface.width || y + height > surface.height) return false;
    const unit = unitBytes[surface.kind];
    const rowBytes = width * unit;
    const data = new Uint8Array(rowBytes * height);
    for (let row = 0; row < height; row++) {
      const at = surface.address + ((y + row) * surface.width + x) * unit;
      data.set(this.memory.bytes.subarray(at, at + rowBytes), row * rowBytes);
    }
    this.state.sentBytes += data.length;
    this.backend.surfaceDamaged(id, x, y, width, height, data);
    return true;
  }

  private setScene(): boolean {
    const length = this.chain.readableBytes - HEADER_BYTES;
    if (length === 0 || length > MAX_SCENE_BYTES) return false;
    const json = new Uint8Array(length);
    this.chain.read(this.memory, HEADER_BYTES, json);
    this.state.scene = [{ json }];
    this.state.sentBytes += length;
    this.backend.scene(json.slice());
    return true;
  }

  private moveCursor(x: number, y: number, shape: number): boolean {
    this.state.cursorX = x;
    this.state.cursorY = y;
    this.state.cursorShape = shape;
    this.backend.cursor(x, y, shape);
    return true;
  }

  private show(scene: boolean): boolean {
    // What was drawn last is sent before it is covered: a viewer that shows the framebuffer later shows all of it.
    if (scene) this.refreshFramebuffer();
    // While the scene was shown the framebuffer was not compared: its generations still tell what was written since.
    this.state.sceneShown = scene;
    this.backend.showScene(scene);
    return true;
  }

  private resendIfStale(): void {
    if (!this.viewerStale) return;
    this.viewerStale = false;
    for (let id = 1; id <= MAX_SURFACES; id++) if (this.find(id) === undefined) this.backend.surfaceDestroyed(id);
    for (const { id, kind, width, height } of this.state.surfaces) {
      this.backend.surfaceDestroyed(id);
      this.backend.surfaceCreated(id, kind === Kind.cells ? 'cells' : 'pixels', width, height);
      this.update(id, 0, 0, width, height);
    }
    const scene = this.state.scene[0];
    if (scene !== undefined) this.backend.scene(scene.json.slice());
    this.backend.cursor(this.state.cursorX, this.state.cursorY, this.state.cursorShape);
    this.backend.showScene(this.state.sceneShown);
    this.watch.forget();
  }

  snapshot(): DeviceSnapshot {
    return writeState('display', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    const form = { ...this.state, surfaces: [] as Surface[], scene: [] as { json: Uint8Array }[] };
    restoreState('display', 1, snapshot, form);
    const unique = new Set(form.surfaces.map((surface) => surface.id));
    const valid =
      unique.size === form.surfaces.length &&
      form.surfaces.every((surface) => this.isValid(surface)) &&
      form.scene.length <= 1 &&
      form.scene.every(({ json }) => json instanceof Uint8Array && json.length <= MAX_SCENE_BYTES);
    if (!valid) throw new Error('snapshot: the display holds impossible surfaces');
    Object.assign(this.state, form);
    // RAM may be restored after the devices: the viewer is told at the next poll.
    this.viewerStale = true;
  }
}
