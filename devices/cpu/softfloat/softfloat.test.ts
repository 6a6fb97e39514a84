// Software floating point by cases worked out by hand from SDM vol. 1, chapters 4 and 8. The breadth is covered by the silicon
// oracle (test/conformance/cpu); this says what each rule is.

import { expect, test } from 'vitest';
import { BinaryOperation, binaryToInteger, computeBinary, convertBinary, roundBinary } from './binary.ts';
import {
  add,
  compare,
  divide,
  Extended,
  extendedIndefinite,
  extendedOne,
  multiply,
  Ordering,
  roundToIntegral,
  squareRoot,
} from './extended.ts';
import {
  extendedFromBcd,
  extendedFromFloat,
  extendedFromInteger,
  extendedToBcd,
  extendedToFloat,
  extendedToInteger,
} from './extended-convert.ts';
import { remainder } from './extended-remainder.ts';
import { bitLength, Float32, Float64, FloatFlag, FloatStatus, integerSquareRoot, Rounding } from './rounding.ts';
import { arcTangent, exponentialMinusOne, logarithm, sineAndCosine } from './transcendental.ts';

const { invalid, denormal, zeroDivide, overflow, underflow, inexact } = FloatFlag;

function fresh(rounding = 0, precision = 64, masks = 0x3f): FloatStatus {
  const status = new FloatStatus();
  status.rounding = rounding;
  status.precision = precision;
  status.masks = masks;
  return status;
}
const view = new DataView(new ArrayBuffer(8));
function bitsOf(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}
function numberOf(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}
function extended(value: number): Extended {
  return extendedFromFloat(fresh(), Float64, bitsOf(value));
}
function toNumber(value: Extended): number {
  return numberOf(extendedToFloat(fresh(), Float64, value));
}

test('M1: bit length and integer square root at powers of two', () => {
  for (const n of [1, 2, 31, 52, 53, 63, 64, 65, 127, 128, 900, 1023, 1024, 2100]) {
    expect(bitLength((1n << BigInt(n)) - 1n)).toBe(n);
    expect(bitLength(1n << BigInt(n))).toBe(n + 1);
    const root = (1n << BigInt(n)) + 12345n;
    expect(integerSquareRoot(root * root)).toBe(root);
    expect(integerSquareRoot(root * root - 1n)).toBe(root - 1n);
  }
  expect(bitLength(0n)).toBe(0);
});

test('M1: 1/3 in 64, 53 and 24 bits, and C1 when it was rounded up', () => {
  const three = extended(3);
  const expected: [number, bigint, boolean][] = [
    [64, 0xaaaaaaaaaaaaaaabn, true],
    [53, 0xaaaaaaaaaaaaa800n, false],
    [24, 0xaaaaab0000000000n, true],
  ];
  for (const [precision, significand, up] of expected) {
    const status = fresh(Rounding.nearest, precision);
    const result = divide(status, extendedOne, three);
    expect(result).toEqual(new Extended(0x3ffd, significand));
    expect(status.flags).toBe(inexact);
    expect(status.roundedUp).toBe(up);
  }
});

test('M1: the four rounding modes on both signs', () => {
  const tiny = new Extended(0x3fff - 70, 1n << 63n);
  const negativeTiny = new Extended(0xbfff - 70, 1n << 63n);
  const minusOne = new Extended(0xbfff, 1n << 63n);
  const low = (rounding: number, a: Extended, b: Extended): bigint =>
    add(fresh(rounding), a, b, false).significand & 0xfn;
  expect(low(Rounding.nearest, extendedOne, tiny)).toBe(0n);
  expect(low(Rounding.up, extendedOne, tiny)).toBe(1n);
  expect(low(Rounding.down, extendedOne, tiny)).toBe(0n);
  expect(low(Rounding.down, minusOne, negativeTiny)).toBe(1n);
  expect(low(Rounding.zero, extendedOne, negativeTiny)).toBe(0xfn);
});

test('M1: overflow, underflow and denormals of the 80-bit format', () => {
  const largest = new Extended(0x7ffe, 0xffffffffffffffffn);
  let status = fresh();
  expect(multiply(status, largest, extended(2))).toEqual(new Extended(0x7fff, 1n << 63n));
  expect(status.flags).toBe(overflow | inexact);
  status = fresh(Rounding.zero);
  expect(multiply(status, largest, extended(2))).toEqual(largest);
  // Unmasked: the exponent is wrapped by 24576.
  status = fresh(0, 64, 0x3f & ~overflow);
  expect(multiply(status, largest, extended(2)).signExponent).toBe(0x7fff - 24576);
  const smallest = new Extended(1, 1n << 63n);
  status = fresh();
  expect(multiply(status, smallest, extended(0.5))).toEqual(new Extended(0, 1n << 62n));
  expect(status.flags).toBe(0);
  expect(multiply(status, new Extended(0, 1n), extended(0.5))).toEqual(new Extended(0, 0n));
  expect(status.flags).toBe(denormal | underflow | inexact);
});

