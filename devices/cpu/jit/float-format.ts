// float64 and float32 as the emitters of SSE floating point see them: WebAssembly's instructions for one lane and for all, and the
// checks that decide whether a host result may be taken (the rules stand in emit-float-scalar.ts).
//
//   bits   sign | exponent | fraction           doubled: the sign is shifted out
//   plain operand    2x - 1, unsigned, not below 2^(fraction bits + 1) - 1: not denormal (zero wraps round to the largest number)
//   good result      2r - 2 * 2^exponent unit, unsigned, below (largest - 1) units: exponent in 2..largest finite one. With exponent 1
//                    the number may have been rounded up to the smallest normal one.
//
// Packed comparisons are signed: both sides get 2^63 (2^31) added.

import { keep, keepWord, pushZero, splat, when } from './emit-vector.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';
import { F32, F64, I32, I64, Op, type ValueType } from './wasm.ts';

export interface Format {
  readonly bytes: 4 | 8;
  readonly float: ValueType;
  /** One lane. */
  readonly load: number;
  readonly store: number;
  readonly add: number;
  readonly sub: number;
  readonly mul: number;
  readonly div: number;
  readonly sqrt: number;
  readonly abs: number;
  readonly eq: number;
  readonly ne: number;
  readonly lt: number;
  readonly gt: number;
  readonly le: number;
  readonly ge: number;
  /** Nearest, down, up, to zero: numbers of the rounding control. */
  readonly rounding: readonly number[];
  readonly constant: number;
  /** All lanes. */
  readonly packed: {
    readonly add: number;
    readonly sub: number;
    readonly mul: number;
    readonly div: number;
    readonly sqrt: number;
    readonly abs: number;
    readonly pmin: number;
    readonly pmax: number;
    readonly eq: number;
    readonly ne: number;
    readonly lt: number;
    readonly le: number;
    readonly rounding: readonly number[];
    readonly integerAdd: number;
    readonly integerGreater: number;
    readonly bitmask: number;
  };
  /** Constants of the packed checks, as lanes. */
  readonly resultBias: readonly number[];
  readonly resultLimit: readonly number[];
  readonly operandBias: readonly number[];
  readonly operandLimit: readonly number[];
  /** The lowest bit of the exponent in the doubled upper 32 bits; the largest exponent of a finite number. */
  readonly exponentUnit: number;
  readonly largestExponent: number;
  /** 2^31 and 2^63 as bytes. */
  readonly limit31: readonly number[];
  readonly limit63: readonly number[];
}

export const double: Format = {
  bytes: 8,
  float: F64,
  load: Op.f64Load,
  store: Op.f64Store,
  add: Op.f64Add,
  sub: Op.f64Sub,
  mul: Op.f64Mul,
  div: Op.f64Div,
  sqrt: Op.f64Sqrt,
  abs: Op.f64Abs,
  eq: Op.f64Eq,
  ne: Op.f64Ne,
  lt: Op.f64Lt,
  gt: Op.f64Gt,
  le: Op.f64Le,
  ge: Op.f64Ge,
  rounding: [Op.f64Nearest, Op.f64Floor, Op.f64Ceil, Op.f64Trunc],
  constant: Op.f64Const,
  packed: {
    add: Simd.f64x2Add,
    sub: Simd.f64x2Sub,
    mul: Simd.f64x2Mul,
    div: Simd.f64x2Div,
    sqrt: Simd.f64x2Sqrt,
    abs: Simd.f64x2Abs,
    pmin: Simd.f64x2Pmin,
    pmax: Simd.f64x2Pmax,
    eq: Simd.f64x2Eq,
    ne: Simd.f64x2Ne,
    lt: Simd.f64x2Lt,
    le: Simd.f64x2Le,
    rounding: [Simd.f64x2Nearest, Simd.f64x2Floor, Simd.f64x2Ceil, Simd.f64x2Trunc],
    integerAdd: Simd.i64x2Add,
    integerGreater: Simd.i64x2GtS,
    bitmask: Simd.i64x2Bitmask,
  },
  resultBias: [0, 0, 0, 0, 0, 0, 0xc0, 0x7f],
  resultLimit: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x9f, 0x7f],
  operandBias: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  operandLimit: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x80],
  exponentUnit: 1 << 21,
  largestExponent: 0x7fe,
  limit31: [0, 0, 0, 0, 0, 0, 0xe0, 0x41],
  limit63: [0, 0, 0, 0, 0, 0, 0xe0, 0x43],
};

