// 8259A programmable interrupt controller (Intel datasheet 231468-003): one chip.
//
//   offset 0   write  ICW1 (bit 4)        │ OCW2 (bits 4-3 = 00) │ OCW3 (bits 4-3 = 01)
//                     1=ICW4 2=single 8=level    R SL EOI  level     ESMM SMM 1 P RR RIS
//              read   IRR or ISR (OCW3), or the poll word
//   offset 1   write  ICW2 vector base · ICW3 cascade · ICW4 (1=8086 2=AEOI 16=SFNM), in this order after ICW1; else OCW1 = mask
//              read   mask (IMR)
//
// Left out: MCS-80 mode (ICW4 bit 0 clear gives the same answers) and the buffered mode pins, which a PC does not use.
//
// Invariants: a bit of `levels` is the line's present level; an edge-triggered request is latched in `requests` until acknowledged
// or until its line falls (the 8259 withdraws it then, which is how a spurious IRQ 7 comes to be); a level-triggered request is
// its line. Priority runs from `lowestPriority + 1` round to `lowestPriority`.

import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, PortDevice, Snapshotable } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';

const Icw1 = { needIcw4: 0x01, single: 0x02, level: 0x08, select: 0x10 } as const;
const Icw4 = { autoEoi: 0x02, specialFullyNested: 0x10 } as const;
const Ocw3 = {
  select: 0x08,
  readRegister: 0x02,
  readInService: 0x01,
  poll: 0x04,
  specialMask: 0x20,
  enableSpecialMask: 0x40,
};

/** OCW2 bits 7-5. */
const Ocw2 = {
  rotateInAutoEoiClear: 0,
  nonSpecificEoi: 1,
  noOperation: 2,
  specificEoi: 3,
  rotateInAutoEoiSet: 4,
  rotateOnNonSpecificEoi: 5,
  setPriority: 6,
  rotateOnSpecificEoi: 7,
} as const;

/** What the next write to offset 1 means. */
const Expect = { mask: 0, icw2: 1, icw3: 2, icw4: 3 } as const;

/** Answer of the acknowledge cycle when no request is there any more (datasheet, "Interrupt sequence"). */
export const SPURIOUS_LEVEL = 7;

export class I8259 implements PortDevice, Snapshotable {
  private readonly kind: string;
  private readonly state = {
    levels: 0,
    requests: 0,
    inService: 0,
    mask: 0xff,
    vectorBase: 0,
    cascade: 0,
    levelTriggered: 0,
    allLevelTriggered: false,
    autoEoi: false,
    rotateInAutoEoi: false,
    specialMask: false,
    specialFullyNested: false,
    lowestPriority: 7,
    expect: Expect.mask as number,
    single: false,
    needIcw4: false,
    readInService: false,
    poll: false,
  };

  /** @param name tells the two chips apart in a snapshot. */
  constructor(name: string) {
    this.kind = `i8259-${name}`;
  }

  /** Level of input 0-7. */
  setLine(input: number, asserted: boolean): void {
    const bit = 1 << input;
    const state = this.state;
    if (asserted) {
      if ((state.levels & bit) === 0 || this.isLevelTriggered(bit)) state.requests |= bit;
      state.levels |= bit;
    } else {
      state.levels &= ~bit;
      state.requests &= ~bit;
    }
  }

  /** ELCR: inputs that are level triggered whatever ICW1 says (Intel PIIX datasheet 290550, 4.4.3). */
  get edgeLevelControl(): number {
    return this.state.levelTriggered;
  }
  set edgeLevelControl(bits: number) {
    this.state.levelTriggered = bits & 0xff;
    this.state.requests |= this.state.levels & this.state.levelTriggered;
  }

  /** The INT output. */
  get output(): boolean {
    return this.highestRequest() >= 0;
  }

  /** INTA: the level taken into service, or SPURIOUS_LEVEL with nothing in service when the request has gone. */
  acknowledge(): number {
    const level = this.highestRequest();
    if (level < 0) return SPURIOUS_LEVEL;
    const bit = 1 << level;
    const state = this.state;
    if (!this.isLevelTriggered(bit)) state.requests &= ~bit;
    if (state.autoEoi) {
      if (state.rotateInAutoEoi) state.lowestPriority = level;
    } else {
      state.inService |= bit;
    }
    return level;
  }

  get vectorBase(): number {
    return this.state.vectorBase;
  }
  /** True while `level` is in service. */
  isInService(level: number): boolean {
    return (this.state.inService & (1 << level)) !== 0;
  }

  portRead(offset: number, _width: AccessWidth): number {
    return this.reads[offset & 1]();
  }
  portWrite(offset: number, _width: AccessWidth, value: number): void {
    this.writes[offset & 1](value & 0xff);
  }

  private readonly reads: readonly (() => number)[] = [
    () => {
      const state = this.state;
      if (state.poll) {
        // A poll is an acknowledge cycle through the data port (datasheet, "Poll command").
        state.poll = false;
        const pending = this.output;
        return pending ? 0x80 | this.acknowledge() : 0;
      }
      return state.readInService ? state.inService : state.requests;
    },
    () => this.state.mask,
  ];

