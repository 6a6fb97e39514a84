// execve: from a path to a running program. Restartable: an ExecProgress on the task remembers how far it got.
//
//   open ─► cached image? ─► read, hash, verify ─► "#!"  ─► again with the interpreter
//                                              ├─► "EUROTASK\n" ─► system task
//                                              └─► ELF ─► new address space ─► point of no return ─► registers
//
// Nothing changes for the caller before the point of no return. Scripts are verified like programs.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { AddressSpace, STACK_GUARD_BYTES, USER_MAP_END } from '../memory/address-space.ts';
import { anonymousBacking, Protection } from '../memory/area.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { mapResident } from '../memory/page-fault.ts';
import { PENDING } from '../syscalls/handler.ts';
import { resetRegisters } from '../traps/saved-registers.ts';
import { type ElfPlan, MAX_HEADER_BYTES, pageCeiling, parseElf } from './elf.ts';
import { dropAddressSpace, endOtherTasks, releaseVforkParent } from './exit.ts';
import type { HashJob } from './hash-engine.ts';
import { ResourceLimit } from './process.ts';
import { MAX_PROGRAM_BYTES, ProgramImage } from './program-image.ts';
import { buildStack, stackBytesNeeded } from './program-stack.ts';
import type { ProgramFile } from './seams.ts';
import { becomeSystemTask, systemTaskNameOf } from './system-task-door.ts';
import { type Task, TaskKind } from './task.ts';

/** As Linux: `#!` may lead to another script, but not for ever. */
const MAX_INTERPRETERS = 4;
const MAX_SHEBANG_BYTES = 256;
/** Read at most this much between two looks at the clock. */
const READ_CHUNK_BYTES = 64 * 1024;
/** Virtual cost of hashing: instructions per byte. */
const HASH_COST_PER_BYTE = 4;
/** Virtual cost of handing bytes to a device. */
const COPY_COST_PER_BYTE = 0.25;
/** From here on the way to a device and back is worth it. */
const DEVICE_HASH_BYTES = 256 * 1024;
/** What the stack has at first, as on Linux; it grows up to RLIMIT_STACK. */
const FIRST_STACK_BYTES = 132 * 1024;
/** Address space kept free for it, whatever the limit says. */
const LEAST_STACK_SPACE = 8 * 1024 * 1024;
const MOST_STACK_SPACE = 64 * 1024 ** 3;
/** As much code of a program is mapped at exec; what is beyond comes by fault-around. */
const TEXT_AT_ONCE_BYTES = 1024 * 1024;
/** Where position-independent programs lie, before randomisation. */
const PROGRAM_BASE = 0x5555_5555_4000;

export class ExecProgress {
  path: string;
  /** What the caller asked for, before links and `#!`: its last part is the task's name. */
  readonly askedPath: string;
  arguments: Uint8Array[];
  readonly environment: readonly Uint8Array[];
  /** What the caller named: AT_EXECFN and /proc/self/exe for programs without `#!`. */
  readonly directoryDescriptor: number;
  readonly flags: number;
  interpreters = 0;
  file: ProgramFile | null = null;
  buffer: Uint8Array | null = null;
  bytesRead = 0;
  /** The hash that a device computes. */
  hashJob: HashJob | null = null;
  /** SHA-256 of the whole file. */
  contentSha256: Uint8Array | null = null;

  constructor(
    path: string,
    argumentList: Uint8Array[],
    environment: readonly Uint8Array[],
    directoryDescriptor: number,
    flags: number,
  ) {
    this.path = path;
    this.askedPath = path;
    this.arguments = argumentList;
    this.environment = environment;
    this.directoryDescriptor = directoryDescriptor;
    this.flags = flags;
  }
  /** The file is not needed any more, or its task has ended. */
  closeFile(kernel: Kernel): void {
    this.file?.release(kernel);
    this.file = null;
    this.buffer = null;
    this.bytesRead = 0;
    this.hashJob = null;
    this.contentSha256 = null;
  }
  abandoned(kernel: Kernel): void {
    this.closeFile(kernel);
  }
}
registerClass('ExecProgress', 2, ExecProgress);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Goes on with task.progress. 0 = the task now is the new program; -errno; PENDING. */
export function continueExec(kernel: Kernel, task: Task, progress: ExecProgress): number {
  const result = attempt(kernel, task, progress);
  if (result !== PENDING) progress.closeFile(kernel);
  return result;
}

