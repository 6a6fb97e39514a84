// The page cache: pages of mapped files in frames of guest memory, one frame a page however many map it.
//
//   mmap ──► FileMapping ──► FilePages (one per mapped file) ──► frames ◄── page tables of all who map it (D bits)
//   read, write, truncate ──────────┘  go through the frame where there is one: coherent with mappings at once
//   msync, fsync, sync, every 5 seconds, last munmap:  D bits ─► dirty pages ─► blocks of the file system
//
// Invariants: while a page has a frame, the frame is the truth and the file system's block may be older; a page that was written through
// a mapping is in `dirty` or has a D bit in some page table; FilePages keep their inode alive and exist while mapped or dirty.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { dropCleanPages, dropFilePages } from '../memory/mapped-files.ts';
import { checkNewSize } from '../process/limits.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { WaitQueue } from '../wait-queue.ts';
import { BLOCK_BYTES, type FileSystem } from './file-system.ts';
import { type Place, placeKey } from './vfs.ts';

/** How long a change through a mapping may stay in memory only; as the file system's own write-back. */
const WRITE_BACK_NANOS = 5e9;

export class FilePages {
  readonly place: Place;
  private readonly frames: Map<number, number> = new Map();
  private readonly dirty: Set<number> = new Set();
  /** Mappings of it; and those that may be written and shared. */
  mappings = 0;
  writableMappings = 0;
  /** A write-back has failed: told by the next fsync or msync (fsync(2), EIO and ENOSPC). */
  private writeError = 0;

  constructor(place: Place) {
    this.place = place;
    place.fileSystem.retain(place.inode);
  }

  get isDirty(): boolean {
    return this.dirty.size > 0;
  }
  /** Pages that are in RAM, and those of them known to be dirty. */
  count(): { readonly pages: number; readonly dirty: number } {
    return { pages: this.frames.size, dirty: this.dirty.size };
  }
  /** The frame of a page if it is in RAM, else 0. */
  cached(index: number): number {
    return this.frames.get(index) ?? 0;
  }
  /** The frame of a page, read if need be. -ENXIO beyond the end of the file, another -errno, PENDING. */
  frame(kernel: Kernel, task: Task, index: number): number {
    const held = this.frames.get(index);
    if (held !== undefined) return held;
    const { fileSystem, inode } = this.place;
    const attributes = fileSystem.attributes(kernel, task, inode);
    if (typeof attributes === 'number') return attributes;
    if (index * BLOCK_BYTES >= attributes.size) return -Errno.ENXIO;
    const block = fileSystem.readBlock(kernel, task, inode, index);
    if (typeof block === 'number') return block;
    const frame = kernel.frames.allocate();
    if (frame === 0) return -Errno.ENOMEM;
    kernel.machine.memory.writeBytes(frame, block);
    this.frames.set(index, frame);
    return frame;
  }
  /** A page table entry said that this page was written. */
  noteDirty(index: number): void {
    if (this.frames.has(index)) this.dirty.add(index);
  }

