// The terminal's screen as plain data, and the operations on it that know nothing of escape sequences.
//
//   scrollback (oldest first) | lines[0] … lines[rows - 1]      a line: Int32Array, three words a cell
//
//   word 0   code point (bits 0-20, 0 = the right half of a wide character), CellFlag << 24
//   word 1   foreground, word 2 background: DEFAULT_COLOUR, a palette index 0-255, or TRUE_COLOUR | 0xRRGGBB
//
// Invariants: every line of lines has `columns` cells, lines has `rows` entries; 0 <= row < rows, 0 <= column <= columns, where
// column == columns means that the last cell was written and the next character wraps; 0 <= top <= bottom < rows.

import { characterWidth } from '../../sdk/character-width.ts';

export const WORDS_PER_CELL = 3;
export const DEFAULT_COLOUR = -1;
export const TRUE_COLOUR = 0x1000000;
export const CellFlag = {
  bold: 1,
  italic: 2,
  underline: 4,
  strike: 8,
  wide: 16,
  inverse: 32,
  dim: 64,
  hidden: 128,
} as const;
const BLANK = 32;
export const MAX_COLUMNS = 512;
export const MAX_ROWS = 256;
/** Lines kept above the screen; at 200 columns that is 5 MiB at most. */
export const MAX_SCROLLBACK_LINES = 2000;

export interface Pen {
  flags: number;
  foreground: number;
  background: number;
}
export interface SavedCursor {
  row: number;
  column: number;
  pen: Pen;
  originMode: boolean;
  charset: number;
  graphics: boolean[];
}

export interface ScreenState {
  columns: number;
  rows: number;
  lines: Int32Array[];
  scrollback: Int32Array[];
  /** The main screen while the alternate one is shown. */
  mainLines: Int32Array[] | null;
  row: number;
  column: number;
  top: number;
  bottom: number;
  pen: Pen;
  saved: SavedCursor;
  savedMain: SavedCursor;
  tabs: boolean[];
  originMode: boolean;
  wrapMode: boolean;
  insertMode: boolean;
  /** Which of G0, G1 is in use, and whether each is DEC special graphics. */
  charset: number;
  graphics: boolean[];
  lastCharacter: number;
  /** Rows changed since they were last drawn. */
  damaged: boolean[];
}

const plainPen = (): Pen => ({ flags: 0, foreground: DEFAULT_COLOUR, background: DEFAULT_COLOUR });
export const homeCursor = (): SavedCursor => ({
  row: 0,
  column: 0,
  pen: plainPen(),
  originMode: false,
  charset: 0,
  graphics: [false, false],
});

export function createScreen(columns: number, rows: number): ScreenState {
  return {
    columns,
    rows,
    lines: Array.from({ length: rows }, () => blankLine(columns, DEFAULT_COLOUR)),
    scrollback: [],
    mainLines: null,
    row: 0,
    column: 0,
    top: 0,
    bottom: rows - 1,
    pen: plainPen(),
    saved: homeCursor(),
    savedMain: homeCursor(),
    tabs: Array.from({ length: MAX_COLUMNS }, (_, i) => i % 8 === 0),
    originMode: false,
    wrapMode: true,
    insertMode: false,
    charset: 0,
    graphics: [false, false],
    lastCharacter: 0,
    damaged: new Array<boolean>(rows).fill(true),
  };
}

export function blankLine(columns: number, background: number): Int32Array {
  const line = new Int32Array(columns * WORDS_PER_CELL);
  fillCells(line, 0, columns, background);
  return line;
}
function fillCells(line: Int32Array, from: number, to: number, background: number): void {
  for (let at = from * WORDS_PER_CELL; at < to * WORDS_PER_CELL; at += WORDS_PER_CELL) {
    line[at] = BLANK;
    line[at + 1] = DEFAULT_COLOUR;
    line[at + 2] = background;
  }
}
export function damageAll(screen: ScreenState): void {
  screen.damaged.fill(true);
}
function damageRows(screen: ScreenState, from: number, to: number): void {
  for (let row = from; row <= to; row++) screen.damaged[row] = true;
}

