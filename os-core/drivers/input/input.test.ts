import { describe, expect, it } from 'vitest';
import { InputKind, KeyAction, KeyModifier } from '../../abi/input.ts';
import { InputNode, InputQueue } from './input-queue.ts';
import { Keyboard } from './keyboard.ts';
import { characterOf, germanKeyMap, keyMaps } from './keymaps.ts';
import { Mouse } from './mouse.ts';
import { ScanCodeDecoder } from './scan-code-decoder.ts';

function drain(queue: InputQueue): number[][] {
  const view = new DataView(new ArrayBuffer(16));
  const found: number[][] = [];
  for (; queue.length > 0; queue.discard(1)) {
    queue.emit(0, view, 0);
    found.push([0, 4, 8, 12].map((at) => view.getUint32(at, true)));
  }
  return found;
}
function readerOf(node: InputNode): InputQueue {
  const file = node.open();
  return (file as unknown as { queue: InputQueue }).queue;
}
const packet = (dx: number, dy: number, buttons = 0): number[] => [
  8 | buttons | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0),
  dx & 0xff,
  dy & 0xff,
];

describe('keyboard', () => {
  it('decodes plain, extended and Pause sequences', () => {
    const decoder = new ScanCodeDecoder();
    const events = [0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x39, 0xfa, 0x00]
      .map((byte) => (decoder.decode(byte) ? `${decoder.keyCode}${decoder.pressed ? '+' : '-'}` : ''))
      .filter((event) => event !== '');
    expect(events).toEqual(['30+', '30-', '103+', '103-', '119+', '57+']);
  });

  it('gives characters, repeats and modifiers; a stray release is no event', () => {
    const node = new InputNode('keyboard', 64);
    const keyboard = new Keyboard(node);
    const queue = readerOf(node);
    for (const byte of [0x9e, 0x2a, 0x1e, 0x1e, 0x9e, 0xaa, 0x1e]) keyboard.receive(byte);
    const shiftedA = ((KeyModifier.shift << 24) | 65) >>> 0;
    expect(drain(queue).slice(1)).toEqual([
      [InputKind.key, 30, KeyAction.press, shiftedA],
      [InputKind.key, 30, KeyAction.repeat, shiftedA],
      [InputKind.key, 30, KeyAction.release, shiftedA],
      [InputKind.key, 42, KeyAction.release, 0],
      [InputKind.key, 30, KeyAction.press, 97],
    ]);
  });

  it('key maps: levels have equal lengths, German has its letters and AltGr', () => {
    for (const map of keyMaps)
      for (const [, plain, shift, altGr] of map.rows) {
        expect(shift.length).toBe(plain.length);
        expect(altGr.length === 0 || altGr.length === plain.length).toBe(true);
      }
    const type = (code: number, shift = false, altGr = false, caps = false): string =>
      String.fromCharCode(characterOf(germanKeyMap, code, shift, altGr, caps, false));
    expect([type(21), type(44), type(26), type(26, false, false, true), type(12)]).toEqual(['z', 'y', 'ü', 'Ü', 'ß']);
    expect([type(16, false, true), type(18, false, true), type(12, false, true), type(86, false, true)]).toEqual([
      '@',
      '€',
      '\\',
      '|',
    ]);
  });
});

describe('mouse', () => {
  it('E8: resyncs after any lost byte and ends on the expected pixel', () => {
    for (let lost = 0; lost < 3; lost++) {
      const node = new InputNode('mouse', 65);
      const mouse = new Mouse(node, 1280, 800);
      let now = 1e9;
      const send = (bytes: number[]): void => {
        for (const byte of bytes) {
          now += 1e6;
          mouse.receive(byte, now);
        }
        now += 100e6;
      };
      send(packet(10, -20));
      send(packet(3, 3).filter((_, index) => index !== lost));
      send(packet(5, -6, 1));
      send(packet(-7, 0, 0));
      expect([mouse.x, mouse.y], `byte ${lost} lost`).toEqual([640 + 10 + 5 - 7, 400 + 20 + 6]);
      expect(mouse.resyncs).toBeGreaterThan(0);
    }
  });

  it('E8: without a pause, bit 3 finds the way back within a few packets', () => {
    const node = new InputNode('mouse', 65);
    const mouse = new Mouse(node, 1280, 800);
    let now = 1e9;
    const stream = [...packet(1, 1).slice(1), ...Array.from({ length: 50 }, () => packet(2, -2)).flat()];
    for (const byte of stream) {
      now += 1e6;
      mouse.receive(byte, now);
    }
    expect([mouse.x, mouse.y]).toEqual([640 + 100, 400 + 100]);
  });
});

describe('input queue', () => {
  it('E8: merges movements with the same buttons, keeps clicks and where they were', () => {
    const queue = new InputQueue();
    const places = (moves: readonly (readonly [x: number, buttons: number])[]) => {
      for (const [x, buttons] of moves) queue.push(InputKind.pointer, x, 0, buttons);
      return drain(queue).map(([, x, , buttons]) => [x, buttons]);
    };
    const first = places([
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 1],
      [5, 1],
      [5, 0],
      [6, 0],
      [7, 0],
    ]);
    expect(first).toEqual([
      [2, 0],
      [3, 1],
      [5, 1],
      [5, 0],
      [7, 0],
    ]);
    // Also when the reader has taken all that was before.
    const second = places([
      [8, 0],
      [9, 0],
      [9, 1],
    ]);
    expect(second).toEqual([
      [9, 0],
      [9, 1],
    ]);
    const third = places([
      [9, 0],
      [10, 0],
    ]);
    expect(third).toEqual([
      [9, 0],
      [10, 0],
    ]);
  });

  it('an overflow leaves one record that says so, then what came after it', () => {
    const queue = new InputQueue();
    for (let i = 0; i < 1025; i++) queue.push(InputKind.key, i, 1, 0);
    expect(drain(queue)).toEqual([
      [InputKind.lost, 0, 0, 0],
      [InputKind.key, 1024, 1, 0],
    ]);
  });
});
