// One float32 or float64 lane: the fast answer from host doubles, or "ask the software float".
//
//   fast if   MXCSR: round to nearest, everything masked, no DAZ
//             operands: zero or normal numbers          result: zero or a normal number away from both ends
//
// Host arithmetic rounds to nearest, so such a result is right to the bit; what is left is whether it was exact (PE). The error
// term of Knuth's two-sum and Dekker's product says so, without wider arithmetic (Handbook of Floating-Point Arithmetic, 4.3, 4.4).
// float32 results are computed in float64 and rounded once more, which is innocuous for + - * / and sqrt as 53 >= 2*24+2.
// NaNs never come here as numbers that matter: an operand or result that is one makes the lane slow, and slow works on bits.

import { BinaryOperation, computeBinary } from '../softfloat/binary.ts';
import { Float32, Float64, FloatStatus } from '../softfloat/rounding.ts';
import { MXCSR } from '../state-layout.ts';
import type { CpuCore } from './core.ts';

/** State of the software float for SSE; flags are cleared by configure(). One instruction uses it at a time. */
export const simdStatus = new FloatStatus();

export function configure(core: CpuCore): FloatStatus {
  const control = core.words[MXCSR];
  simdStatus.flags = 0;
  simdStatus.rounding = (control >> 13) & 3;
  simdStatus.masks = (control >> 7) & 0x3f;
  simdStatus.flushToZero = (control & 0x8000) !== 0;
  simdStatus.denormalsAreZero = (control & 0x40) !== 0;
  return simdStatus;
}

/** Round to nearest, all masked, DAZ off. FTZ does not matter: a tiny result is never fast. */
export function hostRounding(core: CpuCore): boolean {
  return (core.words[MXCSR] & 0x7fc0) === 0x1f80;
}

/** What the last lane function found. */
export const LaneOutcome = { exact: 0, inexact: 0x20, slow: -1 } as const;
export const lane = { outcome: 0 as number };

const SMALLEST_NORMAL_64 = 2 ** -1022;
const SMALLEST_NORMAL_32 = 2 ** -126;
const LARGEST_32 = (2 - 2 ** -23) * 2 ** 127;
/** Within these bounds Dekker's product neither over- nor underflows. */
const SAFE_LARGEST = 2 ** 990;
const SAFE_SMALLEST = 2 ** -960;

/** A zero or normal float64: neither denormal, infinite nor NaN. */
export function plain64(value: number): boolean {
  const magnitude = Math.abs(value);
  return (magnitude >= SMALLEST_NORMAL_64 && magnitude < Infinity) || magnitude === 0;
}
export function plain32(value: number): boolean {
  const magnitude = Math.abs(value);
  return (magnitude >= SMALLEST_NORMAL_32 && magnitude <= LARGEST_32) || magnitude === 0;
}

function sumIsExact(a: number, b: number, sum: number): boolean {
  const part = sum - a;
  return a - (sum - part) + (b - part) === 0;
}

/** product === a * b exactly; all three within the safe bounds. */
function productIsExact(a: number, b: number, product: number): boolean {
  const scaledA = 134217729 * a;
  const highA = scaledA - (scaledA - a);
  const lowA = a - highA;
  const scaledB = 134217729 * b;
  const highB = scaledB - (scaledB - b);
  const lowB = b - highB;
  return highA * highB - product + highA * lowB + lowA * highB + lowA * lowB === 0;
}

function safe(value: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude < SAFE_LARGEST && magnitude > SAFE_SMALLEST;
}

