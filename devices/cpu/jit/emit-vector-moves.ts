// SSE moves: whole registers, scalars, halves, between register files, elements in and out (SDM vol. 2).

import type { Instruction } from '../decode/instruction.ts';
import { MXCSR } from '../state-layout.ts';
import { pushSource, pushZero } from './emit-vector.ts';
import { double, type Format, single } from './float-format.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
import { ALL_LANES } from './vector-registers.ts';
import { F64, I32, I64, Op } from './wasm.ts';

/** Whole registers; `aligned` for MOVAPS, MOVDQA and the non-temporal stores. */
const moveWhole =
  (aligned: boolean): Emitter =>
  (t, i) => {
    const load = i.row.operands[0] === 'Vx';
    if (!i.memory) t.vectors.copy(load ? i.reg : i.rm, load ? i.rm : i.reg);
    else if (load) {
      pushSource(t, i, aligned);
      t.vectors.set(i.reg);
    } else {
      const at = t.access(i, 16, true, aligned);
      t.code.get(at.host);
      t.vectors.get(i.reg);
      t.code.simdMemory(Simd.store, at.offset);
    }
    return true;
  };

/** MOVSS, MOVSD: a load clears the rest, a register move keeps it. Floats are moved as they are: no NaN changes on the way. */
const moveScalar =
  (f: Format): Emitter =>
  (t, i) => {
    const { code, vectors } = t;
    const load = i.row.operands[0] === 'Vx';
    if (i.memory && load) {
      const at = t.access(i, f.bytes, false);
      pushZero(t);
      vectors.set(i.reg);
      code.get(at.host);
      code.memory(f.load, at.offset);
      vectors.setLow(f.bytes, i.reg);
    } else if (i.memory) {
      const at = t.access(i, f.bytes, true);
      code.get(at.host);
      vectors.getLow(f.bytes, i.reg);
      code.memory(f.store, at.offset);
    } else {
      const [target, source] = load ? [i.reg, i.rm] : [i.rm, i.reg];
      const low = vectors.plain[source] & 15;
      const rest = vectors.plain[target];
      vectors.getLow(f.bytes, source);
      vectors.setLow(f.bytes, target);
      // Of a double's four low bytes nothing is known.
      if (low === f.bytes) vectors.plain[target] = rest === (ALL_LANES | low) ? rest : low;
    }
    return true;
  };

/** MOVQ between XMM registers and memory: the upper half becomes 0. */
const moveQuad: Emitter = (t, i) => {
  const { vectors } = t;
  const load = i.row.operands[0] === 'Vx';
  if (!load && i.row.operands[1] !== 'Vx') return false;
  if (load && i.row.operands[1] !== 'Wq') return false;
  if (i.memory) return moveScalar(double)(t, i);
  const [target, source] = load ? [i.reg, i.rm] : [i.rm, i.reg];
  const plain = vectors.plain[source] & 15;
  vectors.getLow(8, source);
  const low = t.temporary(F64);
  t.code.set(low);
  pushZero(t);
  vectors.set(target);
  t.code.get(low);
  vectors.setLow(8, target);
  vectors.plain[target] = plain === 8 ? ALL_LANES | 8 : 0;
  return true;
};

/** MOVD, MOVQ between XMM and general registers. */
const moveGeneral: Emitter = (t, i) => {
  const { code } = t;
  const [first, second] = i.row.operands;
  const size = i.rexW ? 8 : 4;
  if (first === 'Vx' && second === 'Ey') {
    if (i.memory) {
      const at = t.access(i, size, false);
      code.get(at.host);
      code.simdMemory(size === 4 ? Simd.load32Zero : Simd.load64Zero, at.offset);
    } else {
      pushZero(t);
      t.getGeneral(i.rm);
      if (size === 4) code.op(Op.i32WrapI64);
      code.simdLane(size === 4 ? Simd.i32x4Replace : Simd.i64x2Replace, 0);
    }
    t.vectors.set(i.reg);
    return true;
  }
  if (first !== 'Ey' || second !== 'Vx') return false;
  const at = i.memory ? t.access(i, size, true) : null;
  if (at !== null) code.get(at.host);
  t.vectors.get(i.reg);
  code.simdLane(size === 4 ? Simd.i32x4Extract : Simd.i64x2Extract, 0);
  if (at !== null) code.memory(size === 4 ? Op.i32Store : Op.i64Store, at.offset);
  else {
    if (size === 4) code.op(Op.i64ExtendI32U);
    t.setGeneral(i.rm);
  }
  return true;
};

/** MOVLPS, MOVHPS (and the pd names): one half, to or from memory. */
const moveHalf =
  (half: 0 | 1): Emitter =>
  (t, i) => {
    const { code } = t;
    const load = i.row.operands[0] === 'Vx';
    const at = t.access(i, 8, !load);
    code.get(at.host);
    t.vectors.get(i.reg);
    if (load) {
      code.simdMemory(Simd.load64Lane, at.offset);
      code.op(half);
      t.vectors.set(i.reg);
    } else {
      code.simdLane(Simd.i64x2Extract, half);
      code.memory(Op.i64Store, at.offset);
    }
    return true;
  };

