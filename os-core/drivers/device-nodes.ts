// The device files that have no device behind them: null, zero, full, random, urandom, kmsg, tty, console.
// Device numbers are those of Linux (Documentation/admin-guide/devices.txt).

import { registerClass } from '../../devices/base/object-graph.ts';
import { Capability } from '../abi/capability.ts';
import { Errno } from '../abi/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { MappableFile } from '../kernel/process/seams.ts';
import type { Task } from '../kernel/process/task.ts';
import { OpenFile } from '../kernel/vfs/open-file.ts';
import { CHARACTER_DEVICE, DeviceNode, type DeviceRegistry } from './device-registry.ts';
import { Terminal } from './tty/terminal.ts';
import { TerminalFile } from './tty/terminal-file.ts';

const MEMORY_MAJOR = 1;
const TTY_MAJOR = 5;
/** Most bytes that one read or write of these files moves: bounds the work of one call. */
const MAX_TRANSFER_BYTES = 16 * 1024 * 1024;
const MAX_RANDOM_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const MAX_LOG_LINE_BYTES = 1024;

const zeros = new Uint8Array(CHUNK_BYTES);
const scratch = new Uint8Array(CHUNK_BYTES);

const MemoryKind = { null: 3, zero: 5, full: 7, random: 8, urandom: 9 } as const;

/** null, zero, full, random, urandom: one class, told apart by the minor number. */
export class MemoryFile extends OpenFile {
  override readonly capability: number = Capability.file;
  private readonly kind: number;

  constructor(kind: number) {
    super();
    this.kind = kind;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number): number {
    if (this.kind === MemoryKind.null) return 0;
    const random = this.kind === MemoryKind.random || this.kind === MemoryKind.urandom;
    const total = Math.min(count, random ? MAX_RANDOM_BYTES : MAX_TRANSFER_BYTES);
    // Bring the pages in first, so that no random bytes are drawn twice for one read.
    const ready = kernel.userMemory.prepare(task, address, total, true);
    if (ready !== 0) return ready;
    for (let done = 0; done < total; done += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, total - done);
      if (random) kernel.random.fill(scratch.subarray(0, length));
      const copied = kernel.userMemory.copyOut(task, address + done, random ? scratch : zeros, 0, length);
      if (copied !== 0) return done > 0 ? done : copied;
    }
    return total;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number): number {
    if (this.kind === MemoryKind.full) return -Errno.ENOSPC;
    if (this.kind === MemoryKind.random || this.kind === MemoryKind.urandom) {
      // What a program writes is mixed in and not counted as entropy.
      const length = Math.min(count, 4096);
      const copied = kernel.userMemory.copyIn(task, address, scratch, 0, length);
      if (copied !== 0) return copied;
      kernel.random.addEntropy(scratch.subarray(0, length));
    }
    return count;
  }

  override seek(): number {
    return 0;
  }

  /** mmap: only /dev/zero, as anonymous memory of old. */
  mapping(_kernel: Kernel, _task: Task, shared: boolean): MappableFile | number {
    return this.kind === MemoryKind.zero && !shared ? zeroPages : -Errno.ENODEV;
  }
}
registerClass('drivers.MemoryFile', 1, MemoryFile);

class ZeroPages implements MappableFile {
  readonly path = '/dev/zero';
  readInto(_kernel: Kernel, _task: Task, _offset: number, target: Uint8Array): number {
    target.fill(0);
    return target.length;
  }
  retain(): void {}
  release(): void {}
}
registerClass('drivers.ZeroPages', 1, ZeroPages);
const zeroPages = new ZeroPages();

export class MemoryNode extends DeviceNode {
  constructor(name: string, minor: number) {
    super(name, CHARACTER_DEVICE | 0o666, MEMORY_MAJOR, minor);
  }
  open(): OpenFile {
    return new MemoryFile(this.minor);
  }
}
registerClass('drivers.MemoryNode', 1, MemoryNode);

/** /dev/tty: the terminal that controls the opener. */
export class ControllingTerminalNode extends DeviceNode {
  constructor() {
    super('tty', CHARACTER_DEVICE | 0o666, TTY_MAJOR, 0);
  }
  open(_kernel: Kernel, task: Task): OpenFile | number {
    const terminal = task.process.controllingTerminal;
    return terminal instanceof Terminal ? new TerminalFile(terminal) : -Errno.ENXIO;
  }
}
registerClass('drivers.ControllingTerminalNode', 1, ControllingTerminalNode);

/** /dev/console: the first console port if there is one, else the kernel log, write only. */
export class ConsoleNode extends DeviceNode {
  private readonly registry: DeviceRegistry;

  constructor(registry: DeviceRegistry) {
    super('console', CHARACTER_DEVICE | 0o600, TTY_MAJOR, 1);
    this.registry = registry;
  }
  open(kernel: Kernel, task: Task, flags: number): OpenFile | number {
    const port = this.registry.lookup('hvc0');
    return port === null ? new LogFile() : port.open(kernel, task, flags);
  }
}
registerClass('drivers.ConsoleNode', 1, ConsoleNode);

/** /dev/kmsg: a write is one line of the kernel log; a read gives the next line, 'priority,sequence,microseconds,-;text'. */
export class LogFile extends OpenFile {
  override readonly capability: number = Capability.console;

  override read(kernel: Kernel, task: Task, address: number, count: number): number {
    const entries = kernel.state.log.entries();
    if (this.position >= entries.length) return 0;
    const entry = entries[this.position];
    const micros = Math.floor(entry.nanos / 1000);
    const line = new TextEncoder().encode(`6,${this.position},${micros},-;${entry.text}\n`);
    if (line.length > count) return -Errno.EINVAL;
    const copied = kernel.userMemory.copyOut(task, address, line);
    if (copied !== 0) return copied;
    this.position++;
    return line.length;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number): number {
    const length = Math.min(count, MAX_LOG_LINE_BYTES);
    const copied = kernel.userMemory.copyIn(task, address, scratch, 0, length);
    if (copied !== 0) return copied;
    const text = new TextDecoder().decode(scratch.slice(0, length)).replace(/\n+$/, '');
    kernel.log(`[${task.name}] ${text.replace(/^<\d+>/, '')}`);
    return count;
  }

  override seek(kernel: Kernel, _task: Task, offset: number, whence: number): number {
    if (offset !== 0 || (whence !== 0 && whence !== 2)) return -Errno.ESPIPE;
    this.position = whence === 0 ? 0 : kernel.state.log.entries().length;
    return 0;
  }
}
registerClass('drivers.LogFile', 1, LogFile);

export class LogNode extends DeviceNode {
  constructor() {
    super('kmsg', CHARACTER_DEVICE | 0o644, MEMORY_MAJOR, 11);
  }
  open(): OpenFile {
    return new LogFile();
  }
}
registerClass('drivers.LogNode', 1, LogNode);

/** Registers all of the above. */
export function registerPlainNodes(registry: DeviceRegistry): void {
  for (const [name, minor] of Object.entries(MemoryKind)) registry.register(new MemoryNode(name, minor));
  registry.register(new ControllingTerminalNode());
  registry.register(new ConsoleNode(registry));
  registry.register(new LogNode());
}
