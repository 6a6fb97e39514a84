// Calls that work on names: open, mkdir, unlink, rename, link, symlink, readlink, chdir, getcwd, mknod, getdents64.

import { Errno } from '../../../abi/errno.ts';
import { FileType, nameToBytes } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import type { FolderEntry } from '../file-system.ts';
import { Event, happenedAt, named, removed } from '../notify.ts';
import { AT_FDCWD, makeNode, mayChangeFolder, openFile } from '../open.ts';
import { Access, mayAccess, pathOf, type Walk } from '../path-walk.ts';
import { FolderFile, OpenFlag } from '../regular-file.ts';
import { type Place, Vfs } from '../vfs.ts';
import {
  existing,
  existingOfDescriptor,
  filesOf,
  installFile,
  pathArgument,
  RecordWriter,
  row,
  walkArgument,
} from './support.ts';

const AT_SYMLINK_FOLLOW = 0x400;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const LONGEST_LINK_BYTES = 4095;
/** Bytes of entries that one getdents64 gives at most; programs ask for 2 to 32 KiB. */
const MOST_ENTRY_BYTES = 65536;

function openAt(kernel: Kernel, task: Task, descriptor: number, address: number, flags: number, mode: number): number {
  const path = pathArgument(kernel, task, address);
  if (typeof path === 'number') return path;
  const file = openFile(kernel, task, descriptor, path, flags, mode);
  return typeof file === 'number' ? file : installFile(kernel, task, file, (flags & OpenFlag.closeOnExec) !== 0);
}

/** A new name: 0 after its watchers were told, or what making it gave. */
function tellMade(kernel: Kernel, found: Walk, made: Place | number, isFolder: boolean): number {
  if (typeof made === 'number') return made;
  if (found.parent !== null) named(kernel, found.parent, found.name, Event.create, isFolder);
  return 0;
}

function mkdirAt(kernel: Kernel, task: Task, descriptor: number, address: number, mode: number): number {
  const found = walkArgument(kernel, task, descriptor, address, false);
  if (typeof found === 'number') return found;
  if (found.target !== null) return -Errno.EEXIST;
  return tellMade(kernel, found, makeNode(kernel, task, found, FileType.directory | (mode & 0o1777)), true);
}

/** FIFOs and empty files only: device nodes are the drivers'. */
function mknodAt(kernel: Kernel, task: Task, descriptor: number, address: number, mode: number): number {
  const type = mode & FileType.mask;
  if (type === FileType.characterDevice || type === FileType.blockDevice) return -Errno.EPERM;
  if (type !== 0 && type !== FileType.regular && type !== FileType.fifo) return -Errno.EINVAL;
  const found = walkArgument(kernel, task, descriptor, address, false);
  if (typeof found === 'number') return found;
  if (found.target !== null) return -Errno.EEXIST;
  if (found.trailingSlash) return -Errno.ENOENT;
  const made = makeNode(kernel, task, found, (type === 0 ? FileType.regular : type) | (mode & 0o7777));
  return tellMade(kernel, found, made, false);
}

/** The sticky bit: in such a folder only the owners of file and folder may take a name away. */
function mayTakeName(kernel: Kernel, task: Task, folder: Place, found: Walk): number {
  const inode = mayChangeFolder(kernel, task, folder);
  if (typeof inode === 'number') return inode;
  const { userId } = task.process.credentials;
  const sticky = (inode.mode & 0o1000) !== 0 && userId !== 0 && inode.user !== userId && found.inode?.user !== userId;
  return sticky ? -Errno.EPERM : 0;
}

/** True if something is mounted there: it cannot be removed or renamed. */
function isMountPoint(found: Walk): boolean {
  return found.target !== null && found.parent !== null && found.target.mount !== found.parent.mount;
}

function unlinkAt(kernel: Kernel, task: Task, descriptor: number, address: number, isFolder: boolean): number {
  const found = walkArgument(kernel, task, descriptor, address, false);
  if (typeof found === 'number') return found;
  const { parent } = found;
  if (parent === null) {
    if (!isFolder) return -Errno.EISDIR;
    return found.last === '.' ? -Errno.EINVAL : found.last === '..' ? -Errno.ENOTEMPTY : -Errno.EBUSY;
  }
  if (found.target === null) return -Errno.ENOENT;
  const allowed = mayTakeName(kernel, task, parent, found);
  if (allowed !== 0) return allowed;
  if (isMountPoint(found)) return isFolder ? -Errno.EBUSY : -Errno.EISDIR;
  const status = parent.fileSystem.remove(kernel, task, parent.inode, found.name, isFolder);
  if (status !== 0 || found.inode === null) return status;
  removed(kernel, found.target, found.inode);
  named(kernel, parent, found.name, Event.remove, isFolder);
  return 0;
}

const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

