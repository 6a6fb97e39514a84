// The walk over the whole tree at mount: verifies every node, finds every used block and every inode without a name.
//
// Bounds: a node is entered once (its blocks are marked used first), so a hostile tree costs at most one step per block.

import { registerClass } from '../../devices/base/object-graph.ts';
import { Errno } from '../abi/errno.ts';
import { Allocator } from './allocator.ts';
import { type BlockStore, PENDING } from './block-store.ts';
import {
  CHUNK_BLOCKS,
  decodeAttributes,
  decodeBackLink,
  decodeBucket,
  decodeChunk,
  decodeInode,
  LARGEST_INLINE_BYTES,
} from './items.ts';
import {
  checksumMatches,
  decodeNode,
  ItemType,
  KeyBounds,
  type NodePointer,
  ROOT_INODE,
  type Superblock,
  type TreeNode,
} from './layout.ts';

class WalkStep {
  pointer: NodePointer;
  level: number;
  bounds: KeyBounds;

  constructor(pointer: NodePointer, level: number, bounds: KeyBounds) {
    this.pointer = pointer;
    this.level = level;
    this.bounds = bounds;
  }
}
registerClass('eurofs.WalkStep', 1, WalkStep);

export class MountWalk {
  readonly superblock: Superblock;
  readonly allocator: Allocator;
  readonly reports: string[] = [];
  readonly orphans: number[] = [];
  /** Something reachable cannot be read or claims a block twice. */
  damaged = false;
  root: TreeNode | null = null;
  private readonly store: BlockStore;
  private readonly stack: WalkStep[] = [];

  constructor(store: BlockStore, superblock: Superblock) {
    this.store = store;
    this.superblock = superblock;
    this.allocator = new Allocator(superblock.blockCount);
    this.stack.push(new WalkStep(superblock.root, superblock.rootLevel, new KeyBounds()));
  }

  note(text: string): void {
    if (this.reports.length < 64) this.reports.push(text);
  }
  private damage(text: string): void {
    this.damaged = true;
    this.note(text);
  }

  /** 0 = done, PENDING, -EIO (the root cannot be read). */
  step(): number {
    for (;;) {
      const top = this.stack[this.stack.length - 1];
      if (top === undefined) return this.root === null ? -Errno.EIO : 0;
      const node = this.readNode(top);
      if (node === PENDING) return PENDING;
      this.stack.pop();
      if (typeof node === 'number') continue;
      if (this.root === null) this.root = node;
      // Both copies are claimed before the children are looked at: a cycle meets a claimed block.
      if (node.level > 0) this.pushChildren(node, top.bounds);
      else for (let i = 0; i < node.count; i++) this.item(node, i, top.pointer.addressA);
    }
  }

  private pushChildren(node: TreeNode, bounds: KeyBounds): void {
    for (let i = node.count - 1; i >= 0; i--) {
      const pointer = node.pointers[i];
      const freshA = this.allocator.mark(pointer.addressA);
      const freshB = this.allocator.mark(pointer.addressB);
      if (!freshA || !freshB) this.damage(`block ${pointer.addressA} or ${pointer.addressB}: used twice`);
      else this.stack.push(new WalkStep(pointer, node.level - 1, bounds.ofChild(node, i)));
    }
  }

  private readNode(step: WalkStep): TreeNode | number {
    const isRoot = this.root === null;
    for (const address of [step.pointer.addressA, step.pointer.addressB]) {
      const block = this.store.read(address);
      if (block === null) return PENDING;
      if (block === 'failed' || !checksumMatches(block, step.pointer.checksumLow, step.pointer.checksumHigh)) {
        this.note(`block ${address}: ${block === 'failed' ? 'cannot be read' : 'checksum does not match'}`);
        continue;
      }
      const node = decodeNode(block, step.level, step.bounds, this.superblock);
      const startsLow = !isRoot || step.level === 0 || node?.compare(0, 0, 0, 0) === 0;
      if (node !== null && startsLow) {
        if (isRoot) {
          this.allocator.mark(step.pointer.addressA);
          this.allocator.mark(step.pointer.addressB);
        }
        return node;
      }
      this.damage(`block ${address}: not a tree node of this place`);
      return -Errno.EIO;
    }
    this.damage(`block ${step.pointer.addressA}: both copies of a tree node are lost`);
    return -Errno.EIO;
  }

  private item(node: TreeNode, i: number, address: number): void {
    const inode = node.inodes[i];
    const value = node.values[i];
    let valid = inode >= ROOT_INODE && inode < this.superblock.nextInode;
    switch (node.types[i]) {
      case ItemType.inode: {
        const record = decodeInode(inode, value);
        valid &&= record !== null;
        if (record?.links === 0) this.orphans.push(inode);
        break;
      }
      case ItemType.directoryEntry:
        valid &&= decodeBucket(value) !== null;
        break;
      case ItemType.inlineData:
        valid &&= value.length <= LARGEST_INLINE_BYTES;
        break;
      case ItemType.attribute:
        valid &&= decodeAttributes(value) !== null;
        break;
      case ItemType.backLink:
        valid &&= decodeBackLink(value) !== null;
        break;
      case ItemType.chunk: {
        const chunk = decodeChunk(value, this.superblock.blockCount);
        valid &&= chunk !== null;
        for (let block = 0; chunk !== null && block < CHUNK_BLOCKS; block++)
          if (chunk.addresses[block] !== 0 && !this.allocator.mark(chunk.addresses[block]))
            this.damage(`block ${chunk.addresses[block]}: used twice`);
        break;
      }
      default:
        valid = false;
    }
    if (!valid) this.damage(`block ${address}: malformed item of inode ${inode}`);
  }
}
registerClass('eurofs.MountWalk', 1, MountWalk);
