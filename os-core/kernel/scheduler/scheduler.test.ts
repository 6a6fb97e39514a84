import { expect, it } from 'vitest';
import { registerClass } from '../../../devices/base/object-graph.ts';
import { createTestSystem, hex } from '../../../test/support/kernel-fixture.ts';
import type { Kernel } from '../kernel.ts';
import { startKernelTask } from '../process/lifecycle.ts';
import type { KernelWork, Task } from '../process/task.ts';
import { weightOf } from './weights.ts';

// 1: inc %rax; jmp 1b
const endless = hex('48ffc0 ebfb');

it('E13: two endless loops share the CPU evenly', () => {
  const system = createTestSystem();
  const tasks = [system.start(endless), system.start(endless)].map((process) => [...process.tasks][0]);
  system.runUntil(() => system.kernel.scheduler.ticks >= 120, 1_000_000, 500_000);
  const sum = tasks[0].userInstructions + tasks[1].userInstructions;
  expect(tasks[0].userInstructions / sum).toBeGreaterThan(0.48);
  expect(tasks[0].userInstructions / sum).toBeLessThan(0.52);
  expect(Math.abs(tasks[0].ticks - tasks[1].ticks)).toBeLessThanOrEqual(4);
});

/*
 * mov $seed,%rdi; copies to %r8-%r10, %r12-%r15, %rbp; movq and movlhps to %xmm0; fild; arch_prctl(ARCH_SET_FS); mov %rdi,%fs:0;
 * then for ever: compare all of them with %rdi, fld and fistp and compare, inc %rbx. UD2 on a difference.
 */
const checker = (seed: number): Uint8Array =>
  hex(
    `48c7c7 ${seed.toString(16).padStart(2, '0')}000000` +
      '4989f84989f94989fa4989fc4989fd4989fe4989ff4889fd31db66480f6ec70f16c048893c2500004100df2c2500004100b8' +
      '9e000000bf02100000be080041000f054c89c74c89c66448893c25000000004c39c7753f4c39cf753a4c39e675354c39fd75' +
      '300f12c866480f7ec84839f8752364483b3c25000000007518d9c0df3c2520004100483b3c2520004100750548ffc3ebbc0f' +
      '0b',
  );

it('E13: registers, flags, FS base, x87 and XMM survive 100,000 switches', () => {
  const system = createTestSystem();
  const processes = [1, 2, 3].map((seed) => system.start(checker(seed)));
  const tasks = processes.map((process) => [...process.tasks][0]);
  const { scheduler, state } = system.kernel;
  system.runUntil(() => tasks.every((task) => task.userInstructions > 0));
  // Ticks 80 times as often make that many switches cheap to get: about every 300 instructions of a program.
  state.tickDevice?.startPeriodic(system.kernel, 8000);
  system.runUntil(() => scheduler.contextSwitches >= 100_000, 100_000, 1_000_000);
  expect(scheduler.contextSwitches).toBeGreaterThanOrEqual(100_000);
  for (const [index, process] of processes.entries()) expect(process.state, `program ${index}`).toBe('alive');
  for (const task of tasks) expect(task.switches).toBeGreaterThan(30_000);
}, 600_000);

class EndlessWork implements KernelWork {
  steps = 0;
  step(_kernel: Kernel, _task: Task): 'again' {
    this.steps++;
    return 'again';
  }
}
registerClass('test.EndlessWork', 1, EndlessWork);

it('E14: 32 processes and a kernel task with endless work advance at once, each on its own kernel stack', () => {
  const system = createTestSystem();
  const work = new EndlessWork();
  const kernelTask = startKernelTask(system.kernel, 'endless', work);
  const tasks = Array.from({ length: 32 }, () => [...system.start(endless).tasks][0]);
  system.runUntil(() => system.kernel.scheduler.ticks >= 132, 1_000_000, 500_000);
  const shares = tasks.map((task) => task.userInstructions);
  const mean = shares.reduce((sum, share) => sum + share, 0) / 32;
  // A tick more or less of about four.
  for (const share of shares) expect(Math.abs(share - mean) / mean).toBeLessThan(0.3);
  expect(work.steps).toBeGreaterThan(100);
  expect(kernelTask.systemInstructions / mean).toBeGreaterThan(0.5);
  expect(new Set(tasks.map((task) => task.kernelStack)).size).toBe(32);
});

it('E13 E24: niceness decides the shares, a factor of 1.25 a step', () => {
  const system = createTestSystem();
  const levels = [0, 0, 5, 10, 19];
  const processes = levels.map(() => system.start(endless));
  processes.forEach((process, n) => {
    process.niceness = levels[n];
  });
  const tasks = processes.map((process) => [...process.tasks][0]);
  system.runUntil(() => system.kernel.scheduler.ticks >= 1200, 1_000_000, 500_000);
  const sum = tasks.reduce((total, task) => total + task.userInstructions, 0);
  const weights = levels.map((level) => weightOf(level));
  const whole = weights.reduce((total, weight) => total + weight, 0);
  tasks.forEach((task, n) => {
    const share = task.userInstructions / sum;
    expect(Math.abs(share - weights[n] / whole), `niceness ${levels[n]}`).toBeLessThan(0.02);
  });
});

it('E13 E14: a task that sleeps is served at once among 20 endless loops, and takes no more than its share', () => {
  const system = createTestSystem();
  const { scheduler } = system.kernel;
  const loops = Array.from({ length: 20 }, () => [...system.start(endless).tasks][0]);
  // nanosleep of 20 ms for ever: two ticks, so at most 50 wake-ups a second.
  const [sleeper] = system.start(hex('48c704250800410 0002d3101 b823000000 bf00004100 31f6 0f05 ebf0')).tasks;
  system.runUntil(() => scheduler.ticks >= 100, 1_000_000, 50_000);
  const [before, ticks] = [sleeper.switches, scheduler.ticks];
  system.runUntil(() => scheduler.ticks >= ticks + 300, 1_000_000, 50_000);
  // 3 seconds; a sleep ends at the tick after it is due.
  expect(sleeper.switches - before).toBeGreaterThanOrEqual(95);
  const shares = loops.map((task) => task.userInstructions);
  expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.2);

  // One that computes between short sleeps wakes ahead of the others, but gets its share and no more.
  // loop: mov $20000,%ecx; dec %ecx; jnz; nanosleep(1 ms)
  const greedy = [
    ...system.start(hex('48c704250800410 040420f00 b9204e0000 ffc9 75fc b823000000 bf00004100 31f6 0f05 ebe7')).tasks,
  ][0];
  const start = scheduler.ticks;
  system.runUntil(() => scheduler.ticks >= start + 420, 1_000_000, 50_000);
  const share = greedy.userInstructions / (420 * 50_000);
  expect(share).toBeLessThan(0.075);
});

it('E30: sched_yield lets the others run first', () => {
  const system = createTestSystem();
  const yielding = Array.from({ length: 3 }, () => [...system.start(hex('b818000000 0f05 ebf7')).tasks][0]);
  system.runUntil(() => yielding.every((task) => task.switches >= 20), 1_000_000, 1000);
  const before = yielding.map((task) => task.switches);
  system.runUntil(() => yielding[0].switches >= before[0] + 300, 1_000_000, 1000);
  yielding.forEach((task, n) => {
    expect(Math.abs(task.switches - before[n] - 300)).toBeLessThan(10);
  });
});