function renameAt(
  kernel: Kernel,
  task: Task,
  from: readonly [descriptor: number, address: number],
  to: readonly [descriptor: number, address: number],
  flags: number,
): number {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0 || flags === 3) return -Errno.EINVAL;
  const source = walkArgument(kernel, task, from[0], from[1], false);
  if (typeof source === 'number') return source;
  const target = walkArgument(kernel, task, to[0], to[1], false);
  if (typeof target === 'number') return target;
  if (source.parent === null || target.parent === null)
    return (flags & RENAME_NOREPLACE) !== 0 && target.parent === null ? -Errno.EEXIST : -Errno.EBUSY;
  if (source.parent.mount !== target.parent.mount) return -Errno.EXDEV;
  if (source.inode === null) return -Errno.ENOENT;
  if (source.trailingSlash && !source.inode.isDirectory) return -Errno.ENOTDIR;
  if (target.trailingSlash && !source.inode.isDirectory) return target.target === null ? -Errno.ENOENT : -Errno.ENOTDIR;
  if (target.target !== null && (flags & RENAME_NOREPLACE) !== 0) return -Errno.EEXIST;
  if (isMountPoint(source) || isMountPoint(target)) return -Errno.EBUSY;
  let allowed = mayTakeName(kernel, task, source.parent, source);
  if (allowed === 0) allowed = mayTakeName(kernel, task, target.parent, target.target === null ? source : target);
  if (allowed !== 0) return allowed;
  // Moving a folder elsewhere rewrites its "..".
  const moves = source.inode.isDirectory && !source.parent.equals(target.parent);
  if (moves && !mayAccess(source.inode, task.process.credentials, Access.write)) return -Errno.EACCES;
  const mode =
    (flags & RENAME_EXCHANGE) !== 0 ? 'exchange' : (flags & RENAME_NOREPLACE) !== 0 ? 'noReplace' : 'replace';
  const status = source.parent.fileSystem.rename(
    kernel,
    task,
    source.parent.inode,
    source.name,
    target.parent.inode,
    target.name,
    mode,
  );
  if (status === 0) tellMoved(kernel, source, target, mode === 'exchange');
  return status;
}

function tellMoved(kernel: Kernel, source: Walk, target: Walk, isExchange: boolean): void {
  const { notifier } = Vfs.of(kernel);
  if (!notifier.isActive || source.parent === null || target.parent === null) return;
  const move = (from: Walk, to: Walk): void => {
    if (from.parent === null || to.parent === null || from.target === null) return;
    const isFolder = from.inode?.isDirectory === true;
    const cookie = notifier.nextCookie();
    named(kernel, from.parent, from.name, Event.movedFrom, isFolder, cookie);
    named(kernel, to.parent, to.name, Event.movedTo, isFolder, cookie);
    notifier.tell(kernel, from.target, Event.moveSelf, '');
  };
  move(source, target);
  if (target.target === null || target.inode === null) return;
  if (isExchange) move(target, source);
  else removed(kernel, target.target, target.inode);
}

function linkAt(
  kernel: Kernel,
  task: Task,
  from: readonly [descriptor: number, address: number],
  to: readonly [descriptor: number, address: number],
  flags: number,
): number {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return -Errno.EINVAL;
  const path = pathArgument(kernel, task, from[1]);
  if (typeof path === 'number') return path;
  const source =
    path === '' && (flags & AT_EMPTY_PATH) !== 0
      ? existingOfDescriptor(kernel, task, from[0], -Errno.ENOENT)
      : existing(kernel, task, from[0], from[1], (flags & AT_SYMLINK_FOLLOW) !== 0);
  if (typeof source === 'number') return source;
  const target = walkArgument(kernel, task, to[0], to[1], false);
  if (typeof target === 'number') return target;
  if (target.parent === null || target.target !== null) return -Errno.EEXIST;
  if (source.place.mount !== target.parent.mount) return -Errno.EXDEV;
  if (target.trailingSlash) return -Errno.ENOENT;
  const allowed = mayChangeFolder(kernel, task, target.parent);
  if (typeof allowed === 'number') return allowed;
  if (source.inode.isDirectory) return -Errno.EPERM;
  const status = target.parent.fileSystem.link(kernel, task, target.parent.inode, target.name, source.place.inode);
  if (status !== 0) return status;
  happenedAt(kernel, source.place, Event.attributes, false, null);
  named(kernel, target.parent, target.name, Event.create, false);
  return 0;
}

function symlinkAt(kernel: Kernel, task: Task, targetAddress: number, descriptor: number, address: number): number {
  const target = pathArgument(kernel, task, targetAddress);
  if (typeof target === 'number') return target;
  if (target === '') return -Errno.ENOENT;
  if (target.length > LONGEST_LINK_BYTES) return -Errno.ENAMETOOLONG;
  const found = walkArgument(kernel, task, descriptor, address, false);
  if (typeof found === 'number') return found;
  if (found.target !== null) return -Errno.EEXIST;
  if (found.trailingSlash) return -Errno.ENOENT;
  const made = makeNode(kernel, task, found, FileType.symbolicLink | 0o777, nameToBytes(target));
  return tellMade(kernel, found, made, false);
}

