// The texts of /proc, made from kernel state in the form that Linux programs read (proc(5)).

import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { NetworkService } from '../network/service.ts';
import { type Process, ResourceLimit } from '../process/process.ts';
import { TaskState } from '../process/task.ts';
import { TICK_HERTZ } from '../scheduler/scheduler.ts';
import { Vfs } from './vfs.ts';

/** What uname calls the release; programs parse the leading numbers. */
export const OS_RELEASE = '6.1.0-euroos';

const kibibytes = (frames: number): number => (frames * FRAME_BYTES) / 1024;
const hexadecimal = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** Seconds with two decimals. */
const hundredths = (nanos: number): string => (Math.floor(nanos / 1e7) / 100).toFixed(2);

function cpuInfo(): string {
  const rows: [string, string][] = [
    ['processor', '0'],
    ['vendor_id', 'EuroOSVirtCP'],
    ['model name', 'EuroOS Virtual x86-64 CPU'],
    ['cpu cores', '1'],
    ['siblings', '1'],
    ['fpu', 'yes'],
    ['wp', 'yes'],
    ['flags', 'fpu tsc msr cx8 cmov mmx fxsr sse sse2 syscall nx lm smep smap'],
    ['address sizes', '40 bits physical, 48 bits virtual'],
  ];
  return `${rows.map(([name, value]) => `${name.padEnd(16)}: ${value}`).join('\n')}\n\n`;
}

