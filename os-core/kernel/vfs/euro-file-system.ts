// EuroFS under the VFS: waits for the disk on the store's queue, commits when the volume asks for it.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import * as euro from '../../eurofs/index.ts';
import { type BlockStore, COMMIT_FIRST, type Inode, ROOT_INODE, type Volume } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { WaitQueue } from '../wait-queue.ts';
import {
  type AttributeChange,
  FileSystem,
  type FileSystemStatistics,
  type FolderEntry,
  type NewNode,
  type RenameMode,
} from './file-system.ts';

/** A block store that says when to ask again. A store without the queue never waits. */
export interface WaitableStore extends BlockStore {
  readonly changed?: WaitQueue;
}

/** Commits that one operation may ask for: three give back all that is free. */
const MOST_COMMITS = 5;

/** fsync's place in task.progress. */
class SynchroniseProgress {
  readonly generation: number;
  constructor(generation: number) {
    this.generation = generation;
  }
}
registerClass('vfs.SynchroniseProgress', 1, SynchroniseProgress);

/**
 * Blocks of a file with those that have no place on the disk yet; a rewritten one that lies behind a hole may count twice until then, but
 * never more than the size takes.
 */
function blocksWithUnwritten(volume: Volume, inode: Inode): number {
  const unwritten = volume.dirtyFiles.get(inode.number)?.blocks.size ?? 0;
  const bySize = Math.ceil(inode.size / euro.BLOCK_BYTES);
  return Math.max(inode.blocks, Math.min(inode.blocks + unwritten, bySize));
}

export class EuroFileSystem extends FileSystem {
  override readonly typeName = 'eurofs';
  override readonly magic = 0x45465331; // "EFS1"
  override readonly rootInode = ROOT_INODE;
  readonly volume: Volume;
  /** Woken when the volume has become dirty. */
  readonly dirtyQueue = new WaitQueue();
  private readonly changed: WaitQueue | null;

  constructor(volume: Volume, store: WaitableStore) {
    super();
    this.volume = volume;
    this.changed = store.changed ?? null;
  }

  override get readOnly(): boolean {
    return this.volume.readOnly;
  }

  private run<T>(kernel: Kernel, task: Task, operation: () => T | number): T | number {
    const { volume } = this;
    const now = kernel.clock.wallClock(kernel.nowNanos());
    volume.nowSeconds = now.seconds;
    volume.nowNanos = Math.floor(now.nanos);
    volume.tree.trim();
    for (let attempt = 0; attempt < MOST_COMMITS; attempt++) {
      const reportsBefore = volume.reportCount;
      const result = operation();
      if (volume.reportCount !== reportsBefore) this.logReports(kernel);
      if (result === PENDING) return this.wait(task);
      if (result !== COMMIT_FIRST) {
        if (!this.dirtyQueue.isEmpty && volume.isDirty) this.dirtyQueue.wakeAll();
        return result;
      }
      const status = volume.commitStep(true);
      if (status === PENDING) return this.wait(task);
      if (status < 0) return status;
    }
    return -Errno.ENOSPC;
  }
  private wait(task: Task): number {
    if (this.changed !== null) task.waitOn(this.changed);
    return PENDING;
  }
  private reportsLogged = 0;
  private logReports(kernel: Kernel): void {
    for (; this.reportsLogged < this.volume.reports.length; this.reportsLogged++)
      kernel.log(`[eurofs] ${this.volume.reports[this.reportsLogged]}`);
  }

