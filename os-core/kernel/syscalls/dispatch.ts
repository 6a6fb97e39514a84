// Running one system call for any door: table, authority, handler, and what becomes of -EINTR and PENDING.

import { capabilityNames } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { type Task, TaskState } from '../process/task.ts';
import { dispatchTraced } from '../trace/traced-dispatch.ts';
import { PENDING, type SystemCallEntry } from './handler.ts';

/** Virtual cost of a system call in instructions, besides what copies charge. */
export const SYSTEM_CALL_COST = 250;

export const DEAD = -0x10001;

/**
 * Runs (or runs again) task.call. Result for the program, PENDING if the task now sleeps (its wait is set up), or DEAD if the task
 * has ended meanwhile.
 */
export function dispatch(kernel: Kernel, task: Task): number {
  const { trace } = task.process;
  return trace === null ? run(kernel, task) : dispatchTraced(kernel, task, trace, run);
}

function run(kernel: Kernel, task: Task): number {
  const { call } = task;
  const entry = kernel.systemCalls.find(call.number);
  if (entry === undefined) return unknownCall(kernel, task);
  const denied = checkAuthority(kernel, task, entry);
  if (denied !== 0) return denied;
  kernel.machine.cpu.chargeInstructions(SYSTEM_CALL_COST);
  task.timedOut = false;
  const result = entry.handler(kernel, task, call.arguments);
  if ((task.state as TaskState) === TaskState.dead) return DEAD;
  if (result !== PENDING) task.clearWait(kernel);
  return result;
}

/** Authority comes before any effect: EPERM and a `[cap]` line. Rights of single descriptors are checked where the descriptor is looked up. */
function checkAuthority(kernel: Kernel, task: Task, entry: SystemCallEntry): number {
  if (entry.capability === 'descriptor' || entry.capability === 0) return 0;
  return requireCapability(kernel, task, entry.capability, entry.name);
}

/** 0 if the task holds `capability`, else -EPERM after the log line and the reason for euroos_why. */
export function requireCapability(kernel: Kernel, task: Task, capability: number, what: string): number {
  const missing = capability & ~task.capabilities;
  if (missing === 0) return 0;
  const names = Object.entries(capabilityNames)
    .filter(([, bit]) => (missing & bit) !== 0)
    .map(([name]) => name)
    .join(', ');
  const { process } = task;
  kernel.state.security.denied++;
  process.lastRefusal = `${what} needs the right "${names}", which this process does not hold`;
  kernel.log(`[cap] ${process.executablePath || task.name} (${process.id}): ${what} denied, needs ${names}`);
  return -Errno.EPERM;
}

/** ENOSYS; one log line for each number and program. */
function unknownCall(kernel: Kernel, task: Task): number {
  const { number } = task.call;
  const program = task.process.executablePath || task.name;
  const key = `${number} ${program}`;
  const logged = kernel.state.unknownCallsLogged;
  // Bounded: a program that tries numbers cannot fill memory or the log.
  if (!logged.has(key) && logged.size < 4096) {
    logged.add(key);
    kernel.log(`[syscall] ${program}: call ${number} is not known (ENOSYS)`);
  }
  return -Errno.ENOSYS;
}

/** Calls that end with EINTR when a handler has run, even if it was installed with SA_RESTART (signal(7)). By number. */
const neverRestarted: ReadonlySet<number> = new Set([
  7, 23, 34, 35, 128, 130, 230, 232, 270, 271, 281, 441, 202, 65, 220, 240,
]);
export const isRestartable = (number: number): boolean => !neverRestarted.has(number);
