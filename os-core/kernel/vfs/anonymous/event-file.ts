// eventfd(2): a 64-bit counter. A write adds, a read takes all (or one, with EFD_SEMAPHORE); 0 makes readers wait, the top writers.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { WaitQueue } from '../../wait-queue.ts';
import { Poll } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';
import { installFile, row } from '../system-calls/support.ts';
import { AnonymousFile, sleepOn } from './anonymous-file.ts';

const COUNTER_BYTES = 8;
const LARGEST_COUNT = 0xffff_ffff_ffff_fffen;
const EFD_SEMAPHORE = 1;

export class EventFile extends AnonymousFile {
  override readonly readinessQueue = new WaitQueue();
  private count: bigint;
  private readonly semaphore: boolean;

  constructor(count: number, flags: number) {
    super('[eventfd]', OpenFlag.readWrite | (flags & OpenFlag.nonBlocking));
    this.count = BigInt(count);
    this.semaphore = (flags & EFD_SEMAPHORE) !== 0;
  }
  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    if (count < COUNTER_BYTES) return -Errno.EINVAL;
    if (this.count === 0n) return sleepOn(this, task, this.readinessQueue);
    const taken = this.semaphore ? 1n : this.count;
    const bytes = new Uint8Array(COUNTER_BYTES);
    new DataView(bytes.buffer).setBigUint64(0, taken, true);
    const status = kernel.userMemory.copyOut(task, address, bytes);
    if (status !== 0) return status;
    this.count -= taken;
    this.readinessQueue.wakeAll(Poll.out);
    return COUNTER_BYTES;
  }
  override write(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    if (count < COUNTER_BYTES) return -Errno.EINVAL;
    const bytes = new Uint8Array(COUNTER_BYTES);
    const status = kernel.userMemory.copyIn(task, address, bytes);
    if (status !== 0) return status;
    const added = new DataView(bytes.buffer).getBigUint64(0, true);
    if (added > LARGEST_COUNT) return -Errno.EINVAL;
    if (this.count + added > LARGEST_COUNT) return sleepOn(this, task, this.readinessQueue);
    this.count += added;
    this.readinessQueue.wakeAll(Poll.in);
    return COUNTER_BYTES;
  }
  override readiness(): number {
    return (this.count > 0n ? Poll.in : 0) | (this.count < LARGEST_COUNT ? Poll.out : 0);
  }
}
registerClass('vfs.EventFile', 1, EventFile);

function eventfd(kernel: Kernel, task: Task, a: SystemCallArguments, flags: number): number {
  if ((flags & ~(EFD_SEMAPHORE | OpenFlag.nonBlocking | OpenFlag.closeOnExec)) !== 0) return -Errno.EINVAL;
  return installFile(kernel, task, new EventFile(a.uint(0), flags), (flags & OpenFlag.closeOnExec) !== 0);
}

export const eventCalls: readonly SystemCallEntry[] = [
  row('eventfd', 'none', 'count:uint', (kernel, task, a) => eventfd(kernel, task, a, 0)),
  row('eventfd2', 'none', 'count:uint flags:flags', (kernel, task, a) => eventfd(kernel, task, a, a.uint(1))),
];
