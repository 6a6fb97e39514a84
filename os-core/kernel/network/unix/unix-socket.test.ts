// What programs of the boot tests cannot show of AF_UNIX: rights, bounds, what is left behind, snapshots.

import { describe, expect, it } from 'vitest';
import { type Call, O, run } from '../../../../test/support/file-calls.ts';
import { Errno } from '../../../abi/errno.ts';
import { restoreKernel, snapshotKernel } from '../../snapshot.ts';
import { UnixSockets } from './unix-names.ts';

const AF_UNIX = 1;
const STREAM = 1;
const DATAGRAM = 2;
/** Where the arena of a system task lies: the first argument's bytes are at its start. */
const ARENA = 0x1000_0000;

/** struct msghdr with one byte of data and SCM_RIGHTS for `descriptors`. */
function messageWith(descriptors: readonly number[], controlLength = 16 + 4 * descriptors.length) {
  const bytes = new Uint8Array(128 + 4 * descriptors.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, ARENA + 56, true);
  view.setUint32(24, 1, true);
  view.setUint32(32, ARENA + 80, true);
  view.setUint32(40, controlLength, true);
  view.setUint32(56, ARENA + 72, true);
  view.setUint32(64, 1, true);
  view.setUint32(80, 16 + 4 * descriptors.length, true);
  view.setInt32(88, 1, true);
  view.setInt32(92, 1, true);
  descriptors.forEach((descriptor, i) => view.setInt32(96 + 4 * i, descriptor, true));
  return { bytes };
}
const pair = (type = STREAM): Call => ['socketpair', AF_UNIX, type, 0, { buffer: 8 }];
const path = (name: string) => ({
  bytes: Buffer.concat([Uint8Array.of(AF_UNIX, 0), Buffer.from(name), Buffer.alloc(1)]),
});

