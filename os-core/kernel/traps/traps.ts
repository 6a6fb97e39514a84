// What happens after the CPU has delivered a vector through the IDT: exceptions of programs become signals, faults of the kernel a
// panic, external interrupts go to the drivers.
//
//   stack as the CPU left it:  [error code]  RIP  CS  RFLAGS  RSP  SS      (SDM vol. 3, 6.14.2)

import { Errno } from '../../abi/errno.ts';
import { Signal, SignalCode } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { DIRECT_MAP_HIGH, vectorHasErrorCode } from '../memory/kernel-paging.ts';
import { BUS_ERROR, writesItsOwnPage } from '../memory/page-fault.ts';
import { killForFault } from '../process/signals.ts';
import { type Task, TaskState } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { FIRST_INTERRUPT_VECTOR } from './interrupts.ts';
import { readSaved, SavedRegister, saveAfterInterrupt } from './saved-registers.ts';
import { serveVsyscall } from './vsyscall.ts';

/** Virtual cost in instructions. */
const INTERRUPT_COST = 300;
const PAGE_FAULT_COST = 600;

const Vector = {
  divide: 0,
  debug: 1,
  nmi: 2,
  breakpoint: 3,
  invalidOpcode: 6,
  doubleFault: 8,
  pageFault: 14,
  x87: 16,
  alignment: 17,
  machineCheck: 18,
  simd: 19,
} as const;

const exceptionNames = [
  '#DE divide error',
  '#DB debug',
  'NMI',
  '#BP breakpoint',
  '#OF overflow',
  '#BR bound range',
  '#UD invalid opcode',
  '#NM device not available',
  '#DF double fault',
  'coprocessor overrun',
  '#TS invalid TSS',
  '#NP segment not present',
  '#SS stack fault',
  '#GP general protection',
  '#PF page fault',
  'vector 15',
  '#MF x87 error',
  '#AC alignment check',
  '#MC machine check',
  '#XM SIMD error',
];
const nameOf = (vector: number): string => exceptionNames[vector] ?? `vector ${vector}`;

/** Bits of the #PF error code (SDM vol. 3, 4.7). */
const FAULT_PRESENT = 1;
const FAULT_WRITE = 2;
const FAULT_FETCH = 16;

/**
 * After TrapKind.interrupt. `task`: the program that was in ring 3, null if ring 0 (idle loop, a task of the kernel) was interrupted.
 * Leaves RSP at the frame's RIP, so that IRETQ returns; a program goes back by way of the slice loop.
 */
export function handleInterruptTrap(kernel: Kernel, task: Task | null): void {
  const { cpu, memory } = kernel.machine;
  const vector = cpu.trapVector;
  const hasErrorCode = vectorHasErrorCode(vector);
  if (task !== null) saveAfterInterrupt(kernel, task, hasErrorCode);
  if (vector >= FIRST_INTERRUPT_VECTOR) {
    cpu.chargeInstructions(INTERRUPT_COST);
    kernel.interrupts.dispatch(kernel, vector);
    if (kernel.scheduler.reschedule && !kernel.scheduler.hasRunnable) kernel.scheduler.reschedule = false;
    return;
  }
  if (hasErrorCode) cpu.generalRegisters[8] += 8;
  if (vector === Vector.doubleFault || vector === Vector.nmi || vector === Vector.machineCheck || task === null) {
    if (vector === Vector.breakpoint && task === null) {
      kernel.log('[trap] breakpoint in ring 0');
      return;
    }
    const frame = cpu.generalRegisters[8] >>> 0;
    const inDirectMap = cpu.generalRegisters[9] >>> 0 === DIRECT_MAP_HIGH;
    const at = inDirectMap ? memory.read64(frame).toString(16) : 'unknown';
    kernel.panic(`${nameOf(vector)} in ring 0 at ${at}`);
    return;
  }
  handleException(kernel, task, vector);
}

