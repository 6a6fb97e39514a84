// /proc and /sys: rights, folders, threads, and names that are not there.

import { describe, expect, it } from 'vitest';
import { type Call, O, run, text } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';

const names = (data: Uint8Array, length: number): string[] => {
  const view = new DataView(data.buffer, data.byteOffset);
  const list: string[] = [];
  for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
    const end = data.indexOf(0, at + 19);
    list.push(Buffer.from(data.subarray(at + 19, end)).toString());
  }
  return list;
};
const list = (folder: string): Call[] => [
  ['open', folder, O.read],
  ['getdents64', 0, { buffer: 8192 }, 8192],
  ['close', 0],
];

describe('/proc and /sys', () => {
  it('E28: every name in every folder can be looked up, and ".." leads back', () => {
    const { results, values } = run([
      ...list('/proc/sys'),
      ...list('/proc/sys/net/core/../../kernel/random'),
      ...list('/sys/devices/system/cpu'),
      ...list('/proc/1/task/1'),
      ...list('/proc/1/task/1/../../task'),
      ['stat', '/sys/devices/system/cpu/cpu0/topology/../../online', { buffer: 144 }],
      ['stat', '/proc/sys/vm/../fs/nr_open', { buffer: 144 }],
    ]);
    const listed = [1, 4, 7, 10, 13].map((n) => names(results[n].data, values[n]).slice(2));
    expect(listed).toEqual([
      ['kernel', 'vm', 'fs', 'net'],
      ['uuid', 'boot_id', 'entropy_avail', 'poolsize'],
      ['cpu0', 'isolated', 'kernel_max', 'offline', 'online', 'possible', 'present'],
      ['stat', 'status', 'comm'],
      ['1'],
    ]);
    expect(values.slice(15)).toEqual([0, 0]);
  });

  it('E28: names that are not there, and writing', () => {
    const { values } = run([
      ['open', '/sys/devices/system/cpu/constructor', O.read],
      ['open', '/proc/sys/__proto__', O.read],
      ['open', '/proc/1/task/2', O.read],
      ['open', '/proc/1/task/1/maps', O.read],
      ['open', '/sys/devices/system/cpu/online', O.write],
      ['mkdir', '/sys/x', 0o755],
      ['unlink', '/sys/kernel', 0],
      ['open', '/sys/devices/system/cpu/online/x', O.read],
    ]);
    const { ENOENT, EACCES, ENOTDIR } = Errno;
    expect(values).toEqual([-ENOENT, -ENOENT, -ENOENT, -ENOENT, -EACCES, -EACCES, -EACCES, -ENOTDIR]);
  });

  it('E28: smaps adds up to what status and stat say', () => {
    const { results } = run([
      ['open', '/proc/self/smaps', O.read],
      ['read', 0, { buffer: 16384 }, 16384],
      ['open', '/proc/self/status', O.read],
      ['read', 1, { buffer: 4096 }, 4096],
      ['open', '/proc/self/stat', O.read],
      ['read', 2, { buffer: 1024 }, 1024],
    ]);
    const areas = text(results[1]).split(/^(?=[0-9a-f]{8,}-)/m);
    const field = (of: string, name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(of)?.[1]);
    const sum = (name: string): number => areas.reduce((total, area) => total + field(area, name), 0);
    expect(areas.length).toBeGreaterThan(0);
    expect(sum('Size')).toBe(field(text(results[3]), 'VmSize'));
    expect(sum('Rss')).toBeGreaterThan(0);
    expect(sum('Rss')).toBe(sum('Shared_Clean') + sum('Shared_Dirty') + sum('Private_Clean') + sum('Private_Dirty'));
    const stat = text(results[5]).split(' ');
    expect(stat).toHaveLength(52);
    expect(Number(stat[22])).toBe(sum('Size') * 1024);
  });

  it('E32: a thread’s texts take the same right as its process’s', () => {
    const { values, results } = run(
      [
        ['open', '/proc/1/task/1/comm', O.read],
        ['read', 0, { buffer: 32 }, 32],
        ['open', '/sys/devices/system/cpu/online', O.read],
        ['euroos_capability_drop', 1],
        ['read', 1, { buffer: 8 }, 8],
      ],
      undefined,
      1 | 4,
    );
    expect(text(results[1])).toBe('probe\n');
    expect(values.slice(2)).toEqual([1, 1, -Errno.EPERM]);
  });
});
