// FADD, FSUB, FMUL, FDIV, FSQRT, FRNDINT and the compares on normal numbers and zeros, in 64-bit integers (SDM vol. 1, 8.3).
//
//   add        larger operand        significand . 0
//              smaller operand       shifted right by the difference of the exponents; what falls off is kept in bit 0
//   multiply   64 x 64 -> 128 bits out of four products of 32-bit halves
//   divide     128 / 64 bits in two steps of 32 quotient bits (Knuth, The Art of Computer Programming vol. 2, 4.3.1, algorithm D)
//   root       53 bits from the host's square root (correctly rounded by IEEE 754, so the same everywhere), the rest from the
//              remainder, then the exact remainder says whether the last bit is right

import type { FunctionBody } from '../jit/wasm.ts';
import {
  above,
  aboveOrEqual,
  add,
  add32,
  and,
  and32,
  below,
  constant,
  constant32,
  differs,
  divide,
  doubleDivide,
  doubleMultiply,
  doublePower,
  doubleRoot,
  type Expression,
  equal,
  equal32,
  FunctionBuilder,
  fromDouble,
  get,
  greater32,
  isZero,
  isZero32,
  type Local,
  leadingZeros,
  less32,
  lessSigned,
  multiply,
  narrow,
  or,
  or32,
  select,
  shiftLeft,
  shiftRight,
  shiftRightSigned32,
  subtract,
  subtract32,
  toDouble,
  toDoubleSigned,
  widen,
  xor32,
} from './expression.ts';
import {
  BIAS,
  BINARY,
  controlWord,
  DONE,
  isInfinity,
  J_BIT,
  type Loaded,
  loadExtended,
  NOT_DONE,
  normal,
  refuseUnmaskedInexact,
  roundAndLeave,
  roundingStatus,
  roundsUp,
  SIGN,
  storeExtended,
  UNARY,
  type UnitLayout,
  type Unrounded,
  zero,
} from './operand.ts';

const LOW_HALF = 0xffff_ffffn;

function newUnrounded(f: FunctionBuilder): Unrounded {
  return { sign: f.local32(), exponent: f.local32(), significand: f.local(), fraction: f.local() };
}

/** Sign of a sum that is exactly zero: minus when rounding down. */
function zeroSign(unit: UnitLayout): Expression {
  return select(
    constant32(SIGN),
    constant32(0),
    equal32(and32(controlWord(unit), constant32(0xc00)), constant32(0x400)),
  );
}

/** (place, a, b): a + b, or a - b. */
export function addFunction(unit: UnitLayout, subtracts: boolean): FunctionBody {
  const f = new FunctionBuilder(BINARY);
  const [place] = [0];
  const a = loadExtended(f, unit, 1);
  const b = loadExtended(f, unit, 2, subtracts);
  const result = newUnrounded(f);
  const { sign, exponent, significand, fraction } = result;
  f.when(
    and32(normal(a), normal(b)),
    () => addNormal(f, unit, place, a, b, result),
    () => {
      f.when(and32(zero(a), zero(b)), () => {
        storeExtended(
          f,
          unit,
          place,
          constant(0n),
          select(get(a.sign), zeroSign(unit), equal32(get(a.sign), get(b.sign))),
        );
        f.leave(DONE);
      });
      const take = (value: Loaded): void => {
        f.set(sign, get(value.sign));
        f.set(exponent, get(value.exponent));
        f.set(significand, get(value.significand));
      };
      f.when(
        and32(normal(a), zero(b)),
        () => take(a),
        () =>
          f.when(
            and32(zero(a), normal(b)),
            () => take(b),
            () => f.leave(NOT_DONE),
          ),
      );
      f.set(fraction, constant(0n));
    },
  );
  roundAndLeave(f, unit, place, result);
  return f.finish();
}

