// Advisory locks on ranges of a file (fcntl_locking(2)): those of a process (F_SETLK) and of a description (F_OFD_SETLK).
//
//   bytes   0 ........ 99 100 ....... 199 200 ......... ∞
//   owner A   write        read                              one owner's ranges never overlap; neighbours of one kind are one range
//   owner B                read          write               ranges of two owners overlap only if both are for reading
//
// A process's lock goes with the first of its descriptors of that file that is closed; a description's lock goes with it.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { WaitQueue } from '../wait-queue.ts';

/** Whose a lock is: the table of a process, or an open description. */
export type LockOwner = object;

export interface LockRange {
  readonly start: number;
  /** The last byte; Infinity = whatever is appended, too. */
  readonly end: number;
}
export interface RecordLock extends LockRange {
  readonly owner: LockOwner;
  /** For F_GETLK: the process, -1 for a description's lock. */
  readonly process: number;
  readonly exclusive: boolean;
}

/** Bound on the ranges of all files, so that nobody fills memory with one-byte locks: ENOLCK beyond. */
const MOST_LOCKS = 16_384;
/** As Linux: who waits for whom is followed so far (MAX_DEADLK_ITERATIONS). */
const MOST_STEPS = 10;

class FileLocks {
  /** By start. */
  locks: RecordLock[] = [];
  readonly queue = new WaitQueue();
}
registerClass('vfs.FileLocks', 1, FileLocks);

export class RecordLocks {
  private readonly files = new Map<string, FileLocks>();
  private count = 0;
  /** Who waits for a lock of whom. */
  private readonly waits = new Map<object, { readonly owner: LockOwner; readonly blocker: LockOwner }>();

  /** The first lock of another owner that forbids this one. */
  conflict(key: string, wanted: RecordLock): RecordLock | null {
    const locks = this.files.get(key)?.locks ?? [];
    const stands = (lock: RecordLock): boolean =>
      lock.owner !== wanted.owner &&
      lock.start <= wanted.end &&
      lock.end >= wanted.start &&
      (lock.exclusive || wanted.exclusive);
    return locks.find(stands) ?? null;
  }
  /** Gives a lock that nothing forbids; what the owner had on the range is replaced. 0, -ENOLCK. */
  lock(key: string, wanted: RecordLock): number {
    // Taking a range out of another's middle makes one more.
    if (this.count + 2 > MOST_LOCKS) return -Errno.ENOLCK;
    const file = this.files.get(key) ?? new FileLocks();
    this.files.set(key, file);
    let { start, end } = wanted;
    const others = this.without(file.locks, wanted.owner, wanted).filter((lock) => {
      const touches = lock.start <= end + 1 && lock.end + 1 >= start;
      if (lock.owner !== wanted.owner || lock.exclusive !== wanted.exclusive || !touches) return true;
      start = Math.min(start, lock.start);
      end = Math.max(end, lock.end);
      return false;
    });
    this.replace(key, file, [...others, { ...wanted, start, end }]);
    return 0;
  }
  /** Takes a range from an owner; 0, -ENOLCK (the middle of a lock, when there are too many already). */
  unlock(key: string, owner: LockOwner, range: LockRange): number {
    const file = this.files.get(key);
    if (file === undefined) return 0;
    const rest = this.without(file.locks, owner, range);
    if (this.count - file.locks.length + rest.length > MOST_LOCKS) return -Errno.ENOLCK;
    this.replace(key, file, rest);
    return 0;
  }
  /** All that an owner has of a file. */
  release(key: string, owner: LockOwner): void {
    const file = this.files.get(key);
    if (file === undefined) return;
    const rest = file.locks.filter((lock) => lock.owner !== owner);
    if (rest.length < file.locks.length) this.replace(key, file, rest);
  }
  private without(locks: readonly RecordLock[], owner: LockOwner, range: LockRange): RecordLock[] {
    return locks.flatMap((lock) => {
      if (lock.owner !== owner || lock.start > range.end || lock.end < range.start) return [lock];
      const parts: RecordLock[] = [];
      if (lock.start < range.start) parts.push({ ...lock, end: range.start - 1 });
      if (lock.end > range.end) parts.push({ ...lock, start: range.end + 1 });
      return parts;
    });
  }
  private replace(key: string, file: FileLocks, locks: RecordLock[]): void {
    this.count += locks.length - file.locks.length;
    file.locks = locks.sort((a, b) => a.start - b.start);
    file.queue.wakeAll();
    if (locks.length === 0) this.files.delete(key);
  }

  /** Woken when a lock of the file goes; the file has one. */
  queueOf(key: string): WaitQueue {
    return (this.files.get(key) as FileLocks).queue;
  }
  /** `waiter` sleeps until `blocker` gives a lock up. False: that would be for ever, as `blocker` waits for `owner` in the end. */
  wait(waiter: object, owner: LockOwner, blocker: LockOwner): boolean {
    this.waits.delete(waiter);
    let next: LockOwner | null = blocker;
    for (let step = 0; step < MOST_STEPS && next !== null; step++) {
      if (next === owner) return false;
      const from: LockOwner = next;
      next = [...this.waits.values()].find((wait) => wait.owner === from)?.blocker ?? null;
    }
    this.waits.set(waiter, { owner, blocker });
    return true;
  }
  endWait(waiter: object): void {
    this.waits.delete(waiter);
  }
}
registerClass('vfs.RecordLocks', 1, RecordLocks);
