// SSE floating point. The result of the host's instruction is taken when the reference (interpreter/sse-lanes.ts) would take it:
//
//   operands  zero or normal          result  zero where that is exact, or normal and not the smallest
//   MXCSR     nearest, all masked, no DAZ, and PE already set: then the only flag that an operation may raise is up (requireFastFloat)
//
// Everything else (NaN, infinity, denormal, underflow, another rounding mode) leaves the region, and the interpreter computes it.
// A register whose low lane came out of a checked operation is known to be plain, which saves its next check.

import type { Instruction } from '../decode/instruction.ts';
import { CF, ZF } from '../interpreter/flags.ts';
import type { Emitter } from './emit-integer.ts';
import { pushSource, Simd } from './emit-sse.ts';
import type { Translator } from './translator.ts';
import { F32, F64, I32, I64, NO_RESULT, Op, V128, type ValueType } from './wasm.ts';

interface Format {
  readonly bytes: 4 | 8;
  readonly float: ValueType;
  readonly integer: ValueType;
  readonly reinterpret: number;
  readonly extract: number;
  readonly replace: number;
  readonly load: number;
  readonly shl: number;
  readonly sub: number;
  readonly geU: number;
  readonly eqz: number;
  constant(t: Translator, exponent: number): void;
}

const double: Format = {
  bytes: 8,
  float: F64,
  integer: I64,
  reinterpret: Op.i64ReinterpretF64,
  extract: Simd.f64x2Extract,
  replace: Simd.f64x2Replace,
  load: 0x2b,
  shl: Op.i64Shl,
  sub: Op.i64Sub,
  geU: Op.i64GeU,
  eqz: Op.i64Eqz,
  // The exponent's place after a shift by one: bits 63..53.
  constant: (t, exponent) => t.code.i64Pair(0, exponent << 21),
};
const single: Format = {
  bytes: 4,
  float: F32,
  integer: I32,
  reinterpret: Op.i32ReinterpretF32,
  extract: Simd.f32x4Extract,
  replace: Simd.f32x4Replace,
  load: 0x2a,
  shl: Op.i32Shl,
  sub: Op.i32Sub,
  geU: Op.i32GeU,
  eqz: Op.i32Eqz,
  constant: (t, exponent) => t.code.i32(exponent << 24),
};
const LARGEST_EXPONENT = { 4: 0xfe, 8: 0x7fe } as const;

/** Leaves the number's bits without sign in `bits`, and pushes 1 unless its exponent lies in least..largest normal. */
function pushOutside(t: Translator, f: Format, value: number, bits: number, least: number): void {
  const { code } = t;
  code.get(value);
  code.op(f.reinterpret);
  if (f === double) code.i64(1);
  else code.i32(1);
  code.op(f.shl);
  code.tee(bits);
  f.constant(t, least);
  code.op(f.sub);
  f.constant(t, LARGEST_EXPONENT[f.bytes] + 1 - least);
  code.op(f.geU);
}

/** Leaves the region if a float local is neither zero nor normal. */
function requirePlain(t: Translator, f: Format, value: number): void {
  const { code } = t;
  const bits = t.temporary(f.integer);
  t.exitBegin();
  pushOutside(t, f, value, bits, 1);
  code.get(bits);
  code.op(f.eqz);
  code.op(Op.i32Eqz);
  code.op(Op.i32And);
  t.exitIf();
}

/** Leaves the region if a result is infinite, NaN, tiny, or a zero that `pushZeroAllowed` (1 = allowed) does not allow. */
function requireResult(t: Translator, f: Format, value: number, pushZeroAllowed: () => void): void {
  const { code } = t;
  const bits = t.temporary(f.integer);
  pushOutside(t, f, value, bits, 2);
  code.op(Op.if);
  code.op(NO_RESULT);
  t.leaveDepth++;
  t.exitBegin();
  code.get(bits);
  code.op(f.eqz);
  pushZeroAllowed();
  code.op(Op.i32And);
  code.op(Op.i32Eqz);
  t.exitIf();
  t.leaveDepth--;
  code.op(Op.end);
}

