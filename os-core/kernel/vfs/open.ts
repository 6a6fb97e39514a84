// open(2): from a path to an open description.

import { Errno } from '../../abi/errno.ts';
import { FileType, type Inode } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { tableOf } from './file-table.ts';
import { Event, happenedAt, named } from './notify.ts';
import type { OpenFile } from './open-file.ts';
import { setFileSize } from './page-cache.ts';
import { Access, mayAccess, type Walk, walk } from './path-walk.ts';
import { openFifo } from './pipe.ts';
import { FolderFile, mayWrite, OpenFlag, PathFile, RegularFile } from './regular-file.ts';
import { adjustCount, Place, placeKey, Vfs } from './vfs.ts';

export const AT_FDCWD = -100;

/** Where a relative path starts: the working folder, or an open folder. -EBADF, -ENOTDIR; PENDING before the root is mounted. */
export function startOf(kernel: Kernel, task: Task, descriptor: number, path: string): Place | number {
  const vfs = Vfs.of(kernel);
  const root = vfs.waitForRoot(task);
  if (typeof root === 'number') return root;
  if (path[0] === '/') return root;
  const table = tableOf(task);
  if (descriptor === AT_FDCWD) return table?.workingFolder ?? root;
  const file = table?.get(descriptor) ?? null;
  if (file === null) return -Errno.EBADF;
  return file.place ?? -Errno.ENOTDIR;
}

/** The path as people see it. */
function shownPath(task: Task, descriptor: number, path: string): string {
  if (path[0] === '/') return path;
  const table = tableOf(task);
  const base = descriptor === AT_FDCWD ? (table?.workingPath ?? '/') : (table?.get(descriptor)?.path ?? '/');
  return `${base === '/' ? '' : base}/${path}`;
}

function accessWanted(flags: number): number {
  const mode = flags & OpenFlag.accessMode;
  const wanted = mode === OpenFlag.readOnly ? Access.read : mode === OpenFlag.writeOnly ? Access.write : 6;
  return (flags & OpenFlag.truncate) !== 0 ? wanted | Access.write : wanted;
}

/**
 * Opens or makes a file: its description (not yet in a table), -errno or PENDING. `path`: byte string. The end of a FIFO that waits for
 * its other side is kept in task.progress; the path is walked again each time.
 */
export function openFile(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  path: string,
  flags: number,
  mode: number,
): OpenFile | number {
  const start = startOf(kernel, task, descriptor, path);
  if (typeof start === 'number') return start;
  const creating = (flags & OpenFlag.create) !== 0 && (flags & OpenFlag.path) === 0;
  const exclusive = creating && (flags & OpenFlag.exclusive) !== 0;
  const follow = (flags & OpenFlag.noFollow) === 0 && !exclusive;
  const found = walk(kernel, task, start, path, follow);
  if (typeof found === 'number') return found;
  if (found.magic !== null) {
    // /proc/PID/fd: the same description again (Linux opens the inode anew; what can be told apart is only the position).
    return found.magic;
  }
  let place = found.target;
  let { inode } = found;
  let created = false;
  if (place === null) {
    if (!creating) return -Errno.ENOENT;
    if (found.trailingSlash) return -Errno.EISDIR;
    if ((flags & OpenFlag.directory) !== 0) return -Errno.EINVAL;
    const made = makeNode(kernel, task, found, FileType.regular | (mode & 0o7777));
    if (typeof made === 'number') return made;
    place = made;
    const attributes = place.fileSystem.attributes(kernel, task, place.inode);
    if (typeof attributes === 'number') return attributes;
    inode = attributes;
    created = true;
    if (found.parent !== null) named(kernel, found.parent, found.name, Event.create, false);
  } else if (exclusive) {
    return -Errno.EEXIST;
  } else if (creating && inode?.isDirectory === true) {
    return -Errno.EISDIR;
  }
  if (inode === null) return -Errno.EIO;
  const file = openInode(kernel, task, place, inode, flags, created);
  const attached = attach(file, place, shownPath(task, descriptor, path));
  if (typeof attached !== 'number') openedBy(kernel, attached, found, inode.isDirectory);
  return attached;
}

/** Tells who watches. */
function openedBy(kernel: Kernel, file: OpenFile, { parent, name }: Walk, isFolder: boolean): void {
  const { notifier } = Vfs.of(kernel);
  if (!notifier.isActive || file.place === null || file instanceof PathFile) return;
  const entry = parent === null ? null : { folder: parent, name };
  if (entry !== null) notifier.remember(file, entry.folder, entry.name);
  happenedAt(kernel, file.place, Event.open, isFolder, entry);
}

