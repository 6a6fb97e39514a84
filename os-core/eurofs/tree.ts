// The copy-on-write B+tree. Nodes are loaded on demand and changed in memory only; Volume's commit writes the dirty ones to new
// places, children first, because the parent holds their checksums.
//
// Invariants:
//   1. the ancestors of a dirty node are dirty and in memory; dirtyCount is the number of dirty nodes;
//   2. the key of a child slot is the lower bound of the child's range; the first key of the whole tree is (0, 0, 0);
//   3. a call that returns PENDING or an error has changed nothing but which nodes are in memory;
//   4. nodes leave memory only in trim(), which operations call before they begin, never between their steps.
// Deleting merges only with a neighbour that is in memory already: no read is needed to delete.

import { registerClass } from '../../devices/base/object-graph.ts';
import { Errno } from '../abi/errno.ts';
import {
  HIGHEST_LEVEL,
  INNER_CAPACITY,
  KeyBounds,
  LEAF_SLOT_BYTES,
  NODE_CAPACITY_BYTES,
  NodePointer,
  TreeNode,
} from './layout.ts';

/** What the tree asks of the volume. */
export interface NodeSource {
  /** The node, or PENDING, or -EIO. */
  loadNode(pointer: NodePointer, level: number, bounds: KeyBounds): TreeNode | number;
  /** The place of a node is no longer part of the next commit. */
  freeNode(pointer: NodePointer): void;
}

/** About 32 MiB of nodes in memory before clean ones are dropped. */
const MOST_RESIDENT_NODES = 8192;

export class Tree {
  root: TreeNode;
  rootPointer: NodePointer;
  dirtyCount = 0;
  /** The entry that the last successful seek found. */
  foundInode = 0;
  foundType = 0;
  foundOffset = 0;
  foundValue: Uint8Array = new Uint8Array(0);
  private residentCount = 1;
  private readonly source: NodeSource;
  /** The way of the last descent: nodes from the root down, and the child index taken in each. */
  private readonly path: TreeNode[] = [];
  private readonly indexes: number[] = [];

  constructor(source: NodeSource, root: TreeNode, rootPointer: NodePointer) {
    this.source = source;
    this.root = root;
    this.rootPointer = rootPointer;
    if (root.dirty) this.dirtyCount = 1;
  }

  get height(): number {
    return this.root.level + 1;
  }

  /** Loads the way to the leaf that holds or would hold the key: 0, PENDING or -EIO. */
  touch(inode: number, type: number, offset: number): number {
    this.path.length = 0;
    this.indexes.length = 0;
    let node = this.root;
    let bounds: KeyBounds | null = null;
    for (;;) {
      this.path.push(node);
      if (node.level === 0) return 0;
      const i = node.childIndex(inode, type, offset);
      this.indexes.push(i);
      let child: TreeNode | null = node.children[i];
      if (child === null) {
        bounds = this.boundsOfPath();
        const loaded = this.source.loadNode(node.pointers[i], node.level - 1, bounds);
        if (typeof loaded === 'number') return loaded;
        child = loaded;
        node.children[i] = child;
        this.residentCount++;
      }
      node = child;
    }
  }

  private boundsOfPath(): KeyBounds {
    let bounds = new KeyBounds();
    for (let depth = 0; depth < this.indexes.length; depth++)
      bounds = bounds.ofChild(this.path[depth], this.indexes[depth]);
    return bounds;
  }

  /** The value at exactly this key, or -ENOENT, PENDING, -EIO. Values are never changed in place. */
  get(inode: number, type: number, offset: number): Uint8Array | number {
    const status = this.touch(inode, type, offset);
    if (status !== 0) return status;
    const leaf = this.path[this.path.length - 1];
    const i = leaf.lowerBound(inode, type, offset);
    return i < leaf.count && leaf.compare(i, inode, type, offset) === 0 ? leaf.values[i] : -Errno.ENOENT;
  }

  /** Finds the first entry at or after the key: 1 (see found*), 0 = none, PENDING or -EIO. */
  seek(inode: number, type: number, offset: number): number {
    const status = this.touch(inode, type, offset);
    if (status !== 0) return status;
    let leaf = this.path[this.path.length - 1];
    let i = leaf.lowerBound(inode, type, offset);
    // An empty leaf can only be the root, so one step to the right is enough.
    if (i === leaf.count) {
      const next = this.nextLeaf();
      if (typeof next === 'number') return next;
      leaf = next;
      i = 0;
      if (leaf.count === 0) return -Errno.EIO;
    }
    this.foundInode = leaf.inodes[i];
    this.foundType = leaf.types[i];
    this.foundOffset = leaf.offsets[i];
    this.foundValue = leaf.values[i];
    return 1;
  }

