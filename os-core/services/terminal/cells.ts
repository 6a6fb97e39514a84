// Screen lines as the display's cells (os-core/abi/display.ts): colours resolved, cursor and selection marked.

import { CELL_BYTES, CellAttribute } from '../../abi/display.ts';
import { colour, terminalPalette } from '../../design-tokens/tokens.ts';
import { CellFlag, DEFAULT_COLOUR, TRUE_COLOUR, WORDS_PER_CELL } from './screen.ts';
import type { TerminalState } from './terminal.ts';

const cubeLevels = [0, 95, 135, 175, 215, 255] as const;

/** 0xRRGGBB of a palette index: 16 named, a 6x6x6 cube, 24 greys (xterm). */
export function paletteColour(index: number): number {
  if (index < 16) return terminalPalette[index];
  if (index >= 232) return (8 + (index - 232) * 10) * 0x010101;
  const n = index - 16;
  return (cubeLevels[Math.floor(n / 36)] << 16) | (cubeLevels[Math.floor(n / 6) % 6] << 8) | cubeLevels[n % 6];
}
function resolve(value: number, otherwise: number): number {
  if (value === DEFAULT_COLOUR) return otherwise;
  return (value & TRUE_COLOUR) !== 0 ? value & 0xffffff : paletteColour(value);
}
/** Two thirds of the way from background to foreground. */
function dimmed(foreground: number, background: number): number {
  const mix = (shift: number): number =>
    Math.round((((foreground >> shift) & 255) * 2 + ((background >> shift) & 255)) / 3) << shift;
  return mix(16) | mix(8) | mix(0);
}

/** Writes a row of cells at `at`. `line` may be one of the scrollback with another width. */
export function writeCells(
  view: DataView,
  at: number,
  line: Int32Array,
  columns: number,
  cursor: { readonly column: number; readonly shape: 'block' | 'bar' } | null,
  selected: { readonly from: number; readonly to: number } | null = null,
): void {
  for (let column = 0; column < columns; column++) {
    const from = column * WORDS_PER_CELL;
    const inside = from < line.length;
    const word = inside ? line[from] : 32;
    const flags = word >>> 24;
    let foreground = resolve(inside ? line[from + 1] : DEFAULT_COLOUR, colour.terminalInk);
    let background = resolve(inside ? line[from + 2] : DEFAULT_COLOUR, colour.terminal);
    if ((flags & CellFlag.inverse) !== 0) [foreground, background] = [background, foreground];
    if ((flags & CellFlag.dim) !== 0) foreground = dimmed(foreground, background);
    if ((flags & CellFlag.hidden) !== 0) foreground = background;
    if (selected !== null && column >= selected.from && column < selected.to) {
      foreground = colour.surface;
      background = colour.deepAccent;
    }
    let attributes = flags & (CellFlag.bold | CellFlag.italic | CellFlag.underline | CellFlag.strike | CellFlag.wide);
    if (cursor !== null && cursor.column === column)
      attributes |= cursor.shape === 'bar' ? CellAttribute.cursorBar : CellAttribute.cursorBlock;
    const target = at + column * CELL_BYTES;
    view.setUint32(target, ((word & 0x1fffff) | (attributes << 24)) >>> 0, true);
    view.setUint32(target + 4, foreground, true);
    view.setUint32(target + 8, background, true);
  }
}

/** The lines shown when scrolled back by `offset` lines. */
export function visibleLine({ screen }: TerminalState, row: number, offset: number): Int32Array {
  const index = screen.scrollback.length - offset + row;
  return index < screen.scrollback.length
    ? screen.scrollback[Math.max(0, index)]
    : screen.lines[index - screen.scrollback.length];
}
