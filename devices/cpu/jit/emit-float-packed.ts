// SSE floating point on all lanes, by the rules of emit-float-scalar.ts: a lane that the host may not answer leaves the region.

import type { Instruction } from '../decode/instruction.ts';
import { isPlain, Predicate, type ZeroRule } from './emit-float-scalar.ts';
import {
  ALL_ONES,
  elements,
  keep,
  pushConstant,
  pushPair,
  pushSource,
  pushZero,
  range,
  shuffle,
  splat,
} from './emit-vector.ts';
import {
  double,
  type Format,
  pushPackedIsZero,
  refusePackedDenormal,
  refusePackedNaN,
  requirePackedResult,
  single,
} from './float-format.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';
import { ALL_LANES } from './vector-registers.ts';

interface Operands {
  readonly a: number;
  readonly b: number;
}

/** Source and destination as v128 locals without denormals. */
function plainOperands(t: Translator, f: Format, i: Instruction): Operands {
  pushSource(t, i);
  const b = keep(t);
  t.vectors.get(i.reg);
  const a = keep(t);
  const unknown: number[] = [];
  if (i.memory || !isPlain(t, f, i.rm, true)) unknown.push(b);
  if (!isPlain(t, f, i.reg, true) && (i.memory || i.rm !== i.reg)) unknown.push(a);
  refusePackedDenormal(t, f, ...unknown);
  if (!i.memory) t.vectors.plain[i.rm] = ALL_LANES | f.bytes;
  t.vectors.plain[i.reg] = ALL_LANES | f.bytes;
  return { a, b };
}

/** Pops a result without denormals into the destination. */
function putPlain(t: Translator, f: Format, i: Instruction): void {
  t.vectors.set(i.reg);
  t.vectors.plain[i.reg] = ALL_LANES | f.bytes;
}

/** a op b, checked, in a local. */
function checked(t: Translator, f: Format, { a, b }: Operands, opcode: number, zero: ZeroRule = 'exact'): number {
  pushPair(t, a, b, opcode);
  const result = keep(t);
  const pushZeroAllowed = (): void => {
    pushPackedIsZero(t, f, a);
    if (zero !== 'factor') return;
    pushPackedIsZero(t, f, b);
    t.code.simd(Simd.or);
  };
  requirePackedResult(t, f, result, zero === 'exact' ? undefined : pushZeroAllowed);
  return result;
}

/** Another way to look at the operands before the operation. */
type Arrange = (t: Translator, operands: Operands) => Operands;

const arithmetic =
  (f: Format, opcode: number, zero: ZeroRule = 'exact', arrange: Arrange = (_t, operands) => operands): Emitter =>
  (t, i) => {
    t.requireFastFloat();
    const result = checked(t, f, arrange(t, plainOperands(t, f, i)), opcode, zero);
    t.code.get(result);
    putPlain(t, f, i);
    return true;
  };

/** HADD, HSUB: even elements of d:s with odd ones. */
const neighbours =
  (size: 4 | 8): Arrange =>
  (t, { a, b }) => {
    const every = (first: number): number => {
      t.code.get(a);
      t.code.get(b);
      shuffle(t, elements(size, range(first, 16 / size, 2)));
      return keep(t);
    };
    return { a: every(0), b: every(1) };
  };

/** ADDSUB: a difference is a sum with the other sign, in the even lanes. */
const alternating =
  (f: Format): Arrange =>
  (t, { a, b }) => {
    const lane = new Array<number>(f.bytes).fill(0);
    t.code.get(b);
    t.code.get(t.constant(splat([...lane.slice(1), 0x80, ...lane])));
    t.code.simd(Simd.xor);
    return { a, b: keep(t) };
  };

const squareRoot =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    pushSource(t, i);
    const source = keep(t);
    if (i.memory || !isPlain(t, f, i.rm, true)) refusePackedDenormal(t, f, source);
    code.get(source);
    code.simd(f.packed.sqrt);
    const result = keep(t);
    requirePackedResult(t, f, result);
    code.get(result);
    putPlain(t, f, i);
    return true;
  };

/** MINPS and the like: pmin(b, a) is "a if a < b, else b". */
const extreme =
  (f: Format, opcode: number): Emitter =>
  (t, i) => {
    const { a, b } = plainOperands(t, f, i);
    refusePackedNaN(t, f, a, b);
    pushPair(t, b, a, opcode);
    putPlain(t, f, i);
    return true;
  };

/** CMPPS, CMPPD. */
const compareToMask =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    const predicate = i.immediateLow & 3;
    const { a, b } = plainOperands(t, f, i);
    refusePackedNaN(t, f, a, b);
    if (predicate === Predicate.unordered) pushZero(t);
    else pushPair(t, a, b, [f.packed.eq, f.packed.lt, f.packed.le][predicate]);
    if ((i.immediateLow & 4) !== 0) code.simd(Simd.not);
    t.vectors.set(i.reg);
    return true;
  };

/** ROUNDPS, ROUNDPD: as ROUNDSD. */
const round =
  (f: Format): Emitter =>
  (t, i) => {
    t.requireFastFloat();
    pushSource(t, i);
    const source = keep(t);
    refusePackedNaN(t, f, source);
    t.code.get(source);
    t.code.simd(f.packed.rounding[(i.immediateLow & 4) !== 0 ? 0 : i.immediateLow & 3]);
    putPlain(t, f, i);
    return true;
  };

