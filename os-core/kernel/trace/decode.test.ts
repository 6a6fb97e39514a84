import { expect, it } from 'vitest';
import { flagText, quote } from './decode.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it('E28: bytes are shown as C writes them', () => {
  expect(quote(bytes('a "b" \\ \t\n'), false)).toBe('"a \\"b\\" \\\\ \\t\\n"');
  expect(quote(new Uint8Array([0, 0x31, 0x1b, 0x61, 0xff]), true)).toBe('"\\0001\\33a\\377"...');
});

it('E28: flags are named, and what has no name is shown as a number', () => {
  const names = {
    fieldMask: 3,
    field: { 0: 'READ', 1: 'WRITE' },
    bits: [
      [4, 'FOUR'],
      [0x8000_0000, 'TOP'],
    ] as const,
  };
  expect(flagText(0, names)).toBe('READ');
  expect(flagText(5, names)).toBe('WRITE|FOUR');
  expect(flagText(2, names)).toBe('0x2');
  expect(flagText(0x8000_0014 | 0, names)).toBe('READ|FOUR|TOP|0x10');
  expect(flagText(0, { bits: [] })).toBe('0');
});
