// The arithmetic flags while a region runs: operands of the last operation, and what it was, known at compile time where possible
// (flag-kinds.ts).
//
// An operand is in its local, or follows from registers (flag-sources.ts), or both. Whoever reads the locals asks for them first
// (needOperands). At the end of a block they are written for code that will not know; what nobody reads is no code.

import { FLAGS, LAZY_A_LOW, LAZY_B_LOW, LAZY_KIND } from '../state-layout.ts';
import { FIRST_STEP_KIND, flagKind, isStepKind, KIND_BITS, KIND_DYNAMIC, STEP_KINDS, What } from './flag-kinds.ts';
import { constantSource, type FlagSource, movedSource, sameSource } from './flag-sources.ts';
import { JIT_PREVIOUS_A, JIT_PREVIOUS_B, JIT_PREVIOUS_KIND } from './layout.ts';
import { Registers } from './registers.ts';
import { type Code, I32, I64, Op } from './wasm.ts';

/** Functions that regions import, in this order. */
export const HELPER_EXECUTE = 0;
export const HELPER_FLAGS = 1;
export const HELPER_COUNTING = 2;
/** Their number; those of the extended unit follow. */
export const HELPERS = 3;

/** What is known of the flags at a place in the code. */
export interface FlagState {
  readonly kind: number;
  /** Where the operands are; null: in their locals. */
  readonly a: FlagSource | null;
  readonly b: FlagSource | null;
}

export const UNKNOWN_FLAGS: FlagState = { kind: KIND_DYNAMIC, a: null, b: null };

/** What holds wherever one of two states may be. */
export function mergedFlags(one: FlagState, other: FlagState): FlagState {
  if (one.kind !== other.kind) return UNKNOWN_FLAGS;
  return {
    kind: one.kind,
    a: sameSource(one.a, other.a) ? one.a : null,
    b: sameSource(one.b, other.b) ? one.b : null,
  };
}
export function sameFlags(one: FlagState, other: FlagState): boolean {
  return one.kind === other.kind && sameSource(one.a, other.a) && sameSource(one.b, other.b);
}

/** Per general register what a block adds to it; null: it is overwritten. */
export type RegisterMoves = readonly (number | null)[];

/** The flags after a block that does not write them. */
export function flagsMoved(state: FlagState, moves: RegisterMoves): FlagState {
  let { a, b } = state;
  moves.forEach((delta, register) => {
    if (delta === 0) return;
    a = movedSource(a, register, delta);
    b = movedSource(b, register, delta);
  });
  return { kind: state.kind, a, b };
}

const NO_OPERAND = constantSource(0);

export class FlagCode extends Registers {
  usesFlags = false;
  /** Operands, FLAGS word, kind. */
  readonly flagA = this.newLocal(I64);
  readonly flagB = this.newLocal(I64);
  readonly flagWord = this.newLocal(I32);
  readonly flagKindLocal = this.newLocal(I32);
  /** Of the operation before an increment or decrement: operands and kind (flag-kinds.ts). */
  readonly previousA = this.newLocal(I64);
  readonly previousB = this.newLocal(I64);
  protected readonly previousKindLocal = this.newLocal(I32);
  protected usesPrevious = false;
  /** Compile-time knowledge of the flags. */
  kind: number = KIND_DYNAMIC;
  previousKind: number = KIND_DYNAMIC;
  private sourceA: FlagSource | null = null;
  private sourceB: FlagSource | null = null;
  /** All bits of the operands in the locals above so many bytes are 0. */
  lowBytesA = 8;
  lowBytesB = 8;
  /** The locals hold the operands. */
  private inLocalA = true;
  private inLocalB = true;
  protected flagsWritten = false;
  protected materializedLast = false;

  /** A block begins with these flags. */
  protected startFlags(state: FlagState): void {
    this.kind = state.kind;
    this.sourceA = state.a;
    this.sourceB = state.b;
    this.inLocalA = state.a === null;
    this.inLocalB = state.b === null;
    this.lowBytesA = 8;
    this.lowBytesB = 8;
    this.previousKind = KIND_DYNAMIC;
    this.flagsWritten = false;
    this.materializedLast = false;
  }

  protected get flagState(): FlagState {
    return { kind: this.kind, a: this.sourceA, b: this.sourceB };
  }
  private written(kind: number): void {
    this.kind = kind;
    this.sourceA = null;
    this.sourceB = null;
    this.inLocalA = true;
    this.inLocalB = true;
    this.lowBytesA = 8;
    this.lowBytesB = 8;
    this.usesFlags = true;
    this.flagsWritten = true;
    this.materializedLast = false;
  }

  /** The flags are now those of `what` on flagA, flagB (already set). */
  setFlagKind(what: What, width: number): void {
    this.written(flagKind(what, width));
    if (what === What.logic) this.sourceB = NO_OPERAND;
  }
  /** All six flags are in flagWord (already set). */
  setFlagBits(): void {
    this.written(KIND_BITS);
  }
  /** After setFlagKind, and after the result was written: the operands follow from registers too. */
  noteFlagSources(a: FlagSource | null, b: FlagSource | null): void {
    this.sourceA = a;
    this.sourceB = b;
  }

