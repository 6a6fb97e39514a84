// Runs random programs of system calls on a whole EuroOS and looks at the kernel all the while.
//
//   generator ─► standard input ─► call-runner (ring 3) ─► system calls ─► kernel
//                                                             │ each call: rights only shrink, no handler runs for long
//                                       between slices ◄──────┘ every so often, and after each program: checkKernel
//                                       after each program: as many objects and frames as after the first ones
//
// A batch is one boot; its seed and the programs' numbers are all that is needed to see it again.

import { performance } from 'node:perf_hooks';
import { SeededRandom } from '../../devices/base/random.ts';
import * as osCore from '../../os-core/index.ts';
import { networkSubsystem } from '../../os-core/kernel/network/subsystem.ts';
import type { Process } from '../../os-core/kernel/process/process.ts';
import type { Task } from '../../os-core/kernel/process/task.ts';
import { kernelCoreSystemCalls } from '../../os-core/kernel/syscalls/groups.ts';
import { PENDING, type SystemCallArguments, type SystemCallEntry } from '../../os-core/kernel/syscalls/handler.ts';
import { SystemCallTable } from '../../os-core/kernel/syscalls/table.ts';
import { vfsSubsystem } from '../../os-core/kernel/vfs/subsystem.ts';
import type { Engine } from '../support/engines.ts';
import { checkKernel, growth } from '../support/kernel-check/kernel-check.ts';
import { TestMachine } from '../support/sessions.ts';
import { CallGenerator } from './call-generator.ts';
import { encodeProgram } from './call-program.ts';

const SLICE_INSTRUCTIONS = 4000;
/** Slices between two looks at the whole state. */
const SLICES_A_LOOK = 60;
/** Of host time in one handler: bounded work never takes as long. */
const MOST_HANDLER_MILLIS = 3000;
const MOST_INSTRUCTIONS_A_PROGRAM = 60e6;
const INSTRUCTIONS_A_CALL = 2000;
const LOOK_NANOS = 2e6;
const KEPT_CALLS = 60;
const MEMORY_BYTES = 64 * 1024 * 1024;
/** After so many programs caches are as large as they get for what programs use. */
const WARM_PROGRAMS = 3;

export const rows = new SystemCallTable([
  ...kernelCoreSystemCalls,
  vfsSubsystem.systemCalls,
  networkSubsystem.systemCalls,
]).list();

export interface BatchOptions {
  readonly seed: number;
  readonly programs: number;
  readonly calls: number;
  /** Runs these programs of the batch alone. */
  readonly only?: readonly number[];
  readonly verbose?: boolean;
  readonly engine?: Engine;
}

export interface BatchResult {
  readonly calls: number;
  readonly programs: number;
  /** Calls by name, and those of them that succeeded. */
  readonly byName: ReadonlyMap<string, { readonly made: number; readonly succeeded: number }>;
  /** What went wrong, with what is needed to see it again; null if nothing did. */
  readonly failure: string | null;
}

class CallMonitor {
  calls = 0;
  readonly byName = new Map<string, { made: number; succeeded: number }>();
  readonly problems: string[] = [];
  private readonly last: string[] = [];
  private readonly rights = new WeakMap<Process, number>();
  private readonly watched = new Map<number, SystemCallEntry>();

  constructor(system: TestMachine) {
    const table = system.kernel.systemCalls;
    const find = table.find.bind(table);
    table.find = (number) => {
      const entry = find(number);
      if (entry === undefined) return undefined;
      let watched = this.watched.get(number);
      if (watched === undefined) {
        watched = { ...entry, handler: (kernel, task, a) => this.run(entry, kernel, task, a) };
        this.watched.set(number, watched);
      }
      return watched;
    };
  }

