// The user half of an address space: areas (what may be there) and page tables in guest memory (what is there).
//
//   areas   [ text r-x ][ data rw- ][heap]   …   [mmap rw-][mmap ---]   …   [stack rw-]      sorted, never overlapping
//   tables      present pages only: anonymous memory is committed at the first touch, files are read then
//
// Invariants: a present page lies in an area; a writable entry's frame is used by this space only, or the area is shared;
// each present entry counts as one user of its frame. Whoever takes a right away or a page out invalidates the TLB.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { type Process, ResourceLimit } from '../process/process.ts';
import type { Task } from '../process/task.ts';
import { sharedConstant } from '../shared-constants.ts';
import { Area, type AreaBacking, Protection } from './area.ts';
import { FRAME_BYTES } from './frames.ts';
import { pageFault, populate } from './page-fault.ts';
import {
  allocateZeroed,
  copyOfFrame,
  ensureEntry,
  entryFrame,
  findEntry,
  forEachPresent,
  freeTables,
  highOf,
  lowOf,
  PageFlag,
  TABLE_BYTES,
  writeEntry,
} from './page-tables.ts';
import { highOfEntry, lowOfEntry, replaceEntry, StaleTranslations } from './translations.ts';

/** End of what programs may map: the last page below the non-canonical hole stays free (SYSRET, SDM vol. 2). */
export const USER_MAP_END = 0x7fff_ffff_f000;
/** mmap_min_addr: null pointers fault. */
export const USER_MAP_START = 0x1_0000;
/** Free space below a stack that grows. */
export const STACK_GUARD_BYTES = 1024 * 1024;
/** As vm.max_map_count. */
export const MAX_AREAS = 65530;

const nothing = sharedConstant('no auxiliary vector', new Uint8Array(0));

export class AddressSpace {
  readonly root: number;
  private areas: Area[] = [];
  /** Processes that use it (vfork and CLONE_VM share). */
  users = 1;
  /** Upper end for mmap's search, below the stack. */
  mapTop: number = USER_MAP_END;
  programBreakStart = 0;
  programBreak = 0;
  /** For /proc: where argv and the environment lie. */
  argumentsStart = 0;
  argumentsEnd = 0;
  environmentStart = 0;
  environmentEnd = 0;
  /** The auxiliary vector that the program was given. Never changed in place. */
  auxiliary: Uint8Array = nothing;
  /** mlockall(MCL_FUTURE) */
  lockFuture = false;
  /** Pages present, for statistics. */
  residentPages = 0;

  constructor(root: number) {
    this.root = root;
  }

  /** A new empty space, or null when RAM is full. */
  static create(kernel: Kernel): AddressSpace | null {
    const root = allocateZeroed(kernel.machine.memory, kernel.frames);
    if (root === 0) return null;
    kernel.state.paging.shareKernelHalf(kernel, root);
    return new AddressSpace(root);
  }

  list(): readonly Area[] {
    return this.areas;
  }
  /** The areas that touch [start, end). */
  areasIn(start: number, end: number): readonly Area[] {
    const first = this.indexFor(start);
    let last = first;
    while (last < this.areas.length && this.areas[last].start < end) last++;
    return this.areas.slice(first, last);
  }
  private sumOf(counts: (area: Area) => boolean): number {
    let sum = 0;
    for (const area of this.areas) if (counts(area)) sum += area.end - area.start;
    return sum;
  }
  get mappedBytes(): number {
    return this.sumOf(() => true);
  }
  /** What RLIMIT_DATA bounds: private, writable, no stack (getrlimit(2)). */
  get dataBytes(): number {
    return this.sumOf((area) => !area.isShared && !area.growsDown && (area.protection & Protection.write) !== 0);
  }
  get lockedBytes(): number {
    return this.sumOf((area) => area.locked);
  }