/** The low lane of the source in a float local that is plain. */
function plainSource(t: Translator, f: Format, i: Instruction): number {
  const { code } = t;
  const value = t.temporary(f.float);
  if (i.memory) {
    const at = t.access(i, f.bytes, false);
    code.get(at.host);
    code.memory(f.load, at.offset);
  } else {
    t.getXmm(i.rm);
    code.simdLane(f.extract, 0);
  }
  code.set(value);
  if (i.memory || t.plain[i.rm] !== f.bytes) {
    requirePlain(t, f, value);
    if (!i.memory) t.plain[i.rm] = f.bytes;
  }
  return value;
}
/** The low lane of the destination, likewise. */
function plainTarget(t: Translator, f: Format, i: Instruction): number {
  const value = t.temporary(f.float);
  t.getXmm(i.reg);
  t.code.simdLane(f.extract, 0);
  t.code.set(value);
  if (t.plain[i.reg] !== f.bytes) {
    requirePlain(t, f, value);
    t.plain[i.reg] = f.bytes;
  }
  return value;
}

/** Puts a float local into the low lane of the destination. */
function putLow(t: Translator, f: Format, i: Instruction, value: number): void {
  t.getXmm(i.reg);
  t.code.get(value);
  t.code.simdLane(f.replace, 0);
  t.setXmm(i.reg);
  t.plain[i.reg] = f.bytes;
}

type ZeroRule = 'exact' | 'factor' | 'dividend';

/** ADD SUB MUL DIV of one lane. */
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
    const isZero = (value: number): void => {
      code.get(value);
      zeroConstant(t, f);
      code.op(f === double ? Op.f64Eq : Op.f32Eq);
    };
    requireResult(t, f, result, () => {
      if (zero === 'exact') code.i32(1);
      else {
        isZero(a);
        if (zero === 'factor') isZero(b);
        else {
          // 0 / b; 0 / 0 gave a NaN.
          code.i32(0);
        }
        code.op(Op.i32Or);
      }
    });
    putLow(t, f, i, result);
    return true;
  };

function zeroConstant(t: Translator, f: Format): void {
  t.code.op(f === double ? Op.f64Const : Op.f32Const);
  for (let n = 0; n < f.bytes; n++) t.code.op(0);
}

const squareRoot =
  (f: Format): Emitter =>
  (t, i) => {
    t.requireFastFloat();
    const source = plainSource(t, f, i);
    const result = t.temporary(f.float);
    t.code.get(source);
    t.code.op(f === double ? Op.f64Sqrt : Op.f32Sqrt);
    t.code.set(result);
    // Of a negative number: NaN, so not plain.
    requireResult(t, f, result, () => t.code.i32(1));
    putLow(t, f, i, result);
    return true;
  };

/** MIN, MAX: the second operand unless the first is less (greater). */
const extreme =
  (f: Format, less: boolean): Emitter =>
  (t, i) => {
    const { code } = t;
    t.usesFloat = true;
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    const result = t.temporary(f.float);
    code.get(a);
    code.get(b);
    code.get(a);
    code.get(b);
    if (less) code.op(f === double ? Op.f64Lt : Op.f32Lt);
    else code.op(f === double ? Op.f64Gt : Op.f32Gt);
    code.op(Op.select);
    code.set(result);
    putLow(t, f, i, result);
    return true;
  };

/** COMIS, UCOMIS: ZF and CF; an unordered pair leaves the region. */
const compare =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    code.get(t.flagWord);
    code.i32(~0x8d5);
    code.op(Op.i32And);
    code.get(a);
    code.get(b);
    code.op(f === double ? Op.f64Eq : Op.f32Eq);
    code.i32(Math.log2(ZF));
    code.op(Op.i32Shl);
    code.op(Op.i32Or);
    code.get(a);
    code.get(b);
    code.op(f === double ? Op.f64Lt : Op.f32Lt);
    code.i32(Math.log2(CF));
    code.op(Op.i32Shl);
    code.op(Op.i32Or);
    code.set(t.flagWord);
    t.setFlagBits();
    return true;
  };

