// Who a process is: ids, groups, sessions, credentials, limits, prctl, umask.

import { Errno } from '../../abi/errno.ts';
import { LAST_SIGNAL } from '../../abi/signal.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import { type Process, RESOURCE_LIMITS } from '../process/process.ts';
import type { Task } from '../process/task.ts';
import { freeRow as row, type SystemCallArguments, type SystemCallEntry } from './handler.ts';

function targetOf(kernel: Kernel, task: Task, id: number): Process | null {
  return id === 0 ? task.process : kernel.processes.find(id);
}

function setpgid(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const process = targetOf(kernel, task, a.int(0));
  if (a.int(1) < 0) return -Errno.EINVAL;
  if (process === null || (process !== task.process && process.parent !== task.process)) return -Errno.ESRCH;
  const group = a.int(1) === 0 ? process.id : a.int(1);
  if (process.session === process.id || process.session !== task.process.session) return -Errno.EPERM;
  if (process !== task.process && process.hasExecuted) return -Errno.EACCES;
  if (group !== process.id && !kernel.processes.group(group).some((member) => member.session === process.session))
    return -Errno.EPERM;
  process.group = group;
  return 0;
}

function setsid(kernel: Kernel, task: Task): number {
  const { process } = task;
  if (process.group === process.id || kernel.processes.group(process.id).length > 0) return -Errno.EPERM;
  process.session = process.id;
  process.group = process.id;
  process.controllingTerminal = null;
  return process.id;
}

/** There is no setuid: an id can be set to what it is, or dropped by user 0. */
function setUser(task: Task, ids: readonly number[]): number {
  const { process } = task;
  const own = process.credentials.userId;
  const wanted = ids.filter((id) => id !== -1);
  if (wanted.every((id) => id === own)) return 0;
  if (own !== 0 || new Set(wanted).size > 1) return -Errno.EPERM;
  if (wanted[0] < 0) return -Errno.EINVAL;
  process.credentials = { ...process.credentials, userId: wanted[0] };
  return 0;
}
function setGroup(task: Task, ids: readonly number[]): number {
  const { process } = task;
  const wanted = ids.filter((id) => id !== -1);
  if (wanted.every((id) => id === process.credentials.groupId)) return 0;
  if (process.credentials.userId !== 0 || new Set(wanted).size > 1) return -Errno.EPERM;
  if (wanted[0] < 0) return -Errno.EINVAL;
  process.credentials = { ...process.credentials, groupId: wanted[0] };
  return 0;
}

function writeThree(kernel: Kernel, task: Task, a: SystemCallArguments, value: number): number {
  for (let n = 0; n < 3; n++) {
    const result = kernel.userMemory.writeWord32(task, a.unsigned(n), value);
    if (result !== 0) return result;
  }
  return 0;
}

function getgroups(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const groups = task.process.credentials.supplementaryGroups;
  if (a.int(0) < 0 || (a.int(0) > 0 && a.int(0) < groups.length)) return -Errno.EINVAL;
  if (a.int(0) === 0) return groups.length;
  for (const [index, group] of groups.entries()) {
    const result = kernel.userMemory.writeWord32(task, a.unsigned(1) + index * 4, group);
    if (result !== 0) return result;
  }
  return groups.length;
}

const limitBytes = new Uint8Array(16);
const limitView = new DataView(limitBytes.buffer);
const putLimit = (at: number, value: number): void =>
  limitView.setBigUint64(at, value === Infinity ? 0xffff_ffff_ffff_ffffn : BigInt(Math.floor(value)), true);
const getLimit = (at: number): number => {
  const value = limitView.getBigUint64(at, true);
  return value >= 1n << 53n ? Infinity : Number(value);
};

