// How a system call is handled.
//
//   ring 3 SYSCALL ─┐                                   ┌─ >= 0 result, or -errno   → RAX, task goes on
//   system task    ─┴► table → authority → handler ─────┤
//                            ▲                          └─ PENDING: sleeps on the queues named by task.waitOn()
//                            └──── run again when woken, same arguments, task.progress kept ──┘
//
// Rules: nothing is visible before the last PENDING, except what task.progress records. A handler has one order: authority,
// arguments, copy-in, work, copy-out. When task.signalPending is true, a handler that would sleep returns what it has done so
// far, or -EINTR.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';

/** Not an errno: "sleep, then run me again". Never reaches a program. */
export const PENDING = -0x10000;

/** The six arguments as 64-bit register halves. */
export class SystemCallArguments {
  /** low, high of argument n at 2n, 2n+1. */
  readonly words: Int32Array = new Int32Array(12);

  /** Unsigned, as a number; exact below 2^53, rounded above (such a value is out of every valid range). */
  unsigned(n: number): number {
    return (this.words[2 * n] >>> 0) + (this.words[2 * n + 1] >>> 0) * 0x1_0000_0000;
  }
  /** Signed 64 bit (off_t, ssize_t). */
  signed(n: number): number {
    return (this.words[2 * n] >>> 0) + this.words[2 * n + 1] * 0x1_0000_0000;
  }
  /** int */
  int(n: number): number {
    return this.words[2 * n];
  }
  /** unsigned int */
  uint(n: number): number {
    return this.words[2 * n] >>> 0;
  }
  set(n: number, value: number): void {
    this.words[2 * n] = value;
    this.words[2 * n + 1] = Math.floor(value / 0x1_0000_0000);
  }
}

registerClass('SystemCallArguments', 1, SystemCallArguments);

export type SystemCallHandler = (kernel: Kernel, task: Task, a: SystemCallArguments) => number;

/** One row of the table. `capability`: a bit of os-core/abi/capability.ts that the task must hold, 0 = none, or 'descriptor' = the descriptor's own right decides. */
export interface SystemCallEntry {
  readonly number: number;
  readonly name: string;
  readonly capability: number | 'descriptor';
  /** For the published list, strace and the fuzzer: 'int', 'uint', 'size', 'offset', 'pointer', 'path', 'fd', 'flags'. */
  readonly arguments: readonly (readonly [name: string, kind: string])[];
  readonly handler: SystemCallHandler;
}

/** A row of a call that needs no right. */
export const freeRow = (
  number: number,
  name: string,
  argumentList: SystemCallEntry['arguments'],
  handler: SystemCallHandler,
): SystemCallEntry => ({ number, name, capability: 0, arguments: argumentList, handler });
