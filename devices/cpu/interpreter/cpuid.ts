// CPUID (SDM vol. 2): an x86-64-v2 processor without AVX (OSXSAVE is 0).
//
//   leaf 1 EDX: FPU TSC MSR PAE CX8 CMOV CLFSH MMX FXSR SSE SSE2     ECX: SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT
//   leaf 7 EBX: FSGSBASE SMEP ERMS SMAP                              80000001 EDX: SYSCALL NX PDPE1GB RDTSCP LM  ECX: LAHF

import type { Handler } from '../decode/instruction.ts';
import { RAX_WORD, RBX_WORD, RCX_WORD, RDX_WORD } from './access.ts';

const bits = (...numbers: readonly number[]): number => numbers.reduce((value, bit) => value | (1 << bit), 0);
/** Four characters as a little-endian word. */
const word = (text: string): number =>
  text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24);

const VENDOR = 'GenuineIntel';
const BRAND = 'EuroOS Workstation virtual x86-64 CPU'.padEnd(48, '\0');

/** Family 6, model 42, stepping 7: a processor of the x86-64-v2 generation. */
const SIGNATURE = 0x000206a7;
const FEATURES_EDX = bits(0, 3, 4, 5, 6, 8, 13, 15, 16, 19, 23, 24, 25, 26);
const FEATURES_ECX = bits(0, 9, 13, 19, 20, 23);
const STRUCTURED_EBX = bits(0, 7, 9, 20);
const EXTENDED_EDX = bits(11, 20, 26, 27, 29);
const EXTENDED_ECX = bits(0);

export const cpuid: Handler = (core) => {
  const w = core.words;
  const leaf = w[RAX_WORD] >>> 0;
  const sub = w[RCX_WORD];
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  if (leaf === 0) {
    a = 7;
    b = word(VENDOR.slice(0, 4));
    d = word(VENDOR.slice(4, 8));
    c = word(VENDOR.slice(8, 12));
  } else if (leaf === 1) {
    a = SIGNATURE;
    // CLFLUSH line of 8 x 8 bytes, one logical processor.
    b = (1 << 16) | (8 << 8);
    c = FEATURES_ECX;
    d = FEATURES_EDX;
  } else if (leaf === 7 && sub === 0) b = STRUCTURED_EBX;
  else if (leaf === 0x80000000) a = 0x80000008;
  else if (leaf === 0x80000001) {
    c = EXTENDED_ECX;
    d = EXTENDED_EDX;
  } else if (leaf >= 0x80000002 && leaf <= 0x80000004) {
    const at = (leaf - 0x80000002) * 16;
    a = word(BRAND.slice(at, at + 4));
    b = word(BRAND.slice(at + 4, at + 8));
    c = word(BRAND.slice(at + 8, at + 12));
    d = word(BRAND.slice(at + 12, at + 16));
  } else if (leaf === 0x80000007)
    // The time-stamp counter runs at a constant rate.
    d = 1 << 8;
  else if (leaf === 0x80000008)
    // 40 physical and 48 linear address bits.
    a = 40 | (48 << 8);
  for (const [register, value] of [
    [RAX_WORD, a],
    [RBX_WORD, b],
    [RCX_WORD, c],
    [RDX_WORD, d],
  ]) {
    w[register] = value;
    w[register + 1] = 0;
  }
};
