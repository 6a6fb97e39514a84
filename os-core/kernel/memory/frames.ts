// The frame allocator: which 4 KiB frames of RAM are free, made from the UEFI memory map.
//
//   level 2   [ 1 bit per 1024 frames ]        bit set = something free below
//   level 1   [ 1 bit per 32 frames   ]
//   level 0   [ 1 bit per frame       ]        bit set = free
//
// The first free frame is found in one step per level. A frame in use has a count of its users (copy-on-write shares frames).
// Invariants: level n+1 bit k is set exactly when word k of level n is not 0; references[f] > 0 exactly when f is in use by us.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import { type BootMemoryRegion, EfiMemoryType } from '../../abi/boot-information.ts';

export const FRAME_BYTES = 4096;
export const FRAME_SHIFT = 12;
/** Below 1 MiB lies what firmware and old devices use; frame 0 stays free of us so that 0 can mean "none". */
const FIRST_FRAME = 256;

const usableTypes: ReadonlySet<number> = new Set([
  EfiMemoryType.conventional,
  EfiMemoryType.loaderCode,
  EfiMemoryType.loaderData,
  EfiMemoryType.bootServicesCode,
  EfiMemoryType.bootServicesData,
]);

export class FrameAllocator {
  private readonly levels: Uint32Array[] = [];
  private readonly references: Uint16Array;
  /** 1 = RAM that was ours to hand out at boot. */
  private readonly usable: Uint8Array;
  readonly frameCount: number;
  /** Frames that the memory map gave us. */
  readonly usableFrames: number;
  freeFrames = 0;

  /**
   * @param memoryBytes size of RAM; nothing above is handed out whatever the map says.
   * @param map the firmware's map: may be unsorted, overlap, have zero or absurd lengths. A frame is usable if at least one
   *   descriptor gives it as usable memory and none as anything else.
   */
  constructor(
    memoryBytes: number,
    map: readonly BootMemoryRegion[],
    reserved: readonly { readonly physicalStart: number; readonly pageCount: number }[] = [],
  ) {
    this.frameCount = Math.floor(memoryBytes / FRAME_BYTES);
    this.references = new Uint16Array(this.frameCount);
    this.usable = new Uint8Array(this.frameCount);
    for (let words = this.frameCount; ; ) {
      words = Math.ceil(words / 32);
      this.levels.push(new Uint32Array(words));
      if (words <= 1) break;
    }
    for (const region of map) if (usableTypes.has(region.type)) this.mark(region, 1);
    for (const region of map) if (!usableTypes.has(region.type)) this.mark(region, 0);
    for (const region of reserved) this.mark(region, 0);
    for (let frame = FIRST_FRAME; frame < this.frameCount; frame++) if (this.usable[frame] !== 0) this.setFree(frame);
    this.usableFrames = this.freeFrames;
  }

  private mark(region: { readonly physicalStart: number; readonly pageCount: number }, value: number): void {
    const { physicalStart, pageCount } = region;
    if (!(physicalStart >= 0) || !(pageCount > 0)) return;
    // A usable range gives whole frames only; a reserved one takes every frame it touches.
    const start = value === 1 ? Math.ceil(physicalStart / FRAME_BYTES) : Math.floor(physicalStart / FRAME_BYTES);
    const endByte = physicalStart + pageCount * FRAME_BYTES;
    const end = value === 1 ? Math.floor(endByte / FRAME_BYTES) : Math.ceil(endByte / FRAME_BYTES);
    if (start < this.frameCount) this.usable.fill(value, start, Math.min(end, this.frameCount));
  }

  private isFree(frame: number): boolean {
    return (this.levels[0][frame >>> 5] & (1 << (frame & 31))) !== 0;
  }
  private setFree(frame: number): void {
    for (let level = 0, index = frame; level < this.levels.length; level++, index >>>= 5)
      this.levels[level][index >>> 5] |= 1 << (index & 31);
    this.freeFrames++;
  }
  private setUsed(frame: number): void {
    for (let level = 0, index = frame; level < this.levels.length; level++, index >>>= 5) {
      this.levels[level][index >>> 5] &= ~(1 << (index & 31));
      if (this.levels[level][index >>> 5] !== 0) break;
    }
    this.freeFrames--;
  }

  /** One frame, with one reference; its contents are whatever they were. Physical address, or 0 when RAM is full. */
  allocate(): number {
    let index = 0;
    for (let level = this.levels.length - 1; level >= 0; level--) {
      const word = this.levels[level][index];
      if (word === 0) return 0;
      index = index * 32 + (31 - Math.clz32(word & -word));
    }
    this.setUsed(index);
    this.references[index] = 1;
    return index * FRAME_BYTES;
  }

  /** `count` adjacent frames whose address is a multiple of `alignmentBytes` (a power of two >= 4096). Physical address or 0. */
  contiguous(count: number, alignmentBytes: number = FRAME_BYTES): number {
    assert(
      count > 0 && alignmentBytes >= FRAME_BYTES && (alignmentBytes & (alignmentBytes - 1)) === 0,
      'contiguous: bad arguments',
    );
    const step = alignmentBytes / FRAME_BYTES;
    for (let start = Math.ceil(FIRST_FRAME / step) * step; start + count <= this.frameCount; ) {
      let used = start + count - 1;
      while (used >= start && this.isFree(used)) used--;
      if (used < start) {
        for (let frame = start; frame < start + count; frame++) {
          this.setUsed(frame);
          this.references[frame] = 1;
        }
        return start * FRAME_BYTES;
      }
      start = Math.ceil((used + 1) / step) * step;
    }
    return 0;
  }

  // The messages name no address: to compose one costs more than the check, at every call.
  private frameOf(address: number): number {
    const frame = address >>> FRAME_SHIFT;
    assert(frame * FRAME_BYTES === address && frame < this.frameCount, 'not the address of a frame');
    return frame;
  }

  /** One more user of a frame. */
  retain(address: number): void {
    const frame = this.frameOf(address);
    const users = this.references[frame];
    assert(users > 0 && users < 0xffff, 'a frame is free or has too many users');
    this.references[frame] = users + 1;
  }
  /** One user less; the last one frees the frame. A frame that is free already is a double free: asserted. */
  release(address: number): void {
    const frame = this.frameOf(address);
    assert(this.references[frame] > 0, 'double free of a frame');
    if (--this.references[frame] === 0) this.setFree(frame);
  }
  /** Users of a frame; 0 if it is free or not ours. */
  users(address: number): number {
    return this.references[this.frameOf(address)];
  }
  /** One more user, unless the count is full: false then (the page is copied instead). */
  tryRetain(address: number): boolean {
    const frame = this.frameOf(address);
    const users = this.references[frame];
    assert(users > 0, 'a free frame is shared');
    if (users >= 0xfff0) return false;
    this.references[frame] = users + 1;
    return true;
  }
}
registerClass('FrameAllocator', 1, FrameAllocator);
