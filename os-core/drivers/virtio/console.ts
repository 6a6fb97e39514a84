// virtio-console with several ports (virtio 1.2, 5.3).
//
//   queues: 0 receive 0, 1 transmit 0, 2 control receive, 3 control transmit, then port n >= 1: receive 2n+2, transmit 2n+3
//   control message: u32 port, u16 event, u16 value, then PORT_NAME: bytes, RESIZE: u16 columns, u16 rows
//
//   host ──► receive buffers ──► port.input ring ──► reader or terminal        ring full: buffers are not given back, so the
//   host ◄── transmit frames ◄── port.send()                                    host side waits; nothing is lost
//
// Invariant (per port): outstanding receive buffers x 4096 <= free bytes of the input ring.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Machine } from '../../../devices/contract/machine.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { WaitQueue } from '../../kernel/wait-queue.ts';
import { ByteRing } from '../byte-ring.ts';
import { VirtioDriver } from './driver.ts';
import type { VirtioQueue } from './queue.ts';
import type { VirtioTransport } from './transport.ts';

const FEATURE_SIZE = 0;
const FEATURE_MULTIPORT = 1;
const Event = {
  deviceReady: 0,
  portAdd: 1,
  portRemove: 2,
  portReady: 3,
  consolePort: 4,
  resize: 5,
  portOpen: 6,
  portName: 7,
} as const;
const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
const CONTROL_HEADER_BYTES = 8;
const CONTROL_BUFFER_BYTES = 256;
const BUFFER_BYTES = 4096;
const RECEIVE_BUFFERS = 8;
const TRANSMIT_BUFFERS = 8;
const INPUT_RING_BYTES = 64 * 1024;
/** Ports that we serve; a device that announces more is told that they failed. */
const MAX_PORTS = 31;
const MAX_NAME_BYTES = 64;

/** Who is told of input and changes of a port (the terminal on it). Instances are of registered classes. */
export interface PortListener {
  portChanged(kernel: Kernel, port: ConsolePort): void;
}

export class ConsolePort {
  readonly number: number;
  name = '';
  /** The host side is connected. */
  hostOpen = false;
  /** It was connected once and has gone: end of file, broken pipe. */
  hostClosed = false;
  /** A program has opened it; it stays open. */
  guestOpen = false;
  /** Size if the host side is a terminal, else 0. */
  columns = 0;
  rows = 0;
  readonly input: ByteRing = new ByteRing(INPUT_RING_BYTES);
  readonly readable: WaitQueue = new WaitQueue();
  readonly writable: WaitQueue = new WaitQueue();
  listener: PortListener | null = null;

  readonly receive: VirtioQueue;
  readonly transmit: VirtioQueue;
  /** Buffer address by head, for both directions. */
  readonly receiveAddress: Float64Array;
  readonly transmitAddress: Float64Array;
  /** Buffers that are not with the device. */
  readonly idleReceive: number[] = [];
  readonly idleTransmit: number[] = [];

  constructor(number: number, receive: VirtioQueue, transmit: VirtioQueue) {
    this.number = number;
    this.receive = receive;
    this.transmit = transmit;
    this.receiveAddress = new Float64Array(receive.size);
    this.transmitAddress = new Float64Array(transmit.size);
  }

  get isTerminal(): boolean {
    return this.columns > 0 && this.rows > 0;
  }
  /** Bytes that send() takes now. */
  get sendRoom(): number {
    return this.idleTransmit.length * BUFFER_BYTES;
  }
}
registerClass('drivers.ConsolePort', 1, ConsolePort);

export class VirtioConsole extends VirtioDriver {
  readonly ports: ConsolePort[] = [];
  private readonly machine: Machine;
  private readonly controlReceive: VirtioQueue | null;
  private readonly controlTransmit: VirtioQueue | null;
  private readonly controlAddress: Float64Array;
  private readonly controlSendAddress: Float64Array;
  private readonly idleControl: number[] = [];
  /** Control messages that found no free buffer: port, event, value. */
  private readonly controlBacklog: [number, number, number][] = [];

  private constructor(kernel: Kernel, transport: VirtioTransport, control: [VirtioQueue, VirtioQueue] | null) {
    super(transport);
    this.machine = kernel.machine;
    this.controlReceive = control?.[0] ?? null;
    this.controlTransmit = control?.[1] ?? null;
    this.controlAddress = new Float64Array(control?.[0].size ?? 0);
    this.controlSendAddress = new Float64Array(control?.[1].size ?? 0);
  }

