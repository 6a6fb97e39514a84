// The driver against the real device in a running kernel; the portable hash is the judge.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../devices/machine/index.ts';
import { testBackends, testConfiguration } from '../../../test/support/machine-fixture.ts';
import { boot } from '../../boot/loader.ts';
import { createKernel, type Kernel } from '../../kernel/kernel.ts';
import type { HashJob } from '../../kernel/process/hash-engine.ts';
import { snapshotKernel } from '../../kernel/snapshot.ts';
import { sha256Of } from '../../security/program-signature.ts';
import { driverSubsystem } from '../startup.ts';
import { VirtioCrypto } from './crypto.ts';

function start(): { kernel: Kernel; engine: VirtioCrypto; finish: (job: HashJob) => void; serialText: () => string } {
  const backends = testBackends();
  const machine = createMachine(testConfiguration, backends);
  const kernel = createKernel({
    machine,
    bootInformation: boot(machine),
    systemTasks: [],
    subsystems: [driverSubsystem],
    security: { verifyProgram: () => ({ ok: false, reason: 'no programs in this test' }) } as never,
  });
  const engine = kernel.state.hashEngine;
  if (!(engine instanceof VirtioCrypto)) throw new Error('no crypto device');
  const finish = (job: HashJob): void => {
    for (let n = 0; n < 100 && job.state === 'running'; n++) {
      if (kernel.runSlice(100_000) === 'idle') machine.advanceTo(machine.nextDeadlineNanos());
    }
  };
  return { kernel, engine, finish, serialText: () => Buffer.from(backends.serialBytes).toString() };
}

function patternOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, n) => (n * 31 + (n >> 9)) & 0xff);
}

describe('virtio-crypto', () => {
  it('E41: SHA-256 of the device equals the portable one at every length that meets a boundary', () => {
    const { kernel, engine, finish, serialText } = start();
    expect(serialText()).toContain('[crypto] virtio-crypto OK');
    const free = kernel.frames.freeFrames;
    for (const length of [1, 55, 64, 4095, 4096, 4097, 262_143, 262_144, 262_145, 1_000_000]) {
      const bytes = patternOf(length);
      const job = engine.startSha256(kernel, bytes);
      if (job === null) throw new Error(`${length} bytes were not taken`);
      finish(job);
      expect([length, job.state, Buffer.from(job.digest ?? []).toString('hex')]).toEqual([
        length,
        'done',
        createHash('sha256').update(bytes).digest('hex'),
      ]);
      expect(job.digest).toEqual(sha256Of(bytes));
    }
    expect(kernel.frames.freeFrames).toBe(free);
  });

  it('E41: takes what it has room for and refuses the rest, so that the portable way is used', () => {
    const { kernel, engine, finish } = start();
    expect(engine.startSha256(kernel, new Uint8Array(0))).toBeNull();
    expect(engine.startSha256(kernel, new Uint8Array(17 * 1024 * 1024))).toBeNull();
    const jobs = [1, 2, 3].map((n) => engine.startSha256(kernel, patternOf(n * 5000)));
    expect(jobs.map((job) => job !== null)).toEqual([true, true, false]);
    for (const job of jobs) if (job !== null) finish(job);
    expect(jobs[1]?.digest).toEqual(sha256Of(patternOf(10_000)));
    expect(engine.startSha256(kernel, patternOf(100))).not.toBeNull();
  });

  it('E41: a device that breaks the ring fails its jobs and is not asked again', () => {
    const { kernel, engine, finish } = start();
    const job = engine.startSha256(kernel, patternOf(5000));
    if (job === null) throw new Error('not taken');
    // The used index runs far ahead.
    const { used } = (engine as unknown as { queue: { used: number } }).queue;
    kernel.machine.memory.write16(used + 2, 0x4000);
    finish(job);
    expect([job.state, job.digest]).toEqual(['failed', null]);
    expect(engine.startSha256(kernel, patternOf(100))).toBeNull();
  });

  it('E41 E55: a job in flight is part of the kernel that is written down', () => {
    const { kernel, engine } = start();
    const job = engine.startSha256(kernel, patternOf(5000));
    expect(job?.state).toBe('running');
    const snapshot = snapshotKernel(kernel);
    expect(snapshotKernel(kernel)).toEqual(snapshot);
  });
});
