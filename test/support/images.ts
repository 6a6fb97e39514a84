// Disk images for tests: copies of the system image that are changed behind the guest's back.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { DiskImage } from '../../electron/backends/disk-image.ts';
import { BackendBlockStore } from '../../electron/machine-host/volume-store.ts';
import { VolumeTool } from '../../os-core/eurofs/index.ts';
import { dist } from './euroos.ts';

/** A copy of the system image; holes stay holes. */
export function copySystemImage(file: string): string {
  execFileSync('cp', ['--sparse=always', path.join(dist, 'system.img'), file]);
  return file;
}

/** Opens the volume in `file`, lets `work` change it and makes that durable. */
export function editImage<T>(file: string, work: (volume: VolumeTool) => T): T {
  const disk = new DiskImage(file, { readOnly: false });
  try {
    const volume = VolumeTool.mount(new BackendBlockStore(disk));
    const result = work(volume);
    volume.commit();
    return result;
  } finally {
    disk.close();
  }
}
