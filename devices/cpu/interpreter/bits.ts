// BT BTS BTR BTC, BSF BSR, POPCNT, CRC32 (SDM vol. 2).

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import { HIGH } from '../state-layout.ts';
import { loadWidth, readReg, readRegister, readRm, storeWidth, writeReg, writeRegister } from './access.ts';
import type { CpuCore } from './core.ts';
import { CF, setFlags, setLogic, ZF, zero } from './flags.ts';
import { effectiveAddress } from './operands.ts';
import { registerHandlers } from './registry.ts';

/** 0 test, 1 set, 2 reset, 3 complement of the bit `mask` in a word. */
function changeBit(kind: number, word: number, mask: number): number {
  return kind === 0 ? word : kind === 1 ? word | mask : kind === 2 ? word & ~mask : word ^ mask;
}

/** CF is the bit, ZF stays, the others (undefined in the SDM) become 0: cheap for every engine. */
function setBitFlags(core: CpuCore, bit: boolean): void {
  setFlags(core, (zero(core) ? ZF : 0) | (bit ? CF : 0));
}

function bitOperation(core: CpuCore, i: Instruction, offsetLow: number, offsetHigh: number, beyond: boolean): void {
  const w = core.words;
  const width = i.width;
  const kind = i.row.parameter ?? 0;
  const bit = offsetLow & (width * 8 - 1);
  const inHigh = bit >= 32;
  const mask = 1 << (bit & 31);
  let low: number;
  let addressLow = 0;
  let addressHigh = 0;
  if (i.memory) {
    addressLow = effectiveAddress(core, i);
    addressHigh = w[HIGH];
    if (beyond) {
      // The signed bit offset reaches any operand-sized unit: address + width x (offset >> log2 of the bits).
      const shift = width === 8 ? 6 : width === 4 ? 5 : 4;
      const scale = width === 8 ? 3 : width === 4 ? 2 : 1;
      const unitLow = (offsetLow >>> shift) | (offsetHigh << (32 - shift));
      const unitHigh = offsetHigh >> shift;
      const byteLow = unitLow << scale;
      const byteHigh = (unitHigh << scale) | (unitLow >>> (32 - scale));
      const before = addressLow;
      addressLow = (addressLow + byteLow) | 0;
      addressHigh = (addressHigh + byteHigh + (addressLow >>> 0 < before >>> 0 ? 1 : 0)) | 0;
      if (i.address32) addressHigh = 0;
    }
    if (kind !== 0) core.probeWrite(addressLow, addressHigh, width);
    low = loadWidth(core, width, addressLow, addressHigh);
  } else low = readRegister(core, width, i.rmWord, i.rmByte);
  const high = w[HIGH];
  const was = ((inHigh ? high : low) & mask) !== 0;
  if (kind !== 0) {
    const newLow = inHigh ? low : changeBit(kind, low, mask);
    const newHigh = inHigh ? changeBit(kind, high, mask) : high;
    if (i.memory) storeWidth(core, width, addressLow, addressHigh, newLow, newHigh);
    else writeRegister(core, width, i.rmWord, i.rmByte, newLow, newHigh);
  }
  setBitFlags(core, was);
}
const bitByRegister: Handler = (core, i) => {
  const low = readReg(core, i, i.width);
  bitOperation(core, i, low, core.words[HIGH], true);
};
const bitByImmediate: Handler = (core, i) => bitOperation(core, i, i.immediateLow, 0, false);
const bits: HandlerSelector = (i) => (i.row.operands[1] === 'Ib' ? bitByImmediate : bitByRegister);

/**
 * A zero source sets ZF and leaves the destination unchanged, as processors do (undefined in the SDM); the other flags, undefined too,
 * are those of a logic operation on the source.
 */
const scanForward: Handler = (core, i) => {
  const low = readRm(core, i, i.width);
  const high = core.words[HIGH];
  const source = i.width === 2 ? low & 0xffff : low;
  const empty = (source | (i.width === 8 ? high : 0)) === 0;
  setLogic(core, low, high);
  if (empty) return;
  const index = source !== 0 ? 31 - Math.clz32(source & -source) : 63 - Math.clz32(high & -high);
  writeReg(core, i, i.width, index, 0);
};
const scanReverse: Handler = (core, i) => {
  const low = readRm(core, i, i.width);
  const high = i.width === 8 ? core.words[HIGH] : 0;
  const source = i.width === 2 ? low & 0xffff : low;
  const empty = (source | high) === 0;
  setLogic(core, low, core.words[HIGH]);
  if (empty) return;
  writeReg(core, i, i.width, high !== 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(source), 0);
};

function countBits(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
const populationCount: Handler = (core, i) => {
  const low = readRm(core, i, i.width);
  const high = i.width === 8 ? core.words[HIGH] : 0;
  const source = i.width === 2 ? low & 0xffff : low;
  const count = countBits(source) + countBits(high);
  writeReg(core, i, i.width, count, 0);
  setFlags(core, count === 0 ? ZF : 0);
};

/** CRC-32C (polynomial 11EDC6F41, reflected 82F63B78). */
const crcTable = new Int32Array(256);
for (let n = 0; n < 256; n++) {
  let value = n;
  for (let k = 0; k < 8; k++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  crcTable[n] = value;
}
const crc32: Handler = (core, i) => {
  const width = i.row.parameter === 1 ? 1 : i.rexW ? 8 : i.operandSizePrefix ? 2 : 4;
  const low = readRm(core, i, width);
  const high = core.words[HIGH];
  let value = core.words[i.regWord];
  for (let n = 0; n < width; n++) {
    const byte = n < 4 ? low >>> (n * 8) : high >>> (n * 8 - 32);
    value = (value >>> 8) ^ crcTable[(value ^ byte) & 0xff];
  }
  core.words[i.regWord] = value;
  core.words[i.regWord + 1] = 0;
};

export function registerBits(): void {
  registerHandlers({
    bt: bits,
    bts: bits,
    btr: bits,
    btc: bits,
    bsf: () => scanForward,
    bsr: () => scanReverse,
    popcnt: () => populationCount,
    crc32: () => crc32,
  });
}