/** MOVDDUP: the low double twice. */
const moveDouble: Emitter = (t, i) => {
  if (i.memory) {
    const at = t.access(i, 8, false);
    t.code.get(at.host);
    t.code.simdMemory(Simd.load64Splat, at.offset);
  } else {
    t.vectors.getLow(8, i.rm);
    t.code.simd(Simd.f64x2Splat);
  }
  t.vectors.set(i.reg);
  return true;
};

/** MOVMSKPS, MOVMSKPD, PMOVMSKB: sign bits to a general register. */
const moveMask =
  (opcode: number): Emitter =>
  (t, i) => {
    if (i.row.operands[1] !== 'Ux') return false;
    t.vectors.get(i.rm);
    t.code.simd(opcode);
    t.code.op(Op.i64ExtendI32U);
    t.setGeneral(i.reg);
    return true;
  };

type ElementSize = 1 | 2 | 4 | 8;
const extractions = {
  1: Simd.i8x16ExtractU,
  2: Simd.i16x8ExtractU,
  4: Simd.i32x4Extract,
  8: Simd.i64x2Extract,
} as const;
const replacements = {
  1: Simd.i8x16Replace,
  2: Simd.i16x8Replace,
  4: Simd.i32x4Replace,
  8: Simd.i64x2Replace,
} as const;
/** The element that an immediate names. */
function elementOf(i: Instruction, size: ElementSize): number {
  return i.immediateLow & (16 / size - 1);
}

/** PINSRB/W/D/Q. */
const insert =
  (size: ElementSize, wide: ElementSize = size): Emitter =>
  (t, i) => {
    const { code } = t;
    if (i.row.operands[0] !== 'Vx') return false;
    const bytes = i.rexW ? wide : size;
    const value = t.temporary(I64);
    if (i.memory) t.loadRaw(bytes, t.access(i, bytes, false));
    else t.getGeneral(i.rm);
    code.set(value);
    t.vectors.get(i.reg);
    code.get(value);
    if (bytes !== 8) code.op(Op.i32WrapI64);
    code.simdLane(replacements[bytes], elementOf(i, bytes));
    t.vectors.set(i.reg);
    return true;
  };

/** PEXTRB/W/D/Q, EXTRACTPS. */
const extract =
  (size: ElementSize, wide: ElementSize = size): Emitter =>
  (t, i) => {
    const { code } = t;
    const bytes = i.rexW ? wide : size;
    const [first, second] = i.row.operands;
    if (second !== 'Vx' && second !== 'Ux') return false;
    // The form 0F C5 has the general register in ModRM.reg.
    const legacy = first === 'Gd';
    const value = t.temporary(I64);
    const at = i.memory ? t.access(i, bytes, true) : null;
    t.vectors.get(legacy ? i.rm : i.reg);
    code.simdLane(extractions[bytes], elementOf(i, bytes));
    if (bytes !== 8) code.op(Op.i64ExtendI32U);
    code.set(value);
    if (at !== null) t.storeRaw(bytes, at, value);
    else {
      code.get(value);
      t.setGeneral(legacy ? i.reg : i.rm);
    }
    return true;
  };

/** STMXCSR: compiled code raises no flag that is not up already, so the word in memory is right. */
const storeControl: Emitter = (t, i) => {
  const value = t.temporary(I32);
  const at = t.access(i, 4, true);
  t.loadWord(t.code, MXCSR, value);
  t.code.get(at.host);
  t.code.get(value);
  t.code.memory(Op.i32Store, at.offset);
  return true;
};

export const vectorMoveEmitters: { readonly [operation: string]: Emitter } = {
  movaps: moveWhole(true),
  movapd: moveWhole(true),
  movdqa: moveWhole(true),
  movntps: moveWhole(true),
  movntpd: moveWhole(true),
  movntdq: moveWhole(true),
  movntdqa: moveWhole(true),
  movups: moveWhole(false),
  movupd: moveWhole(false),
  movdqu: moveWhole(false),
  lddqu: moveWhole(false),
  movss: moveScalar(single),
  movsd: moveScalar(double),
  movq: moveQuad,
  movd: moveGeneral,
  movlps: moveHalf(0),
  movhps: moveHalf(1),
  movddup: moveDouble,
  movmskps: moveMask(Simd.i32x4Bitmask),
  movmskpd: moveMask(Simd.i64x2Bitmask),
  pmovmskb: moveMask(Simd.i8x16Bitmask),
  pinsrb: insert(1),
  pinsrw: insert(2),
  pinsrd: insert(4, 8),
  pextrb: extract(1),
  pextrw: extract(2),
  pextrd: extract(4, 8),
  extractps: extract(4),
  stmxcsr: storeControl,
};
