// Packed integer operations of MMX, SSE2, SSSE3 and SSE4.1: the same code for 64 and 128 bits, `count` words at d and s.
// SDM vol. 2; saturation: vol. 1, 9.3.2.

import type { HandlerSelector } from '../decode/instruction.ts';
import { FLAGS, LAZY_KIND, WIDE_C, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { type WideOperation, wide } from './sse-common.ts';
import { bitwise } from './sse-float.ts';

type LaneFunction = (a: number, b: number) => number;

function signed8(value: number): number {
  return (value << 24) >> 24;
}
function signed16(value: number): number {
  return (value << 16) >> 16;
}
function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}

/** Element-wise over unsigned bytes; the result is cut to 8 bits. */
function bytes(lane: LaneFunction): HandlerSelector {
  return wide((core, d, s, count) => {
    const view = core.bytes8;
    for (let n = 0; n < count * 4; n++) view[d * 4 + n] = lane(view[d * 4 + n], view[s * 4 + n]);
  });
}
function signedBytes(lane: LaneFunction): HandlerSelector {
  return bytes((a, b) => lane(signed8(a), signed8(b)));
}
function halves(lane: LaneFunction): HandlerSelector {
  return wide((core, d, s, count) => {
    const view = core.words16;
    for (let n = 0; n < count * 2; n++) view[d * 2 + n] = lane(view[d * 2 + n], view[s * 2 + n]);
  });
}
function signedHalves(lane: LaneFunction): HandlerSelector {
  return halves((a, b) => lane(signed16(a), signed16(b)));
}
function words(lane: LaneFunction): HandlerSelector {
  return wide((core, d, s, count) => {
    const view = core.words;
    for (let n = 0; n < count; n++) view[d + n] = lane(view[d + n], view[s + n]);
  });
}

/** Element-wise over 64-bit integers. */
function quads(lane: (core: CpuCore, d: number, s: number) => void): HandlerSelector {
  return wide((core, d, s, count) => {
    for (let n = 0; n < count; n += 2) lane(core, d + n, s + n);
  });
}

function addQuad(core: CpuCore, d: number, s: number): void {
  const view = core.words;
  const before = view[d];
  const low = (before + view[s]) | 0;
  view[d + 1] = view[d + 1] + view[s + 1] + (low >>> 0 < before >>> 0 ? 1 : 0);
  view[d] = low;
}
function subtractQuad(core: CpuCore, d: number, s: number): void {
  const view = core.words;
  const borrow = view[d] >>> 0 < view[s] >>> 0 ? 1 : 0;
  view[d + 1] = view[d + 1] - view[s + 1] - borrow;
  view[d] = view[d] - view[s];
}

/** Product of two unsigned 32-bit numbers to the pair at `target`. */
function multiplyUnsigned(view: Int32Array, target: number, a: number, b: number): void {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aLow * bHigh + ((aLow * bLow) >>> 16);
  const upper = aHigh * bLow + (middle % 65536);
  view[target + 1] = aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(upper / 65536);
  view[target] = Math.imul(a, b);
}
function multiplySigned(view: Int32Array, target: number, a: number, b: number): void {
  multiplyUnsigned(view, target, a, b);
  view[target + 1] -= (a < 0 ? b : 0) + (b < 0 ? a : 0);
}

// ------------------------------------------------------------------------------------------------ shifts

/** The count in the low 64 bits of the source, 64 for anything larger. */
function shiftCount(core: CpuCore, s: number): number {
  const low = core.words[s];
  return core.words[s + 1] !== 0 || low >>> 0 > 63 ? 64 : low;
}

