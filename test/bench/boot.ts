// Power-on to the shell, headless: from the start of the `euroos` process to the prompt on a terminal, and to the output of the first
// command that comes through a pipe.

import { spawn } from 'node:child_process';
import { command, guest, mebibytes, median, medianOf, missing, onPath, type Row, root, row, stop } from './measure.ts';

const RUNS = 5;
const PATIENCE_MILLIS = 60_000;

export async function boot(print: (row: Row) => void): Promise<void> {
  const prompt = 'boot: process start to the prompt, headless';
  if (onPath('script')) {
    const millis = await medianOf(RUNS, millisToPrompt);
    print(row(prompt, `${millis.toFixed(0)} ms`, 'under 1000 ms', millis < 1000));
  } else print(missing(prompt, 'script(1) is not installed, so there is no terminal'));
  const shell: number[] = [];
  const memory: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    const run = await guest([], [], 'echo ready\nexit\n');
    if (!run.stdout.includes('ready')) throw new Error(`the shell answered ${JSON.stringify(run.stdout)}`);
    shell.push(run.firstOutputMillis);
    memory.push(run.stats.peakRssBytes);
  }
  print(row('boot: process start to a command from a pipe', `${median(shell).toFixed(0)} ms`));
  const bytes = median(memory);
  print(row('memory: peak resident, headless', mebibytes(bytes), 'under 300 MiB', bytes < 300 * 1024 * 1024));
}

/** script(1) gives the shell a terminal. */
async function millisToPrompt(): Promise<number> {
  const started = performance.now();
  const line = `'${process.execPath}' '${command}' run --net none`;
  const child = spawn('script', ['-qec', line, '/dev/null'], { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    return await new Promise((resolve, reject) => {
      let text = '';
      const timer = setTimeout(() => reject(new Error('no prompt within a minute')), PATIENCE_MILLIS);
      timer.unref();
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`no prompt; the terminal shows ${JSON.stringify(text)}`)));
      child.stdout.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.includes('$ ')) resolve(performance.now() - started);
      });
    });
  } finally {
    child.stdin.on('error', () => {}); // the shell may be gone
    child.stdin.write('exit\n');
    await stop(child, 5000, false);
  }
}