function readlinkAt(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  address: number,
  buffer: number,
  size: number,
): number {
  if (size <= 0) return -Errno.EINVAL;
  const path = pathArgument(kernel, task, address);
  if (typeof path === 'number') return path;
  // An empty path means the link that the descriptor was opened on (O_PATH | O_NOFOLLOW).
  const found =
    path === '' && descriptor !== AT_FDCWD
      ? existingOfDescriptor(kernel, task, descriptor, -Errno.ENOENT)
      : walkArgument(kernel, task, descriptor, address, false);
  if (typeof found === 'number') return found;
  const place = 'place' in found ? found.place : found.target;
  if (place === null) return -Errno.ENOENT;
  if (found.inode?.type !== FileType.symbolicLink) return -Errno.EINVAL;
  const target = place.fileSystem.readLink(kernel, task, place.inode);
  if (typeof target === 'number') return target;
  const bytes = nameToBytes(target).subarray(0, size);
  const status = kernel.userMemory.copyOut(task, buffer, bytes);
  return status === 0 ? bytes.length : status;
}

function enterFolder(kernel: Kernel, task: Task, place: Place): number {
  const inode = place.fileSystem.attributes(kernel, task, place.inode);
  if (typeof inode === 'number') return inode;
  if (!inode.isDirectory) return -Errno.ENOTDIR;
  if (!mayAccess(inode, task.process.credentials, Access.execute)) return -Errno.EACCES;
  const path = pathOf(kernel, task, place);
  if (typeof path === 'number') return path;
  filesOf(task).changeFolder(place, path);
  return 0;
}

function chdir(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const found = existing(kernel, task, AT_FDCWD, a.unsigned(0), true);
  return typeof found === 'number' ? found : enterFolder(kernel, task, found.place);
}
function fchdir(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const found = existingOfDescriptor(kernel, task, a.int(0), -Errno.ENOTDIR);
  return typeof found === 'number' ? found : enterFolder(kernel, task, found.place);
}

function getcwd(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const root = Vfs.of(kernel).waitForRoot(task);
  if (typeof root === 'number') return root;
  const path = pathOf(kernel, task, filesOf(task).workingFolder ?? root);
  if (typeof path === 'number') return path;
  const bytes = nameToBytes(`${path}\0`);
  if (bytes.length > a.unsigned(1)) return -Errno.ERANGE;
  const status = kernel.userMemory.copyOut(task, a.unsigned(0), bytes);
  return status === 0 ? bytes.length : status;
}

/** The entry at a readdir position: 0 ".", 1 "..", then the file system's positions + 2. */
function entryAt(kernel: Kernel, task: Task, place: Place, position: number): FolderEntry | null | number {
  const { fileSystem, inode } = place;
  if (position === 0) return { inode, type: 4, name: '.', position: 1 };
  if (position === 1) {
    const up = fileSystem.parent(kernel, task, inode);
    return typeof up === 'number' ? up : { inode: up.parent, type: 4, name: '..', position: 2 };
  }
  const entry = fileSystem.readFolder(kernel, task, inode, position - 2);
  return typeof entry === 'number' || entry === null ? entry : { ...entry, position: entry.position + 2 };
}

/** struct linux_dirent64: inode u64 | next position u64 | length u16 | type u8 | name, NUL. */
function getdents64(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = filesOf(task).get(a.int(0));
  if (file === null) return -Errno.EBADF;
  if (!(file instanceof FolderFile) || file.place === null) return -Errno.ENOTDIR;
  const inode = file.attributes(kernel, task);
  if (typeof inode === 'number') return inode;
  if (inode.links === 0) return -Errno.ENOENT;
  const record = new RecordWriter(Math.min(a.uint(2), MOST_ENTRY_BYTES));
  let used = 0;
  let { position } = file;
  for (;;) {
    const entry = entryAt(kernel, task, file.place, position);
    if (typeof entry === 'number') return entry;
    if (entry === null) break;
    const length = Math.ceil((19 + entry.name.length + 1) / 8) * 8;
    if (used + length > record.bytes.length) {
      if (used === 0) return -Errno.EINVAL;
      break;
    }
    record.u64(used, entry.inode);
    record.u64(used + 8, entry.position);
    record.u16(used + 16, length);
    record.bytes[used + 18] = entry.type;
    record.bytes.set(nameToBytes(entry.name), used + 19);
    used += length;
    position = entry.position;
  }
  const status = kernel.userMemory.copyOut(task, a.unsigned(1), record.bytes, 0, used);
  if (status !== 0) return status;
  file.position = position;
  return used;
}

