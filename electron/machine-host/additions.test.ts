// What --add puts into a volume.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { VolumeTool } from '../../os-core/eurofs/index.ts';
import { DiskImage } from '../backends/disk-image.ts';
import { addToVolume } from './additions.ts';
import { BackendBlockStore } from './volume-store.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-additions-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const IMAGE_BYTES = 64 * 1024 * 1024;
const COPIED_AT_MILLIS = 1_800_000_000_500;

it('D7: --add keeps names, contents and mode bits, and dates files, folders and links as copied at power-on', () => {
  const source = path.join(folder, 'source');
  fs.mkdirSync(path.join(source, 'inner'), { recursive: true });
  fs.writeFileSync(path.join(source, 'inner/text'), 'contents', { mode: 0o640 });
  fs.symlinkSync('inner/text', path.join(source, 'link'));
  const file = path.join(folder, 'disk.img');
  fs.writeFileSync(file, '');
  fs.truncateSync(file, IMAGE_BYTES);
  const disk = new DiskImage(file, { readOnly: false });
  VolumeTool.format(new BackendBlockStore(disk), { uuid: new Uint8Array(16), label: 'test', nowSeconds: 0 }).commit();

  addToVolume(disk, [{ host: source, guest: '/there' }], new Uint8Array(32), COPIED_AT_MILLIS);

  const volume = VolumeTool.mount(new BackendBlockStore(disk));
  expect(new TextDecoder().decode(volume.readFile('/there/inner/text'))).toBe('contents');
  expect(volume.stat('/there/inner/text').mode & 0o777).toBe(0o640);
  expect(volume.readSymbolicLink('/there/link')).toBe('inner/text');
  for (const name of ['/there', '/there/inner', '/there/inner/text', '/there/link'])
    expect(volume.stat(name).modified.seconds, name).toBe(1_800_000_000);
  disk.close();
});
