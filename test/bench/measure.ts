// What all measurements share: the table's rows, medians, processes and their use of the machine.

import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** From the bundle (dist/tools/) two folders up. */
export const root = path.join(import.meta.dirname, '../..');
export const dist = path.join(root, 'dist');
export const command = path.join(root, 'electron/cli/euroos.mjs');

/** One line of the table. `met` is null where there is no aim, or nothing was measured. */
export interface Row {
  readonly what: string;
  readonly value: string;
  readonly aim: string;
  readonly met: boolean | null;
}

export function row(what: string, value: string, aim = '', met: boolean | null = null): Row {
  return { what, value, aim, met };
}
/** A measurement that could not be made, and why. */
export function missing(what: string, why: string): Row {
  return { what, value: `not measured: ${why}`, aim: '', met: null };
}

/** Prints a row at once: the whole takes minutes. */
export function printRow({ what, value, aim, met }: Row): void {
  const verdict = met === null ? '' : met ? '  met' : '  NOT MET';
  console.log(`${what.padEnd(44)} ${value.padEnd(42)} ${aim}${verdict}`);
}

/** Build scripts are loaded by path: they find their files beside themselves. */
export function buildModule<T>(file: string): Promise<T> {
  return import(pathToFileURL(path.join(root, 'build', file)).href) as Promise<T>;
}

/** Compiles every C program of `folder` into dist/NAME, if anything changed; returns that folder. */
export async function compilePrograms(folder: string, name: string): Promise<string> {
  const { compileFolder } = await buildModule<{ compileFolder(folder: string, name: string): Promise<string> }>(
    'toolchain/userland.mjs',
  );
  return await compileFolder(folder, name);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of `runs` measurements, one after the other. */
export async function medianOf(runs: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let n = 0; n < runs; n++) values.push(await measure());
  return median(values);
}

export const wait = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis));

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly wallMillis: number;
  /** From the start to the first byte on stdout; NaN if none came. */
  readonly firstOutputMillis: number;
}

/** Runs a program to its end. */
export function execute(file: string, args: readonly string[], input = ''): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(file, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let firstOutputMillis = Number.NaN;
    child.stdout.on('data', (data: Buffer) => {
      if (stdout === '') firstOutputMillis = performance.now() - started;
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.once('error', reject);
    child.once('close', (status) =>
      resolve({ status, stdout, stderr, wallMillis: performance.now() - started, firstOutputMillis }),
    );
    child.stdin.on('error', () => {}); // the program may end without reading
    child.stdin.end(input);
  });
}

export interface GuestRun extends Finished {
  readonly stats: {
    readonly wallMs: number;
    readonly instructions: number;
    readonly tlbHits: number;
    readonly tlbMisses: number;
    readonly syscalls: number;
    readonly peakRssBytes: number;
  };
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-bench-'));
process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

/** `euroos run OPTIONS -- COMMAND` with the figures of --stats. Throws if it fails: a wrong result is no measurement. */
export async function guest(options: readonly string[], words: readonly string[], input = ''): Promise<GuestRun> {
  const statsFile = path.join(folder, 'stats.json');
  const network = options.includes('--net') ? [] : ['--net', 'none'];
  const line = [command, 'run', '--stats', statsFile, '--time-limit', '300', ...network, ...options];
  const result = await execute(process.execPath, words.length === 0 ? line : [...line, '--', ...words], input);
  if (result.status !== 0)
    throw new Error(`euroos run ${words.join(' ')}: status ${result.status}, ${result.stderr.trim()}`);
  return { ...result, stats: JSON.parse(fs.readFileSync(statsFile, 'utf8')) as GuestRun['stats'] };
}

/** A process and its descendants (proc_pid_stat(5), field 4). */
export function processTree(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(`/proc/${name}`);
    if (fields !== null) parents.set(Number(name), Number(fields[1]));
  }
  const tree = [pid];
  for (const member of tree) for (const [child, parent] of parents) if (parent === member) tree.push(child);
  return tree;
}

/** The fields of FOLDER/stat from the third on, FOLDER being that of a process or thread; null if it is gone. */
export function statOf(folder: string): string[] | null {
  try {
    return fs.readFileSync(`${folder}/stat`, 'utf8').split(') ').pop()!.split(' ');
  } catch {
    return null;
  }
}

/** User and system time of processes in milliseconds (proc_pid_stat(5), fields 14 and 15, 100 ticks a second). */
export function cpuMillis(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statOf(`/proc/${pid}`);
    if (fields !== null) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

/** Proportional set size of processes in bytes: pages that several share are counted once in sum (proc_pid_smaps(5)). */
export function residentBytes(pids: readonly number[]): number {
  let kibibytes = 0;
  for (const pid of pids) {
    try {
      kibibytes += Number(/^Pss:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // gone between the listing and here
    }
  }
  return kibibytes * 1024;
}

export function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => fs.existsSync(path.join(directory, program)));
}

/** Waits for the end of a process, which is asked for it unless it was already (`ask` false), and forced after a while. */
export async function stop(child: ChildProcess, patienceMillis: number, ask = true): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (ask) child.kill('SIGTERM');
  await Promise.race([ended, wait(patienceMillis)]);
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}

export const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
