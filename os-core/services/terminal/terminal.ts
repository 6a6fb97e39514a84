// A terminal in the manner of xterm: bytes of a program in, a screen (screen.ts), replies and a title out. Plain data.
// Sources: ECMA-48 5th edition; DEC STD 070; "XTerm Control Sequences" (ctlseqs). The parser is the state machine of DEC's
// VT500 series (vt100.net/emu/dec_ansi_parser): unknown sequences are read to their end and ignored.
//
// Left out: sixel and other device control strings, character sets besides DEC special graphics, double-size lines.

import { selectRendition } from './rendition.ts';
import {
  blankLine,
  createScreen,
  DEFAULT_COLOUR,
  damageAll,
  deleteCells,
  deleteLines,
  eraseCells,
  homeCursor,
  insertCells,
  insertLines,
  lineFeed,
  putCharacter,
  resizeScreen,
  reverseLineFeed,
  type SavedCursor,
  type ScreenState,
  scrollDown,
  scrollUp,
} from './screen.ts';

export interface TerminalState {
  screen: ScreenState;
  mode: 'ground' | 'escape' | 'charset' | 'sequence' | 'ignore' | 'title' | 'string';
  /** UTF-8: the character so far, bytes missing, smallest value allowed. */
  partial: number;
  missing: number;
  smallest: number;
  parameters: number[];
  /** Parameter i was joined to the one before by a colon. */
  joined: boolean[];
  prefix: string;
  intermediate: string;
  text: string;
  escapeInString: boolean;
  title: string;
  /** What the terminal says back to the program. */
  reply: string;
  bell: boolean;
  cursorVisible: boolean;
  cursorShape: 'block' | 'bar';
  applicationCursor: boolean;
  bracketedPaste: boolean;
  focusEvents: boolean;
  /** 0 none, 1000 clicks, 1002 also drags, 1003 all movement. */
  mouseMode: number;
  mouseSgr: boolean;
}

const MAX_PARAMETERS = 32;
const MAX_PARAMETER = 65535;
const MAX_TEXT = 4096;
const MAX_REPLY = 4096;

export function createTerminal(columns: number, rows: number): TerminalState {
  return {
    screen: createScreen(columns, rows),
    mode: 'ground',
    partial: 0,
    missing: 0,
    smallest: 0,
    parameters: [],
    joined: [],
    prefix: '',
    intermediate: '',
    text: '',
    escapeInString: false,
    title: '',
    reply: '',
    bell: false,
    cursorVisible: true,
    cursorShape: 'block',
    applicationCursor: false,
    bracketedPaste: false,
    focusEvents: false,
    mouseMode: 0,
    mouseSgr: false,
  };
}

export function resizeTerminal(terminal: TerminalState, columns: number, rows: number): void {
  resizeScreen(terminal.screen, columns, rows);
}

/** Takes output of the program. */
export function feedTerminal(terminal: TerminalState, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) decodeByte(terminal, bytes[i]);
}

/** UTF-8 with U+FFFD for what is not well-formed (Unicode 15, section 3.9). */
function decodeByte(terminal: TerminalState, byte: number): void {
  if (terminal.missing > 0) {
    if ((byte & 0xc0) === 0x80) {
      terminal.partial = (terminal.partial << 6) | (byte & 0x3f);
      if (--terminal.missing > 0) return;
      const { partial, smallest } = terminal;
      const isValid = partial >= smallest && partial <= 0x10ffff && (partial < 0xd800 || partial > 0xdfff);
      takeCharacter(terminal, isValid ? partial : 0xfffd);
      return;
    }
    terminal.missing = 0;
    takeCharacter(terminal, 0xfffd);
  }
  if (byte < 0x80) takeCharacter(terminal, byte);
  else if (byte >= 0xc2 && byte < 0xe0) begin(terminal, byte & 0x1f, 1, 0x80);
  else if (byte >= 0xe0 && byte < 0xf0) begin(terminal, byte & 0x0f, 2, 0x800);
  else if (byte >= 0xf0 && byte < 0xf5) begin(terminal, byte & 0x07, 3, 0x10000);
  else takeCharacter(terminal, 0xfffd);
}
function begin(terminal: TerminalState, partial: number, missing: number, smallest: number): void {
  terminal.partial = partial;
  terminal.missing = missing;
  terminal.smallest = smallest;
}

