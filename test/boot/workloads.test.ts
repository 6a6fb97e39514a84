// The programs of the CPU benchmark as a test of every engine: with small counts, they print in EuroOS what they print natively.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuClasses, cpuWorkload } from '../bench/cpu/classes.ts';
import { EuroOsSubject, native, type Workload } from '../bench/subjects.ts';
import { engines } from '../support/engines.ts';

/** Of the counts that take a quarter of a second natively: tenths of a second in the interpreter. */
const SHARE = 1 / 3000;
/** Generated programs are this much smaller than in the benchmark, and call that much less. */
const SMALLER = 20;

describe.each(engines)('workloads on the %s', (engine) => {
  const workloads = new Map<string, Workload>();
  let machine: EuroOsSubject;

  beforeAll(async () => {
    for (const one of cpuClasses) workloads.set(one.name, await cpuWorkload(one, SMALLER));
    machine = await EuroOsSubject.boot(
      engine,
      [...workloads.values()].map(({ program }) => program),
    );
  });
  afterAll(async () => await machine?.close());

  for (const { name, nativeCount } of cpuClasses)
    it(`E29 M1: ${name} on the ${engine}: equal to the native output`, async () => {
      const workload = workloads.get(name)!;
      const count = Math.max(2, Math.round(nativeCount * SHARE));
      const expected = await native().run(workload, count);
      expect(expected.output).toMatch(/^([0-9a-f]{16}\n)+$/);
      expect((await machine.run(workload, count)).output).toBe(expected.output);
    });
});
