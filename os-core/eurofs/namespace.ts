// Names: directories, links, rename, symbolic links, extended attributes.
//
// Every operation has one order: check, load all that it will touch (may be PENDING), reserve room, change. POSIX rules that
// need credentials or path strings (permissions, trailing slashes, sticky folders) are the VFS's.
// Names are byte strings (items.ts). Results: >= 0, -errno, PENDING or COMMIT_FIRST.

import { Errno } from '../abi/errno.ts';
import { contentChanged, getInode, prepareWrite, putInode, readBytes, stamp } from './files.ts';
import {
  type Attribute,
  type BackLink,
  type DirectoryEntry,
  decodeAttributes,
  decodeBackLink,
  decodeBucket,
  encodeAttributes,
  encodeBackLink,
  encodeBucket,
  FileType,
  hashName,
  Inode,
  isValidName,
  LONGEST_NAME_BYTES,
} from './items.ts';
import { BLOCK_BYTES, ItemType, ROOT_INODE } from './layout.ts';
import type { Volume } from './volume.ts';

const MOST_LINKS = 65000;
/** Longer chains of parents than a path can name mean a damaged volume. */
const DEEPEST_FOLDER = 4096;

/** The entries that share the hash of `name`; [] if none. */
function bucketOf(volume: Volume, directory: number, name: string): DirectoryEntry[] | number {
  const value = volume.tree.get(directory, ItemType.directoryEntry, hashName(name));
  if (typeof value === 'number') return value === -Errno.ENOENT ? [] : value;
  return decodeBucket(value) ?? -Errno.EIO;
}

function putBucket(volume: Volume, directory: number, name: string, entries: readonly DirectoryEntry[]): number {
  if (entries.length === 0) return volume.tree.remove(directory, ItemType.directoryEntry, hashName(name));
  const value = encodeBucket(entries);
  return value === null ? -Errno.ENOSPC : volume.tree.put(directory, ItemType.directoryEntry, hashName(name), value);
}

