// Open descriptions of regular files and folders.
//
//   read:  page by page from the file system's verified block to user memory       write: user page present? then block buffer, then size
//
// A transfer may wait for the disk between two pages; how far it came stands in task.progress. The position (or, with O_APPEND, the end of
// the file) is looked at anew after each wait and moves with each part: transfers that overlap in time share the file out, none overwrites
// what the other has written.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { writableBytes } from '../process/limits.ts';
import type { Mappable, MappableFile, ProgramFile } from '../process/seams.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { BLOCK_BYTES, type FileSystem } from './file-system.ts';
import { OpenFile } from './open-file.ts';
import { prepareFileWrite, readFileBlock, setFileSize, synchroniseFile, wroteFile } from './page-cache.ts';
import { TransferProgress } from './path-walk.ts';
import { ExecutableFile, FileMapping } from './program-file.ts';
import { adjustCount, type Place, placeKey, Vfs } from './vfs.ts';

export const OpenFlag = {
  accessMode: 3,
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  noControllingTerminal: 0o400,
  truncate: 0o1000,
  append: 0o2000,
  nonBlocking: 0o4000,
  dataSync: 0o10000,
  direct: 0o40000,
  largeFile: 0o100000,
  directory: 0o200000,
  noFollow: 0o400000,
  noAccessTime: 0o1000000,
  closeOnExec: 0o2000000,
  sync: 0o4000000,
  path: 0o10000000,
  temporary: 0o20200000,
} as const;

export const mayRead = (file: OpenFile): boolean =>
  (file.flags & OpenFlag.accessMode) !== OpenFlag.writeOnly && (file.flags & OpenFlag.path) === 0;
export const mayWrite = (file: OpenFile): boolean =>
  (file.flags & OpenFlag.accessMode) !== OpenFlag.readOnly && (file.flags & OpenFlag.path) === 0;

/** As Linux' MAX_RW_COUNT. */
export const MOST_TRANSFER_BYTES = 0x7fff_f000;
const LARGEST_OFFSET = 2 ** 52;

/** lseek for what has a size. */
export function seekTo(file: OpenFile, size: number, offset: number, whence: number): number {
  let position: number;
  if (whence === 0) position = offset;
  else if (whence === 1) position = file.position + offset;
  else if (whence === 2) position = size + offset;
  // Holes are not told from zeros: data begins here, the only hole is the end.
  else if (whence === 3) position = offset >= 0 && offset < size ? offset : -1;
  else if (whence === 4) position = offset >= 0 && offset < size ? size : -1;
  else return -Errno.EINVAL;
  if (position < 0 && whence >= 3) return -Errno.ENXIO;
  if (position < 0 || position > Number.MAX_SAFE_INTEGER) return -Errno.EINVAL;
  file.position = position;
  return position;
}

export class RegularFile extends OpenFile implements Mappable {
  override readonly capability = Capability.file;

  private get where(): Place {
    return this.place as Place;
  }
  private get fileSystem(): FileSystem {
    return this.where.fileSystem;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    const { inode: number } = this.where;
    const inode = this.fileSystem.attributes(kernel, task, number);
    if (typeof inode === 'number') return inode;
    const progress = this.progressOf(task);
    const wanted = Math.min(count, MOST_TRANSFER_BYTES);
    let position = offset === null ? this.position : offset + progress.done;
    while (progress.done < wanted && position < inode.size) {
      const within = position % BLOCK_BYTES;
      const length = Math.min(wanted - progress.done, inode.size - position, BLOCK_BYTES - within);
      const block = readFileBlock(kernel, task, this.where, Math.floor(position / BLOCK_BYTES));
      const status =
        typeof block === 'number'
          ? block
          : kernel.userMemory.copyOut(task, address + progress.done, block, within, length);
      if (status === PENDING) return PENDING;
      if (status < 0) return this.finish(task, progress.done > 0 ? progress.done : status);
      progress.done += length;
      position += length;
      if (offset === null) this.position = position;
    }
    return this.finish(task, progress.done);
  }

  private progressOf(task: Task): TransferProgress {
    if (task.progress instanceof TransferProgress) return task.progress;
    const progress = new TransferProgress();
    task.progress = progress;
    return progress;
  }
  private finish(task: Task, result: number): number {
    task.progress = null;
    return result;
  }

