// Arithmetic, logic, compare-and-exchange (SDM vol. 2) as code. Order within each: memory checked, operands read, flags noted, result written.

import type { Instruction } from '../decode/instruction.ts';
import { CF } from '../interpreter/flags.ts';
import { pushCarry, pushZero } from './emit-conditions.ts';
import { What } from './flag-kinds.ts';
import { constantSource, type FlagSource, registerSource, sumSource } from './flag-sources.ts';
import {
  type Emitter,
  type Place,
  placeOf,
  popPlace,
  pushBinary,
  pushImmediate,
  pushPlace,
  putPlace,
  RAX,
} from './place.ts';
import type { Translator } from './translator.ts';
import { I32, I64, NO_RESULT, Op } from './wasm.ts';

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

interface Operands {
  readonly target: Place;
  /** Null: an immediate. */
  readonly source: Place | null;
}

/** Leaves the operands of a two-operand instruction in flagA and flagB; returns where they are, and where the result goes. */
function readOperands(t: Translator, i: Instruction, write: boolean): Operands {
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
  return { target, source };
}

/** What a register operand holds; null: it is none, or not in the low bytes. */
function sourceOfPlace(place: Place, width: number): FlagSource | null {
  return place.memory !== null || (width === 1 && (place.byte & 1) !== 0) ? null : registerSource(place.number);
}

/** All bits above so many bytes are 0 in what pushPlace pushes. */
function lowBytesOf(t: Translator, place: Place, width: number): number {
  return place.memory !== null ? width : (place.byte & 1) !== 0 ? 8 : t.lowBytesOf(place.number);
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
    t.noteFlagSources(constantSource(0), constantSource(0));
    return true;
  }
  const { target, source } = readOperands(t, i, writes);
  if (what === What.logic) {
    pushBinary(t, width, wide, short);
    if (width !== 8) code.op(Op.i64ExtendI32U);
    code.set(t.flagA);
    t.setFlagKind(what, width);
    if (writes) {
      code.get(t.flagA);
      if (width !== 8) code.op(Op.i32WrapI64);
      popPlace(t, target, width);
      t.noteFlagSources(sourceOfPlace(target, width), constantSource(0));
    } else if (source !== null && source.number === target.number && source.byte === target.byte)
      t.noteFlagSources(sourceOfPlace(target, width), constantSource(0));
    return true;
  }
  t.setFlagKind(what, width);
  t.lowBytesA = lowBytesOf(t, target, width);
  t.lowBytesB = source === null ? 8 : lowBytesOf(t, source, width);
  const other = source === null ? constantSource(i.immediateLow) : sourceOfPlace(source, width);
  if (!writes) {
    t.noteFlagSources(sourceOfPlace(target, width), other);
    return true;
  }
  pushBinary(t, width, wide, short);
  // RSP and other bases move by constants: later accesses know.
  const constant =
    second[0] === 'I' && width === 8 && target.memory === null && i.immediateHigh === i.immediateLow >> 31;
  if (constant)
    t.setGeneralOffset(target.number, target.number, operation === 'add' ? i.immediateLow : -i.immediateLow);
  else popPlace(t, target, width);
  const result = sourceOfPlace(target, width);
  if (result !== null && other !== null) t.noteFlagSources(...sourcesOfResult(result, other, operation === 'add'));
  return true;
};

/** The operands of an addition or subtraction whose result is in a register. */
function sourcesOfResult(result: FlagSource, b: FlagSource, added: boolean): [FlagSource | null, FlagSource | null] {
  if (b.register < 0) return [registerSource(result.register, added ? -b.constant : b.constant), b];
  // The result has taken the second operand's place.
  if (b.register === result.register) return [null, null];
  return [sumSource(result.register, b.register, added ? -1 : 1), b];
}

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

export const arithmeticEmitters: { readonly [operation: string]: Emitter } = {
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
  xadd: exchangeAdd,
  cmpxchg: compareExchange,
};
