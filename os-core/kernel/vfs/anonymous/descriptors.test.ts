// Signals, processes and nameless files as descriptors: what programs of the boot tests cannot show.

import { describe, expect, it } from 'vitest';
import { type Call, O, run } from '../../../../test/support/file-calls.ts';
import { Errno } from '../../../abi/errno.ts';
import { restoreKernel, snapshotKernel } from '../../snapshot.ts';
import { Vfs } from '../vfs.ts';

const name = { bytes: Buffer.from('name\0') };
const mask = { bytes: Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 0) };

describe('signalfd, pidfd, memfd', () => {
  it('E28 E48: all three survive a snapshot', () => {
    const { values, kernel, environment } = run([
      ['signalfd4', -1, mask, 8, O.nonBlock],
      ['pidfd_open', 1, 0],
      ['memfd_create', name, 2],
      ['write', 2, { bytes: Buffer.from('abc') }, 3],
      ['fcntl', 2, 1033, 4],
    ]);
    expect(values).toEqual([0, 1, 2, 3, 0]);
    const bytes = snapshotKernel(kernel);
    expect(snapshotKernel(restoreKernel(environment, bytes))).toEqual(bytes);
  });

  it('E28: a nameless file gives its memory back with its last descriptor', () => {
    const { values, kernel } = run([
      ['memfd_create', name, 0],
      ['ftruncate', 0, 1_000_000],
      ['pwrite64', 0, { bytes: new Uint8Array(4096) }, 4096, 500_000],
      ['dup', 0],
      ['close', 0],
      ['pread64', 1, { buffer: 8 }, 8, 500_000],
      ['close', 1],
      ['memfd_create', name, 0],
    ]);
    expect(values).toEqual([0, 0, 4096, 1, 0, 8, 0, 0]);
    const { fileSystem } = Vfs.of(kernel).nameless(() => {
      throw new Error('it exists');
    });
    const { blocks, freeBlocks } = fileSystem.statistics();
    // The root and the file that was made last.
    expect(blocks - freeBlocks).toBe(2);
  });

  it('E28 E35: a writable mapping counts as open for writing, whatever becomes of the descriptor it was made with', () => {
    const mapped: Call[] = [
      ['memfd_create', name, 0],
      ['ftruncate', 0, 4096],
      ['mmap', 0, 4096, 3, 1, 0, 0],
      ['close', 0],
    ];
    const { values, kernel } = run(mapped);
    expect(Vfs.of(kernel).writers.size).toBe(1);
    expect(Vfs.of(run([...mapped, ['munmap', values[2], 4096]]).kernel).writers.size).toBe(0);
  });

  it('E28: its size is bounded by the memory of the machine', () => {
    const { values } = run([
      ['memfd_create', name, 0],
      ['ftruncate', 0, 2 ** 51],
    ]);
    expect(values).toEqual([0, -Errno.EFBIG]);
  });
});
