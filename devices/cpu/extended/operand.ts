// What the functions of the extended unit share: places, reading and writing a value, rounding.
//
//   place     byte offset of a 16-byte slot from x87 register 0: n * 16 is physical register n, EXTENDED_SCRATCH a slot beside them
//   answer    -1: not done, nothing was written. Else the bits to enter in the status word: PE and C1 (rounded up), or none
//
// Not done, and so left to softfloat/: NaNs, denormals, pseudo-forms, overflow, underflow, and any exception whose mask is clear.

import { type FunctionBody, I32, I64, Op } from '../jit/wasm.ts';
import { FCW, WIDE_C, X87 } from '../state-layout.ts';
import {
  aboveOrEqual32,
  add,
  add32,
  and,
  and32,
  call,
  constant,
  constant32,
  differs,
  differs32,
  type Expression,
  equal32,
  FunctionBuilder,
  get,
  isZero,
  isZero32,
  type Local,
  load,
  narrow,
  or,
  or32,
  select,
  shiftLeft,
  shiftLeft32,
  shiftRight,
  subtract,
  subtract32,
  widen,
  xor32,
} from './expression.ts';

/** A place that is no register. */
export const EXTENDED_SCRATCH = (WIDE_C - X87) * 4;

export const NOT_DONE = constant32(-1);
export const DONE = constant32(0);
export const J_BIT = 1n << 63n;
export const EXPONENT = 0x7fff;
export const SIGN = 0x8000;
export const BIAS = 16383;
const PRECISION_MASK = 0x20;
const PE = 0x20;
/** C1 is so many bits above "rounded up". */
const C1_SHIFT = 9;
const RC_MASK = 0xc00;
const RC_DOWN = 0x400;
const RC_UP = 0x800;
const PC_MASK = 0x300;
const PC_DOUBLE = 0x200;

export const BINARY = { parameters: [I32, I32, I32], results: [I32] } as const;
export const UNARY = { parameters: [I32, I32], results: [I32] } as const;
/** Place, sign, exponent, significand, fraction. */
export const ROUND = { parameters: [I32, I32, I32, I64, I64], results: [I32] } as const;

/** The byte where the state of a machine lies, and what the functions have to know about each other. */
export interface UnitLayout {
  /** Address of place 0. */
  readonly registers: number;
  /** Address of FCW. */
  readonly control: number;
  /** Index of the function that rounds in all modes (round.ts). */
  readonly round: number;
}

export function unitLayout(hostArea: number): UnitLayout {
  return { registers: hostArea + X87 * 4, control: hostArea + FCW * 4, round: 0 };
}

export const significandAt = (unit: UnitLayout, place: Local): Expression =>
  load(Op.i64Load, get(place), unit.registers);
export const signExponentAt = (unit: UnitLayout, place: Local): Expression =>
  load(Op.i32Load16U, get(place), unit.registers + 8);
export const controlWord = (unit: UnitLayout): Expression => load(Op.i32Load, constant32(0), unit.control);

export function storeExtended(
  f: FunctionBuilder,
  unit: UnitLayout,
  place: Local,
  significand: Expression,
  signExponent: Expression,
): void {
  f.store(Op.i64Store, get(place), unit.registers, significand);
  f.store(Op.i32Store, get(place), unit.registers + 8, signExponent);
}

/** Exponent 1 to 7FFE and the J bit set. */
export function isNormal(exponent: Local, significand: Local): Expression {
  return and32(
    isBelow(subtract32(get(exponent), constant32(1)), EXPONENT - 1),
    narrow(shiftRight(get(significand), constant(63n))),
  );
}
function isBelow(value: Expression, limit: number): Expression {
  return isZero32(aboveOrEqual32(value, constant32(limit)));
}
export function isZeroValue(exponent: Local, significand: Local): Expression {
  return and32(isZero32(get(exponent)), isZero(get(significand)));
}
export function isInfinity(exponent: Local, significand: Local): Expression {
  return and32(equal32(get(exponent), constant32(EXPONENT)), isZero(subtract(get(significand), constant(J_BIT))));
}

/** A number in locals; the sign is 0 or SIGN. */
export interface Loaded {
  readonly sign: Local;
  readonly exponent: Local;
  readonly significand: Local;
}

export function loadExtended(f: FunctionBuilder, unit: UnitLayout, place: Local, flipSign = false): Loaded {
  const sign = f.local32();
  const exponent = f.local32();
  const significand = f.local();
  f.set(significand, significandAt(unit, place));
  f.set(exponent, signExponentAt(unit, place));
  f.set(sign, and32(get(exponent), constant32(SIGN)));
  if (flipSign) f.set(sign, xor32(get(sign), constant32(SIGN)));
  f.set(exponent, and32(get(exponent), constant32(EXPONENT)));
  return { sign, exponent, significand };
}
export const normal = (value: Loaded): Expression => isNormal(value.exponent, value.significand);
export const zero = (value: Loaded): Expression => isZeroValue(value.exponent, value.significand);

