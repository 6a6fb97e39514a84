// A machine saved at any moment and restored elsewhere, in a fresh machine with a fresh kernel, goes on as if nothing had happened.

import path from 'node:path';
import { expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import { SystemCall } from '../../os-core/abi/system-call-numbers.ts';
import { TaskState } from '../../os-core/kernel/process/task.ts';
import { engines } from '../support/engines.ts';
import { programs } from '../support/euroos.ts';
import { type SystemSettings, TestMachine } from '../support/sessions.ts';

const SAVES = 20;
/** EUROOS_TEST_SEED=N repeats a run with other moments. */
const seed = Number(process.env.EUROOS_TEST_SEED ?? 20);

const common: SystemSettings = {
  command: ['/bin/sh', '-c', 'workload | sort -r; echo "status $?"; seq 1 5 | while read n; do echo "<$n>"; done'],
  input: Array.from({ length: 20 }, (_, n) => `line ${n}\n`).join(''),
  seed: 3,
  nanosPerInstruction: 20,
  additions: [{ host: path.join(programs, 'workload'), guest: '/bin/workload' }],
  daemons: [['/bin/euromonitor']],
};

it.each(engines)(
  `M5: saved at ${SAVES} random instruction counts and restored on the %s, it ends with the same hash and output (seed ${seed})`,
  (engine) => {
    const settings = { ...common, engine };
    const through = TestMachine.boot(settings);
    const booted = through.instructions;
    expect(through.run({ limit: 400e6 })).toBe(true);
    const end = { output: through.output('stdout'), serial: through.output('serial'), hash: through.hash() };
    expect(end.output).toContain('<5>\n');
    expect(end.output).toContain('threads 180\n');

    const random = new SeededRandom(seed);
    const moments = Array.from({ length: SAVES }, () => booted + random.below(through.instructions - booted));
    moments.sort((a, b) => a - b);
    const running = TestMachine.boot(settings);
    const asleepIn = new Set<number>();
    for (const moment of moments) {
      running.run({ limit: moment });
      for (const task of running.kernel.processes.tasks.values())
        if (task.state === TaskState.sleeping && task.call.active) asleepIn.add(task.call.number);
      const saved = running.save();
      const restored = TestMachine.restore(settings, saved);
      expect(restored.hash(), `right after a restore at ${saved.instructions}`).toBe(running.hash());
      expect(restored.run({ limit: 400e6 })).toBe(true);
      const again = { output: restored.output('stdout'), serial: restored.output('serial'), hash: restored.hash() };
      expect(again, `saved at ${saved.instructions}; seed ${seed}`).toEqual(end);
    }
    // Otherwise the moments have missed what this test is about.
    const { read, nanosleep, clock_nanosleep, poll, wait4 } = SystemCall;
    expect(asleepIn).toContain(read);
    expect(asleepIn).toContain(poll);
    expect(asleepIn).toContain(wait4);
    expect(asleepIn.has(nanosleep) || asleepIn.has(clock_nanosleep)).toBe(true);
  },
  240_000,
);