function limits(kernel: Kernel, task: Task, process: Process, resource: number, next: number, old: number): number {
  if (resource < 0 || resource >= RESOURCE_LIMITS) return -Errno.EINVAL;
  const current = process.limits[resource];
  let change: { soft: number; hard: number } | null = null;
  if (next !== 0) {
    const result = kernel.userMemory.copyIn(task, next, limitBytes);
    if (result !== 0) return result;
    change = { soft: getLimit(0), hard: getLimit(8) };
    if (change.soft > change.hard) return -Errno.EINVAL;
    if (change.hard > current.hard && task.process.credentials.userId !== 0) return -Errno.EPERM;
  }
  if (old !== 0) {
    putLimit(0, current.soft);
    putLimit(8, current.hard);
    const result = kernel.userMemory.copyOut(task, old, limitBytes);
    if (result !== 0) return result;
  }
  if (change !== null) process.limits[resource] = change;
  return 0;
}

const DEFAULT_TIMER_SLACK = 50_000;

const Prctl = {
  setParentDeathSignal: 1,
  getParentDeathSignal: 2,
  getDumpable: 3,
  setDumpable: 4,
  setName: 15,
  getName: 16,
  getKeepCapabilities: 7,
  getTiming: 13,
  getSecureComputing: 21,
  setTimerSlack: 29,
  getTimerSlack: 30,
  setSubreaper: 36,
  getSubreaper: 37,
  setNoNewPrivileges: 38,
  getNoNewPrivileges: 39,
  getThreadAddress: 40,
  getHugePagesDisabled: 42,
} as const;

