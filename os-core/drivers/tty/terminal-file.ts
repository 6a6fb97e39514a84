// An open terminal: read, write, ioctl, poll (tty(4), termios(3), ioctl_tty(2) of Linux).

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal } from '../../abi/signal.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Task } from '../../kernel/process/task.ts';
import { PENDING } from '../../kernel/syscalls/handler.ts';
import { OpenFile, Poll } from '../../kernel/vfs/open-file.ts';
import type { WaitQueue } from '../../kernel/wait-queue.ts';
import type { Terminal } from './terminal.ts';
import { ControlIndex, LocalFlag, TERMIOS_BYTES } from './termios.ts';

const O_NONBLOCK = 0o4000;
/** Bytes moved through the kernel at a time. */
const CHUNK_BYTES = 4096;
const TENTH_SECOND_NANOS = 100_000_000;

/** asm-generic/ioctls.h */
export const TerminalIoctl = {
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  TCSETSW: 0x5403,
  TCSETSF: 0x5404,
  TCSBRK: 0x5409,
  TCXONC: 0x540a,
  TCFLSH: 0x540b,
  TIOCEXCL: 0x540c,
  TIOCNXCL: 0x540d,
  TIOCSCTTY: 0x540e,
  TIOCGPGRP: 0x540f,
  TIOCSPGRP: 0x5410,
  TIOCOUTQ: 0x5411,
  TIOCSTI: 0x5412,
  TIOCGWINSZ: 0x5413,
  TIOCSWINSZ: 0x5414,
  FIONREAD: 0x541b,
  TIOCNOTTY: 0x5422,
  TIOCGSID: 0x5429,
} as const;

/** Restart record of a read with a time limit. */
interface ReadProgress {
  deadlineNanos: number;
  seen: number;
}

const scratch = new Uint8Array(CHUNK_BYTES);
const word = new Uint32Array(1);

export class TerminalFile extends OpenFile {
  override readonly capability: number = Capability.console;
  readonly terminal: Terminal;
  override readonly readinessQueue: WaitQueue;

  constructor(terminal: Terminal) {
    super();
    this.terminal = terminal;
    this.readinessQueue = terminal.changed;
  }

  private get nonBlocking(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number): number {
    const { terminal } = this;
    const refused = terminal.checkForeground(kernel, task, Signal.SIGTTIN);
    if (refused !== 0) return refused;
    if (count === 0) return 0;
    const { discipline } = terminal;
    const wait = discipline.canonical ? this.canonicalWait(task) : this.rawWait(kernel, task, count);
    if (wait !== 0) {
      if (wait !== PENDING) return wait === END_OF_READ ? 0 : wait;
      task.waitOn(terminal.changed);
      return PENDING;
    }
    const length = discipline.peek(scratch, Math.min(count, CHUNK_BYTES));
    const copied = kernel.userMemory.copyOut(task, address, scratch, 0, length);
    if (copied !== 0) return copied;
    discipline.consume(length);
    terminal.wire.roomAvailable(kernel, terminal);
    terminal.drain(kernel);
    return length;
  }

  /** 0: something can be taken now; END_OF_READ; -errno; PENDING. */
  private canonicalWait(task: Task): number {
    if (this.terminal.discipline.readable !== 0) return 0;
    return this.emptyAnswer(task);
  }

  private emptyAnswer(task: Task): number {
    if (this.terminal.hungUp) return END_OF_READ;
    if (this.nonBlocking) return -Errno.EAGAIN;
    return task.signalPending ? -Errno.EINTR : PENDING;
  }

