// What the emitters of integer instructions share: where an operand is, how its value is pushed and popped.

import type { Instruction } from '../decode/instruction.ts';
import type { MemoryReference, Translator } from './translator.ts';
import { I64, Op } from './wasm.ts';

/** Translates an instruction; false: not this form (nothing was written). */
export type Emitter = (t: Translator, i: Instruction) => boolean;

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

/** All the arithmetic bits of FLAGS. */
export const ARITHMETIC_BITS = 0x8d5;

/** A place that is read and written: a register, or memory that was checked for writing. */
export interface Place {
  readonly memory: MemoryReference | null;
  readonly number: number;
  readonly byte: number;
}

export function placeOf(t: Translator, i: Instruction, form: string, width: number, write: boolean): Place {
  switch (form[0]) {
    case 'E':
    case 'M':
    case 'O':
    case 'R':
    case 'Z':
      if (i.memory) return { memory: t.access(i, width, write), number: 0, byte: 0 };
      return { memory: null, number: i.rm, byte: i.rmByte };
    case 'G':
      return { memory: null, number: i.reg, byte: i.regByte };
    default:
      // AL, rAX.
      return { memory: null, number: RAX, byte: 0 };
  }
}

/** Pushes the value of a place as i64; only its low `width` bytes count. */
export function pushPlace(t: Translator, place: Place, width: number): void {
  if (place.memory !== null) t.loadRaw(width, place.memory);
  else t.getRaw(width, place.number, place.byte);
}

/** Pops the result: i64 for 8 bytes, i32 else. */
export function popPlace(t: Translator, place: Place, width: number): void {
  if (place.memory === null) {
    t.setRegister(width, place.number, place.byte);
    return;
  }
  if (width !== 8) t.code.op(Op.i64ExtendI32U);
  const value = t.temporary(I64);
  t.code.set(value);
  t.storeRaw(width, place.memory, value);
}

export function pushImmediate(t: Translator, i: Instruction): void {
  t.pushImmediate(i);
}

/** Pushes flagA op flagB. */
export function pushBinary(t: Translator, width: number, wide: number, short: number): void {
  const { code } = t;
  code.get(t.flagA);
  if (width !== 8) code.op(Op.i32WrapI64);
  code.get(t.flagB);
  if (width !== 8) code.op(Op.i32WrapI64);
  code.op(width === 8 ? wide : short);
}

/** Writes an i64 local to a place. */
export function putPlace(t: Translator, place: Place, width: number, local: number): void {
  if (place.memory !== null) {
    t.storeRaw(width, place.memory, local);
    return;
  }
  t.code.get(local);
  if (width !== 8) t.code.op(Op.i32WrapI64);
  t.setRegister(width, place.number, place.byte);
}
