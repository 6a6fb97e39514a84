// Attributes: the stat family, access, chmod, chown, times, statfs, extended attributes.

import { Errno } from '../../../abi/errno.ts';
import { bytesToName, FileType, type Inode, nameToBytes } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import type { AttributeChange, FileSystem } from '../file-system.ts';
import { AT_FDCWD } from '../open.ts';
import { Access, mayAccess } from '../path-walk.ts';
import {
  type Existing,
  existing,
  existingOfDescriptor,
  filesOf,
  ofPlace,
  pathArgument,
  RecordWriter,
  row,
} from './support.ts';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EACCESS = 0x200;
const AT_EMPTY_PATH = 0x1000;
const AT_NO_AUTOMOUNT = 0x800;
const UTIME_NOW = 0x3fff_ffff;
const UTIME_OMIT = 0x3fff_fffe;

/** struct stat of x86-64 (asm/stat.h), 144 bytes. */
function encodeStat(inode: Inode, device: number): Uint8Array {
  const record = new RecordWriter(144);
  record.u64(0, device);
  record.u64(8, inode.number);
  record.u64(16, inode.links);
  record.u32(24, inode.mode);
  record.u32(28, inode.user);
  record.u32(32, inode.group);
  record.u64(40, inode.device);
  record.u64(48, inode.isDirectory ? Math.max(4096, inode.size * 64) : inode.size);
  record.u64(56, 4096);
  record.u64(64, inode.blocks * 8);
  record.u64(72, inode.accessed.seconds);
  record.u64(80, inode.accessed.nanos);
  record.u64(88, inode.modified.seconds);
  record.u64(96, inode.modified.nanos);
  record.u64(104, inode.changed.seconds);
  record.u64(112, inode.changed.nanos);
  return record.bytes;
}

function giveStat(kernel: Kernel, task: Task, found: Existing | number, buffer: number): number {
  if (typeof found === 'number') return found;
  return kernel.userMemory.copyOut(task, buffer, encodeStat(found.inode, found.place.fileSystem.deviceNumber));
}
function stat(follow: boolean) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number =>
    giveStat(kernel, task, existing(kernel, task, AT_FDCWD, a.unsigned(0), follow), a.unsigned(1));
}
function fstat(kernel: Kernel, task: Task, descriptor: number, buffer: number): number {
  const file = filesOf(task).get(descriptor);
  if (file === null) return -Errno.EBADF;
  const inode = file.attributes(kernel, task);
  if (typeof inode === 'number') return inode;
  return kernel.userMemory.copyOut(task, buffer, encodeStat(inode, file.place?.fileSystem.deviceNumber ?? 0));
}
function newfstatat(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(3);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) !== 0) return -Errno.EINVAL;
  if ((flags & AT_EMPTY_PATH) !== 0) {
    const path = pathArgument(kernel, task, a.unsigned(1));
    if (typeof path === 'number') return path;
    if (path === '' && a.int(0) !== AT_FDCWD) return fstat(kernel, task, a.int(0), a.unsigned(2));
    if (path === '') return giveStat(kernel, task, workingFolder(kernel, task), a.unsigned(2));
  }
  const found = existing(kernel, task, a.int(0), a.unsigned(1), (flags & AT_SYMLINK_NOFOLLOW) === 0);
  return giveStat(kernel, task, found, a.unsigned(2));
}
function workingFolder(kernel: Kernel, task: Task): Existing | number {
  const place = filesOf(task).workingFolder;
  return place === null ? -Errno.ENOENT : ofPlace(kernel, task, place);
}

function accessAt(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  address: number,
  mode: number,
  flags: number,
): number {
  if ((mode & ~7) !== 0 || (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH)) !== 0) return -Errno.EINVAL;
  const found = existing(kernel, task, descriptor, address, (flags & AT_SYMLINK_NOFOLLOW) === 0);
  if (typeof found === 'number') return found;
  if (!mayAccess(found.inode, task.process.credentials, mode)) return -Errno.EACCES;
  const changes = (mode & Access.write) !== 0 && (found.inode.isDirectory || found.inode.type === FileType.regular);
  return changes && found.place.fileSystem.readOnly ? -Errno.EROFS : 0;
}

