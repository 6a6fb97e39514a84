// Integer instructions (SDM vol. 2) as code. An emitter gets an instruction whose row it knows and either translates it or returns
// false: then the interpreter's handler is called for it. Order within each: memory checked, operands read, flags noted, result written.

import type { Instruction } from '../decode/instruction.ts';
import { CF, OF, ZF } from '../interpreter/flags.ts';
import { ZERO } from '../state-layout.ts';
import { pushCarry, pushCondition, pushZero } from './emit-conditions.ts';
import { flagKind, What } from './flag-kinds.ts';
import type { MemoryReference, Translator } from './translator.ts';
import { I32, I64, NO_RESULT, Op } from './wasm.ts';

/** Translates an instruction; false: not this form (nothing was written). */
export type Emitter = (t: Translator, i: Instruction) => boolean;

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RSP = 4;
const RBP = 5;

/** All the arithmetic bits of FLAGS. */
const ARITHMETIC_BITS = 0x8d5;

/** A place that is read and written: a register, or memory that was checked for writing. */
interface Place {
  readonly memory: MemoryReference | null;
  readonly number: number;
  readonly byte: number;
}

function placeOf(t: Translator, i: Instruction, form: string, width: number, write: boolean): Place {
  switch (form[0]) {
    case 'E':
    case 'M':
    case 'O':
    case 'R':
    case 'Z':
      if (i.memory) return { memory: t.access(i, width, write), number: 0, byte: 0 };
      return { memory: null, number: i.rm, byte: i.rmByte };
    case 'G':
      return { memory: null, number: i.reg, byte: i.regByte };
    default:
      // AL, rAX.
      return { memory: null, number: RAX, byte: 0 };
  }
}

/** Pushes the value of a place as i64; only its low `width` bytes count. */
function pushPlace(t: Translator, place: Place, width: number): void {
  if (place.memory !== null) t.loadRaw(width, place.memory);
  else t.getRaw(width, place.number, place.byte);
}

/** Pops the result: i64 for 8 bytes, i32 else. */
function popPlace(t: Translator, place: Place, width: number): void {
  if (place.memory === null) {
    t.setRegister(width, place.number, place.byte);
    return;
  }
  if (width !== 8) t.code.op(Op.i64ExtendI32U);
  const value = t.temporary(I64);
  t.code.set(value);
  t.storeRaw(width, place.memory, value);
}

function pushImmediate(t: Translator, i: Instruction): void {
  t.code.i64Pair(i.immediateLow, i.immediateHigh);
}

/** Pushes flagA op flagB. */
function pushBinary(t: Translator, width: number, wide: number, short: number): void {
  const { code } = t;
  code.get(t.flagA);
  if (width !== 8) code.op(Op.i32WrapI64);
  code.get(t.flagB);
  if (width !== 8) code.op(Op.i32WrapI64);
  code.op(width === 8 ? wide : short);
}

const group: { readonly [operation: string]: { readonly what: What; readonly wide: number; readonly short: number } } =
  {
    add: { what: What.add, wide: Op.i64Add, short: Op.i32Add },
    sub: { what: What.subtract, wide: Op.i64Sub, short: Op.i32Sub },
    cmp: { what: What.subtract, wide: Op.i64Sub, short: Op.i32Sub },
    and: { what: What.logic, wide: Op.i64And, short: Op.i32And },
    test: { what: What.logic, wide: Op.i64And, short: Op.i32And },
    or: { what: What.logic, wide: Op.i64Or, short: Op.i32Or },
    xor: { what: What.logic, wide: Op.i64Xor, short: Op.i32Xor },
  };

/** Leaves the operands of a two-operand instruction in flagA and flagB; returns where the result goes. */
function readOperands(t: Translator, i: Instruction, write: boolean): Place {
  const { code } = t;
  const { width } = i;
  const [first, second] = i.row.operands;
  const target = placeOf(t, i, first, width, write);
  const immediate = second[0] === 'I';
  const source = immediate ? null : placeOf(t, i, second, width, false);
  pushPlace(t, target, width);
  code.set(t.flagA);
  if (source === null) pushImmediate(t, i);
  else pushPlace(t, source, width);
  code.set(t.flagB);
  return target;
}

