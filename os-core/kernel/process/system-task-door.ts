// The door for system tasks: TypeScript programs that act only through system calls (os-core/sdk/system-task.ts).
//
//   event ─► step(state, event) ─► { call, arguments, payload } ─► arena in user memory ─► dispatch ─► result event
//                                                                        └─ PENDING: the call is run again when woken
//
// The arena is ordinary user memory of the task's address space, so every call sees the same pointers as from ring 3.

import { assert } from '../../../devices/base/assert.ts';
import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import { ARENA_BYTES, type SystemTask, type TaskEvent, type TaskRequest } from '../../sdk/system-task.ts';
import type { Kernel } from '../kernel.ts';
import { anonymousBacking, Protection } from '../memory/area.ts';
import { DEAD, dispatch } from '../syscalls/dispatch.ts';
import { PENDING } from '../syscalls/handler.ts';
import { resetRegisters } from '../traps/saved-registers.ts';
import { endProcess } from './exit.ts';
import { waitStatus } from './process.ts';
import { setBlocked, takeSignal } from './signals.ts';
import { dropProgress, type Task, TaskKind, TaskState } from './task.ts';

const MAGIC = 'EUROTASK\n';
const ARENA_START = 0x1000_0000;
/** Virtual cost of a step, in instructions. */
const STEP_COST = 2000;
const MAX_NAME_CHARACTERS = 64;

const decoder = new TextDecoder();

/** The name in a task image, null if the file is none. */
export function systemTaskNameOf(header: Uint8Array): string | null {
  const text = decoder.decode(header.subarray(0, MAGIC.length + MAX_NAME_CHARACTERS + 1));
  if (!text.startsWith(MAGIC)) return null;
  const name = text.slice(MAGIC.length).split('\n')[0];
  return /^[a-z][a-z0-9-]*$/.test(name) ? name : '';
}

/** execve has ended at a task image: the process becomes that task; its arguments are the first event. */
export function becomeSystemTask(
  kernel: Kernel,
  task: Task,
  definition: SystemTask<unknown>,
  argumentList: readonly Uint8Array[],
  environment: readonly Uint8Array[],
): void {
  task.process.addressSpace?.map(
    kernel,
    ARENA_START,
    ARENA_START + ARENA_BYTES,
    Protection.read | Protection.write,
    anonymousBacking,
    '[arena]',
  );
  task.kind = TaskKind.systemTask;
  task.systemTaskName = definition.name;
  task.systemTaskState = definition.create();
  const start: TaskEvent = {
    kind: 'start',
    arguments: argumentList.map((text) => decoder.decode(text)),
    environment: environment.map((text) => decoder.decode(text)),
  };
  task.systemTaskEvent = start;
  task.systemTaskRequest = null;
  resetRegisters(kernel, task, 0, 0);
  task.keepRegisters = true;
}

/** One bounded step of the current task: finish the call that waits, or give the task its event and run the call it asks for. */
export function stepSystemTask(kernel: Kernel, task: Task): void {
  const { cpu } = kernel.machine;
  const before = cpu.instructionCount;
  if (!task.call.active) nextRequest(kernel, task);
  if (task.call.active && task.state === TaskState.runnable) finishCall(kernel, task);
  task.systemInstructions += cpu.instructionCount - before;
}

