// Checks of several float64 operations at once. A run of instructions that only change XMM registers is compiled without checks of its
// own; what they would have checked is folded into one vector, and looked at before anything else may happen:
//
//   fast     operations, registers of the beginning kept aside           any value with an exponent outside 2..7FE? ── no ──► go on
//   slow     registers as at the beginning, the same instructions, each with its checks: zeros go on, all else leaves  ◄── yes
//
// Values of the fast way are right in any case: they are what IEEE 754 says. Only flags (denormal, underflow, overflow) and NaNs are not
// known, so nothing of it may be seen before the check: every exit comes after it (`beforeExit`).

import type { Instruction } from '../decode/instruction.ts';
import { elements, keep, pushPair, shuffle, splat, when } from './emit-vector.ts';
import { double, type Format } from './float-format.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';
import type { VectorState } from './vector-registers.ts';
import { F64, V128 } from './wasm.ts';

const arithmetic: ReadonlySet<string> = new Set(
  ['sd', 'pd'].flatMap((suffix) => ['add', 'sub', 'mul', 'div', 'sqrt'].map((stem) => stem + suffix)),
);
const moves: ReadonlySet<string> = new Set(
  (
    'movsd movapd movaps movdqa movupd movups movdqu movq movddup movhlps movlhps movlps movhps unpcklpd unpckhpd shufpd ' +
    'pxor xorpd xorps andpd andps andnpd orpd'
  ).split(' '),
);
const unaligned: ReadonlySet<string> = new Set(['movupd', 'movups', 'movdqu']);
/** Fewer operations are not worth the second translation. */
const FEWEST_OPERATIONS = 3;

/** As in float-format.ts, for the upper 32 bits of doubles: 2x - 2 units + 2^31, signed, is at most this. */
const BIAS = splat([0, 0, 0xc0, 0x7f]);
const LIMIT = splat([0xff, 0xff, 0x9f, 0x7f]);
const UPPER_WORDS = elements(4, [1, 3, 5, 7]);

function onlyVectors(i: Instruction): boolean {
  return i.row.operands[0] === 'Vx' && (arithmetic.has(i.row.operation) || moves.has(i.row.operation));
}

/** The memory operand is checked for alignment. */
function isAligned(i: Instruction): boolean {
  return i.row.operands[1] === 'Wx' && !unaligned.has(i.row.operation);
}

export class FloatBatch {
  private readonly t: Translator;
  /** Translates one instruction of the block. */
  private readonly emit: (index: number) => void;
  private readonly code: readonly Instruction[];
  /** First instruction of the run, -1 = none. */
  private first = -1;
  private accessesBefore = 0;
  private plainBefore = new Uint8Array(0);
  /** A value that waits for company: a float64 local, a local with two. */
  private scalarWaits = false;
  private pairWaits = false;
  private folded = false;

  constructor(t: Translator, code: readonly Instruction[], emit: (index: number) => void) {
    this.t = t;
    this.code = code;
    this.emit = emit;
  }

  /** Before each instruction of the block. */
  beginInstruction(index: number): void {
    if (!onlyVectors(this.code[index])) this.finish(index);
    else if (this.first < 0 && this.isWorthwhile(index, this.t.nextAccess)) this.open(index, this.t.nextAccess);
  }

  /** Enough operations follow before a look-up or an alignment check, which may leave; `access` is the number of the next access. */
  private isWorthwhile(index: number, access: number): boolean {
    let operations = 0;
    let next = access;
    for (let n = index; n < this.code.length; n++) {
      const i = this.code[n];
      if (!onlyVectors(i)) return false;
      if (i.memory) {
        const found = this.t.isLookedUp(next++);
        if (n > index && (!found || isAligned(i))) return false;
      }
      if (arithmetic.has(i.row.operation) && ++operations === FEWEST_OPERATIONS) return true;
    }
    return false;
  }

  /** `access`: number of the first memory access of the instruction. */
  private open(index: number, access: number): void {
    this.first = index;
    this.accessesBefore = access;
    this.plainBefore = this.t.vectors.plain.slice();
    this.t.vectors.keepAside(true);
  }

  /** Takes over the check of a float64 local, or of two in a v128 local; false: the caller has to do it now. */
  takes(f: Format, local: number, packed: boolean): boolean {
    if (this.first < 0 || f !== double) return false;
    const { code, batchLocals } = this.t;
    if (packed) {
      this.takePair(local);
      return true;
    }
    code.get(local);
    if (!this.scalarWaits) {
      code.set(batchLocals.scalar);
      this.scalarWaits = true;
      return true;
    }
    code.simd(Simd.f64x2Splat);
    code.get(batchLocals.scalar);
    code.simdLane(Simd.f64x2Replace, 1);
    this.scalarWaits = false;
    this.takePair(keep(this.t));
    return true;
  }

  private takePair(local: number): void {
    const { code, batchLocals } = this.t;
    if (this.pairWaits) {
      this.pairWaits = false;
      this.fold(batchLocals.pair, local);
      return;
    }
    code.get(local);
    code.set(batchLocals.pair);
    this.pairWaits = true;
  }

  private fold(a: number, b: number): void {
    const { t } = this;
    const { code, batchLocals } = t;
    code.get(a);
    code.get(b);
    shuffle(t, UPPER_WORDS);
    const words = keep(t);
    pushPair(t, words, words, Simd.i32x4Add);
    code.get(t.constant(BIAS));
    code.simd(Simd.i32x4Add);
    if (this.folded) {
      code.get(batchLocals.folded);
      code.simd(Simd.i32x4MaxS);
    }
    code.set(batchLocals.folded);
    this.folded = true;
  }

  /** An exit is about to be written, at the instruction that is being translated: all before it must be settled. */
  beforeExit(index: number): void {
    if (this.first < 0) return;
    if (index === this.first) {
      if (this.folded || this.pairWaits || this.scalarWaits) throw new Error('cpu: an exit after a deferred check');
      return;
    }
    this.finish(index);
    if (this.isWorthwhile(index, this.t.firstAccess)) this.open(index, this.t.firstAccess);
  }

  /** Settles the run, which ends before instruction `end`. */
  finish(end: number): void {
    const { t, first } = this;
    if (first < 0) return;
    const { code, batchLocals } = t;
    if (this.scalarWaits) {
      code.get(batchLocals.scalar);
      code.simd(Simd.f64x2Splat);
      this.takePair(keep(t));
    }
    if (this.pairWaits) this.fold(batchLocals.pair, batchLocals.pair);
    this.first = -1;
    this.scalarWaits = this.pairWaits = false;
    const { vectors } = t;
    const saved = vectors.keepAside(false);
    if (!this.folded) return;
    this.folded = false;
    code.get(batchLocals.folded);
    code.get(t.constant(LIMIT));
    code.simd(Simd.i32x4GtS);
    code.simd(Simd.i32x4Bitmask);
    const state: VectorState = vectors.state();
    when(t, () => {
      vectors.restore(saved, this.plainBefore);
      t.replay(this.accessesBefore, () => {
        for (let n = first; n < end; n++) this.emit(n);
      });
      vectors.conform(state);
    });
  }
}

/** Locals of the batches of one region. */
export interface BatchLocals {
  readonly scalar: number;
  readonly pair: number;
  readonly folded: number;
}
export function newBatchLocals(t: Translator): BatchLocals {
  return { scalar: t.newLocal(F64), pair: t.newLocal(V128), folded: t.newLocal(V128) };
}