describe('AF_UNIX', () => {
  it('E28: sockets that lie only in each other’s queues are given up', () => {
    const { kernel, values } = run([
      pair(),
      ['sendmsg', 0, messageWith([0, 1]), 0],
      ['close', 0],
      ['close', 1],
      pair(),
      ['close', 0],
    ]);
    expect(values).toEqual([0, 1, 0, 0, 0, 0]);
    expect(UnixSockets.of(kernel).inFlight.size).toBe(0);
    expect(UnixSockets.of(kernel).inFlightOfUser.size).toBe(0);
  });

  it('E28: what can still be received stays, however it is nested', () => {
    const { kernel, values } = run([
      pair(),
      pair(),
      ['sendmsg', 0, messageWith([3]), 0],
      ['sendmsg', 2, messageWith([2]), 0],
      ['close', 2],
      ['close', 3],
      pair(),
      ['close', 2],
    ]);
    expect(values.every((value) => value >= 0)).toBe(true);
    expect(UnixSockets.of(kernel).inFlight.size).toBe(2);
  });

  it('E28: a chain of hundreds of sockets in each other’s queues ends without deep recursion', () => {
    const calls: Call[] = [pair(), ['close', 0]];
    let held = 1;
    for (let i = 0; i < 400; i++) {
      const next = held === 1 ? 2 : 1;
      calls.push(pair(), ['sendmsg', 0, messageWith([held]), 0], ['close', held], ['close', 0]);
      held = next;
    }
    const { kernel, values } = run([...calls, ['close', held]]);
    expect(values.every((value) => value >= 0)).toBe(true);
    expect(UnixSockets.of(kernel).inFlight.size).toBe(0);
  });

  it('E28: one of a pair of datagram sockets that parts from the other and is closed takes no more datagrams', () => {
    const { kernel, values } = run([
      pair(DATAGRAM),
      ['connect', 1, { bytes: Uint8Array.of(0, 0) }, 2],
      ['close', 1],
      ['sendmsg', 0, messageWith([0]), 0],
      ['sendmsg', 0, messageWith([0]), 0],
    ]);
    expect(values).toEqual([0, 0, 0, -Errno.ECONNREFUSED, -Errno.ENOTCONN]);
    expect(UnixSockets.of(kernel).inFlight.size).toBe(0);
    expect(UnixSockets.of(kernel).queuedBytes).toBe(0);
  });

  it('E28: descriptors in flight are bounded, bad control messages refused', () => {
    const many = Array.from({ length: 253 }, () => 0);
    const { values } = run([
      pair(DATAGRAM),
      ...Array.from({ length: 6 }, (): Call => ['sendmsg', 0, messageWith(many), 0x40]),
      ['sendmsg', 0, messageWith([...many, 0]), 0],
      ['sendmsg', 0, messageWith([0], 18), 0],
      ['sendmsg', 0, messageWith([0], 1_000_000), 0],
      ['bind', 0, { bytes: new Uint8Array(120).fill(1) }, 120],
      ['bind', 0, { bytes: Uint8Array.of(AF_UNIX) }, 1],
      ['bind', 0, path('x'.repeat(120)), 110],
    ]);
    expect(values.slice(1, 7)).toEqual([1, 1, 1, 1, 1, -Errno.ETOOMANYREFS]);
    expect(values.slice(7)).toEqual([
      -Errno.EINVAL,
      -Errno.EINVAL,
      -Errno.ENOBUFS,
      -Errno.EINVAL,
      -Errno.EINVAL,
      -Errno.EACCES,
    ]);
  });

  it('E28: what unaccepted connections have sent is bounded, and is given back', () => {
    const chunk = { bytes: new Uint8Array(32_768) };
    const once: Call[] = [
      ['socket', AF_UNIX, STREAM | O.nonBlock, 0],
      ['connect', 1, path('/tmp/name'), 12],
      ...Array.from({ length: 7 }, (): Call => ['write', 1, chunk, 32_768]),
      ['close', 1],
    ];
    const { values, kernel } = run([
      ['socket', AF_UNIX, STREAM, 0],
      ['bind', 0, path('/tmp/name'), 12],
      ['listen', 0, 4096],
      ...Array.from({ length: 340 }, () => once).flat(),
      ['close', 0],
    ]);
    expect(values).toContain(-Errno.ENOBUFS);
    expect(values[values.length - 1]).toBe(0);
    const sockets = UnixSockets.of(kernel);
    expect([sockets.queuedBytes, sockets.waitingConnections, sockets.bound.size]).toEqual([0, 0, 0]);
  });

  it('E32: sockets within the machine need no right to the network, names take the right to files', () => {
    const { values } = run([
      ['euroos_capability_drop', 1],
      pair(),
      ['write', 0, { bytes: Buffer.from('x') }, 1],
      ['socket', 2, DATAGRAM, 0],
      ['socket', AF_UNIX, STREAM, 0],
      ['bind', 2, path('/tmp/name'), 12],
      ['connect', 2, path('/tmp/name'), 12],
      ['bind', 2, { bytes: Uint8Array.of(AF_UNIX, 0, 0, 65) }, 4],
    ]);
    expect(values).toEqual([1, 0, 1, -Errno.EPERM, 2, -Errno.EPERM, -Errno.EPERM, 0]);
  });

  it('E28 E48: a listening socket with an unaccepted connection survives a snapshot', () => {
    const { kernel, environment, values } = run([
      ['socket', AF_UNIX, STREAM, 0],
      ['bind', 0, path('/tmp/name'), 12],
      ['listen', 0, 4],
      ['socket', AF_UNIX, STREAM | O.nonBlock, 0],
      ['connect', 1, path('/tmp/name'), 12],
      ['sendmsg', 1, messageWith([0]), 0],
      ['unlink', '/tmp/name'],
    ]);
    expect(values).toEqual([0, 0, 0, 1, 0, 1, 0]);
    const bytes = snapshotKernel(kernel);
    expect(snapshotKernel(restoreKernel(environment, bytes))).toEqual(bytes);
  });
});
