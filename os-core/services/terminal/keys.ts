// Keys to the bytes that programs in a terminal expect (ctlseqs, "PC-Style Function Keys"). Key codes are those of Linux
// (input-event-codes.h); what a key types is decided by the keyboard driver's key map.

import { KeyModifier } from '../../abi/input.ts';
import type { TerminalState } from './terminal.ts';

/** CSI letter, or CSI number ~. */
const letters: Readonly<Record<number, string>> = { 103: 'A', 108: 'B', 106: 'C', 105: 'D', 102: 'H', 107: 'F' };
const numbers: Readonly<Record<number, number>> = {
  110: 2,
  111: 3,
  104: 5,
  109: 6,
  63: 15,
  64: 17,
  65: 18,
  66: 19,
  67: 20,
  68: 21,
  87: 23,
  88: 24,
};
/** F1-F4. */
const functionLetters: Readonly<Record<number, string>> = { 59: 'P', 60: 'Q', 61: 'R', 62: 'S' };
const KEY_BACKSPACE = 14;
const KEY_TAB = 15;
const KEY_ENTER = 28;
const KEY_KEYPAD_ENTER = 96;
const KEY_ESCAPE = 1;
/** Control with a character that has no letter of its own. */
const controlExtras: Readonly<Record<string, number>> = {
  ' ': 0,
  '2': 0,
  '@': 0,
  '3': 27,
  '4': 28,
  '5': 29,
  '6': 30,
  '7': 31,
  '/': 31,
  '8': 127,
};

/** UTF-8 text for a pressed key; '' when it types nothing. `character`: Unicode by the key map, 0 = none. */
export function keyText(terminal: TerminalState, key: number, character: number, modifiers: number): string {
  const shift = (modifiers & KeyModifier.shift) !== 0;
  const control = (modifiers & KeyModifier.control) !== 0;
  const alt = (modifiers & KeyModifier.alt) !== 0;
  const code = 1 + (shift ? 1 : 0) + (alt ? 2 : 0) + (control ? 4 : 0);
  const meta = alt ? '\x1b' : '';
  if (letters[key] !== undefined) {
    if (code > 1) return `\x1b[1;${code}${letters[key]}`;
    return `\x1b${terminal.applicationCursor ? 'O' : '['}${letters[key]}`;
  }
  if (numbers[key] !== undefined) return `\x1b[${numbers[key]}${code > 1 ? `;${code}` : ''}~`;
  if (functionLetters[key] !== undefined)
    return code > 1 ? `\x1b[1;${code}${functionLetters[key]}` : `\x1bO${functionLetters[key]}`;
  switch (key) {
    case KEY_BACKSPACE:
      return meta + (control ? '\b' : '\x7f');
    case KEY_TAB:
      return shift ? '\x1b[Z' : `${meta}\t`;
    case KEY_ENTER:
    case KEY_KEYPAD_ENTER:
      return `${meta}\r`;
    case KEY_ESCAPE:
      return `${meta}\x1b`;
    default:
      break;
  }
  if (character === 0 || character > 0x10ffff) return '';
  const text = String.fromCodePoint(character);
  if (control) {
    const extra = controlExtras[text];
    if (extra !== undefined) return meta + String.fromCharCode(extra);
    const upper = text.toUpperCase().charCodeAt(0);
    if (upper >= 0x40 && upper <= 0x5f) return meta + String.fromCharCode(upper & 31);
  }
  return meta + text;
}
