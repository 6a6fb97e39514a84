// All processes and tasks by number. Numbers rise and wrap as on Linux; 1 belongs to the first program.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Process } from './process.ts';
import type { Task } from './task.ts';

/** As /proc/sys/kernel/pid_max. */
const MAX_ID = 32768;
/** Bound on tasks of all kinds; fork gives EAGAIN beyond. */
export const MAX_TASKS = 4096;

export class ProcessTable {
  readonly processes: Map<number, Process> = new Map();
  readonly tasks: Map<number, Task> = new Map();
  private lastId = 1;
  /** Processes ever made (/proc/stat). */
  created = 0;

  /** A number that no process, thread, group or session bears; 0 if there are too many tasks. */
  allocateId(): number {
    if (this.tasks.size >= MAX_TASKS || this.processes.size >= MAX_TASKS) return 0;
    for (;;) {
      this.lastId = this.lastId >= MAX_ID ? 300 : this.lastId + 1;
      if (!this.isTaken(this.lastId)) return this.lastId;
    }
  }
  private isTaken(id: number): boolean {
    if (this.processes.has(id) || this.tasks.has(id)) return true;
    for (const process of this.processes.values()) if (process.group === id || process.session === id) return true;
    return false;
  }

  find(id: number): Process | null {
    return this.processes.get(id) ?? null;
  }
  findTask(id: number): Task | null {
    return this.tasks.get(id) ?? null;
  }
  /** Living processes of a group. */
  group(id: number): Process[] {
    return [...this.processes.values()].filter((process) => process.group === id && process.state === 'alive');
  }
}
registerClass('ProcessTable', 1, ProcessTable);
