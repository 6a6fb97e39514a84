// SSE arithmetic, compares, shuffles and roundings of floats (SDM vol. 2). Lanes that host doubles answer exactly take the fast
// path of sse-lanes.ts; all others are computed by devices/cpu/softfloat. Results are gathered in WIDE_C and written only after
// settle() has seen no unmasked exception.

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import { BinaryOperation, compareBinary, roundBinary } from '../softfloat/binary.ts';
import { Float32, Float64, type FloatFormat } from '../softfloat/rounding.ts';
import { FLAGS, LAZY_KIND, MXCSR, WIDE_B, WIDE_C, WIDE_D, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { requireSse, settle, type WideOperation, wide } from './sse-common.ts';
import {
  bits32,
  bits64,
  configure,
  hostRounding,
  LaneOutcome,
  lane,
  lane32,
  lane64,
  plain32,
  plain64,
  setBits32,
  setBits64,
  simdStatus,
  slowLane32,
  slowLane64,
} from './sse-lanes.ts';

function copyWords(core: CpuCore, target: number, source: number, count: number): void {
  for (let n = 0; n < count; n++) core.words[target + n] = core.words[source + n];
}

/** `lanes` float64 lanes of d = d op s. `second` may name another operation for the odd lanes (ADDSUB). */
function arithmetic64(operation: number, lanes: number, even = operation): WideOperation {
  return (core, d, s) => {
    const doubles = core.floats64;
    let fast = hostRounding(core);
    let inexact = 0;
    for (let n = 0; fast && n < lanes; n++) {
      const result = lane64(n === 0 ? even : operation, doubles[(d >> 1) + n], doubles[(s >> 1) + n]);
      if (lane.outcome === LaneOutcome.slow) fast = false;
      else {
        inexact |= lane.outcome;
        doubles[(WIDE_C >> 1) + n] = result;
      }
    }
    if (fast) core.words[MXCSR] |= inexact;
    else {
      configure(core);
      for (let n = 0; n < lanes; n++)
        slowLane64(core, n === 0 ? even : operation, WIDE_C + n * 2, d + n * 2, s + n * 2);
      settle(core, simdStatus.flags);
    }
    copyWords(core, d, WIDE_C, lanes * 2);
  };
}

function arithmetic32(operation: number, lanes: number, even = operation): WideOperation {
  return (core, d, s) => {
    const floats = core.floats32;
    let fast = hostRounding(core);
    let inexact = 0;
    for (let n = 0; fast && n < lanes; n++) {
      const result = lane32((n & 1) === 0 ? even : operation, floats[d + n], floats[s + n]);
      if (lane.outcome === LaneOutcome.slow) fast = false;
      else {
        inexact |= lane.outcome;
        floats[WIDE_C + n] = result;
      }
    }
    if (fast) core.words[MXCSR] |= inexact;
    else {
      configure(core);
      for (let n = 0; n < lanes; n++) slowLane32(core, (n & 1) === 0 ? even : operation, WIDE_C + n, d + n, s + n);
      settle(core, simdStatus.flags);
    }
    copyWords(core, d, WIDE_C, lanes);
  };
}

/** Besides host rounding: PE is already set, so that nobody needs to know whether a result is exact. */
function hostRoundingInexact(core: CpuCore): boolean {
  return (core.words[MXCSR] & 0x7fe0) === 0x1fa0;
}

/** ADDSD, SUBSD, MULSD and DIVSD: the common case without the loop over lanes and the error terms. */
function scalar64(operation: number): WideOperation {
  const general = arithmetic64(operation, 1);
  const finish = (core: CpuCore, d: number, s: number, a: number, b: number, result: number): void => {
    const magnitude = Math.abs(result);
    // Strictly above the smallest normal number: a product rounded up to it was tiny before. Zero only if no operand vanished.
    if (magnitude > 2 ** -1022 && magnitude < Infinity && plain64(a) && plain64(b) && hostRoundingInexact(core))
      core.floats64[d >> 1] = result;
    else general(core, d, s, 4, 0);
  };
  switch (operation) {
    case BinaryOperation.add:
      return (core, d, s) => {
        const a = core.floats64[d >> 1];
        const b = core.floats64[s >> 1];
        finish(core, d, s, a, b, a + b);
      };
    case BinaryOperation.subtract:
      return (core, d, s) => {
        const a = core.floats64[d >> 1];
        const b = core.floats64[s >> 1];
        finish(core, d, s, a, b, a - b);
      };
    case BinaryOperation.multiply:
      return (core, d, s) => {
        const a = core.floats64[d >> 1];
        const b = core.floats64[s >> 1];
        finish(core, d, s, a, b, a * b);
      };
    default:
      return (core, d, s) => {
        const a = core.floats64[d >> 1];
        const b = core.floats64[s >> 1];
        finish(core, d, s, a, b, a / b);
      };
  }
}

/** The same with both operands in registers, without a call between: what compilers emit most. */
function scalar64InRegisters(operation: number): Handler {
  const general = arithmetic64(operation, 1);
  const finish = (core: CpuCore, i: Instruction, a: number, b: number, result: number): void => {
    const magnitude = Math.abs(result);
    if (magnitude > 2 ** -1022 && magnitude < Infinity && plain64(a) && plain64(b) && hostRoundingInexact(core))
      core.floats64[XMM / 2 + (i.reg << 1)] = result;
    else general(core, XMM + (i.reg << 2), XMM + (i.rm << 2), 4, 0);
  };
  const target = (core: CpuCore, i: Instruction): number => core.floats64[XMM / 2 + (i.reg << 1)];
  const source = (core: CpuCore, i: Instruction): number => core.floats64[XMM / 2 + (i.rm << 1)];
  switch (operation) {
    case BinaryOperation.add:
      return (core, i) => {
        requireSse(core);
        const a = target(core, i);
        const b = source(core, i);
        finish(core, i, a, b, a + b);
      };
    case BinaryOperation.subtract:
      return (core, i) => {
        requireSse(core);
        const a = target(core, i);
        const b = source(core, i);
        finish(core, i, a, b, a - b);
      };
    case BinaryOperation.multiply:
      return (core, i) => {
        requireSse(core);
        const a = target(core, i);
        const b = source(core, i);
        finish(core, i, a, b, a * b);
      };
    default:
      return (core, i) => {
        requireSse(core);
        const a = target(core, i);
        const b = source(core, i);
        finish(core, i, a, b, a / b);
      };
  }
}

function scalarFamily(operation: number): HandlerSelector {
  const inRegisters = scalar64InRegisters(operation);
  const fromMemory = wide(scalar64(operation));
  return (i) => (i.memory ? fromMemory(i) : inRegisters);
}

function family(stem: string, operation: number): { [name: string]: HandlerSelector } {
  return {
    [`${stem}ps`]: wide(arithmetic32(operation, 4)),
    [`${stem}pd`]: wide(arithmetic64(operation, 2)),
    [`${stem}ss`]: wide(arithmetic32(operation, 1)),
    [`${stem}sd`]: wide(arithmetic64(operation, 1)),
  };
}

/** HADD and HSUB: neighbours of d, then neighbours of s, gathered so that the vertical operation does the work. */
function horizontal64(operation: number): WideOperation {
  const vertical = arithmetic64(operation, 2);
  return (core, d, s) => {
    const words = core.words;
    // WIDE_B = even elements, WIDE_D = odd ones.
    copyWords(core, WIDE_B, d, 2);
    copyWords(core, WIDE_D, d + 2, 2);
    words[WIDE_B + 2] = words[s];
    words[WIDE_B + 3] = words[s + 1];
    words[WIDE_D + 2] = words[s + 2];
    words[WIDE_D + 3] = words[s + 3];
    vertical(core, WIDE_B, WIDE_D, 4, 0);
    copyWords(core, d, WIDE_B, 4);
  };
}
function horizontal32(operation: number): WideOperation {
  const vertical = arithmetic32(operation, 4);
  return (core, d, s) => {
    const words = core.words;
    for (let n = 0; n < 2; n++) {
      words[WIDE_B + n] = words[d + n * 2];
      words[WIDE_D + n] = words[d + n * 2 + 1];
      words[WIDE_B + 2 + n] = words[s + n * 2];
      words[WIDE_D + 2 + n] = words[s + n * 2 + 1];
    }
    vertical(core, WIDE_B, WIDE_D, 4, 0);
    copyWords(core, d, WIDE_B, 4);
  };
}

// ------------------------------------------------------------------------------------------------ compares

/** UCOMIS and COMIS: ZF PF CF say equal, unordered, less; OF SF AF are cleared. */
function compareToFlags(format: FloatFormat, quietly: boolean): WideOperation {
  const isDouble = format === Float64;
  return (core, d, s) => {
    const a = isDouble ? core.floats64[d >> 1] : core.floats32[d];
    const b = isDouble ? core.floats64[s >> 1] : core.floats32[s];
    let order: number;
    if (hostRounding(core) && (isDouble ? plain64(a) && plain64(b) : plain32(a) && plain32(b))) {
      order = a < b ? -1 : a > b ? 1 : 0;
    } else {
      configure(core);
      order = isDouble
        ? compareBinary(simdStatus, format, bits64(core, d), bits64(core, s), quietly)
        : compareBinary(simdStatus, format, bits32(core, d), bits32(core, s), quietly);
      settle(core, simdStatus.flags);
    }
    const words = core.words;
    words[LAZY_KIND] = 0;
    words[FLAGS] = (words[FLAGS] & ~0x8d5) | (order === 2 ? 0x45 : order === 0 ? 0x40 : order < 0 ? 1 : 0);
  };
}

/** Bit n of entry p: does predicate p hold for order n-1 (less, equal, greater, unordered)? EQ LT LE UNORD NEQ NLT NLE ORD. */
const predicates = [0b0010, 0b0001, 0b0011, 0b1000, 0b1101, 0b1110, 0b1100, 0b0111];
/** LT, LE, NLT, NLE signal for quiet NaNs too (SDM vol. 2, CMPPD table). */
const signalingPredicates = 0b01100110;

function compareToMask(format: FloatFormat, lanes: number): WideOperation {
  const step = format === Float64 ? 2 : 1;
  return (core, d, s, _count, immediate) => {
    const predicate = immediate & 7;
    const holds = predicates[predicate];
    const quietly = ((signalingPredicates >> predicate) & 1) === 0;
    const words = core.words;
    configure(core);
    const host = hostRounding(core);
    for (let n = 0; n < lanes; n++) {
      const at = n * step;
      const a = step === 2 ? core.floats64[(d + at) >> 1] : core.floats32[d + at];
      const b = step === 2 ? core.floats64[(s + at) >> 1] : core.floats32[s + at];
      let order: number;
      if (host && (step === 2 ? plain64(a) && plain64(b) : plain32(a) && plain32(b)))
        order = a < b ? -1 : a > b ? 1 : 0;
      else if (step === 2)
        order = compareBinary(simdStatus, format, bits64(core, d + at), bits64(core, s + at), quietly);
      else order = compareBinary(simdStatus, format, bits32(core, d + at), bits32(core, s + at), quietly);
      const mask = -((holds >> (order + 1)) & 1);
      words[WIDE_C + at] = mask;
      if (step === 2) words[WIDE_C + at + 1] = mask;
    }
    if (simdStatus.flags !== 0) settle(core, simdStatus.flags);
    copyWords(core, d, WIDE_C, lanes * step);
  };
}

// ------------------------------------------------------------------------------------------------ estimates, rounding, dot product

/** RCP and RSQRT: about 12 bits, denormals read as zero, no exceptions (SDM vol. 2, RCPPS). */
function estimate(lanes: number, squareRoot: boolean): WideOperation {
  return (core, d, s) => {
    const words = core.words;
    for (let n = 0; n < lanes; n++) {
      const bits = words[s + n];
      const magnitude = bits & 0x7fffffff;
      if (magnitude > 0x7f800000) words[d + n] = bits | 0x400000;
      else if (magnitude < 0x800000) words[d + n] = (bits & 0x80000000) | 0x7f800000;
      else if (squareRoot && bits < 0) words[d + n] = 0xffc00000;
      else if (magnitude === 0x7f800000) words[d + n] = squareRoot ? 0 : bits & 0x80000000;
      else {
        const value = core.floats32[s + n];
        const exact = squareRoot ? 1 / Math.sqrt(value) : 1 / value;
        core.floats32[d + n] = exact;
        // Twelve fraction bits, and no denormal results.
        words[d + n] = Math.abs(exact) <= 2 ** -126 ? bits & 0x80000000 : (words[d + n] + 0x400) & ~0x7ff;
      }
    }
  };
}

function roundFloats(format: FloatFormat, lanes: number): WideOperation {
  const step = format === Float64 ? 2 : 1;
  return (core, d, s, _count, immediate) => {
    configure(core);
    const mode = (immediate & 4) !== 0 ? simdStatus.rounding : immediate & 3;
    const quietly = (immediate & 8) !== 0;
    for (let n = 0; n < lanes * step; n += step) {
      if (step === 2) setBits64(core, WIDE_C + n, roundBinary(simdStatus, format, mode, bits64(core, s + n), quietly));
      else setBits32(core, WIDE_C + n, roundBinary(simdStatus, format, mode, bits32(core, s + n), quietly));
    }
    if (simdStatus.flags !== 0) settle(core, simdStatus.flags);
    copyWords(core, d, WIDE_C, lanes * step);
  };
}

/** DPPS: products of the lanes chosen by bits 4-7, summed as (0+1)+(2+3), to the lanes chosen by bits 0-3. */
const dotProduct32: WideOperation = (core, d, s, _count, immediate) => {
  const words = core.words;
  configure(core);
  for (let n = 0; n < 4; n++) {
    if (((immediate >> (4 + n)) & 1) !== 0) slowLane32(core, BinaryOperation.multiply, WIDE_C + n, d + n, s + n);
    else words[WIDE_C + n] = 0;
  }
  settle(core, simdStatus.flags);
  configure(core);
  slowLane32(core, BinaryOperation.add, WIDE_C, WIDE_C, WIDE_C + 1);
  slowLane32(core, BinaryOperation.add, WIDE_C + 2, WIDE_C + 2, WIDE_C + 3);
  settle(core, simdStatus.flags);
  configure(core);
  slowLane32(core, BinaryOperation.add, WIDE_C, WIDE_C, WIDE_C + 2);
  settle(core, simdStatus.flags);
  const sum = words[WIDE_C];
  for (let n = 0; n < 4; n++) words[d + n] = ((immediate >> n) & 1) !== 0 ? sum : 0;
};

const dotProduct64: WideOperation = (core, d, s, _count, immediate) => {
  const words = core.words;
  configure(core);
  for (let n = 0; n < 2; n++) {
    const at = WIDE_C + n * 2;
    if (((immediate >> (4 + n)) & 1) !== 0) slowLane64(core, BinaryOperation.multiply, at, d + n * 2, s + n * 2);
    else words[at] = words[at + 1] = 0;
  }
  settle(core, simdStatus.flags);
  configure(core);
  slowLane64(core, BinaryOperation.add, WIDE_C, WIDE_C, WIDE_C + 2);
  settle(core, simdStatus.flags);
  const low = words[WIDE_C];
  const high = words[WIDE_C + 1];
  for (let n = 0; n < 2; n++) {
    const chosen = ((immediate >> n) & 1) !== 0;
    words[d + n * 2] = chosen ? low : 0;
    words[d + n * 2 + 1] = chosen ? high : 0;
  }
};

// ------------------------------------------------------------------------------------------------ bits and shuffles

const and: WideOperation = (core, d, s, count) => {
  for (let n = 0; n < count; n++) core.words[d + n] &= core.words[s + n];
};
const andNot: WideOperation = (core, d, s, count) => {
  for (let n = 0; n < count; n++) core.words[d + n] = ~core.words[d + n] & core.words[s + n];
};
const or: WideOperation = (core, d, s, count) => {
  for (let n = 0; n < count; n++) core.words[d + n] |= core.words[s + n];
};
const xor: WideOperation = (core, d, s, count) => {
  for (let n = 0; n < count; n++) core.words[d + n] ^= core.words[s + n];
};
export const bitwise = { and, andNot, or, xor } as const;

/** Picks four words out of d (0..3) and s (4..7). */
function pick(core: CpuCore, d: number, s: number, first: number, second: number, third: number, fourth: number): void {
  const words = core.words;
  const a = words[first < 4 ? d + first : s + first - 4];
  const b = words[second < 4 ? d + second : s + second - 4];
  const c = words[third < 4 ? d + third : s + third - 4];
  const e = words[fourth < 4 ? d + fourth : s + fourth - 4];
  words[d] = a;
  words[d + 1] = b;
  words[d + 2] = c;
  words[d + 3] = e;
}

/** BLEND: bit n of the immediate takes element n from s. */
function blend(step: number): WideOperation {
  return (core, d, s, _count, immediate) => {
    for (let n = 0; n < 4; n++)
      if (((immediate >> Math.floor(n / step)) & 1) !== 0) core.words[d + n] = core.words[s + n];
  };
}
/** BLENDV: the sign of the element in XMM0 decides. */
function blendBySign(step: number): WideOperation {
  return (core, d, s) => {
    const words = core.words;
    // The masks first, as d may be XMM0 itself.
    for (let n = 0; n < 4; n++) words[WIDE_C + n] = words[XMM + (step === 2 ? n | 1 : n)];
    for (let n = 0; n < 4; n++) if (words[WIDE_C + n] < 0) words[d + n] = words[s + n];
  };
}

export const floatHandlers: { readonly [operation: string]: HandlerSelector } = {
  ...family('add', BinaryOperation.add),
  ...family('sub', BinaryOperation.subtract),
  ...family('mul', BinaryOperation.multiply),
  ...family('div', BinaryOperation.divide),
  addsd: scalarFamily(BinaryOperation.add),
  subsd: scalarFamily(BinaryOperation.subtract),
  mulsd: scalarFamily(BinaryOperation.multiply),
  divsd: scalarFamily(BinaryOperation.divide),
  ...family('min', BinaryOperation.minimum),
  ...family('max', BinaryOperation.maximum),
  ...family('sqrt', BinaryOperation.squareRoot),
  addsubps: wide(arithmetic32(BinaryOperation.add, 4, BinaryOperation.subtract)),
  addsubpd: wide(arithmetic64(BinaryOperation.add, 2, BinaryOperation.subtract)),
  haddps: wide(horizontal32(BinaryOperation.add)),
  haddpd: wide(horizontal64(BinaryOperation.add)),
  hsubps: wide(horizontal32(BinaryOperation.subtract)),
  hsubpd: wide(horizontal64(BinaryOperation.subtract)),
  rcpps: wide(estimate(4, false)),
  rcpss: wide(estimate(1, false)),
  rsqrtps: wide(estimate(4, true)),
  rsqrtss: wide(estimate(1, true)),
  ucomiss: wide(compareToFlags(Float32, true)),
  ucomisd: wide(compareToFlags(Float64, true)),
  comiss: wide(compareToFlags(Float32, false)),
  comisd: wide(compareToFlags(Float64, false)),
  cmpps: wide(compareToMask(Float32, 4)),
  cmppd: wide(compareToMask(Float64, 2)),
  cmpss: wide(compareToMask(Float32, 1)),
  cmpsd: wide(compareToMask(Float64, 1)),
  roundps: wide(roundFloats(Float32, 4)),
  roundpd: wide(roundFloats(Float64, 2)),
  roundss: wide(roundFloats(Float32, 1)),
  roundsd: wide(roundFloats(Float64, 1)),
  dpps: wide(dotProduct32),
  dppd: wide(dotProduct64),
  andps: wide(and),
  andpd: wide(and),
  andnps: wide(andNot),
  andnpd: wide(andNot),
  orps: wide(or),
  orpd: wide(or),
  xorps: wide(xor),
  xorpd: wide(xor),
  unpcklps: wide((core, d, s) => pick(core, d, s, 0, 4, 1, 5)),
  unpckhps: wide((core, d, s) => pick(core, d, s, 2, 6, 3, 7)),
  unpcklpd: wide((core, d, s) => pick(core, d, s, 0, 1, 4, 5)),
  unpckhpd: wide((core, d, s) => pick(core, d, s, 2, 3, 6, 7)),
  shufps: wide((core, d, s, _count, immediate) =>
    pick(core, d, s, immediate & 3, (immediate >> 2) & 3, 4 + ((immediate >> 4) & 3), 4 + ((immediate >> 6) & 3)),
  ),
  shufpd: wide((core, d, s, _count, immediate) => {
    const low = (immediate & 1) * 2;
    const high = 4 + ((immediate >> 1) & 1) * 2;
    pick(core, d, s, low, low + 1, high, high + 1);
  }),
  blendps: wide(blend(1)),
  blendpd: wide(blend(2)),
  blendvps: wide(blendBySign(1)),
  blendvpd: wide(blendBySign(2)),
  insertps: (i) =>
    wide((core, d, s, _count, immediate) => {
      // A register source gives the element chosen by bits 6-7; memory is one element.
      const value = core.words[i.memory ? s : s + ((immediate >> 6) & 3)];
      core.words[d + ((immediate >> 4) & 3)] = value;
      for (let n = 0; n < 4; n++) if (((immediate >> n) & 1) !== 0) core.words[d + n] = 0;
    })(i),
};
