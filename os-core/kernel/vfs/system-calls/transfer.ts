// Bytes in and out: read, write and their vector and positioned forms; lseek, truncate, fsync. Copies within the kernel: kernel-copy.ts.

import { Errno } from '../../../abi/errno.ts';
import { FileType } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import { PartList } from '../../network/socket-message.ts';
import type { Task } from '../../process/task.ts';
import { PENDING, type SystemCallArguments, type SystemCallEntry } from '../../syscalls/handler.ts';
import { Event, happened, happenedAt } from '../notify.ts';
import { AT_FDCWD } from '../open.ts';
import { type OpenFile, Poll } from '../open-file.ts';
import { setFileSize, synchroniseFileSystem } from '../page-cache.ts';
import { Access, mayAccess, TransferProgress } from '../path-walk.ts';
import { PipeEnd } from '../pipe.ts';
import { FolderFile, MOST_TRANSFER_BYTES, mayRead, mayWrite, RegularFile } from '../regular-file.ts';
import { placeKey, Vfs } from '../vfs.ts';
import { existing, fileOf, filesOf, row } from './support.ts';

const MOST_VECTORS = 1024;
/** RWF_ flags of preadv2. */
const ReadWriteFlag = { highPriority: 1, noWait: 8 } as const;

/** The file behind a descriptor that is open for reading or writing: -EBADF, -EPERM. */
export function ready(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  writing: boolean,
  positioned = false,
): OpenFile | number {
  const file = filesOf(task).get(descriptor);
  // A stream has no positions, whatever it was opened for.
  if (positioned && file !== null && file.readinessQueue !== null) return -Errno.ESPIPE;
  if (file === null || !(writing ? mayWrite(file) : mayRead(file))) return -Errno.EBADF;
  return fileOf(kernel, task, descriptor);
}

function single(writing: boolean, positioned: boolean) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const file = ready(kernel, task, a.int(0), writing, positioned);
    if (typeof file === 'number') return file;
    const offset = positioned ? a.signed(3) : null;
    if (offset !== null && offset < 0) return -Errno.EINVAL;
    const count = Math.min(a.unsigned(2), MOST_TRANSFER_BYTES);
    const result = writing
      ? file.write(kernel, task, a.unsigned(1), count, offset)
      : file.read(kernel, task, a.unsigned(1), count, offset);
    if (result > 0) happened(kernel, file, writing ? Event.modify : Event.access);
    return result;
  };
}

/** struct iovec[]: pairs of address and length. -EINVAL, -EFAULT, PENDING. */
function readVectors(kernel: Kernel, task: Task, address: number, count: number): number[] | number {
  if (count < 0 || count > MOST_VECTORS) return -Errno.EINVAL;
  const bytes = new Uint8Array(16 * count);
  const status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  const vectors: number[] = [];
  let total = 0;
  for (let i = 0; i < 2 * count; i++) {
    const value = view.getUint32(8 * i, true) + view.getUint32(8 * i + 4, true) * 0x1_0000_0000;
    if (i % 2 === 0) {
      vectors.push(value);
      continue;
    }
    if (value > Number.MAX_SAFE_INTEGER) return -Errno.EINVAL;
    const length = Math.min(value, MOST_TRANSFER_BYTES - total);
    total += length;
    vectors.push(length);
  }
  return vectors;
}

function partsOf(vectors: readonly number[]): PartList {
  const parts: { address: number; length: number }[] = [];
  for (let i = 0; i < vectors.length; i += 2) parts.push({ address: vectors[i], length: vectors[i + 1] });
  return new PartList(parts);
}

