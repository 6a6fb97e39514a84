// tmpfs: files in kernel memory, gone at power-off. For /tmp, /run and /dev/shm.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { bytesToName, FileType, Inode, isValidName, LONGEST_NAME_BYTES } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { applyChange } from './euro-file-system.ts';
import {
  type AttributeChange,
  BLOCK_BYTES,
  FileSystem,
  type FileSystemStatistics,
  type FolderEntry,
  type NewNode,
  type RenameMode,
} from './file-system.ts';

const ZEROS = new Uint8Array(BLOCK_BYTES);
/** As Linux' MAX_LFS_FILESIZE would be far beyond any memory; offsets stay exact. */
const LARGEST_FILE_BYTES = 2 ** 50;

class MemoryNode {
  readonly inode = new Inode();
  /** Folders: name → inode number; the order is that of making. */
  readonly entries = new Map<string, number>();
  /** Place of each entry for readdir, rising. */
  readonly positions = new Map<string, number>();
  readonly blocks = new Map<number, Uint8Array>();
  readonly attributes = new Map<string, Uint8Array>();
  target = '';
  parent = 0;
  name = '';
  openCount = 0;
}
registerClass('vfs.MemoryNode', 1, MemoryNode);

export class MemoryFileSystem extends FileSystem {
  override readonly typeName = 'tmpfs';
  override readonly magic = 0x01021994;
  override readonly rootInode = 1;
  private readonly nodes = new Map<number, MemoryNode>();
  private readonly limitBlocks: number;
  /** Blocks of data, extended attributes, and names beyond the first of an inode: each counts as one block. */
  private usedBlocks = 0;
  private nextInode = 2;
  private nextPosition = 1;

  /** @param limitBlocks most blocks of data and inodes it may hold. */
  constructor(limitBlocks: number, rootPermissions: number) {
    super();
    this.limitBlocks = limitBlocks;
    const root = new MemoryNode();
    root.inode.number = 1;
    root.inode.mode = FileType.directory | rootPermissions;
    root.inode.links = 2;
    root.parent = 1;
    this.nodes.set(1, root);
  }

  private folder(number: number): MemoryNode | number {
    const node = this.nodes.get(number);
    if (node === undefined) return -Errno.ENOENT;
    if (!node.inode.isDirectory) return -Errno.ENOTDIR;
    return node;
  }
  private touch(kernel: Kernel, node: MemoryNode, content: boolean): void {
    const now = kernel.clock.wallClock(kernel.nowNanos());
    const time = { seconds: now.seconds, nanos: Math.floor(now.nanos) };
    Object.assign(node.inode.changed, time);
    if (!content) return;
    Object.assign(node.inode.modified, time);
    node.inode.dataSequence++;
  }
  private full(): boolean {
    return this.usedBlocks + this.nodes.size >= this.limitBlocks;
  }

