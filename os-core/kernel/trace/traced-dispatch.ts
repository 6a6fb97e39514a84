// A system call of a watched process: told when it is over, or, if it does not come back, when it is made.

import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { decodeArguments, decodeCall, nameOfCall } from './decode.ts';
import type { Trace } from './trace.ts';

/** Runs task.call by `run` and tells `trace` of it. */
export function dispatchTraced(
  kernel: Kernel,
  task: Task,
  trace: Trace,
  run: (kernel: Kernel, task: Task) => number,
): number {
  const { number, arguments: argumentList } = task.call;
  if (trace.waitsForExec) {
    if (number !== SystemCall.execve && number !== SystemCall.execveat) return run(kernel, task);
    trace.waitsForExec = false;
  }
  const entry = kernel.systemCalls.find(number);
  if (task.tracedCall === null) {
    if (!trace.hasRoom && !task.signalPending) {
      task.waitOn(trace.room);
      return PENDING;
    }
    task.tracedCall = decodeArguments(kernel, task, entry, argumentList);
    if (number === SystemCall.exit || number === SystemCall.exit_group) {
      trace.write(task.process, task.id, `${nameOfCall(entry, number)}(${task.tracedCall.join(', ')}) = ?`);
      return run(kernel, task);
    }
  }
  const texts = task.tracedCall;
  const result = run(kernel, task);
  // It sleeps, or has ended, or nobody watches any more.
  if (result <= PENDING || task.process.trace === null) return result;
  task.tracedCall = null;
  const isBroken = result === -Errno.EINTR && task.signals.actionable;
  const line = decodeCall(kernel, task, entry, texts, result);
  trace.write(
    task.process,
    task.id,
    isBroken ? line.replace(/= -1 .*$/, '= ? ERESTARTSYS (a signal comes first)') : line,
  );
  return result;
}
