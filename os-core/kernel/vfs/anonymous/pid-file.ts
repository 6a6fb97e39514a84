// pidfd_open(2): a process as a descriptor. It is readable once the process has ended; it never comes to mean another process.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import { LAST_SIGNAL, SignalCode } from '../../../abi/signal.ts';
import type { Kernel } from '../../kernel.ts';
import type { Process } from '../../process/process.ts';
import { sendFromUser } from '../../process/signals.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { queueSignal } from '../../syscalls/signal-calls.ts';
import type { WaitQueue } from '../../wait-queue.ts';
import { Poll } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';
import { filesOf, installFile, row } from '../system-calls/support.ts';
import { AnonymousFile } from './anonymous-file.ts';

export class PidFile extends AnonymousFile {
  readonly process: Process;
  override readonly readinessQueue: WaitQueue;

  constructor(process: Process, flags: number) {
    super('[pidfd]', OpenFlag.readWrite | (flags & OpenFlag.nonBlocking));
    this.process = process;
    this.readinessQueue = process.exitQueue;
  }
  override seek(): number {
    return -Errno.ESPIPE;
  }
  override readiness(): number {
    const { state } = this.process;
    return (state === 'alive' ? 0 : Poll.in) | (state === 'reaped' ? Poll.hangUp : 0);
  }
}
registerClass('vfs.PidFile', 1, PidFile);

function open(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(1);
  if ((flags & ~OpenFlag.nonBlocking) !== 0 || a.int(0) <= 0) return -Errno.EINVAL;
  const process = kernel.processes.find(a.int(0));
  if (process === null) return kernel.processes.findTask(a.int(0)) === null ? -Errno.ESRCH : -Errno.ENOENT;
  return installFile(kernel, task, new PidFile(process, flags), true);
}

function sendSignal(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const signal = a.int(1);
  if (a.uint(3) !== 0) return -Errno.EINVAL;
  const file = filesOf(task).get(a.int(0));
  if (!(file instanceof PidFile)) return -Errno.EBADF;
  const { process } = file;
  if (a.unsigned(2) !== 0) {
    const target = process.state === 'reaped' ? null : { process };
    return queueSignal(kernel, task, target, signal, a.unsigned(2), true);
  }
  if (signal < 0 || signal > LAST_SIGNAL) return -Errno.EINVAL;
  if (process.state === 'reaped') return -Errno.ESRCH;
  return sendFromUser(kernel, task, process, signal, SignalCode.user);
}

/**
 * pidfd_getfd(2): another process's open file. As ptrace(2) asks ("Ptrace access mode checking"): the same user or the superuser, a
 * process that may be dumped, and, so that no right is gained, one whose rights the caller holds all.
 */
function getDescriptor(_kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (a.uint(2) !== 0) return -Errno.EINVAL;
  const file = filesOf(task).get(a.int(0));
  if (!(file instanceof PidFile)) return -Errno.EBADF;
  const { process } = file;
  if (process.state !== 'alive' || process.files === null) return -Errno.ESRCH;
  const caller = task.process;
  const { userId } = caller.credentials;
  const sameUser = userId === 0 || (userId === process.credentials.userId && process.dumpable === 1);
  const gainsNothing = (process.capabilities & ~caller.capabilities) === 0;
  if (process !== caller && !(sameUser && gainsNothing)) return -Errno.EPERM;
  const wanted = process.files.get(a.int(1));
  if (wanted === null) return -Errno.EBADF;
  return filesOf(task).install(wanted, caller, true);
}

export const pidFileCalls: readonly SystemCallEntry[] = [
  row('pidfd_open', 'none', 'pid:int flags:flags', open),
  row('pidfd_getfd', 'none', 'pidfd:fd fd:int flags:flags', getDescriptor),
  row('pidfd_send_signal', 'none', 'fd:fd signal:int information:pointer flags:flags', sendSignal),
];
