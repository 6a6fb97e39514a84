// Moves, extensions, conditional moves and the stack (SDM vol. 2) as code.

import { ZERO } from '../state-layout.ts';
import { pushCondition } from './emit-conditions.ts';
import { moveStack } from './emit-jumps.ts';
import { type Emitter, placeOf, popPlace, pushImmediate, pushPlace, putPlace, RAX, RBP, RDX, RSP } from './place.ts';
import type { Translator } from './translator.ts';
import { I64, Op } from './wasm.ts';

const move: Emitter = (t, i) => {
  const { width } = i;
  const [first, second] = i.row.operands;
  const target = placeOf(t, i, first, width, true);
  if (second[0] === 'I') {
    if (target.memory !== null) {
      t.code.get(target.memory.host);
      pushImmediate(t, i);
      t.storePushed(width, target.memory);
    } else {
      pushImmediate(t, i);
      if (width !== 8) t.code.op(Op.i32WrapI64);
      t.setRegister(width, target.number, target.byte);
    }
    return true;
  }
  const source = placeOf(t, i, second, width, false);
  if (target.memory !== null) {
    t.code.get(target.memory.host);
    pushPlace(t, source, width);
    t.storePushed(width, target.memory);
    return true;
  }
  pushPlace(t, source, width);
  if (width === 8) {
    if (source.memory === null) t.setGeneralOffset(target.number, source.number, 0);
    else t.setGeneral(target.number);
  } else if (width === 4 && source.memory !== null) t.setGeneral(target.number);
  else if (width === 4) {
    t.code.op(Op.i32WrapI64);
    t.code.op(Op.i64ExtendI32U);
    t.setGeneralExtended(target.number, source.number, false);
  } else {
    t.code.op(Op.i32WrapI64);
    t.setRegister(width, target.number, target.byte);
  }
  return true;
};

/** MOVZX, MOVSX, MOVSXD. */
const extend =
  (sourceWidth: number, signed: boolean): Emitter =>
  (t, i) => {
    const { code } = t;
    const source = placeOf(t, i, 'E', sourceWidth, false);
    pushPlace(t, source, sourceWidth);
    if (signed) code.op(sourceWidth === 4 ? Op.i64Extend32S : sourceWidth === 2 ? Op.i64Extend16S : Op.i64Extend8S);
    else if (source.memory === null) {
      code.i64(sourceWidth === 2 ? 0xffff : 0xff);
      code.op(Op.i64And);
    }
    if (i.width === 8 && sourceWidth === 4 && signed && source.memory === null)
      t.setGeneralExtended(i.reg, source.number, true);
    else if (i.width === 8 || (!signed && i.width === 4)) {
      t.setGeneral(i.reg);
      if (!signed) t.noteLowBytes(i.reg, sourceWidth);
    } else {
      code.op(Op.i32WrapI64);
      t.setRegister(i.width, i.reg, i.regByte);
    }
    return true;
  };

const loadAddress: Emitter = (t, i) => {
  t.pushOffset(i);
  const simple = i.simpleAddress && i.base !== ZERO && i.displacementHigh === i.displacementLow >> 31;
  if (i.width === 8 && simple) t.setGeneralOffset(i.reg, i.base >> 1, i.displacementLow);
  else {
    if (i.width !== 8) t.code.op(Op.i32WrapI64);
    t.setRegister(i.width, i.reg, i.regByte);
  }
  return true;
};

const exchange: Emitter = (t, i) => {
  const { width } = i;
  const [first, second] = i.row.operands;
  if (first === 'Zv' && i.rm === 0) return true;
  const left = placeOf(t, i, first, width, true);
  const right = placeOf(t, i, second, width, true);
  const a = t.temporary(I64);
  const b = t.temporary(I64);
  pushPlace(t, left, width);
  t.code.set(a);
  pushPlace(t, right, width);
  t.code.set(b);
  putPlace(t, left, width, b);
  putPlace(t, right, width, a);
  return true;
};

