// signalfd(2): the reader's own waiting signals as records of 128 bytes.
//
//   0 signal   8 code   12 pid   16 uid   24 timer id   32 overrun   40 status   44 value (int)   48 value (u64)   72 address
//
// What is read is taken from the set of the task that reads, not of the one that made the description (signalfd(2), "fork").

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import { Signal, SignalCode } from '../../../abi/signal.ts';
import type { Kernel } from '../../kernel.ts';
import { type SignalInformation, unblockableSignals } from '../../process/signal-state.ts';
import { takeAwaited } from '../../process/signals.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import type { WaitQueue } from '../../wait-queue.ts';
import { Poll } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';
import { filesOf, installFile, RecordWriter, row } from '../system-calls/support.ts';
import { AnonymousFile, sleepOn } from './anonymous-file.ts';

const RECORD_BYTES = 128;
const MASK_BYTES = 8;

function encode(information: SignalInformation): Uint8Array {
  const record = new RecordWriter(RECORD_BYTES);
  const { number, code, senderProcess, senderUser, value, valueHigh } = information;
  record.u32(0, number);
  record.u32(8, code);
  if (code === SignalCode.timer) {
    record.u32(24, senderProcess);
    record.u32(32, senderUser);
  } else {
    record.u32(12, senderProcess);
    record.u32(16, senderUser);
  }
  if (code < 0 && code !== SignalCode.threadKill) {
    record.u32(44, value);
    record.u32(48, value);
    record.u32(52, valueHigh ?? 0);
  } else if (number === Signal.SIGCHLD) {
    record.u32(40, value);
  } else if (code > 0 && code !== SignalCode.kernel) {
    record.u64(72, value);
  }
  return record.bytes;
}

export class SignalFile extends AnonymousFile {
  mask: bigint;
  override readonly readinessQueue: WaitQueue;

  constructor(mask: bigint, task: Task, flags: number) {
    super('[signalfd]', OpenFlag.readWrite | (flags & OpenFlag.nonBlocking));
    this.mask = mask;
    this.readinessQueue = task.process.signals.arrivals;
  }
  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    const most = Math.floor(count / RECORD_BYTES);
    if (most === 0) return -Errno.EINVAL;
    if (!this.hasWaiting(task)) return sleepOn(this, task, task.process.signals.arrivals);
    let done = 0;
    for (; done < most && this.hasWaiting(task); done++) {
      // A signal that was taken could not be put back.
      const at = address + done * RECORD_BYTES;
      const ready = kernel.userMemory.prepare(task, at, RECORD_BYTES, true);
      if (ready !== 0) {
        if (done === 0) return ready;
        break;
      }
      const information = takeAwaited(task, this.mask);
      if (information === null) break;
      kernel.userMemory.copyOut(task, at, encode(information));
    }
    return done * RECORD_BYTES;
  }
  private hasWaiting(task: Task): boolean {
    return ((task.signals.pending.mask | task.process.signals.pending.mask) & this.mask) !== 0n;
  }
  override readiness(kernel: Kernel): number {
    const task = kernel.scheduler.current;
    return task !== null && this.hasWaiting(task) ? Poll.in : 0;
  }
}
registerClass('vfs.SignalFile', 1, SignalFile);

function signalfd(kernel: Kernel, task: Task, a: SystemCallArguments, flags: number): number {
  if (a.unsigned(2) !== MASK_BYTES) return -Errno.EINVAL;
  const bytes = new Uint8Array(MASK_BYTES);
  const status = kernel.userMemory.copyIn(task, a.unsigned(1), bytes);
  if (status !== 0) return status;
  if ((flags & ~(OpenFlag.nonBlocking | OpenFlag.closeOnExec)) !== 0) return -Errno.EINVAL;
  const mask = new DataView(bytes.buffer).getBigUint64(0, true) & ~unblockableSignals;
  const descriptor = a.int(0);
  if (descriptor === -1)
    return installFile(kernel, task, new SignalFile(mask, task, flags), (flags & OpenFlag.closeOnExec) !== 0);
  const file = filesOf(task).get(descriptor);
  if (file === null) return -Errno.EBADF;
  if (!(file instanceof SignalFile)) return -Errno.EINVAL;
  file.mask = mask;
  // What waits already may be wanted now.
  file.readinessQueue.wakeAll(Poll.in);
  return descriptor;
}

export const signalFileCalls: readonly SystemCallEntry[] = [
  row('signalfd', 'none', 'fd:fd mask:pointer size:size', (kernel, task, a) => signalfd(kernel, task, a, 0)),
  row('signalfd4', 'none', 'fd:fd mask:pointer size:size flags:flags', (kernel, task, a) =>
    signalfd(kernel, task, a, a.uint(3)),
  ),
];
