// An open file description (POSIX): what a descriptor refers to. Files, pipes, terminals, devices and sockets extend it.

import { Errno } from '../../abi/errno.ts';
import { FileType, Inode } from '../../eurofs/items.ts';
import type { Kernel } from '../kernel.ts';
import type { Parts } from '../network/socket-message.ts';
import type { Task } from '../process/task.ts';
import type { WaitQueue } from '../wait-queue.ts';
import type { Place } from './vfs.ts';

/** poll(2) events. */
export const Poll = {
  in: 1,
  priority: 2,
  out: 4,
  error: 8,
  hangUp: 16,
  invalid: 32,
  readNormal: 0x40,
  writeNormal: 0x100,
  readHangUp: 0x2000,
} as const;

/**
 * All results: >= 0, -errno, or PENDING (see ../syscalls/handler.ts). User memory is reached with kernel.userMemory.
 * Counts and addresses are numbers below 2^53.
 */
export abstract class OpenFile {
  /** O_ACCMODE | O_APPEND | O_NONBLOCK … (fcntl F_GETFL). */
  flags = 0;
  /** Descriptors (of all processes) that refer to this description; at 0 `closed` is called. */
  references = 0;
  /** read/write position of seekable files. */
  position = 0;
  /** The inode it was opened by, set by the VFS; null for pipes and sockets. */
  place: Place | null = null;
  /** The path it was opened by (or 'pipe:[7]' …), for /proc/PID/fd. */
  path = '';
  /** The capability bit that I/O on this file needs (console, file, network). */
  abstract readonly capability: number;

  /** `offset` null = at `position`, advancing it (read), else pread. */
  read(_kernel: Kernel, _task: Task, _address: number, _count: number, _offset: number | null): number {
    return -Errno.EINVAL;
  }
  write(_kernel: Kernel, _task: Task, _address: number, _count: number, _offset: number | null): number {
    return -Errno.EINVAL;
  }
  /** readv and writev of what keeps the bounds of messages (sockets); null = buffer by buffer. */
  transfer(_kernel: Kernel, _task: Task, _parts: Parts, _writing: boolean): number | null {
    return null;
  }
  /** lseek. */
  seek(_kernel: Kernel, _task: Task, _offset: number, _whence: number): number {
    return -Errno.ESPIPE;
  }
  ioctl(_kernel: Kernel, _task: Task, _request: number, _argument: number): number {
    return -Errno.ENOTTY;
  }
  /** Bits of Poll that hold now. */
  readiness(_kernel: Kernel): number {
    return Poll.in | Poll.out;
  }
  /** Woken when readiness changes; null if it never does. */
  readonly readinessQueue: WaitQueue | null = null;
  /** readiness with the names that POSIX has beside in and out (POLLRDNORM, POLLWRNORM). */
  pollEvents(kernel: Kernel): number {
    const ready = this.readiness(kernel);
    return ready | ((ready & Poll.in) !== 0 ? Poll.readNormal : 0) | ((ready & Poll.out) !== 0 ? Poll.writeNormal : 0);
  }
  /** The last descriptor was closed. Must not sleep. */
  closed(_kernel: Kernel): void {}
  /** fstat: attributes of the inode it was opened by, else those of an anonymous file. */
  attributes(kernel: Kernel, task: Task): Inode | number {
    if (this.place !== null) return this.place.fileSystem.attributes(kernel, task, this.place.inode);
    const inode = new Inode();
    inode.mode = FileType.regular | 0o600;
    inode.links = 1;
    return inode;
  }
  /** ftruncate. */
  truncate(_kernel: Kernel, _task: Task, _size: number): number {
    return -Errno.EINVAL;
  }
  /** fsync, fdatasync. */
  synchronise(_kernel: Kernel, _task: Task): number {
    return -Errno.EINVAL;
  }
}
