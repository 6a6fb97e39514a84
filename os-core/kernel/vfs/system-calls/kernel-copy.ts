// Copies that do not pass through the program: sendfile, copy_file_range, splice, tee, vmsplice.
//
//   file | pipe | stream socket ── peek at most a block ──► put ──► file | pipe | socket
//                                └──────── consume what was taken ◄──┘
//
// A copy that has moved something does not wait for more. Positions of files move at the end; bytes of pipes and sockets are gone at once,
// and task.progress counts them.

import { Errno } from '../../../abi/errno.ts';
import { Signal } from '../../../abi/signal.ts';
import type { Kernel } from '../../kernel.ts';
import { MessageFlag, Socket, SocketType } from '../../network/socket.ts';
import { KernelParts } from '../../network/socket-message.ts';
import { writableBytes } from '../../process/limits.ts';
import { informationFrom, sendSignal } from '../../process/signals.ts';
import type { Task } from '../../process/task.ts';
import { PENDING, type SystemCallArguments, type SystemCallEntry } from '../../syscalls/handler.ts';
import { MemoryFile } from '../anonymous/memory-file.ts';
import { BLOCK_BYTES } from '../file-system.ts';
import { Event, happened } from '../notify.ts';
import type { OpenFile } from '../open-file.ts';
import { prepareFileWrite, readFileBlock, wroteFile } from '../page-cache.ts';
import { TransferProgress } from '../path-walk.ts';
import { PipeEnd } from '../pipe.ts';
import { FolderFile, MOST_TRANSFER_BYTES, OpenFlag, RegularFile } from '../regular-file.ts';
import type { Place } from '../vfs.ts';
import { filesOf, row } from './support.ts';
import { ready, vectored } from './transfer.ts';

const SpliceFlag = { move: 1, nonBlocking: 2, more: 4, gift: 8 } as const;
const ALL_SPLICE_FLAGS = 15;

/** Bytes that come next, at most a block and never more than `most`: none at the end; -EAGAIN, PENDING, -errno. */
function peek(kernel: Kernel, task: Task, source: OpenFile, position: number, most: number): Uint8Array | number {
  if (source instanceof PipeEnd) {
    const { pipe } = source;
    if (pipe.count === 0 && pipe.writers > 0) return -Errno.EAGAIN;
    return pipe.readable(Math.min(most, BLOCK_BYTES));
  }
  if (source instanceof Socket) {
    const bytes = new Uint8Array(Math.min(most, BLOCK_BYTES));
    const count = receive(kernel, task, source, bytes, MessageFlag.peek);
    return count < 0 ? count : bytes.subarray(0, count);
  }
  const place = source.place as Place;
  const inode = place.fileSystem.attributes(kernel, task, place.inode);
  if (typeof inode === 'number') return inode;
  const within = position % BLOCK_BYTES;
  const length = Math.min(most, inode.size - position, BLOCK_BYTES - within);
  if (length <= 0) return new Uint8Array(0);
  const block = readFileBlock(kernel, task, place, Math.floor(position / BLOCK_BYTES));
  // The block is a view that the next call may reuse.
  return typeof block === 'number' ? block : block.slice(within, within + length);
}
function consume(kernel: Kernel, task: Task, source: OpenFile, count: number): void {
  if (source instanceof PipeEnd) source.pipe.consume(count);
  else if (source instanceof Socket) receive(kernel, task, source, new Uint8Array(count), 0);
}
function receive(kernel: Kernel, task: Task, source: Socket, bytes: Uint8Array, flags: number): number {
  const message = { parts: new KernelParts(bytes), controlRoom: 0, name: null, control: null, resultFlags: 0 };
  return withoutProgress(task, () => source.receive(kernel, task, { ...message, flags: flags | MessageFlag.dontWait }));
}
/** Calls within the call: a socket keeps its own record while it runs. */
function withoutProgress(task: Task, call: () => number): number {
  const { progress } = task;
  task.progress = null;
  const result = call();
  task.progress = progress;
  return result;
}