/** Runs the buffers one after the other; a short one ends the call. */
export function vectored(writing: boolean, positioned: boolean) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const file = ready(kernel, task, a.int(0), writing, positioned);
    if (typeof file === 'number') return file;
    const offset = positioned ? a.signed(3) : null;
    if (offset !== null && offset < 0) return -Errno.EINVAL;
    const vectors = readVectors(kernel, task, a.unsigned(1), a.int(2));
    if (typeof vectors === 'number') return vectors;
    if (offset === null) {
      const whole = file.transfer(kernel, task, partsOf(vectors), writing);
      if (whole !== null) return whole;
    }
    const progress = task.progress instanceof TransferProgress ? task.progress : new TransferProgress();
    for (; 2 * progress.vector < vectors.length; progress.vector++) {
      const length = vectors[2 * progress.vector + 1];
      if (length === 0) continue;
      const address = vectors[2 * progress.vector];
      const at = offset === null ? null : offset + progress.total;
      if (progress.total > 0 && progress.inner === null && !writing && file.readinessQueue !== null) {
        // A stream that has given something does not wait for more.
        if ((file.readiness(kernel) & Poll.in) === 0) break;
      }
      if (progress.total > 0 && progress.inner === null && writing && file instanceof RegularFile) {
        const inner = new TransferProgress();
        inner.continues = true;
        progress.inner = inner;
      }
      task.progress = progress.inner;
      const result = writing
        ? file.write(kernel, task, address, length, at)
        : file.read(kernel, task, address, length, at);
      progress.inner = result === PENDING ? task.progress : null;
      task.progress = null;
      if (result === PENDING) {
        task.progress = progress;
        return PENDING;
      }
      if (result < 0) return progress.total > 0 ? progress.total : result;
      progress.total += result;
      if (result < length) break;
    }
    if (progress.total > 0) happened(kernel, file, writing ? Event.modify : Event.access);
    return progress.total;
  };
}

function lseek(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  return file.seek(kernel, task, a.signed(1), a.int(2));
}

function ftruncate(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const size = a.signed(1);
  if (size < 0) return -Errno.EINVAL;
  const status = file.truncate(kernel, task, size);
  if (status === 0) happened(kernel, file, Event.modify);
  return status;
}

function truncate(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const size = a.signed(1);
  if (size < 0) return -Errno.EINVAL;
  const found = existing(kernel, task, AT_FDCWD, a.unsigned(0), true);
  if (typeof found === 'number') return found;
  if (found.inode.isDirectory) return -Errno.EISDIR;
  if (found.inode.type !== FileType.regular) return -Errno.EINVAL;
  if (!mayAccess(found.inode, task.process.credentials, Access.write)) return -Errno.EACCES;
  if (found.place.fileSystem.readOnly) return -Errno.EROFS;
  if (Vfs.of(kernel).executing.has(placeKey(found.place))) return -Errno.ETXTBSY;
  const status = setFileSize(kernel, task, found.place, size);
  if (status === 0) happenedAt(kernel, found.place, Event.modify, false, found.entry);
  return status;
}

/** fallocate(2): space is given at commit, so only the size can be promised. */
function fallocate(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = ready(kernel, task, a.int(0), true);
  if (typeof file === 'number') return file;
  const mode = a.int(1);
  const offset = a.signed(2);
  const length = a.signed(3);
  if (offset < 0 || length <= 0) return -Errno.EINVAL;
  if (mode !== 0 && mode !== 1) return -Errno.EOPNOTSUPP;
  if (!(file instanceof RegularFile)) return file instanceof PipeEnd ? -Errno.ESPIPE : -Errno.ENODEV;
  const inode = file.attributes(kernel, task);
  if (typeof inode === 'number') return inode;
  if (mode === 1 || offset + length <= inode.size) return 0;
  return file.truncate(kernel, task, offset + length);
}

function fsync(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  return typeof file === 'number' ? file : file.synchronise(kernel, task);
}

function sync(kernel: Kernel, task: Task): number {
  // Only one mounted file system has anything to write; tmpfs, /dev and /proc answer at once.
  for (const mount of Vfs.of(kernel).mounts) {
    const status = synchroniseFileSystem(kernel, task, mount.fileSystem);
    if (status === PENDING) return PENDING;
  }
  return 0;
}

function syncfs(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  return file.place === null ? 0 : synchroniseFileSystem(kernel, task, file.place.fileSystem);
}

