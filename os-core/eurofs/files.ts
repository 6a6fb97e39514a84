// Inodes and the contents of files.
//
// Reading:  block = readBlock(volume, inode, index)       verified bytes, PENDING or -errno; a hole is zeros
// Writing:  block = prepareWrite(volume, inode, index, whole)   a buffer to change at once; then wroteTo(…) with the new size
// A buffer stays valid until the next call into the volume. Bytes of the last block beyond the size are always zero.

import { Errno } from '../abi/errno.ts';
import { PENDING } from './block-store.ts';
import { DirtyFile } from './dirty-files.ts';
import {
  CHUNK_BLOCKS,
  type Chunk,
  decodeChunk,
  decodeInode,
  encodeChunk,
  encodeInode,
  findInChunk,
  foundBlock,
  type Inode,
  LARGEST_FILE_BYTES,
  type Timestamp,
} from './items.ts';
import { BLOCK_BYTES, ItemType } from './layout.ts';
import type { Volume } from './volume.ts';

const ZEROS = new Uint8Array(BLOCK_BYTES);

/** The inode's record, -ENOENT, PENDING or -EIO. A fresh copy: change it, then putInode. */
export function getInode(volume: Volume, number: number): Inode | number {
  const value = volume.tree.get(number, ItemType.inode, 0);
  if (typeof value === 'number') return value;
  return decodeInode(number, value) ?? -Errno.EIO;
}

export function putInode(volume: Volume, inode: Inode): number {
  return volume.tree.put(inode.number, ItemType.inode, 0, encodeInode(inode));
}

export function stamp(volume: Volume, time: Timestamp): void {
  time.seconds = volume.nowSeconds;
  time.nanos = volume.nowNanos;
}

/** The 4,096 bytes of block `index` of a file (not to be changed), PENDING or -errno. */
export function readBlock(volume: Volume, number: number, index: number): Uint8Array | number {
  const dirty = volume.dirtyFiles.get(number)?.blocks.get(index);
  if (dirty !== undefined) return dirty;
  if (index === 0) {
    const inline = volume.tree.get(number, ItemType.inlineData, 0);
    if (typeof inline !== 'number') {
      const block = new Uint8Array(BLOCK_BYTES);
      block.set(inline);
      return block;
    }
    if (inline !== -Errno.ENOENT) return inline;
  }
  const chunk = volume.tree.get(number, ItemType.chunk, Math.floor(index / CHUNK_BLOCKS));
  if (typeof chunk === 'number') return chunk === -Errno.ENOENT ? ZEROS : chunk;
  if (!findInChunk(chunk, index % CHUNK_BLOCKS, volume.blockCount)) return ZEROS;
  return volume.readVerified(foundBlock.address, foundBlock.checksumLow, foundBlock.checksumHigh);
}

/** A buffer of block `index` to write into, or PENDING, COMMIT_FIRST, -errno. `whole`: all of it will be overwritten, so nothing need be read. */
export function prepareWrite(volume: Volume, number: number, index: number, whole: boolean): Uint8Array | number {
  if (index < 0 || index >= LARGEST_FILE_BYTES / BLOCK_BYTES) return -Errno.EFBIG;
  const present = volume.dirtyFiles.get(number)?.blocks.get(index);
  if (present !== undefined) return volume.readOnly ? -Errno.EROFS : present;
  const room = volume.reserve(4, 1);
  if (room !== 0) return room;
  // The commit must find the way to the chunk without failing.
  let status = volume.tree.touch(number, ItemType.chunk, Math.floor(index / CHUNK_BLOCKS));
  if (status === 0) status = volume.tree.touch(number, ItemType.inode, 0);
  if (status !== 0) return status;
  const block = new Uint8Array(BLOCK_BYTES);
  if (!whole) {
    const old = readBlock(volume, number, index);
    if (typeof old === 'number') return old;
    block.set(old);
  }
  let file = volume.dirtyFiles.get(number);
  if (file === undefined) {
    file = new DirtyFile();
    volume.dirtyFiles.set(number, file);
  }
  volume.dirtyChunkCount += file.set(index, block);
  volume.dirtyBlockCount++;
  return block;
}

/** After a buffer was changed: the file now reaches to `end` at least. */
export function wroteTo(volume: Volume, number: number, end: number): number {
  const inode = getInode(volume, number);
  if (typeof inode === 'number') return inode;
  inode.size = Math.max(inode.size, end);
  contentChanged(volume, inode);
  return putInode(volume, inode);
}

