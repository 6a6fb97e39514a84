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
    const known = i.memory ? 0 : t.plain[i.rm];
    const plain = known === 24 && (sourceOnly || t.plain[i.reg] === 24) && doubles ? 24 : 0;
    if (sourceOnly) t.code.get(source);
    else t.getXmm(i.reg);
    t.code.get(source);
    shuffle(t, lanes(i.immediateLow & 0xff));
    t.setXmm(i.reg);
    t.plain[i.reg] = plain;
    return true;
  };
const fixed = (lanes: readonly number[], kind: ShuffleKind = {}): Emitter => shuffled(() => lanes, kind);

/** PUNPCK, UNPCK: elements of `size` bytes of the low or high halves in turn. */
const interleave = (size: number, high: boolean): Emitter => {
  const half = 8 / size;
  const first = high ? half : 0;
  const numbers = range(first, half).flatMap((number) => [number, number + 16 / size]);
  return fixed(elements(size, numbers), { doubles: size === 8 });
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
    t.getXmm(i.reg);
    pushZero(t);
    t.getXmm(0);
    code.simd(greater);
    code.simd(Simd.bitSelect);
    t.setXmm(i.reg);
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
    t.getXmm(i.rm);
    if (!left) pushZero(t);
    shuffle(t, range(left ? 16 - count : count, 16));
    t.setXmm(i.rm);
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
  movhlps: fixed(elements(8, [3, 1]), { doubles: true }),
  movlhps: fixed(elements(8, [0, 2]), { doubles: true }),
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
  unpcklpd: interleave(8, false),
  unpckhpd: interleave(8, true),
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
