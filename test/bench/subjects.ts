// What is compared: the same program natively, in qemu-user and in EuroOS with each engine.
//
// Every subject runs a workload with a count and says how much CPU time that took and what it printed. Natively and in qemu that is user
// and system time of the process. A EuroOS is booted once for each engine; its shell gets one line after the other, and the time is that
// of the machine's thread alone, read while the guest waits for the next line. Start-up and shell are in these times too: whoever
// measures takes the difference of two counts.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Engine } from '../support/engines.ts';
import { command, execute, onPath, root, statOf, stop } from './measure.ts';

const QEMU = 'qemu-x86_64-static';
const GUEST_MEMORY = '512M';
const ANSWER_PATIENCE_MILLIS = 120_000;
const END_PATIENCE_MILLIS = 5_000;

export interface Workload {
  /** Name on the command line. */
  readonly name: string;
  readonly title: string;
  /** The program on the host; /bin/BASENAME in EuroOS. */
  readonly program: string;
  /** Arguments for COUNT rounds; null: a round is a run of the program with `everyRun` as its arguments. */
  readonly arguments: ((count: number) => readonly string[]) | null;
  readonly everyRun?: readonly string[];
  /** Rounds that take roughly a quarter of a second natively. */
  readonly nativeCount: number;
  /** Time over native: what the first good version reaches, and the goal. */
  readonly first: number | null;
  readonly goal: number | null;
  /** Counts for the geometric mean. */
  readonly inMean: boolean;
  /** Why qemu-user cannot be compared. */
  readonly notInQemu?: string;
}

export interface Run {
  readonly cpuMillis: number;
  readonly output: string;
}

export interface Subject {
  readonly name: string;
  /** How much slower than native it may be expected to be: where the search for a good count starts. */
  readonly slowness: number;
  run(workload: Workload, count: number): Promise<Run>;
  close(): Promise<void>;
}

/** Words of the command, and how many times it runs. */
function commandOf(workload: Workload, count: number): { words: readonly string[]; times: number } {
  if (workload.arguments === null) return { words: workload.everyRun ?? [], times: count };
  return { words: workload.arguments(count), times: 1 };
}

/** A process of the host: bash's `time` counts it and its children, to the millisecond. */
class HostSubject implements Subject {
  readonly name: string;
  readonly slowness: number;
  private readonly launcher: readonly string[];
  constructor(name: string, slowness: number, launcher: readonly string[]) {
    this.name = name;
    this.slowness = slowness;
    this.launcher = launcher;
  }

  async run(workload: Workload, count: number): Promise<Run> {
    const { words, times } = commandOf(workload, count);
    const script = `TIMEFORMAT='cpu %3U %3S'; n=$1; shift; time for ((i = 0; i < n; i++)); do "$@" || exit; done`;
    const line = [...this.launcher, workload.program, ...words];
    const result = await execute('bash', ['-c', script, 'bench', String(times), ...line]);
    const match = /cpu ([\d.]+) ([\d.]+)\s*$/.exec(result.stderr);
    if (result.status !== 0 || match === null)
      throw new Error(`${this.name}: ${line.join(' ')}: status ${result.status}, ${result.stderr.trim()}`);
    return { cpuMillis: 1000 * (Number(match[1]) + Number(match[2])), output: result.stdout };
  }

  async close(): Promise<void> {}
}

export const native = (): Subject => new HostSubject('native', 1, []);

/** qemu-user, installed if this is root on Debian; null, with a line that says what to do, if it is not there. */
export function qemu(): Subject | null {
  const line = 'apt-get install -y --no-install-recommends qemu-user-static';
  if (!onPath(QEMU) && process.getuid?.() === 0 && onPath('apt-get')) {
    console.error(`installing qemu-user-static: ${line}`);
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('sh', ['-c', `apt-get update -qq && ${line} -qq`], { stdio: 'ignore', env: environment });
  }
  if (onPath(QEMU)) return new HostSubject('qemu-user', 5, [QEMU]);
  console.error(`qemu-user is left out: ${QEMU} is not installed. As root, run:\n  ${line}`);
  return null;
}

/** A EuroOS that takes commands for as long as it is not closed. One that does not answer is ended; the next run boots another. */
export class EuroOsSubject implements Subject {
  readonly name: string;
  readonly slowness: number;
  private readonly line: readonly string[];
  private machine: Machine | null = null;

