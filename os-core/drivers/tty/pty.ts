// Pseudo terminals (pty(7)): /dev/ptmx makes a pair, /dev/pts/N is its slave.
//
//   master.write ──► terminal.feed ──► line discipline ──► slave.read
//   master.read  ◄── terminal.discipline.output ◄──────── slave.write, echo
//
// The master has gone: the slave is hung up. All slaves have gone: the master reads what is left, then EIO.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Task } from '../../kernel/process/task.ts';
import { PENDING } from '../../kernel/syscalls/handler.ts';
import { OpenFile, Poll } from '../../kernel/vfs/open-file.ts';
import { WaitQueue } from '../../kernel/wait-queue.ts';
import { CHARACTER_DEVICE, DeviceNode, type DeviceRegistry } from '../device-registry.ts';
import { Terminal, type TerminalWire } from './terminal.ts';
import { TerminalFile, TerminalIoctl } from './terminal-file.ts';

const O_NONBLOCK = 0o4000;
const O_NOCTTY = 0o400;
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTLCK = 0x80045439;
/** As many pairs as Linux allows in one container by default would be 4096; each costs about 100 KiB here. */
const MAX_PAIRS = 256;
const CHUNK_BYTES = 4096;
/** Unix98 slaves: major 136 (admin-guide/devices.txt); ptmx: 5, 2. */
const SLAVE_MAJOR = 136;
const scratch = new Uint8Array(CHUNK_BYTES);
const word = new Uint32Array(1);

export class PtyPair implements TerminalWire {
  readonly index: number;
  readonly terminal: Terminal;
  /** Woken when the master may read or write. */
  readonly masterChanged: WaitQueue = new WaitQueue();
  locked = true;
  masterOpen = true;
  slaveOpens = 0;
  /** A slave was open once: without one the master reads EIO. */
  slaveSeen = false;

  constructor(index: number) {
    this.index = index;
    this.terminal = new Terminal(`pts/${index}`, { major: SLAVE_MAJOR, minor: index }, this, 80, 24);
  }

  /** The master takes the output itself when it reads. */
  transmit(): void {
    this.masterChanged.wakeAll();
  }
  roomAvailable(): void {
    this.masterChanged.wakeAll();
  }
  get slaveGone(): boolean {
    return this.slaveSeen && this.slaveOpens === 0;
  }
}
registerClass('drivers.PtyPair', 1, PtyPair);

export class PtyMultiplexer extends DeviceNode {
  private readonly registry: DeviceRegistry;
  private readonly pairs: Map<number, PtyPair> = new Map();

  constructor(registry: DeviceRegistry) {
    super('ptmx', CHARACTER_DEVICE | 0o666, 5, 2);
    this.registry = registry;
  }

  open(_kernel: Kernel, task: Task): OpenFile | number {
    let index = 0;
    while (this.pairs.has(index)) index++;
    if (index >= MAX_PAIRS) return -Errno.ENOSPC;
    const pair = new PtyPair(index);
    this.pairs.set(index, pair);
    const node = new PtySlaveNode(pair);
    node.ownerUser = task.process.credentials.userId;
    node.ownerGroup = task.process.credentials.groupId;
    this.registry.register(node);
    return new PtyMasterFile(this, pair);
  }

  remove(pair: PtyPair): void {
    this.pairs.delete(pair.index);
    this.registry.remove(pair.terminal.name);
  }
}
registerClass('drivers.PtyMultiplexer', 1, PtyMultiplexer);

export class PtySlaveNode extends DeviceNode {
  private readonly pair: PtyPair;

  constructor(pair: PtyPair) {
    super(`pts/${pair.index}`, CHARACTER_DEVICE | 0o620, SLAVE_MAJOR, pair.index);
    this.pair = pair;
  }
  open(kernel: Kernel, task: Task, flags: number): OpenFile | number {
    if (this.pair.locked || !this.pair.masterOpen) return -Errno.EIO;
    if ((flags & O_NOCTTY) === 0) this.pair.terminal.makeControlling(kernel, task.process, false);
    return new PtySlaveFile(this.pair);
  }
}
registerClass('drivers.PtySlaveNode', 1, PtySlaveNode);

export class PtySlaveFile extends TerminalFile {
  private readonly pair: PtyPair;

