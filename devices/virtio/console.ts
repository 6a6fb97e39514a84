// Console device with several ports (virtio 1.2, 5.3).
//
//   queues    0 receive, 1 transmit of port 0 · 2 control receive, 3 control transmit · 4, 5 port 1 · 6, 7 port 2 · …
//   config    0 u16 columns   2 u16 rows   4 u32 most ports   8 u32 emergency write
//   control   u32 port   u16 event   u16 value   then the name (7) or u16 columns, u16 rows (5)
//             driver → 0 DEVICE_READY  3 PORT_READY  6 PORT_OPEN          device → 1 PORT_ADD  4 CONSOLE_PORT  5 RESIZE  6 PORT_OPEN  7 PORT_NAME
//
// A port is a ConsoleBackend. Bytes that it cannot take stay in the driver's chain, which is finished when they have gone: nothing is
// lost, and a full pipe on the host makes the guest's writer wait. End of file or a reader that has gone sends PORT_OPEN 0, after the
// bytes before it. RESIZE carries columns first, as the structure in 5.3.6.2 has it.
//
// Invariants: `control` holds messages in order that found no buffer yet, at most a few per port; `sent` of a port is how many
// bytes of the chain at the head of its transmit queue have gone.

import type { ConsoleBackend } from '../backends/backends.ts';
import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { putConfiguration, readConfiguration } from './configuration.ts';
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts';
import { DescriptorChain, QueueLook } from './virtqueue.ts';

const PORT_QUEUE_SIZE = 64;
const CONTROL_QUEUE_SIZE = 64;
const Feature = { size: 0, multiport: 1, emergencyWrite: 2 } as const;
const CONFIGURATION_BYTES = 12;
const EMERGENCY_WRITE_OFFSET = 8;
const CONTROL_HEADER_BYTES = 8;
const ControlQueue = { receive: 2, transmit: 3 } as const;
const Event = {
  deviceReady: 0,
  portAdd: 1,
  portReady: 3,
  consolePort: 4,
  resize: 5,
  portOpen: 6,
  portName: 7,
} as const;
/** Bytes moved for one chain in one go, and chains per poll: bounded work between two slices. */
const COPY_BYTES = 16 * 1024;
const CHAINS_PER_POLL = 64;
/** Control messages that may wait: PORT_ADD, CONSOLE_PORT, NAME, OPEN and RESIZE of each port, twice. */
const CONTROL_PER_PORT = 10;
export const MAX_CONSOLE_PORTS = 16;

interface PortState {
  /** The driver has said PORT_READY. */
  ready: boolean;
  /** PORT_OPEN 0 was sent: end of input, or the reader has gone. */
  closed: boolean;
  /** The backend said end of file or gone. */
  inputEnded: boolean;
  readerGone: boolean;
  guestOpen: boolean;
  sent: number;
  columns: number;
  rows: number;
}

function newPort(): PortState {
  return {
    ready: false,
    closed: false,
    inputEnded: false,
    readerGone: false,
    guestOpen: false,
    sent: 0,
    columns: 0,
    rows: 0,
  };
}

export interface ConsolePort {
  readonly name: string;
  readonly backend: ConsoleBackend;
}

/** Receive and transmit queue of a port. */
function queuesOf(port: number): { receive: number; transmit: number } {
  return port === 0 ? { receive: 0, transmit: 1 } : { receive: port * 2 + 2, transmit: port * 2 + 3 };
}
function portOf(queue: number): number {
  return queue < 2 ? 0 : (queue >> 1) - 1;
}

export class VirtioConsole implements VirtioDevice {
  readonly deviceType = 3;
  readonly classCode = 0x07_8000;
  readonly features = (1 << Feature.size) | (1 << Feature.multiport) | (1 << Feature.emergencyWrite);
  readonly queueSizes: readonly number[];
  readonly configurationBytes = CONFIGURATION_BYTES;
  private readonly ports: readonly ConsolePort[];
  private readonly configuration = new Uint8Array(CONFIGURATION_BYTES);
  private readonly chain = new DescriptorChain();
  private readonly buffer = new Uint8Array(COPY_BYTES);
  private transport!: VirtioTransport;
  private readonly state: { ports: PortState[]; control: { message: Uint8Array }[] };

  constructor(ports: readonly ConsolePort[]) {
    if (ports.length === 0 || ports.length > MAX_CONSOLE_PORTS)
      throw new RangeError(`the console has 1 to ${MAX_CONSOLE_PORTS} ports, not ${ports.length}`);
    this.ports = ports;
    this.queueSizes = Array.from({ length: 2 + ports.length * 2 }, (_, n) =>
      n === ControlQueue.receive || n === ControlQueue.transmit ? CONTROL_QUEUE_SIZE : PORT_QUEUE_SIZE,
    );
    this.state = { ports: ports.map(newPort), control: [] };
    putConfiguration(this.configuration, 4, 4, ports.length);
    this.readSize(0);
  }