/** 1 if significand.fraction is rounded up to nearest, where `unit` is the significand's last bit. */
export function roundsToNearest(significand: Local, fraction: Local, unit: Expression): Expression {
  // More than half, or half and odd.
  return and32(
    narrow(shiftRight(get(fraction), constant(63n))),
    differs(or(shiftLeft(get(fraction), constant(1n)), and(get(significand), unit)), constant(0n)),
  );
}

/** 1 if it is rounded up by the control word's rounding; `sign` is 0 or not. */
export function roundsUp(
  control: Local,
  sign: Local,
  significand: Local,
  fraction: Local,
  unit: Expression,
): Expression {
  const mode = and32(get(control), constant32(RC_MASK));
  const away = select(constant32(RC_DOWN), constant32(RC_UP), get(sign));
  return select(
    and32(equal32(mode, away), differs(get(fraction), constant(0n))),
    roundsToNearest(significand, fraction, unit),
    mode,
  );
}

/** Leaves with -1 if the fraction is not zero and PE is not masked. */
export function refuseUnmaskedInexact(f: FunctionBuilder, control: Local, fraction: Local): void {
  f.when(and32(differs(get(fraction), constant(0n)), isZero32(and32(get(control), constant32(PRECISION_MASK)))), () =>
    f.leave(NOT_DONE),
  );
}
/** PE and C1. */
export function roundingStatus(fraction: Local, up: Local): Expression {
  return select(
    or32(constant32(PE), shiftLeft32(get(up), constant32(C1_SHIFT))),
    constant32(0),
    differs(get(fraction), constant(0n)),
  );
}

/** The end of roundAndLeave and of roundInAllModes: carry, exponent, PE, store. */
function packAndLeave(
  f: FunctionBuilder,
  unit: UnitLayout,
  place: Local,
  value: Unrounded,
  control: Local,
  up: Local,
): void {
  const { sign, exponent, significand, fraction } = value;
  f.when(isZero(get(significand)), () => {
    f.set(significand, constant(J_BIT));
    f.set(exponent, add32(get(exponent), constant32(1)));
  });
  f.when(aboveOrEqual32(subtract32(get(exponent), constant32(1)), constant32(EXPONENT - 1)), () => f.leave(NOT_DONE));
  refuseUnmaskedInexact(f, control, fraction);
  storeExtended(f, unit, place, get(significand), or32(get(sign), get(exponent)));
  f.leave(roundingStatus(fraction, up));
}

/** A number before rounding, in locals: sign (0 or SIGN), biased exponent, significand with its J bit set, 64 more bits. */
export interface Unrounded {
  readonly sign: Local;
  readonly exponent: Local;
  readonly significand: Local;
  /** Below the significand; what lies below these bits in turn is in bit 0, if it is not 0. */
  readonly fraction: Local;
}

/** Rounds by the control word into `place`, and leaves. The locals are used up. */
export function roundAndLeave(f: FunctionBuilder, unit: UnitLayout, place: Local, value: Unrounded): void {
  const { sign, exponent, significand, fraction } = value;
  const control = f.local32();
  const up = f.local32();
  f.set(control, controlWord(unit));
  f.when(differs32(and32(get(control), constant32(RC_MASK | PC_MASK)), constant32(PC_MASK)), () =>
    f.leave(call(unit.round, get(place), get(sign), get(exponent), get(significand), get(fraction))),
  );
  f.set(up, roundsToNearest(significand, fraction, constant(1n)));
  f.set(significand, add(get(significand), widen(get(up))));
  packAndLeave(f, unit, place, value, control, up);
}

/** The function behind it for what is not "64 bits, to nearest". */
export function roundInAllModes(unit: UnitLayout): FunctionBody {
  const f = new FunctionBuilder(ROUND);
  const [place, sign, exponent, significand, fraction] = [0, 1, 2, 3, 4];
  const control = f.local32();
  const up = f.local32();
  const dropped = f.local();
  const lastBit = f.local();
  f.set(control, controlWord(unit));
  f.set(lastBit, constant(1n));
  // PC 0: 24 bits, 2: 53 bits, else 64. What precision control cuts off joins the fraction.
  f.when(isZero32(and32(get(control), constant32(0x100))), () => {
    f.set(dropped, select(constant(11n), constant(40n), and32(get(control), constant32(PC_DOUBLE))));
    f.set(lastBit, shiftLeft(constant(1n), get(dropped)));
    f.set(
      fraction,
      or(
        shiftLeft(get(significand), subtract(constant(64n), get(dropped))),
        widen(differs(get(fraction), constant(0n))),
      ),
    );
    f.set(significand, and(get(significand), subtract(constant(0n), get(lastBit))));
  });
  f.set(up, roundsUp(control, sign, significand, fraction, get(lastBit)));
  f.when(get(up), () => f.set(significand, add(get(significand), get(lastBit))));
  packAndLeave(f, unit, place, { sign, exponent, significand, fraction }, control, up);
  return f.finish();
}
