// /dev/display: one message (os-core/abi/display.ts) per write. A read gives 8 bytes: u32 width, u32 height of the desktop.
//
// Closing the last description destroys its surfaces and shows the boot framebuffer again: what a window server leaves behind
// when it dies.

import { registerClass } from '../../devices/base/object-graph.ts';
import { Capability } from '../abi/capability.ts';
import { DISPLAY_HEADER_BYTES, DisplayCommand, MAX_SCENE_BYTES } from '../abi/display.ts';
import { Errno } from '../abi/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/process/task.ts';
import { PENDING } from '../kernel/syscalls/handler.ts';
import { OpenFile, Poll } from '../kernel/vfs/open-file.ts';
import type { WaitQueue } from '../kernel/wait-queue.ts';
import { CHARACTER_DEVICE, DeviceNode } from './device-registry.ts';
import type { ScreenLog } from './log-sinks.ts';
import type { VirtioDisplay } from './virtio/display.ts';

const O_NONBLOCK = 0o4000;
/** Linux: major 29 is the frame buffer. */
const DISPLAY_MAJOR = 29;
const header = new Uint8Array(DISPLAY_HEADER_BYTES);
const headerView = new DataView(header.buffer);
/** One row of the widest surface: 16,384 pixels or cells is more than any has. */
const row = new Uint8Array(256 * 1024);

export class DisplayNode extends DeviceNode {
  private readonly display: VirtioDisplay;
  private readonly screenLog: ScreenLog | null;
  private opened: DisplayFile | null = null;

  constructor(display: VirtioDisplay, screenLog: ScreenLog | null) {
    super('display', CHARACTER_DEVICE | 0o600, DISPLAY_MAJOR, 0);
    this.display = display;
    this.screenLog = screenLog;
  }
  /** There is one window server: a second opener gets EBUSY. */
  open(): OpenFile | number {
    if (this.opened !== null) return -Errno.EBUSY;
    this.opened = new DisplayFile(this, this.display);
    return this.opened;
  }
  fileClosed(kernel: Kernel): void {
    this.opened = null;
    this.sceneShown(false);
    this.display.showScene(kernel, false);
  }
  /** The boot screen's log stands still while the desktop is shown. */
  sceneShown(on: boolean): void {
    if (this.screenLog !== null) this.screenLog.enabled = !on;
  }
}
registerClass('drivers.DisplayNode', 1, DisplayNode);

export class DisplayFile extends OpenFile {
  override readonly capability: number = Capability.console;
  override readonly readinessQueue: WaitQueue;
  private readonly node: DisplayNode;
  private readonly display: VirtioDisplay;
  private readonly surfaces: Set<number> = new Set();

  constructor(node: DisplayNode, display: VirtioDisplay) {
    super();
    this.node = node;
    this.display = display;
    this.readinessQueue = display.changed;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number): number {
    if (count < 8) return -Errno.EINVAL;
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.display.width, true);
    view.setUint32(4, this.display.height, true);
    const copied = kernel.userMemory.copyOut(task, address, bytes);
    return copied === 0 ? 8 : copied;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number): number {
    if (count < DISPLAY_HEADER_BYTES) return -Errno.EINVAL;
    const copied = kernel.userMemory.copyIn(task, address, header);
    if (copied !== 0) return copied;
    const command = headerView.getUint32(0, true);
    const surface = headerView.getUint32(4, true);
    const argument0 = headerView.getUint32(8, true);
    const argument1 = headerView.getUint32(12, true);
    const payload = address + DISPLAY_HEADER_BYTES;
    const payloadBytes = count - DISPLAY_HEADER_BYTES;
    if (command !== DisplayCommand.updateSurface && command !== DisplayCommand.cursor && !this.display.hasRoom)
      return this.waitForRoom(task);
    const result = this.obey(kernel, task, command, surface, argument0, argument1, payload, payloadBytes);
    return result === 0 ? count : result;
  }

  private waitForRoom(task: Task): number {
    if ((this.flags & O_NONBLOCK) !== 0) return -Errno.EAGAIN;
    if (task.signalPending) return -Errno.EINTR;
    task.waitOn(this.display.changed);
    return PENDING;
  }

  private obey(
    kernel: Kernel,
    task: Task,
    command: number,
    surface: number,
    argument0: number,
    argument1: number,
    payload: number,
    payloadBytes: number,
  ): number {
    switch (command) {
      case DisplayCommand.createSurface: {
        const result = this.display.createSurface(kernel, surface, argument0 & 0xffff, argument0 >>> 16, argument1);
        if (result === 0) this.surfaces.add(surface);
        return result;
      }
      case DisplayCommand.destroySurface:
        this.surfaces.delete(surface);
        return this.display.destroySurface(kernel, surface);
      case DisplayCommand.updateSurface:
        return this.update(kernel, task, surface, argument0, argument1, payload, payloadBytes);
      case DisplayCommand.scene: {
        if (payloadBytes === 0 || payloadBytes > MAX_SCENE_BYTES) return -Errno.EINVAL;
        const json = new Uint8Array(payloadBytes);
        const copied = kernel.userMemory.copyIn(task, payload, json);
        if (copied === 0) this.display.scene(kernel, json);
        return copied;
      }
      case DisplayCommand.cursor:
        this.display.cursor(kernel, argument0, argument1);
        return 0;
      case DisplayCommand.showScene:
        this.node.sceneShown(argument0 !== 0);
        this.display.showScene(kernel, argument0 !== 0);
        return 0;
      default:
        return -Errno.EINVAL;
    }
  }

  private update(
    kernel: Kernel,
    task: Task,
    surface: number,
    origin: number,
    extent: number,
    payload: number,
    payloadBytes: number,
  ): number {
    const x = origin & 0xffff;
    const y = origin >>> 16;
    const height = extent >>> 16;
    const rowBytes = this.display.checkUpdate(surface, x, y, extent & 0xffff, height, payloadBytes);
    if (rowBytes < 0) return rowBytes;
    if (rowBytes > row.length) return -Errno.EINVAL;
    // All pages first: a call that must sleep half-way would show half an update.
    const ready = kernel.userMemory.prepare(task, payload, payloadBytes, false);
    if (ready !== 0) return ready;
    for (let line = 0; line < height; line++) {
      const copied = kernel.userMemory.copyIn(task, payload + line * rowBytes, row, 0, rowBytes);
      if (copied !== 0) return copied;
      kernel.machine.memory.writeBytes(this.display.rowAddress(surface, x, y + line), row.subarray(0, rowBytes));
    }
    this.display.damage(kernel, surface, x, y, extent & 0xffff, height);
    return 0;
  }

  override readiness(): number {
    return Poll.in | (this.display.hasRoom ? Poll.out : 0);
  }

  override closed(kernel: Kernel): void {
    for (const surface of this.surfaces) this.display.destroySurface(kernel, surface);
    this.node.fileClosed(kernel);
  }
}
registerClass('drivers.DisplayFile', 1, DisplayFile);
