// A wait queue: the tasks that sleep until something happens. Plain data, so that sleeping tasks survive a snapshot.
// Waking is a hint: a woken task runs its call again from the start and may find that it must sleep once more.

import { registerClass } from '../../devices/base/object-graph.ts';

/** What a wait queue needs of a task: to be made runnable. A watcher that stays (epoll) adds itself again. */
export interface Wakeable {
  /** `events`: what may hold now that did not before, bits of Poll (vfs/open-file.ts). */
  wake(events: number): void;
}

/** The waker does not say what has changed. */
const ANYTHING = 0xffff_ffff;

export class WaitQueue {
  private readonly waiting: Set<Wakeable> = new Set();

  /** Adds a task. Idempotent. Called through Task.waitOn, which also undoes it. */
  add(task: Wakeable): void {
    this.waiting.add(task);
  }
  remove(task: Wakeable): void {
    this.waiting.delete(task);
  }
  /** Makes all waiting tasks runnable, in the order in which they came. Edge-triggered watchers look at `events`. */
  wakeAll(events = ANYTHING): void {
    if (this.waiting.size === 0) return;
    const tasks = [...this.waiting];
    this.waiting.clear();
    for (const task of tasks) task.wake(events);
  }
  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }
}
registerClass('WaitQueue', 1, WaitQueue);
