// Random numbers for programs, ASLR and protocols: ChaCha20 (RFC 8439, 2.3) keyed from the entropy device, re-keyed after every
// request so that earlier output cannot be computed from a later state. Deterministic when the device is.

import { registerClass } from '../../devices/base/object-graph.ts';

function quarterRound(s: Uint32Array, a: number, b: number, c: number, d: number): void {
  s[a] += s[b];
  s[d] ^= s[a];
  s[d] = (s[d] << 16) | (s[d] >>> 16);
  s[c] += s[d];
  s[b] ^= s[c];
  s[b] = (s[b] << 12) | (s[b] >>> 20);
  s[a] += s[b];
  s[d] ^= s[a];
  s[d] = (s[d] << 8) | (s[d] >>> 24);
  s[c] += s[d];
  s[b] ^= s[c];
  s[b] = (s[b] << 7) | (s[b] >>> 25);
}

/** One ChaCha20 block of `state` into `out` (16 words). RFC 8439, 2.3. */
export function chachaBlock(state: Uint32Array, out: Uint32Array): void {
  out.set(state);
  for (let round = 0; round < 10; round++) {
    quarterRound(out, 0, 4, 8, 12);
    quarterRound(out, 1, 5, 9, 13);
    quarterRound(out, 2, 6, 10, 14);
    quarterRound(out, 3, 7, 11, 15);
    quarterRound(out, 0, 5, 10, 15);
    quarterRound(out, 1, 6, 11, 12);
    quarterRound(out, 2, 7, 8, 13);
    quarterRound(out, 3, 4, 9, 14);
  }
  for (let i = 0; i < 16; i++) out[i] += state[i];
}

export class RandomPool {
  private readonly state: Uint32Array = new Uint32Array([
    0x61707865,
    0x3320646e,
    0x79622d32,
    0x6b206574,
    ...Array(12).fill(0),
  ]);
  private readonly block: Uint32Array = new Uint32Array(16);
  /** Bytes of device entropy mixed in so far. */
  entropyBytes = 0;

  private next(): void {
    chachaBlock(this.state, this.block);
    if (++this.state[12] === 0) this.state[13]++;
  }

  /** Mixes bytes of the entropy device into the key. */
  addEntropy(bytes: Uint8Array): void {
    this.entropyBytes += bytes.length;
    for (let offset = 0; offset < bytes.length; offset += 32) {
      for (let i = offset; i < Math.min(offset + 32, bytes.length); i++)
        this.state[4 + (((i - offset) >> 2) & 7)] ^= bytes[i] << ((i & 3) * 8);
      this.next();
      for (let i = 0; i < 8; i++) this.state[4 + i] = this.block[i];
    }
  }

  fill(target: Uint8Array): void {
    for (let offset = 0; offset < target.length; offset += 64) {
      this.next();
      for (let i = offset; i < Math.min(offset + 64, target.length); i++)
        target[i] = this.block[(i - offset) >> 2] >>> ((i & 3) * 8);
    }
    this.next();
    for (let i = 0; i < 8; i++) this.state[4 + i] = this.block[i];
  }

  /** 32 random bits, unsigned. */
  next32(): number {
    const bytes = new Uint8Array(4);
    this.fill(bytes);
    return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
  }
}
registerClass('RandomPool', 1, RandomPool);
