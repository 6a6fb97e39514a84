// Making processes and threads: the first program, kernel tasks, fork, vfork, clone.

import { decodeGraph, encodeGraph, registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal } from '../../abi/signal.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import { allocateZeroed } from '../memory/page-tables.ts';
import { USER_END } from '../memory/user-memory.ts';
import { PENDING } from '../syscalls/handler.ts';
import {
  FLOATING_POINT_BYTES,
  resetRegisters,
  SAVED_REGISTERS_BYTES,
  SavedRegister,
  savedRegistersOf,
  writeSaved,
} from '../traps/saved-registers.ts';
import { ExecProgress } from './exec.ts';
import { mayHaveAnotherTask } from './limits.ts';
import { type Credentials, Process, ResourceLimit } from './process.ts';
import type { ProcessFiles } from './seams.ts';
import { bitOfSignal } from './signal-state.ts';
import { type KernelWork, Task, TaskKind } from './task.ts';

/** clone(2) */
export const CloneFlag = {
  memory: 0x100,
  files: 0x400,
  signalHandlers: 0x800,
  pidDescriptor: 0x1000,
  vfork: 0x4000,
  parent: 0x8000,
  thread: 0x1_0000,
  setThreadLocalStorage: 0x8_0000,
  parentSetTid: 0x10_0000,
  childClearTid: 0x20_0000,
  childSetTid: 0x100_0000,
  /** Of old; CLONE_PIDFD wants it clear. */
  detached: 0x40_0000,
  /** Namespaces: not here. */
  unsupported: 0x0002_0080 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000,
} as const;

const encoder = new TextEncoder();

export interface FirstProgram {
  readonly path: string;
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
  readonly capabilities: number;
  readonly credentials: Credentials;
  /** With stdin, stdout, stderr as wanted. */
  readonly files: ProcessFiles;
}

function newTask(kernel: Kernel, id: number, process: Process, kind: Task['kind'], name: string): Task | null {
  const stack = allocateZeroed(kernel.machine.memory, kernel.frames);
  if (stack === 0) return null;
  const task = new Task(id, process, kind, name, stack, kernel.scheduler);
  process.tasks.add(task);
  kernel.processes.tasks.set(id, task);
  return task;
}

/** Starts a program that has no parent: the first one is process 1. It begins with an execve of its own, so every check applies. */
export function startProgram(kernel: Kernel, program: FirstProgram): Process | number {
  const { processes } = kernel;
  const id = processes.processes.has(1) ? processes.allocateId() : 1;
  if (id === 0) return -Errno.EAGAIN;
  const parent = processes.find(1);
  const process = new Process(id, parent, null, program.files, program.capabilities, kernel.nowNanos());
  process.group = id;
  process.session = id;
  process.credentials = program.credentials;
  process.limits[ResourceLimit.stack] = { soft: 8 * 1024 * 1024, hard: Infinity };
  process.limits[ResourceLimit.core] = { soft: 0, hard: Infinity };
  process.limits[ResourceLimit.lockedMemory] = { soft: 8 * 1024 * 1024, hard: 8 * 1024 * 1024 };
  process.limits[ResourceLimit.openFiles] = { soft: 1024, hard: 4096 };
  const task = newTask(kernel, id, process, TaskKind.program, program.path.split('/').pop() ?? program.path);
  if (task === null) return -Errno.ENOMEM;
  processes.processes.set(id, process);
  processes.created++;
  parent?.children.add(process);
  resetRegisters(kernel, task, 0, 0);
  task.call.number = SystemCall.execve;
  task.call.active = true;
  task.progress = new ExecProgress(
    program.path,
    program.arguments.map((text) => encoder.encode(text)),
    program.environment.map((text) => encoder.encode(text)),
    -100,
    0,
  );
  kernel.scheduler.makeRunnable(task);
  return process;
}

