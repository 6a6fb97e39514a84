// Operands of the flags that registers still hold. An exit then names the registers, and the engine fetches the operands from there:
// they need no locals of their own, which a loop would have to carry along only for the case that it is left.
//
//   CMP RAX, RDX    A = RAX               B = RDX
//   ADD RAX, 8      A = RAX - 8           B = 8         (RAX is the result)
//   SUB RAX, RDX    A = RAX + RDX         B = RDX
//
// Only the low bytes of an operand count, so that this holds for 32-bit and narrower operations too.

import type { CpuCore } from '../interpreter/core.ts';

/** register (-1: none) + sign x other (-1: none) + constant, 64 bits. */
export interface FlagSource {
  readonly register: number;
  readonly other: number;
  readonly sign: number;
  /** 32 bits, signed. */
  readonly constant: number;
}

export function constantSource(constant: number): FlagSource {
  return { register: -1, other: -1, sign: 1, constant };
}
export function registerSource(register: number, constant = 0): FlagSource | null {
  return constant === (constant | 0) ? { register, other: -1, sign: 1, constant } : null;
}
export function sumSource(register: number, other: number, sign: number): FlagSource {
  return { register, other, sign, constant: 0 };
}

export function sameSource(a: FlagSource | null, b: FlagSource | null): boolean {
  if (a === null || b === null) return a === b;
  return a.register === b.register && a.other === b.other && a.sign === b.sign && a.constant === b.constant;
}

/** The source after `delta` was added to a general register, or after it was overwritten (null). Null: it is there no more. */
export function movedSource(source: FlagSource | null, register: number, delta: number | null): FlagSource | null {
  if (source === null || (source.register !== register && source.other !== register)) return source;
  if (delta === null) return null;
  let { constant } = source;
  if (source.register === register) constant -= delta;
  if (source.other === register) constant -= delta * source.sign;
  return constant === (constant | 0) ? { ...source, constant } : null;
}

/** Puts the value into a pair of words of the state. */
export function fetchSource(core: CpuCore, source: FlagSource, word: number): void {
  const w = core.words;
  let low = source.constant;
  let high = low >> 31;
  const add = (register: number): void => {
    const sum = (low >>> 0) + (w[register * 2] >>> 0);
    low = sum | 0;
    high = (high + w[register * 2 + 1] + (sum > 0xffffffff ? 1 : 0)) | 0;
  };
  if (source.register >= 0) add(source.register);
  if (source.other >= 0) {
    if (source.sign > 0) add(source.other);
    else {
      const borrow = low >>> 0 < w[source.other * 2] >>> 0 ? 1 : 0;
      high = (high - w[source.other * 2 + 1] - borrow) | 0;
      low = (low - w[source.other * 2]) | 0;
    }
  }
  w[word] = low;
  w[word + 1] = high;
}
