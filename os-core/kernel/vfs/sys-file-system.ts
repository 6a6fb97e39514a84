// /sys: what programs ask of the machine there (sysfs(5)): how many processors, what kind of pages, what is on the PCI bus. Read-only.
//
// The whole tree is the table of texts below and what the drivers found on the bus; folders follow from the paths, inode numbers from
// the order. Nothing comes or goes while the machine runs: the tree is made once, at the first look.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import type { PciFunction } from '../../drivers/pci.ts';
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
function treeOf(files: readonly (readonly [path: string, text: string])[]): Node[] {
  const list: Node[] = [{ parent: 1, name: '', text: null, children: new Map() }];
  for (const [path, text] of files) {
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
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
/** IORESOURCE_IO, IORESOURCE_MEM, IORESOURCE_PREFETCH of Linux' resource files. */
const resourceFlags = { none: 0, io: 0x100, memory: 0x200 } as const;
const PREFETCHABLE = 0x2000;

/** What lspci programs read of one function (Documentation/ABI/testing/sysfs-bus-pci). */
function pciFiles(pci: PciFunction): [string, string][] {
  const slot = `0000:${pci.name}`;
  const resource = pci.bars.map(({ kind, address, sizeBytes, prefetchable }) => {
    const last = sizeBytes === 0 ? 0 : address + sizeBytes - 1;
    const flags = resourceFlags[kind] | (prefetchable ? PREFETCHABLE : 0);
    return `0x${hex(address, 16)} 0x${hex(last, 16)} 0x${hex(flags, 16)}\n`;
  });
  const identity = `${hex(pci.vendorId, 4)}:${hex(pci.deviceId, 4)}`.toUpperCase();
  const files: Readonly<Record<string, string>> = {
    class: `0x${hex(pci.classCode, 6)}\n`,
    device: `0x${hex(pci.deviceId, 4)}\n`,
    irq: `${pci.interruptLine === 255 ? 0 : pci.interruptLine}\n`,
    resource: resource.join(''),
    revision: `0x${hex(pci.revision, 2)}\n`,
    uevent: `PCI_CLASS=${hex(pci.classCode, 1).toUpperCase()}\nPCI_ID=${identity}\nPCI_SLOT_NAME=${slot}\n`,
    vendor: `0x${hex(pci.vendorId, 4)}\n`,
  };
  return Object.entries(files).map(([name, text]) => [`bus/pci/devices/${slot}/${name}`, text]);
}

/** Found by the drivers when the machine started; none in a kernel without drivers. */
function pciFunctions(kernel: Kernel): readonly PciFunction[] {
  const drivers = kernel.state.services.get('drivers');
  return drivers !== undefined && 'pci' in drivers ? (drivers.pci as readonly PciFunction[]) : [];
}

export class SysFileSystem extends FileSystem {
  override readonly typeName = 'sysfs';
  override readonly magic = 0x62656572;
  override readonly rootInode = 1;
  private nodes: readonly Node[] | null = null;

  private nodeOf(kernel: Kernel, inode: number): Node | null {
    this.nodes ??= treeOf([...Object.entries(texts), ...pciFunctions(kernel).flatMap(pciFiles)]);
    return this.nodes[inode - 1] ?? null;
  }

  attributes(kernel: Kernel, _task: Task, number: number): Inode | number {
    const node = this.nodeOf(kernel, number);
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
  lookup(kernel: Kernel, _task: Task, folder: number, name: string): number {
    const node = this.nodeOf(kernel, folder);
    if (node === null) return -Errno.ENOENT;
    return node.text === null ? (node.children.get(name) ?? -Errno.ENOENT) : -Errno.ENOTDIR;
  }
  parent(kernel: Kernel, _task: Task, folder: number): { readonly parent: number; readonly name: string } | number {
    return this.nodeOf(kernel, folder) ?? -Errno.ENOENT;
  }
  readFolder(kernel: Kernel, _task: Task, folder: number, position: number): FolderEntry | null | number {
    const entry = [...(this.nodeOf(kernel, folder)?.children ?? [])][position];
    if (entry === undefined) return null;
    const [name, inode] = entry;
    const type = this.nodeOf(kernel, inode)?.text === null ? FileType.directory : FileType.regular;
    return { inode, type: type >>> 12, name, position: position + 1 };
  }
  override openSpecial(kernel: Kernel, _task: Task, inode: Inode, flags: number): OpenFile | number | null {
    const text = this.nodeOf(kernel, inode.number)?.text ?? null;
    if (text === null) return null;
    return (flags & 3) === 0 ? new TextFile(new TextEncoder().encode(text), Capability.file) : -Errno.EACCES;
  }
}
registerClass('vfs.SysFileSystem', 2, SysFileSystem);
