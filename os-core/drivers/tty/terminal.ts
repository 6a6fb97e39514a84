// A terminal: line discipline, window size, session and foreground group, between a wire and its readers and writers.
//
//   wire (console port, pty master) ──► feed() ──► discipline ──► TerminalFile.read
//        ◄── drain() ◄── discipline.output ◄─────────────────────── TerminalFile.write
//
// Invariant: session is the id of the session whose controlling terminal this is, 0 = none (a session whose leader is gone counts
// as none). Everything that may change readiness wakes `changed`.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal } from '../../abi/signal.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Process } from '../../kernel/process/process.ts';
import { bitOfSignal } from '../../kernel/process/signal-state.ts';
import { plainInformation, signalGroup } from '../../kernel/process/signals.ts';
import type { Task } from '../../kernel/process/task.ts';
import { WaitQueue } from '../../kernel/wait-queue.ts';
import { LineDiscipline } from './line-discipline.ts';

/** The other side of a terminal. Instances are of registered classes. */
export interface TerminalWire {
  /** Moves bytes from terminal.discipline.output to the wire as far as it takes them. */
  transmit(kernel: Kernel, terminal: Terminal): void;
  /** A reader has made room: input that waits on the wire may be fed. */
  roomAvailable(kernel: Kernel, terminal: Terminal): void;
}

const messageEncoder = new TextEncoder();

export class Terminal {
  /** Name below /dev. */
  readonly name: string;
  /** Of that name, as stat's st_rdev and /proc/PID/stat's tty_nr show it. */
  readonly deviceNumber: number;
  readonly discipline: LineDiscipline = new LineDiscipline();
  readonly wire: TerminalWire;
  columns: number;
  rows: number;
  widthPixels = 0;
  heightPixels = 0;
  session = 0;
  foreground = 0;
  /** The other side is gone: reads give end of file, writes EIO. */
  hungUp = false;
  readonly changed: WaitQueue = new WaitQueue();

  constructor(
    name: string,
    device: { readonly major: number; readonly minor: number },
    wire: TerminalWire,
    columns: number,
    rows: number,
  ) {
    this.name = name;
    // Minor numbers below 256, as all here are.
    this.deviceNumber = (device.major << 8) | device.minor;
    this.wire = wire;
    this.columns = columns;
    this.rows = rows;
  }