  /** D bits of all page tables become dirty pages. */
  collect(kernel: Kernel): void {
    if (this.writableMappings > 0) forEachSpace(kernel, (space) => space.collectDirty(kernel, this));
  }
  /** Writes dirty pages to the file system: 0, PENDING, or the -errno of the first that failed (all are tried). */
  writeBack(kernel: Kernel, task: Task): number {
    const { fileSystem, inode } = this.place;
    for (const index of this.dirty) {
      const attributes = fileSystem.attributes(kernel, task, inode);
      if (attributes === PENDING) return PENDING;
      const size = typeof attributes === 'number' ? 0 : attributes.size;
      const start = index * BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES, size - start);
      const frame = this.cached(index);
      if (length > 0 && frame !== 0) {
        const buffer = fileSystem.prepareWrite(kernel, task, inode, index, true);
        if (buffer === PENDING) return PENDING;
        let status = typeof buffer === 'number' ? buffer : 0;
        if (typeof buffer !== 'number') {
          buffer.set(kernel.machine.memory.bytes.subarray(frame, frame + length));
          buffer.fill(0, length);
          status = fileSystem.wroteTo(kernel, task, inode, start + length);
          if (status === PENDING) return PENDING;
        }
        if (status < 0 && this.writeError === 0) {
          this.writeError = status;
          kernel.log(`[memory] a page written through a mapping is lost: errno ${-status}`);
        }
      }
      this.dirty.delete(index);
    }
    const error = this.writeError;
    this.writeError = 0;
    return error;
  }

  /** The bytes from `size` to the end of its page, which a mapping may have written, are none of the file's. */
  clearBeyond(kernel: Kernel, size: number): void {
    const frame = this.cached(Math.floor(size / BLOCK_BYTES));
    const within = size % BLOCK_BYTES;
    if (frame !== 0 && within !== 0) kernel.machine.memory.fill(frame + within, BLOCK_BYTES - within, 0);
  }
  /** The file has become shorter: pages beyond go out of all page tables. */
  truncate(kernel: Kernel, size: number): void {
    this.clearBeyond(kernel, size);
    const first = Math.ceil(size / BLOCK_BYTES);
    forEachSpace(kernel, (space) => dropFilePages(kernel, space, this, first));
    for (const [index, frame] of this.frames) {
      if (index < first) continue;
      this.frames.delete(index);
      this.dirty.delete(index);
      kernel.frames.release(frame);
    }
  }
  /** Gives frames back that nobody has mapped and that are on the disk; how many. */
  reclaim(kernel: Kernel): number {
    let count = 0;
    for (const [index, frame] of this.frames) {
      if (this.dirty.has(index) || kernel.frames.users(frame) !== 1) continue;
      this.frames.delete(index);
      kernel.frames.release(frame);
      count++;
    }
    return count;
  }
  free(kernel: Kernel): void {
    for (const frame of this.frames.values()) kernel.frames.release(frame);
    this.frames.clear();
    this.place.fileSystem.release(this.place.inode);
  }
}
registerClass('vfs.FilePages', 1, FilePages);

function forEachSpace(kernel: Kernel, visit: (space: AddressSpace) => void): void {
  const seen = new Set<AddressSpace>();
  for (const { addressSpace } of kernel.processes.processes.values()) {
    if (addressSpace === null || seen.has(addressSpace)) continue;
    seen.add(addressSpace);
    visit(addressSpace);
  }
}

export class PageCache {
  /** Files with pages here, by `device:inode`. */
  private readonly files: Map<string, FilePages> = new Map();
  /** Woken when there is something to write back, or a file may be written through a mapping. */
  readonly changed: WaitQueue = new WaitQueue();
  /** When mappings are looked through next; Infinity while none may be written. */
  deadlineNanos = Infinity;

  /** Pages of all files, for /proc/meminfo. */
  count(): { readonly pages: number; readonly dirty: number } {
    const counts = [...this.files.values()].map((file) => file.count());
    return {
      pages: counts.reduce((sum, { pages }) => sum + pages, 0),
      dirty: counts.reduce((sum, { dirty }) => sum + dirty, 0),
    };
  }
  find(place: Place): FilePages | null {
    return this.files.size === 0 ? null : (this.files.get(placeKey(place)) ?? null);
  }
  /** One more mapping of a file. */
  enter(place: Place, writable: boolean): FilePages {
    const key = placeKey(place);
    let pages = this.files.get(key);
    if (pages === undefined) {
      pages = new FilePages(place);
      this.files.set(key, pages);
    }
    pages.mappings++;
    if (writable && pages.writableMappings++ === 0) this.changed.wakeAll();
    return pages;
  }
  /** One mapping less; its D bits were collected. */
  leave(kernel: Kernel, pages: FilePages, writable: boolean): void {
    pages.mappings--;
    if (writable) pages.writableMappings--;
    if (pages.mappings > 0) return;
    if (pages.isDirty) this.changed.wakeAll();
    else this.forget(kernel, pages);
  }
  private forget(kernel: Kernel, pages: FilePages): void {
    this.files.delete(placeKey(pages.place));
    pages.free(kernel);
  }

  /** For the kernel task that writes back: files that nobody maps at once, others every few seconds. 0 or PENDING. */
  writeBack(kernel: Kernel, task: Task): number {
    const due = kernel.nowNanos() >= this.deadlineNanos;
    let writable = false;
    for (const pages of this.files.values()) {
      if (due) pages.collect(kernel);
      if ((due || pages.mappings === 0) && pages.writeBack(kernel, task) === PENDING) return PENDING;
      if (pages.mappings === 0) this.forget(kernel, pages);
      else if (pages.writableMappings > 0) writable = true;
    }
    if (!writable) this.deadlineNanos = Infinity;
    else if (due || this.deadlineNanos === Infinity) this.deadlineNanos = kernel.nowNanos() + WRITE_BACK_NANOS;
    return 0;
  }

