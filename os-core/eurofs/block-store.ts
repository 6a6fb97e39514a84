// What EuroFS stands on: numbered blocks of 4 KiB. In the kernel a cache over the disk driver, in tools a file or memory.

import { registerClass } from '../../devices/base/object-graph.ts';
import { BLOCK_BYTES } from './layout.ts';

/**
 * Not an errno: "I/O was started, ask again". The same number as the kernel's PENDING (os-core/kernel/syscalls/handler.ts), so
 * that results pass through unchanged.
 */
export const PENDING = -0x10000;
/** Not an errno: "commit, then ask again": memory for unwritten data or free space is used up, and a commit gives some back. */
export const COMMIT_FIRST = -0x10002;

export interface BlockStore {
  readonly blockCount: number;
  readonly readOnly: boolean;
  /** The block's 4,096 bytes, valid until the next call and not to be changed; null: reading was started, ask again. Sees every earlier write. */
  read(block: number): Uint8Array | null | 'failed';
  /** Takes a copy of 4,096 bytes for the disk; false: no room now, ask again. Order between flushes is free. */
  write(block: number, bytes: Uint8Array): boolean;
  /** 'done' once all writes taken so far are durable; 'pending': ask again. */
  flush(): 'done' | 'pending' | 'failed';
}

/** Blocks in memory: for tools that build an image, and for tests. */
export class MemoryBlockStore implements BlockStore {
  readonly blockCount: number;
  readonly readOnly = false;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.blockCount = Math.floor(bytes.length / BLOCK_BYTES);
  }
  read(block: number): Uint8Array | 'failed' {
    return block >= 0 && block < this.blockCount
      ? this.bytes.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)
      : 'failed';
  }
  write(block: number, bytes: Uint8Array): boolean {
    this.bytes.set(bytes, block * BLOCK_BYTES);
    return true;
  }
  flush(): 'done' {
    return 'done';
  }
}
registerClass('eurofs.MemoryBlockStore', 1, MemoryBlockStore);