/** DEC special graphics, 0x60 to 0x7e. */
const lineGraphics = '◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·';

function takeCharacter(terminal: TerminalState, code: number): void {
  const { screen } = terminal;
  if (terminal.mode === 'title' || terminal.mode === 'string') {
    stringCharacter(terminal, code);
    return;
  }
  if (code < 0x20 || code === 0x7f) {
    control(terminal, code);
    return;
  }
  switch (terminal.mode) {
    case 'ground': {
      if (code >= 0x80 && code < 0xa0) return;
      const isGraphic = screen.graphics[screen.charset] && code >= 0x60 && code <= 0x7e;
      putCharacter(screen, isGraphic ? lineGraphics.charCodeAt(code - 0x60) : code);
      return;
    }
    case 'escape':
      escapeFinal(terminal, code);
      return;
    case 'charset':
      terminal.mode = 'ground';
      if (terminal.intermediate === '(') screen.graphics[0] = code === 0x30;
      if (terminal.intermediate === ')') screen.graphics[1] = code === 0x30;
      if (terminal.intermediate === '#' && code === 0x38) alignmentPattern(screen);
      return;
    default:
      sequenceCharacter(terminal, code);
  }
}

function control(terminal: TerminalState, code: number): void {
  const { screen } = terminal;
  switch (code) {
    case 0x07:
      terminal.bell = true;
      return;
    case 0x08:
      screen.column = Math.min(screen.column, screen.columns - 1);
      if (screen.column > 0) screen.column--;
      return;
    case 0x09:
      if (screen.column < screen.columns) tab(screen, 1);
      return;
    case 0x0a:
    case 0x0b:
    case 0x0c:
      lineFeed(screen);
      return;
    case 0x0d:
      screen.column = 0;
      return;
    case 0x0e:
      screen.charset = 1;
      return;
    case 0x0f:
      screen.charset = 0;
      return;
    case 0x18:
    case 0x1a:
      terminal.mode = 'ground';
      return;
    case 0x1b:
      terminal.mode = 'escape';
      terminal.intermediate = '';
      return;
    default:
  }
}

function tab(screen: ScreenState, count: number): void {
  let column = Math.min(screen.column, screen.columns - 1);
  for (let i = 0; i < count && column < screen.columns - 1; i++) {
    do column++;
    while (column < screen.columns - 1 && !screen.tabs[column]);
  }
  screen.column = column;
}
function tabBack(screen: ScreenState, count: number): void {
  if (screen.column >= screen.columns) return;
  let { column } = screen;
  for (let i = 0; i < count && column > 0; i++) {
    do column--;
    while (column > 0 && !screen.tabs[column]);
  }
  screen.column = column;
}

function alignmentPattern(screen: ScreenState): void {
  screen.row = 0;
  screen.column = 0;
  for (const line of screen.lines)
    for (let at = 0; at < line.length; at += 3) {
      line[at] = 0x45;
      line[at + 1] = DEFAULT_COLOUR;
      line[at + 2] = DEFAULT_COLOUR;
    }
  damageAll(screen);
}

function stringCharacter(terminal: TerminalState, code: number): void {
  if (terminal.escapeInString) {
    terminal.escapeInString = false;
    endString(terminal);
    if (code !== 0x5c) {
      terminal.mode = 'escape';
      terminal.intermediate = '';
      takeCharacter(terminal, code);
    }
    return;
  }
  if (code === 0x1b) terminal.escapeInString = true;
  else if (code === 0x07 && terminal.mode === 'title') endString(terminal);
  else if (code === 0x18 || code === 0x1a) terminal.mode = 'ground';
  else if (code >= 0x20 && terminal.text.length < MAX_TEXT) terminal.text += String.fromCodePoint(code);
}
/** OSC 0 and 2 set the title; other strings are only read past. */
function endString(terminal: TerminalState): void {
  if (terminal.mode === 'title') {
    const match = /^[02];([\s\S]*)$/.exec(terminal.text);
    if (match !== null) terminal.title = match[1].slice(0, 256);
  }
  terminal.mode = 'ground';
  terminal.text = '';
}