function addNormal(f: FunctionBuilder, unit: UnitLayout, place: Local, a: Loaded, b: Loaded, result: Unrounded): void {
  const { sign, exponent, significand, fraction } = result;
  const distance = f.local();
  const low = f.local();
  const swap = f.local32();
  // The larger magnitude into the result, the smaller into `low`.
  f.set(
    swap,
    or32(
      less32(get(a.exponent), get(b.exponent)),
      and32(equal32(get(a.exponent), get(b.exponent)), below(get(a.significand), get(b.significand))),
    ),
  );
  f.set(sign, select(get(b.sign), get(a.sign), get(swap)));
  f.set(exponent, select(get(b.exponent), get(a.exponent), get(swap)));
  f.set(significand, select(get(b.significand), get(a.significand), get(swap)));
  f.set(low, select(get(a.significand), get(b.significand), get(swap)));
  f.set(distance, widen(subtract32(get(exponent), select(get(a.exponent), get(b.exponent), get(swap)))));
  f.when(
    below(get(distance), constant(64n)),
    () => {
      // In two steps: a shift by 64 would be one by 0.
      f.set(fraction, shiftLeft(shiftLeft(get(low), subtract(constant(63n), get(distance))), constant(1n)));
      f.set(low, shiftRight(get(low), get(distance)));
    },
    () => {
      f.when(
        below(get(distance), constant(128n)),
        () => {
          f.set(distance, subtract(get(distance), constant(64n)));
          f.set(fraction, shiftRight(get(low), get(distance)));
          f.set(fraction, or(get(fraction), widen(differs(shiftLeft(get(fraction), get(distance)), get(low)))));
        },
        () => f.set(fraction, constant(1n)),
      );
      f.set(low, constant(0n));
    },
  );
  f.when(
    equal32(get(a.sign), get(b.sign)),
    () => {
      f.set(significand, add(get(significand), get(low)));
      f.when(below(get(significand), get(low)), () => {
        f.set(
          fraction,
          or(
            or(shiftRight(get(fraction), constant(1n)), and(get(fraction), constant(1n))),
            shiftLeft(get(significand), constant(63n)),
          ),
        );
        f.set(significand, or(shiftRight(get(significand), constant(1n)), constant(J_BIT)));
        f.set(exponent, add32(get(exponent), constant32(1)));
      });
    },
    () => {
      f.set(significand, subtract(subtract(get(significand), get(low)), widen(differs(get(fraction), constant(0n)))));
      f.set(fraction, subtract(constant(0n), get(fraction)));
      f.when(isZero(or(get(significand), get(fraction))), () => {
        storeExtended(f, unit, place, constant(0n), zeroSign(unit));
        f.leave(DONE);
      });
      f.when(isZero(get(significand)), () => {
        f.set(significand, get(fraction));
        f.set(fraction, constant(0n));
        f.set(exponent, subtract32(get(exponent), constant32(64)));
      });
      f.set(low, leadingZeros(get(significand)));
      f.set(
        significand,
        or(
          shiftLeft(get(significand), get(low)),
          shiftRight(shiftRight(get(fraction), constant(1n)), subtract(constant(63n), get(low))),
        ),
      );
      f.set(fraction, shiftLeft(get(fraction), get(low)));
      f.set(exponent, subtract32(get(exponent), narrow(get(low))));
    },
  );
}

/** high:low = a * b. */
function multiplyWide(f: FunctionBuilder, a: Local, b: Local, high: Local, low: Local): void {
  const middle = f.local();
  const cross = f.local();
  const half = (value: Local, upper: boolean): Expression =>
    upper ? shiftRight(get(value), constant(32n)) : and(get(value), constant(LOW_HALF));
  f.set(low, multiply(half(a, false), half(b, false)));
  f.set(cross, multiply(half(a, false), half(b, true)));
  f.set(
    middle,
    add(
      add(shiftRight(get(low), constant(32n)), and(get(cross), constant(LOW_HALF))),
      multiply(half(a, true), half(b, false)),
    ),
  );
  f.set(
    high,
    add(
      add(multiply(half(a, true), half(b, true)), shiftRight(get(cross), constant(32n))),
      shiftRight(get(middle), constant(32n)),
    ),
  );
  f.set(low, or(shiftLeft(get(middle), constant(32n)), and(get(low), constant(LOW_HALF))));
}

