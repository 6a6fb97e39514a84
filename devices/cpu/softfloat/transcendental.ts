// The x87 transcendentals in fixed point with 256 fraction bits: argument reduction, then a Taylor series, then one rounding.
// So results are correctly rounded but for the rarest ties; SDM vol. 1, 8.3.10 asks for less than 1 ulp.
//
//   F2XM1    e^(x ln 2) - 1                       FPATAN  atan by three halvings of the angle
//   FYL2X    x = m 2^k, ln m = 2 atanh((m-1)/(m+1))
//   FSIN...  x mod pi/2 with pi cut to 66 bits, as every x87 does (SDM vol. 1, 8.3.8)
//
// Special operands (zeros, infinities, NaNs) follow the tables of SDM vol. 2 at each instruction.

import {
  type Extended,
  extendedInfinity,
  extendedOne,
  invalid,
  negate,
  pack,
  propagateNan,
  propagateNanUnary,
  signedZero,
  signOf,
  unitExponent,
} from './extended.ts';
import { bitLength, FloatFlag, type FloatStatus, integerSquareRoot } from './rounding.ts';

const FRACTION_BITS = 256;
const WIDTH = BigInt(FRACTION_BITS);
const ONE = 1n << WIDTH;

function times(a: bigint, b: bigint): bigint {
  return (a * b) >> WIDTH;
}

/** atan (alternating) or atanh of a fixed-point number well below 1. */
function arcSeries(value: bigint, alternating: boolean): bigint {
  const square = times(value, value);
  let power = value;
  let sum = value;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = times(power, square);
    if (alternating) power = -power;
    sum += power / n;
  }
  return sum;
}

/** ln 2 = 2 atanh(1/3); pi = 16 atan(1/5) - 4 atan(1/239) (Machin). */
const LN2 = 2n * arcSeries(ONE / 3n, false);
const PI = 16n * arcSeries(ONE / 5n, true) - 4n * arcSeries(ONE / 239n, true);
/** Half of pi as the x87 has it: 66 significant bits. */
const HALF_PI_66 = 0x3_243f_6a88_85a3_08d3n << (WIDTH - 65n);

function magnitudeExponent(value: Extended): number {
  return unitExponent(value) + bitLength(value.significand) - 1;
}

/** |value| in fixed point; what lies below 2^-256 is cut off. */
function toFixed(value: Extended): bigint {
  const shift = FRACTION_BITS + unitExponent(value);
  return shift >= 0 ? value.significand << BigInt(shift) : value.significand >> BigInt(-shift);
}

function isInfinite(value: Extended): boolean {
  return (value.signExponent & 0x7fff) === 0x7fff;
}

function packFixed(status: FloatStatus, value: bigint, sign: number, exact = false): Extended {
  if (value === 0n) return signedZero(sign);
  return value < 0n
    ? pack(status, 64, sign ^ 1, -value, -FRACTION_BITS, !exact)
    : pack(status, 64, sign, value, -FRACTION_BITS, !exact);
}

/** value * factor (fixed point), rounded; for arguments so small that the function is linear. */
function linear(status: FloatStatus, value: Extended, factor: bigint): Extended {
  return pack(status, 64, signOf(value), value.significand * factor, unitExponent(value) - FRACTION_BITS, true);
}

/** F2XM1: 2^x - 1 for -1 <= x <= 1; an operand outside stays as it is (the SDM leaves that undefined). */
export function exponentialMinusOne(status: FloatStatus, x: Extended): Extended {
  const nan = propagateNanUnary(status, x);
  if (nan !== undefined) return nan;
  const sign = signOf(x);
  if (x.significand === 0n) return x;
  if (isInfinite(x)) return sign !== 0 ? negate(extendedOne) : x;
  const exponent = magnitudeExponent(x);
  if (exponent >= 0) {
    if (x.signExponent === 0x3fff && x.significand === extendedOne.significand) return extendedOne;
    if (x.signExponent === 0xbfff && x.significand === extendedOne.significand)
      return { signExponent: 0xbffe, significand: extendedOne.significand };
    status.flags |= FloatFlag.inexact;
    return x;
  }
  if (exponent < -70) return linear(status, x, LN2);
  const fixed = times(toFixed(x), LN2);
  const argument = sign !== 0 ? -fixed : fixed;
  let term = argument;
  let sum = argument;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    term = times(term, argument) / n;
    sum += term;
  }
  return packFixed(status, sum, 0);
}

/** ln(numerator/denominator) in fixed point, for a quotient near 1. */
function logarithmOfRatio(numerator: bigint, denominator: bigint): bigint {
  return 2n * arcSeries(((numerator - denominator) << WIDTH) / (numerator + denominator), false);
}

