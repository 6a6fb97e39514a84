// The checker of kernel state holds on a busy system, and finds each fault that is planted.

import { describe, expect, it } from 'vitest';
import * as osCore from '../../os-core/index.ts';
import type { AddressSpace } from '../../os-core/kernel/memory/address-space.ts';
import type { Process } from '../../os-core/kernel/process/process.ts';
import { Task, TaskState } from '../../os-core/kernel/process/task.ts';
import { FutexWaiter } from '../../os-core/kernel/syscalls/futex.ts';
import { EpollFile } from '../../os-core/kernel/vfs/anonymous/epoll-file.ts';
import type { FileTable } from '../../os-core/kernel/vfs/file-table.ts';
import type { OpenFile } from '../../os-core/kernel/vfs/open-file.ts';
import type { PipeEnd } from '../../os-core/kernel/vfs/pipe.ts';
import { Vfs } from '../../os-core/kernel/vfs/vfs.ts';
import { WaitQueue } from '../../os-core/kernel/wait-queue.ts';
import { checkKernel } from '../support/kernel-check/kernel-check.ts';
import { hidden } from '../support/kernel-check/state-graph.ts';
import { TestMachine } from '../support/sessions.ts';

const script = `
for n in 1 2 3; do ls -l /bin | sort | cat > /tmp/list; done
sleep 100 &
euromonitor /tmp/beat &
loop & loop | cat &
sleep 0.3
`;
const boot = (): TestMachine =>
  TestMachine.boot({ command: ['/bin/sh'], input: `${script}sleep 100`, seed: 1, nanosPerInstruction: 200, osCore });

/** A system in the middle of that work. */
function busySystem(): TestMachine {
  const system = boot();
  system.run({ until: () => loops(system).length === 2, slice: 20_000 });
  return system;
}
const loops = (system: TestMachine): Process[] =>
  [...system.kernel.processes.processes.values()].filter((one) => one.executablePath === '/bin/loop');
const spaceOf = (system: TestMachine): AddressSpace => loops(system)[0].addressSpace as AddressSpace;
const filesOf = (system: TestMachine): FileTable => loops(system)[1].files as FileTable;
const taskOf = (system: TestMachine): Task => [...loops(system)[0].tasks][0];
const sleeperOf = (system: TestMachine): Task =>
  [...system.kernel.processes.tasks.values()].find(
    (task) => task.process.executablePath === '/bin/sleep' && task.state === TaskState.sleeping,
  ) as Task;

/** What is done to a healthy kernel behind its back, and what must be said of it. */
const faults: Readonly<Record<string, readonly [plant: (system: TestMachine) => void, said: RegExp]>> = {
  'a frame that nobody holds': [(s) => void s.kernel.frames.allocate(), /^frames: .* has 1 users, 0 are known/],
  'a frame that is given back twice': [
    (s) => s.kernel.frames.release(taskOf(s).kernelStack),
    /^frames: .* has 0 users, 1 are known \(kernel stack\)/,
  ],
  'a page too few': [(s) => void spaceOf(s).residentPages--, /^memory: .* counted as resident/],
  'a page outside all areas': [
    (s) => void (spaceOf(s).list() as unknown[]).shift(),
    /^memory: page 0x[0-9a-f]+ lies in no area/,
  ],
  'an address space with a user too many': [(s) => void spaceOf(s).users++, /^processes: an address space has 2 users/],
  'a runnable task that is not queued': [
    (s) => hidden<Set<Task>>(s.kernel.scheduler, 'queue').clear(),
    /^scheduler: .* is runnable and not queued/,
  ],
  'a task that sleeps for ever': [(s) => sleeperOf(s).clearWait(s.kernel), /^tasks: .* sleeps and nothing can wake it/],
  'a lost wake-up': [
    (s) => {
      const task = taskOf(s);
      const queue = new WaitQueue();
      task.state = TaskState.sleeping;
      task.waitOn(queue);
      queue.remove(task);
    },
    /^wait queue: .* taken out of a queue without being woken/,
  ],
  'a dead task in a wait queue': [
    (s) => {
      const task = new Task(9999, taskOf(s).process, 0, 'ghost', 0, s.kernel.scheduler);
      task.waitOn(loops(s)[0].exitQueue);
      task.state = TaskState.dead;
    },
    /^wait queue: ghost .* is dead and waits/,
  ],
  'a signal that nobody is told of': [
    (s) => {
      sleeperOf(s).signals.pending.mask = 1n;
    },
    /^signals: .* has actionable false, waiting 0x1/,
  ],
  'a deadline of a dead task': [
    (s) => {
      sleeperOf(s).state = TaskState.dead;
    },
    /^timers: .* is dead and has a deadline/,
  ],
  'a heap out of order': [
    (s) => {
      const [first] = hidden<{ deadlineNanos: number }[]>(s.kernel.timers, 'heap');
      first.deadlineNanos = Infinity;
    },
    /^timers: the heap is out of order/,
  ],
  'a futex waiter that does not wait': [
    (s) => s.kernel.state.futexes.add(new FutexWaiter(taskOf(s), 1, Infinity, 'x')),
    /^futex: .* is queued and does not wait/,
  ],
  'a child that its parent does not know': [
    (s) => void loops(s)[0].parent?.children.delete(loops(s)[0]),
    /^processes: .* has a parent that does not know it/,
  ],
  'a zombie that holds memory': [
    (s) => {
      loops(s)[0].state = 'zombie';
    },
    /^processes: the zombie .* holds something/,
  ],
  'a description with a reference too many': [
    (s) => void (filesOf(s).get(1) as OpenFile).references++,
    /^files: PipeEnd .* has 2 references, 1 are known/,
  ],
  'a pipe with a writer too few': [
    (s) => void (filesOf(s).get(1) as PipeEnd).pipe.writers--,
    /^pipes: .* 0 writers, .* and 1 are known/,
  ],
  'an inode that nobody holds': [
    (s) => Vfs.of(s.kernel).mounts[0].fileSystem.retain(2),
    /^inodes: .* is held \d+ times, \d+ are known/,
  ],
  'a lock of a closed file': [
    (s) => void Vfs.of(s.kernel).recordLocks.lock('1:1', { owner: {}, process: 1, exclusive: true, start: 0, end: 1 }),
    /^record locks: .* has an owner that is gone/,
  ],
  'an epoll item whose file does not know it': [
    (s) => {
      const epoll = new EpollFile();
      filesOf(s).install(epoll, loops(s)[1], false);
      const pipe = filesOf(s).get(1) as OpenFile;
      epoll.add(s.kernel, pipe, 1, { events: 4, dataLow: 0, dataHigh: 0 });
      Vfs.of(s.kernel).watchers.clear();
    },
    /^epoll: PipeEnd .* does not know that it is watched/,
  ],
};

describe('the checker of kernel state', () => {
  it('E11: holds at every slice of a boot with shells, pipes and daemons', () => {
    const system = boot();
    const problems: string[] = [];
    let looks = 0;
    system.run({
      slice: 10_000,
      limit: 6e6,
      until: () => {
        looks++;
        problems.push(...checkKernel(system.kernel).problems);
        return problems.length > 0;
      },
    });
    expect(problems).toEqual([]);
    expect(looks).toBeGreaterThan(200);
  });

  for (const [name, [plant, said]] of Object.entries(faults))
    it(`E11: finds ${name}`, () => {
      const system = busySystem();
      expect(checkKernel(system.kernel).problems).toEqual([]);
      plant(system);
      const { problems } = checkKernel(system.kernel);
      expect(problems.filter((problem) => said.test(problem))).not.toEqual([]);
    });
});
