// 32 processes and 60 threads that never rest, with less memory than they use together, round after round (test/programs/soak.c).
//
//   each round   every thread gets its share of the processor, within a tenth
//                what it wrote it finds again; the state of the kernel adds up all the while
//                afterwards as many frames and objects are in use as before
//
// Time is virtual: a tick every 10 ms, TICK_INSTRUCTIONS instructions.

import * as osCore from '../../os-core/index.ts';
import type { Task } from '../../os-core/kernel/process/task.ts';
import { TICK_HERTZ } from '../../os-core/kernel/scheduler/scheduler.ts';
import type { Engine } from '../support/engines.ts';
import { programs } from '../support/euroos.ts';
import { checkKernel, growth } from '../support/kernel-check/kernel-check.ts';
import { TestMachine } from '../support/sessions.ts';

const NANOS_PER_INSTRUCTION = 400;
const TASKS = 92;
/** Pages of their own, stacks and tables leave no room for the file, of which a quarter of RAM is the most that /tmp takes. */
const MEMORY_BYTES = 32 * 1024 * 1024;
const FILE_KIB = 6 * 1024;
const SLICE_INSTRUCTIONS = 25_000;
const SLICES_A_LOOK = 40;
const MOST_DIFFERENCE = 0.1;
/** Before it, caches fill. */
const FIRST_COMPARED_ROUND = 1;

export interface SoakResult {
  readonly rounds: number;
  readonly virtualSeconds: number;
  readonly instructions: number;
  /** Times that RAM was full and something had to be given back. */
  readonly reclaims: number;
  /** Largest difference of a thread's share from the mean, of all rounds. */
  readonly worstShare: number;
  readonly problems: readonly string[];
}

const used = (task: Task): number => task.userInstructions + task.systemInstructions;

/** `ticks`: length of a round; a share is counted in ticks, so that it wants some dozens for each task. */
export function soak(options: {
  readonly rounds: number;
  readonly ticks: number;
  readonly engine?: Engine;
  readonly until?: () => boolean;
}): SoakResult {
  const millis = (options.ticks * 1000) / TICK_HERTZ;
  const system = TestMachine.boot({
    command: ['/bin/soak', String(options.rounds), String(millis), String(FILE_KIB)],
    seed: 1,
    nanosPerInstruction: NANOS_PER_INSTRUCTION,
    memoryBytes: MEMORY_BYTES,
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    additions: [{ host: `${programs}/soak`, guest: '/bin/soak' }],
    osCore,
  });
  const { kernel } = system;
  const problems: string[] = [];
  let lines = 0;
  let slices = 0;
  let rounds = 0;
  let worstShare = 0;
  let reclaims = 0;
  let before = new Map<Task, number>();
  let first: ReadonlyMap<string, number> | null = null;
  let freeAtFirst = 0;

  const reclaim = kernel.reclaimMemory.bind(kernel);
  kernel.reclaimMemory = () => {
    reclaims++;
    return reclaim();
  };
  const workers = (): Task[] =>
    [...kernel.processes.tasks.values()].filter(
      ({ process }) => process.executablePath === '/bin/soak' && process.parent?.executablePath === '/bin/soak',
    );
  const begin = (): void => {
    before = new Map(workers().map((task) => [task, used(task)]));
    if (before.size !== TASKS) problems.push(`round ${rounds}: ${before.size} threads of ${TASKS} run`);
  };
  const end = (): void => {
    const gained = [...before].map(([task, then]) => used(task) - then);
    const mean = gained.reduce((sum, one) => sum + one, 0) / gained.length;
    const worst = Math.max(...gained.map((one) => Math.abs(one / mean - 1)));
    worstShare = Math.max(worstShare, worst);
    if (!(worst <= MOST_DIFFERENCE))
      problems.push(`round ${rounds}: a thread had ${(worst * 100).toFixed(1)} % more or less than its share`);
  };
  const roundOver = (line: string, objects: ReadonlyMap<string, number>): void => {
    if (line !== `round ${rounds} errors 0 ended 32`) problems.push(line);
    reclaim();
    const free = kernel.frames.freeFrames;
    if (rounds === FIRST_COMPARED_ROUND) {
      first = objects;
      freeAtFirst = free;
    } else if (first !== null) {
      problems.push(...growth(first, objects).map((problem) => `round ${rounds}: ${problem}`));
      if (free < freeAtFirst) problems.push(`round ${rounds}: ${freeAtFirst - free} frames fewer are free`);
    }
    rounds++;
  };
  const look = (): boolean => {
    const output = system.output('stdout').split('\n');
    const isNews = output.length - 1 > lines;
    if (isNews || ++slices % SLICES_A_LOOK === 0) {
      const { problems: found, objects } = checkKernel(kernel);
      problems.push(...found);
      for (; lines < output.length - 1; lines++) {
        const line = output[lines];
        if (line === 'running') begin();
        else if (line === 'ending') end();
        else roundOver(line, objects);
      }
    }
    return problems.length > 0 || (isNews && options.until?.() === true);
  };
  system.run({ slice: SLICE_INSTRUCTIONS, until: look });
  if (kernel.state.panic !== null) problems.push(`panic: ${kernel.state.panic.reason}`);
  if (options.until === undefined && problems.length === 0 && rounds !== options.rounds)
    problems.push(`ended after ${rounds} rounds: ${system.output('stderr')} ${system.output('serial').slice(-1000)}`);
  return {
    rounds,
    virtualSeconds: (system.instructions * NANOS_PER_INSTRUCTION) / 1e9,
    instructions: system.instructions,
    reclaims,
    worstShare,
    problems,
  };
}