function shiftHalves(lane: LaneFunction): HandlerSelector {
  return wide((core, d, s, count) => {
    const view = core.words16;
    const distance = shiftCount(core, s);
    for (let n = 0; n < count * 2; n++) view[d * 2 + n] = lane(view[d * 2 + n], distance);
  });
}
function shiftWords(lane: LaneFunction): HandlerSelector {
  return wide((core, d, s, count) => {
    const distance = shiftCount(core, s);
    for (let n = 0; n < count; n++) core.words[d + n] = lane(core.words[d + n], distance);
  });
}
function shiftQuads(left: boolean): HandlerSelector {
  return wide((core, d, s, count) => {
    const view = core.words;
    const distance = shiftCount(core, s);
    for (let n = d; n < d + count; n += 2) {
      const low = view[n];
      const high = view[n + 1];
      if (distance > 63) view[n] = view[n + 1] = 0;
      else if (distance > 31) {
        view[n] = left ? 0 : high >>> (distance - 32);
        view[n + 1] = left ? low << (distance - 32) : 0;
      } else if (distance > 0) {
        view[n] = left ? low << distance : (low >>> distance) | (high << (32 - distance));
        view[n + 1] = left ? (high << distance) | (low >>> (32 - distance)) : high >>> distance;
      }
    }
  });
}
function shiftBytes(left: boolean): HandlerSelector {
  return wide((core, d, _s, _count, immediate) => {
    const view = core.bytes8;
    const base = d * 4;
    const distance = Math.min(immediate, 16);
    if (left) {
      view.copyWithin(base + distance, base, base + 16 - distance);
      view.fill(0, base, base + distance);
    } else {
      view.copyWithin(base, base + distance, base + 16);
      view.fill(0, base + 16 - distance, base + 16);
    }
  });
}

// ------------------------------------------------------------------------------------------------ rearranging

/** Runs `fill` with WIDE_C as target and then moves the result: for operations whose output would overwrite their input. */
function gathered(
  fill: (core: CpuCore, d: number, s: number, count: number, immediate: number) => void,
): WideOperation {
  return (core, d, s, count, immediate) => {
    fill(core, d, s, count, immediate);
    for (let n = 0; n < count; n++) core.words[d + n] = core.words[WIDE_C + n];
  };
}

/** PUNPCK: interleaves the low or high halves, elements of `size` bytes. */
function interleave(size: number, high: boolean): HandlerSelector {
  return wide(
    gathered((core, d, s, count) => {
      const view = core.bytes8;
      const start = high ? count * 2 : 0;
      for (let n = 0; n < count * 2; n++) {
        const element = Math.floor(n / size);
        const at = WIDE_C * 4 + element * size * 2 + (n % size);
        view[at] = view[d * 4 + start + n];
        view[at + size] = view[s * 4 + start + n];
      }
    }),
  );
}

/** PACK of 16-bit elements to bytes. */
function packHalves(low: number, high: number): HandlerSelector {
  return wide(
    gathered((core, d, s, count) => {
      for (let n = 0; n < count * 2; n++) {
        core.bytes8[WIDE_C * 4 + n] = clamp(signed16(core.words16[d * 2 + n]), low, high);
        core.bytes8[WIDE_C * 4 + count * 2 + n] = clamp(signed16(core.words16[s * 2 + n]), low, high);
      }
    }),
  );
}
function packWords(low: number, high: number): HandlerSelector {
  return wide(
    gathered((core, d, s, count) => {
      for (let n = 0; n < count; n++) {
        core.words16[WIDE_C * 2 + n] = clamp(core.words[d + n], low, high);
        core.words16[WIDE_C * 2 + count + n] = clamp(core.words[s + n], low, high);
      }
    }),
  );
}

/** PSHUFLW, PSHUFHW, PSHUFW: four 16-bit elements from `start`. */
function shuffleHalves(start: number): HandlerSelector {
  return wide(
    gathered((core, _d, s, count, immediate) => {
      for (let n = 0; n < count; n++) core.words[WIDE_C + n] = core.words[s + n];
      for (let n = 0; n < 4; n++)
        core.words16[WIDE_C * 2 + start + n] = core.words16[s * 2 + start + ((immediate >> (n * 2)) & 3)];
    }),
  );
}