/** Starts a task of the kernel: bounded steps of `work`. It belongs to process 0, which is made with the first one. */
export function startKernelTask(kernel: Kernel, name: string, work: KernelWork): Task {
  const { processes } = kernel;
  let owner = processes.find(0);
  if (owner === null) {
    owner = new Process(0, null, null, null, 0, kernel.nowNanos());
    owner.executablePath = '[kernel]';
    processes.processes.set(0, owner);
  }
  const id = processes.allocateId();
  const task = id === 0 ? null : newTask(kernel, id, owner, TaskKind.kernelTask, name);
  if (task === null) throw new Error(`kernel: no room for the kernel task ${name}`);
  task.kernelWork = work;
  kernel.scheduler.makeRunnable(task);
  return task;
}

/** A vfork parent waits with this until `child` has its own memory or is gone. */
class VforkWait {
  readonly child: Task;
  readonly childId: number;
  constructor(child: Task) {
    this.child = child;
    this.childId = child.id;
  }
}
registerClass('VforkWait', 1, VforkWait);

export interface CloneRequest {
  readonly flags: number;
  readonly exitSignal: number;
  /** 0 = the parent's stack pointer. */
  readonly stack: number;
  readonly parentTid: number;
  readonly childTid: number;
  readonly threadLocalStorage: number;
  /** CLONE_CLEAR_SIGHAND: the child's handlers are set back. */
  readonly clearsHandlers: boolean;
  /** CLONE_PIDFD: makes the descriptor, which cannot fail. */
  readonly descriptorFor: ((child: Process) => void) | null;
}

/** fork, vfork, clone. The new thread's id, or -errno, or PENDING (vfork). */
export function cloneTask(kernel: Kernel, task: Task, request: CloneRequest): number {
  if (task.progress instanceof VforkWait) {
    const wait = task.progress;
    if (wait.child.vforkParent !== task) return wait.childId;
    // Only SIGKILL ends this wait (Linux: wait_for_vfork_done is killable).
    const waiting = task.signals.pending.mask | task.process.signals.pending.mask;
    return (waiting & bitOfSignal(Signal.SIGKILL)) !== 0n ? -Errno.EINTR : PENDING;
  }
  const { flags } = request;
  if ((flags & CloneFlag.unsupported) !== 0) return -Errno.EINVAL;
  const isThread = (flags & CloneFlag.thread) !== 0;
  const sharesMemory = (flags & CloneFlag.memory) !== 0;
  const sharesHandlers = (flags & CloneFlag.signalHandlers) !== 0;
  if ((isThread && !sharesHandlers) || (sharesHandlers && !sharesMemory)) return -Errno.EINVAL;
  if (task.kind === TaskKind.systemTask && (sharesMemory || isThread)) return -Errno.EINVAL;
  const descriptor = (flags & CloneFlag.pidDescriptor) !== 0;
  if (descriptor && (flags & (CloneFlag.thread | CloneFlag.detached)) !== 0) return -Errno.EINVAL;
  // The FS base register holds canonical addresses only (arch_prctl(2)).
  const setsThreadPointer = (flags & CloneFlag.setThreadLocalStorage) !== 0;
  if (setsThreadPointer && request.threadLocalStorage >= USER_END) return -Errno.EPERM;
  // What must be written is checked before anything is made.
  if ((flags & CloneFlag.parentSetTid) !== 0) {
    const result = kernel.userMemory.prepare(task, request.parentTid, 4, true);
    if (result !== 0) return result;
  }
  if (!mayHaveAnotherTask(kernel, task.process)) return -Errno.EAGAIN;
  const child = isThread ? makeThread(kernel, task) : makeProcess(kernel, task, request);
  if (typeof child === 'number') return child;

  // Registers, x87/SSE and FS base as the parent's; RAX = 0.
  const { memory } = kernel.machine;
  kernel.scheduler.saveProcessorState(kernel);
  memory.writeBytes(
    savedRegistersOf(kernel, child),
    memory.bytes.subarray(savedRegistersOf(kernel, task), savedRegistersOf(kernel, task) + SAVED_REGISTERS_BYTES),
  );
  memory.writeBytes(
    child.kernelStack,
    memory.bytes.subarray(task.kernelStack, task.kernelStack + FLOATING_POINT_BYTES),
  );
  child.fsBaseLow = task.fsBaseLow;
  child.fsBaseHigh = task.fsBaseHigh;
  writeSaved(kernel, child, SavedRegister.rax, 0);
  memory.fill(savedRegistersOf(kernel, child) + SavedRegister.originalRax, 8, 0xff);
  if (request.stack !== 0) writeSaved(kernel, child, SavedRegister.rsp, request.stack);
  if (setsThreadPointer) {
    child.fsBaseLow = request.threadLocalStorage | 0;
    child.fsBaseHigh = Math.floor(request.threadLocalStorage / 0x1_0000_0000) | 0;
  }
  child.signals.blocked = task.signals.blocked;
  if (!sharesMemory || (flags & CloneFlag.vfork) !== 0) child.signals.alternateStack = task.signals.alternateStack;
  if ((flags & CloneFlag.childClearTid) !== 0) child.clearChildTid = request.childTid;
  request.descriptorFor?.(child.process);
  if ((flags & CloneFlag.parentSetTid) !== 0) kernel.userMemory.writeWord32(task, request.parentTid, child.id);
  if ((flags & CloneFlag.childSetTid) !== 0) {
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, child.id, true);
    child.process.addressSpace?.poke(kernel, child, request.childTid, word);
  }
  if (task.kind === TaskKind.systemTask) {
    child.systemTaskName = task.systemTaskName;
    child.systemTaskState = decodeGraph(encodeGraph(task.systemTaskState));
    child.systemTaskEvent = { kind: 'result', value: 0, data: new Uint8Array(0) };
  }
  kernel.scheduler.makeRunnable(child);
  if ((flags & CloneFlag.vfork) === 0) return child.id;
  child.vforkParent = task;
  task.progress = new VforkWait(child);
  return PENDING;
}

