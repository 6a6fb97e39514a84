// CPU time of programs (clock_gettime(2), times(2), getrusage(2)): instructions, shown as nanoseconds.

import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { Task } from '../process/task.ts';

/** Instructions as nanoseconds of CPU time: their share of the time in which the machine had something to do. */
export function instructionsToNanos(kernel: Kernel, instructions: number): number {
  const { instructionCount } = kernel.machine.cpu;
  const now = kernel.nowNanos();
  const busy = now - kernel.scheduler.idleTimeNanos(now);
  return instructionCount === 0 ? 0 : Math.floor((instructions / instructionCount) * busy);
}

export interface CpuInstructions {
  readonly user: number;
  readonly system: number;
}
/** Of all threads, those that have ended too. */
export function instructionsOf(process: Process): CpuInstructions {
  let user = process.userInstructions;
  let system = process.systemInstructions;
  for (const task of process.tasks) {
    user += task.userInstructions;
    system += task.systemInstructions;
  }
  return { user, system };
}
export function processCpuNanos(kernel: Kernel, process: Process): number {
  const { user, system } = instructionsOf(process);
  return instructionsToNanos(kernel, user + system);
}
export function threadCpuNanos(kernel: Kernel, task: Task): number {
  return instructionsToNanos(kernel, task.userInstructions + task.systemInstructions);
}
