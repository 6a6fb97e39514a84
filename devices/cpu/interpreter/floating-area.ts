// The 512-byte FXSAVE64 area at a physical address (SDM vol. 1, 10.5.1), for the kernel's task switch.
//
//   0 FCW  2 FSW  4 FTW (abridged, 1 = in use)  6 FOP  8 FIP  16 FDP  24 MXCSR  28 MXCSR_MASK
//   32 ST0..ST7, 16 bytes each   160 XMM0..15   416..511 unused

import { FCW, FDP, FIP, FOP, FSW, FTW, MXCSR, X87, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';

/** MXCSR bits that exist: DAZ included. */
const MXCSR_MASK = 0xffff;

export function saveFloatingPoint(core: CpuCore, physicalAddress: number): void {
  const w = core.words;
  const memory = core.memory;
  if ((physicalAddress & 15) !== 0 || !memory.contains(physicalAddress, 512))
    throw new RangeError('cpu: FXSAVE area not aligned or outside RAM');
  const view = memory.view;
  const at = physicalAddress;
  let abridged = 0;
  for (let n = 0; n < 8; n++) if (((w[FTW] >> (n * 2)) & 3) !== 3) abridged |= 1 << n;
  view.setUint16(at, w[FCW], true);
  view.setUint16(at + 2, w[FSW], true);
  view.setUint16(at + 4, abridged, true);
  view.setUint16(at + 6, w[FOP], true);
  for (let n = 0; n < 2; n++) {
    view.setInt32(at + 8 + n * 4, w[FIP + n], true);
    view.setInt32(at + 16 + n * 4, w[FDP + n], true);
  }
  view.setInt32(at + 24, w[MXCSR], true);
  view.setInt32(at + 28, MXCSR_MASK, true);
  const top = (w[FSW] >> 11) & 7;
  for (let n = 0; n < 8; n++) {
    const register = X87 + ((top + n) & 7) * 4;
    view.setInt32(at + 32 + n * 16, w[register], true);
    view.setInt32(at + 36 + n * 16, w[register + 1], true);
    view.setInt32(at + 40 + n * 16, w[register + 2] & 0xffff, true);
    view.setInt32(at + 44 + n * 16, 0, true);
  }
  for (let n = 0; n < 64; n++) view.setInt32(at + 160 + n * 4, w[XMM + n], true);
  memory.noteWrite(at, 416);
}

export function restoreFloatingPoint(core: CpuCore, physicalAddress: number): void {
  const w = core.words;
  const memory = core.memory;
  if ((physicalAddress & 15) !== 0 || !memory.contains(physicalAddress, 512))
    throw new RangeError('cpu: FXRSTOR area not aligned or outside RAM');
  const view = memory.view;
  const at = physicalAddress;
  w[FCW] = view.getUint16(at, true);
  w[FSW] = view.getUint16(at + 2, true);
  w[FOP] = view.getUint16(at + 6, true) & 0x7ff;
  for (let n = 0; n < 2; n++) {
    w[FIP + n] = view.getInt32(at + 8 + n * 4, true);
    w[FDP + n] = view.getInt32(at + 16 + n * 4, true);
  }
  w[MXCSR] = view.getInt32(at + 24, true) & MXCSR_MASK;
  const top = (w[FSW] >> 11) & 7;
  for (let n = 0; n < 8; n++) {
    const register = X87 + ((top + n) & 7) * 4;
    w[register] = view.getInt32(at + 32 + n * 16, true);
    w[register + 1] = view.getInt32(at + 36 + n * 16, true);
    w[register + 2] = view.getUint16(at + 40 + n * 16, true);
    w[register + 3] = 0;
  }
  for (let n = 0; n < 64; n++) w[XMM + n] = view.getInt32(at + 160 + n * 4, true);
  // The full tag word follows from the abridged one and the values (SDM vol. 1, table 10-3).
  const abridged = view.getUint8(at + 4);
  let tags = 0;
  for (let n = 0; n < 8; n++) tags |= ((abridged >> n) & 1) === 0 ? 3 << (n * 2) : tagOf(w, n) << (n * 2);
  w[FTW] = tags;
}

/** 0 valid, 1 zero, 2 special (denormal, unnormal, infinity, NaN) of physical register n. */
function tagOf(w: Int32Array, n: number): number {
  const low = w[X87 + n * 4];
  const high = w[X87 + n * 4 + 1];
  const exponent = w[X87 + n * 4 + 2] & 0x7fff;
  if (exponent === 0x7fff) return 2;
  if (exponent === 0) return (low | high) === 0 ? 1 : 2;
  return high < 0 ? 0 : 2;
}
