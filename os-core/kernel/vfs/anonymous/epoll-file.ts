// epoll(7): a set of watched files and the list of those that may be ready.
//
//   file's readiness queue ──wake(events)──► item ──► ready list ──► epoll_wait looks at each: reports it, or takes it off the list
//                               ▲  └ adds itself again                      level: stays on the list   edge: leaves it
//                               └ once for each time that it joins the list oneshot: is disabled until EPOLL_CTL_MOD
//
// Invariants: a task sleeps in epoll_wait only while the ready list is empty; an item is in its file's readiness queue as long as it lives;
// it goes when its file is closed for good, by EPOLL_CTL_DEL, or with the epoll file.
// An item that is on the list already wakes nobody again, so one event costs at most one step for each item. (An edge-triggered watch on an
// epoll file thus fires anew only after the inner list was looked at.)

import { registerClass } from '../../../../devices/base/object-graph.ts';
import { Errno } from '../../../abi/errno.ts';
import type { Kernel } from '../../kernel.ts';
import { WaitQueue, type Wakeable } from '../../wait-queue.ts';
import { type OpenFile, Poll } from '../open-file.ts';
import { OpenFlag } from '../regular-file.ts';
import { type FileWatcher, Vfs } from '../vfs.ts';
import { AnonymousFile } from './anonymous-file.ts';

/** Bits of epoll_event.events that are no events. */
export const EpollFlag = { exclusive: 1 << 28, wakeUp: 1 << 29, oneShot: 1 << 30, edge: 1 << 31 } as const;
const PRIVATE_BITS = EpollFlag.exclusive | EpollFlag.wakeUp | EpollFlag.oneShot | EpollFlag.edge;
/** Epoll files that lead to each other: as EP_MAX_NESTS of Linux. */
const DEEPEST_NESTING = 5;
/** fs.epoll.max_user_watches, for the whole machine. */
const MOST_WATCHES = 131_072;

export interface EpollEvent {
  readonly events: number;
  readonly dataLow: number;
  readonly dataHigh: number;
}

export class EpollItem implements Wakeable, FileWatcher {
  readonly epoll: EpollFile;
  readonly file: OpenFile;
  readonly descriptor: number;
  event: EpollEvent;

  constructor(epoll: EpollFile, file: OpenFile, descriptor: number, event: EpollEvent) {
    this.epoll = epoll;
    this.file = file;
    this.descriptor = descriptor;
    this.event = event;
  }
  /** What is asked for; error and hang-up always are, unless a oneshot has fired. */
  get wanted(): number {
    const events = this.event.events & ~PRIVATE_BITS;
    return events === 0 && this.disabled ? 0 : events | Poll.error | Poll.hangUp;
  }
  disabled = false;

  ready(kernel: Kernel): number {
    return this.wanted === 0 ? 0 : this.file.pollEvents(kernel) & this.wanted;
  }
  wake(events: number): void {
    this.file.readinessQueue?.add(this);
    if ((events & this.wanted) !== 0) this.epoll.mayBeReady(this);
  }
  fileClosed(kernel: Kernel): void {
    this.epoll.remove(kernel, this);
  }
}
registerClass('vfs.EpollItem', 1, EpollItem);

export class EpollFile extends AnonymousFile {
  override readonly readinessQueue = new WaitQueue();
  /** By file, then by the descriptor that it was added under (epoll(7), question 1). */
  private readonly items = new Map<OpenFile, Map<number, EpollItem>>();
  private readonly list = new Set<EpollItem>();

  constructor() {
    super('[eventpoll]', OpenFlag.readWrite);
  }
  find(file: OpenFile, descriptor: number): EpollItem | null {
    return this.items.get(file)?.get(descriptor) ?? null;
  }
  mayBeReady(item: EpollItem): void {
    if (this.list.has(item)) return;
    this.list.add(item);
    this.readinessQueue.wakeAll(Poll.in);
  }

