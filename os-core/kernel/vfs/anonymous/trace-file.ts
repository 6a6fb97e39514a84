// euroos_trace(pid, flags): a descriptor from which one reads, as text, what a process does from now on (kernel/trace). End of file
// comes when nobody is left to watch.
//
// Who watches sees what the watched reads and writes: it must be of the same user and hold all its rights.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Capability } from '../../../abi/capability.ts';
import { Errno } from '../../../abi/errno.ts';
import { SystemCall } from '../../../abi/system-call-numbers.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import { requireCapability } from '../../syscalls/dispatch.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { Trace, TraceFlag } from '../../trace/trace.ts';
import type { WaitQueue } from '../../wait-queue.ts';
import { Poll } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';
import { installFile } from '../system-calls/support.ts';
import { AnonymousFile, sleepOn } from './anonymous-file.ts';

const CHUNK_BYTES = 4096;

export class TraceFile extends AnonymousFile {
  override readonly readinessQueue: WaitQueue;
  readonly trace: Trace;

  constructor(trace: Trace) {
    super('[trace]', OpenFlag.readOnly);
    this.trace = trace;
    this.readinessQueue = trace.changed;
  }
  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    const { trace } = this;
    if (trace.isEmpty) return trace.processes.size === 0 ? 0 : sleepOn(this, task, trace.changed);
    const bytes = new Uint8Array(Math.min(count, CHUNK_BYTES));
    const length = trace.peek(bytes);
    const status = kernel.userMemory.copyOut(task, address, bytes, 0, length);
    if (status !== 0) return status;
    trace.consume(length);
    return length;
  }
  override readiness(): number {
    return this.trace.isEmpty && this.trace.processes.size > 0 ? 0 : Poll.in;
  }
  override closed(): void {
    this.trace.detachAll();
  }
}
registerClass('vfs.TraceFile', 1, TraceFile);

function trace(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(1);
  if ((flags & ~(TraceFlag.followChildren | TraceFlag.fromExec)) !== 0) return -Errno.EINVAL;
  const process = kernel.processes.find(a.int(0));
  if (process === null || process.state !== 'alive' || process.addressSpace === null) return -Errno.ESRCH;
  if (process === task.process) return -Errno.EINVAL;
  const { userId } = task.process.credentials;
  const isOwn = userId === process.credentials.userId && process.dumpable !== 0;
  if ((userId !== 0 && !isOwn) || process.trace !== null) return -Errno.EPERM;
  const denied = requireCapability(kernel, task, process.capabilities, 'euroos_trace');
  if (denied !== 0) return denied;
  const watching = new Trace(flags);
  const descriptor = installFile(kernel, task, new TraceFile(watching), true);
  if (descriptor >= 0) watching.attach(process);
  return descriptor;
}

export const traceCalls: readonly SystemCallEntry[] = [
  {
    number: SystemCall.euroos_trace,
    name: 'euroos_trace',
    capability: Capability.processInfo,
    arguments: [
      ['process', 'int'],
      ['flags', 'flags'],
    ],
    handler: trace,
  },
];
