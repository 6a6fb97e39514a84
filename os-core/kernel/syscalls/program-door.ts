// The door for ring-3 programs: SYSCALL in, SYSRET (or IRET) out.
//
//   rax number, rdi rsi rdx r10 r8 r9 arguments ─► dispatch ─► rax          (System V psABI A.2.1)
//
// The quick way back leaves all registers in the CPU as they are and sets RAX; every other way goes through pt_regs (saved-registers.ts).

import { Register, TrapKind } from '../../../devices/contract/cpu.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { dropProgress, type Task, TaskState } from '../process/task.ts';
import { SavedRegister, saveAfterSystemCall, savedRegistersOf } from '../traps/saved-registers.ts';
import { DEAD, dispatch } from './dispatch.ts';
import { PENDING } from './handler.ts';

/** After TrapKind.systemCall of the current task. */
export function handleSystemCallTrap(kernel: Kernel, task: Task): void {
  const { cpu } = kernel.machine;
  task.registersInCpu = true;
  task.returnByInterrupt = false;
  const { call } = task;
  const registers = cpu.generalRegisters;
  // Linux looks at the low 32 bits of RAX only.
  call.number = registers[0] >>> 0;
  copyArguments(registers, call.arguments.words);
  call.active = true;
  call.interrupted = false;
  task.progress = null;
  runCall(kernel, task);
}

/** The six arguments, low and high halves. Written out: a loop over a list of registers takes a tenth of the time of a short call. */
function copyArguments(registers: Int32Array, words: Int32Array): void {
  words[0] = registers[2 * Register.rdi];
  words[1] = registers[2 * Register.rdi + 1];
  words[2] = registers[2 * Register.rsi];
  words[3] = registers[2 * Register.rsi + 1];
  words[4] = registers[2 * Register.rdx];
  words[5] = registers[2 * Register.rdx + 1];
  words[6] = registers[2 * Register.r10];
  words[7] = registers[2 * Register.r10 + 1];
  words[8] = registers[2 * Register.r8];
  words[9] = registers[2 * Register.r8 + 1];
  words[10] = registers[2 * Register.r9];
  words[11] = registers[2 * Register.r9 + 1];
}

/** Runs task.call (again) and brings its result to RAX. */
export function runCall(kernel: Kernel, task: Task): void {
  const { scheduler } = kernel;
  const result = dispatch(kernel, task);
  if (result === DEAD) return;
  if (result === PENDING) {
    if (task.registersInCpu) saveAfterSystemCall(kernel, task);
    if (task.state === TaskState.runnable) task.state = TaskState.sleeping;
    scheduler.yieldCurrent(kernel);
    return;
  }
  // Interrupted by a signal: the way back decides between EINTR and running the call again.
  if (result === -Errno.EINTR && task.signals.actionable) {
    if (task.registersInCpu) saveAfterSystemCall(kernel, task);
    task.call.interrupted = true;
    return;
  }
  task.call.active = false;
  dropProgress(kernel, task);
  if (task.returnByInterrupt) {
    // rt_sigreturn and execve have set all registers themselves.
    if (!task.keepRegisters) writeResult(kernel, task, result);
    task.keepRegisters = false;
    return;
  }
  const quick =
    task.registersInCpu &&
    !task.signals.actionable &&
    task.signals.savedMask === null &&
    !scheduler.reschedule &&
    task.state === TaskState.runnable;
  if (quick) {
    const { cpu } = kernel.machine;
    task.registersInCpu = false;
    cpu.generalRegisters[0] = result;
    cpu.generalRegisters[1] = Math.floor(result / 0x1_0000_0000);
    if (cpu.systemReturn() === TrapKind.budget) {
      scheduler.inUserMode = true;
      return;
    }
    // RCX cannot be non-canonical: it was the address after SYSCALL. If the CPU says so anyway, it is our own mistake.
    kernel.panic('SYSRET faulted');
    return;
  }
  writeResult(kernel, task, result);
  task.returnByInterrupt = true;
}

export function writeResult(kernel: Kernel, task: Task, result: number): void {
  const { memory } = kernel.machine;
  const address = savedRegistersOf(kernel, task) + SavedRegister.rax;
  memory.write32(address, result >>> 0);
  memory.write32(address + 4, Math.floor(result / 0x1_0000_0000) | 0);
}
