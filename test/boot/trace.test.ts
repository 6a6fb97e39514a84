// `euroos run --trace`: what is told, and that telling it changes nothing.

import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { euroosRun, programs, temporaryFolder } from '../support/euroos.ts';

const folder = temporaryFolder('trace');
const seeded = ['--seed', '5'];
const freshCode = [
  '--add',
  `${path.join(programs, 'fresh-code')}:/bin/fresh-code`,
  '--caps',
  'console,file,process,exec-jit',
];

async function traced(categories: string, options: readonly string[], command: readonly string[]) {
  const file = path.join(folder, 'trace');
  const run = await euroosRun([...options, '--trace', categories, '--trace-file', file], command);
  return { run, lines: fs.readFileSync(file, 'utf8').trimEnd().split('\n') };
}

it('M1: a seeded run ends with the same state when all of it is watched', async () => {
  const command = ['/bin/hello', 'a'];
  const plain = await euroosRun(seeded, command);
  const { run, lines } = await traced('cpu.*', seeded, command);
  expect(run.stdout).toBe(plain.stdout);
  expect(run.stats.instructions).toBe(plain.stats.instructions);
  expect(run.stats.stateHash).toBe(plain.stats.stateHash);
  expect(lines.every((line) => /^\d+ \[\d+\] cpu\.[a-z]+ \S/.test(line) && line.length < 300)).toBe(true);
  const of = (category: string) => lines.filter((line) => line.includes(`] ${category} `));
  expect(of('cpu.instruction').some((line) => /0x[0-9a-f]+ {2}0f05 +syscall$/.test(line))).toBe(true);
  expect(of('cpu.syscall').filter((line) => / syscall \d+ \(/.test(line)).length).toBe(plain.stats.syscalls);
  expect(of('cpu.exception').filter((line) => line.includes(' #PF ')).length).toBe(plain.stats.faults);
  expect(of('cpu.tlb').length).toBe(run.stats.tlbMisses);
});

it('M1: regions, why they go, and the same state as without', async () => {
  const command = ['fresh-code', '60'];
  const options = [...seeded, ...freshCode];
  const plain = await euroosRun(options, command);
  const { run, lines } = await traced('cpu.region,cpu.block', options, command);
  expect(run.stats.stateHash).toBe(plain.stats.stateHash);
  const compiled = lines.filter((line) =>
    /cpu\.region compiled 0x\w+: \d+ instructions in \d+ pages, \d+ bytes, [\d.]+ ms$/.test(line),
  );
  expect(compiled.length).toBe(run.stats.jitRegions);
  expect(lines.some((line) => /cpu\.region dropped 0x\w+: invalidated$/.test(line))).toBe(true);
  expect(lines.some((line) => /cpu\.block threaded 0x\w+: \d+ instructions, physical page \w+$/.test(line))).toBe(true);
});

it('M1: an exception is told with its instruction, on stderr if no file is named', async () => {
  const run = await euroosRun(['--trace', 'cpu.exception'], ['/bin/sh', '-c', 'hello']);
  expect(run.stderr).toMatch(
    /^\d+ \[\d+\] cpu\.exception #PF error [0-9a-f]+ address 0x[0-9a-f]+ ring 3 at 0x[0-9a-f]+: \S/m,
  );
  expect(run.stdout).not.toContain('cpu.');
});

it('M1: a file that cannot be written is refused with one line', async () => {
  const run = await euroosRun(['--trace', 'cpu.*', '--trace-file', '/nowhere/x'], ['/bin/hello']);
  expect([run.status, run.stderr.split('\n').length]).toEqual([125, 2]);
});
