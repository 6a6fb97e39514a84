// Condition codes and single flags as code, from what is known of the last operation (flag-kinds.ts). Fused with a comparison where
// the flags come from one; anything unusual is computed by the reference implementation first (translator.materialize).

import { CF, OF, PF, SF, ZF } from '../interpreter/flags.ts';
import { isStepKind, KIND_BITS, KIND_DYNAMIC, What, whatOfKind, widthOfKind } from './flag-kinds.ts';
import type { Translator } from './translator.ts';
import { Op } from './wasm.ts';

/** Which operands the flags come from: those of the last operation, or of the one before. */
interface Origin {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
}
function lastOrigin(t: Translator): Origin {
  return { kind: t.kind, a: t.flagA, b: t.flagB };
}

/** Pushes an operand for a comparison at its width: i64 for 8 bytes, else i32. */
function pushOperand(t: Translator, local: number, width: number, signed: boolean): void {
  const { code } = t;
  code.get(local);
  if (width === 8) return;
  code.op(Op.i32WrapI64);
  if (width === 4) return;
  const lowBytes = local === t.flagA ? t.lowBytesA : local === t.flagB ? t.lowBytesB : 8;
  if (!signed && lowBytes <= width) return;
  if (signed) code.op(width === 2 ? Op.i32Extend16S : Op.i32Extend8S);
  else {
    code.i32(width === 2 ? 0xffff : 0xff);
    code.op(Op.i32And);
  }
}

/** Pushes the result of the last operation: i64 for 8 bytes, else i32, sign-extended or zero-extended if narrower. */
function pushResult(t: Translator, what: What, width: number, signed: boolean, from = lastOrigin(t)): void {
  const { code } = t;
  const wide = width === 8;
  const narrowed = (): void => {
    if (width === 2 || width === 1) {
      if (signed) code.op(width === 2 ? Op.i32Extend16S : Op.i32Extend8S);
      else {
        code.i32(width === 2 ? 0xffff : 0xff);
        code.op(Op.i32And);
      }
    }
  };
  pushOperand(t, from.a, width, what === What.shiftRightArithmetic);
  switch (what) {
    case What.logic:
    case What.product:
      break;
    case What.increment:
    case What.decrement:
      if (wide) code.i64(1);
      else code.i32(1);
      code.op(what === What.increment ? (wide ? Op.i64Add : Op.i32Add) : wide ? Op.i64Sub : Op.i32Sub);
      break;
    default:
      code.get(from.b);
      if (!wide) code.op(Op.i32WrapI64);
      code.op(binaryOpcode(what, wide));
      if (what === What.addCarry || what === What.subtractBorrow) {
        code.get(t.flagWord);
        code.i32(CF);
        code.op(Op.i32And);
        if (wide) code.op(Op.i64ExtendI32U);
        code.op(binaryOpcode(what, wide));
      }
  }
  narrowed();
}

function binaryOpcode(what: What, wide: boolean): number {
  switch (what) {
    case What.subtract:
    case What.subtractBorrow:
      return wide ? Op.i64Sub : Op.i32Sub;
    case What.shiftLeft:
      return wide ? Op.i64Shl : Op.i32Shl;
    case What.shiftRight:
      return wide ? Op.i64ShrU : Op.i32ShrU;
    case What.shiftRightArithmetic:
      return wide ? Op.i64ShrS : Op.i32ShrS;
    case What.multiply:
      return wide ? Op.i64Mul : Op.i32Mul;
    default:
      return wide ? Op.i64Add : Op.i32Add;
  }
}

/** Pushes 1 if any of the bits of FLAGS is set, else 0 (all six are in flagWord). */
function testBits(t: Translator, mask: number): void {
  const { code } = t;
  code.get(t.flagWord);
  code.i32(mask);
  code.op(Op.i32And);
  if (mask !== 1) {
    code.i32(0);
    code.op(Op.i32Ne);
  }
}

