// Descriptions without a place in any file system ("anon_inode" in Linux): events, timers, signals, processes, epoll.

import { Errno } from '../../../abi/errno.ts';
import { Inode } from '../../../eurofs/items.ts';
import type { Task } from '../../process/task.ts';
import { PENDING } from '../../syscalls/handler.ts';
import type { WaitQueue } from '../../wait-queue.ts';
import { OpenFile } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';

export abstract class AnonymousFile extends OpenFile {
  /** Whoever holds one may use it: it leads nowhere that its maker could not go. */
  override readonly capability = 0;

  /** `kind`: as /proc/PID/fd shows it. */
  constructor(kind: string, flags: number) {
    super();
    this.path = `anon_inode:${kind}`;
    this.flags = flags;
  }
  /** Nothing to seek in, and no error (noop_llseek of Linux). */
  override seek(): number {
    return 0;
  }
  /** Linux gives all of them one inode that has no type. */
  override attributes(): Inode {
    const inode = new Inode();
    inode.number = 1;
    inode.mode = 0o600;
    inode.links = 1;
    return inode;
  }
}

/** What a call on `file` returns that finds nothing to do: -EAGAIN, -EINTR, or PENDING until `queue` is woken. */
export function sleepOn(file: OpenFile, task: Task, queue: WaitQueue): number {
  if ((file.flags & OpenFlag.nonBlocking) !== 0) return -Errno.EAGAIN;
  if (task.signalPending) return -Errno.EINTR;
  task.waitOn(queue);
  return PENDING;
}