export function contentChanged(volume: Volume, inode: Inode): void {
  inode.dataSequence++;
  stamp(volume, inode.modified);
  stamp(volume, inode.changed);
}

/** truncate(2): 0, PENDING, COMMIT_FIRST or -errno. */
export function setSize(volume: Volume, number: number, size: number): number {
  if (size < 0 || size > LARGEST_FILE_BYTES) return size < 0 ? -Errno.EINVAL : -Errno.EFBIG;
  const inode = getInode(volume, number);
  if (typeof inode === 'number') return inode;
  const room = volume.reserve(4, 1, size < inode.size);
  if (room !== 0) return room;
  if (size < inode.size) {
    const status = cut(volume, inode, size);
    if (status !== 0) return status;
  }
  inode.size = size;
  contentChanged(volume, inode);
  return putInode(volume, inode);
}

/** Frees all blocks beyond `size` and zeroes the tail of the last one. */
function cut(volume: Volume, inode: Inode, size: number): number {
  const number = inode.number;
  const tree = volume.tree;
  const firstGone = Math.ceil(size / BLOCK_BYTES);
  const firstChunk = Math.floor(firstGone / CHUNK_BLOCKS);
  // Everything that may wait comes first.
  const chunks: number[] = [];
  for (let next = firstChunk; ; ) {
    const found = tree.seek(number, ItemType.chunk, next);
    if (found < 0) return found;
    if (found === 0 || tree.foundInode !== number || tree.foundType !== ItemType.chunk) break;
    chunks.push(tree.foundOffset);
    next = tree.foundOffset + 1;
  }
  const within = size % BLOCK_BYTES;
  if (within !== 0) {
    const last = prepareWrite(volume, number, firstGone - 1, false);
    if (typeof last === 'number') return last;
    last.fill(0, within);
  }
  const inline = firstGone === 0 ? tree.get(number, ItemType.inlineData, 0) : -Errno.ENOENT;
  if (typeof inline !== 'number') tree.remove(number, ItemType.inlineData, 0);
  else if (inline !== -Errno.ENOENT) return inline;
  for (const chunkIndex of chunks) {
    const value = tree.get(number, ItemType.chunk, chunkIndex);
    const chunk = typeof value === 'number' ? null : decodeChunk(value, volume.blockCount);
    if (chunk === null) return -Errno.EIO;
    inode.blocks = Math.max(0, inode.blocks - freeFrom(volume, chunk, firstGone - chunkIndex * CHUNK_BLOCKS));
    if (chunk.isEmpty) tree.remove(number, ItemType.chunk, chunkIndex);
    else tree.put(number, ItemType.chunk, chunkIndex, encodeChunk(chunk));
  }
  const dirty = volume.dirtyFiles.get(number);
  if (dirty !== undefined) {
    for (const index of [...dirty.blocks.keys()]) {
      if (index < firstGone) continue;
      dirty.blocks.delete(index);
      volume.dirtyBlockCount--;
    }
    if (dirty.blocks.size === 0) volume.dropDirtyFile(number);
  }
  return 0;
}

/** Frees the mapped blocks of a chunk from slot `first` on; returns how many. */
function freeFrom(volume: Volume, chunk: Chunk, first: number): number {
  let count = 0;
  for (let slot = Math.max(0, first); slot < CHUNK_BLOCKS; slot++) {
    if (chunk.addresses[slot] === 0) continue;
    volume.freeBlock(chunk.addresses[slot]);
    chunk.addresses[slot] = 0;
    count++;
  }
  return count;
}

/** Reads at most target.length bytes at `offset`: the count (0 at the end), PENDING or -errno. */
export function readBytes(volume: Volume, number: number, offset: number, target: Uint8Array): number {
  const inode = getInode(volume, number);
  if (typeof inode === 'number') return inode;
  const count = Math.min(target.length, Math.max(0, inode.size - offset));
  for (let done = 0; done < count; ) {
    const position = offset + done;
    const within = position % BLOCK_BYTES;
    const block = readBlock(volume, number, Math.floor(position / BLOCK_BYTES));
    if (typeof block === 'number') return block === PENDING || done === 0 ? block : done;
    const part = Math.min(count - done, BLOCK_BYTES - within);
    target.set(block.subarray(within, within + part), done);
    done += part;
  }
  return count;
}
