// The end of threads and processes.
//
//   exit ─► thread gone ─► last one? ─► process is a zombie: files, memory and children are given up, the parent is told
//                                              └─► reaped by wait4, or at once if the parent ignores SIGCHLD

import { SIG_IGN, Signal, SignalActionFlag, SignalCode } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { releaseRobustList, wakeAddress } from '../syscalls/futex.ts';
import { processCpuTime, threadCpuNanos } from '../time/cpu-time.ts';
import { traceEnd } from '../trace/trace.ts';
import type { Process } from './process.ts';
import { waitStatus } from './process.ts';
import { notifyParent, plainInformation, sendSignal, signalGroup } from './signals.ts';
import { dropProgress, type Task, TaskState } from './task.ts';

/** exit(2): ends one thread; the process with its last one. */
export function exitTask(kernel: Kernel, task: Task, code: number): void {
  const { process } = task;
  if (process.tasks.size === 1) process.exitStatus = waitStatus.exited(code);
  endTask(kernel, task);
  if (process.tasks.size === 0) becomeZombie(kernel, process);
}

/** exit_group(2) and deadly signals: ends all threads. `status` as wait4 gives it. */
export function endProcess(kernel: Kernel, process: Process, status: number): void {
  if (process.state !== 'alive') return;
  process.dying = true;
  process.exitStatus = status;
  for (const task of [...process.tasks]) endTask(kernel, task);
  becomeZombie(kernel, process);
}

/** Timers of timer_create end with the program (timer_create(2): not kept by execve). */
function deleteTimers(kernel: Kernel, process: Process): void {
  for (const timer of process.posixTimers.values()) timer.stop(kernel);
  process.posixTimers.clear();
}

/** execve: what belongs to the old program alone ends, its other threads, its timers, its barriers. */
export function endOtherTasks(kernel: Kernel, survivor: Task): void {
  deleteTimers(kernel, survivor.process);
  survivor.process.barriersRegistered = 0;
  for (const task of [...survivor.process.tasks]) if (task !== survivor) endTask(kernel, task);
}

function endTask(kernel: Kernel, task: Task): void {
  const { process } = task;
  if (task.state === TaskState.dead) return;
  dropProgress(kernel, task);
  // Others may wait for this thread's end (pthread_join: CLONE_CHILD_CLEARTID) or hold robust mutexes with it.
  if (process.addressSpace !== null && kernel.loadedAddressSpace === process.addressSpace) {
    releaseRobustList(kernel, task);
    if (task.clearChildTid !== 0 && (process.tasks.size > 1 || process.addressSpace.users > 1)) {
      kernel.userMemory.writeWord32(task, task.clearChildTid, 0);
      wakeAddress(kernel, task, task.clearChildTid, 1);
    }
  }
  releaseVforkParent(task);
  task.clearWait(kernel);
  process.userInstructions += task.userInstructions;
  process.systemInstructions += task.systemInstructions;
  process.cpuNanos += threadCpuNanos(kernel, task);
  kernel.scheduler.remove(task);
  task.state = TaskState.dead;
  process.tasks.delete(task);
  kernel.processes.tasks.delete(task.id);
  kernel.frames.release(task.kernelStack);
}

/** vfork: the child has its own memory now, or is gone. */
export function releaseVforkParent(task: Task): void {
  const parent = task.vforkParent;
  task.vforkParent = null;
  parent?.wake();
}

function becomeZombie(kernel: Kernel, process: Process): void {
  process.state = 'zombie';
  traceEnd(kernel, process);
  for (const timer of process.intervalTimers) timer?.stop(kernel);
  deleteTimers(kernel, process);
  process.files?.release(kernel);
  process.files = null;
  dropAddressSpace(kernel, process);
  adoptChildren(kernel, process);
  // Who started it is asked why (a shell forks before it execs).
  if (process.parent !== null && process.lastRefusal !== '') process.parent.lastRefusal = process.lastRefusal;
  const status = process.exitStatus;
  const signal = status & 0x7f;
  const code = signal === 0 ? SignalCode.childExited : SignalCode.childKilled;
  const { parent } = process;
  if (process.id === 1) {
    // Nothing is left to run for.
    kernel.log(
      `[kernel] the first process has ended, status ${status >> 8}${signal === 0 ? '' : `, signal ${signal}`}`,
    );
    reap(kernel, process);
    kernel.powerOff();
    return;
  }
  const action = parent?.signals.actions[Signal.SIGCHLD];
  const unwanted =
    parent === null ||
    action === undefined ||
    (process.exitSignal === Signal.SIGCHLD &&
      (action.handler === SIG_IGN || (action.flags & SignalActionFlag.noChildWait) !== 0));
  if (unwanted) {
    reap(kernel, process);
    parent?.childQueue.wakeAll();
    process.exitQueue.wakeAll();
  } else {
    notifyParent(kernel, process, code, signal === 0 ? (status >> 8) & 0xff : signal);
  }
}

/** Gives up the process's memory. */
export function dropAddressSpace(kernel: Kernel, process: Process): void {
  const space = process.addressSpace;
  if (space === null) return;
  process.addressSpace = null;
  if (space === kernel.loadedAddressSpace && space.users === 1) kernel.scheduler.loadKernelSpace(kernel);
  space.release(kernel);
}

/** Who takes a process's orphans: the nearest ancestor that asked for it, else the first process. */
function reaperOf(kernel: Kernel, process: Process): Process | null {
  let ancestor = process.parent;
  // A process is not its own ancestor, so the table bounds the walk.
  while (ancestor !== null && !(ancestor.isSubreaper && ancestor.state === 'alive')) ancestor = ancestor.parent;
  return ancestor ?? kernel.processes.find(1);
}

/** Orphans go to their reaper. */
function adoptChildren(kernel: Kernel, process: Process): void {
  const first = reaperOf(kernel, process);
  for (const child of process.children) {
    child.parent = first === process ? null : first;
    child.exitSignal = Signal.SIGCHLD;
    if (child.parent === null) {
      if (child.state === 'zombie') reap(kernel, child);
      continue;
    }
    child.parent.children.add(child);
    if (child.parentDeathSignal !== 0)
      sendSignal(kernel, child, plainInformation(child.parentDeathSignal, SignalCode.user));
    if (child.state === 'zombie') child.parent.childQueue.wakeAll();
  }
  process.children.clear();
  // The leader of a session takes its terminal along: SIGHUP to the others.
  if (process.session === process.id && process.controllingTerminal !== null) {
    for (const other of kernel.processes.processes.values())
      if (other !== process && other.session === process.id && other.state === 'alive') {
        other.controllingTerminal = null;
        signalGroup(kernel, other.group, plainInformation(Signal.SIGHUP));
        signalGroup(kernel, other.group, plainInformation(Signal.SIGCONT));
      }
    process.controllingTerminal = null;
  }
}

/** Takes a zombie out of the table; its times go to the parent. */
export function reap(kernel: Kernel, process: Process): void {
  const { parent } = process;
  process.state = 'reaped';
  kernel.processes.processes.delete(process.id);
  if (parent === null) return;
  parent.children.delete(process);
  const own = processCpuTime(kernel, process);
  parent.childrenCpuTime.user += own.user + process.childrenCpuTime.user;
  parent.childrenCpuTime.system += own.system + process.childrenCpuTime.system;
}
