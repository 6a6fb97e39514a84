// fork, vfork, clone, clone3: from a call's arguments to a CloneRequest; the work is in process/lifecycle.ts.
//
//   struct clone_args (clone(2)), 64-bit words, of which a caller knows the first 8, 10 or 11:
//   flags | pidfd | child_tid | parent_tid | exit_signal | stack | stack_size | tls | set_tid | set_tid_size | cgroup

import { Errno } from '../../abi/errno.ts';
import { LAST_SIGNAL, Signal } from '../../abi/signal.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { CloneFlag, type CloneRequest, cloneTask } from '../process/lifecycle.ts';
import type { Process } from '../process/process.ts';
import type { Task } from '../process/task.ts';
import { PidFile } from '../vfs/anonymous/pid-file.ts';
import { filesOf, installFile } from '../vfs/system-calls/support.ts';
import { freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';

/** What only clone3 knows: bits of the upper half of its flags. */
const UpperFlag = { clearHandlers: 1, intoControlGroup: 2 } as const;
/** CLONE_DETACHED, once of use, and the part of clone's flags that is its signal: not for clone3 (but CLONE_NEWTIME is a bit of it). */
const NOT_IN_CLONE3 = 0x40_0000 | 0x7f;
const ARGUMENTS_BYTES = 88;
const LEAST_ARGUMENTS_BYTES = 64;
/** As MAX_PID_NS_LEVEL. */
const MOST_SET_IDS = 32;

type Without<Keys extends keyof CloneRequest> = Omit<CloneRequest, Keys>;

/** Makes the descriptor of CLONE_PIDFD, whose number goes to `address`, with the child. */
function cloneWithDescriptor(
  kernel: Kernel,
  task: Task,
  request: Without<'descriptorFor' | 'clearsHandlers'> & { readonly clearsHandlers?: boolean },
  address: number,
): number {
  const whole = { clearsHandlers: false, ...request };
  if ((request.flags & CloneFlag.pidDescriptor) === 0)
    return cloneTask(kernel, task, { ...whole, descriptorFor: null });
  if (task.progress === null) {
    // What could fail later is tried before there is a child.
    const ready = kernel.userMemory.prepare(task, address, 4, true);
    if (ready !== 0) return ready;
    if (filesOf(task).isFull(task.process)) return -Errno.EMFILE;
  }
  const descriptorFor = (child: Process): void => {
    const descriptor = installFile(kernel, task, new PidFile(child, 0), true);
    kernel.userMemory.writeWord32(task, address, descriptor);
  };
  return cloneTask(kernel, task, { ...whole, descriptorFor });
}

function clone(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(0) & ~0xff;
  // The descriptor goes where the number would.
  const both = CloneFlag.pidDescriptor | CloneFlag.parentSetTid;
  if ((flags & both) === both) return -Errno.EINVAL;
  const request = {
    flags,
    exitSignal: a.uint(0) & 0xff,
    stack: a.unsigned(1),
    parentTid: a.unsigned(2),
    childTid: a.unsigned(3),
    threadLocalStorage: a.unsigned(4),
  };
  return cloneWithDescriptor(kernel, task, request, a.unsigned(2));
}

/** The words of clone_args; those that the caller does not know are 0. -EINVAL, -E2BIG, -EFAULT, PENDING. */
function readArguments(kernel: Kernel, task: Task, address: number, size: number): DataView | number {
  if (size > FRAME_BYTES) return -Errno.E2BIG;
  if (size < LEAST_ARGUMENTS_BYTES) return -Errno.EINVAL;
  const bytes = new Uint8Array(Math.max(size, ARGUMENTS_BYTES));
  const result = kernel.userMemory.copyIn(task, address, bytes, 0, size);
  if (result !== 0) return result;
  // Something newer is asked for than is known here.
  if (bytes.subarray(ARGUMENTS_BYTES).some((byte) => byte !== 0)) return -Errno.E2BIG;
  return new DataView(bytes.buffer);
}

function clone3(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const view = readArguments(kernel, task, a.unsigned(0), a.unsigned(1));
  if (typeof view === 'number') return view;
  const word = (n: number): number => view.getUint32(n * 8, true) + view.getUint32(n * 8 + 4, true) * 0x1_0000_0000;
  const [, pidDescriptor, childTid, parentTid, exitSignal, stack, stackBytes, threadLocalStorage] = [
    0, 1, 2, 3, 4, 5, 6, 7,
  ].map(word);
  const [setIds, setIdCount, controlGroup] = [8, 9, 10].map(word);
  const flags = view.getUint32(0, true);
  const upper = view.getUint32(4, true);
  if (setIdCount > MOST_SET_IDS || (setIds === 0) !== (setIdCount === 0)) return -Errno.EINVAL;
  if (exitSignal > LAST_SIGNAL) return -Errno.EINVAL;
  const intoGroup = (upper & UpperFlag.intoControlGroup) !== 0;
  if (intoGroup && (controlGroup > 0x7fff_ffff || a.unsigned(1) < ARGUMENTS_BYTES)) return -Errno.EINVAL;
  if ((upper & ~(UpperFlag.clearHandlers | UpperFlag.intoControlGroup)) !== 0) return -Errno.EINVAL;
  if ((flags & NOT_IN_CLONE3) !== 0) return -Errno.EINVAL;
  const clearsHandlers = (upper & UpperFlag.clearHandlers) !== 0;
  if (clearsHandlers && (flags & CloneFlag.signalHandlers) !== 0) return -Errno.EINVAL;
  if ((flags & (CloneFlag.thread | CloneFlag.parent)) !== 0 && exitSignal !== 0) return -Errno.EINVAL;
  if ((stack === 0) !== (stackBytes === 0)) return -Errno.EINVAL;
  if (stack !== 0 && !kernel.userMemory.inUserHalf(stack, stackBytes)) return -Errno.EINVAL;
  // To choose numbers is for those who restore processes; there are no control groups.
  if (setIdCount > 0) return -Errno.EPERM;
  if (intoGroup) return -Errno.EBADF;
  const request = {
    flags,
    exitSignal,
    stack: stack + stackBytes,
    parentTid,
    childTid,
    threadLocalStorage,
    clearsHandlers,
  };
  return cloneWithDescriptor(kernel, task, request, pidDescriptor);
}

const forkLike =
  (flags: number) =>
  (kernel: Kernel, task: Task): number =>
    cloneTask(kernel, task, {
      flags,
      exitSignal: Signal.SIGCHLD,
      stack: 0,
      parentTid: 0,
      childTid: 0,
      threadLocalStorage: 0,
      clearsHandlers: false,
      descriptorFor: null,
    });

export const cloneCalls: readonly SystemCallEntry[] = [
  row(SystemCall.fork, 'fork', [], forkLike(0)),
  row(SystemCall.vfork, 'vfork', [], forkLike(CloneFlag.vfork | CloneFlag.memory)),
  row(
    SystemCall.clone,
    'clone',
    [
      ['flags', 'flags'],
      ['stack', 'pointer'],
      ['parentTid', 'pointer'],
      ['childTid', 'pointer'],
      ['tls', 'pointer'],
    ],
    clone,
  ),
  row(
    SystemCall.clone3,
    'clone3',
    [
      ['arguments', 'pointer'],
      ['size', 'size'],
    ],
    clone3,
  ),
];