  /** VMIN and VTIME (termios(3), "noncanonical mode"). */
  private rawWait(kernel: Kernel, task: Task, count: number): number {
    const { discipline, hungUp } = this.terminal;
    const minimum = discipline.termios.characters[ControlIndex.MIN];
    const time = discipline.termios.characters[ControlIndex.TIME];
    const available = discipline.readable;
    if (available >= Math.max(1, Math.min(minimum, count)) || (available > 0 && (hungUp || this.nonBlocking))) return 0;
    if (minimum === 0 && time === 0) return hungUp || available === 0 ? END_OF_READ : 0;
    const empty = this.emptyAnswer(task);
    if (empty !== PENDING) return available > 0 ? 0 : empty;
    if (time === 0 || (minimum > 0 && available === 0)) return PENDING;
    // A limit for the whole read (MIN = 0), or between bytes, from the first one on.
    const now = kernel.nowNanos();
    let progress = task.progress as ReadProgress | null;
    if (progress === null || progress.seen !== available) {
      progress = { deadlineNanos: now + time * TENTH_SECOND_NANOS, seen: available };
      task.progress = progress;
    }
    if (now >= progress.deadlineNanos) return available > 0 ? 0 : END_OF_READ;
    task.waitUntil(kernel, progress.deadlineNanos);
    return PENDING;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number): number {
    const { terminal } = this;
    const { discipline } = terminal;
    if ((discipline.termios.local & LocalFlag.TOSTOP) !== 0) {
      const refused = terminal.checkForeground(kernel, task, Signal.SIGTTOU);
      if (refused !== 0) return refused;
    }
    let done = typeof task.progress === 'number' ? task.progress : 0;
    while (done < count) {
      if (terminal.hungUp) return done > 0 ? done : -Errno.EIO;
      const length = Math.min(CHUNK_BYTES, count - done);
      const copied = kernel.userMemory.copyIn(task, address + done, scratch, 0, length);
      if (copied === PENDING) {
        task.progress = done;
        return PENDING;
      }
      if (copied !== 0) return done > 0 ? done : copied;
      let taken = discipline.write(scratch, 0, length);
      terminal.drain(kernel);
      if (taken < length) taken += discipline.write(scratch, taken, length);
      terminal.drain(kernel);
      done += taken;
      if (taken > 0) continue;
      if (this.nonBlocking) return done > 0 ? done : -Errno.EAGAIN;
      if (task.signalPending) return done > 0 ? done : -Errno.EINTR;
      task.progress = done;
      task.waitOn(terminal.changed);
      return PENDING;
    }
    return done;
  }

  override readiness(): number {
    const { discipline, hungUp } = this.terminal;
    const minimum = discipline.canonical ? 1 : Math.max(1, discipline.termios.characters[ControlIndex.MIN]);
    const readable = discipline.readable < 0 || discipline.readable >= minimum;
    let events = readable || hungUp ? Poll.in : 0;
    if (hungUp) events |= Poll.hangUp;
    else if (discipline.output.free > discipline.output.capacity / 2) events |= Poll.out;
    return events;
  }

  override ioctl(kernel: Kernel, task: Task, request: number, argument: number): number {
    const { terminal } = this;
    const { userMemory } = kernel;
    switch (request) {
      case TerminalIoctl.TCGETS:
        terminal.discipline.termios.emit(scratch);
        return userMemory.copyOut(task, argument, scratch, 0, TERMIOS_BYTES);
      case TerminalIoctl.TCSETS:
      case TerminalIoctl.TCSETSW:
      case TerminalIoctl.TCSETSF:
        return this.setModes(kernel, task, request, argument);
      case TerminalIoctl.TIOCGWINSZ:
        return this.getSize(kernel, task, argument);
      case TerminalIoctl.TIOCSWINSZ:
        return this.setSize(kernel, task, argument);
      case TerminalIoctl.TIOCGPGRP:
        if (!terminal.isControllingFor(task.process)) return -Errno.ENOTTY;
        return userMemory.writeWord32(task, argument, terminal.foreground);
      case TerminalIoctl.TIOCSPGRP:
        return this.setForeground(kernel, task, argument);
      case TerminalIoctl.TIOCGSID:
        if (!terminal.isControllingFor(task.process)) return -Errno.ENOTTY;
        return userMemory.writeWord32(task, argument, terminal.session);
      case TerminalIoctl.TIOCSCTTY:
        return terminal.makeControlling(kernel, task.process, argument === 1);
      case TerminalIoctl.TIOCNOTTY:
        return terminal.giveUp(kernel, task.process);
      case TerminalIoctl.FIONREAD:
        return userMemory.writeWord32(task, argument, terminal.discipline.readableTotal);
      case TerminalIoctl.TIOCOUTQ:
        return userMemory.writeWord32(task, argument, terminal.discipline.output.length);
      case TerminalIoctl.TCSBRK:
        return this.waitForOutput(kernel, task);
      case TerminalIoctl.TCXONC:
        return this.flowControl(kernel, argument);
      case TerminalIoctl.TCFLSH:
        return this.flush(kernel, argument);
      case TerminalIoctl.TIOCEXCL:
      case TerminalIoctl.TIOCNXCL:
        return 0;
      // Pushing input into a terminal is a way to take over what runs there; Linux refuses it by default, too (6.2).
      case TerminalIoctl.TIOCSTI:
        return -Errno.EIO;
      default:
        return -Errno.ENOTTY;
    }
  }