  connect(transport: VirtioTransport): void {
    this.transport = transport;
  }
  configurationRead(offset: number, width: AccessWidth): number {
    return readConfiguration(this.configuration, offset, width);
  }
  configurationWrite(offset: number, _width: AccessWidth, value: number): void {
    // Works without any queue, for a kernel in distress (5.3.4).
    if (offset === EMERGENCY_WRITE_OFFSET) this.ports[0].backend.write(Uint8Array.of(value & 0xff));
  }
  started(): void {
    if (!this.multiport) this.state.ports[0].ready = true;
    this.pollBackend();
  }
  reset(): void {
    this.state.control = [];
    // What the outside said stays said: an input that has ended does not begin again.
    for (const port of this.state.ports)
      Object.assign(port, { ready: false, closed: false, guestOpen: false, sent: 0 });
  }
  queueReset(index: number): void {
    if (index === ControlQueue.receive || index === ControlQueue.transmit) return;
    if ((index & 1) !== 0) this.state.ports[portOf(index)].sent = 0;
  }

  notified(index: number): void {
    if (!this.transport.running) return;
    if (index === ControlQueue.receive) this.sendControl();
    else if (index === ControlQueue.transmit) this.readControl();
    else if ((index & 1) !== 0) this.transmit(portOf(index));
    else this.receive(portOf(index));
  }

  /** Moves input, pending output and sizes; true if anything moved. */
  pollBackend(): boolean {
    if (!this.transport.running) return false;
    let moved = this.sendControl();
    for (let port = 0; port < this.ports.length && this.transport.running; port++) {
      this.checkSize(port);
      if (this.transmit(port)) moved = true;
      if (this.receive(port)) moved = true;
    }
    return moved;
  }

  private get multiport(): boolean {
    return this.transport.hasFeature(Feature.multiport);
  }

  // ------------------------------------------------------------------------------------------------- data

