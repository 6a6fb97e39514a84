// Runs a job on its two sides, the same programs and files on each.
//
//   programs ─┬─ native: a folder of links ─────────────────────► PATH of the job in a temporary folder
//             └─ EuroOS: /opt/corpus on a copy of the system ──► PATH of the job in /home/user/job, on a copy of that disk

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { DiskImage } from '../../electron/backends/disk-image.ts';
import { configurationFolder, ownerSeed } from '../../electron/backends/owner-key.ts';
import { addToVolume } from '../../electron/machine-host/additions.ts';
import { BackendBlockStore } from '../../electron/machine-host/volume-store.ts';
import { VolumeTool } from '../../os-core/eurofs/index.ts';
import type { Job } from './jobs.mjs';
import { guestFiles, nativeFiles, type Outcome } from './outcome.ts';

export interface Program {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  /** What it was written in: only of programs of the npm registry, which lie in a folder of their own. */
  readonly language?: string;
}
export interface Suite {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}
export interface GuestOutcome extends Outcome {
  readonly instructions: number;
  readonly seconds: number;
}

const root = process.cwd();
const GUEST_PROGRAMS = '/opt/corpus';
const GUEST_FOLDER = '/home/user/job';
const USUAL_RIGHTS = ['console', 'file', 'process', 'network'];
const TIME_LIMIT_SECONDS = 1800;

export class Sides {
  private readonly work: string;
  private readonly engine: string;
  private readonly programs: readonly Program[];
  private readonly suites: readonly Suite[];
  private readonly nativeFolder: string;
  private readonly disk: string;

  /** `work`: an empty folder for everything that is made; `engine`: as of `euroos run`. */
  constructor(work: string, engine: string, programs: readonly Program[], suites: readonly Suite[]) {
    this.work = work;
    this.engine = engine;
    this.programs = programs;
    this.suites = suites;
    this.nativeFolder = path.join(work, 'programs');
    this.disk = path.join(work, 'disk.img');
    this.layOutNative();
    this.layOutDisk();
  }

  /** Programs by name, and a link for each of busybox's applets. */
  private layOutNative(): void {
    fs.mkdirSync(this.nativeFolder);
    for (const { name, file } of this.programs) fs.symlinkSync(file, path.join(this.nativeFolder, name));
    const list = spawnSync(path.join(this.nativeFolder, 'busybox'), ['--list'], { encoding: 'utf8' });
    for (const applet of list.stdout.split('\n'))
      if (applet !== '' && !fs.existsSync(path.join(this.nativeFolder, applet)))
        fs.symlinkSync('busybox', path.join(this.nativeFolder, applet));
  }

  /** A system with all but the programs of the npm registry: those are large, so that only the jobs that need one get it. */
  private layOutDisk(): void {
    copySparse(path.join(root, 'dist/system.img'), this.disk);
    const small = path.join(this.work, 'small');
    fs.mkdirSync(small);
    for (const { name, file, language } of this.programs)
      if (language === undefined) fs.copyFileSync(file, path.join(small, name));
    for (const name of fs.readdirSync(this.nativeFolder)) {
      const link = path.join(this.nativeFolder, name);
      if (fs.readlinkSync(link) === 'busybox') fs.symlinkSync('busybox', path.join(small, name));
    }
    this.add(this.disk, [{ host: small, guest: GUEST_PROGRAMS }]);
  }

  private add(disk: string, additions: readonly { host: string; guest: string }[]): void {
    const image = new DiskImage(disk, { readOnly: false });
    addToVolume(image, additions, ownerSeed(configurationFolder(process.env)), Date.now());
    image.close();
  }

