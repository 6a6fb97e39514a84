// Timers that programs set: a first expiry and perhaps a period, on the time since power-on or on CPU time.
//
//   set ─► armed ── due ─► expired(periods) ─┬ once:   off
//             ▲                              ├ true:   armed for the next period (missed ones were counted)
//             └──────────── resume ──────────┴ false:  at rest until somebody asks (timerfd: nobody is woken for what nobody reads)
//
// CPU time never runs faster than time: a timer on it looks again when it could be due at the earliest.

import type { Kernel } from '../kernel.ts';
import type { Timer, TimerTarget } from './timers.ts';
import type { TimerSetting } from './timespec.ts';

export abstract class ProgramTimer implements TimerTarget {
  intervalNanos = 0;
  private timer: Timer | null = null;
  /** Next expiry on the timer's clock, 0 = off. */
  private dueNanos = 0;

  /** The timer's clock. */
  clockNanos(kernel: Kernel): number {
    return kernel.nowNanos();
  }
  /** `periods` expiries at once. True: the timer runs on by itself. */
  protected abstract expired(kernel: Kernel, periods: number): boolean;

  set(kernel: Kernel, { dueNanos, intervalNanos }: TimerSetting): void {
    this.stop(kernel);
    this.intervalNanos = intervalNanos;
    this.dueNanos = dueNanos;
    if (dueNanos > 0) this.schedule(kernel);
  }
  stop(kernel: Kernel): void {
    if (this.timer !== null) kernel.timers.cancel(this.timer);
    this.timer = null;
    this.dueNanos = 0;
  }
  /** Nanoseconds to the next expiry: 0 = off, else at least 1. */
  rest(kernel: Kernel): number {
    if (this.dueNanos === 0) return 0;
    const left = this.dueNanos - this.clockNanos(kernel);
    if (left > 0) return Math.ceil(left);
    return this.intervalNanos > 0 ? Math.ceil(this.intervalNanos - (-left % this.intervalNanos)) : 1;
  }

  private schedule(kernel: Kernel): void {
    const left = Math.max(1, this.dueNanos - this.clockNanos(kernel));
    this.timer = kernel.timers.schedule(kernel.nowNanos() + left, this);
  }
  timerExpired(kernel: Kernel): void {
    this.timer = null;
    const periods = this.passPeriods(kernel);
    const runsOn = periods === 0 || this.expired(kernel, periods);
    // expired() may have set the timer anew.
    if (runsOn && this.timer === null && this.dueNanos > 0) this.schedule(kernel);
  }
  /** Counts the expiries that are due, and moves to the one after them. */
  private passPeriods(kernel: Kernel): number {
    const late = this.clockNanos(kernel) - this.dueNanos;
    if (this.dueNanos === 0 || late < 0) return 0;
    if (this.intervalNanos === 0) {
      this.dueNanos = 0;
      return 1;
    }
    const periods = 1 + Math.floor(late / this.intervalNanos);
    this.dueNanos += periods * this.intervalNanos;
    return periods;
  }
  /** A timer at rest runs again: the expiries meanwhile. */
  protected resume(kernel: Kernel): number {
    if (this.timer !== null || this.dueNanos === 0) return 0;
    const periods = this.passPeriods(kernel);
    this.schedule(kernel);
    return periods;
  }
}
