// Between the x87 registers and float32, float64 and integers in memory (SDM vol. 1, 4.2 and 4.8).
//
//   float64   63 S | 62..52 exponent, bias 1023 | 51..0 fraction        float32   31 S | 30..23 exponent, bias 127 | 22..0 fraction
//
// NaNs and denormals are not done here, nor is a result that overflows, underflows or does not fit.

import { type FunctionBody, I32, I64, Op } from '../jit/wasm.ts';
import { splitInteger } from './arithmetic.ts';
import {
  above,
  add,
  add32,
  and32,
  constant,
  constant32,
  equal32,
  FunctionBuilder,
  get,
  greater32,
  isZero,
  isZero32,
  leadingZeros,
  less32,
  lessSigned,
  load,
  narrow,
  or,
  or32,
  shiftLeft,
  shiftRight,
  subtract,
  subtract32,
  widen,
} from './expression.ts';
import {
  BIAS,
  BINARY,
  controlWord,
  DONE,
  EXPONENT,
  isInfinity,
  isNormal,
  isZeroValue,
  J_BIT,
  NOT_DONE,
  refuseUnmaskedInexact,
  roundingStatus,
  roundsUp,
  SIGN,
  signExponentAt,
  significandAt,
  storeExtended,
  UNARY,
  type UnitLayout,
} from './operand.ts';

export interface FloatLayout {
  readonly bytes: 4 | 8;
  readonly fractionBits: number;
  readonly maximumExponent: number;
  readonly bias: number;
}
export const SINGLE: FloatLayout = { bytes: 4, fractionBits: 23, maximumExponent: 0xff, bias: 127 };
export const DOUBLE: FloatLayout = { bytes: 8, fractionBits: 52, maximumExponent: 0x7ff, bias: 1023 };

/** (place, address): loads a float. */
export function fromFloatFunction(unit: UnitLayout, format: FloatLayout): FunctionBody {
  const f = new FunctionBuilder(UNARY);
  const [place, address] = [0, 1];
  const bits = f.local();
  const sign = f.local32();
  const exponent = f.local32();
  f.set(bits, load(format.bytes === 8 ? Op.i64Load : Op.i64Load32U, get(address), 0));
  f.set(sign, and32(narrow(shiftRight(get(bits), constant(BigInt(format.bytes * 8 - 16)))), constant32(SIGN)));
  f.set(
    exponent,
    and32(narrow(shiftRight(get(bits), constant(BigInt(format.fractionBits)))), constant32(format.maximumExponent)),
  );
  // The fraction at the top, without the exponent.
  f.set(bits, shiftLeft(get(bits), constant(BigInt(64 - format.fractionBits))));
  f.when(isZero32(get(exponent)), () => {
    f.when(isZero32(isZero(get(bits))), () => f.leave(NOT_DONE));
    storeExtended(f, unit, place, constant(0n), get(sign));
    f.leave(DONE);
  });
  f.when(
    equal32(get(exponent), constant32(format.maximumExponent)),
    () => {
      f.when(isZero32(isZero(get(bits))), () => f.leave(NOT_DONE));
      f.set(exponent, constant32(EXPONENT));
    },
    () => f.set(exponent, add32(get(exponent), constant32(BIAS - format.bias))),
  );
  storeExtended(
    f,
    unit,
    place,
    or(shiftRight(get(bits), constant(1n)), constant(J_BIT)),
    or32(get(sign), get(exponent)),
  );
  f.leave(DONE);
  return f.finish();
}

/** (place, value): loads a signed integer. */
export const FROM_INTEGER = { parameters: [I32, I64], results: [I32] } as const;
export function fromIntegerFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(FROM_INTEGER);
  const [place, value] = [0, 1];
  const sign = f.local32();
  const zeros = f.local();
  f.when(isZero(get(value)), () => {
    storeExtended(f, unit, place, constant(0n), constant32(0));
    f.leave(DONE);
  });
  f.when(lessSigned(get(value), constant(0n)), () => {
    f.set(sign, constant32(SIGN));
    f.set(value, subtract(constant(0n), get(value)));
  });
  f.set(zeros, leadingZeros(get(value)));
  storeExtended(
    f,
    unit,
    place,
    shiftLeft(get(value), get(zeros)),
    or32(get(sign), subtract32(constant32(BIAS + 63), narrow(get(zeros)))),
  );
  f.leave(DONE);
  return f.finish();
}

