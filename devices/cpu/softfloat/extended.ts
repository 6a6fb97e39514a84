// 80-bit double extended precision arithmetic: add, subtract, multiply, divide, square root, compare, round to integer,
// scale, extract. SDM vol. 1, 8.2 (formats), 8.5 (exceptions), table 4-7 (rules for NaNs).
//
//    79  78          64 63 62                              0
//   +---+--------------+--+---------------------------------+
//   | S | exponent     | J| fraction                        |      value = (-1)^S * J.fraction * 2^(exponent-16383)
//   +---+--------------+--+---------------------------------+
//   signExponent (16 bits)  significand (64 bits)
//
//   exponent 0, J 0: zero or denormal          exponent 0, J 1: pseudo-denormal (exponent counts as 1)
//   exponent 1..7FFE, J 1: normal              exponent 1..7FFF, J 0: unsupported (unnormal, pseudo-infinity, pseudo-NaN)
//   exponent 7FFF, J 1: infinity (fraction 0), SNaN (bit 62 clear), QNaN
//
// Every function raises its exceptions in status.flags and returns the masked response; what an unmasked exception does to
// the destination is decided by the caller.

import {
  bitLength,
  Float80,
  FloatFlag,
  type FloatStatus,
  integerSquareRoot,
  roundAndPack,
  roundToInteger,
} from './rounding.ts';

export class Extended {
  /** Bit 15 sign, bits 0..14 biased exponent. */
  readonly signExponent: number;
  readonly significand: bigint;
  constructor(signExponent: number, significand: bigint) {
    this.signExponent = signExponent;
    this.significand = significand;
  }
}

export const J_BIT = 0x8000_0000_0000_0000n;
const QUIET_BIT = 0x4000_0000_0000_0000n;

export const extendedIndefinite = new Extended(0xffff, 0xc000_0000_0000_0000n);
export const extendedZero = new Extended(0, 0n);
export const extendedOne = new Extended(0x3fff, J_BIT);

/** Classes in the order FXAM distinguishes them. */
export const ExtendedClass = {
  unsupported: 0,
  nan: 1,
  normal: 2,
  infinity: 3,
  zero: 4,
  denormal: 6,
} as const;

export function classify(value: Extended): number {
  const exponent = value.signExponent & 0x7fff;
  const significand = value.significand;
  if (exponent === 0) return significand === 0n ? ExtendedClass.zero : ExtendedClass.denormal;
  if (significand < J_BIT) return ExtendedClass.unsupported;
  if (exponent !== 0x7fff) return ExtendedClass.normal;
  return significand === J_BIT ? ExtendedClass.infinity : ExtendedClass.nan;
}

export function isSignalingNan(value: Extended): boolean {
  return (
    (value.signExponent & 0x7fff) === 0x7fff && value.significand > J_BIT && (value.significand & QUIET_BIT) === 0n
  );
}

export function isNan(value: Extended): boolean {
  return (value.signExponent & 0x7fff) === 0x7fff && value.significand > J_BIT;
}

export function quiet(value: Extended): Extended {
  return new Extended(value.signExponent, value.significand | QUIET_BIT);
}

export function signOf(value: Extended): number {
  return value.signExponent >>> 15;
}

/** Exponent of the significand's unit: value = significand * 2^unitExponent. Denormals count as exponent 1. */
export function unitExponent(value: Extended): number {
  const exponent = value.signExponent & 0x7fff;
  return (exponent === 0 ? 1 : exponent) - 16383 - 63;
}

export function extendedInfinity(sign: number): Extended {
  return new Extended((sign << 15) | 0x7fff, J_BIT);
}

export function signedZero(sign: number): Extended {
  return new Extended(sign << 15, 0n);
}

export function invalid(status: FloatStatus): Extended {
  status.flags |= FloatFlag.invalid;
  return extendedIndefinite;
}

