// One program in lockstep: builds tracer.c, starts the program under it, follows.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Follower, type FollowerOptions, type LockstepResult } from './follower.ts';

/** Steps between two comparisons of memory without a system call. */
const CHECK_EVERY = 100_000;

export interface Program {
  /** File and arguments. */
  readonly command: readonly string[];
  readonly folder?: string | undefined;
  /** Files for standard input and output; without them /dev/null. */
  readonly input?: string | undefined;
  readonly output?: string | undefined;
}

/** Compiles the tracer into a temporary folder and returns its path. `source` is tracer.c. */
export function buildTracer(source: string): string {
  const binary = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-lockstep-')), 'tracer');
  execFileSync('gcc', ['-O2', '-o', binary, source]);
  return binary;
}

/** Follows the program for at most `steps` instructions. */
export function lockstep(tracer: string, program: Program, steps: number, options: FollowerOptions): LockstepResult {
  const follower = new Follower(options);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-lockstep-run-'));
  const files: number[] = [];
  const open = (file: string, flags: string | number): number => {
    const opened = fs.openSync(file, flags);
    files.push(opened);
    return opened;
  };
  try {
    const table = path.join(folder, 'cpuid');
    fs.writeFileSync(table, follower.cpuidTable());
    const fifo = path.join(folder, 'records');
    if (spawnSync('mkfifo', [fifo]).status !== 0) throw new Error('lockstep: no mkfifo here');
    // With both ends open nothing waits for a tracer that never starts; the reader proper then sees its end.
    const held = open(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const writer = fs.openSync(fifo, 'w');
    const input = open(program.input ?? '/dev/null', 'r');
    const output = open(program.output ?? '/dev/null', 'w');
    const child = spawn(tracer, [table, String(steps), String(CHECK_EVERY), ...program.command], {
      cwd: program.folder,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: [input, output, 'inherit', writer],
    });
    child.unref();
    const records = open(fifo, 'r');
    fs.closeSync(writer);
    fs.closeSync(held);
    files.splice(files.indexOf(held), 1);
    return follower.follow(records);
  } finally {
    // The tracer ends when nobody reads, and its program with it.
    for (const file of files) fs.closeSync(file);
    fs.rmSync(folder, { recursive: true });
  }
}
