// Lives of processes: what they leave behind, and what they must not be able to do to the kernel.

import { expect, it } from 'vitest';
import { createTestSystem, elfOf, hex } from '../../../test/support/kernel-fixture.ts';
import { Capability } from '../../abi/capability.ts';
import { Signal } from '../../abi/signal.ts';
import { PENDING, type SystemCallEntry } from '../syscalls/handler.ts';
import { WaitQueue } from '../wait-queue.ts';
import { plainInformation, sendSignal, setBlocked } from './signals.ts';

/** `count` times fork; the child execs /child, the parent waits. */
const forkAndExec = (count: number): Uint8Array =>
  hex(
    `41bc${count
      .toString(16)
      .padStart(4, '0')
      .replace(/(..)(..)/, '$2$1')}0000b8390000000f0585c0742348c7c7ffffffff31f631d2` +
      '4531d2b83d0000000f0541ffcc75db31ffb8e70000000f05488d3d1700000031f631d2b83b0000000f05bf7f000000b8e70000000f05' +
      '2f6368696c6400',
  );
/** Writes to two pages and ends with status 7. */
const child = hex('c704250000410001000000c704250050410001000000bf07000000b8e70000000f05');

it('L3: 300 times fork, exec and exit give all frames back', () => {
  const system = createTestSystem();
  system.addFile('/child', elfOf(child));
  const run = (count: number): void => {
    const process = system.start(forkAndExec(count));
    system.runUntil(() => process.state !== 'alive');
    expect(process.exitStatus).toBe(0);
    // Process 1 does not wait: the zombie holds no frames.
  };
  run(1);
  system.kernel.state.programs.trim(system.kernel, 0);
  const free = system.kernel.frames.freeFrames;
  const tasks = system.kernel.processes.tasks.size;
  run(300);
  system.kernel.state.programs.trim(system.kernel, 0);
  expect(system.kernel.frames.freeFrames).toBe(free);
  expect(system.kernel.processes.tasks.size).toBe(tasks);
});

it('M10: the parent sees why its child was refused', () => {
  const system = createTestSystem({ isSigned: () => signed });
  let signed = true;
  system.addFile('/child', elfOf(child));
  const process = system.start(forkAndExec(1));
  system.runUntil(() => [...process.tasks][0].userInstructions > 0, 1000, 100);
  signed = false;
  system.runUntil(() => process.state !== 'alive');
  expect(process.lastRefusal).toBe('/child: not signed');
});

it('E23: clone with an exit signal that does not exist sends none, and harms nobody', () => {
  const system = createTestSystem();
  // clone(100, 0, 0, 0, 0); the child exits; wait4; exit
  const process = system.start(
    hex(
      'b838000000bf6400000031f631d24531d24531c00f0585c0741e48c7c7ffffffff31f631d24531d2b83d0000000f0531ffb8e70000000f05' +
        '31ffb8e70000000f05',
    ),
  );
  system.runUntil(() => process.state !== 'alive', 500);
  expect(system.kernel.state.power).toBe('on');
  expect(process.exitStatus).toBe(0);
});

it('E23: a parent that waits in vfork for a child that never ends can be killed', () => {
  const system = createTestSystem();
  // vfork; the child pauses for ever
  const process = system.start(hex('b83a0000000f0585c0740931ffb8e70000000f05b8220000000f05ebf7'));
  system.runUntil(() => process.children.size === 1);
  sendSignal(system.kernel, process, plainInformation(Signal.SIGTERM, 0));
  system.runUntil(() => false, 20);
  expect(process.state).toBe('alive');
  sendSignal(system.kernel, process, plainInformation(Signal.SIGKILL, 0));
  system.runUntil(() => process.state !== 'alive', 20);
  expect(process.exitStatus & 0x7f).not.toBe(0);
});

it('E23: the alarm of a process that has ended is gone with it', () => {
  const system = createTestSystem();
  system.runUntil(() => system.kernel.scheduler.idle);
  const before = system.kernel.timers.nextDeadlineNanos();
  const process = system.start(hex('b825000000bf050000000f0531ffb8e70000000f05'));
  system.runUntil(() => process.state !== 'alive', 500);
  expect(system.kernel.timers.nextDeadlineNanos()).toBe(before);
});

it('L2: images that nobody runs give way when a program needs their frames', () => {
  const system = createTestSystem();
  const { kernel } = system;
  const large = new Uint8Array(256 * 1024);
  large.set(elfOf(child));
  const first = system.start(large, { file: true });
  system.runUntil(() => first.state !== 'alive', 500);
  // Counts down from 200,000, then touches 16 pages.
  const second = system.start(
    hex('b9400d0300ffc975fcbf00004100b910000000c707010000004881c700100000ffc975ef31ffb8e70000000f05'),
  );
  system.runUntil(() => [...second.tasks][0].userInstructions > 0, 1000, 1000);
  while (kernel.frames.allocate() !== 0);
  system.runUntil(() => second.state !== 'alive', 500);
  expect(second.exitStatus).toBe(0);
});

