// Shifts, rotates and bit instructions (SDM vol. 2) as code.

import type { Instruction } from '../decode/instruction.ts';
import { CF, OF, ZF } from '../interpreter/flags.ts';
import { pushZero } from './emit-conditions.ts';
import { flagKind, What } from './flag-kinds.ts';
import { ARITHMETIC_BITS, type Emitter, placeOf, popPlace, pushPlace, RCX } from './place.ts';
import type { Translator } from './translator.ts';
import { I32, I64, Op } from './wasm.ts';

/** The count is a constant (already masked); -1: in CL. */
function constantCount(i: Instruction): number {
  const source = i.row.operands[i.row.operands.length - 1];
  if (source === 'CL') return -1;
  return (source === '1' ? 1 : i.immediateLow) & (i.width === 8 ? 63 : 31);
}

const shiftKinds: { readonly [operation: string]: What } = {
  shl: What.shiftLeft,
  shr: What.shiftRight,
  sar: What.shiftRightArithmetic,
};

/** Pushes `value` (i64 local; i32 result unless 8 bytes) shifted by what `count` pushes. */
function pushShift(t: Translator, what: What, width: number, value: number, count: () => void): void {
  const { code } = t;
  code.get(value);
  if (width === 8) {
    count();
    code.op(Op.i64ExtendI32U);
    code.op(what === What.shiftLeft ? Op.i64Shl : what === What.shiftRight ? Op.i64ShrU : Op.i64ShrS);
    return;
  }
  code.op(Op.i32WrapI64);
  if (width !== 4 && what === What.shiftRight) {
    code.i32(width === 2 ? 0xffff : 0xff);
    code.op(Op.i32And);
  } else if (width !== 4 && what === What.shiftRightArithmetic) code.op(width === 2 ? Op.i32Extend16S : Op.i32Extend8S);
  count();
  code.op(what === What.shiftLeft ? Op.i32Shl : what === What.shiftRight ? Op.i32ShrU : Op.i32ShrS);
}

const shift: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const what = shiftKinds[i.row.operation];
  const constant = constantCount(i);
  if (constant === 0) return false;
  const target = placeOf(t, i, 'E', width, true);
  if (constant > 0) {
    pushPlace(t, target, width);
    code.set(t.flagA);
    code.i64(constant);
    code.set(t.flagB);
    t.setFlagKind(what, width);
    pushShift(t, what, width, t.flagA, () => code.i32(constant));
    popPlace(t, target, width);
    return true;
  }
  const value = t.temporary(I64);
  const count = t.temporary(I32);
  t.getGeneral(RCX);
  code.op(Op.i32WrapI64);
  code.i32(width === 8 ? 63 : 31);
  code.op(Op.i32And);
  code.set(count);
  pushPlace(t, target, width);
  code.set(value);
  if (!t.flagsAreDead()) {
    // A count of 0 keeps the flags: what they are is then known only while the program runs.
    t.makeKindDynamic();
    const keep = (local: number, fresh: () => void): void => {
      fresh();
      code.get(local);
      code.get(count);
      code.op(Op.select);
      code.set(local);
    };
    keep(t.flagA, () => code.get(value));
    keep(t.flagB, () => {
      code.get(count);
      code.op(Op.i64ExtendI32U);
    });
    keep(t.flagKindLocal, () => code.i32(flagKind(what, width)));
  }
  pushShift(t, what, width, value, () => code.get(count));
  popPlace(t, target, width);
  return true;
};

const rotate: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width < 4) return false;
  const left = i.row.operation === 'rol';
  const constant = constantCount(i);
  const dead = t.flagsAreDead();
  // A variable count may be 0 and keep the flags.
  if (constant < 0 && (!dead || i.memory)) return false;
  if (constant === 0) return false;
  const target = placeOf(t, i, 'E', width, true);
  if (!dead) t.materialize();
  pushPlace(t, target, width);
  if (width === 4) code.op(Op.i32WrapI64);
  if (constant > 0) {
    if (width === 8) code.i64(constant);
    else code.i32(constant);
  } else {
    t.getGeneral(RCX);
    if (width === 4) code.op(Op.i32WrapI64);
  }
  code.op(width === 8 ? (left ? Op.i64Rotl : Op.i64Rotr) : left ? Op.i32Rotl : Op.i32Rotr);
  if (dead) {
    popPlace(t, target, width);
    return true;
  }
  const result = t.temporary(width === 8 ? I64 : I32);
  code.set(result);
  const bit = (number: number): void => {
    code.get(result);
    if (width === 8) {
      code.i64(number);
      code.op(Op.i64ShrU);
      code.op(Op.i32WrapI64);
    } else {
      code.i32(number);
      code.op(Op.i32ShrU);
    }
    code.i32(1);
    code.op(Op.i32And);
  };
  const top = width * 8 - 1;
  // CF is the bit that went round; OF: left, the top bit differs from it; right, the two top bits differ.
  code.get(t.flagWord);
  code.i32(~(CF | OF));
  code.op(Op.i32And);
  bit(left ? 0 : top);
  code.op(Op.i32Or);
  bit(top);
  bit(left ? 0 : top - 1);
  code.op(Op.i32Xor);
  code.i32(11);
  code.op(Op.i32Shl);
  code.op(Op.i32Or);
  code.set(t.flagWord);
  t.setFlagBits();
  code.get(result);
  popPlace(t, target, width);
  return true;
};