/** y * value, with value in fixed point and not zero. */
function scaleByFixed(status: FloatStatus, y: Extended, value: bigint, exact: boolean): Extended {
  const sign = signOf(y) ^ (value < 0n ? 1 : 0);
  const magnitude = value < 0n ? -value : value;
  // Silicon reports every logarithm as inexact.
  status.flags |= FloatFlag.inexact;
  return pack(status, 64, sign, y.significand * magnitude, unitExponent(y) - FRACTION_BITS, !exact);
}

/** FYL2X: y * log2(x). */
export function logarithm(status: FloatStatus, y: Extended, x: Extended): Extended {
  const nan = propagateNan(status, y, x);
  if (nan !== undefined) return nan;
  const signY = signOf(y);
  if (x.significand === 0n) {
    if (y.significand === 0n) return invalid(status);
    if (!isInfinite(y)) status.flags = (status.flags & ~FloatFlag.denormal) | FloatFlag.zeroDivide;
    return extendedInfinity(signY ^ 1);
  }
  if (signOf(x) !== 0) {
    status.flags &= ~FloatFlag.denormal;
    return invalid(status);
  }
  if (isInfinite(x)) return y.significand === 0n ? invalid(status) : extendedInfinity(signY);
  const isOne = x.signExponent === 0x3fff && x.significand === extendedOne.significand;
  const below = magnitudeExponent(x) < 0;
  if (isInfinite(y)) {
    if (isOne) return invalid(status);
    return extendedInfinity(signY ^ (below ? 1 : 0));
  }
  if (y.significand === 0n || isOne) return signedZero(signY ^ (below ? 1 : 0));
  const length = bitLength(x.significand);
  const significand = x.significand << BigInt(64 - length);
  let power = magnitudeExponent(x);
  let unit = 1n << 63n;
  if (significand > 0xb504f333f9de6484n) {
    power++;
    unit <<= 1n;
  }
  const fraction = (logarithmOfRatio(significand, unit) << WIDTH) / LN2;
  return scaleByFixed(status, y, (BigInt(power) << WIDTH) + fraction, fraction === 0n);
}

/** FYL2XP1: y * log2(x + 1), for x > -1. */
export function logarithmPlusOne(status: FloatStatus, y: Extended, x: Extended): Extended {
  const nan = propagateNan(status, y, x);
  if (nan !== undefined) return nan;
  const sign = signOf(y) ^ signOf(x);
  if (x.significand === 0n) return isInfinite(y) ? invalid(status) : signedZero(sign);
  if (isInfinite(x)) return signOf(x) !== 0 || y.significand === 0n ? invalid(status) : extendedInfinity(signOf(y));
  const exponent = magnitudeExponent(x);
  if (signOf(x) !== 0 && exponent >= 0) return invalid(status);
  if (isInfinite(y)) return extendedInfinity(sign);
  if (y.significand === 0n) return signedZero(sign);
  if (exponent < -100) {
    const product = (x.significand << WIDTH) * y.significand;
    const scaled = (product << WIDTH) / LN2;
    return pack(status, 64, sign, scaled, unitExponent(x) + unitExponent(y) - FRACTION_BITS, true);
  }
  if (exponent > 60) return logarithm(status, y, x);
  const fixed = toFixed(x);
  let argument = ONE + (signOf(x) !== 0 ? -fixed : fixed);
  let power = 0n;
  while (argument >= (ONE * 3n) / 2n) {
    argument >>= 1n;
    power++;
  }
  while (argument < (ONE * 3n) / 4n) {
    argument <<= 1n;
    power--;
  }
  const fraction = (logarithmOfRatio(argument, ONE) << WIDTH) / LN2;
  const value = (power << WIDTH) + fraction;
  return value === 0n ? signedZero(sign) : scaleByFixed(status, y, value, fraction === 0n);
}

/** atan of a fixed-point number in [0, 1]. */
function arcTangentFixed(value: bigint): bigint {
  let reduced = value;
  for (let n = 0; n < 3; n++) {
    const root = integerSquareRoot((ONE << WIDTH) + reduced * reduced);
    reduced = (reduced << WIDTH) / (ONE + root);
  }
  return arcSeries(reduced, true) << 3n;
}

