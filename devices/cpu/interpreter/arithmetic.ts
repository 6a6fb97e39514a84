// ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NEG NOT, XADD, CMPXCHG: every width and form by one path. The hot forms have
// handlers of their own in arithmetic-fast.ts; this file is the definition.

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import {
  FLAGS,
  HIGH,
  LAZY_A_HIGH,
  LAZY_A_LOW,
  LAZY_B_HIGH,
  LAZY_B_LOW,
  LAZY_KIND,
  LAZY_R_HIGH,
  LAZY_R_LOW,
} from '../state-layout.ts';
import {
  carryOut,
  loadWidth,
  narrow,
  RAX_WORD,
  readReg,
  readRegister,
  readRm,
  storeWidth,
  writeReg,
  writeRegister,
} from './access.ts';
import { arithmeticFast } from './arithmetic-fast.ts';
import type { CpuCore } from './core.ts';
import { AF, CF, carry, getFlags, LazyKind, OF, setLogic, setResult, zero } from './flags.ts';
import { effectiveAddress } from './operands.ts';
import { registerHandlers } from './registry.ts';

/** result = a op b at `width`, flags set; low word returned, upper in HIGH. */
type BinaryOperation = (
  core: CpuCore,
  width: number,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
) => number;

/** Leaves a lazily evaluated result of the kind given. */
function setLazy(
  core: CpuCore,
  kind: number,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
  rLow: number,
  rHigh: number,
): void {
  const w = core.words;
  w[LAZY_KIND] = kind;
  w[LAZY_A_LOW] = aLow;
  w[LAZY_A_HIGH] = aHigh;
  w[LAZY_B_LOW] = bLow;
  w[LAZY_B_HIGH] = bHigh;
  w[LAZY_R_LOW] = rLow;
  w[LAZY_R_HIGH] = rHigh;
  w[HIGH] = rHigh;
}

export const add: BinaryOperation = (core, width, aLow, aHigh, bLow, bHigh) => {
  const low = narrow(width, (aLow + bLow) | 0);
  const high = width === 8 ? (aHigh + bHigh + carryOut(low, aLow)) | 0 : low >> 31;
  setLazy(core, LazyKind.add, aLow, aHigh, bLow, bHigh, low, high);
  return low;
};

export const subtract: BinaryOperation = (core, width, aLow, aHigh, bLow, bHigh) => {
  const low = narrow(width, (aLow - bLow) | 0);
  const high = width === 8 ? (aHigh - bHigh - (aLow >>> 0 < bLow >>> 0 ? 1 : 0)) | 0 : low >> 31;
  setLazy(core, LazyKind.subtract, aLow, aHigh, bLow, bHigh, low, high);
  return low;
};

export const addWithCarry: BinaryOperation = (core, width, aLow, aHigh, bLow, bHigh) => {
  const carryIn = carry(core);
  const sumLow = (aLow >>> 0) + (bLow >>> 0) + carryIn;
  const wideLow = sumLow | 0;
  let low = wideLow;
  let high: number;
  let carryBit: number;
  if (width === 8) {
    const sumHigh = (aHigh >>> 0) + (bHigh >>> 0) + (sumLow > 0xffffffff ? 1 : 0);
    high = sumHigh | 0;
    carryBit = sumHigh > 0xffffffff ? 1 : 0;
  } else {
    low = narrow(width, wideLow);
    high = low >> 31;
    if (width === 4) carryBit = sumLow > 0xffffffff ? 1 : 0;
    else {
      const mask = width === 2 ? 0xffff : 0xff;
      carryBit = (aLow & mask) + (bLow & mask) + carryIn > mask ? 1 : 0;
    }
  }
  const overflowBit = ((aHigh ^ high) & (bHigh ^ high)) < 0 ? OF : 0;
  setResult(core, low, high, carryBit | overflowBit | ((aLow ^ bLow ^ low) & AF));
  core.words[HIGH] = high;
  return low;
};

export const subtractWithBorrow: BinaryOperation = (core, width, aLow, aHigh, bLow, bHigh) => {
  const borrowIn = carry(core);
  const differenceLow = (aLow >>> 0) - (bLow >>> 0) - borrowIn;
  let low = differenceLow | 0;
  let high: number;
  let carryBit: number;
  if (width === 8) {
    const differenceHigh = (aHigh >>> 0) - (bHigh >>> 0) - (differenceLow < 0 ? 1 : 0);
    high = differenceHigh | 0;
    carryBit = differenceHigh < 0 ? 1 : 0;
  } else {
    low = narrow(width, low);
    high = low >> 31;
    if (width === 4) carryBit = differenceLow < 0 ? 1 : 0;
    else {
      const mask = width === 2 ? 0xffff : 0xff;
      carryBit = (aLow & mask) - (bLow & mask) - borrowIn < 0 ? 1 : 0;
    }
  }
  const overflowBit = ((aHigh ^ bHigh) & (aHigh ^ high)) < 0 ? OF : 0;
  setResult(core, low, high, carryBit | overflowBit | ((aLow ^ bLow ^ low) & AF));
  core.words[HIGH] = high;
  return low;
};

