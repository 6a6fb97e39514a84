// 8254 programmable interval timer (Intel 8254 data sheet, order 231164), channel 0 on IRQ 0.
//
//   0x40 counter 0   0x41 counter 1   0x42 counter 2   0x43 control word: SC1 SC0 RW1 RW0 M2 M1 M0 BCD
//
// Counts of the 1.193182 MHz clock of the PC, 2 to 65536 (written as 0). Mode 2 is the rate generator, mode 0 gives one
// interrupt at terminal count.

import { registerClass } from '../../devices/base/object-graph.ts';
import type { Machine } from '../../devices/contract/machine.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { TickDevice } from '../kernel/process/seams.ts';

const COUNTER_0 = 0x40;
const CONTROL = 0x43;
/** Counter 0, low then high byte, mode 2 / mode 0, binary. */
const CONTROL_RATE_GENERATOR = 0x34;
const CONTROL_TERMINAL_COUNT = 0x30;
export const PIT_HERTZ = 1_193_182;
const MAX_COUNT = 65536;
const NANOS_PER_SECOND = 1_000_000_000;

export class Pit8254 implements TickDevice {
  startPeriodic(kernel: Kernel, hertz: number): void {
    const count = Math.min(MAX_COUNT, Math.max(2, Math.round(PIT_HERTZ / hertz)));
    this.load(kernel.machine, CONTROL_RATE_GENERATOR, count);
  }

  /** At most about 54.9 ms; what is longer comes early and is asked for again. */
  startOneShot(kernel: Kernel, nanos: number): void {
    const count = Math.ceil((nanos * PIT_HERTZ) / NANOS_PER_SECOND);
    this.load(kernel.machine, CONTROL_TERMINAL_COUNT, Math.min(MAX_COUNT, Math.max(1, count)));
  }

  private load(machine: Machine, control: number, count: number): void {
    machine.portWrite(CONTROL, 1, control);
    machine.portWrite(COUNTER_0, 1, count & 0xff);
    machine.portWrite(COUNTER_0, 1, (count >> 8) & 0xff);
  }
}
registerClass('Pit8254', 1, Pit8254);
