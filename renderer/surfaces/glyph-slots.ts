// Code point and style -> slot of the terminal's glyph image. Slots count through the image row by row.

import { type TerminalFace, terminalGlyphs } from '../design-system/glyph-data.ts';

/** Attribute bits of a cell, as in the display ABI (os-core/abi/display.ts). */
export const CellStyle = {
  bold: 1,
  italic: 2,
  underline: 4,
  strike: 8,
  wide: 16,
  cursorBlock: 32,
  cursorBar: 64,
} as const;

const DIRECT = 0x2800; // code points looked up by index; nothing above is common in a terminal
const MISSING = 0xffff;

function table(face: TerminalFace): { direct: Uint16Array; far: Map<number, number> } {
  const direct = new Uint16Array(DIRECT).fill(MISSING);
  const far = new Map<number, number>();
  let slot = face.firstSlot;
  for (const [first, last] of face.codes) {
    for (let code = first; code <= last; code++) {
      if (code < DIRECT) direct[code] = slot;
      else far.set(code, slot);
      slot++;
    }
  }
  return { direct, far };
}

const { regular, bold, italic, boldItalic } = terminalGlyphs.faces;
/** By bold (1) and italic (2). */
const faces = [table(regular), table(bold), table(italic), table(boldItalic)];

function lookUp(face: number, code: number): number {
  return code < DIRECT ? faces[face].direct[code] : (faces[face].far.get(code) ?? MISSING);
}

export const blankSlot = lookUp(0, 0x20);
/** Drawn for characters that the face does not have. */
export const fallbackSlot = lookUp(0, 0xfffd);

/** @param style CellStyle bits; a face without the character gives its upright sibling's. */
export function glyphSlot(code: number, style: number): number {
  if (code <= 0x20) return blankSlot; // 0 is an empty cell or the right half of a wide character
  let slot = lookUp(style & 3, code);
  if (slot === MISSING && (style & 2) !== 0) slot = lookUp(style & 1, code);
  return slot === MISSING ? fallbackSlot : slot;
}
