// 4-level page tables in guest memory, as the CPU walks them (Intel SDM vol. 3, 4.5). The kernel's own walker.
//
//   virtual  47..39 PML4 | 38..30 PDPT | 29..21 PD | 20..12 PT | 11..0 offset
//   entry    63 NX | 51..12 frame | 7 PS | 6 D | 5 A | 2 U | 1 W | 0 P        (kept as two 32-bit halves; RAM ends below 4 GiB)
//
// Rights are decided in the last level: tables themselves are writable and user, as is usual, and accessed from the start.

import type { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import { FRAME_BYTES, type FrameAllocator } from './frames.ts';

export const PageFlag = {
  present: 1,
  writable: 2,
  user: 4,
  accessed: 0x20,
  dirty: 0x40,
  large: 0x80,
  /** In the high half. */
  noExecuteHigh: 0x8000_0000 | 0,
} as const;

const ADDRESS_MASK = 0xffff_f000;

/** Bytes that one entry of a level covers, from the PML4 down. */
const COVERAGE = [2 ** 39, 2 ** 30, 2 ** 21, 2 ** 12] as const;

const indexAt = (virtualAddress: number, level: number): number => Math.floor(virtualAddress / COVERAGE[level]) % 512;

export const entryFrame = (low: number): number => (low & ADDRESS_MASK) >>> 0;

/** A frame of zeroes, or 0 when RAM is full. A frame that was never written is zero already. */
export function allocateZeroed(memory: PhysicalMemory, frames: FrameAllocator): number {
  const frame = frames.allocate();
  if (frame !== 0 && memory.dirtyGeneration[frame / FRAME_BYTES] !== 0) memory.fill(frame, FRAME_BYTES, 0);
  return frame;
}

/** Physical address of the last-level entry for a user address, 0 if a table is missing on the way. */
export function findEntry(memory: PhysicalMemory, root: number, virtualAddress: number): number {
  let table = root;
  for (let level = 0; level < 3; level++) {
    const low = memory.read32(table + indexAt(virtualAddress, level) * 8);
    if ((low & PageFlag.present) === 0) return 0;
    table = entryFrame(low);
  }
  return table + indexAt(virtualAddress, 3) * 8;
}

/** As findEntry, making the tables that are missing. 0 when RAM is full. */
export function ensureEntry(
  memory: PhysicalMemory,
  frames: FrameAllocator,
  root: number,
  virtualAddress: number,
): number {
  let table = root;
  for (let level = 0; level < 3; level++) {
    const entry = table + indexAt(virtualAddress, level) * 8;
    const low = memory.read32(entry);
    if ((low & PageFlag.present) !== 0) {
      table = entryFrame(low);
      continue;
    }
    const next = allocateZeroed(memory, frames);
    if (next === 0) return 0;
    memory.write32(entry, next | PageFlag.present | PageFlag.writable | PageFlag.user | PageFlag.accessed);
    memory.write32(entry + 4, 0);
    table = next;
  }
  return table + indexAt(virtualAddress, 3) * 8;
}

export function writeEntry(memory: PhysicalMemory, entry: number, low: number, high: number): void {
  memory.write32(entry, low);
  memory.write32(entry + 4, high);
}

/** Calls visit(entry address, virtual address) for each present page in [start, end), skipping missing tables in one step each. */
export function forEachPresent(
  memory: PhysicalMemory,
  root: number,
  start: number,
  end: number,
  visit: (entry: number, virtualAddress: number) => void,
): void {
  for (let address = start; address < end; ) {
    let table = root;
    let level = 0;
    for (; level < 3; level++) {
      const low = memory.read32(table + indexAt(address, level) * 8);
      if ((low & PageFlag.present) === 0) break;
      table = entryFrame(low);
    }
    if (level < 3) {
      address = (Math.floor(address / COVERAGE[level]) + 1) * COVERAGE[level];
      continue;
    }
    // All that this table covers of the range.
    const tableEnd = Math.min(end, (Math.floor(address / COVERAGE[2]) + 1) * COVERAGE[2]);
    for (; address < tableEnd; address += FRAME_BYTES) {
      const entry = table + indexAt(address, 3) * 8;
      if ((memory.read32(entry) & PageFlag.present) !== 0) visit(entry, address);
    }
  }
}

/** Frees all tables of the user half and the root; pages must be gone already. */
export function freeTables(memory: PhysicalMemory, frames: FrameAllocator, root: number): void {
  const free = (table: number, level: number, entries: number): void => {
    if (level < 3)
      for (let index = 0; index < entries; index++) {
        const low = memory.read32(table + index * 8);
        if ((low & PageFlag.present) !== 0) free(entryFrame(low), level + 1, 512);
      }
    frames.release(table);
  };
  free(root, 0, 256);
}