const binary: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const operation = i.row.operation;
  const { what, wide, short } = group[operation];
  const writes = operation !== 'cmp' && operation !== 'test';
  const [first, second] = i.row.operands;
  // XOR and SUB of a register with itself: zero, whatever it was.
  if (
    (operation === 'xor' || operation === 'sub') &&
    !i.memory &&
    second[0] !== 'I' &&
    first[0] !== 'A' &&
    first[0] !== 'r' &&
    i.reg === i.rm &&
    width >= 4
  ) {
    code.i64(0);
    code.set(t.flagA);
    t.setFlagKind(What.logic, width);
    code.i64(0);
    t.setGeneral(i.rm);
    return true;
  }
  const target = readOperands(t, i, writes);
  if (what === What.logic) {
    pushBinary(t, width, wide, short);
    if (width !== 8) code.op(Op.i64ExtendI32U);
    code.set(t.flagA);
    t.setFlagKind(what, width);
    if (!writes) return true;
    code.get(t.flagA);
    if (width !== 8) code.op(Op.i32WrapI64);
    popPlace(t, target, width);
    return true;
  }
  t.setFlagKind(what, width);
  if (!writes) return true;
  pushBinary(t, width, wide, short);
  // RSP and other bases move by constants: later accesses know.
  const constant =
    second[0] === 'I' && width === 8 && target.memory === null && i.immediateHigh === i.immediateLow >> 31;
  if (constant)
    t.setGeneralOffset(target.number, target.number, operation === 'add' ? i.immediateLow : -i.immediateLow);
  else popPlace(t, target, width);
  return true;
};

const withCarry: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const what = i.row.operation === 'adc' ? What.addCarry : What.subtractBorrow;
  const [first, second] = i.row.operands;
  const target = placeOf(t, i, first, width, true);
  const source = second[0] === 'I' ? null : placeOf(t, i, second, width, false);
  // The carry first: it comes from the operands that are about to be replaced.
  const carry = t.temporary(I32);
  pushCarry(t);
  code.set(carry);
  pushPlace(t, target, width);
  code.set(t.flagA);
  if (source === null) pushImmediate(t, i);
  else pushPlace(t, source, width);
  code.set(t.flagB);
  setCarryBit(t, carry);
  t.setFlagKind(what, width);
  const add = what === What.addCarry;
  pushBinary(t, width, add ? Op.i64Add : Op.i64Sub, add ? Op.i32Add : Op.i32Sub);
  code.get(carry);
  if (width === 8) code.op(Op.i64ExtendI32U);
  code.op(width === 8 ? (add ? Op.i64Add : Op.i64Sub) : add ? Op.i32Add : Op.i32Sub);
  popPlace(t, target, width);
  return true;
};

/** CF in flagWord becomes the value (0 or 1) of an i32 local. */
function setCarryBit(t: Translator, carry: number): void {
  const { code } = t;
  code.get(t.flagWord);
  code.i32(~CF);
  code.op(Op.i32And);
  code.get(carry);
  code.op(Op.i32Or);
  code.set(t.flagWord);
}

const step: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const up = i.row.operation === 'inc';
  const target = placeOf(t, i, i.row.operands[0], width, true);
  t.keepCarry();
  pushPlace(t, target, width);
  code.tee(t.flagA);
  t.setFlagKind(up ? What.increment : What.decrement, width);
  if (width !== 8) {
    code.op(Op.i32WrapI64);
    code.i32(1);
  } else code.i64(1);
  code.op(width === 8 ? (up ? Op.i64Add : Op.i64Sub) : up ? Op.i32Add : Op.i32Sub);
  if (width === 8 && target.memory === null) t.setGeneralOffset(target.number, target.number, up ? 1 : -1);
  else popPlace(t, target, width);
  return true;
};

const negate: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const target = placeOf(t, i, i.row.operands[0], width, true);
  pushPlace(t, target, width);
  code.set(t.flagB);
  code.i64(0);
  code.set(t.flagA);
  t.setFlagKind(What.subtract, width);
  pushBinary(t, width, Op.i64Sub, Op.i32Sub);
  popPlace(t, target, width);
  return true;
};

