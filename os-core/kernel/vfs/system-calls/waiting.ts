// What poll, select and epoll_wait share: a deadline, a signal mask for the time of the call, the sleep itself.
//
// A waiting call keeps its deadline in task.progress and sleeps on the readiness queue of every file it watches.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import { setBlocked } from '../../process/signals.ts';
import type { Task } from '../../process/task.ts';
import { PENDING } from '../../syscalls/handler.ts';
import type { WaitQueue } from '../../wait-queue.ts';

class PollProgress {
  readonly deadlineNanos: number;
  constructor(deadlineNanos: number) {
    this.deadlineNanos = deadlineNanos;
  }
}
registerClass('vfs.PollProgress', 1, PollProgress);

/** When the wait ends: fixed when the call is run first. */
export function deadlineOf(kernel: Kernel, task: Task, timeoutNanos: number): number {
  const { progress } = task;
  return progress instanceof PollProgress ? progress.deadlineNanos : kernel.nowNanos() + timeoutNanos;
}

/** The call has its result: the mask of before comes back. */
export function endWait(task: Task): void {
  task.progress = null;
  const { savedMask } = task.signals;
  if (savedMask === null) return;
  task.signals.savedMask = null;
  setBlocked(task, savedMask);
}

/** PENDING until a queue is woken or the time is over; -EINTR. */
export function sleepUntil(
  kernel: Kernel,
  task: Task,
  deadlineNanos: number,
  queues: readonly (WaitQueue | null)[],
): number {
  if (task.signalPending) {
    // The temporary mask stays until the handler has run.
    task.progress = null;
    return -Errno.EINTR;
  }
  task.progress = new PollProgress(deadlineNanos);
  for (const queue of queues) if (queue !== null) task.waitOn(queue);
  task.waitUntil(kernel, deadlineNanos);
  return PENDING;
}

/** ppoll, pselect6, epoll_pwait: puts the caller's mask in place for the time of the call. 0, -EINVAL, -EFAULT, PENDING. */
export function applyMask(kernel: Kernel, task: Task, address: number, size: number): number {
  if (address === 0 || task.progress instanceof PollProgress) return 0;
  if (size !== 8) return -Errno.EINVAL;
  const bytes = new Uint8Array(8);
  const status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return status;
  task.signals.savedMask ??= task.signals.blocked;
  setBlocked(task, new DataView(bytes.buffer).getBigUint64(0, true));
  return 0;
}

/** struct timespec or timeval at `address` (0 = for ever) as nanoseconds; { error } on -EFAULT, -EINVAL, PENDING. */
export function readTimeout(
  kernel: Kernel,
  task: Task,
  address: number,
  unit: number,
): number | { readonly error: number } {
  if (address === 0) return Number.POSITIVE_INFINITY;
  const bytes = new Uint8Array(16);
  const status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return { error: status };
  const view = new DataView(bytes.buffer);
  const seconds = view.getUint32(0, true) + view.getInt32(4, true) * 0x1_0000_0000;
  const part = view.getUint32(8, true) + view.getInt32(12, true) * 0x1_0000_0000;
  if (seconds < 0 || part < 0 || part * unit >= 1e9) return { error: -Errno.EINVAL };
  return Math.min(seconds * 1e9 + part * unit, Number.MAX_SAFE_INTEGER);
}