function escapeFinal(terminal: TerminalState, code: number): void {
  const { screen } = terminal;
  terminal.mode = 'ground';
  switch (String.fromCharCode(code)) {
    case '[':
      terminal.mode = 'sequence';
      terminal.parameters = [];
      terminal.joined = [];
      terminal.prefix = '';
      terminal.intermediate = '';
      return;
    case ']':
      terminal.mode = 'title';
      terminal.text = '';
      return;
    case 'P':
    case 'X':
    case '^':
    case '_':
      terminal.mode = 'string';
      terminal.text = '';
      return;
    case '(':
    case ')':
    case '*':
    case '+':
    case '-':
    case '.':
    case '#':
    case '%':
    case ' ':
      terminal.mode = 'charset';
      terminal.intermediate = String.fromCharCode(code);
      return;
    case 'D':
      lineFeed(screen);
      return;
    case 'E':
      screen.column = 0;
      lineFeed(screen);
      return;
    case 'M':
      reverseLineFeed(screen);
      return;
    case 'H':
      if (screen.column < MAX_PARAMETER) screen.tabs[screen.column] = true;
      return;
    case '7':
      screen.saved = cursorNow(screen);
      return;
    case '8':
      restoreCursor(screen, screen.saved);
      return;
    case 'c':
      reset(terminal);
      return;
    default:
  }
}

function reset(terminal: TerminalState): void {
  const fresh = createTerminal(terminal.screen.columns, terminal.screen.rows);
  const { reply, title } = terminal;
  fresh.screen.scrollback = terminal.screen.scrollback;
  Object.assign(terminal, fresh, { reply, title });
}

function cursorNow(screen: ScreenState): SavedCursor {
  return {
    row: screen.row,
    column: screen.column,
    pen: { ...screen.pen },
    originMode: screen.originMode,
    charset: screen.charset,
    graphics: [...screen.graphics],
  };
}
function restoreCursor(screen: ScreenState, saved: SavedCursor): void {
  screen.row = Math.min(saved.row, screen.rows - 1);
  screen.column = Math.min(saved.column, screen.columns);
  screen.pen = { ...saved.pen };
  screen.originMode = saved.originMode;
  screen.charset = saved.charset;
  screen.graphics = [...saved.graphics];
}

function sequenceCharacter(terminal: TerminalState, code: number): void {
  const c = String.fromCharCode(code);
  if (code >= 0x40) {
    const isKnown = terminal.mode === 'sequence' && code < 0x7f;
    terminal.mode = 'ground';
    if (isKnown) runSequence(terminal, terminal.prefix + terminal.intermediate + c);
    return;
  }
  if (terminal.mode === 'ignore') return;
  const { parameters, joined } = terminal;
  if (code >= 0x30 && code <= 0x39) {
    if (parameters.length === 0) {
      parameters.push(0);
      joined.push(false);
    }
    const last = parameters.length - 1;
    parameters[last] = Math.min(Math.max(parameters[last], 0) * 10 + (code - 0x30), MAX_PARAMETER);
  } else if (c === ';' || c === ':') {
    if (parameters.length === 0) {
      parameters.push(0);
      joined.push(false);
    }
    if (parameters.length >= MAX_PARAMETERS) terminal.mode = 'ignore';
    else {
      parameters.push(0);
      joined.push(c === ':');
    }
  } else if (code >= 0x3c && parameters.length === 0 && terminal.prefix === '') terminal.prefix = c;
  else if (code < 0x30 && terminal.intermediate === '') terminal.intermediate = c;
  else terminal.mode = 'ignore';
}

type Action = (terminal: TerminalState, first: number, second: number) => void;
/** A count: absent or 0 means 1. */
const count =
  (action: (screen: ScreenState, times: number) => void): Action =>
  ({ screen }, first) =>
    action(screen, Math.max(1, first));

