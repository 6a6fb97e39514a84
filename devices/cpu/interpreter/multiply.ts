// MUL, IMUL, DIV, IDIV. Products are built from 16-bit halves; divisions whose dividend fits 53 bits use the number type, the
// rest goes through bigint (rare: 128-bit dividends and huge 64-bit ones).

import type { Handler } from '../decode/instruction.ts';
import { HIGH } from '../state-layout.ts';
import { narrow, RAX_WORD, RDX_WORD, readReg, readRm, writeReg, writeRegister } from './access.ts';
import { type CpuCore, Vector } from './core.ts';
import { CF, OF, parityFlag, SF, setFlags, ZF } from './flags.ts';
import { registerHandlers } from './registry.ts';

/** Upper 32 bits of the unsigned product of two words. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middle2 = aLow * bHigh + (middle & 0xffff);
  // Both quotients are below 2^17, exact in double arithmetic.
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middle2 / 65536)) | 0;
}

/** 128-bit product in four words. */
const product = new Int32Array(4);

function multiplyWide(aLow: number, aHigh: number, bLow: number, bHigh: number, signed: boolean): void {
  const p = product;
  p[0] = Math.imul(aLow, bLow);
  const carry1 = multiplyHigh(aLow, bLow) >>> 0;
  const m1Low = Math.imul(aHigh, bLow) >>> 0;
  const m1High = multiplyHigh(aHigh, bLow) >>> 0;
  const m2Low = Math.imul(aLow, bHigh) >>> 0;
  const m2High = multiplyHigh(aLow, bHigh) >>> 0;
  const sum1 = carry1 + m1Low + m2Low;
  p[1] = sum1 | 0;
  const sum2 = Math.floor(sum1 / 0x1_0000_0000) + m1High + m2High + (Math.imul(aHigh, bHigh) >>> 0);
  p[2] = sum2 | 0;
  p[3] = (Math.floor(sum2 / 0x1_0000_0000) + (multiplyHigh(aHigh, bHigh) >>> 0)) | 0;
  if (!signed) return;
  // Signed: subtract the other factor from the upper half for each negative one.
  if (aHigh < 0) subtractUpper(bLow, bHigh);
  if (bHigh < 0) subtractUpper(aLow, aHigh);
}
function subtractUpper(low: number, high: number): void {
  const p = product;
  const borrow = p[2] >>> 0 < low >>> 0 ? 1 : 0;
  p[2] -= low;
  p[3] = p[3] - high - borrow;
}

/** Undefined flags follow the low result, as on many processors; CF = OF = the upper half matters. */
export function setProductFlags(core: CpuCore, low: number, high: number, significant: boolean): void {
  setFlags(core, (significant ? CF | OF : 0) | parityFlag(low) | (high < 0 ? SF : 0) | ((low | high) === 0 ? ZF : 0));
}

const multiplyAccumulator =
  (signed: boolean): Handler =>
  (core, i) => {
    const w = core.words;
    const width = i.width;
    const bLow = readRm(core, i, width);
    const bHigh = w[HIGH];
    if (width === 8) {
      multiplyWide(w[RAX_WORD], w[RAX_WORD + 1], bLow, bHigh, signed);
      const fill = signed ? product[1] >> 31 : 0;
      w[RAX_WORD] = product[0];
      w[RAX_WORD + 1] = product[1];
      w[RDX_WORD] = product[2];
      w[RDX_WORD + 1] = product[3];
      setProductFlags(core, product[0], product[1], product[2] !== fill || product[3] !== fill);
      return;
    }
    if (width === 4) {
      const a = w[RAX_WORD];
      const low = Math.imul(a, bLow);
      let high = multiplyHigh(a, bLow);
      if (signed) high = (high - (a < 0 ? bLow : 0) - (bLow < 0 ? a : 0)) | 0;
      w[RAX_WORD] = low;
      w[RAX_WORD + 1] = 0;
      w[RDX_WORD] = high;
      w[RDX_WORD + 1] = 0;
      setProductFlags(core, low, low >> 31, high !== (signed ? low >> 31 : 0));
      return;
    }
    if (width === 2) {
      const a = signed ? (w[RAX_WORD] << 16) >> 16 : w[RAX_WORD] & 0xffff;
      const result = Math.imul(a, signed ? bLow : bLow & 0xffff);
      core.words16[RAX_WORD * 2] = result;
      core.words16[RDX_WORD * 2] = result >>> 16;
      const low = (result << 16) >> 16;
      setProductFlags(core, low, low >> 31, signed ? result !== low : result >>> 16 !== 0);
      return;
    }
    const a = signed ? (w[RAX_WORD] << 24) >> 24 : w[RAX_WORD] & 0xff;
    const result = Math.imul(a, signed ? bLow : bLow & 0xff);
    core.words16[RAX_WORD * 2] = result;
    const low = (result << 24) >> 24;
    setProductFlags(core, low, low >> 31, signed ? result !== low : result >>> 8 !== 0);
  };

