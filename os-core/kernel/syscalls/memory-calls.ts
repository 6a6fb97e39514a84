// mmap and its family (mmap(2), mprotect(2), mremap(2), madvise(2), mincore(2), brk(2), mlock(2)).
//
// Executable memory: W and X never at one time (page-fault.ts turns a page over that may be both); anonymous X needs the right
// exec-jit, files X the right exec-local (unless they are part of a verified program, which execve maps itself).

import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import type { Kernel } from '../kernel.ts';
import { type AddressSpace, USER_MAP_END, USER_MAP_START } from '../memory/address-space.ts';
import { type AreaBacking, anonymousBacking, Protection, SharedPages } from '../memory/area.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { mapResident, populate } from '../memory/page-fault.ts';
import { findEntry } from '../memory/page-tables.ts';
import { continueLoad, ImageLoad } from '../process/image-loader.ts';
import { type Process, ResourceLimit } from '../process/process.ts';
import type { ProgramImage } from '../process/program-image.ts';
import type { Mappable } from '../process/seams.ts';
import type { Task } from '../process/task.ts';
import { requireCapability } from './dispatch.ts';
import type { SystemCallArguments, SystemCallEntry } from './handler.ts';
import { PENDING, freeRow as row } from './handler.ts';

const MapFlag = {
  shared: 1,
  private: 2,
  sharedValidate: 3,
  typeMask: 3,
  fixed: 0x10,
  anonymous: 0x20,
  growsDown: 0x100,
  locked: 0x2000,
  noReserve: 0x4000,
  fixedNoReplace: 0x10_0000,
} as const;
const RemapFlag = { mayMove: 1, fixed: 2, dontUnmap: 4 } as const;
const ALL_PROTECTION = 7;
/** Anonymous pages brought in at once per call of populate-like work, bounding one call. */
const MINCORE_CHUNK_PAGES = 4096;

const pageRound = (length: number): number => Math.ceil(length / FRAME_BYTES) * FRAME_BYTES;

/**
 * 0 or -EACCES for memory that would be executable without a right to it. Only a program's own memory can be writable, too: never both at
 * one time (page-fault.ts).
 */
function checkExecutable(
  kernel: Kernel,
  task: Task,
  protection: number,
  fromFile: boolean,
  isPrivateMemory: boolean,
): number {
  if ((protection & Protection.execute) === 0) return 0;
  const { process } = task;
  if ((protection & Protection.write) !== 0 && !isPrivateMemory) {
    kernel.state.security.denied++;
    process.lastRefusal = 'shared memory and mapped files may not be writable and executable at once';
    return -Errno.EACCES;
  }
  const needed = fromFile ? Capability.execLocal : Capability.execJit;
  if ((process.capabilities & needed) !== 0) return 0;
  kernel.state.security.denied++;
  const name = fromFile ? 'exec-local' : 'exec-jit';
  process.lastRefusal = `executable memory needs the right "${name}", which this process does not hold`;
  kernel.log(`[cap] ${process.executablePath} (${process.id}): executable memory denied, needs ${name}`);
  return -Errno.EACCES;
}

/**
 * Code of a library, mapped by a program without the right to run unsigned files: its signature is checked as execve checks a program's,
 * and what was hashed is what is mapped. null: the ordinary rules apply. -errno, PENDING.
 */
function verifiedLibrary(
  kernel: Kernel,
  task: Task,
  descriptor: number,
  protection: number,
  shared: boolean,
): ProgramImage | number | null {
  const runs = (protection & Protection.execute) !== 0 && (protection & Protection.write) === 0;
  if (!runs || shared || (task.process.capabilities & Capability.execLocal) !== 0) return null;
  if (!(task.progress instanceof ImageLoad)) {
    const file = task.process.files?.get(descriptor) ?? null;
    if (file === null || (file.capability & task.process.capabilities) === 0 || !('program' in file)) return null;
    const program = (file as unknown as Required<Mappable>).program(kernel, task);
    if (typeof program === 'number') return program;
    task.progress = new ImageLoad(program, program.path);
  }
  const load = task.progress as ImageLoad;
  const image = continueLoad(kernel, task, load);
  if (image === PENDING) return PENDING;
  load.close(kernel);
  task.progress = null;
  return image === -Errno.EACCES ? null : image;
}

