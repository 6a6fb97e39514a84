// The CPU's own accesses to GDT, IDT and TSS: always with the rights of ring 0, SMAP without AC (SDM vol. 3, 4.6.1, "implicit
// supervisor-mode accesses").

import { CR2, HIGH } from '../state-layout.ts';
import { type CpuCore, Vector } from './core.ts';

/** Physical address of words[basePair] + offset for an implicit supervisor access. */
function translate(core: CpuCore, basePair: number, offset: number, access: number): number {
  const w = core.words;
  const baseLow = w[basePair];
  const low = (baseLow + offset) | 0;
  const high = (w[basePair + 1] + (low >>> 0 < baseLow >>> 0 ? 1 : 0)) | 0;
  const top = high >> 15;
  if (top !== 0 && top !== -1) core.raiseGeneralProtection();
  const mmu = core.mmu;
  mmu.accessFlag = false;
  const physical = mmu.walk(low, high, access);
  if (physical < 0) {
    w[CR2] = low;
    w[CR2 + 1] = high;
    core.raiseWithCode(Vector.pageFault, mmu.faultCode);
  }
  return physical;
}

export function readSystem8(core: CpuCore, basePair: number, offset: number): number {
  return core.memory.read8(translate(core, basePair, offset, 0));
}
export function readSystem16(core: CpuCore, basePair: number, offset: number): number {
  return readSystem8(core, basePair, offset) | (readSystem8(core, basePair, offset + 1) << 8);
}
/** Signed. */
export function readSystem32(core: CpuCore, basePair: number, offset: number): number {
  const physical = translate(core, basePair, offset, 0);
  if ((physical & 0xfff) <= 4092) return core.memory.read32(physical) | 0;
  return readSystem16(core, basePair, offset) | (readSystem16(core, basePair, offset + 2) << 16);
}
/** Low word; upper in HIGH. */
export function readSystem64(core: CpuCore, basePair: number, offset: number): number {
  const low = readSystem32(core, basePair, offset);
  core.words[HIGH] = readSystem32(core, basePair, offset + 4);
  return low;
}
export function writeSystem8(core: CpuCore, basePair: number, offset: number, value: number): void {
  core.memory.write8(translate(core, basePair, offset, 2), value);
}
