// EuroOS' own calls, from 0x4000_0000 up (os-core/abi/system-call-numbers.ts).

import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING, type SystemCallArguments, type SystemCallEntry } from './handler.ts';

const encoder = new TextEncoder();

/** Copies text into (buffer, size); the count of bytes copied. */
function copyText(kernel: Kernel, task: Task, a: SystemCallArguments, text: string): number {
  const bytes = encoder.encode(text);
  const length = Math.min(bytes.length, a.unsigned(1));
  const result = kernel.userMemory.copyOut(task, a.unsigned(0), bytes, 0, length);
  return result !== 0 ? result : length;
}

function readLog(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const lines = kernel.state.log
    .entries()
    .map(({ nanos, text }) => `[${(nanos / 1e9).toFixed(6).padStart(12)}] ${text}\n`);
  // The newest lines when not all fit.
  let size = 0;
  let first = lines.length;
  while (first > 0 && size + lines[first - 1].length <= a.unsigned(1)) size += lines[--first].length;
  return copyText(kernel, task, a, lines.slice(first).join(''));
}

function power(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  if (task.process.credentials.userId !== 0 && task.process.id !== 1) return -Errno.EPERM;
  const off = a.int(0) === 0;
  if (!off && a.int(0) !== 1) return -Errno.EINVAL;
  // The last of what programs wrote may wait for a slow reader at the host. A second press of the power button does not wait for it.
  const output = task.signalPending ? null : (kernel.state.powerDevice?.outputWaits() ?? null);
  if (output !== null) {
    task.waitOn(output);
    return PENDING;
  }
  if (off) kernel.powerOff();
  else kernel.reset();
  return 0;
}

const text: SystemCallEntry['arguments'] = [
  ['buffer', 'pointer'],
  ['size', 'size'],
];

export const euroosCalls: readonly SystemCallEntry[] = [
  {
    number: SystemCall.euroos_capability_drop,
    name: 'euroos_capability_drop',
    capability: 0,
    arguments: [['mask', 'uint']],
    handler: (_kernel, task, a) => {
      task.process.dropCapabilities(a.uint(0));
      return task.process.capabilities;
    },
  },
  {
    number: SystemCall.euroos_capability_get,
    name: 'euroos_capability_get',
    capability: 0,
    arguments: [],
    handler: (_kernel, task) => task.process.capabilities,
  },
  {
    number: SystemCall.euroos_why,
    name: 'euroos_why',
    capability: 0,
    arguments: text,
    handler: (kernel, task, a) => copyText(kernel, task, a, task.process.lastRefusal),
  },
  {
    number: SystemCall.euroos_power,
    name: 'euroos_power',
    capability: 0,
    arguments: [['action', 'int']],
    handler: power,
  },
  {
    number: SystemCall.euroos_log,
    name: 'euroos_log',
    capability: Capability.processInfo,
    arguments: text,
    handler: readLog,
  },
];
