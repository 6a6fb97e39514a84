// Sending signals, and what a task does with them on its way back: ignore, stop, end, or run a handler.
//
//   send ─► pending (task or process) ─► actionable? wake ─► … way back ─► take lowest ─┬ ignore
//                                                                                       ├ stop ──► stopped until SIGCONT
//                                                                                       ├ end ──► exit_group
//                                                                                       └ handler ─► frame on the user's stack

import { Errno } from '../../abi/errno.ts';
import { LAST_SIGNAL, SIG_DFL, SIG_IGN, Signal, SignalCode, signalNames } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { traceSignal } from '../trace/trace.ts';
import { readSaved, SavedRegister } from '../traps/saved-registers.ts';
import { endProcess } from './exit.ts';
import { reportFault } from './fault-report.ts';
import { type Process, waitStatus } from './process.ts';
import { bitOfSignal, defaultDisposition, type SignalInformation, unblockableSignals } from './signal-state.ts';
import { type Task, TaskKind, TaskState } from './task.ts';

const stopSignals = [Signal.SIGSTOP, Signal.SIGTSTP, Signal.SIGTTIN, Signal.SIGTTOU] as const;

export const plainInformation = (number: number, code: number = SignalCode.kernel): SignalInformation => ({
  number,
  code,
  senderProcess: 0,
  senderUser: 0,
  value: 0,
});

/** Of a signal that a task's own call brings about: SI_USER, from itself. */
export const informationFrom = (task: Task, number: number): SignalInformation => ({
  ...plainInformation(number, SignalCode.user),
  senderProcess: task.process.id,
  senderUser: task.process.credentials.userId,
});

/** Recomputes whether `task` has a signal to act on. Called after every change of masks, actions or pending sets. */
export function updateActionable(task: Task): void {
  const waiting = (task.signals.pending.mask | task.process.signals.pending.mask) & ~task.signals.blocked;
  task.signals.actionable = waiting !== 0n;
}

/** A signal without effect is dropped at once (unless blocked: it might get a handler before it is unblocked). */
function isDropped(process: Process, information: SignalInformation): boolean {
  const bit = bitOfSignal(information.number);
  for (const task of process.tasks) if ((task.signals.blocked & bit) !== 0n) return false;
  return process.signals.isIgnored(information.number);
}

/** Sends to a process (any thread may take it) or, with `target`, to one thread. False if the queue is full. */
export function sendSignal(kernel: Kernel, process: Process, information: SignalInformation, target?: Task): boolean {
  const { number } = information;
  if (process.state !== 'alive' || process.dying) return true;
  for (const task of process.tasks) if (task.kind === TaskKind.kernelTask) return true;
  if (number === Signal.SIGCONT || number === Signal.SIGKILL) {
    for (const stop of stopSignals) discard(process, stop);
    continueProcess(kernel, process, number === Signal.SIGCONT);
  } else if (stopSignals.some((stop) => stop === number)) {
    discard(process, Signal.SIGCONT);
  }
  // The first process is not ended by what it has not asked for (as on Linux).
  if (process.id === 1 && process.signals.actions[number].handler === SIG_DFL && information.code <= 0) return true;
  if (isDropped(process, information)) return true;
  const set = target === undefined ? process.signals.pending : target.signals.pending;
  if (!set.add(information)) return false;
  process.signals.arrivals.wakeAll();
  for (const task of process.tasks) updateActionable(task);
  wakeTakers(target === undefined ? [...process.tasks] : [target], bitOfSignal(number));
  return true;
}

/** Signals have come, or one thread will not take them after all: for each that no thread which is awake will take, one is woken. */
function wakeTakers(tasks: readonly Task[], signals: bigint): void {
  let left = signals;
  const takes = (task: Task): bigint => left & (~task.signals.blocked | task.signals.awaited);
  // Who is awake takes them on its way back to the program.
  for (const task of tasks) if (task.state === TaskState.runnable) left &= ~takes(task);
  for (const task of tasks) {
    const taken = takes(task);
    if (taken === 0n || task.state !== TaskState.sleeping) continue;
    left &= ~taken;
    task.wake();
  }
}

/** Takes a waiting signal of a set, blocked or not (sigwaitinfo, signalfd): the thread's own first. */
export function takeAwaited(task: Task, wanted: bigint): SignalInformation | null {
  const { process } = task;
  const information = task.signals.pending.take(~wanted) ?? process.signals.pending.take(~wanted);
  if (information !== null) for (const thread of process.tasks) updateActionable(thread);
  return information;
}

function discard(process: Process, number: number): void {
  process.signals.pending.discard(number);
  for (const task of process.tasks) {
    task.signals.pending.discard(number);
    updateActionable(task);
  }
}

/** Sends to every process of a group. False if the group is empty. */
export function signalGroup(kernel: Kernel, group: number, information: SignalInformation): boolean {
  const members = kernel.processes.group(group);
  for (const process of members) sendSignal(kernel, process, information);
  return members.length > 0;
}

/** May `sender` signal `target`? (kill(2), "EPERM") */
export function maySignal(sender: Process, target: Process, number: number): boolean {
  if (sender.credentials.userId === 0 || sender.credentials.userId === target.credentials.userId) return true;
  return number === Signal.SIGCONT && sender.session === target.session;
}