const complement: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const target = placeOf(t, i, i.row.operands[0], width, true);
  pushPlace(t, target, width);
  code.i64(-1);
  code.op(Op.i64Xor);
  if (width !== 8) code.op(Op.i32WrapI64);
  popPlace(t, target, width);
  return true;
};

// ------------------------------------------------------------------------------------------------------- moves

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
      if (width === 8) pushImmediate(t, i);
      else t.code.i32(i.immediateLow);
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
  else {
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
    if (i.width === 8 || (!signed && i.width === 4)) t.setGeneral(i.reg);
    else {
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

/** Writes an i64 local to a place. */
function putPlace(t: Translator, place: Place, width: number, local: number): void {
  if (place.memory !== null) {
    t.storeRaw(width, place.memory, local);
    return;
  }
  t.code.get(local);
  if (width !== 8) t.code.op(Op.i32WrapI64);
  t.setRegister(width, place.number, place.byte);
}

const exchangeAdd: Emitter = (t, i) => {
  const { width } = i;
  const target = placeOf(t, i, 'E', width, true);
  pushPlace(t, target, width);
  t.code.set(t.flagA);
  t.getRaw(width, i.reg, i.regByte);
  t.code.set(t.flagB);
  t.setFlagKind(What.add, width);
  putPlace(t, { memory: null, number: i.reg, byte: i.regByte }, width, t.flagA);
  pushBinary(t, width, Op.i64Add, Op.i32Add);
  popPlace(t, target, width);
  return true;
};

const compareExchange: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const target = placeOf(t, i, 'E', width, true);
  t.getRaw(width, RAX, 0);
  code.set(t.flagA);
  pushPlace(t, target, width);
  code.set(t.flagB);
  t.setFlagKind(What.subtract, width);
  pushZero(t);
  code.op(Op.if);
  code.op(NO_RESULT);
  t.leaveDepth++;
  const source = t.temporary(I64);
  t.getRaw(width, i.reg, i.regByte);
  code.set(source);
  putPlace(t, target, width, source);
  code.op(Op.else);
  putPlace(t, { memory: null, number: RAX, byte: 0 }, width, t.flagB);
  t.leaveDepth--;
  code.op(Op.end);
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

// ------------------------------------------------------------------------------------------------------- stack

const push: Emitter = (t, i) => {
  const { code } = t;
  if (i.width !== 8) return false;
  const form = i.row.operands[0][0];
  const value = t.temporary(I64);
  if (form === 'I') pushImmediate(t, i);
  else pushPlace(t, placeOf(t, i, i.row.operands[0], 8, false), 8);
  code.set(value);
  const at = t.accessRegister(RSP, -8, 8, true);
  t.storeRaw(8, at, value);
  t.getGeneral(RSP);
  code.i64(-8);
  code.op(Op.i64Add);
  t.setGeneralOffset(RSP, RSP, -8);
  return true;
};

const pop: Emitter = (t, i) => {
  const { code } = t;
  if (i.width !== 8 || i.memory) return false;
  const at = t.accessRegister(RSP, 0, 8, false);
  const value = t.temporary(I64);
  t.loadRaw(8, at);
  code.set(value);
  t.getGeneral(RSP);
  code.i64(8);
  code.op(Op.i64Add);
  t.setGeneralOffset(RSP, RSP, 8);
  code.get(value);
  t.setGeneral(i.rm);
  return true;
};

const leave: Emitter = (t, i) => {
  const { code } = t;
  if (i.width !== 8) return false;
  const at = t.accessRegister(RBP, 0, 8, false);
  const value = t.temporary(I64);
  t.loadRaw(8, at);
  code.set(value);
  t.getGeneral(RBP);
  code.i64(8);
  code.op(Op.i64Add);
  t.setGeneralOffset(RSP, RBP, 8);
  code.get(value);
  t.setGeneral(RBP);
  return true;
};

// ------------------------------------------------------------------------------------------- shifts and rotates

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

// --------------------------------------------------------------------------------------- multiply and divide

/** Two- and three-operand IMUL. */
const multiply: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  const three = i.row.operation === 'imul3';
  const source = placeOf(t, i, 'E', width, false);
  const b = t.temporary(I64);
  pushPlace(t, source, width);
  code.set(b);
  if (three) pushImmediate(t, i);
  else t.getRaw(width, i.reg, i.regByte);
  code.set(t.flagA);
  code.get(b);
  code.set(t.flagB);
  t.setFlagKind(What.multiply, width);
  pushBinary(t, width, Op.i64Mul, Op.i32Mul);
  t.setRegister(width, i.reg, i.regByte);
  return true;
};

/** Pushes the upper half of the unsigned product of two i64 locals (Hacker's Delight, 8-2). */
function pushMultiplyHigh(t: Translator, a: number, b: number): void {
  const { code } = t;
  const aLow = t.temporary(I64);
  const aHigh = t.temporary(I64);
  const bLow = t.temporary(I64);
  const bHigh = t.temporary(I64);
  const middle = t.temporary(I64);
  const low = (from: number, to: number): void => {
    code.get(from);
    code.i64Pair(-1, 0);
    code.op(Op.i64And);
    code.set(to);
  };
  const high = (from: number, to: number): void => {
    code.get(from);
    code.i64(32);
    code.op(Op.i64ShrU);
    code.set(to);
  };
  const product = (x: number, y: number): void => {
    code.get(x);
    code.get(y);
    code.op(Op.i64Mul);
  };
  const upper = (): void => {
    code.i64(32);
    code.op(Op.i64ShrU);
  };
  low(a, aLow);
  high(a, aHigh);
  low(b, bLow);
  high(b, bHigh);
  // middle = aHigh * bLow + (aLow * bLow >> 32)
  product(aHigh, bLow);
  product(aLow, bLow);
  upper();
  code.op(Op.i64Add);
  code.set(middle);
  // aHigh * bHigh + (middle >> 32) + (aLow * bHigh + low(middle) >> 32)
  product(aHigh, bHigh);
  code.get(middle);
  upper();
  code.op(Op.i64Add);
  product(aLow, bHigh);
  code.get(middle);
  code.i64Pair(-1, 0);
  code.op(Op.i64And);
  code.op(Op.i64Add);
  upper();
  code.op(Op.i64Add);
}

/** MUL and IMUL with one operand, 32 and 64 bit: RDX:RAX = RAX x operand. */
const multiplyAccumulator: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width < 4) return false;
  const signed = i.row.operation === 'imul1';
  const source = placeOf(t, i, 'E', width, false);
  const a = t.temporary(I64);
  const b = t.temporary(I64);
  const lower = t.temporary(I64);
  const upper = t.temporary(I64);
  const widen = (): void => {
    if (width === 8) return;
    if (signed) code.op(Op.i64Extend32S);
    else {
      code.i64Pair(-1, 0);
      code.op(Op.i64And);
    }
  };
  pushPlace(t, source, width);
  widen();
  code.set(b);
  t.getGeneral(RAX);
  widen();
  code.set(a);
  code.get(a);
  code.get(b);
  code.op(Op.i64Mul);
  code.set(lower);
  if (width === 4) {
    code.get(lower);
    code.i64(32);
    code.op(signed ? Op.i64ShrS : Op.i64ShrU);
    code.set(upper);
  } else {
    pushMultiplyHigh(t, a, b);
    if (signed) {
      // Less the other factor for each negative one.
      for (const [sign, other] of [
        [a, b],
        [b, a],
      ]) {
        code.get(sign);
        code.i64(63);
        code.op(Op.i64ShrS);
        code.get(other);
        code.op(Op.i64And);
        code.op(Op.i64Sub);
      }
    }
    code.set(upper);
  }
  // CF = OF: the upper half is not just the extension of the lower.
  code.get(upper);
  if (signed) {
    code.get(lower);
    if (width === 4) code.op(Op.i64Extend32S);
    code.i64(63);
    code.op(Op.i64ShrS);
  } else code.i64(0);
  code.op(Op.i64Ne);
  code.op(Op.i64ExtendI32U);
  code.set(t.flagB);
  code.get(lower);
  code.set(t.flagA);
  t.setFlagKind(What.product, width);
  const put = (local: number, register: number): void => {
    code.get(local);
    if (width === 4) code.op(Op.i32WrapI64);
    t.setRegister(width, register, 0);
  };
  put(lower, RAX);
  put(upper, RDX);
  return true;
};