  /** sync(2): all files of a file system. 0, PENDING, -errno. */
  writeAll(kernel: Kernel, task: Task, fileSystem: FileSystem): number {
    let result = 0;
    for (const pages of this.files.values()) {
      if (pages.place.fileSystem !== fileSystem) continue;
      pages.collect(kernel);
      const status = pages.writeBack(kernel, task);
      if (status === PENDING) return PENDING;
      if (result === 0) result = status;
    }
    return result;
  }

  /** RAM is wanted: pages that can be read again. Returns how many frames are free now that were not. */
  reclaim(kernel: Kernel): number {
    let count = 0;
    for (const pages of this.files.values()) {
      // Pages of shared mappings stay: futexes are named by their frames.
      forEachSpace(kernel, (space) => dropCleanPages(kernel, space, pages));
      count += pages.reclaim(kernel);
    }
    return count;
  }
}
registerClass('vfs.PageCache', 1, PageCache);

// What open files use instead of the file system's own calls, so that they agree with mappings.

/** As FileSystem.readBlock. */
export function readFileBlock(kernel: Kernel, task: Task, place: Place, index: number): Uint8Array | number {
  const frame = kernel.state.pageCache.find(place)?.cached(index) ?? 0;
  if (frame === 0) return place.fileSystem.readBlock(kernel, task, place.inode, index);
  return kernel.machine.memory.bytes.subarray(frame, frame + BLOCK_BYTES);
}

/** As FileSystem.prepareWrite; wroteFile must follow before anything can wait. */
export function prepareFileWrite(
  kernel: Kernel,
  task: Task,
  place: Place,
  index: number,
  whole: boolean,
): Uint8Array | number {
  const { fileSystem, inode } = place;
  const pages = kernel.state.pageCache.find(place);
  if (pages === null) return fileSystem.prepareWrite(kernel, task, inode, index, whole);
  const attributes = fileSystem.attributes(kernel, task, inode);
  if (typeof attributes === 'number') return attributes;
  const frame = pages.cached(index);
  const buffer = fileSystem.prepareWrite(kernel, task, inode, index, whole || frame !== 0);
  if (typeof buffer === 'number') return buffer;
  if ((index + 1) * BLOCK_BYTES > attributes.size) pages.clearBeyond(kernel, attributes.size);
  if (frame !== 0) buffer.set(kernel.machine.memory.bytes.subarray(frame, frame + BLOCK_BYTES));
  return buffer;
}

/** As FileSystem.wroteTo, after a change of the buffer of block `index`. */
export function wroteFile(
  kernel: Kernel,
  task: Task,
  place: Place,
  index: number,
  buffer: Uint8Array,
  end: number,
): number {
  const frame = kernel.state.pageCache.find(place)?.cached(index) ?? 0;
  if (frame !== 0) kernel.machine.memory.writeBytes(frame, buffer);
  return place.fileSystem.wroteTo(kernel, task, place.inode, end);
}

/** As FileSystem.setSize. */
export function setFileSize(kernel: Kernel, task: Task, place: Place, size: number): number {
  const { fileSystem, inode } = place;
  const pages = kernel.state.pageCache.find(place);
  const attributes = fileSystem.attributes(kernel, task, inode);
  if (typeof attributes === 'number') return attributes;
  const refused = size > attributes.size ? checkNewSize(kernel, task, size) : 0;
  if (refused !== 0) return refused;
  const status = fileSystem.setSize(kernel, task, inode, size);
  if (status !== 0 || pages === null) return status;
  if (size < attributes.size) pages.truncate(kernel, size);
  else pages.clearBeyond(kernel, attributes.size);
  return 0;
}

/** fsync(2) of a file, or of its file system: what mappings have written goes first. Keeps its place in task.progress. */
export function synchroniseFile(kernel: Kernel, task: Task, place: Place): number {
  // The file system has begun: its commit is what is waited for.
  if (task.progress === null) {
    const pages = kernel.state.pageCache.find(place);
    pages?.collect(kernel);
    const status = pages?.writeBack(kernel, task) ?? 0;
    if (status !== 0) return status;
  }
  return place.fileSystem.synchronise(kernel, task);
}
export function synchroniseFileSystem(kernel: Kernel, task: Task, fileSystem: FileSystem): number {
  if (task.progress === null) {
    const status = kernel.state.pageCache.writeAll(kernel, task, fileSystem);
    if (status !== 0) return status;
  }
  return fileSystem.synchronise(kernel, task);
}