/** SHLD, SHRD of 32 and 64 bit whose flags nobody sees. */
const doubleShift: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const constant = constantCount(i);
  if (width < 4 || constant <= 0 || i.memory || !t.flagsAreDead()) return false;
  const left = i.row.operation === 'shld';
  const bits = width * 8;
  const target = placeOf(t, i, 'E', width, true);
  const part = (push: () => void, count: number, toLeft: boolean): void => {
    push();
    if (width === 4) code.op(Op.i32WrapI64);
    if (width === 8) code.i64(count);
    else code.i32(count);
    code.op(width === 8 ? (toLeft ? Op.i64Shl : Op.i64ShrU) : toLeft ? Op.i32Shl : Op.i32ShrU);
  };
  part(() => pushPlace(t, target, width), constant, left);
  part(() => t.getGeneral(i.reg), bits - constant, !left);
  code.op(width === 8 ? Op.i64Or : Op.i32Or);
  popPlace(t, target, width);
  return true;
};

// -------------------------------------------------------------------------------------------------------- bits

/** BT BTS BTR BTC on registers, and on memory with an immediate. */
const bitTest: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const kind = i.row.parameter ?? 0;
  const byRegister = i.row.operands[1][0] === 'G';
  if (width === 2 || (i.memory && byRegister)) return false;
  const target = placeOf(t, i, 'E', width, kind !== 0);
  const value = t.temporary(I64);
  const mask = t.temporary(I64);
  const bits = t.temporary(I32);
  // ZF stays, CF is the bit.
  pushZero(t);
  code.i32(6);
  code.op(Op.i32Shl);
  code.set(bits);
  pushPlace(t, target, width);
  code.set(value);
  code.i64(1);
  if (byRegister) {
    t.getGeneral(i.reg);
    code.i64(width * 8 - 1);
    code.op(Op.i64And);
  } else code.i64(i.immediateLow & (width * 8 - 1));
  code.op(Op.i64Shl);
  code.set(mask);
  code.get(value);
  code.get(mask);
  code.op(Op.i64And);
  code.i64(0);
  code.op(Op.i64Ne);
  code.get(bits);
  code.op(Op.i32Or);
  code.get(t.flagWord);
  code.i32(~ARITHMETIC_BITS);
  code.op(Op.i32And);
  code.op(Op.i32Or);
  code.set(t.flagWord);
  t.setFlagBits();
  if (kind === 0) return true;
  code.get(value);
  code.get(mask);
  if (kind === 1) code.op(Op.i64Or);
  else if (kind === 3) code.op(Op.i64Xor);
  else {
    code.i64(-1);
    code.op(Op.i64Xor);
    code.op(Op.i64And);
  }
  if (width === 4) code.op(Op.i32WrapI64);
  popPlace(t, target, width);
  return true;
};

/** BSF, BSR: a source of 0 leaves the destination; flags as of a logic operation on the source. */
const scan: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width === 2) return false;
  const source = placeOf(t, i, 'E', width, false);
  pushPlace(t, source, width);
  if (width === 4 && source.memory === null) {
    code.i64Pair(-1, 0);
    code.op(Op.i64And);
  }
  code.set(t.flagA);
  t.setFlagKind(What.logic, width);
  if (i.row.operation === 'bsf') {
    code.get(t.flagA);
    code.op(Op.i64Ctz);
  } else {
    code.i64(63);
    code.get(t.flagA);
    code.op(Op.i64Clz);
    code.op(Op.i64Sub);
  }
  t.getGeneral(i.reg);
  code.get(t.flagA);
  code.op(Op.i64Eqz);
  code.op(Op.i32Eqz);
  code.op(Op.select);
  t.setGeneral(i.reg);
  return true;
};

const populationCount: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width === 2) return false;
  const source = placeOf(t, i, 'E', width, false);
  const count = t.temporary(I64);
  pushPlace(t, source, width);
  if (width === 4 && source.memory === null) {
    code.i64Pair(-1, 0);
    code.op(Op.i64And);
  }
  code.op(Op.i64Popcnt);
  code.set(count);
  code.get(t.flagWord);
  code.i32(~ARITHMETIC_BITS);
  code.op(Op.i32And);
  code.get(count);
  code.op(Op.i64Eqz);
  code.i32(Math.log2(ZF));
  code.op(Op.i32Shl);
  code.op(Op.i32Or);
  code.set(t.flagWord);
  t.setFlagBits();
  code.get(count);
  t.setGeneral(i.reg);
  return true;
};

export const shiftEmitters: { readonly [operation: string]: Emitter } = {
  shl: shift,
  shr: shift,
  sar: shift,
  rol: rotate,
  ror: rotate,
  shld: doubleShift,
  shrd: doubleShift,
  bt: bitTest,
  bts: bitTest,
  btr: bitTest,
  btc: bitTest,
  bsf: scan,
  bsr: scan,
  popcnt: populationCount,
};