  attributes(_kernel: Kernel, _task: Task, number: number): Inode | number {
    const node = this.nodes.get(number);
    if (node === undefined) return -Errno.ENOENT;
    const copy = Object.assign(new Inode(), node.inode);
    copy.blocks = node.blocks.size;
    return copy;
  }
  lookup(_kernel: Kernel, _task: Task, number: number, name: string): number {
    const folder = this.folder(number);
    if (typeof folder === 'number') return folder;
    if (name.length > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
    return folder.entries.get(name) ?? -Errno.ENOENT;
  }
  parent(_kernel: Kernel, _task: Task, number: number): { readonly parent: number; readonly name: string } | number {
    const folder = this.folder(number);
    return typeof folder === 'number' ? folder : { parent: folder.parent, name: folder.name };
  }
  readFolder(_kernel: Kernel, _task: Task, number: number, position: number): FolderEntry | null | number {
    const folder = this.folder(number);
    if (typeof folder === 'number') return folder;
    for (const [name, inode] of folder.entries) {
      const place = folder.positions.get(name) ?? 0;
      if (place < position) continue;
      const type = (this.nodes.get(inode)?.inode.mode ?? 0) >>> 12;
      return { inode, type, name, position: place + 1 };
    }
    return null;
  }
  override readLink(_kernel: Kernel, _task: Task, number: number): string | number {
    const node = this.nodes.get(number);
    return node?.inode.type === FileType.symbolicLink ? node.target : -Errno.EINVAL;
  }

  private addEntry(folder: MemoryNode, name: string, number: number): void {
    folder.entries.set(name, number);
    folder.positions.set(name, this.nextPosition++);
    folder.inode.size = folder.entries.size;
  }
  private dropEntry(folder: MemoryNode, name: string): void {
    folder.entries.delete(name);
    folder.positions.delete(name);
    folder.inode.size = folder.entries.size;
  }
  private checkNew(folder: MemoryNode, name: string): number {
    if (folder.inode.links === 0) return -Errno.ENOENT;
    if (name.length > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
    if (folder.entries.has(name) || name === '.' || name === '..') return -Errno.EEXIST;
    return isValidName(name) ? 0 : -Errno.EINVAL;
  }

  override create(kernel: Kernel, _task: Task, number: number, name: string, what: NewNode): number {
    const folder = this.folder(number);
    if (typeof folder === 'number') return folder;
    const status = this.checkNew(folder, name);
    if (status !== 0) return status;
    if (this.full()) return -Errno.ENOSPC;
    const node = new MemoryNode();
    node.inode.number = this.nextInode++;
    node.inode.mode = what.mode;
    node.inode.user = what.user;
    node.inode.group = what.group;
    node.inode.links = node.inode.isDirectory ? 2 : 1;
    this.touch(kernel, node, true);
    Object.assign(node.inode.accessed, node.inode.changed);
    Object.assign(node.inode.created, node.inode.changed);
    if (what.target !== undefined) {
      node.target = bytesToName(what.target);
      node.inode.size = what.target.length;
    }
    node.parent = number;
    node.name = name;
    this.nodes.set(node.inode.number, node);
    this.addEntry(folder, name, node.inode.number);
    if (node.inode.isDirectory) folder.inode.links++;
    this.touch(kernel, folder, true);
    return node.inode.number;
  }
  override link(kernel: Kernel, _task: Task, number: number, name: string, target: number): number {
    const folder = this.folder(number);
    const node = this.nodes.get(target);
    if (typeof folder === 'number') return folder;
    if (node === undefined || node.inode.links === 0) return -Errno.ENOENT;
    if (node.inode.isDirectory) return -Errno.EPERM;
    const status = this.checkNew(folder, name);
    if (status !== 0) return status;
    if (this.full()) return -Errno.ENOSPC;
    this.addEntry(folder, name, target);
    node.inode.links++;
    this.usedBlocks++;
    this.touch(kernel, node, false);
    this.touch(kernel, folder, true);
    return 0;
  }
  private dropLink(kernel: Kernel, node: MemoryNode): void {
    node.inode.links = node.inode.isDirectory ? 0 : node.inode.links - 1;
    if (node.inode.links > 0) this.usedBlocks--;
    this.touch(kernel, node, false);
    this.forget(node);
  }
  private forget(node: MemoryNode): void {
    if (node.inode.links > 0 || node.openCount > 0) return;
    this.usedBlocks -= node.blocks.size + node.attributes.size;
    this.nodes.delete(node.inode.number);
  }
  override remove(kernel: Kernel, _task: Task, number: number, name: string, isFolder: boolean): number {
    const folder = this.folder(number);
    if (typeof folder === 'number') return folder;
    const node = this.nodes.get(folder.entries.get(name) ?? 0);
    if (node === undefined) return -Errno.ENOENT;
    if (isFolder && !node.inode.isDirectory) return -Errno.ENOTDIR;
    if (!isFolder && node.inode.isDirectory) return -Errno.EISDIR;
    if (isFolder && node.entries.size > 0) return -Errno.ENOTEMPTY;
    this.dropEntry(folder, name);
    if (isFolder) folder.inode.links--;
    this.touch(kernel, folder, true);
    this.dropLink(kernel, node);
    return 0;
  }
  private isWithin(number: number, ancestor: number): boolean {
    for (let at = number; ; ) {
      if (at === ancestor) return true;
      const node = this.nodes.get(at);
      if (node === undefined || node.parent === at) return false;
      at = node.parent;
    }
  }
  override rename(
    kernel: Kernel,
    _task: Task,
    oldFolder: number,
    oldName: string,
    newFolder: number,
    newName: string,
    mode: RenameMode,
  ): number {
    const from = this.folder(oldFolder);
    const to = this.folder(newFolder);
    if (typeof from === 'number') return from;
    if (typeof to === 'number') return to;
    const node = this.nodes.get(from.entries.get(oldName) ?? 0);
    const target = this.nodes.get(to.entries.get(newName) ?? 0) ?? null;
    if (node === undefined || (target === null && mode === 'exchange')) return -Errno.ENOENT;
    if (to.inode.links === 0) return -Errno.ENOENT;
    if (newName.length > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
    if (!isValidName(newName)) return -Errno.EINVAL;
    if (target !== null && mode === 'noReplace') return -Errno.EEXIST;
    if (node.inode.isDirectory && this.isWithin(newFolder, node.inode.number)) return -Errno.EINVAL;
    if (target?.inode.isDirectory === true && this.isWithin(oldFolder, target.inode.number))
      return mode === 'exchange' ? -Errno.EINVAL : -Errno.ENOTEMPTY;
    if (node === target) return 0;
    if (target !== null && mode === 'replace') {
      if (node.inode.isDirectory && !target.inode.isDirectory) return -Errno.ENOTDIR;
      if (!node.inode.isDirectory && target.inode.isDirectory) return -Errno.EISDIR;
      if (target.entries.size > 0) return -Errno.ENOTEMPTY;
    }
    this.dropEntry(from, oldName);
    if (target !== null) this.dropEntry(to, newName);
    this.addEntry(to, newName, node.inode.number);
    this.moved(node, from, to, newFolder, newName);
    if (target !== null && mode === 'exchange') {
      this.addEntry(from, oldName, target.inode.number);
      this.moved(target, to, from, oldFolder, oldName);
      this.touch(kernel, target, false);
    } else if (target !== null) {
      if (target.inode.isDirectory) to.inode.links--;
      this.dropLink(kernel, target);
    }
    this.touch(kernel, node, false);
    this.touch(kernel, from, true);
    this.touch(kernel, to, true);
    return 0;
  }
  private moved(node: MemoryNode, from: MemoryNode, to: MemoryNode, parent: number, name: string): void {
    node.parent = parent;
    node.name = name;
    if (!node.inode.isDirectory) return;
    from.inode.links--;
    to.inode.links++;
  }

  override setAttributes(kernel: Kernel, _task: Task, number: number, change: AttributeChange): number {
    const node = this.nodes.get(number);
    if (node === undefined) return -Errno.ENOENT;
    applyChange(node.inode, change);
    this.touch(kernel, node, false);
    return 0;
  }
  override readBlock(_kernel: Kernel, _task: Task, number: number, index: number): Uint8Array | number {
    return this.nodes.get(number)?.blocks.get(index) ?? ZEROS;
  }
  override prepareWrite(_kernel: Kernel, _task: Task, number: number, index: number): Uint8Array | number {
    const node = this.nodes.get(number);
    if (node === undefined) return -Errno.EIO;
    if (index * BLOCK_BYTES >= LARGEST_FILE_BYTES) return -Errno.EFBIG;
    let block = node.blocks.get(index);
    if (block === undefined) {
      if (this.full()) return -Errno.ENOSPC;
      block = new Uint8Array(BLOCK_BYTES);
      node.blocks.set(index, block);
      this.usedBlocks++;
    }
    return block;
  }
  override wroteTo(kernel: Kernel, _task: Task, number: number, end: number): number {
    const node = this.nodes.get(number);
    if (node === undefined) return -Errno.EIO;
    node.inode.size = Math.max(node.inode.size, end);
    this.touch(kernel, node, true);
    return 0;
  }
  override setSize(kernel: Kernel, _task: Task, number: number, size: number): number {
    const node = this.nodes.get(number);
    if (node === undefined) return -Errno.EIO;
    if (size > LARGEST_FILE_BYTES) return -Errno.EFBIG;
    const firstGone = Math.ceil(size / BLOCK_BYTES);
    for (const index of [...node.blocks.keys()]) {
      if (index < firstGone) continue;
      node.blocks.delete(index);
      this.usedBlocks--;
    }
    if (size % BLOCK_BYTES !== 0) node.blocks.get(firstGone - 1)?.fill(0, size % BLOCK_BYTES);
    node.inode.size = size;
    this.touch(kernel, node, true);
    return 0;
  }
  override statistics(): FileSystemStatistics {
    const free = Math.max(0, this.limitBlocks - this.usedBlocks - this.nodes.size);
    return {
      blocks: this.limitBlocks,
      freeBlocks: free,
      availableBlocks: free,
      inodes: this.nodes.size + free,
      freeInodes: free,
    };
  }
  override getAttribute(_kernel: Kernel, _task: Task, number: number, name: string): Uint8Array | number {
    return this.nodes.get(number)?.attributes.get(name) ?? -Errno.ENODATA;
  }
  override setAttribute(
    kernel: Kernel,
    _task: Task,
    number: number,
    name: string,
    value: Uint8Array | null,
    mode: 'any' | 'create' | 'replace',
  ): number {
    const node = this.nodes.get(number);
    if (node === undefined) return -Errno.ENOENT;
    const exists = node.attributes.has(name);
    if (exists && mode === 'create') return -Errno.EEXIST;
    if (!exists && (value === null || mode === 'replace')) return -Errno.ENODATA;
    // As EuroFS: what does not fit into one item is refused.
    if (value !== null && (value.length > 1024 || node.attributes.size >= 64)) return -Errno.ENOSPC;
    if (!exists && this.full()) return -Errno.ENOSPC;
    if (value === null) {
      node.attributes.delete(name);
      this.usedBlocks--;
    } else {
      node.attributes.set(name, value.slice());
      if (!exists) this.usedBlocks++;
    }
    this.touch(kernel, node, false);
    return 0;
  }
  override listAttributes(_kernel: Kernel, _task: Task, number: number): string[] | number {
    return [...(this.nodes.get(number)?.attributes.keys() ?? [])];
  }
  override contentIdentity(inode: Inode): string {
    return `tmpfs:${this.deviceNumber}:${inode.number}:${inode.dataSequence}`;
  }
  override retain(number: number): void {
    const node = this.nodes.get(number);
    if (node !== undefined) node.openCount++;
  }
  override release(number: number): void {
    const node = this.nodes.get(number);
    if (node === undefined) return;
    node.openCount--;
    this.forget(node);
  }
}
registerClass('vfs.MemoryFileSystem', 1, MemoryFileSystem);