function attempt(kernel: Kernel, task: Task, progress: ExecProgress): number {
  for (;;) {
    const image = loadImage(kernel, task, progress);
    if (image === PENDING || (typeof image === 'number' && image < 0)) return image as number;
    const program = image as ProgramImage;
    progress.closeFile(kernel);
    const header = new Uint8Array(Math.min(MAX_HEADER_BYTES, program.sizeBytes));
    program.read(kernel, 0, header);
    if (header[0] !== 0x23 || header[1] !== 0x21) return start(kernel, task, progress, program, header);
    if (++progress.interpreters > MAX_INTERPRETERS) return -Errno.ELOOP;
    const failed = throughInterpreter(progress, header);
    discardUnused(kernel, program);
    if (failed !== 0) return failed;
  }
}

/** An image that nobody maps and that the cache does not keep. */
function discardUnused(kernel: Kernel, image: ProgramImage): void {
  if (image.identity === '' && !image.isUsed) image.free(kernel);
}

/** Opens, reads and verifies progress.path. */
function loadImage(kernel: Kernel, task: Task, progress: ExecProgress): ProgramImage | number {
  const { process } = task;
  if (progress.file === null) {
    const directory = progress.interpreters === 0 ? progress.directoryDescriptor : -100;
    const flags = progress.interpreters === 0 ? progress.flags : 0;
    const opened = process.files?.openProgram(kernel, task, directory, progress.path, flags) ?? -Errno.ENOENT;
    if (typeof opened === 'number') return opened;
    opened.retain();
    progress.file = opened;
  }
  const { file } = progress;
  const cached = kernel.state.programs.find(file.contentIdentity);
  if (cached !== null) return cached;
  if (file.sizeBytes > MAX_PROGRAM_BYTES)
    return refuse(kernel, task, progress.path, 'larger than 256 MiB', Errno.ENOEXEC);
  progress.buffer ??= new Uint8Array(file.sizeBytes);
  while (progress.bytesRead < progress.buffer.length) {
    const end = Math.min(progress.buffer.length, progress.bytesRead + READ_CHUNK_BYTES);
    const count = file.readInto(kernel, task, progress.bytesRead, progress.buffer.subarray(progress.bytesRead, end));
    if (count === PENDING || count < 0) return count;
    if (count === 0) return -Errno.EIO;
    progress.bytesRead += count;
  }
  const signature = file.readSignature(kernel, task);
  if (typeof signature === 'number') return signature;
  const contentSha256 = hashOf(kernel, task, progress, progress.buffer);
  if (contentSha256 === PENDING) return PENDING;
  const verdict = kernel.security.verifyProgram({ contentSha256, signature });
  if (!verdict.ok) {
    kernel.state.security.refused++;
    return refuse(kernel, task, progress.path, verdict.reason, Errno.EACCES, '[verify]');
  }
  let image = ProgramImage.create(kernel, file.path, progress.buffer, file.contentIdentity, verdict.keyName);
  if (image === null) {
    // Images that nobody runs give way.
    kernel.state.programs.trim(kernel, 0);
    image = ProgramImage.create(kernel, file.path, progress.buffer, file.contentIdentity, verdict.keyName);
  }
  if (image === null) return -Errno.ENOMEM;
  kernel.state.programs.add(kernel, image);
  return image;
}

/** SHA-256 of the file: by the device if it is long and there is one, else (or if the device fails) by the portable way. */
function hashOf(kernel: Kernel, task: Task, progress: ExecProgress, bytes: Uint8Array): Uint8Array | typeof PENDING {
  if (progress.contentSha256 !== null) return progress.contentSha256;
  if (progress.hashJob === null && bytes.length >= DEVICE_HASH_BYTES) {
    progress.hashJob = kernel.state.hashEngine?.startSha256(kernel, bytes) ?? null;
    if (progress.hashJob !== null) kernel.machine.cpu.chargeInstructions(Math.ceil(bytes.length * COPY_COST_PER_BYTE));
  }
  const job = progress.hashJob;
  if (job?.state === 'running') {
    task.waitOn(job.changed);
    return PENDING;
  }
  if (job?.digest == null) {
    kernel.machine.cpu.chargeInstructions(bytes.length * HASH_COST_PER_BYTE);
    progress.contentSha256 = kernel.security.sha256(bytes);
  } else progress.contentSha256 = job.digest;
  progress.hashJob = null;
  return progress.contentSha256;
}

