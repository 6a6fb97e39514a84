// A mounted EuroFS volume: mount, verified reads, space accounting, commit.
//
//   operations (namespace.ts, files.ts)  ── change ──►  tree (dirty nodes) + unwritten file blocks
//                                                             │ commit: capture
//        superblock g+1  ◄── flush ◄── writes of everything ◄─┘ data first, then nodes, children before parents
//              └── flush → generation g+1 is what a crash leaves behind
//
// Invariants:
//   1. no block reachable from the last durable superblock, nor from the one before it, is overwritten (freed blocks wait for
//      two more commits);
//   2. capture is one synchronous step, so each generation holds whole operations only: rename is atomic;
//   3. no byte leaves readVerified or loadNode without its checksum having matched;
//   4. capture cannot run out of space: reserve() keeps room for all that is dirty.
// Every call is restartable: PENDING means nothing has changed, ask again.

import { registerClass } from '../../devices/base/object-graph.ts';
import { xxh3Into } from '../../devices/base/xxh3.ts';
import { Errno } from '../abi/errno.ts';
import type { Allocator } from './allocator.ts';
import { type BlockStore, COMMIT_FIRST, PENDING } from './block-store.ts';
import { captureFiles, type DirtyFile } from './dirty-files.ts';
import {
  BLOCK_BYTES,
  checksumMatches,
  decodeNode,
  decodeSuperblock,
  encodeNode,
  encodeSuperblock,
  type KeyBounds,
  type NodePointer,
  SUPERBLOCK_A,
  type Superblock,
  type TreeNode,
} from './layout.ts';
import { MountWalk } from './mount-walk.ts';
import { reclaimOrphan } from './reclaim.ts';
import { type NodePlacer, type NodeSource, Tree } from './tree.ts';

/** Unwritten file data kept in memory before writers must wait for a commit. */
const MOST_DIRTY_BLOCKS = (16 * 1024 * 1024) / BLOCK_BYTES;
/** Reports of damage kept; more only count. */
const MOST_REPORTS = 64;

/** Steps of a commit. */
export const CommitPhase = { idle: 0, blocks: 1, firstFlush: 2, superblock: 3, secondFlush: 4 } as const;

export class Volume implements NodeSource, NodePlacer {
  readonly store: BlockStore;
  /** What is on the disk: the last durable superblock. */
  superblock: Superblock;
  tree: Tree;
  allocator: Allocator;
  readOnly: boolean;
  nextInode: number;
  /** Unwritten blocks by inode number. */
  readonly dirtyFiles = new Map<number, DirtyFile>();
  dirtyBlockCount = 0;
  /** Sum of the chunk estimates of dirtyFiles. */
  dirtyChunkCount = 0;
  /** Open files and inodes in use elsewhere; their storage outlives their last name. */
  readonly openCounts = new Map<number, number>();
  /** Inodes without a name, to be freed when closed. */
  readonly orphans = new Set<number>();
  /** Damage found, for people: each names the block. */
  readonly reports: string[] = [];
  reportCount = 0;
  /** Virtual time for the time stamps, set by the caller before an operation. */
  nowSeconds = 0;
  nowNanos = 0;

  /** Something besides tree and dirtyFiles asks for a commit: a superblock slot to heal. */
  private commitWanted: boolean;
  private phase: number = CommitPhase.idle;
  private written = 0;
  private readonly writeAddresses: number[] = [];
  private readonly writeBlocks: Uint8Array[] = [];
  /** Blocks captured but not yet taken by the store; reads look here first. */
  private readonly inFlight = new Map<number, Uint8Array>();
  private nextSuperblock: Superblock | null = null;
  /** Freed since the last capture | by the commit in flight | by the last durable commit. */
  private freedNow: number[] = [];
  private freedInFlight: number[] = [];
  private freedBefore: number[] = [];

  constructor(store: BlockStore, superblock: Superblock, allocator: Allocator, root: TreeNode, options: VolumeOptions) {
    this.store = store;
    this.superblock = superblock;
    this.allocator = allocator;
    this.readOnly = options.readOnly;
    this.commitWanted = options.healSuperblock && !options.readOnly;
    this.nextInode = superblock.nextInode;
    this.tree = new Tree(this, root, superblock.root);
    for (const inode of options.orphans) this.orphans.add(inode);
    for (const report of options.reports) this.report(report);
  }

