// What control sequences do: ESC [ prefix parameters intermediate final (ECMA-48, 8.3; "XTerm Control Sequences").

import { cursorNow, goTo, moveBy, restoreCursor, tab, tabBack } from './cursor.ts';
import { selectRendition } from './rendition.ts';
import {
  blankLine,
  damageAll,
  deleteCells,
  deleteLines,
  eraseCells,
  homeCursor,
  insertCells,
  insertLines,
  putCharacter,
  type ScreenState,
  scrollDown,
  scrollUp,
} from './screen.ts';
import type { TerminalState } from './terminal.ts';

/** What the terminal says back stays below this until the program's side takes it. */
const MAX_REPLY = 4096;

type Action = (terminal: TerminalState, first: number, second: number) => void;
/** A count: absent or 0 means 1. */
const count =
  (action: (screen: ScreenState, times: number) => void): Action =>
  ({ screen }, first) =>
    action(screen, Math.max(1, first));

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

/** `name`: prefix, intermediate and final character; the parameters stand in the terminal. Unknown ones do nothing. */
export function runSequence(terminal: TerminalState, name: string): void {
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
