// execve: from a path to a running program. Restartable: an ExecProgress on the task remembers how far it got.
//
//   open ─► cached image? ─► read, hash, verify ─► "#!"  ─► again with the interpreter
//                                              ├─► "EUROTASK\n" ─► system task
//                                              └─► ELF ─► PT_INTERP? ─► read and verify the loader, too
//                                                    └─► new address space ─► point of no return ─► registers
//
// Nothing changes for the caller before the point of no return. Scripts are verified like programs.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { Signal } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { AddressSpace, STACK_GUARD_BYTES, USER_MAP_END } from '../memory/address-space.ts';
import { anonymousBacking, Protection } from '../memory/area.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { mapResident } from '../memory/page-fault.ts';
import { PENDING } from '../syscalls/handler.ts';
import { resetRegisters } from '../traps/saved-registers.ts';
import { type ElfPlan, MAX_HEADER_BYTES, pageCeiling, parseElf, programHeadersOf } from './elf.ts';
import { dropAddressSpace, endOtherTasks, releaseVforkParent } from './exit.ts';
import { continueLoad, discardUnused, ImageLoad, refuse } from './image-loader.ts';
import { ResourceLimit } from './process.ts';
import type { ProgramImage } from './program-image.ts';
import { buildStack, stackBytesNeeded } from './program-stack.ts';
import { noAlternateStack } from './signal-state.ts';
import { becomeSystemTask, systemTaskNameOf } from './system-task-door.ts';
import { type Task, TaskKind } from './task.ts';

/** As Linux: `#!` may lead to another script, but not for ever. */
const MAX_INTERPRETERS = 4;
const MAX_SHEBANG_BYTES = 256;
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
  /** The file that is being read. */
  load: ImageLoad | null = null;
  /** A program that names a dynamic loader (PT_INTERP), held while that is read. */
  program: { readonly image: ProgramImage; readonly plan: ElfPlan } | null = null;
  loaderPath = '';

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
  closeFile(kernel: Kernel): void {
    this.load?.close(kernel);
    this.load = null;
  }
  abandoned(kernel: Kernel): void {
    this.closeFile(kernel);
    this.program?.image.release(kernel);
    this.program = null;
  }
}
registerClass('ExecProgress', 3, ExecProgress);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Goes on with task.progress. 0 = the task now is the new program; -errno; PENDING. */
export function continueExec(kernel: Kernel, task: Task, progress: ExecProgress): number {
  const result = attempt(kernel, task, progress);
  if (result !== PENDING) progress.abandoned(kernel);
  return result;
}

function attempt(kernel: Kernel, task: Task, progress: ExecProgress): number {
  for (;;) {
    const program = loadImage(kernel, task, progress);
    if (typeof program === 'number') return program;
    progress.closeFile(kernel);
    const header = new Uint8Array(Math.min(MAX_HEADER_BYTES, program.sizeBytes));
    program.read(kernel, 0, header);
    if (progress.program !== null) return startWithLoader(kernel, task, progress, progress.program, program, header);
    if (header[0] !== 0x23 || header[1] !== 0x21) {
      const result = start(kernel, task, progress, program, header);
      if (result !== NEEDS_LOADER) return result;
      continue;
    }
    if (++progress.interpreters > MAX_INTERPRETERS) return -Errno.ELOOP;
    const failed = throughInterpreter(progress, header);
    discardUnused(kernel, program);
    if (failed !== 0) return failed;
  }
}

