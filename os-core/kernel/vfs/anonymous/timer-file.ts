// timerfd(2): a timer whose expiries are read as a number.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { ProgramTimer } from '../../time/program-timer.ts';
import { readTimerSetting, writeTimerSetting } from '../../time/timespec.ts';
import { WaitQueue } from '../../wait-queue.ts';
import { Poll } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';
import { filesOf, installFile, row } from '../system-calls/support.ts';
import { AnonymousFile, sleepOn } from './anonymous-file.ts';

const COUNTER_BYTES = 8;
const Clock = { realtime: 0, monotonic: 1, bootTime: 7, realtimeAlarm: 8, bootTimeAlarm: 9 } as const;
const TFD_TIMER_ABSTIME = 1;
/** Nobody sets the clock of a running machine: there is nothing to cancel on. */
const TFD_TIMER_CANCEL_ON_SET = 2;

class FileTimer extends ProgramTimer {
  readonly queue = new WaitQueue();
  /** Expiries since the last read. */
  count = 0;

  protected override expired(_kernel: Kernel, periods: number): boolean {
    this.count += periods;
    this.queue.wakeAll(Poll.in);
    return false;
  }
  /** Adds the expiries since the one that was told. */
  catchUp(kernel: Kernel): void {
    this.count += this.resume(kernel);
  }
}
registerClass('vfs.FileTimer', 1, FileTimer);

export class TimerFile extends AnonymousFile {
  readonly timer = new FileTimer();
  readonly isRealtime: boolean;
  override readonly readinessQueue = this.timer.queue;

  constructor(clock: number, flags: number) {
    super('[timerfd]', OpenFlag.readWrite | (flags & OpenFlag.nonBlocking));
    this.isRealtime = clock === Clock.realtime;
  }
  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    if (count < COUNTER_BYTES) return -Errno.EINVAL;
    const { timer } = this;
    if (timer.count === 0) return sleepOn(this, task, timer.queue);
    const ready = kernel.userMemory.prepare(task, address, COUNTER_BYTES, true);
    if (ready !== 0) return ready;
    timer.catchUp(kernel);
    const status = kernel.userMemory.writeWord64(task, address, timer.count);
    if (status !== 0) return status;
    timer.count = 0;
    return COUNTER_BYTES;
  }
  override readiness(): number {
    return this.timer.count > 0 ? Poll.in : 0;
  }
  override closed(kernel: Kernel): void {
    this.timer.stop(kernel);
  }
}
registerClass('vfs.TimerFile', 1, TimerFile);

function create(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const clock = a.int(0);
  const flags = a.uint(1);
  if ((flags & ~(OpenFlag.nonBlocking | OpenFlag.closeOnExec)) !== 0) return -Errno.EINVAL;
  if (!(Object.values(Clock) as number[]).includes(clock)) return -Errno.EINVAL;
  // Waking a sleeping machine takes CAP_WAKE_ALARM, which nobody has.
  if (clock === Clock.realtimeAlarm || clock === Clock.bootTimeAlarm) return -Errno.EPERM;
  return installFile(kernel, task, new TimerFile(clock, flags), (flags & OpenFlag.closeOnExec) !== 0);
}

function timerOf(task: Task, descriptor: number): TimerFile | number {
  const file = filesOf(task).get(descriptor);
  if (file === null) return -Errno.EBADF;
  return file instanceof TimerFile ? file : -Errno.EINVAL;
}

function settime(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(1);
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0) return -Errno.EINVAL;
  const file = timerOf(task, a.int(0));
  const realtime = typeof file !== 'number' && file.isRealtime;
  const base = { absolute: (flags & TFD_TIMER_ABSTIME) !== 0, realtime };
  const setting = readTimerSetting(kernel, task, a.unsigned(2), base, kernel.nowNanos());
  if (typeof setting === 'number') return setting;
  if (typeof file === 'number') return file;
  const { timer } = file;
  if (a.unsigned(3) !== 0) {
    const status = writeTimerSetting(kernel, task, a.unsigned(3), timer.intervalNanos, timer.rest(kernel));
    if (status !== 0) return status;
  }
  timer.count = 0;
  timer.set(kernel, setting);
  return 0;
}

function gettime(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = timerOf(task, a.int(0));
  if (typeof file === 'number') return file;
  file.timer.catchUp(kernel);
  return writeTimerSetting(kernel, task, a.unsigned(1), file.timer.intervalNanos, file.timer.rest(kernel));
}

export const timerFileCalls: readonly SystemCallEntry[] = [
  row('timerfd_create', 'none', 'clock:int flags:flags', create),
  row('timerfd_settime', 'none', 'fd:fd flags:flags new:pointer old:pointer', settime),
  row('timerfd_gettime', 'none', 'fd:fd setting:pointer', gettime),
];