/** What chmod, chown and utimensat share: the object, the owner's right, the change. */
function change(kernel: Kernel, task: Task, found: Existing | number, what: AttributeChange): number {
  if (typeof found === 'number') return found;
  if (found.place.fileSystem.readOnly) return -Errno.EROFS;
  return found.place.fileSystem.setAttributes(kernel, task, found.place.inode, what);
}
function isOwner(task: Task, inode: Inode): boolean {
  const { userId } = task.process.credentials;
  return userId === 0 || userId === inode.user;
}
function inGroup(task: Task, group: number): boolean {
  const { groupId, supplementaryGroups } = task.process.credentials;
  return groupId === group || supplementaryGroups.includes(group);
}

function changeMode(kernel: Kernel, task: Task, found: Existing | number, mode: number): number {
  if (typeof found === 'number') return found;
  if (!isOwner(task, found.inode)) return -Errno.EPERM;
  if (found.inode.type === FileType.symbolicLink) return -Errno.EOPNOTSUPP;
  // There is no set-user-id here: the bits would promise what execve does not do.
  let permissions = mode & 0o1777;
  if (found.inode.isDirectory) permissions |= mode & 0o2000;
  return change(kernel, task, found, { permissions });
}

function changeOwner(kernel: Kernel, task: Task, found: Existing | number, user: number, group: number): number {
  if (typeof found === 'number') return found;
  const { inode } = found;
  const isSystem = task.process.credentials.userId === 0;
  if (!isSystem && user !== -1 && user !== inode.user) return -Errno.EPERM;
  if (!isSystem && group !== -1 && group !== inode.group && !(isOwner(task, inode) && inGroup(task, group)))
    return -Errno.EPERM;
  return change(kernel, task, found, {
    ...(user === -1 ? {} : { user: user >>> 0 }),
    ...(group === -1 ? {} : { group: group >>> 0 }),
  });
}

interface TimePair {
  readonly seconds: number;
  readonly nanos: number;
}
/** Two times of `size` bytes each at `address` (0 = now); `unit`: nanoseconds in the second field. */
function readTimes(kernel: Kernel, task: Task, address: number, unit: number): readonly TimePair[] | number {
  if (address === 0)
    return [
      { seconds: 0, nanos: UTIME_NOW },
      { seconds: 0, nanos: UTIME_NOW },
    ];
  const bytes = new Uint8Array(32);
  const status = kernel.userMemory.copyIn(task, address, bytes);
  if (status !== 0) return status;
  const view = new DataView(bytes.buffer);
  const read = (at: number): number => view.getUint32(at, true) + view.getInt32(at + 4, true) * 0x1_0000_0000;
  const times: TimePair[] = [];
  for (const at of [0, 16]) {
    const part = read(at + 8);
    const special = unit === 1 && (part === UTIME_NOW || part === UTIME_OMIT);
    if (!special && (part < 0 || part * unit >= 1e9)) return -Errno.EINVAL;
    times.push({ seconds: read(at), nanos: part * unit });
  }
  return times;
}

function changeTimes(
  kernel: Kernel,
  task: Task,
  found: Existing | number,
  times: readonly TimePair[] | number,
): number {
  if (typeof found === 'number') return found;
  if (typeof times === 'number') return times;
  if (times.every((time) => time.nanos === UTIME_OMIT)) return 0;
  const allNow = times.every((time) => time.nanos === UTIME_NOW);
  const owner = isOwner(task, found.inode);
  if (!owner && !allNow) return -Errno.EPERM;
  if (!owner && !mayAccess(found.inode, task.process.credentials, Access.write)) return -Errno.EACCES;
  const wall = kernel.clock.wallClock(kernel.nowNanos());
  const now = { seconds: wall.seconds, nanos: Math.floor(wall.nanos) };
  const [accessed, modified] = times.map((time) => (time.nanos === UTIME_NOW ? now : time));
  return change(kernel, task, found, {
    ...(accessed.nanos === UTIME_OMIT ? {} : { accessed }),
    ...(modified.nanos === UTIME_OMIT ? {} : { modified }),
  });
}

