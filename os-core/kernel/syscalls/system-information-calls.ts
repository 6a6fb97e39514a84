// What a program may know of the machine: uname, sysinfo, getrandom, getcpu, membarrier.

import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import type { Task } from '../process/task.ts';
import { FIXED_ONE } from '../scheduler/load-average.ts';
import type { SystemCallArguments, SystemCallEntry } from './handler.ts';

const FIELD_BYTES = 65;
/** At most this much per call, as Linux interrupts longer requests too. */
const MAX_RANDOM_BYTES = 256 * 1024;
/** GRND_RANDOM, GRND_INSECURE */
const RANDOM_OR_INSECURE = 2 | 4;
const encoder = new TextEncoder();

/** The release says which Linux ABI is meant; programs compare it. */
const identity = {
  system: 'Linux',
  release: '6.1.0-euroos',
  version: 'EuroOS Workstation',
  machine: 'x86_64',
} as const;

function uname(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const bytes = new Uint8Array(6 * FIELD_BYTES);
  const fields = [
    identity.system,
    kernel.state.hostName,
    identity.release,
    identity.version,
    identity.machine,
    '(none)',
  ];
  for (const [index, text] of fields.entries())
    bytes.set(encoder.encode(text).subarray(0, FIELD_BYTES - 1), index * FIELD_BYTES);
  return kernel.userMemory.copyOut(task, a.unsigned(0), bytes);
}

/** struct sysinfo, 112 bytes. */
function sysinfo(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const bytes = new Uint8Array(112);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  };
  put(0, Math.floor(kernel.nowNanos() / 1e9));
  // Loads are fixed-point numbers with 16 bits of fraction here.
  const { scheduler } = kernel;
  scheduler.load.update(kernel.nowNanos(), scheduler.runnableCount);
  for (const [i, load] of scheduler.load.values.entries()) put(8 + 8 * i, (load * 65536) / FIXED_ONE);
  put(32, kernel.frames.usableFrames * FRAME_BYTES);
  put(40, kernel.frames.freeFrames * FRAME_BYTES);
  view.setUint16(80, Math.min(0xffff, kernel.processes.tasks.size), true);
  view.setUint32(104, 1, true);
  return kernel.userMemory.copyOut(task, a.unsigned(0), bytes);
}

function getrandom(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(2);
  // The pool is filled before any program runs: nothing waits, and none is insecure; asking for both is a mistake.
  if ((flags & ~7) !== 0 || (flags & RANDOM_OR_INSECURE) === RANDOM_OR_INSECURE) return -Errno.EINVAL;
  const length = Math.min(a.unsigned(1), MAX_RANDOM_BYTES);
  const prepared = kernel.userMemory.prepare(task, a.unsigned(0), length, true);
  if (prepared !== 0) return prepared;
  const bytes = new Uint8Array(length);
  kernel.random.fill(bytes);
  const result = kernel.userMemory.copyOut(task, a.unsigned(0), bytes);
  return result !== 0 ? result : length;
}

function getcpu(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  for (const n of [0, 1]) {
    if (a.unsigned(n) === 0) continue;
    const result = kernel.userMemory.writeWord32(task, a.unsigned(n), 0);
    if (result !== 0) return result;
  }
  return 0;
}

/** membarrier(2): commands, and the one that must have been given before each. */
const Membarrier = {
  query: 0,
  global: 1,
  globalExpedited: 2,
  registerGlobal: 4,
  private: 8,
  registerPrivate: 16,
  privateSyncCore: 32,
  registerSyncCore: 64,
  getRegistrations: 512,
} as const;
const registrationFor: ReadonlyMap<number, number> = new Map([
  [Membarrier.private, Membarrier.registerPrivate],
  [Membarrier.privateSyncCore, Membarrier.registerSyncCore],
]);
const registrations: readonly number[] = [
  Membarrier.registerGlobal,
  Membarrier.registerPrivate,
  Membarrier.registerSyncCore,
];

/** One CPU: every barrier holds already. */
function membarrier(_kernel: Kernel, { process }: Task, a: SystemCallArguments): number {
  const command = a.int(0);
  if (a.uint(1) !== 0) return -Errno.EINVAL;
  if (command === Membarrier.query) return Object.values(Membarrier).reduce((all: number, bit) => all | bit, 0);
  if (command === Membarrier.getRegistrations) return process.barriersRegistered;
  if (registrations.includes(command)) {
    process.barriersRegistered |= command;
    return 0;
  }
  if (command === Membarrier.global || command === Membarrier.globalExpedited) return 0;
  const needed = registrationFor.get(command);
  if (needed === undefined) return -Errno.EINVAL;
  return (process.barriersRegistered & needed) !== 0 ? 0 : -Errno.EPERM;
}

export const systemInformationCalls: readonly SystemCallEntry[] = [
  { number: SystemCall.uname, name: 'uname', capability: 0, arguments: [['buffer', 'pointer']], handler: uname },
  {
    number: SystemCall.sysinfo,
    name: 'sysinfo',
    capability: Capability.processInfo,
    arguments: [['buffer', 'pointer']],
    handler: sysinfo,
  },
  {
    number: SystemCall.getrandom,
    name: 'getrandom',
    capability: 0,
    arguments: [
      ['buffer', 'pointer'],
      ['size', 'size'],
      ['flags', 'flags'],
    ],
    handler: getrandom,
  },
  {
    number: SystemCall.getcpu,
    name: 'getcpu',
    capability: 0,
    arguments: [
      ['cpu', 'pointer'],
      ['node', 'pointer'],
    ],
    handler: getcpu,
  },
  {
    number: SystemCall.membarrier,
    name: 'membarrier',
    capability: 0,
    arguments: [
      ['command', 'int'],
      ['flags', 'flags'],
    ],
    handler: membarrier,
  },
];
