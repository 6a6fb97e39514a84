import { expect, it } from 'vitest';
import { createTestSystem, hex } from '../../../test/support/kernel-fixture.ts';
import { Errno } from '../../abi/errno.ts';
import type { Process } from '../process/process.ts';
import { SystemCallArguments } from './handler.ts';
import { priorityCalls } from './priority-calls.ts';

it('E24: a process may become nicer, not less nice; others of its user go with it, those of other users do not', () => {
  const system = createTestSystem();
  const [get, set] = priorityCalls;
  const call = (process: Process, row: typeof get, ...values: number[]): number => {
    const a = new SystemCallArguments();
    values.forEach((value, n) => {
      a.set(n, value);
    });
    return row.handler(system.kernel, [...process.tasks][0], a);
  };
  const [own, other] = [system.start(hex('ebfe')), system.start(hex('ebfe'))];
  own.credentials = { ...own.credentials, userId: 1000 };
  other.credentials = { ...other.credentials, userId: 1001 };
  expect(call(own, get, 0, 0)).toBe(20);
  expect(call(own, set, 0, 0, 5)).toBe(0);
  expect(call(own, get, 0, own.id)).toBe(15);
  expect(call(own, set, 0, 0, 4)).toBe(-Errno.EACCES);
  expect(call(own, set, 0, 0, 1000)).toBe(0);
  expect(call(own, get, 2, 0)).toBe(1);
  expect(call(own, set, 0, other.id, 10)).toBe(-Errno.EPERM);
  expect(call(own, get, 0, other.id)).toBe(20);
  expect(call(own, get, 0, 99_999)).toBe(-Errno.ESRCH);
  expect(call(own, get, 3, 0)).toBe(-Errno.EINVAL);
  other.credentials = { ...other.credentials, userId: 0 };
  expect(call(other, set, 0, own.id, -30)).toBe(0);
  expect(own.niceness).toBe(-20);
});