/** Empties cells from..to-1 with the pen's background; halves of wide characters at the edges go too. */
export function eraseCells(screen: ScreenState, row: number, from: number, to: number): void {
  const line = screen.lines[row];
  screen.damaged[row] = true;
  if (from >= to) return;
  if (from > 0) breakWide(line, from);
  if (to < screen.columns) breakWide(line, to);
  fillCells(line, from, to, screen.pen.background);
}
/** If a wide character straddles the border before `column`, both halves become blanks. */
function breakWide(line: Int32Array, column: number): void {
  const right = column * WORDS_PER_CELL;
  const left = right - WORDS_PER_CELL;
  if (right >= line.length || ((line[left] >>> 24) & CellFlag.wide) === 0 || (line[left] & 0x1fffff) === 0) return;
  line[left] = BLANK;
  line[right] = BLANK;
}

/** Moves lines top..bottom up; what leaves the top of the whole main screen goes to the scrollback. */
export function scrollUp(screen: ScreenState, count: number, keep: boolean): void {
  const { top, bottom, lines } = screen;
  const times = Math.min(count, bottom - top + 1);
  for (let i = 0; i < times; i++) {
    const [gone] = lines.splice(top, 1);
    if (keep && top === 0 && screen.mainLines === null) {
      screen.scrollback.push(gone);
      if (screen.scrollback.length > MAX_SCROLLBACK_LINES) screen.scrollback.shift();
    }
    lines.splice(bottom, 0, blankLine(screen.columns, screen.pen.background));
  }
  damageRows(screen, top, bottom);
}
export function scrollDown(screen: ScreenState, count: number): void {
  const { top, bottom, lines } = screen;
  const times = Math.min(count, bottom - top + 1);
  for (let i = 0; i < times; i++) {
    lines.splice(bottom, 1);
    lines.splice(top, 0, blankLine(screen.columns, screen.pen.background));
  }
  damageRows(screen, top, bottom);
}

export function lineFeed(screen: ScreenState): void {
  if (screen.row === screen.bottom) scrollUp(screen, 1, true);
  else if (screen.row < screen.rows - 1) screen.row++;
  if (screen.column >= screen.columns) screen.column = screen.columns - 1;
}
export function reverseLineFeed(screen: ScreenState): void {
  if (screen.row === screen.top) scrollDown(screen, 1);
  else if (screen.row > 0) screen.row--;
  if (screen.column >= screen.columns) screen.column = screen.columns - 1;
}

/** IL and DL: lines move within the margins below the cursor's row. */
export function insertLines(screen: ScreenState, count: number): void {
  moveLines(screen, count, scrollDown);
}
export function deleteLines(screen: ScreenState, count: number): void {
  moveLines(screen, count, (inner, times) => scrollUp(inner, times, false));
}
function moveLines(screen: ScreenState, count: number, move: (screen: ScreenState, count: number) => void): void {
  if (screen.row < screen.top || screen.row > screen.bottom) return;
  const { top } = screen;
  screen.top = screen.row;
  move(screen, count);
  screen.top = top;
  screen.column = 0;
}

export function insertCells(screen: ScreenState, count: number): void {
  const column = Math.min(screen.column, screen.columns - 1);
  screen.column = column;
  const times = Math.min(count, screen.columns - column);
  const line = screen.lines[screen.row];
  if (column > 0) breakWide(line, column);
  if (screen.columns - times > column) breakWide(line, screen.columns - times);
  line.copyWithin(
    (column + times) * WORDS_PER_CELL,
    column * WORDS_PER_CELL,
    (screen.columns - times) * WORDS_PER_CELL,
  );
  fillCells(line, column, column + times, screen.pen.background);
  screen.damaged[screen.row] = true;
}
export function deleteCells(screen: ScreenState, count: number): void {
  const column = Math.min(screen.column, screen.columns - 1);
  screen.column = column;
  const times = Math.min(count, screen.columns - column);
  const line = screen.lines[screen.row];
  if (column > 0) breakWide(line, column);
  if (column + times < screen.columns) breakWide(line, column + times);
  line.copyWithin(column * WORDS_PER_CELL, (column + times) * WORDS_PER_CELL);
  fillCells(line, screen.columns - times, screen.columns, screen.pen.background);
  screen.damaged[screen.row] = true;
}