function mmap(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const space = task.process.addressSpace;
  if (space === null) return -Errno.ENOMEM;
  const hint = a.unsigned(0);
  const length = a.unsigned(1);
  const protection = a.uint(2) & ALL_PROTECTION;
  const flags = a.uint(3);
  const offset = a.unsigned(5);
  if (length === 0) return -Errno.EINVAL;
  if (length > USER_MAP_END) return -Errno.ENOMEM;
  const rounded = pageRound(length);
  const type = flags & MapFlag.typeMask;
  if (type === 0) return -Errno.EINVAL;
  const shared = type !== MapFlag.private;
  const anonymous = (flags & MapFlag.anonymous) !== 0;
  if (!anonymous && offset % FRAME_BYTES !== 0) return -Errno.EINVAL;

  let start = 0;
  if ((flags & (MapFlag.fixed | MapFlag.fixedNoReplace)) !== 0) {
    if (hint % FRAME_BYTES !== 0) return -Errno.EINVAL;
    if (hint < USER_MAP_START) return -Errno.EPERM;
    if (hint + rounded > USER_MAP_END) return -Errno.ENOMEM;
    if ((flags & MapFlag.fixedNoReplace) !== 0 && space.overlaps(hint, hint + rounded)) return -Errno.EEXIST;
    start = hint;
  } else {
    const wanted = hint - (hint % FRAME_BYTES);
    const free =
      wanted >= USER_MAP_START && wanted + rounded <= USER_MAP_END && !space.overlaps(wanted, wanted + rounded);
    start = free ? wanted : space.findGap(rounded);
    if (start === 0) return -Errno.ENOMEM;
  }
  const isData = !shared && (protection & Protection.write) !== 0 && (flags & MapFlag.growsDown) === 0;
  if (!mayGrow(task.process, space, rounded, isData)) return -Errno.ENOMEM;
  if ((flags & MapFlag.locked) !== 0 && !mayLock(task.process, space.lockedBytes + rounded)) return -Errno.EAGAIN;
  // An obvious overcommitment is refused at once (Linux' heuristic mode); reservations are not.
  const committed = (protection & Protection.write) !== 0 && (flags & MapFlag.noReserve) === 0;
  if (anonymous && committed && rounded > kernel.machine.memory.sizeBytes) return -Errno.ENOMEM;

  const library = anonymous ? null : verifiedLibrary(kernel, task, a.int(4), protection, shared);
  if (typeof library === 'number') return library;
  const executable = library === null ? checkExecutable(kernel, task, protection, !anonymous, anonymous && !shared) : 0;
  if (executable !== 0) return executable;
  let backing: AreaBacking = anonymousBacking;
  if (anonymous) {
    if (shared) backing = { ...anonymousBacking, sharedPages: new SharedPages() };
  } else if (library !== null) {
    library.retain();
    backing = { ...anonymousBacking, file: library, fileOffset: offset, fileBytes: Infinity };
  } else {
    const file = task.process.files?.get(a.int(4)) ?? null;
    if (file === null) return -Errno.EBADF;
    const denied = requireCapability(kernel, task, file.capability, `mapping ${file.path || 'a descriptor'}`);
    if (denied !== 0) return denied;
    if (!('mapping' in file)) return -Errno.ENODEV;
    const mapping = (file as unknown as Mappable).mapping(kernel, task, shared, (protection & Protection.write) !== 0);
    if (typeof mapping === 'number') return mapping;
    mapping.retain();
    backing = {
      file: mapping,
      fileOffset: offset,
      fileBytes: Infinity,
      sharedPages: null,
      sharedFile: shared && mapping.pageFrame !== undefined,
      neverWritable: shared && mapping.writable !== true,
    };
    if (shared && mapping.writable !== true && (protection & Protection.write) !== 0) {
      mapping.release(kernel);
      return -Errno.ENODEV;
    }
  }
  const result = space.map(kernel, start, start + rounded, protection, backing);
  if (result < 0) return result;
  const area = space.find(start);
  if (area !== null && anonymous && !shared && (flags & MapFlag.growsDown) !== 0) area.growsDown = true;
  if ((flags & MapFlag.locked) !== 0 || space.lockFuture) space.setLocked(start, start + rounded, true);
  return start;
}

