// Processes, tasks, and what tasks wait for.
//
//   scheduler's queue   exactly the runnable tasks that are not current
//   wait queues         a task that sleeps is in each queue that it has named; no dead task is in any; something can wake it
//   timers              a heap; each deadline belongs to somebody who lives
//   futexes             each waiter is the restart record of a living task, in the queue of its key
//   process tree        parents and children name each other; zombies hold nothing; rights are those of the table

import { VirtioBlock } from '../../../os-core/drivers/virtio/block.ts';
import { AddressSpace } from '../../../os-core/kernel/memory/address-space.ts';
import { HashJob } from '../../../os-core/kernel/process/hash-engine.ts';
import { Process } from '../../../os-core/kernel/process/process.ts';
import { Task, TaskKind, TaskState } from '../../../os-core/kernel/process/task.ts';
import { FutexWaiter } from '../../../os-core/kernel/syscalls/futex.ts';
import { ProgramTimer } from '../../../os-core/kernel/time/program-timer.ts';
import type { Timer } from '../../../os-core/kernel/time/timers.ts';
import { WaitQueue, type Wakeable } from '../../../os-core/kernel/wait-queue.ts';
import { hidden, type StateGraph } from './state-graph.ts';

const nameOf = (task: Task): string => `${task.name} (${task.process.id}/${task.id}), call ${task.call.number}`;

/** Calls that may sleep for a signal alone: poll, select and the like of nothing, pause, rt_sigtimedwait, rt_sigsuspend. */
const waitsForSignal: ReadonlySet<number> = new Set([7, 23, 34, 128, 130, 270, 271]);

export function checkTasks(graph: StateGraph): void {
  const { kernel } = graph;
  const { scheduler } = kernel;
  const queued = hidden<Set<Task>>(scheduler, 'queue');
  const ofDevices = deviceQueues(graph);
  for (const task of queued)
    graph.expect(
      task.state === TaskState.runnable && task !== scheduler.current && kernel.processes.findTask(task.id) === task,
      () => `scheduler: ${nameOf(task)} is queued, state ${task.state}`,
    );
  for (const [id, task] of kernel.processes.tasks) {
    graph.expect(task.id === id, () => `tasks: ${nameOf(task)} is entered as ${id}`);
    graph.expect(task.state !== TaskState.dead, () => `tasks: ${nameOf(task)} is dead and in the table`);
    graph.expect(
      task.process.tasks.has(task) && kernel.processes.find(task.process.id) === task.process,
      () => `tasks: ${nameOf(task)} has a process that does not know it`,
    );
    graph.expect(
      task.state !== TaskState.runnable || task === scheduler.current || queued.has(task),
      () => `scheduler: ${nameOf(task)} is runnable and not queued`,
    );
    const { pending, blocked } = task.signals;
    const waiting = (pending.mask | task.process.signals.pending.mask) & ~blocked;
    graph.expect(
      task.signals.actionable === (waiting !== 0n),
      () => `signals: ${nameOf(task)} has actionable ${task.signals.actionable}, waiting 0x${waiting.toString(16)}`,
    );
    checkWait(graph, task, ofDevices);
  }
  for (const queue of graph.all(WaitQueue))
    for (const waiter of hidden<Set<Wakeable>>(queue, 'waiting')) {
      if (!(waiter instanceof Task)) continue;
      graph.expect(waiter.state !== TaskState.dead, () => `wait queue: ${nameOf(waiter)} is dead and waits`);
      graph.expect(
        hidden<Set<WaitQueue>>(waiter, 'queues').has(queue),
        () => `wait queue: ${nameOf(waiter)} does not know that it waits`,
      );
    }
  checkTimers(graph);
  checkFutexes(graph);
}

function checkWait(graph: StateGraph, task: Task, ofDevices: ReadonlySet<WaitQueue>): void {
  if (task.state !== TaskState.sleeping) return;
  const queues = hidden<Set<WaitQueue>>(task, 'queues');
  for (const queue of queues)
    graph.expect(
      hidden<Set<Wakeable>>(queue, 'waiting').has(task),
      () => `wait queue: ${nameOf(task)} sleeps and was taken out of a queue without being woken`,
    );
  const { progress } = task;
  const kind = typeof progress === 'object' && progress !== null ? progress.constructor.name : '';
  const canWake =
    task.hasWait ||
    progress instanceof FutexWaiter ||
    kind === 'VforkWait' ||
    task.kind !== TaskKind.program ||
    waitsForSignal.has(task.call.number);
  graph.expect(canWake, () => `tasks: ${nameOf(task)} sleeps and nothing can wake it`);
  // A signal ends every sleep but those for vfork and for a device. One thread of a process is enough to take it.
  const threads = [...task.process.tasks];
  const isTaken = threads.some(
    (thread) =>
      thread.state === TaskState.runnable ||
      [...hidden<Set<WaitQueue>>(thread, 'queues')].some((queue) => ofDevices.has(queue)),
  );
  graph.expect(
    !task.signals.actionable || isTaken || kind === 'VforkWait' || task.kind !== TaskKind.program,
    () => `signals: ${nameOf(task)} sleeps although a signal waits`,
  );
}

