// Runs a batch on silicon and on our CPU and gathers differences and counts.

import { type Batch, type BatchOptions, makeBatch } from './batch.ts';
import { compareOutcomes, describeDifference, snippetText } from './compare.ts';
import { hostMaker } from './exemptions.ts';
import type { Guest } from './guest.ts';
import { runOnHost } from './host.ts';
import { OUTCOME_BYTES, OutcomeOffset, type Snippet, VECTOR_BYTES } from './layout.ts';
import { testedRows } from './snippet.ts';

export interface Difference {
  readonly snippet: number;
  readonly vector: number;
  /** The snippet's instructions. */
  readonly text: string;
  readonly report: string;
}

/** Counts of one row of the table. */
export const Tally = { snippets: 0, vectors: 1, memory: 2, crossing: 3, pageFaults: 4, otherFaults: 5 } as const;
export const TALLY_COLUMNS = 6;
const BREAKPOINT = 3;
const PAGE_FAULT = 14;

export interface BatchResult {
  readonly vectors: number;
  readonly differences: readonly Difference[];
  /** How often each exemption was needed. */
  readonly exempted: { readonly [id: string]: number };
  /** TALLY_COLUMNS numbers for each of testedRows. */
  readonly tallies: Float64Array;
}

export interface OracleOptions extends BatchOptions {
  readonly harness: string;
  /** Changes our outcome, at byte `at`, before it is compared: for planted faults. */
  readonly tamper?: (snippet: Snippet, vector: number, ours: Uint8Array, at: number) => void;
}

const maker = hostMaker();
const rowNumbers = new Map(testedRows.map((row, n) => [row, n]));

/** Runs the snippets on our CPU. */
export function runOnGuest(guest: Guest, batch: Batch): Uint8Array {
  const output = new Uint8Array(batch.vectors * OUTCOME_BYTES);
  for (let n = 0; n < batch.vectors; n++) {
    if (n % batch.vectorsEach === 0) guest.load(batch.snippets[n / batch.vectorsEach].code);
    guest.run(batch.input, batch.words, batch.vectorsAt + n * VECTOR_BYTES, output, n * OUTCOME_BYTES);
  }
  return output;
}

export function runBatch(guest: Guest, options: OracleOptions): BatchResult {
  const batch = makeBatch(options);
  const silicon = runOnHost(options.harness, batch);
  const ours = runOnGuest(guest, batch);
  const tallies = new Float64Array(testedRows.length * TALLY_COLUMNS);
  const exempted: Record<string, number> = {};
  const differences: Difference[] = [];
  const view = new DataView(silicon.buffer, silicon.byteOffset);
  for (let n = 0; n < batch.vectors; n++) {
    const snippet = batch.snippets[Math.floor(n / batch.vectorsEach)];
    const vector = batch.firstVector + (n % batch.vectorsEach);
    const at = n * OUTCOME_BYTES;
    count(
      tallies,
      snippet,
      n % batch.vectorsEach === 0,
      batch.crossing[n],
      view.getUint32(at + OutcomeOffset.vector, true),
    );
    options.tamper?.(snippet, vector, ours, at);
    const result = compareOutcomes(snippet, maker, silicon, ours, at, batch.ignored.get(n));
    for (const { id } of result.exempted) exempted[id] = (exempted[id] ?? 0) + 1;
    if (result.lines.length === 0) continue;
    const report = describeDifference(snippet, vector, batch.input, batch.vectorsAt + n * VECTOR_BYTES, result.lines);
    differences.push({ snippet: snippet.index, vector, text: snippetText(snippet), report });
  }
  return { vectors: batch.vectors, differences, exempted, tallies };
}

/** Adds one vector to the counts of its rows. What happened is told of snippets of one instruction only: there it is certain. */
function count(tallies: Float64Array, snippet: Snippet, first: boolean, crosses: number, fault: number): void {
  for (const row of snippet.rows) {
    const at = (rowNumbers.get(row) ?? 0) * TALLY_COLUMNS;
    if (first) tallies[at + Tally.snippets]++;
    tallies[at + Tally.vectors]++;
    if (snippet.inMemory.includes(row)) tallies[at + Tally.memory]++;
    if (snippet.rows.length > 1) continue;
    tallies[at + Tally.crossing] += crosses;
    if (fault === PAGE_FAULT) tallies[at + Tally.pageFaults]++;
    else if (fault !== BREAKPOINT) tallies[at + Tally.otherFaults]++;
  }
}
