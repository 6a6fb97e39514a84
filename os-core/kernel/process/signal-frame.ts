// The frame of a signal handler on the user's stack, and the way back (arch/x86 rt_sigframe, struct ucontext, FXSAVE image).
//
//   high   ... interrupted stack ... | red zone 128 |
//          fpstate 512 bytes (64-aligned)
//          +312 siginfo 128
//          +304 uc_sigmask 8
//          +48  sigcontext 256: r8-r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags cs/gs/fs/ss err trapno oldmask cr2 fpstate
//          +8   uc_flags 8, uc_link 8, uc_stack 24
//   low    +0   return address = sa_restorer            RSP at the handler's entry (RSP + 8 is a multiple of 16)

import { Signal, SignalActionFlag } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { USER_END } from '../memory/user-memory.ts';
import { Selector } from '../traps/descriptor-tables.ts';
import {
  FLOATING_POINT_BYTES,
  readSaved,
  SavedRegister,
  savedRegistersOf,
  writeSaved,
} from '../traps/saved-registers.ts';
import { checkedStack, liesOn, onAlternateStack, StackFlag } from './alternate-stack.ts';
import { bitOfSignal, disarmedStack, type SignalAction, type SignalInformation } from './signal-state.ts';
import { setBlocked } from './signals.ts';
import type { Task } from './task.ts';

const FRAME_BYTES = 440;
const RED_ZONE_BYTES = 128;
const CONTEXT = 48;
const SIGNAL_MASK = 304;
const INFORMATION = 312;
const FLOATING_POINT_POINTER = CONTEXT + 184;

/** sigcontext's first eighteen words and where they lie in pt_regs. */
const contextOrder = [
  SavedRegister.r8,
  SavedRegister.r9,
  SavedRegister.r10,
  SavedRegister.r11,
  SavedRegister.r12,
  SavedRegister.r13,
  SavedRegister.r14,
  SavedRegister.r15,
  SavedRegister.rdi,
  SavedRegister.rsi,
  SavedRegister.rbp,
  SavedRegister.rbx,
  SavedRegister.rdx,
  SavedRegister.rax,
  SavedRegister.rcx,
  SavedRegister.rsp,
  SavedRegister.rip,
  SavedRegister.rflags,
] as const;

/** uc_flags: SS is saved and restored, strictly; there is no XSAVE area (arch/x86/include/uapi/asm/ucontext.h). */
const CONTEXT_FLAGS = 2 | 4;

/** siginfo_t, all but its zeros. */
export function fillInformation(view: DataView, at: number, information: SignalInformation): void {
  const { number, code } = information;
  view.setInt32(at, number, true);
  view.setInt32(at + 8, code, true);
  const isFault =
    number === Signal.SIGSEGV ||
    number === Signal.SIGBUS ||
    number === Signal.SIGFPE ||
    number === Signal.SIGILL ||
    number === Signal.SIGTRAP;
  if (isFault && code > 0) {
    view.setUint32(at + 16, information.value >>> 0, true);
    view.setUint32(at + 20, Math.floor(information.value / 0x1_0000_0000), true);
    return;
  }
  view.setInt32(at + 16, information.senderProcess, true);
  view.setInt32(at + 20, information.senderUser, true);
  view.setInt32(at + 24, information.value, true);
  view.setInt32(at + 28, information.valueHigh ?? 0, true);
}

