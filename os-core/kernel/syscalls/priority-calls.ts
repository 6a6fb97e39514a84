// getpriority and setpriority (nice, renice): a niceness per process, inherited by fork and kept by execve.
//
//   which: process, group or user ─► processes ─┬─ getpriority: 20 - lowest niceness (1…40, never negative)
//                                               └─ setpriority: 0, or the last refusal
//
// Each step is worth a quarter of the share: see scheduler/weights.ts.

import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { Task } from '../process/task.ts';
import { freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';

const Which = { process: 0, group: 1, user: 2 } as const;
const NICEST = 19;
const LEAST_NICE = -20;

function chosen(kernel: Kernel, task: Task, which: number, who: number): Process[] | number {
  const own = task.process;
  switch (which) {
    case Which.process: {
      const process = who === 0 ? own : kernel.processes.find(who);
      return process === null ? [] : [process];
    }
    case Which.group:
      return kernel.processes.group(who === 0 ? own.group : who);
    case Which.user: {
      const user = who === 0 ? own.credentials.userId : who;
      return [...kernel.processes.processes.values()].filter((process) => process.credentials.userId === user);
    }
    default:
      return -Errno.EINVAL;
  }
}

function getpriority(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const processes = chosen(kernel, task, a.int(0), a.int(1));
  if (typeof processes === 'number') return processes;
  if (processes.length === 0) return -Errno.ESRCH;
  return 20 - Math.min(...processes.map((process) => process.niceness));
}

function setpriority(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const processes = chosen(kernel, task, a.int(0), a.int(1));
  if (typeof processes === 'number') return processes;
  if (processes.length === 0) return -Errno.ESRCH;
  const wanted = Math.max(LEAST_NICE, Math.min(NICEST, a.int(2)));
  const user = task.process.credentials.userId;
  let result = 0;
  for (const process of processes) {
    if (user !== 0 && process.credentials.userId !== user) result = -Errno.EPERM;
    else if (user !== 0 && wanted < process.niceness) result = -Errno.EACCES;
    else process.niceness = wanted;
  }
  return result;
}

export const priorityCalls: readonly SystemCallEntry[] = [
  row(
    SystemCall.getpriority,
    'getpriority',
    [
      ['which', 'int'],
      ['who', 'int'],
    ],
    getpriority,
  ),
  row(
    SystemCall.setpriority,
    'setpriority',
    [
      ['which', 'int'],
      ['who', 'int'],
      ['value', 'int'],
    ],
    setpriority,
  ),
];