function utimensat(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(3);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -Errno.EINVAL;
  const times = readTimes(kernel, task, a.unsigned(2), 1);
  const found =
    a.unsigned(1) === 0
      ? existingOfDescriptor(kernel, task, a.int(0), -Errno.EINVAL)
      : existing(kernel, task, a.int(0), a.unsigned(1), (flags & AT_SYMLINK_NOFOLLOW) === 0);
  return changeTimes(kernel, task, found, times);
}
/** utime: struct utimbuf, two seconds. */
function utime(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  let times: readonly TimePair[] | number = readTimes(kernel, task, 0, 1);
  if (a.unsigned(1) !== 0) {
    const bytes = new Uint8Array(16);
    const status = kernel.userMemory.copyIn(task, a.unsigned(1), bytes);
    if (status !== 0) return status;
    const view = new DataView(bytes.buffer);
    const read = (at: number): number => view.getUint32(at, true) + view.getInt32(at + 4, true) * 0x1_0000_0000;
    times = [
      { seconds: read(0), nanos: 0 },
      { seconds: read(8), nanos: 0 },
    ];
  }
  return changeTimes(kernel, task, existing(kernel, task, AT_FDCWD, a.unsigned(0), true), times);
}

/** struct statfs (asm/statfs.h), 120 bytes. */
function giveStatfs(kernel: Kernel, task: Task, fileSystem: FileSystem, buffer: number): number {
  const statistics = fileSystem.statistics();
  const record = new RecordWriter(120);
  record.u64(0, fileSystem.magic);
  record.u64(8, 4096);
  record.u64(16, statistics.blocks);
  record.u64(24, statistics.freeBlocks);
  record.u64(32, statistics.availableBlocks);
  record.u64(40, statistics.inodes);
  record.u64(48, statistics.freeInodes);
  record.u32(56, fileSystem.deviceNumber);
  record.u64(64, 255);
  record.u64(72, 4096);
  record.u64(80, (fileSystem.readOnly ? 1 : 0) | 0x20);
  return kernel.userMemory.copyOut(task, buffer, record.bytes);
}

const MOST_ATTRIBUTE_BYTES = 65536;
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;

/** The object of an xattr call: 0 by path, 1 by path without following, 2 by descriptor. */
function attributeObject(kernel: Kernel, task: Task, a: SystemCallArguments, form: number): Existing | number {
  if (form === 2) return existingOfDescriptor(kernel, task, a.int(0), -Errno.EOPNOTSUPP);
  return existing(kernel, task, AT_FDCWD, a.unsigned(0), form === 0);
}
function attributeName(kernel: Kernel, task: Task, address: number): string | number {
  const bytes = kernel.userMemory.readString(task, address, 256);
  if (typeof bytes === 'number') return bytes === -Errno.ENAMETOOLONG ? -Errno.ERANGE : bytes;
  return bytes.length === 0 ? -Errno.ERANGE : bytesToName(bytes);
}
/** Programs set user.* only; security.* carries what makes code run. */
function mayChangeAttribute(task: Task, found: Existing, name: string): number {
  if (name.startsWith('security.') || name.startsWith('trusted.')) return -Errno.EPERM;
  if (!name.startsWith('user.')) return -Errno.EOPNOTSUPP;
  if (found.inode.type !== FileType.regular && !found.inode.isDirectory) return -Errno.EPERM;
  if (!mayAccess(found.inode, task.process.credentials, Access.write)) return -Errno.EACCES;
  return found.place.fileSystem.readOnly ? -Errno.EROFS : 0;
}

