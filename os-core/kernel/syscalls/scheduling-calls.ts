// How programs ask for their share of the processor (sched(7)): policy, priority, affinity. There is one processor.
//
//   policy   other, batch, idle: a wish that is remembered and shown, as niceness is      fifo, rr, deadline: nobody has the right (EPERM)

import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { Task } from '../process/task.ts';
import { writeTimespec } from '../time/timespec.ts';
import { freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';

const Policy = { other: 0, fifo: 1, roundRobin: 2, batch: 3, idle: 5, deadline: 6 } as const;
const REALTIME: readonly number[] = [Policy.fifo, Policy.roundRobin];
const KNOWN: readonly number[] = Object.values(Policy);
const RESET_ON_FORK = 0x4000_0000;
/** One bit for the one processor, in words of 64 bits. */
const AFFINITY_BYTES = 8;
/** The longest time that a program runs while others wait: a tick. */
const SLICE_NANOS = 10_000_000;
/** struct sched_attr of Linux 3.14, and of today with its utilisation clamps. */
const SMALLEST_ATTRIBUTES = 48;
const ATTRIBUTES = 56;

/** The process of a thread id, 0 = the caller's; -EINVAL, -ESRCH. */
function processOf(kernel: Kernel, task: Task, id: number): Process | number {
  if (id < 0) return -Errno.EINVAL;
  if (id === 0) return task.process;
  return kernel.processes.findTask(id)?.process ?? -Errno.ESRCH;
}
function mayChange(task: Task, process: Process): boolean {
  const { userId } = task.process.credentials;
  return userId === 0 || userId === process.credentials.userId;
}

function getaffinity(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.uint(1) < AFFINITY_BYTES || a.uint(1) % AFFINITY_BYTES !== 0) return -Errno.EINVAL;
  const process = processOf(kernel, task, a.int(0));
  if (typeof process === 'number') return -Errno.ESRCH;
  const result = kernel.userMemory.copyOut(task, a.unsigned(2), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  return result !== 0 ? result : AFFINITY_BYTES;
}
/** Any set with the processor in it is the same; without it no processor would be left. */
function setaffinity(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const bytes = new Uint8Array(AFFINITY_BYTES);
  const status = kernel.userMemory.copyIn(task, a.unsigned(2), bytes, 0, Math.min(a.uint(1), AFFINITY_BYTES));
  if (status !== 0) return status;
  const process = processOf(kernel, task, a.int(0));
  if (typeof process === 'number') return -Errno.ESRCH;
  if (!mayChange(task, process)) return -Errno.EPERM;
  return (bytes[0] & 1) !== 0 ? 0 : -Errno.EINVAL;
}

/** Takes a policy with its static priority: 0, -EINVAL, -EPERM. */
function change(task: Task, process: Process, policy: number, priority: number): number {
  if (!KNOWN.includes(policy)) return -Errno.EINVAL;
  if (REALTIME.includes(policy) ? priority < 1 || priority > 99 : priority !== 0) return -Errno.EINVAL;
  if (REALTIME.includes(policy) || policy === Policy.deadline || !mayChange(task, process)) return -Errno.EPERM;
  process.schedulingPolicy = policy;
  return 0;
}
function readPriority(kernel: Kernel, task: Task, address: number): number | { readonly error: number } {
  if (address === 0) return { error: -Errno.EINVAL };
  const word = new Int32Array(1);
  const error = kernel.userMemory.readWord32(task, address, word, 0);
  return error !== 0 ? { error } : word[0];
}
function setscheduler(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const policy = a.int(1) & ~RESET_ON_FORK;
  if (policy < 0) return -Errno.EINVAL;
  const priority = readPriority(kernel, task, a.unsigned(2));
  if (typeof priority === 'object') return priority.error;
  const process = processOf(kernel, task, a.int(0));
  return typeof process === 'number' ? process : change(task, process, policy, priority);
}
function setparam(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const priority = readPriority(kernel, task, a.unsigned(1));
  if (typeof priority === 'object') return priority.error;
  const process = processOf(kernel, task, a.int(0));
  return typeof process === 'number' ? process : change(task, process, process.schedulingPolicy, priority);
}
function getparam(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.unsigned(1) === 0) return -Errno.EINVAL;
  const process = processOf(kernel, task, a.int(0));
  return typeof process === 'number' ? process : kernel.userMemory.writeWord32(task, a.unsigned(1), 0);
}
function getscheduler(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const process = processOf(kernel, task, a.int(0));
  return typeof process === 'number' ? process : process.schedulingPolicy;
}
const priorityBound = (realtime: number) => (_kernel: Kernel, _task: Task, a: SystemCallArguments) => {
  if (!KNOWN.includes(a.int(0))) return -Errno.EINVAL;
  return REALTIME.includes(a.int(0)) ? realtime : 0;
};
function interval(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const process = processOf(kernel, task, a.int(0));
  return typeof process === 'number' ? process : writeTimespec(kernel, task, a.unsigned(1), SLICE_NANOS);
}

