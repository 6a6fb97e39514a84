// float32 and float64 arithmetic by bits, with every rounding mode, FTZ, DAZ and exact flags: the SSE cases that host
// doubles cannot answer. Operands and results are the encodings as bigints, so a NaN's payload is never a JS number.
// IEEE 754-2008; SDM vol. 1, 11.5 (SIMD exceptions) and table 4-7 (NaN rules: first source operand first).
//
//   float32  31 | 30..23 exponent | 22..0 fraction        float64  63 | 62..52 exponent | 51..0 fraction

import {
  bitLength,
  Float32,
  Float64,
  FloatFlag,
  type FloatFormat,
  type FloatStatus,
  integerSquareRoot,
  roundAndPack,
  roundToInteger,
} from './rounding.ts';

export const BinaryOperation = {
  add: 0,
  multiply: 1,
  subtract: 2,
  minimum: 3,
  divide: 4,
  maximum: 5,
  squareRoot: 6,
} as const;

/** One operand taken apart; DAZ already applied. */
class Parts {
  sign = 0;
  /** Biased. */
  exponent = 0;
  significand = 0n;
  nan = false;
  signaling = false;
  infinite = false;
  denormal = false;
  unit = 0;

  read(status: FloatStatus, format: FloatFormat, bits: bigint): void {
    const fractionBits = BigInt(format.significandBits - 1);
    const fraction = bits & ((1n << fractionBits) - 1n);
    const high = Number(bits >> fractionBits);
    this.exponent = high & format.maximumExponent;
    this.sign = high > format.maximumExponent ? 1 : 0;
    this.nan = this.exponent === format.maximumExponent && fraction !== 0n;
    this.signaling = this.nan && fraction >> (fractionBits - 1n) === 0n;
    this.infinite = this.exponent === format.maximumExponent && fraction === 0n;
    this.denormal = this.exponent === 0 && fraction !== 0n;
    this.significand = this.exponent === 0 ? fraction : fraction | (1n << fractionBits);
    if (this.denormal && status.denormalsAreZero) {
      this.denormal = false;
      this.significand = 0n;
    }
    this.unit = (this.exponent === 0 ? 1 : this.exponent) - format.bias - (format.significandBits - 1);
  }
}

const partsA = new Parts();
const partsB = new Parts();

function quietBit(format: FloatFormat): bigint {
  return 1n << BigInt(format.significandBits - 2);
}

function infinityOf(format: FloatFormat, sign: number): bigint {
  return (
    BigInt((sign !== 0 ? format.maximumExponent + 1 : 0) + format.maximumExponent) << BigInt(format.significandBits - 1)
  );
}

function zeroOf(format: FloatFormat, sign: number): bigint {
  return sign === 0 ? 0n : BigInt(format.maximumExponent + 1) << BigInt(format.significandBits - 1);
}

/** The default NaN: negative, quiet, empty payload. */
export function indefiniteOf(format: FloatFormat): bigint {
  return infinityOf(format, 1) | quietBit(format);
}

function invalid(status: FloatStatus, format: FloatFormat): bigint {
  status.flags |= FloatFlag.invalid;
  return indefiniteOf(format);
}

function pack(
  status: FloatStatus,
  format: FloatFormat,
  sign: number,
  significand: bigint,
  exponent: number,
  sticky: boolean,
): bigint {
  roundAndPack(status, format, format.significandBits, sign, significand, exponent, sticky);
  const fractionBits = BigInt(format.significandBits - 1);
  const high = (sign !== 0 ? format.maximumExponent + 1 : 0) + (status.outExponent & format.maximumExponent);
  return (BigInt(high) << fractionBits) | (status.outSignificand & ((1n << fractionBits) - 1n));
}

/** MIN and MAX return the second operand when either is a NaN or both are zero (SDM vol. 2, MINPS). */
function select(status: FloatStatus, format: FloatFormat, maximum: boolean, a: bigint, b: bigint): bigint {
  if (partsA.nan || partsB.nan) {
    status.flags |= FloatFlag.invalid;
    return daz(status, format, b);
  }
  if (partsA.denormal || partsB.denormal) status.flags |= FloatFlag.denormal;
  const order = orderOf();
  return (maximum ? order > 0 : order < 0) ? daz(status, format, a) : daz(status, format, b);
}

/** With DAZ a denormal source reads as zero wherever its value is what is returned. */
function daz(status: FloatStatus, format: FloatFormat, bits: bigint): bigint {
  if (!status.denormalsAreZero) return bits;
  const high = Number(bits >> BigInt(format.significandBits - 1));
  return (high & format.maximumExponent) === 0 ? zeroOf(format, high > format.maximumExponent ? 1 : 0) : bits;
}