/** The inode number of an entry, -ENOENT, -ENAMETOOLONG, PENDING, -EIO. */
export function lookup(volume: Volume, directory: number, name: string): number {
  if (name.length > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
  const bucket = bucketOf(volume, directory, name);
  if (typeof bucket === 'number') return bucket;
  return bucket.find((entry) => entry.name === name)?.inode ?? -Errno.ENOENT;
}

/** A directory's inode that can take entries, or -ENOTDIR, -ENOENT (removed), … */
function directoryInode(volume: Volume, number: number): Inode | number {
  const inode = getInode(volume, number);
  if (typeof inode === 'number') return inode;
  if (!inode.isDirectory) return -Errno.ENOTDIR;
  return inode.links === 0 ? -Errno.ENOENT : inode;
}

function checkNewName(volume: Volume, directory: number, name: string): number {
  if (name.length > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
  if (!isValidName(name)) return name === '.' || name === '..' ? -Errno.EEXIST : -Errno.EINVAL;
  const existing = lookup(volume, directory, name);
  return existing >= 0 ? -Errno.EEXIST : existing === -Errno.ENOENT ? 0 : existing;
}

export interface NewInode {
  /** Type and permission bits. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
  /** Device numbers of a device node, else 0. */
  readonly device?: number;
  /** Target of a symbolic link. */
  readonly target?: Uint8Array;
}

/** Makes a file, folder, fifo or symbolic link: its inode number, or -errno, PENDING, COMMIT_FIRST. */
export function create(volume: Volume, directory: number, name: string, what: NewInode): number {
  const parent = directoryInode(volume, directory);
  if (typeof parent === 'number') return parent;
  let status = checkNewName(volume, directory, name);
  if (status !== 0) return status;
  const isDirectory = (what.mode & FileType.mask) === FileType.directory;
  if (isDirectory && parent.links >= MOST_LINKS) return -Errno.EMLINK;
  status = volume.reserve(5, what.target === undefined ? 0 : 1);
  if (status !== 0) return status;
  const bucket = bucketOf(volume, directory, name);
  if (typeof bucket === 'number') return bucket;
  const number = volume.nextInode;
  status = volume.tree.touch(number, ItemType.inode, 0);
  if (status !== 0) return status;
  const entry = { inode: number, type: what.mode >>> 12, name };
  if (encodeBucket([...bucket, entry]) === null) return -Errno.ENOSPC;

  volume.nextInode++;
  const inode = new Inode();
  inode.number = number;
  inode.mode = what.mode & 0xffff;
  inode.links = isDirectory ? 2 : 1;
  inode.user = what.user;
  inode.group = what.group;
  inode.device = what.device ?? 0;
  inode.birth = volume.pendingGeneration;
  for (const time of [inode.accessed, inode.modified, inode.changed, inode.created]) stamp(volume, time);
  if (what.target !== undefined) inode.size = what.target.length;
  putInode(volume, inode);
  if (what.target !== undefined) {
    const block = prepareWrite(volume, number, 0, true);
    if (typeof block !== 'number') block.set(what.target.subarray(0, BLOCK_BYTES));
  }
  if (isDirectory) volume.tree.put(number, ItemType.backLink, 0, encodeBackLink({ parent: directory, name }));
  putBucket(volume, directory, name, [...bucket, entry]);
  parent.size++;
  if (isDirectory) parent.links++;
  contentChanged(volume, parent);
  putInode(volume, parent);
  return number;
}

/** link(2): another name for a file that is no directory. */
export function link(volume: Volume, directory: number, name: string, number: number): number {
  const parent = directoryInode(volume, directory);
  if (typeof parent === 'number') return parent;
  const inode = getInode(volume, number);
  if (typeof inode === 'number') return inode;
  if (inode.isDirectory) return -Errno.EPERM;
  if (inode.links === 0) return -Errno.ENOENT;
  if (inode.links >= MOST_LINKS) return -Errno.EMLINK;
  let status = checkNewName(volume, directory, name);
  if (status === 0) status = volume.reserve(3, 0);
  if (status !== 0) return status;
  const bucket = bucketOf(volume, directory, name);
  if (typeof bucket === 'number') return bucket;
  status = putBucket(volume, directory, name, [...bucket, { inode: number, type: inode.mode >>> 12, name }]);
  if (status !== 0) return status;
  parent.size++;
  contentChanged(volume, parent);
  putInode(volume, parent);
  inode.links++;
  stamp(volume, inode.changed);
  putInode(volume, inode);
  return 0;
}

function withoutName(bucket: readonly DirectoryEntry[], name: string): DirectoryEntry[] {
  return bucket.filter((entry) => entry.name !== name);
}

/** Takes one name from an inode; without names it becomes an orphan, freed by a commit once nobody has it open. */
function dropLink(volume: Volume, inode: Inode): void {
  inode.links = inode.isDirectory ? 0 : Math.max(0, inode.links - 1);
  stamp(volume, inode.changed);
  putInode(volume, inode);
  if (inode.links === 0) volume.orphans.add(inode.number);
}

/** unlink(2) and, with `folder`, rmdir(2). */
export function remove(volume: Volume, directory: number, name: string, folder: boolean): number {
  const parent = directoryInode(volume, directory);
  if (typeof parent === 'number') return parent;
  const bucket = bucketOf(volume, directory, name);
  if (typeof bucket === 'number') return bucket;
  const entry = bucket.find((candidate) => candidate.name === name);
  if (entry === undefined) return name.length > LONGEST_NAME_BYTES ? -Errno.ENAMETOOLONG : -Errno.ENOENT;
  const inode = getInode(volume, entry.inode);
  if (typeof inode === 'number') return inode === -Errno.ENOENT ? -Errno.EIO : inode;
  if (folder && !inode.isDirectory) return -Errno.ENOTDIR;
  if (!folder && inode.isDirectory) return -Errno.EISDIR;
  if (folder && inode.size > 0) return -Errno.ENOTEMPTY;
  const room = volume.reserve(3, 0, true);
  if (room !== 0) return room;
  putBucket(volume, directory, name, withoutName(bucket, name));
  parent.size = Math.max(0, parent.size - 1);
  if (folder) parent.links = Math.max(2, parent.links - 1);
  contentChanged(volume, parent);
  putInode(volume, parent);
  dropLink(volume, inode);
  return 0;
}

/** Parent and own name of a directory; the root is its own parent. */
export function backLink(volume: Volume, directory: number): BackLink | number {
  if (directory === ROOT_INODE) return { parent: ROOT_INODE, name: '' };
  const value = volume.tree.get(directory, ItemType.backLink, 0);
  if (typeof value === 'number') return value;
  return decodeBackLink(value) ?? -Errno.EIO;
}

/** 1 if `ancestor` is `directory` or lies above it, 0 if not, PENDING or -errno. */
function isWithin(volume: Volume, directory: number, ancestor: number): number {
  let at = directory;
  for (let depth = 0; depth < DEEPEST_FOLDER; depth++) {
    if (at === ancestor) return 1;
    if (at === ROOT_INODE) return 0;
    const up = backLink(volume, at);
    if (typeof up === 'number') return up;
    at = up.parent;
  }
  return -Errno.EIO;
}

/** rename(2), renameat2(2). `mode`: 'exchange' and 'noReplace' as RENAME_EXCHANGE and RENAME_NOREPLACE. Atomic: a commit holds all of it or nothing. */
export function rename(
  volume: Volume,
  oldDirectory: number,
  oldName: string,
  newDirectory: number,
  newName: string,
  mode: 'replace' | 'noReplace' | 'exchange',
): number {
  const oldParent = directoryInode(volume, oldDirectory);
  if (typeof oldParent === 'number') return oldParent;
  const sameParent = oldDirectory === newDirectory;
  const newParent = sameParent ? oldParent : directoryInode(volume, newDirectory);
  if (typeof newParent === 'number') return newParent;
  if (newName.length > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
  if (!isValidName(newName)) return -Errno.EINVAL;
  const sourceNumber = lookup(volume, oldDirectory, oldName);
  if (sourceNumber < 0) return sourceNumber;
  const source = getInode(volume, sourceNumber);
  if (typeof source === 'number') return source === -Errno.ENOENT ? -Errno.EIO : source;
  const targetNumber = lookup(volume, newDirectory, newName);
  if (targetNumber < 0 && targetNumber !== -Errno.ENOENT) return targetNumber;
  let target: Inode | null = null;
  if (targetNumber >= 0) {
    if (mode === 'noReplace') return -Errno.EEXIST;
    const inode = getInode(volume, targetNumber);
    if (typeof inode === 'number') return inode === -Errno.ENOENT ? -Errno.EIO : inode;
    target = inode;
  } else if (mode === 'exchange') {
    return -Errno.ENOENT;
  }
  if (source.isDirectory) {
    const loop = isWithin(volume, newDirectory, sourceNumber);
    if (loop !== 0) return loop === 1 ? -Errno.EINVAL : loop;
  }
  if (target?.isDirectory === true && (mode === 'exchange' || !sameParent)) {
    const loop = isWithin(volume, oldDirectory, target.number);
    if (loop !== 0) return loop === 1 ? (mode === 'exchange' ? -Errno.EINVAL : -Errno.ENOTEMPTY) : loop;
  }
  if (target !== null && target.number === sourceNumber) return 0;
  if (target !== null && mode === 'replace') {
    if (source.isDirectory && !target.isDirectory) return -Errno.ENOTDIR;
    if (!source.isDirectory && target.isDirectory) return -Errno.EISDIR;
    if (target.isDirectory && target.size > 0) return -Errno.ENOTEMPTY;
  }
  const room = volume.reserve(8, 0);
  if (room !== 0) return room;
  for (const inode of [source, target]) {
    const status = inode?.isDirectory === true ? volume.tree.touch(inode.number, ItemType.backLink, 0) : 0;
    if (status !== 0) return status;
  }
  return moveEntry(volume, { oldParent, oldName, newParent, newName, source, target, exchange: mode === 'exchange' });
}

interface Move {
  readonly oldParent: Inode;
  readonly oldName: string;
  readonly newParent: Inode;
  readonly newName: string;
  readonly source: Inode;
  readonly target: Inode | null;
  readonly exchange: boolean;
}

/** Everything is loaded and allowed: changes the entries. Only a full bucket can still refuse. */
function moveEntry(volume: Volume, move: Move): number {
  const { oldParent, oldName, newParent, newName, source, target } = move;
  const newBucket = bucketOf(volume, newParent.number, newName);
  if (typeof newBucket === 'number') return newBucket;
  const kept = withoutName(newBucket, newName);
  const entry = { inode: source.number, type: source.mode >>> 12, name: newName };
  const status = putBucket(volume, newParent.number, newName, [...kept, entry]);
  if (status !== 0) return status;
  const oldBucket = bucketOf(volume, oldParent.number, oldName);
  if (typeof oldBucket === 'number') return oldBucket;
  const rest = withoutName(oldBucket, oldName);
  if (move.exchange && target !== null) rest.push({ inode: target.number, type: target.mode >>> 12, name: oldName });
  putBucket(volume, oldParent.number, oldName, rest);

  const setParent = (inode: Inode, parent: number, name: string): void => {
    if (inode.isDirectory) volume.tree.put(inode.number, ItemType.backLink, 0, encodeBackLink({ parent, name }));
  };
  setParent(source, newParent.number, newName);
  // Link counts of the parents follow their sub-folders, entry counts their names.
  if (source.isDirectory) {
    oldParent.links--;
    newParent.links++;
  }
  if (move.exchange && target !== null) {
    setParent(target, oldParent.number, oldName);
    if (target.isDirectory) {
      newParent.links--;
      oldParent.links++;
    }
    stamp(volume, target.changed);
    putInode(volume, target);
  } else {
    oldParent.size--;
    if (target === null) newParent.size++;
    else if (target.isDirectory) newParent.links--;
    if (target !== null) dropLink(volume, target);
  }
  stamp(volume, source.changed);
  putInode(volume, source);
  contentChanged(volume, oldParent);
  putInode(volume, oldParent);
  if (newParent !== oldParent) {
    contentChanged(volume, newParent);
    putInode(volume, newParent);
  }
  return 0;
}

/** The entry that readDirectory found. */
export const foundEntry = { inode: 0, type: 0, name: '', position: 0 };

/**
 * The first entry at or after `position` (0 = start): 1 and foundEntry (its `position` is where the next one is looked for),
 * 0 at the end, PENDING or -errno. Positions stay valid while entries come and go: hash of the name x 16 + place in the bucket.
 */
export function readDirectory(volume: Volume, directory: number, position: number): number {
  let hash = Math.floor(position / 16);
  let skip = position % 16;
  for (;;) {
    const found = volume.tree.seek(directory, ItemType.directoryEntry, hash);
    if (found <= 0) return found;
    const tree = volume.tree;
    if (tree.foundInode !== directory || tree.foundType !== ItemType.directoryEntry) return 0;
    const bucket = decodeBucket(tree.foundValue);
    if (bucket === null) return -Errno.EIO;
    if (tree.foundOffset !== hash) skip = 0;
    hash = tree.foundOffset;
    if (skip < bucket.length) {
      foundEntry.inode = bucket[skip].inode;
      foundEntry.type = bucket[skip].type;
      foundEntry.name = bucket[skip].name;
      foundEntry.position = hash * 16 + skip + 1;
      return 1;
    }
    hash++;
    skip = 0;
  }
}

/** The target of a symbolic link (at most 4,096 bytes), PENDING or -errno. */
export function readLink(volume: Volume, number: number): Uint8Array | number {
  const inode = getInode(volume, number);
  if (typeof inode === 'number') return inode;
  if (inode.type !== FileType.symbolicLink) return -Errno.EINVAL;
  const target = new Uint8Array(Math.min(inode.size, BLOCK_BYTES));
  const count = readBytes(volume, number, 0, target);
  return count < 0 ? count : target;
}

function attributesOf(volume: Volume, number: number, name: string): Attribute[] | number {
  const value = volume.tree.get(number, ItemType.attribute, hashName(name));
  if (typeof value === 'number') return value === -Errno.ENOENT ? [] : value;
  return decodeAttributes(value) ?? -Errno.EIO;
}

/** The value of an extended attribute, -ENODATA, PENDING or -errno. */
export function getAttribute(volume: Volume, number: number, name: string): Uint8Array | number {
  const attributes = attributesOf(volume, number, name);
  if (typeof attributes === 'number') return attributes;
  return attributes.find((attribute) => attribute.name === name)?.value ?? -Errno.ENODATA;
}

/** Names of all extended attributes of an inode. */
export function listAttributes(volume: Volume, number: number): string[] | number {
  const names: string[] = [];
  for (let offset = 0; ; ) {
    const found = volume.tree.seek(number, ItemType.attribute, offset);
    if (found < 0) return found;
    if (found === 0 || volume.tree.foundInode !== number || volume.tree.foundType !== ItemType.attribute) return names;
    offset = volume.tree.foundOffset + 1;
    for (const attribute of decodeAttributes(volume.tree.foundValue) ?? []) names.push(attribute.name);
  }
}

/** Sets (`value`) or removes (null) an attribute. `mode` as XATTR_CREATE and XATTR_REPLACE. */
export function setAttribute(
  volume: Volume,
  number: number,
  name: string,
  value: Uint8Array | null,
  mode: 'any' | 'create' | 'replace',
): number {
  if (name.length === 0 || name.length > LONGEST_NAME_BYTES) return -Errno.ERANGE;
  const inode = getInode(volume, number);
  if (typeof inode === 'number') return inode;
  const attributes = attributesOf(volume, number, name);
  if (typeof attributes === 'number') return attributes;
  const exists = attributes.some((attribute) => attribute.name === name);
  if (exists && mode === 'create') return -Errno.EEXIST;
  if (!exists && (value === null || mode === 'replace')) return -Errno.ENODATA;
  const room = volume.reserve(3, 0, value === null);
  if (room !== 0) return room;
  const kept = attributes.filter((attribute) => attribute.name !== name);
  if (value !== null) kept.push({ name, value: value.slice() });
  const bytes = encodeAttributes(kept);
  if (bytes === null) return -Errno.ENOSPC;
  if (kept.length === 0) volume.tree.remove(number, ItemType.attribute, hashName(name));
  else volume.tree.put(number, ItemType.attribute, hashName(name), bytes);
  stamp(volume, inode.changed);
  return putInode(volume, inode);
}
