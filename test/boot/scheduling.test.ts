// Endless work shares the processor evenly, and the shell answers meanwhile.

import { describe, expect, it } from 'vitest';
import { euroosRun, programs } from '../support/euroos.ts';
import { TestMachine } from '../support/sessions.ts';

/** User and system ticks of a line of /proc/PID/stat (proc(5): fields 14 and 15). */
function ticksOf(line: string): number {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/**
 * `seconds` of two loops and the daemon, with questions to the shell in between: each half a second after a beat, so that none is
 * expected in the very moment of the question.
 */
const script = (seconds: number): string => `
euromonitor /tmp/beat & d=$!
loop & a=$!
loop & b=$!
until [ -s /tmp/beat ]; do sleep 0.02; done
sleep 0.5; echo "first $(cat /tmp/beat)"
sleep ${seconds}
cat /proc/$a/stat /proc/$b/stat
echo "last $(cat /tmp/beat)"
kill $a $b $d; wait $a; echo "status $?"
`;

/** `least`: ticks that both must have had together; `tolerance` of the half. */
function check(output: string, seconds: number, least: number, tolerance: number): void {
  const stats = output.split('\n').filter((line) => line.includes('(loop)'));
  const [a, b] = stats.map(ticksOf);
  expect(a + b).toBeGreaterThan(least);
  expect(Math.abs(a / (a + b) - 0.5)).toBeLessThanOrEqual(tolerance);
  const beat = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(output)?.[1]);
  expect(beat('last') - beat('first')).toBeGreaterThanOrEqual(Math.floor(seconds));
  expect(output).toContain('status 143\n');
}

describe('scheduling', () => {
  it('E13 E15: two endless loops each get half, the daemon beats, the shell answers (virtual time)', () => {
    const system = TestMachine.boot({ command: ['/bin/sh'], input: script(3), seed: 1, nanosPerInstruction: 500 });
    expect(system.run({ limit: 200e6 })).toBe(true);
    expect(system.output('stderr')).toBe('');
    check(system.output('stdout'), 3, 240, 0.02);
  });

  it('E13 E15: the same by the clock of the host', async () => {
    const result = await euroosRun([], null, script(2));
    // A busy host loses ticks: the guest's timer is as late as the host's thread.
    check(result.stdout, 2, 20, 0.05);
  });

  it('E13 E25 E30: all registers, FS and their modes survive 100,000 switches in system calls', () => {
    const command = ['registers', '8', '12600'];
    const additions = [{ host: `${programs}/registers`, guest: '/bin/registers' }];
    const system = TestMachine.boot({ command, seed: 1, engine: 'jit', additions });
    expect(system.run({ limit: 2e9 })).toBe(true);
    expect(system.output('stdout')).toBe('8 tasks, 12600 rounds of each: 0 wrong\n');
    expect(system.kernel.scheduler.contextSwitches).toBeGreaterThan(100_000);
  });

  it('E13 E56: who hands on small pieces is not interrupted at each by who takes them', () => {
    const text = 'echo begin; for n in $(seq 3000); do echo $n; done | tail -1';
    const system = TestMachine.boot({ command: ['/bin/sh', '-c', text], seed: 1 });
    system.run({ slice: 10_000, until: () => system.output('stdout') !== '' });
    const before = system.kernel.scheduler.contextSwitches;
    expect(system.run({ limit: 200e6 })).toBe(true);
    expect(system.output('stdout')).toBe('begin\n3000\n');
    expect(system.kernel.scheduler.contextSwitches - before).toBeLessThan(1000);
  });

  it('E14: 32 endless processes advance together, each with its share and a kernel stack of its own', () => {
    const count = 32;
    const text = `for n in $(seq 1 ${count}); do loop & done; wait`;
    const system = TestMachine.boot({ command: ['/bin/sh', '-c', text], seed: 1, nanosPerInstruction: 200 });
    const loops = () =>
      [...system.kernel.processes.processes.values()].filter((process) => process.executablePath === '/bin/loop');
    system.run({ limit: 60e6, slice: 100_000, until: () => loops().length === count });
    expect(loops()).toHaveLength(count);
    const tasks = loops().flatMap((process) => [...process.tasks]);
    expect(new Set(tasks.map((task) => task.kernelStack)).size).toBe(count);
    const before = tasks.map((task) => task.ticks);
    // 640 ticks of 50,000 instructions.
    system.run({ limit: system.instructions + 32e6 });
    const gained = tasks.map((task, n) => task.ticks - before[n]);
    for (const ticks of gained) expect(Math.abs(ticks - 20)).toBeLessThanOrEqual(1);
  });
});
