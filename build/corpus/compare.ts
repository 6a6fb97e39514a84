// Runs the jobs of the corpus natively and in EuroOS, compares what they printed, how they ended and which files they left, and
// writes docs/COMPATIBILITY.md. The native run is the measure: nothing of the expected results is stored.
//
//   job folder (its files) ─┬─ native: a temporary folder ────────────────────────────► stdout, status, files ─┐
//                           └─ EuroOS: --add to /home/user/job on a disk of its own ──► stdout, status, files ─┴► same?

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DiskImage } from '../../electron/backends/disk-image.ts';
import { BackendBlockStore } from '../../electron/machine-host/volume-store.ts';
import { FileType, VolumeTool } from '../../os-core/eurofs/index.ts';
import { jobs } from './jobs.mjs';

interface Program {
  readonly name: string;
  readonly version: string;
  readonly file: string;
}
interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** path → type, and for regular files the hash of the contents. */
  readonly files: ReadonlyMap<string, string>;
}
interface Row {
  readonly job: (typeof jobs)[number];
  readonly same: boolean;
  readonly result: string;
  readonly instructions: number;
  readonly seconds: number;
}

const root = process.cwd();
const GUEST_PROGRAMS = '/opt/corpus';
const GUEST_FOLDER = '/home/user/job';
const TIME_LIMIT_SECONDS = 600;

const programs = JSON.parse(process.argv[2]) as Program[];
const wanted = process.argv.slice(3);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-corpus-'));
process.once('exit', () => fs.rmSync(work, { recursive: true, force: true }));

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** A folder with the programs and a link for each applet, the same for both sides. */
function programFolder(): string {
  const folder = path.join(work, 'programs');
  fs.mkdirSync(folder);
  for (const { name, file } of programs) fs.copyFileSync(file, path.join(folder, name));
  const list = spawnSync(path.join(folder, 'busybox'), ['--list'], { encoding: 'utf8' });
  for (const applet of list.stdout.split('\n'))
    if (applet !== '' && !fs.existsSync(path.join(folder, applet)))
      fs.symlinkSync('busybox', path.join(folder, applet));
  return folder;
}

function jobFolder(job: Row['job']): string {
  const folder = fs.mkdtempSync(path.join(work, 'job-'));
  for (const name of job.files) fs.copyFileSync(path.join(root, 'build/corpus/jobs', name), path.join(folder, name));
  return folder;
}

function inputOf(job: Row['job']): Buffer {
  return typeof job.input === 'string'
    ? fs.readFileSync(path.join(root, 'build/corpus/jobs', job.input))
    : Buffer.alloc(0);
}

function nativeFiles(folder: string, at = '', into = new Map<string, string>()): Map<string, string> {
  for (const entry of fs.readdirSync(path.join(folder, at), { withFileTypes: true })) {
    const name = path.posix.join(at, entry.name);
    if (entry.isDirectory()) {
      into.set(name, 'folder');
      nativeFiles(folder, name, into);
    } else if (entry.isSymbolicLink()) into.set(name, `link to ${fs.readlinkSync(path.join(folder, name))}`);
    else if (entry.isFile()) into.set(name, digest(fs.readFileSync(path.join(folder, name))));
    else into.set(name, 'special');
  }
  return into;
}

function guestFiles(
  volume: VolumeTool,
  folder: string,
  at = '',
  into = new Map<string, string>(),
): Map<string, string> {
  for (const entry of volume.list(path.posix.join(folder, at))) {
    const name = path.posix.join(at, entry);
    const full = path.posix.join(folder, name);
    const { type } = volume.stat(full);
    if (type === FileType.directory) {
      into.set(name, 'folder');
      guestFiles(volume, folder, name, into);
    } else if (type === FileType.symbolicLink) into.set(name, `link to ${volume.readSymbolicLink(full)}`);
    else if (type === FileType.regular) into.set(name, digest(volume.readFile(full)));
    else into.set(name, 'special');
  }
  return into;
}

const environment = (paths: string, home: string): Record<string, string> => ({
  PATH: paths,
  HOME: home,
  LC_ALL: 'C',
  TZ: 'UTC',
});

function runNative(job: Row['job'], folder: string): Outcome {
  const home = jobFolder(job);
  const result = spawnSync(path.join(folder, job.command[0]), job.command.slice(1), {
    cwd: home,
    input: inputOf(job),
    env: environment(folder, home),
    maxBuffer: 1 << 26,
    timeout: TIME_LIMIT_SECONDS * 1000,
  });
  return {
    status: result.status,
    stdout: result.stdout.toString('latin1'),
    stderr: result.stderr.toString('latin1'),
    files: nativeFiles(home),
  };
}

function runInEuroOs(job: Row['job'], folder: string): Outcome & { instructions: number; seconds: number } {
  const disk = path.join(work, 'disk.img');
  const stats = path.join(work, 'stats.json');
  fs.copyFileSync(path.join(root, 'dist/system.img'), disk);
  fs.rmSync(stats, { force: true });
  const variables = Object.entries(environment(GUEST_PROGRAMS, '/home/user')).flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  const result = spawnSync(
    process.execPath,
    [
      path.join(root, 'electron/cli/euroos.mjs'),
      'run',
      ...['--disk', disk, '--net', 'none', '--stats', stats, '--time-limit', String(TIME_LIMIT_SECONDS)],
      ...['--add', `${folder}:${GUEST_PROGRAMS}`, '--add', `${jobFolder(job)}:${GUEST_FOLDER}`, '--cwd', GUEST_FOLDER],
      ...variables,
      '--',
      `${GUEST_PROGRAMS}/${job.command[0]}`,
      ...job.command.slice(1),
    ],
    { input: inputOf(job), maxBuffer: 1 << 26 },
  );
  const figures = JSON.parse(fs.readFileSync(stats, 'utf8')) as { instructions?: number; wallMs: number };
  const image = new DiskImage(disk, { readOnly: true });
  const files = guestFiles(VolumeTool.mount(new BackendBlockStore(image)), GUEST_FOLDER);
  image.close();
  return {
    status: result.status,
    stdout: result.stdout.toString('latin1'),
    stderr: result.stderr.toString('latin1'),
    files,
    instructions: figures.instructions ?? 0,
    seconds: figures.wallMs / 1000,
  };
}