  static start(kernel: Kernel, transport: VirtioTransport): VirtioConsole | null {
    const machine = kernel.machine;
    if (!transport.negotiate(machine, (1 << FEATURE_SIZE) | (1 << FEATURE_MULTIPORT))) return null;
    const multiport = transport.has(FEATURE_MULTIPORT);
    let control: [VirtioQueue, VirtioQueue] | null = null;
    if (multiport) {
      const receive = transport.createQueue(kernel, CONTROL_RECEIVE, 32);
      const transmit = transport.createQueue(kernel, CONTROL_TRANSMIT, 32);
      if (receive === null || transmit === null) {
        transport.fail(machine);
        return null;
      }
      control = [receive, transmit];
    }
    const driver = new VirtioConsole(kernel, transport, control);
    // Queues must exist before DRIVER_OK (3.1.1), so those of every port that may come are made now.
    const portCount = multiport ? Math.min(MAX_PORTS, Math.max(1, transport.configuration32(machine, 4))) : 1;
    for (let number = 0; number < portCount; number++) if (!driver.createPort(kernel, number)) break;
    if (driver.ports.length === 0) {
      transport.fail(machine);
      return null;
    }
    driver.go(kernel);
    if (multiport) driver.startControl(kernel);
    else driver.ports[0].hostOpen = true;
    return driver;
  }

  private createPort(kernel: Kernel, number: number): boolean {
    const first = number === 0 ? 0 : 2 * number + 2;
    const receive = this.transport.createQueue(kernel, first, 16);
    const transmit = this.transport.createQueue(kernel, first + 1, 16);
    if (receive === null || transmit === null) return false;
    const port = new ConsolePort(number, receive, transmit);
    for (let i = 0; i < Math.min(RECEIVE_BUFFERS, receive.size); i++) {
      const frame = kernel.frames.allocate();
      if (frame !== 0) port.idleReceive.push(frame);
    }
    for (let i = 0; i < Math.min(TRANSMIT_BUFFERS, transmit.size); i++) {
      const frame = kernel.frames.allocate();
      if (frame !== 0) port.idleTransmit.push(frame);
    }
    this.ports.push(port);
    return true;
  }

  private startControl(kernel: Kernel): void {
    const receive = this.controlReceive;
    const transmit = this.controlTransmit;
    if (receive === null || transmit === null) return;
    const perFrame = BUFFER_BYTES / CONTROL_BUFFER_BYTES;
    for (let queued = 0; queued + perFrame <= receive.size; queued += perFrame) {
      const frame = kernel.frames.allocate();
      if (frame === 0) break;
      for (let i = 0; i < perFrame; i++) this.postControl(receive, frame + i * CONTROL_BUFFER_BYTES);
    }
    const frame = kernel.frames.allocate();
    if (frame !== 0)
      for (let i = 0; i < Math.min(perFrame, transmit.size); i++)
        this.idleControl.push(frame + i * CONTROL_BUFFER_BYTES);
    this.transport.kick(this.machine, receive);
    this.sendControl(0, Event.deviceReady, 1);
    this.queuesChanged(kernel);
  }

  private postControl(receive: VirtioQueue, address: number): void {
    receive.begin();
    receive.push(this.machine.memory, address, CONTROL_BUFFER_BYTES, true);
    this.controlAddress[receive.commit(this.machine.memory)] = address;
  }

  private sendControl(port: number, event: number, value: number): void {
    const transmit = this.controlTransmit;
    if (transmit === null) return;
    this.reclaimControl(transmit);
    const address = transmit.broken ? undefined : this.idleControl.pop();
    if (address === undefined) {
      // The device answers each of its own messages with at most two of ours: 4 per port is more than can wait.
      if (this.controlBacklog.length < 4 * MAX_PORTS) this.controlBacklog.push([port, event, value]);
      return;
    }
    const memory = this.machine.memory;
    memory.write32(address, port);
    memory.write16(address + 4, event);
    memory.write16(address + 6, value);
    transmit.begin();
    transmit.push(memory, address, CONTROL_HEADER_BYTES, false);
    this.controlSendAddress[transmit.commit(memory)] = address;
    this.transport.kick(this.machine, transmit);
  }

  private reclaimControl(transmit: VirtioQueue): void {
    const memory = this.machine.memory;
    for (let head = transmit.pop(memory); head >= 0; head = transmit.pop(memory))
      this.idleControl.push(this.controlSendAddress[head]);
  }

  override queuesChanged(kernel: Kernel): void {
    this.serveControl(kernel);
    for (const port of this.ports) this.servePort(kernel, port);
  }

  private serveControl(kernel: Kernel): void {
    const receive = this.controlReceive;
    if (receive === null) return;
    const memory = this.machine.memory;
    let posted = false;
    // Each answer can make the device send the next message at once; four rounds per port is all the protocol has.
    for (let round = 0; round < 4 * MAX_PORTS * CONTROL_HEADER_BYTES; round++) {
      const head = receive.pop(memory);
      if (head < 0) break;
      const address = this.controlAddress[head];
      const bytes = memory.bytes.slice(address, address + Math.min(receive.usedLength, CONTROL_BUFFER_BYTES));
      this.postControl(receive, address);
      posted = true;
      this.controlMessage(kernel, bytes);
    }
    if (posted) this.transport.kick(this.machine, receive);
    for (let i = this.controlBacklog.length; i > 0; i--) {
      const [port, event, value] = this.controlBacklog.shift() ?? [0, 0, 0];
      this.sendControl(port, event, value);
    }
  }

