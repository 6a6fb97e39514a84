import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from './random.ts';
import { xxh3, xxh3Into } from './xxh3.ts';

function pattern(length: number): Uint8Array {
  const data = new Uint8Array(length);
  new SeededRandom(length + 1).fill(data);
  return data;
}

describe('XXH3-64', () => {
  it('E18: hashes the empty input to the published value', () => {
    expect(xxh3(new Uint8Array(0))).toBe(0x2d06800538d394c2n);
  });

  it('E18: agrees with xxhsum -H3 on every length class', (context) => {
    if (spawnSync('xxhsum', ['--version']).error !== undefined) {
      console.log('skipped: xxhsum (Debian package xxhash) is not installed');
      context.skip();
    }
    const lengths = [
      240, 241, 255, 256, 257, 320, 511, 512, 1023, 1024, 1025, 1087, 1088, 1089, 2048, 4095, 4096, 4097,
    ];
    for (let length = 0; length < 240; length++) lengths.push(length);
    lengths.push(65535, 65536, 65537, 66560, 66561, 66600, 131072, 131073, 200000);
    for (const length of lengths) {
      const data = pattern(length);
      const run = spawnSync('xxhsum', ['-H3', '-q'], { input: data });
      const expected = /[0-9a-f]{16}/.exec(run.stdout.toString())?.[0];
      expect(`${length}: ${xxh3(data).toString(16).padStart(16, '0')}`).toBe(`${length}: ${expected}`);
    }
  });

  it('E18: gives the same value in halves, and for views into larger buffers', () => {
    for (const length of [5, 100, 4096]) {
      const large = pattern(length + 32);
      const halves = new Uint32Array(4);
      xxh3Into(large.subarray(7, 7 + length), halves, 1);
      expect((BigInt(halves[2]) << 32n) | BigInt(halves[1])).toBe(xxh3(large.slice(7, 7 + length)));
    }
  });
});
