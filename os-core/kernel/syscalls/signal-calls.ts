// Signals (signal(7)): rt_sigaction, rt_sigqueueinfo, rt_sigprocmask, rt_sigreturn, rt_sigsuspend, rt_sigpending, sigaltstack, kill and friends, pause.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { LAST_SIGNAL, Signal, SignalCode } from '../../abi/signal.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import { type AlternateStack, checkedStack, flagsNow, onAlternateStack } from '../process/alternate-stack.ts';
import type { Process } from '../process/process.ts';
import { fillInformation, popSignalFrame } from '../process/signal-frame.ts';
import { unblockableSignals } from '../process/signal-state.ts';
import {
  killForFault,
  maySignal,
  plainInformation,
  sendFromUser,
  sendSignal,
  setBlocked,
  takeAwaited,
  updateActionable,
} from '../process/signals.ts';
import type { Task } from '../process/task.ts';
import { readTimespec } from '../time/timespec.ts';
import { readSaved, SavedRegister } from '../traps/saved-registers.ts';
import { PENDING, freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';

const SET_BYTES = 8;
const buffer = new Uint8Array(128);
const view = new DataView(buffer.buffer);
const number = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
const put = (at: number, value: number): void => {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
};
const validSignal = (value: number): boolean => value >= 1 && value <= LAST_SIGNAL;

/** struct sigaction of the kernel: handler 8, flags 8, restorer 8, mask 8. */
function rtSigaction(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const signal = a.int(0);
  if (!validSignal(signal) || a.unsigned(3) !== SET_BYTES) return -Errno.EINVAL;
  const { signals } = task.process;
  const old = signals.actions[signal];
  const changing = a.unsigned(1) !== 0;
  if (changing && (signal === Signal.SIGKILL || signal === Signal.SIGSTOP)) return -Errno.EINVAL;
  let next = old;
  if (changing) {
    const result = kernel.userMemory.copyIn(task, a.unsigned(1), buffer, 0, 32);
    if (result !== 0) return result;
    next = {
      handler: number(0),
      flags: view.getUint32(8, true),
      restorer: number(16),
      mask: view.getBigUint64(24, true) & ~unblockableSignals,
    };
  }
  if (a.unsigned(2) !== 0) {
    put(0, old.handler);
    put(8, old.flags);
    put(16, old.restorer);
    view.setBigUint64(24, old.mask, true);
    const result = kernel.userMemory.copyOut(task, a.unsigned(2), buffer, 0, 32);
    if (result !== 0) return result;
  }
  if (!changing) return 0;
  signals.actions[signal] = next;
  // What is ignored now and waits, waits no more (POSIX).
  if (signals.isIgnored(signal)) {
    signals.pending.discard(signal);
    for (const thread of task.process.tasks) thread.signals.pending.discard(signal);
  }
  for (const thread of task.process.tasks) updateActionable(thread);
  return 0;
}

function readSet(kernel: Kernel, task: Task, address: number): bigint | number {
  const result = kernel.userMemory.copyIn(task, address, buffer, 0, SET_BYTES);
  return result !== 0 ? result : view.getBigUint64(0, true) & ~unblockableSignals;
}

function rtSigprocmask(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.unsigned(3) !== SET_BYTES) return -Errno.EINVAL;
  const old = task.signals.blocked;
  let next = old;
  if (a.unsigned(1) !== 0) {
    const set = readSet(kernel, task, a.unsigned(1));
    if (typeof set === 'number') return set;
    const how = a.int(0);
    if (how < 0 || how > 2) return -Errno.EINVAL;
    next = how === 0 ? old | set : how === 1 ? old & ~set : set;
  }
  if (a.unsigned(2) !== 0) {
    view.setBigUint64(0, old, true);
    const result = kernel.userMemory.copyOut(task, a.unsigned(2), buffer, 0, SET_BYTES);
    if (result !== 0) return result;
  }
  if (next !== old) setBlocked(task, next);
  return 0;
}

function rtSigreturn(kernel: Kernel, task: Task): number {
  if (popSignalFrame(kernel, task)) return 0;
  killForFault(kernel, task, plainInformation(Signal.SIGSEGV), 'bad signal frame');
  return 0;
}

/** Waits with another mask; ends with EINTR when a handler has run (which then gets the old mask back). */
function rtSigsuspend(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.unsigned(1) !== SET_BYTES) return -Errno.EINVAL;
  if (task.progress === null) {
    const set = readSet(kernel, task, a.unsigned(0));
    if (typeof set === 'number') return set;
    task.signals.savedMask = task.signals.blocked;
    setBlocked(task, set);
    task.progress = 'suspended';
  }
  return task.signalPending ? -Errno.EINTR : PENDING;
}