  attributes(kernel: Kernel, task: Task, inode: number): Inode | number {
    const found = this.run(kernel, task, () => euro.getInode(this.volume, inode));
    if (typeof found !== 'number') found.blocks = blocksWithUnwritten(this.volume, found);
    return found;
  }
  lookup(kernel: Kernel, task: Task, folder: number, name: string): number {
    return this.run<number>(kernel, task, () => euro.lookup(this.volume, folder, name));
  }
  parent(kernel: Kernel, task: Task, folder: number): { readonly parent: number; readonly name: string } | number {
    return this.run(kernel, task, () => euro.backLink(this.volume, folder));
  }
  readFolder(kernel: Kernel, task: Task, folder: number, position: number): FolderEntry | null | number {
    const found = this.run<number>(kernel, task, () => euro.readDirectory(this.volume, folder, position));
    if (found < 0) return found;
    return found === 0 ? null : { ...euro.foundEntry };
  }
  override readLink(kernel: Kernel, task: Task, inode: number): string | number {
    const target = this.run(kernel, task, () => euro.readLink(this.volume, inode));
    return typeof target === 'number' ? target : euro.bytesToName(target);
  }
  override create(kernel: Kernel, task: Task, folder: number, name: string, what: NewNode): number {
    return this.run<number>(kernel, task, () => euro.create(this.volume, folder, name, what));
  }
  override link(kernel: Kernel, task: Task, folder: number, name: string, inode: number): number {
    return this.run<number>(kernel, task, () => euro.link(this.volume, folder, name, inode));
  }
  override remove(kernel: Kernel, task: Task, folder: number, name: string, isFolder: boolean): number {
    return this.run<number>(kernel, task, () => euro.remove(this.volume, folder, name, isFolder));
  }
  override rename(
    kernel: Kernel,
    task: Task,
    oldFolder: number,
    oldName: string,
    newFolder: number,
    newName: string,
    mode: RenameMode,
  ): number {
    return this.run<number>(kernel, task, () => euro.rename(this.volume, oldFolder, oldName, newFolder, newName, mode));
  }
  override setAttributes(kernel: Kernel, task: Task, number: number, change: AttributeChange): number {
    return this.run<number>(kernel, task, () => {
      const inode = euro.getInode(this.volume, number);
      if (typeof inode === 'number') return inode;
      const room = this.volume.reserve(1, 0, true);
      if (room !== 0) return room;
      applyChange(inode, change);
      euro.stamp(this.volume, inode.changed);
      return euro.putInode(this.volume, inode);
    });
  }
  override readBlock(kernel: Kernel, task: Task, inode: number, index: number): Uint8Array | number {
    return this.run(kernel, task, () => euro.readBlock(this.volume, inode, index));
  }
  override prepareWrite(kernel: Kernel, task: Task, inode: number, index: number, whole: boolean): Uint8Array | number {
    return this.run(kernel, task, () => euro.prepareWrite(this.volume, inode, index, whole));
  }
  override wroteTo(kernel: Kernel, task: Task, inode: number, end: number): number {
    return this.run<number>(kernel, task, () => euro.wroteTo(this.volume, inode, end));
  }
  override setSize(kernel: Kernel, task: Task, inode: number, size: number): number {
    return this.run<number>(kernel, task, () => euro.setSize(this.volume, inode, size));
  }
  override synchronise(kernel: Kernel, task: Task): number {
    const { volume } = this;
    if (!(task.progress instanceof SynchroniseProgress)) {
      const target = volume.isDirty
        ? volume.pendingGeneration
        : volume.superblock.generation + (volume.isCommitting ? 1 : 0);
      task.progress = new SynchroniseProgress(target);
    }
    const { generation } = task.progress as SynchroniseProgress;
    while (volume.superblock.generation < generation) {
      const status = volume.commitStep();
      if (status === PENDING) return this.wait(task);
      if (status < 0) {
        this.logReports(kernel);
        return status;
      }
    }
    task.progress = null;
    return 0;
  }
  override statistics(): FileSystemStatistics {
    const { volume } = this;
    return {
      blocks: volume.blockCount,
      freeBlocks: volume.freeBlocks,
      availableBlocks: volume.availableBlocks,
      // Inodes live in the tree: as many as there is room for.
      inodes: volume.nextInode + volume.freeBlocks,
      freeInodes: volume.freeBlocks,
    };
  }
  override getAttribute(kernel: Kernel, task: Task, inode: number, name: string): Uint8Array | number {
    return this.run(kernel, task, () => euro.getAttribute(this.volume, inode, name));
  }
  override setAttribute(
    kernel: Kernel,
    task: Task,
    inode: number,
    name: string,
    value: Uint8Array | null,
    mode: 'any' | 'create' | 'replace',
  ): number {
    return this.run<number>(kernel, task, () => euro.setAttribute(this.volume, inode, name, value, mode));
  }
  override listAttributes(kernel: Kernel, task: Task, inode: number): string[] | number {
    return this.run(kernel, task, () => euro.listAttributes(this.volume, inode));
  }
  override retain(inode: number): void {
    this.volume.retain(inode);
  }
  override release(inode: number): void {
    this.volume.release(inode);
  }
  override contentIdentity(inode: Inode): string {
    let uuid = '';
    for (const byte of this.volume.uuid) uuid += byte.toString(16).padStart(2, '0');
    return `${uuid}:${inode.number}:${inode.birth}:${inode.dataSequence}`;
  }
}
registerClass('vfs.EuroFileSystem', 1, EuroFileSystem);

export function applyChange(inode: Inode, change: AttributeChange): void {
  if (change.permissions !== undefined) inode.mode = inode.type | (change.permissions & 0o7777);
  if (change.user !== undefined) inode.user = change.user;
  if (change.group !== undefined) inode.group = change.group;
  if (change.accessed !== undefined) Object.assign(inode.accessed, change.accessed);
  if (change.modified !== undefined) Object.assign(inode.modified, change.modified);
}
