// Driver of the display device (virtio device type 63, devices/display/README.md is its data sheet).
//
//   queue 0, one chain a message: 16-byte header [+ payload] │ u32 status written by the device
//   configuration: 0 u32 version, 4 u32 width, 8 u32 height
//
//   /dev/display ──► orders (FIFO: create, destroy, scene, show) ──► damage (one rectangle a surface) ──► cursor ──► ring
//                                     when the viewer is slow the ring stands still: scenes replace each other,
//                                     damage grows into its union, the cursor keeps its last place; only orders block
//
// Invariants: a surface's frames are freed only after the device has answered its destruction; at most one rectangle of damage
// per surface; MAX_ORDERS bounds the FIFO.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import type { Machine } from '../../../devices/contract/machine.ts';
import {
  CELL_BYTES,
  DISPLAY_HEADER_BYTES,
  DisplayCommand,
  MAX_SCENE_BYTES,
  MAX_SURFACE_CELLS,
  MAX_SURFACES,
  SurfaceKind,
} from '../../abi/display.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { WaitQueue } from '../../kernel/wait-queue.ts';
import { VirtioDriver } from './driver.ts';
import type { VirtioQueue } from './queue.ts';
import type { VirtioTransport } from './transport.ts';

/** PCI device id less VIRTIO_FIRST_DEVICE_ID. */
export const DISPLAY_TYPE = 63;
const FRAME_BYTES = 4096;
const PIXEL_BYTES = 4;
/** A pixel surface may be as large as this many bytes: a 4096 x 2160 desktop. */
const MAX_SURFACE_BYTES = 4096 * 2160 * PIXEL_BYTES;
/** Message slots: header 16, surface address 8, status 4, in 32 bytes. */
const SLOT_BYTES = 32;
const SLOT_STATUS = 24;
const SLOTS = 32;
const DESCRIPTORS_PER_MESSAGE = 3;
const SCENE_BUFFERS = 2;
const MAX_ORDERS = 64;
const STATUS_OK = 0;

class Surface {
  readonly id: number;
  readonly kind: number;
  readonly width: number;
  readonly height: number;
  readonly address: number;
  readonly frames: number;
  // Damage not yet sent; right <= left: none.
  left = 0;
  top = 0;
  right = 0;
  bottom = 0;

  constructor(id: number, kind: number, width: number, height: number, address: number, frames: number) {
    this.id = id;
    this.kind = kind;
    this.width = width;
    this.height = height;
    this.address = address;
    this.frames = frames;
  }
  get unitBytes(): number {
    return this.kind === SurfaceKind.cells ? CELL_BYTES : PIXEL_BYTES;
  }
}
registerClass('drivers.Surface', 1, Surface);

interface Order {
  readonly command: number;
  readonly surface: Surface | null;
  readonly argument0: number;
  readonly scene: Uint8Array | null;
}

export class VirtioDisplay extends VirtioDriver {
  readonly width: number;
  readonly height: number;
  /** Woken when there may be room for another order. */
  readonly changed: WaitQueue = new WaitQueue();
  /** Messages that the device refused. */
  refused = 0;
  private readonly machine: Machine;
  private readonly queue: VirtioQueue;
  private readonly slotPage: number;
  private readonly freeSlots: number[] = [];
  private readonly slotOfHead: Int16Array;
  private readonly sceneBuffers: number[];
  /** Scene buffer used by a slot, 0 = none; surface to be freed when a slot's message is answered. */
  private readonly sceneOfSlot: Float64Array = new Float64Array(SLOTS);
  private readonly destroyedBySlot: (Surface | null)[] = [];
  private readonly surfaces: Map<number, Surface> = new Map();
  private readonly orders: Order[] = [];
  private cursorPosition = 0;
  private cursorShape = 0;
  private cursorPending = false;
  private dead = false;

  private constructor(
    kernel: Kernel,
    transport: VirtioTransport,
    queue: VirtioQueue,
    slotPage: number,
    sceneBuffers: number[],
  ) {
    super(transport);
    this.machine = kernel.machine;
    this.queue = queue;
    this.slotPage = slotPage;
    this.sceneBuffers = sceneBuffers;
    this.width = transport.configuration32(kernel.machine, 4);
    this.height = transport.configuration32(kernel.machine, 8);
    this.slotOfHead = new Int16Array(queue.size).fill(-1);
    for (let slot = Math.min(SLOTS, Math.floor(queue.size / DESCRIPTORS_PER_MESSAGE)) - 1; slot >= 0; slot--)
      this.freeSlots.push(slot);
    for (let slot = 0; slot < SLOTS; slot++) this.destroyedBySlot.push(null);
  }