/** Gives a new description its place, held until it is closed. */
function attach(file: OpenFile | number, place: Place | null, path: string): OpenFile | number {
  if (typeof file === 'number' || file.place !== null || place === null) return file;
  file.place = place;
  if (path !== '') file.path = path;
  place.fileSystem.retain(place.inode);
  return file;
}

/** Makes a node where a walk found none: its place, -errno, PENDING. `mode`: type and permissions before the umask. */
export function makeNode(kernel: Kernel, task: Task, found: Walk, mode: number, target?: Uint8Array): Place | number {
  const { parent, name } = found;
  if (parent === null) return -Errno.EEXIST;
  const allowed = mayChangeFolder(kernel, task, parent);
  if (typeof allowed === 'number') return allowed;
  const { credentials } = task.process;
  const isLink = (mode & FileType.mask) === FileType.symbolicLink;
  const masked = isLink ? mode : mode & ~(tableOf(task)?.mask ?? 0);
  // A folder with the set-group-id bit hands its group on.
  const inheritsGroup = (allowed.mode & 0o2000) !== 0;
  const group = inheritsGroup ? allowed.group : credentials.groupId;
  const isFolder = (mode & FileType.mask) === FileType.directory;
  const made = parent.fileSystem.create(kernel, task, parent.inode, name, {
    mode: masked | (inheritsGroup && isFolder ? 0o2000 : 0),
    user: credentials.userId,
    group,
    ...(target === undefined ? {} : { target }),
  });
  return made < 0 ? made : new Place(parent.mount, made);
}

/** The folder's attributes if the task may add and remove names in it; -EACCES, -EROFS, -ENOENT. */
export function mayChangeFolder(kernel: Kernel, task: Task, folder: Place): Inode | number {
  const inode = folder.fileSystem.attributes(kernel, task, folder.inode);
  if (typeof inode === 'number') return inode;
  if (!inode.isDirectory) return -Errno.ENOTDIR;
  if (!mayAccess(inode, task.process.credentials, Access.write | Access.execute)) return -Errno.EACCES;
  if (folder.fileSystem.readOnly) return -Errno.EROFS;
  return inode.links === 0 ? -Errno.ENOENT : inode;
}

/** `created`: the maker may open with any access, whatever the mode says. */
function openInode(
  kernel: Kernel,
  task: Task,
  place: Place,
  inode: Inode,
  flags: number,
  created: boolean,
): OpenFile | number {
  const vfs = Vfs.of(kernel);
  const isFolder = inode.isDirectory;
  if ((flags & OpenFlag.directory) !== 0 && !isFolder) return -Errno.ENOTDIR;
  if ((flags & OpenFlag.path) !== 0) {
    const file = new PathFile();
    file.flags = flags & (OpenFlag.path | OpenFlag.directory | OpenFlag.noFollow);
    return file;
  }
  if (inode.type === FileType.symbolicLink) return -Errno.ELOOP;
  const wanted = accessWanted(flags);
  if (isFolder && (wanted & Access.write) !== 0) return -Errno.EISDIR;
  if (!created && !mayAccess(inode, task.process.credentials, wanted)) return -Errno.EACCES;
  const kept =
    flags &
    ~(OpenFlag.create | OpenFlag.exclusive | OpenFlag.truncate | OpenFlag.closeOnExec | OpenFlag.noControllingTerminal);
  const special = place.fileSystem.openSpecial(kernel, task, inode, flags);
  if (special !== null) {
    if (typeof special !== 'number' && special.references === 0) special.flags = kept;
    return special;
  }
  if (isFolder) {
    const file = new FolderFile();
    file.flags = kept;
    return file;
  }
  if (inode.type === FileType.fifo) return openFifo(kernel, task, placeKey(place), inode.number, kept);
  if (inode.type !== FileType.regular) return -Errno.ENXIO;
  const writes = (wanted & Access.write) !== 0;
  if (writes && place.fileSystem.readOnly) return -Errno.EROFS;
  if (writes && vfs.executing.has(placeKey(place))) return -Errno.ETXTBSY;
  if ((flags & OpenFlag.truncate) !== 0 && inode.size > 0) {
    const status = setFileSize(kernel, task, place, 0);
    if (status !== 0) return status;
  }
  const file = new RegularFile();
  file.flags = kept;
  if (mayWrite(file)) adjustCount(vfs.writers, placeKey(place), 1);
  return file;
}
