// From a path to an inode (path_resolution(7)).
//
//   walk("a/link/b")   a ─ lookup ─► link ─ symbolic: its target is put before the rest ─► … ─► b = { parent, name, target }
//
// Bounds: 40 symbolic links, components of 255 bytes, paths of 4,096 bytes, so at most 40 x 4,096 steps.
// Every folder on the way needs search permission. A walk changes nothing, so it is simply done again after PENDING.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { FileType, type Inode, LONGEST_NAME_BYTES } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Credentials } from '../process/process.ts';
import type { Task } from '../process/task.ts';
import type { OpenFile } from './open-file.ts';
import { Place, Vfs } from './vfs.ts';

const MOST_LINKS = 40;
const LONGEST_PATH_BYTES = 4096;
/** Target and rest together; beyond it no real path is meant. */
const LONGEST_EXPANSION = 2 * LONGEST_PATH_BYTES;

export const Access = { execute: 1, write: 2, read: 4 } as const;

/** Where a path leads. */
export interface Walk {
  /** The folder that holds the last component; null if the path ends in "/", "." or "..". */
  readonly parent: Place | null;
  readonly name: string;
  /** null if the last component does not exist. */
  readonly target: Place | null;
  /** Attributes of the target. */
  readonly inode: Inode | null;
  /** The path ended in a slash: only a folder is meant. */
  readonly trailingSlash: boolean;
  /** The last component: 'name', '.' or '..', or 'root' for "/". */
  readonly last: 'name' | '.' | '..' | 'root';
  /** An open description that a link of /proc led to. */
  readonly magic: OpenFile | null;
}

/** Linux' permission check; user 0 may do everything but execute what nobody may execute. */
export function mayAccess(inode: Inode, credentials: Credentials, wanted: number): boolean {
  if (credentials.userId === 0) {
    if ((wanted & Access.execute) === 0 || inode.isDirectory) return true;
    return (inode.mode & 0o111) !== 0;
  }
  let shift = 0;
  if (inode.user === credentials.userId) shift = 6;
  else if (inode.group === credentials.groupId || credentials.supplementaryGroups.includes(inode.group)) shift = 3;
  return ((inode.mode >>> shift) & wanted) === wanted;
}

/** ".." across mounts; the root is its own parent. */
function parentOf(kernel: Kernel, task: Task, vfs: Vfs, place: Place): Place | number {
  let at = place;
  while (at.inode === at.fileSystem.rootInode) {
    if (at.mount.covered === null) return at;
    at = at.mount.covered;
  }
  const up = at.fileSystem.parent(kernel, task, at.inode);
  return typeof up === 'number' ? up : vfs.cross(new Place(at.mount, up.parent));
}

/** Walks `path` (a byte string) from `start`. `follow`: also the last component if it is a symbolic link. -errno or PENDING. */
export function walk(kernel: Kernel, task: Task, start: Place, path: string, follow: boolean): Walk | number {
  const vfs = Vfs.of(kernel);
  const root = vfs.waitForRoot(task);
  if (typeof root === 'number') return root;
  if (path.length === 0) return -Errno.ENOENT;
  if (path.length >= LONGEST_PATH_BYTES) return -Errno.ENAMETOOLONG;
  let at = path[0] === '/' ? root : start;
  let rest = path;
  let links = 0;
  let last: Walk['last'] = 'root';
  for (;;) {
    let begin = 0;
    while (rest[begin] === '/') begin++;
    const inode = at.fileSystem.attributes(kernel, task, at.inode);
    if (typeof inode === 'number') return inode;
    if (begin === rest.length)
      return { parent: null, name: '', target: at, inode, trailingSlash: begin > 0, last, magic: null };
    let end = rest.indexOf('/', begin);
    if (end < 0) end = rest.length;
    const name = rest.slice(begin, end);
    let after = end;
    while (rest[after] === '/') after++;
    const isLast = after === rest.length;
    const trailingSlash = isLast && end < rest.length;
    if (!inode.isDirectory) return -Errno.ENOTDIR;
    if (!mayAccess(inode, task.process.credentials, Access.execute)) return -Errno.EACCES;
    rest = rest.slice(end);
    if (name === '.' || name === '..') {
      if (name === '..') {
        const up = parentOf(kernel, task, vfs, at);
        if (typeof up === 'number') return up;
        at = up;
      }
      last = name;
      continue;
    }
    if (name.length > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
    const found = at.fileSystem.lookup(kernel, task, at.inode, name);
    if (found < 0) {
      if (found !== -Errno.ENOENT || !isLast) return found;
      return { parent: at, name, target: null, inode: null, trailingSlash, last: 'name', magic: null };
    }
    const child = vfs.cross(new Place(at.mount, found));
    const childInode = child.fileSystem.attributes(kernel, task, child.inode);
    if (typeof childInode === 'number') return childInode === -Errno.ENOENT ? -Errno.EIO : childInode;
    if (childInode.type === FileType.symbolicLink && (!isLast || follow || trailingSlash)) {
      if (++links > MOST_LINKS) return -Errno.ELOOP;
      const magic = child.fileSystem.magicFile(kernel, task, child.inode);
      if (magic !== null && isLast && !trailingSlash)
        return { parent: at, name, target: child, inode: childInode, trailingSlash, last: 'name', magic };
      const target = child.fileSystem.readLink(kernel, task, child.inode);
      if (typeof target === 'number') return target;
      if (target.length === 0) return -Errno.ENOENT;
      if (target.length + rest.length > LONGEST_EXPANSION) return -Errno.ENAMETOOLONG;
      if (target[0] === '/') {
        at = root;
        last = 'root';
      }
      rest = target + rest;
      continue;
    }
    if (isLast) {
      if (trailingSlash && !childInode.isDirectory) return -Errno.ENOTDIR;
      return { parent: at, name, target: child, inode: childInode, trailingSlash, last: 'name', magic: null };
    }
    at = child;
    last = 'name';
  }
}

/** The absolute path of a folder (getcwd), -ENOENT if it was removed, PENDING. */
export function pathOf(kernel: Kernel, task: Task, place: Place): string | number {
  let at = place;
  let path = '';
  for (let depth = 0; depth < LONGEST_PATH_BYTES; depth++) {
    if (at.inode === at.fileSystem.rootInode) {
      if (at.mount.covered === null) return path === '' ? '/' : path;
      at = at.mount.covered;
      continue;
    }
    const inode = at.fileSystem.attributes(kernel, task, at.inode);
    if (typeof inode === 'number') return inode;
    if (inode.links === 0) return -Errno.ENOENT;
    const up = at.fileSystem.parent(kernel, task, at.inode);
    if (typeof up === 'number') return up;
    path = `/${up.name}${path}`;
    if (path.length >= LONGEST_PATH_BYTES) return -Errno.ENAMETOOLONG;
    at = new Place(at.mount, up.parent);
  }
  return -Errno.ELOOP;
}

/** How far readv, writev, read and write have come; kept in task.progress. */
export class TransferProgress {
  /** Bytes done in the present buffer. */
  done = 0;
  /** Vectors: the present buffer, bytes of earlier ones, and the inner call's own record. */
  vector = 0;
  total = 0;
  inner: unknown = null;
  /** The record of a buffer that is not the call's first: what ends the transfer here is no error. */
  continues = false;
}
registerClass('vfs.TransferProgress', 3, TransferProgress);
