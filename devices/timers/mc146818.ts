// MC146818A real-time clock with 128 bytes of CMOS RAM (Motorola datasheet MC146818A/D; PC use: IBM PC/AT 1-57, century in 32h).
//
//   port 0   write  index (bit 7 masks NMI)         port 1   read, write   the register
//
//   00 seconds  01 alarm  02 minutes  03 alarm  04 hours  05 alarm  06 weekday  07 day  08 month  09 year
//   0A  UIP 7 · DV 6-4 · RS 3-0          0B  SET 7 · PIE 6 · AIE 5 · UIE 4 · SQWE 3 · binary 2 · 24 hours 1 · DSE 0
//   0C  IRQF 7 · PF 6 · AF 5 · UF 4      0D  VRT 7            0E-7F  RAM (32h century)
//
// Time = the battery-backed clock at power-on + virtual time + what the guest has set. Nothing ticks: registers are computed when
// they are read, flags when register C is read or an interrupt is due. Left out: daylight saving, square wave pin.
//
// Invariant: nextDeadlineNanos() is Infinity unless an interrupt is enabled, so an idle machine may sleep.

import type { ClockBackend } from '../backends/backends.ts';
import { civilFromDays, daysFromCivil } from '../base/calendar.ts';
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

const RAM_BYTES = 128;
const Register = {
  seconds: 0,
  secondsAlarm: 1,
  minutes: 2,
  minutesAlarm: 3,
  hours: 4,
  hoursAlarm: 5,
  weekday: 6,
  day: 7,
  month: 8,
  year: 9,
  a: 10,
  b: 11,
  c: 12,
  d: 13,
  century: 0x32,
} as const;
const timeRegisters: readonly number[] = [
  Register.seconds,
  Register.minutes,
  Register.hours,
  Register.weekday,
  Register.day,
  Register.month,
  Register.year,
  Register.century,
];
const UPDATE_IN_PROGRESS = 0x80;
const B = { set: 0x80, periodic: 0x40, alarm: 0x20, update: 0x10, binary: 0x04, hours24: 0x02 } as const;
const C = { request: 0x80, periodic: 0x40, alarm: 0x20, update: 0x10 } as const;
const VALID_RAM_AND_TIME = 0x80;
const PM = 0x80;
const ALARM_WILDCARD = 0xc0;
const MILLIS_PER_DAY = 86_400_000;
/** UIP rises 244 µs before the update, which takes 1,984 µs and ends with the second (datasheet, "Update cycle"). */
const UPDATE_WINDOW_MILLIS = 2.228;

/** Hertz of the periodic interrupt by RS with the 32,768 Hz base; 0 = off. */
function periodicHertz(registerA: number): number {
  const select = registerA & 15;
  if (select === 0) return 0;
  return select <= 2 ? 256 / select : 32_768 >> (select - 1);
}

export class Mc146818 implements PortDevice, TimedDevice, Snapshotable {
  private readonly clock: VirtualClock;
  private readonly line: InterruptLine;
  private readonly state = {
    index: 0,
    ram: new Uint8Array(RAM_BYTES),
    /** Part of the state: a restored machine goes on with its own time. */
    powerOnUnixMillis: 0,
    /** What the guest has set the clock ahead by; whole, so that seconds begin at exact nanoseconds. */
    offsetMillis: 0,
    flags: 0,
    lastSecond: 0,
    lastPeriod: 0,
  };

  constructor(clock: VirtualClock, line: InterruptLine, backend: ClockBackend) {
    this.clock = clock;
    this.line = line;
    this.state.powerOnUnixMillis = Math.floor(backend.powerOnUnixMillis);
    this.state.ram[Register.a] = 0x26;
    this.state.ram[Register.b] = B.hours24;
    this.state.lastSecond = this.secondNow();
  }

  portRead(offset: number, _width: AccessWidth): number {
    return offset === 0 ? 0xff : this.readRegister(this.state.index);
  }
  portWrite(offset: number, _width: AccessWidth, value: number): void {
    if (offset === 0) this.state.index = value & 0x7f;
    else this.writeRegister(this.state.index, value & 0xff);
  }

