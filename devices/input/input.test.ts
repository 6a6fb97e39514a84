import { describe, expect, it } from 'vitest';
import { I8042 } from './i8042.ts';
import { Ps2Keyboard } from './ps2-keyboard.ts';
import { Ps2Mouse } from './ps2-mouse.ts';

function start() {
  const lines = { keyboard: false, mouse: false, resets: 0 };
  const keyboard = new Ps2Keyboard();
  const mouse = new Ps2Mouse();
  const chip = new I8042(
    keyboard,
    mouse,
    { set: (level) => void Object.assign(lines, { keyboard: level }) },
    { set: (level) => void Object.assign(lines, { mouse: level }) },
    () => void lines.resets++,
  );
  const data = (value?: number): number => {
    if (value === undefined) return chip.dataPort.portRead(0, 1);
    chip.dataPort.portWrite(0, 1, value);
    return 0;
  };
  const command = (value: number, parameter?: number): void => {
    chip.commandPort.portWrite(0, 1, value);
    if (parameter !== undefined) data(parameter);
  };
  const status = (): number => chip.commandPort.portRead(0, 1);
  const drain = (): number[] => {
    const got: number[] = [];
    while ((status() & 1) !== 0) got.push(data());
    return got;
  };
  return { lines, keyboard, mouse, chip, data, command, status, drain };
}

describe('8042', () => {
  it('tests itself, keeps its command byte, tests its ports', () => {
    const { command, data, drain } = start();
    command(0xaa);
    command(0xab);
    command(0xa9);
    expect(drain()).toEqual([0x55, 0, 0]);
    command(0x60, 0x47);
    command(0x20);
    expect(data()).toBe(0x47);
    command(0xa7);
    command(0x20);
    expect(data()).toBe(0x67);
  });

  it('pulls the reset line', () => {
    const { command, lines } = start();
    command(0xff);
    expect(lines.resets).toBe(0);
    command(0xfe);
    command(0xd1, 0xfe);
    expect(lines.resets).toBe(2);
  });
});

describe('PS/2 keyboard', () => {
  it('E7: 256 break codes (512 bytes on the wire) wait and arrive in order; beyond the buffer the host is told', () => {
    const { chip, drain } = start();
    const typed = Uint8Array.from({ length: 256 }, (_, n) => 0x81 + (n % 0x58));
    expect(chip.typeScancodes(typed)).toBe(256);
    expect(drain()).toEqual([...typed]);
    expect(chip.typeScancodes(new Uint8Array(2000).fill(0x1e))).toBe(1024);
    expect(drain().length).toBe(1024);
  });

  it('every set 1 byte survives the way through set 2', () => {
    const { chip, drain } = start();
    const all = Uint8Array.from({ length: 255 }, (_, n) => n + 1);
    chip.typeScancodes(all);
    expect(drain()).toEqual([...all]);
  });

  it('without translation the guest sees set 2', () => {
    const { chip, command, drain } = start();
    command(0x60, 0x04);
    chip.typeScancodes(Uint8Array.of(0x1e, 0x9e, 0xe0, 0x48));
    expect(drain()).toEqual([0x1c, 0xf0, 0x1c, 0xe0, 0x75]);
  });

  it('each byte has its own edge on the line', () => {
    const { chip, command, data, lines } = start();
    command(0x60, 0x45);
    chip.typeScancodes(Uint8Array.of(0x1e, 0x9e));
    expect(lines.keyboard).toBe(true);
    data();
    expect(lines.keyboard).toBe(true);
    data();
    expect(lines.keyboard).toBe(false);
  });

  it('answers its commands', () => {
    const { keyboard, data, drain } = start();
    for (const [bytes, answer] of [
      [[0xff], [0xfa, 0xaa]],
      [[0xf2], [0xfa, 0xab, 0x41]], // AB 83, translated
      [[0xee], [0xee]],
      [
        [0xed, 7],
        [0xfa, 0xfa],
      ],
      [
        [0xf3, 0x20],
        [0xfa, 0xfa],
      ],
      [
        [0xf0, 0],
        [0xfa, 0xfa, 0x41],
      ], // set 2, translated
      [[0x01], [0xfe]],
      [[0xf5], [0xfa]],
      [[0xf4], [0xfa]],
    ]) {
      for (const byte of bytes) data(byte);
      expect(drain()).toEqual(answer);
    }
    expect(keyboard.leds).toBe(7);
  });

  it('goes on from a snapshot in the middle of a burst', () => {
    const { chip, keyboard, mouse, drain, data } = start();
    chip.typeScancodes(Uint8Array.of(0x1e, 0x9e, 0x30, 0xb0));
    data();
    const other = start();
    other.chip.restore(chip.snapshot());
    other.keyboard.restore(keyboard.snapshot());
    other.mouse.restore(mouse.snapshot());
    expect(other.drain()).toEqual(drain());
  });
});

