// The pair of 8259A as a PC has it (Intel 231468-003, "Cascade mode"; ELCR: Intel PIIX 290550, 4.4.3).
//
//   IRQ 0 1 2 3 4 5 6 7          IRQ 8 9 10 11 12 13 14 15
//       │ │ │ │ │ │ │ │               │ │  │  │  │  │  │  │
//     ┌─┴─┴─┴─┴─┴─┴─┴─┴─┐           ┌─┴─┴──┴──┴──┴──┴──┴──┴─┐
//     │     primary     ├──► CPU    │      secondary        ├──► primary input 2
//     └─────────────────┘           └───────────────────────┘
//
// ELCR: two bytes, a set bit makes that IRQ level triggered. IRQ 0, 1, 2, 8 and 13 are always edge triggered.

import type { InterruptLine, PortDevice } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { I8259, SPURIOUS_LEVEL } from './i8259.ts';

const CASCADE_INPUT = 2;
const ELCR_WRITABLE: readonly number[] = [0xf8, 0xde];

class ControllerLine implements InterruptLine {
  private readonly controller: InterruptController;
  private readonly irq: number;
  constructor(controller: InterruptController, irq: number) {
    this.controller = controller;
    this.irq = irq;
  }
  set(asserted: boolean): void {
    this.controller.setIrq(this.irq, asserted);
  }
}

/** One IRQ that several sources share (wired OR, as the PCI INTx lines are). */
export class SharedInterruptLine {
  private readonly target: InterruptLine;
  private asserted = 0;
  private sources = 0;

  constructor(target: InterruptLine) {
    this.target = target;
  }
  /** One bit per asserted source; written by restore only, the controller's own state is restored by itself. */
  get assertedSources(): number {
    return this.asserted;
  }
  set assertedSources(bits: number) {
    this.asserted = bits & ((1 << this.sources) - 1);
  }

  /** A new source; at most 30. */
  source(): InterruptLine {
    const bit = 1 << this.sources++;
    return {
      set: (asserted: boolean): void => {
        const before = this.asserted;
        this.asserted = asserted ? before | bit : before & ~bit;
        if ((before !== 0) !== (this.asserted !== 0)) this.target.set(this.asserted !== 0);
      },
    };
  }
}

export class InterruptController {
  readonly primary = new I8259('primary');
  readonly secondary = new I8259('secondary');
  /** The two ELCR bytes. */
  readonly edgeLevelControl: PortDevice = {
    portRead: (offset: number, _width: AccessWidth): number => this.chip(offset).edgeLevelControl,
    portWrite: (offset: number, _width: AccessWidth, value: number): void => {
      this.chip(offset).edgeLevelControl = value & ELCR_WRITABLE[offset & 1];
      this.cascade();
    },
  };
  /** The two command/data register pairs; a write may change the cascade line. */
  readonly primaryPorts: PortDevice = this.primary;
  readonly secondaryPorts: PortDevice = {
    portRead: (offset: number, width: AccessWidth): number => {
      const value = this.secondary.portRead(offset, width);
      this.cascade();
      return value;
    },
    portWrite: (offset: number, width: AccessWidth, value: number): void => {
      this.secondary.portWrite(offset, width, value);
      this.cascade();
    },
  };

  /** IRQ line 0-15 (2 is the cascade and nobody's). */
  line(irq: number): InterruptLine {
    return new ControllerLine(this, irq);
  }

  setIrq(irq: number, asserted: boolean): void {
    if (irq < 8) {
      this.primary.setLine(irq, asserted);
      return;
    }
    this.secondary.setLine(irq - 8, asserted);
    this.cascade();
  }

  /** The INT pin of the CPU. */
  pending(): boolean {
    return this.primary.output;
  }

  /** The INTA cycle: the vector to deliver. */
  acknowledge(): number {
    const level = this.primary.acknowledge();
    // A spurious level 7 looks like IRQ 7 but is not in service; input 2 asks the other chip, which may be spurious itself.
    if (level !== CASCADE_INPUT) return this.primary.vectorBase + level;
    const secondaryLevel = this.secondary.output ? this.secondary.acknowledge() : SPURIOUS_LEVEL;
    this.cascade();
    return this.secondary.vectorBase + secondaryLevel;
  }

  private chip(offset: number): I8259 {
    return (offset & 1) === 0 ? this.primary : this.secondary;
  }

  private cascade(): void {
    // The secondary's INT falls during INTA and rises again for the next request: a fresh edge for the primary.
    this.primary.setLine(CASCADE_INPUT, false);
    if (this.secondary.output) this.primary.setLine(CASCADE_INPUT, true);
  }
}
