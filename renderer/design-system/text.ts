// Text layout with the prebuilt glyphs: advances, kerning, quarter-pixel phases, shortening and wrapping. Pure functions.
//
// A glyph's quad stands on whole pixels; the fraction of its pen position picks one of the four drawn phases. Characters that a
// font lacks are shown as U+FFFD where it has that, else as a question mark.

import { type FontName, type GlyphEntry, type InterfaceFont, interfaceGlyphs } from './glyph-data.ts';

export interface PlacedGlyph {
  /** Whole pixels from the text's origin: pen start and baseline. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Texels of the interface image. */
  readonly sourceX: number;
  readonly sourceY: number;
}

function fontOf(name: FontName): InterfaceFont {
  return interfaceGlyphs.fonts[name];
}

function glyphOf(font: InterfaceFont, code: number): GlyphEntry {
  return font.glyphs[code] ?? font.glyphs[0xfffd] ?? font.glyphs[0x3f];
}

/** Control characters and bidirectional overrides are shown as the replacement character: a title must read as it is. */
function visible(code: number): number {
  const hidden = code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f);
  return hidden || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ? 0xfffd : code;
}

function kerningBetween(font: InterfaceFont, previous: string, character: string): number {
  return previous === '' ? 0 : (font.kerning[previous + character] ?? 0);
}

/** Width in pixels, not rounded. */
export function measureText(text: string, name: FontName, letterSpacing = 0): number {
  const font = fontOf(name);
  let pen = 0;
  let previous = '';
  for (const character of text) {
    pen += kerningBetween(font, previous, character);
    pen += glyphOf(font, visible(character.codePointAt(0)!))[0] + letterSpacing;
    previous = character;
  }
  return pen;
}

/** @param startFraction fraction of a pixel at which the text begins (right-aligned text seldom begins on a whole one). */
export function layoutText(text: string, name: FontName, letterSpacing = 0, startFraction = 0): PlacedGlyph[] {
  const font = fontOf(name);
  const placed: PlacedGlyph[] = [];
  let pen = startFraction;
  let previous = '';
  for (const character of text) {
    pen += kerningBetween(font, previous, character);
    const glyph = glyphOf(font, visible(character.codePointAt(0)!));
    const [advance, sourceX, sourceY, width, height, offsetX, offsetY, phases] = glyph;
    if (glyph.length > 1) {
      // Rounded to the nearest phase; the last quarter of a pixel carries over to the next one.
      const steps = Math.round(pen * phases);
      const whole = Math.floor(steps / phases);
      const phase = steps - whole * phases;
      placed.push({ x: whole + offsetX, y: offsetY, width, height, sourceX: sourceX + phase * width, sourceY });
    }
    pen += advance + letterSpacing;
    previous = character;
  }
  return placed;
}

/** The text itself if it fits into `width` pixels, else its beginning and an ellipsis. */
export function shortenText(text: string, name: FontName, width: number): string {
  if (measureText(text, name) <= width) return text;
  const characters = Array.from(text);
  let low = 0;
  let high = characters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (measureText(`${characters.slice(0, middle).join('').trimEnd()}…`, name) <= width) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? '' : `${characters.slice(0, low).join('').trimEnd()}…`;
}

/** Lines of at most `width` pixels, broken at spaces; the last allowed line is shortened. */
export function wrapText(text: string, name: FontName, width: number, maxLines: number): string[] {
  const lines: string[] = [];
  let line = '';
  const words = text.split(' ');
  for (let index = 0; index < words.length; index++) {
    const candidate = line === '' ? words[index] : `${line} ${words[index]}`;
    if (line === '' || measureText(candidate, name) <= width) {
      line = candidate;
      continue;
    }
    if (lines.length === maxLines - 1) {
      lines.push(shortenText([line, ...words.slice(index)].join(' '), name, width));
      return lines;
    }
    lines.push(shortenText(line, name, width));
    line = words[index];
  }
  if (line !== '' && lines.length < maxLines) lines.push(shortenText(line, name, width));
  return lines;
}