/** Two- and three-operand IMUL: reg = a * b. */
export function multiplyInto(
  core: CpuCore,
  width: number,
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): number {
  const w = core.words;
  if (width === 8) {
    multiplyWide(aLow, aHigh, bLow, bHigh, true);
    const fill = product[1] >> 31;
    setProductFlags(core, product[0], product[1], product[2] !== fill || product[3] !== fill);
    w[HIGH] = product[1];
    return product[0];
  }
  if (width === 4) {
    const low = Math.imul(aLow, bLow);
    const high = (multiplyHigh(aLow, bLow) - (aLow < 0 ? bLow : 0) - (bLow < 0 ? aLow : 0)) | 0;
    setProductFlags(core, low, low >> 31, high !== low >> 31);
    w[HIGH] = low >> 31;
    return low;
  }
  const result = Math.imul(aLow, bLow);
  const low = narrow(2, result);
  setProductFlags(core, low, low >> 31, result !== low);
  w[HIGH] = low >> 31;
  return low;
}
const multiply2: Handler = (core, i) => {
  const w = core.words;
  const bLow = readRm(core, i, i.width);
  const bHigh = w[HIGH];
  const aLow = readReg(core, i, i.width);
  const low = multiplyInto(core, i.width, aLow, w[HIGH], bLow, bHigh);
  writeReg(core, i, i.width, low, w[HIGH]);
};
const multiply3: Handler = (core, i) => {
  const w = core.words;
  const aLow = readRm(core, i, i.width);
  const low = multiplyInto(core, i.width, aLow, w[HIGH], i.immediateLow, i.immediateHigh);
  writeReg(core, i, i.width, low, w[HIGH]);
};

const unsigned64 = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

function writeQuotient(core: CpuCore, width: number, quotient: bigint, remainder: bigint): void {
  writeRegister(
    core,
    width,
    RAX_WORD,
    0,
    Number(BigInt.asIntN(32, quotient)),
    Number(BigInt.asIntN(32, quotient >> 32n)),
  );
  writeRegister(
    core,
    width,
    RDX_WORD,
    0,
    Number(BigInt.asIntN(32, remainder)),
    Number(BigInt.asIntN(32, remainder >> 32n)),
  );
}

const divideUnsigned: Handler = (core, i) => {
  const w = core.words;
  const width = i.width;
  const dLow = readRm(core, i, width);
  const dHigh = w[HIGH];
  const divide = (): never => core.raise(Vector.divideError);
  if (width === 8) {
    if ((dLow | dHigh) === 0) divide();
    const nLow = w[RAX_WORD];
    const nHigh = w[RAX_WORD + 1];
    if ((w[RDX_WORD] | w[RDX_WORD + 1]) === 0 && nHigh >>> 0 < 0x200000) {
      // The dividend is below 2^53: floor(a/b) of doubles is exact; a larger divisor gives 0, also exactly.
      const n = (nHigh >>> 0) * 0x1_0000_0000 + (nLow >>> 0);
      if (dHigh >>> 0 < 0x200000) {
        const d = (dHigh >>> 0) * 0x1_0000_0000 + (dLow >>> 0);
        const quotient = Math.floor(n / d);
        const remainder = n - quotient * d;
        w[RAX_WORD] = quotient | 0;
        w[RAX_WORD + 1] = Math.floor(quotient / 0x1_0000_0000) | 0;
        w[RDX_WORD] = remainder | 0;
        w[RDX_WORD + 1] = Math.floor(remainder / 0x1_0000_0000) | 0;
      } else {
        w[RAX_WORD] = 0;
        w[RAX_WORD + 1] = 0;
        w[RDX_WORD] = nLow;
        w[RDX_WORD + 1] = nHigh;
      }
      return;
    }
    const dividend = (unsigned64(w[RDX_WORD], w[RDX_WORD + 1]) << 64n) | unsigned64(nLow, nHigh);
    const divisor = unsigned64(dLow, dHigh);
    const quotient = dividend / divisor;
    if (quotient > 0xffff_ffff_ffff_ffffn) divide();
    writeQuotient(core, 8, quotient, dividend % divisor);
    return;
  }
  if (width === 4) {
    const d = dLow >>> 0;
    const top = w[RDX_WORD] >>> 0;
    if (top >= d) divide();
    if (top < 0x200000) {
      const n = top * 0x1_0000_0000 + (w[RAX_WORD] >>> 0);
      const quotient = Math.floor(n / d);
      w[RAX_WORD] = quotient | 0;
      w[RDX_WORD] = (n - quotient * d) | 0;
    } else {
      const n = unsigned64(w[RAX_WORD], w[RDX_WORD]);
      w[RAX_WORD] = Number(BigInt.asIntN(32, n / BigInt(d)));
      w[RDX_WORD] = Number(BigInt.asIntN(32, n % BigInt(d)));
    }
    w[RAX_WORD + 1] = 0;
    w[RDX_WORD + 1] = 0;
    return;
  }
  const bits = width * 8;
  const mask = width === 2 ? 0xffff : 0xff;
  const d = dLow & mask;
  const n = width === 2 ? (w[RDX_WORD] & 0xffff) * 65536 + (w[RAX_WORD] & 0xffff) : w[RAX_WORD] & 0xffff;
  if (d === 0) divide();
  const quotient = Math.floor(n / d);
  if (quotient > mask) divide();
  storeNarrowQuotient(core, bits, quotient, n - quotient * d);
};