/** Queues of devices: who waits for one takes a signal when the device is done. */
function deviceQueues(graph: StateGraph): Set<WaitQueue> {
  return new Set([...graph.all(VirtioBlock), ...graph.all(HashJob)].map(({ changed }) => changed));
}

function checkTimers(graph: StateGraph): void {
  const { kernel } = graph;
  const heap = hidden<Timer[]>(kernel.timers, 'heap');
  heap.forEach((timer, index) => {
    const above = heap[(index - 1) >> 1];
    graph.expect(timer.index === index, () => `timers: place ${index} is taken for ${timer.index}`);
    graph.expect(
      index === 0 || above.deadlineNanos <= timer.deadlineNanos,
      () => `timers: the heap is out of order at ${index}`,
    );
    const { target } = timer;
    if (target instanceof Task) {
      graph.expect(target.state !== TaskState.dead, () => `timers: ${nameOf(target)} is dead and has a deadline`);
      graph.expect(hidden(target, 'timer') === timer, () => `timers: ${nameOf(target)} does not know its deadline`);
    }
    if (target instanceof ProgramTimer) {
      graph.expect(hidden(target, 'timer') === timer, () => `timers: a timer does not know its deadline`);
      const owner = 'process' in target ? target.process : null;
      if (owner instanceof Process)
        graph.expect(
          owner.state === 'alive',
          () => `timers: one of process ${owner.id} runs, which is a ${owner.state}`,
        );
    }
  });
  for (const task of kernel.processes.tasks.values()) {
    const timer = hidden<Timer | null>(task, 'timer');
    graph.expect(timer === null || heap[timer.index] === timer, () => `timers: ${nameOf(task)} has a lost deadline`);
  }
}

function checkFutexes(graph: StateGraph): void {
  for (const [key, queue] of graph.kernel.state.futexes.queues) {
    graph.expect(queue.length > 0, () => `futex: queue ${key} is empty`);
    for (const waiter of queue) {
      const { task } = waiter;
      graph.expect(waiter.key === key && !waiter.woken, () => `futex: a waiter of ${waiter.key} is in ${key}`);
      graph.expect(
        task.state !== TaskState.dead && task.progress === waiter,
        () => `futex: ${nameOf(task)} is queued and does not wait`,
      );
    }
  }
}

export function checkProcesses(graph: StateGraph): void {
  const { kernel } = graph;
  const users = new Map<AddressSpace, number>();
  for (const [id, process] of kernel.processes.processes) {
    const name = `process ${process.id} (${process.executablePath})`;
    graph.expect(process.id === id && process.state !== 'reaped', () => `processes: ${name} is entered as ${id}`);
    const { parent } = process;
    if (parent !== null)
      graph.expect(
        parent.children.has(process) && kernel.processes.find(parent.id) === parent && parent.state === 'alive',
        () => `processes: ${name} has a parent that does not know it, or is a ${parent.state}`,
      );
    for (const child of process.children)
      graph.expect(
        child.parent === process && kernel.processes.find(child.id) === child,
        () => `processes: ${name} has a lost child ${child.id}`,
      );
    if (process.state === 'zombie') {
      graph.expect(
        process.tasks.size === 0 && process.addressSpace === null && process.files === null,
        () => `processes: the zombie ${name} holds something`,
      );
      graph.expect(process.children.size === 0, () => `processes: the zombie ${name} has children`);
    } else {
      graph.expect(process.tasks.size > 0, () => `processes: ${name} lives without a thread`);
      graph.expect(!process.dying, () => `processes: ${name} is dying and lives`);
      graph.expect(
        id === 0 || process.addressSpace !== null || [...process.tasks].some((task) => task.call.active),
        () => `processes: ${name} has no memory`,
      );
    }
    for (const task of process.tasks)
      graph.expect(
        kernel.processes.findTask(task.id) === task,
        () => `processes: ${name} has a lost thread ${task.id}`,
      );
    if (process.addressSpace !== null) users.set(process.addressSpace, (users.get(process.addressSpace) ?? 0) + 1);
    // The leader's id names the session; it may be gone, but nobody else may bear it.
    const leader = kernel.processes.find(process.session);
    graph.expect(
      leader === null || leader.session === process.session,
      () => `processes: ${name} is in session ${process.session}, whose leader is not`,
    );
    const groupLeader = kernel.processes.find(process.group);
    graph.expect(
      groupLeader === null || groupLeader.session === process.session || groupLeader.group !== process.group,
      () => `processes: ${name} is in a group of another session`,
    );
  }
  for (const space of graph.all(AddressSpace)) {
    const known = users.get(space) ?? 0;
    graph.expect(
      space.users === known || (space.users <= 0 && known === 0),
      () => `processes: an address space has ${space.users} users, ${known} are known`,
    );
  }
  const loaded = kernel.loadedAddressSpace;
  graph.expect(loaded === null || users.has(loaded), () => "processes: the loaded address space is nobody's");
}
