import { expect, it } from 'vitest';
import type { Kernel } from '../kernel.ts';
import { Process } from '../process/process.ts';
import { processCpuTime } from './cpu-time.ts';

it('E28: time as user and as system never falls, however the shares change', () => {
  const process = new Process(2, null, null, null, 0, 0);
  // Without threads nothing else of a kernel is asked.
  const time = (nanos: number, user: number, system: number): number[] => {
    process.cpuNanos = nanos;
    Object.assign(process, { userInstructions: user, systemInstructions: system });
    const { user: userNanos, system: systemNanos } = processCpuTime({} as Kernel, process);
    return [userNanos, systemNanos];
  };
  expect(time(0, 0, 0)).toEqual([0, 0]);
  expect(time(1000, 3, 1)).toEqual([750, 250]);
  // All that came since was system time: user time stays.
  expect(time(1400, 3, 100)).toEqual([750, 650]);
  expect(time(1500, 1000, 100)).toEqual([850, 650]);
  expect(time(1500, 1, 100)).toEqual([850, 650]);
});