  private readonly writes: readonly ((value: number) => void)[] = [
    (value) => {
      if ((value & Icw1.select) !== 0) this.initialize(value);
      else if ((value & Ocw3.select) !== 0) this.operationControl3(value);
      else this.operationControl2(value);
    },
    (value) => {
      const state = this.state;
      switch (state.expect) {
        case Expect.icw2:
          state.vectorBase = value & 0xf8;
          state.expect = state.single ? (state.needIcw4 ? Expect.icw4 : Expect.mask) : Expect.icw3;
          break;
        case Expect.icw3:
          state.cascade = value;
          state.expect = state.needIcw4 ? Expect.icw4 : Expect.mask;
          break;
        case Expect.icw4:
          state.autoEoi = (value & Icw4.autoEoi) !== 0;
          state.specialFullyNested = (value & Icw4.specialFullyNested) !== 0;
          state.expect = Expect.mask;
          break;
        default:
          state.mask = value;
      }
    },
  ];

  private initialize(value: number): void {
    const state = this.state;
    state.expect = Expect.icw2;
    state.single = (value & Icw1.single) !== 0;
    state.needIcw4 = (value & Icw1.needIcw4) !== 0;
    state.allLevelTriggered = (value & Icw1.level) !== 0;
    // The edge sense is reset: a line that is high must fall and rise again (datasheet, ICW1 a).
    state.requests = state.levels & (state.allLevelTriggered ? 0xff : state.levelTriggered);
    state.inService = 0;
    state.mask = 0;
    state.lowestPriority = 7;
    state.autoEoi = false;
    state.rotateInAutoEoi = false;
    state.specialMask = false;
    state.specialFullyNested = false;
    state.readInService = false;
    state.poll = false;
  }

  private operationControl2(value: number): void {
    const state = this.state;
    const level = value & 7;
    switch (value >> 5) {
      case Ocw2.nonSpecificEoi:
        this.endHighestInService();
        break;
      case Ocw2.specificEoi:
        state.inService &= ~(1 << level);
        break;
      case Ocw2.rotateOnNonSpecificEoi: {
        const ended = this.endHighestInService();
        if (ended >= 0) state.lowestPriority = ended;
        break;
      }
      case Ocw2.rotateOnSpecificEoi:
        state.inService &= ~(1 << level);
        state.lowestPriority = level;
        break;
      case Ocw2.setPriority:
        state.lowestPriority = level;
        break;
      case Ocw2.rotateInAutoEoiSet:
        state.rotateInAutoEoi = true;
        break;
      case Ocw2.rotateInAutoEoiClear:
        state.rotateInAutoEoi = false;
        break;
    }
  }

  private operationControl3(value: number): void {
    const state = this.state;
    if ((value & Ocw3.poll) !== 0) state.poll = true;
    else if ((value & Ocw3.readRegister) !== 0) state.readInService = (value & Ocw3.readInService) !== 0;
    if ((value & Ocw3.enableSpecialMask) !== 0) state.specialMask = (value & Ocw3.specialMask) !== 0;
  }

  private isLevelTriggered(bit: number): boolean {
    return this.state.allLevelTriggered || (this.state.levelTriggered & bit) !== 0;
  }

  /** First set bit of `bits` in priority order, -1 if none. */
  private highest(bits: number): number {
    if (bits === 0) return -1;
    for (let step = 1; step <= 8; step++) {
      const level = (this.state.lowestPriority + step) & 7;
      if ((bits & (1 << level)) !== 0) return level;
    }
    return -1;
  }

  private endHighestInService(): number {
    const state = this.state;
    // In special mask mode a masked level is not ended by a non-specific EOI (datasheet, "Special mask mode").
    const level = this.highest(state.specialMask ? state.inService & ~state.mask : state.inService);
    if (level >= 0) state.inService &= ~(1 << level);
    return level;
  }

  /** The unmasked request that outranks everything in service, -1 if none. */
  private highestRequest(): number {
    const state = this.state;
    const candidates = state.requests & ~state.mask;
    if (candidates === 0 || state.expect !== Expect.mask) return -1;
    if (state.specialMask) return this.highest(candidates & ~state.inService);
    const level = this.highest(candidates);
    const busy = this.highest(state.inService);
    if (busy < 0) return level;
    const rank = (level - state.lowestPriority + 7) & 7;
    const busyRank = (busy - state.lowestPriority + 7) & 7;
    if (rank < busyRank) return level;
    // Special fully nested: the cascade input may interrupt its own service for a higher request of the other chip.
    return state.specialFullyNested && rank === busyRank && (state.cascade & (1 << level)) !== 0 ? level : -1;
  }

  snapshot(): DeviceSnapshot {
    return writeState(this.kind, 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState(this.kind, 1, snapshot, this.state);
  }
}
