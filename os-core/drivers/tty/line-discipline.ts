// The line discipline N_TTY (POSIX.1-2017 chapter 11; behaviour of Linux' n_tty where POSIX leaves it open).
//
//   typed ──► receive() ─┬─ signal character ──► returned to the caller          program ──► write() ─► processing ─┐
//                        ├─ editing ──► line ──(newline, EOF)──► ready ──► read                                     ▼
//                        └─ echo ───────────────────────────────────────────────────────────────────────────► output ring
//
// Invariants: lineLengths describes `ready` from its start: entry k is the count of bytes of line k (0 = a lone EOF), and their
// sum <= ready.length; bytes beyond the sum are raw input. ECHO_RESERVE bytes of the output ring are for echo only.
// Left out: parity and break handling, IUCLC, OLCUC, VDISCARD, PENDIN: there is no line under it that would make them matter.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Signal } from '../../abi/signal.ts';
import { ByteRing } from '../byte-ring.ts';
import { ControlIndex, InputFlag, LocalFlag, OutputFlag, Termios } from './termios.ts';

/** N_TTY_BUF_SIZE - 1: the longest line, newline included. */
export const MAX_LINE_BYTES = 4095;
const READY_BYTES = 16 * 1024;
/** Lines that may wait: an end of file takes no byte of the ring, so lines are counted, too. */
const MAX_LINES = 4096;
const OUTPUT_BYTES = 16 * 1024;
const ECHO_RESERVE = 1024;
/** One byte of output becomes at most this many: a tab. */
const MAX_EXPANSION = 8;
const NEWLINE = 10;
const RETURN = 13;
const TAB = 9;
const BACKSPACE = 8;
const SPACE = 32;
const BELL = 7;
const CARET = 0x5e;

function isControl(byte: number): boolean {
  return byte < 32 || byte === 127;
}
function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
function isWordByte(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || byte === 95 || (byte >= 97 && byte <= 122);
}

export class LineDiscipline {
  readonly termios: Termios = new Termios();
  readonly ready: ByteRing = new ByteRing(READY_BYTES);
  readonly output: ByteRing = new ByteRing(OUTPUT_BYTES);
  private readonly line: Uint8Array = new Uint8Array(MAX_LINE_BYTES);
  private lineLength = 0;
  private lineStartColumn = 0;
  private lineLengths: number[] = [];
  private literalNext = false;
  private column = 0;
  /** ^S: output stands still. */
  stopped = false;

  private flag(flags: number, bit: number): boolean {
    return (flags & bit) !== 0;
  }
  private local(bit: number): boolean {
    return (this.termios.local & bit) !== 0;
  }
  private isCharacter(index: number, byte: number): boolean {
    const character = this.termios.characters[index];
    return character !== 0 && character === byte;
  }
  get canonical(): boolean {
    return this.local(LocalFlag.ICANON);
  }

  /** How many bytes receive() may be given now without loss. A full edit line takes (and drops) more, so that ^C gets through. */
  get receiveRoom(): number {
    if (this.lineLengths.length >= MAX_LINES) return 0;
    const room = this.ready.free - this.lineLength - 1;
    if (room > 0) return room;
    return this.canonical && this.lineLengths.length === 0 ? 1 : 0;
  }

  // ---------------------------------------------------------------- input

