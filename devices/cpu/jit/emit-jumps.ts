// What jumps, calls and returns do besides changing RIP (SDM vol. 2): conditions, and the stack.

import type { Instruction } from '../decode/instruction.ts';
import { pushCondition, pushZero } from './emit-conditions.ts';
import { RCX, RSP } from './place.ts';
import type { Translator } from './translator.ts';
import { Op } from './wasm.ts';

/** Jcc, LOOPcc, JRCXZ: counts, and pushes 1 if the jump is taken, else 0. */
export function pushJumpCondition(t: Translator, i: Instruction): void {
  const { code } = t;
  const operation = i.row.operation;
  if (operation === 'jcc') {
    pushCondition(t, i.parameter);
    return;
  }
  if (operation !== 'jrcxz') {
    // LOOPE and LOOPNE look at ZF, which the count does not touch.
    t.getGeneral(RCX);
    code.i64(1);
    code.op(Op.i64Sub);
    if (i.address32) {
      code.op(Op.i32WrapI64);
      code.op(Op.i64ExtendI32U);
    }
    t.setGeneral(RCX);
  }
  t.getGeneral(RCX);
  if (i.address32) {
    code.op(Op.i32WrapI64);
    code.op(Op.i32Eqz);
  } else code.op(Op.i64Eqz);
  if (operation === 'jrcxz') return;
  code.op(Op.i32Eqz);
  if (operation === 'loop') return;
  pushZero(t);
  if (operation === 'loopne') code.op(Op.i32Eqz);
  code.op(Op.i32And);
}

/** CALL: the address that `pushNext` pushes goes onto the stack. */
export function pushReturnAddress(t: Translator, pushNext: () => void): void {
  const at = t.accessRegister(RSP, -8, 8, true);
  t.code.get(at.host);
  pushNext();
  t.storePushed(8, at);
  moveStack(t, -8);
}

/** RSP plus a constant. */
export function moveStack(t: Translator, bytes: number): void {
  t.getGeneral(RSP);
  t.code.i64(bytes);
  t.code.op(Op.i64Add);
  t.setGeneralOffset(RSP, RSP, bytes);
}

/** Pushes 1 if the address in an i64 local is not canonical, else 0. */
export function pushNotCanonical(t: Translator, address: number): void {
  const { code } = t;
  code.get(address);
  code.i64(16);
  code.op(Op.i64Shl);
  code.i64(16);
  code.op(Op.i64ShrS);
  code.get(address);
  code.op(Op.i64Ne);
}
