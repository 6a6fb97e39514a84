// File blocks that were written but not yet committed, and how a commit places them.

import { registerClass } from '../../devices/base/object-graph.ts';
import { xxh3Into } from '../../devices/base/xxh3.ts';
import { Errno } from '../abi/errno.ts';
import {
  CHUNK_BLOCKS,
  Chunk,
  decodeChunk,
  decodeInode,
  encodeChunk,
  encodeInode,
  LARGEST_INLINE_BYTES,
} from './items.ts';
import { ItemType } from './layout.ts';
import type { Volume } from './volume.ts';

export class DirtyFile {
  /** File block number → its 4,096 bytes. */
  readonly blocks = new Map<number, Uint8Array>();
  /** Chunks touched since the last commit, at least; for the space estimate. */
  chunkEstimate = 0;
  private lastChunk = -1;

  /** Enters a block; 1 if it lies in another chunk than the one before, else 0. */
  set(index: number, block: Uint8Array): number {
    this.blocks.set(index, block);
    const chunk = Math.floor(index / CHUNK_BLOCKS);
    if (chunk === this.lastChunk) return 0;
    this.lastChunk = chunk;
    this.chunkEstimate++;
    return 1;
  }
}
registerClass('eurofs.DirtyFile', 1, DirtyFile);

const ascending = (a: number, b: number): number => a - b;

/** The touched chunks of a file with their dirty blocks, both in order. */
function dirtyChunks(file: DirtyFile): Map<number, number[]> {
  const chunks = new Map<number, number[]>();
  for (const index of [...file.blocks.keys()].sort(ascending)) {
    const chunk = Math.floor(index / CHUNK_BLOCKS);
    const indexes = chunks.get(chunk);
    if (indexes === undefined) chunks.set(chunk, [index]);
    else indexes.push(index);
  }
  return chunks;
}

/** Gives every unwritten block a place, queues its write and updates the tree: 0, PENDING (nothing changed) or -EIO. */
export function captureFiles(volume: Volume): number {
  const inodes = [...volume.dirtyFiles.keys()].sort(ascending);
  // First all loads, then all changes: a restart after PENDING finds nothing half done.
  for (const inode of inodes) {
    const file = volume.dirtyFiles.get(inode) as DirtyFile;
    let status = volume.tree.touch(inode, ItemType.inode, 0);
    if (status === 0) status = volume.tree.touch(inode, ItemType.inlineData, 0);
    for (const chunk of dirtyChunks(file).keys())
      if (status === 0) status = volume.tree.touch(inode, ItemType.chunk, chunk);
    if (status !== 0) return status;
  }
  for (const inode of inodes) {
    const status = captureFile(volume, inode, volume.dirtyFiles.get(inode) as DirtyFile);
    if (status !== 0) return status;
  }
  volume.dirtyFiles.clear();
  volume.dirtyBlockCount = 0;
  volume.dirtyChunkCount = 0;
  return 0;
}

function captureFile(volume: Volume, number: number, file: DirtyFile): number {
  const tree = volume.tree;
  const record = tree.get(number, ItemType.inode, 0);
  if (typeof record === 'number') return record;
  const inode = decodeInode(number, record);
  if (inode === null) return -Errno.EIO;
  for (const [chunkIndex, indexes] of dirtyChunks(file)) {
    const old = tree.get(number, ItemType.chunk, chunkIndex);
    if (typeof old === 'number' && old !== -Errno.ENOENT) return old;
    const chunk = typeof old === 'number' ? new Chunk() : decodeChunk(old, volume.blockCount);
    if (chunk === null) return -Errno.EIO;
    let remaining = indexes;
    if (chunkIndex === 0 && indexes[0] === 0) {
      const status = captureFirstBlock(volume, number, inode.size, file.blocks.get(0) as Uint8Array);
      if (status < 0) return status;
      if (status === 1) {
        unmap(volume, chunk, 0);
        remaining = indexes.slice(1);
      }
    }
    if (remaining.length > 1) volume.allocator.seekRun(remaining.length);
    for (const index of remaining) {
      const slot = index % CHUNK_BLOCKS;
      const block = file.blocks.get(index) as Uint8Array;
      unmap(volume, chunk, slot);
      chunk.addresses[slot] = volume.allocator.take(0);
      xxh3Into(block, chunk.checksums, 2 * slot);
      volume.queueWrite(chunk.addresses[slot], block);
    }
    const before = typeof old === 'number' ? 0 : mappedBlocks(decodeChunk(old, volume.blockCount));
    inode.blocks += mappedBlocks(chunk) - before;
    if (!chunk.isEmpty) tree.put(number, ItemType.chunk, chunkIndex, encodeChunk(chunk));
    else if (typeof old !== 'number') tree.remove(number, ItemType.chunk, chunkIndex);
  }
  return tree.put(number, ItemType.inode, 0, encodeInode(inode));
}

export function mappedBlocks(chunk: Chunk | null): number {
  let count = 0;
  for (let i = 0; chunk !== null && i < CHUNK_BLOCKS; i++) if (chunk.addresses[i] !== 0) count++;
  return count;
}

function unmap(volume: Volume, chunk: Chunk, slot: number): void {
  if (chunk.addresses[slot] !== 0) volume.freeBlock(chunk.addresses[slot]);
  chunk.addresses[slot] = 0;
}

/** Block 0 of a small file lies in the tree: 1 if it was put there, 0 if it needs a block of its own. */
function captureFirstBlock(volume: Volume, number: number, size: number, block: Uint8Array): number {
  if (size <= LARGEST_INLINE_BYTES) {
    const status = volume.tree.put(number, ItemType.inlineData, 0, block.slice(0, size));
    return status === 0 ? 1 : status;
  }
  const status = volume.tree.remove(number, ItemType.inlineData, 0);
  return status === 0 || status === -Errno.ENOENT ? 0 : status;
}
