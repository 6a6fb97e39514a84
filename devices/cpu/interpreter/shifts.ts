// SHL SHR SAR ROL ROR RCL RCR SHLD SHRD (SDM vol. 2). Counts are masked to 5 bits (6 for 64-bit operands); a count of 0
// changes no flag. Where the SDM leaves flags undefined we do what processors do: OF by the formula of a count of 1.

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import { HIGH } from '../state-layout.ts';
import { loadWidth, narrow, RCX_WORD, readReg, readRegister, storeWidth, writeRegister } from './access.ts';
import { shiftFast } from './arithmetic-fast.ts';
import type { CpuCore } from './core.ts';
import { carry, OF, replaceCarryOverflow, setResult } from './flags.ts';
import { effectiveAddress } from './operands.ts';
import { registerHandlers } from './registry.ts';

/** Result of shifting (low, high) at `width` by `count` (not 0); flags set; low word returned, upper in HIGH. */
type ShiftOperation = (core: CpuCore, width: number, low: number, high: number, count: number) => number;

function finish(core: CpuCore, low: number, high: number, carryBit: number, overflow: boolean): number {
  setResult(core, low, high, carryBit | (overflow ? OF : 0));
  core.words[HIGH] = high;
  return low;
}

export const shiftLeft: ShiftOperation = (core, width, low, high, count) => {
  let rLow: number;
  let rHigh: number;
  let carryBit: number;
  if (width === 8) {
    if (count < 32) {
      carryBit = (high >>> (32 - count)) & 1;
      rHigh = (high << count) | (low >>> (32 - count));
      rLow = low << count;
    } else {
      carryBit = bitOf(low, high, 64 - count);
      rHigh = low << (count - 32);
      rLow = 0;
    }
  } else {
    const bits = width * 8;
    carryBit = count <= bits ? (low >>> (bits - count)) & 1 : 0;
    rLow = narrow(width, low << count);
    rHigh = rLow >> 31;
  }
  return finish(core, rLow, rHigh, carryBit, rHigh < 0 !== (carryBit !== 0));
};

/** Bit n (0..63) of a pair. */
function bitOf(low: number, high: number, n: number): number {
  return n < 32 ? (low >>> n) & 1 : (high >>> (n - 32)) & 1;
}

export const shiftRight: ShiftOperation = (core, width, low, high, count) => {
  // OF is the sign of the original operand.
  const overflow = high < 0;
  if (width === 8) {
    const carryBit = bitOf(low, high, count - 1);
    const rLow = count < 32 ? (low >>> count) | (high << (32 - count)) : high >>> (count - 32);
    const rHigh = count < 32 ? high >>> count : 0;
    return finish(core, rLow | 0, rHigh | 0, carryBit, overflow);
  }
  const value = width === 4 ? low : width === 2 ? low & 0xffff : low & 0xff;
  const carryBit = (value >>> (count - 1)) & 1;
  const rLow = narrow(width, value >>> count) | 0;
  return finish(core, rLow, rLow >> 31, carryBit, overflow);
};

export const shiftRightArithmetic: ShiftOperation = (core, width, low, high, count) => {
  const carryBit = bitOf(low, high, count - 1);
  if (width === 8) {
    const rLow = count < 32 ? (low >>> count) | (high << (32 - count)) : high >> (count - 32);
    return finish(core, rLow | 0, count < 32 ? high >> count : high >> 31, carryBit, false);
  }
  const rLow = low >> count;
  return finish(core, rLow, rLow >> 31, carryBit, false);
};

/** Rotates change CF and OF only. */
function finishRotate(core: CpuCore, low: number, high: number, carryBit: number, overflow: boolean): number {
  replaceCarryOverflow(core, carryBit | (overflow ? OF : 0));
  core.words[HIGH] = high;
  return low;
}

const rotateLeft: ShiftOperation = (core, width, low, high, count) => {
  if (width === 8) {
    let rLow = low;
    let rHigh = high;
    if (count >= 32) {
      rLow = high;
      rHigh = low;
    }
    const n = count & 31;
    if (n !== 0) {
      const oldLow = rLow;
      rLow = (oldLow << n) | (rHigh >>> (32 - n));
      rHigh = (rHigh << n) | (oldLow >>> (32 - n));
    }
    return finishRotate(core, rLow, rHigh, rLow & 1, rHigh < 0 !== ((rLow & 1) !== 0));
  }
  const bits = width * 8;
  const n = count & (bits - 1);
  let value = low;
  if (width === 4) value = n === 0 ? low : (low << n) | (low >>> (32 - n));
  else {
    const unsigned = low & (width === 2 ? 0xffff : 0xff);
    value = narrow(width, (unsigned << n) | (unsigned >>> (bits - n)));
  }
  return finishRotate(core, value, value >> 31, value & 1, value < 0 !== ((value & 1) !== 0));
};