const and: BinaryOperation = (core, _width, aLow, aHigh, bLow, bHigh) => {
  const low = aLow & bLow;
  const high = aHigh & bHigh;
  setLogic(core, low, high);
  core.words[HIGH] = high;
  return low;
};
const or: BinaryOperation = (core, _width, aLow, aHigh, bLow, bHigh) => {
  const low = aLow | bLow;
  const high = aHigh | bHigh;
  setLogic(core, low, high);
  core.words[HIGH] = high;
  return low;
};
const xor: BinaryOperation = (core, _width, aLow, aHigh, bLow, bHigh) => {
  const low = aLow ^ bLow;
  const high = aHigh ^ bHigh;
  setLogic(core, low, high);
  core.words[HIGH] = high;
  return low;
};

/** The handlers of one operation by operand forms: first operand E, G or the accumulator; second G, E or immediate. */
function binary(operation: BinaryOperation, writes: boolean): HandlerSelector {
  const registerFromRm: Handler = (core, i) => {
    const w = core.words;
    const bLow = readRm(core, i, i.width);
    const bHigh = w[HIGH];
    const aLow = readReg(core, i, i.width);
    const low = operation(core, i.width, aLow, w[HIGH], bLow, bHigh);
    if (writes) writeReg(core, i, i.width, low, w[HIGH]);
  };
  const rmFromRegister: Handler = (core, i) => {
    const w = core.words;
    const bLow = readReg(core, i, i.width);
    const bHigh = w[HIGH];
    if (!i.memory) {
      const aLow = readRegister(core, i.width, i.rmWord, i.rmByte);
      const low = operation(core, i.width, aLow, w[HIGH], bLow, bHigh);
      if (writes) writeRegister(core, i.width, i.rmWord, i.rmByte, low, w[HIGH]);
    } else inMemory(core, i, bLow, bHigh);
  };
  const rmFromImmediate: Handler = (core, i) => {
    const w = core.words;
    if (!i.memory) {
      const aLow = readRegister(core, i.width, i.rmWord, i.rmByte);
      const low = operation(core, i.width, aLow, w[HIGH], i.immediateLow, i.immediateHigh);
      if (writes) writeRegister(core, i.width, i.rmWord, i.rmByte, low, w[HIGH]);
    } else inMemory(core, i, i.immediateLow, i.immediateHigh);
  };
  const accumulatorFromImmediate: Handler = (core, i) => {
    const w = core.words;
    const aLow = readRegister(core, i.width, RAX_WORD, 0);
    const low = operation(core, i.width, aLow, w[HIGH], i.immediateLow, i.immediateHigh);
    if (writes) writeRegister(core, i.width, RAX_WORD, 0, low, w[HIGH]);
  };
  const inMemory = (core: CpuCore, i: Instruction, bLow: number, bHigh: number): void => {
    const w = core.words;
    const addressLow = effectiveAddress(core, i);
    const addressHigh = w[HIGH];
    if (writes) core.probeWrite(addressLow, addressHigh, i.width);
    const aLow = loadWidth(core, i.width, addressLow, addressHigh);
    const low = operation(core, i.width, aLow, w[HIGH], bLow, bHigh);
    if (writes) storeWidth(core, i.width, addressLow, addressHigh, low, w[HIGH]);
  };
  return (i) => {
    const fast = arithmeticFast(i);
    if (fast !== undefined) return fast;
    const [first, second] = i.row.operands;
    if (first === 'AL' || first === 'rAX') return accumulatorFromImmediate;
    if (first[0] === 'G') return registerFromRm;
    return second[0] === 'I' ? rmFromImmediate : rmFromRegister;
  };
}

/** result = op(a): low word returned, upper in HIGH. */
type UnaryOperation = (core: CpuCore, width: number, aLow: number, aHigh: number) => number;

export const increment: UnaryOperation = (core, width, aLow, aHigh) => {
  const w = core.words;
  const carryBit = carry(core);
  const low = narrow(width, (aLow + 1) | 0);
  const high = width === 8 ? (aHigh + (low === 0 ? 1 : 0)) | 0 : low >> 31;
  w[FLAGS] = (w[FLAGS] & ~CF) | carryBit;
  setLazy(core, LazyKind.increment, aLow, aHigh, 0, 0, low, high);
  return low;
};
export const decrement: UnaryOperation = (core, width, aLow, aHigh) => {
  const w = core.words;
  const carryBit = carry(core);
  const low = narrow(width, (aLow - 1) | 0);
  const high = width === 8 ? (aHigh - (aLow === 0 ? 1 : 0)) | 0 : low >> 31;
  w[FLAGS] = (w[FLAGS] & ~CF) | carryBit;
  setLazy(core, LazyKind.decrement, aLow, aHigh, 0, 0, low, high);
  return low;
};
const negate: UnaryOperation = (core, width, aLow, aHigh) => subtract(core, width, 0, 0, aLow, aHigh);
const complement: UnaryOperation = (core, _width, aLow, aHigh) => {
  core.words[HIGH] = ~aHigh;
  return ~aLow;
};

