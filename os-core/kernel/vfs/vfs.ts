// The VFS service: mount table, root, write-back. Lives in kernel.state.services as 'vfs'.
//
//   /       EuroFS on the first disk          /dev    the drivers' registry
//   /tmp    tmpfs                             /proc   the kernel's own state
//
// Until the root is mounted (a kernel task does it), calls that need a path sleep on mountQueue.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { WaitQueue } from '../wait-queue.ts';
import type { FileSystem } from './file-system.ts';
import { Notifier } from './notify.ts';
import type { OpenFile } from './open-file.ts';
import type { Pipe } from './pipe.ts';
import { RecordLocks } from './record-locks.ts';

/** An inode of a mounted file system: what a path leads to. */
export class Place {
  readonly mount: MountPoint;
  readonly inode: number;

  constructor(mount: MountPoint, inode: number) {
    this.mount = mount;
    this.inode = inode;
  }
  get fileSystem(): FileSystem {
    return this.mount.fileSystem;
  }
  equals(other: Place): boolean {
    return this.mount === other.mount && this.inode === other.inode;
  }
}
registerClass('vfs.Place', 1, Place);

export class MountPoint {
  readonly fileSystem: FileSystem;
  /** The folder it hides; null for the root. */
  readonly covered: Place | null;
  /** Name of the folder in its parent, and the whole path for /proc/mounts. */
  readonly path: string;
  readonly source: string;

  constructor(fileSystem: FileSystem, covered: Place | null, path: string, source: string) {
    this.fileSystem = fileSystem;
    this.covered = covered;
    this.path = path;
    this.source = source;
  }
}
registerClass('vfs.MountPoint', 1, MountPoint);

/** An advisory lock of flock(2). */
export class FlockState {
  /** Open file descriptions that hold it: one if exclusive. */
  readonly holders = new Set<object>();
  exclusive = false;
  readonly queue = new WaitQueue();
}
registerClass('vfs.FlockState', 1, FlockState);

/** What must know that a file is closed for good. */
export interface FileWatcher {
  fileClosed(kernel: Kernel): void;
}

export class Vfs {
  readonly mounts: MountPoint[] = [];
  readonly mountQueue = new WaitQueue();
  /** FIFOs in use, by `device:inode`. */
  readonly fifos = new Map<string, Pipe>();
  readonly locks = new Map<string, FlockState>();
  readonly recordLocks = new RecordLocks();
  readonly notifier = new Notifier();
  /** Files being executed: writing gives ETXTBSY. Counts by `device:inode`. */
  readonly executing = new Map<string, number>();
  /** Files open for writing: executing gives ETXTBSY. */
  readonly writers = new Map<string, number>();
  /** Epoll items by the file that they watch: they go when it is closed. */
  readonly watchers = new Map<OpenFile, Set<FileWatcher>>();
  watcherCount = 0;
  /** Pipes and FIFOs with an open end: each may hold 64 KiB. */
  openPipes = 0;
  private memory: MountPoint | null = null;
  private nextDevice = 1;
  private lastPipe = 0;

  /** Inode number of a new pipe. */
  nextPipeNumber(): number {
    return ++this.lastPipe;
  }

  get root(): Place | null {
    const mount = this.mounts[0];
    return mount === undefined ? null : new Place(mount, mount.fileSystem.rootInode);
  }

  /** Mounts over a folder; the first mount is the root. */
  mount(fileSystem: FileSystem, covered: Place | null, path: string, source: string): void {
    fileSystem.deviceNumber = this.nextDevice++;
    this.mounts.push(new MountPoint(fileSystem, covered, path, source));
  }

  /** Where files without a name live (memfd_create): mounted nowhere, made by `make` at the first use. */
  nameless(make: () => FileSystem): MountPoint {
    if (this.memory === null) {
      this.memory = new MountPoint(make(), null, '', 'tmpfs');
      this.memory.fileSystem.deviceNumber = this.nextDevice++;
    }
    return this.memory;
  }

  /** The root of what is mounted on a place, or the place itself. */
  cross(place: Place): Place {
    let at = place;
    // Each step goes to a later mount, so the table's length bounds it.
    for (let depth = 0; depth < this.mounts.length; depth++) {
      const mount = this.mounts.find((candidate) => candidate.covered?.equals(at) === true);
      if (mount === undefined) return at;
      at = new Place(mount, mount.fileSystem.rootInode);
    }
    return at;
  }

  /** The root, or PENDING while it is not mounted yet. */
  waitForRoot(task: Task): Place | number {
    const { root } = this;
    if (root !== null) return root;
    task.waitOn(this.mountQueue);
    return PENDING;
  }

  /** flock(2): takes a description from the holders of a lock; the last one takes the lock along. */
  unlock(key: string, file: object): void {
    const lock = this.locks.get(key);
    if (lock?.holders.delete(file) !== true) return;
    lock.queue.wakeAll();
    if (lock.holders.size === 0) this.locks.delete(key);
  }

  addWatcher(file: OpenFile, watcher: FileWatcher): void {
    const watchers = this.watchers.get(file);
    if (watchers === undefined) this.watchers.set(file, new Set([watcher]));
    else watchers.add(watcher);
    this.watcherCount++;
  }
  removeWatcher(file: OpenFile, watcher: FileWatcher): void {
    const watchers = this.watchers.get(file);
    if (watchers?.delete(watcher) !== true) return;
    this.watcherCount--;
    if (watchers.size === 0) this.watchers.delete(file);
  }

  static of(kernel: Kernel): Vfs {
    return kernel.service('vfs', Vfs);
  }
}
registerClass('vfs.Vfs', 3, Vfs);

export function placeKey(place: Place): string {
  return `${place.fileSystem.deviceNumber}:${place.inode}`;
}

export function adjustCount(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