it('E28: a mask that a call has put in place for its own time does not outlive it', () => {
  const row: SystemCallEntry = {
    number: 999,
    name: 'masking',
    capability: 0,
    arguments: [],
    handler: (_kernel, task) => {
      task.signals.savedMask ??= task.signals.blocked;
      setBlocked(task, 0xffn);
      return -14;
    },
  };
  const system = createTestSystem({ extra: [row] });
  const [task] = system.start(hex('b8e70300000f0548ffc3ebfb')).tasks;
  system.runUntil(() => task.userInstructions > 1000, 1000, 1000);
  expect(task.signals.blocked).toBe(0n);
});

it('D8: a script bears its own name, not that of its interpreter', () => {
  const system = createTestSystem();
  system.addFile('/interpreter', elfOf(hex('ebfe')));
  const process = system.start(new TextEncoder().encode('#!/interpreter\n'), { file: true });
  system.runUntil(() => [...process.tasks][0].userInstructions > 0, 1000, 100);
  expect([...process.tasks][0].name).toMatch(/^program\d+$/);
  expect(process.executablePath).toBe('/interpreter');
});

it('L3 L4: when RAM is full the program that holds most of it is ended, by name, and the others go on', () => {
  const system = createTestSystem();
  // mmap(0, 1 GiB, rw, private anonymous noreserve); writes to one page after the other for ever.
  const hog = hex(
    'b809000000 31ff be00000040 ba03000000 41ba22400000 49c7c0ffffffff 4531c9 0f05' +
      '4889c3 c60301 4881c300100000 ebf4',
  );
  const small = system.start(hex('c604250000410001 f390 ebfc'));
  const large = system.start(hog);
  system.runUntil(() => large.state !== 'alive', 100_000, 1_000_000);
  expect(large.exitStatus & 0x7f).toBe(Signal.SIGKILL);
  expect(small.state).toBe('alive');
  expect(system.serialText()).toMatch(/\[memory\] no RAM left: \/program1 \(\d+\) with \d+ KiB is ended$/m);
  const before = [...small.tasks][0].userInstructions;
  system.runUntil(() => [...small.tasks][0].userInstructions > before + 1000);
  expect(system.kernel.frames.freeFrames).toBeGreaterThan(1000);
});

it('E23: a handler cannot run on a stack pointer in the kernel half: SIGSEGV ends the program, not the kernel', () => {
  const system = createTestSystem();
  // mov rsp, -256; loop
  const process = system.start(hex('48c7c400ffffffebfe'));
  const [task] = process.tasks;
  system.runUntil(() => task.userInstructions > 100, 1000, 1000);
  process.signals.actions[Signal.SIGUSR1] = { handler: 0x401000, flags: 0, restorer: 0x401000, mask: 0n };
  sendSignal(system.kernel, process, plainInformation(Signal.SIGUSR1, 0));
  system.runUntil(() => process.state !== 'alive', 100);
  expect(system.kernel.state.panic).toBeNull();
  expect(process.exitStatus & 0x7f).toBe(Signal.SIGSEGV);
});

it('E23: clone takes no thread pointer beyond the user half', () => {
  const system = createTestSystem();
  // clone(CLONE_SETTLS | SIGCHLD, 0, 0, 0, 0x800000000000); exit(-result)
  const process = system.start(
    hex('b838000000 bf11000800 31f6 31d2 4531d2 49b80000000000800000 0f05 f7d8 89c7 b8e7000000 0f05'),
  );
  system.runUntil(() => process.state !== 'alive', 500);
  expect(system.kernel.state.panic).toBeNull();
  expect(process.exitStatus >> 8).toBe(1);
});

it('E34: a call that waited and is denied when it goes on gives up what it held', () => {
  const queue = new WaitQueue();
  const held = { givenUp: 0, abandoned: () => void held.givenUp++ };
  const waiting: SystemCallEntry = {
    number: 0x1234,
    name: 'wait',
    capability: Capability.file,
    arguments: [],
    handler: (_kernel, task) => {
      task.progress = held;
      task.waitOn(queue);
      return PENDING;
    },
  };
  const system = createTestSystem({ extra: [waiting] });
  // the call; exit(-result)
  const process = system.start(hex('b834120000 0f05 f7d8 89c7 b8e7000000 0f05'));
  system.runUntil(() => !queue.isEmpty, 100);
  process.dropCapabilities(0);
  queue.wakeAll();
  system.runUntil(() => process.state !== 'alive', 100);
  expect(process.exitStatus >> 8).toBe(1);
  expect(held.givenUp).toBe(1);
});
