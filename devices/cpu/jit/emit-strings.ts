// MOVS, STOS, LODS, and REP MOVS, REP STOS (SDM vol. 2, REP): those that go forward, with 64-bit addresses and without segment base.
//
//   RCX = 0: done           loop   both pages in the TLB, at least one iteration? else ─► rest
//                                  copy or fill up to a page's end, RCX, or the end of the run
//                           RCX = 0: done, else ─► rest: the interpreter goes on with the next iteration
//
// Each iteration counts as an instruction. The one that the block has counted already is used up at the end: within the loop, one
// more than LEFT may run, and the rest begins with what the interpreter expects before the instruction. Code is never in the TLB of
// writes, so that writes into it are among the rest.

import type { Instruction } from '../decode/instruction.ts';
import { DF } from '../interpreter/flags.ts';
import { ZERO } from '../state-layout.ts';
import { PAGE_BYTES } from './accesses.ts';
import { RAX, RCX, RDI, RSI } from './place.ts';
import type { Translator } from './translator.ts';
import { I32, I64, NO_RESULT, Op } from './wasm.ts';

const loading = new Set(['movs', 'lods']);
const storing = new Set(['movs', 'stos']);

function isPlain(i: Instruction): boolean {
  return !i.address32 && i.segment === ZERO;
}
/** emitStringOnce is for this instruction. */
export function isStringOnce(i: Instruction): boolean {
  return i.repeat === 0 && isPlain(i) && (loading.has(i.row.operation) || storing.has(i.row.operation));
}
function pushBackward(t: Translator): void {
  t.usesFlags = true;
  t.code.get(t.flagWord);
  t.code.i32(DF);
  t.code.op(Op.i32And);
}

/** MOVS, STOS, LODS without prefix; false: not this form (nothing was written). */
export function emitStringOnce(t: Translator, i: Instruction): boolean {
  if (!isStringOnce(i)) return false;
  const { code } = t;
  const { width } = i;
  const loads = loading.has(i.row.operation);
  const stores = storing.has(i.row.operation);
  t.exitBegin();
  pushBackward(t);
  t.exitIf();
  const from = loads ? t.accessRegister(RSI, 0, width, false) : null;
  const to = stores ? t.accessRegister(RDI, 0, width, true) : null;
  if (from === null) t.getGeneral(RAX);
  else t.loadRaw(width, from);
  if (to === null) {
    if (width !== 8) code.op(Op.i32WrapI64);
    t.setRegister(width, RAX, 0);
  } else {
    const value = t.temporary(I64);
    code.set(value);
    t.storeRaw(width, to, value);
  }
  const advance = (register: number): void => {
    t.getGeneral(register);
    code.i64(width);
    code.op(Op.i64Add);
    t.setGeneralOffset(register, register, width);
  };
  if (loads) advance(RSI);
  if (stores) advance(RDI);
  return true;
}

/** emitRepeated is for this instruction. */
export function repeatsInline(i: Instruction): boolean {
  return i.repeat !== 0 && storing.has(i.row.operation) && isPlain(i);
}