/** PHADD and PHSUB: neighbours of d, then of s. */
function horizontalHalves(lane: LaneFunction): HandlerSelector {
  return wide(
    gathered((core, d, s, count) => {
      const view = core.words16;
      for (let n = 0; n < count; n++) {
        view[WIDE_C * 2 + n] = lane(signed16(view[d * 2 + n * 2]), signed16(view[d * 2 + n * 2 + 1]));
        view[WIDE_C * 2 + count + n] = lane(signed16(view[s * 2 + n * 2]), signed16(view[s * 2 + n * 2 + 1]));
      }
    }),
  );
}
function horizontalWords(lane: LaneFunction): HandlerSelector {
  return wide(
    gathered((core, d, s, count) => {
      const view = core.words;
      for (let n = 0; n < count / 2; n++) {
        view[WIDE_C + n] = lane(view[d + n * 2], view[d + n * 2 + 1]);
        view[WIDE_C + count / 2 + n] = lane(view[s + n * 2], view[s + n * 2 + 1]);
      }
    }),
  );
}

/** PMOVSX and PMOVZX: elements of `from` bytes to elements of `to` bytes. */
function extend(from: number, to: number, sign: boolean): HandlerSelector {
  return wide(
    gathered((core, _d, s) => {
      const view = core.bytes8;
      for (let n = 0; n < 16 / to; n++) {
        const source = s * 4 + n * from;
        const fill = sign && (view[source + from - 1] & 0x80) !== 0 ? 0xff : 0;
        for (let part = 0; part < to; part++)
          view[WIDE_C * 4 + n * to + part] = part < from ? view[source + part] : fill;
      }
    }),
  );
}

function sadOf(core: CpuCore, a: number, b: number, count: number): number {
  let sum = 0;
  for (let n = 0; n < count; n++) sum += Math.abs(core.bytes8[a + n] - core.bytes8[b + n]);
  return sum;
}

const saturateHalf = (value: number): number => clamp(value, -32768, 32767);
const roundedHigh: LaneFunction = (a, b) => (((a * b) >> 14) + 1) >> 1;
const sign: LaneFunction = (a, b) => (b < 0 ? -a : b === 0 ? 0 : a);

/** PTEST: ZF = no common bit, CF = no bit of s outside d. */
const test: WideOperation = (core, d, s, count) => {
  let common = 0;
  let outside = 0;
  for (let n = 0; n < count; n++) {
    common |= core.words[d + n] & core.words[s + n];
    outside |= ~core.words[d + n] & core.words[s + n];
  }
  core.words[LAZY_KIND] = 0;
  core.words[FLAGS] = (core.words[FLAGS] & ~0x8d5) | (common === 0 ? 0x40 : 0) | (outside === 0 ? 1 : 0);
};