  /** Index of the first area that ends above `address`. */
  private indexFor(address: number): number {
    let low = 0;
    let high = this.areas.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.areas[middle].end > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }
  find(address: number): Area | null {
    const area = this.areas[this.indexFor(address)];
    return area !== undefined && area.start <= address ? area : null;
  }
  /** True if some area touches [start, end). */
  overlaps(start: number, end: number): boolean {
    const area = this.areas[this.indexFor(start)];
    return area !== undefined && area.start < end;
  }
  /** True if every page of [start, end) lies in an area. */
  covers(start: number, end: number): boolean {
    let address = start;
    for (let index = this.indexFor(start); address < end; index++) {
      const area = this.areas[index];
      if (area === undefined || area.start > address) return false;
      address = area.end;
    }
    return true;
  }

  /** The highest gap of `length` bytes below `top`, 0 if there is none. */
  findGap(length: number, top: number = this.mapTop): number {
    let end = top;
    let index = this.indexFor(top - 1);
    const above = this.areas[index];
    if (above !== undefined && above.start < top) end = above.start;
    for (index--; ; index--) {
      const floor = index >= 0 ? Math.max(this.areas[index].end, USER_MAP_START) : USER_MAP_START;
      if (end - length >= floor) return end - length;
      if (index < 0) return 0;
      end = this.areas[index].start;
    }
  }

  /**
   * Enters an area; what was there is removed (MAP_FIXED). `backing` is taken over with one hold on its objects.
   * 0, or -ENOMEM when there are too many areas (the hold is then released).
   */
  map(kernel: Kernel, start: number, end: number, protection: number, backing: AreaBacking, label = ''): number {
    assert(start % FRAME_BYTES === 0 && end % FRAME_BYTES === 0 && start < end, 'map: bad range');
    const area = new Area(start, end, protection, backing, label);
    if (this.areas.length + 2 > MAX_AREAS) {
      area.releaseBacking(kernel);
      return -Errno.ENOMEM;
    }
    this.unmap(kernel, start, end);
    this.areas.splice(this.indexFor(start), 0, area);
    this.joinAround(start, end);
    return 0;
  }

  /** Neighbours in and beside [start, end) that can be one area become one. */
  private joinAround(start: number, end: number): void {
    const { areas } = this;
    for (let index = Math.max(0, this.indexFor(start) - 1); index + 1 < areas.length && areas[index].end <= end; ) {
      if (areas[index].joins(areas[index + 1])) {
        areas[index].end = areas[index + 1].end;
        areas.splice(index + 1, 1);
      } else {
        index++;
      }
    }
  }

  /** True if a range can be cut out of the middle of an area without making too many areas. */
  mayCut(start: number, end: number): boolean {
    const area = this.find(start);
    return area === null || area.start === start || area.end <= end || this.areas.length < MAX_AREAS;
  }

  /** Cuts areas so that `start` and `end` are borders. */
  private split(address: number): void {
    const index = this.indexFor(address);
    const area = this.areas[index];
    if (area === undefined || area.start >= address) return;
    const upper = area.part(address, area.end);
    area.end = address;
    this.areas.splice(index + 1, 0, upper);
  }

  /** Removes areas and pages of [start, end). Never fails: callers on behalf of a program ask mayCut first. */
  unmap(kernel: Kernel, start: number, end: number): void {
    if (!this.overlaps(start, end)) return;
    this.split(start);
    this.split(end);
    this.dropPages(kernel, start, end);
    const first = this.indexFor(start);
    let count = 0;
    while (first + count < this.areas.length && this.areas[first + count].start < end) count++;
    for (const area of this.areas.splice(first, count)) area.releaseBacking(kernel);
  }

  /** Changes what is said of the areas of [start, end): mlock, madvise. */
  mark(start: number, end: number, change: (area: Area) => void): void {
    this.split(start);
    this.split(end);
    for (let index = this.indexFor(start); index < this.areas.length && this.areas[index].start < end; index++)
      change(this.areas[index]);
    this.joinAround(start, end);
  }
  setLocked(start: number, end: number, locked: boolean): void {
    this.mark(start, end, (area) => {
      area.locked = locked;
    });
  }