/** Rounds by precision control (or to `precision` bits) and makes the value. */
export function pack(
  status: FloatStatus,
  precision: number,
  sign: number,
  significand: bigint,
  exponent: number,
  sticky: boolean,
): Extended {
  roundAndPack(status, Float80, precision, sign, significand, exponent, sticky);
  return new Extended((sign << 15) | (status.outExponent & 0x7fff), status.outSignificand);
}

/** The answer if an operand is a NaN or an unsupported encoding; undefined if both are numbers (then DE is raised as due). */
export function propagateNan(status: FloatStatus, a: Extended, b: Extended): Extended | undefined {
  const classA = classify(a);
  const classB = classify(b);
  if (classA === ExtendedClass.unsupported || classB === ExtendedClass.unsupported) {
    status.flags &= ~FloatFlag.denormal;
    return invalid(status);
  }
  const nanA = classA === ExtendedClass.nan;
  const nanB = classB === ExtendedClass.nan;
  if (!nanA && !nanB) {
    if (classA === ExtendedClass.denormal || classB === ExtendedClass.denormal) status.flags |= FloatFlag.denormal;
    return undefined;
  }
  // A NaN hides a denormal beside it, also one that was loaded from memory just before.
  status.flags &= ~FloatFlag.denormal;
  const signalingA = isSignalingNan(a);
  const signalingB = isSignalingNan(b);
  if (signalingA || signalingB) status.flags |= FloatFlag.invalid;
  if (!nanB) return quiet(a);
  if (!nanA) return quiet(b);
  // An SNaN beside a QNaN: the QNaN. Two of a kind: the larger significand, then the positive one.
  if (signalingA !== signalingB) return signalingA ? quiet(b) : quiet(a);
  if (a.significand !== b.significand) return quiet(a.significand > b.significand ? a : b);
  return quiet(a.signExponent <= b.signExponent ? a : b);
}

/** The same for one operand. */
export function propagateNanUnary(status: FloatStatus, a: Extended): Extended | undefined {
  return propagateNan(status, a, extendedOne) as Extended | undefined;
}

export function negate(value: Extended): Extended {
  return new Extended(value.signExponent ^ 0x8000, value.significand);
}

/** FADD, and FSUB with `subtract`. */
export function add(status: FloatStatus, a: Extended, b: Extended, subtract: boolean): Extended {
  const nan = propagateNan(status, a, b);
  if (nan !== undefined) return nan;
  const signA = signOf(a);
  const signB = signOf(b) ^ (subtract ? 1 : 0);
  const infiniteA = (a.signExponent & 0x7fff) === 0x7fff;
  const infiniteB = (b.signExponent & 0x7fff) === 0x7fff;
  if (infiniteA || infiniteB) {
    if (infiniteA && infiniteB && signA !== signB) return invalid(status);
    return extendedInfinity(infiniteA ? signA : signB);
  }
  if (a.significand === 0n && b.significand === 0n)
    return signedZero(signA === signB ? signA : status.rounding === 1 ? 1 : 0);
  let high = a.significand;
  let highSign = signA;
  let highExponent = unitExponent(a);
  let low = b.significand;
  let lowSign = signB;
  let lowExponent = unitExponent(b);
  if (high === 0n) return pack(status, status.precision, lowSign, low, lowExponent, false);
  if (low === 0n) return pack(status, status.precision, highSign, high, highExponent, false);
  if (lowExponent > highExponent) {
    [high, low] = [low, high];
    [highSign, lowSign] = [lowSign, highSign];
    [highExponent, lowExponent] = [lowExponent, highExponent];
  }
  const distance = highExponent - lowExponent;
  if (distance > 140) {
    // Far below the last bit that counts: a whisper of the right sign stands for it.
    high = (high << 140n) + (highSign === lowSign ? 1n : -1n);
    return pack(status, status.precision, highSign, high, highExponent - 140, false);
  }
  high <<= BigInt(distance);
  let sum = (highSign !== 0 ? -high : high) + (lowSign !== 0 ? -low : low);
  if (sum === 0n) return signedZero(status.rounding === 1 ? 1 : 0);
  const sign = sum < 0n ? 1 : 0;
  if (sign !== 0) sum = -sum;
  return pack(status, status.precision, sign, sum, lowExponent, false);
}

