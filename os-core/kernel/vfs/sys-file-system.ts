// /sys: what programs ask of the machine there (sysfs(5)): how many processors, what kind of pages. Read-only; made from kernel state.
//
// The whole tree is the table of texts below; folders follow from the paths, inode numbers from the order.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { FileType, Inode } from '../../eurofs/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { FileSystem, type FolderEntry } from './file-system.ts';
import type { OpenFile } from './open-file.ts';
import { TextFile } from './text-file.ts';

/** One processor, one node of memory. */
const texts: Readonly<Record<string, string>> = {
  'devices/system/cpu/cpu0/topology/core_cpus_list': '0\n',
  'devices/system/cpu/cpu0/topology/core_id': '0\n',
  'devices/system/cpu/cpu0/topology/core_siblings_list': '0\n',
  'devices/system/cpu/cpu0/topology/physical_package_id': '0\n',
  'devices/system/cpu/cpu0/topology/thread_siblings_list': '0\n',
  'devices/system/cpu/isolated': '\n',
  'devices/system/cpu/kernel_max': '0\n',
  'devices/system/cpu/offline': '\n',
  'devices/system/cpu/online': '0\n',
  'devices/system/cpu/possible': '0\n',
  'devices/system/cpu/present': '0\n',
  'devices/system/node/node0/cpulist': '0\n',
  'devices/system/node/online': '0\n',
  'devices/system/node/possible': '0\n',
  'kernel/mm/transparent_hugepage/enabled': 'always madvise [never]\n',
  'kernel/mm/transparent_hugepage/hpage_pmd_size': '2097152\n',
};

interface Node {
  readonly parent: number;
  readonly name: string;
  /** null = a folder. */
  readonly text: string | null;
  readonly children: Map<string, number>;
}
/** By inode number - 1; the root is 1. */
const nodes: readonly Node[] = (() => {
  const list: Node[] = [{ parent: 1, name: '', text: null, children: new Map() }];
  for (const [path, text] of Object.entries(texts)) {
    const names = path.split('/');
    let at = 1;
    for (const [i, name] of names.entries()) {
      const known = list[at - 1].children.get(name);
      if (known === undefined) {
        list.push({ parent: at, name, text: i === names.length - 1 ? text : null, children: new Map() });
        list[at - 1].children.set(name, list.length);
      }
      at = known ?? list.length;
    }
  }
  return list;
})();
const nodeOf = (inode: number): Node | null => nodes[inode - 1] ?? null;

export class SysFileSystem extends FileSystem {
  override readonly typeName = 'sysfs';
  override readonly magic = 0x62656572;
  override readonly rootInode = 1;

  attributes(kernel: Kernel, _task: Task, number: number): Inode | number {
    const node = nodeOf(number);
    if (node === null) return -Errno.ENOENT;
    const inode = new Inode();
    inode.number = number;
    inode.mode = node.text === null ? FileType.directory | 0o555 : FileType.regular | 0o444;
    inode.links = node.text === null ? 2 : 1;
    // As sysfs: every file shows a page.
    inode.size = node.text === null ? 0 : 4096;
    for (const time of [inode.accessed, inode.modified, inode.changed]) time.seconds = kernel.clock.powerOnUnixSeconds;
    return inode;
  }
  lookup(_kernel: Kernel, _task: Task, folder: number, name: string): number {
    const node = nodeOf(folder);
    if (node === null) return -Errno.ENOENT;
    return node.text === null ? (node.children.get(name) ?? -Errno.ENOENT) : -Errno.ENOTDIR;
  }
  parent(_kernel: Kernel, _task: Task, folder: number): { readonly parent: number; readonly name: string } | number {
    return nodeOf(folder) ?? -Errno.ENOENT;
  }
  readFolder(_kernel: Kernel, _task: Task, folder: number, position: number): FolderEntry | null | number {
    const entry = [...(nodeOf(folder)?.children ?? [])][position];
    if (entry === undefined) return null;
    const [name, inode] = entry;
    const type = nodeOf(inode)?.text === null ? FileType.directory : FileType.regular;
    return { inode, type: type >>> 12, name, position: position + 1 };
  }
  override openSpecial(_kernel: Kernel, _task: Task, inode: Inode, flags: number): OpenFile | number | null {
    const text = nodeOf(inode.number)?.text ?? null;
    if (text === null) return null;
    return (flags & 3) === 0 ? new TextFile(new TextEncoder().encode(text), Capability.file) : -Errno.EACCES;
  }
}
registerClass('vfs.SysFileSystem', 1, SysFileSystem);
