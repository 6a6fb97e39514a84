// A batch: some snippets with all their vectors, in the form in which the harness reads it.

import type { InstructionRow } from '../../../devices/cpu/table/row.ts';
import { HEADER_BYTES, SNIPPET_BYTES, type Snippet, VECTOR_BYTES, VectorState, type WindowRange } from './layout.ts';
import { generateSnippet } from './snippet.ts';
import { Pool, Random } from './values.ts';
import { fillVector } from './vectors.ts';

/** Snippets that share a pool of values. */
const POOL_SNIPPETS = 2048;
let lastPool: { readonly key: string; readonly pool: Pool } | undefined;

/** The pool that a snippet's vectors draw from. */
function poolOf(seed: number, snippet: number): Pool {
  const stretch = Math.floor(snippet / POOL_SNIPPETS);
  const key = `${seed}.${stretch}`;
  if (lastPool?.key !== key) lastPool = { key, pool: new Pool(new Random(seed, stretch, 0x9001)) };
  return lastPool.pool;
}

export interface BatchOptions {
  readonly seed: number;
  /** Snippets first .. first + count - 1. */
  readonly first: number;
  readonly count: number;
  /** Vectors of each snippet. */
  readonly vectors: number;
  readonly firstVector?: number;
  readonly rows?: readonly InstructionRow[];
}

export interface Batch {
  readonly snippets: readonly Snippet[];
  readonly vectors: number;
  readonly vectorsEach: number;
  readonly firstVector: number;
  readonly input: Uint8Array;
  readonly words: Uint32Array;
  /** Byte position of the first vector in `input`. */
  readonly vectorsAt: number;
  /** 1: an operand of the vector crosses a page. */
  readonly crossing: Uint8Array;
  /** Bytes of the window that are not compared. */
  readonly ignored: ReadonlyMap<number, readonly WindowRange[]>;
}

export function makeBatch(options: BatchOptions): Batch {
  const { seed, first, count, vectors: vectorsEach, firstVector = 0 } = options;
  const snippets: Snippet[] = [];
  for (let n = 0; n < count; n++) snippets.push(generateSnippet(seed, first + n, options.rows));
  const vectors = count * vectorsEach;
  const vectorsAt = HEADER_BYTES + count * SNIPPET_BYTES;
  const state = new VectorState(new ArrayBuffer(vectorsAt + vectors * VECTOR_BYTES));
  const { view } = state;
  const input = new Uint8Array(view.buffer);
  input.set([0x45, 0x4f, 0x43, 0x32]);
  view.setUint32(4, count, true);
  view.setUint32(8, vectors, true);
  const crossing = new Uint8Array(vectors);
  const ignored = new Map<number, readonly WindowRange[]>();
  const random = new Random(seed);
  snippets.forEach((snippet, n) => {
    const at = HEADER_BYTES + n * SNIPPET_BYTES;
    view.setUint32(at, vectorsEach, true);
    view.setUint32(at + 4, snippet.code.length, true);
    input.set(snippet.code, at + 8);
    const pool = poolOf(seed, snippet.index);
    for (let k = 0; k < vectorsEach; k++) {
      const number = n * vectorsEach + k;
      state.at = vectorsAt + number * VECTOR_BYTES;
      fillVector(state, snippet, firstVector + k, random, pool);
      if (state.crosses) crossing[number] = 1;
      if (state.ignored.length > 0) ignored.set(number, state.ignored);
    }
  });
  return { snippets, vectors, vectorsEach, firstVector, input, words: state.words, vectorsAt, crossing, ignored };
}
