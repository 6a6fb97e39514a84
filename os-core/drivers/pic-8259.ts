// The pair of 8259A interrupt controllers (Intel 8259A data sheet, order 231468).
//
//   master 0x20 command, 0x21 mask: lines 0-7  ──► vectors 0x20-0x27       line 2 = cascade from the slave
//   slave  0xA0 command, 0xA1 mask: lines 8-15 ──► vectors 0x28-0x2F
//
//   ICW1 (A0=0, D4=1): 0x11 = edge triggered, cascade, ICW4 follows        OCW1 (A0=1): mask, 1 = off
//   ICW2 (A0=1): vector base, T7-T3                                        OCW2 (A0=0): 0x60|n = specific EOI of level n
//   ICW3 (A0=1): master: bit 2 has a slave; slave: its number 2            OCW3 (A0=0): 0x0B = read in-service register
//   ICW4 (A0=1): 0x01 = 8086 mode, normal EOI
//
// Invariant: masks[0..1] equal the chips' interrupt mask registers.

import { registerClass } from '../../devices/base/object-graph.ts';
import type { Machine } from '../../devices/contract/machine.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { FIRST_INTERRUPT_VECTOR, type InterruptController } from '../kernel/traps/interrupts.ts';

const MASTER = 0x20;
const SLAVE = 0xa0;
const ICW1_EDGE_CASCADE_ICW4 = 0x11;
const ICW4_8086 = 0x01;
const CASCADE_LINE = 2;
const OCW2_SPECIFIC_EOI = 0x60;
const OCW3_READ_IN_SERVICE = 0x0b;

export class Pic8259 implements InterruptController {
  /** Bit n of masks[chip]: line 8 * chip + n is off. */
  private readonly masks: Uint8Array = Uint8Array.of(0xff & ~(1 << CASCADE_LINE), 0xff);

  /** Moves the lines to vectors 0x20-0x2F, all masked but the cascade. */
  initialise(machine: Machine): void {
    machine.portWrite(MASTER, 1, ICW1_EDGE_CASCADE_ICW4);
    machine.portWrite(SLAVE, 1, ICW1_EDGE_CASCADE_ICW4);
    machine.portWrite(MASTER + 1, 1, FIRST_INTERRUPT_VECTOR);
    machine.portWrite(SLAVE + 1, 1, FIRST_INTERRUPT_VECTOR + 8);
    machine.portWrite(MASTER + 1, 1, 1 << CASCADE_LINE);
    machine.portWrite(SLAVE + 1, 1, CASCADE_LINE);
    machine.portWrite(MASTER + 1, 1, ICW4_8086);
    machine.portWrite(SLAVE + 1, 1, ICW4_8086);
    machine.portWrite(MASTER + 1, 1, this.masks[0]);
    machine.portWrite(SLAVE + 1, 1, this.masks[1]);
  }

  setMasked(kernel: Kernel, line: number, masked: boolean): void {
    const chip = line >> 3;
    const bit = 1 << (line & 7);
    this.masks[chip] = masked ? this.masks[chip] | bit : this.masks[chip] & ~bit;
    kernel.machine.portWrite((chip === 0 ? MASTER : SLAVE) + 1, 1, this.masks[chip]);
  }

  /**
   * Lines 7 and 15 also come when a request went away before it was acknowledged ("default IR7", data sheet, Interrupt
   * Sequence 7): the in-service bit is clear then. A spurious line 15 has still put the master's cascade in service.
   */
  isSpurious(kernel: Kernel, line: number): boolean {
    if ((line & 7) !== 7) return false;
    const base = line < 8 ? MASTER : SLAVE;
    kernel.machine.portWrite(base, 1, OCW3_READ_IN_SERVICE);
    if ((kernel.machine.portRead(base, 1) & 0x80) !== 0) return false;
    if (line === 15) kernel.machine.portWrite(MASTER, 1, OCW2_SPECIFIC_EOI | CASCADE_LINE);
    return true;
  }

  endOfInterrupt(kernel: Kernel, line: number): void {
    if (line >= 8) {
      kernel.machine.portWrite(SLAVE, 1, OCW2_SPECIFIC_EOI | (line & 7));
      kernel.machine.portWrite(MASTER, 1, OCW2_SPECIFIC_EOI | CASCADE_LINE);
    } else {
      kernel.machine.portWrite(MASTER, 1, OCW2_SPECIFIC_EOI | line);
    }
  }
}
registerClass('Pic8259', 1, Pic8259);
