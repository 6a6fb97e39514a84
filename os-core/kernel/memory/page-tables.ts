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

/** What one last-level table covers. */
export const TABLE_BYTES = COVERAGE[2];

/** Index into the table of a level for an address given by its halves. */
const indexAt = (high: number, low: number, level: number): number =>
  (level === 0 ? high >>> 7 : level === 1 ? (high << 2) | (low >>> 30) : level === 2 ? low >>> 21 : low >>> 12) & 511;

const upperHalf = (virtualAddress: number): number => Math.floor(virtualAddress / 0x1_0000_0000);

export const entryFrame = (low: number): number => (low & ADDRESS_MASK) >>> 0;

/** A frame of zeroes, or 0 when RAM is full. A frame that was never written is zero already. */
export function allocateZeroed(memory: PhysicalMemory, frames: FrameAllocator): number {
  const frame = frames.allocate();
  if (frame !== 0 && memory.dirtyGeneration[frame / FRAME_BYTES] !== 0) memory.fill(frame, FRAME_BYTES, 0);
  return frame;
}

/** A frame with the contents of another, or 0 when RAM is full. */
export function copyOfFrame(memory: PhysicalMemory, frames: FrameAllocator, original: number): number {
  const copy = frames.allocate();
  if (copy !== 0) memory.writeBytes(copy, memory.bytes.subarray(original, original + FRAME_BYTES));
  return copy;
}

/** Physical address of the last-level entry for a user address, 0 if a table is missing on the way. */
export function findEntry(memory: PhysicalMemory, root: number, virtualAddress: number): number {
  const words = memory.words32;
  const high = upperHalf(virtualAddress);
  const low = virtualAddress | 0;
  let table = root;
  for (let level = 0; level < 3; level++) {
    const entry = words[(table >>> 2) + indexAt(high, low, level) * 2];
    if ((entry & PageFlag.present) === 0) return 0;
    table = entryFrame(entry);
  }
  return table + indexAt(high, low, 3) * 8;
}

/** As findEntry, making the tables that are missing. 0 when RAM is full. */
export function ensureEntry(
  memory: PhysicalMemory,
  frames: FrameAllocator,
  root: number,
  virtualAddress: number,
): number {
  const words = memory.words32;
  const high = upperHalf(virtualAddress);
  const low = virtualAddress | 0;
  let table = root;
  for (let level = 0; level < 3; level++) {
    const index = indexAt(high, low, level);
    const entry = words[(table >>> 2) + index * 2];
    if ((entry & PageFlag.present) !== 0) {
      table = entryFrame(entry);
      continue;
    }
    const next = allocateZeroed(memory, frames);
    if (next === 0) return 0;
    const use = PageFlag.present | PageFlag.writable | PageFlag.user | PageFlag.accessed;
    writeEntry(memory, table + index * 8, next | use, 0);
    table = next;
  }
  return table + indexAt(high, low, 3) * 8;
}

/** The address of an entry is below 4 GiB and in RAM: it comes from the walkers above. */
export function writeEntry(memory: PhysicalMemory, entry: number, low: number, high: number): void {
  const word = entry >>> 2;
  memory.words32[word] = low;
  memory.words32[word + 1] = high;
  memory.noteWrite(entry, 8);
}
/** The halves of an entry, as signed words. */
export const lowOf = (memory: PhysicalMemory, entry: number): number => memory.words32[entry >>> 2];
export const highOf = (memory: PhysicalMemory, entry: number): number => memory.words32[(entry >>> 2) + 1];

/** Calls visit(entry address, virtual address) for each present page in [start, end), skipping missing tables in one step each. */
export function forEachPresent(
  memory: PhysicalMemory,
  root: number,
  start: number,
  end: number,
  visit: (entry: number, virtualAddress: number) => void,
): void {
  const words = memory.words32;
  for (let address = start; address < end; ) {
    const high = upperHalf(address);
    const low = address | 0;
    let table = root;
    let level = 0;
    for (; level < 3; level++) {
      const entry = words[(table >>> 2) + indexAt(high, low, level) * 2];
      if ((entry & PageFlag.present) === 0) break;
      table = entryFrame(entry);
    }
    if (level < 3) {
      address = (Math.floor(address / COVERAGE[level]) + 1) * COVERAGE[level];
      continue;
    }
    // All that this table covers of the range. Only what is present costs the address, a number beyond 32 bits.
    const first = indexAt(high, low, 3);
    const count = Math.min(512 - first, Math.ceil((end - address) / FRAME_BYTES));
    const firstEntry = table + first * 8;
    for (let n = 0; n < count; n++)
      if ((words[(firstEntry >>> 2) + n * 2] & PageFlag.present) !== 0)
        visit(firstEntry + n * 8, address + n * FRAME_BYTES);
    address += count * FRAME_BYTES;
  }
}

/** Frees all tables of the user half and the root; pages must be gone already. */
export function freeTables(memory: PhysicalMemory, frames: FrameAllocator, root: number): void {
  const free = (table: number, level: number, entries: number): void => {
    if (level < 3)
      for (let index = 0; index < entries; index++) {
        const low = memory.words32[(table >>> 2) + index * 2];
        if ((low & PageFlag.present) !== 0) free(entryFrame(low), level + 1, 512);
      }
    frames.release(table);
  };
  free(root, 0, 256);
}
