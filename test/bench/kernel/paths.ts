// The kernel's hot paths that are measured; programs/system.c goes through them.

import path from 'node:path';
import { compilePrograms } from '../measure.ts';
import type { Workload } from '../subjects.ts';

const paths: readonly (Pick<Workload, 'name' | 'title' | 'nativeCount'> & { readonly notInQemu?: string })[] = [
  { name: 'getppid', title: 'system call', nativeCount: 3_000_000 },
  { name: 'switch', title: 'byte to another process and back', nativeCount: 40_000 },
  { name: 'pipe', title: '64 KiB through a pipe', nativeCount: 10_000 },
  {
    name: 'exec',
    title: 'fork, exec, exit, wait',
    nativeCount: 500,
    notInQemu: 'the program that it starts is run by the host, not by qemu-user',
  },
  { name: 'fault', title: 'first touch of a page', nativeCount: 400_000 },
  { name: 'thread', title: 'create and join a thread', nativeCount: 10_000 },
  { name: 'map', title: 'mmap and munmap of 64 KiB', nativeCount: 300_000 },
];

export async function kernelWorkloads(): Promise<readonly Workload[]> {
  const program = path.join(await compilePrograms('test/bench/kernel/programs', 'bench/kernel'), 'system');
  return paths.map((one) => ({
    ...one,
    program,
    arguments: (count: number) => [one.name, String(count)],
    first: null,
    goal: null,
    inMean: false,
  }));
}
