// The arithmetic flags, evaluated lazily. An instruction leaves its operands and result; who reads a flag computes it.
//
//   kind     A      B      R      CF            OF                    AF
//   none     -      -      -      all six bits are in words[FLAGS]
//   add      a      b      a+b    R < A         (A^R)&(B^R) sign      (A^B^R) bit 4
//   subtract a      b      a-b    A < B         (A^B)&(A^R) sign      (A^B^R) bit 4
//   logic    -      -      r      0             0                     0 (undefined in the SDM)
//   increment -     -      a+1    from FLAGS    R = minimum           R bits 3..0 = 0
//   decrement -     -      a-1    from FLAGS    R = maximum           R bits 3..0 = F
//   result   -      -      r      from FLAGS    from FLAGS            from FLAGS      (shifts, ADC, SBB, NEG …)
//
// Narrow operands are kept sign-extended to 64 bit: sign extension keeps both signed and unsigned order, so the same formulas
// serve every width, except OF of increment and decrement, which compare with A (kept there as the operand).

import {
  FLAGS,
  LAZY_A_HIGH,
  LAZY_A_LOW,
  LAZY_B_HIGH,
  LAZY_B_LOW,
  LAZY_KIND,
  LAZY_R_HIGH,
  LAZY_R_LOW,
} from '../state-layout.ts';
import type { CpuCore } from './core.ts';

export const LazyKind = { none: 0, add: 1, subtract: 2, logic: 3, increment: 4, decrement: 5, result: 6 } as const;

export const CF = 0x1;
export const PF = 0x4;
export const AF = 0x10;
export const ZF = 0x40;
export const SF = 0x80;
export const TF = 0x100;
export const IF = 0x200;
export const DF = 0x400;
export const OF = 0x800;
export const IOPL = 0x3000;
export const NT = 0x4000;
export const RF = 0x10000;
export const AC = 0x40000;
export const ID = 0x200000;
export const ARITHMETIC = CF | PF | AF | ZF | SF | OF;

/** PF by the low byte. */
const parity = new Uint8Array(256);
for (let value = 0; value < 256; value++) {
  let bits = value ^ (value >> 4);
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  parity[value] = (bits & 1) === 0 ? PF : 0;
}

/** PF (4 or 0) of a result. */
export function parityFlag(low: number): number {
  return parity[low & 0xff];
}

/** 1 or 0. */
export function carry(core: CpuCore): number {
  const w = core.words;
  switch (w[LAZY_KIND]) {
    case LazyKind.add: {
      const rh = w[LAZY_R_HIGH] >>> 0;
      const ah = w[LAZY_A_HIGH] >>> 0;
      return rh < ah || (rh === ah && w[LAZY_R_LOW] >>> 0 < w[LAZY_A_LOW] >>> 0) ? 1 : 0;
    }
    case LazyKind.subtract: {
      const ah = w[LAZY_A_HIGH] >>> 0;
      const bh = w[LAZY_B_HIGH] >>> 0;
      return ah < bh || (ah === bh && w[LAZY_A_LOW] >>> 0 < w[LAZY_B_LOW] >>> 0) ? 1 : 0;
    }
    case LazyKind.logic:
      return 0;
    default:
      return w[FLAGS] & CF;
  }
}

export function zero(core: CpuCore): boolean {
  const w = core.words;
  return w[LAZY_KIND] === LazyKind.none ? (w[FLAGS] & ZF) !== 0 : (w[LAZY_R_LOW] | w[LAZY_R_HIGH]) === 0;
}

export function sign(core: CpuCore): boolean {
  const w = core.words;
  return w[LAZY_KIND] === LazyKind.none ? (w[FLAGS] & SF) !== 0 : w[LAZY_R_HIGH] < 0;
}

export function overflow(core: CpuCore): boolean {
  const w = core.words;
  switch (w[LAZY_KIND]) {
    case LazyKind.add:
      return ((w[LAZY_A_HIGH] ^ w[LAZY_R_HIGH]) & (w[LAZY_B_HIGH] ^ w[LAZY_R_HIGH])) < 0;
    case LazyKind.subtract:
      return ((w[LAZY_A_HIGH] ^ w[LAZY_B_HIGH]) & (w[LAZY_A_HIGH] ^ w[LAZY_R_HIGH])) < 0;
    case LazyKind.logic:
      return false;
    case LazyKind.increment:
      return w[LAZY_A_HIGH] >= 0 && w[LAZY_R_HIGH] < 0;
    case LazyKind.decrement:
      return w[LAZY_A_HIGH] < 0 && w[LAZY_R_HIGH] >= 0;
    default:
      return (w[FLAGS] & OF) !== 0;
  }
}