  /** 0, -ELOOP, -ENOSPC. */
  add(kernel: Kernel, file: OpenFile, descriptor: number, event: EpollEvent): number {
    const vfs = Vfs.of(kernel);
    if (file instanceof EpollFile) {
      if (file.leadsTo(this)) return -Errno.ELOOP;
      if (file.depth() + heightAbove(vfs, this) > DEEPEST_NESTING) return -Errno.ELOOP;
    }
    if (vfs.watcherCount >= MOST_WATCHES) return -Errno.ENOSPC;
    const item = new EpollItem(this, file, descriptor, event);
    const ofFile = this.items.get(file) ?? new Map<number, EpollItem>();
    ofFile.set(descriptor, item);
    this.items.set(file, ofFile);
    vfs.addWatcher(file, item);
    file.readinessQueue?.add(item);
    if (item.ready(kernel) !== 0) this.mayBeReady(item);
    return 0;
  }
  modify(kernel: Kernel, item: EpollItem, event: EpollEvent): void {
    item.event = event;
    item.disabled = false;
    if (item.ready(kernel) !== 0) this.mayBeReady(item);
  }
  remove(kernel: Kernel, item: EpollItem): void {
    const ofFile = this.items.get(item.file);
    ofFile?.delete(item.descriptor);
    if (ofFile?.size === 0) this.items.delete(item.file);
    this.list.delete(item);
    item.file.readinessQueue?.remove(item);
    Vfs.of(kernel).removeWatcher(item.file, item);
  }

  /** The first events on the list, at most `most`. What turns out not to be ready leaves the list; nothing else changes. */
  collect(kernel: Kernel, most: number): { readonly item: EpollItem; readonly events: number }[] {
    const found: { item: EpollItem; events: number }[] = [];
    for (const item of this.list) {
      if (found.length >= most) break;
      const events = item.ready(kernel);
      if (events !== 0) found.push({ item, events });
      else this.list.delete(item);
    }
    return found;
  }
  /** The events were handed over: edges leave the list, levels go to its end so that every file gets its turn. */
  reported(items: readonly EpollItem[]): void {
    for (const item of items) {
      this.list.delete(item);
      if ((item.event.events & EpollFlag.oneShot) !== 0) {
        item.event = { ...item.event, events: item.event.events & PRIVATE_BITS };
        item.disabled = true;
      } else if ((item.event.events & EpollFlag.edge) === 0) {
        this.list.add(item);
      }
    }
  }

  override readiness(kernel: Kernel): number {
    return this.collect(kernel, 1).length > 0 ? Poll.in : 0;
  }
  override closed(kernel: Kernel): void {
    for (const ofFile of [...this.items.values()]) for (const item of [...ofFile.values()]) this.remove(kernel, item);
  }

  private inner(): EpollFile[] {
    return [...this.items.keys()].filter((file) => file instanceof EpollFile);
  }
  /** True if `other` is this file or is watched by it through others. Nesting is bounded, so the walk is. */
  private leadsTo(other: EpollFile): boolean {
    const seen = new Set<EpollFile>([this]);
    for (const file of seen) for (const next of file.inner()) seen.add(next);
    return seen.has(other);
  }
  /** Epoll files on the longest way down from here, this one counted. */
  private depth(): number {
    let level = new Set<EpollFile>([this]);
    let depth = 0;
    for (; level.size > 0; depth++) level = new Set([...level].flatMap((file) => file.inner()));
    return depth;
  }
}
registerClass('vfs.EpollFile', 1, EpollFile);

/** Epoll files on the longest way up from `file`, itself counted. */
function heightAbove(vfs: Vfs, file: EpollFile): number {
  let level = new Set<EpollFile>([file]);
  let height = 0;
  for (; level.size > 0; height++)
    level = new Set(
      [...level].flatMap((inner) =>
        [...(vfs.watchers.get(inner) ?? [])].flatMap((watcher) =>
          watcher instanceof EpollItem ? [watcher.epoll] : [],
        ),
      ),
    );
  return height;
}
