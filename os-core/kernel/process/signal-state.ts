// Which signals wait, which are blocked, and what a process does with them. Sets are 64-bit masks, bit n-1 = signal n.
// `actionable` is kept up to date by every change, so that the way back to ring 3 tests one boolean.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { LAST_SIGNAL, SIG_DFL, SIG_IGN, Signal } from '../../abi/signal.ts';
import { sharedConstant } from '../shared-constants.ts';
import { WaitQueue } from '../wait-queue.ts';
import { type AlternateStack, StackFlag } from './alternate-stack.ts';

/** Who sends the same signal again and again, and has one in the queue at most (timer_create). */
export interface SignalSource {
  /** The signal is handed over: si_overrun. */
  delivered(): number;
}

/** What siginfo_t tells the handler. */
export interface SignalInformation {
  readonly number: number;
  /** si_code */
  readonly code: number;
  readonly senderProcess: number;
  readonly senderUser: number;
  /** si_status (SIGCHLD), si_addr (faults; below 2^53) or the low half of si_value. */
  readonly value: number;
  readonly valueHigh?: number;
  readonly source?: SignalSource;
}

export interface SignalAction {
  /** SIG_DFL, SIG_IGN or an address (below 2^47). */
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: bigint;
}

export const bitOfSignal = (number: number): bigint => 1n << BigInt(number - 1);
/** SIGKILL and SIGSTOP cannot be blocked, caught or ignored. */
export const unblockableSignals: bigint = bitOfSignal(Signal.SIGKILL) | bitOfSignal(Signal.SIGSTOP);

export const defaultAction: SignalAction = sharedConstant('defaultAction', {
  handler: SIG_DFL,
  flags: 0,
  restorer: 0,
  mask: 0n,
});
const ignoredByDefault: ReadonlySet<number> = new Set([Signal.SIGCHLD, Signal.SIGURG, Signal.SIGWINCH, Signal.SIGCONT]);
const stopping: ReadonlySet<number> = new Set([Signal.SIGSTOP, Signal.SIGTSTP, Signal.SIGTTIN, Signal.SIGTTOU]);
const dumping: ReadonlySet<number> = new Set([
  Signal.SIGQUIT,
  Signal.SIGILL,
  Signal.SIGTRAP,
  Signal.SIGABRT,
  Signal.SIGBUS,
  Signal.SIGFPE,
  Signal.SIGSEGV,
  Signal.SIGXCPU,
  Signal.SIGXFSZ,
  Signal.SIGSYS,
]);

/** signal(7): what happens when nothing else was asked for. */
export function defaultDisposition(number: number): 'ignore' | 'stop' | 'terminate' | 'dump' {
  if (ignoredByDefault.has(number)) return 'ignore';
  if (stopping.has(number)) return 'stop';
  return dumping.has(number) ? 'dump' : 'terminate';
}

/** Bound on queued real-time signals and infos per set; standard signals need one each. */
const MAX_QUEUED = 1024;

/** A set of waiting signals with their information; real-time signals (34 and up) queue, others merge. */
export class PendingSignals {
  mask = 0n;
  private readonly queue: SignalInformation[] = [];