  /** Milliseconds since 1970 as the clock has it (also for the firmware's GetTime). */
  millisNow(): number {
    return this.state.powerOnUnixMillis + this.state.offsetMillis + this.clock.nowNanos() / 1e6;
  }
  private secondNow(): number {
    return Math.floor(this.millisNow() / 1000);
  }
  private periodNow(hertz: number): number {
    // The small addend outweighs rounding, so that at nextDeadlineNanos() the period has passed.
    return Math.floor((this.clock.nowNanos() * hertz) / 1e9 + 1e-6);
  }
  private get frozen(): boolean {
    return (this.state.ram[Register.b] & B.set) !== 0;
  }

  private readRegister(register: number): number {
    switch (register) {
      case Register.secondsAlarm:
      case Register.minutesAlarm:
      case Register.hoursAlarm:
        return this.state.ram[register];
      case Register.a:
        return (this.state.ram[Register.a] & 0x7f) | (this.updating() ? UPDATE_IN_PROGRESS : 0);
      case Register.c: {
        this.collectFlags();
        const flags = this.state.flags | (this.requested() ? C.request : 0);
        this.state.flags = 0;
        this.line.set(false);
        return flags;
      }
      case Register.d:
        return VALID_RAM_AND_TIME;
      case Register.century:
        return this.timeRegister(register);
      default:
        return register < Register.a ? this.timeRegister(register) : this.state.ram[register];
    }
  }

  private writeRegister(register: number, value: number): void {
    const ram = this.state.ram;
    switch (register) {
      case Register.secondsAlarm:
      case Register.minutesAlarm:
      case Register.hoursAlarm:
        ram[register] = value;
        break;
      case Register.a:
        ram[Register.a] = value & 0x7f;
        this.state.lastPeriod = this.periodNow(periodicHertz(value));
        break;
      case Register.b:
        this.writeB(value);
        break;
      case Register.c:
      case Register.d:
        break;
      default:
        if (register < Register.a || register === Register.century) this.setTimeRegister(register, value);
        else ram[register] = value;
    }
  }

  private writeB(value: number): void {
    const state = this.state;
    const wasFrozen = this.frozen;
    this.collectFlags();
    state.ram[Register.b] = value & ~B.set;
    if ((value & B.set) !== 0) {
      // While SET is on the time registers stand still in RAM, each for itself, until SET goes off.
      if (!wasFrozen) for (const register of timeRegisters) state.ram[register] = this.timeRegister(register);
      state.ram[Register.b] = value & ~B.update; // SET clears UIE (datasheet, "Register B")
    } else if (wasFrozen) {
      this.setTime(timeRegisters.map((register) => state.ram[register]));
    }
    this.updateLine();
  }

  private updating(): boolean {
    if (this.frozen) return false;
    const millis = this.millisNow();
    return 1000 - (millis - Math.floor(millis / 1000) * 1000) <= UPDATE_WINDOW_MILLIS;
  }

  private timeRegister(register: number): number {
    if (this.frozen) return this.state.ram[register];
    const seconds = this.secondNow();
    const days = Math.floor(seconds / 86_400);
    const date = civilFromDays(days);
    switch (register) {
      case Register.seconds:
        return this.encode(seconds % 60);
      case Register.minutes:
        return this.encode(Math.floor(seconds / 60) % 60);
      case Register.hours:
        return this.encodeHour(Math.floor(seconds / 3600) % 24);
      case Register.weekday:
        return this.encode(((days + 4) % 7) + 1); // 1970-01-01 was a Thursday; 1 = Sunday
      case Register.day:
        return this.encode(date.day);
      case Register.month:
        return this.encode(date.month);
      case Register.year:
        return this.encode(date.year % 100);
      default:
        return this.encode(Math.floor(date.year / 100));
    }
  }

  private setTimeRegister(register: number, value: number): void {
    if (this.frozen) this.state.ram[register] = value;
    else this.setTime(timeRegisters.map((each) => (each === register ? value : this.timeRegister(each))));
  }