  /**
   * A fault below an area that grows downwards: makes it reach to `address`, unless RLIMIT_STACK or the gap to the area below forbids
   * it (as Linux' stack_guard_gap: 1 MiB, so that no frame of a function jumps over it unnoticed). null = it stays a fault.
   */
  growDown(process: Process, address: number): Area | null {
    const index = this.indexFor(address);
    const area = this.areas[index];
    if (area === undefined || !area.growsDown || area.protection === Protection.none) return null;
    const start = address - (address % FRAME_BYTES);
    const below = index === 0 ? USER_MAP_START : this.areas[index - 1].end;
    const gap = index > 0 && this.areas[index - 1].protection === Protection.none ? 0 : STACK_GUARD_BYTES;
    if (start - below < gap || start < USER_MAP_START) return null;
    if (area.end - start > process.limits[ResourceLimit.stack].soft) return null;
    const limit = process.limits[ResourceLimit.addressSpace].soft;
    if (limit !== Infinity && this.mappedBytes + area.start - start > limit) return null;
    area.start = start;
    return area;
  }

  /** Makes an area longer; the range above must be free. */
  extend(area: Area, end: number): void {
    area.end = end;
    this.joinAround(end, end);
  }

  /** A second mapping of a shared area from `start` on, at `destination`. The new address or -ENOMEM. */
  duplicate(kernel: Kernel, area: Area, start: number, destination: number, length: number): number {
    const template = area.part(start, area.end);
    const result = this.map(kernel, destination, destination + length, template.protection, template.backing);
    return result < 0 ? result : destination;
  }

  /**
   * mremap: the pages of [start, start + oldLength), which lie in one area, go to `destination`, which becomes `newLength` long; what was
   * there is removed. The new address or -ENOMEM.
   */
  move(kernel: Kernel, start: number, oldLength: number, destination: number, newLength: number): number {
    const area = this.find(start);
    assert(area !== null, 'move: nothing is mapped');
    const { memory } = kernel.machine;
    const template = area.part(start, Math.min(area.end, start + oldLength));
    const moved = Math.min(oldLength, newLength);
    const result = this.map(
      kernel,
      destination,
      destination + newLength,
      template.protection,
      template.backing,
      template.label,
    );
    if (result < 0) return result;
    const stale = new StaleTranslations();
    let full = false;
    forEachPresent(memory, this.root, start, start + moved, (entry, address) => {
      const target = full ? 0 : ensureEntry(memory, kernel.frames, this.root, destination + (address - start));
      if (target === 0) {
        full = true;
        return;
      }
      writeEntry(memory, target, lowOf(memory, entry), highOf(memory, entry));
      if (replaceEntry(memory, entry, 0, 0)) stale.note(address);
    });
    stale.drop(kernel, this);
    if (full) {
      // Put back what went over, so that nothing is lost.
      forEachPresent(memory, this.root, destination, destination + moved, (entry, address) => {
        const source = findEntry(memory, this.root, start + (address - destination));
        writeEntry(memory, source, lowOf(memory, entry), highOf(memory, entry));
        writeEntry(memory, entry, 0, 0);
      });
      this.unmap(kernel, destination, destination + newLength);
      return -Errno.ENOMEM;
    }
    this.unmap(kernel, start, start + oldLength);
    return destination;
  }

  /** Frees the present pages of a range; the areas stay (MADV_DONTNEED). */
  dropPages(kernel: Kernel, start: number, end: number): void {
    const { memory } = kernel.machine;
    this.collectDirty(kernel, null, start, end);
    const stale = new StaleTranslations();
    const drop = (entry: number, address: number): void => {
      kernel.frames.release(entryFrame(lowOf(memory, entry)));
      if (replaceEntry(memory, entry, 0, 0)) stale.note(address);
      this.residentPages--;
    };
    // By areas: between them there is nothing, and an address space is large.
    for (let index = this.indexFor(start); index < this.areas.length && this.areas[index].start < end; index++) {
      const area = this.areas[index];
      forEachPresent(memory, this.root, Math.max(start, area.start), Math.min(end, area.end), drop);
    }
    stale.drop(kernel, this);
  }