/** struct sched_attr: size 0, policy 4, flags 8, nice 16, priority 20, deadlines 24 … 48. */
function getattr(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const size = a.uint(2);
  if (a.unsigned(1) === 0 || size < SMALLEST_ATTRIBUTES || size > 4096 || a.uint(3) !== 0) return -Errno.EINVAL;
  const process = processOf(kernel, task, a.int(0));
  if (typeof process === 'number') return process;
  const bytes = new Uint8Array(Math.min(size, ATTRIBUTES));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, process.schedulingPolicy, true);
  view.setInt32(16, process.niceness, true);
  return kernel.userMemory.copyOut(task, a.unsigned(1), bytes);
}
function setattr(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.unsigned(1) === 0 || a.uint(2) !== 0) return -Errno.EINVAL;
  const bytes = new Uint8Array(SMALLEST_ATTRIBUTES);
  const status = kernel.userMemory.copyIn(task, a.unsigned(1), bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  const size = view.getUint32(0, true);
  if (size !== 0 && size < SMALLEST_ATTRIBUTES) return -Errno.E2BIG;
  const process = processOf(kernel, task, a.int(0));
  if (typeof process === 'number') return process;
  const niceness = Math.max(-20, Math.min(19, view.getInt32(16, true)));
  if (niceness < process.niceness && task.process.credentials.userId !== 0) return -Errno.EPERM;
  const result = change(task, process, view.getUint32(4, true), view.getUint32(20, true));
  if (result === 0) process.niceness = niceness;
  return result;
}

const pid = ['pid', 'int'] as const;
const policy = [['policy', 'int']] as const;

export const schedulingCalls: readonly SystemCallEntry[] = [
  row(SystemCall.sched_getaffinity, 'sched_getaffinity', [pid, ['size', 'uint'], ['mask', 'pointer']], getaffinity),
  row(SystemCall.sched_setaffinity, 'sched_setaffinity', [pid, ['size', 'uint'], ['mask', 'pointer']], setaffinity),
  row(SystemCall.sched_setparam, 'sched_setparam', [pid, ['parameters', 'pointer']], setparam),
  row(SystemCall.sched_getparam, 'sched_getparam', [pid, ['parameters', 'pointer']], getparam),
  row(
    SystemCall.sched_setscheduler,
    'sched_setscheduler',
    [pid, ['policy', 'int'], ['parameters', 'pointer']],
    setscheduler,
  ),
  row(SystemCall.sched_getscheduler, 'sched_getscheduler', [pid], getscheduler),
  row(SystemCall.sched_get_priority_max, 'sched_get_priority_max', policy, priorityBound(99)),
  row(SystemCall.sched_get_priority_min, 'sched_get_priority_min', policy, priorityBound(1)),
  row(SystemCall.sched_rr_get_interval, 'sched_rr_get_interval', [pid, ['interval', 'pointer']], interval),
  row(SystemCall.sched_setattr, 'sched_setattr', [pid, ['attributes', 'pointer'], ['flags', 'flags']], setattr),
  row(
    SystemCall.sched_getattr,
    'sched_getattr',
    [pid, ['attributes', 'pointer'], ['size', 'uint'], ['flags', 'flags']],
    getattr,
  ),
];
