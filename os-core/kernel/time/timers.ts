// Deadlines in virtual time: a binary heap, ordered by (deadline, order of scheduling).
//
// They are looked at when the tick interrupt has come (Scheduler.tick calls expireDue), so a deadline is met at the first tick
// at or after it. When the machine is idle the tick device is programmed for exactly the next deadline instead.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';

/** What happens at a deadline. Instances are of registered classes. Does bounded work; may schedule again. */
export interface TimerTarget {
  timerExpired(kernel: Kernel): void;
}

export class Timer {
  readonly deadlineNanos: number;
  readonly sequence: number;
  readonly target: TimerTarget;
  /** Place in the heap, -1 = not scheduled any more. */
  index = -1;

  constructor(deadlineNanos: number, sequence: number, target: TimerTarget) {
    this.deadlineNanos = deadlineNanos;
    this.sequence = sequence;
    this.target = target;
  }
}
registerClass('Timer', 1, Timer);

/** Bound on expiries handled per tick, so that a flood of timers cannot hold the kernel. */
const MAX_EXPIRIES_PER_TICK = 4096;

export class Timers {
  private readonly heap: Timer[] = [];
  private nextSequence = 0;

  /** Calls target.timerExpired(kernel) once at or after `deadlineNanos` of machine.nowNanos(). */
  schedule(deadlineNanos: number, target: TimerTarget): Timer {
    const timer = new Timer(deadlineNanos, this.nextSequence++, target);
    timer.index = this.heap.length;
    this.heap.push(timer);
    this.up(timer.index);
    return timer;
  }

  /** Idempotent; a timer that has expired is left alone. */
  cancel(timer: Timer): void {
    const index = timer.index;
    if (index < 0) return;
    timer.index = -1;
    const last = this.heap.pop();
    if (last === undefined || last === timer) return;
    this.heap[index] = last;
    last.index = index;
    this.up(index);
    this.down(last.index);
  }

  /** Infinity if none. */
  nextDeadlineNanos(): number {
    return this.heap.length === 0 ? Infinity : this.heap[0].deadlineNanos;
  }

  expireDue(kernel: Kernel, nowNanos: number): void {
    for (let count = 0; count < MAX_EXPIRIES_PER_TICK; count++) {
      const first = this.heap[0];
      if (first === undefined || first.deadlineNanos > nowNanos) return;
      this.cancel(first);
      first.target.timerExpired(kernel);
    }
  }

  private before(a: Timer, b: Timer): boolean {
    return a.deadlineNanos < b.deadlineNanos || (a.deadlineNanos === b.deadlineNanos && a.sequence < b.sequence);
  }
  private swap(i: number, j: number): void {
    const a = this.heap[i];
    const b = this.heap[j];
    this.heap[i] = b;
    this.heap[j] = a;
    a.index = j;
    b.index = i;
  }
  private up(start: number): void {
    for (let i = start; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.before(this.heap[i], this.heap[parent])) return;
      this.swap(i, parent);
      i = parent;
    }
  }
  private down(start: number): void {
    for (let i = start; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < this.heap.length && this.before(this.heap[child], this.heap[least])) least = child;
      if (least === i) return;
      this.swap(i, least);
      i = least;
    }
  }
}
registerClass('Timers', 1, Timers);