/** One float64 lane of `operation` (a BinaryOperation). Tells through lane.outcome. */
export function lane64(operation: number, a: number, b: number): number {
  lane.outcome = LaneOutcome.slow;
  if (!plain64(b)) return 0;
  if (operation === BinaryOperation.squareRoot) {
    if (b < 0) return 0;
    const root = Math.sqrt(b);
    if (b === 0) lane.outcome = LaneOutcome.exact;
    else if (safe(b)) lane.outcome = productIsExact(root, root, b) ? LaneOutcome.exact : LaneOutcome.inexact;
    return root;
  }
  if (!plain64(a)) return 0;
  switch (operation) {
    case BinaryOperation.add: {
      const sum = a + b;
      if (plain64(sum)) lane.outcome = sumIsExact(a, b, sum) ? LaneOutcome.exact : LaneOutcome.inexact;
      return sum;
    }
    case BinaryOperation.subtract: {
      const difference = a - b;
      if (plain64(difference)) lane.outcome = sumIsExact(a, -b, difference) ? LaneOutcome.exact : LaneOutcome.inexact;
      return difference;
    }
    case BinaryOperation.multiply: {
      const product = a * b;
      if (a === 0 || b === 0) lane.outcome = LaneOutcome.exact;
      else if (safe(product) && safe(a) && safe(b))
        lane.outcome = productIsExact(a, b, product) ? LaneOutcome.exact : LaneOutcome.inexact;
      return product;
    }
    case BinaryOperation.divide: {
      const quotient = a / b;
      if (b === 0) return 0;
      if (a === 0) lane.outcome = LaneOutcome.exact;
      else if (safe(quotient) && safe(b) && safe(a))
        lane.outcome = quotient * b === a && productIsExact(quotient, b, a) ? LaneOutcome.exact : LaneOutcome.inexact;
      return quotient;
    }
    case BinaryOperation.minimum:
      lane.outcome = LaneOutcome.exact;
      // biome-ignore lint/complexity/useMathMinMax: of two zeros the second is the answer, whatever their signs
      return a < b ? a : b;
    default:
      lane.outcome = LaneOutcome.exact;
      // biome-ignore lint/complexity/useMathMinMax: as above
      return a > b ? a : b;
  }
}

/** One float32 lane. */
export function lane32(operation: number, a: number, b: number): number {
  lane.outcome = LaneOutcome.slow;
  if (!plain32(b)) return 0;
  if (operation === BinaryOperation.squareRoot) {
    if (b < 0) return 0;
    const root = Math.fround(Math.sqrt(b));
    lane.outcome = root * root === b ? LaneOutcome.exact : LaneOutcome.inexact;
    return root;
  }
  if (!plain32(a)) return 0;
  switch (operation) {
    case BinaryOperation.add:
    case BinaryOperation.subtract: {
      const addend = operation === BinaryOperation.add ? b : -b;
      const wideSum = a + addend;
      const sum = Math.fround(wideSum);
      if (plain32(sum))
        lane.outcome = sum === wideSum && sumIsExact(a, addend, wideSum) ? LaneOutcome.exact : LaneOutcome.inexact;
      return sum;
    }
    case BinaryOperation.multiply: {
      const wideProduct = a * b;
      const product = Math.fround(wideProduct);
      if (a === 0 || b === 0) lane.outcome = LaneOutcome.exact;
      else if (plain32(product) && Math.abs(product) > SMALLEST_NORMAL_32)
        lane.outcome = product === wideProduct ? LaneOutcome.exact : LaneOutcome.inexact;
      return product;
    }
    case BinaryOperation.divide: {
      if (b === 0) return 0;
      const quotient = Math.fround(a / b);
      if (a === 0) lane.outcome = LaneOutcome.exact;
      else if (plain32(quotient) && Math.abs(quotient) > SMALLEST_NORMAL_32)
        lane.outcome = quotient * b === a ? LaneOutcome.exact : LaneOutcome.inexact;
      return quotient;
    }
    case BinaryOperation.minimum:
      lane.outcome = LaneOutcome.exact;
      // biome-ignore lint/complexity/useMathMinMax: of two zeros the second is the answer, whatever their signs
      return a < b ? a : b;
    default:
      lane.outcome = LaneOutcome.exact;
      // biome-ignore lint/complexity/useMathMinMax: as above
      return a > b ? a : b;
  }
}

/** The 64 bits at a word index. */
export function bits64(core: CpuCore, index: number): bigint {
  return (BigInt(core.words[index + 1] >>> 0) << 32n) | BigInt(core.words[index] >>> 0);
}
export function bits32(core: CpuCore, index: number): bigint {
  return BigInt(core.words[index] >>> 0);
}
export function setBits64(core: CpuCore, index: number, bits: bigint): void {
  core.words[index] = Number(bits & 0xffffffffn) | 0;
  core.words[index + 1] = Number((bits >> 32n) & 0xffffffffn) | 0;
}
export function setBits32(core: CpuCore, index: number, bits: bigint): void {
  core.words[index] = Number(bits & 0xffffffffn) | 0;
}

/** One lane through the software float, from and to word indices; flags gather in simdStatus. */
export function slowLane64(core: CpuCore, operation: number, target: number, a: number, b: number): void {
  setBits64(core, target, computeBinary(simdStatus, Float64, operation, bits64(core, a), bits64(core, b)));
}
export function slowLane32(core: CpuCore, operation: number, target: number, a: number, b: number): void {
  setBits32(core, target, computeBinary(simdStatus, Float32, operation, bits32(core, a), bits32(core, b)));
}