  get uuid(): Uint8Array {
    return this.superblock.uuid;
  }
  get blockCount(): number {
    return this.superblock.blockCount;
  }
  /** Generation that what changes now will belong to. */
  get pendingGeneration(): number {
    return this.superblock.generation + (this.phase === CommitPhase.idle ? 1 : 2);
  }
  get isDirty(): boolean {
    return this.tree.dirtyCount > 0 || this.dirtyFiles.size > 0 || this.commitWanted || this.hasClosedOrphans();
  }
  get isCommitting(): boolean {
    return this.phase !== CommitPhase.idle;
  }
  /** Blocks kept back so that deleting works on a full volume: 2.5 %, at least 16. */
  get reservedBlocks(): number {
    return Math.max(16, Math.floor(this.blockCount / 40));
  }
  /** Blocks free for data now (statfs), the reserve and what is dirty taken off. */
  get availableBlocks(): number {
    return Math.max(0, this.allocator.freeCount - this.committedBlocks() - this.reservedBlocks);
  }
  /** All blocks that hold nothing, those waiting for two commits included. */
  get freeBlocks(): number {
    const waiting = this.freedNow.length + this.freedInFlight.length + this.freedBefore.length;
    return this.allocator.freeCount + waiting;
  }

  /** Forgets the unwritten blocks of a file. */
  dropDirtyFile(inode: number): void {
    const file = this.dirtyFiles.get(inode);
    if (file === undefined) return;
    this.dirtyBlockCount -= file.blocks.size;
    this.dirtyChunkCount -= file.chunkEstimate;
    this.dirtyFiles.delete(inode);
  }

  report(text: string): void {
    this.reportCount++;
    if (this.reports.length < MOST_REPORTS) this.reports.push(text);
  }

  /** Reads a block and checks it: its bytes, PENDING, or -EIO with a report. The bytes are valid until the next call. */
  readVerified(address: number, low: number, high: number): Uint8Array | number {
    const captured = this.inFlight.get(address);
    if (captured !== undefined) return captured;
    const block = this.store.read(address);
    if (block === null) return PENDING;
    if (block !== 'failed' && checksumMatches(block, low, high)) return block;
    this.report(`block ${address}: ${block === 'failed' ? 'cannot be read' : 'checksum does not match'}`);
    return -Errno.EIO;
  }

  loadNode(pointer: NodePointer, level: number, bounds: KeyBounds): TreeNode | number {
    let bytes = this.readVerified(pointer.addressA, pointer.checksumLow, pointer.checksumHigh);
    if (bytes === -Errno.EIO) bytes = this.readVerified(pointer.addressB, pointer.checksumLow, pointer.checksumHigh);
    if (typeof bytes === 'number') return bytes;
    const node = decodeNode(bytes, level, bounds, this.superblock);
    if (node !== null) return node;
    this.report(`block ${pointer.addressA}: not a tree node of this place`);
    return -Errno.EIO;
  }

  freeNode(pointer: NodePointer): void {
    if (pointer.addressA === 0) return;
    this.freedNow.push(pointer.addressA, pointer.addressB);
  }
  freeBlock(address: number): void {
    this.freedNow.push(address);
  }

  /** Blocks that the next capture will take at most. */
  private committedBlocks(): number {
    return 2 * this.tree.dirtyCount + this.dirtyBlockCount + 2 * (this.tree.height + 1) * this.dirtyChunkCount;
  }

