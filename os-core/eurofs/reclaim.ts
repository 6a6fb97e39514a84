// Frees everything that belongs to an inode without a name.

import { Errno } from '../abi/errno.ts';
import { PENDING } from './block-store.ts';
import { decodeChunk } from './items.ts';
import { ItemType } from './layout.ts';
import type { Volume } from './volume.ts';

/** 0 when the inode is gone; PENDING. Damage is reported and leaves the rest of the inode unreachable but accounted for. */
export function reclaimOrphan(volume: Volume, inode: number): number {
  const tree = volume.tree;
  // Load all its leaves first, so that removing cannot wait half-way.
  const keys: [type: number, offset: number][] = [];
  let type = 0;
  let offset = 0;
  for (;;) {
    const found = tree.seek(inode, type, offset);
    if (found === PENDING) return PENDING;
    if (found !== 1 || tree.foundInode !== inode) break;
    type = tree.foundType;
    offset = tree.foundOffset;
    keys.push([type, offset]);
    offset++;
  }
  volume.dropDirtyFile(inode);
  for (const [keyType, keyOffset] of keys) {
    if (keyType === ItemType.chunk) {
      const value = tree.get(inode, keyType, keyOffset);
      const chunk = typeof value === 'number' ? null : decodeChunk(value, volume.blockCount);
      for (const address of chunk?.addresses ?? []) if (address !== 0) volume.freeBlock(address);
    }
    const status = tree.remove(inode, keyType, keyOffset);
    if (status !== 0 && status !== -Errno.ENOENT) break;
  }
  volume.orphans.delete(inode);
  return 0;
}
