import { describe, expect, it } from 'vitest';
import { I8254 } from './i8254.ts';
import { Mc146818 } from './mc146818.ts';

class Time {
  nanos = 0;
  nowNanos(): number {
    return this.nanos;
  }
}
function edgeCounter() {
  const counter = {
    edges: 0,
    level: false,
    set(level: boolean): void {
      if (level && !counter.level) counter.edges++;
      counter.level = level;
    },
  };
  return counter;
}

describe('8254', () => {
  function start(control: number, low: number, high: number) {
    const time = new Time();
    const line = edgeCounter();
    const chip = new I8254(time, line);
    line.edges = 0;
    chip.portWrite(3, 1, control);
    chip.portWrite(0, 1, low);
    chip.portWrite(0, 1, high);
    const wait = (nanos: number): void => {
      const end = time.nanos + nanos;
      while (chip.nextDeadlineNanos() <= end) {
        time.nanos = Math.max(time.nanos, chip.nextDeadlineNanos());
        chip.advanceTo(time.nanos);
        expect(chip.nextDeadlineNanos()).toBeGreaterThan(time.nanos);
      }
      time.nanos = end;
    };
    return { time, line, chip, wait };
  }

  it('E13: 11,932 in mode 2 gives 100 edges a second', () => {
    const { line, wait } = start(0x34, 0x9c, 0x2e);
    wait(10e9);
    expect(line.edges).toBeGreaterThanOrEqual(999);
    expect(line.edges).toBeLessThanOrEqual(1000);
  });

  it('mode 3 has the same rate; mode 0 gives one edge', () => {
    const square = start(0x36, 0x9c, 0x2e);
    square.wait(1e9);
    expect(square.line.edges).toBe(99);
    const once = start(0x30, 0x10, 0x27);
    expect(once.line.level).toBe(false);
    once.wait(8e6);
    expect(once.line.edges).toBe(0);
    once.wait(1e6);
    expect(once.line.edges).toBe(1);
    once.wait(1e9);
    expect(once.line.edges).toBe(1);
  });

  it('edges that were slept through are one edge', () => {
    const { time, line, chip } = start(0x34, 0x9c, 0x2e);
    time.nanos = 5e9;
    chip.advanceTo(time.nanos);
    expect(line.edges).toBe(1);
    expect(chip.nextDeadlineNanos()).toBeLessThanOrEqual(time.nanos + 10_001_000);
  });

  it('latches count and status; the count falls', () => {
    const { time, chip } = start(0x34, 0, 0);
    time.nanos = 1_000_000;
    chip.portWrite(3, 1, 0x00);
    time.nanos = 2_000_000;
    const latched = chip.portRead(0, 1) | (chip.portRead(0, 1) << 8);
    expect(latched).toBeGreaterThan(65_536 - 1200);
    expect(latched).toBeLessThan(65_536 - 1180);
    const live = chip.portRead(0, 1) | (chip.portRead(0, 1) << 8);
    expect(live).toBeLessThan(latched - 1180);
    chip.portWrite(3, 1, 0xe2);
    expect(chip.portRead(0, 1)).toBe(0xb4);
  });

  it('counter 2 runs while its gate is open and shows its output in port 61h', () => {
    const { time, chip } = start(0x34, 0x9c, 0x2e);
    chip.portWrite(3, 1, 0xb0);
    chip.portWrite(2, 1, 0xa9);
    chip.portWrite(2, 1, 0x04); // 1193 ticks: 1 ms
    const port = chip.systemControlPort;
    time.nanos += 5e6;
    expect(port.portRead(0, 1) & 0x20).toBe(0);
    port.portWrite(0, 1, 1);
    time.nanos += 900_000;
    expect(port.portRead(0, 1) & 0x21).toBe(1);
    time.nanos += 200_000;
    expect(port.portRead(0, 1) & 0x20).toBe(0x20);
  });

  it('goes on from a snapshot; impossible numbers in one do no harm', () => {
    const { time, chip, wait } = start(0x34, 0x9c, 0x2e);
    wait(123_456_789);
    const copy = new I8254(time, edgeCounter());
    copy.restore(chip.snapshot());
    expect(copy.nextDeadlineNanos()).toBe(chip.nextDeadlineNanos());
    expect(copy.portRead(0, 1)).toBe(chip.portRead(0, 1));
    const state = structuredClone(chip.snapshot().state) as { counter0: { reload: number } };
    state.counter0.reload = 1e-300;
    copy.restore({ ...chip.snapshot(), state: state as never });
    copy.advanceTo(1e12);
  });
});

