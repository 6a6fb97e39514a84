// Three rounds of what `npm run campaign:soak` does for as long as is wanted.

import { expect, it } from 'vitest';
import { soak } from './soak.ts';

it('E13 E14 L3: 32 processes and 60 threads under memory pressure: fair shares, nothing lost, nothing left behind', () => {
  const { rounds, reclaims, problems } = soak({ rounds: 3, ticks: 1400 });
  expect(problems).toEqual([]);
  expect(rounds).toBe(3);
  expect(reclaims).toBeGreaterThan(10);
}, 600_000);