/** RLIMIT_AS and RLIMIT_DATA allow `bytes` more. */
function mayGrow(process: Process, space: AddressSpace, bytes: number, isData: boolean): boolean {
  const all = process.limits[ResourceLimit.addressSpace].soft;
  const data = process.limits[ResourceLimit.data].soft;
  return (
    (all === Infinity || space.mappedBytes + bytes <= all) &&
    (!isData || data === Infinity || space.dataBytes + bytes <= data)
  );
}
/** RLIMIT_MEMLOCK, which does not bind the superuser. */
const mayLock = (process: Process, bytes: number): boolean =>
  process.credentials.userId === 0 || bytes <= process.limits[ResourceLimit.lockedMemory].soft;

function munmap(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0);
  const length = pageRound(a.unsigned(1));
  if (start % FRAME_BYTES !== 0 || length === 0 || start + length > USER_MAP_END + FRAME_BYTES) return -Errno.EINVAL;
  const space = task.process.addressSpace;
  if (space === null) return 0;
  if (!space.mayCut(start, start + length)) return -Errno.ENOMEM;
  space.unmap(kernel, start, start + length);
  return 0;
}

function mprotect(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0);
  const length = pageRound(a.unsigned(1));
  const protection = a.uint(2) & ALL_PROTECTION;
  const space = task.process.addressSpace;
  if (start % FRAME_BYTES !== 0) return -Errno.EINVAL;
  if (length === 0) return 0;
  if (space === null || start + length > USER_MAP_END) return -Errno.ENOMEM;
  if ((protection & Protection.write) !== 0)
    for (const area of space.list())
      if (area.end > start && area.start < start + length && area.backing.neverWritable === true) return -Errno.EACCES;
  if ((protection & Protection.execute) !== 0) {
    // Turning pages executable is making code, except where they are a program's own and were so before.
    for (const area of space.list()) {
      if (area.end <= start || area.start >= start + length) continue;
      if ((area.protection & Protection.execute) !== 0 && (protection & Protection.write) === 0) continue;
      // A private copy that was written is code made here, like anonymous memory.
      const { file, sharedPages } = area.backing;
      const isPrivateMemory = file === null && sharedPages === null;
      const result = checkExecutable(kernel, task, protection, file !== null && !area.wasWritable, isPrivateMemory);
      if (result !== 0) return result;
    }
  }
  return space.protect(kernel, start, start + length, protection);
}

