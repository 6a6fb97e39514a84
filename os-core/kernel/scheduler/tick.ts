// The timer interrupt (line 0): 100 times a second, or once at the next deadline while the machine is idle.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { InterruptHandler } from '../traps/interrupts.ts';
import { TICK_HERTZ } from './scheduler.ts';

const TIMER_LINE = 0;

class TickHandler implements InterruptHandler {
  handleInterrupt(kernel: Kernel): boolean {
    kernel.scheduler.tick(kernel);
    return true;
  }
}
registerClass('TickHandler', 1, TickHandler);

/** Starts the periodic tick, once the drivers of the timer and the interrupt controller are there. */
export function startTick(kernel: Kernel): void {
  kernel.interrupts.register(kernel, TIMER_LINE, new TickHandler());
  const device = kernel.state.tickDevice;
  if (device === null) kernel.log('[timer] no periodic timer: tasks are not pre-empted');
  else device.startPeriodic(kernel, TICK_HERTZ);
}
