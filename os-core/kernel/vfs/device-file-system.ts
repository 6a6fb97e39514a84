// /dev: the drivers' registry as a file system. Nodes come and go with the drivers; /dev/fd, stdin, stdout and stderr lead to /proc.
//
// Inode numbers are given to names on first sight and kept, so that stat is stable. A mount covers /dev/shm (tmpfs).

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { DeviceRegistry } from '../../drivers/device-registry.ts';
import { FileType, Inode } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { type AttributeChange, FileSystem, type FolderEntry } from './file-system.ts';
import type { OpenFile } from './open-file.ts';

const ROOT = 1;
const LINKS: ReadonlyMap<string, string> = new Map([
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
]);
/** Folders that exist for mounts. */
const EXTRA_FOLDERS = ['shm'];

export class DeviceFileSystem extends FileSystem {
  override readonly typeName = 'devtmpfs';
  override readonly magic = 0x01021994;
  override readonly rootInode = ROOT;
  private readonly registry: DeviceRegistry;
  private readonly numbers = new Map<string, number>([['', ROOT]]);
  private readonly names = new Map<number, string>([[ROOT, '']]);

  constructor(registry: DeviceRegistry) {
    super();
    this.registry = registry;
  }

  private numberOf(name: string): number {
    let number = this.numbers.get(name);
    if (number === undefined) {
      number = this.numbers.size + 1;
      this.numbers.set(name, number);
      this.names.set(number, name);
    }
    return number;
  }
  private isFolder(name: string): boolean {
    return EXTRA_FOLDERS.includes(name) || (this.registry.lookup(name) === null && this.registry.isFolder(name));
  }

  attributes(kernel: Kernel, _task: Task, number: number): Inode | number {
    const name = this.names.get(number);
    if (name === undefined) return -Errno.ENOENT;
    const inode = new Inode();
    inode.number = number;
    inode.links = 1;
    const time = { seconds: kernel.clock.powerOnUnixSeconds, nanos: 0 };
    for (const stamp of [inode.accessed, inode.modified, inode.changed]) Object.assign(stamp, time);
    const node = this.registry.lookup(name);
    if (node !== null) {
      inode.mode = node.mode;
      inode.user = node.ownerUser;
      inode.group = node.ownerGroup;
      // dev_t as glibc's and Linux' new encoding (makedev(3)).
      inode.device = ((node.major & 0xfff) << 8) | (node.minor & 0xff) | ((node.minor & ~0xff) << 12);
      return inode;
    }
    const target = LINKS.get(name);
    if (target !== undefined) {
      inode.mode = FileType.symbolicLink | 0o777;
      inode.size = target.length;
      return inode;
    }
    if (!this.isFolder(name)) return -Errno.ENOENT;
    inode.mode = FileType.directory | 0o755;
    inode.links = 2;
    return inode;
  }
  lookup(_kernel: Kernel, _task: Task, folder: number, name: string): number {
    const path = this.names.get(folder);
    if (path === undefined) return -Errno.ENOENT;
    const full = path === '' ? name : `${path}/${name}`;
    const exists = this.registry.lookup(full) !== null || LINKS.has(full) || this.isFolder(full);
    return exists ? this.numberOf(full) : -Errno.ENOENT;
  }
  parent(_kernel: Kernel, _task: Task, folder: number): { readonly parent: number; readonly name: string } | number {
    const path = this.names.get(folder) ?? '';
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? ROOT : this.numberOf(path.slice(0, slash));
    return { parent, name: path.slice(slash + 1) };
  }
  readFolder(_kernel: Kernel, _task: Task, folder: number, position: number): FolderEntry | null | number {
    const path = this.names.get(folder);
    if (path === undefined) return -Errno.ENOENT;
    const names = new Set((this.registry.list(path) ?? []).map((entry) => entry.name));
    if (path === '') for (const name of [...LINKS.keys(), ...EXTRA_FOLDERS]) names.add(name);
    const name = [...names][position];
    if (name === undefined) return null;
    const full = path === '' ? name : `${path}/${name}`;
    const node = this.registry.lookup(full);
    const type =
      node !== null ? node.mode >>> 12 : (LINKS.has(full) ? FileType.symbolicLink : FileType.directory) >>> 12;
    return { inode: this.numberOf(full), type, name, position: position + 1 };
  }
  override readLink(_kernel: Kernel, _task: Task, number: number): string | number {
    return LINKS.get(this.names.get(number) ?? '') ?? -Errno.EINVAL;
  }
  override setAttributes(_kernel: Kernel, task: Task, number: number, change: AttributeChange): number {
    // A terminal may be handed to who logs in; nothing else about a device is for programs to change.
    const node = this.registry.lookup(this.names.get(number) ?? '');
    if (node === null || task.process.credentials.userId !== 0) return -Errno.EPERM;
    if (change.user !== undefined) node.ownerUser = change.user;
    if (change.group !== undefined) node.ownerGroup = change.group;
    return 0;
  }
  override openSpecial(kernel: Kernel, task: Task, inode: Inode, flags: number): OpenFile | number | null {
    const node = this.registry.lookup(this.names.get(inode.number) ?? '');
    return node === null ? null : node.open(kernel, task, flags);
  }
}
registerClass('vfs.DeviceFileSystem', 1, DeviceFileSystem);