/** (place, a, b): a * b. */
export function multiplyFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(BINARY);
  const [place] = [0];
  const a = loadExtended(f, unit, 1);
  const b = loadExtended(f, unit, 2);
  const result = newUnrounded(f);
  const { sign, exponent, significand, fraction } = result;
  f.set(sign, xor32(get(a.sign), get(b.sign)));
  f.when(isZero32(and32(normal(a), normal(b))), () => {
    f.when(or32(and32(zero(a), or32(zero(b), normal(b))), and32(normal(a), zero(b))), () => {
      storeExtended(f, unit, place, constant(0n), get(sign));
      f.leave(DONE);
    });
    f.leave(NOT_DONE);
  });
  multiplyWide(f, a.significand, b.significand, significand, fraction);
  f.set(exponent, subtract32(add32(get(a.exponent), get(b.exponent)), constant32(BIAS - 1)));
  f.when(isZero(and(get(significand), constant(J_BIT))), () => {
    f.set(significand, or(shiftLeft(get(significand), constant(1n)), shiftRight(get(fraction), constant(63n))));
    f.set(fraction, shiftLeft(get(fraction), constant(1n)));
    f.set(exponent, subtract32(get(exponent), constant32(1)));
  });
  roundAndLeave(f, unit, place, result);
  return f.finish();
}

/** (place, a, b): a / b. */
export function divideFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(BINARY);
  const [place] = [0];
  const a = loadExtended(f, unit, 1);
  const b = loadExtended(f, unit, 2);
  const result = newUnrounded(f);
  const { sign, exponent, significand, fraction } = result;
  f.set(sign, xor32(get(a.sign), get(b.sign)));
  f.when(isZero32(and32(normal(a), normal(b))), () => {
    f.when(and32(zero(a), normal(b)), () => {
      storeExtended(f, unit, place, constant(0n), get(sign));
      f.leave(DONE);
    });
    f.leave(NOT_DONE);
  });
  // The dividend is rest:next with rest < divisor, so that the quotient has just 64 bits.
  const divisor = b.significand;
  const rest = f.local();
  const next = f.local();
  f.set(exponent, add32(subtract32(get(a.exponent), get(b.exponent)), constant32(BIAS - 1)));
  f.set(rest, get(a.significand));
  f.set(next, constant(0n));
  f.when(aboveOrEqual(get(rest), get(divisor)), () => {
    f.set(next, shiftLeft(get(rest), constant(63n)));
    f.set(rest, shiftRight(get(rest), constant(1n)));
    f.set(exponent, add32(get(exponent), constant32(1)));
  });
  const upper = f.local();
  const lower = f.local();
  f.set(upper, shiftRight(get(divisor), constant(32n)));
  f.set(lower, and(get(divisor), constant(LOW_HALF)));
  divideStep(f, { rest, divisor, upper, lower, digit: significand }, shiftRight(get(next), constant(32n)));
  // The low half of `next` is 0.
  divideStep(f, { rest, divisor, upper, lower, digit: fraction }, constant(0n));
  f.set(significand, or(shiftLeft(get(significand), constant(32n)), get(fraction)));
  // Twice the remainder against the divisor: exactly half cannot be, as the dividend has no more bits than the divisor.
  f.set(
    fraction,
    or(
      shiftLeft(widen(above(get(rest), subtract(get(divisor), get(rest)))), constant(63n)),
      widen(differs(get(rest), constant(0n))),
    ),
  );
  roundAndLeave(f, unit, place, result);
  return f.finish();
}

interface DivideStep {
  readonly rest: Local;
  readonly divisor: Local;
  /** Halves of the divisor. */
  readonly upper: Local;
  readonly lower: Local;
  readonly digit: Local;
}

