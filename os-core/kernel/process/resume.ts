// A program on its way (back) to ring 3: unfinished call, signals, registers, IRET.

import { TrapKind } from '../../../devices/contract/cpu.ts';
import { Errno } from '../../abi/errno.ts';
import { SIG_DFL, Signal, SignalActionFlag, SignalCode } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { USER_END } from '../memory/user-memory.ts';
import { isRestartable } from '../syscalls/dispatch.ts';
import { runCall, writeResult } from '../syscalls/program-door.ts';
import { loadForReturn, readSaved, SavedRegister, writeSaved } from '../traps/saved-registers.ts';
import { pushSignalFrame } from './signal-frame.ts';
import { killForFault, setBlocked, takeSignal } from './signals.ts';
import { dropProgress, type Task, TaskState } from './task.ts';

/** The current task is a program in the kernel with its registers in pt_regs: one step towards ring 3. */
export function resumeProgram(kernel: Kernel, task: Task): void {
  const { scheduler } = kernel;
  if (task.call.active && !task.call.interrupted) {
    runCall(kernel, task);
    return;
  }
  if (task.signals.actionable) {
    deliverSignals(kernel, task);
    if (task.state !== TaskState.runnable && task.state !== TaskState.dead) scheduler.yieldCurrent(kernel);
    return;
  }
  if (task.call.active) {
    // Interrupted by something that had no handler: the call goes on where it was.
    task.call.interrupted = false;
    return;
  }
  restoreMaskAfterCall(task);
  enterUser(kernel, task);
}

/** rt_sigsuspend, ppoll …: without a handler the old mask comes back when the call is over. */
function restoreMaskAfterCall(task: Task): void {
  const saved = task.signals.savedMask;
  if (saved === null) return;
  task.signals.savedMask = null;
  setBlocked(task, saved);
}

/** Runs default actions, or makes the frame of one handler. */
function deliverSignals(kernel: Kernel, task: Task): void {
  task.call.interrupted = false;
  const information = takeSignal(kernel, task);
  if (information === null) return;
  const { process } = task;
  const action = process.signals.actions[information.number];
  if (task.call.active) {
    // The call was interrupted: again after the handler, or EINTR.
    const again = (action.flags & SignalActionFlag.restart) !== 0 && isRestartable(task.call.number);
    if (again) {
      // Back onto the SYSCALL instruction (0F 05), number in RAX.
      writeSaved(kernel, task, SavedRegister.rip, readSaved(kernel, task, SavedRegister.rip) - 2);
      writeResult(kernel, task, task.call.number);
    } else {
      writeResult(kernel, task, -Errno.EINTR);
    }
    task.call.active = false;
    dropProgress(kernel, task);
    task.returnByInterrupt = true;
  }
  if (pushSignalFrame(kernel, task, information, action)) return;
  // No room for the frame: as a stack overflow, and no handler can run for it.
  task.process.signals.actions[Signal.SIGSEGV] = { handler: SIG_DFL, flags: 0, restorer: 0, mask: 0n };
  killForFault(
    kernel,
    task,
    { number: Signal.SIGSEGV, code: SignalCode.kernel, senderProcess: 0, senderUser: 0, value: 0 },
    'the signal frame does not fit on the stack',
  );
}

function enterUser(kernel: Kernel, task: Task): void {
  const { scheduler, machine } = kernel;
  if (readSaved(kernel, task, SavedRegister.rip) >= USER_END) {
    killForFault(
      kernel,
      task,
      { number: Signal.SIGSEGV, code: SignalCode.kernel, senderProcess: 0, senderUser: 0, value: 0 },
      'the instruction pointer left user space',
    );
    return;
  }
  scheduler.loadProcessorState(kernel, task);
  loadForReturn(kernel, task);
  if (machine.cpu.interruptReturn() === TrapKind.budget) scheduler.inUserMode = true;
  else kernel.panic('IRET to ring 3 faulted');
}
