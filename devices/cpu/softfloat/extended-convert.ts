// Between double extended and the formats that x87 loads and stores: float32, float64, int16/32/64, packed BCD.
// SDM vol. 1, 4.2 (formats), 4.8.4.2 (NaN conversion), table 4-5 (indefinites), 8.1.2.
//
//   packed BCD: byte 9 = sign in bit 7, bytes 8..0 = 18 decimal digits, two a byte, low digit in the low nibble

import {
  classify,
  Extended,
  ExtendedClass,
  extendedInfinity,
  extendedZero,
  isSignalingNan,
  J_BIT,
  quiet,
  signedZero,
  signOf,
  unitExponent,
} from './extended.ts';
import { bitLength, FloatFlag, type FloatFormat, type FloatStatus, roundAndPack, roundToInteger } from './rounding.ts';

/**
 * FLD m32 / m64: exact; an SNaN is quieted with IE, a denormal raises DE. With `keepSignaling` an SNaN stays one (the operand of an
 * arithmetic instruction, which applies its own rules).
 */
export function extendedFromFloat(
  status: FloatStatus,
  format: FloatFormat,
  bits: bigint,
  keepSignaling = false,
): Extended {
  const fractionBits = BigInt(format.significandBits - 1);
  const sign = Number(bits >> (fractionBits + BigInt(format.maximumExponent.toString(2).length))) & 1;
  const exponent = Number(bits >> fractionBits) & format.maximumExponent;
  const fraction = bits & ((1n << fractionBits) - 1n);
  if (exponent === format.maximumExponent) {
    if (fraction === 0n) return extendedInfinity(sign);
    const value = new Extended((sign << 15) | 0x7fff, J_BIT | (fraction << (63n - fractionBits)));
    if (!isSignalingNan(value) || keepSignaling) return value;
    status.flags |= FloatFlag.invalid;
    return quiet(value);
  }
  if (exponent === 0) {
    if (fraction === 0n) return signedZero(sign);
    status.flags |= FloatFlag.denormal;
    const length = bitLength(fraction);
    const unit = 1 - format.bias - (format.significandBits - 1);
    return new Extended((sign << 15) | (unit + length - 1 + 16383), fraction << BigInt(64 - length));
  }
  return new Extended((sign << 15) | (exponent - format.bias + 16383), J_BIT | (fraction << (63n - fractionBits)));
}

/** FST m32 / m64: the bits in `format`. */
export function extendedToFloat(status: FloatStatus, format: FloatFormat, value: Extended): bigint {
  const fractionBits = BigInt(format.significandBits - 1);
  const fractionMask = (1n << fractionBits) - 1n;
  const exponentBits = BigInt(format.maximumExponent.toString(2).length);
  const sign = signOf(value);
  const signBit = BigInt(sign) << (fractionBits + exponentBits);
  const infinity = BigInt(format.maximumExponent) << fractionBits;
  switch (classify(value)) {
    case ExtendedClass.unsupported:
      status.flags |= FloatFlag.invalid;
      return (1n << (fractionBits + exponentBits)) | infinity | (1n << (fractionBits - 1n));
    case ExtendedClass.nan:
      if (isSignalingNan(value)) status.flags |= FloatFlag.invalid;
      return (
        signBit | infinity | (1n << (fractionBits - 1n)) | ((value.significand >> (63n - fractionBits)) & fractionMask)
      );
    case ExtendedClass.infinity:
      return signBit | infinity;
    case ExtendedClass.zero:
      return signBit;
    default:
  }
  roundAndPack(status, format, format.significandBits, sign, value.significand, unitExponent(value), false);
  return signBit | (BigInt(status.outExponent) << fractionBits) | (status.outSignificand & fractionMask);
}

/** FILD. */
export function extendedFromInteger(value: bigint): Extended {
  if (value === 0n) return extendedZero;
  const sign = value < 0n ? 1 : 0;
  const magnitude = sign !== 0 ? -value : value;
  const shift = 64 - bitLength(magnitude);
  return new Extended((sign << 15) | (16383 + 63 - shift), magnitude << BigInt(shift));
}

/** FIST and FISTTP (with Rounding.zero): a signed integer of `bits` bits; the indefinite with IE if it does not fit. */
export function extendedToInteger(status: FloatStatus, rounding: number, value: Extended, bits: number): bigint {
  const indefinite = -(1n << BigInt(bits - 1));
  const kind = classify(value);
  if (kind === ExtendedClass.zero) return 0n;
  const exponent = unitExponent(value);
  if ((kind !== ExtendedClass.normal && kind !== ExtendedClass.denormal) || exponent > 1) {
    status.flags |= FloatFlag.invalid;
    return indefinite;
  }
  const sign = signOf(value);
  const before = status.flags;
  const magnitude = roundToInteger(status, rounding, sign, value.significand, exponent);
  const result = sign !== 0 ? -magnitude : magnitude;
  if (result < indefinite || result >= -indefinite) {
    status.flags = before | FloatFlag.invalid;
    status.roundedUp = false;
    return indefinite;
  }
  return result;
}

/** FBLD: low 64 bits and the top 16 of the ten bytes. Nibbles above 9 count as they are, as on silicon. */
export function extendedFromBcd(low: bigint, high: number): Extended {
  let value = 0n;
  for (let digit = 1; digit >= 0; digit--) value = value * 10n + BigInt((high >>> (digit * 4)) & 15);
  for (let digit = 15n; digit >= 0n; digit--) value = value * 10n + ((low >> (digit * 4n)) & 15n);
  const result = extendedFromInteger(value);
  return new Extended(result.signExponent | (high & 0x8000), result.significand);
}

/** FBSTP: the ten bytes as one 80-bit number. */
export function extendedToBcd(status: FloatStatus, value: Extended): bigint {
  const indefinite = 0xffff_c000_0000_0000_0000n;
  const sign = BigInt(signOf(value)) << 79n;
  const kind = classify(value);
  if (kind === ExtendedClass.zero) return sign;
  const exponent = unitExponent(value);
  if ((kind !== ExtendedClass.normal && kind !== ExtendedClass.denormal) || exponent > 0) {
    status.flags |= FloatFlag.invalid;
    return indefinite;
  }
  const before = status.flags;
  let magnitude = roundToInteger(status, status.rounding, signOf(value), value.significand, exponent);
  if (magnitude >= 10n ** 18n) {
    status.flags = before | FloatFlag.invalid;
    status.roundedUp = false;
    return indefinite;
  }
  let digits = 0n;
  for (let place = 0n; magnitude !== 0n; place += 4n) {
    digits |= (magnitude % 10n) << place;
    magnitude /= 10n;
  }
  return sign | digits;
}
