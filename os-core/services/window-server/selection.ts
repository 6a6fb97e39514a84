// Text selected with the mouse in a terminal, and its way to and from the clipboard (os-core/abi/clipboard.ts).
//
// A place is a line, counted from the oldest one of the scrollback, and a column between two cells. Places stay where they are while
// output scrolls the screen; only when the scrollback is full do lines move, and then the selection is given up.

import { CLIPBOARD_HEADER_BYTES, MAX_CLIPBOARD_BYTES } from '../../abi/clipboard.ts';
import { terminalCell, titleBarHeight } from '../../design-tokens/tokens.ts';
import { fromByteString, toByteString } from '../../sdk/bytes.ts';
import { MAX_SCROLLBACK_LINES, WORDS_PER_CELL } from '../terminal/screen.ts';
import { CONTENT_PADDING } from './layout.ts';
import type { DesktopState, Place, Selection, WindowState } from './state.ts';

const CODE_POINT = 0x1fffff;

function lineAt({ terminal: { screen } }: WindowState, line: number): Int32Array | undefined {
  const { scrollback, lines } = screen;
  return line < scrollback.length ? scrollback[line] : lines[line - scrollback.length];
}

/** Line and column under a point of the desktop, kept inside the window's text. `between`: the nearest border of two cells. */
export function placeAt(window: WindowState, x: number, y: number, between: boolean): Place {
  const { screen } = window.terminal;
  const row = Math.floor((y - window.y - titleBarHeight - CONTENT_PADDING.y) / terminalCell.height);
  const cells = (x - window.x - CONTENT_PADDING.x) / terminalCell.width;
  const column = between ? Math.round(cells) : Math.floor(cells);
  return {
    line: screen.scrollback.length - window.scrolled + Math.max(0, Math.min(row, window.rows - 1)),
    column: Math.max(0, Math.min(column, between ? window.columns : window.columns - 1)),
  };
}

function isBefore(a: Place, b: Place): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}
function ordered({ anchor, head }: Selection): { from: Place; to: Place } {
  return isBefore(head, anchor) ? { from: head, to: anchor } : { from: anchor, to: head };
}

/** Columns from..to-1 of a line that are selected; null if none are. */
export function selectedColumns(
  desktop: DesktopState,
  window: WindowState,
  line: number,
): { readonly from: number; readonly to: number } | null {
  const { selection } = desktop;
  if (selection === null || selection.window !== window.id) return null;
  const { from, to } = ordered(selection);
  if (line < from.line || line > to.line) return null;
  const first = line === from.line ? from.column : 0;
  const last = line === to.line ? to.column : window.columns;
  return first < last ? { from: first, to: last } : null;
}

function damageLines(window: WindowState, from: number, to: number): void {
  const { screen } = window.terminal;
  const top = screen.scrollback.length - window.scrolled;
  for (let row = Math.max(0, from - top); row <= Math.min(to - top, screen.rows - 1); row++) screen.damaged[row] = true;
}
function damageSelection(desktop: DesktopState, window: WindowState): void {
  if (desktop.selection === null || desktop.selection.window !== window.id) return;
  const { from, to } = ordered(desktop.selection);
  damageLines(window, from.line, to.line);
}

export function clearSelection(desktop: DesktopState): void {
  const window = desktop.windows.find((one) => one.id === desktop.selection?.window);
  if (window !== undefined) damageSelection(desktop, window);
  desktop.selection = null;
}

export function beginSelection(desktop: DesktopState, window: WindowState, place: Place): void {
  clearSelection(desktop);
  desktop.selection = { window: window.id, anchor: place, head: place };
}

export function extendSelection(desktop: DesktopState, window: WindowState, place: Place): void {
  const { selection } = desktop;
  if (selection === null || selection.window !== window.id) return;
  const before = selection.head.line;
  if (place.line === before && place.column === selection.head.column) return;
  desktop.selection = { ...selection, head: place };
  damageLines(window, Math.min(before, place.line), Math.max(before, place.line));
}