function unary(operation: UnaryOperation): HandlerSelector {
  const inRegister: Handler = (core, i) => {
    const aLow = readRegister(core, i.width, i.rmWord, i.rmByte);
    const low = operation(core, i.width, aLow, core.words[HIGH]);
    writeRegister(core, i.width, i.rmWord, i.rmByte, low, core.words[HIGH]);
  };
  const inMemory: Handler = (core, i) => {
    const addressLow = effectiveAddress(core, i);
    const addressHigh = core.words[HIGH];
    core.probeWrite(addressLow, addressHigh, i.width);
    const aLow = loadWidth(core, i.width, addressLow, addressHigh);
    const low = operation(core, i.width, aLow, core.words[HIGH]);
    storeWidth(core, i.width, addressLow, addressHigh, low, core.words[HIGH]);
  };
  return (i) => arithmeticFast(i) ?? (i.memory ? inMemory : inRegister);
}

/** SDM: TEMP = SRC + DEST; SRC = DEST; DEST = TEMP. */
const exchangeAdd: Handler = (core, i) => {
  const w = core.words;
  const bLow = readReg(core, i, i.width);
  const bHigh = w[HIGH];
  if (!i.memory) {
    const aLow = readRegister(core, i.width, i.rmWord, i.rmByte);
    const aHigh = w[HIGH];
    const low = add(core, i.width, aLow, aHigh, bLow, bHigh);
    const high = w[HIGH];
    writeReg(core, i, i.width, aLow, aHigh);
    writeRegister(core, i.width, i.rmWord, i.rmByte, low, high);
    return;
  }
  const addressLow = effectiveAddress(core, i);
  const addressHigh = w[HIGH];
  core.probeWrite(addressLow, addressHigh, i.width);
  const aLow = loadWidth(core, i.width, addressLow, addressHigh);
  const aHigh = w[HIGH];
  const low = add(core, i.width, aLow, aHigh, bLow, bHigh);
  storeWidth(core, i.width, addressLow, addressHigh, low, w[HIGH]);
  writeReg(core, i, i.width, aLow, aHigh);
};

/** Compares the accumulator with the destination; equal: destination = source, else accumulator = destination. Memory is written in either case; a register only when equal (no zero-extension otherwise, as on silicon). */
const compareExchange: Handler = (core, i) => {
  const w = core.words;
  const width = i.width;
  let addressLow = 0;
  let addressHigh = 0;
  let oldLow: number;
  if (i.memory) {
    addressLow = effectiveAddress(core, i);
    addressHigh = w[HIGH];
    core.probeWrite(addressLow, addressHigh, width);
    oldLow = loadWidth(core, width, addressLow, addressHigh);
  } else oldLow = readRegister(core, width, i.rmWord, i.rmByte);
  const oldHigh = w[HIGH];
  const accumulatorLow = readRegister(core, width, RAX_WORD, 0);
  subtract(core, width, accumulatorLow, w[HIGH], oldLow, oldHigh);
  const equal = zero(core);
  let newLow = oldLow;
  let newHigh = oldHigh;
  if (equal) {
    newLow = readReg(core, i, width);
    newHigh = w[HIGH];
  }
  if (i.memory) storeWidth(core, width, addressLow, addressHigh, newLow, newHigh);
  else if (equal) writeRegister(core, width, i.rmWord, i.rmByte, newLow, newHigh);
  if (!equal) writeRegister(core, width, RAX_WORD, 0, oldLow, oldHigh);
};

const simpleFlag = (change: (bits: number) => number): HandlerSelector => {
  const handler: Handler = (core) => {
    const bits = getFlags(core);
    core.words[FLAGS] = (bits & ~CF) | change(bits & CF);
  };
  return () => handler;
};

export function registerArithmetic(): void {
  registerHandlers({
    add: binary(add, true),
    or: binary(or, true),
    adc: binary(addWithCarry, true),
    sbb: binary(subtractWithBorrow, true),
    and: binary(and, true),
    sub: binary(subtract, true),
    xor: binary(xor, true),
    cmp: binary(subtract, false),
    test: binary(and, false),
    inc: unary(increment),
    dec: unary(decrement),
    neg: unary(negate),
    not: unary(complement),
    xadd: () => exchangeAdd,
    cmpxchg: () => compareExchange,
    clc: simpleFlag(() => 0),
    stc: simpleFlag(() => 1),
    cmc: simpleFlag((bit) => bit ^ 1),
  });
}
