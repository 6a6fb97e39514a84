// Power-on to the shell, headless: from the start of the `euroos` process to the first line of a command given to the shell.

import { guest, mebibytes, median, type Row, row } from './measure.ts';

const RUNS = 5;

export async function boot(print: (row: Row) => void): Promise<void> {
  const shell: number[] = [];
  const memory: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    const run = await guest([], [], 'echo ready\nexit\n');
    if (!run.stdout.includes('ready')) throw new Error(`the shell answered ${JSON.stringify(run.stdout)}`);
    shell.push(run.firstOutputMillis);
    memory.push(run.stats.peakRssBytes);
  }
  const millis = median(shell);
  print(row('boot: process start to the shell, headless', `${millis.toFixed(0)} ms`, 'under 1000 ms', millis < 1000));
  const bytes = median(memory);
  print(row('memory: peak resident, headless', mebibytes(bytes), 'under 300 MiB', bytes < 300 * 1024 * 1024));
}
