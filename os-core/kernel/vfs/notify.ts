// Telling watchers what happens to files and folders (inotify(7)).
//
//   call on a name ──► named(folder, name)  ──► watches of the folder, with the name       IN_CREATE IN_DELETE IN_MOVED_…
//   call on a file ──► happened(file)       ──► watches of its folder and of the file       IN_OPEN IN_MODIFY IN_CLOSE_… IN_ATTRIB
//
// An open file knows the name that it was opened by only if somebody watched at that time; watches cost nothing when there are none.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Inode } from '../../eurofs/items.ts';
import type { Kernel } from '../kernel.ts';
import type { OpenFile } from './open-file.ts';
import { mayWrite, PathFile } from './regular-file.ts';
import { type Place, placeKey, Vfs } from './vfs.ts';

export const Event = {
  access: 1,
  modify: 2,
  attributes: 4,
  closeWritten: 8,
  closeUnwritten: 0x10,
  open: 0x20,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  remove: 0x200,
  removeSelf: 0x400,
  moveSelf: 0x800,
  overflow: 0x4000,
  ignored: 0x8000,
  isFolder: 0x4000_0000,
} as const;

/** A watch of inotify. Instances are of registered classes. */
export interface Watch {
  /** `name`: of the entry of a watched folder, '' for what is watched itself. */
  tell(kernel: Kernel, mask: number, name: string, cookie: number): void;
  /** What was watched is gone. */
  end(kernel: Kernel): void;
}

export class Notifier {
  private readonly watches = new Map<string, Set<Watch>>();
  /** Folder and name that files were opened by. */
  private readonly opened = new Map<OpenFile, { readonly folder: Place; readonly name: string }>();
  private lastCookie = 0;
  count = 0;
  /** Descriptions of inotify: each has a queue of its own. */
  instances = 0;

  get isActive(): boolean {
    return this.count > 0;
  }
  add(key: string, watch: Watch): void {
    const known = this.watches.get(key);
    if (known === undefined) this.watches.set(key, new Set([watch]));
    else known.add(watch);
    this.count++;
  }
  remove(key: string, watch: Watch): void {
    const known = this.watches.get(key);
    if (known?.delete(watch) !== true) return;
    this.count--;
    if (known.size === 0) this.watches.delete(key);
    if (this.count === 0) this.opened.clear();
  }
  nextCookie(): number {
    this.lastCookie = (this.lastCookie + 1) >>> 0;
    return this.lastCookie;
  }
  remember(file: OpenFile, folder: Place, name: string): void {
    this.opened.set(file, { folder, name });
  }
  forget(file: OpenFile): void {
    this.opened.delete(file);
  }
  nameOf(file: OpenFile): { readonly folder: Place; readonly name: string } | null {
    return this.opened.get(file) ?? null;
  }
  tell(kernel: Kernel, place: Place, mask: number, name: string, cookie = 0): void {
    for (const watch of [...(this.watches.get(placeKey(place)) ?? [])]) watch.tell(kernel, mask, name, cookie);
  }
  end(kernel: Kernel, place: Place): void {
    for (const watch of [...(this.watches.get(placeKey(place)) ?? [])]) watch.end(kernel);
  }
}
registerClass('vfs.Notifier', 1, Notifier);

/** Something happened to an entry of a folder. */
export function named(kernel: Kernel, folder: Place, name: string, mask: number, isFolder: boolean, cookie = 0): void {
  const { notifier } = Vfs.of(kernel);
  if (notifier.isActive) notifier.tell(kernel, folder, mask | (isFolder ? Event.isFolder : 0), name, cookie);
}

/** Something happened to a file or folder itself; `entry` is where it is known by name. */
export function happenedAt(
  kernel: Kernel,
  place: Place,
  mask: number,
  isFolder: boolean,
  entry: { readonly folder: Place; readonly name: string } | null,
): void {
  const { notifier } = Vfs.of(kernel);
  if (!notifier.isActive) return;
  const shown = mask | (isFolder ? Event.isFolder : 0);
  if (entry !== null) notifier.tell(kernel, entry.folder, shown, entry.name);
  notifier.tell(kernel, place, shown, '');
}

/** I/O on an open file. */
export function happened(kernel: Kernel, file: OpenFile, mask: number): void {
  const { notifier } = Vfs.of(kernel);
  if (!notifier.isActive || file.place === null || file instanceof PathFile) return;
  happenedAt(kernel, file.place, mask, false, notifier.nameOf(file));
}

/** A name is gone; with the last one the file is. */
export function removed(kernel: Kernel, place: Place, { isDirectory, links }: Inode): void {
  const { notifier } = Vfs.of(kernel);
  if (!notifier.isActive) return;
  if (!isDirectory) notifier.tell(kernel, place, Event.attributes, '');
  if (!isDirectory && links > 1) return;
  notifier.tell(kernel, place, Event.removeSelf, '');
  notifier.end(kernel, place);
}

/** The last descriptor was closed. */
export function closedLast(kernel: Kernel, file: OpenFile): void {
  happened(kernel, file, mayWrite(file) ? Event.closeWritten : Event.closeUnwritten);
  Vfs.of(kernel).notifier.forget(file);
}
