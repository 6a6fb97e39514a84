// Timers that programs set: what the boot tests cannot show.

import { describe, expect, it } from 'vitest';
import { type Call, O, run } from '../../../test/support/file-calls.ts';
import { Errno } from '../../abi/errno.ts';
import { restoreKernel, snapshotKernel } from '../snapshot.ts';

const MONOTONIC = 1;
const SIGEV_NONE = 1;
/** struct itimerspec */
function setting(intervalNanos: number, valueNanos: number): { bytes: Uint8Array } {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (const [at, nanos] of [
    [0, intervalNanos],
    [16, valueNanos],
  ]) {
    view.setUint32(at, Math.floor(nanos / 1e9), true);
    view.setUint32(at + 8, nanos % 1e9, true);
  }
  return { bytes };
}
const event = (kind: number): { bytes: Uint8Array } => {
  const bytes = new Uint8Array(64);
  new DataView(bytes.buffer).setInt32(8, 10, true);
  new DataView(bytes.buffer).setInt32(12, kind, true);
  return { bytes };
};
const sleep: Call = ['nanosleep', setting(20_000_000, 0), 0];

describe('timers of programs', () => {
  it('E28: a period of one nanosecond counts every expiry and costs one wake-up', () => {
    const { values, results } = run([
      ['timerfd_create', MONOTONIC, O.nonBlock],
      ['timerfd_settime', 0, 0, setting(1, 1), 0],
      sleep,
      ['read', 0, { buffer: 8 }, 8],
      ['close', 0],
    ]);
    expect(values).toEqual([0, 0, 0, 8, 0]);
    expect(Buffer.from(results[3].data).readUIntLE(0, 6)).toBeGreaterThan(20_000_000);
  });

  it('E28 E48: armed timers of every kind survive a snapshot', () => {
    const { values, kernel, environment } = run([
      ['timerfd_create', MONOTONIC, O.nonBlock],
      ['timerfd_settime', 0, 0, setting(1_000_000, 5e9), 0],
      ['timer_create', MONOTONIC, event(0), 0x1001_0000],
      ['timer_settime', 0, 0, setting(0, 7e9), 0],
      ['alarm', 100],
    ]);
    expect(values).toEqual([0, 0, 0, 0, 0]);
    const bytes = snapshotKernel(kernel);
    expect(snapshotKernel(restoreKernel(environment, bytes))).toEqual(bytes);
  });

  it('E28: the timers of a process are bounded', () => {
    const calls = Array.from({ length: 1025 }, (): Call => ['timer_create', MONOTONIC, event(SIGEV_NONE), 0x1001_0000]);
    const { values } = run(calls);
    expect(values.filter((value) => value === 0)).toHaveLength(1024);
    expect(values[1024]).toBe(-Errno.EAGAIN);
  });
});
