// What happens when RAM is full and nothing can be given back: the program that holds most of it is ended, by name.

import { Signal, SignalCode } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { endProcess } from '../process/exit.ts';
import { type Process, waitStatus } from '../process/process.ts';
import { plainInformation, sendSignal } from '../process/signals.ts';
import { type Task, TaskKind } from '../process/task.ts';
import { FRAME_BYTES } from './frames.ts';

const isProgram = (process: Process): boolean => {
  for (const task of process.tasks) return task.kind === TaskKind.program;
  return false;
};

/**
 * Ends the program with most pages in RAM; of equal ones the one that asks. The first process and system tasks are spared unless they ask.
 * True if memory is free now; false if `task` itself is the victim: it ends at its next chance.
 */
export function endLargest(kernel: Kernel, task: Task): boolean {
  const { process } = task;
  let victim = process;
  for (const other of kernel.processes.processes.values()) {
    if (other.state !== 'alive' || other.id <= 1 || !isProgram(other)) continue;
    if ((other.addressSpace?.residentPages ?? 0) > (victim.addressSpace?.residentPages ?? 0)) victim = other;
  }
  const pages = victim.addressSpace?.residentPages ?? 0;
  const size = `${Math.ceil((pages * FRAME_BYTES) / 1024)} KiB`;
  const asking = victim === process ? '' : `, wanted by ${process.executablePath} (${process.id})`;
  kernel.log(`[memory] no RAM left: ${victim.executablePath} (${victim.id}) with ${size} is ended${asking}`);
  victim.lastRefusal = 'out of memory';
  if (victim === process || victim.addressSpace === process.addressSpace) {
    sendSignal(kernel, victim, plainInformation(Signal.SIGKILL, SignalCode.kernel));
    return false;
  }
  endProcess(kernel, victim, waitStatus.killed(Signal.SIGKILL));
  return true;
}
