// RCPPS, RCPSS, RSQRTPS, RSQRTSS as the reference computes them (interpreter/sse-float.ts): in float64, rounded to float32, then to
// twelve bits of fraction. They raise no flags and do not look at MXCSR. Zeros, denormals, infinities, NaNs, negative numbers under the
// root and results near the smallest number leave the region.

import { elements, keep, pushPair, pushSource, pushZero, shuffle, splat } from './emit-vector.ts';
import { refusePackedDenormal, requirePackedResult, single } from './float-format.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';

const ONE = splat([0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
const HALF_OF_LAST_BIT = splat([0, 4, 0, 0]);
const TWELVE_BITS = splat([0, 0xf8, 0xff, 0xff]);

/** Estimates for the four lanes of a local. */
function estimates(t: Translator, source: number, ofRoot: boolean): number {
  const { code } = t;
  refusePackedDenormal(t, single, source);
  const pair = (first: number): number => {
    code.get(source);
    code.get(source);
    shuffle(t, elements(4, [first, first + 1, first, first + 1]));
    code.simd(Simd.f64x2Promote);
    if (ofRoot) code.simd(Simd.f64x2Sqrt);
    const divisor = keep(t);
    code.get(t.constant(ONE));
    code.get(divisor);
    code.simd(Simd.f64x2Div);
    code.simd(Simd.f32x4Demote);
    return keep(t);
  };
  const [low, high] = [pair(0), pair(2)];
  code.get(low);
  code.get(high);
  shuffle(t, elements(8, [0, 2]));
  const rounded = keep(t);
  requirePackedResult(t, single, rounded, () => pushZero(t));
  pushPair(t, rounded, t.constant(HALF_OF_LAST_BIT), Simd.i32x4Add);
  code.get(t.constant(TWELVE_BITS));
  code.simd(Simd.and);
  return keep(t);
}

const packed =
  (ofRoot: boolean): Emitter =>
  (t, i) => {
    pushSource(t, i);
    t.code.get(estimates(t, keep(t), ofRoot));
    t.vectors.set(i.reg);
    return true;
  };

const scalar =
  (ofRoot: boolean): Emitter =>
  (t, i) => {
    const { code } = t;
    pushSource(t, i);
    code.simdLane(Simd.f32x4Extract, 0);
    code.simd(Simd.f32x4Splat);
    code.get(estimates(t, keep(t), ofRoot));
    code.simdLane(Simd.f32x4Extract, 0);
    t.vectors.setLow(4, i.reg);
    return true;
  };

export const floatEstimateEmitters: { readonly [operation: string]: Emitter } = {
  rcpps: packed(false),
  rsqrtps: packed(true),
  rcpss: scalar(false),
  rsqrtss: scalar(true),
};