function getxattr(form: number) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const found = attributeObject(kernel, task, a, form);
    if (typeof found === 'number') return found;
    const name = attributeName(kernel, task, a.unsigned(1));
    if (typeof name === 'number') return name;
    if (name.startsWith('user.') && !mayAccess(found.inode, task.process.credentials, Access.read))
      return -Errno.EACCES;
    const value = found.place.fileSystem.getAttribute(kernel, task, found.place.inode, name);
    if (typeof value === 'number') return value;
    return giveBytes(kernel, task, value, a.unsigned(2), a.unsigned(3));
  };
}
function giveBytes(kernel: Kernel, task: Task, bytes: Uint8Array, buffer: number, size: number): number {
  if (size === 0) return bytes.length;
  if (bytes.length > size) return -Errno.ERANGE;
  const status = kernel.userMemory.copyOut(task, buffer, bytes);
  return status === 0 ? bytes.length : status;
}
function listxattr(form: number) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const found = attributeObject(kernel, task, a, form);
    if (typeof found === 'number') return found;
    const names = found.place.fileSystem.listAttributes(kernel, task, found.place.inode);
    if (typeof names === 'number') return names;
    const text = names.map((name) => `${name}\0`).join('');
    return giveBytes(kernel, task, nameToBytes(text), a.unsigned(1), a.unsigned(2));
  };
}
function setxattr(form: number) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const flags = a.uint(4);
    if ((flags & ~3) !== 0 || flags === 3) return -Errno.EINVAL;
    const found = attributeObject(kernel, task, a, form);
    if (typeof found === 'number') return found;
    const name = attributeName(kernel, task, a.unsigned(1));
    if (typeof name === 'number') return name;
    const size = a.unsigned(3);
    if (size > MOST_ATTRIBUTE_BYTES) return -Errno.E2BIG;
    const value = new Uint8Array(size);
    const status = kernel.userMemory.copyIn(task, a.unsigned(2), value);
    if (status !== 0) return status;
    const allowed = mayChangeAttribute(task, found, name);
    if (allowed !== 0) return allowed;
    const mode = flags === XATTR_CREATE ? 'create' : flags === XATTR_REPLACE ? 'replace' : 'any';
    return found.place.fileSystem.setAttribute(kernel, task, found.place.inode, name, value, mode);
  };
}
function removexattr(form: number) {
  return (kernel: Kernel, task: Task, a: SystemCallArguments): number => {
    const found = attributeObject(kernel, task, a, form);
    if (typeof found === 'number') return found;
    const name = attributeName(kernel, task, a.unsigned(1));
    if (typeof name === 'number') return name;
    const allowed = mayChangeAttribute(task, found, name);
    if (allowed !== 0) return allowed;
    return found.place.fileSystem.setAttribute(kernel, task, found.place.inode, name, null, 'any');
  };
}

const byDescriptor = (kernel: Kernel, task: Task, a: SystemCallArguments): Existing | number =>
  existingOfDescriptor(kernel, task, a.int(0), -Errno.EPERM);
const byPath = (kernel: Kernel, task: Task, a: SystemCallArguments, follow = true): Existing | number =>
  existing(kernel, task, AT_FDCWD, a.unsigned(0), follow);