  private setModes(kernel: Kernel, task: Task, request: number, argument: number): number {
    const { terminal } = this;
    const refused = terminal.checkForeground(kernel, task, Signal.SIGTTOU);
    if (refused !== 0) return refused;
    const copied = kernel.userMemory.copyIn(task, argument, scratch, 0, TERMIOS_BYTES);
    if (copied !== 0) return copied;
    if (request !== TerminalIoctl.TCSETS) {
      const waiting = this.waitForOutput(kernel, task);
      if (waiting !== 0) return waiting;
    }
    if (request === TerminalIoctl.TCSETSF) terminal.discipline.flushInput();
    terminal.discipline.setModes(scratch);
    terminal.wire.roomAvailable(kernel, terminal);
    terminal.afterInput(kernel);
    return 0;
  }

  /** tcdrain: 0 when all output has gone to the wire. */
  private waitForOutput(kernel: Kernel, task: Task): number {
    const { terminal } = this;
    terminal.drain(kernel);
    if (terminal.discipline.output.length === 0 || terminal.hungUp) return 0;
    if (task.signalPending) return -Errno.EINTR;
    task.waitOn(terminal.changed);
    return PENDING;
  }

  private getSize(kernel: Kernel, task: Task, argument: number): number {
    const { terminal } = this;
    const view = new DataView(scratch.buffer);
    view.setUint16(0, terminal.rows, true);
    view.setUint16(2, terminal.columns, true);
    view.setUint16(4, terminal.widthPixels, true);
    view.setUint16(6, terminal.heightPixels, true);
    return kernel.userMemory.copyOut(task, argument, scratch, 0, 8);
  }

  private setSize(kernel: Kernel, task: Task, argument: number): number {
    const copied = kernel.userMemory.copyIn(task, argument, scratch, 0, 8);
    if (copied !== 0) return copied;
    const view = new DataView(scratch.buffer);
    const rows = view.getUint16(0, true);
    this.terminal.resize(kernel, view.getUint16(2, true), rows, view.getUint16(4, true), view.getUint16(6, true));
    return 0;
  }

  private setForeground(kernel: Kernel, task: Task, argument: number): number {
    const { terminal } = this;
    if (!terminal.isControllingFor(task.process)) return -Errno.ENOTTY;
    const refused = terminal.checkForeground(kernel, task, Signal.SIGTTOU);
    if (refused !== 0) return refused;
    const copied = kernel.userMemory.readWord32(task, argument, word, 0);
    if (copied !== 0) return copied;
    const group = word[0] | 0;
    if (group <= 0) return -Errno.EINVAL;
    const members = kernel.processes.group(group);
    if (members.length === 0) return -Errno.ESRCH;
    if (!members.some((member) => member.session === terminal.session)) return -Errno.EPERM;
    terminal.foreground = group;
    return 0;
  }

  /** tcflow: 0 stop output, 1 go on; 2 and 3 concern the other side, which is never so fast. */
  private flowControl(kernel: Kernel, argument: number): number {
    if (argument > 3) return -Errno.EINVAL;
    if (argument > 1) return 0;
    this.terminal.discipline.stopped = argument === 0;
    this.terminal.afterInput(kernel);
    return 0;
  }

  /** tcflush: 0 input, 1 output, 2 both. */
  private flush(kernel: Kernel, argument: number): number {
    const { terminal } = this;
    if (argument > 2) return -Errno.EINVAL;
    if (argument !== 1) terminal.discipline.flushInput();
    if (argument !== 0) terminal.discipline.output.clear();
    terminal.wire.roomAvailable(kernel, terminal);
    terminal.afterInput(kernel);
    return 0;
  }
}
/** Not an errno: the read ends with 0 bytes. */
const END_OF_READ = -0x20000;
registerClass('drivers.TerminalFile', 1, TerminalFile);

const O_NOCTTY = 0o400;

/** open(2) of a terminal: a session leader without one gets it as its controlling terminal, unless O_NOCTTY. */
export function openTerminal(kernel: Kernel, task: Task, terminal: Terminal, flags: number): TerminalFile {
  if ((flags & O_NOCTTY) === 0) terminal.makeControlling(kernel, task.process, false);
  return new TerminalFile(terminal);
}
