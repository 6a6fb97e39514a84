// EuroFS on the disk: 4 KiB blocks, little endian.
//
//   block 0        1              2              3 .. blockCount-1
//   | reserved     | superblock A | superblock B | tree nodes and file data, anywhere |
//
//   superblock  0 magic "EUROFS01" | 8 compat u32 | 12 ro-compat u32 | 16 incompat u32 | 20 block bytes u32 | 24 block count u64
//               32 generation u64 | 40 uuid (16) | 56 next inode u64 | 64 root pointer (32) | 96 root level u32 | 100 zero u32
//               104 commit time, seconds u64 | 112 label (32, NUL-padded UTF-8) | 144 zero … | 4088 xxh3 of bytes [0, 4088)
//   pointer     0 address A u64 | 8 address B u64 (second copy) | 16 birth generation u64 | 24 xxh3 of the block u64
//   key (16)    0 inode u48 | 6 type u16 | 8 offset u64        ordered by (inode, type, offset)
//   node        0 magic "ENOD" | 4 level u8 (0 = leaf) | 5 zero | 6 count u16 | 8 birth generation u64 | 16 uuid[0..8) | 24 zero u64
//       leaf    32 + 20 i: key, value position u16, value length u16; values fill the block from its end downwards
//       inner   32 + 48 i: lower bound of the child's keys, pointer
//
// One copy-on-write B+tree holds everything but file data. The parent holds the checksum of each block, so a lost or misdirected
// write shows; nodes are stored twice. The superblock of generation g lies in slot g & 1: A = block 1 (even), B = block 2 (odd).

import { registerClass } from '../../devices/base/object-graph.ts';
import { xxh3Into } from '../../devices/base/xxh3.ts';

export const BLOCK_BYTES = 4096;
export const SUPERBLOCK_A = 1;
export const FIRST_FREE_BLOCK = 3;
/** Smallest volume that can be formatted: 256 KiB. */
export const SMALLEST_BLOCK_COUNT = 64;
/** 2^40 blocks = 4 PiB; the bitmap in memory sets the practical limit. */
export const LARGEST_BLOCK_COUNT = 2 ** 32 - 1;
export const ROOT_INODE = 1;
/** A tree of this height with fan-out >= 2 would exceed any volume; real ones have at most 6 levels. */
export const HIGHEST_LEVEL = 15;

/** Feature words that this code knows. Unknown incompat bits: not mounted. Unknown ro-compat bits: mounted read-only. */
export const KNOWN_INCOMPATIBLE_FEATURES = 0;
export const KNOWN_READ_ONLY_COMPATIBLE_FEATURES = 0;

/** Types of items, the middle part of the key. */
export const ItemType = { inode: 1, directoryEntry: 2, inlineData: 3, chunk: 4, attribute: 5, backLink: 6 } as const;

export const NODE_HEADER_BYTES = 32;
export const LEAF_SLOT_BYTES = 20;
export const INNER_SLOT_BYTES = 48;
export const NODE_CAPACITY_BYTES = BLOCK_BYTES - NODE_HEADER_BYTES;
export const INNER_CAPACITY = Math.floor(NODE_CAPACITY_BYTES / INNER_SLOT_BYTES);
/** A leaf that overflows by one item must split into two that fit, so an item may take about a third of a leaf. */
export const LARGEST_VALUE_BYTES = 1200;

const NODE_MAGIC = 0x444f4e45; // "ENOD"
const MAGIC = [0x45, 0x55, 0x52, 0x4f, 0x46, 0x53, 0x30, 0x31]; // "EUROFS01"
const CHECKSUM_AT = BLOCK_BYTES - 8;

