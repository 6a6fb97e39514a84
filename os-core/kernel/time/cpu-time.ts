// CPU time of programs (clock_gettime(2), times(2), getrusage(2), /proc): how long a task was the current one, in virtual time.
//
//   pickNext ──── current ────► yieldCurrent, end      time between the two ─► Task.cpuNanos ─► at its end Process.cpuNanos
//
// Time as user and as system are the whole, divided as the instructions are (as Linux' cputime_adjust). All three never fall: what was
// shown before is kept, and bounds the next division.

import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { Task } from '../process/task.ts';

/** In nanoseconds. */
export interface CpuTime {
  user: number;
  system: number;
}

export function threadCpuNanos(kernel: Kernel, task: Task): number {
  return task.cpuNanos + kernel.scheduler.runningNanos(task, kernel.nowNanos());
}
/** Of all threads, those that have ended too. */
export function processCpuNanos(kernel: Kernel, process: Process): number {
  let sum = process.cpuNanos;
  for (const task of process.tasks) sum += threadCpuNanos(kernel, task);
  return sum;
}

/** Divides `total`; `shown` is what was told last, and becomes what is told now. */
function divide(total: number, user: number, system: number, shown: CpuTime): Readonly<CpuTime> {
  if (total > shown.user + shown.system) {
    const share = user + system === 0 ? 0 : (total * system) / (user + system);
    const systemNanos = Math.max(shown.system, Math.min(Math.floor(share), total - shown.user));
    shown.user = total - systemNanos;
    shown.system = systemNanos;
  }
  return shown;
}

export function threadCpuTime(kernel: Kernel, task: Task): Readonly<CpuTime> {
  return divide(threadCpuNanos(kernel, task), task.userInstructions, task.systemInstructions, task.shownCpuTime);
}
export function processCpuTime(kernel: Kernel, process: Process): Readonly<CpuTime> {
  let { userInstructions: user, systemInstructions: system } = process;
  for (const task of process.tasks) {
    user += task.userInstructions;
    system += task.systemInstructions;
  }
  return divide(processCpuNanos(kernel, process), user, system, process.shownCpuTime);
}
