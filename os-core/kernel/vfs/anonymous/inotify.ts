// inotify(7): a queue of events of watched files and folders.
//
//   struct inotify_event:   0 watch (i32)   4 mask   8 cookie   12 length of the name   16 name, NULs up to a multiple of 16

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import { nameToBytes } from '../../../eurofs/index.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../../syscalls/handler.ts';
import { WaitQueue } from '../../wait-queue.ts';
import { Event, type Watch } from '../notify.ts';
import { AT_FDCWD } from '../open.ts';
import { Poll } from '../open-file.ts';
import { Access, mayAccess } from '../path-walk.ts';
import { OpenFlag } from '../regular-file.ts';
import { existing, filesOf, installFile, RecordWriter, row } from '../system-calls/support.ts';
import { type Place, placeKey, Vfs } from '../vfs.ts';
import { AnonymousFile, sleepOn } from './anonymous-file.ts';

const HEADER_BYTES = 16;
/** fs.inotify.max_queued_events and max_user_watches (for the whole machine). */
const MOST_EVENTS = 16_384;
const MOST_WATCHES = 8192;
/** fs.inotify.max_user_instances, for the whole machine. */
const MOST_INSTANCES = 128;
const ALL_EVENTS = 0xfff;
const Option = {
  onlyFolder: 0x0100_0000,
  dontFollow: 0x0200_0000,
  excludeUnlinked: 0x0400_0000,
  create: 0x1000_0000,
  add: 0x2000_0000,
  once: 0x8000_0000,
} as const;
const FIONREAD = 0x541b;

interface QueuedEvent {
  readonly watch: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
}
const bytesOf = ({ name }: QueuedEvent): number =>
  HEADER_BYTES + (name === '' ? 0 : Math.ceil((name.length + 1) / HEADER_BYTES) * HEADER_BYTES);

class InotifyWatch implements Watch {
  readonly number: number;
  readonly place: Place;
  mask: number;
  private readonly file: InotifyFile;

  constructor(file: InotifyFile, number: number, place: Place, mask: number) {
    this.file = file;
    this.number = number;
    this.place = place;
    this.mask = mask;
  }
  tell(kernel: Kernel, mask: number, name: string, cookie: number): void {
    if ((mask & this.mask & ALL_EVENTS) === 0) return;
    this.file.queue({ watch: this.number, mask: mask >>> 0, cookie, name });
    if ((this.mask & Option.once) !== 0) this.end(kernel);
  }
  end(kernel: Kernel): void {
    this.file.removeWatch(kernel, this);
  }
}
registerClass('vfs.InotifyWatch', 1, InotifyWatch);

export class InotifyFile extends AnonymousFile {
  override readonly readinessQueue = new WaitQueue();
  private readonly watches = new Map<number, InotifyWatch>();
  private readonly events: QueuedEvent[] = [];
  private lastWatch = 0;

  constructor(flags: number) {
    super('inotify', OpenFlag.readOnly | (flags & OpenFlag.nonBlocking));
  }
  queue(event: QueuedEvent): void {
    const last = this.events[this.events.length - 1];
    // The same again right after is the same event.
    const isSame =
      last !== undefined &&
      last.watch === event.watch &&
      last.mask === event.mask &&
      last.cookie === event.cookie &&
      last.name === event.name;
    if (isSame || (last !== undefined && (last.mask & Event.overflow) !== 0)) return;
    const isFull = this.events.length >= MOST_EVENTS;
    this.events.push(isFull ? { watch: -1, mask: Event.overflow, cookie: 0, name: '' } : event);
    this.readinessQueue.wakeAll(Poll.in);
  }
  /** The number of the watch; -EEXIST, -ENOSPC. */
  watch(kernel: Kernel, place: Place, mask: number): number {
    const { notifier } = Vfs.of(kernel);
    for (const known of this.watches.values())
      if (known.place.equals(place)) {
        if ((mask & Option.create) !== 0) return -Errno.EEXIST;
        known.mask = (mask & Option.add) !== 0 ? known.mask | mask : mask;
        return known.number;
      }
    if (notifier.count >= MOST_WATCHES) return -Errno.ENOSPC;
    const watch = new InotifyWatch(this, ++this.lastWatch, place, mask);
    this.watches.set(watch.number, watch);
    notifier.add(placeKey(place), watch);
    // The number of the inode must not come to mean another file.
    place.fileSystem.retain(place.inode);
    return watch.number;
  }
  find(number: number): InotifyWatch | null {
    return this.watches.get(number) ?? null;
  }
  removeWatch(kernel: Kernel, watch: InotifyWatch): void {
    this.drop(kernel, watch);
    this.queue({ watch: watch.number, mask: Event.ignored, cookie: 0, name: '' });
  }
  private drop(kernel: Kernel, watch: InotifyWatch): void {
    this.watches.delete(watch.number);
    Vfs.of(kernel).notifier.remove(placeKey(watch.place), watch);
    watch.place.fileSystem.release(watch.place.inode);
  }

