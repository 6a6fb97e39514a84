// What every socket is to the system calls, whatever its family (socket(7)).
//
//   system call ─► socket-calls.ts: address bytes, msghdr, options ─► Socket ─┬─ SocketFile    AF_INET, EuroNet below it
//                                                                             └─ UnixSocket    AF_UNIX, within the kernel
//
// Addresses are the bytes of a struct sockaddr. A call that waits keeps deadline and bytes done in task.progress (SocketWait).

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { FileType, Inode } from '../../eurofs/items.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { OpenFile } from '../vfs/open-file.ts';
import { OpenFlag } from '../vfs/regular-file.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { type IncomingMessage, type OutgoingMessage, PartList, type Parts } from './socket-message.ts';

export const SocketType = { stream: 1, datagram: 2, sequenced: 5 } as const;
/** send(2) and recv(2) flags. */
export const MessageFlag = {
  outOfBand: 1,
  peek: 2,
  controlTruncated: 8,
  truncated: 0x20,
  dontWait: 0x40,
  endOfRecord: 0x80,
  waitAll: 0x100,
  noSignal: 0x4000,
  waitForOne: 0x1_0000,
  closeOnExec: 0x4000_0000,
} as const;

/** Restart record of a call that waits: when it gives up, and what a stream has moved so far. */
export class SocketWait {
  readonly deadlineNanos: number;
  done = 0;
  constructor(deadlineNanos: number) {
    this.deadlineNanos = deadlineNanos;
  }
}
registerClass('network.SocketWait', 1, SocketWait);

/** The running call's record, made at the first look. `timeoutNanos` 0 = none. */
export function socketWaitOf(kernel: Kernel, task: Task, timeoutNanos: number): SocketWait {
  if (task.progress instanceof SocketWait) return task.progress;
  const wait = new SocketWait(timeoutNanos === 0 ? Infinity : kernel.nowNanos() + timeoutNanos);
  task.progress = wait;
  return wait;
}

export abstract class Socket extends OpenFile {
  abstract override readonly readinessQueue: WaitQueue;
  abstract readonly family: number;
  abstract readonly type: number;
  abstract readonly protocol: number;
  /** SO_RCVTIMEO and SO_SNDTIMEO in nanoseconds, 0 = none. */
  receiveTimeoutNanos = 0;
  sendTimeoutNanos = 0;

  constructor(flags: number) {
    super();
    this.flags = OpenFlag.readWrite | flags;
  }

  abstract bind(kernel: Kernel, task: Task, address: Uint8Array): number;
  abstract connect(kernel: Kernel, task: Task, address: Uint8Array): number;
  listen(_kernel: Kernel, _task: Task, _backlog: number): number {
    return -Errno.EOPNOTSUPP;
  }
  /** The next connection, not yet in a table. */
  accept(_kernel: Kernel, _task: Task, _flags: number): Socket | number {
    return -Errno.EOPNOTSUPP;
  }
  abstract send(kernel: Kernel, task: Task, message: OutgoingMessage): number;
  /** Fills in `message`; the count of bytes, or the whole length of a datagram with MSG_TRUNC. */
  abstract receive(kernel: Kernel, task: Task, message: IncomingMessage): number;
  /** `how`: 0 reading, 1 writing, 2 both. */
  abstract shutdown(kernel: Kernel, how: number): number;
  abstract localAddress(kernel: Kernel): Uint8Array | number;
  abstract remoteAddress(kernel: Kernel): Uint8Array | number;
  /** SO_ERROR: looked at, and cleared once it was handed over. */
  abstract readonly pendingError: number;
  abstract takeError(): number;
  /** Options beyond those of setOption in socket-options.ts. `value`: at least four bytes. */
  abstract setOwnOption(level: number, option: number, value: number): number;
  abstract ownOption(level: number, option: number): Uint8Array | number | null;

  /** Nothing to do now: -EAGAIN, -EINTR, or PENDING until `queue` is woken or the time is over. */
  protected sleep(kernel: Kernel, task: Task, queue: WaitQueue, wait: SocketWait, flags: number): number {
    if ((flags & MessageFlag.dontWait) !== 0 || (this.flags & OpenFlag.nonBlocking) !== 0) return -Errno.EAGAIN;
    if (kernel.nowNanos() >= wait.deadlineNanos) return -Errno.EAGAIN;
    if (task.signalPending) return -Errno.EINTR;
    task.waitOn(queue);
    task.waitUntil(kernel, wait.deadlineNanos);
    return PENDING;
  }

  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    return this.transfer(kernel, task, new PartList([{ address, length: count }]), false);
  }
  override write(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    return this.transfer(kernel, task, new PartList([{ address, length: count }]), true);
  }
  /** readv and writev: one message, however many buffers. */
  override transfer(kernel: Kernel, task: Task, parts: Parts, writing: boolean): number {
    return writing
      ? this.send(kernel, task, { parts, name: null, control: new Uint8Array(0), flags: 0 })
      : this.receive(kernel, task, { parts, flags: 0, controlRoom: 0, name: null, control: null, resultFlags: 0 });
  }

  override attributes(): Inode {
    const inode = new Inode();
    inode.mode = FileType.socket | 0o777;
    inode.links = 1;
    return inode;
  }
}
