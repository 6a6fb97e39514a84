// MOV and its kin, stack instructions, XCHG, LEA, sign extension, flag transfers (SDM vol. 2).

import type { Handler, HandlerSelector } from '../decode/instruction.ts';
import { FLAGS, GENERAL, HIGH, PRIVILEGE } from '../state-layout.ts';
import {
  loadWidth,
  RAX_WORD,
  RBP_WORD,
  RBX_WORD,
  RCX_WORD,
  RDX_WORD,
  RSP_WORD,
  readReg,
  readRegister,
  readRm,
  storeWidth,
  writeReg,
  writeRegister,
  writeRm,
} from './access.ts';
import type { CpuCore } from './core.ts';
import {
  AC,
  AF,
  ARITHMETIC,
  CF,
  DF,
  getFlags,
  ID,
  IF,
  IOPL,
  NT,
  PF,
  SF,
  setFlags,
  TF,
  testCondition,
  ZF,
} from './flags.ts';
import { movesFast } from './moves-fast.ts';
import { effectiveAddress, effectiveOffset } from './operands.ts';
import { registerHandlers } from './registry.ts';

// --------------------------------------------------------------------------------------------------- stack

/** Pushes `width` bytes; RSP changes only when the store has succeeded. */
export function push(core: CpuCore, width: number, valueLow: number, valueHigh: number): void {
  const w = core.words;
  const oldLow = w[RSP_WORD];
  const low = (oldLow - width) | 0;
  const high = (w[RSP_WORD + 1] - (oldLow >>> 0 < width ? 1 : 0)) | 0;
  core.checkStackAddress(high);
  storeWidth(core, width, low, high, valueLow, valueHigh);
  w[RSP_WORD] = low;
  w[RSP_WORD + 1] = high;
}
/** Reads the top of the stack without popping. */
export function peek(core: CpuCore, width: number): number {
  const w = core.words;
  const high = w[RSP_WORD + 1];
  core.checkStackAddress(high);
  return loadWidth(core, width, w[RSP_WORD], high);
}
/** Adds to RSP. */
export function dropStack(core: CpuCore, count: number): void {
  const w = core.words;
  const low = (w[RSP_WORD] + count) | 0;
  if (low >>> 0 < count) w[RSP_WORD + 1]++;
  w[RSP_WORD] = low;
}

const pushRegister: Handler = (core, i) => {
  const low = readRegister(core, i.width, i.rmWord, i.rmByte);
  push(core, i.width, low, core.words[HIGH]);
};
const pushRm: Handler = (core, i) => {
  const low = readRm(core, i, i.width);
  push(core, i.width, low, core.words[HIGH]);
};
const pushImmediate: Handler = (core, i) => push(core, i.width, i.immediateLow, i.immediateHigh);
const popRegister: Handler = (core, i) => {
  const low = peek(core, i.width);
  const high = core.words[HIGH];
  dropStack(core, i.width);
  writeRegister(core, i.width, i.rmWord, i.rmByte, low, high);
};
/** The address of POP m is computed after RSP was raised (SDM: POP). */
const popMemory: Handler = (core, i) => {
  const w = core.words;
  const low = peek(core, i.width);
  const high = w[HIGH];
  const oldLow = w[RSP_WORD];
  const oldHigh = w[RSP_WORD + 1];
  dropStack(core, i.width);
  const addressLow = effectiveAddress(core, i);
  const addressHigh = w[HIGH];
  const newLow = w[RSP_WORD];
  const newHigh = w[RSP_WORD + 1];
  w[RSP_WORD] = oldLow;
  w[RSP_WORD + 1] = oldHigh;
  storeWidth(core, i.width, addressLow, addressHigh, low, high);
  w[RSP_WORD] = newLow;
  w[RSP_WORD + 1] = newHigh;
};