  /** D bits of shared file areas in [start, end), of one file or all (null), become dirty pages of their files; the entries are clean then. */
  collectDirty(kernel: Kernel, pages: object | null, start = 0, end = USER_MAP_END): void {
    const { memory } = kernel.machine;
    const stale = new StaleTranslations();
    for (let index = this.indexFor(start); index < this.areas.length && this.areas[index].start < end; index++) {
      const area = this.areas[index];
      const { file, sharedFile } = area.backing;
      if (file === null || !sharedFile || (pages !== null && file.cachedPages !== pages)) continue;
      forEachPresent(memory, this.root, Math.max(start, area.start), Math.min(end, area.end), (entry, address) => {
        const low = lowOf(memory, entry);
        if ((low & PageFlag.dirty) === 0) return;
        file.noteDirty?.(area.backingPage(address));
        if (replaceEntry(memory, entry, low & ~PageFlag.dirty, highOf(memory, entry))) stale.note(address);
      });
    }
    stale.drop(kernel, this);
  }

  /**
   * Changes rights. 0, or -ENOMEM if the range is not covered (areas before the hole have changed, as on Linux) or there are too many
   * areas (nothing has changed then).
   */
  protect(kernel: Kernel, start: number, end: number, protection: number): number {
    if (this.areas.length + 2 > MAX_AREAS) return -Errno.ENOMEM;
    this.split(start);
    this.split(end);
    const stale = new StaleTranslations();
    const result = this.protectSplit(kernel, start, end, protection, stale);
    stale.drop(kernel, this);
    this.joinAround(start, end);
    return result;
  }

  /** `start` and `end` are borders of areas. */
  private protectSplit(
    kernel: Kernel,
    start: number,
    end: number,
    protection: number,
    stale: StaleTranslations,
  ): number {
    let address = start;
    for (let index = this.indexFor(start); address < end; index++) {
      const area = this.areas[index];
      if (area === undefined || area.start > address) return -Errno.ENOMEM;
      area.changeProtection(protection);
      this.applyProtection(kernel, area, stale);
      address = area.end;
    }
    return 0;
  }

  private applyProtection(kernel: Kernel, area: Area, stale: StaleTranslations): void {
    const { memory } = kernel.machine;
    forEachPresent(memory, this.root, area.start, area.end, (entry, address) => {
      const low = lowOf(memory, entry);
      const frame = entryFrame(low);
      const writable =
        (area.protection & Protection.write) !== 0 && (area.isShared || kernel.frames.users(frame) === 1);
      const newLow = lowOfEntry(frame, area.protection, writable, low & (PageFlag.accessed | PageFlag.dirty));
      if (replaceEntry(memory, entry, newLow, highOfEntry(area.protection))) stale.note(address);
    });
  }

  /** Makes the page of `address` accessible as asked, see page-fault.ts. */
  fault(kernel: Kernel, task: Task, address: number, writing: boolean, fetching: boolean): number {
    return pageFault(kernel, task, this, address, writing, fetching);
  }

  /** Writes into anonymous memory of a space that need not be loaded (a new program's stack). False when RAM is full or nothing is mapped. */
  poke(kernel: Kernel, task: Task, address: number, bytes: Uint8Array): boolean {
    const { memory } = kernel.machine;
    for (let done = 0; done < bytes.length; ) {
      const at = address + done;
      if (populate(kernel, task, this, at, 1, true) !== 0) return false;
      const within = at % FRAME_BYTES;
      const count = Math.min(bytes.length - done, FRAME_BYTES - within);
      const frame = entryFrame(lowOf(memory, findEntry(memory, this.root, at - within)));
      memory.writeBytes(frame + within, bytes.subarray(done, done + count));
      done += count;
    }
    return true;
  }

