// The one system call table: built from groups of rows (process, memory, files, sockets …); every door looks here.

import { assert } from '../../../devices/base/assert.ts';
import type { SystemCallEntry } from './handler.ts';

/** Above the numbers of Linux, below those of EuroOS. */
const DENSE_NUMBERS = 512;

export class SystemCallTable {
  private readonly rows: Map<number, SystemCallEntry> = new Map();
  /** Those of Linux by number: every call looks here. */
  private readonly byNumber: (SystemCallEntry | undefined)[] = new Array(DENSE_NUMBERS).fill(undefined);

  constructor(groups: readonly (readonly SystemCallEntry[])[]) {
    for (const group of groups) for (const entry of group) this.add(entry);
  }

  /** One row per number: a second one for the same number is a mistake of ours. */
  private add(entry: SystemCallEntry): void {
    assert(!this.rows.has(entry.number), `system call ${entry.number} (${entry.name}) is in the table twice`);
    this.rows.set(entry.number, entry);
    if (entry.number < DENSE_NUMBERS) this.byNumber[entry.number] = entry;
  }

  find(number: number): SystemCallEntry | undefined {
    return number < DENSE_NUMBERS ? this.byNumber[number] : this.rows.get(number);
  }

  /** All rows by number, for the published list, strace and the fuzzer. */
  list(): SystemCallEntry[] {
    return [...this.rows.values()].sort((a, b) => a.number - b.number);
  }
}