export const packedIntegerHandlers: { readonly [operation: string]: HandlerSelector } = {
  pand: wide(bitwise.and),
  pandn: wide(bitwise.andNot),
  por: wide(bitwise.or),
  pxor: wide(bitwise.xor),
  paddb: bytes((a, b) => a + b),
  paddw: halves((a, b) => a + b),
  paddd: words((a, b) => a + b),
  paddq: quads(addQuad),
  psubb: bytes((a, b) => a - b),
  psubw: halves((a, b) => a - b),
  psubd: words((a, b) => a - b),
  psubq: quads(subtractQuad),
  paddsb: signedBytes((a, b) => clamp(a + b, -128, 127)),
  paddsw: signedHalves((a, b) => saturateHalf(a + b)),
  paddusb: bytes((a, b) => Math.min(a + b, 255)),
  paddusw: halves((a, b) => Math.min(a + b, 65535)),
  psubsb: signedBytes((a, b) => clamp(a - b, -128, 127)),
  psubsw: signedHalves((a, b) => saturateHalf(a - b)),
  psubusb: bytes((a, b) => Math.max(a - b, 0)),
  psubusw: halves((a, b) => Math.max(a - b, 0)),
  pcmpeqb: bytes((a, b) => (a === b ? 255 : 0)),
  pcmpeqw: halves((a, b) => (a === b ? 65535 : 0)),
  pcmpeqd: words((a, b) => (a === b ? -1 : 0)),
  pcmpeqq: quads((core, d, s) => {
    const equal = core.words[d] === core.words[s] && core.words[d + 1] === core.words[s + 1] ? -1 : 0;
    core.words[d] = core.words[d + 1] = equal;
  }),
  pcmpgtb: signedBytes((a, b) => (a > b ? 255 : 0)),
  pcmpgtw: signedHalves((a, b) => (a > b ? 65535 : 0)),
  pcmpgtd: words((a, b) => (a > b ? -1 : 0)),
  pcmpgtq: quads((core, d, s) => {
    const view = core.words;
    const high = view[d + 1] - view[s + 1];
    const greater = high > 0 || (high === 0 && view[d] >>> 0 > view[s] >>> 0) ? -1 : 0;
    view[d] = view[d + 1] = greater;
  }),
  pminub: bytes(Math.min),
  pmaxub: bytes(Math.max),
  pminsb: signedBytes(Math.min),
  pmaxsb: signedBytes(Math.max),
  pminuw: halves(Math.min),
  pmaxuw: halves(Math.max),
  pminsw: signedHalves(Math.min),
  pmaxsw: signedHalves(Math.max),
  pminsd: words(Math.min),
  pmaxsd: words(Math.max),
  pminud: words((a, b) => Math.min(a >>> 0, b >>> 0)),
  pmaxud: words((a, b) => Math.max(a >>> 0, b >>> 0)),
  pavgb: bytes((a, b) => (a + b + 1) >> 1),
  pavgw: halves((a, b) => (a + b + 1) >> 1),
  pmullw: halves((a, b) => Math.imul(a, b)),
  pmulhw: signedHalves((a, b) => (a * b) >> 16),
  pmulhuw: halves((a, b) => (a * b) / 65536),
  pmulhrsw: signedHalves(roundedHigh),
  pmulld: words((a, b) => Math.imul(a, b)),
  pmuludq: quads((core, d, s) => multiplyUnsigned(core.words, d, core.words[d], core.words[s])),
  pmuldq: quads((core, d, s) => multiplySigned(core.words, d, core.words[d], core.words[s])),
  pmaddwd: wide((core, d, s, count) => {
    const view = core.words16;
    for (let n = 0; n < count; n++) {
      const at = n * 2;
      core.words[d + n] =
        signed16(view[d * 2 + at]) * signed16(view[s * 2 + at]) +
        signed16(view[d * 2 + at + 1]) * signed16(view[s * 2 + at + 1]);
    }
  }),
  pmaddubsw: wide((core, d, s, count) => {
    const view = core.bytes8;
    for (let n = 0; n < count * 2; n++) {
      const a = d * 4 + n * 2;
      const b = s * 4 + n * 2;
      core.words16[d * 2 + n] = saturateHalf(view[a] * signed8(view[b]) + view[a + 1] * signed8(view[b + 1]));
    }
  }),
  psadbw: wide((core, d, s, count) => {
    for (let n = 0; n < count; n += 2) {
      const sum = sadOf(core, (d + n) * 4, (s + n) * 4, 8);
      core.words[d + n] = sum;
      core.words[d + n + 1] = 0;
    }
  }),
  mpsadbw: wide(
    gathered((core, d, s, _count, immediate) => {
      const block = s * 4 + (immediate & 3) * 4;
      const start = d * 4 + ((immediate >> 2) & 1) * 4;
      for (let n = 0; n < 8; n++) core.words16[WIDE_C * 2 + n] = sadOf(core, start + n, block, 4);
    }),
  ),
  phminposuw: wide((core, d, s) => {
    let smallest = 0x10000;
    let position = 0;
    for (let n = 0; n < 8; n++) {
      const value = core.words16[s * 2 + n];
      if (value >= smallest) continue;
      smallest = value;
      position = n;
    }
    core.words[d] = smallest | (position << 16);
    core.words[d + 1] = core.words[d + 2] = core.words[d + 3] = 0;
  }),
  psignb: signedBytes(sign),
  psignw: signedHalves(sign),
  psignd: words(sign),
  pabsb: bytes((_a, b) => Math.abs(signed8(b))),
  pabsw: halves((_a, b) => Math.abs(signed16(b))),
  pabsd: words((_a, b) => Math.abs(b)),
  psrlw: shiftHalves((value, count) => (count > 15 ? 0 : value >>> count)),
  psraw: shiftHalves((value, count) => signed16(value) >> Math.min(count, 15)),
  psllw: shiftHalves((value, count) => (count > 15 ? 0 : value << count)),
  psrld: shiftWords((value, count) => (count > 31 ? 0 : value >>> count)),
  psrad: shiftWords((value, count) => value >> Math.min(count, 31)),
  pslld: shiftWords((value, count) => (count > 31 ? 0 : value << count)),
  psrlq: shiftQuads(false),
  psllq: shiftQuads(true),
  psrldq: shiftBytes(false),
  pslldq: shiftBytes(true),
  punpcklbw: interleave(1, false),
  punpcklwd: interleave(2, false),
  punpckldq: interleave(4, false),
  punpcklqdq: interleave(8, false),
  punpckhbw: interleave(1, true),
  punpckhwd: interleave(2, true),
  punpckhdq: interleave(4, true),
  punpckhqdq: interleave(8, true),
  packsswb: packHalves(-128, 127),
  packuswb: packHalves(0, 255),
  packssdw: packWords(-32768, 32767),
  packusdw: packWords(0, 65535),
  pshufd: wide(
    gathered((core, _d, s, _count, immediate) => {
      for (let n = 0; n < 4; n++) core.words[WIDE_C + n] = core.words[s + ((immediate >> (n * 2)) & 3)];
    }),
  ),
  pshuflw: shuffleHalves(0),
  pshufhw: shuffleHalves(4),
  pshufw: shuffleHalves(0),
  pshufb: wide(
    gathered((core, d, s, count) => {
      const view = core.bytes8;
      for (let n = 0; n < count * 4; n++) {
        const choice = view[s * 4 + n];
        view[WIDE_C * 4 + n] = (choice & 0x80) !== 0 ? 0 : view[d * 4 + (choice & (count * 4 - 1))];
      }
    }),
  ),
  palignr: wide(
    gathered((core, d, s, count, immediate) => {
      const view = core.bytes8;
      const size = count * 4;
      for (let n = 0; n < size; n++) {
        const at = n + immediate;
        view[WIDE_C * 4 + n] = at < size ? view[s * 4 + at] : at < size * 2 ? view[d * 4 + at - size] : 0;
      }
    }),
  ),
  pblendvb: wide((core, d, s) => {
    const view = core.bytes8;
    // The mask first, as d may be XMM0 itself.
    for (let n = 0; n < 16; n++) view[WIDE_C * 4 + n] = view[XMM * 4 + n];
    for (let n = 0; n < 16; n++) if ((view[WIDE_C * 4 + n] & 0x80) !== 0) view[d * 4 + n] = view[s * 4 + n];
  }),
  pblendw: wide((core, d, s, _count, immediate) => {
    for (let n = 0; n < 8; n++) if (((immediate >> n) & 1) !== 0) core.words16[d * 2 + n] = core.words16[s * 2 + n];
  }),
  phaddw: horizontalHalves((a, b) => a + b),
  phaddd: horizontalWords((a, b) => a + b),
  phaddsw: horizontalHalves((a, b) => saturateHalf(a + b)),
  phsubw: horizontalHalves((a, b) => a - b),
  phsubd: horizontalWords((a, b) => a - b),
  phsubsw: horizontalHalves((a, b) => saturateHalf(a - b)),
  pmovsxbw: extend(1, 2, true),
  pmovsxbd: extend(1, 4, true),
  pmovsxbq: extend(1, 8, true),
  pmovsxwd: extend(2, 4, true),
  pmovsxwq: extend(2, 8, true),
  pmovsxdq: extend(4, 8, true),
  pmovzxbw: extend(1, 2, false),
  pmovzxbd: extend(1, 4, false),
  pmovzxbq: extend(1, 8, false),
  pmovzxwd: extend(2, 4, false),
  pmovzxwq: extend(2, 8, false),
  pmovzxdq: extend(4, 8, false),
  ptest: wide(test),
};