const enter: Handler = (core, i) => {
  const w = core.words;
  const width = i.width;
  const level = i.immediate2 & 31;
  const spLow = w[RSP_WORD];
  const spHigh = w[RSP_WORD + 1];
  // Everything is stored below RSP before RSP and RBP change, so that a fault leaves no trace in registers.
  const total = width * (level + 1);
  const bottomLow = (spLow - total) | 0;
  const bottomHigh = (spHigh - (spLow >>> 0 < total ? 1 : 0)) | 0;
  core.checkStackAddress(bottomHigh);
  core.probeWrite(bottomLow, bottomHigh, total);
  const frameLow = (spLow - width) | 0;
  const frameHigh = (spHigh - (spLow >>> 0 < width ? 1 : 0)) | 0;
  storeWidth(core, width, frameLow, frameHigh, w[RBP_WORD], w[RBP_WORD + 1]);
  for (let n = 1; n <= level; n++) {
    let low = frameLow;
    let high = frameHigh;
    if (n < level) {
      const offset = width * n;
      const fromLow = (w[RBP_WORD] - offset) | 0;
      const fromHigh = (w[RBP_WORD + 1] - (w[RBP_WORD] >>> 0 < offset ? 1 : 0)) | 0;
      core.checkStackAddress(fromHigh);
      low = loadWidth(core, width, fromLow, fromHigh);
      high = w[HIGH];
    }
    const offset = width * n;
    const toLow = (frameLow - offset) | 0;
    storeWidth(core, width, toLow, (frameHigh - (frameLow >>> 0 < offset ? 1 : 0)) | 0, low, high);
  }
  const size = i.immediateLow & 0xffff;
  const newLow = (bottomLow - size) | 0;
  const newHigh = (bottomHigh - (bottomLow >>> 0 < size ? 1 : 0)) | 0;
  core.probeWrite(newLow, newHigh, 1);
  writeRegister(core, width, RBP_WORD, 0, frameLow, frameHigh);
  w[RSP_WORD] = newLow;
  w[RSP_WORD + 1] = newHigh;
};
const leave: Handler = (core, i) => {
  const w = core.words;
  const spLow = w[RBP_WORD];
  const spHigh = w[RBP_WORD + 1];
  core.checkStackAddress(spHigh);
  const low = loadWidth(core, i.width, spLow, spHigh);
  const high = w[HIGH];
  w[RSP_WORD] = spLow;
  w[RSP_WORD + 1] = spHigh;
  dropStack(core, i.width);
  writeRegister(core, i.width, RBP_WORD, 0, low, high);
};

const pushFlags: Handler = (core, i) => {
  // VM and RF are pushed as 0.
  push(core, i.width, getFlags(core) & 0xfcffff, 0);
};
const popFlags: Handler = (core, i) => {
  const w = core.words;
  const value = peek(core, i.width);
  const level = w[PRIVILEGE];
  const old = getFlags(core);
  let mask = ARITHMETIC | TF | DF | NT;
  if (i.width !== 2) mask |= AC | ID;
  if (level === 0) mask |= IOPL;
  if (level <= (old & IOPL) >> 12) mask |= IF;
  w[FLAGS] = (old & ~mask & ~0x10000) | (value & mask) | 2;
  dropStack(core, i.width);
  core.goNext(i);
};

// --------------------------------------------------------------------------------------------------- moves

const move: HandlerSelector = (i) => {
  const fast = movesFast(i);
  if (fast !== undefined) return fast;
  const [first, second] = i.row.operands;
  if (second[0] === 'I') {
    if (first[0] === 'Z') return moveRegisterImmediate;
    return (core, n) => writeRm(core, n, n.width, n.immediateLow, n.immediateHigh);
  }
  if (first[0] === 'G') return moveRegisterFromRm;
  if (first === 'AL' || first === 'rAX') return moveAccumulatorFromOffset;
  if (first[0] === 'O') return moveOffsetFromAccumulator;
  return moveRmFromRegister;
};
const moveRegisterImmediate: Handler = (core, i) =>
  writeRegister(core, i.width, i.rmWord, i.rmByte, i.immediateLow, i.immediateHigh);
const moveRegisterFromRm: Handler = (core, i) => {
  const low = readRm(core, i, i.width);
  writeReg(core, i, i.width, low, core.words[HIGH]);
};
const moveRmFromRegister: Handler = (core, i) => {
  const low = readReg(core, i, i.width);
  writeRm(core, i, i.width, low, core.words[HIGH]);
};
const moveAccumulatorFromOffset: Handler = (core, i) => {
  const low = readRm(core, i, i.width);
  writeRegister(core, i.width, RAX_WORD, 0, low, core.words[HIGH]);
};
const moveOffsetFromAccumulator: Handler = (core, i) => {
  const low = readRegister(core, i.width, RAX_WORD, 0);
  writeRm(core, i, i.width, low, core.words[HIGH]);
};