export const attributeCalls: readonly SystemCallEntry[] = [
  row('stat', 'file', 'path:path buffer:pointer', stat(true)),
  row('lstat', 'file', 'path:path buffer:pointer', stat(false)),
  row('fstat', 'none', 'fd:fd buffer:pointer', (kernel, task, a) => fstat(kernel, task, a.int(0), a.unsigned(1))),
  row('newfstatat', 'file', 'folder:fd path:path buffer:pointer flags:flags', newfstatat),
  row('access', 'file', 'path:path mode:int', (kernel, task, a) =>
    accessAt(kernel, task, AT_FDCWD, a.unsigned(0), a.int(1), 0),
  ),
  row('faccessat', 'file', 'folder:fd path:path mode:int', (kernel, task, a) =>
    accessAt(kernel, task, a.int(0), a.unsigned(1), a.int(2), 0),
  ),
  row('faccessat2', 'file', 'folder:fd path:path mode:int flags:flags', (kernel, task, a) =>
    accessAt(kernel, task, a.int(0), a.unsigned(1), a.int(2), a.uint(3)),
  ),
  row('chmod', 'file', 'path:path mode:uint', (kernel, task, a) =>
    changeMode(kernel, task, byPath(kernel, task, a), a.uint(1)),
  ),
  row('fchmod', 'file', 'fd:fd mode:uint', (kernel, task, a) =>
    changeMode(kernel, task, byDescriptor(kernel, task, a), a.uint(1)),
  ),
  row('fchmodat', 'file', 'folder:fd path:path mode:uint', (kernel, task, a) =>
    changeMode(kernel, task, existing(kernel, task, a.int(0), a.unsigned(1), true), a.uint(2)),
  ),
  row('chown', 'file', 'path:path user:int group:int', (kernel, task, a) =>
    changeOwner(kernel, task, byPath(kernel, task, a), a.int(1), a.int(2)),
  ),
  row('lchown', 'file', 'path:path user:int group:int', (kernel, task, a) =>
    changeOwner(kernel, task, byPath(kernel, task, a, false), a.int(1), a.int(2)),
  ),
  row('fchown', 'file', 'fd:fd user:int group:int', (kernel, task, a) =>
    changeOwner(kernel, task, byDescriptor(kernel, task, a), a.int(1), a.int(2)),
  ),
  row('fchownat', 'file', 'folder:fd path:path user:int group:int flags:flags', (kernel, task, a) => {
    const follow = (a.uint(4) & AT_SYMLINK_NOFOLLOW) === 0;
    return changeOwner(kernel, task, existing(kernel, task, a.int(0), a.unsigned(1), follow), a.int(2), a.int(3));
  }),
  row('utimensat', 'file', 'folder:fd path:path times:pointer flags:flags', utimensat),
  row('utime', 'file', 'path:path times:pointer', utime),
  row('utimes', 'file', 'path:path times:pointer', (kernel, task, a) =>
    changeTimes(kernel, task, byPath(kernel, task, a), readTimes(kernel, task, a.unsigned(1), 1000)),
  ),
  row('futimesat', 'file', 'folder:fd path:path times:pointer', (kernel, task, a) =>
    changeTimes(
      kernel,
      task,
      existing(kernel, task, a.int(0), a.unsigned(1), true),
      readTimes(kernel, task, a.unsigned(2), 1000),
    ),
  ),
  row('statfs', 'file', 'path:path buffer:pointer', (kernel, task, a) => {
    const found = byPath(kernel, task, a);
    return typeof found === 'number' ? found : giveStatfs(kernel, task, found.place.fileSystem, a.unsigned(1));
  }),
  row('fstatfs', 'file', 'fd:fd buffer:pointer', (kernel, task, a) => {
    const found = existingOfDescriptor(kernel, task, a.int(0), -Errno.ENOSYS);
    return typeof found === 'number' ? found : giveStatfs(kernel, task, found.place.fileSystem, a.unsigned(1));
  }),
  row('getxattr', 'file', 'path:path name:pointer value:pointer size:size', getxattr(0)),
  row('lgetxattr', 'file', 'path:path name:pointer value:pointer size:size', getxattr(1)),
  row('fgetxattr', 'file', 'fd:fd name:pointer value:pointer size:size', getxattr(2)),
  row('listxattr', 'file', 'path:path list:pointer size:size', listxattr(0)),
  row('llistxattr', 'file', 'path:path list:pointer size:size', listxattr(1)),
  row('flistxattr', 'file', 'fd:fd list:pointer size:size', listxattr(2)),
  row('setxattr', 'file', 'path:path name:pointer value:pointer size:size flags:flags', setxattr(0)),
  row('lsetxattr', 'file', 'path:path name:pointer value:pointer size:size flags:flags', setxattr(1)),
  row('fsetxattr', 'file', 'fd:fd name:pointer value:pointer size:size flags:flags', setxattr(2)),
  row('removexattr', 'file', 'path:path name:pointer', removexattr(0)),
  row('lremovexattr', 'file', 'path:path name:pointer', removexattr(1)),
  row('fremovexattr', 'file', 'fd:fd name:pointer', removexattr(2)),
];
