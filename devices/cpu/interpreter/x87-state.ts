// Environment and state of x87, MMX and SSE in memory: FNSTENV, FNSAVE, FXSAVE and their opposites, MXCSR.
//
//   FXSAVE area, 512 bytes (SDM vol. 1, 10.5.1)            environment, 28 bytes (SDM vol. 1, 8.1.10)
//     0 FCW  2 FSW  4 abridged FTW  6 FOP                    0 FCW  4 FSW  8 FTW  (upper halves all ones)
//     8 FIP (64 bit with REX.W, else 32 + FCS)              12 FIP  16 FCS, FOP  20 FDP  24 FDS
//    16 FDP (64 bit with REX.W, else 32 + FDS)              with a 66 prefix: 14 bytes, 7 halves, no FOP
//    24 MXCSR  28 MXCSR_MASK
//    32 ST0..ST7, 16 bytes each  160 XMM0..15  416 unused
//
// FCS and FDS are stored as 0 (CPUID would say: deprecated).

import { classify, Extended, ExtendedClass } from '../softfloat/extended.ts';
import { FCW, FDP, FIP, FOP, FSW, FTW, MXCSR, X87, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { isEmpty, stackWord, updateSummary } from './x87-common.ts';

export const FX_AREA_BYTES = 512;
/** Bits of MXCSR that exist: all of the low 16. */
export const MXCSR_MASK = 0xffff;

const initialControlWord = 0x37f;

/** FNINIT (SDM vol. 2A). */
export function initializeX87(core: CpuCore): void {
  const words = core.words;
  words[FCW] = initialControlWord;
  words[FSW] = 0;
  words[FTW] = 0xffff;
  words[FOP] = 0;
  words[FIP] = words[FIP + 1] = 0;
  words[FDP] = words[FDP + 1] = 0;
}

/** Power-on state of x87 and SSE. */
export function resetFloatingPoint(core: CpuCore): void {
  initializeX87(core);
  core.words.fill(0, X87, X87 + 32);
  core.words.fill(0, XMM, XMM + 64);
  core.words[MXCSR] = 0x1f80;
}

/** The architectural tag word: 0 valid, 1 zero, 2 special, 3 empty, by physical register. */
export function fullTagWord(core: CpuCore): number {
  const words = core.words;
  let tags = 0;
  for (let n = 0; n < 8; n++) {
    let tag = 3;
    if (((words[FTW] >> (n * 2)) & 3) !== 3) {
      const at = X87 + (n << 2);
      const value = new Extended(
        words[at + 2] & 0xffff,
        (BigInt(words[at + 1] >>> 0) << 32n) | BigInt(words[at] >>> 0),
      );
      const kind = classify(value);
      tag = kind === ExtendedClass.normal ? 0 : kind === ExtendedClass.zero ? 1 : 2;
    }
    tags |= tag << (n * 2);
  }
  return tags;
}

/** Takes a full tag word; only "empty" is kept. */
function setTagWord(core: CpuCore, tags: number): void {
  let kept = 0;
  for (let n = 0; n < 8; n++) if (((tags >> (n * 2)) & 3) === 3) kept |= 3 << (n * 2);
  core.words[FTW] = kept;
}

/** Writes the environment into `area`: 28 bytes, or 14 if `small`. */
export function writeEnvironment(core: CpuCore, area: DataView, small: boolean): void {
  const words = core.words;
  const tags = fullTagWord(core);
  if (small) {
    const halves = [words[FCW], words[FSW], tags, words[FIP], 0, words[FDP], 0];
    halves.forEach((half, n) => area.setUint16(n * 2, half & 0xffff, true));
    return;
  }
  area.setUint32(0, 0xffff0000 | words[FCW], true);
  area.setUint32(4, 0xffff0000 | words[FSW], true);
  area.setUint32(8, 0xffff0000 | tags, true);
  area.setUint32(12, words[FIP], true);
  area.setUint32(16, words[FOP] << 16, true);
  area.setUint32(20, words[FDP], true);
  area.setUint32(24, 0xffff0000, true);
}

export function readEnvironment(core: CpuCore, area: DataView, small: boolean): void {
  const words = core.words;
  const step = small ? 2 : 4;
  words[FCW] = (area.getUint16(0, true) & 0x1f3f) | 0x40;
  words[FSW] = area.getUint16(step, true);
  setTagWord(core, area.getUint16(step * 2, true));
  words[FIP] = small ? area.getUint16(6, true) : area.getInt32(12, true);
  words[FIP + 1] = 0;
  words[FOP] = small ? 0 : area.getUint16(18, true) & 0x7ff;
  words[FDP] = small ? area.getUint16(10, true) : area.getInt32(20, true);
  words[FDP + 1] = 0;
  updateSummary(core);
}

/** Writes the 512-byte area at byte `at`; the last 96 bytes stay as they are. */
export function writeFxArea(core: CpuCore, area: DataView, at: number, wide: boolean): void {
  const words = core.words;
  let inUse = 0;
  for (let n = 0; n < 8; n++) if (((words[FTW] >> (n * 2)) & 3) !== 3) inUse |= 1 << n;
  area.setUint16(at, words[FCW], true);
  area.setUint16(at + 2, words[FSW], true);
  area.setUint16(at + 4, inUse, true);
  area.setUint16(at + 6, words[FOP], true);
  area.setInt32(at + 8, words[FIP], true);
  area.setInt32(at + 12, wide ? words[FIP + 1] : 0, true);
  area.setInt32(at + 16, words[FDP], true);
  area.setInt32(at + 20, wide ? words[FDP + 1] : 0, true);
  area.setInt32(at + 24, words[MXCSR], true);
  area.setInt32(at + 28, MXCSR_MASK, true);
  for (let n = 0; n < 8; n++) {
    const from = stackWord(core, n);
    area.setInt32(at + 32 + n * 16, words[from], true);
    area.setInt32(at + 36 + n * 16, words[from + 1], true);
    area.setInt32(at + 40 + n * 16, words[from + 2] & 0xffff, true);
    area.setInt32(at + 44 + n * 16, 0, true);
  }
  for (let n = 0; n < 64; n++) area.setInt32(at + 160 + n * 4, words[XMM + n], true);
}

/** Takes the 512-byte area at byte `at`; false (nothing changed) if MXCSR has a reserved bit set. */
export function readFxArea(core: CpuCore, area: DataView, at: number, wide: boolean): boolean {
  const words = core.words;
  const control = area.getInt32(at + 24, true);
  if ((control & ~MXCSR_MASK) !== 0) return false;
  words[FCW] = (area.getUint16(at, true) & 0x1f3f) | 0x40;
  words[FSW] = area.getUint16(at + 2, true);
  const inUse = area.getUint8(at + 4);
  let tags = 0;
  for (let n = 0; n < 8; n++) if (((inUse >> n) & 1) === 0) tags |= 3 << (n * 2);
  words[FTW] = tags;
  words[FOP] = area.getUint16(at + 6, true) & 0x7ff;
  words[FIP] = area.getInt32(at + 8, true);
  words[FIP + 1] = wide ? area.getInt32(at + 12, true) : 0;
  words[FDP] = area.getInt32(at + 16, true);
  words[FDP + 1] = wide ? area.getInt32(at + 20, true) : 0;
  words[MXCSR] = control;
  updateSummary(core);
  for (let n = 0; n < 8; n++) {
    const to = stackWord(core, n);
    words[to] = area.getInt32(at + 32 + n * 16, true);
    words[to + 1] = area.getInt32(at + 36 + n * 16, true);
    words[to + 2] = area.getUint16(at + 40 + n * 16, true);
  }
  for (let n = 0; n < 64; n++) words[XMM + n] = area.getInt32(at + 160 + n * 4, true);
  return true;
}

/** Cpu.saveFloatingPoint: FXSAVE64 to physical memory. Throws RangeError for an address that is not aligned or not in RAM. */
export function saveFloatingPoint(core: CpuCore, physicalAddress: number): void {
  checkArea(core, physicalAddress);
  writeFxArea(core, core.memory.view, physicalAddress, true);
  core.memory.noteWrite(physicalAddress, FX_AREA_BYTES);
}

/** Cpu.restoreFloatingPoint: FXRSTOR64. An area that silicon would refuse leaves the state unchanged. */
export function restoreFloatingPoint(core: CpuCore, physicalAddress: number): void {
  checkArea(core, physicalAddress);
  readFxArea(core, core.memory.view, physicalAddress, true);
}

function checkArea(core: CpuCore, physicalAddress: number): void {
  if ((physicalAddress & 15) !== 0 || !core.memory.contains(physicalAddress, FX_AREA_BYTES))
    throw new RangeError('cpu: FXSAVE area not aligned or outside RAM');
}

/** ST(n) not empty, for tests and dumps. */
export function stackInUse(core: CpuCore, index: number): boolean {
  return !isEmpty(core, index);
}
