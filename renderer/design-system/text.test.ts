import { describe, expect, test } from 'vitest';
import { layoutText, measureText, shortenText, wrapText } from './text.ts';

describe('text', () => {
  test('D3: a text is as wide as its advances and kerning, within a pixel of what Chromium measures', () => {
    // Measured in Chromium with Inter at 13 px, weight 600.
    expect(Math.abs(measureText('Terminal', 'semibold13') - 54)).toBeLessThan(1.5);
    expect(measureText('', 'regular13')).toBe(0);
    expect(measureText('AV', 'regular13')).toBeLessThan(measureText('A', 'regular13') + measureText('V', 'regular13'));
  });

  test('D3: glyphs stand on whole pixels, whatever the pen position', () => {
    for (const glyph of layoutText('Sunday, 22 November', 'regular13', 0, 0.37)) {
      expect(Number.isInteger(glyph.x) && Number.isInteger(glyph.sourceX)).toBe(true);
    }
    const shifted = layoutText('i', 'regular13', 0, 0.5)[0];
    const straight = layoutText('i', 'regular13')[0];
    expect(shifted.sourceX).not.toBe(straight.sourceX);
    expect(layoutText('i', 'regular13', 0, 0.99)[0]).toEqual({ ...straight, x: straight.x + 1 });
  });

  test('D3: a text that is too long ends in an ellipsis and fits', () => {
    const long = 'Inspector — pages of lua (pid 14)';
    const short = shortenText(long, 'semibold13', 100);
    expect(short.endsWith('…')).toBe(true);
    expect(measureText(short, 'semibold13')).toBeLessThanOrEqual(100);
    expect(shortenText(long, 'semibold13', 1000)).toBe(long);
    expect(shortenText(long, 'semibold13', 3)).toBe('');
  });

  test('D3: lines break at spaces; the last one allowed is shortened', () => {
    const text = '14 programs, all verified. No denied access.';
    expect(wrapText(text, 'regular12', 204, 3)).toEqual(['14 programs, all verified. No denied', 'access.']);
    const cut = wrapText(text, 'regular12', 100, 2);
    expect(cut).toHaveLength(2);
    expect(cut[1].endsWith('…')).toBe(true);
    expect(wrapText('W'.repeat(256), 'regular12', 100, 3)).toHaveLength(1);
    expect(wrapText('', 'regular12', 100, 3)).toEqual([]);
  });

  test('E39: a title cannot hide or reverse characters', () => {
    const hostile = layoutText('safe\u202Etxt.exe\u200B\u0007', 'semibold13');
    expect(hostile).toHaveLength('safe'.length + 1 + 'txt.exe'.length + 2);
  });
});