  private constructor(engine: Engine, programs: readonly string[]) {
    this.name = engine;
    this.slowness = engine === 'interpreter' ? 60 : 3;
    const additions = [...new Set(programs)].flatMap((file) => ['--add', `${file}:/bin/${path.basename(file)}`]);
    this.line = [command, 'run', '--engine', engine, '--net', 'none', '--memory', GUEST_MEMORY, ...additions];
  }

  static async boot(engine: Engine, programs: readonly string[]): Promise<EuroOsSubject> {
    const subject = new EuroOsSubject(engine, programs);
    subject.machine = await Machine.boot(subject.line);
    return subject;
  }

  async run(workload: Workload, count: number): Promise<Run> {
    const { words, times } = commandOf(workload, count);
    const program = [`/bin/${path.basename(workload.program)}`, ...words].join(' ');
    const line = times === 1 ? program : `i=0; while [ $i -lt ${times} ]; do ${program} || break; i=$((i+1)); done`;
    try {
      this.machine ??= await Machine.boot(this.line);
      const before = this.machine.cpuMillis();
      const output = await this.machine.ask(line);
      return { cpuMillis: this.machine.cpuMillis() - before, output };
    } catch (error) {
      await this.machine?.end();
      this.machine = null;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.machine?.close();
  }
}

/** A process `euroos run` with its shell at the end of pipes. */
class Machine {
  private readonly child: ChildProcessWithoutNullStreams;
  private output = '';
  private errors = '';
  private arrived: () => void = () => {};
  private thread = '';

  private constructor(line: readonly string[]) {
    this.child = spawn(process.execPath, line, { cwd: root });
    this.child.stdout.on('data', (data: Buffer) => {
      this.output += data.toString('latin1');
      this.arrived();
    });
    this.child.stderr.on('data', (data: Buffer) => {
      this.errors += data.toString('latin1');
    });
    this.child.once('close', () => this.arrived());
    this.child.stdin.on('error', () => {}); // it may have ended
  }

  static async boot(line: readonly string[]): Promise<Machine> {
    const machine = new Machine(line);
    try {
      await machine.ask('true');
      machine.thread = busiestThread(machine.child.pid!);
      return machine;
    } catch (error) {
      await machine.end();
      throw error;
    }
  }

  /** Of the machine's thread so far. */
  cpuMillis(): number {
    return threadMillis(this.thread);
  }

  /** Gives the shell one line and waits for the output of it. */
  async ask(line: string): Promise<string> {
    this.output = '';
    this.child.stdin.write(`${line}; echo status $?\n`);
    const deadline = performance.now() + ANSWER_PATIENCE_MILLIS;
    for (;;) {
      const match = /^status (\d+)\n$/m.exec(this.output);
      if (match !== null && match[1] === '0') return this.output.slice(0, match.index);
      const ended = this.child.exitCode !== null || this.child.signalCode !== null;
      const left = deadline - performance.now();
      if (match !== null || ended || left <= 0) {
        const what = match !== null ? match[0].trim() : ended ? 'the machine has ended' : 'no answer';
        throw new Error(`EuroOS: ${line}: ${what}${this.errors === '' ? '' : `; ${this.errors.trim()}`}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The end of its input is the end of the shell. */
  async close(): Promise<void> {
    this.child.stdin.end();
    await stop(this.child, END_PATIENCE_MILLIS, false);
  }

  /** Of one that may not listen any more. */
  async end(): Promise<void> {
    await stop(this.child, END_PATIENCE_MILLIS);
  }
}

/** Path in /proc of the thread of a process that has used most time so far: after a boot, the machine's. */
function busiestThread(pid: number): string {
  const threads = fs.readdirSync(`/proc/${pid}/task`).map((id) => `/proc/${pid}/task/${id}`);
  const [first] = threads
    .map((thread) => ({ thread, millis: threadMillis(thread) }))
    .sort((a, b) => b.millis - a.millis);
  return first.thread;
}

/** CPU time of a thread: in nanoseconds where the kernel keeps them (schedstat), else from ticks of 10 ms. */
function threadMillis(thread: string): number {
  try {
    const nanos = Number(fs.readFileSync(`${thread}/schedstat`, 'utf8').split(' ')[0]);
    if (nanos > 0) return nanos / 1e6;
  } catch {
    // a kernel without it
  }
  const fields = statOf(thread);
  return fields === null ? 0 : 10 * (Number(fields[11]) + Number(fields[12]));
}