/** Opens, reads and verifies progress.path, or the dynamic loader of a program. */
function loadImage(kernel: Kernel, task: Task, progress: ExecProgress): ProgramImage | number {
  if (progress.load === null) {
    const asCalled = progress.interpreters === 0 && progress.program === null;
    const directory = asCalled ? progress.directoryDescriptor : -100;
    const path = progress.program === null ? progress.path : progress.loaderPath;
    const opened = task.process.files?.openProgram(kernel, task, directory, path, asCalled ? progress.flags : 0);
    if (typeof opened !== 'object') return opened ?? -Errno.ENOENT;
    progress.load = new ImageLoad(opened, path);
  }
  return continueLoad(kernel, task, progress.load);
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
  const plan = readPlan(kernel, image, header);
  if (typeof plan === 'string') {
    discardUnused(kernel, image);
    return refuse(kernel, task, progress.path, plan, Errno.ENOEXEC);
  }
  if (plan.interpreter === null) return startElf(kernel, task, progress, image, plan, null);
  const path = new Uint8Array(plan.interpreter.bytes);
  image.read(kernel, plan.interpreter.fileOffset, path);
  const end = path.indexOf(0);
  if (end <= 0 || end !== path.length - 1) {
    discardUnused(kernel, image);
    return refuse(kernel, task, progress.path, 'PT_INTERP holds no path', Errno.ENOEXEC);
  }
  image.retain();
  progress.program = { image, plan };
  progress.loaderPath = decoder.decode(path.subarray(0, end));
  return NEEDS_LOADER;
}

/** The program names a dynamic loader: that is read next. No errno. */
const NEEDS_LOADER = -0x10001;

function readPlan(kernel: Kernel, image: ProgramImage, header: Uint8Array): ElfPlan | string {
  const place = programHeadersOf(header, image.sizeBytes);
  if (typeof place === 'string') return place;
  const table = new Uint8Array(place.bytes);
  image.read(kernel, place.offset, table);
  return parseElf(header, image.sizeBytes, table);
}

interface LoadedElf {
  readonly image: ProgramImage;
  readonly plan: ElfPlan;
}

/** The second file has been read: both are mapped, the loader runs first and finds the program by the auxiliary vector. */
function startWithLoader(
  kernel: Kernel,
  task: Task,
  progress: ExecProgress,
  program: LoadedElf,
  image: ProgramImage,
  header: Uint8Array,
): number {
  const parsed = readPlan(kernel, image, header);
  const wrong =
    typeof parsed === 'string'
      ? parsed
      : parsed.interpreter !== null
        ? 'a dynamic loader that needs one itself'
        : parsed.positionIndependent
          ? ''
          : 'a dynamic loader with fixed addresses';
  if (typeof parsed === 'string' || wrong !== '') {
    discardUnused(kernel, image);
    return refuse(kernel, task, progress.loaderPath, wrong, Errno.ELIBBAD);
  }
  return startElf(kernel, task, progress, program.image, program.plan, { image, plan: parsed });
}

/** Maps the segments of a file; false when there are too many areas. */
function mapSegments(kernel: Kernel, space: AddressSpace, { image, plan }: LoadedElf, bias: number): boolean {
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
    if (space.map(kernel, from, to, segment.protection, backing) < 0) return false;
    // Code is there before it is asked for: no faults, and the same frames for all who run it.
    const area = space.find(from);
    if ((segment.protection & Protection.execute) !== 0 && area !== null)
      mapResident(kernel, space, area, from, Math.min(to, from + TEXT_AT_ONCE_BYTES));
  }
  return true;
}

/** What is random about one program, drawn at once: every draw re-keys the generator. */
class Randomness {
  private readonly bytes: Uint8Array = new Uint8Array(32);
  private readonly view: DataView = new DataView(this.bytes.buffer);
  private used = 16;

  constructor(kernel: Kernel) {
    kernel.random.fill(this.bytes);
  }
  /** AT_RANDOM */
  get forProgram(): Uint8Array {
    return this.bytes.subarray(0, 16);
  }
  /** `bits` random bits as a count of bytes in whole pages: four times at most. */
  pages(bits: number): number {
    const word = this.view.getUint32(this.used, true);
    this.used += 4;
    return (word % 2 ** bits) * FRAME_BYTES;
  }
}

