// Fills the vectors of a snippet: registers, flags, x87 and SSE state and the window, then what its instructions ask for. A vector is
// a function of seed, snippet number, vector number and the pool.

import { FLAG_MASK, FxOffset, type Snippet, VectorOffset, type VectorState, WINDOW_ADDRESS } from './layout.ts';
import { fxControl, Pool, type Random } from './values.ts';

const WINDOW_LANES = 32;
const XMM_LANES = 16;

function copyLane(state: VectorState, toByte: number, source: Uint32Array, lane: number): void {
  const to = toByte >> 2;
  const from = lane * 4;
  const { words } = state;
  words[to] = source[from];
  words[to + 1] = source[from + 1];
  words[to + 2] = source[from + 2];
  words[to + 3] = source[from + 3];
}

/** Fills the vector at state.at. */
export function fillVector(state: VectorState, snippet: Snippet, vector: number, random: Random, pool: Pool): void {
  const { words, at } = state;
  random.restart(snippet.seed, snippet.index, vector + 1);
  state.crosses = false;
  state.ignored = [];
  for (let n = 0; n < 16; n++) {
    const from = random.below(Pool.size) * 2;
    words[(at >> 2) + n * 2] = pool.integers[from];
    words[(at >> 2) + n * 2 + 1] = pool.integers[from + 1];
  }
  // Without this, half of all stack accesses would fault.
  state.setGeneralNumber(4, WINDOW_ADDRESS + 256);
  words[(at + VectorOffset.flags) >> 2] = random.next() & FLAG_MASK & (random.chance(80) ? ~0x400 : ~0);

  const fx = state.fxAt;
  words.fill(0, fx >> 2, (fx + FxOffset.stack) >> 2);
  fxControl(random, state.view, fx);
  for (let n = 0; n < 8; n++) copyLane(state, fx + FxOffset.stack + n * 16, pool.extended, random.below(Pool.size));
  if (random.chance(30)) relateStack(state, random);
  for (let n = 0; n < XMM_LANES; n++)
    copyLane(state, fx + FxOffset.xmm + n * 16, pool.vectors, random.below(Pool.size));
  for (let n = 0; n < WINDOW_LANES; n++) {
    const source = random.below(8) === 0 ? pool.extended : pool.vectors;
    copyLane(state, state.windowAt(n * 16), source, random.below(Pool.size));
  }
  if (random.chance(20)) relateVectors(state, random);
  for (const setup of snippet.setups) setup(state, random, pool);
}

/** Gives x87 registers exponents near each other, so that cancellation and ties are likely. */
function relateStack(state: VectorState, random: Random): void {
  const at = state.fxAt + FxOffset.stack;
  const exponent = state.view.getUint16(at + 8, true) & 0x7fff;
  if (exponent === 0 || exponent > 0x7ff0) return;
  for (let n = 1; n < 8; n++)
    if (random.chance(60)) {
      const sign = random.below(2) << 15;
      state.view.setUint16(at + n * 16 + 8, sign | Math.max(1, exponent + random.below(5) - 2), true);
      state.view.setUint8(at + n * 16 + 7, state.view.getUint8(at + n * 16 + 7) | 0x80);
    }
}

/** Makes some XMM registers and window lanes equal, so that comparisons find something. */
function relateVectors(state: VectorState, random: Random): void {
  const xmm = state.fxAt + FxOffset.xmm;
  for (let n = 0; n < 8; n++) {
    const from = (xmm + random.below(XMM_LANES) * 16) >> 2;
    const lane = random.below(XMM_LANES + WINDOW_LANES);
    const to = (lane < XMM_LANES ? xmm + lane * 16 : state.windowAt((lane - XMM_LANES) * 16)) >> 2;
    state.words.copyWithin(to, from, from + 4);
  }
}
