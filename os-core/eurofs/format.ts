// Makes an empty volume: both superblocks and a tree that holds the root folder.

import { xxh3Into } from '../../devices/base/xxh3.ts';
import { Errno } from '../abi/errno.ts';
import type { BlockStore } from './block-store.ts';
import { encodeInode, FileType, Inode } from './items.ts';
import {
  BLOCK_BYTES,
  encodeNode,
  encodeSuperblock,
  FIRST_FREE_BLOCK,
  ItemType,
  LARGEST_BLOCK_COUNT,
  ROOT_INODE,
  SMALLEST_BLOCK_COUNT,
  SUPERBLOCK_A,
  Superblock,
  TreeNode,
} from './layout.ts';

export interface FormatOptions {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** At most 32 bytes of UTF-8. */
  readonly label?: string;
  readonly nowSeconds: number;
  /** Default: the whole store. */
  readonly blockCount?: number;
}

/** Formats a store whose calls never wait (a tool's). 0, -EINVAL (size, uuid) or -EIO. */
export function formatVolume(store: BlockStore, options: FormatOptions): number {
  const blockCount = options.blockCount ?? store.blockCount;
  const sizeValid = blockCount >= SMALLEST_BLOCK_COUNT && blockCount <= Math.min(store.blockCount, LARGEST_BLOCK_COUNT);
  const label = new TextEncoder().encode(options.label ?? '');
  if (!sizeValid || options.uuid.length !== 16 || label.length > 32) return -Errno.EINVAL;
  const inode = new Inode();
  inode.number = ROOT_INODE;
  inode.mode = FileType.directory | 0o755;
  inode.links = 2;
  inode.birth = 1;
  for (const time of [inode.accessed, inode.modified, inode.changed, inode.created]) time.seconds = options.nowSeconds;
  const root = new TreeNode(0);
  root.inodes.push(ROOT_INODE);
  root.types.push(ItemType.inode);
  root.offsets.push(0);
  root.values.push(encodeInode(inode));
  const block = encodeNode(root, 1, options.uuid);
  const words = new Uint32Array(2);
  xxh3Into(block, words);

  const superblock = new Superblock();
  superblock.blockCount = blockCount;
  superblock.generation = 1;
  superblock.uuid = options.uuid.slice();
  superblock.nextInode = ROOT_INODE + 1;
  superblock.root.addressA = FIRST_FREE_BLOCK;
  superblock.root.addressB = Math.floor(blockCount / 2);
  superblock.root.birth = 1;
  superblock.root.checksumLow = words[0];
  superblock.root.checksumHigh = words[1];
  superblock.commitSeconds = options.nowSeconds;
  superblock.label.set(label);
  // Old superblocks must not survive a new format: generation 1 goes to both slots.
  const encoded = encodeSuperblock(superblock);
  const done =
    store.write(0, new Uint8Array(BLOCK_BYTES)) &&
    store.write(superblock.root.addressA, block) &&
    store.write(superblock.root.addressB, block) &&
    store.flush() === 'done' &&
    store.write(SUPERBLOCK_A, encoded) &&
    store.write(SUPERBLOCK_A + 1, encoded) &&
    store.flush() === 'done';
  return done ? 0 : -Errno.EIO;
}
