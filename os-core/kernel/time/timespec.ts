// struct timespec and struct itimerspec in user memory (timespec(3type)): seconds and nanoseconds, 8 bytes each.
//
// Times of the real-time clock do not fit into a number of nanoseconds: they are brought to time since power-on first.

import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';

const bytes = new Uint8Array(32);
const view = new DataView(bytes.buffer);
const word = (at: number): number => view.getUint32(at, true) + view.getInt32(at + 4, true) * 0x1_0000_0000;
const put = (at: number, value: number): void => {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
};

/** Nanoseconds of the time at `at`, counted from `zeroSeconds`; null if it is no time. May be negative. */
function nanosAt(at: number, zeroSeconds: number): number | null {
  const seconds = word(at);
  const nanos = word(at + 8);
  if (seconds < 0 || nanos < 0 || nanos >= 1e9) return null;
  return Math.min((seconds - zeroSeconds) * 1e9 + nanos, Number.MAX_SAFE_INTEGER / 2);
}
function putNanos(at: number, nanos: number): void {
  put(at, Math.floor(nanos / 1e9));
  put(at + 8, nanos % 1e9);
}

/** A length of time in nanoseconds; -EINVAL, -EFAULT, PENDING. */
export function readTimespec(kernel: Kernel, task: Task, address: number): number {
  const status = kernel.userMemory.copyIn(task, address, bytes, 0, 16);
  return status !== 0 ? status : (nanosAt(0, 0) ?? -Errno.EINVAL);
}

/** How a program gives the time of an expiry. */
export interface TimeBase {
  readonly absolute: boolean;
  /** Counted from 1970 rather than from power-on. */
  readonly realtime: boolean;
}
const zeroOf = (kernel: Kernel, base: TimeBase): number =>
  base.absolute && base.realtime ? kernel.clock.powerOnUnixSeconds : 0;

/** The moment that a timespec means, on the clock of which `now` is the present; { error }. Moments of the past are 0. */
export function readDeadline(
  kernel: Kernel,
  task: Task,
  address: number,
  base: TimeBase,
  now: number = kernel.nowNanos(),
): number | { readonly error: number } {
  const status = kernel.userMemory.copyIn(task, address, bytes, 0, 16);
  if (status !== 0) return { error: status };
  const nanos = nanosAt(0, zeroOf(kernel, base));
  if (nanos === null) return { error: -Errno.EINVAL };
  return base.absolute ? Math.max(0, nanos) : now + nanos;
}

export interface TimerSetting {
  /** Of the first expiry on the timer's clock, 0 = the timer is off. */
  readonly dueNanos: number;
  readonly intervalNanos: number;
}
/** struct itimerspec: interval, then first expiry. -EINVAL, -EFAULT, PENDING. */
export function readTimerSetting(
  kernel: Kernel,
  task: Task,
  address: number,
  base: TimeBase,
  now: number,
): TimerSetting | number {
  const status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return status;
  const isOff = word(16) === 0 && word(24) === 0;
  const intervalNanos = nanosAt(0, 0);
  const value = nanosAt(16, zeroOf(kernel, base));
  if (intervalNanos === null || value === null) return -Errno.EINVAL;
  if (isOff) return { dueNanos: 0, intervalNanos };
  // A moment of the past is the next one.
  return { dueNanos: Math.max(1, base.absolute ? value : now + value), intervalNanos };
}

export function writeTimespec(kernel: Kernel, task: Task, address: number, nanos: number): number {
  putNanos(0, nanos);
  return kernel.userMemory.copyOut(task, address, bytes, 0, 16);
}
/** `rest`: to the next expiry, 0 = off. */
export function writeTimerSetting(
  kernel: Kernel,
  task: Task,
  address: number,
  intervalNanos: number,
  rest: number,
): number {
  putNanos(0, intervalNanos);
  putNanos(16, rest);
  return kernel.userMemory.copyOut(task, address, bytes);
}