  /** Copies what is present at `address` (another process's memory, for /proc); count of bytes before the first absent page. */
  peek(kernel: Kernel, address: number, target: Uint8Array): number {
    const { memory } = kernel.machine;
    for (let done = 0; done < target.length; ) {
      const at = address + done;
      const within = at % FRAME_BYTES;
      const entry = findEntry(memory, this.root, at - within);
      const low = entry === 0 ? 0 : lowOf(memory, entry);
      if ((low & PageFlag.present) === 0) return done;
      const count = Math.min(target.length - done, FRAME_BYTES - within);
      const source = entryFrame(low) + within;
      target.set(memory.bytes.subarray(source, source + count), done);
      done += count;
    }
    return target.length;
  }

  /** fork: the same areas; private pages are shared copy-on-write. null when RAM is full. */
  copy(kernel: Kernel): AddressSpace | null {
    const { memory } = kernel.machine;
    const copy = AddressSpace.create(kernel);
    if (copy === null) return null;
    const inherited = this.areas.filter((area) => !area.notForChildren);
    for (const area of inherited) {
      const part = area.part(area.start, area.end);
      // mlock(2): locks are not inherited.
      part.locked = false;
      copy.areas.push(part);
    }
    copy.mapTop = this.mapTop;
    copy.programBreakStart = this.programBreakStart;
    copy.programBreak = this.programBreak;
    copy.argumentsStart = this.argumentsStart;
    copy.argumentsEnd = this.argumentsEnd;
    copy.environmentStart = this.environmentStart;
    copy.environmentEnd = this.environmentEnd;
    copy.auxiliary = this.auxiliary;
    const stale = new StaleTranslations();
    let full = false;
    // The copy's table for the 2 MiB that were visited last.
    let tableStart = -1;
    let table = 0;
    const share = (isShared: boolean, entry: number, address: number): void => {
      if (full) return;
      const within = address % TABLE_BYTES;
      if (address - within !== tableStart) {
        tableStart = address - within;
        table = ensureEntry(memory, kernel.frames, copy.root, tableStart);
      }
      const low = lowOf(memory, entry);
      const high = highOf(memory, entry);
      const frame = entryFrame(low);
      const own = table === 0 ? 0 : kernel.frames.tryRetain(frame) ? frame : copyOfFrame(memory, kernel.frames, frame);
      if (own === 0) {
        full = true;
        return;
      }
      const target = table + (within / FRAME_BYTES) * 8;
      copy.residentPages++;
      if (own !== frame) {
        writeEntry(memory, target, own | (low & 0xfff), high);
        return;
      }
      const shared = isShared ? low : low & ~PageFlag.writable;
      if (shared !== low && replaceEntry(memory, entry, shared, high)) stale.note(address);
      writeEntry(memory, target, shared, high);
    };
    for (const { start, end, isShared, wipedForChildren } of inherited)
      if (!wipedForChildren)
        forEachPresent(memory, this.root, start, end, (entry, address) => share(isShared, entry, address));
    stale.drop(kernel, this);
    if (full) {
      copy.destroy(kernel);
      return null;
    }
    return copy;
  }

  /** One user less; the last one frees everything. The space must not be loaded then. */
  release(kernel: Kernel): void {
    if (--this.users === 0) this.destroy(kernel);
  }

  private destroy(kernel: Kernel): void {
    assert(kernel.loadedAddressSpace !== this, 'a loaded address space is freed');
    const { memory } = kernel.machine;
    this.collectDirty(kernel, null);
    // The tables go with their entries, and nobody holds translations: only the frames are given up one by one.
    for (const area of this.areas) {
      forEachPresent(memory, this.root, area.start, area.end, (entry) =>
        kernel.frames.release(entryFrame(lowOf(memory, entry))),
      );
      area.releaseBacking(kernel);
    }
    this.areas = [];
    this.residentPages = 0;
    freeTables(memory, kernel.frames, this.root);
  }
}
registerClass('AddressSpace', 3, AddressSpace);
