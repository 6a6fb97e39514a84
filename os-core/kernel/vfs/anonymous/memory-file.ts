// memfd_create(2): a file without a name, in memory, and seals that forbid for good what could be done to it (fcntl(2), "File Sealing").
// It lives in a tmpfs of its own that is mounted nowhere.

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import { bytesToName, FileType } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { MappableFile } from '../../process/seams.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { MemoryFileSystem } from '../memory-file-system.ts';
import type { OpenFile } from '../open-file.ts';
import { FileMapping } from '../program-file.ts';
import { OpenFlag, RegularFile } from '../regular-file.ts';
import { installFile, row } from '../system-calls/support.ts';
import { Place, Vfs } from '../vfs.ts';

/** NAME_MAX less "memfd:". */
const LONGEST_NAME_BYTES = 249;
const Create = { closeOnExec: 1, allowSealing: 2, noExecuteSeal: 8, execute: 16 } as const;
export const Seal = { seal: 1, shrink: 2, grow: 4, write: 8, futureWrite: 16, execute: 32 } as const;
const ALL_SEALS = 63;

export class MemoryFile extends RegularFile {
  seals: number;

  constructor(place: Place, name: string, seals: number) {
    super();
    this.place = place;
    this.path = `/memfd:${name} (deleted)`;
    this.flags = OpenFlag.readWrite | OpenFlag.largeFile;
    this.seals = seals;
  }
  /** 0, or -EPERM if seals forbid to write up to `end`. */
  writeRefusal(kernel: Kernel, task: Task, end: number): number {
    if ((this.seals & (Seal.write | Seal.futureWrite)) !== 0) return -Errno.EPERM;
    if ((this.seals & Seal.grow) === 0) return 0;
    const inode = this.attributes(kernel, task);
    if (typeof inode === 'number') return inode;
    return end > inode.size ? -Errno.EPERM : 0;
  }
  override write(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    const refused = this.writeRefusal(kernel, task, (offset ?? this.position) + count);
    return refused !== 0 ? refused : super.write(kernel, task, address, count, offset);
  }
  /** It was not opened, and is not counted among the files that are open for writing; its writable mappings are. */
  override closed(): void {}
  override truncate(kernel: Kernel, task: Task, size: number): number {
    const inode = this.attributes(kernel, task);
    if (typeof inode === 'number') return inode;
    if (size < inode.size && (this.seals & Seal.shrink) !== 0) return -Errno.EPERM;
    if (size > inode.size && (this.seals & Seal.grow) !== 0) return -Errno.EPERM;
    return super.truncate(kernel, task, size);
  }
  override mapping(kernel: Kernel, task: Task, shared: boolean, writable: boolean): MappableFile | number {
    const sealed = (this.seals & (Seal.write | Seal.futureWrite)) !== 0;
    if (shared && writable && sealed) return -Errno.EPERM;
    // Nor may mprotect make it writable later.
    if (shared && sealed) return new FileMapping(kernel, this.place as Place, this.path, false);
    return super.mapping(kernel, task, shared, writable);
  }
}
registerClass('vfs.MemoryFile', 1, MemoryFile);

/** F_ADD_SEALS */
export function addSeals(kernel: Kernel, file: OpenFile, seals: number): number {
  if (!(file instanceof MemoryFile)) return -Errno.EINVAL;
  if ((seals & ~ALL_SEALS) !== 0) return -Errno.EINVAL;
  if ((file.seals & Seal.seal) !== 0) return -Errno.EPERM;
  const pages = kernel.state.pageCache.find(file.place as Place);
  if ((seals & Seal.write) !== 0 && pages !== null && pages.writableMappings > 0) return -Errno.EBUSY;
  file.seals |= seals;
  return 0;
}
/** F_GET_SEALS */
export function sealsOf(file: OpenFile): number {
  return file instanceof MemoryFile ? file.seals : -Errno.EINVAL;
}

function create(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(1);
  if ((flags & ~(Create.closeOnExec | Create.allowSealing | Create.noExecuteSeal | Create.execute)) !== 0)
    return -Errno.EINVAL;
  const noExecute = (flags & Create.noExecuteSeal) !== 0;
  if (noExecute && (flags & Create.execute) !== 0) return -Errno.EINVAL;
  const bytes = kernel.userMemory.readString(task, a.unsigned(0), LONGEST_NAME_BYTES + 1);
  if (typeof bytes === 'number') return bytes === -Errno.ENAMETOOLONG ? -Errno.EINVAL : bytes;
  const vfs = Vfs.of(kernel);
  const mount = vfs.nameless(
    () => new MemoryFileSystem(Math.max(256, Math.floor(kernel.frames.usableFrames / 4)), 0o700),
  );
  const { fileSystem } = mount;
  const { userId, groupId } = task.process.credentials;
  const mode = FileType.regular | (noExecute ? 0o666 : 0o777);
  // The name is gone before anybody could see it.
  const name = 'memfd';
  const inode = fileSystem.create(kernel, task, fileSystem.rootInode, name, { mode, user: userId, group: groupId });
  if (inode < 0) return inode;
  fileSystem.retain(inode);
  fileSystem.remove(kernel, task, fileSystem.rootInode, name, false);
  const canSeal = (flags & (Create.allowSealing | Create.noExecuteSeal)) !== 0;
  const file = new MemoryFile(
    new Place(mount, inode),
    bytesToName(bytes),
    canSeal ? (noExecute ? Seal.execute : 0) : Seal.seal,
  );
  return installFile(kernel, task, file, (flags & Create.closeOnExec) !== 0);
}

export const memoryFileCalls: readonly SystemCallEntry[] = [
  row('memfd_create', 'none', 'name:pointer flags:flags', create),
];