describe('PS/2 mouse', () => {
  function mouse() {
    const parts = start();
    parts.command(0x60, 0x47);
    const say = (...bytes: number[]): number[] => {
      for (const byte of bytes) parts.command(0xd4, byte);
      return parts.drain();
    };
    return { ...parts, say };
  }
  const sum = (bytes: readonly number[]): [number, number] => {
    let [x, y] = [0, 0];
    for (let n = 0; n < bytes.length; n += 3) {
      expect(bytes[n] & 8).toBe(8);
      x += bytes[n + 1] - ((bytes[n] & 0x10) !== 0 ? 256 : 0);
      y += bytes[n + 2] - ((bytes[n] & 0x20) !== 0 ? 256 : 0);
    }
    return [x, y];
  };

  it('resets, identifies, tells its status', () => {
    const { say, status, command } = mouse();
    expect(say(0xff)).toEqual([0xfa, 0xaa, 0]);
    expect(say(0xf2)).toEqual([0xfa, 0]);
    expect(say(0xe8, 3, 0xf3, 40, 0xe7, 0xf4)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa]);
    expect(say(0xe9)).toEqual([0xfa, 0x30, 3, 40]);
    expect(say(0xf6, 0xe9)).toEqual([0xfa, 0xfa, 0, 2, 100]);
    expect(say(0xee, 0x12, 0xec)).toEqual([0xfa, 0x12, 0xfa]);
    command(0xd4, 0xf2);
    expect(status() & 0x21).toBe(0x21);
  });

  it('E8: packets on IRQ 12; long ways are split and end on the expected pixel', () => {
    const { say, chip, lines, drain } = mouse();
    chip.moveMouse(5, 5, 0);
    expect(drain()).toEqual([]); // reporting is off
    say(0xf4);
    chip.moveMouse(3, -4, 1);
    expect(lines.mouse).toBe(true);
    expect(drain()).toEqual([0x09, 3, 4]);
    chip.moveMouse(1000, 700, 0);
    expect(sum(drain())).toEqual([1000, -700]);
    chip.moveMouse(0, 0, 0);
    expect(drain()).toEqual([]);
    chip.moveMouse(0, 0, 4);
    expect(drain()).toEqual([0x0c, 0, 0]);
  });

  it('E8: a mouse that is knocked at has a wheel', () => {
    const { say, chip, drain } = mouse();
    say(0xf4);
    chip.moveMouse(0, 0, 0, 3);
    expect(drain()).toEqual([]);
    say(0xf5, 0xf3, 200, 0xf3, 100, 0xf3, 100, 0xf3, 80);
    expect(say(0xf2)).toEqual([0xfa, 0]);
    say(0xf3, 200, 0xf3, 100, 0xf3, 80);
    expect(say(0xf2)).toEqual([0xfa, 3]);
    say(0xf4);
    chip.moveMouse(0, 0, 0, -2);
    expect(drain()).toEqual([0x08, 0, 0, 0xfe]);
    chip.moveMouse(1, 0, 0, 10);
    expect(drain()).toEqual([0x08, 1, 0, 7, 0x08, 0, 0, 3]);
    expect(say(0xff)).toEqual([0xfa, 0xaa, 0]);
    expect(say(0xf2)).toEqual([0xfa, 0]);
  });

  it('E8: movement that finds the buffer full is counted on, not lost', () => {
    const { say, chip, drain } = mouse();
    say(0xf4);
    for (let n = 0; n < 2000; n++) chip.moveMouse(1, 0, n & 1);
    expect(sum(drain())).toEqual([2000, 0]);
    chip.moveMouse(1e9, 0, 0);
    const bytes = drain();
    expect(bytes[0] & 0x40).toBe(0x40);
  });

  /** The packets of three bytes as places where the buttons were seen: x in counts from the start. */
  const places = (bytes: readonly number[]): [x: number, buttons: number][] => {
    const seen: [number, number][] = [];
    for (let n = 0, x = 0; n < bytes.length; n += 3) {
      x += sum(bytes.slice(n, n + 3))[0];
      seen.push([x, bytes[n] & 7]);
    }
    return seen;
  };

  it('E8: a long way ends before the button that is pressed at its end', () => {
    const { say, chip, drain } = mouse();
    say(0xf4);
    chip.moveMouse(600, 0, 1);
    chip.moveMouse(300, 0, 0);
    expect(places(drain())).toEqual([
      [255, 0],
      [510, 0],
      [600, 1],
      [855, 1],
      [900, 0],
    ]);
  });

  it('E8: movement that waits for room is not carried over a change of buttons', () => {
    const { say, chip, drain } = mouse();
    say(0xf4);
    for (let n = 0; n < 1000; n++) chip.moveMouse(1, 0, 0);
    chip.moveMouse(0, 0, 1);
    for (let n = 0; n < 700; n++) chip.moveMouse(1, 0, 1);
    chip.moveMouse(0, 0, 0);
    for (let n = 0; n < 500; n++) chip.moveMouse(1, 0, 0);
    const seen = places(drain());
    expect(seen.find(([, buttons]) => buttons === 1)?.[0]).toBe(1000);
    const held = seen.findLastIndex(([, buttons]) => buttons === 1);
    expect(seen[held + 1]).toEqual([1700, 0]);
    expect(seen.at(-1)).toEqual([2200, 0]);
  });

  it('remote mode reports when asked', () => {
    const { say, chip, drain } = mouse();
    say(0xf0, 0xf4);
    chip.moveMouse(2, 3, 2);
    expect(drain()).toEqual([]);
    expect(say(0xeb)).toEqual([0xfa, 0x2a, 2, 253]);
  });
});