/**
 * DPPS, DPPD: products of the lanes chosen by bits 4 and up (the others count as zero), added in pairs and then the pairs, to the lanes
 * chosen by bits 0 and up.
 */
const dotProduct =
  (f: Format): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    pushSource(t, i);
    const source = keep(t);
    const pushChosen = (bits: number): void => {
      const lanes = range(0, 16 / f.bytes).flatMap((n) => new Array<number>(f.bytes).fill(((bits >> n) & 1) * 0xff));
      pushConstant(t, lanes);
      code.simd(Simd.and);
    };
    code.get(source);
    pushChosen(i.immediateLow >> 4);
    const b = keep(t);
    t.vectors.get(i.reg);
    pushChosen(i.immediateLow >> 4);
    const a = keep(t);
    refusePackedDenormal(t, f, a, b);
    let sum = checked(t, f, { a, b }, f.packed.mul, 'factor');
    for (const order of f === double
      ? [[1, 0]]
      : [
          [1, 0, 3, 2],
          [2, 3, 0, 1],
        ]) {
      code.get(sum);
      code.get(sum);
      shuffle(t, elements(f.bytes, order));
      sum = checked(t, f, { a: sum, b: keep(t) }, f.packed.add);
    }
    code.get(sum);
    pushChosen(i.immediateLow);
    putPlain(t, f, i);
    return true;
  };

// --------------------------------------------------------------------------------------------------- conversions

/** CVTDQ2PD, CVTDQ2PS. */
const fromIntegers =
  (f: Format): Emitter =>
  (t, i) => {
    if (f === single) t.requireFastFloat();
    pushSource(t, i);
    t.code.simd(f === single ? Simd.f32x4ConvertI32 : Simd.f64x2ConvertI32);
    putPlain(t, f, i);
    return true;
  };

/** CVT(T)PS2DQ, CVT(T)PD2DQ; a lane that does not fit leaves the region, the most negative number too. */
const toIntegers =
  (f: Format, truncating: boolean): Emitter =>
  (t, i) => {
    const { code } = t;
    t.requireFastFloat();
    pushSource(t, i);
    if (!truncating) code.simd(f.packed.rounding[0]);
    const source = keep(t);
    t.exitBegin();
    code.get(source);
    code.simd(f.packed.abs);
    code.get(t.constant(splat(f.limit31)));
    code.simd(f.packed.lt);
    code.simd(Simd.not);
    code.simd(f.packed.bitmask);
    t.exitIf();
    code.get(source);
    code.simd(f === single ? Simd.i32x4TruncateF32 : Simd.i32x4TruncateF64);
    t.vectors.set(i.reg);
    return true;
  };

/** CVTPS2PD: the low two lanes; those above them are left out of the checks. */
const widen: Emitter = (t, i) => {
  pushSource(t, i);
  pushZero(t);
  shuffle(t, elements(8, [0, 2]));
  const source = keep(t);
  refusePackedDenormal(t, single, source);
  refusePackedNaN(t, single, source);
  t.code.get(source);
  t.code.simd(Simd.f64x2Promote);
  putPlain(t, double, i);
  return true;
};

/** CVTPD2PS. A zero that was not one is an underflow. */
const narrow: Emitter = (t, i) => {
  const { code } = t;
  t.requireFastFloat();
  pushSource(t, i);
  const source = keep(t);
  refusePackedDenormal(t, double, source);
  code.get(source);
  code.simd(Simd.f32x4Demote);
  const result = keep(t);
  requirePackedResult(t, single, result, () => {
    // Zeros of the doubles as a mask of the floats; the upper two are zero in any case.
    pushPackedIsZero(t, double, source);
    pushConstant(t, ALL_ONES);
    shuffle(t, elements(4, [0, 2, 4, 5]));
  });
  code.get(result);
  putPlain(t, single, i);
  return true;
};

function family(f: Format, suffix: string): { [operation: string]: Emitter } {
  const { packed, bytes } = f;
  return {
    [`add${suffix}`]: arithmetic(f, packed.add),
    [`sub${suffix}`]: arithmetic(f, packed.sub),
    [`mul${suffix}`]: arithmetic(f, packed.mul, 'factor'),
    [`div${suffix}`]: arithmetic(f, packed.div, 'dividend'),
    [`hadd${suffix}`]: arithmetic(f, packed.add, 'exact', neighbours(bytes)),
    [`hsub${suffix}`]: arithmetic(f, packed.sub, 'exact', neighbours(bytes)),
    [`addsub${suffix}`]: arithmetic(f, packed.add, 'exact', alternating(f)),
    [`sqrt${suffix}`]: squareRoot(f),
    [`min${suffix}`]: extreme(f, packed.pmin),
    [`max${suffix}`]: extreme(f, packed.pmax),
    [`cmp${suffix}`]: compareToMask(f),
    [`round${suffix}`]: round(f),
    [`dp${suffix}`]: dotProduct(f),
    [`cvtdq2${suffix}`]: fromIntegers(f),
    [`cvt${suffix}2dq`]: toIntegers(f, false),
    [`cvtt${suffix}2dq`]: toIntegers(f, true),
  };
}

export const floatPackedEmitters: { readonly [operation: string]: Emitter } = {
  ...family(double, 'pd'),
  ...family(single, 'ps'),
  cvtps2pd: widen,
  cvtpd2ps: narrow,
};
