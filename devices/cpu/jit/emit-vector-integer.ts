// SSE packed integers as WebAssembly SIMD (SDM vol. 2). Instructions without a counterpart are put together from several.

import {
  ALL_ONES,
  binary,
  type Computation,
  compute,
  elements,
  keep,
  keepWord,
  pushPair,
  pushSource,
  pushZero,
  range,
  setZeroAndCarry,
  shuffle,
  splat,
  unary,
} from './emit-vector.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';
import { ALL_LANES } from './vector-registers.ts';
import { I64, Op } from './wasm.ts';

/** PANDN and its float names: not d, and s. */
const andNot = compute((t, d, s) => pushPair(t, s, d, Simd.andNot));

/** PXOR of a register with itself is zero. */
const exclusiveOr: Emitter = (t, i) => {
  if (i.row.operands[0] !== 'Vx') return false;
  if (i.memory || i.reg !== i.rm) return binary(Simd.xor)(t, i);
  pushZero(t);
  t.vectors.set(i.reg);
  t.vectors.plain[i.reg] = ALL_LANES | 8;
  return true;
};

// ------------------------------------------------------------------------------------------------------- shifts

interface ElementShift {
  readonly opcode: number;
  readonly bits: 16 | 32 | 64;
  readonly arithmetic?: boolean;
}

/** The count is an immediate (Ux, Ib) or stands in the low half of the source; counts past the element give zeros or signs. */
const shiftElements =
  (shift: ElementShift): Emitter =>
  (t, i) => {
    const { opcode, bits, arithmetic = false } = shift;
    const { code } = t;
    if (i.row.operands[0] === 'Ux') {
      const count = i.immediateLow & 0xff;
      if (count >= bits && !arithmetic) pushZero(t);
      else {
        t.vectors.get(i.rm);
        code.i32(Math.min(count, bits - 1));
        code.simd(opcode);
      }
      t.vectors.set(i.rm);
      return true;
    }
    if (i.row.operands[0] !== 'Vx') return false;
    const count = t.temporary(I64);
    pushSource(t, i);
    code.simdLane(Simd.i64x2Extract, 0);
    code.set(count);
    t.vectors.get(i.reg);
    const pushInRange = (): void => {
      code.get(count);
      code.i64(bits);
      code.op(Op.i64LtU);
    };
    if (arithmetic) {
      code.get(count);
      code.op(Op.i32WrapI64);
      code.i32(bits - 1);
      pushInRange();
      code.op(Op.select);
      code.simd(opcode);
    } else {
      code.get(count);
      code.op(Op.i32WrapI64);
      code.simd(opcode);
      // All ones or zeros.
      code.i32(0);
      pushInRange();
      code.op(Op.i32Sub);
      code.simd(Simd.i32x4Splat);
      code.simd(Simd.and);
    }
    t.vectors.set(i.reg);
    return true;
  };

// ---------------------------------------------------------------------------------------------------- products

/** PMULHW, PMULHUW: upper halves of 16-bit products. */
const multiplyHigh = (low: number, high: number): Emitter =>
  compute((t, d, s) => {
    pushPair(t, d, s, low);
    pushPair(t, d, s, high);
    shuffle(t, elements(2, range(1, 8, 2)));
  });

/** PMULUDQ, PMULDQ: the even 32-bit elements. */
const multiplyEven = (opcode: number): Emitter =>
  compute((t, d, s) => {
    for (const operand of [d, s]) {
      t.code.get(operand);
      t.code.get(operand);
      shuffle(t, elements(4, [0, 2, 0, 2]));
    }
    t.code.simd(opcode);
  });

/** PMULHRSW. WebAssembly saturates the one product that overflows, SSE does not: 8000 times 8000 is 8000. */
const multiplyRounded: Computation = (t, d, s) => {
  pushPair(t, d, s, Simd.i16x8RoundedHigh);
  const least = t.constant(splat([0, 0x80]));
  pushPair(t, d, least, Simd.i16x8Eq);
  pushPair(t, s, least, Simd.i16x8Eq);
  t.code.simd(Simd.and);
  t.code.simd(Simd.xor);
};

/** PMADDUBSW: unsigned bytes of d times signed ones of s, neighbours added with saturation. Each product fits 16 bits. */
const multiplyBytes: Computation = (t, d, s) => {
  const { code } = t;
  const shift = (operand: number, count: number, opcode: number): void => {
    code.get(operand);
    code.i32(count);
    code.simd(opcode);
  };
  code.get(d);
  code.get(t.constant(splat([0xff, 0])));
  code.simd(Simd.and);
  shift(s, 8, Simd.i16x8Shl);
  code.i32(8);
  code.simd(Simd.i16x8ShrS);
  code.simd(Simd.i16x8Mul);
  shift(d, 8, Simd.i16x8ShrU);
  shift(s, 8, Simd.i16x8ShrS);
  code.simd(Simd.i16x8Mul);
  code.simd(Simd.i16x8AddSatS);
};

