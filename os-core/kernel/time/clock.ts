// The kernel's view of time. Everything is virtual: machine.nowNanos() counts from power-on; the RTC driver adds the date.

import { registerClass } from '../../../devices/base/object-graph.ts';

export class Clock {
  /** Unix time in seconds at virtual time 0. Set by the RTC driver. */
  powerOnUnixSeconds = 0;

  /** Unix time now, split so that nothing is rounded. */
  wallClock(nowNanos: number): { readonly seconds: number; readonly nanos: number } {
    return { seconds: this.powerOnUnixSeconds + Math.floor(nowNanos / 1e9), nanos: nowNanos % 1e9 };
  }
}
registerClass('Clock', 1, Clock);
