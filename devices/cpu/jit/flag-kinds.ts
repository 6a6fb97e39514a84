// How compiled code leaves the arithmetic flags: operands kept as they are, and a number that says what was done with them.
//
//   LAZY_KIND   0                     all six bits are in FLAGS
//               1..6                  the interpreter's kinds (interpreter/flags.ts); never seen by compiled code
//               16 + 4 x what + size  this file; size = log2 of the width in bytes
//
//   what         A                B                FLAGS.CF     flags are those of
//   add          operand          operand          -            A + B
//   subtract     operand          operand          -            A - B           (SUB, CMP, NEG)
//   logic        result           -                -            A and A
//   increment    operand          -                *            A + 1
//   decrement    operand          -                *            A - 1
//   shiftLeft    operand          count (not 0)    -            A shl B
//   shiftRight   operand          count (not 0)    -            A shr B
//   shiftArith.  operand          count (not 0)    -            A sar B
//   multiply     operand          operand          -            IMUL A, B
//   product      low result       1 if CF          -            MUL, one-operand IMUL
//   addCarry     operand          operand          carry in     ADC
//   subBorrow    operand          operand          borrow in    SBB
//
// * CF is that of the operation before, whose kind and operands are kept too (JIT_PREVIOUS_*); that is never an increment itself.
// Only the low `width` bytes of A and B count. The interpreter's own operations turn them into flags, so there is one definition.

import { add, addWithCarry, decrement, increment, subtract, subtractWithBorrow } from '../interpreter/arithmetic.ts';
import type { CpuCore } from '../interpreter/core.ts';
import { getFlags, LazyKind, setLogic } from '../interpreter/flags.ts';
import { multiplyInto, setProductFlags } from '../interpreter/multiply.ts';
import { shiftLeft, shiftRight, shiftRightArithmetic } from '../interpreter/shifts.ts';
import {
  HIGH,
  LAZY_A_HIGH,
  LAZY_A_LOW,
  LAZY_B_HIGH,
  LAZY_B_LOW,
  LAZY_KIND,
  LAZY_R_HIGH,
  LAZY_R_LOW,
} from '../state-layout.ts';
import { JIT_PREVIOUS_A, JIT_PREVIOUS_B, JIT_PREVIOUS_KIND } from './layout.ts';

export const What = {
  add: 0,
  subtract: 1,
  logic: 2,
  increment: 3,
  decrement: 4,
  shiftLeft: 5,
  shiftRight: 6,
  shiftRightArithmetic: 7,
  multiply: 8,
  product: 9,
  addCarry: 10,
  subtractBorrow: 11,
} as const;
export type What = (typeof What)[keyof typeof What];

/** All six bits stand in the FLAGS word. */
export const KIND_BITS = 0;
/** Known only while the program runs: the number is in a local (or in LAZY_KIND). */
export const KIND_DYNAMIC = -1;
const FIRST_KIND = 16;

const sizeOfWidth = [0, 0, 1, 0, 2, 0, 0, 0, 3];

export function flagKind(what: What, width: number): number {
  return FIRST_KIND + what * 4 + sizeOfWidth[width];
}
export function whatOfKind(kind: number): What {
  return ((kind - FIRST_KIND) >> 2) as What;
}
/** Increments and decrements: the kinds whose CF comes from before. */
export const FIRST_STEP_KIND = FIRST_KIND + What.increment * 4;
export const STEP_KINDS = 8;
export function isStepKind(kind: number): boolean {
  return kind >= FIRST_STEP_KIND && kind < FIRST_STEP_KIND + STEP_KINDS;
}
export function widthOfKind(kind: number): number {
  return 1 << ((kind - FIRST_KIND) & 3);
}

function signExtended(width: number, low: number): number {
  return width >= 4 ? low : width === 2 ? (low << 16) >> 16 : (low << 24) >> 24;
}

