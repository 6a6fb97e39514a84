// Attributes: access, chmod, chown, times, extended attributes. What is only looked at: stat.ts.

import { Errno } from '../../../abi/errno.ts';
import { bytesToName, FileType, type Inode, nameToBytes } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import type { AttributeChange } from '../file-system.ts';
import { Event, happenedAt } from '../notify.ts';
import { AT_FDCWD } from '../open.ts';
import { Access, mayAccess } from '../path-walk.ts';
import { PathFile } from '../regular-file.ts';
import { type Existing, existing, existingOfDescriptor, filesOf, pathArgument, row, workingFolder } from './support.ts';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EACCESS = 0x200;
const AT_EMPTY_PATH = 0x1000;
const UTIME_NOW = 0x3fff_ffff;
const UTIME_OMIT = 0x3fff_fffe;

/** The object of a *at call with flags: with AT_EMPTY_PATH and an empty path the descriptor itself. */
function existingAt(kernel: Kernel, task: Task, descriptor: number, address: number, flags: number): Existing | number {
  const follow = (flags & AT_SYMLINK_NOFOLLOW) === 0;
  if ((flags & AT_EMPTY_PATH) === 0) return existing(kernel, task, descriptor, address, follow);
  const path = pathArgument(kernel, task, address);
  if (typeof path === 'number') return path;
  if (path !== '') return existing(kernel, task, descriptor, address, follow);
  return descriptor === AT_FDCWD
    ? workingFolder(kernel, task)
    : existingOfDescriptor(kernel, task, descriptor, -Errno.EINVAL);
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
  const found = existingAt(kernel, task, descriptor, address, flags);
  if (typeof found === 'number') return found;
  if (!mayAccess(found.inode, task.process.credentials, mode)) return -Errno.EACCES;
  const changes = (mode & Access.write) !== 0 && (found.inode.isDirectory || found.inode.type === FileType.regular);
  return changes && found.place.fileSystem.readOnly ? -Errno.EROFS : 0;
}

/** What chmod, chown and utimensat share: the object, the owner's right, the change. */
function change(kernel: Kernel, task: Task, found: Existing | number, what: AttributeChange): number {
  if (typeof found === 'number') return found;
  if (found.place.fileSystem.readOnly) return -Errno.EROFS;
  const status = found.place.fileSystem.setAttributes(kernel, task, found.place.inode, what);
  if (status === 0) happenedAt(kernel, found.place, Event.attributes, found.inode.isDirectory, found.entry);
  return status;
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
  // The path is looked at before the times are (as in Linux), unless there is nothing to do.
  if (typeof times === 'number' && times !== -Errno.EINVAL) return times;
  if (typeof times !== 'number' && times.every((time) => time.nanos === UTIME_OMIT)) return 0;
  if (a.unsigned(1) === 0 && a.int(0) !== AT_FDCWD) {
    if (flags !== 0) return -Errno.EINVAL;
    return changeTimes(kernel, task, timesOfDescriptor(kernel, task, a.int(0)), times);
  }
  const found = existingAt(kernel, task, a.int(0), a.unsigned(1), flags);
  return changeTimes(kernel, task, found, times);
}
/** futimens: what was opened for its path alone has no times to set. */
function timesOfDescriptor(kernel: Kernel, task: Task, descriptor: number): Existing | number {
  if (filesOf(task).get(descriptor) instanceof PathFile) return -Errno.EBADF;
  return existingOfDescriptor(kernel, task, descriptor, -Errno.EINVAL);
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
    if ((a.uint(4) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -Errno.EINVAL;
    const found = existingAt(kernel, task, a.int(0), a.unsigned(1), a.uint(4));
    return changeOwner(kernel, task, found, a.int(2), a.int(3));
  }),
  row('utimensat', 'file', 'folder:fd path:path times:pointer flags:flags', utimensat),
  row('utime', 'file', 'path:path times:pointer', utime),
  row('utimes', 'file', 'path:path times:pointer', (kernel, task, a) =>
    changeTimes(kernel, task, byPath(kernel, task, a), readTimes(kernel, task, a.unsigned(1), 1000)),
  ),
  row('futimesat', 'file', 'folder:fd path:path times:pointer', (kernel, task, a) => {
    const times = readTimes(kernel, task, a.unsigned(2), 1000);
    const found =
      a.unsigned(1) === 0 && a.int(0) !== AT_FDCWD
        ? timesOfDescriptor(kernel, task, a.int(0))
        : existing(kernel, task, a.int(0), a.unsigned(1), true);
    return changeTimes(kernel, task, found, times);
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