/** FPATAN: the angle of the point (x, y). */
export function arcTangent(status: FloatStatus, y: Extended, x: Extended): Extended {
  const nan = propagateNan(status, y, x);
  if (nan !== undefined) return nan;
  const sign = signOf(y);
  const left = signOf(x) !== 0;
  if (isInfinite(y)) {
    if (isInfinite(x)) return packFixed(status, left ? (PI * 3n) / 4n : PI / 4n, sign);
    return packFixed(status, PI / 2n, sign);
  }
  if (y.significand === 0n || isInfinite(x)) return left ? packFixed(status, PI, sign) : signedZero(sign);
  if (x.significand === 0n) return packFixed(status, PI / 2n, sign);
  const distance = magnitudeExponent(y) - magnitudeExponent(x);
  if (distance < -70) {
    if (left) return packFixed(status, PI - 1n, sign);
    const shift = 130 + 64 - bitLength(y.significand);
    const quotient = (y.significand << BigInt(shift)) / x.significand;
    return pack(status, 64, sign, quotient, unitExponent(y) - shift - unitExponent(x), true);
  }
  if (distance > 70) return packFixed(status, PI / 2n + (left ? 1n : -1n), sign);
  const unitY = unitExponent(y);
  const unitX = unitExponent(x);
  const low = Math.min(unitY, unitX);
  const top = y.significand << BigInt(unitY - low);
  const bottom = x.significand << BigInt(unitX - low);
  const angle =
    top <= bottom ? arcTangentFixed((top << WIDTH) / bottom) : PI / 2n - arcTangentFixed((bottom << WIDTH) / top);
  return packFixed(status, left ? PI - angle : angle, sign);
}

/** Sine and cosine of a fixed-point angle within pi/4. */
function series(angle: bigint): { sine: bigint; cosine: bigint } {
  let sine = 0n;
  let cosine = 0n;
  let term = ONE;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    // term = angle^(n-1)/(n-1)!; signs go + + - - by n.
    const signed = ((n - 1n) & 2n) === 0n ? term : -term;
    if ((n & 1n) !== 0n) cosine += signed;
    else sine += signed;
    term = times(term, angle) / n;
  }
  return { sine, cosine };
}

/** Sine and cosine of x in fixed point, reduced with the 66-bit pi. */
function reduced(x: Extended): { sine: bigint; cosine: bigint } {
  const fixed = toFixed(x);
  const quarter = (fixed + HALF_PI_66 / 2n) / HALF_PI_66;
  const { sine, cosine } = series(fixed - quarter * HALF_PI_66);
  const negative = signOf(x) !== 0;
  switch (Number(quarter & 3n)) {
    case 0:
      return { sine: negative ? -sine : sine, cosine };
    case 1:
      return { sine: negative ? -cosine : cosine, cosine: -sine };
    case 2:
      return { sine: negative ? sine : -sine, cosine: -cosine };
    default:
      return { sine: negative ? cosine : -cosine, cosine: sine };
  }
}

export interface Pair {
  readonly first: Extended;
  readonly second: Extended;
}

/** A little below (direction -1) or above x in magnitude, rounded: sin x, tan x for tiny x. */
function nearly(status: FloatStatus, x: Extended, direction: bigint): Extended {
  return pack(status, 64, signOf(x), (x.significand << 200n) + direction, unitExponent(x) - 200, true);
}

/**
 * FSIN ('sine'), FCOS ('cosine'), FSINCOS ('both': first the sine, second the cosine). undefined: |x| >= 2^63, C2 is set and
 * nothing else happens.
 */
export function sineAndCosine(status: FloatStatus, x: Extended, which: 'sine' | 'cosine' | 'both'): Pair | undefined {
  const nan = propagateNanUnary(status, x);
  if (nan !== undefined) return { first: nan, second: nan };
  if (isInfinite(x)) {
    const result = invalid(status);
    return { first: result, second: result };
  }
  if (x.significand === 0n)
    return which === 'cosine' ? { first: extendedOne, second: x } : { first: x, second: extendedOne };
  const exponent = magnitudeExponent(x);
  if (exponent >= 63) return undefined;
  if (exponent < -70) {
    const cosine = which === 'sine' ? extendedOne : packFixed(status, ONE - 1n, 0);
    if (which === 'cosine') return { first: cosine, second: cosine };
    return { first: nearly(status, x, -1n), second: cosine };
  }
  const fixed = reduced(x);
  if (which === 'cosine') {
    const cosine = packFixed(status, fixed.cosine, 0);
    return { first: cosine, second: cosine };
  }
  const cosine = which === 'both' ? packFixed(status, fixed.cosine, 0) : extendedOne;
  return { first: packFixed(status, fixed.sine, 0), second: cosine };
}

/** FPTAN: first the tangent, second 1.0. undefined as for sineAndCosine. */
export function tangent(status: FloatStatus, x: Extended): Pair | undefined {
  const nan = propagateNanUnary(status, x);
  if (nan !== undefined) return { first: nan, second: nan };
  if (isInfinite(x)) {
    const result = invalid(status);
    return { first: result, second: result };
  }
  if (x.significand === 0n) return { first: x, second: extendedOne };
  const exponent = magnitudeExponent(x);
  if (exponent >= 63) return undefined;
  if (exponent < -70) return { first: nearly(status, x, 1n), second: extendedOne };
  const { sine, cosine } = reduced(x);
  return { first: packFixed(status, (sine << WIDTH) / cosine, 0), second: extendedOne };
}
