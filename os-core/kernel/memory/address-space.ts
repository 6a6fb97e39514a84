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
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { Area, type AreaBacking, Protection } from './area.ts';
import { FRAME_BYTES } from './frames.ts';
import {
  allocateZeroed,
  ensureEntry,
  entryFrame,
  findEntry,
  forEachPresent,
  freeTables,
  PageFlag,
  writeEntry,
} from './page-tables.ts';

/** End of what programs may map: the last page below the non-canonical hole stays free (SYSRET, SDM vol. 2). */
export const USER_MAP_END = 0x7fff_ffff_f000;
/** mmap_min_addr: null pointers fault. */
export const USER_MAP_START = 0x1_0000;
/** As vm.max_map_count. */
export const MAX_AREAS = 65530;

/** fault(): the page lies beyond the end of the file (SIGBUS). */
export const BUS_ERROR = -Errno.EIO;

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
  get mappedBytes(): number {
    let sum = 0;
    for (const area of this.areas) sum += area.end - area.start;
    return sum;
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
    const first = this.indexFor(start);
    let count = 0;
    while (first + count < this.areas.length && this.areas[first + count].start < end) count++;
    const removed = this.areas.splice(first, count);
    this.dropPages(kernel, start, end);
    for (const area of removed) area.releaseBacking(kernel);
  }

  /** Makes an area longer; the range above must be free. */
  extend(area: Area, end: number): void {
    area.end = end;
    this.joinAround(end, end);
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
    let full = false;
    forEachPresent(memory, this.root, start, start + moved, (entry, address) => {
      const target = full ? 0 : ensureEntry(memory, kernel.frames, this.root, destination + (address - start));
      if (target === 0) {
        full = true;
        return;
      }
      writeEntry(memory, target, memory.read32(entry), memory.read32(entry + 4));
      writeEntry(memory, entry, 0, 0);
    });
    if (full) {
      // Put back what went over, so that nothing is lost.
      forEachPresent(memory, this.root, destination, destination + moved, (entry, address) => {
        const source = findEntry(memory, this.root, start + (address - destination));
        writeEntry(memory, source, memory.read32(entry), memory.read32(entry + 4));
        writeEntry(memory, entry, 0, 0);
      });
      this.unmap(kernel, destination, destination + newLength);
      return -Errno.ENOMEM;
    }
    this.unmap(kernel, start, start + oldLength);
    this.invalidateAll(kernel);
    return destination;
  }

  /** Frees the present pages of a range; the areas stay (MADV_DONTNEED). */
  dropPages(kernel: Kernel, start: number, end: number): void {
    const { memory } = kernel.machine;
    let dropped = 0;
    forEachPresent(memory, this.root, start, end, (entry, address) => {
      kernel.frames.release(entryFrame(memory.read32(entry)));
      writeEntry(memory, entry, 0, 0);
      if (++dropped <= 16) this.invalidate(kernel, address);
    });
    this.residentPages -= dropped;
    if (dropped > 16) this.invalidateAll(kernel);
  }

  /**
   * Changes rights. 0, or -ENOMEM if the range is not covered (areas before the hole have changed, as on Linux) or there are too many
   * areas (nothing has changed then).
   */
  protect(kernel: Kernel, start: number, end: number, protection: number): number {
    if (this.areas.length + 2 > MAX_AREAS) return -Errno.ENOMEM;
    this.split(start);
    this.split(end);
    const result = this.protectSplit(kernel, start, end, protection);
    this.joinAround(start, end);
    return result;
  }

  /** `start` and `end` are borders of areas. */
  private protectSplit(kernel: Kernel, start: number, end: number, protection: number): number {
    let address = start;
    for (let index = this.indexFor(start); address < end; index++) {
      const area = this.areas[index];
      if (area === undefined || area.start > address) return -Errno.ENOMEM;
      area.changeProtection(protection);
      this.applyProtection(kernel, area);
      address = area.end;
    }
    return 0;
  }

  private applyProtection(kernel: Kernel, area: Area): void {
    const { memory } = kernel.machine;
    let changed = 0;
    forEachPresent(memory, this.root, area.start, area.end, (entry, address) => {
      const frame = entryFrame(memory.read32(entry));
      const keep = memory.read32(entry) & (PageFlag.accessed | PageFlag.dirty);
      const writable =
        (area.protection & Protection.write) !== 0 && (area.isShared || kernel.frames.users(frame) === 1);
      this.enter(kernel, entry, frame, area.protection, writable, keep);
      if (++changed <= 16) this.invalidate(kernel, address);
    });
    if (changed > 16) this.invalidateAll(kernel);
  }

  private enter(
    kernel: Kernel,
    entry: number,
    frame: number,
    protection: number,
    writable: boolean,
    keep: number,
  ): void {
    // A page without any right stays in the tables, unreachable from ring 3.
    const user = protection === Protection.none ? 0 : PageFlag.user;
    const low = frame | PageFlag.present | user | (writable ? PageFlag.writable : 0) | keep;
    writeEntry(kernel.machine.memory, entry, low, (protection & Protection.execute) !== 0 ? 0 : PageFlag.noExecuteHigh);
  }

  private invalidate(kernel: Kernel, address: number): void {
    if (kernel.loadedAddressSpace === this) kernel.machine.cpu.invalidatePage(BigInt(address));
  }
  private invalidateAll(kernel: Kernel): void {
    if (kernel.loadedAddressSpace === this) kernel.machine.cpu.writeControl(3, BigInt(this.root));
  }

  /**
   * Makes the page of `address` accessible as asked, if its area allows it.
   * 0; -EFAULT not mapped or not allowed; BUS_ERROR beyond the file; -ENOMEM RAM full; PENDING waits for the disk.
   */
  fault(kernel: Kernel, task: Task, address: number, writing: boolean, fetching: boolean): number {
    const area = this.find(address);
    if (area === null) return -Errno.EFAULT;
    const needed = writing ? Protection.write : fetching ? Protection.execute : Protection.none;
    // x86 has no write-only or execute-only pages: any right lets a program read.
    if (area.protection === Protection.none || (area.protection & needed) !== needed) return -Errno.EFAULT;
    const { memory } = kernel.machine;
    const page = address - (address % FRAME_BYTES);
    const entry = ensureEntry(memory, kernel.frames, this.root, page);
    if (entry === 0) return -Errno.ENOMEM;
    const low = memory.read32(entry);
    if ((low & PageFlag.present) === 0) {
      const result = this.bringIn(kernel, task, area, page, entry, writing);
      if (result === 0) task.process.minorFaults++;
      return result;
    }
    if (writing && (low & PageFlag.writable) === 0) {
      const frame = entryFrame(low);
      if (area.backing.sharedFile) {
        // The file learns that this page is about to change.
        const result = area.backing.file?.sharedFrame?.(kernel, task, area.backingPage(page), true) ?? -Errno.ENODEV;
        if (result < 0) return result === PENDING ? PENDING : BUS_ERROR;
        this.enter(kernel, entry, result, area.protection, true, PageFlag.accessed | PageFlag.dirty);
        kernel.frames.release(frame);
      } else if (area.isShared || kernel.frames.users(frame) === 1) {
        this.enter(kernel, entry, frame, area.protection, true, PageFlag.accessed | PageFlag.dirty);
      } else {
        const copy = kernel.frames.allocate();
        if (copy === 0) return -Errno.ENOMEM;
        memory.writeBytes(copy, memory.bytes.subarray(frame, frame + FRAME_BYTES));
        this.enter(kernel, entry, copy, area.protection, true, PageFlag.accessed | PageFlag.dirty);
        kernel.frames.release(frame);
      }
    }
    this.invalidate(kernel, page);
    return 0;
  }

  private bringIn(kernel: Kernel, task: Task, area: Area, page: number, entry: number, writing: boolean): number {
    const { memory } = kernel.machine;
    const mayWrite = (area.protection & Protection.write) !== 0;
    let frame = 0;
    let writable = mayWrite;
    if (area.backing.sharedPages !== null) {
      frame = area.backing.sharedPages.frame(kernel, area.backingPage(page));
      if (frame !== 0) kernel.frames.retain(frame);
    } else if (area.backing.file === null) {
      frame = allocateZeroed(memory, kernel.frames);
    } else if (area.backing.sharedFile) {
      const result = area.backing.file.sharedFrame?.(kernel, task, area.backingPage(page), writing) ?? -Errno.ENODEV;
      if (result === PENDING) return PENDING;
      if (result < 0) return BUS_ERROR;
      frame = result;
      // The first write must be seen by the file: read faults map it read-only.
      writable = mayWrite && writing;
    } else {
      const wanted = Math.min(FRAME_BYTES, Math.max(0, area.backing.fileBytes - (page - area.start)));
      const resident =
        wanted === FRAME_BYTES && !writing ? (area.backing.file.residentFrame?.(area.backingPage(page)) ?? 0) : 0;
      if (resident !== 0 && kernel.frames.canRetain(resident)) {
        kernel.frames.retain(resident);
        frame = resident;
        writable = false;
      } else {
        frame = allocateZeroed(memory, kernel.frames);
        if (frame === 0) return -Errno.ENOMEM;
        const result = this.readPage(kernel, task, area, page, frame, wanted);
        if (result !== 0) {
          kernel.frames.release(frame);
          return result;
        }
      }
    }
    if (frame === 0) return -Errno.ENOMEM;
    this.enter(kernel, entry, frame, area.protection, writable, PageFlag.accessed | (writing ? PageFlag.dirty : 0));
    this.residentPages++;
    return 0;
  }

  private readPage(kernel: Kernel, task: Task, area: Area, page: number, frame: number, wanted: number): number {
    const { file, fileOffset, fileBytes } = area.backing;
    if (wanted === 0 || file === null) return 0;
    const target = new Uint8Array(wanted);
    const count = file.readInto(kernel, task, fileOffset + (page - area.start), target);
    if (count === PENDING) return PENDING;
    // A page wholly beyond the end of the file is no page (mmap(2), SIGBUS); an ELF segment's file part was checked at exec.
    if (count < 0 || (count === 0 && fileBytes === Infinity)) return BUS_ERROR;
    kernel.machine.memory.writeBytes(frame, target.subarray(0, count));
    return 0;
  }

  /** Brings in every page of [address, address + length): 0, -EFAULT or PENDING. */
  populate(kernel: Kernel, task: Task, address: number, length: number, writing: boolean): number {
    const { memory } = kernel.machine;
    const first = address - (address % FRAME_BYTES);
    for (let page = first; page < address + length; page += FRAME_BYTES) {
      const entry = findEntry(memory, this.root, page);
      const low = entry === 0 ? 0 : memory.read32(entry);
      const enough = PageFlag.present | PageFlag.user | (writing ? PageFlag.writable : 0);
      if ((low & enough) === enough) continue;
      const result = this.fault(kernel, task, page, writing, false);
      if (result !== 0) return result === PENDING ? PENDING : -Errno.EFAULT;
    }
    return 0;
  }

  /** Writes into anonymous memory of a space that need not be loaded (a new program's stack). False when RAM is full or nothing is mapped. */
  poke(kernel: Kernel, task: Task, address: number, bytes: Uint8Array): boolean {
    const { memory } = kernel.machine;
    for (let done = 0; done < bytes.length; ) {
      const at = address + done;
      if (this.populate(kernel, task, at, 1, true) !== 0) return false;
      const within = at % FRAME_BYTES;
      const count = Math.min(bytes.length - done, FRAME_BYTES - within);
      const frame = entryFrame(memory.read32(findEntry(memory, this.root, at - within)));
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
      const low = entry === 0 ? 0 : memory.read32(entry);
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
    for (const area of this.areas) copy.areas.push(area.part(area.start, area.end));
    copy.mapTop = this.mapTop;
    copy.programBreakStart = this.programBreakStart;
    copy.programBreak = this.programBreak;
    copy.argumentsStart = this.argumentsStart;
    copy.argumentsEnd = this.argumentsEnd;
    copy.environmentStart = this.environmentStart;
    copy.environmentEnd = this.environmentEnd;
    let full = false;
    for (const area of this.areas) {
      forEachPresent(memory, this.root, area.start, area.end, (entry, address) => {
        const low = memory.read32(entry);
        const frame = entryFrame(low);
        const target = full ? 0 : ensureEntry(memory, kernel.frames, copy.root, address);
        if (target === 0) {
          full = true;
          return;
        }
        if (!kernel.frames.canRetain(frame)) {
          const own = kernel.frames.allocate();
          if (own === 0) {
            full = true;
            return;
          }
          memory.writeBytes(own, memory.bytes.subarray(frame, frame + FRAME_BYTES));
          writeEntry(memory, target, own | (low & 0xfff), memory.read32(entry + 4));
          copy.residentPages++;
          return;
        }
        kernel.frames.retain(frame);
        const shared = area.isShared ? low : low & ~PageFlag.writable;
        memory.write32(entry, shared);
        writeEntry(memory, target, shared, memory.read32(entry + 4));
        copy.residentPages++;
      });
    }
    this.invalidateAll(kernel);
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
    this.unmap(kernel, 0, USER_MAP_END + FRAME_BYTES);
    freeTables(kernel.machine.memory, kernel.frames, this.root);
  }
}
registerClass('AddressSpace', 1, AddressSpace);