/** Rows as the program counts them: from the top margin in origin mode. */
function goTo(screen: ScreenState, row: number, column: number): void {
  const from = screen.originMode ? screen.top : 0;
  const to = screen.originMode ? screen.bottom : screen.rows - 1;
  screen.row = Math.max(from, Math.min(row + from, to));
  screen.column = Math.max(0, Math.min(column, screen.columns - 1));
}
function moveBy(screen: ScreenState, rows: number, columns: number): void {
  const column = Math.min(screen.column, screen.columns - 1);
  screen.column = Math.max(0, Math.min(column + columns, screen.columns - 1));
  // Margins stop the cursor only from inside (DEC STD 070).
  if (rows < 0) screen.row = Math.max(screen.row + rows, screen.row >= screen.top ? screen.top : 0);
  if (rows > 0) screen.row = Math.min(screen.row + rows, screen.row <= screen.bottom ? screen.bottom : screen.rows - 1);
}

function eraseDisplay({ screen }: TerminalState, what: number): void {
  const { row, column, columns, rows } = screen;
  if (what === 0) {
    eraseCells(screen, row, column, columns);
    for (let i = row + 1; i < rows; i++) eraseCells(screen, i, 0, columns);
  } else if (what === 1) {
    for (let i = 0; i < row; i++) eraseCells(screen, i, 0, columns);
    eraseCells(screen, row, 0, Math.min(column + 1, columns));
  } else if (what === 2) for (let i = 0; i < rows; i++) eraseCells(screen, i, 0, columns);
  else if (what === 3) screen.scrollback = [];
}
function eraseLine({ screen }: TerminalState, what: number): void {
  const { row, column, columns } = screen;
  if (what === 0) eraseCells(screen, row, column, columns);
  else if (what === 1) eraseCells(screen, row, 0, Math.min(column + 1, columns));
  else if (what === 2) eraseCells(screen, row, 0, columns);
}
function setMargins({ screen }: TerminalState, first: number, second: number): void {
  const top = Math.max(1, first);
  const bottom = second === 0 || second > screen.rows ? screen.rows : second;
  if (bottom <= top) return;
  screen.top = top - 1;
  screen.bottom = bottom - 1;
  goTo(screen, 0, 0);
}

function repeat({ screen }: TerminalState, first: number): void {
  if (screen.lastCharacter === 0) return;
  const times = Math.min(Math.max(1, first), screen.columns * screen.rows);
  const code = screen.lastCharacter;
  for (let i = 0; i < times; i++) putCharacter(screen, code);
}

function say(terminal: TerminalState, text: string): void {
  if (terminal.reply.length < MAX_REPLY) terminal.reply += text;
}
function reportStatus(terminal: TerminalState, what: number): void {
  const { screen } = terminal;
  if (what === 5) say(terminal, '\x1b[0n');
  const row = screen.row - (screen.originMode ? screen.top : 0) + 1;
  if (what === 6) say(terminal, `\x1b[${row};${Math.min(screen.column, screen.columns - 1) + 1}R`);
}

