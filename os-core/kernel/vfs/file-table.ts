// Descriptors, working folder and umask of a process.
//
// Invariants: each table entry is one reference of its description; when the last one goes, `closed` is called and the inode released.
// Descriptors are handed out lowest first (POSIX).

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { type Process, ResourceLimit } from '../process/process.ts';
import type { ProcessFiles, ProgramFile } from '../process/seams.ts';
import type { Task } from '../process/task.ts';
import { closedLast } from './notify.ts';
import type { OpenFile } from './open-file.ts';
import { openProgram } from './program-file.ts';
import { type Place, placeKey, Vfs } from './vfs.ts';

/** fs.nr_open: no table grows beyond, whatever RLIMIT_NOFILE says. */
const MOST_DESCRIPTORS = 65536;

class Descriptor {
  readonly file: OpenFile;
  closeOnExec: boolean;

  constructor(file: OpenFile, closeOnExec: boolean) {
    this.file = file;
    this.closeOnExec = closeOnExec;
  }
}
registerClass('vfs.Descriptor', 1, Descriptor);

/** One reference less; the last one closes. */
export function releaseFile(kernel: Kernel, file: OpenFile): void {
  if (--file.references > 0) return;
  const vfs = Vfs.of(kernel);
  for (const watcher of vfs.watchers.get(file) ?? []) watcher.fileClosed(kernel);
  if (vfs.notifier.isActive) closedLast(kernel, file);
  file.closed(kernel);
  const { place } = file;
  if (place === null) return;
  vfs.unlock(placeKey(place), file);
  vfs.recordLocks.release(placeKey(place), file);
  place.fileSystem.release(place.inode);
}

export class FileTable implements ProcessFiles {
  private readonly entries = new Map<number, Descriptor>();
  /** null = the root (also before it is mounted). */
  workingFolder: Place | null = null;
  /** For /proc and paths shown to people; getcwd asks the file system. */
  workingPath = '/';
  private fileModeMask = 0o022;

  get(descriptor: number): OpenFile | null {
    return this.entries.get(descriptor)?.file ?? null;
  }
  /** Descriptors in use, rising. */
  list(): number[] {
    return [...this.entries.keys()].sort((a, b) => a - b);
  }
  isCloseOnExec(descriptor: number): boolean {
    return this.entries.get(descriptor)?.closeOnExec ?? false;
  }
  setCloseOnExec(descriptor: number, on: boolean): void {
    const entry = this.entries.get(descriptor);
    if (entry !== undefined) entry.closeOnExec = on;
  }

  /** Most descriptors of a process. */
  static limitOf(process: Process): number {
    return Math.min(process.limits[ResourceLimit.openFiles].soft, MOST_DESCRIPTORS);
  }

  /** The lowest free descriptor from `from` on; -EMFILE. */
  private lowestFree(from: number, limit: number): number {
    let descriptor = from;
    while (this.entries.has(descriptor)) descriptor++;
    return descriptor < limit ? descriptor : -Errno.EMFILE;
  }

  isFull(process: Process): boolean {
    return this.lowestFree(0, FileTable.limitOf(process)) < 0;
  }
  /** Enters a description at the lowest free descriptor from `from` on: that, or -EMFILE (the file is then untouched). */
  install(file: OpenFile, process: Process, closeOnExec: boolean, from = 0): number {
    const descriptor = this.lowestFree(from, FileTable.limitOf(process));
    if (descriptor < 0) return descriptor;
    file.references++;
    this.entries.set(descriptor, new Descriptor(file, closeOnExec));
    return descriptor;
  }
  /** dup2: enters at exactly this descriptor, closing what was there. */
  installAt(kernel: Kernel, file: OpenFile, descriptor: number, closeOnExec: boolean): void {
    file.references++;
    const old = this.entries.get(descriptor);
    this.entries.set(descriptor, new Descriptor(file, closeOnExec));
    if (old !== undefined) this.leave(kernel, old.file);
  }
  close(kernel: Kernel, descriptor: number): number {
    const entry = this.entries.get(descriptor);
    if (entry === undefined) return -Errno.EBADF;
    this.entries.delete(descriptor);
    this.leave(kernel, entry.file);
    return 0;
  }
  /** A descriptor was closed: the process's locks on that file go, whatever other descriptors it has (fcntl_locking(2)). */
  private leave(kernel: Kernel, file: OpenFile): void {
    if (file.place !== null) Vfs.of(kernel).recordLocks.release(placeKey(file.place), this);
    releaseFile(kernel, file);
  }

  copy(): FileTable {
    const copy = new FileTable();
    for (const [descriptor, entry] of this.entries) {
      entry.file.references++;
      copy.entries.set(descriptor, new Descriptor(entry.file, entry.closeOnExec));
    }
    copy.changeFolder(this.workingFolder, this.workingPath);
    copy.fileModeMask = this.fileModeMask;
    return copy;
  }
  closeOnExec(kernel: Kernel): void {
    for (const [descriptor, entry] of [...this.entries]) if (entry.closeOnExec) this.close(kernel, descriptor);
  }
  release(kernel: Kernel): void {
    for (const descriptor of this.list()) this.close(kernel, descriptor);
    this.changeFolder(null, '/');
  }

  get mask(): number {
    return this.fileModeMask;
  }
  setFileModeMask(mask: number): number {
    const old = this.fileModeMask;
    this.fileModeMask = mask & 0o777;
    return old;
  }

  /** Sets the working folder and holds on to its inode. */
  changeFolder(place: Place | null, path: string): void {
    place?.fileSystem.retain(place.inode);
    this.workingFolder?.fileSystem.release(this.workingFolder.inode);
    this.workingFolder = place;
    this.workingPath = path;
  }

  openProgram(
    kernel: Kernel,
    task: Task,
    directoryDescriptor: number,
    path: string,
    flags: number,
  ): ProgramFile | number {
    return openProgram(kernel, task, directoryDescriptor, path, flags);
  }
}
registerClass('vfs.FileTable', 1, FileTable);

/** The table of a task's process; a task without one (a kernel task) has none. */
export function tableOf(task: Task): FileTable | null {
  return task.process.files instanceof FileTable ? task.process.files : null;
}