/** The first difference, in a few words; '' if there is none. */
function difference(native: Outcome, guest: Outcome): string {
  if (native.stdout !== guest.stdout) {
    const [a, b] = [native.stdout.split('\n'), guest.stdout.split('\n')];
    const differing = a.map((line, i) => [i, line, b[i]] as const).filter(([, line, other]) => line !== other);
    const [at, expected, got] = differing[0] ?? [a.length, '(end)', b[a.length]];
    return `line ${at + 1} is ${JSON.stringify(got)}, natively ${JSON.stringify(expected)}`;
  }
  if (native.status !== guest.status) return `status ${guest.status}, natively ${native.status}`;
  for (const [name, contents] of native.files)
    if (guest.files.get(name) !== contents) return `file ${name} is ${guest.files.get(name)}, natively ${contents}`;
  for (const name of guest.files.keys()) if (!native.files.has(name)) return `file ${name} is there, natively not`;
  return '';
}

interface Line {
  readonly command: string;
  readonly output: string;
}

/** The output of a job that runs many lines, by line. */
function linesOf(stdout: string): Line[] {
  return stdout
    .split(/^== /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), output: part.slice(end + 1) };
    });
}

function compare(job: Row['job'], folder: string): Row {
  const native = runNative(job, folder);
  const guest = runInEuroOs(job, folder);
  let result = difference(native, guest);
  const figures = { instructions: guest.instructions, seconds: guest.seconds };
  const lines = linesOf(native.stdout);
  if (lines.length > 0) {
    const inGuest = new Map(linesOf(guest.stdout).map(({ command, output }) => [command, output]));
    const differing = lines.filter(({ command, output }) => inGuest.get(command) !== output);
    for (const { command, output } of differing)
      console.error(
        `  ${command}\n    natively ${JSON.stringify(output)}\n    EuroOS   ${JSON.stringify(inGuest.get(command))}`,
      );
    const note = `${lines.length - differing.length} of ${lines.length} lines the same`;
    result = differing.length === 0 && result === '' ? '' : `${note}; ${result}`;
    return { job, same: result === '', result: result === '' ? note : result, ...figures };
  }
  if (result !== '' && guest.stderr !== native.stderr) console.error(guest.stderr.split('\n').slice(-6).join('\n'));
  return { job, same: result === '', result: result === '' ? 'the same' : result, ...figures };
}

const pageFile = path.join(root, 'docs/COMPATIBILITY.md');

/** The lines of the published table by job: jobs that were not chosen now keep theirs. */
function publishedLines(): Map<string, string> {
  const text = fs.existsSync(pageFile) ? fs.readFileSync(pageFile, 'utf8') : '';
  const found = [...text.matchAll(/^\| [^|]+ \| [^|]+ \| ([^|]+) \|.*$/gm)];
  return new Map(found.map((match) => [match[1], match[0]]));
}

function page(rows: readonly Row[]): string {
  const versions = new Map(programs.map(({ name, version }) => [name, version]));
  const lineOf = new Map(publishedLines());
  for (const { job, same, result, instructions } of rows) {
    const name = job.program ?? job.command[0];
    const millions = (instructions / 1e6).toFixed(0);
    lineOf.set(
      job.name,
      `| ${name} | ${versions.get(name)} | ${job.name} | ${same ? 'yes' : 'no'} | ${result.replaceAll('|', '\\|')} | ${millions} |`,
    );
  }
  const lines = jobs.flatMap(({ name }) => lineOf.get(name) ?? []);
  return `# Compatibility

Programs of other people, as they are: the sources of Debian 12, compiled with musl as static-PIE (mksh: Debian's own static
binary). Each job runs on the build machine and in EuroOS; what it prints, its exit status and the files that it leaves must be
the same, byte for byte. This page is written by \`npm run corpus\`, which also fetches and builds the programs.

| program | version | job | same | result | million instructions |
|---|---|---|---|---|---|
${lines.join('\n')}

Known differences:

- Set-user-id and set-group-id bits of files are not kept: programs get rights from their signature and their parent, never from a
  file's mode.
- Of /sys there are the processors and the PCI bus only.

The million instructions are those of the whole run, boot included. The scripts of the jobs are in \`build/corpus/jobs\`.
`;
}

const folder = programFolder();
const chosen = jobs.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const rows: Row[] = [];
for (const job of chosen) {
  const row = compare(job, folder);
  rows.push(row);
  console.error(
    `${row.same ? 'same     ' : 'DIFFERENT'} ${job.name} (${(row.instructions / 1e6).toFixed(0)} million instructions, ${row.seconds.toFixed(1)} s)${row.same ? '' : `: ${row.result}`}`,
  );
}
fs.writeFileSync(pageFile, page(rows));
process.exitCode = rows.every((row) => row.same) ? 0 : 1;
