// MMX registers in compiled code: the significands of the x87 registers, in the state area (SDM vol. 1, 9.2 and 9.5). Arithmetic is that
// of emit-sse.ts on a v128 with the register in its lower half; what is here brings it there and back, and moves.
//
// Every MMX instruction makes TOP 0 and all tags "in use", and a written register gets FFFF as sign and exponent.

import type { Instruction } from '../decode/instruction.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd.ts';
import type { Translator } from './translator.ts';
import { I64, Op, V128 } from './wasm.ts';

const ALL_ONES = 0xffff;

/** The destination of the instruction is an MMX register. */
export function isMmx(i: Instruction): boolean {
  const form = i.row.operands[0];
  return form === 'Pq' || form === 'Nq';
}

/** Pushes a v128 with an MMX register in its lower half. */
export function pushMmx(t: Translator, number: number): void {
  t.code.i32((number & 7) * 16);
  t.x87.registerVector(Simd.load64Zero);
}

/** The source operand likewise; leaves the region if an x87 exception is pending. */
export function pushMmxSource(t: Translator, i: Instruction): void {
  t.x87.begin();
  if (!i.memory) {
    pushMmx(t, i.rm);
    return;
  }
  const narrow = i.row.operands[1] === 'Qd';
  const at = t.access(i, narrow ? 4 : 8, false);
  t.code.get(at.host);
  t.code.simdMemory(narrow ? Simd.load32Zero : Simd.load64Zero, at.offset);
}

/** Pops a v128 whose lower half is the result. */
export function setMmx(t: Translator, number: number): void {
  const vector = t.temporary(V128);
  t.code.set(vector);
  writeMmx(t, number, () => {
    t.code.get(vector);
    t.code.simdLane(Simd.i64x2Extract, 0);
  });
}
function writeMmx(t: Translator, number: number, push: () => void): void {
  const { code, x87 } = t;
  const place = (number & 7) * 16;
  code.i32(place);
  push();
  x87.registerMemory(Op.i64Store, 0);
  code.i32(place);
  code.i32(ALL_ONES);
  x87.registerMemory(Op.i32Store, 8);
  x87.enterMmx();
}
function pushMmxBits(t: Translator, number: number): void {
  t.code.i32((number & 7) * 16);
  t.x87.registerMemory(Op.i64Load, 0);
}

/** MOVQ between MMX registers and memory. */
export const moveMmx: Emitter = (t, i) => {
  const store = i.row.operands[1] === 'Pq';
  t.x87.begin();
  if (!i.memory) {
    writeMmx(t, store ? i.rm : i.reg, () => pushMmxBits(t, store ? i.reg : i.rm));
    return true;
  }
  const at = t.access(i, 8, store);
  if (store) {
    t.code.get(at.host);
    pushMmxBits(t, i.reg);
    t.storePushed(8, at);
    t.x87.enterMmx();
  } else writeMmx(t, i.reg, () => t.loadRaw(8, at));
  return true;
};

/** MOVD and MOVQ between an MMX register and a general register or memory. */
export const moveMmxGeneral: Emitter = (t, i) => {
  const { code } = t;
  const width = i.rexW ? 8 : 4;
  const toMmx = i.row.operands[0] === 'Pq';
  t.x87.begin();
  const value = t.temporary(I64);
  const at = i.memory ? t.access(i, width, !toMmx) : null;
  if (toMmx) {
    if (at === null) t.getGeneral(i.rm);
    else t.loadRaw(width, at);
  } else pushMmxBits(t, i.reg);
  if (width === 4) {
    code.op(Op.i32WrapI64);
    code.op(Op.i64ExtendI32U);
  }
  code.set(value);
  if (toMmx) {
    writeMmx(t, i.reg, () => code.get(value));
    return true;
  }
  if (at !== null) t.storeRaw(width, at, value);
  else {
    code.get(value);
    t.setGeneral(i.rm);
  }
  t.x87.enterMmx();
  return true;
};

const emptyAll: Emitter = (t) => {
  t.x87.begin();
  t.x87.emptyAll();
  return true;
};

export const mmxEmitters: { readonly [operation: string]: Emitter } = { emms: emptyAll };