/** MOVZX, MOVSX, MOVSXD: the source has a width of its own. */
const extend = (sourceWidth: number, signed: boolean): HandlerSelector => {
  const handler: Handler = (core, i) => {
    let low = readRm(core, i, sourceWidth);
    let high = core.words[HIGH];
    if (!signed) {
      low &= sourceWidth === 1 ? 0xff : 0xffff;
      high = 0;
    }
    writeReg(core, i, i.width, low, high);
  };
  return (i) => movesFast(i) ?? handler;
};

const loadAddress: Handler = (core, i) => {
  const low = effectiveOffset(core, i);
  writeReg(core, i, i.width, low, core.words[HIGH]);
};

const exchange: HandlerSelector = (i) => {
  if (i.row.operands[0] === 'Zv') {
    if (i.rm === 0) return () => {};
    return (core, n) => {
      const w = core.words;
      const aLow = readRegister(core, n.width, n.rmWord, 0);
      const aHigh = w[HIGH];
      const bLow = readRegister(core, n.width, RAX_WORD, 0);
      writeRegister(core, n.width, n.rmWord, 0, bLow, w[HIGH]);
      writeRegister(core, n.width, RAX_WORD, 0, aLow, aHigh);
    };
  }
  return exchangeRm;
};
const exchangeRm: Handler = (core, i) => {
  const w = core.words;
  const bLow = readReg(core, i, i.width);
  const bHigh = w[HIGH];
  if (!i.memory) {
    const aLow = readRegister(core, i.width, i.rmWord, i.rmByte);
    const aHigh = w[HIGH];
    writeRegister(core, i.width, i.rmWord, i.rmByte, bLow, bHigh);
    writeReg(core, i, i.width, aLow, aHigh);
    return;
  }
  const addressLow = effectiveAddress(core, i);
  const addressHigh = w[HIGH];
  core.probeWrite(addressLow, addressHigh, i.width);
  const aLow = loadWidth(core, i.width, addressLow, addressHigh);
  const aHigh = w[HIGH];
  storeWidth(core, i.width, addressLow, addressHigh, bLow, bHigh);
  writeReg(core, i, i.width, aLow, aHigh);
};

const setCondition: Handler = (core, i) => {
  writeRm(core, i, 1, testCondition(core, i.parameter) ? 1 : 0, 0);
};
/** The source is read, and a 32-bit destination zero-extended, also when the condition is false. */
const moveCondition: Handler = (core, i) => {
  const low = readRm(core, i, i.width);
  const high = core.words[HIGH];
  if (testCondition(core, i.parameter)) writeReg(core, i, i.width, low, high);
  else if (i.width === 4) core.words[i.regWord + 1] = 0;
};

function swapBytes(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}
const byteSwap: Handler = (core, i) => {
  const w = core.words;
  const low = w[i.rmWord];
  if (i.width === 8) {
    w[i.rmWord] = swapBytes(w[i.rmWord + 1]);
    w[i.rmWord + 1] = swapBytes(low);
  } else if (i.width === 4) {
    w[i.rmWord] = swapBytes(low);
    w[i.rmWord + 1] = 0;
  } // 16 bit is undefined (SDM); processors clear the register
  else core.words16[i.rmWord << 1] = 0;
};

/** CBW, CWDE, CDQE. */
const extendAccumulator: Handler = (core, i) => {
  const w = core.words;
  if (i.width === 8) w[RAX_WORD + 1] = w[RAX_WORD] >> 31;
  else if (i.width === 4) {
    w[RAX_WORD] = (w[RAX_WORD] << 16) >> 16;
    w[RAX_WORD + 1] = 0;
  } else core.words16[RAX_WORD * 2] = (w[RAX_WORD] << 24) >> 24;
};
/** CWD, CDQ, CQO. */
const extendIntoData: Handler = (core, i) => {
  const w = core.words;
  if (i.width === 8) {
    const fill = w[RAX_WORD + 1] >> 31;
    w[RDX_WORD] = fill;
    w[RDX_WORD + 1] = fill;
  } else if (i.width === 4) {
    w[RDX_WORD] = w[RAX_WORD] >> 31;
    w[RDX_WORD + 1] = 0;
  } else core.words16[RDX_WORD * 2] = (w[RAX_WORD] << 16) >> 31;
};