function auxiliary(core: CpuCore): number {
  const w = core.words;
  switch (w[LAZY_KIND]) {
    case LazyKind.add:
    case LazyKind.subtract:
      return (w[LAZY_A_LOW] ^ w[LAZY_B_LOW] ^ w[LAZY_R_LOW]) & AF;
    case LazyKind.increment:
      return (w[LAZY_R_LOW] & 15) === 0 ? AF : 0;
    case LazyKind.decrement:
      return (w[LAZY_R_LOW] & 15) === 15 ? AF : 0;
    case LazyKind.logic:
      return 0;
    default:
      return w[FLAGS] & AF;
  }
}

/** RFLAGS with the arithmetic flags up to date (and made so in FLAGS). */
export function getFlags(core: CpuCore): number {
  const w = core.words;
  if (w[LAZY_KIND] !== LazyKind.none) {
    const bits =
      carry(core) |
      parity[w[LAZY_R_LOW] & 0xff] |
      auxiliary(core) |
      (zero(core) ? ZF : 0) |
      (sign(core) ? SF : 0) |
      (overflow(core) ? OF : 0);
    w[FLAGS] = (w[FLAGS] & ~ARITHMETIC) | bits;
    w[LAZY_KIND] = LazyKind.none;
  }
  return w[FLAGS];
}

/** Sets all six arithmetic flags. */
export function setFlags(core: CpuCore, bits: number): void {
  const w = core.words;
  w[FLAGS] = (w[FLAGS] & ~ARITHMETIC) | bits;
  w[LAZY_KIND] = LazyKind.none;
}

/** Leaves a logic result (sign-extended pair). */
export function setLogic(core: CpuCore, low: number, high: number): void {
  const w = core.words;
  w[LAZY_R_LOW] = low;
  w[LAZY_R_HIGH] = high;
  w[LAZY_KIND] = LazyKind.logic;
}

/** Leaves a result (sign-extended pair) with CF, OF and AF given as bits. */
export function setResult(core: CpuCore, low: number, high: number, carryOverflowAuxiliary: number): void {
  const w = core.words;
  w[FLAGS] = (w[FLAGS] & ~(CF | OF | AF)) | carryOverflowAuxiliary;
  w[LAZY_R_LOW] = low;
  w[LAZY_R_HIGH] = high;
  w[LAZY_KIND] = LazyKind.result;
}

/** Sets CF and OF to bits and leaves the other four as they are (rotates). */
export function replaceCarryOverflow(core: CpuCore, bits: number): void {
  const w = core.words;
  if (w[LAZY_KIND] !== LazyKind.none) {
    w[FLAGS] = (w[FLAGS] & ~AF) | auxiliary(core);
    w[LAZY_KIND] = LazyKind.result;
  }
  w[FLAGS] = (w[FLAGS] & ~(CF | OF)) | bits;
}

/** Condition codes as encoded in Jcc, SETcc, CMOVcc (SDM vol. 1, appendix B): odd codes negate. */
export function testCondition(core: CpuCore, code: number): boolean {
  let result: boolean;
  switch (code >> 1) {
    case 0:
      result = overflow(core);
      break;
    case 1:
      result = carry(core) !== 0;
      break;
    case 2:
      result = zero(core);
      break;
    case 3:
      result = zero(core) || carry(core) !== 0;
      break;
    case 4:
      result = sign(core);
      break;
    case 5: {
      const w = core.words;
      result = w[LAZY_KIND] === LazyKind.none ? (w[FLAGS] & PF) !== 0 : parity[w[LAZY_R_LOW] & 0xff] !== 0;
      break;
    }
    case 6:
      result = sign(core) !== overflow(core);
      break;
    default:
      result = zero(core) || sign(core) !== overflow(core);
  }
  return (code & 1) === 0 ? result : !result;
}
