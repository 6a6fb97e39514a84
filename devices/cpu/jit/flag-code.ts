// The arithmetic flags while a region runs: operands of the last operation in locals, and what it was, known at compile time where
// possible (flag-kinds.ts).

import { FLAGS, LAZY_A_LOW, LAZY_B_LOW, LAZY_KIND } from '../state-layout.ts';
import { FIRST_STEP_KIND, flagKind, isStepKind, KIND_BITS, KIND_DYNAMIC, STEP_KINDS, type What } from './flag-kinds.ts';
import { JIT_PREVIOUS_A, JIT_PREVIOUS_B, JIT_PREVIOUS_KIND } from './layout.ts';
import { Registers } from './registers.ts';
import { type Code, I32, I64, Op } from './wasm.ts';

/** Functions that regions import, in this order. */
export const HELPER_EXECUTE = 0;
export const HELPER_FLAGS = 1;
export const HELPER_STRING = 2;

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
  private readonly previousKindLocal = this.newLocal(I32);
  private usesPrevious = false;
  /** Compile-time knowledge of the flags. */
  kind: number = KIND_DYNAMIC;
  previousKind: number = KIND_DYNAMIC;
  protected flagsWritten = false;
  protected materializedLast = false;

  /** A block begins whose flags have this kind. */
  protected startFlags(kind: number): void {
    this.kind = kind;
    this.previousKind = KIND_DYNAMIC;
    this.flagsWritten = false;
    this.materializedLast = false;
  }

  /** The flags are now those of `what` on flagA, flagB (already set). */
  setFlagKind(what: What, width: number): void {
    this.kind = flagKind(what, width);
    this.usesFlags = true;
    this.flagsWritten = true;
    this.materializedLast = false;
  }
  /** All six flags are in flagWord (already set). */
  setFlagBits(): void {
    this.kind = KIND_BITS;
    this.usesFlags = true;
    this.flagsWritten = true;
    this.materializedLast = false;
  }

  /** Before an increment or decrement: the last operation becomes the one before, whose CF stays. */
  keepCarry(): void {
    const { code } = this;
    this.usesFlags = true;
    this.usesPrevious = true;
    if (isStepKind(this.kind)) return;
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

  /** The kind's locals become what is known now, for code that will not know. */
  fixKinds(kind: number): void {
    if (!this.usesFlags) return;
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
    this.usesFlags = true;
    this.flagsWritten = true;
    this.materializedLast = false;
    if (this.kind === KIND_DYNAMIC) return;
    this.code.i32(this.kind);
    this.code.set(this.flagKindLocal);
    this.kind = KIND_DYNAMIC;
  }

  /** Makes all six flags stand in flagWord. */
  materialize(): void {
    if (this.kind === KIND_BITS) return;
    this.usesFlags = true;
    this.storeFlags();
    this.code.call(HELPER_FLAGS);
    this.code.set(this.flagWord);
    this.kind = KIND_BITS;
    this.flagsWritten = true;
    this.materializedLast = true;
  }

  /** Writes the flag locals to the state area. */
  storeFlags(): void {
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