/** The count of bytes taken; -EAGAIN if there is no room, PENDING, -errno. */
function put(kernel: Kernel, task: Task, target: OpenFile, position: number, bytes: Uint8Array): number {
  if (target instanceof PipeEnd) {
    const { pipe } = target;
    if (pipe.readers === 0) {
      sendSignal(kernel, task.process, informationFrom(task, Signal.SIGPIPE), task);
      return -Errno.EPIPE;
    }
    const piece = pipe.writable(bytes.length);
    if (piece.length === 0) return -Errno.EAGAIN;
    piece.set(bytes.subarray(0, piece.length));
    pipe.produce(piece.length);
    return piece.length;
  }
  if (target instanceof Socket) {
    const parts = new KernelParts(bytes);
    const message = { parts, name: null, control: new Uint8Array(0), flags: MessageFlag.dontWait };
    return withoutProgress(task, () => target.send(kernel, task, message));
  }
  const place = target.place as Place;
  const within = position % BLOCK_BYTES;
  const length = Math.min(bytes.length, BLOCK_BYTES - within);
  const block = Math.floor(position / BLOCK_BYTES);
  const buffer = prepareFileWrite(kernel, task, place, block, length === BLOCK_BYTES);
  if (typeof buffer === 'number') return buffer;
  buffer.set(bytes.subarray(0, length), within);
  const status = wroteFile(kernel, task, place, block, buffer, position + length);
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
  readonly source: OpenFile;
  readonly target: OpenFile;
  readonly sourceOffsetAt: number;
  readonly targetOffsetAt: number;
  readonly count: number;
  readonly nonBlocking: boolean;
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
  let { count } = copy;
  if (target instanceof RegularFile && progress.done < count) {
    const allowed = writableBytes(kernel, task, to + progress.done, count - progress.done, progress.done > 0);
    if (allowed < 0) result = allowed;
    else count = progress.done + allowed;
  }
  if (target instanceof MemoryFile && progress.done === 0 && result === 0)
    result = target.writeRefusal(kernel, task, to + count);
  while (result >= 0 && progress.done < count) {
    const bytes = peek(kernel, task, source, from + progress.done, count - progress.done);
    if (typeof bytes !== 'number' && bytes.length === 0) break;
    result = typeof bytes === 'number' ? bytes : put(kernel, task, target, to + progress.done, bytes);
    if (result === PENDING) return PENDING;
    if (result > 0) {
      consume(kernel, task, source, result);
      progress.done += result;
      continue;
    }
    if (result !== -Errno.EAGAIN || progress.done > 0 || copy.nonBlocking) break;
    const waiting = typeof bytes === 'number' ? source : target;
    const queue = waiting.readinessQueue;
    if (queue === null || (waiting.flags & OpenFlag.nonBlocking) !== 0) break;
    if (task.signalPending) {
      result = -Errno.EINTR;
      break;
    }
    task.waitOn(queue);
    return PENDING;
  }
  const { done } = progress;
  task.progress = null;
  if (done === 0) return Math.min(result, 0);
  happened(kernel, source, Event.access);
  happened(kernel, target, Event.modify);
  if (sourceOffset !== null) kernel.userMemory.writeWord64(task, copy.sourceOffsetAt, from + done);
  else if (source instanceof RegularFile) source.position = from + done;
  if (targetOffset !== null) kernel.userMemory.writeWord64(task, copy.targetOffsetAt, to + done);
  else if (target instanceof RegularFile) target.position = to + done;
  return done;
}

const isAppending = (file: OpenFile): boolean => (file.flags & OpenFlag.append) !== 0;
const isStream = (file: OpenFile): boolean => file instanceof Socket && file.type === SocketType.stream;

function sendfile(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const target = ready(kernel, task, a.int(0), true);
  if (typeof target === 'number') return target;
  const source = ready(kernel, task, a.int(1), false);
  if (typeof source === 'number') return source;
  // Other targets (terminals, devices) give EINVAL, on which programs fall back to read and write.
  const canTake = target instanceof RegularFile || target instanceof PipeEnd || isStream(target);
  if (!(source instanceof RegularFile) || !canTake || isAppending(target)) return -Errno.EINVAL;
  return kernelCopy(kernel, task, {
    source,
    target,
    sourceOffsetAt: a.unsigned(2),
    targetOffsetAt: 0,
    count: Math.min(a.unsigned(3), MOST_TRANSFER_BYTES),
    nonBlocking: false,
  });
}

function copyFileRange(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const files = [a.int(0), a.int(2)].map((descriptor) => filesOf(task).get(descriptor));
  if (files.includes(null)) return -Errno.EBADF;
  if (a.uint(5) !== 0) return -Errno.EINVAL;
  if (files.some((file) => file instanceof FolderFile)) return -Errno.EISDIR;
  if (!files.every((file) => file instanceof RegularFile)) return -Errno.EINVAL;
  const source = ready(kernel, task, a.int(0), false);
  if (typeof source === 'number') return source;
  const target = ready(kernel, task, a.int(2), true);
  if (typeof target === 'number') return target;
  if (isAppending(target)) return -Errno.EBADF;
  return kernelCopy(kernel, task, {
    source,
    target,
    sourceOffsetAt: a.unsigned(1),
    targetOffsetAt: a.unsigned(3),
    count: Math.min(a.unsigned(4), MOST_TRANSFER_BYTES),
    nonBlocking: false,
  });
}

