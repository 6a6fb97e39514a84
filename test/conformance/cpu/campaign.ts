// The long run of the silicon oracle, on all processors of the host. Usage: npm run campaign:cpu -- [OPTIONS]
//
//   --minutes N        how long (default 30); the batch in work is finished first
//   --vectors N        end after so many vectors in all
//   --seed N           which campaign (default 1)
//   --resume           go on where the last run of this campaign ended; differences that it kept are tried again first
//   --engine NAME      what runs the snippets on our side (default interpreter)
//   --workers N        default 2
//   --write            put the report into docs/CPU-CONFORMANCE.md at the end
//   --show N           differences shown in full for each combination of instructions (default 1)
//
//   --case SNIPPET.VECTOR   one vector again, with --seed and --only as it was reported
//   --only TEXT             rows whose mnemonic matches this regular expression; nothing is kept of such a run
//
// Progress is kept in dist/oracle/. Exit status 1 if the campaign has a difference.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { type Engine, engines, Guest } from './guest.ts';
import { buildHarness, hostModel, hostObstacle } from './host.ts';
import { type BatchResult, type Difference, runBatch } from './oracle.ts';
import {
  addBatch,
  BATCH_SNIPPETS,
  newProgress,
  type Progress,
  readProgress,
  resumeObstacle,
  VECTORS_EACH,
  writeProgress,
} from './progress.ts';
import { conformancePage } from './report.ts';
import { testedRows } from './snippet.ts';
import { serveBatches, type WorkerOrder } from './worker.ts';

const SAVE_MILLIS = 20_000;
const REPORT = 'docs/CPU-CONFORMANCE.md';

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}
const flag = (name: string): boolean => process.argv.includes(`--${name}`);

function refuse(reason: string): never {
  console.error(reason);
  process.exit(2);
}

const seed = Number(option('seed', '1'));
const engine = option('engine', 'interpreter') as Engine;
const shown = Number(option('show', '1'));
const shownOf = new Map<string, number>();

function show(result: BatchResult): void {
  for (const { text, report } of result.differences) {
    const before = shownOf.get(text) ?? 0;
    shownOf.set(text, before + 1);
    if (before < shown) console.log(`${report}\n`);
  }
}

/** One vector, or some rows only: in this thread, nothing is kept. */
function runSelection(harness: string, only: string, single: string): number {
  const pattern = new RegExp(`^(${only})$`);
  const rows = testedRows.filter((row) => pattern.test(row.mnemonic ?? row.operation));
  if (rows.length === 0) refuse(`no row of the table matches --only ${only}`);
  const guest = new Guest(engine);
  if (single !== '') {
    const [first, firstVector = 0] = single.split('.').map(Number);
    const result = runBatch(guest, { harness, seed, first, count: 1, firstVector, vectors: 1, rows });
    show(result);
    console.log(result.differences.length === 0 ? 'no difference' : 'they differ');
    return result.differences.length;
  }
  const until = Date.now() + Number(option('minutes', '1')) * 60_000;
  let vectors = 0;
  let differing = 0;
  for (let first = 0; Date.now() < until && vectors < Number(option('vectors', 'Infinity')); first += BATCH_SNIPPETS) {
    const result = runBatch(guest, { harness, seed, first, count: BATCH_SNIPPETS, vectors: VECTORS_EACH, rows });
    show(result);
    vectors += result.vectors;
    differing += result.differences.length;
  }
  for (const [text, count] of [...shownOf].sort((a, b) => b[1] - a[1])) console.log(`${count}  ${text}`);
  console.log(`${vectors} vectors of ${rows.length} rows, ${differing} differences, seed ${seed}`);
  return differing;
}

function beginOrResume(file: string): Progress {
  const kept = flag('resume') ? readProgress(file) : undefined;
  if (kept === undefined) return newProgress(seed, engine);
  const reason = resumeObstacle(kept);
  if (reason !== undefined) refuse(`${file} cannot be resumed: ${reason}`);
  return kept;
}

/** Tries the kept differences again: those that were mended move to a list of their own. */
function recheck(harness: string, progress: Progress): void {
  if (progress.differences.length === 0) return;
  const guest = new Guest(engine);
  const open: Difference[] = [];
  progress.mended ??= [];
  for (const difference of progress.differences) {
    const { snippet: first, vector: firstVector } = difference;
    const again = runBatch(guest, { harness, seed, first, count: 1, firstVector, vectors: 1, rows: testedRows });
    if (again.differences.length > 0) open.push(difference);
    else progress.mended.push(difference);
  }
  progress.differing -= progress.differences.length - open.length;
  progress.differences = open;
}

/** Batches go to the workers in order and are added in order, so that progress is always a prefix of the campaign. */
async function runCampaign(harness: string, progress: Progress, file: string): Promise<void> {
  const started = Date.now();
  const before = progress.seconds;
  const until = started + Number(option('minutes', '30')) * 60_000;
  const limit = Number(option('vectors', 'Infinity'));
  const host = hostModel();
  const done = new Map<number, BatchResult>();
  let next = progress.batches;
  let saved = started;
  const save = (): void => {
    progress.seconds = before + (Date.now() - started) / 1000;
    writeProgress(file, progress);
    saved = Date.now();
    const rate = Math.round(progress.vectors / progress.seconds);
    console.error(
      `${progress.vectors} vectors of ${progress.batches * BATCH_SNIPPETS} snippets, ${progress.differing} differences, ${rate} a second`,
    );
  };
  const lane = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const order: WorkerOrder = { harness, seed, engine };
      const worker = new Worker(fileURLToPath(import.meta.url), { workerData: order });
      const go = (): void => {
        const planned = next * BATCH_SNIPPETS * VECTORS_EACH;
        if (Date.now() < until && planned < limit) worker.postMessage(next++);
        else void worker.terminate().then(() => resolve());
      };
      worker.on('message', (message: { batch: number; result: BatchResult }) => {
        done.set(message.batch, message.result);
        for (let ready = done.get(progress.batches); ready !== undefined; ready = done.get(progress.batches)) {
          done.delete(progress.batches);
          show(ready);
          addBatch(progress, host, ready);
        }
        if (Date.now() - saved > SAVE_MILLIS) save();
        go();
      });
      worker.on('error', reject);
      go();
    });
  await Promise.all(Array.from({ length: Number(option('workers', '2')) }, lane));
  save();
}

/** Returns the exit status. */
async function main(): Promise<number> {
  const obstacle = hostObstacle();
  if (obstacle !== undefined) refuse(obstacle);
  if (!engines.includes(engine)) refuse(`--engine is one of ${engines.join(', ')}`);
  const harness = buildHarness(path.resolve('test/conformance/cpu/harness.c'));
  const only = option('only', '');
  const single = option('case', '');
  if (only !== '' || single !== '') return runSelection(harness, only === '' ? '.*' : only, single) === 0 ? 0 : 1;
  const file = path.resolve(`dist/oracle/campaign-${engine}-${seed}.json`);
  const progress = beginOrResume(file);
  recheck(harness, progress);
  await runCampaign(harness, progress, file);
  for (const [text, count] of [...shownOf].sort((a, b) => b[1] - a[1])) console.log(`${count}  ${text}`);
  console.log(`${progress.vectors} vectors in all, ${progress.differing} differences, seed ${seed}`);
  if (flag('write')) fs.writeFileSync(REPORT, conformancePage(progress));
  return progress.differing === 0 ? 0 : 1;
}

if (isMainThread) process.exit(await main());
else serveBatches();
