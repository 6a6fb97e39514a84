// The CPU engines that this version has, in one place for tests and benchmarks: those that `euroos run --engine` takes.

import type { MachineConfiguration } from '../../devices/backends/backends.ts';
import { parseRunOptions, UsageError } from '../../electron/cli/run-options.ts';

export type Engine = MachineConfiguration['engine'];

const known: readonly Engine[] = ['interpreter', 'jit'];

function exists(engine: Engine): boolean {
  try {
    parseRunOptions(['--engine', engine]);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

export const engines: readonly Engine[] = known.filter(exists);
