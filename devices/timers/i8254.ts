// 8254 programmable interval timer (Intel datasheet 231164-005), 1.193182 MHz, and the NMI status port 0x61 that a PC wires to it.
//
//   offset 0-2   counter 0-2, read and write
//   offset 3     write: control word   SC SC RW RW M M M BCD     (SC=11: read-back)
//
//   port 0x61    bit 0 gate of counter 2 · bit 1 speaker · bit 4 refresh toggle · bit 5 output of counter 2   (IBM PC/AT, 1-23)
//
// Counter 0 drives IRQ 0. Modes 0, 2, 3 and 4 are complete; 1 and 5, which need a gate edge, start on a rising gate of
// counter 2 (the only gate that a PC can move) and never on the others, as on the real board.
//
// Time: virtual nanoseconds. Counter values are computed from the time that has passed, nothing ticks. Edges of counter 0 that
// the guest slept through are merged into one, as an edge-triggered 8259 merges them.
//
// Invariant: nextEdgeNanos is the time of counter 0's next rising edge, Infinity if there is none; after advanceTo(t) it is > t.

import { restoreState, writeState } from '../base/device-state.ts';
import type {
  DeviceSnapshot,
  InterruptLine,
  PortDevice,
  Snapshotable,
  TimedDevice,
  VirtualClock,
} from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';

export const PIT_FREQUENCY_HERTZ = 1_193_182;

const Access = { latch: 0, low: 1, high: 2, lowHigh: 3 } as const;
const ReadBack = { noCount: 0x20, noStatus: 0x10 } as const;
const STATUS_NULL_COUNT = 0x40;
const STATUS_OUTPUT = 0x80;

function ticksAt(nanos: number): number {
  return Math.floor((nanos * PIT_FREQUENCY_HERTZ) / 1e9);
}
function nanosOfTick(tick: number): number {
  return Math.ceil((tick * 1e9) / PIT_FREQUENCY_HERTZ);
}
function fromBcd(value: number): number {
  return (value & 15) + ((value >> 4) & 15) * 10 + ((value >> 8) & 15) * 100 + ((value >> 12) & 15) * 1000;
}
function toBcd(value: number): number {
  return (
    (value % 10) |
    ((Math.floor(value / 10) % 10) << 4) |
    ((Math.floor(value / 100) % 10) << 8) |
    ((Math.floor(value / 1000) % 10) << 12)
  );
}

function newCounter() {
  return {
    mode: 0,
    bcd: false,
    access: Access.lowHigh as number,
    /** The divisor, 1 to 65536; 0 = nothing was loaded yet. */
    reload: 0,
    /** Low byte of a two-byte write, -1 = the next write is the low byte. */
    writeLow: -1,
    readHighNext: false,
    latched: -1,
    latchedStatus: -1,
    /** Tick at which counting began. */
    startTick: 0,
    /** Ticks counted before the gate fell; -1 while counting. */
    stoppedAfter: -1,
    gate: true,
    armed: false,
  };
}
type Counter = ReturnType<typeof newCounter>;

export class I8254 implements PortDevice, TimedDevice, Snapshotable {
  private readonly clock: VirtualClock;
  private readonly line: InterruptLine;
  private readonly state = {
    counter0: newCounter(),
    counter1: newCounter(),
    counter2: newCounter(),
    nextEdgeNanos: Number.POSITIVE_INFINITY,
    speaker: false,
  };
  private readonly counters: readonly Counter[] = [this.state.counter0, this.state.counter1, this.state.counter2];

  constructor(clock: VirtualClock, line: InterruptLine) {
    this.clock = clock;
    this.line = line;
    this.state.counter2.gate = false;
    // The firmware leaves counter 0 in mode 3 with its output high: programming it makes no edge.
    this.line.set(true);
  }

  /** Port 0x61. */
  readonly systemControlPort: PortDevice = {
    portRead: (): number => {
      const counter = this.state.counter2;
      const refresh = Math.floor(this.clock.nowNanos() / 15_085) & 1;
      return (
        (counter.gate ? 1 : 0) |
        (this.state.speaker ? 2 : 0) |
        (refresh << 4) |
        (this.output(counter, this.elapsed(counter)) ? 0x20 : 0)
      );
    },
    portWrite: (_offset: number, _width: AccessWidth, value: number): void => {
      this.state.speaker = (value & 2) !== 0;
      this.setGate(this.state.counter2, (value & 1) !== 0);
    },
  };