/** preadv2, pwritev2: the offset -1 stands for the file's own position; RWF_NOWAIT for a stream that does not wait. */
function vectoredWithFlags(writing: boolean) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const flags = a.uint(5);
    if ((flags & ~(ReadWriteFlag.highPriority | ReadWriteFlag.noWait)) !== 0) return -Errno.EOPNOTSUPP;
    const file = ready(kernel, task, a.int(0), writing, a.signed(3) !== -1);
    if (typeof file === 'number') return file;
    const wanted = writing ? Poll.out : Poll.in;
    const waits = file.readinessQueue !== null && (file.readiness(kernel) & wanted) === 0;
    if ((flags & ReadWriteFlag.noWait) !== 0 && waits) return -Errno.EAGAIN;
    return vectored(writing, a.signed(3) !== -1)(kernel, task, a);
  };
}

/** Starts, or waits for, the writing of a range (sync_file_range(2)): here of the whole file. */
function syncFileRange(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const [offset, length] = [a.signed(1), a.signed(2)];
  if ((a.uint(3) & ~7) !== 0 || offset < 0 || length < 0) return -Errno.EINVAL;
  if (!(file instanceof RegularFile)) return file instanceof FolderFile ? 0 : -Errno.ESPIPE;
  return a.uint(3) === 0 ? 0 : file.synchronise(kernel, task);
}

/** Advice changes nothing that a program can see. */
function fadvise(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  if (file instanceof PipeEnd) return -Errno.ESPIPE;
  return a.int(3) >= 0 && a.int(3) <= 5 ? 0 : -Errno.EINVAL;
}

/** readahead(2), as POSIX_FADV_WILLNEED: reads come from the disk in well under a millisecond, none is made ahead of time. */
function readahead(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = ready(kernel, task, a.int(0), false);
  if (typeof file === 'number') return file;
  return file instanceof RegularFile ? 0 : -Errno.EINVAL;
}

export const transferCalls: readonly SystemCallEntry[] = [
  row('read', 'descriptor', 'fd:fd buffer:pointer count:size', single(false, false)),
  row('write', 'descriptor', 'fd:fd buffer:pointer count:size', single(true, false)),
  row('pread64', 'descriptor', 'fd:fd buffer:pointer count:size offset:offset', single(false, true)),
  row('pwrite64', 'descriptor', 'fd:fd buffer:pointer count:size offset:offset', single(true, true)),
  row('readv', 'descriptor', 'fd:fd vectors:pointer count:int', vectored(false, false)),
  row('writev', 'descriptor', 'fd:fd vectors:pointer count:int', vectored(true, false)),
  row('preadv', 'descriptor', 'fd:fd vectors:pointer count:int offset:offset', vectored(false, true)),
  row('pwritev', 'descriptor', 'fd:fd vectors:pointer count:int offset:offset', vectored(true, true)),
  row('lseek', 'descriptor', 'fd:fd offset:offset whence:int', lseek),
  row('ftruncate', 'descriptor', 'fd:fd size:offset', ftruncate),
  row('truncate', 'file', 'path:path size:offset', truncate),
  row('fallocate', 'descriptor', 'fd:fd mode:int offset:offset length:offset', fallocate),
  row('fsync', 'descriptor', 'fd:fd', fsync),
  row('fdatasync', 'descriptor', 'fd:fd', fsync),
  row('sync', 'none', '', sync),
  row('syncfs', 'descriptor', 'fd:fd', syncfs),
  row(
    'preadv2',
    'descriptor',
    'fd:fd vectors:pointer count:int offset:offset offsetHigh:size flags:flags',
    vectoredWithFlags(false),
  ),
  row(
    'pwritev2',
    'descriptor',
    'fd:fd vectors:pointer count:int offset:offset offsetHigh:size flags:flags',
    vectoredWithFlags(true),
  ),
  row('sync_file_range', 'descriptor', 'fd:fd offset:offset length:offset flags:flags', syncFileRange),
  row('readahead', 'descriptor', 'fd:fd offset:offset count:size', readahead),
  row('fadvise64', 'descriptor', 'fd:fd offset:offset length:offset advice:int', fadvise),
];