function makeThread(kernel: Kernel, task: Task): Task | number {
  const id = kernel.processes.allocateId();
  if (id === 0) return -Errno.EAGAIN;
  return newTask(kernel, id, task.process, task.kind, task.name) ?? -Errno.ENOMEM;
}

function makeProcess(kernel: Kernel, task: Task, request: CloneRequest): Task | number {
  const { process } = task;
  const sharesMemory = (request.flags & CloneFlag.memory) !== 0;
  const id = kernel.processes.allocateId();
  if (id === 0) return -Errno.EAGAIN;
  const own = process.addressSpace;
  if (own === null || process.files === null) return -Errno.ESRCH;
  const space = sharesMemory ? own : own.copy(kernel);
  if (space === null) return -Errno.ENOMEM;
  const parent = (request.flags & CloneFlag.parent) !== 0 ? process.parent : process;
  const child = new Process(id, parent, space, process.files.copy(), process.capabilities, kernel.nowNanos());
  const childTask = newTask(kernel, id, child, task.kind, task.name);
  if (childTask === null) {
    child.files?.release(kernel);
    if (!sharesMemory) space.release(kernel);
    return -Errno.ENOMEM;
  }
  if (sharesMemory) space.users++;
  child.group = process.group;
  child.session = process.session;
  child.controllingTerminal = process.controllingTerminal;
  // clone(2), CLONE_PARENT: whoever is told of the parent's end is told of this one's likewise.
  child.exitSignal = (request.flags & CloneFlag.parent) !== 0 ? process.exitSignal : request.exitSignal;
  child.credentials = process.credentials;
  child.signals = request.clearsHandlers ? process.signals.copyWithoutHandlers() : process.signals.copy();
  child.executablePath = process.executablePath;
  child.arguments = process.arguments;
  child.environment = process.environment;
  child.verifiedBy = process.verifiedBy;
  child.dumpable = process.dumpable;
  child.noNewPrivileges = process.noNewPrivileges;
  child.niceness = process.niceness;
  child.schedulingPolicy = process.schedulingPolicy;
  child.timerSlackNanos = process.timerSlackNanos;
  child.limits = [...process.limits];
  parent?.children.add(child);
  if (process.trace?.followsChildren === true) process.trace.attach(child);
  kernel.processes.processes.set(id, child);
  kernel.processes.created++;
  return childTask;
}