/** Grows in place, shrinks, or moves (copying pages: frames change hands one by one). */
function mremap(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0);
  const oldLength = pageRound(a.unsigned(1));
  const newLength = pageRound(a.unsigned(2));
  const flags = a.uint(3);
  const target = a.unsigned(4);
  const space = task.process.addressSpace;
  if (space === null || start % FRAME_BYTES !== 0 || newLength === 0 || newLength > USER_MAP_END) return -Errno.EINVAL;
  if ((flags & ~(RemapFlag.mayMove | RemapFlag.fixed)) !== 0) return -Errno.EINVAL;
  const fixed = (flags & RemapFlag.fixed) !== 0;
  if (fixed && ((flags & RemapFlag.mayMove) === 0 || target % FRAME_BYTES !== 0)) return -Errno.EINVAL;
  const area = space.find(start);
  // musl probes its stack this way: EFAULT ends the search, ENOMEM goes on (mapped neighbour).
  if (area === null) return -Errno.EFAULT;
  if (oldLength === 0 && (!area.isShared || (flags & RemapFlag.mayMove) === 0)) return -Errno.EINVAL;
  if (start + oldLength > area.end) return -Errno.EFAULT;
  const isData = !area.isShared && (area.protection & Protection.write) !== 0;
  if (newLength > oldLength && !mayGrow(task.process, space, newLength - oldLength, isData)) return -Errno.ENOMEM;
  if (!fixed && oldLength > 0) {
    if (newLength <= oldLength) {
      if (newLength === oldLength) return start;
      if (!space.mayCut(start + newLength, start + oldLength)) return -Errno.ENOMEM;
      space.unmap(kernel, start + newLength, start + oldLength);
      return start;
    }
    const end = start + oldLength;
    const newEnd = start + newLength;
    if (end === area.end && newEnd <= USER_MAP_END && !space.overlaps(end, newEnd)) {
      space.extend(area, newEnd);
      return start;
    }
    if ((flags & RemapFlag.mayMove) === 0) return -Errno.ENOMEM;
  }
  const destination = fixed ? target : space.findGap(newLength);
  if (destination === 0) return -Errno.ENOMEM;
  if (destination < USER_MAP_START || destination + newLength > USER_MAP_END) return -Errno.EINVAL;
  if (destination < start + oldLength && start < destination + newLength) return -Errno.EINVAL;
  // mremap(2): of nothing, of a shared mapping, a second mapping of the same pages.
  if (oldLength === 0) return space.duplicate(kernel, area, start, destination, newLength);
  return space.move(kernel, start, oldLength, destination, newLength);
}

const Advice = {
  willNeed: 3,
  dontNeed: 4,
  free: 8,
  dontFork: 10,
  doFork: 11,
  wipeOnFork: 18,
  keepOnFork: 19,
  populateRead: 22,
  populateWrite: 23,
} as const;
/** Those of Advice and NORMAL RANDOM SEQUENTIAL, (NO)HUGEPAGE, DO(NT)DUMP, COLD PAGEOUT, which change nothing (madvise(2)). */
const KNOWN_ADVICE: ReadonlySet<number> = new Set([...Object.values(Advice), 0, 1, 2, 14, 15, 16, 17, 20, 21]);

/** What a child of fork gets of each area of [start, end). 0, or -EINVAL for an area that cannot be wiped. */
function adviseFork(space: AddressSpace, start: number, end: number, advice: number): number {
  for (const area of space.areasIn(start, end)) {
    if (advice === Advice.wipeOnFork && !area.isAnonymous) return -Errno.EINVAL;
    space.mark(Math.max(start, area.start), Math.min(end, area.end), (part) => {
      if (advice === Advice.dontFork || advice === Advice.doFork) part.notForChildren = advice === Advice.dontFork;
      else part.wipedForChildren = advice === Advice.wipeOnFork;
    });
  }
  return 0;
}

function madvise(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0);
  const length = pageRound(a.unsigned(1));
  const advice = a.int(2);
  const space = task.process.addressSpace;
  if (space === null || start % FRAME_BYTES !== 0 || start + length > USER_MAP_END) return -Errno.EINVAL;
  if (length === 0) return 0;
  if (!KNOWN_ADVICE.has(advice)) return -Errno.EINVAL;
  const end = start + length;
  // MADV_FREE may keep the old contents until memory is wanted; dropping at once is allowed too.
  if (advice === Advice.dontNeed || advice === Advice.free) {
    for (const area of space.areasIn(start, end))
      if (area.locked || (advice === Advice.free && !area.isAnonymous)) return -Errno.EINVAL;
    // A hole is told of after the rest is done, as on Linux.
    space.dropPages(kernel, start, end);
  }
  if (
    (advice >= Advice.dontFork && advice <= Advice.doFork) ||
    advice === Advice.wipeOnFork ||
    advice === Advice.keepOnFork
  ) {
    const result = adviseFork(space, start, end, advice);
    if (result !== 0) return result;
  }
  if (!space.covers(start, end)) return -Errno.ENOMEM;
  if (advice === Advice.willNeed)
    for (const area of space.areasIn(start, end)) mapResident(kernel, space, area, start, end);
  if (advice !== Advice.populateRead && advice !== Advice.populateWrite) return 0;
  if (length > kernel.frames.freeFrames * FRAME_BYTES) return -Errno.ENOMEM;
  return populate(kernel, task, space, start, length, advice === Advice.populateWrite);
}

