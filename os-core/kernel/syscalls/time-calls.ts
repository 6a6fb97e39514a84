// Clocks and sleeping (clock_gettime(2), nanosleep(2), setitimer(2), alarm(2), times(2)). All time is virtual.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal, SignalCode } from '../../abi/signal.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Process, ProcessTimer } from '../process/process.ts';
import { sendSignal } from '../process/signals.ts';
import type { Task } from '../process/task.ts';
import type { Timer, TimerTarget } from '../time/timers.ts';
import { readTimespec } from './futex.ts';
import { PENDING, freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';
import { DeadlineWait } from './signal-calls.ts';

const ClockId = {
  realtime: 0,
  monotonic: 1,
  processCpu: 2,
  threadCpu: 3,
  monotonicRaw: 4,
  realtimeCoarse: 5,
  monotonicCoarse: 6,
  bootTime: 7,
} as const;
const TIMER_ABSTIME = 1;
const MICRO = 1000;
const TICK_NANOS = 10_000_000;

const buffer = new Uint8Array(32);
const view = new DataView(buffer.buffer);
const put = (at: number, value: number): void => {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
};

/** Instructions as nanoseconds of CPU time: the ratio that the machine has had since power-on. */
export function instructionsToNanos(kernel: Kernel, instructions: number): number {
  const { instructionCount } = kernel.machine.cpu;
  return instructionCount === 0
    ? 0
    : Math.floor((instructions / instructionCount) * Math.min(kernel.nowNanos(), instructionCount * 1000));
}

function processInstructions(process: Process): number {
  let sum = process.userInstructions + process.systemInstructions;
  for (const task of process.tasks) sum += task.userInstructions + task.systemInstructions;
  return sum;
}

/** Seconds and nanoseconds of a clock, or -EINVAL. */
function readClock(
  kernel: Kernel,
  task: Task,
  id: number,
): { readonly seconds: number; readonly nanos: number } | number {
  const now = Math.floor(kernel.nowNanos());
  switch (id) {
    case ClockId.realtime:
    case ClockId.realtimeCoarse:
      return kernel.clock.wallClock(now);
    case ClockId.monotonic:
    case ClockId.monotonicRaw:
    case ClockId.monotonicCoarse:
    case ClockId.bootTime:
      return { seconds: Math.floor(now / 1e9), nanos: now % 1e9 };
    case ClockId.processCpu:
    case ClockId.threadCpu: {
      const instructions =
        id === ClockId.processCpu ? processInstructions(task.process) : task.userInstructions + task.systemInstructions;
      const nanos = instructionsToNanos(kernel, instructions);
      return { seconds: Math.floor(nanos / 1e9), nanos: nanos % 1e9 };
    }
    default:
      return -Errno.EINVAL;
  }
}

function clockGettime(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const time = readClock(kernel, task, a.int(0));
  if (typeof time === 'number') return time;
  put(0, time.seconds);
  put(8, time.nanos);
  return kernel.userMemory.copyOut(task, a.unsigned(1), buffer, 0, 16);
}

function clockGetres(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const time = readClock(kernel, task, a.int(0));
  if (typeof time === 'number') return time;
  if (a.unsigned(1) === 0) return 0;
  const coarse = a.int(0) === ClockId.realtimeCoarse || a.int(0) === ClockId.monotonicCoarse;
  put(0, 0);
  put(8, coarse ? TICK_NANOS : 1);
  return kernel.userMemory.copyOut(task, a.unsigned(1), buffer, 0, 16);
}

function gettimeofday(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.unsigned(0) !== 0) {
    const { seconds, nanos } = kernel.clock.wallClock(Math.floor(kernel.nowNanos()));
    put(0, seconds);
    put(8, Math.floor(nanos / MICRO));
    const result = kernel.userMemory.copyOut(task, a.unsigned(0), buffer, 0, 16);
    if (result !== 0) return result;
  }
  if (a.unsigned(1) === 0) return 0;
  put(0, 0);
  return kernel.userMemory.copyOut(task, a.unsigned(1), buffer, 0, 8);
}

function time(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const { seconds } = kernel.clock.wallClock(kernel.nowNanos());
  if (a.unsigned(0) === 0) return seconds;
  const result = kernel.userMemory.writeWord64(task, a.unsigned(0), seconds);
  return result !== 0 ? result : seconds;
}

/** Sleeps until the deadline in task.progress; a rest is written when a signal ends a relative sleep. */
function sleep(kernel: Kernel, task: Task, restAddress: number): number {
  const { deadlineNanos } = task.progress as DeadlineWait;
  const now = kernel.nowNanos();
  if (now >= deadlineNanos) return 0;
  if (task.signalPending) {
    if (restAddress !== 0) {
      const rest = Math.ceil(deadlineNanos - now);
      put(0, Math.floor(rest / 1e9));
      put(8, rest % 1e9);
      const result = kernel.userMemory.copyOut(task, restAddress, buffer, 0, 16);
      if (result !== 0) return result;
    }
    return -Errno.EINTR;
  }
  task.waitUntil(kernel, deadlineNanos);
  return PENDING;
}

function nanosleep(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (!(task.progress instanceof DeadlineWait)) {
    const duration = readTimespec(kernel, task, a.unsigned(0));
    if (duration < 0) return duration;
    task.progress = new DeadlineWait(kernel.nowNanos() + duration);
  }
  return sleep(kernel, task, a.unsigned(1));
}

