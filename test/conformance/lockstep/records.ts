// Reads what tracer.c writes: its head says what the records are. Registers are kept as an outcome of the silicon oracle
// (../cpu/layout.ts), so that both oracles compare in the same way; the bases of FS and GS lie at the start of the window.

import fs from 'node:fs';
import { OUTCOME_BYTES, OutcomeOffset } from '../cpu/layout.ts';

export const Kind = { step: 0, adopt: 1, check: 2, checked: 3, page: 4, maps: 5, zap: 6, end: 7, pause: 8 } as const;
export const End = { limit: 0, exited: 1, signalled: 2, thread: 3, execve: 4 } as const;

const PLAIN_WORDS = 20;
const PAGE_BYTES = 4096;
/** A record without the list of mappings is shorter. */
const LONGEST = 2 * PAGE_BYTES;
const BUFFER_BYTES = 1 << 20;
/** Where word n of a state record goes, in words of 32 bit: RAX to R15, RIP, flags, bases of FS and GS. */
const places = Array.from({ length: PLAIN_WORDS }, (_, n) =>
  n < 17 ? n * 2 : n === 17 ? OutcomeOffset.flags / 4 : OutcomeOffset.window / 4 + (n - 18) * 2,
);
const FX_PLACE = OutcomeOffset.fx / 4;

export class RecordReader {
  /** State of the native program after the last record. */
  readonly state = new Uint8Array(OUTCOME_BYTES);
  readonly stateWords = new Int32Array(this.state.buffer);
  readonly stateLongs = new BigInt64Array(this.state.buffer);
  /** Of the last CHECK or PAGE. */
  page: Uint8Array = new Uint8Array(0);
  /** Of the last CHECK, PAGE or ZAP: the address; of ZAP and MAPS: the words. */
  numbers: number[] = [];
  /** Of the last END. */
  endReason = 0;
  private readonly file: number;
  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  private readonly words = new Int32Array(this.buffer.buffer);
  private at = 0;
  private filled = 0;

  constructor(file: number) {
    this.file = file;
  }

  /** Makes `bytes` available from `at` on; false at the end of the stream. */
  private need(bytes: number): boolean {
    while (this.filled - this.at < bytes) {
      if (this.at > 0) {
        this.buffer.copyWithin(0, this.at, this.filled);
        this.filled -= this.at;
        this.at = 0;
      }
      const got = fs.readSync(this.file, this.buffer, this.filled, BUFFER_BYTES - this.filled, null);
      if (got === 0) return false;
      this.filled += got;
    }
    return true;
  }
  private number(): number {
    if (!this.need(8)) throw new Error('lockstep: the tracer ended within a record');
    const n = this.at >> 2;
    this.at += 8;
    return (this.words[n] >>> 0) + (this.words[n + 1] >>> 0) * 0x1_0000_0000;
  }

  /** Takes the next record in; its kind. */
  next(): number {
    // What is there is mostly enough; at the end of the stream it is less.
    if (this.filled - this.at < LONGEST && !this.need(8))
      throw new Error('lockstep: the tracer ended without a last word');
    const n = this.at >> 2;
    const low = this.words[n];
    const kind = this.words[n + 1] >>> 24;
    this.at += 8;
    switch (kind) {
      case Kind.step:
      case Kind.adopt:
        this.takeState(low);
        break;
      case Kind.check:
      case Kind.page:
        this.numbers = [this.number()];
        if (!this.need(PAGE_BYTES)) throw new Error('lockstep: the tracer ended within a page');
        this.page = this.buffer.subarray(this.at, this.at + PAGE_BYTES);
        this.at += PAGE_BYTES;
        break;
      case Kind.maps:
        this.numbers = Array.from({ length: this.number() * 3 }, () => this.number());
        break;
      case Kind.zap:
        this.numbers = [this.number(), this.number()];
        break;
      case Kind.end:
        this.endReason = low;
        this.numbers = [this.number()];
        break;
    }
    return kind;
  }

  private takeState(mask: number): void {
    // The longest has all words.
    if (this.filled - this.at < LONGEST && !this.need(countOf(mask) * 8)) throw new Error('lockstep: a cut record');
    let fxLow = 0;
    let fxHigh = 0;
    if ((mask & (1 << PLAIN_WORDS)) !== 0) {
      fxLow = this.words[this.at >> 2];
      fxHigh = this.words[(this.at >> 2) + 1];
      this.at += 8;
    }
    for (let left = mask & ((1 << PLAIN_WORDS) - 1); left !== 0; left &= left - 1)
      this.takeWord(places[31 - Math.clz32(left & -left)]);
    if ((fxLow | fxHigh) === 0) return;
    if (this.filled - this.at < LONGEST && !this.need((countOf(fxLow) + countOf(fxHigh)) * 8))
      throw new Error('lockstep: a cut record');
    for (let left = fxLow; left !== 0; left &= left - 1) this.takeWord(FX_PLACE + 2 * (31 - Math.clz32(left & -left)));
    for (let left = fxHigh; left !== 0; left &= left - 1)
      this.takeWord(FX_PLACE + 64 + 2 * (31 - Math.clz32(left & -left)));
  }
  private takeWord(place: number): void {
    const n = this.at >> 2;
    this.stateWords[place] = this.words[n];
    // The upper half of the flags' word is the vector of a fault, 0 here.
    this.stateWords[place + 1] = this.words[n + 1];
    this.at += 8;
  }
}

function countOf(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count++;
  return count;
}
