// The real app on a virtual screen: what it costs when nobody touches it, and what a frame costs.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startXvfb } from '../app/desktop.ts';
import {
  buildModule,
  cpuMillis,
  execute,
  mebibytes,
  missing,
  onPath,
  processTree,
  type Row,
  residentBytes,
  root,
  row,
  stop,
  wait,
} from './measure.ts';

const SETTLE_MILLIS = 20_000;
const MEASURE_MILLIS = 15_000;

export async function desktop(print: (row: Row) => void): Promise<void> {
  if (!onPath('Xvfb')) {
    print(missing('desktop: idle', 'Xvfb is not installed'));
    return;
  }
  const { resolveElectron } =
    await buildModule<typeof import('../../build/setup/electron-runtime.mjs')>('setup/electron-runtime.mjs');
  const electron = await resolveElectron({ log: console.error });
  const screen = await startXvfb();
  const user = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-bench-user-'));
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const child = spawn(electron, [...sandbox, `--user-data-dir=${user}`, root], {
    env: { ...process.env, DISPLAY: screen.display },
    stdio: 'ignore',
  });
  try {
    await wait(SETTLE_MILLIS);
    if (child.exitCode !== null) throw new Error(`the desktop ended with status ${child.exitCode}`);
    const pids = processTree(child.pid!);
    const before = cpuMillis(pids);
    const started = performance.now();
    await wait(MEASURE_MILLIS);
    const share = (100 * (cpuMillis(pids) - before)) / (performance.now() - started);
    print(row('desktop: idle CPU, all processes', `${share.toFixed(1)} % of a core`, 'under 3 %', share < 3));
    const bytes = residentBytes(pids);
    print(row('desktop: memory, all processes (PSS)', mebibytes(bytes), 'under 300 MiB', bytes < 300 * 1024 * 1024));
  } finally {
    await stop(child, 10_000);
    screen.stop();
    fs.rmSync(user, { recursive: true, force: true });
  }
}

/** Runs frame-cost.ts, which prints one line a case. */
export async function frames(print: (row: Row) => void): Promise<void> {
  if (!onPath('Xvfb')) {
    print(missing('frame cost', 'Xvfb is not installed'));
    return;
  }
  const script = path.join(root, 'build/run-ts.mjs');
  const run = await execute(process.execPath, [script, path.join(root, 'test/bench/frame-cost.ts'), '30']);
  if (run.status !== 0) {
    const reason = run.stderr.split('\n').find((line) => line.includes('Error')) ?? run.stderr.trim().slice(0, 200);
    throw new Error(`frame-cost.ts: status ${run.status}, ${reason.trim()}`);
  }
  for (const [, what, gpu, page] of run.stdout.matchAll(/^(.+?) +GPU process +([\d.]+) ms +page +([\d.]+) ms/gm))
    print(row(`frame: ${what.trim()}`, `GPU process ${gpu} ms, page ${page} ms of CPU`));
}
