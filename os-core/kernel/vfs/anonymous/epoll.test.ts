// What programs of the boot tests cannot show of epoll: snapshots, bounds, and that nothing stays behind.

import { describe, expect, it } from 'vitest';
import { type Call, O, run } from '../../../../test/support/file-calls.ts';
import { Errno } from '../../../abi/errno.ts';
import { restoreKernel, snapshotKernel } from '../../snapshot.ts';
import { Vfs } from '../vfs.ts';

const ADD = 1;
const EPOLLIN = 1;
const event = (events: number, data: number): { bytes: Uint8Array } => {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(0, events, true);
  new DataView(bytes.buffer).setUint32(4, data, true);
  return { bytes };
};

describe('epoll', () => {
  it('E28: items go with their file, with the epoll file, and by EPOLL_CTL_DEL', () => {
    const { values, kernel } = run([
      ['epoll_create1', 0],
      ['eventfd2', 0, O.nonBlock],
      ['epoll_ctl', 0, ADD, 1, event(EPOLLIN, 1)],
      ['dup', 1],
      ['epoll_ctl', 0, ADD, 2, event(EPOLLIN, 2)],
      ['close', 1],
      ['close', 2],
      ['eventfd2', 1, 0],
      ['epoll_ctl', 0, ADD, 1, event(EPOLLIN, 3)],
      ['epoll_wait', 0, { buffer: 24 }, 2, 0],
      ['close', 0],
      ['read', 1, { buffer: 8 }, 8],
    ]);
    expect(values).toEqual([0, 1, 0, 2, 0, 0, 0, 1, 0, 1, 0, 8]);
    expect(Vfs.of(kernel).watchers.size).toBe(0);
    expect(Vfs.of(kernel).watcherCount).toBe(0);
  });

  it('E28 E48: a watched descriptor survives a snapshot', () => {
    const { kernel, environment } = run([
      ['epoll_create1', 0],
      ['eventfd2', 1, 0],
      ['epoll_ctl', 0, ADD, 1, event(EPOLLIN, 7)],
      ['epoll_ctl', 0, ADD, 99, event(EPOLLIN, 7)],
    ]);
    const bytes = snapshotKernel(kernel);
    const restored = restoreKernel(environment, bytes);
    expect(snapshotKernel(restored)).toEqual(bytes);
    const [[file, items]] = [...Vfs.of(restored).watchers];
    expect(file.readiness(restored) & EPOLLIN).toBe(EPOLLIN);
    expect(items.size).toBe(1);
  });

  it('E28: circles and deep nesting are refused', () => {
    const create: Call[] = Array.from({ length: 8 }, () => ['epoll_create1', 0]);
    const chain: Call[] = Array.from({ length: 7 }, (_, i) => ['epoll_ctl', i, ADD, i + 1, event(EPOLLIN, i)]);
    const { values } = run([...create, ...chain, ['epoll_ctl', 1, ADD, 0, event(EPOLLIN, 0)]]);
    expect(values.slice(8)).toEqual([0, 0, 0, 0, -Errno.ELOOP, 0, 0, -Errno.ELOOP]);
  });
});
