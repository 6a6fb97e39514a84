// Control registers, model-specific registers and segment registers: what a change of each means for the rest.

import { Msr } from '../../contract/cpu.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  CR8,
  CSTAR,
  EFER,
  FMASK,
  FS_BASE,
  GDT_BASE,
  GDT_LIMIT,
  GS_BASE,
  HIGH,
  KERNEL_GS_BASE,
  LSTAR,
  PRIVILEGE,
  SEGMENT_BASE,
  STAR,
  TASK_BASE,
  TASK_LIMIT,
  TASK_SELECTOR,
} from '../state-layout.ts';
import { type CpuCore, Vector } from './core.ts';
import { readSystem8, readSystem32, writeSystem8 } from './system-memory.ts';

export const CR0_PE = 1;
export const CR0_WP = 0x10000;
export const CR0_PG = 0x80000000 | 0;
export const CR4_SMEP = 1 << 20;
export const CR4_SMAP = 1 << 21;
export const CR4_FSGSBASE = 1 << 16;
export const CR4_TSD = 1 << 2;
/** VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT UMIP FSGSBASE SMEP SMAP; the rest is reserved on this CPU. */
const CR4_DEFINED = 0x7ff | (1 << 11) | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP;
export const EFER_SCE = 1;
const EFER_LME = 0x100;
const EFER_LMA = 0x400;
const EFER_NXE = 0x800;

/** Index in `selectors` (CS SS DS ES FS GS) by Sreg encoding (ES CS SS DS FS GS). */
export const selectorIndex = [3, 0, 1, 2, 4, 5] as const;
export const CS = 0;
export const SS = 1;

/** Hands what the page walker needs to the MMU and drops every translation. */
export function applyPaging(core: CpuCore): void {
  const w = core.words;
  const mmu = core.mmu;
  mmu.paging = (w[CR0] & CR0_PG) !== 0;
  mmu.writeProtect = (w[CR0] & CR0_WP) !== 0;
  mmu.smep = (w[CR4] & CR4_SMEP) !== 0;
  mmu.smap = (w[CR4] & CR4_SMAP) !== 0;
  mmu.noExecute = (w[EFER] & EFER_NXE) !== 0;
  mmu.rootTable = ((w[CR3] & -4096) >>> 0) + (w[CR3 + 1] & 0xff) * 0x1_0000_0000;
  core.flushTranslations();
}

/** MOV CRn: false = the value is refused (#GP). */
export function writeControl(core: CpuCore, number: number, low: number, high: number): boolean {
  const w = core.words;
  switch (number) {
    case 0:
      // PG without PE, NW without CD.
      if (high !== 0 || ((low & CR0_PG) !== 0 && (low & CR0_PE) === 0)) return false;
      if ((low & 0x20000000) !== 0 && (low & 0x40000000) === 0) return false;
      w[CR0] = low | 0x10;
      applyPaging(core);
      return true;
    case 2:
      w[CR2] = low;
      w[CR2 + 1] = high;
      return true;
    case 3:
      // Bits above MAXPHYADDR (40) are reserved.
      if (high >>> 8 !== 0) return false;
      w[CR3] = low;
      w[CR3 + 1] = high;
      applyPaging(core);
      return true;
    case 4:
      if (high !== 0 || (low & ~CR4_DEFINED) !== 0) return false;
      w[CR4] = low;
      applyPaging(core);
      return true;
    case 8:
      if (high !== 0 || (low & ~15) !== 0) return false;
      w[CR8] = low;
      return true;
    default:
      return false;
  }
}
/** Low word; upper in HIGH. */
export function readControl(core: CpuCore, number: number): number {
  const w = core.words;
  switch (number) {
    case 0:
      w[HIGH] = 0;
      return w[CR0];
    case 2:
      w[HIGH] = w[CR2 + 1];
      return w[CR2];
    case 3:
      w[HIGH] = w[CR3 + 1];
      return w[CR3];
    case 4:
      w[HIGH] = 0;
      return w[CR4];
    default:
      w[HIGH] = 0;
      return w[CR8];
  }
}

const canonical = (high: number): boolean => high >> 15 === 0 || high >> 15 === -1;

/** Word index of the pair behind an MSR, -1 if it has none. */
function msrPair(msr: number): number {
  switch (msr >>> 0) {
    case Msr.star:
      return STAR;
    case Msr.lstar:
      return LSTAR;
    case Msr.cstar:
      return CSTAR;
    case Msr.fmask:
      return FMASK;
    case Msr.fsBase:
      return FS_BASE;
    case Msr.gsBase:
      return GS_BASE;
    case Msr.kernelGsBase:
      return KERNEL_GS_BASE;
    case Msr.efer:
      return EFER;
    default:
      return -1;
  }
}
/** Word of TSC_AUX (IA32_TSC_AUX, C0000103h), which RDTSCP returns: always 0 on one CPU. */
const TSC_AUX = 0xc0000103;