  /** False if the queue of real-time signals is full. */
  add(information: SignalInformation): boolean {
    const bit = bitOfSignal(information.number);
    const merges = information.number < 32 && information.source === undefined;
    if (merges && (this.mask & bit) !== 0n) return true;
    if (this.queue.length >= MAX_QUEUED) return false;
    this.mask |= bit;
    this.queue.push(information);
    return true;
  }
  /** Takes the waiting signal of lowest number outside `blocked`. */
  take(blocked: bigint): SignalInformation | null {
    const deliverable = this.mask & ~blocked;
    if (deliverable === 0n) return null;
    let number = 1;
    while ((deliverable & bitOfSignal(number)) === 0n) number++;
    const index = this.queue.findIndex((entry) => entry.number === number);
    const [information] = this.queue.splice(index, 1);
    this.forget(number);
    const { source } = information;
    return source === undefined ? information : { ...information, senderUser: source.delivered() };
  }
  private forget(number: number): void {
    if (!this.queue.some((entry) => entry.number === number)) this.mask &= ~bitOfSignal(number);
  }
  holds(source: SignalSource): boolean {
    return this.queue.some((entry) => entry.source === source);
  }
  dropSource(source: SignalSource): void {
    const index = this.queue.findIndex((entry) => entry.source === source);
    if (index < 0) return;
    const [dropped] = this.queue.splice(index, 1);
    this.forget(dropped.number);
  }
  discard(number: number): void {
    const bit = bitOfSignal(number);
    if ((this.mask & bit) === 0n) return;
    this.mask &= ~bit;
    for (let i = this.queue.length - 1; i >= 0; i--) if (this.queue[i].number === number) this.queue.splice(i, 1);
  }
}
registerClass('PendingSignals', 1, PendingSignals);

/** Shared by the threads of a process (clone with CLONE_SIGHAND). */
export class ProcessSignals {
  readonly pending: PendingSignals = new PendingSignals();
  /** Woken when a signal has come (signalfd). */
  readonly arrivals: WaitQueue;
  actions: SignalAction[];

  constructor(
    arrivals: WaitQueue = new WaitQueue(),
    actions: SignalAction[] = new Array(LAST_SIGNAL + 1).fill(defaultAction),
  ) {
    this.arrivals = arrivals;
    this.actions = actions;
  }

  isIgnored(number: number): boolean {
    const { handler } = this.actions[number];
    return handler === SIG_IGN || (handler === SIG_DFL && defaultDisposition(number) === 'ignore');
  }
  /** fork: same actions, nothing pending. */
  copy(): ProcessSignals {
    return new ProcessSignals(new WaitQueue(), this.actions.slice());
  }
  /** What is ignored stays so. */
  private actionsWithoutHandlers(): SignalAction[] {
    return this.actions.map((action) =>
      action.handler === SIG_IGN ? { ...defaultAction, handler: SIG_IGN } : defaultAction,
    );
  }
  /** CLONE_CLEAR_SIGHAND: nothing pending either. */
  copyWithoutHandlers(): ProcessSignals {
    return new ProcessSignals(new WaitQueue(), this.actionsWithoutHandlers());
  }
  /** execve: handlers go, what waits still waits. */
  copyForExec(): ProcessSignals {
    const copy = new ProcessSignals(this.arrivals, this.actionsWithoutHandlers());
    for (let waiting = this.pending.take(0n); waiting !== null; waiting = this.pending.take(0n))
      copy.pending.add(waiting);
    return copy;
  }
}
registerClass('ProcessSignals', 2, ProcessSignals);

/** Of a new program. */
export const noAlternateStack: AlternateStack = sharedConstant('noAlternateStack', { address: 0, bytes: 0, flags: 0 });
export const disarmedStack: AlternateStack = sharedConstant('disarmedStack', {
  address: 0,
  bytes: 0,
  flags: StackFlag.disable,
});

/** The exception that brought about a thread's last signal for a fault: what its frames tell of. */
export interface FaultRecord {
  readonly vector: number;
  readonly errorCode: number;
  /** CR2 of the last page fault among them, as a signed number: magnitude below 2^53. */
  readonly address: number;
}
const noFault: FaultRecord = sharedConstant('noFault', { vector: 0, errorCode: 0, address: 0 });

/** Per thread. */
export class TaskSignals {
  readonly pending: PendingSignals = new PendingSignals();
  blocked = 0n;
  /** rt_sigsuspend, ppoll …: the mask to put back when the call is over. */
  savedMask: bigint | null = null;
  /** rt_sigtimedwait: blocked signals that wake the task all the same. */
  awaited = 0n;
  alternateStack: AlternateStack = noAlternateStack;
  lastFault: FaultRecord = noFault;
  /** Kept by Signals.update: something waits here or at the process that is neither blocked nor ignored. */
  actionable = false;
}
registerClass('TaskSignals', 2, TaskSignals);