// ------------------------------------------------------------------------------------------------- packed doubles

/** Leaves the region if a lane of a v128 local has an exponent outside least..largest (and is not zero, if zeros are allowed). */
function requirePacked(t: Translator, f: Format, value: number, least: number, zeroAllowed: (() => void) | null): void {
  const { code } = t;
  const isDouble = f === double;
  const bits = t.temporary(V128);
  const splat = (exponent: number): void => {
    f.constant(t, exponent);
    code.simd(isDouble ? 0x12 : 0x11);
  };
  t.exitBegin();
  code.get(value);
  code.i32(1);
  code.simd(isDouble ? 0xcb : 0xab);
  code.tee(bits);
  splat(least);
  code.simd(isDouble ? 0xd1 : 0xb1);
  if (isDouble) {
    // There is no unsigned comparison of 64-bit lanes: both sides are moved by 2^63.
    code.i64Pair(0, -0x80000000);
    code.simd(0x12);
    code.simd(Simd.xor);
    code.i64Pair(0, ((LARGEST_EXPONENT[8] + 1 - least) << 21) ^ -0x80000000);
    code.simd(0x12);
    code.simd(0xdb);
  } else {
    splat(LARGEST_EXPONENT[4] + 1 - least);
    code.simd(0x40);
  }
  if (zeroAllowed !== null) {
    // and not (zero and allowed)
    code.get(bits);
    pushZeroVector(t);
    code.simd(isDouble ? 0xd6 : 0x37);
    zeroAllowed();
    code.simd(Simd.and);
    code.simd(Simd.andNot);
  }
  code.simd(Simd.anyTrue);
  t.exitIf();
}

function pushZeroVector(t: Translator): void {
  t.code.simd(Simd.constant);
  for (let n = 0; n < 16; n++) t.code.op(0);
}
function pushOnesVector(t: Translator): void {
  t.code.simd(Simd.constant);
  for (let n = 0; n < 16; n++) t.code.op(0xff);
}

const packedArithmetic =
  (f: Format, opcode: number, zero: ZeroRule): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    const a = t.temporary(V128);
    const b = t.temporary(V128);
    const result = t.temporary(V128);
    pushSource(t, i);
    code.set(b);
    t.getXmm(i.reg);
    code.set(a);
    requirePacked(t, f, a, 1, () => pushOnesVector(t));
    requirePacked(t, f, b, 1, () => pushOnesVector(t));
    code.get(a);
    code.get(b);
    code.simd(opcode);
    code.set(result);
    const isZero = (value: number): void => {
      code.get(value);
      pushZeroVector(t);
      code.simd(f === double ? 0x47 : 0x41);
    };
    requirePacked(t, f, result, 2, () => {
      if (zero === 'exact') pushOnesVector(t);
      else {
        isZero(a);
        if (zero === 'factor') {
          isZero(b);
          code.simd(Simd.or);
        }
      }
    });
    code.get(result);
    t.setXmm(i.reg);
    return true;
  };

const packedRoot =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    const source = t.temporary(V128);
    const result = t.temporary(V128);
    pushSource(t, i);
    code.set(source);
    requirePacked(t, f, source, 1, () => pushOnesVector(t));
    code.get(source);
    code.simd(f === double ? 0xef : 0xe3);
    code.set(result);
    requirePacked(t, f, result, 2, () => pushOnesVector(t));
    code.get(result);
    t.setXmm(i.reg);
    return true;
  };