/** WRMSR: false = #GP. */
export function writeMsr(core: CpuCore, msr: number, low: number, high: number): boolean {
  const w = core.words;
  const pair = msrPair(msr);
  if (pair < 0) return msr >>> 0 === TSC_AUX && (low | high) === 0;
  if (pair === EFER) {
    if (high !== 0 || (low & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) !== 0) return false;
    // Long mode stays on: this CPU has no other.
    w[EFER] = low | EFER_LME | EFER_LMA;
    applyPaging(core);
    return true;
  }
  if (pair !== STAR && pair !== FMASK && !canonical(high)) return false;
  w[pair] = low;
  w[pair + 1] = high;
  return true;
}
/** RDMSR: low word, upper in HIGH; the flag `known` tells whether it exists. */
export function readMsr(core: CpuCore, msr: number): number {
  const w = core.words;
  const pair = msrPair(msr);
  if (pair < 0) {
    if (msr === Msr.timeStampCounter) return readTimeStamp(core);
    w[HIGH] = 0;
    return 0;
  }
  w[HIGH] = pair === EFER ? 0 : w[pair + 1];
  return w[pair];
}
/** The time-stamp counter: virtual nanoseconds (1 GHz, invariant). Low word; upper in HIGH. */
export function readTimeStamp(core: CpuCore): number {
  const count = core.nowNanos === null ? core.instructionCount + core.done : core.nowNanos();
  core.words[HIGH] = Math.floor(count / 0x1_0000_0000) | 0;
  return count | 0;
}

// --------------------------------------------------------------------------------------------------- segments
//
//   descriptor  63..56 base 31..24 | 55 G 54 D/B 53 L 51..48 limit | 47 P 46..45 DPL 44 S 43..40 type | 39..16 base 23..0 | limit

/** The last descriptor read. */
export const descriptor = { low: 0, high: 0 };

/** Reads a GDT entry into `descriptor`; raises `vector`(selector) when it lies beyond the limit. There is no LDT. */
export function readDescriptor(core: CpuCore, selector: number, vector: number): void {
  const code = selector & 0xfffc;
  if ((selector & 4) !== 0 || (selector | 7) > core.words[GDT_LIMIT]) core.raiseWithCode(vector, code);
  descriptor.low = readSystem32(core, GDT_BASE, selector & 0xfff8);
  descriptor.high = readSystem32(core, GDT_BASE, (selector & 0xfff8) + 4);
}
export const descriptorDpl = (): number => (descriptor.high >> 13) & 3;
export const descriptorPresent = (): boolean => (descriptor.high & 0x8000) !== 0;
const descriptorBase = (): number =>
  (descriptor.low >>> 16) | ((descriptor.high & 0xff) << 16) | (descriptor.high & 0xff000000);

/** MOV Sreg / POP FS (SDM vol. 2, MOV): `sreg` as encoded. */
export function loadSegment(core: CpuCore, sreg: number, selector: number): void {
  const w = core.words;
  const level = w[PRIVILEGE];
  if (selector < 4) {
    // A null selector: not for SS in ring 3, nor with another RPL.
    if (sreg === 2 && (level === 3 || (selector & 3) !== level)) core.raiseGeneralProtection();
    if (sreg >= 4) {
      w[SEGMENT_BASE + sreg * 2] = 0;
      w[SEGMENT_BASE + sreg * 2 + 1] = 0;
    }
    core.selectors[selectorIndex[sreg]] = selector;
    return;
  }
  readDescriptor(core, selector, Vector.generalProtection);
  const code = selector & 0xfffc;
  const type = (descriptor.high >> 8) & 31;
  const dpl = descriptorDpl();
  if (sreg === 2) {
    if ((selector & 3) !== level || dpl !== level || (type & 0x1a) !== 0x12) core.raiseGeneralProtection(code);
    if (!descriptorPresent()) core.raiseWithCode(Vector.stackFault, code);
  } else {
    const isCode = (type & 8) !== 0;
    if ((type & 16) === 0 || (isCode && (type & 2) === 0)) core.raiseGeneralProtection(code);
    const conforming = isCode && (type & 4) !== 0;
    if (!conforming && ((selector & 3) > dpl || level > dpl)) core.raiseGeneralProtection(code);
    if (!descriptorPresent()) core.raiseWithCode(Vector.segmentNotPresent, code);
  }
  markAccessed(core, selector);
  core.selectors[selectorIndex[sreg]] = selector;
  if (sreg >= 4) {
    w[SEGMENT_BASE + sreg * 2] = descriptorBase();
    w[SEGMENT_BASE + sreg * 2 + 1] = 0;
  }
}

/** Sets the accessed bit of a descriptor, as a load does. */
export function markAccessed(core: CpuCore, selector: number): void {
  if ((descriptor.high & 0x100) === 0) {
    const at = (selector & 0xfff8) + 5;
    writeSystem8(core, GDT_BASE, at, readSystem8(core, GDT_BASE, at) | 1);
  }
}

/** LTR: a 16-byte system descriptor of type 9 (available TSS), which becomes busy. */
export function loadTaskRegister(core: CpuCore, selector: number): void {
  const w = core.words;
  const code = selector & 0xfffc;
  if (selector < 4) core.raiseGeneralProtection();
  readDescriptor(core, selector, Vector.generalProtection);
  if ((selector & 0xfff8) + 15 > w[GDT_LIMIT]) core.raiseGeneralProtection(code);
  const type = (descriptor.high >> 8) & 31;
  if (type !== 9) core.raiseGeneralProtection(code);
  if (!descriptorPresent()) core.raiseWithCode(Vector.segmentNotPresent, code);
  const baseHigh = readSystem32(core, GDT_BASE, (selector & 0xfff8) + 8);
  const limit = (descriptor.low & 0xffff) | (descriptor.high & 0xf0000);
  writeSystem8(core, GDT_BASE, (selector & 0xfff8) + 5, ((descriptor.high >> 8) & 0xff) | 2);
  w[TASK_BASE] = descriptorBase();
  w[TASK_BASE + 1] = baseHigh;
  w[TASK_LIMIT] = (descriptor.high & 0x800000) !== 0 ? (limit << 12) | 0xfff : limit;
  w[TASK_SELECTOR] = selector;
}