  static start(kernel: Kernel, transport: VirtioTransport): VirtioDisplay | null {
    if (!transport.negotiate(kernel.machine, 0)) return null;
    const queue = transport.createQueue(kernel, 0, 64);
    const slotPage = kernel.frames.allocate();
    const sceneBuffers: number[] = [];
    for (let i = 0; i < SCENE_BUFFERS; i++) {
      const address = kernel.frames.contiguous(MAX_SCENE_BYTES / FRAME_BYTES);
      if (address !== 0) sceneBuffers.push(address);
    }
    if (queue === null || slotPage === 0 || sceneBuffers.length === 0 || queue.size < DESCRIPTORS_PER_MESSAGE) {
      transport.fail(kernel.machine);
      return null;
    }
    const driver = new VirtioDisplay(kernel, transport, queue, slotPage, sceneBuffers);
    driver.go(kernel);
    return driver;
  }

  /** True if create, destroy, scene and show would be taken now. */
  get hasRoom(): boolean {
    return this.orders.length < MAX_ORDERS;
  }

  createSurface(kernel: Kernel, id: number, width: number, height: number, kind: number): number {
    if (id < 1 || id > MAX_SURFACES || width === 0 || height === 0) return -Errno.EINVAL;
    if (kind !== SurfaceKind.cells && kind !== SurfaceKind.pixels) return -Errno.EINVAL;
    if (this.surfaces.has(id)) return -Errno.EEXIST;
    const bytes = width * height * (kind === SurfaceKind.cells ? CELL_BYTES : PIXEL_BYTES);
    if (kind === SurfaceKind.cells && width * height > MAX_SURFACE_CELLS) return -Errno.EINVAL;
    if (bytes > MAX_SURFACE_BYTES) return -Errno.EINVAL;
    const frames = Math.ceil(bytes / FRAME_BYTES);
    const address = kernel.frames.contiguous(frames);
    if (address === 0) return -Errno.ENOMEM;
    this.machine.memory.fill(address, frames * FRAME_BYTES, 0);
    const surface = new Surface(id, kind, width, height, address, frames);
    this.surfaces.set(id, surface);
    this.order({
      command: DisplayCommand.createSurface,
      surface,
      argument0: (width | (height << 16)) >>> 0,
      scene: null,
    });
    this.flush(kernel);
    return 0;
  }

  destroySurface(kernel: Kernel, id: number): number {
    const surface = this.surfaces.get(id);
    if (surface === undefined) return -Errno.ENOENT;
    this.surfaces.delete(id);
    this.order({ command: DisplayCommand.destroySurface, surface, argument0: 0, scene: null });
    this.flush(kernel);
    return 0;
  }

  /** The rectangle's bytes-per-row and rows if it lies in the surface and `payloadBytes` fills it; else -errno. */
  checkUpdate(id: number, x: number, y: number, width: number, height: number, payloadBytes: number): number {
    const surface = this.surfaces.get(id);
    if (surface === undefined) return -Errno.ENOENT;
    if (width === 0 || height === 0 || x + width > surface.width || y + height > surface.height) return -Errno.EINVAL;
    const rowBytes = width * surface.unitBytes;
    return rowBytes * height === payloadBytes ? rowBytes : -Errno.EINVAL;
  }

  /** Where row `row` of an update at (x, y) goes, as a physical address. Checked by checkUpdate before. */
  rowAddress(id: number, x: number, row: number): number {
    const surface = this.surfaces.get(id);
    return surface === undefined ? 0 : surface.address + (row * surface.width + x) * surface.unitBytes;
  }

  /** The surface's memory has changed in a rectangle. */
  damage(kernel: Kernel, id: number, x: number, y: number, width: number, height: number): void {
    const surface = this.surfaces.get(id);
    if (surface === undefined) return;
    const empty = surface.right <= surface.left;
    surface.left = empty ? x : Math.min(surface.left, x);
    surface.top = empty ? y : Math.min(surface.top, y);
    surface.right = empty ? x + width : Math.max(surface.right, x + width);
    surface.bottom = empty ? y + height : Math.max(surface.bottom, y + height);
    this.flush(kernel);
  }

  scene(kernel: Kernel, json: Uint8Array): void {
    this.order({ command: DisplayCommand.scene, surface: null, argument0: 0, scene: json });
    this.flush(kernel);
  }

  cursor(kernel: Kernel, position: number, shape: number): void {
    this.cursorPosition = position;
    this.cursorShape = shape;
    this.cursorPending = true;
    this.flush(kernel);
  }

  showScene(kernel: Kernel, on: boolean): void {
    this.order({ command: DisplayCommand.showScene, surface: null, argument0: on ? 1 : 0, scene: null });
    this.flush(kernel);
  }

  /** For the panic screen: at once, whatever waits. A reset destroys all surfaces and shows the framebuffer. */
  showFramebuffer(kernel: Kernel): void {
    this.dead = true;
    this.transport.reset(kernel.machine);
  }

