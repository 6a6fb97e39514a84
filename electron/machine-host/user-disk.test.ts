// The desktop's disk over several versions of the system image.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { VolumeTool } from '../../os-core/eurofs/index.ts';
import { SIGNATURE_ATTRIBUTE } from '../../os-core/security/program-signature.ts';
import { DiskImage } from '../backends/disk-image.ts';
import { openUserDisk } from './user-disk.ts';
import { BackendBlockStore } from './volume-store.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-user-disk-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const system = path.join(folder, 'system.img');
const own = path.join(folder, 'deep/disk.img');
const IMAGE_BYTES = 64 * 1024 * 1024;

function open<T>(disk: DiskImage, work: (volume: VolumeTool) => T): T {
  const volume = VolumeTool.mount(new BackendBlockStore(disk));
  const result = work(volume);
  volume.commit();
  disk.close();
  return result;
}

function makeSystem(text: string): void {
  fs.writeFileSync(system, '');
  fs.truncateSync(system, IMAGE_BYTES);
  const disk = new DiskImage(system, { readOnly: false });
  const volume = VolumeTool.format(new BackendBlockStore(disk), {
    uuid: new Uint8Array(16).fill(1),
    label: 'test',
    nowSeconds: 1_767_225_600,
  });
  for (const name of ['/bin', '/etc', '/home']) volume.makeFolder(name);
  volume.writeFile('/bin/tool', new TextEncoder().encode(text), 0o755);
  volume.writeFile('/etc/group', new TextEncoder().encode(`of ${text}`), 0o644);
  volume.setAttribute('/bin/tool', SIGNATURE_ATTRIBUTE, new TextEncoder().encode(`signature of ${text}`));
  volume.commit();
  disk.close();
}

const read = (volume: VolumeTool, name: string): string => new TextDecoder().decode(volume.readFile(name));

it('E22: a new disk is a copy with holes; a newer system renews its own files and keeps the user’s', () => {
  makeSystem('version 1');
  open(openUserDisk(own, system), (volume) => {
    expect(read(volume, '/bin/tool')).toBe('version 1');
    volume.writeFile('/home/letter', new TextEncoder().encode('dear'));
    volume.writeFile('/bin/tool', new TextEncoder().encode('changed by the user'));
  });
  const { size, blocks } = fs.statSync(own);
  expect(size).toBe(IMAGE_BYTES);
  expect(blocks * 512).toBeLessThan(IMAGE_BYTES / 4);
  // The same system again: nothing is touched.
  open(openUserDisk(own, system), (volume) => expect(read(volume, '/bin/tool')).toBe('changed by the user'));
  makeSystem('version 2');
  fs.utimesSync(system, 2_000_000_000, 2_000_000_000);
  open(openUserDisk(own, system), (volume) => {
    expect(read(volume, '/bin/tool')).toBe('version 2');
    expect(new TextDecoder().decode(volume.getAttribute('/bin/tool', SIGNATURE_ATTRIBUTE) ?? undefined)).toBe(
      'signature of version 2',
    );
    expect(read(volume, '/etc/group')).toBe('of version 2');
    expect(volume.getAttribute('/etc/group', SIGNATURE_ATTRIBUTE)).toBe(null);
    expect(read(volume, '/home/letter')).toBe('dear');
  });
});