const SyncFlag = { async: 1, invalidate: 2, sync: 4 } as const;

/** Writes what was changed through shared mappings of files; without MS_SYNC the kernel's write-back does it soon. */
function msync(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0);
  const end = start + pageRound(a.unsigned(1));
  const flags = a.uint(2);
  const both = SyncFlag.async | SyncFlag.sync;
  const space = task.process.addressSpace;
  if (space === null || start % FRAME_BYTES !== 0 || (flags & ~7) !== 0 || (flags & both) === both)
    return -Errno.EINVAL;
  if (end > USER_MAP_END) return -Errno.ENOMEM;
  if ((flags & SyncFlag.invalidate) !== 0)
    for (const area of space.areasIn(start, end)) if (area.locked) return -Errno.EBUSY;
  if ((flags & SyncFlag.sync) !== 0)
    for (const area of space.areasIn(start, end)) {
      if (!area.backing.sharedFile) continue;
      const status = area.backing.file?.synchronise?.(kernel, task) ?? 0;
      if (status !== 0) return status;
    }
  return space.covers(start, end) ? 0 : -Errno.ENOMEM;
}

function mincore(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0);
  const pages = pageRound(a.unsigned(1)) / FRAME_BYTES;
  const vector = a.unsigned(2);
  const space = task.process.addressSpace;
  if (space === null || start % FRAME_BYTES !== 0) return -Errno.EINVAL;
  if (start + pages * FRAME_BYTES > USER_MAP_END || !space.covers(start, start + pages * FRAME_BYTES))
    return -Errno.ENOMEM;
  const chunk = new Uint8Array(Math.min(pages, MINCORE_CHUNK_PAGES));
  for (let page = 0; page < pages; page += chunk.length) {
    const count = Math.min(chunk.length, pages - page);
    for (let i = 0; i < count; i++) {
      const address = start + (page + i) * FRAME_BYTES;
      const entry = findEntry(kernel.machine.memory, space.root, address);
      const area = space.find(address);
      const cached = area?.backing.file?.residentFrame?.(area.backingPage(address)) ?? 0;
      chunk[i] = cached !== 0 || (entry !== 0 && (kernel.machine.memory.read8(entry) & 1) !== 0) ? 1 : 0;
    }
    const result = kernel.userMemory.copyOut(task, vector + page, chunk, 0, count);
    if (result !== 0) return result;
  }
  return 0;
}

/** The raw call gives the break, old or new; it never fails with -errno. */
function brk(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const space = task.process.addressSpace;
  if (space === null) return 0;
  const wanted = a.unsigned(0);
  if (wanted < space.programBreakStart || wanted > USER_MAP_END) return space.programBreak;
  const oldEnd = pageRound(space.programBreak);
  const newEnd = pageRound(wanted);
  if (newEnd > oldEnd) {
    if (!mayGrow(task.process, space, newEnd - oldEnd, true)) return space.programBreak;
    if (newEnd - oldEnd > kernel.machine.memory.sizeBytes || space.overlaps(oldEnd, newEnd)) return space.programBreak;
    const result = space.map(kernel, oldEnd, newEnd, Protection.read | Protection.write, anonymousBacking, '[heap]');
    if (result < 0) return space.programBreak;
    if (space.lockFuture) space.setLocked(oldEnd, newEnd, true);
  } else if (newEnd < oldEnd) {
    space.unmap(kernel, newEnd, oldEnd);
  }
  space.programBreak = wanted;
  return wanted;
}

