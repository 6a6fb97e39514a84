// What a program must not be able to do to the kernel by way of names and files.

import { expect, it } from 'vitest';
import { O, run } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';

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
