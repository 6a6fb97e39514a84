// What a program must not be able to do to the kernel by way of names and files.

import { expect, it } from 'vitest';
import { O, run, text } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';
import { Vfs } from './vfs.ts';

it('E28: names that JavaScript objects are born with are no devices', () => {
  const { values, kernel } = run([
    ['readlink', '/dev/constructor', { buffer: 64 }, 64],
    ['stat', '/dev/__proto__', { buffer: 144 }],
    ['open', '/dev/toString', O.read],
    ['readlink', '/dev/stdin', { buffer: 64 }, 64],
  ]);
  expect(values).toEqual([-Errno.ENOENT, -Errno.ENOENT, -Errno.ENOENT, '/proc/self/fd/0'.length]);
  expect(kernel.state.power).toBe('on');
});

it('E32: a file that may not be read may not be mapped, sought in or locked either', () => {
  const { values } = run([
    ['open', '/home/large', O.read],
    ['euroos_capability_drop', 1 | 2],
    ['read', 0, { buffer: 8 }, 8],
    ['mmap', 0, 4096, 1, 2, 0, 0],
    ['lseek', 0, 5, 0],
    ['flock', 0, 1],
    ['fsync', 0],
  ]);
  expect(values.slice(2)).toEqual([-Errno.EPERM, -Errno.EPERM, -Errno.EPERM, -Errno.EPERM, -Errno.EPERM]);
});

it('E32: looking at other processes and at the log takes the right "process"', () => {
  const { values } = run(
    [
      ['open', '/proc/kmsg', O.read],
      ['read', 0, { buffer: 64 }, 64],
      ['readlink', '/proc/1/cwd', { buffer: 64 }, 64],
    ],
    undefined,
    1 | 4,
  );
  expect(values).toEqual([0, -Errno.EPERM, 1]);
});

it('E28: tmpfs counts names and attributes, so that none of them can fill the memory of the host', () => {
  const { results, values } = run([
    ['statfs', '/tmp', { buffer: 120 }],
    ['open', '/tmp/f', O.both | O.create, 0o600],
    ['link', '/tmp/f', '/tmp/g'],
    ['fsetxattr', 0, 'user.a', { bytes: new Uint8Array(8) }, 8, 0],
    ['fsetxattr', 0, 'user.a', { bytes: new Uint8Array(8) }, 8, 0],
    ['statfs', '/tmp', { buffer: 120 }],
    ['fremovexattr', 0, 'user.a'],
    ['unlink', '/tmp/g'],
    ['unlink', '/tmp/f'],
    ['close', 0],
    ['statfs', '/tmp', { buffer: 120 }],
  ]);
  expect(values.every((value) => value === 0)).toBe(true);
  const [before, used, after] = [0, 5, 10].map((n) => Buffer.from(results[n].data).readUInt32LE(24));
  // The inode, its second name, its attribute.
  expect([before - used, before - after]).toEqual([3, 0]);
});

it('E28: advisory locks leave nothing behind, and two holders may both ask for more', () => {
  const { values, kernel } = run([
    ['open', '/home/large', O.read],
    ['open', '/home/large', O.read],
    ['flock', 0, 1],
    ['flock', 1, 1],
    // LOCK_EX | LOCK_NB: refused, and the shared lock is given up (flock(2)).
    ['flock', 0, 2 | 4],
    ['flock', 1, 2 | 4],
    ['close', 0],
    ['close', 1],
  ]);
  expect(values).toEqual([0, 1, 0, 0, -Errno.EAGAIN, 0, 0, 0]);
  expect(Vfs.of(kernel).locks.size).toBe(0);
});

it('E28: pipes are counted, and given back when no descriptor is free', () => {
  const limit = new Uint8Array(16);
  new DataView(limit.buffer).setUint32(0, 3, true);
  new DataView(limit.buffer).setUint32(8, 3, true);
  const { values, kernel } = run([
    ['pipe', { buffer: 8 }],
    ['setrlimit', 7, { bytes: limit }],
    ['pipe', { buffer: 8 }],
    ['close', 0],
    ['close', 1],
    ['open', '/proc/euroos/security', O.read],
    ['read', 0, { buffer: 200 }, 200],
  ]);
  expect(values.slice(0, 6)).toEqual([0, 0, -Errno.EMFILE, 0, 0, 0]);
  expect(Vfs.of(kernel).openPipes).toBe(0);
});

it('M9: /proc/euroos/security counts what was verified, refused and denied', () => {
  const { results } = run([
    ['open', '/proc/euroos/security', O.read],
    ['read', 0, { buffer: 200 }, 200],
    ['euroos_capability_drop', 1 | 4],
    ['sysinfo', { buffer: 112 }],
    ['open', '/proc/euroos/security', O.read],
    ['read', 1, { buffer: 200 }, 200],
  ]);
  expect(text(results[1])).toBe('started: 1\nrefused: 0\ndenied: 0\nrunning: 1\nunverified: 0\n');
  expect(text(results[5])).toContain('denied: 1\n');
});

it('E28: a shared mapping that was made for reading does not become a private one for writing', () => {
  const { values } = run([
    ['open', '/home/large', O.read],
    ['mmap', 0, 4096, 1, 1, 0, 0],
    (results) => ['mprotect', results[1].value, 4096, 3],
    ['mmap', 0, 4096, 1, 2, 0, 0],
    (results) => ['mprotect', results[3].value, 4096, 3],
  ]);
  expect([values[2], values[4]]).toEqual([-Errno.EACCES, 0]);
});