  portRead(offset: number, _width: AccessWidth): number {
    return this.reads[offset & 3]();
  }
  portWrite(offset: number, _width: AccessWidth, value: number): void {
    this.writes[offset & 3](value & 0xff);
  }

  private readonly reads: readonly (() => number)[] = [
    () => this.readCounter(this.state.counter0),
    () => this.readCounter(this.state.counter1),
    () => this.readCounter(this.state.counter2),
    // The control word register cannot be read: the bus floats.
    () => 0xff,
  ];
  private readonly writes: readonly ((value: number) => void)[] = [
    (value) => this.writeCounter(this.state.counter0, value),
    (value) => this.writeCounter(this.state.counter1, value),
    (value) => this.writeCounter(this.state.counter2, value),
    (value) => this.writeControl(value),
  ];

  private writeControl(value: number): void {
    const select = value >> 6;
    if (select === 3) {
      for (let n = 0; n < 3; n++) {
        if ((value & (2 << n)) === 0) continue;
        if ((value & ReadBack.noStatus) === 0) this.latchStatus(this.counters[n]);
        if ((value & ReadBack.noCount) === 0) this.latchCount(this.counters[n]);
      }
      return;
    }
    const counter = this.counters[select];
    const access = (value >> 4) & 3;
    if (access === Access.latch) {
      this.latchCount(counter);
      return;
    }
    const mode = (value >> 1) & 7;
    counter.access = access;
    counter.mode = mode > 5 ? mode - 4 : mode; // bit 2 is "don't care" for modes 2 and 3
    counter.bcd = (value & 1) !== 0;
    counter.reload = 0;
    counter.writeLow = -1;
    counter.readHighNext = false;
    counter.latched = -1;
    counter.latchedStatus = -1;
    counter.stoppedAfter = -1;
    counter.armed = false;
    if (counter === this.state.counter0) {
      // The output goes to its initial level: low in mode 0, high in all others (datasheet, "Mode definitions").
      this.line.set(counter.mode !== 0);
      this.state.nextEdgeNanos = Number.POSITIVE_INFINITY;
    }
  }

  private writeCounter(counter: Counter, value: number): void {
    if (counter.access === Access.lowHigh && counter.writeLow < 0) {
      counter.writeLow = value;
      return;
    }
    let count =
      counter.access === Access.low
        ? value
        : counter.access === Access.high
          ? value << 8
          : counter.writeLow | (value << 8);
    counter.writeLow = -1;
    if (counter.bcd) count = fromBcd(count);
    counter.reload = count === 0 ? (counter.bcd ? 10_000 : 65_536) : count;
    // The count is taken over on the next clock pulse. Modes 1 and 5 wait for a gate edge.
    counter.startTick = ticksAt(this.clock.nowNanos()) + 1;
    counter.armed = counter.mode !== 1 && counter.mode !== 5;
    counter.stoppedAfter = counter.gate ? -1 : 0;
    if (counter === this.state.counter0) {
      this.line.set(counter.mode !== 0);
      this.schedule(this.clock.nowNanos());
    }
  }

  private setGate(counter: Counter, gate: boolean): void {
    if (gate === counter.gate) return;
    const now = ticksAt(this.clock.nowNanos());
    if (gate) {
      const restarts = counter.mode === 1 || counter.mode === 2 || counter.mode === 3 || counter.mode === 5;
      if (restarts) {
        counter.startTick = now + 1;
        counter.armed = counter.reload !== 0;
      } else if (counter.stoppedAfter >= 0) {
        counter.startTick = now - counter.stoppedAfter;
      }
      counter.stoppedAfter = -1;
    } else if (counter.mode !== 1 && counter.mode !== 5) {
      counter.stoppedAfter = this.elapsed(counter);
    }
    counter.gate = gate;
  }

  /** Ticks counted since the count was loaded. */
  private elapsed(counter: Counter): number {
    if (counter.stoppedAfter >= 0) return counter.stoppedAfter;
    return Math.max(0, ticksAt(this.clock.nowNanos()) - counter.startTick);
  }

