// The load averages of /proc/loadavg and sysinfo(2): how many tasks could run, averaged over 1, 5 and 15 minutes.
//
//   every 5 s:  load := load · e + n · (1 - e)        e = exp(-5 s / minutes), as fixed-point numbers with 11 bits of fraction
//
// The figures are Linux' (kernel/sched/loadavg.c), so that programs see what they know. While the machine idles there are no ticks:
// the periods that went by without one are made up for with n = 0 when the next comes.

import { registerClass } from '../../../devices/base/object-graph.ts';

const PERIOD_NANOS = 5e9;
export const FIXED_ONE = 2048;
/** 1/exp(5 s/1 min), 1/exp(5 s/5 min), 1/exp(5 s/15 min), times FIXED_ONE. */
const factors = [1884, 2014, 2037] as const;
/** After an hour and a half without work nothing is left of any load. */
const MAX_IDLE_PERIODS = 1080;

export class LoadAverage {
  /** In units of 1/2048. */
  readonly values: [number, number, number] = [0, 0, 0];
  private nextNanos = PERIOD_NANOS;

  /** Called by ticks, and before a look at the values: `runnable` tasks are there now. */
  update(nowNanos: number, runnable: number): void {
    if (nowNanos < this.nextNanos) return;
    const passed = Math.floor((nowNanos - this.nextNanos) / PERIOD_NANOS);
    for (let period = Math.min(passed, MAX_IDLE_PERIODS); period > 0; period--) this.sample(0);
    this.sample(runnable);
    this.nextNanos += (passed + 1) * PERIOD_NANOS;
  }

  private sample(runnable: number): void {
    for (const [i, factor] of factors.entries()) {
      const active = runnable * FIXED_ONE;
      const sum = this.values[i] * factor + active * (FIXED_ONE - factor);
      // Rounded up while it rises, so that a steady load is reached.
      this.values[i] = Math.floor((active >= this.values[i] ? sum + FIXED_ONE - 1 : sum) / FIXED_ONE);
    }
  }

  /** With two decimals, as /proc/loadavg shows them. */
  text(): string {
    return this.values
      .map((value) => {
        const hundredths = Math.floor(((value + FIXED_ONE / 200) * 100) / FIXED_ONE);
        return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;
      })
      .join(' ');
  }
}
registerClass('LoadAverage', 1, LoadAverage);