/** digit = (rest * 2^32 + next) / divisor, and rest the remainder. The digit has 32 bits. */
function divideStep(f: FunctionBuilder, step: DivideStep, next: Expression): void {
  const { rest, divisor, upper, lower, digit } = step;
  const left = f.local();
  f.set(digit, divide(get(rest), get(upper)));
  f.set(left, subtract(get(rest), multiply(get(digit), get(upper))));
  // The estimate is too large by 2 at most.
  const correct = (then?: () => void): void =>
    f.when(
      or32(
        above(get(digit), constant(LOW_HALF)),
        above(multiply(get(digit), get(lower)), or(shiftLeft(get(left), constant(32n)), next)),
      ),
      () => {
        f.set(digit, subtract(get(digit), constant(1n)));
        f.set(left, add(get(left), get(upper)));
        if (then !== undefined) f.when(below(get(left), constant(LOW_HALF + 1n)), then);
      },
    );
  correct(() => correct());
  f.set(rest, subtract(or(shiftLeft(get(rest), constant(32n)), next), multiply(get(digit), get(divisor))));
}

/** (place, a): the square root. */
export function rootFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(UNARY);
  const [place] = [0];
  const a = loadExtended(f, unit, 1);
  const result = newUnrounded(f);
  const { exponent, significand: root, fraction } = result;
  f.when(zero(a), () => {
    storeExtended(f, unit, place, constant(0n), get(a.sign));
    f.leave(DONE);
  });
  f.when(isZero32(and32(normal(a), isZero32(get(a.sign)))), () => f.leave(NOT_DONE));
  // The radicand high:low, whose root has just 64 bits: an even exponent leaves a factor of two less.
  const high = f.local();
  const low = f.local();
  f.set(exponent, subtract32(get(a.exponent), constant32(BIAS)));
  f.set(high, get(a.significand));
  f.when(isZero32(and32(get(exponent), constant32(1))), () => {
    f.set(low, shiftLeft(get(high), constant(63n)));
    f.set(high, shiftRight(get(high), constant(1n)));
  });
  f.set(exponent, add32(shiftRightSigned32(get(exponent), constant32(1)), constant32(BIAS)));

  f.set(root, fromDouble(doubleMultiply(doubleRoot(toDouble(get(high))), doublePower(32)), false));
  const restHigh = f.local();
  const restLow = f.local();
  const findRest = (): void => {
    multiplyWide(f, root, root, restHigh, restLow);
    const borrow = below(get(low), get(restLow));
    f.set(restHigh, subtract(subtract(get(high), get(restHigh)), widen(borrow)));
    f.set(restLow, subtract(get(low), get(restLow)));
  };
  // The estimate is off by 2^12 at most, so the remainder has less than 80 bits, and rest / (2 root) is right but for the last bit.
  findRest();
  f.set(
    root,
    add(
      get(root),
      fromDouble(
        doubleDivide(
          doubleMultiply(
            toDoubleSigned(or(shiftLeft(get(restHigh), constant(32n)), shiftRight(get(restLow), constant(32n)))),
            doublePower(31),
          ),
          toDouble(get(root)),
        ),
        true,
      ),
    ),
  );
  findRest();
  // Too large: the remainder is negative. Too small: it is more than twice the root.
  f.when(lessSigned(get(restHigh), constant(0n)), () => {
    f.set(root, subtract(get(root), constant(1n)));
    findRest();
  });
  const tooSmall = or32(
    above(get(restHigh), shiftRight(get(root), constant(63n))),
    and32(
      equal(get(restHigh), shiftRight(get(root), constant(63n))),
      above(get(restLow), shiftLeft(get(root), constant(1n))),
    ),
  );
  f.when(tooSmall, () => {
    f.set(root, add(get(root), constant(1n)));
    findRest();
    f.when(tooSmall, () => f.leave(NOT_DONE));
  });
  // (root + 1/2)^2 = root^2 + root + 1/4, so never just half.
  f.set(
    fraction,
    or(
      shiftLeft(widen(or32(differs(get(restHigh), constant(0n)), above(get(restLow), get(root)))), constant(63n)),
      widen(differs(or(get(restHigh), get(restLow)), constant(0n))),
    ),
  );
  roundAndLeave(f, unit, place, result);
  return f.finish();
}

