// The compiler, and threaded code alone, against the interpreter on random programs (smoke run), and a planted fault that this must see. The long run:
//   EUROOS_ENGINE_PROGRAMS=100000 npx vitest run test/conformance/engines            other programs: EUROOS_TEST_SEED=N

import { expect, test } from 'vitest';
import { Guest } from '../cpu/guest.ts';
import { compareEngines, compareSoup } from './compare.ts';

const programs = Number(process.env.EUROOS_ENGINE_PROGRAMS ?? 400);
const firstSeed = Number(process.env.EUROOS_TEST_SEED ?? 1);
const THRESHOLDS = [0, 2, 7, Number.POSITIVE_INFINITY];

test.each(THRESHOLDS)(
  'M1 M18: random programs run alike on both engines, compiled after %s runs of a block',
  (threshold) => {
    const interpreter = { guest: new Guest('interpreter') };
    const compiler = { guest: new Guest('jit', threshold) };
    for (let n = 0; n < programs; n++) {
      const difference = compareEngines(interpreter, compiler, {
        seed: firstSeed + n * 3 + (Number.isFinite(threshold) ? threshold : 1),
        instructions: 20_000,
        piece: 5_000,
      });
      expect(difference).toBe(null);
    }
    const { instructions, threadedInstructions, refused } = compiler.guest.cpu.compilerStatistics;
    expect(refused).toBe(0);
    expect(Number.isFinite(threshold) ? instructions : threadedInstructions).toBeGreaterThan(programs * 100);
  },
  600_000,
);

test.each([1, Number.POSITIVE_INFINITY])(
  'M18: bytes that are no program do the same on both, and never more than fault, compiled after %s runs',
  (threshold) => {
    const interpreter = { guest: new Guest('interpreter') };
    const compiler = { guest: new Guest('jit', threshold) };
    for (let n = 0; n < programs * 5; n++) expect(compareSoup(interpreter, compiler, firstSeed + n)).toBe(null);
    expect(compiler.guest.cpu.compilerStatistics.refused).toBe(0);
  },
  600_000,
);

test('a flag that one engine gets wrong is seen', () => {
  const interpreter = { guest: new Guest('interpreter') };
  const wrong = {
    guest: new Guest('interpreter'),
    damage: (guest: Guest) => {
      guest.cpu.rflags ^= 0x800n;
    },
  };
  expect(compareEngines(interpreter, wrong, { seed: 1, instructions: 1000, piece: 100 })).toContain('flags');
});
