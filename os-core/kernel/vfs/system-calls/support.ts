// What the file calls share: rows, descriptors, paths, records in user memory.

import { Capability } from '../../../abi/capability.ts';
import { Errno } from '../../../abi/errno.ts';
import { SystemCall } from '../../../abi/system-call-numbers.ts';
import { bytesToName, type Inode } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import { requireCapability } from '../../syscalls/dispatch.ts';
import type { SystemCallEntry, SystemCallHandler } from '../../syscalls/handler.ts';
import { type FileTable, releaseFile, tableOf } from '../file-table.ts';
import { startOf } from '../open.ts';
import type { OpenFile } from '../open-file.ts';
import { type Walk, walk } from '../path-walk.ts';
import { type Place, Vfs } from '../vfs.ts';

const LONGEST_PATH_BYTES = 4096;

/** A row of the system call table. `parameters`: 'fd:fd path:path flags:flags'. */
export function row(
  name: keyof typeof SystemCall,
  capability: 'file' | 'descriptor' | 'none',
  parameters: string,
  handler: SystemCallHandler,
): SystemCallEntry {
  const list = parameters === '' ? [] : parameters.split(' ').map((part) => part.split(':') as [string, string]);
  const needed = capability === 'file' ? Capability.file : capability === 'none' ? 0 : 'descriptor';
  return { number: SystemCall[name], name, capability: needed, arguments: list, handler };
}

/** The caller's descriptors. Only kernel tasks have none, and they make no calls. */
export function filesOf(task: Task): FileTable {
  const table = tableOf(task);
  if (table === null) throw new Error(`task ${task.id} makes a file call without descriptors`);
  return table;
}

/** The file behind a descriptor on which the caller may do I/O: -EBADF, -EPERM. */
export function fileOf(kernel: Kernel, task: Task, descriptor: number): OpenFile | number {
  const file = filesOf(task).get(descriptor);
  if (file === null) return -Errno.EBADF;
  if ((task.capabilities & file.capability) === file.capability) return file;
  return requireCapability(kernel, task, file.capability, `I/O on ${file.path || 'a descriptor'}`);
}

/** Gives a new description its descriptor; if none is free the description is closed again: -EMFILE. */
export function installFile(kernel: Kernel, task: Task, file: OpenFile, closeOnExec: boolean): number {
  file.references++;
  const descriptor = filesOf(task).install(file, task.process, closeOnExec);
  // The table holds its own reference.
  releaseFile(kernel, file);
  return descriptor;
}

/** A path argument as a byte string. -EFAULT, -ENAMETOOLONG, PENDING. */
export function pathArgument(kernel: Kernel, task: Task, address: number): string | number {
  const bytes = kernel.userMemory.readString(task, address, LONGEST_PATH_BYTES);
  return typeof bytes === 'number' ? bytes : bytesToName(bytes);
}

/** Walks a path argument. */
export function walkArgument(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  address: number,
  follow: boolean,
): Walk | number {
  const path = pathArgument(kernel, task, address);
  if (typeof path === 'number') return path;
  const start = startOf(kernel, task, descriptor, path);
  return typeof start === 'number' ? start : walk(kernel, task, start, path, follow);
}

/** A path argument that must exist. */
export interface Existing {
  readonly place: Place;
  readonly inode: Inode;
  /** The folder and name that led to it, null for a descriptor. */
  readonly entry: { readonly folder: Place; readonly name: string } | null;
}
export function existing(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  address: number,
  follow: boolean,
): Existing | number {
  const found = walkArgument(kernel, task, descriptor, address, follow);
  if (typeof found === 'number') return found;
  // A link of /proc that leads to an open file means that file's inode.
  if (found.magic !== null && found.magic.place !== null) return ofPlace(kernel, task, found.magic.place);
  if (found.target === null || found.inode === null) return -Errno.ENOENT;
  const entry = found.parent === null ? null : { folder: found.parent, name: found.name };
  return { place: found.target, inode: found.inode, entry };
}
export function ofPlace(kernel: Kernel, task: Task, place: Place): Existing | number {
  const inode = place.fileSystem.attributes(kernel, task, place.inode);
  return typeof inode === 'number' ? inode : { place, inode, entry: null };
}
/** The caller's working folder. */
export function workingFolder(kernel: Kernel, task: Task): Existing | number {
  const place = filesOf(task).workingFolder;
  return place === null ? -Errno.ENOENT : ofPlace(kernel, task, place);
}
/** The inode behind a descriptor; -EBADF, or `without` for what has none (pipes, sockets). */
export function existingOfDescriptor(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  without: number,
): Existing | number {
  const file = filesOf(task).get(descriptor);
  if (file === null) return -Errno.EBADF;
  if (file.place === null) return without;
  const found = ofPlace(kernel, task, file.place);
  return typeof found === 'number' ? found : { ...found, entry: Vfs.of(kernel).notifier.nameOf(file) };
}

/** A record laid out field by field, little endian. */
export class RecordWriter {
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
  }
  u16(at: number, value: number): void {
    this.view.setUint16(at, value, true);
  }
  u32(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true);
  }
  /** Also negative; magnitude below 2^53. */
  u64(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true);
    this.view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}