  /**
   * Room for an operation that changes `items` keys and `blocks` file blocks: 0, COMMIT_FIRST, -ENOSPC, -EROFS.
   * `mayUseReserve`: for what frees space in the end.
   */
  reserve(items: number, blocks: number, mayUseReserve = false): number {
    if (this.readOnly) return -Errno.EROFS;
    if (blocks > 0 && this.dirtyBlockCount >= MOST_DIRTY_BLOCKS) return COMMIT_FIRST;
    const wanted = 2 * (this.tree.height + 2) * items + blocks + this.committedBlocks();
    const kept = mayUseReserve ? 0 : this.reservedBlocks;
    if (this.allocator.freeCount - wanted >= kept) return 0;
    return this.canReclaim() ? COMMIT_FIRST : -Errno.ENOSPC;
  }
  private canReclaim(): boolean {
    const waiting = this.freedNow.length + this.freedInFlight.length + this.freedBefore.length;
    // What is dirty is estimated high; a commit replaces the estimate by what it really took.
    return waiting > 0 || this.dirtyFiles.size > 0 || this.hasClosedOrphans();
  }
  private hasClosedOrphans(): boolean {
    for (const inode of this.orphans) if (!this.openCounts.has(inode)) return true;
    return false;
  }

  /** An inode is in use (open file, working folder): keep it when its last name goes. */
  retain(inode: number): void {
    this.openCounts.set(inode, (this.openCounts.get(inode) ?? 0) + 1);
  }
  release(inode: number): void {
    const count = this.openCounts.get(inode) ?? 0;
    if (count > 1) this.openCounts.set(inode, count - 1);
    else this.openCounts.delete(inode);
  }

  /**
   * Carries a commit forward; starts one if something is dirty (or `force`). Returns 0 when no commit is in flight any more,
   * PENDING, or -EIO / -EROFS. To know when all that is dirty now is durable, note pendingGeneration before and call until
   * superblock.generation has reached it (or isDirty is false).
   */
  commitStep(force = false): number {
    if (this.phase === CommitPhase.idle) {
      if (this.readOnly) return this.isDirty ? -Errno.EROFS : 0;
      if (!force && !this.isDirty) return 0;
      const status = this.capture();
      if (status !== 0) return status === PENDING ? PENDING : this.failCommit('cannot prepare a commit');
    }
    if (this.phase === CommitPhase.blocks) {
      while (this.written < this.writeAddresses.length) {
        if (!this.store.write(this.writeAddresses[this.written], this.writeBlocks[this.written])) return PENDING;
        this.written++;
      }
      this.inFlight.clear();
      this.writeAddresses.length = 0;
      this.writeBlocks.length = 0;
      this.phase = CommitPhase.firstFlush;
    }
    if (this.phase === CommitPhase.firstFlush) {
      const flushed = this.store.flush();
      if (flushed !== 'done') return flushed === 'pending' ? PENDING : this.failCommit('a flush failed');
      this.phase = CommitPhase.superblock;
    }
    const next = this.nextSuperblock;
    if (next === null) return this.failCommit('a commit without superblock');
    if (this.phase === CommitPhase.superblock) {
      if (!this.store.write(SUPERBLOCK_A + (next.generation & 1), encodeSuperblock(next))) return PENDING;
      this.phase = CommitPhase.secondFlush;
    }
    const flushed = this.store.flush();
    if (flushed !== 'done') return flushed === 'pending' ? PENDING : this.failCommit('a flush failed');
    this.superblock = next;
    this.nextSuperblock = null;
    for (const address of this.freedBefore) this.allocator.release(address);
    this.freedBefore = this.freedInFlight;
    this.freedInFlight = [];
    this.phase = CommitPhase.idle;
    return 0;
  }

  private failCommit(why: string): number {
    this.report(`generation ${this.superblock.generation + 1}: ${why}; the volume is read-only from now on`);
    this.readOnly = true;
    this.phase = CommitPhase.idle;
    return -Errno.EIO;
  }

  /** Freezes the present state as the next generation: gives every dirty block a place and a checksum. One step. */
  private capture(): number {
    for (const inode of [...this.orphans]) {
      if (this.openCounts.has(inode)) continue;
      const status = reclaimOrphan(this, inode);
      if (status !== 0) return status;
    }
    // reserve() has kept this room; the check guards the disk against a mistake there.
    if (this.committedBlocks() > this.allocator.freeCount) return -Errno.ENOSPC;
    const status = captureFiles(this);
    if (status !== 0) return status;
    if (2 * this.tree.dirtyCount > this.allocator.freeCount) return -Errno.ENOSPC;
    this.tree.placeDirty(this);
    const next = this.superblock;
    this.nextSuperblock = Object.assign(Object.create(Object.getPrototypeOf(next) as object), next, {
      generation: next.generation + 1,
      nextInode: this.nextInode,
      root: this.tree.rootPointer,
      rootLevel: this.tree.root.level,
      commitSeconds: Math.max(0, this.nowSeconds),
    }) as Superblock;
    this.freedInFlight = this.freedNow;
    this.freedNow = [];
    this.commitWanted = false;
    this.written = 0;
    this.phase = CommitPhase.blocks;
    return 0;
  }