function prctl(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const { process } = task;
  const argument = a.unsigned(1);
  switch (a.int(0)) {
    case Prctl.setParentDeathSignal:
      if (argument > LAST_SIGNAL) return -Errno.EINVAL;
      process.parentDeathSignal = argument;
      return 0;
    case Prctl.getParentDeathSignal:
      return kernel.userMemory.writeWord32(task, argument, process.parentDeathSignal);
    case Prctl.getDumpable:
      return process.dumpable;
    case Prctl.setDumpable:
      if (argument > 1) return -Errno.EINVAL;
      process.dumpable = argument;
      return 0;
    case Prctl.setName: {
      const bytes = new Uint8Array(16);
      const result = kernel.userMemory.copyIn(task, argument, bytes);
      if (result !== 0) return result;
      const end = bytes.indexOf(0);
      task.name = new TextDecoder().decode(bytes.subarray(0, end < 0 ? 15 : Math.min(end, 15)));
      return 0;
    }
    case Prctl.getName: {
      const bytes = new Uint8Array(16);
      bytes.set(new TextEncoder().encode(task.name).subarray(0, 15));
      return kernel.userMemory.copyOut(task, argument, bytes);
    }
    case Prctl.setNoNewPrivileges:
      if (argument !== 1) return -Errno.EINVAL;
      process.noNewPrivileges = 1;
      return 0;
    case Prctl.getNoNewPrivileges:
      return process.noNewPrivileges;
    case Prctl.setTimerSlack:
      // 0 = back to what it was at the start.
      process.timerSlackNanos = argument === 0 ? DEFAULT_TIMER_SLACK : argument;
      return 0;
    case Prctl.getTimerSlack:
      return process.timerSlackNanos;
    case Prctl.setSubreaper:
      process.isSubreaper = argument !== 0;
      return 0;
    case Prctl.getSubreaper:
      return kernel.userMemory.writeWord32(task, argument, process.isSubreaper ? 1 : 0);
    case Prctl.getThreadAddress:
      return kernel.userMemory.writeWord64(task, argument, task.clearChildTid);
    // None of these exists here: rights are not kept by exec, timing is statistical, nothing filters calls, pages have one size.
    case Prctl.getKeepCapabilities:
    case Prctl.getTiming:
    case Prctl.getSecureComputing:
    case Prctl.getHugePagesDisabled:
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

/** linux/capability.h: how many 32-bit words each version has. */
const capabilityWords: ReadonlyMap<number, number> = new Map([
  [0x1998_0330, 1],
  [0x2007_1026, 2],
  [0x2008_0522, 2],
]);
const CAPABILITY_VERSION = 0x2008_0522;
/** Bits of CAP_LAST_CAP = 40 in each word: what user 0 may do; all others have none. */
const ALL_CAPABILITIES = [0xffff_ffff, 0x1ff] as const;

/** The process and the count of words that a header { version, pid } names; { result } ends the call. */
function readCapabilityHeader(
  kernel: Kernel,
  task: Task,
  a: SystemCallArguments,
): { readonly process: Process; readonly words: number } | { readonly result: number } {
  const header = new Int32Array(2);
  for (const n of [0, 1]) {
    const status = kernel.userMemory.readWord32(task, a.unsigned(0) + 4 * n, header, n);
    if (status !== 0) return { result: status };
  }
  const words = capabilityWords.get(header[0] >>> 0);
  if (words === undefined) {
    // The version that is known best is told; without room for data that is all that was asked.
    const status = kernel.userMemory.writeWord32(task, a.unsigned(0), CAPABILITY_VERSION);
    return { result: status !== 0 ? status : a.unsigned(1) === 0 ? 0 : -Errno.EINVAL };
  }
  if (header[1] < 0) return { result: -Errno.EINVAL };
  const process = header[1] === 0 ? task.process : (kernel.processes.findTask(header[1])?.process ?? null);
  return process === null ? { result: -Errno.ESRCH } : { process, words };
}
const capabilityOf = (process: Process, word: number): number =>
  process.credentials.userId === 0 ? ALL_CAPABILITIES[word] : 0;

/** Linux' capabilities follow from the user here; the rights of EuroOS are another thing (euroos_capability_get). */
function capget(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const header = readCapabilityHeader(kernel, task, a);
  if ('result' in header) return header.result;
  const data = new Uint32Array(3 * header.words);
  for (let word = 0; word < header.words; word++) {
    const all = capabilityOf(header.process, word);
    data.set([all, all, 0], 3 * word);
  }
  return kernel.userMemory.copyOut(task, a.unsigned(1), new Uint8Array(data.buffer));
}
/** They can be set to what they are. */
function capset(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const header = readCapabilityHeader(kernel, task, a);
  if ('result' in header) return header.result;
  if (header.process !== task.process) return -Errno.EPERM;
  const bytes = new Uint8Array(12 * header.words);
  const status = kernel.userMemory.copyIn(task, a.unsigned(1), bytes);
  if (status !== 0) return status;
  const data = new Uint32Array(bytes.buffer);
  for (let word = 0; word < header.words; word++) {
    const all = capabilityOf(task.process, word);
    const [effective, permitted, inheritable] = data.subarray(3 * word);
    if (effective !== all || permitted !== all || inheritable !== 0) return -Errno.EPERM;
  }
  return 0;
}

const none: SystemCallEntry['arguments'] = [];
const userId = (_kernel: Kernel, task: Task): number => task.process.credentials.userId;
const groupId = (_kernel: Kernel, task: Task): number => task.process.credentials.groupId;
const pid = [['pid', 'int']] as const;
const three = [
  ['real', 'int'],
  ['effective', 'int'],
  ['saved', 'int'],
] as const;
const threePointers = [
  ['real', 'pointer'],
  ['effective', 'pointer'],
  ['saved', 'pointer'],
] as const;

export const identityCalls: readonly SystemCallEntry[] = [
  row(SystemCall.getpid, 'getpid', none, (_kernel, task) => task.process.id),
  row(SystemCall.gettid, 'gettid', none, (_kernel, task) => task.id),
  row(SystemCall.getppid, 'getppid', none, (_kernel, task) => task.process.parent?.id ?? 0),
  row(SystemCall.getuid, 'getuid', none, userId),
  row(SystemCall.geteuid, 'geteuid', none, userId),
  row(SystemCall.getgid, 'getgid', none, groupId),
  row(SystemCall.getegid, 'getegid', none, groupId),
  row(SystemCall.getresuid, 'getresuid', threePointers, (kernel, task, a) =>
    writeThree(kernel, task, a, userId(kernel, task)),
  ),
  row(SystemCall.getresgid, 'getresgid', threePointers, (kernel, task, a) =>
    writeThree(kernel, task, a, groupId(kernel, task)),
  ),
  row(
    SystemCall.getgroups,
    'getgroups',
    [
      ['size', 'int'],
      ['list', 'pointer'],
    ],
    getgroups,
  ),
  row(
    SystemCall.setgroups,
    'setgroups',
    [
      ['size', 'size'],
      ['list', 'pointer'],
    ],
    () => -Errno.EPERM,
  ),
  row(SystemCall.setuid, 'setuid', [['user', 'int']], (_kernel, task, a) => setUser(task, [a.int(0)])),
  row(SystemCall.setgid, 'setgid', [['group', 'int']], (_kernel, task, a) => setGroup(task, [a.int(0)])),
  row(
    SystemCall.setreuid,
    'setreuid',
    [
      ['real', 'int'],
      ['effective', 'int'],
    ],
    (_kernel, task, a) => setUser(task, [a.int(0), a.int(1)]),
  ),
  row(
    SystemCall.setregid,
    'setregid',
    [
      ['real', 'int'],
      ['effective', 'int'],
    ],
    (_kernel, task, a) => setGroup(task, [a.int(0), a.int(1)]),
  ),
  row(SystemCall.setresuid, 'setresuid', three, (_kernel, task, a) => setUser(task, [a.int(0), a.int(1), a.int(2)])),
  row(SystemCall.setresgid, 'setresgid', three, (_kernel, task, a) => setGroup(task, [a.int(0), a.int(1), a.int(2)])),
  row(
    SystemCall.setpgid,
    'setpgid',
    [
      ['pid', 'int'],
      ['group', 'int'],
    ],
    setpgid,
  ),
  row(SystemCall.getpgid, 'getpgid', pid, (kernel, task, a) => targetOf(kernel, task, a.int(0))?.group ?? -Errno.ESRCH),
  row(SystemCall.getpgrp, 'getpgrp', none, (_kernel, task) => task.process.group),
  row(SystemCall.setsid, 'setsid', none, setsid),
  row(SystemCall.getsid, 'getsid', pid, (kernel, task, a) => targetOf(kernel, task, a.int(0))?.session ?? -Errno.ESRCH),
  row(
    SystemCall.umask,
    'umask',
    [['mask', 'int']],
    (_kernel, task, a) => task.process.files?.setFileModeMask(a.int(0) & 0o777) ?? 0o22,
  ),
  row(
    SystemCall.getrlimit,
    'getrlimit',
    [
      ['resource', 'int'],
      ['limit', 'pointer'],
    ],
    (kernel, task, a) => limits(kernel, task, task.process, a.int(0), 0, a.unsigned(1)),
  ),
  row(
    SystemCall.setrlimit,
    'setrlimit',
    [
      ['resource', 'int'],
      ['limit', 'pointer'],
    ],
    (kernel, task, a) => limits(kernel, task, task.process, a.int(0), a.unsigned(1), 0),
  ),
  row(
    SystemCall.prlimit64,
    'prlimit64',
    [
      ['pid', 'int'],
      ['resource', 'int'],
      ['new', 'pointer'],
      ['old', 'pointer'],
    ],
    (kernel, task, a) => {
      const process = targetOf(kernel, task, a.int(0));
      if (process === null) return -Errno.ESRCH;
      if (
        process !== task.process &&
        process.credentials.userId !== task.process.credentials.userId &&
        task.process.credentials.userId !== 0
      )
        return -Errno.EPERM;
      return limits(kernel, task, process, a.int(1), a.unsigned(2), a.unsigned(3));
    },
  ),
  row(
    SystemCall.prctl,
    'prctl',
    [
      ['option', 'int'],
      ['argument2', 'pointer'],
    ],
    prctl,
  ),
  row(SystemCall.setfsuid, 'setfsuid', [['user', 'int']], userId),
  row(SystemCall.setfsgid, 'setfsgid', [['group', 'int']], groupId),
  row(
    SystemCall.capget,
    'capget',
    [
      ['header', 'pointer'],
      ['data', 'pointer'],
    ],
    capget,
  ),
  row(
    SystemCall.capset,
    'capset',
    [
      ['header', 'pointer'],
      ['data', 'pointer'],
    ],
    capset,
  ),
  row(SystemCall.personality, 'personality', [['persona', 'uint']], (_kernel, _task, a) =>
    a.uint(0) === 0xffff_ffff || a.uint(0) === 0 ? 0 : -Errno.EINVAL,
  ),
];
