// What files tell of themselves: stat(2), statx(2), statfs(2).

import { Errno } from '../../../abi/errno.ts';
import type { Inode } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import type { FileSystem } from '../file-system.ts';
import { AT_FDCWD } from '../open.ts';
import {
  type Existing,
  existing,
  existingOfDescriptor,
  filesOf,
  pathArgument,
  RecordWriter,
  row,
  workingFolder,
} from './support.ts';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
/** AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC: nothing is remote here; both together are a mistake. */
const AT_STATX_SYNC_TYPE = 0x6000;

/** st_size of a folder: never 0, as programs take that for an empty file. */
const shownSize = (inode: Inode): number => (inode.isDirectory ? Math.max(4096, inode.size * 64) : inode.size);

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
  record.u64(48, shownSize(inode));
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

const StatxMask = { basic: 0x7ff, birth: 0x800, mount: 0x1000, reserved: 0x8000_0000 } as const;
const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** Major and minor number of a dev_t (makedev(3)). */
const majorOf = (device: number): number => (device >>> 8) & 0xfff;
const minorOf = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00);

/** struct statx, 256 bytes. */
function encodeStatx(inode: Inode, device: number, isMountRoot: boolean): Uint8Array {
  const record = new RecordWriter(256);
  record.u32(0, StatxMask.basic | StatxMask.birth | StatxMask.mount);
  record.u32(4, 4096);
  record.u64(8, isMountRoot ? STATX_ATTR_MOUNT_ROOT : 0);
  record.u32(16, inode.links);
  record.u32(20, inode.user);
  record.u32(24, inode.group);
  record.u16(28, inode.mode);
  record.u64(32, inode.number);
  record.u64(40, shownSize(inode));
  record.u64(48, inode.blocks * 8);
  record.u64(56, STATX_ATTR_MOUNT_ROOT);
  for (const [at, time] of [
    [64, inode.accessed],
    [80, inode.created],
    [96, inode.changed],
    [112, inode.modified],
  ] as const) {
    record.u64(at, time.seconds);
    record.u32(at + 8, time.nanos);
  }
  record.u32(128, majorOf(inode.device));
  record.u32(132, minorOf(inode.device));
  record.u32(136, majorOf(device));
  record.u32(140, minorOf(device));
  record.u64(144, device);
  return record.bytes;
}

function statx(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(2);
  const allowed = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE;
  if ((flags & ~allowed) !== 0 || (flags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) return -Errno.EINVAL;
  if ((a.uint(3) & StatxMask.reserved) !== 0) return -Errno.EINVAL;
  const canBeEmpty = (flags & AT_EMPTY_PATH) !== 0;
  const path = canBeEmpty && a.unsigned(1) === 0 ? '' : pathArgument(kernel, task, a.unsigned(1));
  if (typeof path === 'number') return path;
  let found: Existing | number;
  if (path !== '' || !canBeEmpty) {
    found = existing(kernel, task, a.int(0), a.unsigned(1), (flags & AT_SYMLINK_NOFOLLOW) === 0);
  } else if (a.int(0) === AT_FDCWD) {
    found = workingFolder(kernel, task);
  } else {
    const file = filesOf(task).get(a.int(0));
    if (file === null) return -Errno.EBADF;
    const inode = file.attributes(kernel, task);
    if (typeof inode === 'number') return inode;
    if (file.place === null) return kernel.userMemory.copyOut(task, a.unsigned(4), encodeStatx(inode, 0, false));
    found = { place: file.place, inode, entry: null };
  }
  if (typeof found === 'number') return found;
  const { place, inode } = found;
  const isMountRoot = place.inode === place.fileSystem.rootInode;
  return kernel.userMemory.copyOut(task, a.unsigned(4), encodeStatx(inode, place.fileSystem.deviceNumber, isMountRoot));
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

export const statCalls: readonly SystemCallEntry[] = [
  row('stat', 'file', 'path:path buffer:pointer', stat(true)),
  row('lstat', 'file', 'path:path buffer:pointer', stat(false)),
  row('fstat', 'none', 'fd:fd buffer:pointer', (kernel, task, a) => fstat(kernel, task, a.int(0), a.unsigned(1))),
  row('newfstatat', 'file', 'folder:fd path:path buffer:pointer flags:flags', newfstatat),
  row('statx', 'file', 'folder:fd path:path flags:flags mask:uint buffer:pointer', statx),
  row('statfs', 'file', 'path:path buffer:pointer', (kernel, task, a) => {
    const found = existing(kernel, task, AT_FDCWD, a.unsigned(0), true);
    return typeof found === 'number' ? found : giveStatfs(kernel, task, found.place.fileSystem, a.unsigned(1));
  }),
  row('fstatfs', 'file', 'fd:fd buffer:pointer', (kernel, task, a) => {
    const found = existingOfDescriptor(kernel, task, a.int(0), -Errno.ENOSYS);
    return typeof found === 'number' ? found : giveStatfs(kernel, task, found.place.fileSystem, a.unsigned(1));
  }),
];