function refuse(kernel: Kernel, task: Task, path: string, reason: string, errno: number, prefix = '[exec]'): number {
  task.process.lastRefusal = `${path}: ${reason}`;
  kernel.log(`${prefix} ${path}: ${reason}`);
  return -errno;
}

/** `#! interpreter [argument]`: the rest of the line is one argument, as on Linux. */
function throughInterpreter(progress: ExecProgress, header: Uint8Array): number {
  const head = header.subarray(2, MAX_SHEBANG_BYTES);
  const newline = head.indexOf(10);
  if (newline < 0 && head.length >= MAX_SHEBANG_BYTES - 2) return -Errno.ENOEXEC;
  const line = decoder.decode(newline < 0 ? head : head.subarray(0, newline)).replace(/^[ \t]+|[ \t]+$/g, '');
  if (line === '' || line.includes('\0')) return -Errno.ENOEXEC;
  const [, interpreter, argument] = /^([^ \t]+)[ \t]*(.*)$/.exec(line) ?? [];
  if (interpreter === undefined) return -Errno.ENOEXEC;
  const script = encoder.encode(progress.path);
  progress.arguments = [
    encoder.encode(interpreter),
    ...(argument === undefined || argument === '' ? [] : [encoder.encode(argument)]),
    script,
    ...progress.arguments.slice(1),
  ];
  progress.path = interpreter;
  return 0;
}

function start(kernel: Kernel, task: Task, progress: ExecProgress, image: ProgramImage, header: Uint8Array): number {
  const taskName = systemTaskNameOf(header);
  if (taskName !== null) {
    const definition = kernel.systemTasks.get(taskName);
    if (definition === undefined) {
      discardUnused(kernel, image);
      return refuse(kernel, task, progress.path, `there is no system task "${taskName}"`, Errno.ENOEXEC);
    }
    const space = AddressSpace.create(kernel);
    if (space === null) {
      discardUnused(kernel, image);
      return -Errno.ENOMEM;
    }
    commit(kernel, task, progress, image, space);
    becomeSystemTask(kernel, task, definition, progress.arguments, progress.environment);
    discardUnused(kernel, image);
    return 0;
  }
  const plan = parseElf(header, image.sizeBytes);
  if (typeof plan === 'string') {
    discardUnused(kernel, image);
    return refuse(kernel, task, progress.path, plan, Errno.ENOEXEC);
  }
  return startElf(kernel, task, progress, image, plan);
}

/** `bits` random bits as a count of bytes in whole pages. */
function randomPages(kernel: Kernel, bits: number): number {
  return (kernel.random.next32() % 2 ** bits) * FRAME_BYTES;
}