test('M1: NaNs: quieted, the larger significand, unsupported encodings are invalid', () => {
  const signaling = new Extended(0x7fff, 0x8000000000000001n);
  const quietNan = new Extended(0xffff, 0xc000000000000005n);
  let status = fresh();
  expect(add(status, signaling, extendedOne, false)).toEqual(new Extended(0x7fff, 0xc000000000000001n));
  expect(status.flags).toBe(invalid);
  status = fresh();
  expect(add(status, signaling, quietNan, false)).toEqual(quietNan);
  status = fresh();
  expect(add(status, new Extended(0x3fff, 1n), extendedOne, false)).toEqual(extendedIndefinite);
  expect(status.flags).toBe(invalid);
  expect(compare(fresh(), quietNan, extendedOne, true)).toBe(Ordering.unordered);
});

test('M1: division by zero, square roots, rounding to integers', () => {
  const status = fresh();
  expect(divide(status, extended(-1), extended(0)).signExponent).toBe(0xffff);
  expect(status.flags).toBe(zeroDivide);
  expect(toNumber(squareRoot(fresh(), extended(144)))).toBe(12);
  expect(squareRoot(fresh(), extended(-1))).toEqual(extendedIndefinite);
  const rounded = [0, 1, 2, 3].map((mode) => toNumber(roundToIntegral(fresh(mode), extended(-2.5))));
  expect(rounded).toEqual([-2, -3, -2, -2]);
});

test('M1: integers, packed BCD and their indefinites', () => {
  expect(toNumber(extendedFromInteger(-(2n ** 63n)))).toBe(-(2 ** 63));
  let status = fresh();
  expect(extendedToInteger(status, Rounding.nearest, extended(32767.5), 16)).toBe(-32768n);
  expect(status.flags).toBe(invalid);
  status = fresh();
  expect(extendedToInteger(status, Rounding.zero, extended(-1.9), 32)).toBe(-1n);
  expect(status.flags).toBe(inexact);
  expect(extendedToBcd(fresh(), extended(-1234567890))).toBe((1n << 79n) | 0x1234567890n);
  expect(extendedToBcd(fresh(), extended(1e18))).toBe(0xffffc000000000000000n);
  expect(toNumber(extendedFromBcd(0x42n, 0x8000))).toBe(-42);
});

test('M1: partial remainder and its quotient bits', () => {
  const truncated = remainder(fresh(), extended(17), extended(5), false);
  expect([toNumber(truncated.value), truncated.quotient, truncated.partial]).toEqual([2, 3, false]);
  const nearest = remainder(fresh(), extended(18), extended(5), true);
  expect([toNumber(nearest.value), nearest.quotient]).toEqual([-2, 4]);
  expect(remainder(fresh(), extended(2 ** 200), extended(3), false).partial).toBe(true);
});

test('M1: transcendentals to the last bit of a double', () => {
  const close = (value: Extended, expected: number): void => expect(toNumber(value)).toBeCloseTo(expected, 14);
  close(sineAndCosine(fresh(), extended(1), 'sine')!.first, 0.8414709848078965);
  close(sineAndCosine(fresh(), extended(100), 'cosine')!.first, 0.8623188722876839);
  close(arcTangent(fresh(), extended(1), extended(-1)), 2.356194490192345);
  close(logarithm(fresh(), extended(1), extended(10)), 3.321928094887362);
  close(exponentialMinusOne(fresh(), extended(0.5)), 0.41421356237309503);
  expect(sineAndCosine(fresh(), extended(2 ** 63), 'sine')).toBeUndefined();
});

test('M1: float64 and float32 with directed rounding, FTZ and DAZ', () => {
  const third = (rounding: number): number =>
    numberOf(computeBinary(fresh(rounding), Float64, BinaryOperation.divide, bitsOf(1), bitsOf(3)));
  expect(third(Rounding.nearest)).toBe(1 / 3);
  expect(third(Rounding.up)).toBeGreaterThan(1 / 3);
  const status = fresh();
  status.flushToZero = true;
  expect(computeBinary(status, Float64, BinaryOperation.multiply, bitsOf(1e-200), bitsOf(1e-120))).toBe(0n);
  expect(status.flags).toBe(underflow | inexact);
  const zeroing = fresh();
  zeroing.denormalsAreZero = true;
  expect(computeBinary(zeroing, Float32, BinaryOperation.add, 1n, 0n)).toBe(0n);
  expect(zeroing.flags).toBe(0);
});

test('M1: float conversions keep NaN payloads and give indefinites', () => {
  expect(convertBinary(fresh(), Float32, Float64, 0x7fc01234n)).toBe(0x7ff8024680000000n);
  const status = fresh();
  expect(binaryToInteger(status, Float64, Rounding.zero, bitsOf(2 ** 31), 32)).toBe(-(2n ** 31n));
  expect(status.flags).toBe(invalid);
  expect(numberOf(roundBinary(fresh(), Float64, Rounding.nearest, bitsOf(2.5), false))).toBe(2);
});
