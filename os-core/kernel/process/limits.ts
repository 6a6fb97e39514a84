// Resource limits that act when they are reached (getrlimit(2)): tasks of a user, CPU time, sizes of files. Those of memory and
// descriptors are looked at where these are handed out.

import { Errno } from '../../abi/errno.ts';
import { Signal } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { processCpuNanos } from '../time/cpu-time.ts';
import { type Process, ResourceLimit } from './process.ts';
import { informationFrom, plainInformation, sendSignal } from './signals.ts';
import type { Task } from './task.ts';

const NANOS_PER_SECOND = 1e9;

/** RLIMIT_NPROC: the real user may have another process or thread. The superuser always may. */
export function mayHaveAnotherTask(kernel: Kernel, process: Process): boolean {
  const limit = process.limits[ResourceLimit.processes].soft;
  const { userId } = process.credentials;
  if (limit === Infinity || userId === 0) return true;
  let count = 0;
  for (const task of kernel.processes.tasks.values()) if (task.process.credentials.userId === userId) count++;
  return count < limit;
}

/** RLIMIT_CPU, looked at by each tick: SIGXCPU at the soft limit and after each further second, SIGKILL at the hard one. */
export function enforceCpuTime(kernel: Kernel, process: Process): void {
  const { soft, hard } = process.limits[ResourceLimit.cpuTime];
  if (soft === Infinity && hard === Infinity) return;
  const seconds = processCpuNanos(kernel, process) / NANOS_PER_SECOND;
  if (seconds >= hard) {
    sendSignal(kernel, process, plainInformation(Signal.SIGKILL));
  } else if (seconds >= soft) {
    process.limits[ResourceLimit.cpuTime] = { soft: soft + 1, hard };
    sendSignal(kernel, process, plainInformation(Signal.SIGXCPU));
  }
}

/**
 * RLIMIT_FSIZE: how many of `count` (> 0) bytes may be written from `position` of a file on. If there are none: 0 for a call that has
 * `begun`, else -EFBIG, and SIGXFSZ for the thread.
 */
export function writableBytes(kernel: Kernel, task: Task, position: number, count: number, begun: boolean): number {
  const room = task.process.limits[ResourceLimit.fileSize].soft - position;
  if (room > 0) return Math.min(count, room);
  return begun ? 0 : fileTooLarge(kernel, task);
}

/** RLIMIT_FSIZE for a file that grows to `size`: 0, or -EFBIG and SIGXFSZ. */
export function checkNewSize(kernel: Kernel, task: Task, size: number): number {
  return size <= task.process.limits[ResourceLimit.fileSize].soft ? 0 : fileTooLarge(kernel, task);
}

function fileTooLarge(kernel: Kernel, task: Task): number {
  sendSignal(kernel, task.process, informationFrom(task, Signal.SIGXFSZ), task);
  return -Errno.EFBIG;
}
