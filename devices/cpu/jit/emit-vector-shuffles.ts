// SSE instructions that rearrange, blend, narrow and widen elements (SDM vol. 2).

import {
  binary,
  type Computation,
  compute,
  elements,
  keep,
  pushConstant,
  pushSource,
  pushZero,
  range,
  shuffle,
  splat,
  unary,
} from './emit-vector.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';
import { ALL_LANES } from './vector-registers.ts';
import { F64 } from './wasm.ts';

interface ShuffleKind {
  /** The bytes come from s alone. */
  readonly sourceOnly?: boolean;
  /** Whole doubles change places: what is known of them stays true. */
  readonly doubles?: boolean;
}

/** d = bytes chosen from d (0..15) and s (16..31) by what the immediate says. */
const shuffled =
  (
    lanes: (immediate: number) => readonly number[],
    { sourceOnly = false, doubles = false }: ShuffleKind = {},
  ): Emitter =>
  (t, i) => {
    if (i.row.operands[0] !== 'Vx') return false;
    pushSource(t, i);
    const source = keep(t);
    const known = i.memory ? 0 : t.vectors.plain[i.rm];
    const plain = known === 24 && (sourceOnly || t.vectors.plain[i.reg] === 24) && doubles ? 24 : 0;
    if (sourceOnly) t.code.get(source);
    else t.vectors.get(i.reg);
    t.code.get(source);
    shuffle(t, lanes(i.immediateLow & 0xff));
    t.vectors.set(i.reg);
    t.vectors.plain[i.reg] = plain;
    return true;
  };
const fixed = (lanes: readonly number[], kind: ShuffleKind = {}): Emitter => shuffled(() => lanes, kind);

/** PUNPCK, UNPCK: elements of `size` bytes of the low or high halves in turn. */
const interleave = (size: number, high: boolean): Emitter => {
  const half = 8 / size;
  const first = high ? half : 0;
  const numbers = range(first, half).flatMap((number) => [number, number + 16 / size]);
  return fixed(elements(size, numbers));
};
/** What is known of two doubles of which one each comes from two registers (`source` -1: from memory). */
function plainBoth(t: Translator, target: number, source: number): number {
  const known = ALL_LANES | 8;
  return source >= 0 && t.vectors.plain[target] === known && t.vectors.plain[source] === known ? known : 0;
}

/** UNPCKHPD: the upper doubles. The low lane stays in a float local, as the lanes of scalar code. */
const unpackHigh: Emitter = (t, i) => {
  const { code, vectors } = t;
  const plain = plainBoth(t, i.reg, i.memory ? -1 : i.rm);
  if (i.memory) pushSource(t, i);
  else vectors.getUpper(i.rm);
  const source = keep(t);
  vectors.getUpper(i.reg);
  code.simdLane(Simd.f64x2Extract, 1);
  const low = t.temporary(F64);
  code.set(low);
  code.get(source);
  vectors.set(i.reg);
  code.get(low);
  vectors.setLow(8, i.reg);
  vectors.plain[i.reg] = plain;
  return true;
};

/** UNPCKLPD, MOVLHPS: the low double of s becomes the upper one of d. */
const unpackLow: Emitter = (t, i) => {
  const { code, vectors } = t;
  if (i.memory) return fixed(elements(8, [0, 2]))(t, i);
  const plain = plainBoth(t, i.reg, i.rm);
  const low = t.temporary(F64);
  vectors.getLow(8, i.reg);
  code.set(low);
  vectors.getLow(8, i.rm);
  code.simd(Simd.f64x2Splat);
  vectors.set(i.reg);
  if (i.reg !== i.rm) {
    code.get(low);
    vectors.setLow(8, i.reg);
  }
  vectors.plain[i.reg] = plain;
  return true;
};

/** MOVHLPS: the upper double of s becomes the low one of d. */
const moveHighToLow: Emitter = (t, i) => {
  const plain = plainBoth(t, i.reg, i.rm);
  t.vectors.getUpper(i.rm);
  t.code.simdLane(Simd.f64x2Extract, 1);
  t.vectors.setLow(8, i.reg);
  t.vectors.plain[i.reg] = plain;
  return true;
};

/** The n-th two-bit field. */
const field = (immediate: number, n: number): number => (immediate >> (2 * n)) & 3;
const fields = (immediate: number, first = 0): number[] => range(0, 4).map((n) => first + field(immediate, n));

/** BLENDPS, BLENDPD, PBLENDW: bit n takes element n from s. */
const blend = (size: number): Emitter =>
  shuffled((immediate) => {
    const count = 16 / size;
    const numbers = range(0, count).map((n) => n + ((immediate >> n) & 1) * count);
    return elements(size, numbers);
  });

/** BLENDVPS, BLENDVPD, PBLENDVB: the sign of each element of XMM0 decides. */
const blendBySign =
  (greater: number): Emitter =>
  (t, i) => {
    const { code } = t;
    pushSource(t, i);
    t.vectors.get(i.reg);
    pushZero(t);
    t.vectors.get(0);
    code.simd(greater);
    code.simd(Simd.bitSelect);
    t.vectors.set(i.reg);
    return true;
  };

