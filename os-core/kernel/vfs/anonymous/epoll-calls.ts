// epoll_create, epoll_ctl, epoll_wait and their kin (epoll_create(2), epoll_ctl(2), epoll_wait(2)).
//
//   struct epoll_event, packed, 12 bytes:   0 events (u32)   4 data (u64)

import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { Poll } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';
import { filesOf, installFile, RecordWriter, row } from '../system-calls/support.ts';
import { applyMask, deadlineOf, endWait, readTimeout, sleepUntil } from '../system-calls/waiting.ts';
import { type EpollEvent, EpollFile, EpollFlag } from './epoll-file.ts';

const EVENT_BYTES = 12;
const Control = { add: 1, remove: 2, modify: 3 } as const;
/** What may stand beside EPOLLEXCLUSIVE. */
const EXCLUSIVE_BITS =
  Poll.in |
  Poll.out |
  Poll.readNormal |
  Poll.writeNormal |
  Poll.error |
  Poll.hangUp |
  EpollFlag.exclusive |
  EpollFlag.wakeUp |
  EpollFlag.edge;
const MOST_EVENTS = Math.floor(0x7fff_ffff / EVENT_BYTES);
/** Events of one call; a program that gave more room comes again. */
const MOST_AT_ONCE = 4096;

function create(kernel: Kernel, task: Task, flags: number): number {
  if ((flags & ~OpenFlag.closeOnExec) !== 0) return -Errno.EINVAL;
  return installFile(kernel, task, new EpollFile(), flags !== 0);
}

function readEvent(kernel: Kernel, task: Task, address: number): EpollEvent | number {
  const bytes = new Uint8Array(EVENT_BYTES);
  const status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  return {
    events: view.getInt32(0, true),
    dataLow: view.getUint32(4, true),
    dataHigh: view.getUint32(8, true),
  };
}

function control(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const operation = a.int(1);
  const descriptor = a.int(2);
  const event =
    operation === Control.remove ? { events: 0, dataLow: 0, dataHigh: 0 } : readEvent(kernel, task, a.unsigned(3));
  if (typeof event === 'number') return event;
  const files = filesOf(task);
  const epoll = files.get(a.int(0));
  const file = files.get(descriptor);
  if (epoll === null || file === null) return -Errno.EBADF;
  // Regular files, folders and the like are always ready: Linux refuses them.
  if (file.readinessQueue === null) return -Errno.EPERM;
  if (!(epoll instanceof EpollFile) || epoll === file) return -Errno.EINVAL;
  const exclusive = operation !== Control.remove && (event.events & EpollFlag.exclusive) !== 0;
  if (exclusive) {
    if (operation === Control.modify) return -Errno.EINVAL;
    if (operation === Control.add && (file instanceof EpollFile || (event.events & ~EXCLUSIVE_BITS) !== 0))
      return -Errno.EINVAL;
  }
  const item = epoll.find(file, descriptor);
  switch (operation) {
    case Control.add:
      return item === null ? epoll.add(kernel, file, descriptor, event) : -Errno.EEXIST;
    case Control.remove:
      if (item === null) return -Errno.ENOENT;
      epoll.remove(kernel, item);
      return 0;
    case Control.modify:
      if (item === null) return -Errno.ENOENT;
      if ((item.event.events & EpollFlag.exclusive) !== 0) return -Errno.EINVAL;
      epoll.modify(kernel, item, event);
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

function wait(kernel: Kernel, task: Task, a: SystemCallArguments, timeoutNanos: number): number {
  const most = a.int(2);
  if (most <= 0 || most > MOST_EVENTS) return -Errno.EINVAL;
  const address = a.unsigned(1);
  if (!kernel.userMemory.inUserHalf(address, most * EVENT_BYTES)) return -Errno.EFAULT;
  const epoll = filesOf(task).get(a.int(0));
  if (epoll === null) return -Errno.EBADF;
  if (!(epoll instanceof EpollFile)) return -Errno.EINVAL;
  const deadline = deadlineOf(kernel, task, timeoutNanos);
  const found = epoll.collect(kernel, Math.min(most, MOST_AT_ONCE));
  if (found.length === 0 && kernel.nowNanos() < deadline)
    return sleepUntil(kernel, task, deadline, [epoll.readinessQueue]);
  const record = new RecordWriter(found.length * EVENT_BYTES);
  found.forEach(({ item, events }, i) => {
    record.u32(i * EVENT_BYTES, events);
    record.u32(i * EVENT_BYTES + 4, item.event.dataLow);
    record.u32(i * EVENT_BYTES + 8, item.event.dataHigh);
  });
  const status = kernel.userMemory.copyOut(task, address, record.bytes);
  if (status !== 0) return status;
  epoll.reported(found.map(({ item }) => item));
  endWait(task);
  return found.length;
}

const milliseconds = (timeout: number): number => (timeout < 0 ? Number.POSITIVE_INFINITY : timeout * 1_000_000);

function masked(kernel: Kernel, task: Task, a: SystemCallArguments, timeoutNanos: number): number {
  const status = applyMask(kernel, task, a.unsigned(4), a.unsigned(5));
  return status === 0 ? wait(kernel, task, a, timeoutNanos) : status;
}

export const epollCalls: readonly SystemCallEntry[] = [
  row('epoll_create', 'none', 'size:int', (kernel, task, a) =>
    a.int(0) <= 0 ? -Errno.EINVAL : create(kernel, task, 0),
  ),
  row('epoll_create1', 'none', 'flags:flags', (kernel, task, a) => create(kernel, task, a.uint(0))),
  row('epoll_ctl', 'none', 'epoll:fd operation:int fd:fd event:pointer', control),
  row('epoll_wait', 'none', 'epoll:fd events:pointer count:int timeout:int', (kernel, task, a) =>
    wait(kernel, task, a, milliseconds(a.int(3))),
  ),
  row(
    'epoll_pwait',
    'none',
    'epoll:fd events:pointer count:int timeout:int mask:pointer size:size',
    (kernel, task, a) => masked(kernel, task, a, milliseconds(a.int(3))),
  ),
  row(
    'epoll_pwait2',
    'none',
    'epoll:fd events:pointer count:int timeout:pointer mask:pointer size:size',
    (kernel, task, a) => {
      const timeout = readTimeout(kernel, task, a.unsigned(3), 1);
      return typeof timeout === 'object' ? timeout.error : masked(kernel, task, a, timeout);
    },
  ),
];
