// The ports of the virtio console as device files: /dev/virtio-ports/NAME, and /dev/hvc0 for port 0.
//
//   port announces a size (a terminal on the host) ──► Terminal with line discipline
//   port without a size (a pipe or file)           ──► byte stream: end of file passes, a closed reader gives SIGPIPE and EPIPE

import { registerClass } from '../../devices/base/object-graph.ts';
import { Capability } from '../abi/capability.ts';
import { Errno } from '../abi/errno.ts';
import { Signal } from '../abi/signal.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { plainInformation, sendSignal } from '../kernel/process/signals.ts';
import type { Task } from '../kernel/process/task.ts';
import { PENDING } from '../kernel/syscalls/handler.ts';
import { OpenFile, Poll } from '../kernel/vfs/open-file.ts';
import type { WaitQueue } from '../kernel/wait-queue.ts';
import { CHARACTER_DEVICE, DeviceNode, type DeviceRegistry } from './device-registry.ts';
import { Terminal, type TerminalWire } from './tty/terminal.ts';
import { openTerminal, TerminalIoctl } from './tty/terminal-file.ts';
import type { ConsolePort, PortListener, VirtioConsole } from './virtio/console.ts';

const O_NONBLOCK = 0o4000;
const CHUNK_BYTES = 4096;
const scratch = new Uint8Array(CHUNK_BYTES);
/** Linux: major 229 is hvc; virtio-ports get a dynamic one, 242 here. */
const HVC_MAJOR = 229;
const PORTS_MAJOR = 242;

/** A terminal's way to a console port. */
export class PortWire implements TerminalWire {
  readonly console: VirtioConsole;
  readonly port: ConsolePort;

  constructor(console: VirtioConsole, port: ConsolePort) {
    this.console = console;
    this.port = port;
  }

  transmit(_kernel: Kernel, terminal: Terminal): void {
    const { output } = terminal.discipline;
    for (;;) {
      const length = output.peek(scratch, 0, CHUNK_BYTES);
      if (length === 0) return;
      const sent = this.console.send(this.port, scratch, 0, length);
      output.discard(sent);
      if (sent > 0) terminal.changed.wakeAll();
      if (sent < length) return;
    }
  }

  roomAvailable(kernel: Kernel, terminal: Terminal): void {
    const { input } = this.port;
    let any = false;
    while (input.length > 0 && terminal.discipline.receiveRoom > 0) {
      terminal.feedByte(kernel, input.shift());
      any = true;
    }
    if (!any) return;
    terminal.afterInput(kernel);
    this.console.refill(this.port);
  }
}
registerClass('drivers.PortWire', 1, PortWire);

/** Follows the ports: makes nodes and terminals as they announce themselves. */
export class ConsolePorts implements PortListener {
  readonly console: VirtioConsole;
  private readonly registry: DeviceRegistry;
  /** By port number. */
  private readonly terminals: Map<number, Terminal> = new Map();

  constructor(kernel: Kernel, console: VirtioConsole, registry: DeviceRegistry) {
    this.console = console;
    this.registry = registry;
    for (const port of console.ports) {
      port.listener = this;
      this.portChanged(kernel, port);
    }
    registry.register(new PortNode(this, 0, 'hvc0', HVC_MAJOR));
  }

  portChanged(kernel: Kernel, port: ConsolePort): void {
    const name = `virtio-ports/${port.name}`;
    if (port.name !== '' && this.registry.lookup(name) === null)
      this.registry.register(new PortNode(this, port.number, name, PORTS_MAJOR));
    const terminal = this.terminalOf(port);
    if (terminal === null) return;
    if (port.isTerminal) terminal.resize(kernel, port.columns, port.rows, 0, 0);
    terminal.wire.roomAvailable(kernel, terminal);
    terminal.drain(kernel);
    if (port.hostClosed && port.input.length === 0) terminal.hangUp(kernel);
    else if (port.hostOpen) terminal.hungUp = false;
  }

  /** The terminal on a port, null if the port is a plain stream. */
  terminalOf(port: ConsolePort): Terminal | null {
    let terminal = this.terminals.get(port.number) ?? null;
    if (terminal === null && port.isTerminal) {
      const name = port.number === 0 ? 'hvc0' : `virtio-ports/${port.name}`;
      const device = { major: port.number === 0 ? HVC_MAJOR : PORTS_MAJOR, minor: port.number };
      terminal = new Terminal(name, device, new PortWire(this.console, port), port.columns, port.rows);
      this.terminals.set(port.number, terminal);
    }
    return terminal;
  }

