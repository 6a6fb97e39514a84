// /proc/sys: the limits and settings of this kernel, as sysctl(8) of Linux names them. Nothing there can be written.

import type { Kernel } from '../kernel.ts';
import { MAX_TASKS } from '../process/process-table.ts';
import { OS_RELEASE, type ProcText } from './proc-content.ts';

const line = (name: string, value: number | string): ProcText => ({ name, text: () => `${value}\n` });

/** A random UUID (RFC 9562, version 4). */
function uuid(kernel: Kernel): string {
  const bytes = new Uint8Array(16);
  kernel.random.fill(bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}

/** The same as long as the machine runs. */
function bootId(kernel: Kernel): string {
  const { state } = kernel;
  if (state.bootId === '') state.bootId = uuid(kernel);
  return `${state.bootId}\n`;
}

/** Files in /proc/sys/kernel. */
export const kernelTexts: readonly ProcText[] = [
  line('osrelease', OS_RELEASE),
  line('ostype', 'Linux'),
  { name: 'hostname', text: (kernel) => `${kernel.state.hostName}\n` },
  line('domainname', '(none)'),
  line('version', '#1 EuroOS'),
  line('pid_max', 32768),
  line('threads-max', MAX_TASKS),
  line('ngroups_max', 65536),
  line('cap_last_cap', 40),
  line('overflowuid', 65534),
  line('overflowgid', 65534),
  line('randomize_va_space', 2),
];
/** Files in /proc/sys/vm: memory is given when it is touched, so every reservation is taken. */
export const memoryTexts: readonly ProcText[] = [
  line('overcommit_memory', 1),
  line('overcommit_ratio', 50),
  line('max_map_count', 65530),
  line('mmap_min_addr', 65536),
  line('swappiness', 0),
];
/** Files in /proc/sys/fs. */
export const fileSystemTexts: readonly ProcText[] = [
  line('file-max', 65536 * 16),
  line('nr_open', 65536),
  line('pipe-max-size', 65536),
];
/** Files in /proc/sys/kernel/random. */
export const randomTexts: readonly ProcText[] = [
  { name: 'uuid', text: (kernel) => `${uuid(kernel)}\n` },
  { name: 'boot_id', text: bootId },
  line('entropy_avail', 256),
  line('poolsize', 256),
];
/** Files in /proc/sys/net/core and /proc/sys/net/unix. */
export const socketTexts: readonly ProcText[] = [
  line('somaxconn', 4096),
  line('rmem_default', 212_992),
  line('rmem_max', 212_992),
  line('wmem_default', 212_992),
  line('wmem_max', 212_992),
];
export const unixTexts: readonly ProcText[] = [line('max_dgram_qlen', 10)];
