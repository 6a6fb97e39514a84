// Registers in locals, and the state area in memory that they are loaded from and stored to.

import { Locals } from './locals.ts';
import { VectorRegisters } from './vector-registers.ts';
import { type Code, I64, Op } from './wasm.ts';

/** A value made of a register at the start of the block: low 32 bits of register + offset, extended. */
export interface Extension {
  readonly register: number;
  readonly offset: number;
  readonly signed: boolean;
}

export class Registers extends Locals {
  /** Local of a register, -1 = not used in the region. */
  protected readonly general = new Int32Array(16).fill(-1);
  readonly vectors = this.createVectors();
  writtenGeneral = 0;
  /** Symbolic values of registers: a number for the unknown part, and a constant added to it. */
  protected readonly root = new Int32Array(16);
  protected readonly rootOffset = new Float64Array(16);
  private rootCount = 0;
  /** What some unknown parts are. */
  protected readonly extensions = new Map<number, Extension>();
  /** All bits of a general register above so many bytes are known to be 0. */
  protected readonly lowBytes = new Uint8Array(16).fill(8);
  /** Byte offset of the host area in the memory. */
  protected readonly hostArea: number;

  constructor(hostArea: number) {
    super();
    this.hostArea = hostArea;
  }

  /** A block begins: nothing is known of any register. */
  protected forgetRegisters(): void {
    this.vectors.beginBlock();
    this.lowBytes.fill(8);
    for (let n = 0; n < 16; n++) {
      this.root[n] = n;
      this.rootOffset[n] = 0;
    }
    this.rootCount = 16;
    this.extensions.clear();
  }
  /** A general register has got a value that is not known. */
  protected forgetGeneral(number: number): void {
    this.writtenGeneral |= 1 << number;
    this.root[number] = ++this.rootCount;
    this.rootOffset[number] = 0;
    this.lowBytes[number] = 8;
  }
  /** After setGeneral: all bits above so many bytes are 0. */
  noteLowBytes(number: number, bytes: number): void {
    this.lowBytes[number] = bytes;
  }
  lowBytesOf(number: number): number {
    return this.lowBytes[number];
  }

  protected generalLocal(number: number): number {
    let local = this.general[number];
    if (local < 0) {
      local = this.newLocal(I64);
      this.general[number] = local;
    }
    return local;
  }
  protected createVectors(): VectorRegisters {
    return new VectorRegisters(this.code, (type) => this.newLocal(type));
  }

  /** Pushes all 64 bits. */
  getGeneral(number: number): void {
    this.code.get(this.generalLocal(number));
  }
  /** Pops 64 bits into a register. */
  setGeneral(number: number): void {
    this.beforeWrite(number, null);
    this.code.set(this.generalLocal(number));
    this.forgetGeneral(number);
  }
  /** A general register is about to get another value: its own plus a constant, or (null) any. */
  protected beforeWrite(_number: number, _delta: number | null): void {}
  /** Pops 64 bits into a register: they are those of register `source` plus a constant. */
  setGeneralOffset(number: number, source: number, delta: number): void {
    const root = this.root[source];
    const offset = this.rootOffset[source] + delta;
    this.beforeWrite(number, number === source ? delta : null);
    this.code.set(this.generalLocal(number));
    this.forgetGeneral(number);
    this.root[number] = root;
    this.rootOffset[number] = offset;
  }
  /** Pops 64 bits into a register: they are the low 32 bits of register `source`, extended. */
  setGeneralExtended(number: number, source: number, signed: boolean): void {
    const register = this.root[source];
    const offset = this.rootOffset[source];
    this.setGeneral(number);
    if (register < 16 && offset === (offset | 0)) this.extensions.set(this.root[number], { register, offset, signed });
  }

  /** Pushes an i64 whose low `width` bytes are those of a register; `byte` is the index of an 8-bit register. */
  getRaw(width: number, number: number, byte: number): void {
    if (width !== 1) {
      this.getGeneral(number);
      return;
    }
    this.getGeneral(byte >> 3);
    if ((byte & 1) !== 0) {
      this.code.i64(8);
      this.code.op(Op.i64ShrU);
    }
  }

  /** Pops an i64 (width 8) or i32 (else) into a register, as x86 writes it: 32 bits clear the upper half, fewer keep the rest. */
  setRegister(width: number, number: number, byte: number): void {
    const { code } = this;
    if (width === 8) {
      this.setGeneral(number);
      return;
    }
    if (width === 4) {
      code.op(Op.i64ExtendI32U);
      this.setGeneral(number);
      return;
    }
    const mask = width === 2 ? 0xffff : 0xff;
    const high = width === 1 && (byte & 1) !== 0;
    const target = width === 1 ? byte >> 3 : number;
    code.i32(mask);
    code.op(Op.i32And);
    code.op(Op.i64ExtendI32U);
    if (high) {
      code.i64(8);
      code.op(Op.i64Shl);
    }
    this.getGeneral(target);
    code.i64Pair(high ? ~0xff00 : ~mask, -1);
    code.op(Op.i64And);
    code.op(Op.i64Or);
    this.setGeneral(target);
  }

  // ------------------------------------------------------------------------------- state area in memory

  /** Byte offset of a word of the state area, for a load or store with address 0. */
  stateOffset(word: number): number {
    return this.hostArea + word * 4;
  }
  storeWord(word: number, push: () => void): void {
    this.code.i32(0);
    push();
    this.code.memory(Op.i32Store, this.stateOffset(word));
  }
  storePair(word: number, local: number): void {
    this.code.i32(0);
    this.code.get(local);
    this.code.memory(Op.i64Store, this.stateOffset(word));
  }
  storeConstantPair(word: number, low: number, high: number): void {
    this.code.i32(0);
    this.code.i64Pair(low, high);
    this.code.memory(Op.i64Store, this.stateOffset(word));
  }
  /** The store alone: i32 0 and the i64 value are on the stack. */
  storePushedPair(word: number): void {
    this.code.memory(Op.i64Store, this.stateOffset(word));
  }
  pushWord(word: number): void {
    this.code.i32(0);
    this.code.memory(Op.i32Load, this.stateOffset(word));
  }
  loadWord(target: Code, word: number, local: number): void {
    target.i32(0);
    target.memory(Op.i32Load, this.stateOffset(word));
    target.set(local);
  }
  protected loadPair(target: Code, word: number, local: number): void {
    target.i32(0);
    target.memory(Op.i64Load, this.stateOffset(word));
    target.set(local);
  }

  protected storeRegisters(general: number, xmm: number): void {
    for (let n = 0; n < 16; n++) if ((general & (1 << n)) !== 0) this.storePair(n * 2, this.generalLocal(n));
    this.vectors.store(xmm, (word) => this.stateOffset(word));
  }
  protected loadRegisters(target: Code, general: number, xmm: number): void {
    for (let n = 0; n < 16; n++) if ((general & (1 << n)) !== 0) this.loadPair(target, n * 2, this.generalLocal(n));
    this.vectors.load(target, xmm, (word) => this.stateOffset(word));
  }
}