/** MINPS and the like: pmin(b, a) is "a if a < b, else b". */
const packedExtreme =
  (f: Format, opcode: number): Emitter =>
  (t, i) => {
    const { code } = t;
    const b = t.temporary(V128);
    const a = t.temporary(V128);
    pushSource(t, i);
    code.set(b);
    t.getXmm(i.reg);
    code.set(a);
    requirePacked(t, f, a, 1, () => pushOnesVector(t));
    requirePacked(t, f, b, 1, () => pushOnesVector(t));
    code.get(b);
    code.get(a);
    code.simd(opcode);
    t.setXmm(i.reg);
    return true;
  };

// ------------------------------------------------------------------------------------------------------ compares

/** Predicates 0..7 of CMPxx (SDM vol. 2, table 3-1) for ordered operands: the comparison, and whether it is negated. */
const predicates: readonly { readonly opcode: number; readonly negated: boolean }[] = [
  { opcode: 0, negated: false },
  { opcode: 2, negated: false },
  { opcode: 4, negated: false },
  { opcode: -1, negated: true },
  { opcode: 0, negated: true },
  { opcode: 2, negated: true },
  { opcode: 4, negated: true },
  { opcode: -1, negated: false },
];

const packedCompare =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    const { opcode, negated } = predicates[i.immediateLow & 7];
    const a = t.temporary(V128);
    const b = t.temporary(V128);
    pushSource(t, i);
    code.set(b);
    t.getXmm(i.reg);
    code.set(a);
    requirePacked(t, f, a, 1, () => pushOnesVector(t));
    requirePacked(t, f, b, 1, () => pushOnesVector(t));
    if (opcode < 0) {
      if (negated) pushZeroVector(t);
      else pushOnesVector(t);
    } else {
      code.get(a);
      code.get(b);
      code.simd((f === double ? 0x47 : 0x41) + opcode);
      if (negated) code.simd(Simd.not);
    }
    t.setXmm(i.reg);
    return true;
  };

const scalarCompare =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    const { opcode, negated } = predicates[i.immediateLow & 7];
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    const isDouble = f === double;
    t.getXmm(i.reg);
    if (opcode < 0) code.i32(negated ? 0 : 1);
    else {
      code.get(a);
      code.get(b);
      // eq ne lt gt le ge in this order.
      code.op((isDouble ? Op.f64Eq : Op.f32Eq) + opcode);
      if (negated) code.op(Op.i32Eqz);
    }
    // 0 or 1 becomes all zeros or all ones.
    if (isDouble) {
      code.op(Op.i64ExtendI32U);
      const bit = t.temporary(I64);
      code.set(bit);
      code.i64(0);
      code.get(bit);
      code.op(Op.i64Sub);
      code.simdLane(Simd.i64x2Replace, 0);
    } else {
      const bit = t.temporary(I32);
      code.set(bit);
      code.i32(0);
      code.get(bit);
      code.op(Op.i32Sub);
      code.simdLane(Simd.i32x4Replace, 0);
    }
    t.setXmm(i.reg);
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

/** CVTTSD2SI, CVTTSS2SI; what does not fit leaves the region. */
const toInteger =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    const source = plainSource(t, f, i);
    const wide = i.rexW;
    t.exitBegin();
    // |x| below 2^63 (2^31), so that the most negative number is left out too.
    code.get(source);
    code.op(f === double ? Op.f64Abs : Op.f32Abs);
    code.op(f === double ? Op.f64Const : Op.f32Const);
    const bias = f === double ? 1023 : 127;
    const exponent = bias + (wide ? 63 : 31);
    if (f === double) for (const byte of [0, 0, 0, 0, 0, 0, (exponent << 4) & 0xff, exponent >> 4]) code.op(byte);
    else for (const byte of [0, 0, (exponent << 7) & 0xff, exponent >> 1]) code.op(byte);
    code.op(f === double ? Op.f64Ge : Op.f32Ge);
    t.exitIf();
    code.get(source);
    // 0 i32.f32s, 2 i32.f64s, 4 i64.f32s, 6 i64.f64s
    code.truncate((wide ? 4 : 0) + (f === double ? 2 : 0));
    if (!wide) code.op(Op.i64ExtendI32U);
    t.setGeneral(i.reg);
    return true;
  };