/** INSERTPS: an element of s (bits 6-7; of memory there is one only) to an element of d (bits 4-5), then zeros (bits 0-3). */
const insertFloat = compute((t, d, s, immediate, i) => {
  const { code } = t;
  const numbers = [0, 1, 2, 3];
  numbers[field(immediate, 2)] = 4 + (i.memory ? 0 : field(immediate, 3));
  code.get(d);
  code.get(s);
  shuffle(t, elements(4, numbers));
  if ((immediate & 15) === 0) return;
  const kept = range(0, 4).flatMap((n) => new Array<number>(4).fill(((immediate >> n) & 1) !== 0 ? 0 : 0xff));
  pushConstant(t, kept);
  code.simd(Simd.and);
});

/** PSRLDQ, PSLLDQ: whole bytes. */
const shiftBytes =
  (left: boolean): Emitter =>
  (t, i) => {
    const count = Math.min(16, i.immediateLow & 0xff);
    if (left) pushZero(t);
    t.vectors.get(i.rm);
    if (!left) pushZero(t);
    shuffle(t, range(left ? 16 - count : count, 16));
    t.vectors.set(i.rm);
    return true;
  };

/** PALIGNR: sixteen bytes of d:s from `immediate` on, zeros above. */
const alignRight = compute((t, d, s, immediate) => {
  if (immediate <= 16) {
    t.code.get(s);
    t.code.get(d);
    shuffle(t, range(immediate, 16));
    return;
  }
  t.code.get(d);
  pushZero(t);
  shuffle(t, range(Math.min(immediate - 16, 16), 16));
});

/** PSHUFB. An index with bit 7 gives 0, as every index above 15 does in WebAssembly; bits 4 to 6 do not count. */
const chooseBytes: Computation = (t, d, s) => {
  t.code.get(d);
  t.code.get(s);
  t.code.get(t.constant(splat([0x8f])));
  t.code.simd(Simd.and);
  t.code.simd(Simd.swizzle);
};

const bytesToHalves = [Simd.i16x8ExtendLowS, Simd.i16x8ExtendLowU] as const;
const halvesToWords = [Simd.i32x4ExtendLowS, Simd.i32x4ExtendLowU] as const;
const wordsToQuads = [Simd.i64x2ExtendLowS, Simd.i64x2ExtendLowU] as const;
/** PMOVSX and PMOVZX of one pair of sizes. */
function widen(sizes: string, ...steps: readonly (readonly [number, number])[]): { [operation: string]: Emitter } {
  return {
    [`pmovsx${sizes}`]: unary(...steps.map(([signed]) => signed)),
    [`pmovzx${sizes}`]: unary(...steps.map(([, unsigned]) => unsigned)),
  };
}

export const vectorShuffleEmitters: { readonly [operation: string]: Emitter } = {
  movhlps: moveHighToLow,
  movlhps: unpackLow,
  movsldup: fixed(elements(4, [0, 0, 2, 2]), { sourceOnly: true }),
  movshdup: fixed(elements(4, [1, 1, 3, 3]), { sourceOnly: true }),
  packsswb: binary(Simd.i8x16NarrowS),
  packuswb: binary(Simd.i8x16NarrowU),
  packssdw: binary(Simd.i16x8NarrowS),
  packusdw: binary(Simd.i16x8NarrowU),
  punpcklbw: interleave(1, false),
  punpcklwd: interleave(2, false),
  punpckldq: interleave(4, false),
  punpcklqdq: interleave(8, false),
  punpckhbw: interleave(1, true),
  punpckhwd: interleave(2, true),
  punpckhdq: interleave(4, true),
  punpckhqdq: interleave(8, true),
  unpcklps: interleave(4, false),
  unpckhps: interleave(4, true),
  unpcklpd: unpackLow,
  unpckhpd: unpackHigh,
  pshufd: shuffled((immediate) => elements(4, fields(immediate)), { sourceOnly: true }),
  pshuflw: shuffled((immediate) => elements(2, [...fields(immediate), 4, 5, 6, 7]), { sourceOnly: true }),
  pshufhw: shuffled((immediate) => elements(2, [0, 1, 2, 3, ...fields(immediate, 4)]), { sourceOnly: true }),
  shufps: shuffled((immediate) =>
    elements(4, [field(immediate, 0), field(immediate, 1), 4 + field(immediate, 2), 4 + field(immediate, 3)]),
  ),
  shufpd: shuffled((immediate) => elements(8, [immediate & 1, 2 + ((immediate >> 1) & 1)]), { doubles: true }),
  blendps: blend(4),
  blendpd: blend(8),
  pblendw: blend(2),
  blendvps: blendBySign(Simd.i32x4GtS),
  blendvpd: blendBySign(Simd.i64x2GtS),
  pblendvb: blendBySign(Simd.i8x16GtS),
  insertps: insertFloat,
  psrldq: shiftBytes(false),
  pslldq: shiftBytes(true),
  palignr: alignRight,
  pshufb: compute(chooseBytes),
  ...widen('bw', bytesToHalves),
  ...widen('bd', bytesToHalves, halvesToWords),
  ...widen('bq', bytesToHalves, halvesToWords, wordsToQuads),
  ...widen('wd', halvesToWords),
  ...widen('wq', halvesToWords, wordsToQuads),
  ...widen('dq', wordsToQuads),
};