  /** Sets the clock to the values of `timeRegisters`. The weekday follows from the date. */
  private setTime([second, minute, hour, , day, month, year, century]: readonly number[]): void {
    const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
    // Seconds are counted from 1970 here: an earlier date shows as that.
    const fullYear = clamp(this.decode(century) * 100 + (this.decode(year) % 100), 1970, 9999);
    const days = daysFromCivil(fullYear, clamp(this.decode(month), 1, 12), clamp(this.decode(day), 1, 31));
    const seconds = (this.decodeHour(hour) * 60 + (this.decode(minute) % 60)) * 60 + (this.decode(second) % 60);
    // Setting the seconds restarts the divider chain: the second begins now.
    this.state.offsetMillis += Math.round(days * MILLIS_PER_DAY + seconds * 1000 - this.millisNow());
    this.state.lastSecond = this.secondNow();
  }

  private encode(value: number): number {
    if ((this.state.ram[Register.b] & B.binary) !== 0) return value;
    return (Math.floor(value / 10) << 4) | (value % 10);
  }
  private decode(value: number): number {
    if ((this.state.ram[Register.b] & B.binary) !== 0) return value;
    return (value >> 4) * 10 + (value & 15);
  }
  private encodeHour(hour: number): number {
    if ((this.state.ram[Register.b] & B.hours24) !== 0) return this.encode(hour);
    return this.encode(hour % 12 === 0 ? 12 : hour % 12) | (hour >= 12 ? PM : 0);
  }
  private decodeHour(value: number): number {
    if ((this.state.ram[Register.b] & B.hours24) !== 0) return this.decode(value) % 24;
    return (this.decode(value & ~PM) % 12) + ((value & PM) !== 0 ? 12 : 0);
  }

  private alarmMatches(): boolean {
    return (
      this.alarmField(Register.secondsAlarm, Register.seconds) &&
      this.alarmField(Register.minutesAlarm, Register.minutes) &&
      this.alarmField(Register.hoursAlarm, Register.hours)
    );
  }
  private alarmField(alarm: number, register: number): boolean {
    const value = this.state.ram[alarm];
    return value >= ALARM_WILDCARD || value === this.timeRegister(register);
  }

  /** Sets the flags of what has happened since the last look. */
  private collectFlags(): void {
    const state = this.state;
    const second = this.secondNow();
    if (second !== state.lastSecond && !this.frozen) {
      state.lastSecond = second;
      state.flags |= C.update;
      if (this.alarmMatches()) state.flags |= C.alarm;
    }
    const hertz = periodicHertz(state.ram[Register.a]);
    const period = hertz === 0 ? state.lastPeriod : this.periodNow(hertz);
    if (period !== state.lastPeriod) {
      state.lastPeriod = period;
      state.flags |= C.periodic;
    }
  }
  private requested(): boolean {
    return (this.state.flags & this.state.ram[Register.b] & (B.periodic | B.alarm | B.update)) !== 0;
  }
  private updateLine(): void {
    this.line.set(this.requested());
  }

  nextDeadlineNanos(): number {
    const enabled = this.state.ram[Register.b];
    let next = Number.POSITIVE_INFINITY;
    // With the request pending already there is nothing more to say until register C is read.
    if (this.requested()) return next;
    if ((enabled & (B.alarm | B.update)) !== 0 && !this.frozen) {
      const millisLeft = (this.state.lastSecond + 1) * 1000 - this.state.powerOnUnixMillis - this.state.offsetMillis;
      next = Math.ceil(millisLeft * 1e6);
    }
    const hertz = periodicHertz(this.state.ram[Register.a]);
    if ((enabled & B.periodic) !== 0 && hertz > 0)
      next = Math.min(next, Math.ceil(((this.state.lastPeriod + 1) * 1e9) / hertz));
    return next;
  }

  advanceTo(_nowNanos: number): void {
    this.collectFlags();
    this.updateLine();
  }

  snapshot(): DeviceSnapshot {
    return writeState('mc146818', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('mc146818', 1, snapshot, this.state);
    this.state.index &= 0x7f;
    if (!Number.isSafeInteger(this.state.offsetMillis)) this.state.offsetMillis = 0;
    if (!Number.isSafeInteger(this.state.powerOnUnixMillis)) this.state.powerOnUnixMillis = 0;
    if (!Number.isSafeInteger(this.state.lastSecond)) this.state.lastSecond = this.secondNow();
  }
}