  /** Takes typed bytes source[from, to) as far as there is room; returns the count. */
  feed(kernel: Kernel, source: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.discipline.receiveRoom > 0) this.feedByte(kernel, source[at++]);
    if (at > from) this.afterInput(kernel);
    return at - from;
  }

  /** One typed byte; call afterInput() when the last one is in. */
  feedByte(kernel: Kernel, byte: number): void {
    const signal = this.discipline.receive(byte);
    if (signal !== 0) this.signalForeground(kernel, signal);
  }
  afterInput(kernel: Kernel): void {
    this.drain(kernel);
    this.changed.wakeAll();
  }

  /** Output towards the wire, unless ^S holds it. */
  drain(kernel: Kernel): void {
    if (!this.discipline.stopped && this.discipline.output.length > 0) this.wire.transmit(kernel, this);
  }

  /** A line of the kernel's, on a line of its own and without control characters (names are programs' choice); what finds no room is dropped. */
  showMessage(kernel: Kernel, line: string): void {
    const bytes = messageEncoder.encode(`\r${line.replace(/\p{Cc}/gu, '?')}\n`);
    this.discipline.write(bytes, 0, bytes.length);
    this.drain(kernel);
  }

  signalForeground(kernel: Kernel, number: number): void {
    if (this.foreground !== 0) signalGroup(kernel, this.foreground, plainInformation(number));
  }

  /** TIOCSWINSZ and resizes from outside: SIGWINCH if it is another size. */
  resize(kernel: Kernel, columns: number, rows: number, widthPixels: number, heightPixels: number): void {
    if (columns === this.columns && rows === this.rows && widthPixels === this.widthPixels) return;
    this.columns = columns;
    this.rows = rows;
    this.widthPixels = widthPixels;
    this.heightPixels = heightPixels;
    this.signalForeground(kernel, Signal.SIGWINCH);
  }

  /** The wire is gone (modem hang-up): SIGHUP and SIGCONT to the session's leader and the foreground. */
  hangUp(kernel: Kernel): void {
    if (this.hungUp) return;
    this.hungUp = true;
    const leader = this.session === 0 ? null : kernel.processes.find(this.session);
    if (leader !== null && leader.group !== this.foreground) {
      signalGroup(kernel, leader.group, plainInformation(Signal.SIGHUP));
      signalGroup(kernel, leader.group, plainInformation(Signal.SIGCONT));
    }
    this.signalForeground(kernel, Signal.SIGHUP);
    this.signalForeground(kernel, Signal.SIGCONT);
    this.changed.wakeAll();
  }

  // ---------------------------------------------------------------- sessions and job control

  /** The session whose controlling terminal this is; 0 if none is alive. */
  private liveSession(kernel: Kernel): number {
    if (this.session === 0) return 0;
    const leader = kernel.processes.find(this.session);
    if (leader === null || leader.state !== 'alive' || leader.controllingTerminal !== this) {
      this.session = 0;
      this.foreground = 0;
    }
    return this.session;
  }

  /** TIOCSCTTY, or open by a session leader: 0 or -EPERM. */
  makeControlling(kernel: Kernel, process: Process, steal: boolean): number {
    if (process.controllingTerminal === this && this.liveSession(kernel) === process.session) return 0;
    if (process.session !== process.id || process.controllingTerminal !== null) return -Errno.EPERM;
    if (this.liveSession(kernel) !== 0) {
      if (!steal || process.credentials.userId !== 0) return -Errno.EPERM;
      for (const other of kernel.processes.processes.values())
        if (other.session === this.session) other.controllingTerminal = null;
    }
    this.session = process.session;
    this.foreground = process.group;
    for (const other of kernel.processes.processes.values())
      if (other.session === process.session) other.controllingTerminal = this;
    return 0;
  }

  /** TIOCNOTTY. */
  giveUp(kernel: Kernel, process: Process): number {
    if (process.controllingTerminal !== this) return -Errno.ENOTTY;
    if (process.session === process.id) {
      this.signalForeground(kernel, Signal.SIGHUP);
      this.signalForeground(kernel, Signal.SIGCONT);
      this.session = 0;
      this.foreground = 0;
      for (const other of kernel.processes.processes.values())
        if (other.session === process.session) other.controllingTerminal = null;
    }
    process.controllingTerminal = null;
    return 0;
  }

  isControllingFor(process: Process): boolean {
    return process.controllingTerminal === this && this.session === process.session;
  }

  /**
   * Job control (POSIX 11.1.4): 0 if `task` may go on; else the background group has been sent `signal` and the call ends with
   * the returned -errno. A reader that blocks or ignores SIGTTIN gets EIO, a writer with SIGTTOU blocked or ignored goes on.
   */
  checkForeground(kernel: Kernel, task: Task, signal: number): number {
    const process = task.process;
    if (!this.isControllingFor(process) || this.foreground === 0 || process.group === this.foreground) return 0;
    const unheard = (task.signals.blocked & bitOfSignal(signal)) !== 0n || process.signals.isIgnored(signal);
    if (unheard) return signal === Signal.SIGTTIN ? -Errno.EIO : 0;
    if (isOrphaned(kernel, process)) return -Errno.EIO;
    signalGroup(kernel, process.group, plainInformation(signal));
    return -Errno.EINTR;
  }
}
registerClass('drivers.Terminal', 2, Terminal);

/** No member of the group has a parent in another group of the same session (POSIX 3.264): nobody would ever continue it. */
function isOrphaned(kernel: Kernel, process: Process): boolean {
  for (const member of kernel.processes.group(process.group)) {
    const parent = member.parent;
    if (parent !== null && parent.group !== process.group && parent.session === process.session) return false;
  }
  return true;
}
