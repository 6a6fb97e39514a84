// Timers that send signals: alarm(2), setitimer(2), and those of timer_create(2).
//
//   struct sigevent, 64 bytes:   0 value (u64)   8 signal   12 notify   16 thread id
//
// A timer of timer_create has one signal in the queue at most; what expires meanwhile is its overrun, told when the signal is handed over.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { LAST_SIGNAL, Signal, SignalCode } from '../../abi/signal.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { PendingSignals, SignalSource } from '../process/signal-state.ts';
import { plainInformation, sendSignal, updateActionable } from '../process/signals.ts';
import type { Task } from '../process/task.ts';
import { processCpuNanos, processCpuTime, threadCpuNanos } from '../time/cpu-time.ts';
import { ProgramTimer } from '../time/program-timer.ts';
import { readTimerSetting, type TimerSetting, writeTimerSetting } from '../time/timespec.ts';
import { freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';
import { ClockId } from './time-calls.ts';

const MICRO = 1000;
const buffer = new Uint8Array(64);
const view = new DataView(buffer.buffer);

const IntervalKind = { real: 0, virtual: 1, profiling: 2 } as const;
const intervalSignals = [Signal.SIGALRM, Signal.SIGVTALRM, Signal.SIGPROF] as const;

/** ITIMER_REAL, ITIMER_VIRTUAL (own time), ITIMER_PROF (own and the kernel's time for it). */
class IntervalTimer extends ProgramTimer {
  private readonly process: Process;
  private readonly kind: number;

  constructor(process: Process, kind: number) {
    super();
    this.process = process;
    this.kind = kind;
  }
  override clockNanos(kernel: Kernel): number {
    if (this.kind === IntervalKind.real) return kernel.nowNanos();
    if (this.kind === IntervalKind.profiling) return processCpuNanos(kernel, this.process);
    return processCpuTime(kernel, this.process).user;
  }
  /** Missed periods merge into one signal. */
  protected override expired(kernel: Kernel): boolean {
    sendSignal(kernel, this.process, plainInformation(intervalSignals[this.kind], SignalCode.kernel));
    return true;
  }
}
registerClass('IntervalTimer', 2, IntervalTimer);

function intervalTimerOf(process: Process, kind: number): IntervalTimer {
  const known = process.intervalTimers[kind];
  if (known instanceof IntervalTimer) return known;
  const timer = new IntervalTimer(process, kind);
  process.intervalTimers[kind] = timer;
  return timer;
}

function alarm(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timer = intervalTimerOf(task.process, IntervalKind.real);
  const rest = Math.ceil(timer.rest(kernel) / 1e9);
  const dueNanos = a.uint(0) === 0 ? 0 : kernel.nowNanos() + a.uint(0) * 1e9;
  timer.set(kernel, { dueNanos, intervalNanos: 0 });
  return rest;
}

/** struct itimerval: interval and rest, each seconds and microseconds. */
function writeIntervalTimer(kernel: Kernel, task: Task, timer: IntervalTimer, address: number): number {
  if (address === 0) return 0;
  buffer.fill(0, 0, 32);
  for (const [at, nanos] of [
    [0, timer.intervalNanos],
    [16, timer.rest(kernel)],
  ]) {
    view.setUint32(at, Math.floor(nanos / 1e9), true);
    // A timer that runs never shows 0.
    view.setUint32(at + 8, Math.floor(Math.max(nanos % 1e9, nanos > 0 && nanos < MICRO ? MICRO : 0) / MICRO), true);
  }
  return kernel.userMemory.copyOut(task, address, buffer, 0, 32);
}

function getitimer(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const kind = a.int(0);
  if (kind < 0 || kind > IntervalKind.profiling) return -Errno.EINVAL;
  return writeIntervalTimer(kernel, task, intervalTimerOf(task.process, kind), a.unsigned(1));
}

function setitimer(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const kind = a.int(0);
  if (kind < 0 || kind > IntervalKind.profiling) return -Errno.EINVAL;
  const timer = intervalTimerOf(task.process, kind);
  let setting: TimerSetting = { dueNanos: 0, intervalNanos: 0 };
  if (a.unsigned(1) !== 0) {
    const result = kernel.userMemory.copyIn(task, a.unsigned(1), buffer, 0, 32);
    if (result !== 0) return result;
    const part = (at: number): number => {
      const seconds = view.getUint32(at, true) + view.getInt32(at + 4, true) * 0x1_0000_0000;
      const micros = view.getUint32(at + 8, true) + view.getInt32(at + 12, true) * 0x1_0000_0000;
      const isTime = seconds >= 0 && micros >= 0 && micros < 1e6;
      return isTime ? Math.min(seconds * 1e9 + micros * MICRO, Number.MAX_SAFE_INTEGER / 2) : -1;
    };
    const [intervalNanos, value] = [part(0), part(16)];
    if (intervalNanos < 0 || value < 0) return -Errno.EINVAL;
    setting = { dueNanos: value === 0 ? 0 : timer.clockNanos(kernel) + value, intervalNanos };
  }
  const result = writeIntervalTimer(kernel, task, timer, a.unsigned(2));
  if (result !== 0) return result;
  timer.set(kernel, setting);
  return 0;
}

const Notify = { signal: 0, none: 1, thread: 2, threadId: 4 } as const;
const TIMER_ABSTIME = 1;
/** RLIMIT_SIGPENDING of Linux bounds them; here one number for each process. */
const MOST_TIMERS = 1024;
/** DELAYTIMER_MAX */
const MOST_OVERRUNS = 0x7fff_ffff;

interface Notification {
  readonly kind: number;
  readonly signal: number;
  readonly valueLow: number;
  readonly valueHigh: number;
  /** Who gets the signal; null = any thread. */
  readonly thread: Task | null;
}

class PosixTimer extends ProgramTimer implements SignalSource {
  readonly id: number;
  readonly clock: number;
  lastOverrun = 0;
  private readonly owner: Task;
  private readonly process: Process;
  private readonly notification: Notification;
  /** Expiries since the signal was put into the queue. */
  private missed = 0;

  constructor(id: number, clock: number, owner: Task, notification: Notification) {
    super();
    this.id = id;
    this.clock = clock;
    this.owner = owner;
    this.process = owner.process;
    this.notification = notification;
  }
  override clockNanos(kernel: Kernel): number {
    if (this.clock === ClockId.processCpu) return processCpuNanos(kernel, this.process);
    if (this.clock === ClockId.threadCpu) return threadCpuNanos(kernel, this.owner);
    return kernel.nowNanos();
  }
  private get queue(): PendingSignals {
    return (this.notification.thread ?? this.process).signals.pending;
  }
  protected override expired(kernel: Kernel, periods: number): boolean {
    const { kind, signal, valueLow, valueHigh, thread } = this.notification;
    if (kind === Notify.none) return false;
    if (this.queue.holds(this)) {
      this.missed = Math.min(MOST_OVERRUNS, this.missed + periods);
      return true;
    }
    this.missed = Math.min(MOST_OVERRUNS, periods - 1);
    if (thread !== null && !this.process.tasks.has(thread)) return true;
    const information = {
      number: signal,
      code: SignalCode.timer,
      senderProcess: this.id,
      senderUser: 0,
      value: valueLow,
      valueHigh,
      source: this,
    };
    sendSignal(kernel, this.process, information, thread ?? undefined);
    return true;
  }
  /** si_overrun: what has expired while the signal waited. */
  delivered(): number {
    this.lastOverrun = this.missed;
    this.missed = 0;
    return this.lastOverrun;
  }
  /** A signal of an earlier setting is no longer true. */
  override stop(kernel: Kernel): void {
    super.stop(kernel);
    this.queue.dropSource(this);
    for (const task of this.process.tasks) updateActionable(task);
    this.missed = 0;
  }
}
registerClass('PosixTimer', 1, PosixTimer);

function readNotification(kernel: Kernel, task: Task, address: number): Notification | number {
  const result = kernel.userMemory.copyIn(task, address, buffer);
  if (result !== 0) return result;
  const kind = view.getInt32(12, true);
  const signal = view.getInt32(8, true);
  const known = kind === Notify.signal || kind === Notify.none || kind === Notify.thread || kind === Notify.threadId;
  if (!known || (kind !== Notify.none && (signal < 1 || signal > LAST_SIGNAL))) return -Errno.EINVAL;
  let thread: Task | null = null;
  if (kind === Notify.threadId) {
    thread = kernel.processes.findTask(view.getInt32(16, true));
    if (thread?.process !== task.process) return -Errno.EINVAL;
  }
  return { kind, signal, valueLow: view.getInt32(0, true), valueHigh: view.getInt32(4, true), thread };
}

const CLOCKS: readonly number[] = [
  ClockId.realtime,
  ClockId.monotonic,
  ClockId.processCpu,
  ClockId.threadCpu,
  ClockId.bootTime,
];

function timerCreate(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const { process } = task;
  if (!CLOCKS.includes(a.int(0))) return -Errno.EINVAL;
  const id = process.nextTimerId;
  let notification: Notification | number = {
    kind: Notify.signal,
    signal: Signal.SIGALRM,
    valueLow: id,
    valueHigh: 0,
    thread: null,
  };
  if (a.unsigned(1) !== 0) notification = readNotification(kernel, task, a.unsigned(1));
  if (typeof notification === 'number') return notification;
  if (process.posixTimers.size >= MOST_TIMERS) return -Errno.EAGAIN;
  const result = kernel.userMemory.writeWord32(task, a.unsigned(2), id);
  if (result !== 0) return result;
  process.nextTimerId = (id + 1) % 0x8000_0000;
  process.posixTimers.set(id, new PosixTimer(id, a.int(0), task, notification));
  return 0;
}

function timerOf(task: Task, id: number): PosixTimer | number {
  const timer = task.process.posixTimers.get(id);
  return timer instanceof PosixTimer ? timer : -Errno.EINVAL;
}

function timerSettime(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timer = timerOf(task, a.int(0));
  if (a.unsigned(2) === 0) return -Errno.EINVAL;
  const realtime = typeof timer !== 'number' && timer.clock === ClockId.realtime;
  const base = { absolute: (a.uint(1) & TIMER_ABSTIME) !== 0, realtime };
  const now = typeof timer === 'number' ? 0 : timer.clockNanos(kernel);
  const setting = readTimerSetting(kernel, task, a.unsigned(2), base, now);
  if (typeof setting === 'number') return setting;
  if (typeof timer === 'number') return timer;
  if (a.unsigned(3) !== 0) {
    const status = writeTimerSetting(kernel, task, a.unsigned(3), timer.intervalNanos, timer.rest(kernel));
    if (status !== 0) return status;
  }
  timer.lastOverrun = 0;
  timer.set(kernel, setting);
  return 0;
}

function timerGettime(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timer = timerOf(task, a.int(0));
  if (typeof timer === 'number') return timer;
  return writeTimerSetting(kernel, task, a.unsigned(1), timer.intervalNanos, timer.rest(kernel));
}

function timerDelete(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timer = timerOf(task, a.int(0));
  if (typeof timer === 'number') return timer;
  timer.stop(kernel);
  task.process.posixTimers.delete(timer.id);
  return 0;
}

export const timerCalls: readonly SystemCallEntry[] = [
  row(SystemCall.alarm, 'alarm', [['seconds', 'uint']], alarm),
  row(
    SystemCall.getitimer,
    'getitimer',
    [
      ['which', 'int'],
      ['value', 'pointer'],
    ],
    getitimer,
  ),
  row(
    SystemCall.setitimer,
    'setitimer',
    [
      ['which', 'int'],
      ['value', 'pointer'],
      ['old', 'pointer'],
    ],
    setitimer,
  ),
  row(
    SystemCall.timer_create,
    'timer_create',
    [
      ['clock', 'int'],
      ['event', 'pointer'],
      ['timer', 'pointer'],
    ],
    timerCreate,
  ),
  row(
    SystemCall.timer_settime,
    'timer_settime',
    [
      ['timer', 'int'],
      ['flags', 'flags'],
      ['new', 'pointer'],
      ['old', 'pointer'],
    ],
    timerSettime,
  ),
  row(
    SystemCall.timer_gettime,
    'timer_gettime',
    [
      ['timer', 'int'],
      ['setting', 'pointer'],
    ],
    timerGettime,
  ),
  row(SystemCall.timer_getoverrun, 'timer_getoverrun', [['timer', 'int']], (_kernel, task, a) => {
    const timer = timerOf(task, a.int(0));
    return typeof timer === 'number' ? timer : timer.lastOverrun;
  }),
  row(SystemCall.timer_delete, 'timer_delete', [['timer', 'int']], timerDelete),
];
