// Page faults: an area says what may be at an address, this brings it there.
//
//   not present ─► anonymous     a frame of zeroes, this page only
//               ─► file          the frame that holds that page of the file: shared, or copy-on-write;
//                                a read brings in what of its neighbourhood is in RAM as well ("fault-around")
//   read-only   ─► first write   the only user: becomes writable     several users: gets a copy
//   writable    ─► fetch         of an area with both rights: becomes executable and read-only, until the next write turns it back
//
//   fault-around:  |. . . .|. p p p p F p p p . . p p p . p|. . . .|      F faulting, p in RAM, aligned window of 16 pages;
//                  a program's image lies in RAM as a whole, its window is what one page table covers
//
// Executable pages are entered as accessed, so that nothing needs to be written when they are first run; other neighbours are
// entered as not accessed: the processor does not cache such entries, and replacing one needs no INVLPG (translations.ts).

import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import type { AddressSpace } from './address-space.ts';
import { type Area, Protection } from './area.ts';
import { FRAME_BYTES } from './frames.ts';
import { endLargest } from './out-of-memory.ts';
import {
  allocateZeroed,
  copyOfFrame,
  ensureEntry,
  entryFrame,
  findEntry,
  lowOf,
  PageFlag,
  TABLE_BYTES,
} from './page-tables.ts';
import { highOfEntry, lowOfEntry, replaceEntry } from './translations.ts';

/** pageFault: the page lies beyond the end of the file (SIGBUS). */
export const BUS_ERROR = -Errno.EIO;

const LONGEST_INSTRUCTION = 15;
/** As Linux' fault_around_bytes. A power of two, so that a window never leaves its page table. */
const FAULT_AROUND_BYTES = 64 * 1024;

/**
 * Makes the page of `address` accessible as asked, if its area allows it.
 * 0; -EFAULT not mapped or not allowed; BUS_ERROR beyond the file; PENDING waits for the disk; -ENOMEM RAM full: the task is the one
 * that gives way, SIGKILL is on its way.
 */
export function pageFault(
  kernel: Kernel,
  task: Task,
  space: AddressSpace,
  address: number,
  writing: boolean,
  fetching: boolean,
): number {
  let result = attempt(kernel, task, space, address, writing, fetching);
  while (result === -Errno.ENOMEM && (kernel.reclaimMemory() || endLargest(kernel, task)))
    result = attempt(kernel, task, space, address, writing, fetching);
  return result;
}

function attempt(
  kernel: Kernel,
  task: Task,
  space: AddressSpace,
  address: number,
  writing: boolean,
  fetching: boolean,
): number {
  const area = space.find(address) ?? space.growDown(task.process, address);
  if (area === null) return -Errno.EFAULT;
  const needed = writing ? Protection.write : fetching ? Protection.execute : Protection.none;
  // x86 has no write-only or execute-only pages: any right lets a program read.
  if (area.protection === Protection.none || (area.protection & needed) !== needed) return -Errno.EFAULT;
  const { memory } = kernel.machine;
  const page = address - (address % FRAME_BYTES);
  const entry = ensureEntry(memory, kernel.frames, space.root, page);
  if (entry === 0) return -Errno.ENOMEM;
  const low = lowOf(memory, entry);
  if ((low & PageFlag.present) === 0) {
    const result = bringIn(kernel, task, space, area, page, entry, writing);
    if (result === 0) task.process.minorFaults++;
    return result;
  }
  if (writing && (low & PageFlag.writable) === 0) return makeWritable(kernel, space, area, page, entry);
  if (fetching && isBoth(area.protection)) {
    const use = low & (PageFlag.accessed | PageFlag.dirty);
    enterPage(kernel, space, entry, page, entryFrame(low), area.protection & ~Protection.write, false, use);
  }
  return 0;
}

const BOTH = Protection.write | Protection.execute;
const isBoth = (protection: number): boolean => (protection & BOTH) === BOTH;