  private run(
    entry: SystemCallEntry,
    kernel: Parameters<SystemCallEntry['handler']>[0],
    task: Task,
    a: SystemCallArguments,
  ): number {
    const { process } = task;
    const before = process.capabilities;
    const words = entry.arguments.map((_, n) => a.unsigned(n).toString(16));
    const line = `${process.id}/${task.id} ${entry.name}(${words.join(', ')})`;
    // The supervisor's own are not random.
    const isOurs = process.credentials.userId === 0;
    if (!isOurs && this.last.push(`${line} …`) > KEPT_CALLS) this.last.shift();
    const start = performance.now();
    const result = entry.handler(kernel, task, a);
    const millis = performance.now() - start;
    const shown = result === PENDING ? 'waits' : String(result);
    if (!isOurs) this.last[this.last.length - 1] = `${line} = ${shown}`;
    if (millis > MOST_HANDLER_MILLIS) this.problems.push(`${line} took ${millis.toFixed(0)} ms of the host's time`);
    this.checkRights(line, process, before);
    if (result !== PENDING && !isOurs) this.count(entry.name, result >= 0);
    return result;
  }
  /** What a process has dropped never comes back, and a child begins with no more than its parent has. */
  private checkRights(line: string, process: Process, before: number): void {
    const floor = before & (this.rights.get(process) ?? -1);
    this.compare(line, process, floor);
    for (const child of [...process.children, ...(process.parent?.children ?? [])])
      if (!this.rights.has(child)) this.compare(line, child, floor);
  }
  private compare(line: string, process: Process, most: number): void {
    if ((process.capabilities & ~most) !== 0)
      this.problems.push(
        `rights: ${line}: process ${process.id} has ${process.capabilities}, at most ${most} was allowed`,
      );
    this.rights.set(process, process.capabilities);
  }
  private count(name: string, succeeded: boolean): void {
    this.calls++;
    const known = this.byName.get(name) ?? { made: 0, succeeded: 0 };
    known.made++;
    if (succeeded) known.succeeded++;
    this.byName.set(name, known);
  }
  get lastCalls(): string {
    return this.last.slice(-KEPT_CALLS).join('\n  ');
  }
}

export function runBatch(options: BatchOptions, runner: string): BatchResult {
  const { seed, programs, calls, only, verbose = false, engine = 'interpreter' } = options;
  const random = new SeededRandom(seed);
  // The clock sets how often tasks are interrupted: the races of one batch differ from those of the next.
  const nanosPerInstruction = [100, 200, 500, 1000, 2000][random.below(5)];
  // Time for all calls and as much again; a program that only sleeps costs nothing.
  const looks = Math.min(20_000, 100 + Math.ceil((calls * INSTRUCTIONS_A_CALL * nanosPerInstruction) / LOOK_NANOS));
  const generator = new CallGenerator(random, rows);
  const encoded = Array.from({ length: programs }, () => encodeProgram(generator.program(calls, looks)));
  const chosen = only === undefined ? encoded : only.map((n) => encoded[n]);
  const system = TestMachine.boot({
    command: ['/bin/call-runner'],
    input: chosen.map((bytes) => Buffer.from(bytes).toString('latin1')).join(''),
    seed,
    nanosPerInstruction,
    memoryBytes: MEMORY_BYTES,
    engine,
    additions: [{ host: runner, guest: '/bin/call-runner' }],
    root: true,
    osCore,
  });
  const monitor = new CallMonitor(system);
  const { kernel } = system;
  const problems: string[] = [];
  let slices = 0;
  let done = 0;
  let first: ReadonlyMap<string, number> | null = null;
  let startedAt = system.instructions;
  const look = (): boolean => {
    problems.push(...monitor.problems.splice(0));
    const finished = system.output('stdout').split('\n').length - 1;
    const ended = finished > done;
    if (ended || ++slices % SLICES_A_LOOK === 0) {
      const { problems: found, objects } = checkKernel(kernel);
      problems.push(...found);
      if (ended) {
        done = finished;
        startedAt = system.instructions;
        if (done === WARM_PROGRAMS) first = objects;
        else if (first !== null) problems.push(...growth(first, objects));
        if (verbose) console.log(`program ${done - 1}: ${monitor.calls} calls, ${system.instructions} instructions`);
      }
    }
    if (system.instructions - startedAt > MOST_INSTRUCTIONS_A_PROGRAM) problems.push('hang: the program does not end');
    return problems.length > 0;
  };
  try {
    system.run({ slice: SLICE_INSTRUCTIONS, until: look });
  } catch (error) {
    problems.push(`host exception: ${error instanceof Error ? error.stack : error}`);
  }
  const { panic } = kernel.state;
  if (panic !== null) problems.push(`panic: ${[panic.reason, ...panic.lines].join('\n  ')}`);
  else if (problems.length === 0 && done !== chosen.length)
    problems.push(
      `the machine ended after ${done} of ${chosen.length} programs: ${system.output('stdout').slice(-200)}`,
    );
  const failure =
    problems.length === 0
      ? null
      : [
          `batch ${seed}, program ${only?.[done] ?? done} (instruction ${system.instructions}):`,
          ...problems.slice(0, 10),
          `last calls:\n  ${monitor.lastCalls}`,
          `serial log:\n${system.output('serial').slice(-1500)}`,
          `see it again: npm run campaign:syscalls -- --batch ${seed} --programs ${programs} --calls ${calls} --engine ${engine}`,
        ].join('\n');
  return { calls: monitor.calls, programs: done, byName: monitor.byName, failure };
}