  /** Queues one block of the commit. `block` must not change any more. */
  queueWrite(address: number, block: Uint8Array): void {
    this.writeAddresses.push(address);
    this.writeBlocks.push(block);
    this.inFlight.set(address, block);
  }

  place(node: TreeNode, pointer: NodePointer): void {
    const birth = this.superblock.generation + 1;
    const block = encodeNode(node, birth, this.uuid);
    const words = new Uint32Array(2);
    xxh3Into(block, words);
    pointer.addressA = this.allocator.take(1);
    pointer.addressB = this.allocator.take(2);
    pointer.birth = birth;
    pointer.checksumLow = words[0];
    pointer.checksumHigh = words[1];
    this.queueWrite(pointer.addressA, block);
    this.queueWrite(pointer.addressB, block);
  }
}
registerClass('eurofs.Volume', 1, Volume);

export interface VolumeOptions {
  readonly readOnly: boolean;
  readonly healSuperblock: boolean;
  readonly orphans: readonly number[];
  readonly reports: readonly string[];
}

/** Mounts in steps: call step() until it is not PENDING; then `volume` is set if it returned 0. */
export class Mount {
  volume: Volume | null = null;
  /** One line for people when step() fails. */
  reason = '';
  private readonly store: BlockStore;
  private walk: MountWalk | null = null;
  private healSuperblock = false;

  constructor(store: BlockStore) {
    this.store = store;
  }

  /** 0, PENDING, -EIO (cannot be read), -EINVAL (no EuroFS, or features unknown here). */
  step(): number {
    if (this.walk === null) {
      const status = this.chooseSuperblock();
      if (status !== 0) return status;
    }
    const walk = this.walk as MountWalk | null;
    if (walk === null) return -Errno.EIO;
    const status = walk.step();
    if (status !== 0) {
      if (status !== PENDING) this.reason = walk.reports[0] ?? 'the root of the tree cannot be read';
      return status;
    }
    if (walk.root === null) return -Errno.EIO;
    // A volume with damage is served as far as it can be read, but not written: free space cannot be known for sure.
    const readOnly = this.store.readOnly || walk.damaged || walk.superblock.readOnlyCompatibleFeatures !== 0;
    this.volume = new Volume(this.store, walk.superblock, walk.allocator, walk.root, {
      readOnly,
      healSuperblock: this.healSuperblock,
      orphans: readOnly ? [] : walk.orphans,
      reports: walk.reports,
    });
    this.walk = null;
    return 0;
  }

  private chooseSuperblock(): number {
    const blockA = this.store.read(SUPERBLOCK_A);
    if (blockA === null) return PENDING;
    const superblockA = blockA === 'failed' ? null : decodeSuperblock(blockA, this.store.blockCount);
    const blockB = this.store.read(SUPERBLOCK_A + 1);
    if (blockB === null) return PENDING;
    const superblockB = blockB === 'failed' ? null : decodeSuperblock(blockB, this.store.blockCount);
    const newest =
      superblockA === null || (superblockB !== null && superblockB.generation > superblockA.generation)
        ? superblockB
        : superblockA;
    if (newest === null) {
      this.reason = 'no valid EuroFS superblock';
      return -Errno.EINVAL;
    }
    if (newest.incompatibleFeatures !== 0) {
      this.reason = `features 0x${newest.incompatibleFeatures.toString(16)} are not known to this version`;
      return -Errno.EINVAL;
    }
    // A commit heals the other slot: the next generation goes there.
    this.healSuperblock = superblockA === null || superblockB === null;
    this.walk = new MountWalk(this.store, newest);
    if (this.healSuperblock) this.walk.note(`superblock ${superblockA === null ? 'A' : 'B'} is damaged; healing it`);
    return 0;
  }
}
registerClass('eurofs.Mount', 1, Mount);