const swapBytes: Emitter = (t, i) => {
  const { code } = t;
  if (i.width === 2) return false;
  const value = t.temporary(I64);
  t.getGeneral(i.rm);
  code.set(value);
  // Bytes, then 16-bit units (then halves) change places.
  const exchangeBits = (mask: number, maskHigh: number, shift: number): void => {
    code.get(value);
    code.i64(shift);
    code.op(Op.i64ShrU);
    code.i64Pair(mask, maskHigh);
    code.op(Op.i64And);
    code.get(value);
    code.i64Pair(mask, maskHigh);
    code.op(Op.i64And);
    code.i64(shift);
    code.op(Op.i64Shl);
    code.op(Op.i64Or);
    code.set(value);
  };
  exchangeBits(0x00ff00ff, 0x00ff00ff, 8);
  exchangeBits(0x0000ffff, 0x0000ffff, 16);
  code.get(value);
  if (i.width === 8) {
    code.i64(32);
    code.op(Op.i64Rotl);
  } else {
    code.op(Op.i32WrapI64);
    code.op(Op.i64ExtendI32U);
  }
  t.setGeneral(i.rm);
  return true;
};

/** CBW, CWDE, CDQE. */
const extendAccumulator: Emitter = (t, i) => {
  t.getGeneral(RAX);
  if (i.width === 8) {
    t.code.op(Op.i64Extend32S);
    t.setGeneral(RAX);
  } else {
    t.code.op(Op.i32WrapI64);
    t.code.op(i.width === 4 ? Op.i32Extend16S : Op.i32Extend8S);
    t.setRegister(i.width, RAX, 0);
  }
  return true;
};

/** CWD, CDQ, CQO. */
const extendIntoData: Emitter = (t, i) => {
  t.getGeneral(RAX);
  if (i.width === 8) {
    t.code.i64(63);
    t.code.op(Op.i64ShrS);
    t.setGeneral(RDX);
  } else {
    t.code.op(Op.i32WrapI64);
    if (i.width === 2) t.code.op(Op.i32Extend16S);
    t.code.i32(31);
    t.code.op(Op.i32ShrS);
    t.setRegister(i.width, RDX, RDX * 8);
  }
  return true;
};

const setCondition: Emitter = (t, i) => {
  const place = placeOf(t, i, 'E', 1, true);
  pushCondition(t, i.parameter);
  popPlace(t, place, 1);
  return true;
};

const moveCondition: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width === 2) return false;
  const source = placeOf(t, i, 'E', width, false);
  pushPlace(t, source, width);
  t.getGeneral(i.reg);
  pushCondition(t, i.parameter);
  code.op(Op.select);
  // A 32-bit destination is zero-extended in either case.
  if (width === 4) {
    code.op(Op.i32WrapI64);
    code.op(Op.i64ExtendI32U);
  }
  t.setGeneral(i.reg);
  return true;
};

const push: Emitter = (t, i) => {
  const { code } = t;
  if (i.width !== 8) return false;
  const form = i.row.operands[0][0];
  const value = t.temporary(I64);
  if (form === 'I') pushImmediate(t, i);
  else pushPlace(t, placeOf(t, i, i.row.operands[0], 8, false), 8);
  code.set(value);
  t.storeRaw(8, t.accessRegister(RSP, -8, 8, true), value);
  moveStack(t, -8);
  return true;
};

/** RSP = `from` + 8, and the quadword that was at `from` goes into a register. */
function popFrom(t: Translator, from: number, register: number): void {
  const { code } = t;
  const at = t.accessRegister(from, 0, 8, false);
  const value = t.temporary(I64);
  t.loadRaw(8, at);
  code.set(value);
  t.getGeneral(from);
  code.i64(8);
  code.op(Op.i64Add);
  t.setGeneralOffset(RSP, from, 8);
  code.get(value);
  t.setGeneral(register);
}

const pop: Emitter = (t, i) => {
  if (i.width !== 8 || i.memory) return false;
  popFrom(t, RSP, i.rm);
  return true;
};

const leave: Emitter = (t, i) => {
  if (i.width !== 8) return false;
  popFrom(t, RBP, RBP);
  return true;
};

const nothing: Emitter = () => true;

export const moveEmitters: { readonly [operation: string]: Emitter } = {
  mov: move,
  movnti: move,
  movzx8: extend(1, false),
  movzx16: extend(2, false),
  movsx8: extend(1, true),
  movsx16: extend(2, true),
  movsxd: extend(4, true),
  lea: loadAddress,
  xchg: exchange,
  bswap: swapBytes,
  cbw: extendAccumulator,
  cwd: extendIntoData,
  setcc: setCondition,
  cmovcc: moveCondition,
  push,
  pop,
  leave,
  nop: nothing,
};
