// Operands of any width by their place. Values are pairs, narrow ones sign-extended to 64 bit: low word returned, upper in
// words[HIGH].

import type { Instruction } from '../decode/instruction.ts';
import { HIGH } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { effectiveAddress } from './operands.ts';

/** RAX as word and byte index. */
export const RAX_WORD = 0;
export const RCX_WORD = 2;
export const RDX_WORD = 4;
export const RBX_WORD = 6;
export const RSP_WORD = 8;
export const RBP_WORD = 10;
export const RSI_WORD = 12;
export const RDI_WORD = 14;

export function readRegister(core: CpuCore, width: number, word: number, byte: number): number {
  const w = core.words;
  let low: number;
  switch (width) {
    case 8:
      w[HIGH] = w[word + 1];
      return w[word];
    case 4:
      low = w[word];
      break;
    case 2:
      low = (w[word] << 16) >> 16;
      break;
    default:
      low = (core.bytes8[byte] << 24) >> 24;
  }
  w[HIGH] = low >> 31;
  return low;
}

export function writeRegister(
  core: CpuCore,
  width: number,
  word: number,
  byte: number,
  low: number,
  high: number,
): void {
  const w = core.words;
  switch (width) {
    case 8:
      w[word] = low;
      w[word + 1] = high;
      return;
    case 4:
      w[word] = low;
      w[word + 1] = 0;
      return;
    case 2:
      core.words16[word << 1] = low;
      return;
    default:
      core.bytes8[byte] = low;
  }
}

export function loadWidth(core: CpuCore, width: number, low: number, high: number): number {
  let value: number;
  switch (width) {
    case 8:
      return core.load64(low, high);
    case 4:
      value = core.load32(low, high);
      break;
    case 2:
      value = (core.load16(low, high) << 16) >> 16;
      break;
    default:
      value = (core.load8(low, high) << 24) >> 24;
  }
  core.words[HIGH] = value >> 31;
  return value;
}

export function storeWidth(
  core: CpuCore,
  width: number,
  low: number,
  high: number,
  valueLow: number,
  valueHigh: number,
): void {
  switch (width) {
    case 8:
      core.store64(low, high, valueLow, valueHigh);
      return;
    case 4:
      core.store32(low, high, valueLow);
      return;
    case 2:
      core.store16(low, high, valueLow);
      return;
    default:
      core.store8(low, high, valueLow);
  }
}

/** The E operand at a given width. */
export function readRm(core: CpuCore, i: Instruction, width: number): number {
  if (!i.memory) return readRegister(core, width, i.rmWord, i.rmByte);
  const low = effectiveAddress(core, i);
  return loadWidth(core, width, low, core.words[HIGH]);
}
/** The G operand. */
export function readReg(core: CpuCore, i: Instruction, width: number): number {
  return readRegister(core, width, i.regWord, i.regByte);
}
export function writeReg(core: CpuCore, i: Instruction, width: number, low: number, high: number): void {
  writeRegister(core, width, i.regWord, i.regByte, low, high);
}
/** Writes the E operand when nothing else was read from it (MOV, SETcc, POP): may fault. */
export function writeRm(core: CpuCore, i: Instruction, width: number, valueLow: number, valueHigh: number): void {
  if (!i.memory) {
    writeRegister(core, width, i.rmWord, i.rmByte, valueLow, valueHigh);
    return;
  }
  const low = effectiveAddress(core, i);
  storeWidth(core, width, low, core.words[HIGH], valueLow, valueHigh);
}

/** A value cut to `width` bytes and sign-extended: the low word; the upper is signHigh(). */
export function narrow(width: number, low: number): number {
  return width >= 4 ? low : width === 2 ? (low << 16) >> 16 : (low << 24) >> 24;
}

export function carryOut(resultLow: number, operandLow: number): number {
  return resultLow >>> 0 < operandLow >>> 0 ? 1 : 0;
}
