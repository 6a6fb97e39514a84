// The names below /dev. Drivers register nodes here; the VFS mounts the registry as /dev and opens files through it.
//
//   /dev/tty ──► DeviceRegistry.lookup('tty') ──► DeviceNode.open(kernel, task, flags) ──► OpenFile
//   /dev/pts ──► DeviceRegistry.list('pts')   ──► entries '0', '1', …
//
// A node is an instance of a registered class (snapshots), never a closure. Directories are implied by names that hold a
// slash; there is one level of them at most. /dev itself is not persistent: it is what the drivers say at the moment.

import { registerClass } from '../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/process/task.ts';
import type { OpenFile } from '../kernel/vfs/open-file.ts';

/** File type bits of st_mode (stat(2)). */
export const CHARACTER_DEVICE = 0o020000;
export const BLOCK_DEVICE = 0o060000;

/** One name below /dev. */
export abstract class DeviceNode {
  /** Path below /dev without leading slash, such as 'null' or 'pts/0'. */
  readonly name: string;
  /** Type and permission bits, as st_mode shows them. */
  readonly mode: number;
  /** Linux device numbers (Documentation/admin-guide/devices.txt), for st_rdev. */
  readonly major: number;
  readonly minor: number;
  /** Owner shown by stat; a pty slave belongs to who opened it. */
  ownerUser = 0;
  ownerGroup = 0;

  constructor(name: string, mode: number, major: number, minor: number) {
    this.name = name;
    this.mode = mode;
    this.major = major;
    this.minor = minor;
  }

  /** Opens the device for `task` with open(2) `flags`. Returns the description (its `flags` are set by the caller) or -errno. */
  abstract open(kernel: Kernel, task: Task, flags: number): OpenFile | number;
}

export interface DeviceEntry {
  readonly name: string;
  /** null: a folder. */
  readonly node: DeviceNode | null;
}

export class DeviceRegistry {
  private readonly nodes = new Map<string, DeviceNode>();

  /** Adds a node; an older one of the same name is replaced. */
  register(node: DeviceNode): void {
    this.nodes.set(node.name, node);
  }
  remove(name: string): void {
    this.nodes.delete(name);
  }

  /** The node called `name` (path below /dev), or null. */
  lookup(name: string): DeviceNode | null {
    return this.nodes.get(name) ?? null;
  }

  /** True if `folder` (path below /dev, '' = /dev itself) is a folder. */
  isFolder(folder: string): boolean {
    if (folder === '' || folder === 'pts') return true;
    const prefix = `${folder}/`;
    for (const name of this.nodes.keys()) if (name.startsWith(prefix)) return true;
    return false;
  }

  /** Entries of a folder, sorted by name; null if there is no such folder. */
  list(folder: string): readonly DeviceEntry[] | null {
    if (!this.isFolder(folder)) return null;
    const prefix = folder === '' ? '' : `${folder}/`;
    const entries = new Map<string, DeviceNode | null>();
    for (const [name, node] of this.nodes) {
      if (!name.startsWith(prefix)) continue;
      const rest = name.slice(prefix.length);
      const slash = rest.indexOf('/');
      if (slash < 0) entries.set(rest, node);
      else entries.set(rest.slice(0, slash), null);
    }
    if (folder === '') entries.set('pts', null);
    return [...entries].map(([name, node]) => ({ name, node })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
registerClass('DeviceRegistry', 1, DeviceRegistry);
