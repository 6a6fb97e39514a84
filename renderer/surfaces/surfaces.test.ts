import { describe, expect, test } from 'vitest';
import { terminalGlyphs } from '../design-system/glyph-data.ts';
import { blankSlot, CellStyle, fallbackSlot, glyphSlot } from './glyph-slots.ts';

describe('terminal glyphs', () => {
  test('D3: each face has its own glyphs, blanks and missing characters have one each', () => {
    const faces = [0, CellStyle.bold, CellStyle.italic, CellStyle.bold | CellStyle.italic];
    expect(new Set(faces.map((style) => glyphSlot(0x41, style))).size).toBe(4);
    expect(glyphSlot(0, 0)).toBe(blankSlot);
    expect(glyphSlot(0x20, CellStyle.bold)).toBe(blankSlot);
    expect(glyphSlot(0x4e2d, 0)).toBe(fallbackSlot);
    expect(glyphSlot(0x1fffff, 127)).toBe(fallbackSlot);
    // Italic faces hold Latin letters only: others are shown upright.
    expect(glyphSlot(0x42f, CellStyle.italic)).toBe(glyphSlot(0x42f, 0));
    expect(glyphSlot(0x42f, CellStyle.italic | CellStyle.bold)).toBe(glyphSlot(0x42f, CellStyle.bold));
  });

  test('D3: every slot lies in the image', () => {
    const slots =
      (terminalGlyphs.width / terminalGlyphs.cellWidth) * (terminalGlyphs.height / terminalGlyphs.cellHeight);
    for (let code = 0; code < 0x11000; code++) expect(glyphSlot(code, code & 3)).toBeLessThan(slots);
    for (let code = 0x2500; code <= 0x259f; code++) expect(glyphSlot(code, 0)).not.toBe(fallbackSlot);
  });
});
