// EuroFS over a disk backend for tools: every call is done when it returns.

import type { BlockBackend } from '../../devices/backends/backends.ts';
import { BLOCK_BYTES, type BlockStore } from '../../os-core/eurofs/index.ts';

export class BackendBlockStore implements BlockStore {
  readonly blockCount: number;
  readonly readOnly: boolean;
  private readonly disk: BlockBackend;
  private readonly buffer = new Uint8Array(BLOCK_BYTES);

  constructor(disk: BlockBackend) {
    this.disk = disk;
    this.blockCount = Math.floor(disk.sizeBytes / BLOCK_BYTES);
    this.readOnly = disk.readOnly;
  }
  read(block: number): Uint8Array | 'failed' {
    return this.disk.read(block * BLOCK_BYTES, this.buffer) ? this.buffer : 'failed';
  }
  write(block: number, bytes: Uint8Array): boolean {
    // A tool has no one to wait for: a failed write ends it.
    if (!this.disk.write(block * BLOCK_BYTES, bytes)) throw new Error('the disk image cannot be written');
    return true;
  }
  flush(): 'done' | 'failed' {
    return this.disk.flush() ? 'done' : 'failed';
  }
}
