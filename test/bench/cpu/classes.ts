// The classes of CPU work that are measured, with the goals for each: time divided by native time.

import { compilePrograms } from '../measure.ts';

export interface CpuClass {
  /** Name on the command line, and of the program in programs/. */
  readonly name: string;
  readonly title: string;
  /** Rounds that take a good fifth of a second or more on a PC of today. */
  readonly nativeCount: number;
  /** Time over native that the first good version of an engine reaches, and that it should reach in the end. */
  readonly first: number | null;
  readonly goal: number | null;
  /** Counts for the geometric mean. */
  readonly inMean: boolean;
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
  beside('chase', 'pointers over 64 MiB', 2_000_000),
  beside('x87', 'long double', 20_000_000),
  beside('sse', 'integer vectors', 800_000),
];

/** Compiles the programs; returns their folder. */
export function compileCpuPrograms(): Promise<string> {
  return compilePrograms('test/bench/cpu/programs', 'bench/cpu');
}
