// PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI (SDM vol. 1, 12.10 has the definition in pseudo code; vol. 2B the instructions).
//
//   immediate   bits 1:0 elements: u8 u16 s8 s16      3:2 aggregation: any, ranges, each, ordered
//               bits 5:4 polarity: +, -, masked +, masked -      6: high bit / wide mask

import type { HandlerSelector, Instruction } from '../decode/instruction.ts';
import { FLAGS, HIGH, LAZY_KIND, WIDE, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { effectiveAddress } from './operands.ts';
import { requireSse } from './sse-common.ts';

function element(core: CpuCore, register: number, index: number, kind: number): number {
  const value = (kind & 1) !== 0 ? core.words16[register * 2 + index] : core.bytes8[register * 4 + index];
  if ((kind & 2) === 0) return value;
  return (kind & 1) !== 0 ? (value << 16) >> 16 : (value << 24) >> 24;
}

/** Length given in RAX or RDX: its magnitude, at most the number of elements. */
function explicitLength(core: CpuCore, word: number, wide: boolean, most: number): number {
  const low = core.words[word];
  const high = wide ? core.words[word + 1] : low >> 31;
  if (high === 0) return low >>> 0 > most ? most : low;
  if (high === -1) return low < 0 && -low <= most ? -low : most;
  return most;
}
function implicitLength(core: CpuCore, register: number, kind: number, most: number): number {
  let length = 0;
  while (length < most && element(core, register, length, kind) !== 0) length++;
  return length;
}

/** IntRes1: one bit per element of the second operand. */
function aggregate(
  core: CpuCore,
  a: number,
  lengthA: number,
  b: number,
  lengthB: number,
  kind: number,
  how: number,
): number {
  const most = (kind & 1) !== 0 ? 8 : 16;
  let result = 0;
  for (let j = 0; j < most; j++) {
    let hit = false;
    if (how === 0) {
      for (let i = 0; i < lengthA && j < lengthB; i++) hit ||= element(core, a, i, kind) === element(core, b, j, kind);
    } else if (how === 1) {
      for (let i = 0; i + 1 < lengthA && j < lengthB; i += 2) {
        const value = element(core, b, j, kind);
        hit ||= value >= element(core, a, i, kind) && value <= element(core, a, i + 1, kind);
      }
    } else if (how === 2) {
      // Both past the end: equal; only one: not.
      hit =
        j >= lengthA || j >= lengthB
          ? j >= lengthA && j >= lengthB
          : element(core, a, j, kind) === element(core, b, j, kind);
    } else {
      hit = true;
      for (let i = 0; i < lengthA && j + i < most; i++)
        if (j + i >= lengthB || element(core, a, i, kind) !== element(core, b, j + i, kind)) hit = false;
    }
    if (hit) result |= 1 << j;
  }
  return result;
}

function compareStrings(explicit: boolean, toIndex: boolean): HandlerSelector {
  return () => (core: CpuCore, i: Instruction) => {
    requireSse(core);
    const words = core.words;
    let b = XMM + (i.rm << 2);
    if (i.memory) {
      const low = effectiveAddress(core, i);
      core.load128(low, words[HIGH]);
      b = WIDE;
    }
    const a = XMM + (i.reg << 2);
    const immediate = i.immediateLow;
    const kind = immediate & 3;
    const most = (kind & 1) !== 0 ? 8 : 16;
    const lengthA = explicit ? explicitLength(core, 0, i.rexW, most) : implicitLength(core, a, kind, most);
    const lengthB = explicit ? explicitLength(core, 4, i.rexW, most) : implicitLength(core, b, kind, most);
    let result = aggregate(core, a, lengthA, b, lengthB, kind, (immediate >> 2) & 3);
    const all = (1 << most) - 1;
    if ((immediate & 0x30) === 0x10) result ^= all;
    else if ((immediate & 0x30) === 0x30) result ^= (1 << lengthB) - 1;
    if (toIndex) {
      let index = most;
      if (result !== 0) index = (immediate & 0x40) !== 0 ? 31 - Math.clz32(result) : 31 - Math.clz32(result & -result);
      words[2] = index;
      words[3] = 0;
    } else {
      words[XMM] = words[XMM + 1] = words[XMM + 2] = words[XMM + 3] = 0;
      if ((immediate & 0x40) === 0) words[XMM] = result;
      else
        for (let n = 0; n < most; n++) {
          const mask = ((result >> n) & 1) !== 0 ? 0xffff : 0;
          if (most === 8) core.words16[XMM * 2 + n] = mask;
          else core.bytes8[XMM * 4 + n] = mask;
        }
    }
    words[LAZY_KIND] = 0;
    words[FLAGS] =
      (words[FLAGS] & ~0x8d5) |
      (result !== 0 ? 1 : 0) |
      (lengthB < most ? 0x40 : 0) |
      (lengthA < most ? 0x80 : 0) |
      ((result & 1) !== 0 ? 0x800 : 0);
  };
}

export const stringCompareHandlers: { readonly [operation: string]: HandlerSelector } = {
  pcmpestrm: compareStrings(true, false),
  pcmpestri: compareStrings(true, true),
  pcmpistrm: compareStrings(false, false),
  pcmpistri: compareStrings(false, true),
};