  /** The leaf right of the one the path leads to; 0 if there is none. */
  private nextLeaf(): TreeNode | number {
    let depth = this.indexes.length - 1;
    while (depth >= 0 && this.indexes[depth] + 1 >= this.path[depth].count) depth--;
    if (depth < 0) return 0;
    const node = this.path[depth];
    const i = this.indexes[depth] + 1;
    const status = this.touch(node.inodes[i], node.types[i], node.offsets[i]);
    return status !== 0 ? status : this.path[this.path.length - 1];
  }

  /** Sets the value of a key (the tree keeps `value`): 0, PENDING or -EIO. */
  put(inode: number, type: number, offset: number, value: Uint8Array): number {
    const status = this.touch(inode, type, offset);
    if (status !== 0) return status;
    this.dirtyPath();
    const leaf = this.path[this.path.length - 1];
    const i = leaf.lowerBound(inode, type, offset);
    if (i < leaf.count && leaf.compare(i, inode, type, offset) === 0) {
      leaf.usedBytes += value.length - leaf.values[i].length;
      leaf.values[i] = value;
    } else {
      leaf.inodes.splice(i, 0, inode);
      leaf.types.splice(i, 0, type);
      leaf.offsets.splice(i, 0, offset);
      leaf.values.splice(i, 0, value);
      leaf.usedBytes += LEAF_SLOT_BYTES + value.length;
    }
    if (leaf.usedBytes > NODE_CAPACITY_BYTES) this.split(this.path.length - 1);
    return 0;
  }

  /** Removes a key: 0, -ENOENT, PENDING or -EIO. */
  remove(inode: number, type: number, offset: number): number {
    const status = this.touch(inode, type, offset);
    if (status !== 0) return status;
    const leaf = this.path[this.path.length - 1];
    const i = leaf.lowerBound(inode, type, offset);
    if (i >= leaf.count || leaf.compare(i, inode, type, offset) !== 0) return -Errno.ENOENT;
    this.dirtyPath();
    leaf.usedBytes -= LEAF_SLOT_BYTES + leaf.values[i].length;
    leaf.inodes.splice(i, 1);
    leaf.types.splice(i, 1);
    leaf.offsets.splice(i, 1);
    leaf.values.splice(i, 1);
    this.shrink();
    return 0;
  }

  /** Marks the nodes of the path dirty; their old places are freed. */
  private dirtyPath(): void {
    for (let depth = 0; depth < this.path.length; depth++) {
      if (this.path[depth].dirty) continue;
      this.path[depth].dirty = true;
      this.dirtyCount++;
      if (depth === 0) {
        this.source.freeNode(this.rootPointer);
        this.rootPointer = new NodePointer();
      } else {
        const parent = this.path[depth - 1];
        this.source.freeNode(parent.pointers[this.indexes[depth - 1]]);
        parent.pointers[this.indexes[depth - 1]] = new NodePointer();
      }
    }
  }

  private split(depth: number): void {
    const node = this.path[depth];
    const right = new TreeNode(node.level);
    right.dirty = true;
    this.dirtyCount++;
    this.residentCount++;
    let at = node.count >> 1;
    if (node.level === 0) {
      let bytes = 0;
      for (at = 0; at < node.count - 1 && bytes < node.usedBytes / 2; at++)
        bytes += LEAF_SLOT_BYTES + node.values[at].length;
      right.usedBytes = node.usedBytes - bytes;
      node.usedBytes = bytes;
      right.values = node.values.splice(at);
    } else {
      right.pointers = node.pointers.splice(at);
      right.children = node.children.splice(at);
    }
    right.inodes = node.inodes.splice(at);
    right.types = node.types.splice(at);
    right.offsets = node.offsets.splice(at);
    if (depth === 0) {
      const root = new TreeNode(node.level + 1);
      root.dirty = true;
      this.dirtyCount++;
      this.residentCount++;
      insertChild(root, 0, 0, 0, 0, node);
      insertChild(root, 1, right.inodes[0], right.types[0], right.offsets[0], right);
      this.root = root;
      this.rootPointer = new NodePointer();
      return;
    }
    const parent = this.path[depth - 1];
    insertChild(parent, this.indexes[depth - 1] + 1, right.inodes[0], right.types[0], right.offsets[0], right);
    if (parent.count > INNER_CAPACITY) this.split(depth - 1);
  }