  /** Takes one typed byte. Returns the signal that it asks for (SIGINT, SIGQUIT, SIGTSTP), else 0. */
  receive(typed: number): number {
    let byte = typed;
    const { input } = this.termios;
    if (this.flag(input, InputFlag.ISTRIP)) byte &= 0x7f;
    if (this.literalNext) {
      this.literalNext = false;
      this.insert(byte, true);
      return 0;
    }
    if (this.flag(input, InputFlag.IXON)) {
      if (this.isCharacter(ControlIndex.START, byte)) {
        this.stopped = false;
        return 0;
      }
      if (this.isCharacter(ControlIndex.STOP, byte)) {
        this.stopped = true;
        return 0;
      }
    }
    if (this.local(LocalFlag.ISIG)) {
      const signal = this.signalFor(byte);
      if (signal !== 0) return this.interrupt(byte, signal);
    }
    if (this.stopped && this.flag(input, InputFlag.IXON) && this.flag(input, InputFlag.IXANY)) this.stopped = false;
    let converted = false;
    if (byte === RETURN) {
      if (this.flag(input, InputFlag.IGNCR)) return 0;
      converted = this.flag(input, InputFlag.ICRNL);
      if (converted) byte = NEWLINE;
    } else if (byte === NEWLINE && this.flag(input, InputFlag.INLCR)) {
      byte = RETURN;
    }
    if (this.canonical) this.edit(byte);
    else this.insert(byte, false, converted);
    return 0;
  }

  private signalFor(byte: number): number {
    if (this.isCharacter(ControlIndex.INTR, byte)) return Signal.SIGINT;
    if (this.isCharacter(ControlIndex.QUIT, byte)) return Signal.SIGQUIT;
    if (this.isCharacter(ControlIndex.SUSP, byte)) return Signal.SIGTSTP;
    return 0;
  }

  private interrupt(byte: number, signal: number): number {
    this.stopped = false;
    if (!this.local(LocalFlag.NOFLSH)) {
      this.flushInput();
      this.output.clear();
    }
    if (this.local(LocalFlag.ECHO)) this.echo(byte);
    return signal;
  }

  private edit(byte: number): void {
    if (this.isCharacter(ControlIndex.ERASE, byte)) return this.eraseCharacter();
    if (this.isCharacter(ControlIndex.KILL, byte)) return this.kill(byte);
    if (this.local(LocalFlag.IEXTEN)) {
      if (this.isCharacter(ControlIndex.WERASE, byte)) return this.eraseWord();
      if (this.isCharacter(ControlIndex.LNEXT, byte)) {
        this.literalNext = true;
        if (this.local(LocalFlag.ECHO) && this.local(LocalFlag.ECHOCTL)) {
          this.emit(CARET);
          this.emit(BACKSPACE);
        }
        return;
      }
      if (this.isCharacter(ControlIndex.REPRINT, byte) && this.local(LocalFlag.ECHO)) return this.reprint(byte);
    }
    if (byte === NEWLINE) {
      if (this.local(LocalFlag.ECHO) || this.local(LocalFlag.ECHONL)) this.emit(NEWLINE);
      return this.endLine(NEWLINE);
    }
    if (this.isCharacter(ControlIndex.EOF, byte)) return this.endLine(-1);
    if (
      this.isCharacter(ControlIndex.EOL, byte) ||
      (this.isCharacter(ControlIndex.EOL2, byte) && this.local(LocalFlag.IEXTEN))
    ) {
      if (this.local(LocalFlag.ECHO)) this.echo(byte);
      return this.endLine(byte);
    }
    this.insert(byte, true);
  }

  /** Adds a byte: to the line being edited, or (raw) to what can be read. A full buffer rings the bell if IMAXBEL. */
  private insert(byte: number, edited: boolean, showAsNewline = false): void {
    const intoLine = edited && this.canonical;
    const room = intoLine ? this.lineLength < MAX_LINE_BYTES - 1 : this.ready.free > 0;
    if (!room) {
      if (this.flag(this.termios.input, InputFlag.IMAXBEL)) this.emit(BELL);
      return;
    }
    if (intoLine && this.lineLength === 0) this.lineStartColumn = this.column;
    if (this.local(LocalFlag.ECHO)) {
      // Raw: a carriage return that became a newline is echoed as one, a typed newline as ^J (as Linux does).
      if (showAsNewline) this.emit(NEWLINE);
      else this.echo(byte);
    }
    if (intoLine) this.line[this.lineLength++] = byte;
    else this.ready.push(byte);
  }

