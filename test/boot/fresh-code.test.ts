// Code that a program writes at run time: compiled, dropped when it changes, and not kept for ever.

import path from 'node:path';
import { expect, it } from 'vitest';
import { engines } from '../support/engines.ts';
import { euroosRun, execute, programs } from '../support/euroos.ts';

const program = path.join(programs, 'fresh-code');
const options = [
  '--add',
  `${program}:/bin/fresh-code`,
  '--caps',
  'console,file,process,network,exec-jit',
  '--net',
  'none',
];

/** EUROOS_FRESH_ROUNDS=200000 is a run of minutes. */
const rounds = Number(process.env.EUROOS_FRESH_ROUNDS ?? 2000);

it.each(engines)('M1 E35: fresh and rewritten code runs on the %s as on the host', async (engine) => {
  const expected = await execute(program, ['60']);
  const run = await euroosRun([...options, '--engine', engine], ['fresh-code', '60']);
  expect(run.stdout).toBe(expected.stdout);
});

it(`M1: code memory stays bounded while a program maps, writes and runs fresh code (${rounds} rounds)`, async () => {
  const expected = await execute(program, [String(rounds)]);
  const few = await euroosRun([...options, '--engine', 'jit'], ['fresh-code', '50']);
  const many = await euroosRun([...options, '--engine', 'jit'], ['fresh-code', String(rounds)]);
  expect(many.stdout).toBe(expected.stdout);
  const { jitRegions, jitLiveRegions, jitLiveCodeBytes } = many.stats as Record<string, number>;
  // Otherwise nothing was compiled that had to go again.
  expect(jitRegions).toBeGreaterThan(rounds / 2);
  // Pages are used again, and take what was made from them with them: in the end little more lives than after a few rounds.
  expect(jitLiveRegions).toBeLessThan((few.stats.jitLiveRegions as number) + 100);
  expect(jitLiveCodeBytes).toBeLessThan((few.stats.jitLiveCodeBytes as number) + 500_000);
}, 240_000);

const flips = path.join(programs, 'flips');
const flipOptions = ['--add', `${flips}:/bin/flips`];

it.each(engines)(
  'M1 E35: memory with both rights is turned over between writing and running on the %s',
  async (engine) => {
    const expected = await execute(flips, []);
    const run = await euroosRun(
      [...flipOptions, '--caps', 'console,file,process,exec-jit', '--engine', engine],
      ['flips'],
    );
    expect(run.stdout).toBe(expected.stdout);
    expect(run.status).toBe(expected.status);
  },
);

it('E35: without the right there is no such memory, and code never writes into the page that it runs from', async () => {
  expect((await euroosRun(flipOptions, ['flips'])).status).toBe(3);
  const own = await euroosRun([...flipOptions, '--caps', 'console,file,process,exec-jit'], ['flips', 'own']);
  expect([own.stdout, own.status]).toEqual(['', 139]);
});