/** Blocks and unblocks; SIGKILL and SIGSTOP stay deliverable. */
export function setBlocked(task: Task, mask: bigint): void {
  const { signals, process } = task;
  const before = signals.blocked;
  signals.blocked = mask & ~unblockableSignals;
  updateActionable(task);
  // Others may have stayed asleep because this thread was to take what it blocks now.
  const passedOn = process.signals.pending.mask & signals.blocked & ~before;
  if (passedOn !== 0n) wakeTakers([...process.tasks], passedOn);
}

/** A fault of the program's own: forced even if blocked or ignored (then the default action is taken). What would be a core dump's summary is logged. */
export function killForFault(kernel: Kernel, task: Task, information: SignalInformation, what: string): void {
  const { process } = task;
  const { number } = information;
  const action = process.signals.actions[number];
  const blocked = (task.signals.blocked & bitOfSignal(number)) !== 0n;
  if (blocked || action.handler === SIG_IGN || action.handler === SIG_DFL) {
    const at = readSaved(kernel, task, SavedRegister.rip).toString(16);
    const stack = readSaved(kernel, task, SavedRegister.rsp).toString(16);
    reportFault(
      kernel,
      task,
      `[fault] ${process.executablePath || task.name} (${process.id}): ${signalNames[number]}, ${what}, rip 0x${at}, rsp 0x${stack}`,
    );
    endProcess(kernel, process, waitStatus.killed(number));
    return;
  }
  task.signals.pending.add(information);
  updateActionable(task);
}

/** Stops every thread (default action of the stop signals). */
export function stopProcess(kernel: Kernel, process: Process, number: number): void {
  process.stopSignal = number;
  process.stopReported = false;
  process.continueReported = true;
  for (const task of process.tasks) {
    if (task.state === TaskState.dead || task.state === TaskState.stopped) continue;
    // Threads that are asleep or queued stop where they are; the running one is the caller and gives way itself.
    if (task !== kernel.scheduler.current) {
      task.clearWait(kernel);
      kernel.scheduler.remove(task);
    }
    task.state = TaskState.stopped;
  }
  notifyParent(kernel, process, SignalCode.childStopped, number);
}

function continueProcess(kernel: Kernel, process: Process, report: boolean): void {
  let wasStopped = false;
  for (const task of process.tasks) {
    if (task.state !== TaskState.stopped) continue;
    wasStopped = true;
    kernel.scheduler.makeRunnable(task);
  }
  if (!wasStopped) return;
  process.stopSignal = 0;
  process.stopReported = true;
  if (!report) return;
  process.continueReported = false;
  notifyParent(kernel, process, SignalCode.childContinued, Signal.SIGCONT);
}

/** Tells the parent that a child stopped, went on or ended: SIGCHLD and its wait queue. */
export function notifyParent(kernel: Kernel, process: Process, code: number, status: number): void {
  const { parent } = process;
  process.exitQueue.wakeAll();
  if (parent === null) return;
  parent.childQueue.wakeAll();
  const ended = code === SignalCode.childExited || code === SignalCode.childKilled;
  const number = ended ? process.exitSignal : Signal.SIGCHLD;
  // clone(2) takes any number below 256; only real signals are sent.
  if (number === 0 || number > LAST_SIGNAL) return;
  sendSignal(kernel, parent, {
    number,
    code,
    senderProcess: process.id,
    senderUser: process.credentials.userId,
    value: status,
  });
}

/**
 * Acts on what waits, until a handler is due or nothing is left. The returned signal has a handler that must be run now; null otherwise
 * (the task may have stopped or died meanwhile).
 */
export function takeSignal(kernel: Kernel, task: Task): SignalInformation | null {
  const { process } = task;
  while (task.signals.actionable) {
    const information =
      task.signals.pending.take(task.signals.blocked) ?? process.signals.pending.take(task.signals.blocked);
    for (const sibling of process.tasks) updateActionable(sibling);
    if (information === null) return null;
    traceSignal(task, information);
    const { handler } = process.signals.actions[information.number];
    if (handler === SIG_IGN) continue;
    if (handler !== SIG_DFL) return information;
    switch (defaultDisposition(information.number)) {
      case 'ignore':
        continue;
      case 'stop':
        stopProcess(kernel, process, information.number);
        return null;
      case 'terminate':
        endProcess(kernel, process, waitStatus.killed(information.number));
        return null;
      case 'dump':
        reportFault(
          kernel,
          task,
          `[signal] ${process.executablePath || task.name} (${process.id}) ended by ${signalNames[information.number]}`,
        );
        endProcess(kernel, process, waitStatus.killed(information.number));
        return null;
    }
  }
  return null;
}

/** kill(2) for one target: 0 or -errno; number 0 only checks. */
export function sendFromUser(
  kernel: Kernel,
  sender: Task,
  target: Process,
  number: number,
  code: number,
  thread?: Task,
): number {
  if (!maySignal(sender.process, target, number)) return -Errno.EPERM;
  if (number === 0) return 0;
  const sent = sendSignal(
    kernel,
    target,
    { number, code, senderProcess: sender.process.id, senderUser: sender.process.credentials.userId, value: 0 },
    thread,
  );
  return sent ? 0 : -Errno.EAGAIN;
}