function rtSigpending(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.unsigned(1) > SET_BYTES) return -Errno.EINVAL;
  const waiting = (task.signals.pending.mask | task.process.signals.pending.mask) & task.signals.blocked;
  view.setBigUint64(0, waiting, true);
  return kernel.userMemory.copyOut(task, a.unsigned(0), buffer, 0, a.unsigned(1));
}

/** Plain record of a wait with a deadline. */
export class DeadlineWait {
  readonly deadlineNanos: number;
  constructor(deadlineNanos: number) {
    this.deadlineNanos = deadlineNanos;
  }
}
registerClass('DeadlineWait', 1, DeadlineWait);

function rtSigtimedwait(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.unsigned(3) !== SET_BYTES) return -Errno.EINVAL;
  const set = readSet(kernel, task, a.unsigned(0));
  if (typeof set === 'number') return set;
  if (!(task.progress instanceof DeadlineWait)) {
    let deadline = Infinity;
    if (a.unsigned(2) !== 0) {
      const time = readTimespec(kernel, task, a.unsigned(2));
      if (time < 0) return time;
      deadline = kernel.nowNanos() + time;
    }
    task.progress = new DeadlineWait(deadline);
  }
  const wait = task.progress as DeadlineWait;
  if (a.unsigned(1) !== 0) {
    // A signal that was taken could not be put back.
    const ready = kernel.userMemory.prepare(task, a.unsigned(1), 128, true);
    if (ready !== 0) return ready;
  }
  task.signals.awaited = 0n;
  const information = takeAwaited(task, set);
  if (information !== null) {
    if (a.unsigned(1) === 0) return information.number;
    buffer.fill(0);
    fillInformation(view, 0, information);
    const result = kernel.userMemory.copyOut(task, a.unsigned(1), buffer, 0, 128);
    return result !== 0 ? result : information.number;
  }
  if (task.signalPending) return -Errno.EINTR;
  if (kernel.nowNanos() >= wait.deadlineNanos) return -Errno.EAGAIN;
  task.signals.awaited = set;
  task.waitUntil(kernel, wait.deadlineNanos);
  return PENDING;
}

function sigaltstack(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const { signals } = task;
  const stackPointer = readSaved(kernel, task, SavedRegister.rsp);
  const { address, bytes } = signals.alternateStack;
  const oldFlags = flagsNow(signals, stackPointer);
  let next: AlternateStack | number = signals.alternateStack;
  if (a.unsigned(0) !== 0) {
    const result = kernel.userMemory.copyIn(task, a.unsigned(0), buffer, 0, 24);
    if (result !== 0) return result;
    if (onAlternateStack(signals, stackPointer)) return -Errno.EPERM;
    next = checkedStack(number(0), number(16), view.getInt32(8, true));
    if (typeof next === 'number') return next;
  }
  if (a.unsigned(1) !== 0) {
    put(0, address);
    put(8, oldFlags >>> 0);
    put(16, bytes);
    const result = kernel.userMemory.copyOut(task, a.unsigned(1), buffer, 0, 24);
    if (result !== 0) return result;
  }
  signals.alternateStack = next;
  return 0;
}

function kill(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const target = a.int(0);
  const signal = a.int(1);
  if (signal !== 0 && !validSignal(signal)) return -Errno.EINVAL;
  if (target > 0) {
    const process = kernel.processes.find(target) ?? kernel.processes.findTask(target)?.process ?? null;
    if (process === null) return -Errno.ESRCH;
    return sendFromUser(kernel, task, process, signal, SignalCode.user);
  }
  const own = task.process;
  const members =
    target === -1
      ? [...kernel.processes.processes.values()].filter((p) => p.id > 1 && p !== own && p.state === 'alive')
      : kernel.processes.group(target === 0 ? own.group : -target);
  if (members.length === 0) return -Errno.ESRCH;
  let best: number = -Errno.EPERM;
  for (const process of members) if (sendFromUser(kernel, task, process, signal, SignalCode.user) === 0) best = 0;
  return best;
}

function sendToThread(kernel: Kernel, task: Task, group: number, thread: number, signal: number): number {
  if (thread <= 0 || group === 0 || (signal !== 0 && !validSignal(signal))) return -Errno.EINVAL;
  const target = kernel.processes.findTask(thread);
  if (target === null || (group > 0 && target.process.id !== group)) return -Errno.ESRCH;
  return sendFromUser(kernel, task, target.process, signal, SignalCode.threadKill, target);
}