/** (place, a): rounded to an integer. */
export function roundToIntegralFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(UNARY);
  const [place] = [0];
  const a = loadExtended(f, unit, 1);
  const { sign, exponent, significand } = a;
  const whole = f.local();
  const fraction = f.local();
  const control = f.local32();
  const up = f.local32();
  f.when(
    or32(
      or32(zero(a), isInfinity(exponent, significand)),
      and32(normal(a), greater32(get(exponent), constant32(BIAS + 62))),
    ),
    () => {
      storeExtended(f, unit, place, get(significand), or32(get(sign), get(exponent)));
      f.leave(DONE);
    },
  );
  f.when(isZero32(normal(a)), () => f.leave(NOT_DONE));
  splitInteger(f, exponent, significand, whole, fraction);
  f.set(control, controlWord(unit));
  refuseUnmaskedInexact(f, control, fraction);
  f.set(up, roundsUp(control, sign, whole, fraction, constant(1n)));
  f.set(whole, add(get(whole), widen(get(up))));
  f.when(
    isZero(get(whole)),
    () => storeExtended(f, unit, place, constant(0n), get(sign)),
    () => {
      f.set(significand, leadingZeros(get(whole)));
      f.set(exponent, subtract32(constant32(BIAS + 63), narrow(get(significand))));
      f.set(significand, shiftLeft(get(whole), get(significand)));
      storeExtended(f, unit, place, get(significand), or32(get(sign), get(exponent)));
    },
  );
  f.leave(roundingStatus(fraction, up));
  return f.finish();
}

/** whole.fraction = the magnitude of a normal number below 2^64. */
export function splitInteger(
  f: FunctionBuilder,
  exponent: Local,
  significand: Local,
  whole: Local,
  fraction: Local,
): void {
  const power = f.local();
  f.set(whole, constant(0n));
  f.when(
    less32(get(exponent), constant32(BIAS)),
    () =>
      // Below 1: half and more is the significand itself, less than half is all the same.
      f.set(fraction, select(get(significand), constant(1n), equal32(get(exponent), constant32(BIAS - 1)))),
    () => {
      f.set(power, widen(subtract32(get(exponent), constant32(BIAS))));
      f.set(whole, shiftRight(get(significand), subtract(constant(63n), get(power))));
      f.set(fraction, shiftLeft(shiftLeft(get(significand), get(power)), constant(1n)));
    },
  );
}

/** (a, b): 0 if a is greater, 1 if less, 0x40 if equal (CF and ZF); -1 unless both are normal, zero or infinite. */
export function compareFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(UNARY);
  const a = loadExtended(f, unit, 0);
  const b = loadExtended(f, unit, 1);
  f.when(isZero32(and32(normal(a), normal(b))), () => {
    const good = (value: Loaded): Expression =>
      or32(or32(zero(value), normal(value)), isInfinity(value.exponent, value.significand));
    f.when(isZero32(and32(good(a), good(b))), () => f.leave(NOT_DONE));
    f.when(and32(zero(a), zero(b)), () => f.leave(constant32(0x40)));
  });
  const less = f.local32();
  f.when(differs32Signs(a, b), () => f.leave(select(constant32(1), constant32(0), get(a.sign))));
  f.when(
    equal32(get(a.exponent), get(b.exponent)),
    () => {
      f.when(equal(get(a.significand), get(b.significand)), () => f.leave(constant32(0x40)));
      f.set(less, below(get(a.significand), get(b.significand)));
    },
    () => f.set(less, less32(get(a.exponent), get(b.exponent))),
  );
  f.leave(xor32(get(less), select(constant32(1), constant32(0), get(a.sign))));
  return f.finish();
}
function differs32Signs(a: Loaded, b: Loaded): Expression {
  return xor32(get(a.sign), get(b.sign));
}
