// The checker: walks a volume on its own, without Volume, Allocator or Mount, and says what does not hold.
//
//   superblock ─► every node (both copies) ─► items ─► inodes, names, links, sizes, blocks ─► data checksums (scrub)
//
// Bounds: a block is entered once, so the work is at most one step per block plus one per item.

import type { BlockStore } from './block-store.ts';
import {
  CHUNK_BLOCKS,
  decodeAttributes,
  decodeBackLink,
  decodeBucket,
  decodeChunk,
  decodeInode,
  hashName,
  type Inode,
  LARGEST_INLINE_BYTES,
} from './items.ts';
import {
  BLOCK_BYTES,
  checksumMatches,
  decodeNode,
  decodeSuperblock,
  FIRST_FREE_BLOCK,
  ItemType,
  KeyBounds,
  type NodePointer,
  ROOT_INODE,
  SUPERBLOCK_A,
  type Superblock,
} from './layout.ts';

const MOST_PROBLEMS = 200;

export interface CheckResult {
  /** One line each; empty = the volume is sound. */
  readonly problems: readonly string[];
  readonly generation: number;
  readonly blockCount: number;
  /** Blocks that nothing reaches: what an allocator must find free. */
  readonly freeBlocks: number;
  readonly inodes: number;
  readonly nodes: number;
  readonly dataBlocks: number;
}

class Checker {
  readonly problems: string[] = [];
  readonly owner: Uint8Array;
  readonly inodes = new Map<number, Inode>();
  readonly names = new Map<number, number>();
  readonly entryCounts = new Map<number, number>();
  readonly folderCounts = new Map<number, number>();
  readonly blockCounts = new Map<number, number>();
  readonly backLinks = new Map<number, { parent: number; name: string }>();
  readonly entries: { folder: number; inode: number; type: number; name: string }[] = [];
  nodes = 0;
  dataBlocks = 0;
  private readonly store: BlockStore;
  private readonly superblock: Superblock;
  private readonly scrub: boolean;

  constructor(store: BlockStore, superblock: Superblock, scrub: boolean) {
    this.store = store;
    this.superblock = superblock;
    this.scrub = scrub;
    this.owner = new Uint8Array(superblock.blockCount);
    for (let block = 0; block < FIRST_FREE_BLOCK; block++) this.owner[block] = 1;
  }

  problem(text: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(text);
  }

  /** False if the block belongs to something else already. */
  claim(block: number): boolean {
    if (this.owner[block] !== 0) {
      this.problem(`block ${block}: used twice`);
      return false;
    }
    this.owner[block] = 1;
    return true;
  }

  /** The block if it can be read and matches, else null with a problem. */
  private verified(address: number, low: number, high: number, what: string): Uint8Array | null {
    const block = this.store.read(address);
    if (block instanceof Uint8Array && checksumMatches(block, low, high)) return block.slice();
    this.problem(
      `block ${address}: ${what} ${block instanceof Uint8Array ? 'does not match its checksum' : 'cannot be read'}`,
    );
    return null;
  }

  node(pointer: NodePointer, level: number, bounds: KeyBounds): void {
    const freshA = this.claim(pointer.addressA);
    const freshB = this.claim(pointer.addressB);
    if (!freshA || !freshB) return;
    const a = this.verified(pointer.addressA, pointer.checksumLow, pointer.checksumHigh, 'first copy of a node');
    const b = this.verified(pointer.addressB, pointer.checksumLow, pointer.checksumHigh, 'second copy of a node');
    const block = a ?? b;
    if (block === null) return;
    this.nodes++;
    const node = decodeNode(block, level, bounds, this.superblock);
    if (node === null) return this.problem(`block ${pointer.addressA}: not a tree node of this place`);
    for (let i = 0; i < node.count; i++) {
      if (level > 0) this.node(node.pointers[i], level - 1, bounds.ofChild(node, i));
      else this.item(node.inodes[i], node.types[i], node.offsets[i], node.values[i]);
    }
  }

  private item(inode: number, type: number, offset: number, value: Uint8Array): void {
    const where = `inode ${inode}`;
    if (inode < ROOT_INODE || inode >= this.superblock.nextInode) this.problem(`${where}: number out of range`);
    if (type === ItemType.inode) {
      const record = decodeInode(inode, value);
      if (record === null) this.problem(`${where}: malformed record`);
      else this.inodes.set(inode, record);
    } else if (type === ItemType.directoryEntry) {
      this.bucket(inode, offset, value);
    } else if (type === ItemType.inlineData) {
      if (value.length > LARGEST_INLINE_BYTES) this.problem(`${where}: inline data too long`);
    } else if (type === ItemType.chunk) {
      this.chunk(inode, offset, value);
    } else if (type === ItemType.attribute) {
      const attributes = decodeAttributes(value);
      if (attributes === null || attributes.some((attribute) => hashName(attribute.name) !== offset))
        this.problem(`${where}: malformed attribute`);
    } else if (type === ItemType.backLink) {
      const link = decodeBackLink(value);
      if (link === null) this.problem(`${where}: malformed back link`);
      else this.backLinks.set(inode, link);
    } else {
      this.problem(`${where}: unknown item type ${type}`);
    }
  }

