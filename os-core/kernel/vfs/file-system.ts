// What the VFS asks of a file system. Inodes are numbers; names and link targets are byte strings (one character = one byte).
//
//   path walk ──► lookup, parent, readLink        open files ──► readBlock, prepareWrite + wroteTo, setSize
//   calls     ──► create, link, remove, rename, setAttributes, readDirectory, extended attributes, synchronise
//
// All results: a value, -errno, or PENDING after task.waitOn(); nothing has changed then. Defaults are those of a file system that
// cannot do it.

import { Errno } from '../../abi/errno.ts';
import type { Inode } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import type { OpenFile } from './open-file.ts';

export const BLOCK_BYTES = 4096;

/** chmod, chown, utimensat: absent members stay. */
export interface AttributeChange {
  readonly permissions?: number;
  readonly user?: number;
  readonly group?: number;
  readonly accessed?: { readonly seconds: number; readonly nanos: number };
  readonly modified?: { readonly seconds: number; readonly nanos: number };
}

export interface NewNode {
  /** Type and permission bits. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
  readonly target?: Uint8Array;
}

/** An entry of a folder; `position` is where the next one is looked for. */
export interface FolderEntry {
  readonly inode: number;
  readonly type: number;
  readonly name: string;
  readonly position: number;
}

/** statfs(2) */
export interface FileSystemStatistics {
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly inodes: number;
  readonly freeInodes: number;
}

export type RenameMode = 'replace' | 'noReplace' | 'exchange';

export abstract class FileSystem {
  /** st_dev; given by the mount table. */
  deviceNumber = 0;
  /** As in /proc/mounts. */
  abstract readonly typeName: string;
  /** f_type of statfs. */
  abstract readonly magic: number;
  abstract readonly rootInode: number;
  get readOnly(): boolean {
    return false;
  }

  /** A fresh copy of the attributes. */
  abstract attributes(kernel: Kernel, task: Task, inode: number): Inode | number;
  /** The inode of an entry. */
  abstract lookup(kernel: Kernel, task: Task, folder: number, name: string): number;
  /** The inode of "..", and the folder's own name there. The root is its own parent. */
  abstract parent(
    kernel: Kernel,
    task: Task,
    folder: number,
  ): { readonly parent: number; readonly name: string } | number;
  /** The first entry at or after `position` (0 = start), null at the end. "." and ".." are not among them. */
  abstract readFolder(kernel: Kernel, task: Task, folder: number, position: number): FolderEntry | null | number;

  readLink(_kernel: Kernel, _task: Task, _inode: number): string | number {
    return -Errno.EINVAL;
  }
  create(_kernel: Kernel, _task: Task, _folder: number, _name: string, _what: NewNode): number {
    return -Errno.EROFS;
  }
  link(_kernel: Kernel, _task: Task, _folder: number, _name: string, _inode: number): number {
    return -Errno.EROFS;
  }
  /** unlink, or rmdir with `isFolder`. */
  remove(_kernel: Kernel, _task: Task, _folder: number, _name: string, _isFolder: boolean): number {
    return -Errno.EROFS;
  }
  rename(
    _kernel: Kernel,
    _task: Task,
    _oldFolder: number,
    _oldName: string,
    _newFolder: number,
    _newName: string,
    _mode: RenameMode,
  ): number {
    return -Errno.EROFS;
  }
  setAttributes(_kernel: Kernel, _task: Task, _inode: number, _change: AttributeChange): number {
    return -Errno.EROFS;
  }
  /** The 4,096 bytes of a file block, not to be changed; valid until the next call. */
  readBlock(_kernel: Kernel, _task: Task, _inode: number, _index: number): Uint8Array | number {
    return -Errno.EIO;
  }
  /** A buffer for a file block to be changed at once; `whole`: every byte will be. */
  prepareWrite(_kernel: Kernel, _task: Task, _inode: number, _index: number, _whole: boolean): Uint8Array | number {
    return -Errno.EROFS;
  }
  /** A buffer was changed; the file reaches to `end` at least. */
  wroteTo(_kernel: Kernel, _task: Task, _inode: number, _end: number): number {
    return -Errno.EROFS;
  }
  setSize(_kernel: Kernel, _task: Task, _inode: number, _size: number): number {
    return -Errno.EROFS;
  }
  /** fsync and sync: 0 when all that was changed before the call is durable. Keeps its place in task.progress. */
  synchronise(_kernel: Kernel, _task: Task): number {
    return 0;
  }
  statistics(): FileSystemStatistics {
    return { blocks: 0, freeBlocks: 0, availableBlocks: 0, inodes: 0, freeInodes: 0 };
  }
  getAttribute(_kernel: Kernel, _task: Task, _inode: number, _name: string): Uint8Array | number {
    return -Errno.EOPNOTSUPP;
  }
  setAttribute(
    _kernel: Kernel,
    _task: Task,
    _inode: number,
    _name: string,
    _value: Uint8Array | null,
    _mode: 'any' | 'create' | 'replace',
  ): number {
    return -Errno.EOPNOTSUPP;
  }
  listAttributes(_kernel: Kernel, _task: Task, _inode: number): string[] | number {
    return [];
  }
  /** Keeps an inode alive without a name. Never sleeps. */
  retain(_inode: number): void {}
  release(_inode: number): void {}
  /** Files that are no plain data (devices, texts of the kernel): their description, or -errno; null = plain data. */
  openSpecial(_kernel: Kernel, _task: Task, _inode: Inode, _flags: number): OpenFile | number | null {
    return null;
  }
  /** A link that leads to an open description rather than to a path (/proc/PID/fd). null: an ordinary link. */
  magicFile(_kernel: Kernel, _task: Task, _inode: number): OpenFile | null {
    return null;
  }
  /** Equal identities have equal bytes. '' = unknown. */
  contentIdentity(_inode: Inode): string {
    return '';
  }
}