/** An instruction at one address writes to another in the same page of such an area: turned over for the one, it would never do the other. */
export function writesItsOwnPage(space: AddressSpace, instruction: number, address: number): boolean {
  const area = space.find(address);
  if (area === null || !isBoth(area.protection)) return false;
  const page = Math.floor(address / FRAME_BYTES);
  const last = instruction + LONGEST_INSTRUCTION - 1;
  return page === Math.floor(instruction / FRAME_BYTES) || page === Math.floor(last / FRAME_BYTES);
}

/** Enters a frame with the rights of an area; the processor is told if it must know. */
function enterPage(
  kernel: Kernel,
  space: AddressSpace,
  entry: number,
  page: number,
  frame: number,
  protection: number,
  writable: boolean,
  use: number,
): void {
  const { memory, cpu } = kernel.machine;
  const stale = replaceEntry(memory, entry, lowOfEntry(frame, protection, writable, use), highOfEntry(protection));
  if (stale && kernel.loadedAddressSpace === space) cpu.invalidatePage(BigInt(page));
}

/** The first write to a page that is there read-only. */
function makeWritable(kernel: Kernel, space: AddressSpace, area: Area, page: number, entry: number): number {
  const { memory } = kernel.machine;
  const frame = entryFrame(lowOf(memory, entry));
  const written = PageFlag.accessed | PageFlag.dirty;
  if (area.isShared || kernel.frames.users(frame) === 1) {
    enterPage(kernel, space, entry, page, frame, area.protection, true, written);
  } else {
    const copy = copyOfFrame(memory, kernel.frames, frame);
    if (copy === 0) return -Errno.ENOMEM;
    enterPage(kernel, space, entry, page, copy, area.protection, true, written);
    kernel.frames.release(frame);
  }
  return 0;
}

function bringIn(
  kernel: Kernel,
  task: Task,
  space: AddressSpace,
  area: Area,
  page: number,
  entry: number,
  writing: boolean,
): number {
  const { memory } = kernel.machine;
  const mayWrite = (area.protection & Protection.write) !== 0;
  let frame = 0;
  if (area.backing.sharedPages !== null) {
    frame = area.backing.sharedPages.frame(kernel, area.backingPage(page));
    if (frame !== 0) kernel.frames.retain(frame);
  } else if (area.backing.file === null) {
    frame = allocateZeroed(memory, kernel.frames);
  } else {
    if (area.backing.file.pageFrame !== undefined) {
      // Into the page cache first; from there as any page that is in RAM.
      const result = area.backing.file.pageFrame(kernel, task, area.backingPage(page));
      if (result === PENDING || result === -Errno.ENOMEM) return result;
      if (result < 0) return BUS_ERROR;
      frame = result;
    }
    if (area.isShared) {
      // Whether it is written is read from the D bit.
      kernel.frames.retain(frame);
    } else {
      const resident = residentFrame(area, page);
      if (resident !== 0 && !writing) {
        const window = area.backing.file.allInMemory === true ? TABLE_BYTES : FAULT_AROUND_BYTES;
        const start = page - (page % window);
        mapResident(kernel, space, area, start, start + window);
        // Unless a frame has all the users that can be counted: then the page is copied.
        if ((lowOf(memory, entry) & PageFlag.present) !== 0) return 0;
      }
      if (resident !== 0) {
        frame = copyOfFrame(memory, kernel.frames, resident);
      } else {
        frame = allocateZeroed(memory, kernel.frames);
        const result = frame === 0 ? -Errno.ENOMEM : readPage(kernel, task, area, page, frame);
        if (result !== 0) {
          if (frame !== 0) kernel.frames.release(frame);
          return result;
        }
      }
    }
  }
  if (frame === 0) return -Errno.ENOMEM;
  const use = PageFlag.accessed | (writing ? PageFlag.dirty : 0);
  enterPage(kernel, space, entry, page, frame, area.protection, mayWrite, use);
  space.residentPages++;
  return 0;
}

