// SSE floating point on one lane. The result of the host's instruction is taken when the reference (interpreter/sse-lanes.ts) would
// take it:
//
//   operands  not denormal            result  zero where that is exact, or normal and not the smallest
//   MXCSR     nearest, all masked, no DAZ, and PE already set: then the only flag that an operation may raise is up (requireFastFloat)
//
// Everything else (NaN, infinity, denormal, underflow, another rounding mode) leaves the region, and the interpreter computes it.
// A register that came out of a checked operation is known not to be denormal ("plain"), which saves its next check.

import type { Instruction } from '../decode/instruction.ts';
import { keepWord, setZeroAndCarry } from './emit-vector.ts';
import {
  double,
  type Format,
  pushFloat,
  pushIsZero,
  refuseDenormal,
  refuseNaN,
  requireResult,
  single,
} from './float-format.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';
import { ALL_LANES } from './vector-registers.ts';
import { F32, F64, I64, Op, Truncate } from './wasm.ts';

/** The low lane of the source register or memory in a float local. */
function sourceLane(t: Translator, f: Format, i: Instruction): number {
  const { code } = t;
  const value = t.temporary(f.float);
  if (i.memory) {
    const at = t.access(i, f.bytes, false);
    code.get(at.host);
    code.memory(f.load, at.offset);
  } else t.vectors.getLow(f.bytes, i.rm);
  code.set(value);
  return value;
}
/** The low lane of the destination, likewise. */
function targetLane(t: Translator, f: Format, i: Instruction): number {
  const value = t.temporary(f.float);
  t.vectors.getLow(f.bytes, i.reg);
  t.code.set(value);
  return value;
}

/** All lanes, or the low one, of a register are known not to be denormal. */
export function isPlain(t: Translator, f: Format, register: number, all = false): boolean {
  const known = t.vectors.plain[register];
  return known === (ALL_LANES | f.bytes) || (!all && known === f.bytes);
}

/** The low lane of the source in a float local that is not denormal. */
function plainSource(t: Translator, f: Format, i: Instruction): number {
  const value = sourceLane(t, f, i);
  if (i.memory || !isPlain(t, f, i.rm)) {
    refuseDenormal(t, f, value);
    if (!i.memory) t.vectors.plain[i.rm] = f.bytes;
  }
  return value;
}
/** The low lane of the destination, likewise. */
function plainTarget(t: Translator, f: Format, i: Instruction): number {
  const value = targetLane(t, f, i);
  if (!isPlain(t, f, i.reg)) {
    refuseDenormal(t, f, value);
    t.vectors.plain[i.reg] = f.bytes;
  }
  return value;
}

/** Puts a float local that is not denormal into the low lane of the destination. */
function putLow(t: Translator, f: Format, i: Instruction, value: number): void {
  const all = isPlain(t, f, i.reg, true);
  t.code.get(value);
  t.vectors.setLow(f.bytes, i.reg);
  t.vectors.plain[i.reg] = all ? ALL_LANES | f.bytes : f.bytes;
}

/** Where a zero is an exact result: always, if a factor is zero, if the dividend is zero (0 / 0 gave a NaN). */
export type ZeroRule = 'exact' | 'factor' | 'dividend';

/** ADD SUB MUL DIV. */
const arithmetic =
  (f: Format, opcode: number, zero: ZeroRule): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    const result = t.temporary(f.float);
    code.get(a);
    code.get(b);
    code.op(opcode);
    code.set(result);
    const pushZeroAllowed = (): void => {
      pushIsZero(t, f, a);
      if (zero !== 'factor') return;
      pushIsZero(t, f, b);
      code.op(Op.i32Or);
    };
    requireResult(t, f, result, zero === 'exact' ? undefined : pushZeroAllowed);
    putLow(t, f, i, result);
    return true;
  };

const squareRoot =
  (f: Format): Emitter =>
  (t, i) => {
    t.requireFastFloat();
    const source = plainSource(t, f, i);
    const result = t.temporary(f.float);
    t.code.get(source);
    t.code.op(f.sqrt);
    t.code.set(result);
    // Of a negative number: NaN, so not plain.
    requireResult(t, f, result);
    putLow(t, f, i, result);
    return true;
  };

/** MIN, MAX: the second operand unless the first is less (greater). */
const extreme =
  (f: Format, comparison: number): Emitter =>
  (t, i) => {
    const { code } = t;
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    refuseNaN(t, f, a);
    refuseNaN(t, f, b);
    const result = t.temporary(f.float);
    code.get(a);
    code.get(b);
    code.get(a);
    code.get(b);
    code.op(comparison);
    code.op(Op.select);
    code.set(result);
    putLow(t, f, i, result);
    return true;
  };

/** Pushes `a op b` of two float locals, 0 or 1. */
function pushComparison(t: Translator, a: number, b: number, opcode: number): void {
  t.code.get(a);
  t.code.get(b);
  t.code.op(opcode);
}

/** COMIS, UCOMIS: ZF and CF; an unordered pair, which is neither below nor above, leaves the region. */
const compare =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    pushComparison(t, a, b, f.le);
    const below = keepWord(t);
    pushComparison(t, a, b, f.ge);
    const above = keepWord(t);
    const pushBoth = (opcode: number): void => {
      code.get(below);
      code.get(above);
      code.op(opcode);
    };
    t.exitBegin();
    pushBoth(Op.i32Or);
    code.op(Op.i32Eqz);
    t.exitIf();
    setZeroAndCarry(
      t,
      () => pushBoth(Op.i32And),
      () => {
        code.get(above);
        code.op(Op.i32Eqz);
      },
    );
    return true;
  };