function storeNarrowQuotient(core: CpuCore, bits: number, quotient: number, remainder: number): void {
  if (bits === 16) {
    core.words16[RAX_WORD * 2] = quotient;
    core.words16[RDX_WORD * 2] = remainder;
  } else {
    core.bytes8[0] = quotient;
    core.bytes8[1] = remainder;
  }
}

const divideSigned: Handler = (core, i) => {
  const w = core.words;
  const width = i.width;
  const dLow = readRm(core, i, width);
  const dHigh = w[HIGH];
  const divide = (): never => core.raise(Vector.divideError);
  if ((dLow | dHigh) === 0) divide();
  if (width === 8) {
    const nLow = w[RAX_WORD];
    const nHigh = w[RAX_WORD + 1];
    // The usual case, CQO before IDIV with both operands within 53 bits: exact in doubles.
    const fill = nHigh >> 31;
    if (w[RDX_WORD] === fill && w[RDX_WORD + 1] === fill && nHigh >> 20 === fill && dHigh >> 20 === dHigh >> 31) {
      const n = nHigh * 0x1_0000_0000 + (nLow >>> 0);
      const d = dHigh * 0x1_0000_0000 + (dLow >>> 0);
      const quotient = Math.trunc(n / d);
      const remainder = n - quotient * d;
      w[RAX_WORD] = quotient | 0;
      w[RAX_WORD + 1] = Math.floor(quotient / 0x1_0000_0000) | 0;
      w[RDX_WORD] = remainder | 0;
      w[RDX_WORD + 1] = Math.floor(remainder / 0x1_0000_0000) | 0;
      return;
    }
    const dividend = BigInt.asIntN(128, (unsigned64(w[RDX_WORD], w[RDX_WORD + 1]) << 64n) | unsigned64(nLow, nHigh));
    const divisor = BigInt.asIntN(64, unsigned64(dLow, dHigh));
    const quotient = dividend / divisor;
    if (quotient !== BigInt.asIntN(64, quotient)) divide();
    writeQuotient(core, 8, quotient, dividend % divisor);
    return;
  }
  if (width === 4) {
    const top = w[RDX_WORD];
    if (top >> 20 === top >> 31) {
      const n = top * 0x1_0000_0000 + (w[RAX_WORD] >>> 0);
      const quotient = Math.trunc(n / dLow);
      if (quotient > 0x7fffffff || quotient < -0x80000000) divide();
      w[RAX_WORD] = quotient | 0;
      w[RDX_WORD] = (n - quotient * dLow) | 0;
    } else {
      const n = BigInt.asIntN(64, unsigned64(w[RAX_WORD], top));
      const quotient = n / BigInt(dLow);
      if (quotient !== BigInt.asIntN(32, quotient)) divide();
      w[RAX_WORD] = Number(quotient);
      w[RDX_WORD] = Number(n % BigInt(dLow));
    }
    w[RAX_WORD + 1] = 0;
    w[RDX_WORD + 1] = 0;
    return;
  }
  const n = width === 2 ? (w[RDX_WORD] << 16) | (w[RAX_WORD] & 0xffff) : (w[RAX_WORD] << 16) >> 16;
  const quotient = Math.trunc(n / dLow);
  const limit = width === 2 ? 0x8000 : 0x80;
  if (quotient >= limit || quotient < -limit) divide();
  storeNarrowQuotient(core, width * 8, quotient, n - quotient * dLow);
};

export function registerMultiply(): void {
  const unsigned = multiplyAccumulator(false);
  const signed = multiplyAccumulator(true);
  registerHandlers({
    mul: () => unsigned,
    imul1: () => signed,
    imul2: () => multiply2,
    imul3: () => multiply3,
    div: () => divideUnsigned,
    idiv: () => divideSigned,
  });
}