  private jobFolder(job: Job): string {
    const folder = fs.mkdtempSync(path.join(this.work, 'job-'));
    for (const name of job.files) {
      const source = path.join(root, 'build/corpus/jobs', name);
      if (fs.statSync(source).isDirectory()) fs.cpSync(source, folder, { recursive: true });
      else fs.copyFileSync(source, path.join(folder, name));
    }
    const suite = this.suites.find(({ name }) => name === job.suite);
    if (suite !== undefined) fs.cpSync(suite.folder, folder, { recursive: true });
    return folder;
  }

  runNative(job: Job): Promise<Outcome> {
    const home = this.jobFolder(job);
    const program = path.join(this.nativeFolder, job.command[0]);
    const environment = environmentOf(this.nativeFolder, home);
    return runProgram([program, ...job.command.slice(1)], { cwd: home, environment, input: inputOf(job) }).then(
      (end) => {
        const files = nativeFiles(home);
        fs.rmSync(home, { recursive: true, force: true });
        return { ...end, files };
      },
    );
  }

  async runInEuroOs(job: Job): Promise<GuestOutcome> {
    const home = this.jobFolder(job);
    const [disk, stats] = [`${home}.img`, `${home}.json`];
    copySparse(this.disk, disk);
    const large = this.programs.filter(({ name, language }) => language !== undefined && job.needs?.includes(name));
    this.add(disk, [
      ...large.map(({ file }) => ({ host: path.dirname(file), guest: GUEST_PROGRAMS })),
      { host: home, guest: GUEST_FOLDER },
    ]);
    const variables = Object.entries(environmentOf(GUEST_PROGRAMS, '/home/user'));
    const command = [
      ...[process.execPath, path.join(root, 'electron/cli/euroos.mjs'), 'run'],
      ...['--disk', disk, '--net', 'none', '--stats', stats, '--time-limit', String(TIME_LIMIT_SECONDS)],
      ...['--cwd', GUEST_FOLDER, '--user', job.user ?? 'user'],
      ...['--memory', job.memory ?? '512M', '--engine', this.engine],
      ...['--caps', [...USUAL_RIGHTS, ...(job.rights ?? [])].join(',')],
      ...variables.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...['--', `${GUEST_PROGRAMS}/${job.command[0]}`, ...job.command.slice(1)],
    ];
    const end = await runProgram(command, { cwd: root, environment: process.env, input: inputOf(job) });
    const figures = JSON.parse(fs.readFileSync(stats, 'utf8')) as { instructions?: number; wallMs: number };
    const image = new DiskImage(disk, { readOnly: true });
    const files = guestFiles(VolumeTool.mount(new BackendBlockStore(image)), GUEST_FOLDER);
    image.close();
    for (const made of [home, disk, stats]) fs.rmSync(made, { recursive: true, force: true });
    return { ...end, files, instructions: figures.instructions ?? 0, seconds: figures.wallMs / 1000 };
  }
}

/** cp leaves the holes of a disk image as they are. */
function copySparse(from: string, to: string): void {
  const result = spawnSync('cp', ['--sparse=always', from, to], { stdio: 'inherit' });
  if (result.status !== 0) throw new Error(`cannot copy ${from} to ${to}`);
}

function inputOf(job: Job): Buffer {
  return typeof job.input === 'string'
    ? fs.readFileSync(path.join(root, 'build/corpus/jobs', job.input))
    : Buffer.alloc(0);
}

const environmentOf = (paths: string, home: string): Record<string, string> => ({
  PATH: paths,
  HOME: home,
  LC_ALL: 'C',
  TZ: 'UTC',
});

interface Surroundings {
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly input: Buffer;
}

function runProgram(
  command: readonly string[],
  { cwd, environment, input }: Surroundings,
): Promise<Omit<Outcome, 'files'>> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), {
      cwd,
      env: environment,
      timeout: 2 * TIME_LIMIT_SECONDS * 1000,
    });
    const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
    child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
    // A program that does not read its input closes the pipe early.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (status) => {
      const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(chunks[name]).toString('latin1');
      resolve({ status, stdout: text('stdout'), stderr: text('stderr') });
    });
  });
}