// ------------------------------------------------------------------------------------------- sums and neighbours

/** PHADD, PHSUB: even elements of d:s with odd ones. */
const neighbours = (size: 2 | 4, opcode: number): Emitter =>
  compute((t, d, s) => {
    for (const first of [0, 1]) {
      t.code.get(d);
      t.code.get(s);
      shuffle(t, elements(size, range(first, 16 / size, 2)));
    }
    t.code.simd(opcode);
  });

/** PSADBW: differences of bytes, summed up for each half. */
const sumDifferences: Computation = (t, d, s) => {
  const { code } = t;
  // One of the two differences is zero.
  pushPair(t, d, s, Simd.i8x16SubSatU);
  pushPair(t, s, d, Simd.i8x16SubSatU);
  code.simd(Simd.or);
  code.simd(Simd.i16x8AddPairsU);
  code.get(t.constant(splat([1, 0])));
  code.simd(Simd.i32x4DotS);
  const sums = keep(t);
  // Two sums in each half become one.
  code.get(sums);
  code.get(sums);
  code.i32(32);
  code.simd(Simd.i64x2Shl);
  code.simd(Simd.i32x4Add);
  code.i32(32);
  code.simd(Simd.i64x2ShrU);
};

/** MPSADBW: four bytes of s against four of d, at eight places. */
const sumDifferencesSliding: Computation = (t, d, s, immediate) => {
  const { code } = t;
  const block = (immediate & 3) * 4;
  const start = ((immediate >> 2) & 1) * 4;
  for (let n = 0; n < 4; n++) {
    const widened = (operand: number, lanes: readonly number[]): void => {
      code.get(operand);
      code.get(operand);
      shuffle(t, [...lanes, ...lanes]);
      code.simd(Simd.i16x8ExtendLowU);
    };
    widened(d, range(start + n, 8));
    widened(s, new Array<number>(8).fill(block + n));
    code.simd(Simd.i16x8Sub);
    code.simd(Simd.i16x8Abs);
    if (n > 0) code.simd(Simd.i16x8Add);
  }
};

/** PHMINPOSUW: the smallest of value and position, as one 32-bit number each. */
const smallestPosition: Computation = (t, _d, s) => {
  const { code } = t;
  const half = (extend: number, first: number): void => {
    code.get(s);
    code.simd(extend);
    code.i32(16);
    code.simd(Simd.i32x4Shl);
    code.get(t.constant(range(first, 4).flatMap((position) => [position, 0, 0, 0])));
    code.simd(Simd.or);
  };
  half(Simd.i32x4ExtendLowU, 0);
  half(Simd.i32x4ExtendHighU, 4);
  code.simd(Simd.i32x4MinU);
  for (const order of [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ]) {
    const numbers = keep(t);
    code.get(numbers);
    code.get(numbers);
    code.get(numbers);
    shuffle(t, elements(4, order));
    code.simd(Simd.i32x4MinU);
  }
  // The halves of the number change places, all else is zero.
  pushZero(t);
  shuffle(t, elements(2, [1, 0, 8, 8, 8, 8, 8, 8]));
};

/** PSIGN: d, negated or cleared by the sign of s. */
const sign = (greater: number, equal: number, subtract: number): Emitter =>
  compute((t, d, s) => {
    const { code } = t;
    pushZero(t);
    code.get(s);
    code.simd(greater);
    const negative = keep(t);
    pushPair(t, d, negative, Simd.xor);
    code.get(negative);
    code.simd(subtract);
    code.get(s);
    pushZero(t);
    code.simd(equal);
    code.simd(Simd.andNot);
  });

/** PTEST: ZF if d and s have no common bit, CF if s has none outside d. */
const test: Emitter = (t, i) => {
  const { code } = t;
  pushSource(t, i);
  const source = keep(t);
  const none = (opcode: number): number => {
    code.get(source);
    t.vectors.get(i.reg);
    code.simd(opcode);
    code.simd(Simd.anyTrue);
    code.op(Op.i32Eqz);
    return keepWord(t);
  };
  const [zero, carry] = [none(Simd.and), none(Simd.andNot)];
  setZeroAndCarry(
    t,
    () => code.get(zero),
    () => code.get(carry),
  );
  return true;
};

/** PCMPEQ of a register with itself is a common way to write all ones. */
const equal =
  (opcode: number): Emitter =>
  (t, i) => {
    if (i.row.operands[0] !== 'Vx' || i.memory || i.reg !== i.rm) return binary(opcode)(t, i);
    t.code.get(allOnes(t));
    t.vectors.set(i.reg);
    return true;
  };
function allOnes(t: Translator): number {
  return t.constant(ALL_ONES);
}