function memoryInfo(kernel: Kernel): string {
  const { frames } = kernel;
  const free = kibibytes(frames.freeFrames);
  const rows: [string, number][] = [
    ['MemTotal', kibibytes(frames.usableFrames)],
    ['MemFree', free],
    ['MemAvailable', free],
    ['Buffers', 0],
    ['Cached', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
  ];
  return rows.map(([name, value]) => `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`).join('');
}

function machineStat(kernel: Kernel): string {
  const { scheduler, processes } = kernel;
  const busy = scheduler.ticks - scheduler.idleTicks;
  const cpu = `${busy} 0 0 ${scheduler.idleTicks} 0 0 0 0 0 0`;
  return (
    `cpu  ${cpu}\ncpu0 ${cpu}\nctxt ${scheduler.contextSwitches}\nbtime ${kernel.clock.powerOnUnixSeconds}\n` +
    `processes ${processes.created}\nprocs_running ${scheduler.runnableCount}\nprocs_blocked 0\n`
  );
}

function uptime(kernel: Kernel): string {
  const idle = (kernel.scheduler.idleTicks / TICK_HERTZ) * 1e9;
  return `${hundredths(kernel.nowNanos())} ${hundredths(idle)}\n`;
}

function mounts(kernel: Kernel): string {
  return Vfs.of(kernel)
    .mounts.map((mount) => {
      const access = mount.fileSystem.readOnly ? 'ro' : 'rw';
      return `${mount.source} ${mount.path} ${mount.fileSystem.typeName} ${access},noatime 0 0\n`;
    })
    .join('');
}

function loadAverage(kernel: Kernel): string {
  const { processes, scheduler } = kernel;
  return `0.00 0.00 0.00 ${scheduler.runnableCount}/${processes.tasks.size} ${Math.max(0, ...processes.tasks.keys())}\n`;
}

function kernelLog(kernel: Kernel): string {
  return kernel.state.log
    .entries()
    .map((line) => `[${(line.nanos / 1e9).toFixed(6).padStart(12)}] ${line.text}\n`)
    .join('');
}

export interface ProcText {
  readonly name: string;
  /** Reading it takes the right "process". */
  readonly tellsOfOthers?: boolean;
  readonly text: (kernel: Kernel) => string;
}
/** Files directly below /proc. */
export const rootTexts: readonly ProcText[] = [
  { name: 'cpuinfo', text: cpuInfo },
  { name: 'meminfo', text: memoryInfo },
  { name: 'stat', text: machineStat },
  { name: 'uptime', text: uptime },
  { name: 'version', text: () => `EuroOS version ${OS_RELEASE}\n` },
  { name: 'mounts', text: mounts },
  { name: 'loadavg', text: loadAverage },
  { name: 'kmsg', tellsOfOthers: true, text: kernelLog },
  { name: 'cmdline', text: (kernel) => `${kernel.state.boot.commandLine}\n` },
  { name: 'filesystems', text: () => '\teurofs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n' },
];
/** Files in /proc/sys/kernel. */
export const kernelTexts: readonly ProcText[] = [
  { name: 'osrelease', text: () => `${OS_RELEASE}\n` },
  { name: 'ostype', text: () => 'Linux\n' },
  { name: 'hostname', text: (kernel) => `${kernel.state.hostName}\n` },
  { name: 'version', text: () => '#1 EuroOS\n' },
  { name: 'pid_max', text: () => '32768\n' },
];

/** Counts since power-on, and of the processes that run now (none of which should be unverified). */
function security(kernel: Kernel): string {
  const { started, refused, denied } = kernel.state.security;
  let running = 0;
  let unverified = 0;
  for (const process of kernel.processes.processes.values()) {
    if (process.state !== 'alive' || process.executablePath === '' || process.id === 0) continue;
    running++;
    if (process.verifiedBy === '') unverified++;
  }
  const rows = { started, refused, denied, running, unverified };
  return Object.entries(rows)
    .map(([name, count]) => `${name}: ${count}\n`)
    .join('');
}
/** Files in /proc/euroos. */
export const euroosTexts: readonly ProcText[] = [{ name: 'security', text: security }];

/** Files in /proc/net. */
export const networkTexts: readonly ProcText[] = [
  { name: 'euronet', text: (kernel) => NetworkService.of(kernel)?.stack.describe(kernel.nowNanos()) ?? '' },
];

function stateLetter(process: Process): string {
  if (process.state !== 'alive') return 'Z';
  const states = [...process.tasks].map((task) => task.state);
  if (states.includes(TaskState.runnable)) return 'R';
  return states.length > 0 && states.every((state) => state === TaskState.stopped) ? 'T' : 'S';
}
function nameOf(process: Process): string {
  const first = [...process.tasks][0];
  return first?.name ?? process.executablePath.split('/').pop() ?? '';
}
/** Programs choose their names and paths: as in Linux, no line break of theirs may start a line of ours. */
function escapeLine(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
function ticksOf(process: Process): number {
  let ticks = 0;
  for (const task of process.tasks) ticks += task.ticks;
  return ticks;
}

/** 52 fields (proc(5), /proc/pid/stat); what does not exist here is 0. */
function processStat(_kernel: Kernel, process: Process): string {
  const fields: (string | number)[] = new Array<number>(52).fill(0);
  fields[0] = process.id;
  fields[1] = `(${nameOf(process).slice(0, 15)})`;
  fields[2] = stateLetter(process);
  fields[3] = process.parent?.id ?? 0;
  fields[4] = process.group;
  fields[5] = process.session;
  fields[7] = -1;
  fields[9] = process.minorFaults;
  fields[13] = ticksOf(process);
  fields[17] = 20;
  fields[19] = process.tasks.size;
  fields[21] = Math.floor((process.startedNanos / 1e9) * TICK_HERTZ);
  fields[22] = process.addressSpace?.mappedBytes ?? 0;
  fields[23] = process.addressSpace?.residentPages ?? 0;
  fields[24] = '18446744073709551615';
  fields[37] = process.exitSignal;
  return `${fields.join(' ')}\n`;
}

const STATE_NAMES: Readonly<Record<string, string>> = { R: 'running', S: 'sleeping', T: 'stopped', Z: 'zombie' };

function processStatus(_kernel: Kernel, process: Process): string {
  const { credentials } = process;
  const letter = stateLetter(process);
  const four = (id: number): string => `${id}\t${id}\t${id}\t${id}`;
  const size = (process.addressSpace?.mappedBytes ?? 0) / 1024;
  const rows: [string, string][] = [
    ['Name', escapeLine(nameOf(process).slice(0, 15))],
    ['State', `${letter} (${STATE_NAMES[letter]})`],
    ['Tgid', `${process.id}`],
    ['Pid', `${process.id}`],
    ['PPid', `${process.parent?.id ?? 0}`],
    ['TracerPid', '0'],
    ['Uid', four(credentials.userId)],
    ['Gid', four(credentials.groupId)],
    ['FDSize', `${process.limits[ResourceLimit.openFiles].soft === Infinity ? 65536 : 64}`],
    ['Groups', credentials.supplementaryGroups.join(' ')],
    ['VmSize', `${String(size).padStart(8)} kB`],
    ['VmRSS', `${String(kibibytes(process.addressSpace?.residentPages ?? 0)).padStart(8)} kB`],
    ['Threads', `${process.tasks.size}`],
    ['Rights', `0x${process.capabilities.toString(16)}`],
    ['VerifiedBy', process.verifiedBy],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

function processMaps(_kernel: Kernel, process: Process): string {
  const lines: string[] = [];
  for (const area of process.addressSpace?.list() ?? []) {
    const right = (bit: number, letter: string): string => ((area.protection & bit) !== 0 ? letter : '-');
    const rights = `${right(1, 'r')}${right(2, 'w')}${right(4, 'x')}${area.isShared ? 's' : 'p'}`;
    const range = `${hexadecimal(area.start, 8)}-${hexadecimal(area.end, 8)}`;
    const head = `${range} ${rights} ${hexadecimal(area.backing.fileOffset, 8)} 00:00 0`;
    const name = escapeLine(area.backing.file?.path ?? area.label);
    lines.push(name === '' ? `${head} \n` : `${head.padEnd(73)}${name}\n`);
  }
  return lines.join('');
}

function processLimits(_kernel: Kernel, process: Process): string {
  const shown = (value: number): string => (value === Infinity ? 'unlimited' : String(value));
  const names: [string, number, string][] = [
    ['Max data size', ResourceLimit.data, 'bytes'],
    ['Max stack size', ResourceLimit.stack, 'bytes'],
    ['Max core file size', ResourceLimit.core, 'bytes'],
    ['Max processes', ResourceLimit.processes, 'processes'],
    ['Max open files', ResourceLimit.openFiles, 'files'],
    ['Max address space', ResourceLimit.addressSpace, 'bytes'],
  ];
  const lines = names.map(([name, number, unit]) => {
    const { soft, hard } = process.limits[number];
    return `${name.padEnd(26)}${shown(soft).padEnd(21)}${shown(hard).padEnd(21)}${unit}\n`;
  });
  return `${'Limit'.padEnd(26)}${'Soft Limit'.padEnd(21)}${'Hard Limit'.padEnd(21)}Units\n${lines.join('')}`;
}

const terminated = (texts: readonly string[]): string => texts.map((text) => `${text}\0`).join('');

export interface ProcessText {
  readonly name: string;
  /** Only its own user (and user 0) may read it. */
  readonly isPrivate: boolean;
  readonly text: (kernel: Kernel, process: Process) => string;
}
/** Files in /proc/PID. */
export const processTexts: readonly ProcessText[] = [
  { name: 'stat', isPrivate: false, text: processStat },
  { name: 'status', isPrivate: false, text: processStatus },
  { name: 'cmdline', isPrivate: false, text: (_kernel, process) => terminated(process.arguments) },
  {
    name: 'why',
    isPrivate: true,
    text: (_kernel, process) => (process.lastRefusal === '' ? '' : `${process.lastRefusal}\n`),
  },
  { name: 'comm', isPrivate: false, text: (_kernel, process) => `${nameOf(process).slice(0, 15)}\n` },
  { name: 'maps', isPrivate: true, text: processMaps },
  { name: 'environ', isPrivate: true, text: (_kernel, process) => terminated(process.environment) },
  { name: 'limits', isPrivate: false, text: processLimits },
  { name: 'mounts', isPrivate: false, text: mounts },
  { name: 'cgroup', isPrivate: false, text: () => '0::/\n' },
];
