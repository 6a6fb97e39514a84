// How far a campaign has come: written to a file now and then, so that it can be stopped at any time and resumed.

import fs from 'node:fs';
import path from 'node:path';
import { type BatchResult, type Difference, TALLY_COLUMNS } from './oracle.ts';
import { testedRows } from './snippet.ts';

/** Snippets in one piece of work, and vectors of each. */
export const BATCH_SNIPPETS = 64;
export const VECTORS_EACH = 100;
/** Differences that are kept in full; all are counted. */
const KEPT_DIFFERENCES = 200;
/** Raise it when snippets or vectors come out differently for the same numbers: counts of both must not be added. */
const GENERATOR_VERSION = 2;

export interface Progress {
  readonly version: number;
  /** Number of rows of the table that the snippets were made from. */
  readonly rows: number;
  readonly engine: string;
  readonly seed: number;
  /** Batches 0 .. batches - 1 are done. */
  batches: number;
  vectors: number;
  /** Working time, summed over the runs. */
  seconds: number;
  /** Vectors by model of the host's processor. */
  readonly hosts: { [model: string]: number };
  readonly exempted: { [id: string]: number };
  differing: number;
  differences: Difference[];
  /** Differences that are none any more: the engine was mended after they were found. */
  mended?: Difference[];
  readonly tallies: number[];
}

export function newProgress(seed: number, engine: string): Progress {
  return {
    version: GENERATOR_VERSION,
    rows: testedRows.length,
    engine,
    seed,
    batches: 0,
    vectors: 0,
    seconds: 0,
    hosts: {},
    exempted: {},
    differing: 0,
    differences: [],
    tallies: new Array<number>(testedRows.length * TALLY_COLUMNS).fill(0),
  };
}

/** Why a kept campaign cannot be continued here; undefined if it can. */
export function resumeObstacle(progress: Progress): string | undefined {
  if (progress.version !== GENERATOR_VERSION || progress.rows !== testedRows.length)
    return 'the snippets have changed since it was begun';
  return undefined;
}

/** Adds the next batch. */
export function addBatch(progress: Progress, host: string, result: BatchResult): void {
  progress.batches++;
  progress.vectors += result.vectors;
  progress.hosts[host] = (progress.hosts[host] ?? 0) + result.vectors;
  for (const [id, count] of Object.entries(result.exempted))
    progress.exempted[id] = (progress.exempted[id] ?? 0) + count;
  result.tallies.forEach((count, n) => {
    progress.tallies[n] += count;
  });
  progress.differing += result.differences.length;
  const room = KEPT_DIFFERENCES - progress.differences.length;
  progress.differences.push(...result.differences.slice(0, Math.max(0, room)));
}

export function readProgress(file: string): Progress | undefined {
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Progress) : undefined;
}

/** Writes the file in one step: it is whole at every moment. */
export function writeProgress(file: string, progress: Progress): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.new`, JSON.stringify(progress));
  fs.renameSync(`${file}.new`, file);
}