  /** The queue of a port whose host has not taken all yet (a full pipe); a terminal that its user has stopped is not waited for. */
  outputWaits(): WaitQueue | null {
    for (const port of this.console.ports) {
      if (port.hostClosed || port.transmit.broken) continue;
      const discipline = this.terminals.get(port.number)?.discipline;
      const held = discipline !== undefined && !discipline.stopped && discipline.output.length > 0;
      if (held || !this.console.isDrained(port)) return port.writable;
    }
    return null;
  }

  open(kernel: Kernel, task: Task, number: number, flags: number): OpenFile | number {
    const port = this.console.ports[number];
    if (port === undefined) return -Errno.ENXIO;
    this.console.open(port);
    const terminal = this.terminalOf(port);
    return terminal === null ? new PortFile(this.console, port) : openTerminal(kernel, task, terminal, flags);
  }
}
registerClass('drivers.ConsolePorts', 1, ConsolePorts);

export class PortNode extends DeviceNode {
  private readonly ports: ConsolePorts;
  private readonly number: number;

  constructor(ports: ConsolePorts, number: number, name: string, major: number) {
    super(name, CHARACTER_DEVICE | 0o666, major, number);
    this.ports = ports;
    this.number = number;
  }
  open(kernel: Kernel, task: Task, flags: number): OpenFile | number {
    return this.ports.open(kernel, task, this.number, flags);
  }
}
registerClass('drivers.PortNode', 1, PortNode);

/** A port as a byte stream. */
export class PortFile extends OpenFile {
  override readonly capability: number = Capability.console;
  override readonly readinessQueue: WaitQueue;
  private readonly console: VirtioConsole;
  private readonly port: ConsolePort;

  constructor(console: VirtioConsole, port: ConsolePort) {
    super();
    this.console = console;
    this.port = port;
    this.readinessQueue = port.readable;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number): number {
    const { port } = this;
    if (count === 0) return 0;
    if (port.input.length === 0) {
      if (port.hostClosed) return 0;
      if ((this.flags & O_NONBLOCK) !== 0) return -Errno.EAGAIN;
      if (task.signalPending) return -Errno.EINTR;
      task.waitOn(port.readable);
      return PENDING;
    }
    const length = port.input.peek(scratch, 0, Math.min(count, CHUNK_BYTES));
    const copied = kernel.userMemory.copyOut(task, address, scratch, 0, length);
    if (copied !== 0) return copied;
    port.input.discard(length);
    this.console.refill(port);
    return length;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number): number {
    const { port } = this;
    let done = typeof task.progress === 'number' ? task.progress : 0;
    while (done < count) {
      if (port.hostClosed) {
        if (done > 0) return done;
        sendSignal(kernel, task.process, plainInformation(Signal.SIGPIPE), task);
        return -Errno.EPIPE;
      }
      const length = Math.min(CHUNK_BYTES, count - done, port.sendRoom === 0 ? CHUNK_BYTES : port.sendRoom);
      const copied = kernel.userMemory.copyIn(task, address + done, scratch, 0, length);
      if (copied === PENDING) {
        task.progress = done;
        return PENDING;
      }
      if (copied !== 0) return done > 0 ? done : copied;
      const sent = this.console.send(port, scratch, 0, length);
      done += sent;
      if (sent > 0) continue;
      if ((this.flags & O_NONBLOCK) !== 0) return done > 0 ? done : -Errno.EAGAIN;
      if (task.signalPending) return done > 0 ? done : -Errno.EINTR;
      task.progress = done;
      task.waitOn(port.writable);
      return PENDING;
    }
    return done;
  }

  override ioctl(kernel: Kernel, task: Task, request: number, argument: number): number {
    if (request !== TerminalIoctl.FIONREAD) return -Errno.ENOTTY;
    return kernel.userMemory.writeWord32(task, argument, this.port.input.length);
  }

  override readiness(): number {
    const { port } = this;
    let events = 0;
    if (port.input.length > 0 || port.hostClosed) events |= Poll.in;
    if (port.hostClosed) events |= Poll.hangUp | Poll.error;
    else if (port.sendRoom > 0) events |= Poll.out;
    return events;
  }
}
registerClass('drivers.PortFile', 1, PortFile);
