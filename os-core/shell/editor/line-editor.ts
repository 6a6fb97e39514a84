// Editing one line at a terminal, as plain data: bytes in, an action out. Drawing is in render(). Keys are those of GNU
// readline's Emacs mode: arrows, Home, End, Ctrl-A/E/B/F/H/D/K/U/W/Y/T/L/P/N, Alt-B/F/D/Backspace, Tab.

import { characterWidth } from '../../sdk/character-width.ts';

export interface EditorState {
  columns: number;
  text: string;
  /** Index into text (UTF-16), never inside a surrogate pair. */
  cursor: number;
  /** Bytes of a key that is not complete. */
  pending: number[];
  /** Line of history shown; null: the line being written. */
  historyIndex: number | null;
  draft: string;
  /** Row of the cursor below the prompt's first row, as drawn. */
  cursorRow: number;
  lastKeyWasTab: boolean;
}

export type EditorAction = 'none' | 'redraw' | 'accept' | 'interrupt' | 'end' | 'clear' | 'complete' | 'bell';

const MAX_LINE_LENGTH = 64 * 1024;
const MAX_PENDING_BYTES = 16;

export function createEditor(columns: number): EditorState {
  return {
    columns,
    text: '',
    cursor: 0,
    pending: [],
    historyIndex: null,
    draft: '',
    cursorRow: 0,
    lastKeyWasTab: false,
  };
}

function before(text: string, index: number): number {
  if (index <= 0) return 0;
  const low = text.charCodeAt(index - 1);
  let at = index - (low >= 0xdc00 && low <= 0xdfff && index >= 2 ? 2 : 1);
  // A combining character is deleted and passed over together with its base.
  if (at > 0 && characterWidth(text.codePointAt(at) ?? 32) === 0) at = before(text, at);
  return at;
}
function after(text: string, index: number): number {
  let at = index;
  do at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  while (at < text.length && characterWidth(text.codePointAt(at) ?? 32) === 0);
  return Math.min(at, text.length);
}
const isWordCharacter = (c: string): boolean => /[\p{L}\p{N}_]/u.test(c);
function wordBefore(text: string, index: number): number {
  let at = index;
  while (at > 0 && !isWordCharacter(text[at - 1])) at--;
  while (at > 0 && isWordCharacter(text[at - 1])) at--;
  return at;
}
function wordAfter(text: string, index: number): number {
  let at = index;
  while (at < text.length && !isWordCharacter(text[at])) at++;
  while (at < text.length && isWordCharacter(text[at])) at++;
  return at;
}

export function insertText(editor: EditorState, text: string): void {
  if (editor.text.length + text.length > MAX_LINE_LENGTH) return;
  editor.text = editor.text.slice(0, editor.cursor) + text + editor.text.slice(editor.cursor);
  editor.cursor += text.length;
}
function cut(editor: EditorState, from: number, to: number): string {
  const removed = editor.text.slice(from, to);
  editor.text = editor.text.slice(0, from) + editor.text.slice(to);
  editor.cursor = from;
  return removed;
}

/** `killed`: the cut text, shared by all lines of a shell. */
export interface EditorContext {
  readonly history: readonly string[];
  killed: string;
}

function showHistory(editor: EditorState, context: EditorContext, step: -1 | 1): EditorAction {
  const now = editor.historyIndex ?? context.history.length;
  const next = now + step;
  if (next < 0 || next > context.history.length) return 'bell';
  if (editor.historyIndex === null) editor.draft = editor.text;
  editor.historyIndex = next === context.history.length ? null : next;
  editor.text = editor.historyIndex === null ? editor.draft : context.history[next];
  editor.cursor = editor.text.length;
  return 'redraw';
}

function kill(editor: EditorState, context: EditorContext, from: number, to: number): EditorAction {
  if (from === to) return 'bell';
  context.killed = cut(editor, from, to);
  return 'redraw';
}

type Key = (editor: EditorState, context: EditorContext) => EditorAction;
const move =
  (to: (editor: EditorState) => number): Key =>
  (editor) => {
    editor.cursor = to(editor);
    return 'redraw';
  };
const left = move((e) => before(e.text, e.cursor));
const right = move((e) => after(e.text, e.cursor));
const home = move(() => 0);
const end = move((e) => e.text.length);
const wordLeft = move((e) => wordBefore(e.text, e.cursor));
const wordRight = move((e) => wordAfter(e.text, e.cursor));
const deleteNext: Key = (editor) => {
  if (editor.cursor >= editor.text.length) return 'bell';
  cut(editor, editor.cursor, after(editor.text, editor.cursor));
  return 'redraw';
};
const deletePrevious: Key = (editor) => {
  if (editor.cursor === 0) return 'bell';
  cut(editor, before(editor.text, editor.cursor), editor.cursor);
  return 'redraw';
};
const older: Key = (editor, context) => showHistory(editor, context, -1);
const newer: Key = (editor, context) => showHistory(editor, context, 1);