function startElf(kernel: Kernel, task: Task, progress: ExecProgress, image: ProgramImage, plan: ElfPlan): number {
  const space = AddressSpace.create(kernel);
  if (space === null) {
    discardUnused(kernel, image);
    return -Errno.ENOMEM;
  }
  const fail = (errno: number): number => {
    space.release(kernel);
    discardUnused(kernel, image);
    return -errno;
  };
  let bias = 0;
  if (plan.positionIndependent) {
    const wanted = PROGRAM_BASE + randomPages(kernel, 28);
    bias = Math.floor(wanted / plan.alignment) * plan.alignment - plan.start;
    if (bias + plan.end > USER_MAP_END) return fail(Errno.ENOMEM);
  }
  for (const segment of plan.segments) {
    const skew = segment.virtualAddress % FRAME_BYTES;
    const from = segment.virtualAddress - skew + bias;
    const to = Math.ceil((segment.virtualAddress + segment.memoryBytes + bias) / FRAME_BYTES) * FRAME_BYTES;
    if (segment.fileBytes > 0) image.retain();
    const backing =
      segment.fileBytes === 0
        ? anonymousBacking
        : {
            file: image,
            fileOffset: segment.fileOffset - skew,
            // Without zeroes behind it the last page is the file's, as on Linux: all who run it share it.
            fileBytes: segment.fileBytes === segment.memoryBytes ? to - from : segment.fileBytes + skew,
            sharedPages: null,
            sharedFile: false,
          };
    if (space.map(kernel, from, to, segment.protection, backing) < 0) return fail(Errno.ENOMEM);
    // Code is there before it is asked for: no faults, and the same frames for all who run it.
    const area = space.find(from);
    if ((segment.protection & Protection.execute) !== 0 && area !== null)
      mapResident(kernel, space, area, from, Math.min(to, from + TEXT_AT_ONCE_BYTES));
  }
  const stackTop = USER_MAP_END - randomPages(kernel, 22);
  const stackLimit = task.process.limits[ResourceLimit.stack].soft;
  const stackSpace = Math.min(Math.max(pageCeiling(stackLimit), LEAST_STACK_SPACE), MOST_STACK_SPACE);
  const stackFloor = stackTop - stackSpace - STACK_GUARD_BYTES;
  space.programBreakStart = plan.end + bias + randomPages(kernel, 13);
  space.programBreak = space.programBreakStart;

  const random = new Uint8Array(16);
  kernel.random.fill(random);
  const contents = {
    arguments: progress.arguments,
    environment: progress.environment,
    path: encoder.encode(progress.path),
    random,
    entry: plan.entry + bias,
    programHeaders: plan.programHeaders === 0 ? 0 : plan.programHeaders + bias,
    programHeaderCount: plan.programHeaderCount,
    credentials: task.process.credentials,
  };
  const needed = stackBytesNeeded(contents);
  if (needed > Math.min(stackLimit, LEAST_STACK_SPACE) / 4) return fail(Errno.E2BIG);
  const stackStart = stackTop - pageCeiling(needed) - FIRST_STACK_BYTES;
  if (
    space.overlaps(stackFloor, stackTop) ||
    space.map(kernel, stackStart, stackTop, Protection.read | Protection.write, anonymousBacking, '[stack]') < 0
  )
    return fail(Errno.ENOMEM);
  const stackArea = space.find(stackStart);
  if (stackArea !== null) stackArea.growsDown = true;
  space.mapTop = stackFloor - randomPages(kernel, 24);
  const stack = buildStack(stackTop, contents);
  if (!space.poke(kernel, task, stack.stackPointer, stack.bytes)) return fail(Errno.ENOMEM);
  space.argumentsStart = stack.argumentsStart;
  space.argumentsEnd = stack.argumentsEnd;
  space.environmentStart = stack.environmentStart;
  space.environmentEnd = stack.environmentEnd;

  commit(kernel, task, progress, image, space);
  task.kind = TaskKind.program;
  task.systemTaskName = '';
  task.systemTaskState = null;
  task.systemTaskEvent = null;
  resetRegisters(kernel, task, plan.entry + bias, stack.stackPointer);
  task.keepRegisters = true;
  return 0;
}

/** The point of no return. */
function commit(kernel: Kernel, task: Task, progress: ExecProgress, image: ProgramImage, space: AddressSpace): void {
  const { process } = task;
  endOtherTasks(kernel, task);
  // The new one is loaded before the old one is freed: one CR3 write.
  kernel.scheduler.loadAddressSpace(kernel, space);
  dropAddressSpace(kernel, process);
  process.addressSpace = space;
  kernel.scheduler.forgetProcessorState(task);
  releaseVforkParent(task);
  process.files?.closeOnExec(kernel);
  process.signals = process.signals.copyForExec();
  task.signals.alternateStackBytes = 0;
  task.clearChildTid = 0;
  task.robustListHead = 0;
  process.executablePath = image.path;
  process.arguments = progress.arguments.map((text) => decoder.decode(text));
  process.environment = progress.environment.map((text) => decoder.decode(text));
  process.verifiedBy = image.keyName;
  process.hasExecuted = true;
  kernel.state.security.started++;
  process.dumpable = 1;
  // proc(5), /proc/PID/comm: a link to a program of many names shows the name that was called; /proc/self/exe shows the file.
  const asked = progress.askedPath === '' ? image.path : progress.askedPath;
  task.name = (asked.split('/').pop() ?? asked).slice(0, 15);
}
