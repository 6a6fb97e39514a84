// The VFS as a part of the kernel: its calls, its start, and the kernel task that mounts and writes back.
//
//   start ──► service 'vfs' ──► kernel task "eurofs":  mount the root ──► mount /dev /proc /tmp ──► write back every 5 seconds while dirty

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { DeviceRegistry } from '../../drivers/device-registry.ts';
import { Drivers } from '../../drivers/startup.ts';
import { Mount } from '../../eurofs/index.ts';
import type { Kernel, Subsystem } from '../kernel.ts';
import { startKernelTask } from '../process/lifecycle.ts';
import type { KernelWork, Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { epollCalls } from './anonymous/epoll-calls.ts';
import { eventCalls } from './anonymous/event-file.ts';
import { inotifyCalls } from './anonymous/inotify.ts';
import { memoryFileCalls } from './anonymous/memory-file.ts';
import { pidFileCalls } from './anonymous/pid-file.ts';
import { signalFileCalls } from './anonymous/signal-file.ts';
import { timerFileCalls } from './anonymous/timer-file.ts';
import { traceCalls } from './anonymous/trace-file.ts';
import { DeviceFileSystem } from './device-file-system.ts';
import { EuroFileSystem, type WaitableStore } from './euro-file-system.ts';
import type { FileSystem } from './file-system.ts';
import { FileTable } from './file-table.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { ProcFileSystem } from './proc-file-system.ts';
import { SysFileSystem } from './sys-file-system.ts';
import { attributeCalls } from './system-calls/attributes.ts';
import { descriptorCalls } from './system-calls/descriptors.ts';
import { kernelCopyCalls } from './system-calls/kernel-copy.ts';
import { nameCalls } from './system-calls/names.ts';
import { pollCalls } from './system-calls/poll.ts';
import { statCalls } from './system-calls/stat.ts';
import { transferCalls } from './system-calls/transfer.ts';
import { Place, Vfs } from './vfs.ts';

/** How long a change may stay in memory only. fsync and sync do not wait for it. */
const WRITE_BACK_NANOS = 5e9;

/** Mounts the root, then commits what has been dirty for a while. */
class EuroFsWork implements KernelWork {
  private readonly store: WaitableStore;
  private readonly devices: DeviceRegistry | null;
  private readonly mount: Mount;
  private fileSystem: EuroFileSystem | null = null;
  private deadlineNanos = 0;

  constructor(store: WaitableStore, devices: DeviceRegistry | null) {
    this.store = store;
    this.devices = devices;
    this.mount = new Mount(store);
  }

  step(kernel: Kernel, task: Task): 'again' | 'sleep' | 'done' {
    let status: number;
    if (this.fileSystem === null) status = this.mountRoot(kernel);
    else if (Vfs.of(kernel).root === null) status = mountAll(kernel, task, this.fileSystem, this.devices);
    else status = this.writeBack(kernel, task, this.fileSystem);
    if (status === PENDING && this.store.changed !== undefined) task.waitOn(this.store.changed);
    if (status === PENDING || status === SLEEP) return task.hasWait ? 'sleep' : 'again';
    return status === 0 ? 'again' : 'done';
  }

  private mountRoot(kernel: Kernel): number {
    const status = this.mount.step();
    if (status === PENDING) return PENDING;
    const { volume } = this.mount;
    if (status !== 0 || volume === null) {
      kernel.panic(`the root file system cannot be mounted: ${this.mount.reason}`);
      return -1;
    }
    this.fileSystem = new EuroFileSystem(volume, this.store);
    const label = new TextDecoder('utf-8').decode(volume.superblock.label).replace(/\0+$/, '');
    const state = volume.readOnly ? ', read only' : '';
    kernel.log(`[eurofs] "${label}" generation ${volume.superblock.generation}, ${volume.blockCount * 4} KiB${state}`);
    for (const report of volume.reports) kernel.log(`[eurofs] ${report}`);
    return 0;
  }

  /** 0 = go on, SLEEP (the wait is set up), PENDING (the store's queue). */
  private writeBack(kernel: Kernel, task: Task, fileSystem: EuroFileSystem): number {
    const { volume } = fileSystem;
    const { pageCache } = kernel.state;
    if (pageCache.writeBack(kernel, task) === PENDING) return SLEEP;
    if (!volume.isDirty && !volume.isCommitting) {
      this.deadlineNanos = 0;
      task.waitOn(fileSystem.dirtyQueue);
      task.waitOn(pageCache.changed);
      task.waitUntil(kernel, pageCache.deadlineNanos);
      return SLEEP;
    }
    const now = kernel.nowNanos();
    if (this.deadlineNanos === 0) this.deadlineNanos = now + WRITE_BACK_NANOS;
    if (now < this.deadlineNanos) {
      task.waitOn(pageCache.changed);
      task.waitUntil(kernel, Math.min(this.deadlineNanos, pageCache.deadlineNanos));
      return SLEEP;
    }
    const status = volume.commitStep();
    if (status === PENDING) return PENDING;
    this.deadlineNanos = 0;
    if (status < 0) {
      kernel.log(`[eurofs] ${volume.reports[volume.reports.length - 1] ?? 'a commit failed'}`);
      return -1;
    }
    return 0;
  }
}
registerClass('vfs.EuroFsWork', 1, EuroFsWork);

const SLEEP = 1;

/**
 * Mounts the root and, where it has the folders, /dev, /dev/shm, /proc, /run, /sys and /tmp; wakes who waited for the root. 0 or PENDING (nothing is
 * mounted yet then).
 */
export function mountAll(kernel: Kernel, task: Task, root: FileSystem, devices: DeviceRegistry | null): number {
  const vfs = Vfs.of(kernel);
  const folders = new Map<string, number>();
  for (const name of ['dev', 'proc', 'run', 'sys', 'tmp']) {
    const inode = root.lookup(kernel, task, root.rootInode, name);
    if (inode === PENDING) return PENDING;
    if (inode >= 0) folders.set(name, inode);
    else kernel.log(`[vfs] the root has no folder /${name}: nothing is mounted there`);
  }
  const memoryBlocks = Math.max(256, Math.floor(kernel.frames.usableFrames / 4));
  vfs.mount(root, null, '/', '/dev/vda');
  const over = (name: string, fileSystem: FileSystem): void => {
    const inode = folders.get(name);
    if (inode !== undefined) vfs.mount(fileSystem, new Place(vfs.mounts[0], inode), `/${name}`, fileSystem.typeName);
  };
  over('proc', new ProcFileSystem());
  over('sys', new SysFileSystem());
  over('tmp', new MemoryFileSystem(memoryBlocks, 0o1777));
  over('run', new MemoryFileSystem(memoryBlocks, 0o755));
  if (devices !== null) {
    const dev = new DeviceFileSystem(devices);
    over('dev', dev);
    const mount = vfs.mounts.find((candidate) => candidate.fileSystem === dev);
    const shm = dev.lookup(kernel, task, dev.rootInode, 'shm');
    if (mount !== undefined)
      vfs.mount(new MemoryFileSystem(memoryBlocks, 0o1777), new Place(mount, shm), '/dev/shm', 'tmpfs');
  }
  vfs.mountQueue.wakeAll();
  return 0;
}

function startVfs(kernel: Kernel): void {
  kernel.state.services.set('vfs', new Vfs());
  const drivers = kernel.service('drivers', Drivers);
  const disk = drivers.disks[0];
  if (disk === undefined) {
    kernel.panic('there is no disk to mount');
    return;
  }
  startKernelTask(kernel, 'eurofs', new EuroFsWork(disk, drivers.devices));
}

/** A table without descriptors, for the first program. */
export function newFileTable(): FileTable {
  return new FileTable();
}

export const vfsSubsystem: Subsystem = {
  name: 'vfs',
  systemCalls: [
    ...transferCalls,
    ...kernelCopyCalls,
    ...descriptorCalls,
    ...nameCalls,
    ...attributeCalls,
    ...statCalls,
    ...pollCalls,
    ...eventCalls,
    ...traceCalls,
    ...epollCalls,
    ...timerFileCalls,
    ...signalFileCalls,
    ...pidFileCalls,
    ...memoryFileCalls,
    ...inotifyCalls,
  ],
  start: startVfs,
};
