// One class of the CPU benchmark in a EuroOS inside this thread, for whoever works on an engine: the devices come from the sources, so
// nothing but a changed os-core needs a new set-up.
//
//   node build/run-ts.mjs test/bench/cpu/one.ts CLASS [--engine E] [--count N] [--profile FILE]
//
// The engine is the fastest that exists unless E says otherwise. Prints time, speed and, with --profile, where the time went; FILE
// (.cpuprofile) opens in the developer tools of Chromium. Time and profile leave out the boot; they begin when the program is about to
// be started.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type Profiler, type Runtime, Session } from 'node:inspector';
import { findSourceMap } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Engine, engines } from '../../support/engines.ts';
import { TestMachine } from '../../support/sessions.ts';
import { cpuClasses, cpuWorkload } from './classes.ts';

/** Function, and the place in the sources by way of the bundle's source map. */
function placeOf({ functionName, url, lineNumber, columnNumber }: Runtime.CallFrame): string {
  const name = functionName || '(anonymous)';
  if (!url.startsWith('file:')) return `${name} ${path.basename(url)}`;
  const found = findSourceMap(fileURLToPath(url))?.findEntry(lineNumber, columnNumber);
  if (found === undefined || !('originalSource' in found)) return `${name} ${path.basename(url)}:${lineNumber + 1}`;
  return `${name} ${found.originalSource.split('/').slice(-2).join('/')}:${found.originalLine + 1}`;
}

const MEMORY_BYTES = 256 * 1024 * 1024;
/** Of the native count: about a second. */
const SHARE_OF_NATIVE: Readonly<Record<Engine, number>> = { interpreter: 1 / 50, jit: 1 / 2 };
const PROFILE_INTERVAL_MICROS = 500;
const PROFILE_LINES = 25;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { engine: { type: 'string' }, count: { type: 'string' }, profile: { type: 'string' } },
});
const chosen = cpuClasses.find(({ name }) => name === positionals[0]);
const engine = (values.engine ?? engines[engines.length - 1]) as Engine;
if (chosen === undefined || !engines.includes(engine)) {
  console.error('usage: node build/run-ts.mjs test/bench/cpu/one.ts CLASS [--engine E] [--count N] [--profile FILE]');
  console.error(`classes: ${cpuClasses.map(({ name }) => name).join(' ')}\nengines: ${engines.join(' ')}`);
  process.exit(2);
}
const workload = await cpuWorkload(chosen);
const [count, times] =
  workload.arguments === null
    ? [workload.everyRun?.[0] ?? '0', values.count ?? '1']
    : [values.count ?? String(Math.max(1, Math.round(chosen.nativeCount * SHARE_OF_NATIVE[engine]))), '1'];
const { program } = workload;

const system = TestMachine.boot({
  command: [
    'sh',
    '-c',
    `echo begin; i=0; while [ $i -lt ${times} ]; do /bin/${chosen.name} ${count}; i=$((i+1)); done`,
  ],
  seed: 1,
  engine,
  memoryBytes: MEMORY_BYTES,
  additions: [{ host: program, guest: `/bin/${chosen.name}` }],
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
const before = { instructions: system.instructions, cpu: process.cpuUsage(), wall: performance.now() };
const statistics = { ...system.machine.cpu.statistics };
system.run();
const wallSeconds = (performance.now() - before.wall) / 1000;
const cpu = process.cpuUsage(before.cpu);
const profile = values.profile === undefined ? null : ask<{ profile: Profiler.Profile }>('Profiler.stop').profile;

const [, checksum] = system.output('stdout').split('\n');
const expected = execFileSync(program, [count], { encoding: 'utf8' }).trim();
const instructions = system.instructions - before.instructions;
const after = system.machine.cpu.statistics;
const misses = after.tlbMisses - statistics.tlbMisses;
console.log(
  `${chosen.name} ${count} on ${engine}: ${checksum === expected ? 'as native' : `WRONG: ${checksum}, native ${expected}`}`,
);
console.log(`${wallSeconds.toFixed(3)} s, CPU of all threads ${((cpu.user + cpu.system) / 1e6).toFixed(3)} s`);
console.log(
  `${instructions} instructions, ${(instructions / wallSeconds / 1e6).toFixed(1)} million a second, ${misses} TLB misses`,
);

if (profile !== null) {
  writeFileSync(values.profile as string, JSON.stringify(profile));
  console.log(`\nself time (whole profile in ${values.profile}):`);
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const selfMicros = new Map<string, number>();
  for (const [n, id] of (profile.samples ?? []).entries()) {
    const name = names.get(id) ?? '?';
    selfMicros.set(name, (selfMicros.get(name) ?? 0) + (profile.timeDeltas?.[n] ?? 0));
  }
  const total = profile.endTime - profile.startTime;
  for (const [name, micros] of [...selfMicros].sort((a, b) => b[1] - a[1]).slice(0, PROFILE_LINES))
    console.log(`${((100 * micros) / total).toFixed(1).padStart(6)} %  ${name}`);
}
process.exitCode = checksum === expected ? 0 : 1;
