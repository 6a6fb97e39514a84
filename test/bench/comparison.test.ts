// The arithmetic of the benchmark, with subjects whose cost is known: what comes out is the cost that went in, and a subject that
// computes something else is not timed.

import { expect, it } from 'vitest';
import { type Comparison, compare } from './comparison.ts';
import { ratio, tableOf } from './report.ts';
import type { Subject, Workload } from './subjects.ts';

const workload: Workload = {
  name: 'known',
  title: 'known cost',
  program: '/bin/true',
  arguments: (count) => [String(count)],
  nativeCount: 1_000_000,
  first: 5,
  goal: 3,
  inMean: true,
};

/** Needs `startUpMillis` and then `nanos` a round. */
function subject(name: string, slowness: number, nanos: number, startUpMillis: number, output = 'sum'): Subject {
  return {
    name,
    slowness,
    run: async (_, count) => ({ cpuMillis: startUpMillis + (count * nanos) / 1e6, output: `${output} ${count}` }),
    close: async () => {},
  };
}

const run = (subjects: Subject[], one = workload): Promise<Comparison[]> => compare([one], subjects, 3, () => {});

it('M1: time per round is free of start-up, whatever the count', async () => {
  const [native, qemu, engine] = [
    subject('native', 1, 100, 2),
    subject('qemu-user', 5, 450, 30),
    subject('jit', 3, 200, 900),
  ];
  const [result] = await run([native, qemu, engine]);
  expect(result.measured.map(({ nanosPerRound }) => Math.round(nanosPerRound))).toEqual([100, 450, 200]);
  expect(ratio(result, 'jit')).toBeCloseTo(2);
  const [heading, line, mean] = tableOf([result]);
  expect(heading).toEqual(['class', 'native, a round', 'qemu-user', 'EuroOS, jit', 'first / goal', 'jit / qemu']);
  expect(line).toEqual(['known cost (known)', '100 ns', '4.5 x', '2.0 x', '5 / 3', '0.44']);
  expect(mean.slice(2)).toEqual(['4.5 x', '2.0 x', '5.0 / 3.0', '0.44']);
});

it('M1: a subject that prints something else is an error, not a time', async () => {
  const [result] = await run([subject('native', 1, 100, 2), subject('jit', 3, 200, 2, 'other')]);
  expect(result.measured[1].problem).toContain('natively');
  expect(ratio(result, 'jit')).toBeNull();
  expect(tableOf([result])[1][3]).toBe('–');
});

it('M1: what qemu-user cannot run is left out', async () => {
  const subjects = [subject('native', 1, 100, 2), subject('qemu-user', 5, 450, 30)];
  const [result] = await run(subjects, { ...workload, notInQemu: 'a reason' });
  expect(result.measured[1].problem).toBe('a reason');
  expect(ratio(result, 'qemu-user')).toBeNull();
});

it('M1: rounds that contradict each other give no small spread', async () => {
  let runs = 0;
  const erratic: Subject = {
    ...subject('jit', 3, 200, 2),
    // Every fifth run is interrupted for a second: the difference to the next one may be negative.
    run: async (_, count) => ({
      cpuMillis: (count * 200) / 1e6 + (runs++ % 5 === 4 ? 1000 : 0),
      output: `sum ${count}`,
    }),
  };
  const [result] = await run([subject('native', 1, 100, 2), erratic]);
  expect(result.measured[1].spread).toBe(Number.POSITIVE_INFINITY);
});
