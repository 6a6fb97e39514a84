import { describe, expect, it } from 'vitest';
import { Uart16550 } from './uart16550.ts';

function start() {
  const wire = {
    out: [] as number[],
    in: [] as number[],
    room: 1000,
    write(source: Uint8Array): number {
      const count = Math.min(wire.room, source.length);
      wire.room -= count;
      wire.out.push(...source.subarray(0, count));
      return count;
    },
    read(target: Uint8Array): number {
      const byte = wire.in.shift();
      if (byte === undefined) return 0;
      target[0] = byte;
      return 1;
    },
    size: () => null,
  };
  const line = {
    level: false,
    set: (level: boolean): void => {
      line.level = level;
    },
  };
  const uart = new Uart16550(wire, line);
  return {
    wire,
    line,
    uart,
    read: (n: number) => uart.portRead(n, 1),
    write: (n: number, v: number) => uart.portWrite(n, 1, v),
  };
}

describe('16550A', () => {
  it('E6: every byte written goes out in order, also when the host is slow', () => {
    const { wire, uart, read, write } = start();
    write(2, 1);
    wire.room = 3;
    for (let n = 0; n < 16; n++) {
      expect(read(5) & 0x20).toBe(0x20);
      write(0, n);
    }
    wire.room = 0;
    for (let n = 16; (read(5) & 0x20) !== 0; n++) write(0, n);
    wire.room = 1000;
    uart.pollBackend();
    expect(wire.out).toEqual(Array.from({ length: wire.out.length }, (_, n) => n));
    expect(wire.out.length).toBe(19);
    expect(read(5) & 0x60).toBe(0x60);
  });

  it('divisor latch, scratch and line control read back', () => {
    const { read, write } = start();
    write(3, 0x83);
    write(0, 0x0c);
    write(1, 0x01);
    expect([read(0), read(1)]).toEqual([0x0c, 1]);
    write(3, 3);
    expect(read(1)).toBe(0);
    write(7, 0x5a);
    expect([read(7), read(3)]).toEqual([0x5a, 3]);
  });

  it('THRE interrupt: once when enabled and empty, cleared by IIR, again after a byte', () => {
    const { line, read, write } = start();
    write(4, 8);
    expect(read(2)).toBe(1);
    write(1, 2);
    expect(line.level).toBe(true);
    expect(read(2)).toBe(2);
    expect(line.level).toBe(false);
    expect(read(2)).toBe(1);
    write(0, 65);
    expect(line.level).toBe(true);
    write(4, 0); // OUT2 gates the line
    expect(line.level).toBe(false);
  });

  it('receives through the FIFO with trigger and time-out causes', () => {
    const { wire, line, uart, read, write } = start();
    write(2, 0x81); // FIFO, trigger at 8
    write(4, 8);
    write(1, 1);
    wire.in.push(...Array.from({ length: 20 }, (_, n) => n));
    uart.pollBackend();
    expect(line.level).toBe(true);
    expect(read(2)).toBe(0xc4);
    const got: number[] = [];
    while ((read(5) & 1) !== 0) {
      got.push(read(0));
      if (got.length === 10) expect(read(2)).toBe(0xcc);
    }
    expect(line.level).toBe(false);
    uart.pollBackend();
    while ((read(5) & 1) !== 0) got.push(read(0));
    expect(got).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it('loops back data and modem lines', () => {
    const { wire, read, write } = start();
    write(4, 0x1f);
    expect(read(6) & 0xf0).toBe(0xf0);
    write(4, 0x12);
    expect(read(6) & 0xf0).toBe(0x10);
    write(0, 0x77);
    expect(read(5) & 1).toBe(1);
    write(0, 0x78);
    expect(read(5) & 2).toBe(2);
    expect(read(5) & 2).toBe(0);
    expect(read(0)).toBe(0x77);
    expect(wire.out).toEqual([]);
  });

  it('keeps bytes in flight over a snapshot', () => {
    const { wire, uart, write } = start();
    write(2, 1);
    wire.room = 0;
    write(0, 1);
    write(0, 2);
    const other = start();
    other.uart.restore(uart.snapshot());
    other.uart.pollBackend();
    expect(other.wire.out).toEqual([1, 2]);
  });
});
