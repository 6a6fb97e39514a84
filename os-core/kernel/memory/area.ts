// A mapped area: a range of pages with the same rights and the same backing. Areas of an address space do not overlap.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { MappableFile } from '../process/seams.ts';
import { sharedConstant } from '../shared-constants.ts';
import { FRAME_BYTES } from './frames.ts';
import { allocateZeroed } from './page-tables.ts';

/** PROT_* */
export const Protection = { none: 0, read: 1, write: 2, execute: 4 } as const;

/** Pages that several address spaces share (MAP_SHARED | MAP_ANONYMOUS): made when first touched. */
export class SharedPages {
  private readonly pages: Map<number, number> = new Map();
  private users = 1;

  retain(): void {
    this.users++;
  }
  release(kernel: Kernel): void {
    if (--this.users > 0) return;
    for (const frame of this.pages.values()) kernel.frames.release(frame);
    this.pages.clear();
  }
  /** The frame of a page, 0 when RAM is full. */
  frame(kernel: Kernel, pageIndex: number): number {
    let frame = this.pages.get(pageIndex) ?? 0;
    if (frame === 0) {
      frame = allocateZeroed(kernel.machine.memory, kernel.frames);
      if (frame !== 0) this.pages.set(pageIndex, frame);
    }
    return frame;
  }
}
registerClass('SharedPages', 1, SharedPages);

export interface AreaBacking {
  readonly file: MappableFile | null;
  /** Where in the file the area's first byte lies; a multiple of the page size. */
  readonly fileOffset: number;
  /** Bytes from the area's start that come from the file; beyond, pages are zero (ELF .bss). Infinity = to the end of the file. */
  readonly fileBytes: number;
  readonly sharedPages: SharedPages | null;
  /** MAP_SHARED of a file. */
  readonly sharedFile: boolean;
  /** MAP_SHARED of a file that cannot be written through a mapping: mprotect must not make private copies of it. */
  readonly neverWritable?: boolean;
}

export const anonymousBacking: AreaBacking = sharedConstant('anonymousBacking', {
  file: null,
  fileOffset: 0,
  fileBytes: 0,
  sharedPages: null,
  sharedFile: false,
});

export class Area {
  start: number;
  end: number;
  protection: number;
  backing: AreaBacking;
  /** '[heap]', '[stack]', … for /proc/PID/maps. */
  label: string;
  /** Grows downwards at a fault below it (the stack, MAP_GROWSDOWN). */
  growsDown = false;
  /** mlock(2) */
  locked = false;
  /** madvise(2): MADV_DONTFORK, a child does not get it; MADV_WIPEONFORK, a child finds zeroes. */
  notForChildren = false;
  wipedForChildren = false;
  /** It was writable at some time: what it holds need not be what its file holds. */
  wasWritable: boolean;

  constructor(start: number, end: number, protection: number, backing: AreaBacking, label = '') {
    this.start = start;
    this.end = end;
    this.protection = protection;
    this.backing = backing;
    this.label = label;
    this.wasWritable = (protection & Protection.write) !== 0;
  }

  changeProtection(protection: number): void {
    this.protection = protection;
    if ((protection & Protection.write) !== 0) this.wasWritable = true;
  }

  get isShared(): boolean {
    return this.backing.sharedPages !== null || this.backing.sharedFile;
  }

  get isAnonymous(): boolean {
    return this.backing.file === null && this.backing.sharedPages === null;
  }

  /** Page number in the backing of an address in this area. */
  backingPage(address: number): number {
    return (this.backing.fileOffset + (address - this.start)) / FRAME_BYTES;
  }

  retainBacking(): void {
    this.backing.file?.retain();
    this.backing.sharedPages?.retain();
  }
  releaseBacking(kernel: Kernel): void {
    this.backing.file?.release(kernel);
    this.backing.sharedPages?.release(kernel);
  }

  /** The part of this area in [start, end) as a new area (with its own hold on the backing). */
  part(start: number, end: number): Area {
    const skipped = start - this.start;
    const { backing } = this;
    const part = new Area(
      start,
      end,
      this.protection,
      this.isAnonymous
        ? backing
        : { ...backing, fileOffset: backing.fileOffset + skipped, fileBytes: Math.max(0, backing.fileBytes - skipped) },
      this.label,
    );
    part.wasWritable = this.wasWritable;
    part.growsDown = this.growsDown;
    part.locked = this.locked;
    part.notForChildren = this.notForChildren;
    part.wipedForChildren = this.wipedForChildren;
    part.retainBacking();
    return part;
  }

  /** True if `next`, which starts where this ends, can be one area with this. */
  joins(next: Area): boolean {
    return (
      this.end === next.start &&
      this.protection === next.protection &&
      this.label === next.label &&
      this.locked === next.locked &&
      this.notForChildren === next.notForChildren &&
      this.wipedForChildren === next.wipedForChildren &&
      !next.growsDown &&
      this.isAnonymous &&
      next.isAnonymous
    );
  }
}
registerClass('Area', 4, Area);
