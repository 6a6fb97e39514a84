// A small seeded generator (xoshiro128**, Blackman and Vigna 2018) for everything that must be random yet repeatable:
// virtual entropy in deterministic runs, tests, impairments. Not for cryptography.

import { registerClass } from './object-graph.ts';

/** State is four 32-bit words in `state`, so that it can be written into a snapshot. */
export class SeededRandom {
  readonly state: Uint32Array;

  constructor(seed: number) {
    this.state = new Uint32Array(4);
    let x = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      // splitmix32 spreads a small seed over the whole state.
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.state[i] = (z ^ (z >>> 15)) >>> 0;
    }
  }

  /** Next 32 random bits, unsigned. */
  next32(): number {
    const s = this.state;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform integer in [0, limit), limit <= 2^32. */
  below(limit: number): number {
    return Math.floor((this.next32() / 0x1_0000_0000) * limit);
  }

  /** Fills `target` with random bytes. */
  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.next32() >>> 24;
  }
}
registerClass('SeededRandom', 1, SeededRandom);
