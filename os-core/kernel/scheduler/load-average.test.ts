import { expect, it } from 'vitest';
import { LoadAverage } from './load-average.ts';

it('E28: load averages rise and fall as Linux computes them', () => {
  const load = new LoadAverage();
  expect(load.text()).toBe('0.00 0.00 0.00');
  load.update(4.9e9, 1);
  expect(load.text()).toBe('0.00 0.00 0.00');
  // One task that always computes: 1 - exp(-1) after a minute, and at last 1.
  for (let second = 5; second <= 60; second += 5) load.update(second * 1e9, 1);
  expect(load.text()).toBe('0.63 0.18 0.06');
  for (let second = 65; second <= 7200; second += 5) load.update(second * 1e9, 1);
  expect(load.text()).toBe('1.00 1.00 1.00');
  // A minute without a tick, then one that finds a task for the first time.
  load.update(7260 * 1e9, 0);
  expect(load.text()).toBe('0.37 0.82 0.94');
  load.update(1e15, 0);
  expect(load.text()).toBe('0.00 0.00 0.00');
});