const controlKeys: Readonly<Record<number, Key>> = {
  1: home,
  2: left,
  3: () => 'interrupt',
  4: (editor, context) => (editor.text === '' ? 'end' : deleteNext(editor, context)),
  5: end,
  6: right,
  8: deletePrevious,
  9: () => 'complete',
  10: () => 'accept',
  11: (editor, context) => kill(editor, context, editor.cursor, editor.text.length),
  12: () => 'clear',
  13: () => 'accept',
  14: newer,
  16: older,
  20: (editor) => {
    if (editor.cursor === 0 || editor.text.length < 2) return 'bell';
    if (editor.cursor === editor.text.length) editor.cursor = before(editor.text, editor.cursor);
    const start = before(editor.text, editor.cursor);
    const stop = after(editor.text, editor.cursor);
    const swapped = editor.text.slice(editor.cursor, stop) + editor.text.slice(start, editor.cursor);
    editor.text = editor.text.slice(0, start) + swapped + editor.text.slice(stop);
    editor.cursor = stop;
    return 'redraw';
  },
  21: (editor, context) => kill(editor, context, 0, editor.cursor),
  23: (editor, context) => {
    let from = editor.cursor;
    while (from > 0 && editor.text[from - 1] === ' ') from--;
    while (from > 0 && editor.text[from - 1] !== ' ') from--;
    return kill(editor, context, from, editor.cursor);
  },
  25: (editor, context) => {
    if (context.killed === '') return 'bell';
    insertText(editor, context.killed);
    return 'redraw';
  },
  127: deletePrevious,
};

const sequences: Readonly<Record<string, Key>> = {
  '[A': older,
  '[B': newer,
  '[C': right,
  '[D': left,
  '[H': home,
  '[F': end,
  OA: older,
  OB: newer,
  OC: right,
  OD: left,
  OH: home,
  OF: end,
  '[1~': home,
  '[7~': home,
  '[4~': end,
  '[8~': end,
  '[3~': deleteNext,
  '[1;5C': wordRight,
  '[1;5D': wordLeft,
  '[1;3C': wordRight,
  '[1;3D': wordLeft,
  b: wordLeft,
  f: wordRight,
  d: (editor, context) => kill(editor, context, editor.cursor, wordAfter(editor.text, editor.cursor)),
  '\x7f': (editor, context) => kill(editor, context, wordBefore(editor.text, editor.cursor), editor.cursor),
};

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Takes one byte of terminal input. */
export function editByte(editor: EditorState, byte: number, context: EditorContext): EditorAction {
  const { pending } = editor;
  if (pending.length > 0 && pending[0] === 0x1b) return escapeByte(editor, byte, context);
  if (pending.length > 0 || byte >= 0x80) {
    pending.push(byte);
    const first = pending[0];
    const wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (pending.length < wanted && (byte & 0xc0) !== 0x40 && byte >= 0x80) return 'none';
    const bytes = new Uint8Array(pending);
    editor.pending = [];
    try {
      insertText(editor, decoder.decode(bytes));
    } catch {
      return 'bell'; // Not UTF-8: such a key is not text.
    }
    return 'redraw';
  }
  if (byte === 0x1b) {
    pending.push(byte);
    return 'none';
  }
  const key = controlKeys[byte];
  const wasTab = editor.lastKeyWasTab;
  editor.lastKeyWasTab = false;
  if (key !== undefined) {
    const action = key(editor, context);
    if (action === 'complete') editor.lastKeyWasTab = wasTab;
    return action;
  }
  if (byte < 0x20) return 'bell';
  insertText(editor, String.fromCharCode(byte));
  return 'redraw';
}

function escapeByte(editor: EditorState, byte: number, context: EditorContext): EditorAction {
  const { pending } = editor;
  pending.push(byte);
  const introducer = pending[1];
  const isFirst = pending.length === 2;
  if (isFirst && (byte === 0x5b || byte === 0x4f)) return 'none';
  if (introducer === 0x5b && !isFirst && (byte < 0x40 || byte > 0x7e)) {
    if (pending.length <= MAX_PENDING_BYTES) return 'none';
    editor.pending = [];
    return 'bell';
  }
  const key = sequences[String.fromCharCode(...pending.slice(1))];
  editor.pending = [];
  return key === undefined ? 'bell' : key(editor, context);
}

interface Place {
  row: number;
  column: number;
}
function advance(place: Place, text: string, columns: number): void {
  for (const c of text) {
    if (c === '\n') {
      place.row++;
      place.column = 0;
      continue;
    }
    const width = characterWidth(c.codePointAt(0) ?? 32);
    if (place.column + width > columns) {
      place.row++;
      place.column = 0;
    }
    place.column += width;
  }
}

/** Draws prompt and line anew from the prompt's first row and puts the cursor in its place. Unicode text for the terminal. */
export function render(editor: EditorState, prompt: string): string {
  const { columns } = editor;
  const place: Place = { row: 0, column: 0 };
  // Colours take no place.
  advance(place, prompt.replace(/\x1b\[[0-9;]*m/g, ''), columns);
  advance(place, editor.text.slice(0, editor.cursor), columns);
  const cursor = { ...place };
  advance(place, editor.text.slice(editor.cursor), columns);
  let output = editor.cursorRow > 0 ? `\x1b[${editor.cursorRow}A` : '';
  output += `\r${prompt}${editor.text.replace(/\n/g, '\r\n')}\x1b[J`;
  if (place.column === columns) {
    // The terminal holds the cursor back at the edge: step over it.
    output += '\r\n';
    place.row++;
    place.column = 0;
  }
  if (cursor.column === columns) {
    cursor.row++;
    cursor.column = 0;
  }
  if (place.row > cursor.row) output += `\x1b[${place.row - cursor.row}A`;
  output += '\r';
  if (cursor.column > 0) output += `\x1b[${cursor.column}C`;
  editor.cursorRow = cursor.row;
  return output;
}