export const vectorIntegerEmitters: { readonly [operation: string]: Emitter } = {
  andps: binary(Simd.and),
  andpd: binary(Simd.and),
  pand: binary(Simd.and),
  andnps: andNot,
  andnpd: andNot,
  pandn: andNot,
  orps: binary(Simd.or),
  orpd: binary(Simd.or),
  por: binary(Simd.or),
  xorps: exclusiveOr,
  xorpd: exclusiveOr,
  pxor: exclusiveOr,
  ptest: test,
  paddb: binary(Simd.i8x16Add),
  paddw: binary(Simd.i16x8Add),
  paddd: binary(Simd.i32x4Add),
  paddq: binary(Simd.i64x2Add),
  psubb: binary(Simd.i8x16Sub),
  psubw: binary(Simd.i16x8Sub),
  psubd: binary(Simd.i32x4Sub),
  psubq: binary(Simd.i64x2Sub),
  paddsb: binary(Simd.i8x16AddSatS),
  paddsw: binary(Simd.i16x8AddSatS),
  paddusb: binary(Simd.i8x16AddSatU),
  paddusw: binary(Simd.i16x8AddSatU),
  psubsb: binary(Simd.i8x16SubSatS),
  psubsw: binary(Simd.i16x8SubSatS),
  psubusb: binary(Simd.i8x16SubSatU),
  psubusw: binary(Simd.i16x8SubSatU),
  pmullw: binary(Simd.i16x8Mul),
  pmulld: binary(Simd.i32x4Mul),
  pmaddwd: binary(Simd.i32x4DotS),
  pmulhw: multiplyHigh(Simd.i32x4MulLowS, Simd.i32x4MulHighS),
  pmulhuw: multiplyHigh(Simd.i32x4MulLowU, Simd.i32x4MulHighU),
  pmuludq: multiplyEven(Simd.i64x2MulLowU),
  pmuldq: multiplyEven(Simd.i64x2MulLowS),
  pmulhrsw: compute(multiplyRounded),
  pmaddubsw: compute(multiplyBytes),
  pminub: binary(Simd.i8x16MinU),
  pmaxub: binary(Simd.i8x16MaxU),
  pminsw: binary(Simd.i16x8MinS),
  pmaxsw: binary(Simd.i16x8MaxS),
  pminsb: binary(Simd.i8x16MinS),
  pmaxsb: binary(Simd.i8x16MaxS),
  pminuw: binary(Simd.i16x8MinU),
  pmaxuw: binary(Simd.i16x8MaxU),
  pminsd: binary(Simd.i32x4MinS),
  pmaxsd: binary(Simd.i32x4MaxS),
  pminud: binary(Simd.i32x4MinU),
  pmaxud: binary(Simd.i32x4MaxU),
  pavgb: binary(Simd.i8x16AverageU),
  pavgw: binary(Simd.i16x8AverageU),
  pcmpeqb: equal(Simd.i8x16Eq),
  pcmpeqw: equal(Simd.i16x8Eq),
  pcmpeqd: equal(Simd.i32x4Eq),
  pcmpeqq: equal(Simd.i64x2Eq),
  pcmpgtb: binary(Simd.i8x16GtS),
  pcmpgtw: binary(Simd.i16x8GtS),
  pcmpgtd: binary(Simd.i32x4GtS),
  pcmpgtq: binary(Simd.i64x2GtS),
  pabsb: unary(Simd.i8x16Abs),
  pabsw: unary(Simd.i16x8Abs),
  pabsd: unary(Simd.i32x4Abs),
  psignb: sign(Simd.i8x16GtS, Simd.i8x16Eq, Simd.i8x16Sub),
  psignw: sign(Simd.i16x8GtS, Simd.i16x8Eq, Simd.i16x8Sub),
  psignd: sign(Simd.i32x4GtS, Simd.i32x4Eq, Simd.i32x4Sub),
  phaddw: neighbours(2, Simd.i16x8Add),
  phaddd: neighbours(4, Simd.i32x4Add),
  phaddsw: neighbours(2, Simd.i16x8AddSatS),
  phsubw: neighbours(2, Simd.i16x8Sub),
  phsubd: neighbours(4, Simd.i32x4Sub),
  phsubsw: neighbours(2, Simd.i16x8SubSatS),
  psadbw: compute(sumDifferences),
  mpsadbw: compute(sumDifferencesSliding),
  phminposuw: compute(smallestPosition),
  psrlw: shiftElements({ opcode: Simd.i16x8ShrU, bits: 16 }),
  psrld: shiftElements({ opcode: Simd.i32x4ShrU, bits: 32 }),
  psrlq: shiftElements({ opcode: Simd.i64x2ShrU, bits: 64 }),
  psllw: shiftElements({ opcode: Simd.i16x8Shl, bits: 16 }),
  pslld: shiftElements({ opcode: Simd.i32x4Shl, bits: 32 }),
  psllq: shiftElements({ opcode: Simd.i64x2Shl, bits: 64 }),
  psraw: shiftElements({ opcode: Simd.i16x8ShrS, bits: 16, arithmetic: true }),
  psrad: shiftElements({ opcode: Simd.i32x4ShrS, bits: 32, arithmetic: true }),
};