const rotateRight: ShiftOperation = (core, width, low, high, count) => {
  let rLow: number;
  let rHigh: number;
  if (width === 8) {
    rLow = low;
    rHigh = high;
    if (count >= 32) {
      rLow = high;
      rHigh = low;
    }
    const n = count & 31;
    if (n !== 0) {
      const oldLow = rLow;
      rLow = (oldLow >>> n) | (rHigh << (32 - n));
      rHigh = (rHigh >>> n) | (oldLow << (32 - n));
    }
  } else {
    const bits = width * 8;
    const n = count & (bits - 1);
    if (width === 4) rLow = n === 0 ? low : (low >>> n) | (low << (32 - n));
    else {
      const unsigned = low & (width === 2 ? 0xffff : 0xff);
      rLow = narrow(width, (unsigned >>> n) | (unsigned << (bits - n)));
    }
    rHigh = rLow >> 31;
  }
  // OF: the two most significant bits of the result differ.
  const second = width === 8 ? rHigh << 1 : width === 4 ? rLow << 1 : rLow << (width === 2 ? 17 : 25);
  return finishRotate(core, rLow | 0, rHigh | 0, rHigh < 0 ? 1 : 0, rHigh < 0 !== second < 0);
};

const rotateCarryLeft: ShiftOperation = (core, width, low, high, count) => {
  const steps = width === 1 ? count % 9 : width === 2 ? count % 17 : count;
  let bit = carry(core);
  let rLow = low;
  let rHigh = high;
  for (let n = 0; n < steps; n++) {
    const out = rHigh < 0 ? 1 : 0;
    const lowOut = rLow >>> 31;
    rLow = narrow(width, (rLow << 1) | bit);
    rHigh = width === 8 ? (rHigh << 1) | lowOut : rLow >> 31;
    bit = out;
  }
  return finishRotate(core, rLow, rHigh, bit, rHigh < 0 !== (bit !== 0));
};

const rotateCarryRight: ShiftOperation = (core, width, low, high, count) => {
  const steps = width === 1 ? count % 9 : width === 2 ? count % 17 : count;
  let bit = carry(core);
  let rLow = low;
  let rHigh = high;
  for (let n = 0; n < steps; n++) {
    const out = rLow & 1;
    if (width === 8) {
      rLow = (rLow >>> 1) | (rHigh << 31);
      rHigh = (rHigh >>> 1) | (bit << 31);
    } else {
      const bits = width * 8;
      const value = width === 4 ? rLow >>> 1 : (rLow & (width === 2 ? 0xffff : 0xff)) >>> 1;
      rLow = narrow(width, value | (bit << (bits - 1)));
      rHigh = rLow >> 31;
    }
    bit = out;
  }
  const second = width === 8 ? rHigh << 1 : width === 4 ? rLow << 1 : rLow << (width === 2 ? 17 : 25);
  return finishRotate(core, rLow | 0, rHigh | 0, bit, rHigh < 0 !== second < 0);
};

function countOf(core: CpuCore, i: Instruction): number {
  const source = i.row.operands[i.row.operands.length - 1];
  const raw = source === 'CL' ? core.words[RCX_WORD] : source === '1' ? 1 : i.immediateLow;
  return raw & (i.width === 8 ? 63 : 31);
}

function shift(operation: ShiftOperation): HandlerSelector {
  const inRegister: Handler = (core, i) => {
    const count = countOf(core, i);
    const low = readRegister(core, i.width, i.rmWord, i.rmByte);
    const high = core.words[HIGH];
    // A 32-bit destination is zero-extended also when the count is 0.
    if (count === 0) writeRegister(core, i.width, i.rmWord, i.rmByte, low, high);
    else {
      const result = operation(core, i.width, low, high, count);
      writeRegister(core, i.width, i.rmWord, i.rmByte, result, core.words[HIGH]);
    }
  };
  const inMemory: Handler = (core, i) => {
    const count = countOf(core, i);
    const addressLow = effectiveAddress(core, i);
    const addressHigh = core.words[HIGH];
    core.probeWrite(addressLow, addressHigh, i.width);
    const low = loadWidth(core, i.width, addressLow, addressHigh);
    if (count === 0) return;
    const result = operation(core, i.width, low, core.words[HIGH], count);
    storeWidth(core, i.width, addressLow, addressHigh, result, core.words[HIGH]);
  };
  return (i) => shiftFast(i) ?? (i.memory ? inMemory : inRegister);
}