  protected override beforeWrite(number: number, delta: number | null): void {
    const a = movedSource(this.sourceA, number, delta);
    const b = movedSource(this.sourceB, number, delta);
    // What the register will no longer say is noted in the local here: the local is right anyhow, but from here nothing has to keep it
    // alive on the way. (The new value of the register may wait on the stack.)
    if (a === null || b === null) this.needOperands();
    this.sourceA = a;
    this.sourceB = b;
  }
  private pushSource(source: FlagSource): void {
    const { code } = this;
    const { register, other, sign, constant } = source;
    if (register < 0) {
      code.i64(constant);
      return;
    }
    this.getGeneral(register);
    if (other >= 0) {
      this.getGeneral(other);
      code.op(sign > 0 ? Op.i64Add : Op.i64Sub);
    }
    if (constant !== 0) {
      code.i64(constant);
      code.op(Op.i64Add);
    }
  }
  /** Writes the locals of the operands that are not in them. */
  protected writeOperands(): void {
    if (!this.inLocalA && this.sourceA !== null) {
      this.pushSource(this.sourceA);
      this.code.set(this.flagA);
    }
    if (!this.inLocalB && this.sourceB !== null) {
      this.pushSource(this.sourceB);
      this.code.set(this.flagB);
    }
  }
  /** Before flagA and flagB are read. */
  needOperands(): void {
    this.writeOperands();
    this.inLocalA = true;
    this.inLocalB = true;
  }

  /** Before an increment or decrement: the last operation becomes the one before, whose CF stays. */
  keepCarry(): void {
    const { code } = this;
    this.usesFlags = true;
    this.usesPrevious = true;
    if (isStepKind(this.kind)) return;
    this.needOperands();
    if (this.kind !== KIND_DYNAMIC) {
      code.get(this.flagA);
      code.set(this.previousA);
      code.get(this.flagB);
      code.set(this.previousB);
      this.previousKind = this.kind;
      return;
    }
    this.fixPreviousKind();
    this.previousKind = KIND_DYNAMIC;
    const keep = (previous: number, last: number): void => {
      code.get(previous);
      code.get(last);
      code.get(this.flagKindLocal);
      code.i32(FIRST_STEP_KIND);
      code.op(Op.i32Sub);
      code.i32(STEP_KINDS);
      code.op(Op.i32LtU);
      code.op(Op.select);
      code.set(previous);
    };
    keep(this.previousA, this.flagA);
    keep(this.previousB, this.flagB);
    keep(this.previousKindLocal, this.flagKindLocal);
  }

  /** The locals become what is known now, for code that will not know. */
  fixFlags(): void {
    if (!this.usesFlags) return;
    const { kind } = this;
    this.writeOperands();
    if (kind !== KIND_DYNAMIC) {
      this.code.i32(kind);
      this.code.set(this.flagKindLocal);
    }
    this.fixPreviousKind();
  }
  private fixPreviousKind(): void {
    if (this.previousKind === KIND_DYNAMIC || !this.usesPrevious) return;
    this.code.i32(this.previousKind);
    this.code.set(this.previousKindLocal);
  }

  /** The kind of the flags goes into its local: the instruction decides at run time what it will be. */
  makeKindDynamic(): void {
    this.needOperands();
    if (this.kind !== KIND_DYNAMIC) {
      this.code.i32(this.kind);
      this.code.set(this.flagKindLocal);
    }
    this.written(KIND_DYNAMIC);
  }

  /** Makes all six flags stand in flagWord. */
  materialize(): void {
    if (this.kind === KIND_BITS) return;
    this.storeFlags();
    this.code.call(HELPER_FLAGS);
    this.code.set(this.flagWord);
    this.written(KIND_BITS);
    this.materializedLast = true;
  }

  /** Writes the flags to the state area. */
  storeFlags(): void {
    this.usesFlags = true;
    this.needOperands();
    this.storeWord(FLAGS, () => this.code.get(this.flagWord));
    this.storeWord(LAZY_KIND, () =>
      this.kind === KIND_DYNAMIC ? this.code.get(this.flagKindLocal) : this.code.i32(this.kind),
    );
    this.storePair(LAZY_A_LOW, this.flagA);
    this.storePair(LAZY_B_LOW, this.flagB);
    if (!this.usesPrevious) return;
    this.storeWord(JIT_PREVIOUS_KIND, () =>
      this.previousKind === KIND_DYNAMIC ? this.code.get(this.previousKindLocal) : this.code.i32(this.previousKind),
    );
    this.storePair(JIT_PREVIOUS_A, this.previousA);
    this.storePair(JIT_PREVIOUS_B, this.previousB);
  }

  protected loadFlags(target: Code): void {
    if (!this.usesFlags) return;
    this.loadPair(target, LAZY_A_LOW, this.flagA);
    this.loadPair(target, LAZY_B_LOW, this.flagB);
    this.loadWord(target, FLAGS, this.flagWord);
    this.loadWord(target, LAZY_KIND, this.flagKindLocal);
    if (!this.usesPrevious) return;
    this.loadPair(target, JIT_PREVIOUS_A, this.previousA);
    this.loadPair(target, JIT_PREVIOUS_B, this.previousB);
    this.loadWord(target, JIT_PREVIOUS_KIND, this.previousKindLocal);
  }
}