/** Delivers the event, takes the request, and sets task.call up. */
function nextRequest(kernel: Kernel, task: Task): void {
  const definition = kernel.systemTasks.get(task.systemTaskName);
  const event = task.systemTaskEvent as TaskEvent | null;
  if (definition === undefined || event === null) {
    kernel.log(`[task] ${task.systemTaskName} (${task.process.id}) has no code or no event here: ended`);
    endProcess(kernel, task.process, waitStatus.exited(125));
    return;
  }
  task.systemTaskEvent = null;
  kernel.machine.cpu.chargeInstructions(STEP_COST);
  let request: TaskRequest;
  try {
    request = definition.step(task.systemTaskState, event);
  } catch (error) {
    // A mistake in a task of ours is contained like a fault of a program.
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    kernel.log(`[fault] system task ${task.systemTaskName} (${task.process.id}): ${what}`);
    endProcess(kernel, task.process, waitStatus.killed(11));
    return;
  }
  const payload = request.payload;
  if (payload !== undefined) {
    relocate(payload, request.pointers ?? []);
    const tooLong = payload.length > ARENA_BYTES;
    if (tooLong || kernel.userMemory.copyOut(task, ARENA_START, payload) !== 0) {
      result(task, tooLong ? -Errno.E2BIG : -Errno.EFAULT, new Uint8Array(0));
      return;
    }
  }
  task.call.number = request.call >>> 0;
  for (let n = 0; n < 6; n++) {
    const argument = request.arguments[n] ?? 0;
    task.call.arguments.set(n, typeof argument === 'number' ? Math.trunc(argument) : ARENA_START + argument.at);
  }
  task.systemTaskRequest = { resultAt: request.resultAt ?? 0, resultLength: request.resultLength ?? 0 };
  task.call.active = true;
  task.call.interrupted = false;
  task.progress = null;
  if (!task.signals.actionable) return;
  // A signal that came in between is told first; the call is then not made. At the end nobody is left to tell, but a deadly
  // signal still decides how the task ended.
  if (request.call !== SystemCall.exit_group) task.call.interrupted = true;
  else takeLastSignals(kernel, task);
}

/** Default actions of what is pending when the task asks to end; signals with handlers are dropped. */
function takeLastSignals(kernel: Kernel, task: Task): void {
  while (task.state === TaskState.runnable && takeSignal(kernel, task) !== null);
  if (task.state !== TaskState.runnable && task.state !== TaskState.dead) kernel.scheduler.yieldCurrent(kernel);
}

/** Arena offsets inside the payload become addresses. */
function relocate(payload: Uint8Array, pointers: readonly number[]): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  for (const at of pointers) {
    assert(at >= 0 && at + 8 <= payload.length, 'a pointer of a system task lies outside its payload');
    view.setUint32(at, view.getUint32(at, true) + ARENA_START, true);
  }
}

function result(task: Task, value: number, data: Uint8Array): void {
  const event: TaskEvent = { kind: 'result', value, data };
  task.systemTaskEvent = event;
}

function finishCall(kernel: Kernel, task: Task): void {
  if (task.call.interrupted) {
    if (takeSignals(kernel, task)) return;
    task.call.interrupted = false;
  }
  const value = dispatch(kernel, task);
  if (value === DEAD) return;
  if (value === PENDING) {
    task.state = TaskState.sleeping;
    kernel.scheduler.yieldCurrent(kernel);
    return;
  }
  if (value === -Errno.EINTR && task.signals.actionable) {
    task.call.interrupted = true;
    return;
  }
  task.call.active = false;
  dropProgress(kernel, task);
  // execve has put another program, or the start event of another task, into place.
  if (task.keepRegisters) {
    task.keepRegisters = false;
    return;
  }
  restoreMask(task);
  const request = task.systemTaskRequest;
  let data: Uint8Array = new Uint8Array(0);
  if (value >= 0 && request !== null && request.resultLength > 0) {
    const length = Math.min(request.resultLength, ARENA_BYTES - request.resultAt);
    if (request.resultAt >= 0 && length > 0) {
      data = new Uint8Array(length);
      if (kernel.userMemory.copyIn(task, ARENA_START + request.resultAt, data) !== 0) data = new Uint8Array(0);
    }
  }
  result(task, value, data);
}

function restoreMask(task: Task): void {
  const saved = task.signals.savedMask;
  if (saved === null) return;
  task.signals.savedMask = null;
  setBlocked(task, saved);
}

/** Default actions, or a signal event instead of the call's result. True if the call is over or the task must give way. */
function takeSignals(kernel: Kernel, task: Task): boolean {
  const information = takeSignal(kernel, task);
  if (task.state === TaskState.dead) return true;
  if (task.state !== TaskState.runnable) {
    task.call.interrupted = false;
    kernel.scheduler.yieldCurrent(kernel);
    return true;
  }
  if (information === null) return false;
  task.call.active = false;
  dropProgress(kernel, task);
  restoreMask(task);
  const event: TaskEvent = { kind: 'signal', number: information.number };
  task.systemTaskEvent = event;
  return true;
}