const sequences: Readonly<Record<string, Action>> = {
  '@': count(insertCells),
  A: count((screen, n) => moveBy(screen, -n, 0)),
  B: count((screen, n) => moveBy(screen, n, 0)),
  C: count((screen, n) => moveBy(screen, 0, n)),
  D: count((screen, n) => moveBy(screen, 0, -n)),
  E: count((screen, n) => {
    moveBy(screen, n, 0);
    screen.column = 0;
  }),
  F: count((screen, n) => {
    moveBy(screen, -n, 0);
    screen.column = 0;
  }),
  G: count((screen, n) => {
    screen.column = Math.min(n, screen.columns) - 1;
  }),
  '`': count((screen, n) => {
    screen.column = Math.min(n, screen.columns) - 1;
  }),
  H: ({ screen }, first, second) => goTo(screen, Math.max(1, first) - 1, Math.max(1, second) - 1),
  f: ({ screen }, first, second) => goTo(screen, Math.max(1, first) - 1, Math.max(1, second) - 1),
  d: count((screen, n) => goTo(screen, n - 1, Math.min(screen.column, screen.columns - 1))),
  a: count((screen, n) => moveBy(screen, 0, n)),
  e: count((screen, n) => moveBy(screen, n, 0)),
  I: count(tab),
  Z: count(tabBack),
  J: eraseDisplay,
  K: eraseLine,
  L: count(insertLines),
  M: count(deleteLines),
  P: count(deleteCells),
  S: count((screen, n) => scrollUp(screen, n, false)),
  T: count(scrollDown),
  X: count((screen, n) => {
    screen.column = Math.min(screen.column, screen.columns - 1);
    eraseCells(screen, screen.row, screen.column, Math.min(screen.column + n, screen.columns));
  }),
  b: repeat,
  c: (terminal, first) => {
    if (first === 0) say(terminal, '\x1b[?62;22c');
  },
  '>c': (terminal, first) => {
    if (first === 0) say(terminal, '\x1b[>0;0;0c');
  },
  g: ({ screen }, first) => {
    if (first === 0) screen.tabs[Math.min(screen.column, screen.columns - 1)] = false;
    if (first === 3) screen.tabs.fill(false);
  },
  h: ({ screen, parameters }) => {
    if (parameters.includes(4)) screen.insertMode = true;
  },
  l: ({ screen, parameters }) => {
    if (parameters.includes(4)) screen.insertMode = false;
  },
  m: ({ screen, parameters, joined }) => selectRendition(screen.pen, parameters, joined),
  n: reportStatus,
  r: setMargins,
  s: ({ screen }) => {
    screen.saved = cursorNow(screen);
  },
  u: ({ screen }) => restoreCursor(screen, screen.saved),
  '!p': ({ screen }) => {
    screen.originMode = false;
    screen.insertMode = false;
    screen.wrapMode = true;
    screen.top = 0;
    screen.bottom = screen.rows - 1;
    screen.pen = homeCursor().pen;
    screen.saved = homeCursor();
    screen.graphics = [false, false];
    screen.charset = 0;
  },
  ' q': (terminal, first) => {
    terminal.cursorShape = first >= 5 ? 'bar' : 'block';
  },
  '?h': (terminal) => terminal.parameters.forEach((mode) => setMode(terminal, mode, true)),
  '?l': (terminal) => terminal.parameters.forEach((mode) => setMode(terminal, mode, false)),
};

function runSequence(terminal: TerminalState, name: string): void {
  const [first = 0, second = 0] = terminal.parameters;
  if (Object.hasOwn(sequences, name)) sequences[name](terminal, first, second);
}

/** DECSET and DECRST. */
function setMode(terminal: TerminalState, mode: number, on: boolean): void {
  const { screen } = terminal;
  switch (mode) {
    case 1:
      terminal.applicationCursor = on;
      return;
    case 6:
      screen.originMode = on;
      goTo(screen, 0, 0);
      return;
    case 7:
      screen.wrapMode = on;
      return;
    case 25:
      terminal.cursorVisible = on;
      screen.damaged[screen.row] = true;
      return;
    case 47:
    case 1047:
      alternate(screen, on);
      return;
    case 1048:
      if (on) screen.saved = cursorNow(screen);
      else restoreCursor(screen, screen.saved);
      return;
    case 1049:
      if (on && screen.mainLines === null) screen.savedMain = cursorNow(screen);
      if (on) alternate(screen, true);
      else if (screen.mainLines !== null) {
        alternate(screen, false);
        restoreCursor(screen, screen.savedMain);
      }
      return;
    case 1000:
    case 1002:
    case 1003:
      terminal.mouseMode = on ? mode : 0;
      return;
    case 1004:
      terminal.focusEvents = on;
      return;
    case 1006:
      terminal.mouseSgr = on;
      return;
    case 2004:
      terminal.bracketedPaste = on;
      return;
    default:
  }
}

function alternate(screen: ScreenState, on: boolean): void {
  if (on === (screen.mainLines !== null)) return;
  if (on) {
    screen.mainLines = screen.lines;
    screen.lines = Array.from({ length: screen.rows }, () => blankLine(screen.columns, screen.pen.background));
  } else {
    screen.lines = screen.mainLines ?? screen.lines;
    screen.mainLines = null;
  }
  damageAll(screen);
}