  /** `delimiter` -1: end of file, which is not part of the line. */
  private endLine(delimiter: number): void {
    this.ready.write(this.line, 0, this.lineLength);
    let length = this.lineLength;
    if (delimiter >= 0 && this.ready.push(delimiter)) length++;
    this.lineLengths.push(length);
    this.lineLength = 0;
  }

  /** Where the last character of the line begins; -1 if the line is empty or holds only the tail of a UTF-8 sequence. */
  private lastCharacterStart(): number {
    let start = this.lineLength - 1;
    if (!this.flag(this.termios.input, InputFlag.IUTF8)) return start;
    while (start > 0 && isContinuation(this.line[start])) start--;
    return start >= 0 && isContinuation(this.line[start]) ? -1 : start;
  }

  private eraseCharacter(): void {
    const start = this.lastCharacterStart();
    if (start < 0) return;
    if (this.local(LocalFlag.ECHO) && !this.local(LocalFlag.ECHOE)) {
      this.echo(this.termios.characters[ControlIndex.ERASE]);
      this.lineLength = start;
    } else {
      this.rubOut(start);
    }
  }

  private eraseWord(): void {
    let seenWord = false;
    for (let start = this.lastCharacterStart(); start >= 0; start = this.lastCharacterStart()) {
      if (isWordByte(this.line[start])) seenWord = true;
      else if (seenWord) break;
      this.rubOut(start);
    }
  }

  private kill(byte: number): void {
    const visual = LocalFlag.ECHOE | LocalFlag.ECHOK | LocalFlag.ECHOKE;
    if (this.lineLength === 0) return;
    if (!this.local(LocalFlag.ECHO)) {
      this.lineLength = 0;
    } else if ((this.termios.local & visual) !== visual) {
      this.lineLength = 0;
      this.echo(byte);
      if (this.local(LocalFlag.ECHOK)) this.emit(NEWLINE);
    } else {
      for (let start = this.lastCharacterStart(); start >= 0; start = this.lastCharacterStart()) this.rubOut(start);
    }
  }

  /** Columns that the line's first `length` bytes reach, from where the line began. */
  private columnAfter(length: number): number {
    let column = this.lineStartColumn;
    for (let i = 0; i < length; i++) {
      const byte = this.line[i];
      if (byte === TAB) column = (column | 7) + 1;
      else if (isControl(byte)) column += this.local(LocalFlag.ECHOCTL) ? 2 : 0;
      else if (!(this.flag(this.termios.input, InputFlag.IUTF8) && isContinuation(byte))) column++;
    }
    return column;
  }

  /** Cuts the line to `length` and takes what goes off the screen. */
  private rubOut(length: number): void {
    if (this.local(LocalFlag.ECHO)) {
      const count = this.columnAfter(this.lineLength) - this.columnAfter(length);
      const isTab = this.line[length] === TAB;
      for (let i = 0; i < count; i++) {
        this.emit(BACKSPACE);
        if (isTab && !this.flag(this.termios.output, OutputFlag.OPOST) && this.column > 0) this.column--;
        if (isTab) continue;
        this.emit(SPACE);
        this.emit(BACKSPACE);
      }
    }
    this.lineLength = length;
  }

  private reprint(byte: number): void {
    this.echo(byte);
    this.emit(NEWLINE);
    this.lineStartColumn = this.column;
    for (let i = 0; i < this.lineLength; i++) this.echo(this.line[i]);
  }

  /** Shows a typed byte; control characters as ^X if ECHOCTL. */
  private echo(byte: number): void {
    if (this.local(LocalFlag.ECHOCTL) && isControl(byte) && byte !== TAB) {
      this.emit(CARET);
      this.emit(byte ^ 0x40);
      // Without output processing only what echo itself draws is counted.
      if (!this.flag(this.termios.output, OutputFlag.OPOST)) this.column += 2;
    } else {
      this.emit(byte);
    }
  }

