// What the emitters of SSE instructions share: the source operand, constants, rearranged bytes, and the frame of an instruction that
// computes a whole register from two.

import type { Instruction } from '../decode/instruction.ts';
import { bytesOf } from '../interpreter/sse-common.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd-opcodes.ts';
import type { Translator } from './translator.ts';
import { I32, NO_RESULT, Op, V128 } from './wasm.ts';

const REGISTER_BYTES = 16;
export const ALL_ONES: readonly number[] = new Array<number>(REGISTER_BYTES).fill(0xff);

/**
 * The source operand: pushes a v128; a smaller memory operand stands in its low lanes. `aligned` as for all 16-byte operands but
 * those of the MOVU family.
 */
export function pushSource(t: Translator, i: Instruction, aligned = true): void {
  const { code } = t;
  if (!i.memory) {
    t.vectors.get(i.rm);
    return;
  }
  const bytes = bytesOf(i.row.operands[1]);
  const at = t.access(i, bytes, false, aligned && bytes === REGISTER_BYTES);
  if (bytes === 2) {
    pushZero(t);
    code.get(at.host);
    code.memory(Op.i32Load16U, at.offset);
    code.simdLane(Simd.i32x4Replace, 0);
    return;
  }
  code.get(at.host);
  code.simdMemory(bytes === REGISTER_BYTES ? Simd.load : bytes === 8 ? Simd.load64Zero : Simd.load32Zero, at.offset);
}

/** Pushes a v128 of 16 bytes. */
export function pushConstant(t: Translator, bytes: readonly number[]): void {
  t.code.simd(Simd.constant);
  for (const byte of bytes) t.code.op(byte & 0xff);
}
const ZERO = new Array<number>(REGISTER_BYTES).fill(0);
export function pushZero(t: Translator): void {
  pushConstant(t, ZERO);
}

/** 16 bytes made of one lane's bytes. */
export function splat(lane: readonly number[]): number[] {
  return Array.from({ length: REGISTER_BYTES }, (_, n) => lane[n % lane.length]);
}

/** Of the two vectors on the stack: bytes 0..15 are those of the first, 16..31 those of the second. */
export function shuffle(t: Translator, lanes: readonly number[]): void {
  t.code.simd(Simd.shuffle);
  for (const lane of lanes) t.code.op(lane);
}
/** Byte lanes of elements of `size` bytes given by their numbers. */
export function elements(size: number, numbers: readonly number[]): number[] {
  return numbers.flatMap((number) => Array.from({ length: size }, (_, byte) => number * size + byte));
}
/** `count` numbers from `first` on. */
export function range(first: number, count: number, step = 1): number[] {
  return Array.from({ length: count }, (_, n) => first + n * step);
}

/** Pops a v128 into a local until the end of the instruction. */
export function keep(t: Translator): number {
  const local = t.temporary(V128);
  t.code.set(local);
  return local;
}
/** Pushes `a op b` of two locals. */
export function pushPair(t: Translator, a: number, b: number, opcode: number): void {
  t.code.get(a);
  t.code.get(b);
  t.code.simd(opcode);
}

/** What an instruction computes: pushes the result of destination `d` and source `s`, both locals that it must not write. */
export type Computation = (t: Translator, d: number, s: number, immediate: number, i: Instruction) => void;

/** The frame of d = f(d, s): operands into locals, result into the register. Forms of MMX are refused. */
export const compute =
  (push: Computation): Emitter =>
  (t, i) => {
    if (i.row.operands[0] !== 'Vx') return false;
    pushSource(t, i);
    const source = keep(t);
    t.vectors.get(i.reg);
    const destination = keep(t);
    push(t, destination, source, i.immediateLow & 0xff, i);
    t.vectors.set(i.reg);
    return true;
  };

/** d = d op s by one SIMD instruction. */
export const binary = (opcode: number): Emitter => compute((t, d, s) => pushPair(t, d, s, opcode));
/** d = op s. */
export const unary = (...opcodes: number[]): Emitter =>
  compute((t, _d, s) => {
    t.code.get(s);
    for (const opcode of opcodes) t.code.simd(opcode);
  });

/** ZF and CF from two conditions (each pushes an i32 of 0 or 1); the other arithmetic flags become 0. */
export function setZeroAndCarry(t: Translator, pushZeroFlag: () => void, pushCarryFlag: () => void): void {
  const { code } = t;
  code.get(t.flagWord);
  code.i32(~0x8d5);
  code.op(Op.i32And);
  pushZeroFlag();
  code.i32(6);
  code.op(Op.i32Shl);
  code.op(Op.i32Or);
  pushCarryFlag();
  code.op(Op.i32Or);
  code.set(t.flagWord);
  t.setFlagBits();
}

/** Code within `if` on the condition on the stack. */
export function when(t: Translator, emit: () => void): void {
  t.code.op(Op.if);
  t.code.op(NO_RESULT);
  t.leaveDepth++;
  emit();
  t.leaveDepth--;
  t.code.op(Op.end);
}
/** Pops an i32 into a local until the end of the instruction. */
export function keepWord(t: Translator): number {
  const local = t.temporary(I32);
  t.code.set(local);
  return local;
}