const translateByte: Handler = (core, i) => {
  const w = core.words;
  const baseLow = w[RBX_WORD];
  const index = w[RAX_WORD] & 0xff;
  let low = (baseLow + index) | 0;
  let high = i.address32 ? 0 : (w[RBX_WORD + 1] + (low >>> 0 < baseLow >>> 0 ? 1 : 0)) | 0;
  const segmentLow = w[i.segment];
  low = (low + segmentLow) | 0;
  high = (high + w[i.segment + 1] + (low >>> 0 < segmentLow >>> 0 ? 1 : 0)) | 0;
  core.bytes8[0] = core.load8(low, high);
};

/** CMPXCHG8B (width 4 halves) and CMPXCHG16B (width 8 halves, 16-byte aligned). The memory is written in either case. */
const compareExchangePair = (half: 4 | 8): Handler => {
  const wordsEach = half / 4;
  const old = new Int32Array(4);
  return (core, i) => {
    const w = core.words;
    const addressLow = effectiveAddress(core, i);
    const addressHigh = w[HIGH];
    if (half === 8) core.checkAligned(addressLow, 16);
    core.probeWrite(addressLow, addressHigh, half * 2);
    for (let n = 0; n < wordsEach * 2; n++) {
      const at = (addressLow + n * 4) | 0;
      old[n] = core.load32(at, at >>> 0 < addressLow >>> 0 ? (addressHigh + 1) | 0 : addressHigh);
    }
    let equal = true;
    for (let n = 0; n < wordsEach; n++)
      equal = equal && old[n] === w[RAX_WORD + n] && old[wordsEach + n] === w[RDX_WORD + n];
    const flags = getFlags(core);
    setFlags(core, (flags & ARITHMETIC & ~ZF) | (equal ? ZF : 0));
    for (let n = 0; n < wordsEach; n++) {
      const lowAt = (addressLow + n * 4) | 0;
      const highAt = (lowAt + half) | 0;
      const newLow = equal ? w[RBX_WORD + n] : old[n];
      const newHigh = equal ? w[RCX_WORD + n] : old[wordsEach + n];
      core.store32(lowAt, lowAt >>> 0 < addressLow >>> 0 ? (addressHigh + 1) | 0 : addressHigh, newLow);
      core.store32(highAt, highAt >>> 0 < addressLow >>> 0 ? (addressHigh + 1) | 0 : addressHigh, newHigh);
    }
    if (equal) return;
    w[RAX_WORD] = old[0];
    w[RAX_WORD + 1] = half === 8 ? old[1] : 0;
    w[RDX_WORD] = old[wordsEach];
    w[RDX_WORD + 1] = half === 8 ? old[3] : 0;
  };
};

const loadFlags: Handler = (core) => {
  core.bytes8[GENERAL + 1] = (getFlags(core) & (SF | ZF | AF | PF | CF)) | 2;
};
const storeFlags: Handler = (core) => {
  const mask = SF | ZF | AF | PF | CF;
  const bits = getFlags(core);
  core.words[FLAGS] = (bits & ~mask) | (core.bytes8[1] & mask);
};

export function registerMoves(): void {
  const pair8 = compareExchangePair(4);
  const pair16 = compareExchangePair(8);
  registerHandlers({
    mov: move,
    movnti: () => moveRmFromRegister,
    movzx8: extend(1, false),
    movzx16: extend(2, false),
    movsx8: extend(1, true),
    movsx16: extend(2, true),
    // With a 16-bit operand the source is r/m16 (SDM vol. 2, MOVSXD).
    movsxd: (i) => extend(i.width === 2 ? 2 : 4, true)(i),
    lea: (i) => movesFast(i) ?? loadAddress,
    xchg: exchange,
    cmpxchg8b: () => pair8,
    cmpxchg16b: () => pair16,
    setcc: (i) => movesFast(i) ?? setCondition,
    cmovcc: (i) => movesFast(i) ?? moveCondition,
    bswap: () => byteSwap,
    cbw: () => extendAccumulator,
    cwd: () => extendIntoData,
    xlat: () => translateByte,
    push: (i) => {
      const form = i.row.operands[0][0];
      return movesFast(i) ?? (form === 'Z' ? pushRegister : form === 'I' ? pushImmediate : pushRm);
    },
    pop: (i) => movesFast(i) ?? (i.memory ? popMemory : popRegister),
    pushf: () => pushFlags,
    popf: () => popFlags,
    enter: () => enter,
    leave: () => leave,
    lahf: () => loadFlags,
    sahf: () => storeFlags,
    cld: () => (core) => {
      core.words[FLAGS] &= ~DF;
    },
    std: () => (core) => {
      core.words[FLAGS] |= DF;
    },
    nop: () => () => {},
  });
}
