// The same seed and the same input give the same machine, whatever the host does meanwhile.

import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Engine, engines } from '../support/engines.ts';
import { euroosRun, execute, programs } from '../support/euroos.ts';
import { type SystemSettings, TestMachine } from '../support/sessions.ts';

const workload = path.join(programs, 'workload');
const input = Array.from({ length: 20 }, (_, n) => `line ${n}\n`).join('');

function settings(seed: number, engine: Engine): SystemSettings {
  return {
    engine,
    command: ['/bin/workload'],
    input,
    seed,
    nanosPerInstruction: 20,
    additions: [{ host: workload, guest: '/bin/workload' }],
  };
}

function outcome(
  seed: number,
  slice: number,
  engine: Engine = 'interpreter',
): { hash: string; output: string; report: string; instructions: number } {
  const system = TestMachine.boot(settings(seed, engine));
  expect(system.run({ slice, limit: 400e6 })).toBe(true);
  return {
    hash: system.hash(),
    output: system.output('stdout'),
    report: system.output('report'),
    instructions: system.instructions,
  };
}

describe('determinism', () => {
  const first = outcome(1, 1_000_000);

  it('E28: the workload prints what it prints on Linux', async () => {
    const native = await execute(workload, [], { input });
    expect(first.output).toBe(native.stdout);
    expect(first.report).toBe('exit 3\n');
  });

  it.each(engines)('M1 M25: the same seed gives the same hash on the %s, in slices of any length', (engine) => {
    for (const slice of [1_000_000, 77_777, 10_007]) expect(outcome(1, slice, engine)).toEqual(first);
  });

  it('M25: another seed gives another machine and the same output', () => {
    const other = outcome(2, 1_000_000);
    expect(other.output).toBe(first.output);
    expect(other.hash).not.toBe(first.hash);
  });

  it('D7 M25: euroos run --seed twice gives the same state hash and figures; another seed another hash', async () => {
    const figures = async (seed: string, engine: Engine = 'jit') => {
      const { stats, stdout } = await euroosRun(
        ['--seed', seed, '--engine', engine],
        ['sh', '-c', 'head -c 8 /dev/urandom | wc -c; ls -l /'],
      );
      const { stateHash, instructions, syscalls, faults, diskReads } = stats;
      return { stdout, stateHash, instructions, syscalls, faults, diskReads };
    };
    const [one, again, other] = [await figures('5'), await figures('5'), await figures('6')];
    expect(one.stdout).toContain('8\n');
    expect(again).toEqual(one);
    expect(other.stateHash).not.toBe(one.stateHash);
  });
});