  constructor(pair: PtyPair) {
    super(pair.terminal);
    this.pair = pair;
    pair.slaveOpens++;
    pair.slaveSeen = true;
  }
  override closed(): void {
    this.pair.slaveOpens--;
    if (this.pair.slaveOpens === 0) this.pair.masterChanged.wakeAll();
  }
}
registerClass('drivers.PtySlaveFile', 1, PtySlaveFile);

export class PtyMasterFile extends OpenFile {
  override readonly capability: number = Capability.console;
  override readonly readinessQueue: WaitQueue;
  private readonly multiplexer: PtyMultiplexer;
  private readonly pair: PtyPair;
  /** For what the master may ask of the terminal as such: modes and size. */
  private readonly terminalFile: TerminalFile;

  constructor(multiplexer: PtyMultiplexer, pair: PtyPair) {
    super();
    this.multiplexer = multiplexer;
    this.pair = pair;
    this.terminalFile = new TerminalFile(pair.terminal);
    this.readinessQueue = pair.masterChanged;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number): number {
    const { pair } = this;
    const { discipline } = pair.terminal;
    if (count === 0) return 0;
    if (discipline.output.length === 0 || discipline.stopped) {
      if (pair.slaveGone) return -Errno.EIO;
      return this.wait(task);
    }
    const length = discipline.output.peek(scratch, 0, Math.min(count, CHUNK_BYTES));
    const copied = kernel.userMemory.copyOut(task, address, scratch, 0, length);
    if (copied !== 0) return copied;
    discipline.output.discard(length);
    pair.terminal.changed.wakeAll();
    return length;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number): number {
    const { pair } = this;
    let done = typeof task.progress === 'number' ? task.progress : 0;
    while (done < count) {
      const length = Math.min(CHUNK_BYTES, count - done);
      const copied = kernel.userMemory.copyIn(task, address + done, scratch, 0, length);
      if (copied !== 0 && copied !== PENDING) return done > 0 ? done : copied;
      const taken = copied === 0 ? pair.terminal.feed(kernel, scratch, 0, length) : 0;
      done += taken;
      if (taken > 0) continue;
      task.progress = done;
      if (copied === PENDING) return PENDING;
      const answer = this.wait(task);
      return answer !== PENDING && done > 0 ? done : answer;
    }
    return done;
  }

  private wait(task: Task): number {
    if ((this.flags & O_NONBLOCK) !== 0) return -Errno.EAGAIN;
    if (task.signalPending) return -Errno.EINTR;
    task.waitOn(this.pair.masterChanged);
    return PENDING;
  }

  override ioctl(kernel: Kernel, task: Task, request: number, argument: number): number {
    const { pair } = this;
    // Request numbers with the top bit may come sign-extended.
    switch (request >>> 0) {
      case TIOCGPTN:
        return kernel.userMemory.writeWord32(task, argument, pair.index);
      case TIOCGPTLCK:
        return kernel.userMemory.writeWord32(task, argument, pair.locked ? 1 : 0);
      case TIOCSPTLCK: {
        const copied = kernel.userMemory.readWord32(task, argument, word, 0);
        if (copied === 0) pair.locked = word[0] !== 0;
        return copied;
      }
      case TerminalIoctl.FIONREAD:
        return kernel.userMemory.writeWord32(task, argument, pair.terminal.discipline.output.length);
      case TerminalIoctl.TIOCGPGRP:
        return kernel.userMemory.writeWord32(task, argument, pair.terminal.foreground);
      case TerminalIoctl.TIOCGSID:
        return kernel.userMemory.writeWord32(task, argument, pair.terminal.session);
      case TerminalIoctl.TIOCSCTTY:
      case TerminalIoctl.TIOCNOTTY:
        return -Errno.ENOTTY;
      default:
        return this.terminalFile.ioctl(kernel, task, request, argument);
    }
  }

  override readiness(): number {
    const { discipline } = this.pair.terminal;
    let events = 0;
    if (discipline.output.length > 0 && !discipline.stopped) events |= Poll.in;
    if (this.pair.slaveGone) events |= Poll.hangUp;
    if (discipline.receiveRoom > 0) events |= Poll.out;
    return events;
  }

  override closed(kernel: Kernel): void {
    this.pair.masterOpen = false;
    this.multiplexer.remove(this.pair);
    this.pair.terminal.hangUp(kernel);
  }
}
registerClass('drivers.PtyMasterFile', 1, PtyMasterFile);