  private bucket(folder: number, offset: number, value: Uint8Array): void {
    const entries = decodeBucket(value);
    if (entries === null) return this.problem(`inode ${folder}: malformed directory entry`);
    for (const entry of entries) {
      if (hashName(entry.name) !== offset) this.problem(`inode ${folder}: entry in the wrong bucket`);
      this.entries.push({ folder, inode: entry.inode, type: entry.type, name: entry.name });
    }
  }

  private chunk(inode: number, offset: number, value: Uint8Array): void {
    const chunk = decodeChunk(value, this.superblock.blockCount);
    if (chunk === null) return this.problem(`inode ${inode}: malformed chunk ${offset}`);
    for (let i = 0; i < CHUNK_BLOCKS; i++) {
      const address = chunk.addresses[i];
      if (address === 0) continue;
      this.claim(address);
      this.dataBlocks++;
      this.blockCounts.set(inode, (this.blockCounts.get(inode) ?? 0) + 1);
      if (this.scrub)
        this.verified(address, chunk.checksums[2 * i], chunk.checksums[2 * i + 1], `data of inode ${inode}`);
    }
  }

  /** What must agree between inodes and names. */
  crossCheck(): void {
    for (const entry of this.entries) {
      const target = this.inodes.get(entry.inode);
      const add = (map: Map<number, number>, key: number): void => void map.set(key, (map.get(key) ?? 0) + 1);
      add(this.names, entry.inode);
      add(this.entryCounts, entry.folder);
      if (target === undefined) {
        this.problem(`inode ${entry.folder}: an entry leads to inode ${entry.inode}, which does not exist`);
        continue;
      }
      if (target.mode >>> 12 !== entry.type) this.problem(`inode ${entry.inode}: its entry tells another type`);
      if (!target.isDirectory) continue;
      add(this.folderCounts, entry.folder);
      const back = this.backLinks.get(entry.inode);
      if (back?.parent !== entry.folder || back.name !== entry.name)
        this.problem(`inode ${entry.inode}: its back link does not lead to its entry`);
    }
    for (const inode of this.inodes.values()) this.checkInode(inode);
    for (const number of this.blockCounts.keys())
      if (!this.inodes.has(number)) this.problem(`inode ${number}: has data but no record`);
    if (this.inodes.get(ROOT_INODE)?.isDirectory !== true) this.problem('inode 1: the root is no directory');
  }
  private checkInode(inode: Inode): void {
    const where = `inode ${inode.number}`;
    const names = this.names.get(inode.number) ?? 0;
    const blocks = this.blockCounts.get(inode.number) ?? 0;
    if (inode.blocks !== blocks) this.problem(`${where}: counts ${inode.blocks} blocks, has ${blocks}`);
    if (inode.isDirectory) {
      const wantedNames = inode.number === ROOT_INODE ? 0 : 1;
      const links = inode.links === 0 ? 0 : 2 + (this.folderCounts.get(inode.number) ?? 0);
      if (inode.links > 0 && names !== wantedNames) this.problem(`${where}: a directory with ${names} names`);
      if (inode.links !== links) this.problem(`${where}: link count ${inode.links}, should be ${links}`);
      const entries = this.entryCounts.get(inode.number) ?? 0;
      if (inode.size !== entries) this.problem(`${where}: counts ${inode.size} entries, has ${entries}`);
    } else if (inode.links !== names) {
      this.problem(`${where}: link count ${inode.links}, names ${names}`);
    }
  }
}

/** Checks a volume on a store whose calls never wait. `scrub`: read and verify all file data too. */
export function checkVolume(store: BlockStore, scrub = true): CheckResult {
  const slots = [SUPERBLOCK_A, SUPERBLOCK_A + 1].map((slot) => {
    const block = store.read(slot);
    return block instanceof Uint8Array && block.length === BLOCK_BYTES
      ? decodeSuperblock(block, store.blockCount)
      : null;
  });
  const problems: string[] = [];
  slots.forEach((slot, i) => {
    if (slot === null) problems.push(`superblock ${i === 0 ? 'A' : 'B'} is not valid`);
  });
  const superblock = slots.reduce(
    (best, slot) => (slot !== null && (best === null || slot.generation > best.generation) ? slot : best),
    null,
  );
  if (superblock === null)
    return { problems, generation: 0, blockCount: 0, freeBlocks: 0, inodes: 0, nodes: 0, dataBlocks: 0 };
  const checker = new Checker(store, superblock, scrub);
  checker.node(superblock.root, superblock.rootLevel, new KeyBounds());
  checker.crossCheck();
  let freeBlocks = 0;
  for (const owned of checker.owner) if (owned === 0) freeBlocks++;
  return {
    problems: [...problems, ...checker.problems],
    generation: superblock.generation,
    blockCount: superblock.blockCount,
    freeBlocks,
    inodes: checker.inodes.size,
    nodes: checker.nodes,
    dataBlocks: checker.dataBlocks,
  };
}
