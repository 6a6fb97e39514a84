import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import { DiskImage, ThrowAwayDisk } from './disk-image.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'disk-image-'));
afterEach(() => fs.rmSync(path.join(folder, 'disk'), { force: true }));

function makeImage(bytes: number): string {
  const file = path.join(folder, 'disk');
  const contents = new Uint8Array(bytes);
  new SeededRandom(1).fill(contents);
  fs.writeFileSync(file, contents);
  return file;
}

describe('disk images', () => {
  it('E22: writes reach the file, reads beyond the end fail', () => {
    const file = makeImage(8192);
    const disk = new DiskImage(file, { readOnly: false });
    expect(disk.write(512, new Uint8Array(512).fill(7))).toBe(true);
    expect(disk.flush()).toBe(true);
    expect(
      fs
        .readFileSync(file)
        .subarray(512, 1024)
        .every((byte) => byte === 7),
    ).toBe(true);
    expect(disk.read(8192 - 512, new Uint8Array(1024))).toBe(false);
    disk.close();
  });

  it('refuses a file that is no disk', () => {
    const file = makeImage(1000);
    expect(() => new DiskImage(file, { readOnly: true })).toThrow('is no disk image');
  });

  it('D7: the throw-away layer reads like a written disk and leaves the file alone (10,000 random operations)', () => {
    const file = makeImage(65536 + 512);
    const before = fs.readFileSync(file);
    const model = new Uint8Array(before);
    const disk = new ThrowAwayDisk(new DiskImage(file, { readOnly: true }));
    const random = new SeededRandom(7);
    for (let i = 0; i < 10_000; i++) {
      const sectors = 1 + random.below(20);
      const offset = random.below(model.length / 512 - sectors) * 512;
      const buffer = new Uint8Array(sectors * 512);
      if (random.below(2) === 0) {
        buffer.fill(i);
        expect(disk.write(offset, buffer)).toBe(true);
        model.set(buffer, offset);
      } else {
        expect(disk.read(offset, buffer)).toBe(true);
        expect(Buffer.compare(buffer, model.subarray(offset, offset + buffer.length))).toBe(0);
      }
    }
    expect(fs.readFileSync(file)).toEqual(before);
  });
});
