// Bytes in and out: read, write and their vector, positioned and copying forms; lseek, truncate, fsync.

import { Errno } from '../../../abi/errno.ts';
import { Signal } from '../../../abi/signal.ts';
import { FileType } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import { PartList } from '../../network/socket-message.ts';
import { sendSignal } from '../../process/signals.ts';
import type { Task } from '../../process/task.ts';
import { PENDING, type SystemCallArguments, type SystemCallEntry } from '../../syscalls/handler.ts';
import { MemoryFile } from '../anonymous/memory-file.ts';
import { BLOCK_BYTES } from '../file-system.ts';
import { Event, happened, happenedAt } from '../notify.ts';
import { AT_FDCWD } from '../open.ts';
import type { OpenFile } from '../open-file.ts';
import { Access, mayAccess, TransferProgress } from '../path-walk.ts';
import { PipeEnd, signalOf } from '../pipe.ts';
import { MOST_TRANSFER_BYTES, mayRead, mayWrite, OpenFlag, RegularFile } from '../regular-file.ts';
import { type Place, placeKey, Vfs } from '../vfs.ts';
import { existing, fileOf, filesOf, row } from './support.ts';

const MOST_VECTORS = 1024;

function ready(kernel: Kernel, task: Task, descriptor: number, writing: boolean): OpenFile | number {
  const file = filesOf(task).get(descriptor);
  if (file === null || !(writing ? mayWrite(file) : mayRead(file))) return -Errno.EBADF;
  return fileOf(kernel, task, descriptor);
}

function single(writing: boolean, positioned: boolean) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const file = ready(kernel, task, a.int(0), writing);
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
function vectored(writing: boolean, positioned: boolean) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const file = ready(kernel, task, a.int(0), writing);
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
        if ((file.readiness(kernel) & 1) === 0) break;
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
  const status = found.place.fileSystem.setSize(kernel, task, found.place.inode, size);
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
    const status = mount.fileSystem.synchronise(kernel, task);
    if (status === PENDING) return PENDING;
  }
  return 0;
}

function syncfs(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  return file.place === null ? 0 : file.place.fileSystem.synchronise(kernel, task);
}

/**
 * Copies one stretch within the kernel: at most one block from `source` at `from` to a file at `to` or into a pipe.
 * The count (0 = end), PENDING, -errno; -EAGAIN when a pipe is full.
 */
function copyStretch(
  kernel: Kernel,
  task: Task,
  source: Place,
  from: number,
  target: OpenFile,
  to: number,
  most: number,
): number {
  const inode = source.fileSystem.attributes(kernel, task, source.inode);
  if (typeof inode === 'number') return inode;
  const within = from % BLOCK_BYTES;
  const targetWithin = to % BLOCK_BYTES;
  const isFile = target instanceof RegularFile;
  let length = Math.min(
    most,
    inode.size - from,
    BLOCK_BYTES - within,
    isFile ? BLOCK_BYTES - targetWithin : BLOCK_BYTES,
  );
  if (length <= 0) return 0;
  const block = source.fileSystem.readBlock(kernel, task, source.inode, Math.floor(from / BLOCK_BYTES));
  if (typeof block === 'number') return block;
  if (!isFile) {
    const { pipe } = target as PipeEnd;
    if (pipe.readers === 0) {
      sendSignal(kernel, task.process, signalOf(task, Signal.SIGPIPE), task);
      return -Errno.EPIPE;
    }
    length = Math.min(length, pipe.room);
    if (length === 0) return -Errno.EAGAIN;
    const piece = pipe.writable(length);
    piece.set(block.subarray(within, within + piece.length));
    pipe.produce(piece.length);
    return piece.length;
  }
  // The block is a view that the next call may reuse.
  const bytes = block.slice(within, within + length);
  const place = target.place as Place;
  const buffer = place.fileSystem.prepareWrite(
    kernel,
    task,
    place.inode,
    Math.floor(to / BLOCK_BYTES),
    length === BLOCK_BYTES,
  );
  if (typeof buffer === 'number') return buffer;
  buffer.set(bytes, targetWithin);
  const status = place.fileSystem.wroteTo(kernel, task, place.inode, to + length);
  return status === 0 ? length : status;
}

/** An off_t in user memory, or null for address 0. -EFAULT, -EINVAL, PENDING as { error }. */
function readOffset(kernel: Kernel, task: Task, address: number): number | null | { readonly error: number } {
  if (address === 0) return null;
  const bytes = new Uint8Array(8);
  const status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return { error: status };
  const view = new DataView(bytes.buffer);
  const offset = view.getUint32(0, true) + view.getInt32(4, true) * 0x1_0000_0000;
  return offset < 0 || offset > Number.MAX_SAFE_INTEGER ? { error: -Errno.EINVAL } : offset;
}