  override write(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    const { inode: number } = this.where;
    const progress = this.progressOf(task);
    let wanted = Math.min(count, MOST_TRANSFER_BYTES);
    let position = offset === null ? this.position : offset + progress.done;
    if ((this.flags & OpenFlag.append) !== 0) {
      const inode = this.fileSystem.attributes(kernel, task, number);
      if (typeof inode === 'number') return inode === PENDING ? PENDING : this.finish(task, inode);
      position = inode.size;
    }
    if (progress.done < wanted) {
      // Where a limit is met on the way, the call ends with what was written.
      const begun = progress.done > 0 || progress.continues;
      const allowed = writableBytes(kernel, task, position, wanted - progress.done, begun);
      if (allowed < 0) return this.finish(task, allowed);
      wanted = progress.done + allowed;
    }
    while (progress.done < wanted) {
      const length = Math.min(wanted - progress.done, BLOCK_BYTES - (position % BLOCK_BYTES));
      const status =
        position >= LARGEST_OFFSET
          ? -Errno.EFBIG
          : this.writePart(kernel, task, address + progress.done, position, length);
      if (status === PENDING) return PENDING;
      if (status < 0) {
        if (progress.done === 0) return this.finish(task, status);
        break;
      }
      progress.done += length;
      position += length;
      if (offset === null) this.position = position;
    }
    if ((this.flags & OpenFlag.dataSync) !== 0 && progress.done > 0) {
      // The bytes count as written only when they are durable; a restart finds nothing left to copy.
      task.progress = progress.inner;
      const status = synchroniseFile(kernel, task, this.where);
      progress.inner = task.progress;
      task.progress = progress;
      if (status !== 0) return status === PENDING ? PENDING : this.finish(task, status);
    }
    return this.finish(task, progress.done);
  }

  /** Copies into one block. The user page is brought in first, so that nothing can wait between buffer and size. */
  private writePart(kernel: Kernel, task: Task, address: number, position: number, length: number): number {
    let status = kernel.userMemory.prepare(task, address, length, false);
    if (status !== 0) return status;
    const index = Math.floor(position / BLOCK_BYTES);
    const buffer = prepareFileWrite(kernel, task, this.where, index, length === BLOCK_BYTES);
    if (typeof buffer === 'number') return buffer;
    status = kernel.userMemory.copyIn(task, address, buffer, position % BLOCK_BYTES, length);
    if (status !== 0) return status;
    return wroteFile(kernel, task, this.where, index, buffer, position + length);
  }

  override seek(kernel: Kernel, task: Task, offset: number, whence: number): number {
    const inode = this.fileSystem.attributes(kernel, task, this.where.inode);
    return typeof inode === 'number' ? inode : seekTo(this, inode.size, offset, whence);
  }
  override truncate(kernel: Kernel, task: Task, size: number): number {
    if (!mayWrite(this)) return -Errno.EINVAL;
    return setFileSize(kernel, task, this.where, size);
  }
  override synchronise(kernel: Kernel, task: Task): number {
    return synchroniseFile(kernel, task, this.where);
  }
  mapping(kernel: Kernel, _task: Task, shared: boolean, writable: boolean): MappableFile | number {
    if (!mayRead(this)) return -Errno.EACCES;
    if (shared && writable && !mayWrite(this)) return -Errno.EACCES;
    return new FileMapping(kernel, this.where, this.path, shared && mayWrite(this));
  }
  program(kernel: Kernel, task: Task): ProgramFile | number {
    if (!mayRead(this)) return -Errno.EACCES;
    const { where } = this;
    const inode = this.fileSystem.attributes(kernel, task, where.inode);
    if (typeof inode === 'number') return inode;
    if (Vfs.of(kernel).writers.has(placeKey(where))) return -Errno.ETXTBSY;
    return new ExecutableFile(kernel, where, this.path, inode);
  }
  override closed(kernel: Kernel): void {
    if (mayWrite(this)) adjustCount(Vfs.of(kernel).writers, placeKey(this.where), -1);
  }
}
registerClass('vfs.RegularFile', 1, RegularFile);

/** An open folder: getdents64, fchdir, the *at calls. `position` is the readdir cookie: 0 ".", 1 "..", then the file system's + 2. */
export class FolderFile extends OpenFile {
  override readonly capability = Capability.file;

  override read(): number {
    return -Errno.EISDIR;
  }
  override write(): number {
    return -Errno.EBADF;
  }
  override seek(_kernel: Kernel, _task: Task, offset: number, whence: number): number {
    if (whence > 1) return -Errno.EINVAL;
    return seekTo(this, 0, offset, whence);
  }
  override synchronise(kernel: Kernel, task: Task): number {
    return (this.place as Place).fileSystem.synchronise(kernel, task);
  }
}
registerClass('vfs.FolderFile', 1, FolderFile);

/** What O_PATH gives: a place, and no I/O. */
export class PathFile extends OpenFile {
  override readonly capability = Capability.file;

  override read(): number {
    return -Errno.EBADF;
  }
  override write(): number {
    return -Errno.EBADF;
  }
  override seek(): number {
    return -Errno.EBADF;
  }
  override ioctl(): number {
    return -Errno.EBADF;
  }
}
registerClass('vfs.PathFile', 1, PathFile);