/** Turns what compiled code left into what the interpreter understands. */
export function adoptFlags(core: CpuCore): void {
  const w = core.words;
  const kind = w[LAZY_KIND];
  if (kind < FIRST_KIND) return;
  const width = widthOfKind(kind);
  const what = whatOfKind(kind);
  if (what === What.increment || what === What.decrement) adoptPreviousCarry(core);
  const aLow = signExtended(width, w[LAZY_A_LOW]);
  const aHigh = width === 8 ? w[LAZY_A_HIGH] : aLow >> 31;
  const bLow = signExtended(width, w[LAZY_B_LOW]);
  const bHigh = width === 8 ? w[LAZY_B_HIGH] : bLow >> 31;
  const high = w[HIGH];
  w[LAZY_KIND] = LazyKind.none;
  switch (what) {
    case What.add:
      add(core, width, aLow, aHigh, bLow, bHigh);
      break;
    case What.subtract:
      subtract(core, width, aLow, aHigh, bLow, bHigh);
      break;
    case What.logic:
      setLogic(core, aLow, aHigh);
      break;
    case What.increment:
      increment(core, width, aLow, aHigh);
      break;
    case What.decrement:
      decrement(core, width, aLow, aHigh);
      break;
    case What.shiftLeft:
      shiftLeft(core, width, aLow, aHigh, bLow);
      break;
    case What.shiftRight:
      shiftRight(core, width, aLow, aHigh, bLow);
      break;
    case What.shiftRightArithmetic:
      shiftRightArithmetic(core, width, aLow, aHigh, bLow);
      break;
    case What.multiply:
      multiplyInto(core, width, aLow, aHigh, bLow, bHigh);
      break;
    case What.product:
      setProductFlags(core, aLow, aHigh, (bLow & 1) !== 0);
      break;
    case What.addCarry:
      addWithCarry(core, width, aLow, aHigh, bLow, bHigh);
      break;
    default:
      subtractWithBorrow(core, width, aLow, aHigh, bLow, bHigh);
  }
  w[HIGH] = high;
}

/** CF in FLAGS becomes that of the operation before the last. */
function adoptPreviousCarry(core: CpuCore): void {
  const w = core.words;
  const aLow = w[LAZY_A_LOW];
  const aHigh = w[LAZY_A_HIGH];
  w[LAZY_KIND] = w[JIT_PREVIOUS_KIND];
  w[LAZY_A_LOW] = w[JIT_PREVIOUS_A];
  w[LAZY_A_HIGH] = w[JIT_PREVIOUS_A + 1];
  w[LAZY_B_LOW] = w[JIT_PREVIOUS_B];
  w[LAZY_B_HIGH] = w[JIT_PREVIOUS_B + 1];
  adoptFlags(core);
  getFlags(core);
  w[LAZY_A_LOW] = aLow;
  w[LAZY_A_HIGH] = aHigh;
}

/** The other way: what the interpreter left, in a form that compiled code understands. */
export function offerFlags(core: CpuCore): void {
  const w = core.words;
  const kind = w[LAZY_KIND];
  if (kind === LazyKind.none || kind >= FIRST_KIND) return;
  if (kind === LazyKind.logic) {
    w[LAZY_A_LOW] = w[LAZY_R_LOW];
    w[LAZY_A_HIGH] = w[LAZY_R_HIGH];
    w[LAZY_KIND] = flagKind(What.logic, 8);
  } else if (kind === LazyKind.subtract && differenceHolds(w)) w[LAZY_KIND] = flagKind(What.subtract, 8);
  else getFlags(core);
}

/** R = A - B as 64-bit numbers: so for 64-bit operands, and for narrow ones that did not overflow. */
function differenceHolds(w: Int32Array): boolean {
  const borrow = w[LAZY_A_LOW] >>> 0 < w[LAZY_B_LOW] >>> 0 ? 1 : 0;
  return (
    w[LAZY_R_LOW] === ((w[LAZY_A_LOW] - w[LAZY_B_LOW]) | 0) &&
    w[LAZY_R_HIGH] === ((w[LAZY_A_HIGH] - w[LAZY_B_HIGH] - borrow) | 0)
  );
}

/** All six flags in FLAGS; returns that word. */
export function settleFlags(core: CpuCore): number {
  adoptFlags(core);
  return getFlags(core);
}
