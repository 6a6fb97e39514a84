// The desktop's disk: made from the system image on first use; when a newer system image comes, the system's own files in it are
// renewed and the user's files stay.

import fs from 'node:fs';
import path from 'node:path';
import { VolumeTool } from '../../os-core/eurofs/index.ts';
import { SIGNATURE_ATTRIBUTE } from '../../os-core/security/program-signature.ts';
import { DiskImage } from '../backends/disk-image.ts';
import { BackendBlockStore } from './volume-store.ts';

/** Folders whose files belong to the system. */
const SYSTEM_FOLDERS = ['/bin', '/etc'];

const COPY_BYTES = 1024 * 1024;

/** Tells one system image from another without reading all of it. */
function stampOf(systemImage: string): string {
  const { size, mtimeMs } = fs.statSync(systemImage);
  return `${size} bytes of ${new Date(mtimeMs).toISOString()}\n`;
}

/** Copies a file; what is zero becomes a hole, so that a fresh disk takes only the room that it needs. */
function copySparse(from: string, to: string): void {
  const source = fs.openSync(from, 'r');
  const target = fs.openSync(to, 'w');
  try {
    const buffer = Buffer.alloc(COPY_BYTES);
    const zeros = Buffer.alloc(COPY_BYTES);
    let at = 0;
    for (;;) {
      const count = fs.readSync(source, buffer, 0, COPY_BYTES, at);
      if (count === 0) break;
      for (let done = buffer.compare(zeros, 0, count, 0, count) === 0 ? count : 0; done < count; )
        done += fs.writeSync(target, buffer, done, count - done, at + done);
      at += count;
    }
    fs.ftruncateSync(target, at);
    fs.fsyncSync(target);
  } finally {
    fs.closeSync(source);
    fs.closeSync(target);
  }
}

/** Opens the disk, making or renewing it if need be. Throws Error with one line. */
export function openUserDisk(file: string, systemImage: string): DiskImage {
  const stampFile = `${file}.system`;
  const stamp = stampOf(systemImage);
  if (!fs.existsSync(file)) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    copySparse(systemImage, `${file}.new`);
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
      const signature = from.getAttribute(target, SIGNATURE_ATTRIBUTE);
      // Only what is there can be taken away.
      if (signature !== null || to.getAttribute(target, SIGNATURE_ATTRIBUTE) !== null)
        to.setAttribute(target, SIGNATURE_ATTRIBUTE, signature);
    }
  to.commit();
  source.close();
}
