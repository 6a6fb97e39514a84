// Advisory locks: flock(2) on whole files, and the locks of fcntl(2) on ranges.
//
//   struct flock, 32 bytes:   0 type (u16)   2 whence (u16)   8 start (i64)   16 length (i64)   24 pid (i32)

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import { PENDING, type SystemCallArguments } from '../../syscalls/handler.ts';
import type { OpenFile } from '../open-file.ts';
import type { LockOwner, LockRange } from '../record-locks.ts';
import { mayRead, mayWrite, PathFile } from '../regular-file.ts';
import { FlockState, placeKey, Vfs } from '../vfs.ts';
import { fileOf, filesOf, RecordWriter } from './support.ts';

const Lock = { shared: 1, exclusive: 2, nonBlocking: 4, unlock: 8 } as const;

export function flock(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = fileOf(kernel, task, a.int(0));
  if (typeof file === 'number') return file;
  const { place } = file;
  const operation = a.int(1) & ~Lock.nonBlocking;
  if (operation !== Lock.shared && operation !== Lock.exclusive && operation !== Lock.unlock) return -Errno.EINVAL;
  if (file instanceof PathFile) return -Errno.EBADF;
  if (place === null) return 0;
  const vfs = Vfs.of(kernel);
  const key = placeKey(place);
  if (operation === Lock.unlock) {
    vfs.unlock(key, file);
    return 0;
  }
  const state = vfs.locks.get(key) ?? new FlockState();
  const others = state.holders.size - (state.holders.has(file) ? 1 : 0);
  const free = others === 0 || (operation === Lock.shared && !state.exclusive);
  if (free) {
    state.holders.add(file);
    const weaker = state.exclusive && operation === Lock.shared;
    state.exclusive = operation === Lock.exclusive;
    vfs.locks.set(key, state);
    if (weaker) state.queue.wakeAll();
    return 0;
  }
  // A conversion gives the old lock up first, so that two holders who both want more do not wait for each other (flock(2)).
  vfs.unlock(key, file);
  if ((a.int(1) & Lock.nonBlocking) !== 0) return -Errno.EAGAIN;
  if (task.signalPending) return -Errno.EINTR;
  task.waitOn(state.queue);
  return PENDING;
}

const RecordType = { read: 0, write: 1, unlock: 2 } as const;
const RECORD_BYTES = 32;
const LARGEST_OFFSET = 2n ** 63n - 1n;
/** fcntl(2) commands; those of descriptions (OFD) are 31 higher. */
export const LockCommand = { get: 5, set: 6, setWait: 7, ofdGet: 36, ofdSet: 37, ofdSetWait: 38 } as const;

class LockWait {
  abandoned(kernel: Kernel): void {
    Vfs.of(kernel).recordLocks.endWait(this);
  }
}
registerClass('vfs.LockWait', 1, LockWait);

/** Bytes that l_whence, l_start and l_len stand for. -EINVAL, -EOVERFLOW, or what asking for the size gives. */
function rangeOf(kernel: Kernel, task: Task, file: OpenFile, view: DataView): LockRange | number {
  const whence = view.getInt16(2, true);
  let base = 0;
  if (whence === 1) {
    base = file.position;
  } else if (whence === 2) {
    const inode = file.attributes(kernel, task);
    if (typeof inode === 'number') return inode;
    base = inode.size;
  } else if (whence !== 0) {
    return -Errno.EINVAL;
  }
  const length = view.getBigInt64(16, true);
  const start = view.getBigInt64(8, true) + BigInt(base);
  const first = length < 0n ? start + length : start;
  const last = length > 0n ? start + length - 1n : length < 0n ? start - 1n : LARGEST_OFFSET;
  if (start > LARGEST_OFFSET || last > LARGEST_OFFSET) return -Errno.EOVERFLOW;
  if (start < 0n || first < 0n) return -Errno.EINVAL;
  return { start: Number(first), end: last === LARGEST_OFFSET ? Infinity : Number(last) };
}

/** F_GETLK, F_SETLK, F_SETLKW and their OFD_ forms. */
export function recordLock(kernel: Kernel, task: Task, file: OpenFile, command: number, address: number): number {
  const bytes = new Uint8Array(RECORD_BYTES);
  let status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  const ofDescription = command >= LockCommand.ofdGet;
  const isQuery = command === LockCommand.get || command === LockCommand.ofdGet;
  if (ofDescription && view.getInt32(24, true) !== 0) return -Errno.EINVAL;
  const type = view.getInt16(0, true);
  if (type < RecordType.read || type > RecordType.unlock || (isQuery && type === RecordType.unlock))
    return -Errno.EINVAL;
  const { place } = file;
  if (place === null) return -Errno.EINVAL;
  const range = rangeOf(kernel, task, file, view);
  if (typeof range === 'number') return range;
  const owner: LockOwner = ofDescription ? file : filesOf(task);
  const wanted = {
    ...range,
    owner,
    process: ofDescription ? -1 : task.process.id,
    exclusive: type === RecordType.write,
  };
  const { recordLocks } = Vfs.of(kernel);
  const key = placeKey(place);
  if (!isQuery) {
    if (type === RecordType.read && !mayRead(file)) return -Errno.EBADF;
    if (type === RecordType.write && !mayWrite(file)) return -Errno.EBADF;
    if (type === RecordType.unlock) return recordLocks.unlock(key, owner, range);
  }
  const conflict = recordLocks.conflict(key, wanted);
  if (isQuery) {
    const record = new RecordWriter(RECORD_BYTES);
    record.bytes.set(bytes);
    if (conflict === null) {
      record.u16(0, RecordType.unlock);
    } else {
      record.u16(0, conflict.exclusive ? RecordType.write : RecordType.read);
      record.u16(2, 0);
      record.u64(8, conflict.start);
      record.u64(16, conflict.end === Infinity ? 0 : conflict.end - conflict.start + 1);
      record.u32(24, conflict.process);
    }
    return kernel.userMemory.copyOut(task, address, record.bytes);
  }
  const wait = task.progress instanceof LockWait ? task.progress : new LockWait();
  if (conflict === null) {
    recordLocks.endWait(wait);
    return recordLocks.lock(key, wanted);
  }
  if (command === LockCommand.set || command === LockCommand.ofdSet) return -Errno.EAGAIN;
  status = 0;
  if (task.signalPending) status = -Errno.EINTR;
  else if (!recordLocks.wait(wait, owner, conflict.owner) && !ofDescription) status = -Errno.EDEADLK;
  if (status !== 0) {
    recordLocks.endWait(wait);
    task.progress = null;
    return status;
  }
  task.progress = wait;
  task.waitOn(recordLocks.queueOf(key));
  return PENDING;
}
