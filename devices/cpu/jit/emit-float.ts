// SSE floating point. The result of the host's instruction is taken when the reference (interpreter/sse-lanes.ts) would take it:
//
//   operands  not denormal            result  zero where that is exact, or normal and not the smallest
//   MXCSR     nearest, all masked, no DAZ, and PE already set: then the only flag that an operation may raise is up (requireFastFloat)
//
// Everything else (NaN, infinity, denormal, underflow, another rounding mode) leaves the region, and the interpreter computes it.
// A register that came out of a checked operation is known not to be denormal ("plain"), which saves its next check.

import type { Instruction } from '../decode/instruction.ts';
import { CF, ZF } from '../interpreter/flags.ts';
import { ALL_ONES, pushConstant, pushSource, pushZero } from './emit-vector.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
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
  readonly add: number;
  readonly sub: number;
  readonly shrU: number;
  readonly eqz: number;
  readonly geU: number;
  readonly ne: number;
  /** Of the exponent field after a shift by one to the left. */
  readonly exponentShift: number;
  constant(t: Translator, value: number): void;
}

const double: Format = {
  bytes: 8,
  float: F64,
  integer: I64,
  reinterpret: Op.i64ReinterpretF64,
  extract: Simd.f64x2Extract,
  replace: Simd.f64x2Replace,
  load: 0x2b,
  add: Op.i64Add,
  sub: Op.i64Sub,
  shrU: Op.i64ShrU,
  eqz: Op.i64Eqz,
  geU: Op.i64GeU,
  ne: Op.f64Ne,
  exponentShift: 53,
  constant: (t, value) => t.code.i64(value),
};
const single: Format = {
  bytes: 4,
  float: F32,
  integer: I32,
  reinterpret: Op.i32ReinterpretF32,
  extract: Simd.f32x4Extract,
  replace: Simd.f32x4Replace,
  load: 0x2a,
  add: Op.i32Add,
  sub: Op.i32Sub,
  shrU: Op.i32ShrU,
  eqz: Op.i32Eqz,
  geU: Op.i32GeU,
  ne: Op.f32Ne,
  exponentShift: 24,
  constant: (t, value) => t.code.i32(value),
};
const LARGEST_EXPONENT = { 4: 0xfe, 8: 0x7fe } as const;
/** In translator.plain: all lanes. */
const ALL_LANES = 16;

/** Leaves the region if a float local is denormal: with the sign shifted out, its bits less one lie below those of 2^emin. */
function refuseDenormal(t: Translator, f: Format, value: number): void {
  const { code } = t;
  const bits = t.temporary(f.integer);
  t.exitBegin();
  code.get(value);
  code.op(f.reinterpret);
  code.tee(bits);
  code.get(bits);
  code.op(f.add);
  f.constant(t, 1);
  code.op(f.sub);
  f.constant(t, f.exponentShift);
  code.op(f.shrU);
  code.op(f.eqz);
  t.exitIf();
}

function refuseNaN(t: Translator, f: Format, value: number): void {
  t.exitBegin();
  t.code.get(value);
  t.code.get(value);
  t.code.op(f.ne);
  t.exitIf();
}

