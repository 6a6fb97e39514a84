// One class of the CPU or the kernel benchmark in a EuroOS inside this thread, for whoever works on an engine or the kernel: the devices
// come from the sources, so nothing but a changed os-core needs a new set-up.
//
//   node build/run-ts.mjs test/bench/cpu/one.ts CLASS [--engine E] [--count N] [--profile FILE] [--allocations]
//
// The engine is the fastest that exists unless E says otherwise. Prints time, speed and, with --profile, where the time went; FILE
// (.cpuprofile) opens in the developer tools of Chromium; with --allocations, who allocated how much. Time and profile leave out the boot; they begin when the program is about to
// be started.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type HeapProfiler, type Profiler, type Runtime, Session } from 'node:inspector';
import { findSourceMap } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Engine, engines } from '../../support/engines.ts';
import { TestMachine } from '../../support/sessions.ts';
import { kernelWorkloads } from '../kernel/paths.ts';
import { cpuClasses, cpuWorkload } from './classes.ts';

/** Function, and the place in the sources by way of the bundle's source map. */
function placeOf({ functionName, url, lineNumber, columnNumber }: Runtime.CallFrame): string {
  const name = functionName || '(anonymous)';
  if (!url.startsWith('file:')) return `${name} ${path.basename(url)}${url === '' ? '' : `:${lineNumber + 1}`}`;
  const found = findSourceMap(fileURLToPath(url))?.findEntry(lineNumber, columnNumber);
  if (found === undefined || !('originalSource' in found)) return `${name} ${path.basename(url)}:${lineNumber + 1}`;
  return `${name} ${found.originalSource.split('/').slice(-2).join('/')}:${found.originalLine + 1}`;
}

const MEMORY_BYTES = 256 * 1024 * 1024;
/** Of the native count: about a second. */
const SHARE_OF_NATIVE: Readonly<Record<Engine, number>> = { interpreter: 1 / 50, jit: 1 / 2 };
const PROFILE_INTERVAL_MICROS = 500;
const ALLOCATION_INTERVAL_BYTES = 4096;
const PROFILE_LINES = 40;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string' },
    count: { type: 'string' },
    profile: { type: 'string' },
    allocations: { type: 'boolean' },
  },
});
const ofCpu = cpuClasses.find(({ name }) => name === positionals[0]);
const ofKernel = await kernelWorkloads();
const workload = ofCpu === undefined ? ofKernel.find(({ name }) => name === positionals[0]) : await cpuWorkload(ofCpu);
const engine = (values.engine ?? engines[engines.length - 1]) as Engine;
if (workload === undefined || !engines.includes(engine)) {
  const names = new Set([...cpuClasses, ...ofKernel].map(({ name }) => name));
  console.error(
    'usage: node build/run-ts.mjs test/bench/cpu/one.ts CLASS [--engine E] [--count N] [--profile FILE] [--allocations]',
  );
  console.error(`classes: ${[...names].join(' ')}\nengines: ${engines.join(' ')}`);
  process.exit(2);
}
const roundsByDefault = Math.max(1, Math.round(workload.nativeCount * SHARE_OF_NATIVE[engine]));
/** The program's arguments, and how often it is run. */
const [words, times] =
  workload.arguments === null
    ? [workload.everyRun ?? [], values.count ?? '1']
    : [workload.arguments(Number(values.count ?? roundsByDefault)), '1'];
const { program, name } = workload;
const guestProgram = `/bin/${path.basename(program)}`;

const system = TestMachine.boot({
  command: [
    'sh',
    '-c',
    `echo begin; i=0; while [ $i -lt ${times} ]; do ${[guestProgram, ...words].join(' ')}; i=$((i+1)); done`,
  ],
  seed: 1,
  engine,
  memoryBytes: MEMORY_BYTES,
  additions: [{ host: program, guest: guestProgram }],
});
system.run({ slice: 10_000, until: () => system.output('stdout') !== '' });

const session = new Session();
session.connect();
const ask = <T>(method: string, parameters: object = {}): T => {
  // Commands of the profiler answer before post returns.
  let answer: unknown;
  session.post(method, parameters, (error, result) => {
    if (error !== null) throw new Error(`${method}: ${error.message}`);
    answer = result;
  });
  return answer as T;
};
if (values.profile !== undefined) {
  ask('Profiler.enable');
  ask('Profiler.setSamplingInterval', { interval: PROFILE_INTERVAL_MICROS });
  ask('Profiler.start');
}
if (values.allocations === true)
  ask('HeapProfiler.startSampling', {
    samplingInterval: ALLOCATION_INTERVAL_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
const before = { instructions: system.instructions, cpu: process.cpuUsage(), wall: performance.now() };
const statistics = { ...system.machine.cpu.statistics };
system.run();
const wallSeconds = (performance.now() - before.wall) / 1000;
const cpu = process.cpuUsage(before.cpu);
const profile = values.profile === undefined ? null : ask<{ profile: Profiler.Profile }>('Profiler.stop').profile;
const allocations =
  values.allocations === true
    ? ask<{ profile: HeapProfiler.SamplingHeapProfile }>('HeapProfiler.stopSampling').profile
    : null;

const [, checksum] = system.output('stdout').split('\n');
const expected = execFileSync(program, words, { encoding: 'utf8' }).trim();
const instructions = system.instructions - before.instructions;
const after = system.machine.cpu.statistics;
const misses = after.tlbMisses - statistics.tlbMisses;
console.log(
  `${name} ${words.at(-1)} on ${engine}: ${checksum === expected ? 'as native' : `WRONG: ${checksum}, native ${expected}`}`,
);
console.log(`${wallSeconds.toFixed(3)} s, CPU of all threads ${((cpu.user + cpu.system) / 1e6).toFixed(3)} s`);
console.log(
  `${instructions} instructions, ${(instructions / wallSeconds / 1e6).toFixed(1)} million a second, ${misses} TLB misses`,
);

/** The largest of what `amounts` sums up by place, as shares of the whole. */
function printLargest(amounts: ReadonlyMap<string, number>, whole: number): void {
  for (const [place, amount] of [...amounts].sort((a, b) => b[1] - a[1]).slice(0, PROFILE_LINES))
    console.log(`${((100 * amount) / whole).toFixed(1).padStart(6)} %  ${place}`);
}

if (profile !== null) {
  writeFileSync(values.profile as string, JSON.stringify(profile));
  console.log(`\nself time (whole profile in ${values.profile}):`);
  const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const selfMicros = new Map<string, number>();
  for (const [n, id] of (profile.samples ?? []).entries()) {
    const place = places.get(id) ?? '?';
    selfMicros.set(place, (selfMicros.get(place) ?? 0) + (profile.timeDeltas?.[n] ?? 0));
  }
  printLargest(selfMicros, profile.endTime - profile.startTime);
}

if (allocations !== null) {
  const bytes = new Map<string, number>();
  let whole = 0;
  const rest = [allocations.head];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    const place = placeOf(node.callFrame);
    bytes.set(place, (bytes.get(place) ?? 0) + node.selfSize);
    whole += node.selfSize;
    rest.push(...node.children);
  }
  console.log(`\nallocated: ${(whole / 1e6).toFixed(1)} MB`);
  printLargest(bytes, whole);
}
process.exitCode = checksum === expected ? 0 : 1;
