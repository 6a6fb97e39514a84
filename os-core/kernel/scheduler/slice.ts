// The slice loop: gives the CPU to one task after another until the budget is spent or nothing can run.
//
//         ┌──────────────────────────── runSlice ───────────────────────────┐
//   pick ─► program:      way back to ring 3 ─► machine.run ─► trap ─► handler ─┤
//         ► system task:  event ─► step ─► system call ─────────────────────────┤
//         ► kernel task:  step ─────────────────────────────────────────────────┤
//         ► none:         idle loop (sti; hlt) ─► 'idle' to the host ───────────┘
//
// Nothing here happens because a slice begins or ends: a run cut into other slices takes the same course.

import { TrapKind } from '../../../devices/contract/cpu.ts';
import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { DIRECT_MAP_HIGH, idleLoopAddress, kernelTaskAddress } from '../memory/kernel-paging.ts';
import { exitTask } from '../process/exit.ts';
import { resumeProgram } from '../process/resume.ts';
import { stepSystemTask } from '../process/system-task-door.ts';
import { type Task, TaskKind, TaskState } from '../process/task.ts';
import { handleSystemCallTrap } from '../syscalls/program-door.ts';
import { handleInterruptTrap } from '../traps/traps.ts';
import { TICK_HERTZ } from './scheduler.ts';

export type SliceResult = 'budget' | 'idle' | 'off' | 'panic';

/** Virtual cost of a kernel task's step, in instructions. */
const KERNEL_STEP_COST = 1000;
/** A one-shot never sleeps longer than this, so that a driver's bug cannot stop time for good. */
const MAX_IDLE_NANOS = 1e9;

export function runSlice(kernel: Kernel, maxInstructions: number): SliceResult {
  const { scheduler, machine } = kernel;
  const { cpu } = machine;
  const end = cpu.instructionCount + Math.max(1, maxInstructions);
  while (cpu.instructionCount < end) {
    if (kernel.state.power !== 'on') return kernel.state.power;
    if (scheduler.current === null && !pick(kernel)) {
      if (!idle(kernel)) return kernel.state.power === 'on' ? 'idle' : kernel.state.power;
      continue;
    }
    const task = scheduler.current as Task | null;
    if (task === null) continue;
    if (scheduler.reschedule && !scheduler.inUserMode && scheduler.hasRunnable) {
      scheduler.yieldCurrent(kernel);
      continue;
    }
    switch (task.kind) {
      case TaskKind.program:
        if (scheduler.inUserMode) runProgram(kernel, task, end - cpu.instructionCount);
        else resumeProgram(kernel, task);
        break;
      case TaskKind.systemTask:
        if (!pollInterrupts(kernel, task)) stepSystemTask(kernel, task);
        break;
      case TaskKind.kernelTask:
        if (!pollInterrupts(kernel, task)) stepKernelTask(kernel, task);
        break;
    }
  }
  return kernel.state.power === 'on' ? 'budget' : kernel.state.power;
}

function pick(kernel: Kernel): boolean {
  const { scheduler } = kernel;
  if (!scheduler.hasRunnable) return false;
  if (scheduler.idle) leaveIdle(kernel);
  return scheduler.pickNext(kernel) !== null;
}

/** Ring 3 until the next trap. */
function runProgram(kernel: Kernel, task: Task, budget: number): void {
  const { machine, scheduler } = kernel;
  kernel.userSince = machine.cpu.instructionCount;
  const kind = machine.run(budget);
  if (kind === TrapKind.served) return;
  if (kind === TrapKind.systemCall) {
    serveSystemCall(kernel);
    return;
  }
  const middle = machine.cpu.instructionCount;
  task.userInstructions += middle - kernel.userSince;
  if (kind === TrapKind.budget) return;
  scheduler.charge(middle);
  scheduler.inUserMode = false;
  if (kind === TrapKind.interrupt) handleInterruptTrap(kernel, task);
  else kernel.panic(kind === TrapKind.shutdown ? 'triple fault' : 'HLT in ring 3');
  task.systemInstructions += machine.cpu.instructionCount - middle;
}

/** SYSCALL of the current task: by the machine's door in the middle of its run, or after it. True if the program goes on at once. */
export function serveSystemCall(kernel: Kernel): boolean {
  const { scheduler } = kernel;
  const { cpu } = kernel.machine;
  const task = scheduler.current as Task;
  const middle = cpu.instructionCount;
  task.userInstructions += middle - kernel.userSince;
  scheduler.charge(middle);
  scheduler.inUserMode = false;
  handleSystemCallTrap(kernel, task);
  const after = cpu.instructionCount;
  task.systemInstructions += after - middle;
  kernel.userSince = after;
  return scheduler.inUserMode;
}