  /** Backend → guest. */
  private receive(port: number): boolean {
    const state = this.state.ports[port];
    const { receive } = queuesOf(port);
    let moved = false;
    for (let n = 0; n < CHAINS_PER_POLL; n++) {
      if (!this.transport.running || !state.ready || state.inputEnded) return moved;
      const queue = this.transport.queue(receive);
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) return moved;
      if (look === QueueLook.broken || this.chain.readableBytes > 0) {
        this.transport.broken();
        return moved;
      }
      const target = this.buffer.subarray(0, Math.min(COPY_BYTES, this.chain.writableBytes));
      const count = this.ports[port].backend.read(target);
      if (count === 0) return moved;
      if (count < 0) {
        state.inputEnded = true;
        this.close(port);
        return true;
      }
      queue.take();
      this.transport.complete(
        receive,
        this.chain.head,
        this.chain.write(this.transport.memory, 0, target.subarray(0, count)),
      );
      moved = true;
    }
    return moved;
  }

  /** Guest → backend. */
  private transmit(port: number): boolean {
    const state = this.state.ports[port];
    const { transmit } = queuesOf(port);
    let moved = false;
    for (let n = 0; n < CHAINS_PER_POLL && this.transport.running; n++) {
      const queue = this.transport.queue(transmit);
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) return moved;
      if (look === QueueLook.broken || this.chain.writableBytes > 0) {
        this.transport.broken();
        return moved;
      }
      if (!this.drainChain(port, state)) return moved;
      state.sent = 0;
      queue.take();
      this.transport.complete(transmit, this.chain.head, 0);
      moved = true;
    }
    return moved;
  }

  /** Gives the rest of the chain to the backend; false if some has to wait. */
  private drainChain(port: number, state: PortState): boolean {
    while (state.sent < this.chain.readableBytes && !state.readerGone) {
      const count = this.chain.read(this.transport.memory, state.sent, this.buffer);
      if (count === 0) break;
      const taken = this.ports[port].backend.write(this.buffer.subarray(0, count));
      if (taken === 0) return false;
      if (taken < 0) {
        state.readerGone = true;
        this.close(port);
      } else {
        state.sent += Math.min(taken, count);
      }
    }
    return true;
  }

  /** Tells the driver that the host's side is closed. */
  private close(port: number): void {
    const state = this.state.ports[port];
    if (state.closed) return;
    state.closed = true;
    if (this.multiport && state.ready) this.control(port, Event.portOpen, 0);
  }

  // ------------------------------------------------------------------------------------------------- control

  /** Queues a control message. */
  private control(port: number, event: number, value: number, body: Uint8Array = new Uint8Array(0)): void {
    if (this.state.control.length >= this.ports.length * CONTROL_PER_PORT) {
      // The driver posts no buffers and provokes messages: it is not a driver any more.
      this.transport.broken();
      return;
    }
    const message = new Uint8Array(CONTROL_HEADER_BYTES + body.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, port, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    message.set(body, CONTROL_HEADER_BYTES);
    this.state.control.push({ message });
    this.sendControl();
  }

  private sendControl(): boolean {
    let moved = false;
    while (this.state.control.length > 0 && this.transport.running) {
      const queue = this.transport.queue(ControlQueue.receive);
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) return moved;
      const message = this.state.control[0].message;
      if (look === QueueLook.broken || this.chain.readableBytes > 0 || this.chain.writableBytes < message.length) {
        this.transport.broken();
        return moved;
      }
      queue.take();
      this.state.control.shift();
      this.transport.complete(
        ControlQueue.receive,
        this.chain.head,
        this.chain.write(this.transport.memory, 0, message),
      );
      moved = true;
    }
    return moved;
  }

  private readControl(): void {
    const queue = this.transport.queue(ControlQueue.transmit);
    const message = new Uint8Array(CONTROL_HEADER_BYTES);
    const view = new DataView(message.buffer);
    for (let n = 0; n < queue.state.size && this.transport.running; n++) {
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) return;
      if (look === QueueLook.broken || this.chain.read(this.transport.memory, 0, message) < CONTROL_HEADER_BYTES) {
        this.transport.broken();
        return;
      }
      queue.take();
      this.transport.complete(ControlQueue.transmit, this.chain.head, 0);
      if (this.multiport) this.handleControl(view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true));
    }
  }

  private handleControl(port: number, event: number, value: number): void {
    if (event === Event.deviceReady) {
      // value 0: the driver failed and wants nothing more (5.3.6.2).
      if (value === 1) this.ports.forEach((_, n) => this.control(n, Event.portAdd, 1));
      return;
    }
    const state = this.state.ports[port];
    if (state === undefined) return;
    if (event === Event.portOpen) state.guestOpen = value === 1;
    else if (event === Event.portReady && value === 1 && !state.ready) this.announce(port, state);
  }

  /** After PORT_READY: what the port is. */
  private announce(port: number, state: PortState): void {
    state.ready = true;
    const isTerminal = this.ports[port].backend.size() !== null;
    if (port === 0 || isTerminal) this.control(port, Event.consolePort, 1);
    this.control(port, Event.portName, 1, new TextEncoder().encode(this.ports[port].name));
    state.columns = 0;
    state.rows = 0;
    this.checkSize(port);
    this.control(port, Event.portOpen, state.closed ? 0 : 1);
    this.receive(port);
  }

  private readSize(port: number): boolean {
    const size = this.ports[port].backend.size();
    const state = this.state.ports[port];
    if (size === null || (size.columns === state.columns && size.rows === state.rows)) return false;
    const field = (value: number): number => Math.max(0, Math.min(0xffff, Math.floor(value) || 0));
    state.columns = field(size.columns);
    state.rows = field(size.rows);
    if (port === 0) {
      putConfiguration(this.configuration, 0, 2, state.columns);
      putConfiguration(this.configuration, 2, 2, state.rows);
    }
    return true;
  }

  private checkSize(port: number): void {
    const state = this.state.ports[port];
    if (!state.ready || !this.readSize(port)) return;
    if (!this.multiport) {
      this.transport.configurationChanged();
      return;
    }
    const body = new Uint8Array(4);
    const view = new DataView(body.buffer);
    view.setUint16(0, state.columns, true);
    view.setUint16(2, state.rows, true);
    // A size that has not been fetched yet is replaced, so dragging a window does not fill the list.
    const waiting = this.state.control.find(
      ({ message }) =>
        message[4] === Event.resize && message[0] === port && message.length === CONTROL_HEADER_BYTES + 4,
    );
    if (waiting !== undefined) waiting.message.set(body, CONTROL_HEADER_BYTES);
    else this.control(port, Event.resize, 0, body);
  }

  snapshot(): DeviceSnapshot {
    return writeState('virtio-console', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    const form = { ports: [] as PortState[], control: [] as { message: Uint8Array }[] };
    restoreState('virtio-console', 1, snapshot, form);
    const template = newPort();
    const whole =
      form.ports.length === this.ports.length &&
      form.ports.every((port) =>
        Object.entries(template).every(([name, value]) => typeof port[name as keyof PortState] === typeof value),
      );
    if (!whole || form.control.some(({ message }) => !(message instanceof Uint8Array)))
      throw new Error('snapshot: virtio-console has other ports');
    this.state.ports = form.ports.map((port) => ({ ...port }));
    this.state.control = form.control.slice(0, this.ports.length * CONTROL_PER_PORT);
    putConfiguration(this.configuration, 0, 2, this.state.ports[0].columns);
    putConfiguration(this.configuration, 2, 2, this.state.ports[0].rows);
  }
}
