// FPREM on normal numbers (SDM vol. 2A): the remainder by shift and subtract, a quotient bit at a time, exact.
//
//   D = exponent(a) - exponent(b) < 64:  D steps, and the quotient's last three bits in C0 C3 C1
//   else:                                32 + D mod 32 steps (as softfloat/extended-remainder.ts does), C2 = 1: call again

import type { FunctionBody } from '../jit/wasm.ts';
import {
  add32,
  and,
  and32,
  belowOrEqual,
  constant,
  constant32,
  FunctionBuilder,
  get,
  greaterOrEqual32,
  isZero,
  isZero32,
  leadingZeros,
  less32,
  lessSigned,
  narrow,
  or,
  or32,
  shiftLeft,
  shiftLeft32,
  subtract,
  subtract32,
} from './expression.ts';
import { BINARY, DONE, loadExtended, NOT_DONE, normal, storeExtended, type UnitLayout, zero } from './operand.ts';

const C2 = 0x400;

/** (place, a, b): a - b * trunc(a / b); the answer is C0 to C3. */
export function remainderFunction(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(BINARY);
  const [place] = [0];
  const a = loadExtended(f, unit, 1);
  const b = loadExtended(f, unit, 2);
  const steps = f.local32();
  const distance = f.local32();
  const codes = f.local32();
  const quotient = f.local();
  const zeros = f.local();
  const rest = a.significand;
  const keep = (): void => {
    storeExtended(f, unit, place, get(a.significand), or32(get(a.sign), get(a.exponent)));
    f.leave(DONE);
  };
  f.when(isZero32(normal(b)), () => f.leave(NOT_DONE));
  f.when(zero(a), keep);
  f.when(isZero32(normal(a)), () => f.leave(NOT_DONE));
  f.when(less32(get(a.exponent), get(b.exponent)), keep);

  f.set(distance, subtract32(get(a.exponent), get(b.exponent)));
  f.set(steps, get(distance));
  f.when(greaterOrEqual32(get(distance), constant32(64)), () => {
    f.set(steps, add32(and32(get(distance), constant32(31)), constant32(32)));
    f.set(codes, constant32(C2));
  });
  f.set(a.exponent, subtract32(get(a.exponent), get(steps)));
  const takeOff = (): void => {
    f.set(rest, subtract(get(rest), get(b.significand)));
    f.set(quotient, or(get(quotient), constant(1n)));
  };
  const fits = belowOrEqual(get(b.significand), get(rest));
  f.when(fits, takeOff);
  f.when(get(steps), () =>
    f.repeat(steps, () => {
      f.set(quotient, shiftLeft(get(quotient), constant(1n)));
      // The bit that is shifted out makes it larger than any divisor.
      f.when(
        lessSigned(get(rest), constant(0n)),
        () => {
          f.set(rest, shiftLeft(get(rest), constant(1n)));
          takeOff();
        },
        () => {
          f.set(rest, shiftLeft(get(rest), constant(1n)));
          f.when(fits, takeOff);
        },
      );
    }),
  );
  f.when(isZero32(get(codes)), () => {
    const bit = (mask: bigint, shift: number) =>
      shiftLeft32(narrow(and(get(quotient), constant(mask))), constant32(shift));
    // Bit 2 to C0 (bit 8), bit 1 to C3 (bit 14), bit 0 to C1 (bit 9).
    f.set(codes, or32(or32(bit(4n, 6), bit(2n, 13)), bit(1n, 9)));
  });
  f.when(isZero(get(rest)), () => {
    storeExtended(f, unit, place, constant(0n), get(a.sign));
    f.leave(get(codes));
  });
  f.set(zeros, leadingZeros(get(rest)));
  f.set(a.exponent, subtract32(get(a.exponent), narrow(get(zeros))));
  f.when(less32(get(a.exponent), constant32(1)), () => f.leave(NOT_DONE));
  storeExtended(f, unit, place, shiftLeft(get(rest), get(zeros)), or32(get(a.sign), get(a.exponent)));
  f.leave(get(codes));
  return f.finish();
}