export const single: Format = {
  bytes: 4,
  float: F32,
  load: Op.f32Load,
  store: Op.f32Store,
  add: Op.f32Add,
  sub: Op.f32Sub,
  mul: Op.f32Mul,
  div: Op.f32Div,
  sqrt: Op.f32Sqrt,
  abs: Op.f32Abs,
  eq: Op.f32Eq,
  ne: Op.f32Ne,
  lt: Op.f32Lt,
  gt: Op.f32Gt,
  le: Op.f32Le,
  ge: Op.f32Ge,
  rounding: [Op.f32Nearest, Op.f32Floor, Op.f32Ceil, Op.f32Trunc],
  constant: Op.f32Const,
  packed: {
    add: Simd.f32x4Add,
    sub: Simd.f32x4Sub,
    mul: Simd.f32x4Mul,
    div: Simd.f32x4Div,
    sqrt: Simd.f32x4Sqrt,
    abs: Simd.f32x4Abs,
    pmin: Simd.f32x4Pmin,
    pmax: Simd.f32x4Pmax,
    eq: Simd.f32x4Eq,
    ne: Simd.f32x4Ne,
    lt: Simd.f32x4Lt,
    le: Simd.f32x4Le,
    rounding: [Simd.f32x4Nearest, Simd.f32x4Floor, Simd.f32x4Ceil, Simd.f32x4Trunc],
    integerAdd: Simd.i32x4Add,
    integerGreater: Simd.i32x4GtS,
    bitmask: Simd.i32x4Bitmask,
  },
  resultBias: [0, 0, 0, 0x7e],
  resultLimit: [0xff, 0xff, 0xff, 0x7c],
  operandBias: [0xff, 0xff, 0xff, 0x7f],
  operandLimit: [0xff, 0xff, 0xff, 0x80],
  exponentUnit: 1 << 24,
  largestExponent: 0xfe,
  limit31: [0, 0, 0, 0x4f],
  limit63: [0, 0, 0, 0x5f],
};

export function pushFloat(t: Translator, f: Format, bytes: readonly number[]): void {
  t.code.op(f.constant);
  for (const byte of bytes) t.code.op(byte);
}

// --------------------------------------------------------------------------------------------------- one lane

/** Pushes whether a float local is a zero, either sign. */
export function pushIsZero(t: Translator, f: Format, value: number): void {
  const { code } = t;
  code.get(value);
  if (f === double) {
    code.op(Op.i64ReinterpretF64);
    code.i64(1);
    code.op(Op.i64Shl);
    code.op(Op.i64Eqz);
  } else {
    code.op(Op.i32ReinterpretF32);
    code.i32(1);
    code.op(Op.i32Shl);
    code.op(Op.i32Eqz);
  }
}

/** Leaves the region if a float local is denormal. */
export function refuseDenormal(t: Translator, f: Format, value: number): void {
  const { code } = t;
  if (t.batch?.takes(f, value, false) === true) return;
  t.exitBegin();
  code.get(value);
  if (f === double) {
    const bits = t.temporary(I64);
    code.op(Op.i64ReinterpretF64);
    code.tee(bits);
    code.get(bits);
    code.op(Op.i64Add);
    code.i64(1);
    code.op(Op.i64Sub);
    code.i64(53);
    code.op(Op.i64ShrU);
    code.op(Op.i64Eqz);
  } else {
    const bits = t.temporary(I32);
    code.op(Op.i32ReinterpretF32);
    code.tee(bits);
    code.get(bits);
    code.op(Op.i32Add);
    code.i32(1);
    code.op(Op.i32Sub);
    code.i32(24);
    code.op(Op.i32ShrU);
    code.op(Op.i32Eqz);
  }
  t.exitIf();
}

