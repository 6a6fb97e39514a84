// SSE conversions between integers, float32 and float64 (SDM vol. 2; indefinites: vol. 1, 4.2.2 and 11.5.2.1). A value that does
// not fit an integer gives 80000000 or 8000000000000000 and IE.

import type { Handler, HandlerSelector } from '../decode/instruction.ts';
import { binaryToInteger, convertBinary, integerToBinary } from '../softfloat/binary.ts';
import { Float32, Float64, type FloatFormat, Rounding } from '../softfloat/rounding.ts';
import { MXCSR, WIDE, WIDE_C, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { loadSource, requireSse, settle, type WideOperation, wide } from './sse-common.ts';
import {
  bits32,
  bits64,
  configure,
  hostRounding,
  plain32,
  plain64,
  setBits32,
  setBits64,
  simdStatus,
} from './sse-lanes.ts';

/** Adding and taking away 1.5 * 2^52 rounds to an integer, to nearest even, for magnitudes below 2^51. */
const ROUNDER = 6755399441055744;

/** CVT(T)SS2SI, CVT(T)SD2SI. */
function toGeneral(format: FloatFormat, truncate: boolean): HandlerSelector {
  const isDouble = format === Float64;
  return (i): Handler => {
    const bits = i.rexW ? 64 : 32;
    const limit = bits === 64 ? 2 ** 51 : 2 ** 31 - 1;
    return (core, i) => {
      requireSse(core);
      let source = WIDE;
      if (i.memory) loadSource(core, i, isDouble ? 8 : 4, false);
      else source = XMM + (i.rm << 2);
      const words = core.words;
      const value = isDouble ? core.floats64[source >> 1] : core.floats32[source];
      if (hostRounding(core) && Math.abs(value) < limit) {
        const integer = truncate ? Math.trunc(value) : value + ROUNDER - ROUNDER;
        if (integer !== value) words[MXCSR] |= 0x20;
        words[i.regWord] = integer | 0;
        words[i.regWord + 1] = bits === 64 ? Math.floor(integer / 4294967296) | 0 : 0;
        return;
      }
      configure(core);
      const exact = isDouble ? bits64(core, source) : bits32(core, source);
      const rounding = truncate ? Rounding.zero : simdStatus.rounding;
      const result = binaryToInteger(simdStatus, format, rounding, exact, bits);
      settle(core, simdStatus.flags);
      words[i.regWord] = Number(BigInt.asIntN(32, result));
      words[i.regWord + 1] = bits === 64 ? Number(BigInt.asIntN(32, result >> 32n)) : 0;
    };
  };
}

/** CVTSI2SS, CVTSI2SD. */
function fromGeneral(format: FloatFormat): HandlerSelector {
  const isDouble = format === Float64;
  return (i): Handler => {
    const wideSource = i.rexW;
    return (core, i) => {
      requireSse(core);
      const words = core.words;
      if (i.memory) loadSource(core, i, wideSource ? 8 : 4, false);
      const low = i.memory ? words[WIDE] : words[i.rmWord];
      const high = wideSource ? (i.memory ? words[WIDE + 1] : words[i.rmWord + 1]) : low >> 31;
      const target = XMM + (i.reg << 2);
      const value = high * 4294967296 + (low >>> 0);
      if (hostRounding(core) && high >= -0x200000 && high < 0x200000) {
        if (isDouble) core.floats64[target >> 1] = value;
        else {
          core.floats32[target] = value;
          if (core.floats32[target] !== value) words[MXCSR] |= 0x20;
        }
        return;
      }
      configure(core);
      const exact = (BigInt(high) << 32n) | BigInt(low >>> 0);
      const result = integerToBinary(simdStatus, format, exact);
      settle(core, simdStatus.flags);
      if (isDouble) setBits64(core, target, result);
      else setBits32(core, target, result);
    };
  };
}

/** One float of `from` at word `source` to `to` at word `target`; flags gather in simdStatus. */
function convertLane(core: CpuCore, from: FloatFormat, to: FloatFormat, target: number, source: number): void {
  if (from === Float32) setBits64(core, target, convertBinary(simdStatus, from, to, bits32(core, source)));
  else setBits32(core, target, convertBinary(simdStatus, from, to, bits64(core, source)));
}

/** CVTSS2SD and CVTPS2PD. */
function widen(lanes: number): WideOperation {
  return (core, d, s) => {
    const floats = core.floats32;
    const first = floats[s];
    const second = lanes === 2 ? floats[s + 1] : 0;
    if (hostRounding(core) && plain32(first) && plain32(second)) {
      core.floats64[d >> 1] = first;
      if (lanes === 2) core.floats64[(d >> 1) + 1] = second;
      return;
    }
    configure(core);
    for (let n = 0; n < lanes; n++) convertLane(core, Float32, Float64, WIDE_C + n * 2, s + n);
    settle(core, simdStatus.flags);
    for (let n = 0; n < lanes * 2; n++) core.words[d + n] = core.words[WIDE_C + n];
  };
}

/** CVTSD2SS. */
const narrowScalar: WideOperation = (core, d, s) => {
  const value = core.floats64[s >> 1];
  const narrow = Math.fround(value);
  if (hostRounding(core) && plain64(value) && plain32(narrow) && (Math.abs(narrow) > 2 ** -126 || value === 0)) {
    core.floats32[d] = narrow;
    if (narrow !== value) core.words[MXCSR] |= 0x20;
    return;
  }
  configure(core);
  convertLane(core, Float64, Float32, WIDE_C, s);
  settle(core, simdStatus.flags);
  core.words[d] = core.words[WIDE_C];
};

/** CVTPD2PS. */
const narrowPair: WideOperation = (core, d, s) => {
  configure(core);
  for (let n = 0; n < 2; n++) convertLane(core, Float64, Float32, WIDE_C + n, s + n * 2);
  settle(core, simdStatus.flags);
  core.words[d] = core.words[WIDE_C];
  core.words[d + 1] = core.words[WIDE_C + 1];
  core.words[d + 2] = 0;
  core.words[d + 3] = 0;
};

/** Packed int32 to floats; `lanes` results in `to` (CVTDQ2PS/PD, CVTPI2PS/PD). */
function fromPacked(to: FloatFormat, lanes: number): WideOperation {
  return (core, d, s) => {
    configure(core);
    for (let n = 0; n < lanes; n++) {
      const result = integerToBinary(simdStatus, to, BigInt(core.words[s + n]));
      if (to === Float64) setBits64(core, WIDE_C + n * 2, result);
      else setBits32(core, WIDE_C + n, result);
    }
    settle(core, simdStatus.flags);
    const count = to === Float64 ? lanes * 2 : lanes;
    for (let n = 0; n < count; n++) core.words[d + n] = core.words[WIDE_C + n];
  };
}

/** Packed floats to int32; what the results leave free of an XMM register is cleared. */
function toPacked(from: FloatFormat, lanes: number, truncate: boolean): WideOperation {
  return (core, d, s, count) => {
    configure(core);
    for (let n = 0; n < lanes; n++) {
      const bits = from === Float64 ? bits64(core, s + n * 2) : bits32(core, s + n);
      const rounding = truncate ? Rounding.zero : simdStatus.rounding;
      core.words[WIDE_C + n] = Number(binaryToInteger(simdStatus, from, rounding, bits, 32));
    }
    settle(core, simdStatus.flags);
    for (let n = 0; n < count; n++) core.words[d + n] = n < lanes ? core.words[WIDE_C + n] : 0;
  };
}

export const conversionHandlers: { readonly [operation: string]: HandlerSelector } = {
  cvtss2si: toGeneral(Float32, false),
  cvttss2si: toGeneral(Float32, true),
  cvtsd2si: toGeneral(Float64, false),
  cvttsd2si: toGeneral(Float64, true),
  cvtsi2ss: fromGeneral(Float32),
  cvtsi2sd: fromGeneral(Float64),
  cvtss2sd: wide(widen(1)),
  cvtps2pd: wide(widen(2)),
  cvtsd2ss: wide(narrowScalar),
  cvtpd2ps: wide(narrowPair),
  cvtdq2ps: wide(fromPacked(Float32, 4)),
  cvtdq2pd: wide(fromPacked(Float64, 2)),
  cvtps2dq: wide(toPacked(Float32, 4, false)),
  cvttps2dq: wide(toPacked(Float32, 4, true)),
  cvtpd2dq: wide(toPacked(Float64, 2, false)),
  cvttpd2dq: wide(toPacked(Float64, 2, true)),
  cvtpi2ps: wide(fromPacked(Float32, 2)),
  cvtpi2pd: wide(fromPacked(Float64, 2)),
  cvtps2pi: wide(toPacked(Float32, 2, false)),
  cvttps2pi: wide(toPacked(Float32, 2, true)),
  cvtpd2pi: wide(toPacked(Float64, 2, false)),
  cvttpd2pi: wide(toPacked(Float64, 2, true)),
};