  override read(kernel: Kernel, task: Task, address: number, count: number, offset: number | null): number {
    if (offset !== null) return -Errno.ESPIPE;
    const first = this.events[0];
    if (first === undefined) return sleepOn(this, task, this.readinessQueue);
    if (bytesOf(first) > count) return -Errno.EINVAL;
    let taken = 0;
    let length = 0;
    for (const event of this.events) {
      if (length + bytesOf(event) > count) break;
      length += bytesOf(event);
      taken++;
    }
    const record = new RecordWriter(length);
    let at = 0;
    for (const event of this.events.slice(0, taken)) {
      record.u32(at, event.watch);
      record.u32(at + 4, event.mask);
      record.u32(at + 8, event.cookie);
      record.u32(at + 12, bytesOf(event) - HEADER_BYTES);
      record.bytes.set(nameToBytes(event.name), at + HEADER_BYTES);
      at += bytesOf(event);
    }
    const status = kernel.userMemory.copyOut(task, address, record.bytes);
    if (status !== 0) return status;
    this.events.splice(0, taken);
    return length;
  }
  override ioctl(kernel: Kernel, task: Task, request: number, argument: number): number {
    if (request !== FIONREAD) return -Errno.ENOTTY;
    const length = this.events.reduce((sum, event) => sum + bytesOf(event), 0);
    return kernel.userMemory.writeWord32(task, argument, length);
  }
  override readiness(): number {
    return this.events.length > 0 ? Poll.in : 0;
  }
  override closed(kernel: Kernel): void {
    for (const watch of [...this.watches.values()]) this.drop(kernel, watch);
    Vfs.of(kernel).notifier.instances--;
  }
}
registerClass('vfs.InotifyFile', 1, InotifyFile);

function init(kernel: Kernel, task: Task, flags: number): number {
  if ((flags & ~(OpenFlag.nonBlocking | OpenFlag.closeOnExec)) !== 0) return -Errno.EINVAL;
  const { notifier } = Vfs.of(kernel);
  if (notifier.instances >= MOST_INSTANCES) return -Errno.EMFILE;
  notifier.instances++;
  return installFile(kernel, task, new InotifyFile(flags), (flags & OpenFlag.closeOnExec) !== 0);
}

function inotifyOf(task: Task, descriptor: number): InotifyFile | number {
  const file = filesOf(task).get(descriptor);
  if (file === null) return -Errno.EBADF;
  return file instanceof InotifyFile ? file : -Errno.EINVAL;
}

function addWatch(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const mask = a.uint(2);
  if ((mask & ALL_EVENTS) === 0) return -Errno.EINVAL;
  if ((mask & Option.add) !== 0 && (mask & Option.create) !== 0) return -Errno.EINVAL;
  const file = inotifyOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const found = existing(kernel, task, AT_FDCWD, a.unsigned(1), (mask & Option.dontFollow) === 0);
  if (typeof found === 'number') return found;
  if ((mask & Option.onlyFolder) !== 0 && !found.inode.isDirectory) return -Errno.ENOTDIR;
  if (!mayAccess(found.inode, task.process.credentials, Access.read)) return -Errno.EACCES;
  return file.watch(kernel, found.place, mask);
}

function removeWatch(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const file = inotifyOf(task, a.int(0));
  if (typeof file === 'number') return file;
  const watch = file.find(a.int(1));
  if (watch === null) return -Errno.EINVAL;
  file.removeWatch(kernel, watch);
  return 0;
}

export const inotifyCalls: readonly SystemCallEntry[] = [
  row('inotify_init', 'none', '', (kernel, task) => init(kernel, task, 0)),
  row('inotify_init1', 'none', 'flags:flags', (kernel, task, a) => init(kernel, task, a.uint(0))),
  row('inotify_add_watch', 'file', 'fd:fd path:path mask:flags', addWatch),
  row('inotify_rm_watch', 'none', 'fd:fd watch:int', removeWatch),
];
