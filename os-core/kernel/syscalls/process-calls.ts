// Processes and threads: execve, exit, wait4, waitid, futex, sched_yield, arch_prctl, set_tid_address.

import { Msr } from '../../../devices/contract/cpu.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal, SignalCode } from '../../abi/signal.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import { USER_END } from '../memory/user-memory.ts';
import { continueExec, ExecProgress } from '../process/exec.ts';
import { endProcess, exitTask, reap } from '../process/exit.ts';
import { type Process, waitStatus } from '../process/process.ts';
import { type Task, TaskKind } from '../process/task.ts';
import { type CpuTime, processCpuTime, threadCpuTime } from '../time/cpu-time.ts';
import { PidFile } from '../vfs/anonymous/pid-file.ts';
import { OpenFlag } from '../vfs/regular-file.ts';
import { requireCapability } from './dispatch.ts';
import { futex } from './futex.ts';
import { PENDING, freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';

/** MAX_ARG_STRLEN, and a bound on all strings of one execve together. */
const MAX_ARGUMENT_BYTES = 131072;
const MAX_ARGUMENTS_TOTAL_BYTES = 2 * 1024 * 1024;
const MAX_ARGUMENTS = 65536;

const pointerBytes = new Uint8Array(8);
const pointerView = new DataView(pointerBytes.buffer);

/** An array of string pointers, ended by 0. -errno or PENDING. */
function readStrings(kernel: Kernel, task: Task, address: number, budget: { bytes: number }): Uint8Array[] | number {
  const list: Uint8Array[] = [];
  if (address === 0) return list;
  for (let index = 0; ; index++) {
    if (index >= MAX_ARGUMENTS) return -Errno.E2BIG;
    const result = kernel.userMemory.copyIn(task, address + index * 8, pointerBytes);
    if (result !== 0) return result;
    const pointer = pointerView.getUint32(0, true) + pointerView.getUint32(4, true) * 0x1_0000_0000;
    if (pointer === 0) return list;
    const text = kernel.userMemory.readString(task, pointer, Math.min(MAX_ARGUMENT_BYTES, budget.bytes));
    if (typeof text === 'number') return text === -Errno.ENAMETOOLONG ? -Errno.E2BIG : text;
    budget.bytes -= text.length + 9;
    if (budget.bytes <= 0) return -Errno.E2BIG;
    list.push(text);
  }
}

function exec(
  kernel: Kernel,
  task: Task,
  directory: number,
  pathAddress: number,
  argumentsAddress: number,
  environmentAddress: number,
  flags: number,
): number {
  const { process } = task;
  if (!(task.progress instanceof ExecProgress)) {
    const denied = requireCapability(kernel, task, Capability.file, 'execve');
    if (denied !== 0) return denied;
    const path = kernel.userMemory.readPath(task, pathAddress);
    if (typeof path === 'number') return path;
    const budget = { bytes: MAX_ARGUMENTS_TOTAL_BYTES };
    const argumentList = readStrings(kernel, task, argumentsAddress, budget);
    if (typeof argumentList === 'number') return argumentList;
    const environment = readStrings(kernel, task, environmentAddress, budget);
    if (typeof environment === 'number') return environment;
    // A program without any name for itself gets an empty one, as Linux does since 5.18.
    if (argumentList.length === 0) argumentList.push(new Uint8Array(0));
    process.lastRefusal = '';
    task.progress = new ExecProgress(path, argumentList, environment, directory, flags);
  }
  const progress = task.progress as ExecProgress;
  const result = continueExec(kernel, task, progress);
  if (result < 0 && result !== PENDING && process.addressSpace === null) {
    // The first program of all has nothing to go back to.
    kernel.log(
      `[exec] ${progress.path} cannot start: error ${-result}${process.lastRefusal === '' ? '' : `, ${process.lastRefusal}`}`,
    );
    endProcess(kernel, process, waitStatus.exited(result === -Errno.ENOENT ? 127 : 126));
  }
  return result;
}

const Wait = {
  noHang: 1,
  untraced: 2,
  exited: 4,
  continued: 8,
  noWait: 0x0100_0000,
  /** __WNOTHREAD: allowed; children belong to the process here. */
  noThread: 0x2000_0000,
  /** __WALL: all children; __WCLONE: only those whose exit signal is not SIGCHLD. Without either: the others. */
  all: 0x4000_0000,
  clone: 0x8000_0000,
} as const;
/** Which children: the options that wait4 and waitid share. */
const WHICH_CHILDREN = (Wait.noThread | Wait.all | Wait.clone) >>> 0;

interface ChildEvent {
  readonly child: Process;
  readonly kind: 'ended' | 'stopped' | 'continued';
}

/** A child that matches and has something to report; 'none' if no child matches that ever could. */
function findChild(
  process: Process,
  matches: (child: Process) => boolean,
  options: number,
): ChildEvent | 'none' | null {
  let any = false;
  for (const child of process.children) {
    if (!matches(child)) continue;
    const isClone = child.exitSignal !== Signal.SIGCHLD;
    if ((options & Wait.all) === 0 && isClone !== ((options & Wait.clone) !== 0)) continue;
    if (child.state === 'zombie') {
      // It tells its end, and nothing of what was before.
      if ((options & Wait.exited) !== 0) return { child, kind: 'ended' };
      continue;
    }
    any = true;
    if ((options & Wait.untraced) !== 0 && !child.stopReported) return { child, kind: 'stopped' };
    if ((options & Wait.continued) !== 0 && !child.continueReported) return { child, kind: 'continued' };
  }
  return any ? null : 'none';
}

function statusOf(event: ChildEvent): number {
  if (event.kind === 'ended') return event.child.exitStatus;
  return event.kind === 'stopped' ? waitStatus.stopped(event.child.stopSignal) : waitStatus.continued;
}

/** The event is reported: the zombie goes, or the flag is cleared. */
function consume(kernel: Kernel, event: ChildEvent): void {
  if (event.kind === 'ended') reap(kernel, event.child);
  else if (event.kind === 'stopped') event.child.stopReported = true;
  else event.child.continueReported = true;
}

/** struct rusage: 144 bytes; user and system time first, minor faults at 64. */
function usage({ user, system }: Readonly<CpuTime>, faults: number): Uint8Array {
  const bytes = new Uint8Array(144);
  const view = new DataView(bytes.buffer);
  for (const [at, nanos] of [
    [0, user],
    [16, system],
  ] as const) {
    view.setUint32(at, Math.floor(nanos / 1e9), true);
    view.setUint32(at + 8, Math.floor((nanos % 1e9) / 1000), true);
  }
  view.setUint32(64, faults >>> 0, true);
  return bytes;
}

const ofProcess = (kernel: Kernel, process: Process): Uint8Array =>
  usage(processCpuTime(kernel, process), process.minorFaults);

function wait4(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const wanted = a.int(0);
  const options = a.uint(2);
  if ((options & ~(Wait.noHang | Wait.untraced | Wait.continued | WHICH_CHILDREN)) !== 0) return -Errno.EINVAL;
  const { process } = task;
  const group = wanted === 0 ? process.group : -wanted;
  const event = findChild(
    process,
    (child) => (wanted === -1 ? true : wanted > 0 ? child.id === wanted : child.group === group),
    (options & (Wait.untraced | Wait.continued | WHICH_CHILDREN)) | Wait.exited,
  );
  if (event === 'none') return -Errno.ECHILD;
  if (event === null) {
    if ((options & Wait.noHang) !== 0) return 0;
    if (task.signalPending) return -Errno.EINTR;
    task.waitOn(process.childQueue);
    return PENDING;
  }
  if (a.unsigned(1) !== 0) {
    const result = kernel.userMemory.writeWord32(task, a.unsigned(1), statusOf(event));
    if (result !== 0) return result;
  }
  if (a.unsigned(3) !== 0) {
    const result = kernel.userMemory.copyOut(task, a.unsigned(3), ofProcess(kernel, event.child));
    if (result !== 0) return result;
  }
  consume(kernel, event);
  return event.child.id;
}

const IdType = { all: 0, process: 1, group: 2, descriptor: 3 } as const;

function waitid(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const type = a.int(0);
  const id = a.int(1);
  const options = a.uint(3);
  const events = Wait.exited | Wait.untraced | Wait.continued;
  if ((options & ~(events | Wait.noHang | Wait.noWait | WHICH_CHILDREN)) !== 0 || (options & events) === 0)
    return -Errno.EINVAL;
  if (type < 0 || type > IdType.descriptor) return -Errno.EINVAL;
  let pidFile: PidFile | null = null;
  if (type === IdType.descriptor) {
    if (id < 0) return -Errno.EINVAL;
    const file = task.process.files?.get(id) ?? null;
    if (!(file instanceof PidFile)) return -Errno.EBADF;
    pidFile = file;
  }
  if ((type === IdType.process && id <= 0) || (type === IdType.group && id < 0)) return -Errno.EINVAL;
  const { process } = task;
  const event = findChild(
    process,
    (child) =>
      type === IdType.all
        ? true
        : pidFile !== null
          ? child === pidFile.process
          : type === IdType.process
            ? child.id === id
            : child.group === (id === 0 ? process.group : id),
    options,
  );
  if (event === 'none') return -Errno.ECHILD;
  if (event === null && (options & Wait.noHang) === 0) {
    if (pidFile !== null && (pidFile.flags & OpenFlag.nonBlocking) !== 0) return -Errno.EAGAIN;
    if (task.signalPending) return -Errno.EINTR;
    task.waitOn(process.childQueue);
    return PENDING;
  }
  if (a.unsigned(2) !== 0) {
    const information = new Uint8Array(128);
    if (event !== null) {
      const view = new DataView(information.buffer);
      const status = event.child.exitStatus;
      const signal = status & 0x7f;
      const code =
        event.kind === 'stopped'
          ? SignalCode.childStopped
          : event.kind === 'continued'
            ? SignalCode.childContinued
            : signal === 0
              ? SignalCode.childExited
              : SignalCode.childKilled;
      view.setInt32(0, 17, true);
      view.setInt32(8, code, true);
      view.setInt32(16, event.child.id, true);
      view.setInt32(20, event.child.credentials.userId, true);
      view.setInt32(
        24,
        event.kind === 'ended'
          ? signal === 0
            ? status >> 8
            : signal
          : event.kind === 'stopped'
            ? event.child.stopSignal
            : 18,
        true,
      );
    }
    const result = kernel.userMemory.copyOut(task, a.unsigned(2), information);
    if (result !== 0) return result;
  }
  if (event === null) return 0;
  if (a.unsigned(4) !== 0) {
    const result = kernel.userMemory.copyOut(task, a.unsigned(4), ofProcess(kernel, event.child));
    if (result !== 0) return result;
  }
  if ((options & Wait.noWait) === 0) consume(kernel, event);
  return 0;
}

const ArchCode = { setGs: 0x1001, setFs: 0x1002, getFs: 0x1003, getGs: 0x1004 } as const;

function archPrctl(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const address = a.unsigned(1);
  switch (a.int(0)) {
    case ArchCode.setFs:
      if (address >= USER_END) return -Errno.EPERM;
      if (task.kind === TaskKind.program) {
        kernel.scheduler.loadProcessorState(kernel, task);
        kernel.machine.cpu.writeMsr(Msr.fsBase, BigInt(address));
      }
      task.fsBaseLow = address | 0;
      task.fsBaseHigh = Math.floor(address / 0x1_0000_0000) | 0;
      return 0;
    case ArchCode.getFs:
      return kernel.userMemory.writeWord64(
        task,
        address,
        (task.fsBaseLow >>> 0) + (task.fsBaseHigh >>> 0) * 0x1_0000_0000,
      );
    default:
      // GS is free for nobody: no program needs it on x86-64 Linux.
      return -Errno.EINVAL;
  }
}

function schedYield(kernel: Kernel): number {
  kernel.scheduler.stepBack();
  return 0;
}

const none: SystemCallEntry['arguments'] = [];

export const processCalls: readonly SystemCallEntry[] = [
  row(
    SystemCall.execve,
    'execve',
    [
      ['path', 'path'],
      ['arguments', 'pointer'],
      ['environment', 'pointer'],
    ],
    (kernel, task, a) => exec(kernel, task, -100, a.unsigned(0), a.unsigned(1), a.unsigned(2), 0),
  ),
  row(
    SystemCall.execveat,
    'execveat',
    [
      ['directory', 'fd'],
      ['path', 'path'],
      ['arguments', 'pointer'],
      ['environment', 'pointer'],
      ['flags', 'flags'],
    ],
    (kernel, task, a) => exec(kernel, task, a.int(0), a.unsigned(1), a.unsigned(2), a.unsigned(3), a.uint(4)),
  ),
  row(SystemCall.exit, 'exit', [['code', 'int']], (kernel, task, a) => {
    exitTask(kernel, task, a.int(0));
    return 0;
  }),
  row(SystemCall.exit_group, 'exit_group', [['code', 'int']], (kernel, task, a) => {
    endProcess(kernel, task.process, waitStatus.exited(a.int(0)));
    return 0;
  }),
  row(
    SystemCall.wait4,
    'wait4',
    [
      ['pid', 'int'],
      ['status', 'pointer'],
      ['options', 'flags'],
      ['usage', 'pointer'],
    ],
    wait4,
  ),
  row(
    SystemCall.waitid,
    'waitid',
    [
      ['type', 'int'],
      ['id', 'int'],
      ['information', 'pointer'],
      ['options', 'flags'],
      ['usage', 'pointer'],
    ],
    waitid,
  ),
  row(
    SystemCall.futex,
    'futex',
    [
      ['address', 'pointer'],
      ['operation', 'flags'],
      ['value', 'uint'],
      ['timeout', 'pointer'],
      ['address2', 'pointer'],
      ['value3', 'uint'],
    ],
    futex,
  ),
  row(SystemCall.set_tid_address, 'set_tid_address', [['address', 'pointer']], (_kernel, task, a) => {
    task.clearChildTid = a.unsigned(0);
    return task.id;
  }),
  row(
    SystemCall.set_robust_list,
    'set_robust_list',
    [
      ['head', 'pointer'],
      ['size', 'size'],
    ],
    (_kernel, task, a) => {
      if (a.unsigned(1) !== 24) return -Errno.EINVAL;
      task.robustListHead = a.unsigned(0);
      return 0;
    },
  ),
  row(
    SystemCall.arch_prctl,
    'arch_prctl',
    [
      ['code', 'int'],
      ['address', 'pointer'],
    ],
    archPrctl,
  ),
  row(SystemCall.sched_yield, 'sched_yield', none, schedYield),
  row(
    SystemCall.get_robust_list,
    'get_robust_list',
    [
      ['thread', 'int'],
      ['head', 'pointer'],
      ['size', 'pointer'],
    ],
    (kernel, task, a) => {
      const thread = a.int(0) === 0 ? task : kernel.processes.findTask(a.int(0));
      if (thread === null) return -Errno.ESRCH;
      if (thread.process !== task.process) return -Errno.EPERM;
      const result = kernel.userMemory.writeWord64(task, a.unsigned(2), 24);
      return result !== 0 ? result : kernel.userMemory.writeWord64(task, a.unsigned(1), thread.robustListHead);
    },
  ),
  row(
    SystemCall.getrusage,
    'getrusage',
    [
      ['who', 'int'],
      ['usage', 'pointer'],
    ],
    (kernel, task, a) => {
      const who = a.int(0);
      if (who !== 0 && who !== -1 && who !== 1) return -Errno.EINVAL;
      const { process } = task;
      const bytes =
        who === 0
          ? ofProcess(kernel, process)
          : who === 1
            ? usage(threadCpuTime(kernel, task), process.minorFaults)
            : usage(process.childrenCpuTime, 0);
      return kernel.userMemory.copyOut(task, a.unsigned(1), bytes);
    },
  ),
  row(SystemCall.times, 'times', [['buffer', 'pointer']], (kernel, task, a) => {
    const { process } = task;
    if (a.unsigned(0) !== 0) {
      const bytes = new Uint8Array(32);
      const view = new DataView(bytes.buffer);
      const own = processCpuTime(kernel, process);
      const children = process.childrenCpuTime;
      for (const [index, nanos] of [own.user, own.system, children.user, children.system].entries())
        view.setUint32(index * 8, Math.floor(nanos / 1e7), true);
      const result = kernel.userMemory.copyOut(task, a.unsigned(0), bytes);
      if (result !== 0) return result;
    }
    return Math.floor(kernel.nowNanos() / 1e7);
  }),
];