/** Puts the CPU into ring 0 on a kernel stack with interrupts on, as a task of ours has it. */
function enterKernelContext(kernel: Kernel, stackTop: number, address: bigint): void {
  const { cpu } = kernel.machine;
  cpu.generalRegisters[8] = stackTop;
  cpu.generalRegisters[9] = DIRECT_MAP_HIGH | 0;
  cpu.rip = address;
  cpu.setInterruptFlag(true);
}

/** Between two steps of a task that is not machine code: lets interrupts in. True if the task was interrupted and must give way. */
function pollInterrupts(kernel: Kernel, task: Task): boolean {
  const { machine, scheduler } = kernel;
  const { cpu } = machine;
  scheduler.charge(cpu.instructionCount);
  enterKernelContext(kernel, task.kernelStack + FRAME_BYTES, kernelTaskAddress);
  while (machine.pollInterrupts()) {
    handleInterruptTrap(kernel, null);
    if (kernel.state.power !== 'on') return true;
    cpu.interruptReturn();
  }
  cpu.setInterruptFlag(false);
  if (!scheduler.reschedule) return false;
  scheduler.reschedule = false;
  if (!scheduler.hasRunnable) return false;
  scheduler.yieldCurrent(kernel);
  return true;
}

function stepKernelTask(kernel: Kernel, task: Task): void {
  const { scheduler } = kernel;
  const { cpu } = kernel.machine;
  const before = cpu.instructionCount;
  cpu.chargeInstructions(KERNEL_STEP_COST);
  const result = task.kernelWork?.step(kernel, task) ?? 'done';
  task.systemInstructions += cpu.instructionCount - before;
  if (result === 'done') exitTask(kernel, task, 0);
  else if (result === 'sleep') {
    task.state = TaskState.sleeping;
    scheduler.yieldCurrent(kernel);
  }
}

/** Nothing can run. True if an interrupt has come in (look again), false if the host must wait for one. */
function idle(kernel: Kernel): boolean {
  const { machine, scheduler } = kernel;
  if (!scheduler.idle) {
    scheduler.setIdle(kernel.nowNanos(), true);
    stopTick(kernel);
    // Nobody's user half stays reachable while the machine sleeps.
    enterKernelContext(kernel, kernel.state.descriptorTables.idleStackTop, idleLoopAddress);
    // sti; hlt: the CPU itself goes to sleep, or takes an interrupt that waits.
    return runIdleLoop(kernel);
  }
  if (!machine.pollInterrupts()) return false;
  return afterIdleInterrupt(kernel);
}

function runIdleLoop(kernel: Kernel): boolean {
  // A handful of instructions at most; the bound guards against a model that never halts.
  for (let rounds = 0; rounds < 1000; rounds++) {
    const kind = kernel.machine.run(16);
    if (kind === TrapKind.halt) return false;
    if (kind === TrapKind.interrupt) return afterIdleInterrupt(kernel);
    if (kind !== TrapKind.budget) break;
  }
  kernel.panic('the idle loop does not halt');
  return true;
}

function afterIdleInterrupt(kernel: Kernel): boolean {
  handleInterruptTrap(kernel, null);
  if (kernel.state.power !== 'on') return true;
  if (kernel.scheduler.hasRunnable) return true; // The frame on the idle stack is left behind: idling starts afresh.
  if (kernel.scheduler.tickStopped) stopTick(kernel);
  kernel.machine.cpu.interruptReturn();
  return runIdleLoop(kernel);
}

/** Idle: instead of a tick every 10 ms one interrupt at the next deadline. */
function stopTick(kernel: Kernel): void {
  const device = kernel.state.tickDevice;
  if (device === null) return;
  kernel.scheduler.tickStopped = true;
  const wait = Math.min(MAX_IDLE_NANOS, kernel.timers.nextDeadlineNanos() - kernel.nowNanos());
  device.startOneShot(kernel, Math.max(1000, wait));
}

function leaveIdle(kernel: Kernel): void {
  const { scheduler } = kernel;
  scheduler.setIdle(kernel.nowNanos(), false);
  if (!scheduler.tickStopped) return;
  scheduler.tickStopped = false;
  kernel.state.tickDevice?.startPeriodic(kernel, TICK_HERTZ);
}