  private controlMessage(kernel: Kernel, bytes: Uint8Array): void {
    if (bytes.length < CONTROL_HEADER_BYTES) return;
    const view = new DataView(bytes.buffer);
    const number = view.getUint32(0, true);
    const event = view.getUint16(4, true);
    const value = view.getUint16(6, true);
    const port = this.ports[number];
    if (port === undefined) {
      if (event === Event.portAdd) this.sendControl(number, Event.portReady, 0);
      return;
    }
    switch (event) {
      case Event.portAdd:
        this.sendControl(number, Event.portReady, 1);
        return;
      case Event.consolePort:
        break;
      case Event.resize:
        if (bytes.length < CONTROL_HEADER_BYTES + 4) return;
        port.columns = view.getUint16(8, true);
        port.rows = view.getUint16(10, true);
        break;
      case Event.portOpen:
        port.hostOpen = value !== 0;
        port.hostClosed = value === 0;
        break;
      case Event.portRemove:
        port.hostOpen = false;
        port.hostClosed = true;
        break;
      case Event.portName: {
        const text = bytes.subarray(CONTROL_HEADER_BYTES, CONTROL_HEADER_BYTES + MAX_NAME_BYTES);
        port.name = new TextDecoder().decode(text).replace(/[^A-Za-z0-9._-]/g, '');
        break;
      }
      default:
        return;
    }
    this.notifyPort(kernel, port);
  }

  private notifyPort(kernel: Kernel, port: ConsolePort): void {
    port.readable.wakeAll();
    port.writable.wakeAll();
    port.listener?.portChanged(kernel, port);
  }

  private servePort(kernel: Kernel, port: ConsolePort): void {
    const received = this.takeReceived(port);
    const sent = this.reclaimTransmit(port);
    if (received) port.readable.wakeAll();
    if (sent) port.writable.wakeAll();
    if (received || sent) port.listener?.portChanged(kernel, port);
    if (received) this.refill(port);
  }

  private takeReceived(port: ConsolePort): boolean {
    const memory = this.machine.memory;
    let any = false;
    for (let head = port.receive.pop(memory); head >= 0; head = port.receive.pop(memory)) {
      const address = port.receiveAddress[head];
      port.input.write(memory.bytes, address, address + port.receive.usedLength);
      port.idleReceive.push(address);
      any = true;
    }
    return any;
  }

  private reclaimTransmit(port: ConsolePort): boolean {
    const memory = this.machine.memory;
    let any = false;
    for (let head = port.transmit.pop(memory); head >= 0; head = port.transmit.pop(memory)) {
      port.idleTransmit.push(port.transmitAddress[head]);
      any = true;
    }
    return any;
  }

  /** The first program opens the port: the host is told, and input is let in. Until then it waits at the host. */
  open(port: ConsolePort): void {
    if (port.guestOpen) return;
    port.guestOpen = true;
    this.sendControl(port.number, Event.portOpen, 1);
    this.refill(port);
  }

  /** Gives receive buffers back to the device as far as the ring has room. Call after taking bytes out of `port.input`. */
  refill(port: ConsolePort): void {
    if (!port.guestOpen) return;
    const memory = this.machine.memory;
    let posted = false;
    const total = Math.min(RECEIVE_BUFFERS, port.receive.size);
    while (port.idleReceive.length > 0 && !port.receive.broken && port.receive.free > 0) {
      const outstanding = total - port.idleReceive.length;
      if (port.input.free < (outstanding + 1) * BUFFER_BYTES) break;
      const address = port.idleReceive.pop() ?? 0;
      port.receive.begin();
      port.receive.push(memory, address, BUFFER_BYTES, true);
      port.receiveAddress[port.receive.commit(memory)] = address;
      posted = true;
    }
    if (posted) this.transport.kick(this.machine, port.receive);
  }

  /** Sends source[from, to) as far as there are buffers and returns the count; 0: wait on port.writable. */
  send(port: ConsolePort, source: Uint8Array, from: number, to: number): number {
    if (port.idleTransmit.length === 0) this.reclaimTransmit(port);
    const memory = this.machine.memory;
    let done = from;
    while (done < to && port.idleTransmit.length > 0 && !port.transmit.broken) {
      const address = port.idleTransmit.pop() ?? 0;
      const count = Math.min(BUFFER_BYTES, to - done);
      memory.writeBytes(address, source.subarray(done, done + count));
      port.transmit.begin();
      port.transmit.push(memory, address, count, false);
      port.transmitAddress[port.transmit.commit(memory)] = address;
      done += count;
    }
    if (done > from) {
      this.transport.kick(this.machine, port.transmit);
      this.reclaimTransmit(port);
    }
    return done - from;
  }

  /** True when everything sent has been taken by the host. */
  isDrained(port: ConsolePort): boolean {
    this.reclaimTransmit(port);
    return port.idleTransmit.length === Math.min(TRANSMIT_BUFFERS, port.transmit.size);
  }

  portNamed(name: string): ConsolePort | null {
    return this.ports.find((port) => port.name === name) ?? null;
  }
}
registerClass('drivers.VirtioConsole', 1, VirtioConsole as unknown as abstract new () => object);
