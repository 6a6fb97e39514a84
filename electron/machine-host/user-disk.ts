// The desktop's disk: made from the system image on first use; when a newer system image comes, the system's own files in it are
// renewed and the user's files stay.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { VolumeTool } from '../../os-core/eurofs/index.ts';
import { SIGNATURE_ATTRIBUTE } from '../../os-core/security/program-signature.ts';
import { DiskImage } from '../backends/disk-image.ts';
import { BackendBlockStore } from './volume-store.ts';

/** Folders whose files belong to the system. */
const SYSTEM_FOLDERS = ['/bin', '/etc'];

/** Opens the disk, making or renewing it if need be. Throws Error with one line. */
export function openUserDisk(file: string, systemImage: string): DiskImage {
  const stampFile = `${file}.system`;
  const stamp = createHash('sha256').update(fs.readFileSync(systemImage)).digest('hex');
  if (!fs.existsSync(file)) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.copyFileSync(systemImage, `${file}.new`);
    fs.renameSync(`${file}.new`, file);
    fs.writeFileSync(stampFile, stamp);
  }
  const disk = new DiskImage(file, { readOnly: false });
  if (!fs.existsSync(stampFile) || fs.readFileSync(stampFile, 'utf8') !== stamp) {
    renewSystem(disk, systemImage);
    fs.writeFileSync(stampFile, stamp);
  }
  return disk;
}

function renewSystem(disk: DiskImage, systemImage: string): void {
  const source = new DiskImage(systemImage, { readOnly: true });
  const from = VolumeTool.mount(new BackendBlockStore(source));
  const to = VolumeTool.mount(new BackendBlockStore(disk));
  for (const folder of SYSTEM_FOLDERS)
    for (const name of from.list(folder)) {
      const target = path.posix.join(folder, name);
      const { mode } = from.stat(target);
      to.writeFile(target, from.readFile(target), mode & 0o777);
      to.setMode(target, mode & 0o777, { user: 0, group: 0 });
      to.setAttribute(target, SIGNATURE_ATTRIBUTE, from.getAttribute(target, SIGNATURE_ATTRIBUTE));
    }
  to.commit();
  source.close();
}
