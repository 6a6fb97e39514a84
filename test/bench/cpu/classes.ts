// The classes of CPU work that are measured, with the goals for each: time divided by native time.

import path from 'node:path';
import { compilePrograms } from '../measure.ts';
import type { Workload } from '../subjects.ts';
import { generateProgram } from './generated/generate.ts';

interface CpuClass extends Omit<Workload, 'program' | 'arguments' | 'everyRun'> {
  /** Of a generated program: its functions, and how many of them a run calls. Without it the program is programs/NAME.c. */
  readonly generated?: { readonly functions: number; readonly calls: number };
}

function cpuClass(
  name: string,
  title: string,
  nativeCount: number,
  first: number,
  goal: number,
  inMean = true,
): CpuClass {
  return { name, title, nativeCount, first, goal, inMean };
}
/** A class of its own, without a goal so far. */
function beside(name: string, title: string, nativeCount: number): CpuClass {
  return { name, title, nativeCount, first: null, goal: null, inMean: false };
}
/** A round is a run of a generated program of `functions` functions that calls `calls` of them. */
function generated(name: string, title: string, nativeCount: number, functions: number, calls: number): CpuClass {
  return { ...beside(name, title, nativeCount), generated: { functions, calls } };
}

export const cpuClasses: readonly CpuClass[] = [
  cpuClass('sieve', 'integer loop', 1_000, 1.7, 1.3),
  cpuClass('sha256', 'SHA-256', 1_200_000, 2.1, 1.5),
  cpuClass('mix', 'list, matrix, state machine', 50_000, 3.0, 1.9),
  cpuClass('nbody', 'double floating point', 3_000_000, 2.1, 1.5),
  cpuClass('strings', 'strings in the C library', 400_000, 2.1, 1.3),
  cpuClass('bytecode-calls', 'bytecode, function pointers', 4_000_000, 4.5, 2.5),
  cpuClass('bytecode-goto', 'bytecode, computed goto', 12_000_000, 4.8, 3.0),
  cpuClass('fib', 'call and return', 5_000, 4.5, 2.0),
  cpuClass('getppid', 'system call', 3_000_000, 0.7, 0.3, false),
  // 20 MB of code, of which a fortieth is run, once.
  generated('startup', 'start-up of a large program', 150, 40_000, 1_000),
  // As a compiler does: thousands of short functions, each a few times, then the process ends.
  generated('compile', 'short functions, a few times each', 60, 6_000, 24_000),
  beside('chase', 'pointers over 64 MiB', 2_000_000),
  beside('x87', 'long double', 20_000_000),
  beside('sse', 'integer vectors', 800_000),
];

/** The class with its program compiled. `smaller`: a generated program and its calls are divided by it, for tests. */
export async function cpuWorkload(one: CpuClass, smaller = 1): Promise<Workload> {
  if (one.generated === undefined) {
    const folder = await compilePrograms('test/bench/cpu/programs', 'bench/cpu');
    return { ...one, program: path.join(folder, one.name), arguments: (count) => [String(count)] };
  }
  const { functions, calls } = one.generated;
  const folder = smaller === 1 ? 'bench/generated' : 'bench/generated-small';
  const program = await generateProgram(folder, one.name, functions / smaller);
  return { ...one, program, arguments: null, everyRun: [String(Math.ceil(calls / smaller))] };
}

export async function cpuWorkloads(): Promise<readonly Workload[]> {
  const workloads: Workload[] = [];
  for (const one of cpuClasses) workloads.push(await cpuWorkload(one));
  return workloads;
}
