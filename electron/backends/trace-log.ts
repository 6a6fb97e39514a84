// What is watched of a machine, as lines on stderr or in a file: COUNT [PID] CATEGORY TEXT, count = instructions retired so far.
//
// Lines are gathered and written by calls that wait, so that a slow reader slows the machine down and nothing piles up or is lost. Where
// nothing can be written any more (full disk, closed pipe) watching ends with one line on stderr, and the machine goes on.

import fs from 'node:fs';
import type { TraceBackend } from '../../devices/backends/backends.ts';
import type { TraceCategory } from '../../devices/contract/trace.ts';

const GATHERED_CHARACTERS = 64 * 1024;
const LONGEST_LINE = 240;
const STDERR = 2;
/** A full pipe that does not wait is tried again after so long. */
const RETRY_MILLIS = 1;

export class TraceLog implements TraceBackend {
  readonly categories: ReadonlySet<string>;
  private readonly descriptor: number;
  /** The process that runs; 0 = none yet. */
  private readonly processId: () => number;
  private gathered = '';
  private failed = false;

  /** Throws an Error with one line if the file cannot be written. */
  constructor(categories: readonly string[], file: string | null, processId: () => number) {
    this.categories = new Set(categories);
    this.processId = processId;
    this.descriptor = file === null ? STDERR : fs.openSync(file, 'w');
  }

  write(category: TraceCategory, count: number, text: string): void {
    if (this.failed) return;
    this.gathered += `${count} [${this.processId()}] ${category} ${text.slice(0, LONGEST_LINE)}\n`;
    if (this.gathered.length >= GATHERED_CHARACTERS) this.flush();
  }

  flush(): void {
    const bytes = Buffer.from(this.gathered);
    this.gathered = '';
    for (let done = 0; done < bytes.length && !this.failed; ) {
      try {
        done += fs.writeSync(this.descriptor, bytes, done);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MILLIS);
          continue;
        }
        this.failed = true;
        if (this.descriptor !== STDERR)
          process.stderr.write(`euroos: --trace ends early: ${(error as Error).message}\n`);
      }
    }
  }

  close(): void {
    this.flush();
    if (this.descriptor !== STDERR) fs.closeSync(this.descriptor);
  }
}