describe('MC146818', () => {
  const powerOnUnixMillis = Date.UTC(2026, 1, 3, 16, 5, 6);
  function start() {
    const time = new Time();
    const line = edgeCounter();
    const chip = new Mc146818(time, line, { powerOnUnixMillis });
    const read = (register: number): number => {
      chip.portWrite(0, 1, register);
      return chip.portRead(1, 1);
    };
    const write = (register: number, value: number): void => {
      chip.portWrite(0, 1, register);
      chip.portWrite(1, 1, value);
    };
    return { time, line, chip, read, write };
  }
  const clock = [4, 2, 0, 7, 8, 9, 0x32, 6];

  it('tells the time in BCD and binary, 24 and 12 hours', () => {
    const { time, read, write } = start();
    time.nanos = 60e9;
    expect(clock.map(read)).toEqual([0x16, 0x06, 0x06, 0x03, 0x02, 0x26, 0x20, 3]);
    write(11, 6);
    expect(clock.map(read)).toEqual([16, 6, 6, 3, 2, 26, 20, 3]);
    write(11, 4);
    expect(read(4)).toBe(0x84);
    expect(read(13)).toBe(0x80);
  });

  it('can be set; while SET is on the time stands still', () => {
    const { time, read, write } = start();
    write(11, 0x82);
    time.nanos = 100e9;
    for (const [register, value] of [
      [0, 0x58],
      [2, 0x59],
      [4, 0x23],
      [7, 0x31],
      [8, 0x12],
      [9, 0x27],
    ])
      write(register, value);
    time.nanos = 200e9;
    expect(read(0)).toBe(0x58);
    write(11, 2);
    time.nanos += 2.5e9;
    expect([9, 8, 7, 4, 2, 0].map(read)).toEqual([0x28, 0x01, 0x01, 0, 0, 0]);
  });

  it('UIP is up just before the second ends', () => {
    const { time, read } = start();
    time.nanos = 0.5e9;
    expect(read(10) & 0x80).toBe(0);
    time.nanos = 0.999e9;
    expect(read(10) & 0x80).toBe(0x80);
    time.nanos = 1e9;
    expect(read(10) & 0x80).toBe(0);
  });

  it('periodic, update and alarm interrupts; register C acknowledges', () => {
    const { time, line, chip, read, write } = start();
    expect(chip.nextDeadlineNanos()).toBe(Number.POSITIVE_INFINITY);
    const run = (nanos: number): number => {
      const end = time.nanos + nanos;
      let interrupts = 0;
      while (chip.nextDeadlineNanos() <= end) {
        time.nanos = Math.max(time.nanos, chip.nextDeadlineNanos());
        chip.advanceTo(time.nanos);
        expect(line.level).toBe(true);
        interrupts++;
        expect(read(12) & 0x80).toBe(0x80);
        expect(line.level).toBe(false);
      }
      time.nanos = end;
      return interrupts;
    };
    write(11, 0x42);
    expect(run(1e9)).toBe(1024);
    write(11, 0x12);
    expect(run(10e9)).toBe(10);
    write(1, 0x30);
    write(3, 0xff);
    write(5, 0xff);
    write(11, 0x22);
    // Alarm checks wake each second; only the matching one interrupts.
    let fired = 0;
    const end = time.nanos + 60e9;
    while (chip.nextDeadlineNanos() <= end) {
      time.nanos = Math.max(time.nanos, chip.nextDeadlineNanos());
      chip.advanceTo(time.nanos);
      if (line.level) {
        fired++;
        expect(read(0)).toBe(0x30);
        read(12);
      }
    }
    expect(fired).toBe(1);
  });

  it('keeps its RAM and its time over a snapshot', () => {
    const { time, chip, write, read } = start();
    write(0x40, 0x77);
    write(2, 0x30);
    time.nanos = 1e9;
    const copy = new Mc146818(time, edgeCounter(), { powerOnUnixMillis });
    copy.restore(chip.snapshot());
    for (const register of [0x40, 2, 0]) {
      copy.portWrite(0, 1, register);
      expect(copy.portRead(1, 1)).toBe(read(register));
    }
  });
});