/** `loader`: runs first, if the program names one. */
function startElf(
  kernel: Kernel,
  task: Task,
  progress: ExecProgress,
  image: ProgramImage,
  plan: ElfPlan,
  loader: LoadedElf | null,
): number {
  const space = AddressSpace.create(kernel);
  if (space === null) {
    discardUnused(kernel, image);
    return -Errno.ENOMEM;
  }
  const fail = (errno: number): number => {
    space.release(kernel);
    discardUnused(kernel, image);
    if (loader !== null) discardUnused(kernel, loader.image);
    return -errno;
  };
  const random = new Randomness(kernel);
  let bias = 0;
  if (plan.positionIndependent) {
    if (image.placement < 0) image.placement = random.pages(28);
    const wanted = PROGRAM_BASE + image.placement;
    bias = Math.floor(wanted / plan.alignment) * plan.alignment - plan.start;
    if (bias + plan.end > USER_MAP_END) return fail(Errno.ENOMEM);
  }
  if (!mapSegments(kernel, space, { image, plan }, bias)) return fail(Errno.ENOMEM);
  const stackTop = USER_MAP_END - random.pages(22);
  const stackLimit = task.process.limits[ResourceLimit.stack].soft;
  const stackSpace = Math.min(Math.max(pageCeiling(stackLimit), LEAST_STACK_SPACE), MOST_STACK_SPACE);
  const stackFloor = stackTop - stackSpace - STACK_GUARD_BYTES;
  let loaderBias = 0;
  if (loader !== null) {
    const { start, end, alignment } = loader.plan;
    const at = space.findGap(end - start + alignment);
    if (at === 0) return fail(Errno.ENOMEM);
    loaderBias = Math.ceil(at / alignment) * alignment - start;
    if (!mapSegments(kernel, space, loader, loaderBias)) return fail(Errno.ENOMEM);
  }
  const vdso = kernel.state.vdso.map(kernel, space);
  if (vdso < 0) return fail(Errno.ENOMEM);
  space.programBreakStart = plan.end + bias + random.pages(13);
  space.programBreak = space.programBreakStart;

  const contents = {
    arguments: progress.arguments,
    environment: progress.environment,
    path: encoder.encode(progress.path),
    random: random.forProgram,
    entry: plan.entry + bias,
    loaderBase: loader === null ? 0 : loader.plan.start + loaderBias,
    vdso,
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
  space.mapTop = stackFloor - random.pages(24);
  const stack = buildStack(stackTop, contents);
  if (!space.poke(kernel, task, stack.stackPointer, stack.bytes)) return fail(Errno.ENOMEM);
  space.argumentsStart = stack.argumentsStart;
  space.argumentsEnd = stack.argumentsEnd;
  space.environmentStart = stack.environmentStart;
  space.environmentEnd = stack.environmentEnd;
  space.auxiliary = stack.auxiliary;

  commit(kernel, task, progress, image, space);
  task.kind = TaskKind.program;
  task.systemTaskName = '';
  task.systemTaskState = null;
  task.systemTaskEvent = null;
  const entry = loader === null ? plan.entry + bias : loader.plan.entry + loaderBias;
  resetRegisters(kernel, task, entry, stack.stackPointer);
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
  task.signals.alternateStack = noAlternateStack;
  task.clearChildTid = 0;
  task.robustListHead = 0;
  process.executablePath = image.path;
  process.arguments = progress.arguments.map((text) => decoder.decode(text));
  process.environment = progress.environment.map((text) => decoder.decode(text));
  process.verifiedBy = image.keyName;
  process.hasExecuted = true;
  process.exitSignal = Signal.SIGCHLD;
  kernel.state.security.started++;
  process.dumpable = 1;
  // proc(5), /proc/PID/comm: a link to a program of many names shows the name that was called; /proc/self/exe shows the file.
  const asked = progress.askedPath === '' ? image.path : progress.askedPath;
  task.name = (asked.split('/').pop() ?? asked).slice(0, 15);
}