/** a shifted left by count, filled from the top of b. */
function doubleLeft(
  core: CpuCore,
  width: number,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
  count: number,
): number {
  let low: number;
  let high: number;
  let carryBit: number;
  if (width === 8) {
    carryBit = bitOf(aLow, aHigh, 64 - count);
    if (count < 32) {
      high = (aHigh << count) | (aLow >>> (32 - count));
      low = (aLow << count) | (bHigh >>> (32 - count));
    } else {
      const n = count - 32;
      high = n === 0 ? aLow : (aLow << n) | (bHigh >>> (32 - n));
      low = n === 0 ? bHigh : (bHigh << n) | (bLow >>> (32 - n));
    }
  } else if (width === 4) {
    carryBit = (aLow >>> (32 - count)) & 1;
    low = (aLow << count) | (bLow >>> (32 - count));
    high = low >> 31;
  } else {
    // 16 bit: the 48-bit string a:b:a is shifted, which is what processors do for counts above 16.
    const joined = ((aLow & 0xffff) << 16) | (bLow & 0xffff);
    const wide = count < 16 ? joined << count : (((bLow & 0xffff) << 16) | (aLow & 0xffff)) << (count - 16);
    low = wide >> 16;
    high = low >> 31;
    carryBit = count <= 16 ? (aLow >>> (16 - count)) & 1 : (bLow >>> (32 - count)) & 1;
  }
  return finish(core, low, high, carryBit, high < 0 !== aHigh < 0);
}

function doubleRight(
  core: CpuCore,
  width: number,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
  count: number,
): number {
  let low: number;
  let high: number;
  let carryBit: number;
  if (width === 8) {
    carryBit = bitOf(aLow, aHigh, count - 1);
    if (count < 32) {
      low = (aLow >>> count) | (aHigh << (32 - count));
      high = (aHigh >>> count) | (bLow << (32 - count));
    } else {
      const n = count - 32;
      low = n === 0 ? aHigh : (aHigh >>> n) | (bLow << (32 - n));
      high = n === 0 ? bLow : (bLow >>> n) | (bHigh << (32 - n));
    }
  } else if (width === 4) {
    carryBit = (aLow >>> (count - 1)) & 1;
    low = (aLow >>> count) | (bLow << (32 - count));
    high = low >> 31;
  } else {
    const joined = ((bLow & 0xffff) << 16) | (aLow & 0xffff);
    const wide = count < 16 ? joined >>> count : (((aLow & 0xffff) << 16) | (bLow & 0xffff)) >>> (count - 16);
    low = (wide << 16) >> 16;
    high = low >> 31;
    carryBit = count <= 16 ? (aLow >>> (count - 1)) & 1 : (bLow >>> (count - 17)) & 1;
  }
  return finish(core, low | 0, high | 0, carryBit, high < 0 !== aHigh < 0);
}

function doubleShift(operation: typeof doubleLeft): HandlerSelector {
  const handler: Handler = (core, i) => {
    const w = core.words;
    const count = countOf(core, i);
    const bLow = readReg(core, i, i.width);
    const bHigh = w[HIGH];
    if (!i.memory) {
      const aLow = readRegister(core, i.width, i.rmWord, i.rmByte);
      const aHigh = w[HIGH];
      if (count === 0) writeRegister(core, i.width, i.rmWord, i.rmByte, aLow, aHigh);
      else {
        const low = operation(core, i.width, aLow, aHigh, bLow, bHigh, count);
        writeRegister(core, i.width, i.rmWord, i.rmByte, low, w[HIGH]);
      }
      return;
    }
    const addressLow = effectiveAddress(core, i);
    const addressHigh = w[HIGH];
    core.probeWrite(addressLow, addressHigh, i.width);
    const aLow = loadWidth(core, i.width, addressLow, addressHigh);
    if (count === 0) return;
    const low = operation(core, i.width, aLow, w[HIGH], bLow, bHigh, count);
    storeWidth(core, i.width, addressLow, addressHigh, low, w[HIGH]);
  };
  return () => handler;
}

export function registerShifts(): void {
  registerHandlers({
    shl: shift(shiftLeft),
    shr: shift(shiftRight),
    sar: shift(shiftRightArithmetic),
    rol: shift(rotateLeft),
    ror: shift(rotateRight),
    rcl: shift(rotateCarryLeft),
    rcr: shift(rotateCarryRight),
    shld: doubleShift(doubleLeft),
    shrd: doubleShift(doubleRight),
  });
}
