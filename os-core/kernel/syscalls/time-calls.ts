// Clocks and sleeping (clock_gettime(2), nanosleep(2)). All time is virtual.

import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { processCpuNanos, threadCpuNanos } from '../time/cpu-time.ts';
import { readDeadline, readTimespec, writeTimespec } from '../time/timespec.ts';
import { PENDING, freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';
import { DeadlineWait } from './signal-calls.ts';

export const ClockId = {
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

const buffer = new Uint8Array(16);
const view = new DataView(buffer.buffer);
const put = (at: number, value: number): void => {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
};

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
      const nanos = id === ClockId.processCpu ? processCpuNanos(kernel, task.process) : threadCpuNanos(kernel, task);
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
      const result = writeTimespec(kernel, task, restAddress, rest);
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
    const deadline = readDeadline(kernel, task, a.unsigned(2), { absolute, realtime: id === ClockId.realtime });
    if (typeof deadline === 'object') return deadline.error;
    task.progress = new DeadlineWait(deadline);
  }
  return sleep(kernel, task, absolute ? 0 : a.unsigned(3));
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
];