/** (place, address): stores a float, rounded. */
export function toFloatFunction(unit: UnitLayout, format: FloatLayout): FunctionBody {
  const f = new FunctionBuilder(UNARY);
  const [place, address] = [0, 1];
  const dropped = BigInt(63 - format.fractionBits);
  const opcode = format.bytes === 8 ? Op.i64Store : Op.i64Store32;
  const sign = f.local32();
  const exponent = f.local32();
  const significand = f.local();
  const fraction = f.local();
  const control = f.local32();
  const up = f.local32();
  const signBit = shiftLeft(widen(get(sign)), constant(BigInt(format.bytes * 8 - 16)));
  const infinity = BigInt(format.maximumExponent) << BigInt(format.fractionBits);
  f.set(significand, significandAt(unit, place));
  f.set(exponent, signExponentAt(unit, place));
  f.set(sign, and32(get(exponent), constant32(SIGN)));
  f.set(exponent, and32(get(exponent), constant32(EXPONENT)));
  f.when(isZero32(isNormal(exponent, significand)), () => {
    f.when(isZeroValue(exponent, significand), () => {
      f.store(opcode, get(address), 0, signBit);
      f.leave(DONE);
    });
    f.when(isInfinity(exponent, significand), () => {
      f.store(opcode, get(address), 0, or(signBit, constant(infinity)));
      f.leave(DONE);
    });
    f.leave(NOT_DONE);
  });
  f.set(exponent, subtract32(get(exponent), constant32(BIAS - format.bias)));
  f.when(less32(get(exponent), constant32(1)), () => f.leave(NOT_DONE));
  f.set(control, controlWord(unit));
  f.set(fraction, shiftLeft(get(significand), constant(64n - dropped)));
  f.set(significand, shiftRight(get(significand), constant(dropped)));
  f.set(up, roundsUp(control, sign, significand, fraction, constant(1n)));
  // The J bit adds one to the exponent, and so does a carry.
  f.set(
    significand,
    add(
      add(get(significand), widen(get(up))),
      shiftLeft(widen(subtract32(get(exponent), constant32(1))), constant(BigInt(format.fractionBits))),
    ),
  );
  f.when(or32(greater32(get(exponent), constant32(format.maximumExponent - 1)), isZero32(isBelowInfinity())), () =>
    f.leave(NOT_DONE),
  );
  refuseUnmaskedInexact(f, control, fraction);
  f.store(opcode, get(address), 0, or(signBit, get(significand)));
  f.leave(roundingStatus(fraction, up));
  return f.finish();

  function isBelowInfinity() {
    return above(constant(infinity), get(significand));
  }
}

/** In the form of toIntegerFunction: width in bytes, plus this to cut off instead of rounding. */
export const TRUNCATE = 0x100;

/** (place, address, form): stores a signed integer of 2, 4 or 8 bytes. */
export function toIntegerFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(BINARY);
  const [place, address, form] = [0, 1, 2];
  const sign = f.local32();
  const exponent = f.local32();
  const significand = f.local();
  const whole = f.local();
  const fraction = f.local();
  const control = f.local32();
  const up = f.local32();
  f.set(significand, significandAt(unit, place));
  f.set(exponent, signExponentAt(unit, place));
  f.set(sign, and32(get(exponent), constant32(SIGN)));
  f.set(exponent, and32(get(exponent), constant32(EXPONENT)));
  f.when(isZero32(isZeroValue(exponent, significand)), () => {
    f.when(or32(isZero32(isNormal(exponent, significand)), greater32(get(exponent), constant32(BIAS + 63))), () =>
      f.leave(NOT_DONE),
    );
    splitInteger(f, exponent, significand, whole, fraction);
    f.set(control, controlWord(unit));
    refuseUnmaskedInexact(f, control, fraction);
    f.when(isZero32(and32(get(form), constant32(TRUNCATE))), () => {
      f.set(up, roundsUp(control, sign, whole, fraction, constant(1n)));
      f.set(whole, add(get(whole), widen(get(up))));
    });
    // At most 2^(bits-1) - 1, and one more if negative.
    const bits = shiftLeft(widen(and32(get(form), constant32(15))), constant(3n));
    const limit = shiftLeft(constant(1n), subtract(bits, constant(1n)));
    f.when(above(get(whole), subtract(limit, widen(isZero32(get(sign))))), () => f.leave(NOT_DONE));
    f.when(get(sign), () => f.set(whole, subtract(constant(0n), get(whole))));
  });
  const widthIs = (width: number) => equal32(and32(get(form), constant32(15)), constant32(width));
  f.when(
    widthIs(8),
    () => f.store(Op.i64Store, get(address), 0, get(whole)),
    () =>
      f.when(
        widthIs(4),
        () => f.store(Op.i64Store32, get(address), 0, get(whole)),
        () => f.store(Op.i64Store16, get(address), 0, get(whole)),
      ),
  );
  f.leave(roundingStatus(fraction, up));
  return f.finish();
}
