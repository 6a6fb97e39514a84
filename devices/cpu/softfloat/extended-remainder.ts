// FPREM and FPREM1 (SDM vol. 2A): partial remainder by repeated subtraction, exact.
//
//   D = exponent(a) - exponent(b)
//   D < 64:  Q = integer near a/b (truncated, or nearest for FPREM1); remainder = a - b*Q; C2 = 0; Q's low bits in C0 C3 C1
//   else:    the exponent falls by N, 32..63; C2 = 1: call again

import {
  type Extended,
  extendedIndefinite,
  invalid,
  pack,
  propagateNan,
  signedZero,
  signOf,
  unitExponent,
} from './extended.ts';
import { bitLength, type FloatStatus } from './rounding.ts';

export class Remainder {
  value: Extended = extendedIndefinite;
  /** C2: the reduction is not finished. */
  partial = false;
  /** Low three bits of the quotient's magnitude; 0 while partial. */
  quotient = 0;
  /** False if there is no quotient: a NaN or an invalid operation. */
  defined = true;
}

export function remainder(status: FloatStatus, a: Extended, b: Extended, nearest: boolean): Remainder {
  const result = new Remainder();
  const nan = propagateNan(status, a, b);
  if (nan !== undefined) {
    result.value = nan;
    result.defined = false;
    return result;
  }
  const infiniteA = (a.signExponent & 0x7fff) === 0x7fff;
  const infiniteB = (b.signExponent & 0x7fff) === 0x7fff;
  if (infiniteA || b.significand === 0n) {
    status.flags &= ~2;
    result.value = invalid(status);
    result.defined = false;
    return result;
  }
  const sign = signOf(a);
  if (a.significand === 0n || infiniteB) {
    // Goes through pack so that a denormal dividend is treated like any tiny exact result.
    result.value = a.significand === 0n ? a : pack(status, 64, sign, a.significand, unitExponent(a), false);
    return result;
  }
  const lengthA = bitLength(a.significand);
  const lengthB = bitLength(b.significand);
  const unitA = unitExponent(a);
  const unitB = unitExponent(b);
  const distance = unitA + lengthA - (unitB + lengthB);
  if (distance < -1) {
    result.value = pack(status, 64, sign, a.significand, unitA, false);
    return result;
  }
  if (distance >= 64) {
    const step = 32 + (distance % 32);
    // a = significand * 2^unitA, reduced by multiples of b * 2^(distance - step).
    const unit = unitB + distance - step;
    const low = Math.min(unitA, unit);
    const dividend = a.significand << BigInt(unitA - low);
    const divisor = b.significand << BigInt(unit - low);
    const rest = dividend % divisor;
    result.partial = true;
    result.value = rest === 0n ? signedZero(sign) : pack(status, 64, sign, rest, low, false);
    return result;
  }
  const low = Math.min(unitA, unitB);
  const dividend = a.significand << BigInt(unitA - low);
  const divisor = b.significand << BigInt(unitB - low);
  let quotient = dividend / divisor;
  let rest = dividend - quotient * divisor;
  let restSign = sign;
  if (nearest) {
    const twice = rest << 1n;
    if (twice > divisor || (twice === divisor && (quotient & 1n) !== 0n)) {
      quotient += 1n;
      rest = divisor - rest;
      restSign ^= 1;
    }
  }
  result.quotient = Number(quotient & 7n);
  result.value = rest === 0n ? signedZero(sign) : pack(status, 64, restSign, rest, low, false);
  return result;
}