function splice(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(5);
  const count = Math.min(a.unsigned(4), MOST_TRANSFER_BYTES);
  if (count === 0) return 0;
  if ((flags & ~ALL_SPLICE_FLAGS) !== 0) return -Errno.EINVAL;
  const files = filesOf(task);
  if (files.get(a.int(0)) === null || files.get(a.int(2)) === null) return -Errno.EBADF;
  const source = ready(kernel, task, a.int(0), false);
  if (typeof source === 'number') return source;
  const target = ready(kernel, task, a.int(2), true);
  if (typeof target === 'number') return target;
  const offsets = [
    [source, a.unsigned(1)],
    [target, a.unsigned(3)],
  ] as const;
  if (!(source instanceof PipeEnd) && !(target instanceof PipeEnd)) return -Errno.EINVAL;
  for (const [file, address] of offsets) if (file instanceof PipeEnd && address !== 0) return -Errno.ESPIPE;
  for (const [file, address] of offsets) if (!(file instanceof RegularFile) && address !== 0) return -Errno.EINVAL;
  if (source instanceof PipeEnd && target instanceof PipeEnd && source.pipe === target.pipe) return -Errno.EINVAL;
  for (const [file] of offsets)
    if (!(file instanceof RegularFile || file instanceof PipeEnd || isStream(file))) return -Errno.EINVAL;
  if (isAppending(target)) return -Errno.EINVAL;
  return kernelCopy(kernel, task, {
    source,
    target,
    sourceOffsetAt: a.unsigned(1),
    targetOffsetAt: a.unsigned(3),
    count,
    nonBlocking: (flags & SpliceFlag.nonBlocking) !== 0,
  });
}

/** tee: what lies in one pipe goes into another, and stays. */
function tee(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(3);
  if ((flags & ~ALL_SPLICE_FLAGS) !== 0) return -Errno.EINVAL;
  const most = Math.min(a.unsigned(2), MOST_TRANSFER_BYTES);
  if (most === 0) return 0;
  const source = ready(kernel, task, a.int(0), false);
  if (typeof source === 'number') return source;
  const target = ready(kernel, task, a.int(1), true);
  if (typeof target === 'number') return target;
  if (!(source instanceof PipeEnd) || !(target instanceof PipeEnd) || source.pipe === target.pipe) return -Errno.EINVAL;
  if (source.pipe.count === 0 && source.pipe.writers === 0) return 0;
  const waiting = source.pipe.count === 0 ? source : target;
  const wanted = Math.min(most, source.pipe.count);
  let done = 0;
  while (done < wanted) {
    const count = put(kernel, task, target, 0, source.pipe.readable(wanted - done, done));
    if (count < 0 && (count !== -Errno.EAGAIN || done > 0)) return done > 0 ? done : count;
    if (count < 0) break;
    done += count;
  }
  if (done > 0) return done;
  if ((flags & SpliceFlag.nonBlocking) !== 0 || (waiting.flags & OpenFlag.nonBlocking) !== 0) return -Errno.EAGAIN;
  if (task.signalPending) return -Errno.EINTR;
  task.waitOn(waiting.pipe.queue);
  return PENDING;
}

/** vmsplice: pages are not lent, their bytes are copied; a program cannot tell. */
function vmsplice(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(3);
  if ((flags & ~ALL_SPLICE_FLAGS) !== 0) return -Errno.EINVAL;
  const file = filesOf(task).get(a.int(0));
  if (!(file instanceof PipeEnd)) return -Errno.EBADF;
  const writing = (file.flags & OpenFlag.accessMode) !== OpenFlag.readOnly;
  const wouldWait = writing ? file.pipe.room === 0 : file.pipe.count === 0 && file.pipe.writers > 0;
  if ((flags & SpliceFlag.nonBlocking) !== 0 && wouldWait && task.progress === null) return -Errno.EAGAIN;
  return vectored(writing, false)(kernel, task, a);
}

export const kernelCopyCalls: readonly SystemCallEntry[] = [
  row('sendfile', 'descriptor', 'out:fd in:fd offset:pointer count:size', sendfile),
  row(
    'copy_file_range',
    'descriptor',
    'in:fd inOffset:pointer out:fd outOffset:pointer count:size flags:flags',
    copyFileRange,
  ),
  row('splice', 'descriptor', 'in:fd inOffset:pointer out:fd outOffset:pointer count:size flags:flags', splice),
  row('tee', 'descriptor', 'in:fd out:fd count:size flags:flags', tee),
  row('vmsplice', 'descriptor', 'fd:fd vectors:pointer count:size flags:flags', vmsplice),
];