export function multiply(status: FloatStatus, a: Extended, b: Extended): Extended {
  const nan = propagateNan(status, a, b);
  if (nan !== undefined) return nan;
  const sign = signOf(a) ^ signOf(b);
  const infinite = (a.signExponent & 0x7fff) === 0x7fff || (b.signExponent & 0x7fff) === 0x7fff;
  const zero = a.significand === 0n || b.significand === 0n;
  if (infinite) return zero ? invalid(status) : extendedInfinity(sign);
  if (zero) return signedZero(sign);
  const product = a.significand * b.significand;
  return pack(status, status.precision, sign, product, unitExponent(a) + unitExponent(b), false);
}

export function divide(status: FloatStatus, a: Extended, b: Extended): Extended {
  const nan = propagateNan(status, a, b);
  if (nan !== undefined) return nan;
  const sign = signOf(a) ^ signOf(b);
  const infiniteA = (a.signExponent & 0x7fff) === 0x7fff;
  const infiniteB = (b.signExponent & 0x7fff) === 0x7fff;
  if (infiniteA) return infiniteB ? invalid(status) : extendedInfinity(sign);
  if (infiniteB) return signedZero(sign);
  if (b.significand === 0n) {
    if (a.significand === 0n) return invalid(status);
    status.flags = (status.flags & ~FloatFlag.denormal) | FloatFlag.zeroDivide;
    return extendedInfinity(sign);
  }
  if (a.significand === 0n) return signedZero(sign);
  const shift = 66 + 64 - bitLength(a.significand);
  const dividend = a.significand << BigInt(shift);
  const quotient = dividend / b.significand;
  const sticky = quotient * b.significand !== dividend;
  return pack(status, status.precision, sign, quotient, unitExponent(a) - shift - unitExponent(b), sticky);
}

export function squareRoot(status: FloatStatus, a: Extended): Extended {
  const nan = propagateNanUnary(status, a);
  if (nan !== undefined) return nan;
  if (a.significand === 0n) return a;
  if (signOf(a) !== 0) {
    status.flags &= ~FloatFlag.denormal;
    return invalid(status);
  }
  if ((a.signExponent & 0x7fff) === 0x7fff) return a;
  let shift = 136 - bitLength(a.significand);
  const exponent = unitExponent(a);
  if (((exponent - shift) & 1) !== 0) shift++;
  const radicand = a.significand << BigInt(shift);
  const root = integerSquareRoot(radicand);
  return pack(status, status.precision, 0, root, (exponent - shift) / 2, root * root !== radicand);
}

/** Result of compare(). */
export const Ordering = { less: -1, equal: 0, greater: 1, unordered: 2 } as const;

/** FCOM (`quietly` false: any NaN is invalid) and FUCOM (only an SNaN or unsupported encoding is). */
export function compare(status: FloatStatus, a: Extended, b: Extended, quietly: boolean): number {
  const classA = classify(a);
  const classB = classify(b);
  if (classA === ExtendedClass.unsupported || classB === ExtendedClass.unsupported) {
    status.flags = (status.flags & ~FloatFlag.denormal) | FloatFlag.invalid;
    return Ordering.unordered;
  }
  if (classA === ExtendedClass.nan || classB === ExtendedClass.nan) {
    status.flags &= ~FloatFlag.denormal;
    if (!quietly || isSignalingNan(a) || isSignalingNan(b)) status.flags |= FloatFlag.invalid;
    return Ordering.unordered;
  }
  if (classA === ExtendedClass.denormal || classB === ExtendedClass.denormal) status.flags |= FloatFlag.denormal;
  if (a.significand === 0n && b.significand === 0n) return Ordering.equal;
  const signA = signOf(a);
  const signB = signOf(b);
  if (a.significand === 0n) return signB !== 0 ? Ordering.greater : Ordering.less;
  if (b.significand === 0n || signA !== signB) return signA !== 0 ? Ordering.less : Ordering.greater;
  // Same sign, both not zero. A pseudo-denormal equals the normal number with exponent 1.
  const exponentA = unitExponent(a);
  const exponentB = unitExponent(b);
  let order = 0;
  if (exponentA !== exponentB) order = exponentA < exponentB ? -1 : 1;
  else if (a.significand !== b.significand) order = a.significand < b.significand ? -1 : 1;
  return signA !== 0 && order !== 0 ? -order : order;
}