const singleToDouble: Emitter = (t, i) => {
  const source = plainSource(t, single, i);
  const result = t.temporary(F64);
  t.code.get(source);
  t.code.op(Op.f64PromoteF32);
  t.code.set(result);
  putLow(t, double, i, result);
  return true;
};

const doubleToSingle: Emitter = (t, i) => {
  t.requireFastFloat();
  const source = plainSource(t, double, i);
  const result = t.temporary(F32);
  t.code.get(source);
  t.code.op(Op.f32DemoteF64);
  t.code.set(result);
  // A zero that was not one is an underflow.
  requireResult(t, single, result, () => {
    t.code.get(source);
    zeroConstant(t, double);
    t.code.op(Op.f64Eq);
  });
  putLow(t, single, i, result);
  return true;
};

/** CVTDQ2PD, CVTDQ2PS. */
const fromPackedInteger =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    if (f === single) {
      t.requireFastFloat();
      pushSource(t, i);
      code.simd(0xfa);
    } else {
      if (i.memory) {
        const at = t.access(i, 8, false);
        code.get(at.host);
        code.simdMemory(Simd.load64Zero, at.offset);
      } else t.getXmm(i.rm);
      code.simd(0xfe);
    }
    t.setXmm(i.reg);
    return true;
  };

export const floatEmitters: { readonly [operation: string]: Emitter } = {
  addsd: arithmetic(double, Op.f64Add, 'exact'),
  subsd: arithmetic(double, Op.f64Sub, 'exact'),
  mulsd: arithmetic(double, Op.f64Mul, 'factor'),
  divsd: arithmetic(double, Op.f64Div, 'dividend'),
  addss: arithmetic(single, Op.f32Add, 'exact'),
  subss: arithmetic(single, Op.f32Sub, 'exact'),
  mulss: arithmetic(single, Op.f32Mul, 'factor'),
  divss: arithmetic(single, Op.f32Div, 'dividend'),
  sqrtsd: squareRoot(double),
  sqrtss: squareRoot(single),
  minsd: extreme(double, true),
  maxsd: extreme(double, false),
  minss: extreme(single, true),
  maxss: extreme(single, false),
  comisd: compare(double),
  ucomisd: compare(double),
  comiss: compare(single),
  ucomiss: compare(single),
  addpd: packedArithmetic(double, 0xf0, 'exact'),
  subpd: packedArithmetic(double, 0xf1, 'exact'),
  mulpd: packedArithmetic(double, 0xf2, 'factor'),
  divpd: packedArithmetic(double, 0xf3, 'dividend'),
  addps: packedArithmetic(single, 0xe4, 'exact'),
  subps: packedArithmetic(single, 0xe5, 'exact'),
  mulps: packedArithmetic(single, 0xe6, 'factor'),
  divps: packedArithmetic(single, 0xe7, 'dividend'),
  sqrtpd: packedRoot(double),
  sqrtps: packedRoot(single),
  minpd: packedExtreme(double, 0xf6),
  maxpd: packedExtreme(double, 0xf7),
  minps: packedExtreme(single, 0xea),
  maxps: packedExtreme(single, 0xeb),
  cmppd: packedCompare(double),
  cmpps: packedCompare(single),
  cmpsd: scalarCompare(double),
  cmpss: scalarCompare(single),
  cvtsi2sd: fromInteger(double),
  cvtsi2ss: fromInteger(single),
  cvttsd2si: toInteger(double),
  cvttss2si: toInteger(single),
  cvtss2sd: singleToDouble,
  cvtsd2ss: doubleToSingle,
  cvtdq2pd: fromPackedInteger(double),
  cvtdq2ps: fromPackedInteger(single),
};
