// Some thousands of random system calls on every run; `npm run campaign:syscalls` goes on from there.

import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import { programs } from '../support/euroos.ts';
import { rows, runBatch } from './call-fuzzer.ts';
import { CallGenerator } from './call-generator.ts';
import { encodeProgram } from './call-program.ts';

const runner = `${programs}/call-runner`;

describe('random system calls', () => {
  for (const seed of [1, 2, 3])
    it(`E34 L2: batch ${seed}: the kernel stays whole, gives all back, and no right comes back`, () => {
      const result = runBatch({ seed, programs: 12, calls: 200 }, runner);
      expect(result.failure).toBeNull();
      expect(result.calls).toBeGreaterThan(2000);
    });

  it('the same seed gives the same programs', () => {
    const made = () => encodeProgram(new CallGenerator(new SeededRandom(7), rows).program(300, 100));
    expect(made()).toEqual(made());
  });
});