interface KernelCopy {
  readonly source: RegularFile;
  readonly target: OpenFile;
  readonly sourceOffsetAt: number;
  readonly targetOffsetAt: number;
  readonly count: number;
}

function kernelCopy(kernel: Kernel, task: Task, copy: KernelCopy): number {
  const { source, target } = copy;
  const sourceOffset = readOffset(kernel, task, copy.sourceOffsetAt);
  if (typeof sourceOffset === 'object' && sourceOffset !== null) return sourceOffset.error;
  const targetOffset = readOffset(kernel, task, copy.targetOffsetAt);
  if (typeof targetOffset === 'object' && targetOffset !== null) return targetOffset.error;
  const progress = task.progress instanceof TransferProgress ? task.progress : new TransferProgress();
  task.progress = progress;
  const from = sourceOffset ?? source.position;
  const to = targetOffset ?? target.position;
  let result = 0;
  if (target instanceof MemoryFile && progress.done === 0) result = target.writeRefusal(kernel, task, to + copy.count);
  while (result >= 0 && progress.done < copy.count) {
    const place = source.place as Place;
    result = copyStretch(
      kernel,
      task,
      place,
      from + progress.done,
      target,
      to + progress.done,
      copy.count - progress.done,
    );
    if (result === PENDING) return PENDING;
    if (result === -Errno.EAGAIN && progress.done === 0 && target instanceof PipeEnd) {
      if ((target.flags & OpenFlag.nonBlocking) !== 0) break;
      if (task.signalPending) {
        result = -Errno.EINTR;
        break;
      }
      task.waitOn(target.pipe.queue);
      return PENDING;
    }
    if (result <= 0) break;
    progress.done += result;
  }
  const { done } = progress;
  task.progress = null;
  if (done === 0) return Math.min(result, 0);
  happened(kernel, source, Event.access);
  happened(kernel, target, Event.modify);
  if (sourceOffset === null) source.position = from + done;
  else kernel.userMemory.writeWord64(task, copy.sourceOffsetAt, from + done);
  if (targetOffset !== null) kernel.userMemory.writeWord64(task, copy.targetOffsetAt, to + done);
  else if (target instanceof RegularFile) target.position = to + done;
  return done;
}

function sendfile(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const target = ready(kernel, task, a.int(0), true);
  if (typeof target === 'number') return target;
  const source = ready(kernel, task, a.int(1), false);
  if (typeof source === 'number') return source;
  // Other targets (terminals, sockets) give EINVAL, on which programs fall back to read and write.
  const canTake = target instanceof RegularFile || target instanceof PipeEnd;
  if (!(source instanceof RegularFile) || !canTake || (target.flags & OpenFlag.append) !== 0) return -Errno.EINVAL;
  const count = Math.min(a.unsigned(3), MOST_TRANSFER_BYTES);
  return kernelCopy(kernel, task, { source, target, sourceOffsetAt: a.unsigned(2), targetOffsetAt: 0, count });
}

function copyFileRange(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const source = ready(kernel, task, a.int(0), false);
  if (typeof source === 'number') return source;
  const target = ready(kernel, task, a.int(2), true);
  if (typeof target === 'number') return target;
  if (a.uint(5) !== 0 || !(source instanceof RegularFile) || !(target instanceof RegularFile)) return -Errno.EINVAL;
  if ((target.flags & OpenFlag.append) !== 0) return -Errno.EBADF;
  const count = Math.min(a.unsigned(4), MOST_TRANSFER_BYTES);
  return kernelCopy(kernel, task, {
    source,
    target,
    sourceOffsetAt: a.unsigned(1),
    targetOffsetAt: a.unsigned(3),
    count,
  });
}

/** Advice changes nothing that a program can see. */
function fadvise(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  if (file instanceof PipeEnd) return -Errno.ESPIPE;
  return a.int(3) >= 0 && a.int(3) <= 5 ? 0 : -Errno.EINVAL;
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
  row('sendfile', 'descriptor', 'out:fd in:fd offset:pointer count:size', sendfile),
  row(
    'copy_file_range',
    'descriptor',
    'in:fd inOffset:pointer out:fd outOffset:pointer count:size flags:flags',
    copyFileRange,
  ),
  row('fadvise64', 'descriptor', 'fd:fd offset:offset length:offset advice:int', fadvise),
];
