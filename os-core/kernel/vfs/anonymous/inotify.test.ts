// inotify: bounds, and that nothing stays behind.

import { describe, expect, it } from 'vitest';
import { type Call, O, run } from '../../../../test/support/file-calls.ts';
import { Errno } from '../../../abi/errno.ts';
import { restoreKernel, snapshotKernel } from '../../snapshot.ts';
import { Vfs } from '../vfs.ts';

const CREATE_AND_DELETE = 0x300;

describe('inotify', () => {
  it('E28: the queue is bounded and says so; watches go with the descriptor', () => {
    const turns = Array.from({ length: 8200 }, (): Call[] => [
      ['mkdir', '/tmp/t', 0o700],
      ['rmdir', '/tmp/t'],
    ]).flat();
    const { values, results, kernel } = run([
      ['inotify_init1', O.nonBlock],
      ['inotify_add_watch', 0, '/tmp', CREATE_AND_DELETE],
      ...turns,
      ['ioctl', 0, 0x541b, { buffer: 4 }],
      ['close', 0],
    ]);
    expect(values.slice(2).every((value) => value === 0)).toBe(true);
    // 16,384 events of 32 bytes and one without a name.
    expect(Buffer.from(results[results.length - 2].data).readUInt32LE(0)).toBe(16_384 * 32 + 16);
    expect(Vfs.of(kernel).notifier.isActive).toBe(false);
  });

  it('E28: descriptions are bounded, as each has a queue', () => {
    const { values, kernel } = run([
      ...Array.from({ length: 129 }, (): Call => ['inotify_init1', 0]),
      ['close', 5],
      ['inotify_init1', 0],
    ]);
    expect(values.slice(127)).toEqual([127, -Errno.EMFILE, 0, 5]);
    expect(Vfs.of(kernel).notifier.instances).toBe(128);
  });

  it('E28 E48: watches and waiting events survive a snapshot', () => {
    const { values, kernel, environment } = run([
      ['inotify_init1', O.nonBlock],
      ['inotify_add_watch', 0, '/tmp', 0xfff],
      ['open', '/tmp/f', O.create | O.both, 0o600],
      ['write', 1, { bytes: Buffer.from('x') }, 1],
    ]);
    expect(values).toEqual([0, 1, 1, 1]);
    const bytes = snapshotKernel(kernel);
    expect(snapshotKernel(restoreKernel(environment, bytes))).toEqual(bytes);
  });
});
