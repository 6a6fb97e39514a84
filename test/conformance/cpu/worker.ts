// The other threads of the campaign: each takes numbers of batches and answers with their results.

import { parentPort, workerData } from 'node:worker_threads';
import { type Engine, Guest } from './guest.ts';
import { runBatch } from './oracle.ts';
import { BATCH_SNIPPETS, VECTORS_EACH } from './progress.ts';

export interface WorkerOrder {
  readonly harness: string;
  readonly seed: number;
  readonly engine: Engine;
}

export function serveBatches(): void {
  const { harness, seed, engine } = workerData as WorkerOrder;
  const guest = new Guest(engine);
  parentPort?.on('message', (batch: number) => {
    const first = batch * BATCH_SNIPPETS;
    const result = runBatch(guest, { harness, seed, first, count: BATCH_SNIPPETS, vectors: VECTORS_EACH });
    parentPort?.postMessage({ batch, result });
  });
}