function clockNanosleep(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const absolute = (a.int(1) & TIMER_ABSTIME) !== 0;
  if (!(task.progress instanceof DeadlineWait)) {
    const id = a.int(0);
    if (id !== ClockId.realtime && id !== ClockId.monotonic && id !== ClockId.bootTime) return -Errno.EINVAL;
    const given = readTimespec(kernel, task, a.unsigned(2));
    if (given < 0) return given;
    const start = !absolute ? kernel.nowNanos() : id === ClockId.realtime ? -kernel.clock.powerOnUnixSeconds * 1e9 : 0;
    task.progress = new DeadlineWait(start + given);
  }
  return sleep(kernel, task, absolute ? 0 : a.unsigned(3));
}

/** ITIMER_REAL of a process: SIGALRM, then again after the interval. */
export class IntervalTimer implements TimerTarget, ProcessTimer {
  private readonly process: Process;
  private timer: Timer | null = null;
  private intervalNanos = 0;

  constructor(process: Process) {
    this.process = process;
  }
  timerExpired(kernel: Kernel): void {
    const due = this.timer?.deadlineNanos ?? kernel.nowNanos();
    this.timer = null;
    sendSignal(kernel, this.process, {
      number: Signal.SIGALRM,
      code: SignalCode.kernel,
      senderProcess: 0,
      senderUser: 0,
      value: 0,
    });
    // Missed periods merge into one signal; the next one is not before the next look at the timers.
    if (this.intervalNanos > 0)
      this.timer = kernel.timers.schedule(Math.max(due + this.intervalNanos, kernel.nowNanos() + 1), this);
  }
  /** Nanoseconds to the next expiry, 0 = off. */
  rest(kernel: Kernel): number {
    return this.timer === null ? 0 : Math.max(1, this.timer.deadlineNanos - kernel.nowNanos());
  }
  get interval(): number {
    return this.intervalNanos;
  }
  stop(kernel: Kernel): void {
    if (this.timer !== null) kernel.timers.cancel(this.timer);
    this.timer = null;
  }
  set(kernel: Kernel, valueNanos: number, intervalNanos: number): void {
    this.stop(kernel);
    this.timer = valueNanos > 0 ? kernel.timers.schedule(kernel.nowNanos() + valueNanos, this) : null;
    this.intervalNanos = intervalNanos;
  }
}
registerClass('IntervalTimer', 1, IntervalTimer);

function intervalTimerOf(process: Process): IntervalTimer {
  process.intervalTimer ??= new IntervalTimer(process);
  return process.intervalTimer as IntervalTimer;
}

function alarm(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const timer = intervalTimerOf(task.process);
  const rest = Math.ceil(timer.rest(kernel) / 1e9);
  timer.set(kernel, a.uint(0) * 1e9, 0);
  return rest;
}

function writeIntervalTimer(kernel: Kernel, task: Task, address: number): number {
  if (address === 0) return 0;
  const timer = intervalTimerOf(task.process);
  const rest = timer.rest(kernel);
  put(0, Math.floor(timer.interval / 1e9));
  put(8, Math.floor((timer.interval % 1e9) / MICRO));
  put(16, Math.floor(rest / 1e9));
  put(24, Math.floor((rest % 1e9) / MICRO));
  return kernel.userMemory.copyOut(task, address, buffer, 0, 32);
}

function getitimer(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.int(0) !== 0) return -Errno.EINVAL;
  return writeIntervalTimer(kernel, task, a.unsigned(1));
}

function setitimer(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.int(0) !== 0) return -Errno.EINVAL;
  let interval = 0;
  let value = 0;
  if (a.unsigned(1) !== 0) {
    const result = kernel.userMemory.copyIn(task, a.unsigned(1), buffer);
    if (result !== 0) return result;
    const part = (at: number): number => {
      const seconds = view.getUint32(at, true) + view.getInt32(at + 4, true) * 0x1_0000_0000;
      const micros = view.getUint32(at + 8, true) + view.getInt32(at + 12, true) * 0x1_0000_0000;
      return seconds < 0 || micros < 0 || micros >= 1e6
        ? -1
        : Math.min(seconds * 1e9 + micros * MICRO, Number.MAX_SAFE_INTEGER / 2);
    };
    interval = part(0);
    value = part(16);
    if (interval < 0 || value < 0) return -Errno.EINVAL;
  }
  const result = writeIntervalTimer(kernel, task, a.unsigned(2));
  if (result !== 0) return result;
  intervalTimerOf(task.process).set(kernel, value, interval);
  return 0;
}

export const timeCalls: readonly SystemCallEntry[] = [
  row(
    SystemCall.clock_gettime,
    'clock_gettime',
    [
      ['clock', 'int'],
      ['time', 'pointer'],
    ],
    clockGettime,
  ),
  row(
    SystemCall.clock_getres,
    'clock_getres',
    [
      ['clock', 'int'],
      ['resolution', 'pointer'],
    ],
    clockGetres,
  ),
  row(
    SystemCall.gettimeofday,
    'gettimeofday',
    [
      ['time', 'pointer'],
      ['zone', 'pointer'],
    ],
    gettimeofday,
  ),
  row(SystemCall.time, 'time', [['time', 'pointer']], time),
  row(
    SystemCall.nanosleep,
    'nanosleep',
    [
      ['duration', 'pointer'],
      ['rest', 'pointer'],
    ],
    nanosleep,
  ),
  row(
    SystemCall.clock_nanosleep,
    'clock_nanosleep',
    [
      ['clock', 'int'],
      ['flags', 'flags'],
      ['time', 'pointer'],
      ['rest', 'pointer'],
    ],
    clockNanosleep,
  ),
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
];
