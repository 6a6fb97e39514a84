// What programs of the boot tests cannot show of timers that send signals.

import { expect, it } from 'vitest';
import { createTestSystem, hex } from '../../../test/support/kernel-fixture.ts';
import { setBlocked } from '../process/signals.ts';

it('E28: a timer that is set anew takes its waiting signal back, and nobody is left to act on it', () => {
  const system = createTestSystem();
  // Blocks SIGALRM; timer_create with the defaults; timer_settime to one nanosecond; pause for ever.
  const process = system.start(
    hex(
      '48c7042510004100 00200000 b80e000000 31ff be10004100 31d2 41ba08000000 0f05' +
        'b8de000000 bf01000000 31f6 ba00004100 0f05' +
        '48c7042538004100 01000000 b8df000000 31ff 31f6 ba20004100 4531d2 0f05' +
        'b822000000 0f05 ebf7',
    ),
  );
  const [task] = process.tasks;
  system.runUntil(() => process.signals.pending.mask !== 0n, 1000, 10_000);
  setBlocked(task, 0n);
  expect(task.signals.actionable).toBe(true);
  process.posixTimers.get(0)?.stop(system.kernel);
  expect(process.signals.pending.mask).toBe(0n);
  expect(task.signals.actionable).toBe(false);
});