  /** A scene that has not gone out yet is replaced by a newer one if nothing came in between. */
  private order(order: Order): void {
    const last = this.orders[this.orders.length - 1];
    if (order.scene !== null && last !== undefined && last.scene !== null) this.orders.pop();
    this.orders.push(order);
  }

  override queuesChanged(kernel: Kernel): void {
    this.flush(kernel);
  }

  private flush(kernel: Kernel): void {
    this.reclaim(kernel);
    if (this.dead) return;
    let sent = false;
    while (this.freeSlots.length > 0 && this.sendNext()) sent = true;
    if (!sent) return;
    this.transport.kick(this.machine, this.queue);
    this.reclaim(kernel);
    this.changed.wakeAll();
  }

  private sendNext(): boolean {
    const order = this.orders[0];
    if (order !== undefined) {
      const sceneBuffer = order.scene === null ? 0 : this.sceneBuffers.pop();
      if (sceneBuffer === undefined) return false;
      this.orders.shift();
      this.sendOrder(order, sceneBuffer);
      return true;
    }
    for (const surface of this.surfaces.values()) {
      if (surface.right <= surface.left) continue;
      const origin = (surface.left | (surface.top << 16)) >>> 0;
      const extent = ((surface.right - surface.left) | ((surface.bottom - surface.top) << 16)) >>> 0;
      surface.right = surface.left;
      this.send(DisplayCommand.updateSurface, surface.id, origin, extent, 0, 0, 0);
      return true;
    }
    if (!this.cursorPending) return false;
    this.cursorPending = false;
    this.send(DisplayCommand.cursor, 0, this.cursorPosition, this.cursorShape, 0, 0, 0);
    return true;
  }

  private sendOrder(order: Order, sceneBuffer: number): void {
    const { memory } = this.machine;
    const id = order.surface?.id ?? 0;
    if (order.scene !== null) {
      memory.writeBytes(sceneBuffer, order.scene);
      const slot = this.send(order.command, 0, 0, 0, 0, sceneBuffer, order.scene.length);
      this.sceneOfSlot[slot] = sceneBuffer;
    } else if (order.command === DisplayCommand.createSurface && order.surface !== null) {
      this.send(order.command, id, order.argument0, order.surface.kind, order.surface.address, 0, 0);
    } else {
      const slot = this.send(order.command, id, order.argument0, 0, 0, 0, 0);
      if (order.command === DisplayCommand.destroySurface) this.destroyedBySlot[slot] = order.surface;
    }
  }

  /** One message into the ring; returns its slot. `address` != 0: follows the header as u64. */
  private send(
    command: number,
    surface: number,
    argument0: number,
    argument1: number,
    address: number,
    payload: number,
    payloadBytes: number,
  ): number {
    const { memory } = this.machine;
    const slot = this.freeSlots.pop() ?? 0;
    const at = this.slotPage + slot * SLOT_BYTES;
    memory.write32(at, command);
    memory.write32(at + 4, surface);
    memory.write32(at + 8, argument0);
    memory.write32(at + 12, argument1);
    if (address !== 0) memory.write64FromNumber(at + 16, address);
    memory.write32(at + SLOT_STATUS, 0);
    this.queue.begin();
    this.queue.push(memory, at, address !== 0 ? DISPLAY_HEADER_BYTES + 8 : DISPLAY_HEADER_BYTES, false);
    if (payloadBytes > 0) this.queue.push(memory, payload, payloadBytes, false);
    this.queue.push(memory, at + SLOT_STATUS, 4, true);
    this.slotOfHead[this.queue.commit(memory)] = slot;
    return slot;
  }

  /** Takes answers: slots, scene buffers and the frames of destroyed surfaces are free again. */
  private reclaim(kernel: Kernel): void {
    const memory: PhysicalMemory = this.machine.memory;
    let any = false;
    for (let head = this.queue.pop(memory); head >= 0; head = this.queue.pop(memory)) {
      any = true;
      const slot = this.slotOfHead[head];
      if (memory.read32(this.slotPage + slot * SLOT_BYTES + SLOT_STATUS) !== STATUS_OK) this.refused++;
      if (this.sceneOfSlot[slot] !== 0) this.sceneBuffers.push(this.sceneOfSlot[slot]);
      this.sceneOfSlot[slot] = 0;
      const destroyed = this.destroyedBySlot[slot];
      this.destroyedBySlot[slot] = null;
      if (destroyed !== null)
        for (let i = 0; i < destroyed.frames; i++) kernel.frames.release(destroyed.address + i * FRAME_BYTES);
      this.freeSlots.push(slot);
    }
    if (this.queue.broken && !this.dead) {
      this.dead = true;
      this.transport.fail(this.machine);
      kernel.log('[display] the device broke the rules of its ring and is given up');
    }
    if (any) this.changed.wakeAll();
  }
}
registerClass('drivers.VirtioDisplay', 1, VirtioDisplay as unknown as abstract new () => object);