const CREAT_FLAGS = OpenFlag.create | OpenFlag.writeOnly | OpenFlag.truncate;

export const nameCalls: readonly SystemCallEntry[] = [
  row('open', 'file', 'path:path flags:flags mode:uint', (kernel, task, a) =>
    openAt(kernel, task, AT_FDCWD, a.unsigned(0), a.uint(1), a.uint(2)),
  ),
  row('openat', 'file', 'folder:fd path:path flags:flags mode:uint', (kernel, task, a) =>
    openAt(kernel, task, a.int(0), a.unsigned(1), a.uint(2), a.uint(3)),
  ),
  row('creat', 'file', 'path:path mode:uint', (kernel, task, a) =>
    openAt(kernel, task, AT_FDCWD, a.unsigned(0), CREAT_FLAGS, a.uint(1)),
  ),
  row('mkdir', 'file', 'path:path mode:uint', (kernel, task, a) =>
    mkdirAt(kernel, task, AT_FDCWD, a.unsigned(0), a.uint(1)),
  ),
  row('mkdirat', 'file', 'folder:fd path:path mode:uint', (kernel, task, a) =>
    mkdirAt(kernel, task, a.int(0), a.unsigned(1), a.uint(2)),
  ),
  row('mknod', 'file', 'path:path mode:uint device:uint', (kernel, task, a) =>
    mknodAt(kernel, task, AT_FDCWD, a.unsigned(0), a.uint(1)),
  ),
  row('mknodat', 'file', 'folder:fd path:path mode:uint device:uint', (kernel, task, a) =>
    mknodAt(kernel, task, a.int(0), a.unsigned(1), a.uint(2)),
  ),
  row('rmdir', 'file', 'path:path', (kernel, task, a) => unlinkAt(kernel, task, AT_FDCWD, a.unsigned(0), true)),
  row('unlink', 'file', 'path:path', (kernel, task, a) => unlinkAt(kernel, task, AT_FDCWD, a.unsigned(0), false)),
  row('unlinkat', 'file', 'folder:fd path:path flags:flags', (kernel, task, a) =>
    (a.uint(2) & ~AT_REMOVEDIR) !== 0
      ? -Errno.EINVAL
      : unlinkAt(kernel, task, a.int(0), a.unsigned(1), a.uint(2) !== 0),
  ),
  row('rename', 'file', 'old:path new:path', (kernel, task, a) =>
    renameAt(kernel, task, [AT_FDCWD, a.unsigned(0)], [AT_FDCWD, a.unsigned(1)], 0),
  ),
  row('renameat', 'file', 'oldFolder:fd old:path newFolder:fd new:path', (kernel, task, a) =>
    renameAt(kernel, task, [a.int(0), a.unsigned(1)], [a.int(2), a.unsigned(3)], 0),
  ),
  row('renameat2', 'file', 'oldFolder:fd old:path newFolder:fd new:path flags:flags', (kernel, task, a) =>
    renameAt(kernel, task, [a.int(0), a.unsigned(1)], [a.int(2), a.unsigned(3)], a.uint(4)),
  ),
  row('link', 'file', 'old:path new:path', (kernel, task, a) =>
    linkAt(kernel, task, [AT_FDCWD, a.unsigned(0)], [AT_FDCWD, a.unsigned(1)], 0),
  ),
  row('linkat', 'file', 'oldFolder:fd old:path newFolder:fd new:path flags:flags', (kernel, task, a) =>
    linkAt(kernel, task, [a.int(0), a.unsigned(1)], [a.int(2), a.unsigned(3)], a.uint(4)),
  ),
  row('symlink', 'file', 'target:path path:path', (kernel, task, a) =>
    symlinkAt(kernel, task, a.unsigned(0), AT_FDCWD, a.unsigned(1)),
  ),
  row('symlinkat', 'file', 'target:path folder:fd path:path', (kernel, task, a) =>
    symlinkAt(kernel, task, a.unsigned(0), a.int(1), a.unsigned(2)),
  ),
  row('readlink', 'file', 'path:path buffer:pointer size:int', (kernel, task, a) =>
    readlinkAt(kernel, task, AT_FDCWD, a.unsigned(0), a.unsigned(1), a.int(2)),
  ),
  row('readlinkat', 'file', 'folder:fd path:path buffer:pointer size:int', (kernel, task, a) =>
    readlinkAt(kernel, task, a.int(0), a.unsigned(1), a.unsigned(2), a.int(3)),
  ),
  row('chdir', 'file', 'path:path', chdir),
  row('fchdir', 'file', 'folder:fd', fchdir),
  row('getcwd', 'none', 'buffer:pointer size:size', getcwd),
  row('getdents64', 'file', 'fd:fd buffer:pointer size:uint', getdents64),
];
