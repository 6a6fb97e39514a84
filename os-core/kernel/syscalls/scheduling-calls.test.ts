// Rights of ordinary users over scheduling, capabilities and children: what differs for root on the host is tested here.

import { expect, it } from 'vitest';
import { run } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';

const words = (...values: number[]): { bytes: Uint8Array } => ({
  bytes: new Uint8Array(Uint32Array.from(values).buffer),
});

it('E28 E32: nobody gets real-time scheduling, niceness or capabilities that he has not', () => {
  const { values, results } = run([
    ['sched_setscheduler', 0, 1, words(50)],
    ['sched_setscheduler', 0, 6, words(0)],
    ['sched_setscheduler', 0, 5, words(0)],
    ['sched_getscheduler', 0],
    ['sched_setattr', 0, words(48, 0, 0, 0, 0xffff_ffff, 0, 0, 0, 0, 0, 0, 0), 0],
    ['sched_setaffinity', 0, 8, words(2, 0)],
    ['sched_setaffinity', 0, 8, words(3, 0)],
    ['capget', words(0x2008_0522, 0), { buffer: 24 }],
    ['capset', words(0x2008_0522, 0), 0x1001_0000],
  ]);
  const { EPERM, EINVAL } = Errno;
  expect(values).toEqual([-EPERM, -EPERM, 0, 5, -EPERM, -EINVAL, 0, 0, 0]);
  expect(Buffer.from(results[7].data).every((byte) => byte === 0)).toBe(true);
});
