import { describe, expect, test } from 'vitest';
import { scancodesOf } from './scancodes.ts';

describe('scan codes', () => {
  test('E7: letters, extended keys and Pause as in the PS/2 manual', () => {
    expect(scancodesOf('KeyA', true)).toEqual([0x1e]);
    expect(scancodesOf('KeyA', false)).toEqual([0x9e]);
    expect(scancodesOf('Enter', true)).toEqual([0x1c]);
    expect(scancodesOf('NumpadEnter', true)).toEqual([0xe0, 0x1c]);
    expect(scancodesOf('ControlRight', false)).toEqual([0xe0, 0x9d]);
    expect(scancodesOf('ArrowUp', true)).toEqual([0xe0, 0x48]);
    expect(scancodesOf('Delete', false)).toEqual([0xe0, 0xd3]);
    expect(scancodesOf('Pause', true)).toEqual([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]);
    expect(scancodesOf('Pause', false)).toBeNull();
  });

  test('E7: what a PS/2 keyboard does not have gives nothing, also names of Object.prototype', () => {
    for (const code of ['', 'BrightnessUp', 'constructor', '__proto__', 'toString']) {
      expect(scancodesOf(code, true)).toBeNull();
    }
  });
});