/** Bytes of a page of a private file area that come from the file; the rest is zero. */
const fileBytesOf = (area: Area, page: number): number =>
  Math.min(FRAME_BYTES, Math.max(0, area.backing.fileBytes - (page - area.start)));

/** The frame in RAM that is exactly this page of a private file area, 0 if there is none. */
const residentFrame = (area: Area, page: number): number =>
  fileBytesOf(area, page) === FRAME_BYTES ? (area.backing.file?.residentFrame?.(area.backingPage(page)) ?? 0) : 0;

/** Enters what is in RAM of [start, end) and of a private file area, read-only. Pages for which there is no table are left to later faults. */
export function mapResident(kernel: Kernel, space: AddressSpace, area: Area, start: number, end: number): void {
  const { file, fileBytes } = area.backing;
  if (file?.residentFrame === undefined || area.protection === Protection.none) return;
  const { memory } = kernel.machine;
  const use = (area.protection & Protection.execute) !== 0 ? PageFlag.accessed : 0;
  const high = highOfEntry(area.protection);
  const wholePages = fileBytes - (fileBytes % FRAME_BYTES);
  const last = Math.min(end, area.end, fileBytes === Infinity ? area.end : area.start + wholePages);
  for (let page = Math.max(start, area.start); page < last; ) {
    // As far as one table reaches: what is absent in it was never cached, so entries are just written.
    const entry = ensureEntry(memory, kernel.frames, space.root, page);
    if (entry === 0) return;
    const count = Math.min(last - page, TABLE_BYTES - (page % TABLE_BYTES)) / FRAME_BYTES;
    const filePage = area.backingPage(page);
    const { words32 } = memory;
    let word = entry >>> 2;
    for (let n = 0; n < count; n++, word += 2) {
      if ((words32[word] & PageFlag.present) !== 0) continue;
      const frame = file.residentFrame(filePage + n);
      if (frame === 0 || !kernel.frames.tryRetain(frame)) continue;
      words32[word] = lowOfEntry(frame, area.protection, false, use);
      words32[word + 1] = high;
      space.residentPages++;
    }
    memory.noteWrite(entry, count * 8);
    page += count * FRAME_BYTES;
  }
}

function readPage(kernel: Kernel, task: Task, area: Area, page: number, frame: number): number {
  const { file, fileOffset, fileBytes } = area.backing;
  const wanted = fileBytesOf(area, page);
  if (wanted === 0 || file === null) return 0;
  const target = new Uint8Array(wanted);
  const count = file.readInto(kernel, task, fileOffset + (page - area.start), target);
  if (count === PENDING) return PENDING;
  // A page wholly beyond the end of the file is no page (mmap(2), SIGBUS); an ELF segment's file part was checked at exec.
  if (count < 0 || (count === 0 && fileBytes === Infinity)) return BUS_ERROR;
  kernel.machine.memory.writeBytes(frame, target.subarray(0, count));
  return 0;
}

/** Brings in every page of [address, address + length): 0, -EFAULT or PENDING. */
export function populate(
  kernel: Kernel,
  task: Task,
  space: AddressSpace,
  address: number,
  length: number,
  writing: boolean,
): number {
  const { memory } = kernel.machine;
  const first = address - (address % FRAME_BYTES);
  const enough = PageFlag.present | PageFlag.user | (writing ? PageFlag.writable : 0);
  for (let page = first; page < address + length; page += FRAME_BYTES) {
    const entry = findEntry(memory, space.root, page);
    const low = entry === 0 ? 0 : lowOf(memory, entry);
    if ((low & enough) === enough) continue;
    const result = pageFault(kernel, task, space, page, writing, false);
    if (result !== 0) return result === PENDING ? PENDING : -Errno.EFAULT;
  }
  return 0;
}