/** Pushes CF as 0 or 1. */
export function pushCarry(t: Translator): void {
  t.needOperands();
  let from = lastOrigin(t);
  // Increments leave CF as the operation before them made it.
  if (isStepKind(t.kind)) from = { kind: t.previousKind, a: t.previousA, b: t.previousB };
  if (from.kind === KIND_DYNAMIC || (from.kind !== KIND_BITS && !shortCarries.includes(whatOfKind(from.kind)))) {
    t.materialize();
    from = lastOrigin(t);
  }
  pushCarryOf(t, from);
}

/** Kinds whose CF has a short form. */
const shortCarries: readonly What[] = [What.add, What.subtract, What.logic, What.addCarry, What.subtractBorrow];

function pushCarryOf(t: Translator, from: Origin): void {
  const { code } = t;
  if (from.kind === KIND_BITS) {
    testBits(t, CF);
    return;
  }
  const what = whatOfKind(from.kind);
  const width = widthOfKind(from.kind);
  const less = width === 8 ? Op.i64LtU : Op.i32LtU;
  const equal = width === 8 ? Op.i64Eq : Op.i32Eq;
  if (what === What.logic) {
    code.i32(0);
    return;
  }
  // Sum: R < A, or R = A with a carry in. Difference: A < B, or A = B with a borrow in.
  const compare = (opcode: number): void => {
    if (what === What.add || what === What.addCarry) {
      pushResult(t, what, width, false, from);
      pushOperand(t, from.a, width, false);
    } else {
      pushOperand(t, from.a, width, false);
      pushOperand(t, from.b, width, false);
    }
    code.op(opcode);
  };
  compare(less);
  if (what === What.addCarry || what === What.subtractBorrow) {
    compare(equal);
    testBits(t, CF);
    code.op(Op.i32And);
    code.op(Op.i32Or);
  }
}

/** Pushes ZF as 0 or 1. */
export function pushZero(t: Translator): void {
  t.needOperands();
  const { code } = t;
  if (t.kind === KIND_DYNAMIC) t.materialize();
  if (t.kind === KIND_BITS) {
    testBits(t, ZF);
    return;
  }
  const what = whatOfKind(t.kind);
  const width = widthOfKind(t.kind);
  if (what === What.subtract) {
    pushOperand(t, t.flagA, width, false);
    pushOperand(t, t.flagB, width, false);
    code.op(width === 8 ? Op.i64Eq : Op.i32Eq);
    return;
  }
  pushResult(t, what, width, false);
  code.op(width === 8 ? Op.i64Eqz : Op.i32Eqz);
}

function pushSign(t: Translator): void {
  const { code } = t;
  if (t.kind === KIND_BITS) {
    testBits(t, SF);
    return;
  }
  const width = widthOfKind(t.kind);
  pushResult(t, whatOfKind(t.kind), width, true);
  if (width === 8) {
    code.i64(0);
    code.op(Op.i64LtS);
  } else {
    code.i32(0);
    code.op(Op.i32LtS);
  }
}

/** Pushes OF as 0 or 1 for additions, increments and decrements; false if there is no short form (nothing was written). */
function pushOverflow(t: Translator): boolean {
  const { code } = t;
  const what = whatOfKind(t.kind);
  const width = widthOfKind(t.kind);
  const wide = width === 8;
  if (what === What.increment || what === What.decrement) {
    pushResult(t, what, width, false);
    // The least number after an increment, the greatest after a decrement.
    const least = what === What.increment;
    if (wide) code.i64Pair(least ? 0 : -1, least ? -0x80000000 : 0x7fffffff);
    else code.i32(least ? (0x80 << (8 * (width - 1))) | 0 : (0x80 << (8 * (width - 1))) - 1);
    code.op(wide ? Op.i64Eq : Op.i32Eq);
    return true;
  }
  if (what !== What.add) return false;
  for (const operand of [t.flagA, t.flagB]) {
    pushOperand(t, operand, width, true);
    pushResult(t, what, width, true);
    code.op(wide ? Op.i64Xor : Op.i32Xor);
  }
  code.op(wide ? Op.i64And : Op.i32And);
  if (wide) code.i64(0);
  else code.i32(0);
  code.op(wide ? Op.i64LtS : Op.i32LtS);
  return true;
}

