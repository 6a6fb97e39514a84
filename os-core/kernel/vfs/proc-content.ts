// The texts of /proc, made from kernel state in the form that Linux programs read (proc(5)).

import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { NetworkService } from '../network/service.ts';
import { TICK_HERTZ } from '../scheduler/scheduler.ts';
import { Vfs } from './vfs.ts';

/** What uname calls the release; programs parse the leading numbers. */
export const OS_RELEASE = '6.1.0-euroos';

export const kibibytes = (frames: number): number => (frames * FRAME_BYTES) / 1024;

/** Seconds with two decimals. */
const hundredths = (nanos: number): string => (Math.floor(nanos / 1e7) / 100).toFixed(2);

/** What CPUID says of this machine's processor (devices/cpu), in Linux' words. */
function cpuInfo(): string {
  const rows: [string, string][] = [
    ['processor', '0'],
    ['vendor_id', 'GenuineIntel'],
    ['cpu family', '6'],
    ['model', '42'],
    ['model name', 'EuroOS Workstation virtual x86-64 CPU'],
    ['stepping', '7'],
    ['physical id', '0'],
    ['siblings', '1'],
    ['core id', '0'],
    ['cpu cores', '1'],
    ['apicid', '0'],
    ['fpu', 'yes'],
    ['fpu_exception', 'yes'],
    ['cpuid level', '7'],
    ['wp', 'yes'],
    [
      'flags',
      'fpu pse tsc msr pae cx8 pge cmov pat clflush mmx fxsr sse sse2 syscall nx pdpe1gb rdtscp lm constant_tsc ' +
        'pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm fsgsbase smep erms smap',
    ],
    ['clflush size', '64'],
    ['address sizes', '40 bits physical, 48 bits virtual'],
  ];
  return `${rows.map(([name, value]) => `${name}${name.length < 8 ? '\t\t' : '\t'}: ${value}`).join('\n')}\n\n`;
}

function memoryInfo(kernel: Kernel): string {
  const { frames, state } = kernel;
  const free = kibibytes(frames.freeFrames);
  const cache = state.pageCache.count();
  const cached = kibibytes(cache.pages + state.programs.frames);
  const committed = [...kernel.processes.processes.values()].reduce(
    (sum, process) => sum + (process.addressSpace?.dataBytes ?? 0) / 1024,
    0,
  );
  const rows: [string, number][] = [
    ['MemTotal', kibibytes(frames.usableFrames)],
    ['MemFree', free],
    ['MemAvailable', Math.min(kibibytes(frames.usableFrames), free + cached)],
    ['Buffers', 0],
    ['Cached', cached],
    ['SwapCached', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Dirty', kibibytes(cache.dirty)],
    ['Writeback', 0],
    ['Mapped', kibibytes(cache.pages)],
    ['Shmem', 0],
    ['Committed_AS', committed],
  ];
  return rows.map(([name, value]) => `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`).join('');
}

/** Time since power-on in units of 10 ms, by what it was spent on; the ticks tell programs from the rest. */
function cpuTime(kernel: Kernel): { readonly user: number; readonly system: number; readonly idle: number } {
  const { scheduler } = kernel;
  const now = kernel.nowNanos();
  const units = (nanos: number): number => Math.floor((nanos / 1e9) * TICK_HERTZ);
  const idle = units(scheduler.idleTimeNanos(now));
  const busy = units(now) - idle;
  const system = Math.min(busy, scheduler.systemTicks);
  return { user: busy - system, system, idle };
}

function machineStat(kernel: Kernel): string {
  const { scheduler, processes } = kernel;
  const { user, system, idle } = cpuTime(kernel);
  const cpu = `${user} 0 ${system} ${idle} 0 0 0 0 0 0`;
  return (
    `cpu  ${cpu}\ncpu0 ${cpu}\nctxt ${scheduler.contextSwitches}\nbtime ${kernel.clock.powerOnUnixSeconds}\n` +
    `processes ${processes.created}\nprocs_running ${scheduler.runnableCount}\nprocs_blocked 0\n`
  );
}

function uptime(kernel: Kernel): string {
  const now = kernel.nowNanos();
  return `${hundredths(now)} ${hundredths(kernel.scheduler.idleTimeNanos(now))}\n`;
}

export function mounts(kernel: Kernel): string {
  return Vfs.of(kernel)
    .mounts.map((mount) => {
      const access = mount.fileSystem.readOnly ? 'ro' : 'rw';
      return `${mount.source} ${mount.path} ${mount.fileSystem.typeName} ${access},noatime 0 0\n`;
    })
    .join('');
}

function loadAverage(kernel: Kernel): string {
  const { processes, scheduler } = kernel;
  scheduler.load.update(kernel.nowNanos(), scheduler.runnableCount);
  return `${scheduler.load.text()} ${scheduler.runnableCount}/${processes.tasks.size} ${Math.max(0, ...processes.tasks.keys())}\n`;
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
  { name: 'filesystems', text: () => '\teurofs\nnodev\ttmpfs\nnodev\tproc\nnodev\tsysfs\nnodev\tdevtmpfs\n' },
  { name: 'swaps', text: () => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n' },
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