/** Order of partsA and partsB, which are numbers: -1, 0, 1. */
function orderOf(): number {
  const a = partsA;
  const b = partsB;
  if (a.significand === 0n && b.significand === 0n) return 0;
  if (a.significand === 0n) return b.sign !== 0 ? 1 : -1;
  if (b.significand === 0n || a.sign !== b.sign) return a.sign !== 0 ? -1 : 1;
  let order = 0;
  if (a.exponent !== b.exponent) order = a.exponent < b.exponent ? -1 : 1;
  else if (a.significand !== b.significand) order = a.significand < b.significand ? -1 : 1;
  return a.sign !== 0 && order !== 0 ? -order : order;
}

/** -1, 0, 1, or 2 for unordered. Any NaN is invalid, or only an SNaN if `quietly`. */
export function compareBinary(
  status: FloatStatus,
  format: FloatFormat,
  a: bigint,
  b: bigint,
  quietly: boolean,
): number {
  partsA.read(status, format, a);
  partsB.read(status, format, b);
  if (partsA.nan || partsB.nan) {
    if (!quietly || partsA.signaling || partsB.signaling) status.flags |= FloatFlag.invalid;
    return 2;
  }
  if (partsA.denormal || partsB.denormal) status.flags |= FloatFlag.denormal;
  return orderOf();
}

/** a op b; squareRoot takes b. */
export function computeBinary(
  status: FloatStatus,
  format: FloatFormat,
  operation: number,
  a: bigint,
  b: bigint,
): bigint {
  if (operation === BinaryOperation.squareRoot) return squareRootBinary(status, format, b);
  partsA.read(status, format, a);
  partsB.read(status, format, b);
  if (operation === BinaryOperation.minimum || operation === BinaryOperation.maximum)
    return select(status, format, operation === BinaryOperation.maximum, a, b);
  if (partsA.nan || partsB.nan) {
    if (partsA.signaling || partsB.signaling) status.flags |= FloatFlag.invalid;
    return (partsA.nan ? a : b) | quietBit(format);
  }
  const sign = partsA.sign ^ partsB.sign;
  switch (operation) {
    case BinaryOperation.add:
      return addParts(status, format, partsB.sign);
    case BinaryOperation.subtract:
      return addParts(status, format, partsB.sign ^ 1);
    case BinaryOperation.multiply:
      if (partsA.infinite || partsB.infinite) {
        if (partsA.significand === 0n || partsB.significand === 0n) return invalid(status, format);
        raiseDenormal(status);
        return infinityOf(format, sign);
      }
      raiseDenormal(status);
      if (partsA.significand === 0n || partsB.significand === 0n) return zeroOf(format, sign);
      return pack(status, format, sign, partsA.significand * partsB.significand, partsA.unit + partsB.unit, false);
    default:
      return divideParts(status, format, sign);
  }
}

function raiseDenormal(status: FloatStatus): void {
  if (partsA.denormal || partsB.denormal) status.flags |= FloatFlag.denormal;
}

function addParts(status: FloatStatus, format: FloatFormat, signB: number): bigint {
  const a = partsA;
  const b = partsB;
  if (a.infinite || b.infinite) {
    if (a.infinite && b.infinite && a.sign !== signB) return invalid(status, format);
    raiseDenormal(status);
    return infinityOf(format, a.infinite ? a.sign : signB);
  }
  raiseDenormal(status);
  const zeroSign = status.rounding === 1 ? 1 : 0;
  if (a.significand === 0n && b.significand === 0n) return zeroOf(format, a.sign === signB ? signB : zeroSign);
  // The exponents of float64 span 2100, so the exact sum is at most that wide: no sticky bit needed.
  const low = Math.min(a.unit, b.unit);
  const left = a.significand << BigInt(a.unit - low);
  const right = b.significand << BigInt(b.unit - low);
  const sum = (a.sign !== 0 ? -left : left) + (signB !== 0 ? -right : right);
  if (sum === 0n) return zeroOf(format, zeroSign);
  return sum < 0n ? pack(status, format, 1, -sum, low, false) : pack(status, format, 0, sum, low, false);
}

function divideParts(status: FloatStatus, format: FloatFormat, sign: number): bigint {
  const a = partsA;
  const b = partsB;
  if (a.infinite) {
    if (b.infinite) return invalid(status, format);
    raiseDenormal(status);
    return infinityOf(format, sign);
  }
  if (b.infinite) {
    raiseDenormal(status);
    return zeroOf(format, sign);
  }
  if (b.significand === 0n) {
    if (a.significand === 0n) return invalid(status, format);
    status.flags |= FloatFlag.zeroDivide;
    return infinityOf(format, sign);
  }
  raiseDenormal(status);
  if (a.significand === 0n) return zeroOf(format, sign);
  const shift = format.significandBits * 2 + 4 - bitLength(a.significand);
  const dividend = a.significand << BigInt(shift);
  const quotient = dividend / b.significand;
  const sticky = quotient * b.significand !== dividend;
  return pack(status, format, sign, quotient, a.unit - shift - b.unit, sticky);
}