export function refuseNaN(t: Translator, f: Format, value: number): void {
  t.exitBegin();
  t.code.get(value);
  t.code.get(value);
  t.code.op(f.ne);
  t.exitIf();
}

/** Leaves the region if a result is infinite, NaN, tiny, or a zero that `pushZeroAllowed` (1 = allowed) does not allow. */
export function requireResult(t: Translator, f: Format, value: number, pushZeroAllowed?: () => void): void {
  const { code } = t;
  if (t.batch?.takes(f, value, false) === true) return;
  code.get(value);
  if (f === double) {
    // The exponent is in the upper half.
    code.op(Op.i64ReinterpretF64);
    code.i64(32);
    code.op(Op.i64ShrU);
    code.op(Op.i32WrapI64);
  } else code.op(Op.i32ReinterpretF32);
  const bits = keepWord(t);
  code.get(bits);
  code.get(bits);
  code.op(Op.i32Add);
  code.i32(2 * f.exponentUnit);
  code.op(Op.i32Sub);
  code.i32((f.largestExponent - 1) * f.exponentUnit);
  code.op(Op.i32GeU);
  when(t, () => {
    t.exitBegin();
    pushIsZero(t, f, value);
    if (pushZeroAllowed !== undefined) {
      pushZeroAllowed();
      code.op(Op.i32And);
    }
    code.op(Op.i32Eqz);
    t.exitIf();
  });
}

// --------------------------------------------------------------------------------------------------- all lanes

/** Pushes a mask of the lanes of a v128 local that are denormal. */
function pushDenormalMask(t: Translator, f: Format, value: number): void {
  const { code } = t;
  code.get(t.constant(splat(f.operandLimit)));
  code.get(value);
  code.get(value);
  code.simd(f.packed.integerAdd);
  code.get(t.constant(splat(f.operandBias)));
  code.simd(f.packed.integerAdd);
  code.simd(f.packed.integerGreater);
}
/** Leaves the region if a lane of a v128 local is denormal. */
export function refusePackedDenormal(t: Translator, f: Format, ...values: readonly number[]): void {
  const { code } = t;
  const rest = values.filter((value) => t.batch?.takes(f, value, true) !== true);
  if (rest.length === 0) return;
  t.exitBegin();
  rest.forEach((value, n) => {
    pushDenormalMask(t, f, value);
    if (n > 0) code.simd(Simd.or);
  });
  code.simd(f.packed.bitmask);
  t.exitIf();
}

/** Leaves the region if a lane of a v128 local is NaN. */
export function refusePackedNaN(t: Translator, f: Format, ...values: readonly number[]): void {
  const { code } = t;
  t.exitBegin();
  values.forEach((value, n) => {
    code.get(value);
    code.get(value);
    code.simd(f.packed.ne);
    if (n > 0) code.simd(Simd.or);
  });
  code.simd(f.packed.bitmask);
  t.exitIf();
}

/** As requireResult, for all lanes; `pushZeroAllowed` pushes a mask. */
export function requirePackedResult(t: Translator, f: Format, value: number, pushZeroAllowed?: () => void): void {
  const { code } = t;
  if (t.batch?.takes(f, value, true) === true) return;
  code.get(value);
  code.get(value);
  code.simd(f.packed.integerAdd);
  code.get(t.constant(splat(f.resultBias)));
  code.simd(f.packed.integerAdd);
  code.get(t.constant(splat(f.resultLimit)));
  code.simd(f.packed.integerGreater);
  const bad = keep(t);
  code.get(bad);
  code.simd(f.packed.bitmask);
  when(t, () => {
    t.exitBegin();
    code.get(bad);
    pushPackedIsZero(t, f, value);
    if (pushZeroAllowed !== undefined) {
      pushZeroAllowed();
      code.simd(Simd.and);
    }
    code.simd(Simd.andNot);
    code.simd(f.packed.bitmask);
    t.exitIf();
  });
}

export function pushPackedIsZero(t: Translator, f: Format, value: number): void {
  t.code.get(value);
  pushZero(t);
  t.code.simd(f.packed.eq);
}