/** Predicates 0..7 of CMPxx (SDM vol. 2, table 3-1) for ordered operands; 4 to 7 are the opposites. */
export const Predicate = { equal: 0, less: 1, lessOrEqual: 2, unordered: 3 } as const;

/** CMPSS, CMPSD. */
const compareToMask =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    const predicate = i.immediateLow & 3;
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    refuseNaN(t, f, a);
    refuseNaN(t, f, b);
    if (predicate === Predicate.unordered) code.i32(0);
    else pushComparison(t, a, b, [f.eq, f.lt, f.le][predicate]);
    if ((i.immediateLow & 4) !== 0) code.op(Op.i32Eqz);
    // 0 or 1 becomes all zeros or all ones.
    code.op(Op.i64ExtendI32U);
    const bit = t.temporary(I64);
    code.set(bit);
    t.vectors.get(i.reg);
    code.i64(0);
    code.get(bit);
    code.op(Op.i64Sub);
    if (f === double) code.simdLane(Simd.i64x2Replace, 0);
    else {
      code.op(Op.i32WrapI64);
      code.simdLane(Simd.i32x4Replace, 0);
    }
    t.vectors.set(i.reg);
    return true;
  };

// --------------------------------------------------------------------------------------------------- conversions

/** CVTSI2SD, CVTSI2SS. */
const fromInteger =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    const wide = i.rexW;
    // 32-bit integers fit a double exactly; the others may round.
    if (wide || f === single) t.requireFastFloat();
    const value = t.temporary(I64);
    if (i.memory) t.loadRaw(wide ? 8 : 4, t.access(i, wide ? 8 : 4, false));
    else t.getGeneral(i.rm);
    code.set(value);
    const result = t.temporary(f.float);
    code.get(value);
    if (!wide) code.op(Op.i32WrapI64);
    if (f === double) code.op(wide ? Op.f64ConvertI64S : Op.f64ConvertI32S);
    else code.op(wide ? Op.f32ConvertI64S : Op.f32ConvertI32S);
    code.set(result);
    putLow(t, f, i, result);
    return true;
  };

/** CVT(T)SD2SI, CVT(T)SS2SI; what does not fit leaves the region. */
const toInteger =
  (f: Format, truncating: boolean): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    const source = sourceLane(t, f, i);
    if (!truncating) {
      code.get(source);
      code.op(f.rounding[0]);
      code.set(source);
    }
    const wide = i.rexW;
    t.exitBegin();
    // |x| below 2^63 (2^31): no NaN either; the most negative number is left out too.
    code.get(source);
    code.op(f.abs);
    pushFloat(t, f, wide ? f.limit63 : f.limit31);
    code.op(f.lt);
    code.op(Op.i32Eqz);
    t.exitIf();
    code.get(source);
    if (f === double) code.truncate(wide ? Truncate.i64F64S : Truncate.i32F64S);
    else code.truncate(wide ? Truncate.i64F32S : Truncate.i32F32S);
    if (!wide) code.op(Op.i64ExtendI32U);
    t.setGeneral(i.reg);
    return true;
  };

/** CVTSS2SD. */
const widen: Emitter = (t, i) => {
  const source = plainSource(t, single, i);
  refuseNaN(t, single, source);
  const result = t.temporary(F64);
  t.code.get(source);
  t.code.op(Op.f64PromoteF32);
  t.code.set(result);
  putLow(t, double, i, result);
  return true;
};

/** CVTSD2SS. */
const narrow: Emitter = (t, i) => {
  t.requireFastFloat();
  const source = plainSource(t, double, i);
  const result = t.temporary(F32);
  t.code.get(source);
  t.code.op(Op.f32DemoteF64);
  t.code.set(result);
  // A zero that was not one is an underflow.
  requireResult(t, single, result, () => pushIsZero(t, double, source));
  putLow(t, single, i, result);
  return true;
};

/** ROUNDSS, ROUNDSD: bits 0-1 say how, or bit 2 that MXCSR does, which is to nearest here. A denormal raises no flag but PE. */
const round =
  (f: Format): Emitter =>
  (t, i) => {
    t.requireFastFloat();
    const source = sourceLane(t, f, i);
    refuseNaN(t, f, source);
    const mode = (i.immediateLow & 4) !== 0 ? 0 : i.immediateLow & 3;
    const result = t.temporary(f.float);
    t.code.get(source);
    t.code.op(f.rounding[mode]);
    t.code.set(result);
    putLow(t, f, i, result);
    return true;
  };

function family(f: Format, suffix: string): { [operation: string]: Emitter } {
  return {
    [`add${suffix}`]: arithmetic(f, f.add, 'exact'),
    [`sub${suffix}`]: arithmetic(f, f.sub, 'exact'),
    [`mul${suffix}`]: arithmetic(f, f.mul, 'factor'),
    [`div${suffix}`]: arithmetic(f, f.div, 'dividend'),
    [`sqrt${suffix}`]: squareRoot(f),
    [`min${suffix}`]: extreme(f, f.lt),
    [`max${suffix}`]: extreme(f, f.gt),
    [`comi${suffix}`]: compare(f),
    [`ucomi${suffix}`]: compare(f),
    [`cmp${suffix}`]: compareToMask(f),
    [`round${suffix}`]: round(f),
    [`cvtsi2${suffix}`]: fromInteger(f),
    [`cvt${suffix}2si`]: toInteger(f, false),
    [`cvtt${suffix}2si`]: toInteger(f, true),
  };
}

export const floatScalarEmitters: { readonly [operation: string]: Emitter } = {
  ...family(double, 'sd'),
  ...family(single, 'ss'),
  cvtss2sd: widen,
  cvtsd2ss: narrow,
};
