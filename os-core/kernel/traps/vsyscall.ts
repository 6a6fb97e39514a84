// The system calls of before the vDSO: a program calls a fixed address in the kernel's half (Linux: arch/x86/entry/vsyscall).
//
//   0xffffffffff600000 + 0 gettimeofday   + 0x400 time   + 0x800 getcpu      rdi rsi rdx ─► rax; return address on the stack
//
// Nothing is mapped there, so that nobody finds code at an address that he knows beforehand. The fault of fetching the first instruction
// is the call; the kernel returns to the caller itself. Any other use is the program's fault.

import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { SystemCallArguments } from '../syscalls/handler.ts';
import { readSaved, SavedRegister, writeSaved } from './saved-registers.ts';

/** As a signed 64-bit number, as CR2 is read. */
const PAGE = -0xa0_0000;
const CALL_SHIFT = 10;
const calls = [SystemCall.gettimeofday, SystemCall.time, SystemCall.getcpu] as const;
/** The page as /proc/PID/maps shows it. */
export const VSYSCALL_LINE = 'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n';

/** After the fault of fetching from `address`: 0 if it was such a call and is done, PENDING, -EFAULT if it is a fault. */
export function serveVsyscall(kernel: Kernel, task: Task, address: number): number {
  const offset = address - PAGE;
  const number = offset % (1 << CALL_SHIFT) === 0 ? calls[offset >> CALL_SHIFT] : undefined;
  const entry = number === undefined ? undefined : kernel.systemCalls.find(number);
  if (entry === undefined) return -Errno.EFAULT;
  const stack = readSaved(kernel, task, SavedRegister.rsp);
  const caller = new Uint8Array(8);
  const read = kernel.userMemory.copyIn(task, stack, caller);
  if (read !== 0) return read;
  const view = new DataView(caller.buffer);
  const returnAddress = view.getUint32(0, true) + view.getUint32(4, true) * 0x1_0000_0000;
  if (!kernel.userMemory.inUserHalf(returnAddress, 1)) return -Errno.EFAULT;
  const parameters = new SystemCallArguments();
  [SavedRegister.rdi, SavedRegister.rsi, SavedRegister.rdx].forEach((register, n) => {
    parameters.set(n, readSaved(kernel, task, register));
  });
  const result = entry.handler(kernel, task, parameters);
  // PENDING: the fetch faults again when the page is there. A bad pointer is a fault, not an error (emulate_vsyscall).
  if (result < 0) return result;
  writeSaved(kernel, task, SavedRegister.rax, result);
  writeSaved(kernel, task, SavedRegister.rip, returnAddress);
  writeSaved(kernel, task, SavedRegister.rsp, stack + caller.length);
  return 0;
}