/** si_code of #MF and #XM: the first of the exceptions that are flagged and not masked (SDM vol. 1, 8.1.3 and 10.2.3). */
function floatingPointCode(kernel: Kernel, task: Task, vector: number): number {
  const { memory } = kernel.machine;
  kernel.scheduler.saveProcessorState(kernel);
  const control = memory.read32(task.kernelStack + (vector === Vector.x87 ? 0 : 24));
  const flags = vector === Vector.x87 ? (control >>> 16) & ~control : control & ~(control >>> 7);
  if ((flags & 1) !== 0) return SignalCode.floatingInvalid;
  if ((flags & 4) !== 0) return SignalCode.floatingDivide;
  if ((flags & 8) !== 0) return SignalCode.floatingOverflow;
  // Denormal operand or underflow.
  if ((flags & 0x12) !== 0) return SignalCode.floatingUnderflow;
  return (flags & 0x20) !== 0 ? SignalCode.floatingInexact : SignalCode.floatingInvalid;
}

/** Signals and si_code as Linux gives them (arch/x86/kernel/traps.c). */
function handleException(kernel: Kernel, task: Task, vector: number): void {
  const { cpu } = kernel.machine;
  if (vector === Vector.pageFault) {
    cpu.chargeInstructions(PAGE_FAULT_COST);
    return handlePageFault(kernel, task);
  }
  const { signals } = task;
  signals.lastFault = { vector, errorCode: cpu.trapErrorCode, address: signals.lastFault.address };
  const instructionPointer = readSaved(kernel, task, SavedRegister.rip);
  const fault = (signal: number, code: number, address: number): void =>
    killForFault(
      kernel,
      task,
      { number: signal, code, senderProcess: 0, senderUser: 0, value: address },
      nameOf(vector),
    );
  switch (vector) {
    case Vector.divide:
      return fault(Signal.SIGFPE, SignalCode.divideByZero, instructionPointer);
    case Vector.x87:
    case Vector.simd:
      return fault(Signal.SIGFPE, floatingPointCode(kernel, task, vector), instructionPointer);
    case Vector.debug:
      return fault(Signal.SIGTRAP, SignalCode.trapTrace, instructionPointer);
    case Vector.breakpoint:
      return fault(Signal.SIGTRAP, SignalCode.kernel, 0);
    case Vector.invalidOpcode:
      return fault(Signal.SIGILL, SignalCode.illegalOperand, instructionPointer);
    case Vector.alignment:
      return fault(Signal.SIGBUS, SignalCode.busAlignment, 0);
    default:
      return fault(Signal.SIGSEGV, SignalCode.kernel, 0);
  }
}

function handlePageFault(kernel: Kernel, task: Task): void {
  const { cpu } = kernel.machine;
  const error = cpu.trapErrorCode;
  // Signed, so that addresses of both halves are exact.
  const address = Number(BigInt.asIntN(64, cpu.readControl(2)));
  const space = task.process.addressSpace;
  const inUserHalf = kernel.userMemory.inUserHalf(address, 1);
  const fetching = (error & FAULT_FETCH) !== 0;
  let result: number = -Errno.EFAULT;
  if (space !== null && inUserHalf) {
    const writing = (error & FAULT_WRITE) !== 0;
    const instruction = readSaved(kernel, task, SavedRegister.rip);
    if (writing && writesItsOwnPage(space, instruction, address))
      task.process.lastRefusal = 'code may not write into the page that it runs from';
    else result = space.fault(kernel, task, address, writing, fetching);
  } else if (fetching) result = serveVsyscall(kernel, task, address);
  if (result === 0) return;
  if (result === PENDING) {
    // The instruction runs again when the page has come from the disk.
    task.state = TaskState.sleeping;
    kernel.scheduler.yieldCurrent(kernel);
    return;
  }
  if (result === -Errno.ENOMEM) {
    // SIGKILL is on its way to this very program.
    return;
  }
  // Nothing is said of what the kernel has mapped.
  const errorCode = inUserHalf ? error : error | FAULT_PRESENT;
  task.signals.lastFault = { vector: Vector.pageFault, errorCode, address };
  const mapped = inUserHalf && (space?.find(address) ?? null) !== null;
  const bus = result === BUS_ERROR;
  killForFault(
    kernel,
    task,
    {
      number: bus ? Signal.SIGBUS : Signal.SIGSEGV,
      code: bus ? SignalCode.busAddress : mapped ? SignalCode.accessError : SignalCode.mapError,
      senderProcess: 0,
      senderUser: 0,
      value: address,
    },
    `${nameOf(Vector.pageFault)} at 0x${BigInt.asUintN(64, cpu.readControl(2)).toString(16)}, error ${error}`,
  );
}
