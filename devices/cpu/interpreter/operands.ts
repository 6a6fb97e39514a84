// Effective addresses (SDM vol. 1, 3.7.5): from a decoded instruction to a linear address, segment base included.

import type { Instruction } from '../decode/instruction.ts';
import { HIGH } from '../state-layout.ts';
import type { CpuCore } from './core.ts';

/** The linear address of the memory operand: low word returned, upper in words[HIGH]. */
export function effectiveAddress(core: CpuCore, i: Instruction): number {
  const words = core.words;
  if (i.simpleAddress) {
    const baseLow = words[i.base];
    const low = (baseLow + i.displacementLow) | 0;
    words[HIGH] = (words[i.base + 1] + i.displacementHigh + (low >>> 0 < baseLow >>> 0 ? 1 : 0)) | 0;
    return low;
  }
  const offset = effectiveOffset(core, i);
  const segmentLow = words[i.segment];
  const low = (offset + segmentLow) | 0;
  words[HIGH] = (words[HIGH] + words[i.segment + 1] + (low >>> 0 < segmentLow >>> 0 ? 1 : 0)) | 0;
  return low;
}

/** The offset part alone (LEA): no segment base. */
export function effectiveOffset(core: CpuCore, i: Instruction): number {
  const words = core.words;
  const baseLow = words[i.base];
  let low = (baseLow + i.displacementLow) | 0;
  let high = (words[i.base + 1] + i.displacementHigh + (low >>> 0 < baseLow >>> 0 ? 1 : 0)) | 0;
  const indexLow = words[i.addressIndex];
  const scale = i.scale;
  const scaledLow = indexLow << scale;
  const scaledHigh =
    scale === 0 ? words[i.addressIndex + 1] : (words[i.addressIndex + 1] << scale) | (indexLow >>> (32 - scale));
  low = (low + scaledLow) | 0;
  high = (high + scaledHigh + (low >>> 0 < scaledLow >>> 0 ? 1 : 0)) | 0;
  if (i.address32) high = 0;
  words[HIGH] = high;
  return low;
}
