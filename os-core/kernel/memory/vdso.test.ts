// The vDSO as a C library and Go's runtime read it: by program headers, dynamic section, hash chain and symbol versions.

import { describe, expect, it } from 'vitest';
import { vdsoImage } from './vdso.ts';

const Tag = {
  hash: 4,
  strings: 5,
  symbols: 6,
  versionOfSymbol: 0x6ffffff0,
  versions: 0x6ffffffc,
  versionCount: 0x6ffffffd,
};
const VERSION_IS_BASE = 1;

const bytes = vdsoImage();
const view = new DataView(bytes.buffer);
const word = (at: number): number => Number(view.getBigUint64(at, true));
const half = (at: number): number => view.getUint16(at, true);
const int = (at: number): number => view.getUint32(at, true);

function text(at: number): string {
  const end = bytes.indexOf(0, at);
  return String.fromCharCode(...bytes.subarray(at, end));
}

function dynamicSection(): Map<number, number> {
  const headers = Array.from({ length: half(56) }, (_, n) => word(32) + n * half(54));
  const dynamic = headers.find((at) => int(at) === 2) ?? -1;
  const entries = new Map<number, number>();
  for (let at = word(dynamic + 8); at < word(dynamic + 8) + word(dynamic + 32); at += 16)
    entries.set(word(at), word(at + 8));
  return entries;
}

describe('E28: the vDSO', () => {
  const dynamic = dynamicSection();
  const at = (tag: number): number => dynamic.get(tag) ?? Number.NaN;

  it('E28: defines the version LINUX_2.6 beside its own name', () => {
    const found: [string, number, number, number][] = [];
    let definition = at(Tag.versions);
    for (;;) {
      const name = text(at(Tag.strings) + int(definition + int(definition + 12)));
      found.push([name, half(definition + 2), half(definition + 4), int(definition + 8)]);
      if (int(definition + 16) === 0) break;
      definition += int(definition + 16);
    }
    // Hashes as Linux' own vDSO and glibc's _DL_HASH_VALUE have them.
    expect(found).toEqual([
      ['linux-vdso.so.1', VERSION_IS_BASE, 1, 0x0deebfa1],
      ['LINUX_2.6', 0, 2, 0x03ae75f6],
    ]);
    expect(at(Tag.versionCount)).toBe(2);
  });

  it('E28: every function is found in the hash chain, with that version', () => {
    const hash = at(Tag.hash);
    const [buckets, symbolCount] = [int(hash), int(hash + 4)];
    const names: string[] = [];
    for (let n = int(hash + 8); n !== 0 && names.length < symbolCount; n = int(hash + 8 + buckets * 4 + n * 4)) {
      names.push(text(at(Tag.strings) + int(at(Tag.symbols) + n * 24)));
      expect(half(at(Tag.versionOfSymbol) + n * 2)).toBe(2);
    }
    expect(names.sort()).toEqual(['__vdso_clock_gettime', '__vdso_getcpu', '__vdso_gettimeofday', '__vdso_time']);
  });

  it('E28: its parts do not overlap', () => {
    const symbolCount = int(at(Tag.hash) + 4);
    const parts = [
      [word(32), half(54) * half(56)],
      [at(Tag.symbols), symbolCount * 24],
      [at(Tag.hash), 4 * (3 + symbolCount)],
      [at(Tag.strings), at(10)],
      [at(Tag.versionOfSymbol), 2 * symbolCount],
      [at(Tag.versions), 2 * 28],
      [0x400, 0x400],
    ].sort(([a], [b]) => a - b);
    for (let n = 1; n < parts.length; n++) expect(parts[n - 1][0] + parts[n - 1][1]).toBeLessThanOrEqual(parts[n][0]);
  });
});