/** Makes the frame and points the task at the handler. False if the stack cannot take it. */
export function pushSignalFrame(
  kernel: Kernel,
  task: Task,
  information: SignalInformation,
  action: SignalAction,
): boolean {
  const { memory } = kernel.machine;
  const { signals } = task;
  const interrupted = readSaved(kernel, task, SavedRegister.rsp);
  const { alternateStack } = signals;
  const nested = onAlternateStack(signals, interrupted);
  const entering = (action.flags & SignalActionFlag.onStack) !== 0 && alternateStack.bytes > 0 && !nested;
  const stack = entering ? alternateStack.address + alternateStack.bytes : interrupted - RED_ZONE_BYTES;
  const floatingPoint = Math.floor((stack - FLOATING_POINT_BYTES) / 64) * 64;
  const frame = Math.floor((floatingPoint - FRAME_BYTES) / 16) * 16 - 8;
  // Beyond the user half the arithmetic would be inexact, and there is nothing to write to.
  if (frame < 0 || stack > USER_END) return false;
  if ((entering || nested) && !liesOn(alternateStack, frame)) return false;

  const bytes = new Uint8Array(floatingPoint + FLOATING_POINT_BYTES - frame);
  const view = new DataView(bytes.buffer);
  const registers = savedRegistersOf(kernel, task);
  const number = (at: number, value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  };
  number(0, action.restorer);
  number(8, CONTEXT_FLAGS);
  number(24, alternateStack.address);
  view.setInt32(32, alternateStack.flags, true);
  number(40, alternateStack.bytes);
  for (const [index, offset] of contextOrder.entries())
    bytes.set(memory.bytes.subarray(registers + offset, registers + offset + 8), CONTEXT + index * 8);
  view.setUint16(CONTEXT + 144, Selector.userCode, true);
  view.setUint16(CONTEXT + 150, Selector.userData, true);
  const oldMask = signals.savedMask ?? signals.blocked;
  const { vector, errorCode, address } = signals.lastFault;
  number(CONTEXT + 152, errorCode);
  number(CONTEXT + 160, vector);
  view.setBigUint64(CONTEXT + 168, oldMask, true);
  number(CONTEXT + 176, address);
  number(FLOATING_POINT_POINTER, floatingPoint);
  view.setBigUint64(SIGNAL_MASK, oldMask, true);
  fillInformation(view, INFORMATION, information);
  kernel.scheduler.saveProcessorState(kernel);
  bytes.set(memory.bytes.subarray(task.kernelStack, task.kernelStack + FLOATING_POINT_BYTES), floatingPoint - frame);
  if (kernel.userMemory.copyOut(task, frame, bytes) !== 0) return false;

  signals.savedMask = null;
  if ((alternateStack.flags & StackFlag.autoDisarm) !== 0) signals.alternateStack = disarmedStack;
  const own = (action.flags & SignalActionFlag.noDefer) !== 0 ? 0n : bitOfSignal(information.number);
  setBlocked(task, signals.blocked | action.mask | own);
  if ((action.flags & SignalActionFlag.resetHandler) !== 0)
    task.process.signals.actions[information.number] = { handler: 0, flags: 0, restorer: 0, mask: 0n };
  writeSaved(kernel, task, SavedRegister.rip, action.handler);
  writeSaved(kernel, task, SavedRegister.rsp, frame);
  writeSaved(kernel, task, SavedRegister.rax, 0);
  writeSaved(kernel, task, SavedRegister.rdi, information.number);
  writeSaved(kernel, task, SavedRegister.rsi, frame + INFORMATION);
  writeSaved(kernel, task, SavedRegister.rdx, frame + 8);
  // The handler starts with DF and TF clear (psABI 3.2.1).
  writeSaved(kernel, task, SavedRegister.rflags, readSaved(kernel, task, SavedRegister.rflags) & ~0x500);
  return true;
}

/** rt_sigreturn: puts everything back. The frame starts 8 bytes below RSP (the handler's RET took the return address). False = bad frame. */
export function popSignalFrame(kernel: Kernel, task: Task): boolean {
  const { memory } = kernel.machine;
  const frame = readSaved(kernel, task, SavedRegister.rsp) - 8;
  const bytes = new Uint8Array(FRAME_BYTES);
  if (kernel.userMemory.copyIn(task, frame, bytes) !== 0) return false;
  const view = new DataView(bytes.buffer);
  const word = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
  const pointer = word(FLOATING_POINT_POINTER);
  const image = new Uint8Array(FLOATING_POINT_BYTES);
  if (pointer !== 0 && kernel.userMemory.copyIn(task, pointer, image) !== 0) return false;
  // As the frame has it, unless the handler stands on a stack that it has set itself; a bad one is passed over.
  const alternateStack = checkedStack(word(24), word(40), view.getInt32(32, true));
  if (typeof alternateStack !== 'number' && !onAlternateStack(task.signals, frame + 8))
    task.signals.alternateStack = alternateStack;
  const registers = savedRegistersOf(kernel, task);
  for (const [index, offset] of contextOrder.entries())
    memory.writeBytes(registers + offset, bytes.subarray(CONTEXT + index * 8, CONTEXT + index * 8 + 8));
  memory.fill(registers + SavedRegister.originalRax, 8, 0xff);
  if (pointer !== 0) {
    kernel.scheduler.saveProcessorState(kernel);
    // Reserved MXCSR bits would make FXRSTOR fault in ring 0 (SDM vol. 1, 10.5.1).
    const imageView = new DataView(image.buffer);
    imageView.setUint32(24, imageView.getUint32(24, true) & 0xffff, true);
    memory.writeBytes(task.kernelStack, image);
  }
  setBlocked(task, view.getBigUint64(SIGNAL_MASK, true));
  task.returnByInterrupt = true;
  task.keepRegisters = true;
  return true;
}
