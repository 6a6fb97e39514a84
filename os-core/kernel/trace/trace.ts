// What a process does, as lines of text for somebody who watches (strace): its system calls, signals and end.
//
//   dispatch ─► TracedCall (arguments, decoded at entry) ─► handler ─► "name(arguments) = result" ─► Trace ─► TraceFile.read
//
// Rules: a process has one watcher at most. Its calls wait while the watcher has LIMIT_BYTES to read, unless a signal wants to be
// served; what does not fit then is counted and told. When the watcher closes its descriptor the watched go on as if nothing had been.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { signalNames } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { SignalInformation } from '../process/signal-state.ts';
import type { Task } from '../process/task.ts';
import { WaitQueue } from '../wait-queue.ts';

/** As much as a pipe holds. */
const LIMIT_BYTES = 65536;

/** euroos_trace's flags. */
export const TraceFlag = { followChildren: 1, fromExec: 2 } as const;

const encoder = new TextEncoder();

export class Trace {
  readonly processes: Set<Process> = new Set();
  readonly followsChildren: boolean;
  /** Silent until a watched process has called execve. */
  waitsForExec: boolean;
  /** Woken when there is something to read; and when there is room again. */
  readonly changed: WaitQueue = new WaitQueue();
  readonly room: WaitQueue = new WaitQueue();
  private readonly lines: Uint8Array[] = [];
  private bytes = 0;
  private lost = 0;
  private names = false;

  constructor(flags: number) {
    this.followsChildren = (flags & TraceFlag.followChildren) !== 0;
    this.waitsForExec = (flags & TraceFlag.fromExec) !== 0;
  }

  attach(process: Process): void {
    process.trace = this;
    this.processes.add(process);
    // From now on it must be said whose call it is.
    if (this.processes.size > 1) this.names = true;
  }
  detach(process: Process): void {
    process.trace = null;
    this.processes.delete(process);
    for (const task of process.tasks) task.tracedCall = null;
    if (this.processes.size === 0) this.changed.wakeAll();
  }
  /** The watcher is gone. */
  detachAll(): void {
    for (const process of this.processes) this.detach(process);
    this.room.wakeAll();
  }

  get hasRoom(): boolean {
    return this.bytes < LIMIT_BYTES;
  }
  get isEmpty(): boolean {
    return this.bytes === 0;
  }
  /** One line; whose it is is told if several are watched, or it is not of the first thread. */
  write(process: Process, thread: number, text: string): void {
    const prefix = this.names || process.tasks.size > 1 ? `[pid ${thread}] ` : '';
    this.push(`${prefix}${text}\n`);
  }
  private push(line: string): void {
    if (!this.hasRoom) {
      this.lost++;
      return;
    }
    const lost = this.lost === 0 ? '' : `... ${this.lost} lines lost\n`;
    this.lost = 0;
    const bytes = encoder.encode(lost + line);
    this.lines.push(bytes);
    this.bytes += bytes.length;
    this.changed.wakeAll();
  }

  /** Copies from the first lines without taking them; the count of bytes. */
  peek(target: Uint8Array): number {
    let length = 0;
    for (const line of this.lines) {
      const part = line.subarray(0, target.length - length);
      target.set(part, length);
      length += part.length;
      if (length === target.length) break;
    }
    return length;
  }
  consume(count: number): void {
    this.bytes -= count;
    for (let left = count; left > 0; ) {
      const [first] = this.lines;
      if (first.length > left) {
        this.lines[0] = first.subarray(left);
        break;
      }
      this.lines.shift();
      left -= first.length;
    }
    if (this.hasRoom) this.room.wakeAll();
  }
}
registerClass('Trace', 1, Trace);

/** A signal is about to be acted on. */
export function traceSignal(task: Task, information: SignalInformation): void {
  const { process } = task;
  if (process.trace === null || process.trace.waitsForExec) return;
  const name = signalNames[information.number];
  const sender = information.senderProcess === 0 ? '' : `, si_pid=${information.senderProcess}`;
  process.trace.write(process, task.id, `--- ${name} {si_signo=${name}, si_code=${information.code}${sender}} ---`);
}

/** The process has ended with `exitStatus`. */
export function traceEnd(_kernel: Kernel, process: Process): void {
  const { trace, exitStatus } = process;
  if (trace === null) return;
  const signal = exitStatus & 0x7f;
  const how = signal === 0 ? `exited with ${(exitStatus >> 8) & 0xff}` : `killed by ${signalNames[signal]}`;
  if (!trace.waitsForExec) trace.write(process, process.id, `+++ ${how} +++`);
  trace.detach(process);
}
