// What the silicon oracle hands to harness.c and to our CPU, and where things lie.
//
//   batch    "EOC2" | 4 snippets | 4 vectors in all | 4 -      then the snippets, then their vectors in order
//   snippet  4 vectors | 4 code length | 48 code
//   vector   16 x 8 general | 4 flags | 4 - | 416 FXSAVE image | 512 window
//   outcome  16 x 8 general | 8 rip | 8 cr2 | 4 flags | 4 vector | 4 error | 4 - | 416 FXSAVE image | 512 window
//
// In outcomes every byte that is not compared is zero: FOP, FIP, FDP and MXCSR_MASK of the image, flags outside FLAG_MASK, CR2
// without a page fault. So two outcomes are mostly compared as bytes.

import type { InstructionRow } from '../../../devices/cpu/table/row.ts';
import type { Pool, Random } from './values.ts';

/** Readable and executable. */
export const CODE_PAGE = 0x1000_0000;
export const CODE_ADDRESS = CODE_PAGE + 0x100;
export const CODE_BYTES = 48;
/** Two pages, zero but for the window across their boundary. */
export const DATA_PAGES = 0x2000_0000;
export const GUARD_PAGE = 0x2000_2000;
/** Of the byte 0x5a. */
export const READ_ONLY_PAGE = 0x2000_3000;
export const WINDOW_ADDRESS = DATA_PAGES + 0xf00;
export const WINDOW_BYTES = 512;
/** Base of GS on both sides. */
export const GS_BASE = 0x1fff_0000;
/** CF PF AF ZF SF DF OF. */
export const FLAG_MASK = 0xcd5;

export const FX_BYTES = 416;
export const FxOffset = { fcw: 0, fsw: 2, tags: 4, opcode: 6, mxcsr: 24, mxcsrMask: 28, stack: 32, xmm: 160 } as const;

export const HEADER_BYTES = 16;
export const SNIPPET_BYTES = 8 + CODE_BYTES;
export const VectorOffset = { general: 0, flags: 128, fx: 136, window: 136 + FX_BYTES } as const;
export const VECTOR_BYTES = VectorOffset.window + WINDOW_BYTES;
export const OutcomeOffset = {
  general: 0,
  rip: 128,
  cr2: 136,
  flags: 144,
  vector: 148,
  error: 152,
  fx: 160,
  window: 160 + FX_BYTES,
} as const;
export const OUTCOME_BYTES = OutcomeOffset.window + WINDOW_BYTES;

/** [offset in the window, length] of bytes that are not compared. */
export type WindowRange = readonly [number, number];

/** One of our two views on what a vector did: fields over the bytes of an outcome. */
export class Outcome {
  readonly view: DataView;
  readonly bytes: Uint8Array;

  constructor(source: Uint8Array, at = 0) {
    this.bytes = source.subarray(at, at + OUTCOME_BYTES);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, OUTCOME_BYTES);
  }
  general(n: number): bigint {
    return this.view.getBigUint64(n * 8, true);
  }
  setGeneral(n: number, value: bigint): void {
    this.view.setBigUint64(n * 8, value, true);
  }
  get rip(): bigint {
    return this.view.getBigUint64(OutcomeOffset.rip, true);
  }
  get cr2(): bigint {
    return this.view.getBigUint64(OutcomeOffset.cr2, true);
  }
  set cr2(value: bigint) {
    this.view.setBigUint64(OutcomeOffset.cr2, value, true);
  }
  get flags(): number {
    return this.view.getUint32(OutcomeOffset.flags, true);
  }
  set flags(value: number) {
    this.view.setUint32(OutcomeOffset.flags, value, true);
  }
  get vector(): number {
    return this.view.getUint32(OutcomeOffset.vector, true);
  }
  set vector(value: number) {
    this.view.setUint32(OutcomeOffset.vector, value, true);
  }
  get error(): number {
    return this.view.getUint32(OutcomeOffset.error, true);
  }
  set error(value: number) {
    this.view.setUint32(OutcomeOffset.error, value, true);
  }
  /** The FXSAVE image, for reading and writing. */
  get fx(): Uint8Array {
    return this.bytes.subarray(OutcomeOffset.fx, OutcomeOffset.window);
  }
  get window(): Uint8Array {
    return this.bytes.subarray(OutcomeOffset.window);
  }
  get statusWord(): number {
    return this.view.getUint16(OutcomeOffset.fx + FxOffset.fsw, true);
  }
  set statusWord(value: number) {
    this.view.setUint16(OutcomeOffset.fx + FxOffset.fsw, value, true);
  }
  get controlWord(): number {
    return this.view.getUint16(OutcomeOffset.fx + FxOffset.fcw, true);
  }
}

/** A machine state under construction: one vector of a batch, moved along with `at`. */
export class VectorState {
  readonly view: DataView;
  readonly words: Uint32Array;
  at = 0;
  /** An operand lies across a page boundary. */
  crosses = false;
  /** Bytes of the window that hold instruction or operand pointers afterwards. */
  ignored: WindowRange[] = [];

  /** `buffer` must be a multiple of four bytes long. */
  constructor(buffer: ArrayBuffer) {
    this.view = new DataView(buffer);
    this.words = new Uint32Array(buffer);
  }
  general(n: number): bigint {
    return this.view.getBigUint64(this.at + n * 8, true);
  }
  setGeneral(n: number, value: bigint): void {
    this.view.setBigUint64(this.at + n * 8, value, true);
  }
  setGeneralNumber(n: number, value: number): void {
    this.words[(this.at >> 2) + n * 2] = value;
    this.words[(this.at >> 2) + n * 2 + 1] = 0;
  }
  /** Byte position of window byte `offset` in the buffer. */
  windowAt(offset: number): number {
    return this.at + VectorOffset.window + offset;
  }
  get fxAt(): number {
    return this.at + VectorOffset.fx;
  }
}

/** Prepares part of a vector for one instruction. */
export type Setup = (state: VectorState, random: Random, pool: Pool) => void;

export interface Snippet {
  readonly seed: number;
  readonly index: number;
  readonly code: Uint8Array;
  readonly rows: readonly InstructionRow[];
  /** Rows that were given a memory operand. */
  readonly inMemory: readonly InstructionRow[];
  readonly setups: readonly Setup[];
  /** RFLAGS bits that are undefined at its end. */
  readonly undefinedFlags: number;
}
