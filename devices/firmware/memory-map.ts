// The firmware's map of memory (UEFI 2.10, 7.2): AllocatePages, FreePages, GetMemoryMap.
//
//   regions, sorted, without gaps or overlaps between them:   [start, pages, type] [start, pages, type] …
//
// Invariants: regions are sorted and disjoint; neighbours of one type that touch are merged, except where only one of them was
// there at power-on; every change gives a new key, so a key names one exact map.

import type { PhysicalMemory } from '../base/physical-memory.ts';
import { PAGE_BYTES } from '../base/physical-memory.ts';
import {
  EFI_MEMORY_RUNTIME_HIGH_WORD,
  EFI_MEMORY_TYPE_CUSTOM,
  EFI_MEMORY_TYPE_LAST,
  EFI_MEMORY_UNCACHEABLE,
  EFI_MEMORY_WRITE_BACK,
  EfiMemoryType,
  MEMORY_DESCRIPTOR_STRIDE,
} from './layout.ts';

export interface MemoryRegion {
  start: number;
  pages: number;
  type: number;
}

/** Bound on fragmentation: a loader that allocates page by page is told "out of resources" beyond it. */
const MAX_REGIONS = 4096;

/** What a loader may allocate memory as (UEFI 2.10, 7.2: AllocatePages, MemoryType). */
export function isAllocatableType(type: number): boolean {
  return (
    (type >= 0 && type <= EFI_MEMORY_TYPE_LAST && type !== EfiMemoryType.conventional) ||
    (type >= EFI_MEMORY_TYPE_CUSTOM && type <= 0xffff_ffff)
  );
}

export class FirmwareMemoryMap {
  /** The written form: the whole state is `regions` and `key`. */
  readonly state: { regions: MemoryRegion[]; key: number } = { regions: [], key: 1 };

  constructor(regions: readonly MemoryRegion[]) {
    this.state.regions = regions.map((region) => ({ ...region }));
  }

  get key(): number {
    return this.state.key;
  }
  get regionCount(): number {
    return this.state.regions.length;
  }

  /**
   * Finds `pages` of conventional memory, highest first (as EDK2 does), at or below `limit` (address of the last byte).
   * Returns the address, or -1.
   */
  findFree(pages: number, limit: number): number {
    for (let n = this.state.regions.length - 1; n >= 0; n--) {
      const region = this.state.regions[n];
      if (region.type !== EfiMemoryType.conventional || region.pages < pages) continue;
      const end = Math.min(region.start + region.pages * PAGE_BYTES, Math.floor((limit + 1) / PAGE_BYTES) * PAGE_BYTES);
      const start = end - pages * PAGE_BYTES;
      // Page 0 is never handed out: address 0 means "no memory" to too many programs.
      if (start >= region.start && start > 0) return start;
    }
    return -1;
  }

  /** True if [start, start + pages) is conventional memory. */
  isFree(start: number, pages: number): boolean {
    const region = this.regionAt(start);
    return (
      region !== undefined &&
      region.type === EfiMemoryType.conventional &&
      start + pages * PAGE_BYTES <= region.start + region.pages * PAGE_BYTES
    );
  }

  /** Gives [start, start + pages), which lies in one region, another type. False if the map is too fragmented. */
  retype(start: number, pages: number, type: number): boolean {
    const regions = this.state.regions;
    if (regions.length + 2 > MAX_REGIONS) return false;
    const index = regions.findIndex(
      (region) => start >= region.start && start < region.start + region.pages * PAGE_BYTES,
    );
    const region = regions[index];
    const before = (start - region.start) / PAGE_BYTES;
    const after = region.pages - before - pages;
    const pieces: MemoryRegion[] = [];
    if (before > 0) pieces.push({ start: region.start, pages: before, type: region.type });
    pieces.push({ start, pages, type });
    if (after > 0) pieces.push({ start: start + pages * PAGE_BYTES, pages: after, type: region.type });
    regions.splice(index, 1, ...pieces);
    this.merge();
    this.state.key++;
    return true;
  }

  /** Frees what a loader allocated: the range must lie in one region that is not conventional. False otherwise. */
  free(start: number, pages: number): boolean {
    const region = this.regionAt(start);
    if (region === undefined || region.type === EfiMemoryType.conventional || pages <= 0) return false;
    if (start + pages * PAGE_BYTES > region.start + region.pages * PAGE_BYTES) return false;
    return this.retype(start, pages, EfiMemoryType.conventional);
  }

  private regionAt(address: number): MemoryRegion | undefined {
    return this.state.regions.find(
      (region) => address >= region.start && address < region.start + region.pages * PAGE_BYTES,
    );
  }

  private merge(): void {
    const merged: MemoryRegion[] = [];
    for (const region of this.state.regions) {
      const last = merged.at(-1);
      if (last !== undefined && last.type === region.type && last.start + last.pages * PAGE_BYTES === region.start)
        last.pages += region.pages;
      else merged.push(region);
    }
    this.state.regions = merged;
  }

  /** Bytes that GetMemoryMap needs now. */
  get descriptorBytes(): number {
    return this.state.regions.length * MEMORY_DESCRIPTOR_STRIDE;
  }

  /** Writes the descriptors at `address`, where descriptorBytes fit. */
  writeDescriptors(memory: PhysicalMemory, address: number): void {
    let at = address;
    for (const region of this.state.regions) {
      const runtime =
        region.type === EfiMemoryType.runtimeServicesCode || region.type === EfiMemoryType.runtimeServicesData;
      memory.fill(at, MEMORY_DESCRIPTOR_STRIDE, 0);
      memory.write32(at, region.type);
      memory.write64FromNumber(at + 8, region.start);
      memory.write64FromNumber(at + 24, region.pages);
      memory.write32(
        at + 32,
        region.type === EfiMemoryType.memoryMappedIo ? EFI_MEMORY_UNCACHEABLE : EFI_MEMORY_WRITE_BACK,
      );
      memory.write32(at + 36, runtime ? EFI_MEMORY_RUNTIME_HIGH_WORD : 0);
      at += MEMORY_DESCRIPTOR_STRIDE;
    }
  }
}