/** SF != OF for the kinds that have a short form; false if there is none (nothing was written). */
function pushLess(t: Translator, orEqual: boolean): boolean {
  const { code } = t;
  const what = whatOfKind(t.kind);
  const width = widthOfKind(t.kind);
  if (what === What.subtract) {
    pushOperand(t, t.flagA, width, true);
    pushOperand(t, t.flagB, width, true);
    if (orEqual) code.op(width === 8 ? Op.i64LeS : Op.i32LeS);
    else code.op(width === 8 ? Op.i64LtS : Op.i32LtS);
    return true;
  }
  if (what === What.logic) {
    pushResult(t, what, width, true);
    if (width === 8) code.i64(0);
    else code.i32(0);
    if (orEqual) code.op(width === 8 ? Op.i64LeS : Op.i32LeS);
    else code.op(width === 8 ? Op.i64LtS : Op.i32LtS);
    return true;
  }
  return false;
}

/** Pushes SF != OF from flagWord. */
function pushLessBits(t: Translator): void {
  const { code } = t;
  code.get(t.flagWord);
  code.i32(7);
  code.op(Op.i32ShrU);
  code.get(t.flagWord);
  code.i32(11);
  code.op(Op.i32ShrU);
  code.op(Op.i32Xor);
  code.i32(1);
  code.op(Op.i32And);
}

function pushParity(t: Translator): void {
  const { code } = t;
  if (t.kind === KIND_BITS) {
    testBits(t, PF);
    return;
  }
  const width = widthOfKind(t.kind);
  pushResult(t, whatOfKind(t.kind), width, false);
  if (width === 8) code.op(Op.i32WrapI64);
  code.i32(0xff);
  code.op(Op.i32And);
  code.op(Op.i32Popcnt);
  code.i32(1);
  code.op(Op.i32And);
  code.op(Op.i32Eqz);
}

/** CF or ZF. */
function pushBelowOrEqual(t: Translator): void {
  const { code } = t;
  if (t.kind === KIND_BITS) {
    testBits(t, CF | ZF);
    return;
  }
  const width = widthOfKind(t.kind);
  if (whatOfKind(t.kind) === What.subtract) {
    pushOperand(t, t.flagA, width, false);
    pushOperand(t, t.flagB, width, false);
    code.op(width === 8 ? Op.i64LeU : Op.i32LeU);
    return;
  }
  pushCarry(t);
  pushZero(t);
  code.op(Op.i32Or);
}

/** Pushes SF != OF. */
function pushSignDiffersFromOverflow(t: Translator): void {
  if (t.kind === KIND_BITS) pushLessBits(t);
  else {
    pushSign(t);
    pushOverflow(t);
    t.code.op(Op.i32Xor);
  }
}

const hasOverflow: readonly What[] = [What.add, What.increment, What.decrement];
const hasLess: readonly What[] = [What.subtract, What.logic];

/** Pushes 1 if condition `condition` (as encoded in Jcc, 0..15) holds, else 0. */
export function pushCondition(t: Translator, condition: number): void {
  t.needOperands();
  const { code } = t;
  if (t.kind === KIND_DYNAMIC) t.materialize();
  if (t.kind !== KIND_BITS) {
    const what = whatOfKind(t.kind);
    const half = condition >> 1;
    if (half === 0 && !hasOverflow.includes(what)) t.materialize();
    if (half >= 6 && !hasOverflow.includes(what) && !hasLess.includes(what)) t.materialize();
  }
  switch (condition >> 1) {
    case 0:
      if (t.kind === KIND_BITS) testBits(t, OF);
      else pushOverflow(t);
      break;
    case 1:
      pushCarry(t);
      break;
    case 2:
      pushZero(t);
      break;
    case 3:
      pushBelowOrEqual(t);
      break;
    case 4:
      pushSign(t);
      break;
    case 5:
      pushParity(t);
      break;
    case 6:
      if (t.kind === KIND_BITS || !pushLess(t, false)) pushSignDiffersFromOverflow(t);
      break;
    default:
      if (t.kind === KIND_BITS || !pushLess(t, true)) {
        pushSignDiffersFromOverflow(t);
        pushZero(t);
        code.op(Op.i32Or);
      }
  }
  if ((condition & 1) !== 0) code.op(Op.i32Eqz);
}