/** A signal with a siginfo of the sender's (sigqueue(3), pidfd_send_signal). `mustAgree`: si_signo has to name the same signal. */
export function queueSignal(
  kernel: Kernel,
  task: Task,
  target: { readonly process: Process; readonly thread?: Task } | null,
  signal: number,
  address: number,
  mustAgree = false,
): number {
  const result = kernel.userMemory.copyIn(task, address, buffer);
  if (result !== 0) return result;
  if (mustAgree && view.getInt32(0, true) !== signal) return -Errno.EINVAL;
  const code = view.getInt32(8, true);
  // What the kernel and kill(2) say may not be made up, except to oneself.
  const isForged = code >= 0 || code === SignalCode.threadKill;
  if (isForged && target?.process !== task.process) return -Errno.EPERM;
  if (signal < 0 || signal > LAST_SIGNAL) return -Errno.EINVAL;
  if (target === null) return -Errno.ESRCH;
  if (!maySignal(task.process, target.process, signal)) return -Errno.EPERM;
  if (signal === 0) return 0;
  const information = {
    number: signal,
    code,
    senderProcess: view.getInt32(16, true),
    senderUser: view.getInt32(20, true),
    value: view.getInt32(24, true),
    valueHigh: view.getInt32(28, true),
  };
  return sendSignal(kernel, target.process, information, target.thread) ? 0 : -Errno.EAGAIN;
}
function rtSigqueueinfo(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const process = kernel.processes.find(a.int(0));
  return queueSignal(kernel, task, process === null ? null : { process }, a.int(1), a.unsigned(2));
}
function rtTgsigqueueinfo(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.int(0) <= 0 || a.int(1) <= 0) return -Errno.EINVAL;
  const thread = kernel.processes.findTask(a.int(1));
  const target = thread?.process.id === a.int(0) ? { process: thread.process, thread } : null;
  return queueSignal(kernel, task, target, a.int(2), a.unsigned(3));
}

const none: SystemCallEntry['arguments'] = [];

export const signalCalls: readonly SystemCallEntry[] = [
  row(
    SystemCall.rt_sigaction,
    'rt_sigaction',
    [
      ['signal', 'int'],
      ['action', 'pointer'],
      ['old', 'pointer'],
      ['setSize', 'size'],
    ],
    rtSigaction,
  ),
  row(
    SystemCall.rt_sigprocmask,
    'rt_sigprocmask',
    [
      ['how', 'int'],
      ['set', 'pointer'],
      ['old', 'pointer'],
      ['setSize', 'size'],
    ],
    rtSigprocmask,
  ),
  row(SystemCall.rt_sigreturn, 'rt_sigreturn', none, rtSigreturn),
  row(
    SystemCall.rt_sigsuspend,
    'rt_sigsuspend',
    [
      ['set', 'pointer'],
      ['setSize', 'size'],
    ],
    rtSigsuspend,
  ),
  row(
    SystemCall.rt_sigpending,
    'rt_sigpending',
    [
      ['set', 'pointer'],
      ['setSize', 'size'],
    ],
    rtSigpending,
  ),
  row(
    SystemCall.rt_sigtimedwait,
    'rt_sigtimedwait',
    [
      ['set', 'pointer'],
      ['information', 'pointer'],
      ['timeout', 'pointer'],
      ['setSize', 'size'],
    ],
    rtSigtimedwait,
  ),
  row(
    SystemCall.sigaltstack,
    'sigaltstack',
    [
      ['stack', 'pointer'],
      ['old', 'pointer'],
    ],
    sigaltstack,
  ),
  row(SystemCall.pause, 'pause', none, (_kernel, task) => (task.signalPending ? -Errno.EINTR : PENDING)),
  row(
    SystemCall.kill,
    'kill',
    [
      ['pid', 'int'],
      ['signal', 'int'],
    ],
    kill,
  ),
  row(
    SystemCall.tkill,
    'tkill',
    [
      ['thread', 'int'],
      ['signal', 'int'],
    ],
    (kernel, task, a) => sendToThread(kernel, task, -1, a.int(0), a.int(1)),
  ),
  row(
    SystemCall.tgkill,
    'tgkill',
    [
      ['pid', 'int'],
      ['thread', 'int'],
      ['signal', 'int'],
    ],
    (kernel, task, a) => (a.int(0) <= 0 ? -Errno.EINVAL : sendToThread(kernel, task, a.int(0), a.int(1), a.int(2))),
  ),
  row(
    SystemCall.rt_sigqueueinfo,
    'rt_sigqueueinfo',
    [
      ['pid', 'int'],
      ['signal', 'int'],
      ['information', 'pointer'],
    ],
    rtSigqueueinfo,
  ),
  row(
    SystemCall.rt_tgsigqueueinfo,
    'rt_tgsigqueueinfo',
    [
      ['pid', 'int'],
      ['thread', 'int'],
      ['signal', 'int'],
      ['information', 'pointer'],
    ],
    rtTgsigqueueinfo,
  ),
];