/** REP MOVS, REP STOS. `emitRest`: what becomes of the iterations that are not done here; there are some. */
export function emitRepeated(t: Translator, i: Instruction, emitRest: () => void): void {
  const { code } = t;
  const moves = i.row.operation === 'movs';
  const shift = 31 - Math.clz32(i.width);
  const count = t.temporary(I32);
  // What is pending belongs to all ways through what follows.
  t.needOperands();

  const pushCountIsZero = (): void => {
    t.getGeneral(RCX);
    code.op(Op.i64Eqz);
  };
  /** Makes the count no greater than the (unsigned) number that `push` pushes. */
  const limit = (push: () => void): void => {
    push();
    code.get(count);
    push();
    code.get(count);
    code.op(Op.i32LtU);
    code.op(Op.select);
    code.set(count);
  };
  const pushToEnd = (offset: number): void => {
    code.i32(PAGE_BYTES);
    code.get(offset);
    code.op(Op.i32Sub);
    code.i32(shift);
    code.op(Op.i32ShrU);
  };
  const pushBytes = (): void => {
    code.get(count);
    code.i32(shift);
    code.op(Op.i32Shl);
  };
  const advance = (register: number): void => {
    t.getGeneral(register);
    pushBytes();
    code.op(Op.i64ExtendI32U);
    code.op(Op.i64Add);
    t.setGeneral(register);
  };

  pushCountIsZero();
  code.op(Op.i32Eqz);
  code.op(Op.if);
  code.op(NO_RESULT);
  t.leaveDepth++;
  code.op(Op.block);
  code.op(NO_RESULT);
  pushBackward(t);
  code.brIf(0);
  code.op(Op.loop);
  code.op(NO_RESULT);
  const to = t.lookUpOrBranch(RDI, true, 1);
  pushToEnd(to.offset);
  code.set(count);
  const from = moves ? t.lookUpOrBranch(RSI, false, 1) : null;
  if (from !== null) limit(() => pushToEnd(from.offset));
  limit(() => {
    code.get(t.left);
    code.i32(1);
    code.op(Op.i32Add);
  });
  t.getGeneral(RCX);
  code.get(count);
  code.op(Op.i64ExtendI32U);
  t.getGeneral(RCX);
  code.get(count);
  code.op(Op.i64ExtendI32U);
  code.op(Op.i64LtU);
  code.op(Op.select);
  code.op(Op.i32WrapI64);
  code.tee(count);
  code.op(Op.i32Eqz);
  code.brIf(1);
  if (from !== null) emitMove(t, shift, count, to.host, from.host, pushBytes);
  else emitFill(t, i.width, to.host, pushBytes);
  advance(RDI);
  if (moves) advance(RSI);
  t.getGeneral(RCX);
  code.get(count);
  code.op(Op.i64ExtendI32U);
  code.op(Op.i64Sub);
  t.setGeneral(RCX);
  code.get(t.left);
  code.get(count);
  code.op(Op.i32Sub);
  code.set(t.left);
  pushCountIsZero();
  code.op(Op.i32Eqz);
  code.brIf(0);
  code.op(Op.end);
  code.op(Op.end);

  pushCountIsZero();
  code.op(Op.if);
  code.op(NO_RESULT);
  code.get(t.left);
  code.i32(1);
  code.op(Op.i32Add);
  code.set(t.left);
  code.op(Op.else);
  t.leaveDepth++;
  emitRest();
  t.leaveDepth--;
  code.op(Op.end);
  t.leaveDepth--;
  code.op(Op.end);
}

/** Copies. Where the target begins within the source, iterations read what earlier ones wrote: only as much is copied as does not. */
function emitMove(t: Translator, shift: number, count: number, to: number, from: number, pushBytes: () => void): void {
  const { code } = t;
  const distance = t.temporary(I32);
  code.get(to);
  code.get(from);
  code.op(Op.i32Sub);
  code.tee(distance);
  code.i32(shift);
  code.op(Op.i32ShrU);
  code.get(count);
  // 0 < distance < bytes
  code.get(distance);
  code.i32(1);
  code.op(Op.i32Sub);
  pushBytes();
  code.i32(1);
  code.op(Op.i32Sub);
  code.op(Op.i32LtU);
  code.op(Op.select);
  code.tee(count);
  code.op(Op.i32Eqz);
  code.brIf(1);
  code.get(to);
  code.get(from);
  pushBytes();
  code.memoryCopy();
}

/** Stores RAX or its lower part again and again; by bytes where all of them are equal. */
function emitFill(t: Translator, width: number, to: number, pushBytes: () => void): void {
  const { code } = t;
  const fill = (): void => {
    code.get(to);
    t.getGeneral(RAX);
    code.op(Op.i32WrapI64);
    pushBytes();
    code.memoryFill();
  };
  if (width === 1) {
    fill();
    return;
  }
  const value = t.temporary(I64);
  const end = t.temporary(I32);
  t.getGeneral(RAX);
  if (width !== 8) {
    code.i64Pair(width === 2 ? 0xffff : -1, 0);
    code.op(Op.i64And);
  }
  code.tee(value);
  code.get(value);
  code.i64(0xff);
  code.op(Op.i64And);
  code.i64Pair(width === 2 ? 0x0101 : 0x0101_0101, width === 8 ? 0x0101_0101 : 0);
  code.op(Op.i64Mul);
  code.op(Op.i64Eq);
  code.op(Op.if);
  code.op(NO_RESULT);
  fill();
  code.op(Op.else);
  code.get(to);
  pushBytes();
  code.op(Op.i32Add);
  code.set(end);
  code.op(Op.loop);
  code.op(NO_RESULT);
  t.storeRaw(width, { host: to, offset: 0 }, value);
  code.get(to);
  code.i32(width);
  code.op(Op.i32Add);
  code.tee(to);
  code.get(end);
  code.op(Op.i32Ne);
  code.brIf(0);
  code.op(Op.end);
  code.op(Op.end);
}