  /** After a removal: drops empty nodes on the path, merges a small leaf with a neighbour in memory, lowers the root. */
  private shrink(): void {
    let depth = this.path.length - 1;
    while (depth > 0 && this.path[depth].count === 0) {
      removeChild(this.path[depth - 1], this.indexes[depth - 1]);
      this.dirtyCount--;
      this.residentCount--;
      depth--;
    }
    const leafDepth = this.path.length - 1;
    if (depth === leafDepth && depth > 0 && this.path[depth].usedBytes < NODE_CAPACITY_BYTES / 4) {
      const parent = this.path[depth - 1];
      const i = this.indexes[depth - 1];
      if (!this.mergeLeaves(parent, i) && i > 0) this.mergeLeaves(parent, i - 1);
    }
    while (this.root.level > 0 && this.root.count <= 1) {
      const only = this.root.count === 0 ? new TreeNode(0) : this.root.children[0];
      if (only === null) break;
      if (this.root.count === 0) {
        only.dirty = true;
        this.dirtyCount++;
        this.residentCount++;
      } else {
        this.rootPointer = this.root.pointers[0];
      }
      this.dirtyCount--;
      this.residentCount--;
      this.root = only;
    }
  }

  /** Appends leaf i + 1 to leaf i if both are in memory and fit well. */
  private mergeLeaves(parent: TreeNode, i: number): boolean {
    if (i + 1 >= parent.count) return false;
    const left = parent.children[i];
    const right = parent.children[i + 1];
    if (left === null || right === null || left.usedBytes + right.usedBytes > NODE_CAPACITY_BYTES * 0.75) return false;
    if (!left.dirty) {
      left.dirty = true;
      this.dirtyCount++;
      this.source.freeNode(parent.pointers[i]);
      parent.pointers[i] = new NodePointer();
    }
    if (right.dirty) this.dirtyCount--;
    else this.source.freeNode(parent.pointers[i + 1]);
    this.residentCount--;
    left.inodes.push(...right.inodes);
    left.types.push(...right.types);
    left.offsets.push(...right.offsets);
    left.values.push(...right.values);
    left.usedBytes += right.usedBytes;
    removeChild(parent, i + 1);
    return true;
  }

  /** Drops clean nodes from memory if there are many. Only between operations. */
  trim(most = MOST_RESIDENT_NODES): void {
    if (this.residentCount - this.dirtyCount <= most) return;
    this.residentCount = 1;
    this.dropClean(this.root);
  }
  private dropClean(node: TreeNode): void {
    for (let i = 0; i < node.children.length; i++) {
      const child = node.children[i];
      if (child === null) continue;
      if (child.dirty) {
        this.residentCount++;
        this.dropClean(child);
      } else {
        node.children[i] = null;
      }
    }
  }

  /** Gives every dirty node, children first, to `place`, which must fill in the pointer. */
  placeDirty(place: NodePlacer): void {
    this.placeNode(this.root, this.rootPointer, place, 0);
  }
  private placeNode(node: TreeNode, pointer: NodePointer, place: NodePlacer, depth: number): void {
    if (!node.dirty || depth > HIGHEST_LEVEL) return;
    for (let i = 0; i < node.children.length; i++) {
      const child = node.children[i];
      if (child?.dirty === true) this.placeNode(child, node.pointers[i], place, depth + 1);
    }
    place.place(node, pointer);
    node.dirty = false;
    this.dirtyCount--;
  }
}
registerClass('eurofs.Tree', 1, Tree);

export interface NodePlacer {
  place(node: TreeNode, pointer: NodePointer): void;
}

function insertChild(parent: TreeNode, i: number, inode: number, type: number, offset: number, child: TreeNode): void {
  parent.inodes.splice(i, 0, inode);
  parent.types.splice(i, 0, type);
  parent.offsets.splice(i, 0, offset);
  parent.pointers.splice(i, 0, new NodePointer());
  parent.children.splice(i, 0, child);
}

/** Removes slot `i`; its range goes to the left neighbour, or to the right one if it was the first. */
function removeChild(parent: TreeNode, i: number): void {
  const keep = i === 0 && parent.count > 1;
  const inode = parent.inodes[i];
  const type = parent.types[i];
  const offset = parent.offsets[i];
  parent.inodes.splice(i, 1);
  parent.types.splice(i, 1);
  parent.offsets.splice(i, 1);
  parent.pointers.splice(i, 1);
  parent.children.splice(i, 1);
  if (!keep) return;
  parent.inodes[0] = inode;
  parent.types[0] = type;
  parent.offsets[0] = offset;
}