  private output(counter: Counter, elapsed: number): boolean {
    if (counter.reload === 0 || !counter.armed) return counter.mode !== 0;
    const reload = counter.reload;
    switch (counter.mode) {
      case 0:
      case 1:
        return elapsed >= reload;
      case 2:
        return elapsed % reload !== reload - 1;
      case 3:
        return elapsed % reload < (reload + 1) >> 1;
      default:
        return elapsed !== reload;
    }
  }

  private currentCount(counter: Counter): number {
    const reload = counter.reload;
    if (reload === 0) return 0;
    const elapsed = counter.armed ? this.elapsed(counter) : 0;
    const modulus = counter.bcd ? 10_000 : 65_536;
    let count: number;
    if (counter.mode === 2) count = reload - (elapsed % reload);
    else if (counter.mode === 3) count = (reload - ((elapsed * 2) % reload)) & ~1;
    else count = (((reload - elapsed) % modulus) + modulus) % modulus;
    count %= modulus;
    return counter.bcd ? toBcd(count) : count;
  }

  private latchCount(counter: Counter): void {
    // A second latch before the first is read is ignored (datasheet, "Counter latch command").
    if (counter.latched < 0) counter.latched = this.currentCount(counter);
  }
  private latchStatus(counter: Counter): void {
    if (counter.latchedStatus >= 0) return;
    counter.latchedStatus =
      (this.output(counter, this.elapsed(counter)) ? STATUS_OUTPUT : 0) |
      (counter.reload === 0 ? STATUS_NULL_COUNT : 0) |
      (counter.access << 4) |
      (counter.mode << 1) |
      (counter.bcd ? 1 : 0);
  }

  private readCounter(counter: Counter): number {
    if (counter.latchedStatus >= 0) {
      const status = counter.latchedStatus;
      counter.latchedStatus = -1;
      return status;
    }
    const count = counter.latched >= 0 ? counter.latched : this.currentCount(counter);
    if (counter.access === Access.lowHigh && !counter.readHighNext) {
      counter.readHighNext = true;
      return count & 0xff;
    }
    counter.readHighNext = false;
    counter.latched = -1;
    return counter.access === Access.low ? count & 0xff : count >> 8;
  }

  /** Sets nextEdgeNanos to counter 0's first rising edge that lies after `nowNanos`. */
  private schedule(nowNanos: number): void {
    const counter = this.state.counter0;
    this.state.nextEdgeNanos = Number.POSITIVE_INFINITY;
    if (counter.reload === 0 || !counter.armed) return;
    const periodic = counter.mode === 2 || counter.mode === 3;
    // Mode 2 and 3 rise when the count starts anew; mode 0 at the end of the count, mode 4 one tick after it.
    let edge = counter.startTick + counter.reload + (counter.mode === 4 ? 1 : 0);
    if (periodic) {
      const missed = Math.floor((ticksAt(nowNanos) - edge) / counter.reload);
      if (missed > 0) edge += missed * counter.reload;
      // At most two rounds: `missed` is off by one at most.
      while (nanosOfTick(edge) <= nowNanos) edge += counter.reload;
    } else if (nanosOfTick(edge) <= nowNanos) {
      return;
    }
    this.state.nextEdgeNanos = nanosOfTick(edge);
  }

  nextDeadlineNanos(): number {
    return this.state.nextEdgeNanos;
  }

  advanceTo(nowNanos: number): void {
    if (nowNanos < this.state.nextEdgeNanos) return;
    this.line.set(false);
    this.line.set(true);
    this.schedule(nowNanos);
  }

  snapshot(): DeviceSnapshot {
    return writeState('i8254', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('i8254', 1, snapshot, this.state);
    // A foreign snapshot may hold numbers that no register can hold; they must not reach the arithmetic above.
    for (const counter of this.counters) {
      if (!Number.isInteger(counter.reload) || counter.reload < 0 || counter.reload > 65_536) counter.reload = 0;
      if (!Number.isSafeInteger(counter.startTick)) counter.startTick = 0;
      if (!(counter.mode >= 0 && counter.mode <= 5)) counter.mode = 0;
    }
  }
}