/** FRNDINT. */
export function roundToIntegral(status: FloatStatus, a: Extended): Extended {
  const nan = propagateNanUnary(status, a);
  if (nan !== undefined) return nan;
  const exponent = unitExponent(a);
  if (a.significand === 0n || exponent >= 0) return a;
  const sign = signOf(a);
  const magnitude = roundToInteger(status, status.rounding, sign, a.significand, exponent);
  if (magnitude === 0n) return signedZero(sign);
  const shift = 64 - bitLength(magnitude);
  return new Extended((sign << 15) | (16383 + 63 - shift), magnitude << BigInt(shift));
}

/** FSCALE: a * 2^truncate(b). */
export function scale(status: FloatStatus, a: Extended, b: Extended): Extended {
  const nan = propagateNan(status, a, b);
  if (nan !== undefined) return nan;
  const sign = signOf(a);
  const infiniteA = (a.signExponent & 0x7fff) === 0x7fff;
  if ((b.signExponent & 0x7fff) === 0x7fff) {
    if (signOf(b) === 0) {
      if (a.significand === 0n) return invalid(status);
      return extendedInfinity(sign);
    }
    return infiniteA ? invalid(status) : signedZero(sign);
  }
  if (infiniteA || a.significand === 0n) return a;
  if (b.significand === 0n || (b.signExponent & 0x7fff) < 0x3fff) {
    return pack(status, 64, sign, a.significand, unitExponent(a), false);
  }
  // |b| >= 2^16 over- or underflows whatever a is; 0x1ffff stands for all of them.
  const exponentB = unitExponent(b);
  const magnitude = exponentB > -47 ? 0x1ffff : Number(b.significand >> BigInt(-exponentB));
  const distance = signOf(b) !== 0 ? -magnitude : magnitude;
  return pack(status, 64, sign, a.significand, unitExponent(a) + distance, false);
}

/** FXTRACT: the unbiased exponent as a number; `extractedSignificand` is the significand with exponent 0. */
export function extractExponent(status: FloatStatus, a: Extended): { exponent: Extended; significand: Extended } {
  const nan = propagateNanUnary(status, a);
  if (nan !== undefined) return { exponent: nan, significand: nan };
  const sign = signOf(a);
  if ((a.signExponent & 0x7fff) === 0x7fff) return { exponent: extendedInfinity(0), significand: a };
  if (a.significand === 0n) {
    status.flags |= FloatFlag.zeroDivide;
    return { exponent: extendedInfinity(1), significand: a };
  }
  const length = bitLength(a.significand);
  const exponent = unitExponent(a) + length - 1;
  const significand = new Extended((sign << 15) | 0x3fff, a.significand << BigInt(64 - length));
  if (exponent === 0) return { exponent: extendedZero, significand };
  const magnitude = BigInt(Math.abs(exponent));
  const shift = 64 - bitLength(magnitude);
  const exponentSign = exponent < 0 ? 1 : 0;
  return {
    exponent: new Extended((exponentSign << 15) | (16383 + 63 - shift), magnitude << BigInt(shift)),
    significand,
  };
}