/** DIV and IDIV of 32 and 64 bit; what does not fit 64 bits, or would fault, is left to the interpreter. */
const divide: Emitter = (t, i) => {
  const { code } = t;
  const { width } = i;
  if (width < 4) return false;
  const signed = i.row.operation === 'idiv';
  const source = placeOf(t, i, 'E', width, false);
  const dividend = t.temporary(I64);
  const divisor = t.temporary(I64);
  const quotient = t.temporary(I64);
  const exitWhen = (condition: () => void): void => {
    t.exitBegin();
    condition();
    t.exitIf();
  };
  pushPlace(t, source, width);
  if (width === 4) {
    if (signed) code.op(Op.i64Extend32S);
    else {
      code.i64Pair(-1, 0);
      code.op(Op.i64And);
    }
  }
  code.set(divisor);
  exitWhen(() => {
    code.get(divisor);
    code.op(Op.i64Eqz);
  });
  if (width === 4) {
    t.getGeneral(RDX);
    code.i64(32);
    code.op(Op.i64Shl);
    t.getGeneral(RAX);
    code.i64Pair(-1, 0);
    code.op(Op.i64And);
    code.op(Op.i64Or);
    code.set(dividend);
  } else {
    t.getGeneral(RAX);
    code.set(dividend);
    // The upper half must be the extension of the lower.
    exitWhen(() => {
      t.getGeneral(RDX);
      if (signed) {
        code.get(dividend);
        code.i64(63);
        code.op(Op.i64ShrS);
      } else code.i64(0);
      code.op(Op.i64Ne);
    });
  }
  if (signed)
    // The one quotient that overflows 64 bits.
    exitWhen(() => {
      code.get(divisor);
      code.i64(-1);
      code.op(Op.i64Eq);
      code.get(dividend);
      code.i64Pair(0, -0x80000000);
      code.op(Op.i64Eq);
      code.op(Op.i32And);
    });
  code.get(dividend);
  code.get(divisor);
  code.op(signed ? Op.i64DivS : Op.i64DivU);
  code.set(quotient);
  if (width === 4)
    exitWhen(() => {
      code.get(quotient);
      code.get(quotient);
      if (signed) code.op(Op.i64Extend32S);
      else {
        code.i64Pair(-1, 0);
        code.op(Op.i64And);
      }
      code.op(Op.i64Ne);
    });
  const remainder = t.temporary(I64);
  code.get(dividend);
  code.get(quotient);
  code.get(divisor);
  code.op(Op.i64Mul);
  code.op(Op.i64Sub);
  code.set(remainder);
  const put = (local: number, register: number): void => {
    code.get(local);
    if (width === 4) code.op(Op.i32WrapI64);
    t.setRegister(width, register, 0);
  };
  put(quotient, RAX);
  put(remainder, RDX);
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

const nothing: Emitter = () => true;

export const integerEmitters: { readonly [operation: string]: Emitter } = {
  add: binary,
  sub: binary,
  cmp: binary,
  and: binary,
  or: binary,
  xor: binary,
  test: binary,
  adc: withCarry,
  sbb: withCarry,
  inc: step,
  dec: step,
  neg: negate,
  not: complement,
  mov: move,
  movnti: move,
  movzx8: extend(1, false),
  movzx16: extend(2, false),
  movsx8: extend(1, true),
  movsx16: extend(2, true),
  movsxd: extend(4, true),
  lea: loadAddress,
  xchg: exchange,
  xadd: exchangeAdd,
  cmpxchg: compareExchange,
  bswap: swapBytes,
  cbw: extendAccumulator,
  cwd: extendIntoData,
  setcc: setCondition,
  cmovcc: moveCondition,
  push,
  pop,
  leave,
  shl: shift,
  shr: shift,
  sar: shift,
  rol: rotate,
  ror: rotate,
  shld: doubleShift,
  shrd: doubleShift,
  imul2: multiply,
  imul3: multiply,
  mul: multiplyAccumulator,
  imul1: multiplyAccumulator,
  div: divide,
  idiv: divide,
  bt: bitTest,
  bts: bitTest,
  btr: bitTest,
  btc: bitTest,
  bsf: scan,
  bsr: scan,
  popcnt: populationCount,
  nop: nothing,
};