function squareRootBinary(status: FloatStatus, format: FloatFormat, bits: bigint): bigint {
  partsA.read(status, format, bits);
  const a = partsA;
  if (a.nan) {
    if (a.signaling) status.flags |= FloatFlag.invalid;
    return bits | quietBit(format);
  }
  if (a.significand === 0n) return zeroOf(format, a.sign);
  if (a.sign !== 0) return invalid(status, format);
  if (a.infinite) return bits;
  if (a.denormal) status.flags |= FloatFlag.denormal;
  let shift = format.significandBits * 2 + 6 - bitLength(a.significand);
  if (((a.unit - shift) & 1) !== 0) shift++;
  const radicand = a.significand << BigInt(shift);
  const root = integerSquareRoot(radicand);
  return pack(status, format, 0, root, (a.unit - shift) / 2, root * root !== radicand);
}

/** CVTSS2SD and CVTSD2SS. */
export function convertBinary(status: FloatStatus, from: FloatFormat, to: FloatFormat, bits: bigint): bigint {
  partsA.read(status, from, bits);
  const a = partsA;
  if (a.infinite) return infinityOf(to, a.sign);
  if (a.nan) {
    if (a.signaling) status.flags |= FloatFlag.invalid;
    const fraction = a.significand & ((1n << BigInt(from.significandBits - 1)) - 1n);
    const shift = BigInt(to.significandBits - from.significandBits);
    const moved = shift > 0n ? fraction << shift : fraction >> -shift;
    return infinityOf(to, a.sign) | quietBit(to) | moved;
  }
  if (a.significand === 0n) return zeroOf(to, a.sign);
  if (a.denormal) status.flags |= FloatFlag.denormal;
  const before = status.flags & FloatFlag.inexact;
  const result = pack(status, to, a.sign, a.significand, a.unit, false);
  if (status.beyondWrap) {
    // Unmasked, and out of reach even for a wrapped exponent: PE tells of the significand alone.
    const surplus = BigInt(Math.max(0, bitLength(a.significand) - to.significandBits));
    const inexact = (a.significand & ((1n << surplus) - 1n)) !== 0n;
    status.flags = (status.flags & ~FloatFlag.inexact) | before | (inexact ? FloatFlag.inexact : 0);
  }
  return result;
}

/** CVTSI2SS/SD and CVTDQ2PS/PD. */
export function integerToBinary(status: FloatStatus, format: FloatFormat, value: bigint): bigint {
  if (value === 0n) return 0n;
  return value < 0n ? pack(status, format, 1, -value, 0, false) : pack(status, format, 0, value, 0, false);
}

/** CVT(T)SS2SI and relatives: signed integer of `bits` bits by `rounding`; the indefinite with IE if it does not fit. */
export function binaryToInteger(
  status: FloatStatus,
  format: FloatFormat,
  rounding: number,
  value: bigint,
  bits: number,
): bigint {
  partsA.read(status, format, value);
  const a = partsA;
  const indefinite = -(1n << BigInt(bits - 1));
  if (a.nan || a.infinite || a.unit > 64) {
    status.flags |= FloatFlag.invalid;
    return indefinite;
  }
  if (a.significand === 0n) return 0n;
  const before = status.flags;
  const magnitude = roundToInteger(status, rounding, a.sign, a.significand, a.unit);
  const result = a.sign !== 0 ? -magnitude : magnitude;
  if (result < indefinite || result >= -indefinite) {
    status.flags = before | FloatFlag.invalid;
    return indefinite;
  }
  return result;
}

/** ROUNDSS/SD and the packed forms; `quietly` suppresses PE (bit 3 of the immediate). */
export function roundBinary(
  status: FloatStatus,
  format: FloatFormat,
  rounding: number,
  bits: bigint,
  quietly: boolean,
): bigint {
  partsA.read(status, format, bits);
  const a = partsA;
  if (a.nan) {
    if (a.signaling) status.flags |= FloatFlag.invalid;
    return bits | quietBit(format);
  }
  if (a.infinite) return bits;
  if (a.significand === 0n) return zeroOf(format, a.sign);
  if (a.unit >= 0) return bits;
  const before = status.flags;
  const magnitude = roundToInteger(status, rounding, a.sign, a.significand, a.unit);
  if (quietly) status.flags = before;
  return magnitude === 0n ? zeroOf(format, a.sign) : packExact(status, format, a.sign, magnitude);
}

function packExact(status: FloatStatus, format: FloatFormat, sign: number, magnitude: bigint): bigint {
  return pack(status, format, sign, magnitude, 0, false);
}

export { Float32, Float64 };