/** Reads a u64; NaN if it is not below 2^53 (no valid field is). */
export function readU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high >= 0x20_0000 ? Number.NaN : high * 0x1_0000_0000 + view.getUint32(at, true);
}
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
export function readU48(view: DataView, at: number): number {
  return view.getUint16(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}
export function writeU48(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint16(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const hashWords = new Uint32Array(2);
/** True if the block has the XXH3-64 given in halves. */
export function checksumMatches(block: Uint8Array, low: number, high: number): boolean {
  xxh3Into(block, hashWords);
  return hashWords[0] === low && hashWords[1] === high;
}

/** Where a node lies and what it must hash to. All zero: not on the disk yet. */
export class NodePointer {
  addressA = 0;
  addressB = 0;
  birth = 0;
  checksumLow = 0;
  checksumHigh = 0;
}
registerClass('eurofs.NodePointer', 1, NodePointer);

export function readPointer(view: DataView, at: number): NodePointer {
  const pointer = new NodePointer();
  pointer.addressA = readU64(view, at);
  pointer.addressB = readU64(view, at + 8);
  pointer.birth = readU64(view, at + 16);
  pointer.checksumLow = view.getUint32(at + 24, true);
  pointer.checksumHigh = view.getUint32(at + 28, true);
  return pointer;
}
export function writePointer(view: DataView, at: number, pointer: NodePointer): void {
  writeU64(view, at, pointer.addressA);
  writeU64(view, at + 8, pointer.addressB);
  writeU64(view, at + 16, pointer.birth);
  view.setUint32(at + 24, pointer.checksumLow, true);
  view.setUint32(at + 28, pointer.checksumHigh, true);
}

/** -1, 0 or 1: the order of two keys. */
export function compareKeys(
  inode: number,
  type: number,
  offset: number,
  otherInode: number,
  otherType: number,
  otherOffset: number,
): number {
  if (inode !== otherInode) return inode < otherInode ? -1 : 1;
  if (type !== otherType) return type < otherType ? -1 : 1;
  return offset === otherOffset ? 0 : offset < otherOffset ? -1 : 1;
}

export class Superblock {
  compatibleFeatures = 0;
  readOnlyCompatibleFeatures = 0;
  incompatibleFeatures = 0;
  blockCount = 0;
  generation = 0;
  uuid = new Uint8Array(16);
  nextInode = ROOT_INODE;
  root = new NodePointer();
  rootLevel = 0;
  commitSeconds = 0;
  label = new Uint8Array(32);
}
registerClass('eurofs.Superblock', 1, Superblock);

export function encodeSuperblock(superblock: Superblock): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const view = viewOf(block);
  block.set(MAGIC);
  view.setUint32(8, superblock.compatibleFeatures, true);
  view.setUint32(12, superblock.readOnlyCompatibleFeatures, true);
  view.setUint32(16, superblock.incompatibleFeatures, true);
  view.setUint32(20, BLOCK_BYTES, true);
  writeU64(view, 24, superblock.blockCount);
  writeU64(view, 32, superblock.generation);
  block.set(superblock.uuid, 40);
  writeU64(view, 56, superblock.nextInode);
  writePointer(view, 64, superblock.root);
  view.setUint32(96, superblock.rootLevel, true);
  writeU64(view, 104, superblock.commitSeconds);
  block.set(superblock.label, 112);
  xxh3Into(block.subarray(0, CHECKSUM_AT), hashWords);
  view.setUint32(CHECKSUM_AT, hashWords[0], true);
  view.setUint32(CHECKSUM_AT + 4, hashWords[1], true);
  return block;
}

/** null if the block is no valid superblock for a device of `deviceBlocks` blocks. */
export function decodeSuperblock(block: Uint8Array, deviceBlocks: number): Superblock | null {
  if (block.length !== BLOCK_BYTES || MAGIC.some((byte, i) => block[i] !== byte)) return null;
  const view = viewOf(block);
  const low = view.getUint32(CHECKSUM_AT, true);
  if (!checksumMatches(block.subarray(0, CHECKSUM_AT), low, view.getUint32(CHECKSUM_AT + 4, true))) return null;
  const superblock = new Superblock();
  superblock.compatibleFeatures = view.getUint32(8, true);
  superblock.readOnlyCompatibleFeatures = view.getUint32(12, true);
  superblock.incompatibleFeatures = view.getUint32(16, true);
  superblock.blockCount = readU64(view, 24);
  superblock.generation = readU64(view, 32);
  superblock.uuid = block.slice(40, 56);
  superblock.nextInode = readU64(view, 56);
  superblock.root = readPointer(view, 64);
  superblock.rootLevel = view.getUint32(96, true);
  superblock.commitSeconds = readU64(view, 104);
  superblock.label = block.slice(112, 144);
  const valid =
    view.getUint32(20, true) === BLOCK_BYTES &&
    superblock.blockCount >= SMALLEST_BLOCK_COUNT &&
    superblock.blockCount <= Math.min(deviceBlocks, LARGEST_BLOCK_COUNT) &&
    superblock.generation >= 1 &&
    superblock.nextInode > ROOT_INODE &&
    superblock.nextInode < 2 ** 48 &&
    superblock.rootLevel <= HIGHEST_LEVEL &&
    pointerInRange(superblock.root, superblock.blockCount, superblock.generation);
  return valid ? superblock : null;
}

/** True if both addresses lie in the volume's data area, differ, and the birth is not in the future. */
export function pointerInRange(pointer: NodePointer, blockCount: number, generation: number): boolean {
  const inRange = (address: number): boolean => address >= FIRST_FREE_BLOCK && address < blockCount;
  return (
    inRange(pointer.addressA) &&
    inRange(pointer.addressB) &&
    pointer.addressA !== pointer.addressB &&
    pointer.birth <= generation
  );
}

/** A node of the tree in memory. Leaves use `values`, inner nodes `pointers` and `children` (null: not in memory). */
export class TreeNode {
  level: number;
  /** Changed since it was last written: has no valid place on the disk. All its ancestors are dirty too. */
  dirty = false;
  inodes: number[] = [];
  types: number[] = [];
  offsets: number[] = [];
  values: Uint8Array[] = [];
  pointers: NodePointer[] = [];
  children: (TreeNode | null)[] = [];
  /** Leaves: slots and values together. */
  usedBytes = 0;

  constructor(level: number) {
    this.level = level;
  }
  get count(): number {
    return this.inodes.length;
  }
  /** Order of entry `i` against a key. */
  compare(i: number, inode: number, type: number, offset: number): number {
    return compareKeys(this.inodes[i], this.types[i], this.offsets[i], inode, type, offset);
  }
  /** Index of the first entry that is not below the key; `count` if there is none. */
  lowerBound(inode: number, type: number, offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.compare(middle, inode, type, offset) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** Inner nodes: the child whose range holds the key. */
  childIndex(inode: number, type: number, offset: number): number {
    const i = this.lowerBound(inode, type, offset);
    return i < this.count && this.compare(i, inode, type, offset) === 0 ? i : Math.max(0, i - 1);
  }
}
registerClass('eurofs.TreeNode', 1, TreeNode);

export function encodeNode(node: TreeNode, birth: number, uuid: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const view = viewOf(block);
  view.setUint32(0, NODE_MAGIC, true);
  block[4] = node.level;
  view.setUint16(6, node.count, true);
  writeU64(view, 8, birth);
  block.set(uuid.subarray(0, 8), 16);
  const slotBytes = node.level === 0 ? LEAF_SLOT_BYTES : INNER_SLOT_BYTES;
  let end = BLOCK_BYTES;
  for (let i = 0; i < node.count; i++) {
    const at = NODE_HEADER_BYTES + slotBytes * i;
    writeU48(view, at, node.inodes[i]);
    view.setUint16(at + 6, node.types[i], true);
    writeU64(view, at + 8, node.offsets[i]);
    if (node.level > 0) {
      writePointer(view, at + 16, node.pointers[i]);
      continue;
    }
    end -= node.values[i].length;
    block.set(node.values[i], end);
    view.setUint16(at + 16, end, true);
    view.setUint16(at + 18, node.values[i].length, true);
  }
  return block;
}

/**
 * Reads a node whose checksum was verified. null if its form is wrong: other level, keys out of order or outside the bounds
 * that the parent gives, pointers out of range. `high*`: the first key beyond the node, inode Infinity if there is none.
 */
export function decodeNode(
  block: Uint8Array,
  level: number,
  bounds: KeyBounds,
  superblock: Superblock,
): TreeNode | null {
  const view = viewOf(block);
  const count = view.getUint16(6, true);
  const isLeaf = level === 0;
  const slotBytes = isLeaf ? LEAF_SLOT_BYTES : INNER_SLOT_BYTES;
  if (view.getUint32(0, true) !== NODE_MAGIC || block[4] !== level) return null;
  if (NODE_HEADER_BYTES + slotBytes * count > BLOCK_BYTES || (!isLeaf && count === 0)) return null;
  for (let i = 0; i < 8; i++) if (block[16 + i] !== superblock.uuid[i]) return null;
  const copy = block.slice();
  const node = new TreeNode(level);
  for (let i = 0; i < count; i++) {
    const at = NODE_HEADER_BYTES + slotBytes * i;
    const inode = readU48(view, at);
    const type = view.getUint16(at + 6, true);
    const offset = readU64(view, at + 8);
    if (Number.isNaN(offset) || !bounds.holds(inode, type, offset)) return null;
    if (i > 0 && node.compare(i - 1, inode, type, offset) >= 0) return null;
    node.inodes.push(inode);
    node.types.push(type);
    node.offsets.push(offset);
    if (isLeaf) {
      const start = view.getUint16(at + 16, true);
      const length = view.getUint16(at + 18, true);
      if (start < NODE_HEADER_BYTES || start + length > BLOCK_BYTES || length > LARGEST_VALUE_BYTES) return null;
      node.values.push(copy.subarray(start, start + length));
      node.usedBytes += LEAF_SLOT_BYTES + length;
    } else {
      const pointer = readPointer(view, at + 16);
      if (!pointerInRange(pointer, superblock.blockCount, superblock.generation + 1)) return null;
      node.pointers.push(pointer);
      node.children.push(null);
    }
  }
  if (isLeaf && node.usedBytes > NODE_CAPACITY_BYTES) return null;
  return node;
}

/** The half-open range of keys that a node may hold. */
export class KeyBounds {
  lowInode = 0;
  lowType = 0;
  lowOffset = 0;
  highInode: number = Number.POSITIVE_INFINITY;
  highType = 0;
  highOffset = 0;

  holds(inode: number, type: number, offset: number): boolean {
    return (
      compareKeys(inode, type, offset, this.lowInode, this.lowType, this.lowOffset) >= 0 &&
      compareKeys(inode, type, offset, this.highInode, this.highType, this.highOffset) < 0
    );
  }
  /** The range of child `i` of an inner node that has this range. */
  ofChild(node: TreeNode, i: number): KeyBounds {
    const bounds = new KeyBounds();
    bounds.lowInode = node.inodes[i];
    bounds.lowType = node.types[i];
    bounds.lowOffset = node.offsets[i];
    const last = i + 1 === node.count;
    bounds.highInode = last ? this.highInode : node.inodes[i + 1];
    bounds.highType = last ? this.highType : node.types[i + 1];
    bounds.highOffset = last ? this.highOffset : node.offsets[i + 1];
    return bounds;
  }
}
registerClass('eurofs.KeyBounds', 1, KeyBounds);