  /** Puts an echoed byte through output processing. Echo beyond the ring is dropped, as nobody could wait for it. */
  private emit(byte: number): void {
    if (this.output.free >= MAX_EXPANSION) this.process(byte);
  }

  // ---------------------------------------------------------------- what read() sees

  /** Bytes that a read may take now; -1: a lone end of file waits. */
  get readable(): number {
    if (!this.canonical) return this.ready.length;
    const first = this.lineLengths[0];
    if (first === undefined) return 0;
    return first === 0 ? -1 : first;
  }

  /** Copies what one read of `count` bytes gives into `target` without taking it. */
  peek(target: Uint8Array, count: number): number {
    return this.ready.peek(target, 0, Math.min(count, Math.max(0, this.readable)));
  }

  /** Takes `count` bytes that peek() showed; 0 takes a lone end of file. */
  consume(count: number): void {
    if (this.canonical && this.lineLengths.length > 0) {
      this.lineLengths[0] -= count;
      if (this.lineLengths[0] <= 0) this.lineLengths.shift();
    }
    this.ready.discard(count);
  }

  /** FIONREAD: all bytes that reads could take in the present mode. */
  get readableTotal(): number {
    return this.canonical ? this.lineLengths.reduce((sum, length) => sum + length, 0) : this.ready.length;
  }

  flushInput(): void {
    this.ready.clear();
    this.lineLengths = [];
    this.lineLength = 0;
    this.literalNext = false;
  }

  /** TCSETS*: new modes, with what is buffered carried over between canonical and raw. */
  setModes(bytes: Uint8Array): void {
    const wasCanonical = this.canonical;
    this.termios.parse(bytes);
    if (!this.flag(this.termios.input, InputFlag.IXON)) this.stopped = false;
    if (wasCanonical === this.canonical) return;
    if (wasCanonical) {
      this.ready.write(this.line, 0, this.lineLength);
      this.lineLength = 0;
      this.lineLengths = [];
      this.literalNext = false;
    } else if (this.ready.length > 0) {
      // What was typed in raw mode can be read at once, as a line without an end.
      this.lineLengths = [this.ready.length];
    }
  }

  // ---------------------------------------------------------------- output

  /** Puts source[from, to) through output processing as far as there is room; returns the count taken. */
  write(source: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.output.free >= ECHO_RESERVE + MAX_EXPANSION) this.process(source[at++]);
    return at - from;
  }

  private process(byte: number): void {
    const flags = this.termios.output;
    if (!this.flag(flags, OutputFlag.OPOST)) {
      this.output.push(byte);
      return;
    }
    switch (byte) {
      case NEWLINE:
        if (this.flag(flags, OutputFlag.ONLRET)) this.column = 0;
        if (this.flag(flags, OutputFlag.ONLCR)) {
          this.output.push(RETURN);
          this.column = 0;
        }
        break;
      case RETURN:
        if (this.flag(flags, OutputFlag.ONOCR) && this.column === 0) return;
        if (this.flag(flags, OutputFlag.OCRNL)) {
          this.output.push(NEWLINE);
          if (this.flag(flags, OutputFlag.ONLRET)) this.column = 0;
          return;
        }
        this.column = 0;
        break;
      case TAB: {
        const spaces = 8 - (this.column & 7);
        this.column += spaces;
        if ((flags & OutputFlag.TABDLY) === OutputFlag.TABDLY) {
          for (let i = 0; i < spaces; i++) this.output.push(SPACE);
          return;
        }
        break;
      }
      case BACKSPACE:
        if (this.column > 0) this.column--;
        break;
      default:
        if (!isControl(byte) && !(this.flag(this.termios.input, InputFlag.IUTF8) && isContinuation(byte)))
          this.column++;
    }
    this.output.push(byte);
  }
}
registerClass('drivers.LineDiscipline', 1, LineDiscipline);