/** Brings the pages in; they never leave RAM here anyway. */
function mlock(kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0) - (a.unsigned(0) % FRAME_BYTES);
  const length = pageRound(a.unsigned(1) + (a.unsigned(0) % FRAME_BYTES));
  const space = task.process.addressSpace;
  if (space === null || !space.covers(start, start + length)) return -Errno.ENOMEM;
  const { process } = task;
  if (process.credentials.userId !== 0 && process.limits[ResourceLimit.lockedMemory].soft === 0) return -Errno.EPERM;
  let more = length;
  for (const area of space.areasIn(start, start + length))
    if (area.locked) more -= Math.min(area.end, start + length) - Math.max(area.start, start);
  if (!mayLock(process, space.lockedBytes + more)) return -Errno.ENOMEM;
  if (more > kernel.frames.freeFrames * FRAME_BYTES) return -Errno.ENOMEM;
  const result = populate(kernel, task, space, start, length, false);
  if (result === PENDING) return PENDING;
  if (result !== 0) return -Errno.ENOMEM;
  space.setLocked(start, start + length, true);
  return 0;
}
function munlock(_kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const start = a.unsigned(0) - (a.unsigned(0) % FRAME_BYTES);
  const end = start + pageRound(a.unsigned(1) + (a.unsigned(0) % FRAME_BYTES));
  const space = task.process.addressSpace;
  if (space === null || !space.covers(start, end)) return -Errno.ENOMEM;
  space.setLocked(start, end, false);
  return 0;
}

const LockFlag = { current: 1, future: 2, onFault: 4 } as const;

/** MCL_CURRENT marks what is mapped; pages come when they are touched and never leave. */
function mlockall(_kernel: Kernel, task: Task, a: SystemCallArguments): number {
  const flags = a.uint(0);
  const { process } = task;
  const space = process.addressSpace;
  if (space === null || flags === 0 || flags === LockFlag.onFault || (flags & ~7) !== 0) return -Errno.EINVAL;
  if (process.credentials.userId !== 0 && process.limits[ResourceLimit.lockedMemory].soft === 0) return -Errno.EPERM;
  if ((flags & LockFlag.current) !== 0) {
    if (!mayLock(process, space.mappedBytes)) return -Errno.ENOMEM;
    space.setLocked(0, USER_MAP_END, true);
  }
  space.lockFuture = (flags & LockFlag.future) !== 0;
  return 0;
}
function munlockall(_kernel: Kernel, task: Task): number {
  const space = task.process.addressSpace;
  space?.setLocked(0, USER_MAP_END, false);
  if (space !== null) space.lockFuture = false;
  return 0;
}

const range = [
  ['address', 'pointer'],
  ['length', 'size'],
] as const;

export const memoryCalls: readonly SystemCallEntry[] = [
  row(
    SystemCall.mmap,
    'mmap',
    [...range, ['protection', 'flags'], ['flags', 'flags'], ['fd', 'fd'], ['offset', 'offset']],
    mmap,
  ),
  row(SystemCall.mprotect, 'mprotect', [...range, ['protection', 'flags']], mprotect),
  row(SystemCall.munmap, 'munmap', range, munmap),
  row(SystemCall.brk, 'brk', [['address', 'pointer']], brk),
  row(
    SystemCall.mremap,
    'mremap',
    [...range, ['newLength', 'size'], ['flags', 'flags'], ['newAddress', 'pointer']],
    mremap,
  ),
  row(SystemCall.msync, 'msync', [...range, ['flags', 'flags']], msync),
  row(SystemCall.mincore, 'mincore', [...range, ['vector', 'pointer']], mincore),
  row(SystemCall.madvise, 'madvise', [...range, ['advice', 'int']], madvise),
  row(SystemCall.mlock, 'mlock', range, mlock),
  row(SystemCall.munlock, 'munlock', range, munlock),
  row(SystemCall.mlockall, 'mlockall', [['flags', 'flags']], mlockall),
  row(SystemCall.munlockall, 'munlockall', [], munlockall),
  row(SystemCall.mlock2, 'mlock2', [...range, ['flags', 'flags']], mlock),
];