/** Writes one character at the cursor. */
export function putCharacter(screen: ScreenState, codePoint: number): void {
  const width = characterWidth(codePoint);
  if (width === 0) {
    combine(screen, codePoint);
    return;
  }
  if (width > screen.columns) return;
  if (screen.column + width > screen.columns) {
    if (screen.wrapMode) {
      screen.column = 0;
      lineFeed(screen);
    } else {
      if (width === 2) return;
      screen.column = screen.columns - 1;
    }
  }
  if (screen.insertMode) insertCells(screen, width);
  const { pen, row, column } = screen;
  const line = screen.lines[row];
  if (column > 0) breakWide(line, column);
  if (column + width < screen.columns) breakWide(line, column + width);
  const at = column * WORDS_PER_CELL;
  line[at] = codePoint | ((pen.flags | (width === 2 ? CellFlag.wide : 0)) << 24);
  line[at + 1] = pen.foreground;
  line[at + 2] = pen.background;
  if (width === 2) {
    line[at + 3] = pen.flags << 24;
    line[at + 4] = pen.foreground;
    line[at + 5] = pen.background;
  }
  screen.column += width;
  screen.lastCharacter = codePoint;
  screen.damaged[row] = true;
}

/** A cell holds one code point: an accent joins its letter if Unicode has the pair as one character, else it is not shown. */
function combine(screen: ScreenState, mark: number): void {
  let column = Math.min(screen.column, screen.columns) - 1;
  const line = screen.lines[screen.row];
  if (column > 0 && (line[column * WORDS_PER_CELL] & 0x1fffff) === 0) column--;
  if (column < 0) return;
  const at = column * WORDS_PER_CELL;
  const joined = String.fromCodePoint(line[at] & 0x1fffff, mark).normalize('NFC');
  const codePoint = joined.codePointAt(0) ?? BLANK;
  if (joined.length !== (codePoint > 0xffff ? 2 : 1)) return;
  line[at] = (line[at] & ~0x1fffff) | codePoint;
  screen.damaged[screen.row] = true;
}

function resizeLine(line: Int32Array, columns: number): Int32Array {
  const resized = blankLine(columns, DEFAULT_COLOUR);
  resized.set(line.subarray(0, Math.min(line.length, resized.length)));
  if (line.length > resized.length) {
    const last = resized.length - WORDS_PER_CELL;
    if (((resized[last] >>> 24) & CellFlag.wide) !== 0) resized[last] = BLANK;
  }
  return resized;
}

/** A new size. Lines above the cursor move to the scrollback when there are too few rows, and come back when there is room. */
export function resizeScreen(screen: ScreenState, columns: number, rows: number): void {
  const width = Math.max(2, Math.min(columns, MAX_COLUMNS));
  const height = Math.max(1, Math.min(rows, MAX_ROWS));
  const fit = (lines: Int32Array[], isMain: boolean, row: number): number => {
    let cursor = row;
    while (lines.length > height) {
      if (cursor < lines.length - 1) lines.pop();
      else {
        const gone = lines.shift() as Int32Array;
        if (isMain) screen.scrollback.push(gone);
        cursor--;
      }
    }
    while (lines.length < height) {
      const back = isMain ? screen.scrollback.pop() : undefined;
      if (back !== undefined) {
        lines.unshift(back);
        cursor++;
      } else lines.push(blankLine(width, DEFAULT_COLOUR));
    }
    for (let i = 0; i < lines.length; i++)
      if (lines[i].length !== width * WORDS_PER_CELL) lines[i] = resizeLine(lines[i], width);
    return Math.max(0, cursor);
  };
  screen.row = Math.min(fit(screen.lines, screen.mainLines === null, screen.row), height - 1);
  if (screen.mainLines !== null)
    screen.savedMain.row = Math.min(fit(screen.mainLines, true, screen.savedMain.row), height - 1);
  while (screen.scrollback.length > MAX_SCROLLBACK_LINES) screen.scrollback.shift();
  screen.columns = width;
  screen.rows = height;
  screen.column = Math.min(screen.column, width - 1);
  screen.top = 0;
  screen.bottom = height - 1;
  screen.damaged = new Array<boolean>(height).fill(true);
}
