// Files as execve and mmap see them.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { FileType, type Inode, toByteString } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { MappableFile, ProgramFile } from '../process/seams.ts';
import type { Task } from '../process/task.ts';
import { BLOCK_BYTES } from './file-system.ts';
import { startOf } from './open.ts';
import { type FilePages, type PageCache, readFileBlock, synchroniseFile } from './page-cache.ts';
import { Access, mayAccess, walk } from './path-walk.ts';
import { adjustCount, type Place, placeKey, Vfs } from './vfs.ts';

const SIGNATURE_ATTRIBUTE = 'security.euroos';
/** Mode bits S_IWGRP and S_IWOTH. */
const WRITABLE_BY_OTHERS = 0o022;

/** Pages of a file for mmap. `writable`: shared mappings may write, which counts as having it open for writing. */
export class FileMapping implements MappableFile {
  readonly path: string;
  readonly writable: boolean;
  cachedPages: FilePages | null = null;
  protected readonly place: Place;
  protected readonly vfs: Vfs;
  private readonly cache: PageCache;
  private users = 0;

  constructor(kernel: Kernel, place: Place, path: string, writable: boolean) {
    this.vfs = Vfs.of(kernel);
    this.cache = kernel.state.pageCache;
    this.place = place;
    this.path = path;
    this.writable = writable;
  }

  pageFrame(kernel: Kernel, task: Task, pageIndex: number): number {
    return this.cachedPages?.frame(kernel, task, pageIndex) ?? -Errno.EIO;
  }
  residentFrame(pageIndex: number): number {
    return this.cachedPages?.cached(pageIndex) ?? 0;
  }
  noteDirty(pageIndex: number): void {
    this.cachedPages?.noteDirty(pageIndex);
  }
  synchronise(kernel: Kernel, task: Task): number {
    return synchroniseFile(kernel, task, this.place);
  }
  readInto(kernel: Kernel, task: Task, offset: number, target: Uint8Array): number {
    const { fileSystem, inode: number } = this.place;
    const inode = fileSystem.attributes(kernel, task, number);
    if (typeof inode === 'number') return inode;
    const count = Math.min(target.length, Math.max(0, inode.size - offset));
    for (let done = 0; done < count; ) {
      const within = (offset + done) % BLOCK_BYTES;
      const block = readFileBlock(kernel, task, this.place, Math.floor((offset + done) / BLOCK_BYTES));
      if (typeof block === 'number') return block;
      const length = Math.min(count - done, BLOCK_BYTES - within);
      target.set(block.subarray(within, within + length), done);
      done += length;
    }
    return count;
  }
  retain(): void {
    if (this.users++ > 0) return;
    this.cachedPages = this.cache.enter(this.place, this.writable);
    if (this.writable) adjustCount(this.vfs.writers, placeKey(this.place), 1);
  }
  release(kernel: Kernel): void {
    if (--this.users > 0 || this.cachedPages === null) return;
    if (this.writable) adjustCount(this.vfs.writers, placeKey(this.place), -1);
    this.cache.leave(kernel, this.cachedPages, this.writable);
    this.cachedPages = null;
  }
}
registerClass('vfs.FileMapping', 2, FileMapping);

/**
 * A program being run. While it is mapped nobody may open it for writing (ETXTBSY), and a page is given out only if the contents are
 * still those that were opened: so the verified bytes are the mapped bytes.
 */
export class ExecutableFile extends FileMapping implements ProgramFile {
  readonly sizeBytes: number;
  readonly contentIdentity: string;
  readonly onlyWriter: number;
  private holds = 0;

  constructor(kernel: Kernel, place: Place, path: string, inode: Inode) {
    super(kernel, place, path, false);
    this.sizeBytes = inode.size;
    this.contentIdentity = place.fileSystem.contentIdentity(inode);
    this.onlyWriter = (inode.mode & WRITABLE_BY_OTHERS) === 0 ? inode.user : -1;
  }

  override readInto(kernel: Kernel, task: Task, offset: number, target: Uint8Array): number {
    const { fileSystem, inode: number } = this.place;
    const inode = fileSystem.attributes(kernel, task, number);
    if (typeof inode === 'number') return inode;
    if (fileSystem.contentIdentity(inode) !== this.contentIdentity) return -Errno.ETXTBSY;
    return super.readInto(kernel, task, offset, target);
  }
  readSignature(kernel: Kernel, task: Task): Uint8Array | null | number {
    const value = this.place.fileSystem.getAttribute(kernel, task, this.place.inode, SIGNATURE_ATTRIBUTE);
    if (value === -Errno.ENODATA || value === -Errno.EOPNOTSUPP) return null;
    return typeof value === 'number' ? value : value.slice();
  }
  override retain(): void {
    super.retain();
    if (this.holds++ === 0) adjustCount(this.vfs.executing, placeKey(this.place), 1);
  }
  override release(kernel: Kernel): void {
    super.release(kernel);
    if (--this.holds === 0) adjustCount(this.vfs.executing, placeKey(this.place), -1);
  }
}
registerClass('vfs.ExecutableFile', 3, ExecutableFile);

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;

/** execve's lookup (see ProcessFiles.openProgram). `path`: Unicode text. */
export function openProgram(
  kernel: Kernel,
  task: Task,
  directoryDescriptor: number,
  path: string,
  flags: number,
): ProgramFile | number {
  const bytes = toByteString(path);
  const start = startOf(kernel, task, directoryDescriptor, bytes);
  if (typeof start === 'number') return start;
  let place: Place | null = start;
  let inode = null;
  if (bytes === '' && (flags & AT_EMPTY_PATH) !== 0) {
    const attributes = start.fileSystem.attributes(kernel, task, start.inode);
    if (typeof attributes === 'number') return attributes;
    inode = attributes;
  } else {
    const found = walk(kernel, task, start, bytes, (flags & AT_SYMLINK_NOFOLLOW) === 0);
    if (typeof found === 'number') return found;
    place = found.target;
    inode = found.inode;
  }
  if (place === null || inode === null) return -Errno.ENOENT;
  if (inode.type === FileType.symbolicLink) return -Errno.ELOOP;
  if (inode.type !== FileType.regular) return -Errno.EACCES;
  if (!mayAccess(inode, task.process.credentials, Access.execute)) return -Errno.EACCES;
  if (place.fileSystem.openSpecial(kernel, task, inode, 0) !== null) return -Errno.EACCES;
  if (Vfs.of(kernel).writers.has(placeKey(place))) return -Errno.ETXTBSY;
  return new ExecutableFile(kernel, place, path, inode);
}
