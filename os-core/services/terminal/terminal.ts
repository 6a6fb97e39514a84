// A terminal in the manner of xterm: bytes of a program in, a screen (screen.ts), replies and a title out. Plain data.
// Sources: ECMA-48 5th edition; DEC STD 070; "XTerm Control Sequences" (ctlseqs). The parser is the state machine of DEC's
// VT500 series (vt100.net/emu/dec_ansi_parser): unknown sequences are read to their end and ignored.
//
//   bytes ─► UTF-8 ─► parser (this file) ─► sequences.ts ─► cursor.ts, rendition.ts, screen.ts
//
// Left out: sixel and other device control strings, character sets besides DEC special graphics, double-size lines.

import { cursorNow, restoreCursor, tab } from './cursor.ts';
import {
  createScreen,
  DEFAULT_COLOUR,
  damageAll,
  lineFeed,
  putCharacter,
  resizeScreen,
  reverseLineFeed,
  type ScreenState,
} from './screen.ts';
import { runSequence } from './sequences.ts';

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