const wordCharacter = /[\p{L}\p{N}_./~:@%+=?&#,-]/u;

/** The word under a place (a double click). */
export function selectWord(desktop: DesktopState, window: WindowState, { line, column }: Place): void {
  const cells = lineAt(window, line);
  if (cells === undefined) return;
  const inWord = (at: number): boolean => {
    const code = at >= 0 && at * WORDS_PER_CELL < cells.length ? cells[at * WORDS_PER_CELL] & CODE_POINT : 32;
    return code === 0 || wordCharacter.test(String.fromCodePoint(code));
  };
  let from = column;
  let to = column + 1;
  if (inWord(column)) {
    while (inWord(from - 1) && from > 0) from--;
    while (inWord(to) && to < window.columns) to++;
  }
  beginSelection(desktop, window, { line, column: from });
  extendSelection(desktop, window, { line, column: to });
}

/** A larger selection does not outlive output: comparing it would cost too much. */
const MAX_KEPT_LINES = 256;

/** Before new output is taken: the selected text, for afterOutput. A full scrollback will move its lines. */
export function beforeOutput(desktop: DesktopState, window: WindowState): string {
  const { selection } = desktop;
  if (selection === null || selection.window !== window.id) return '';
  const isFull = window.terminal.screen.scrollback.length >= MAX_SCROLLBACK_LINES;
  const isLarge = Math.abs(selection.anchor.line - selection.head.line) > MAX_KEPT_LINES;
  if (isFull || isLarge) clearSelection(desktop);
  return selectedText(desktop);
}
/** What was written over is no longer selected. */
export function afterOutput(desktop: DesktopState, window: WindowState, textBefore: string): void {
  if (desktop.selection?.window === window.id && selectedText(desktop) !== textBefore) clearSelection(desktop);
}

/** What is selected, as Unicode text; blanks at the ends of lines are left out. */
export function selectedText(desktop: DesktopState): string {
  const { selection } = desktop;
  const window = desktop.windows.find((one) => one.id === selection?.window);
  if (selection === null || window === undefined) return '';
  const { from, to } = ordered(selection);
  const rows: string[] = [];
  for (let line = from.line; line <= to.line; line++) {
    const cells = lineAt(window, line);
    const columns = selectedColumns(desktop, window, line);
    let text = '';
    if (cells !== undefined && columns !== null)
      for (let at = columns.from; at < columns.to && at * WORDS_PER_CELL < cells.length; at++) {
        const code = cells[at * WORDS_PER_CELL] & CODE_POINT;
        if (code !== 0) text += String.fromCodePoint(code);
      }
    rows.push(text.trimEnd());
  }
  return rows.join('\n');
}

/** Queues the selected text for the host's clipboard. False if there is none, or too much. */
export function copySelection(desktop: DesktopState): boolean {
  const bytes = toByteString(selectedText(desktop));
  if (bytes === '' || bytes.length > MAX_CLIPBOARD_BYTES || desktop.clipboardOutput !== '') return false;
  if (desktop.clipboard < 0) return false;
  const { length } = bytes;
  desktop.clipboardOutput = String.fromCharCode(length & 255, (length >> 8) & 255, (length >> 16) & 255, 0) + bytes;
  return true;
}

/** Takes bytes of the clipboard's port; the texts that are complete. Null: the host does not keep to the format. */
export function takeClipboard(desktop: DesktopState, bytes: string): string[] | null {
  const texts: string[] = [];
  desktop.clipboardInput += bytes;
  while (desktop.clipboardInput.length >= CLIPBOARD_HEADER_BYTES) {
    const input = desktop.clipboardInput;
    const length = [0, 1, 2, 3].reduce((sum, i) => sum + input.charCodeAt(i) * 256 ** i, 0);
    if (length > MAX_CLIPBOARD_BYTES) return null;
    const end = CLIPBOARD_HEADER_BYTES + length;
    if (input.length < end) break;
    texts.push(fromByteString(input.slice(CLIPBOARD_HEADER_BYTES, end)));
    desktop.clipboardInput = input.slice(end);
  }
  return texts;
}

/**
 * Pasted text as a program gets it: lines end with CR as if typed, and no control character can act as a key or end a bracketed
 * paste (ctlseqs, "Bracketed Paste Mode").
 */
export function pasteBytes(text: string, bracketed: boolean): string {
  const clean = text.replace(/\r\n?|\n/g, '\r').replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, '');
  if (clean === '') return '';
  return toByteString(bracketed ? `\x1b[200~${clean}\x1b[201~` : clean);
}
