// Whole programs in lockstep with this host's processor, in small, and planted faults that it must see. The long run is campaign.ts.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { engines } from '../cpu/guest.ts';
import { hostObstacle } from '../cpu/host.ts';
import type { Follower, FollowerOptions } from './follower.ts';
import { buildTracer, lockstep } from './lockstep.ts';

const obstacle = hostObstacle();
const MEMORY_BYTES = 64 * 1024 * 1024;
/** Where a planted fault comes: in the loop of program.c. */
const PLANTED_STEP = 12_000;
/** Of program.c: its ELF header, which nobody writes. */
const IMAGE = 0x400000;

describe.skipIf(obstacle !== undefined)(`lockstep${obstacle === undefined ? '' : ` (${obstacle})`}`, () => {
  let tracer = '';
  let program = '';
  beforeAll(() => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-lockstep-program-'));
    tracer = buildTracer(path.join(import.meta.dirname, 'tracer.c'));
    program = path.join(folder, 'program');
    execFileSync('gcc', ['-O1', '-static', '-o', program, path.join(import.meta.dirname, 'program.c'), '-lm']);
  });
  const options = (more: Partial<FollowerOptions> = {}): FollowerOptions => ({
    engine: 'interpreter',
    seed: 1,
    piece: 1,
    threshold: 5,
    memoryBytes: MEMORY_BYTES,
    ...more,
  });

  test.each(engines)(
    'M18: a program of integers, SSE, x87, strings, signals, mappings and written code goes as on silicon (%s)',
    (engine) => {
      const output = path.join(path.dirname(program), `output-${engine}`);
      const result = lockstep(
        tracer,
        { command: [program], output },
        1_000_000,
        options({ engine, piece: engine === 'interpreter' ? 1 : 500 }),
      );
      expect(result.difference).toBe(null);
      expect(result.end).toBe('exit status 7');
      expect(result.steps).toBeGreaterThan(PLANTED_STEP);
      expect(result.pages).toBeGreaterThan(10);
      // It has found what it was given by the kernel, on the native side at least.
      expect(fs.readFileSync(output, 'utf8')).toMatch(/^sum .* signals 2 mapped 1 code 42\n$/);
      expect(fs.readFileSync(output, 'utf8')).toBe(
        execFileSync('sh', ['-c', `${program}; true`], { encoding: 'utf8' }),
      );
    },
    120_000,
  );

  const planted = (damage: (follower: Follower) => void, more: Partial<FollowerOptions> = {}): string => {
    const plant = { step: PLANTED_STEP, damage };
    return lockstep(tracer, { command: [program] }, PLANTED_STEP + 2000, options({ ...more, plant })).difference ?? '';
  };

  test('M18: a planted fault is seen at its step: a register, a flag, an XMM lane, MXCSR, the base of FS', () => {
    const register = planted(({ cpu }) => cpu.writeRegister(15, cpu.readRegister(15) ^ 1n));
    expect(Number(/^at step (\d+)\n/.exec(register)?.[1])).toBeLessThan(PLANTED_STEP + 3);
    expect(register).toMatch(/^ {2}r15: silicon/m);
    const flag = planted((follower) => {
      follower.cpu.rflags ^= 0x400n;
    });
    expect(flag).toMatch(/^ {2}flags: silicon/m);
    const image = (offset: number) => (follower: Follower) => {
      const area = 0xf000;
      follower.cpu.saveFloatingPoint(area);
      follower.memory.write8(area + offset, follower.memory.read8(area + offset) ^ 1);
      follower.cpu.restoreFloatingPoint(area);
    };
    expect(planted(image(160 + 15 * 16))).toMatch(/^ {2}xmm15\[0\]: silicon/m);
    expect(planted(image(24))).toMatch(/^ {2}mxcsr: silicon/m);
    expect(planted(({ cpu }) => cpu.writeMsr(0xc0000100, cpu.readMsr(0xc0000100) + 1n))).toMatch(/fs base, byte 0/);
  });

  test('M18: a planted fault is seen at the end of its piece, and in memory at the next check', () => {
    const piece = planted(({ cpu }) => cpu.writeRegister(15, cpu.readRegister(15) ^ 1n), { engine: 'jit', piece: 500 });
    expect(Number(/^within steps \d+ to (\d+);/.exec(piece)?.[1])).toBeLessThan(PLANTED_STEP + 3);
    const onStack = planted(({ cpu, space }) => {
      expect(space.flipByte(Number(cpu.readRegister(4)) - 256)).toBe(true);
    });
    expect(onStack).toMatch(/^after step \d+\n {2}memory at 7ff[0-9a-f]+: silicon/);
    // The native side does not tell of this page again: only what we wrote gives it away.
    const inCode = planted(({ space }) => {
      expect(space.flipByte(IMAGE + 8)).toBe(true);
    });
    expect(inCode).toMatch(/^after step \d+\n {2}memory at 400008: silicon/);
  });
});
