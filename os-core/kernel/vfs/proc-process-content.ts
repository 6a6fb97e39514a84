// The texts of /proc/PID and /proc/PID/task/TID, in the form that Linux programs read (proc(5)).

import { LAST_SIGNAL, SIG_DFL, SIG_IGN } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import type { Area } from '../memory/area.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { entryFrame, forEachPresent, PageFlag } from '../memory/page-tables.ts';
import { type Process, ResourceLimit } from '../process/process.ts';
import { bitOfSignal } from '../process/signal-state.ts';
import { type Task, TaskState } from '../process/task.ts';
import { TICK_HERTZ } from '../scheduler/scheduler.ts';
import { processCpuTime, threadCpuTime } from '../time/cpu-time.ts';
import { VSYSCALL_LINE } from '../traps/vsyscall.ts';
import { FileTable } from './file-table.ts';
import { kibibytes, mounts } from './proc-content.ts';
import { Vfs } from './vfs.ts';

const hexadecimal = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function stateLetter(process: Process, thread: Task | null): string {
  if (process.state !== 'alive') return 'Z';
  const states = (thread === null ? [...process.tasks] : [thread]).map((task) => task.state);
  if (states.includes(TaskState.runnable)) return 'R';
  return states.length > 0 && states.every((state) => state === TaskState.stopped) ? 'T' : 'S';
}
function nameOf(process: Process, thread: Task | null = null): string {
  const first = thread ?? [...process.tasks][0];
  return first?.name ?? process.executablePath.split('/').pop() ?? '';
}
/** Programs choose their names and paths: as in Linux, no line break of theirs may start a line of ours. */
function escapeLine(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
/** CPU time in clock ticks (USER_HZ, sysconf(_SC_CLK_TCK)). */
const ticks = (nanos: number): number => Math.floor((nanos / 1e9) * TICK_HERTZ);

/** What drivers put into Process.controllingTerminal, as far as /proc shows it. */
interface ShownTerminal {
  readonly deviceNumber: number;
  readonly foreground: number;
}
function terminalOf({ controllingTerminal: terminal }: Process): ShownTerminal | null {
  return terminal !== null && 'deviceNumber' in terminal ? (terminal as ShownTerminal) : null;
}

/** 52 fields (proc(5), /proc/pid/stat); what does not exist here is 0. */
function processStat(kernel: Kernel, process: Process, thread: Task | null = null): string {
  const fields: (string | number)[] = new Array<number>(52).fill(0);
  fields[0] = thread?.id ?? process.id;
  fields[1] = `(${nameOf(process, thread).slice(0, 15)})`;
  fields[2] = stateLetter(process, thread);
  fields[3] = process.parent?.id ?? 0;
  fields[4] = process.group;
  fields[5] = process.session;
  const terminal = terminalOf(process);
  fields[6] = terminal?.deviceNumber ?? 0;
  fields[7] = terminal === null || terminal.foreground === 0 ? -1 : terminal.foreground;
  fields[9] = process.minorFaults;
  const own = thread === null ? processCpuTime(kernel, process) : threadCpuTime(kernel, thread);
  const children = process.childrenCpuTime;
  for (const [i, nanos] of [own.user, own.system, children.user, children.system].entries())
    fields[13 + i] = ticks(nanos);
  fields[17] = 20 + process.niceness;
  fields[18] = process.niceness;
  fields[19] = process.tasks.size;
  fields[21] = Math.floor((process.startedNanos / 1e9) * TICK_HERTZ);
  fields[22] = process.addressSpace?.mappedBytes ?? 0;
  fields[23] = process.addressSpace?.residentPages ?? 0;
  fields[24] = '18446744073709551615';
  fields[37] = process.exitSignal;
  return `${fields.join(' ')}\n`;
}

const STATE_NAMES: Readonly<Record<string, string>> = { R: 'running', S: 'sleeping', T: 'stopped', Z: 'zombie' };

/** A set of signals as 16 hexadecimal digits. */
const signalSet = (mask: bigint): string => mask.toString(16).padStart(16, '0');
function signalRows(process: Process, thread: Task | null): [string, string][] {
  const shown = thread ?? [...process.tasks][0] ?? null;
  let ignored = 0n;
  let caught = 0n;
  for (let number = 1; number <= LAST_SIGNAL; number++) {
    const { handler } = process.signals.actions[number];
    if (handler === SIG_IGN) ignored |= bitOfSignal(number);
    else if (handler !== SIG_DFL) caught |= bitOfSignal(number);
  }
  return [
    ['SigPnd', signalSet(shown?.signals.pending.mask ?? 0n)],
    ['ShdPnd', signalSet(process.signals.pending.mask)],
    ['SigBlk', signalSet(shown?.signals.blocked ?? 0n)],
    ['SigIgn', signalSet(ignored)],
    ['SigCgt', signalSet(caught)],
  ];
}

function processStatus(_kernel: Kernel, process: Process, thread: Task | null = null): string {
  const { credentials, files } = process;
  const letter = stateLetter(process, thread);
  const four = (id: number): string => `${id}\t${id}\t${id}\t${id}`;
  const size = (kibi: number): string => `${String(kibi).padStart(8)} kB`;
  const resident = kibibytes(process.addressSpace?.residentPages ?? 0);
  const rows: [string, string][] = [
    ['Name', escapeLine(nameOf(process, thread).slice(0, 15))],
    ['Umask', (files instanceof FileTable ? files.mask : 0).toString(8).padStart(4, '0')],
    ['State', `${letter} (${STATE_NAMES[letter]})`],
    ['Tgid', `${process.id}`],
    ['Ngid', '0'],
    ['Pid', `${thread?.id ?? process.id}`],
    ['PPid', `${process.parent?.id ?? 0}`],
    ['TracerPid', '0'],
    ['Uid', four(credentials.userId)],
    ['Gid', four(credentials.groupId)],
    ['FDSize', `${process.limits[ResourceLimit.openFiles].soft === Infinity ? 65536 : 64}`],
    ['Groups', credentials.supplementaryGroups.join(' ')],
    ['VmSize', size((process.addressSpace?.mappedBytes ?? 0) / 1024)],
    ['VmLck', size((process.addressSpace?.lockedBytes ?? 0) / 1024)],
    ['VmRSS', size(resident)],
    ['VmData', size((process.addressSpace?.dataBytes ?? 0) / 1024)],
    ['VmStk', size(labelledBytes(process, '[stack]') / 1024)],
    ['VmSwap', size(0)],
    ['Threads', `${process.tasks.size}`],
    ...signalRows(process, thread),
    ['NoNewPrivs', `${process.noNewPrivileges}`],
    ['Seccomp', '0'],
    ['Cpus_allowed', '1'],
    ['Cpus_allowed_list', '0'],
    ['Mems_allowed_list', '0'],
    ['Rights', `0x${process.capabilities.toString(16)}`],
    ['VerifiedBy', process.verifiedBy],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

function labelledBytes(process: Process, label: string): number {
  const areas = process.addressSpace?.list() ?? [];
  return areas.reduce((sum, area) => (area.label === label ? sum + area.end - area.start : sum), 0);
}

/** Pages: size, resident, shared, text, libraries, data, dirty (proc(5), /proc/pid/statm). */
function processStatm(_kernel: Kernel, process: Process): string {
  const size = Math.ceil((process.addressSpace?.mappedBytes ?? 0) / FRAME_BYTES);
  return `${size} ${process.addressSpace?.residentPages ?? 0} 0 0 0 ${size} 0\n`;
}

/** One line for each mount: id, parent, device, root, place, options, separator, kind, source, its options (proc(5)). */
function mountInformation(kernel: Kernel): string {
  const { mounts: list } = Vfs.of(kernel);
  return list
    .map((mount, i) => {
      const { fileSystem, covered, path, source } = mount;
      const parent = covered === null ? 0 : list.indexOf(covered.mount) + 1;
      const access = fileSystem.readOnly ? 'ro' : 'rw';
      return `${i + 1} ${parent} 0:${fileSystem.deviceNumber} / ${path} ${access},noatime - ${fileSystem.typeName} ${source} ${access}\n`;
    })
    .join('');
}

function mapsLine(area: Area): string {
  const right = (bit: number, letter: string): string => ((area.protection & bit) !== 0 ? letter : '-');
  const rights = `${right(1, 'r')}${right(2, 'w')}${right(4, 'x')}${area.isShared ? 's' : 'p'}`;
  const range = `${hexadecimal(area.start, 8)}-${hexadecimal(area.end, 8)}`;
  const head = `${range} ${rights} ${hexadecimal(area.backing.fileOffset, 8)} 00:00 0`;
  const name = escapeLine(area.backing.file?.path ?? area.label);
  return name === '' ? `${head} \n` : `${head.padEnd(73)}${name}\n`;
}
const processMaps = (_kernel: Kernel, process: Process): string =>
  process.addressSpace === null ? '' : process.addressSpace.list().map(mapsLine).join('') + VSYSCALL_LINE;

/** /proc/PID/smaps: for each area what of it is in memory. A page that others hold, too, is shared, and counts in parts for Pss. */
function processPages(kernel: Kernel, process: Process): string {
  const space = process.addressSpace;
  if (space === null) return '';
  const { memory } = kernel.machine;
  return space
    .list()
    .map((area) => {
      let [resident, proportional, referenced] = [0, 0, 0];
      const counts = { sharedClean: 0, sharedDirty: 0, privateClean: 0, privateDirty: 0 };
      forEachPresent(memory, space.root, area.start, area.end, (entry) => {
        const low = memory.read32(entry);
        const users = kernel.frames.users(entryFrame(low));
        const isDirty = (low & PageFlag.dirty) !== 0;
        resident++;
        proportional += 1 / Math.max(1, users);
        if ((low & PageFlag.accessed) !== 0) referenced++;
        if (users > 1) counts[isDirty ? 'sharedDirty' : 'sharedClean']++;
        else counts[isDirty ? 'privateDirty' : 'privateClean']++;
      });
      const rows: [string, number][] = [
        ['Size', (area.end - area.start) / 1024],
        ['KernelPageSize', FRAME_BYTES / 1024],
        ['MMUPageSize', FRAME_BYTES / 1024],
        ['Rss', kibibytes(resident)],
        ['Pss', Math.floor(kibibytes(proportional))],
        ['Shared_Clean', kibibytes(counts.sharedClean)],
        ['Shared_Dirty', kibibytes(counts.sharedDirty)],
        ['Private_Clean', kibibytes(counts.privateClean)],
        ['Private_Dirty', kibibytes(counts.privateDirty)],
        ['Referenced', kibibytes(referenced)],
        ['Swap', 0],
        ['Locked', area.locked ? kibibytes(resident) : 0],
      ];
      return (
        mapsLine(area) +
        rows.map(([name, value]) => `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`).join('')
      );
    })
    .join('');
}

const LIMIT_NAMES: readonly (readonly [name: string, unit: string])[] = [
  ['Max cpu time', 'seconds'],
  ['Max file size', 'bytes'],
  ['Max data size', 'bytes'],
  ['Max stack size', 'bytes'],
  ['Max core file size', 'bytes'],
  ['Max resident set', 'bytes'],
  ['Max processes', 'processes'],
  ['Max open files', 'files'],
  ['Max locked memory', 'bytes'],
  ['Max address space', 'bytes'],
  ['Max file locks', 'locks'],
  ['Max pending signals', 'signals'],
  ['Max msgqueue size', 'bytes'],
  ['Max nice priority', ''],
  ['Max realtime priority', ''],
  ['Max realtime timeout', 'us'],
];
function processLimits(_kernel: Kernel, process: Process): string {
  const shown = (value: number): string => (value === Infinity ? 'unlimited' : String(value));
  const lines = LIMIT_NAMES.map(([name, unit], resource) => {
    const { soft, hard } = process.limits[resource];
    return `${name.padEnd(26)}${shown(soft).padEnd(21)}${shown(hard).padEnd(21)}${unit.padEnd(10)}\n`;
  });
  return `${'Limit'.padEnd(26)}${'Soft Limit'.padEnd(21)}${'Hard Limit'.padEnd(21)}${'Units'.padEnd(10)}\n${lines.join('')}`;
}

const terminated = (texts: readonly string[]): string => texts.map((text) => `${text}\0`).join('');

export interface ProcessText {
  readonly name: string;
  /** Only its own user (and user 0) may read it. */
  readonly isPrivate: boolean;
  readonly text: (kernel: Kernel, process: Process) => string | Uint8Array;
}
/** Files in /proc/PID. */
export const processTexts: readonly ProcessText[] = [
  { name: 'stat', isPrivate: false, text: (kernel, process) => processStat(kernel, process) },
  { name: 'status', isPrivate: false, text: (kernel, process) => processStatus(kernel, process) },
  { name: 'cmdline', isPrivate: false, text: (_kernel, process) => terminated(process.arguments) },
  {
    name: 'why',
    isPrivate: true,
    text: (_kernel, process) => (process.lastRefusal === '' ? '' : `${process.lastRefusal}\n`),
  },
  { name: 'comm', isPrivate: false, text: (_kernel, process) => `${nameOf(process).slice(0, 15)}\n` },
  { name: 'maps', isPrivate: true, text: processMaps },
  { name: 'smaps', isPrivate: true, text: processPages },
  { name: 'environ', isPrivate: true, text: (_kernel, process) => terminated(process.environment) },
  { name: 'limits', isPrivate: false, text: processLimits },
  { name: 'statm', isPrivate: false, text: processStatm },
  { name: 'mounts', isPrivate: false, text: mounts },
  { name: 'mountinfo', isPrivate: false, text: mountInformation },
  {
    name: 'auxv',
    isPrivate: true,
    text: (_kernel, process) => process.addressSpace?.auxiliary ?? '',
  },
  { name: 'cgroup', isPrivate: false, text: () => '0::/\n' },
];

/** Files in /proc/PID/task/TID. */
export const threadTexts: readonly {
  readonly name: string;
  readonly text: (kernel: Kernel, process: Process, thread: Task) => string;
}[] = [
  { name: 'stat', text: processStat },
  { name: 'status', text: processStatus },
  { name: 'comm', text: (_kernel, process, thread) => `${nameOf(process, thread).slice(0, 15)}\n` },
];