/** Leaves the region if a result is infinite, NaN, tiny, or a zero that `pushZeroAllowed` (1 = allowed) does not allow. */
function requireResult(t: Translator, f: Format, value: number, pushZeroAllowed: () => void): void {
  const { code } = t;
  const bits = t.temporary(f.integer);
  // The exponent must lie in 2..largest: with 1 the number may have been rounded up to the smallest normal one.
  code.get(value);
  code.op(f.reinterpret);
  code.tee(bits);
  code.get(bits);
  code.op(f.add);
  code.tee(bits);
  f.constant(t, f.exponentShift);
  code.op(f.shrU);
  f.constant(t, 2);
  code.op(f.sub);
  f.constant(t, LARGEST_EXPONENT[f.bytes] - 1);
  code.op(f.geU);
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

/** The low lane of the source register or memory in a float local. */
function sourceLane(t: Translator, f: Format, i: Instruction): number {
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
  return value;
}

/** All lanes, or the low one, of a register are known not to be denormal. */
function isPlain(t: Translator, f: Format, register: number, all = false): boolean {
  const known = t.plain[register];
  return known === (ALL_LANES | f.bytes) || (!all && known === f.bytes);
}

/** The low lane of the source in a float local that is not denormal. */
function plainSource(t: Translator, f: Format, i: Instruction): number {
  const value = sourceLane(t, f, i);
  if (i.memory || !isPlain(t, f, i.rm)) {
    refuseDenormal(t, f, value);
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
  if (!isPlain(t, f, i.reg)) {
    refuseDenormal(t, f, value);
    t.plain[i.reg] = f.bytes;
  }
  return value;
}

/** Puts a float local into the low lane of the destination. */
function putLow(t: Translator, f: Format, i: Instruction, value: number): void {
  const all = isPlain(t, f, i.reg, true);
  t.getXmm(i.reg);
  t.code.get(value);
  t.code.simdLane(f.replace, 0);
  t.setXmm(i.reg);
  t.plain[i.reg] = all ? ALL_LANES | f.bytes : f.bytes;
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
    const b = plainSource(t, f, i);
    const a = plainTarget(t, f, i);
    refuseNaN(t, f, a);
    refuseNaN(t, f, b);
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
    refuseNaN(t, f, a);
    refuseNaN(t, f, b);
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

/** Leaves the region if a lane of a v128 local is denormal. */
function refusePackedDenormal(t: Translator, f: Format, value: number): void {
  const { code } = t;
  const isDouble = f === double;
  t.exitBegin();
  code.get(value);
  code.get(value);
  code.simd(isDouble ? 0xce : 0xae);
  pushOnesVector(t);
  code.simd(isDouble ? 0xce : 0xae);
  code.i32(f.exponentShift);
  code.simd(isDouble ? 0xcd : 0xad);
  code.simd(isDouble ? 0xc3 : 0xa3);
  code.op(Op.i32Eqz);
  t.exitIf();
}

function refusePackedNaN(t: Translator, f: Format, value: number): void {
  const { code } = t;
  t.exitBegin();
  code.get(value);
  code.get(value);
  code.simd(f === double ? 0x48 : 0x42);
  code.simd(Simd.anyTrue);
  t.exitIf();
}

/** As requireResult, for all lanes; `pushZeroAllowed` pushes a mask. */
function requirePackedResult(t: Translator, f: Format, value: number, pushZeroAllowed: () => void): void {
  const { code } = t;
  const isDouble = f === double;
  const magnitude = t.temporary(V128);
  const good = t.temporary(V128);
  // Magnitude from the second smallest binade to the largest finite number, as a comparison of floats.
  code.get(value);
  code.simd(isDouble ? 0xec : 0xe0);
  code.tee(magnitude);
  code.get(t.constant(splat(f, isDouble ? [0, 0, 0, 0, 0, 0, 0x20, 0] : [0, 0, 0, 1])));
  code.simd(isDouble ? 0x4c : 0x46);
  code.get(magnitude);
  code.get(t.constant(splat(f, isDouble ? [0, 0, 0, 0, 0, 0, 0xf0, 0x7f] : [0, 0, 0x80, 0x7f])));
  code.simd(isDouble ? 0x49 : 0x43);
  code.simd(Simd.and);
  code.tee(good);
  code.simd(isDouble ? 0xc3 : 0xa3);
  code.op(Op.i32Eqz);
  code.op(Op.if);
  code.op(NO_RESULT);
  t.leaveDepth++;
  t.exitBegin();
  code.get(good);
  code.get(magnitude);
  pushZero(t);
  code.simd(isDouble ? 0x47 : 0x41);
  pushZeroAllowed();
  code.simd(Simd.and);
  code.simd(Simd.or);
  code.simd(isDouble ? 0xc3 : 0xa3);
  code.op(Op.i32Eqz);
  t.exitIf();
  t.leaveDepth--;
  code.op(Op.end);
}

/** 16 bytes made of one lane's bytes. */
function splat(f: Format, lane: readonly number[]): number[] {
  return Array.from({ length: 16 }, (_, n) => lane[n % f.bytes]);
}

/** Source and destination as v128 locals without denormals. */
function plainOperands(t: Translator, f: Format, i: Instruction): { readonly a: number; readonly b: number } {
  const { code } = t;
  const a = t.temporary(V128);
  const b = t.temporary(V128);
  pushSource(t, i);
  code.set(b);
  t.getXmm(i.reg);
  code.set(a);
  if (i.memory || !isPlain(t, f, i.rm, true)) {
    refusePackedDenormal(t, f, b);
    if (!i.memory) t.plain[i.rm] = ALL_LANES | f.bytes;
  }
  if (!isPlain(t, f, i.reg, true)) {
    refusePackedDenormal(t, f, a);
    t.plain[i.reg] = ALL_LANES | f.bytes;
  }
  return { a, b };
}

function pushOnesVector(t: Translator): void {
  pushConstant(t, ALL_ONES);
}

const packedArithmetic =
  (f: Format, opcode: number, zero: ZeroRule): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    const { a, b } = plainOperands(t, f, i);
    const result = t.temporary(V128);
    code.get(a);
    code.get(b);
    code.simd(opcode);
    code.set(result);
    const isZero = (value: number): void => {
      code.get(value);
      pushZero(t);
      code.simd(f === double ? 0x47 : 0x41);
    };
    requirePackedResult(t, f, result, () => {
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
    t.plain[i.reg] = ALL_LANES | f.bytes;
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
    refusePackedDenormal(t, f, source);
    code.get(source);
    code.simd(f === double ? 0xef : 0xe3);
    code.set(result);
    requirePackedResult(t, f, result, () => pushOnesVector(t));
    code.get(result);
    t.setXmm(i.reg);
    t.plain[i.reg] = ALL_LANES | f.bytes;
    return true;
  };

/** MINPS and the like: pmin(b, a) is "a if a < b, else b". */
const packedExtreme =
  (f: Format, opcode: number): Emitter =>
  (t, i) => {
    const { code } = t;
    const { a, b } = plainOperands(t, f, i);
    refusePackedNaN(t, f, a);
    refusePackedNaN(t, f, b);
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
    const { a, b } = plainOperands(t, f, i);
    refusePackedNaN(t, f, a);
    refusePackedNaN(t, f, b);
    if (opcode < 0) {
      if (negated) pushZero(t);
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
    refuseNaN(t, f, a);
    refuseNaN(t, f, b);
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
    const source = sourceLane(t, f, i);
    const wide = i.rexW;
    t.exitBegin();
    // |x| below 2^63 (2^31): no NaN either; the most negative number is left out too.
    code.get(source);
    code.op(f === double ? Op.f64Abs : Op.f32Abs);
    code.op(f === double ? Op.f64Const : Op.f32Const);
    const bias = f === double ? 1023 : 127;
    const exponent = bias + (wide ? 63 : 31);
    if (f === double) for (const byte of [0, 0, 0, 0, 0, 0, (exponent << 4) & 0xff, exponent >> 4]) code.op(byte);
    else for (const byte of [0, 0, (exponent << 7) & 0xff, exponent >> 1]) code.op(byte);
    code.op(f === double ? Op.f64Lt : Op.f32Lt);
    code.op(Op.i32Eqz);
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
  refuseNaN(t, single, source);
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
