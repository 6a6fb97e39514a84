// SSE and MMX moves: whole registers, halves, scalars, between register files, non-temporal and masked stores, insert and extract.
// SDM vol. 2. Aligned forms raise #GP for an address that is not a multiple of 16.

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import { FTW, HIGH, WIDE, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { effectiveAddress } from './operands.ts';
import { enterMmx, loadSource, mmxRegister, requireMmx, requireSse, touchMmx, wide } from './sse-common.ts';

function copy128(words: Int32Array, target: number, source: number): void {
  words[target] = words[source];
  words[target + 1] = words[source + 1];
  words[target + 2] = words[source + 2];
  words[target + 3] = words[source + 3];
}

/** Loads, register copies and stores of 128 bits. */
function move128(aligned: boolean): HandlerSelector {
  return (i: Instruction): Handler => {
    const store = i.row.operands[1] === 'Vx';
    if (!i.memory)
      return store
        ? (core, i) => {
            requireSse(core);
            copy128(core.words, XMM + (i.rm << 2), XMM + (i.reg << 2));
          }
        : (core, i) => {
            requireSse(core);
            copy128(core.words, XMM + (i.reg << 2), XMM + (i.rm << 2));
          };
    if (store)
      return (core, i) => {
        requireSse(core);
        const low = effectiveAddress(core, i);
        const high = core.words[HIGH];
        if (aligned) core.checkAligned(low, 16);
        copy128(core.words, WIDE, XMM + (i.reg << 2));
        core.store128(low, high);
      };
    return (core, i) => {
      requireSse(core);
      const low = effectiveAddress(core, i);
      const high = core.words[HIGH];
      if (aligned) core.checkAligned(low, 16);
      core.load128(low, high);
      copy128(core.words, XMM + (i.reg << 2), WIDE);
    };
  };
}

function storeLow(bytes: 4 | 8, half: number): Handler {
  return (core, i) => {
    requireSse(core);
    const words = core.words;
    const low = effectiveAddress(core, i);
    const source = XMM + (i.reg << 2) + half;
    if (bytes === 4) core.store32(low, words[HIGH], words[source]);
    else core.store64(low, words[HIGH], words[source], words[source + 1]);
  };
}

/** MOVSS and MOVSD: a load clears the rest of the register, a register copy keeps it. */
function moveScalar(bytes: 4 | 8): HandlerSelector {
  return (i) => {
    const store = i.row.operands[1] === 'Vx';
    if (i.memory) {
      if (store) return storeLow(bytes, 0);
      return (core, i) => {
        requireSse(core);
        loadSource(core, i, bytes, false);
        const words = core.words;
        const target = XMM + (i.reg << 2);
        words[target] = words[WIDE];
        words[target + 1] = bytes === 8 ? words[WIDE + 1] : 0;
        words[target + 2] = 0;
        words[target + 3] = 0;
      };
    }
    return (core, i) => {
      requireSse(core);
      const words = core.words;
      const target = XMM + ((store ? i.rm : i.reg) << 2);
      const source = XMM + ((store ? i.reg : i.rm) << 2);
      words[target] = words[source];
      if (bytes === 8) words[target + 1] = words[source + 1];
    };
  };
}

/** MOVLPS/MOVLPD (half 0) and MOVHPS/MOVHPD (half 2). */
function moveHalf(half: number): HandlerSelector {
  return (i) => {
    if (i.row.operands[1] === 'Vx') return storeLow(8, half);
    return (core, i) => {
      requireSse(core);
      loadSource(core, i, 8, false);
      const target = XMM + (i.reg << 2) + half;
      core.words[target] = core.words[WIDE];
      core.words[target + 1] = core.words[WIDE + 1];
    };
  };
}

/** MOVQ between XMM registers or memory: always clears the upper half. */
const moveQuad: HandlerSelector = (i) => {
  if (i.row.operands.includes('Pq')) return moveMmx(i);
  const store = i.row.operands[1] === 'Vx';
  if (i.memory && store) return storeLow(8, 0);
  return (core, i) => {
    requireSse(core);
    const words = core.words;
    if (i.memory) loadSource(core, i, 8, false);
    const source = i.memory ? WIDE : XMM + ((store ? i.reg : i.rm) << 2);
    const target = XMM + ((store ? i.rm : i.reg) << 2);
    words[target] = words[source];
    words[target + 1] = words[source + 1];
    words[target + 2] = 0;
    words[target + 3] = 0;
  };
};

function moveMmx(i: Instruction): Handler {
  const store = i.row.operands[1] === 'Pq';
  if (i.memory && store) return storeMmx;
  return (core, i) => {
    requireMmx(core);
    if (i.memory) loadSource(core, i, 8, false);
    const words = core.words;
    const source = i.memory ? WIDE : mmxRegister(store ? i.reg : i.rm);
    const target = mmxRegister(store ? i.rm : i.reg);
    words[target] = words[source];
    words[target + 1] = words[source + 1];
    enterMmx(core);
    touchMmx(core, target);
  };
}

function storeMmx(core: CpuCore, i: Instruction): void {
  requireMmx(core);
  const words = core.words;
  const low = effectiveAddress(core, i);
  const source = mmxRegister(i.reg);
  core.store64(low, words[HIGH], words[source], words[source + 1]);
  enterMmx(core);
}

/** MOVD and MOVQ between general register or memory and XMM or MMX. */
const moveDouble: HandlerSelector = (i) => {
  const mmx = i.row.operands.includes('Pq');
  const toVector = i.row.operands[1] === 'Ey';
  return (core, i) => {
    if (mmx) requireMmx(core);
    else requireSse(core);
    const words = core.words;
    const vector = mmx ? mmxRegister(i.reg) : XMM + (i.reg << 2);
    if (toVector) {
      let low = 0;
      let high = 0;
      if (i.memory) {
        loadSource(core, i, i.rexW ? 8 : 4, false);
        low = words[WIDE];
        high = words[WIDE + 1];
      } else {
        low = words[i.rmWord];
        high = words[i.rmWord + 1];
      }
      if (mmx) {
        enterMmx(core);
        touchMmx(core, vector);
      } else {
        words[vector + 2] = 0;
        words[vector + 3] = 0;
      }
      words[vector] = low;
      words[vector + 1] = i.rexW ? high : 0;
      return;
    }
    if (i.memory) {
      const low = effectiveAddress(core, i);
      if (i.rexW) core.store64(low, words[HIGH], words[vector], words[vector + 1]);
      else core.store32(low, words[HIGH], words[vector]);
    } else {
      words[i.rmWord] = words[vector];
      words[i.rmWord + 1] = i.rexW ? words[vector + 1] : 0;
    }
    if (mmx) enterMmx(core);
  };
};

/** MASKMOVDQU and MASKMOVQ: the bytes whose mask byte has bit 7 go to [RDI]. */
function maskedMove(mmx: boolean): HandlerSelector {
  return () => (core, i) => {
    if (mmx) requireMmx(core);
    else requireSse(core);
    const words = core.words;
    const bytes = core.bytes8;
    const source = (mmx ? mmxRegister(i.reg) : XMM + (i.reg << 2)) * 4;
    const mask = (mmx ? mmxRegister(i.rm) : XMM + (i.rm << 2)) * 4;
    const count = mmx ? 8 : 16;
    const segmentLow = words[i.segment];
    const baseLow = (words[14] + segmentLow) | 0;
    const baseHigh =
      ((i.address32 ? 0 : words[15]) + words[i.segment + 1] + (baseLow >>> 0 < segmentLow >>> 0 ? 1 : 0)) | 0;
    // The x87 state changes even if the store then faults.
    if (mmx) enterMmx(core);
    for (let pass = 0; pass < 2; pass++) {
      for (let n = 0; n < count; n++) {
        if ((bytes[mask + n] & 0x80) === 0) continue;
        const low = (baseLow + n) | 0;
        const high = low >>> 0 < baseLow >>> 0 ? (baseHigh + 1) | 0 : baseHigh;
        if (pass === 0) core.probeWrite(low, high, 1);
        else core.store8(low, high, bytes[source + n]);
      }
    }
  };
}

/** PMOVMSKB, MOVMSKPS, MOVMSKPD: sign bits to a general register. `step` is the element size in bytes. */
function signMask(step: number): HandlerSelector {
  return (i) => {
    const mmx = i.row.operands[1] === 'Nq';
    return (core, i) => {
      if (mmx) requireMmx(core);
      else requireSse(core);
      const bytes = core.bytes8;
      const base = (mmx ? mmxRegister(i.rm) : XMM + (i.rm << 2)) * 4 + step - 1;
      const count = (mmx ? 8 : 16) / step;
      let mask = 0;
      for (let n = 0; n < count; n++) mask |= (bytes[base + n * step] >>> 7) << n;
      core.words[i.regWord] = mask;
      core.words[i.regWord + 1] = 0;
      if (mmx) enterMmx(core);
    };
  };
}

/** PINSRB/W/D/Q: an element from a general register or memory. */
function insert(size: number): HandlerSelector {
  return (i) => {
    const mmx = i.row.operands[0] === 'Pq';
    const width = size === 4 && i.rexW ? 8 : size;
    return (core, i) => {
      if (mmx) requireMmx(core);
      else requireSse(core);
      const words = core.words;
      if (i.memory) loadSource(core, i, width, false);
      else {
        words[WIDE] = words[i.rmWord];
        words[WIDE + 1] = words[i.rmWord + 1];
      }
      const target = mmx ? mmxRegister(i.reg) : XMM + (i.reg << 2);
      const position = (i.immediateLow & ((mmx ? 8 : 16) / width - 1)) * width;
      for (let n = 0; n < width; n++) core.bytes8[target * 4 + position + n] = core.bytes8[WIDE * 4 + n];
      if (mmx) {
        enterMmx(core);
        touchMmx(core, target);
      }
    };
  };
}

/** PEXTRB/W/D/Q and EXTRACTPS: an element to a general register (zero-extended) or memory. */
function extract(size: number): HandlerSelector {
  return (i) => {
    const mmx = i.row.operands[1] === 'Nq';
    const width = size === 4 && i.rexW && i.row.operation === 'pextrd' ? 8 : size;
    // PEXTRW of SSE2 has the vector in ModRM.rm, the SSE4.1 forms have it in ModRM.reg.
    const vectorInRm = i.row.map === 1;
    return (core, i) => {
      if (mmx) requireMmx(core);
      else requireSse(core);
      const words = core.words;
      const number = vectorInRm ? i.rm : i.reg;
      const position = (i.immediateLow & ((mmx ? 8 : 16) / width - 1)) * width;
      const at = (mmx ? mmxRegister(number) : XMM + (number << 2)) * 4 + position;
      let low = 0;
      if (width === 1) low = core.bytes8[at];
      else if (width === 2) low = core.words16[at >> 1];
      else low = words[at >> 2];
      const high = width === 8 ? words[(at >> 2) + 1] : 0;
      if (i.memory) {
        const address = effectiveAddress(core, i);
        const addressHigh = words[HIGH];
        if (width === 1) core.store8(address, addressHigh, low);
        else if (width === 2) core.store16(address, addressHigh, low);
        else if (width === 4) core.store32(address, addressHigh, low);
        else core.store64(address, addressHigh, low, high);
      } else {
        const target = vectorInRm ? i.regWord : i.rmWord;
        words[target] = low;
        words[target + 1] = high;
      }
      if (mmx) enterMmx(core);
    };
  };
}

const emms: HandlerSelector = () => (core) => {
  requireMmx(core);
  enterMmx(core);
  core.words[FTW] = 0xffff;
};

export const moveHandlers: { readonly [operation: string]: HandlerSelector } = {
  movups: move128(false),
  movupd: move128(false),
  movdqu: move128(false),
  lddqu: move128(false),
  movaps: move128(true),
  movapd: move128(true),
  movdqa: move128(true),
  movntps: move128(true),
  movntpd: move128(true),
  movntdq: move128(true),
  movntdqa: move128(true),
  movss: moveScalar(4),
  movsd: moveScalar(8),
  movlps: moveHalf(0),
  movhps: moveHalf(2),
  movhlps: wide((core, d, s) => {
    core.words[d] = core.words[s + 2];
    core.words[d + 1] = core.words[s + 3];
  }),
  movlhps: wide((core, d, s) => {
    core.words[d + 2] = core.words[s];
    core.words[d + 3] = core.words[s + 1];
  }),
  movsldup: wide((core, d, s) => {
    const first = core.words[s];
    const third = core.words[s + 2];
    core.words[d] = core.words[d + 1] = first;
    core.words[d + 2] = core.words[d + 3] = third;
  }),
  movshdup: wide((core, d, s) => {
    const second = core.words[s + 1];
    const fourth = core.words[s + 3];
    core.words[d] = core.words[d + 1] = second;
    core.words[d + 2] = core.words[d + 3] = fourth;
  }),
  movddup: wide((core, d, s) => {
    const low = core.words[s];
    const high = core.words[s + 1];
    core.words[d] = core.words[d + 2] = low;
    core.words[d + 1] = core.words[d + 3] = high;
  }),
  movd: moveDouble,
  movq: moveQuad,
  movntq: () => storeMmx,
  maskmovdqu: maskedMove(false),
  maskmovq: maskedMove(true),
  movmskps: signMask(4),
  movmskpd: signMask(8),
  pmovmskb: signMask(1),
  movq2dq: () => (core, i) => {
    requireSse(core);
    requireMmx(core);
    const words = core.words;
    const target = XMM + (i.reg << 2);
    const source = mmxRegister(i.rm);
    words[target] = words[source];
    words[target + 1] = words[source + 1];
    words[target + 2] = 0;
    words[target + 3] = 0;
    enterMmx(core);
  },
  movdq2q: () => (core, i) => {
    requireSse(core);
    requireMmx(core);
    const words = core.words;
    const target = mmxRegister(i.reg);
    const source = XMM + (i.rm << 2);
    words[target] = words[source];
    words[target + 1] = words[source + 1];
    enterMmx(core);
    touchMmx(core, target);
  },
  pinsrb: insert(1),
  pinsrw: insert(2),
  pinsrd: insert(4),
  pextrb: extract(1),
  pextrw: extract(2),
  pextrd: extract(4),
  extractps: extract(4),
  emms,
};
