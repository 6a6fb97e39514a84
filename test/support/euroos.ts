// Runs the real `euroos` command of this checkout for tests.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
export const dist = path.join(root, 'dist');
export const programs = path.join(dist, 'test-programs');

export interface RunResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The serial log. */
  readonly serial: string;
  /** The figures of --stats. */
  readonly stats: Record<string, unknown>;
}

/** Also while a program that has just been ended is still writing its last file into it. */
export function removeFolder(folder: string): void {
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** A folder for one test file; removed when the process ends. */
export function temporaryFolder(name: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `euroos-${name}-`));
  process.once('exit', () => removeFolder(folder));
  return folder;
}

const folder = temporaryFolder('run');
let runs = 0;

/** Runs a host program; never throws for its status. */
export function execute(
  command: string,
  args: readonly string[],
  options: { readonly input?: string | Buffer; readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd ?? root, env: options.environment ?? process.env });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.once('error', reject);
    child.once('close', (status) =>
      resolve({
        status,
        stdout: Buffer.concat(output).toString('latin1'),
        stderr: Buffer.concat(errors).toString('latin1'),
      }),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** `euroos run OPTIONS -- COMMAND`. Output is latin1: one character a byte. Without a network unless `options` say otherwise. */
export async function euroosRun(
  options: readonly string[],
  command: readonly string[] | null,
  input: string | Buffer = '',
): Promise<RunResult> {
  const serialFile = path.join(folder, `serial-${++runs}`);
  const statsFile = path.join(folder, `stats-${runs}`);
  const network = options.includes('--net') ? [] : ['--net', 'none'];
  const limit = options.includes('--time-limit') ? [] : ['--time-limit', '100'];
  const args = [
    path.join(root, 'electron/cli/euroos.mjs'),
    'run',
    '--serial',
    serialFile,
    '--stats',
    statsFile,
    ...network,
    ...limit,
    ...options,
  ];
  if (command !== null) args.push('--', ...command);
  const environment = { ...process.env, XDG_CONFIG_HOME: path.join(folder, 'config') };
  const result = await execute(process.execPath, args, { input, environment });
  return {
    ...result,
    serial: fs.existsSync(serialFile) ? fs.readFileSync(serialFile, 'utf8') : '',
    stats: fs.existsSync(statsFile) ? (JSON.parse(fs.readFileSync(statsFile, 'utf8')) as Record<string, unknown>) : {},
  };
}
