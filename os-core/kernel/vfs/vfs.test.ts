// File calls on the real kernel (test/support/file-calls.ts).

import { describe, expect, it } from 'vitest';
import { newDisk, O, run, text } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';
import { checkVolume, PENDING as EURO_PENDING, MemoryBlockStore, VolumeTool } from '../../eurofs/index.ts';
import { restoreKernel, snapshotKernel } from '../snapshot.ts';
import { PENDING } from '../syscalls/handler.ts';

describe('file calls', () => {
  it('E28: PENDING is one number in kernel and file system', () => {
    expect(EURO_PENDING).toBe(PENDING);
  });

  it('E28 E57: write, append, truncate, seek, read back; durable after sync', () => {
    const { values, results, disk } = run([
      ['open', '/home/f', O.both | O.create | O.exclusive, 0o666],
      ['write', 0, { bytes: Buffer.from('hello world') }, 11],
      ['lseek', 0, 6, 0],
      ['read', 0, { buffer: 100 }, 100],
      ['pread64', 0, { buffer: 5 }, 5, 0],
      ['open', '/home/f', O.write | O.append],
      ['write', 1, { bytes: Buffer.from('!') }, 1],
      ['ftruncate', 0, 5000],
      ['lseek', 0, 0, 2],
      ['read', 0, { buffer: 10 }, 10],
      ['ftruncate', 0, 5],
      ['fstat', 0, { buffer: 144 }],
      ['open', '/home/f', O.both | O.create | O.exclusive, 0o666],
      ['close', 1],
      ['write', 1, { bytes: Buffer.from('x') }, 1],
      ['sync'],
    ]);
    expect(values).toEqual([0, 11, 6, 5, 5, 1, 1, 0, 5000, 0, 0, 0, -Errno.EEXIST, 0, -Errno.EBADF, 0]);
    expect(text(results[3])).toBe('world');
    expect(text(results[4])).toBe('hello');
    const stat = new DataView(results[11].data.buffer, results[11].data.byteOffset);
    expect(stat.getUint32(24, true).toString(8)).toBe('100644');
    expect(stat.getUint32(28, true)).toBe(1000);
    expect(stat.getUint32(48, true)).toBe(5);
    const store = new MemoryBlockStore(disk);
    expect(checkVolume(store).problems).toEqual([]);
    expect(Buffer.from(VolumeTool.mount(store).readFile('/home/f')).toString()).toBe('hello');
  });

  it('E28: names: errors as on Linux', () => {
    const long = 'n'.repeat(256);
    const { values } = run([
      ['open', '/none', O.read],
      ['open', '/none/x', O.read],
      ['open', '/home/large/x', O.read],
      ['open', `/home/${long}`, O.read],
      ['open', '/home', O.write],
      ['open', '/new', O.write | O.create, 0o644],
      ['open', '/secret/x', O.read],
      ['mkdir', '/home/d', 0o777],
      ['mkdir', '/home/d', 0o777],
      ['mkdir', '/home/d/e/', 0o777],
      ['rmdir', '/home/d'],
      ['unlink', '/home/d'],
      ['rename', '/home/d', '/home/d/e/f'],
      ['rename', '/home/large', '/home/d'],
      ['rename', '/home/d', '/home/large'],
      ['symlink', 'loop', '/home/loop'],
      ['open', '/home/loop', O.read],
      ['symlink', '/home/d', '/home/link'],
      ['mkdir', '/home/link/inside', 0o777],
      ['rmdir', '/home/d/.'],
      ['link', '/home/large', '/home/again'],
      ['link', '/home/d', '/home/dd'],
      ['rename', '/home/large', '/tmp/large'],
      ['unlink', '/home/large/'],
      ['chdir', '/home/d/e/..'],
      ['rmdir', '/proc'],
      ['open', '', O.read],
      ['rmdir', '/'],
    ]);
    const e = Errno;
    expect(values).toEqual(
      [
        e.ENOENT,
        e.ENOENT,
        e.ENOTDIR,
        e.ENAMETOOLONG,
        e.EISDIR,
        e.EACCES,
        e.EACCES,
        0,
        e.EEXIST,
        0,
        e.ENOTEMPTY,
        e.EISDIR,
        e.EINVAL,
        e.EISDIR,
        e.ENOTDIR,
        0,
        e.ELOOP,
        0,
        0,
        e.EINVAL,
        0,
        e.EPERM,
        e.EXDEV,
        e.ENOTDIR,
        0,
        e.EACCES,
        e.ENOENT,
        e.EBUSY,
      ].map((number) => (number === 0 ? 0 : -number)),
    );
  });

  it('E28: getcwd, getdents64, readlink, /proc and /dev', () => {
    const { results, values } = run([
      ['mkdir', '/tmp/t', 0o777],
      ['chdir', '/tmp/t'],
      ['getcwd', { buffer: 64 }, 64],
      ['open', '/', O.read],
      ['getdents64', 0, { buffer: 4096 }, 4096],
      ['getdents64', 0, { buffer: 4096 }, 4096],
      ['readlink', '/proc/self/exe', { buffer: 64 }, 64],
      ['open', '/proc/self/stat', O.read],
      ['read', 1, { buffer: 512 }, 512],
      ['open', '/dev/null', O.both],
      ['write', 2, { bytes: Buffer.from('gone') }, 4],
      ['open', '/proc/mounts', O.read],
      ['read', 3, { buffer: 512 }, 512],
      ['readlink', '/proc/self/fd/2', { buffer: 64 }, 64],
      ['open', '/proc/meminfo', O.read],
      ['read', 4, { buffer: 512 }, 512],
    ]);
    expect(values.filter((value) => value < 0)).toEqual([]);
    expect(text(results[2])).toBe('/tmp/t\0');
    for (const name of ['bin', 'dev', 'home', 'proc', 'tmp', '..']) expect(text(results[4])).toContain(`${name}\0`);
    expect(values[5]).toBe(0);
    expect(text(results[6])).toBe('/bin/probe');
    expect(text(results[8])).toMatch(/^1 \(probe\) R 0 1 1 /);
    expect(text(results[12])).toContain('/dev/vda / eurofs rw');
    expect(text(results[13])).toBe('/dev/null');
    expect(text(results[15])).toMatch(/MemTotal: +\d+ kB\nMemFree/);
  });

  it('E56: a pipe gives what was put in; without the other end EPIPE and end of file', () => {
    const ignorePipeSignal = new Uint8Array(32);
    ignorePipeSignal[0] = 1;
    const { values, results } = run([
      ['pipe2', { buffer: 8 }, 0],
      ['write', 1, { bytes: Buffer.from('through') }, 7],
      ['poll', { bytes: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0) }, 1, 0],
      ['read', 0, { buffer: 100 }, 100],
      ['fcntl', 0, 4, O.nonBlock],
      ['read', 0, { buffer: 10 }, 10],
      ['dup2', 1, 7],
      ['close', 1],
      ['close', 7],
      ['read', 0, { buffer: 10 }, 10],
      ['pipe', { buffer: 8 }],
      ['rt_sigaction', 13, { bytes: ignorePipeSignal }, 0, 8],
      ['close', 1],
      ['write', 2, { bytes: Buffer.from('x') }, 1],
    ]);
    expect(values).toEqual([0, 7, 1, 7, 0, -Errno.EAGAIN, 7, 0, 0, 0, 0, 0, 0, -Errno.EPIPE]);
    expect(text(results[3])).toBe('through');
  });

  it('E28: unlinked files live until closed; large reads, sendfile, copy_file_range', () => {
    const { values, results, disk } = run([
      ['open', '/home/large', O.read],
      ['read', 0, { buffer: 90_000 }, 90_000],
      ['lseek', 0, 0, 0],
      ['open', '/home/copy', O.both | O.create, 0o600],
      ['sendfile', 1, 0, 0, 200_000],
      ['unlink', '/home/large'],
      ['pread64', 0, { buffer: 4 }, 4, 99_990],
      ['open', '/home/copy2', O.both | O.create, 0o600],
      ['lseek', 1, 0, 0],
      ['copy_file_range', 1, 0, 2, 0, 100_000, 0],
      ['close', 0],
      ['fsync', 1],
      ['sync'],
    ]);
    expect(values).toEqual([0, 90_000, 0, 1, 100_000, 0, 4, 2, 0, 100_000, 0, 0, 0]);
    expect(text(results[1])).toBe('abcdefghij'.repeat(9000));
    const store = new MemoryBlockStore(disk);
    expect(checkVolume(store).problems).toEqual([]);
    const tool = VolumeTool.mount(store);
    expect(tool.exists('/home/large')).toBe(false);
    expect(Buffer.compare(tool.readFile('/home/copy2'), Buffer.alloc(100_000, 'abcdefghij'))).toBe(0);
  });

  it('E35: programs cannot set the signature attribute; user attributes work', () => {
    const value = { bytes: Buffer.from('v') };
    const { values } = run([
      ['setxattr', '/home/large', 'security.euroos', value, 1, 0],
      ['setxattr', '/home/large', 'user.note', value, 1, 0],
      ['setxattr', '/home/large', 'user.note', value, 1, 1],
      ['getxattr', '/home/large', 'user.note', { buffer: 10 }, 10],
      ['listxattr', '/home/large', { buffer: 100 }, 100],
      ['removexattr', '/home/large', 'user.note'],
      ['getxattr', '/home/large', 'user.note', { buffer: 10 }, 10],
    ]);
    expect(values).toEqual([-Errno.EPERM, 0, -Errno.EEXIST, 1, 10, 0, -Errno.ENODATA]);
  });

  it('E32: without the file right path calls are refused before any effect', () => {
    const disk = newDisk();
    const { values } = run(
      [
        ['open', '/home/x', O.write | O.create, 0o644],
        ['mkdir', '/home/y', 0o755],
        ['unlink', '/home/large'],
        ['pipe', { buffer: 8 }],
      ],
      disk,
      1 | 2 | 8,
    );
    expect(values).toEqual([-Errno.EPERM, -Errno.EPERM, -Errno.EPERM, 0]);
  });

  it('E17: what was written is committed by itself after some virtual seconds', () => {
    const second = new Uint8Array(16);
    second[0] = 8;
    const { disk } = run([
      ['mkdir', '/home/kept', 0o755],
      ['nanosleep', { bytes: second }, 0],
    ]);
    expect(VolumeTool.mount(new MemoryBlockStore(disk)).exists('/home/kept')).toBe(true);
  });

  it('E28: vectors, poll with a deadline, FIFOs, locks, close-on-exec, statfs', () => {
    // Two pieces: 3 bytes at arena offset 32, 2 at 40; the addresses are filled in by the door.
    const arena = 0x1000_0000;
    const vectors = new Uint8Array(48);
    const view = new DataView(vectors.buffer);
    view.setUint32(0, arena + 32, true);
    view.setUint32(8, 3, true);
    view.setUint32(16, arena + 40, true);
    view.setUint32(24, 2, true);
    vectors.set(Buffer.from('abc'), 32);
    vectors.set(Buffer.from('de'), 40);
    const { values, results } = run([
      ['open', '/tmp/v', O.both | O.create, 0o600],
      ['writev', 0, { bytes: vectors }, 2],
      ['pread64', 0, { buffer: 10 }, 10, 0],
      ['pipe', { buffer: 8 }],
      ['poll', { bytes: Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0) }, 1, 50],
      ['mknod', '/tmp/fifo', 0o010600, 0],
      ['open', '/tmp/fifo', O.write | O.nonBlock],
      ['open', '/tmp/fifo', O.read | O.nonBlock],
      ['open', '/tmp/fifo', O.write],
      ['write', 4, { bytes: Buffer.from('fifo') }, 4],
      ['read', 3, { buffer: 10 }, 10],
      ['open', '/tmp/v', O.read],
      ['flock', 0, 2],
      ['flock', 5, 2 | 4],
      ['flock', 0, 8],
      ['flock', 5, 2 | 4],
      ['fcntl', 5, 1030, 20],
      ['fcntl', 20, 1],
      ['statfs', '/', { buffer: 120 }],
      ['openat', 99, 'x', O.read],
      ['readv', 0, { bytes: vectors }, 2000],
    ]);
    expect(values).toEqual([
      0,
      5,
      5,
      0,
      0,
      0,
      -Errno.ENXIO,
      3,
      4,
      4,
      4,
      5,
      0,
      -Errno.EAGAIN,
      0,
      0,
      20,
      1,
      0,
      -Errno.EBADF,
      -Errno.EINVAL,
    ]);
    expect(text(results[2])).toBe('abcde');
    expect(text(results[10])).toBe('fifo');
  });

  it('E28: the state of all files can be written down, with a task asleep in a pipe', () => {
    const { kernel, environment, log } = run([
      ['open', '/home/new', O.both | O.create, 0o600],
      ['write', 0, { bytes: Buffer.from('not yet committed') }, 17],
      ['pipe', { buffer: 8 }],
      ['open', '/proc/self/status', O.read],
      ['open', '/dev/zero', O.read],
      ['open', '/tmp/t', O.both | O.create, 0o600],
      ['mkdir', '/tmp/d', 0o700],
      ['chdir', '/tmp/d'],
    ]);
    const bytes = snapshotKernel(kernel);
    const again = restoreKernel(environment, bytes);
    expect(Buffer.compare(snapshotKernel(again), bytes), log).toBe(0);
  });
});
