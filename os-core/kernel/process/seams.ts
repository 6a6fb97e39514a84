// What the kernel proper asks of the file system layer (os-core/kernel/vfs implements these on its own classes), and of drivers.
// All results that are numbers: >= 0, -errno, or PENDING after task.waitOn(). All implementing classes are registered.

import type { Kernel } from '../kernel.ts';
import type { OpenFile } from '../vfs/open-file.ts';
import type { WaitQueue } from '../wait-queue.ts';
import type { Task } from './task.ts';

/** A file whose pages can be mapped. One instance may back many areas. */
export interface MappableFile {
  /** For /proc/PID/maps and messages. */
  readonly path: string;
  /** Copies file bytes from `offset` into `target`; count of bytes (short only at the end of the file), -errno, or PENDING. */
  readInto(kernel: Kernel, task: Task, offset: number, target: Uint8Array): number;
  /**
   * Physical address of the frame that holds page `pageIndex` for all who map the file, -errno (ENXIO beyond its end) or PENDING.
   * Absent = pages are read into frames of their own, and shared writable mappings are refused with ENODEV.
   */
  pageFrame?(kernel: Kernel, task: Task, pageIndex: number): number;
  /** The same object for all mappings of one file. */
  readonly cachedPages?: object | null;
  /** Shared mappings of it may be written. */
  readonly writable?: boolean;
  /** A page was written through a shared mapping: an entry with the D bit goes away or is made clean. */
  noteDirty?(pageIndex: number): void;
  /** msync(MS_SYNC): 0, -errno or PENDING. */
  synchronise?(kernel: Kernel, task: Task): number;
  /** The frame that holds exactly this page of the file, 0 if it is not in RAM: private mappings share it, copy-on-write. */
  residentFrame?(pageIndex: number): number;
  /** Every page of it is in RAM for as long as it is mapped. */
  readonly allInMemory?: boolean;
  /** One more / one less mapping refers to this file (keeps an unlinked file's blocks alive). */
  retain(): void;
  release(kernel: Kernel): void;
}

/** What execve opens. */
export interface ProgramFile extends MappableFile {
  readonly sizeBytes: number;
  /** Equal identities have equal bytes (fs uuid, inode, root, birth generation …; never path or time). '' = do not cache. */
  readonly contentIdentity: string;
  /** The user whose file it is, if nobody else (but root) may write to it; -1 if others may. */
  readonly onlyWriter: number;
  /** The extended attribute `security.euroos`: a detached 64-byte Ed25519 signature, null if there is none; -errno or PENDING. */
  readSignature(kernel: Kernel, task: Task): Uint8Array | null | number;
}

/** Descriptors, working directory and umask of a process (vfs: FileTable). */
export interface ProcessFiles {
  /** The open file behind a descriptor, null if there is none. */
  get(descriptor: number): OpenFile | null;
  /** fork: an own copy; every description gains a reference. */
  copy(): ProcessFiles;
  /** execve: closes what has FD_CLOEXEC. */
  closeOnExec(kernel: Kernel): void;
  /** The process has ended: closes everything. */
  release(kernel: Kernel): void;
  /** umask(2): sets the mask and returns the old one. */
  setFileModeMask(mask: number): number;
  /**
   * execve: looks `path` up (relative to the working directory, or to `directoryDescriptor` unless AT_FDCWD = -100; with AT_EMPTY_PATH
   * 0x1000 and an empty path the descriptor itself), checks that it is a regular file that the task may execute, and opens it.
   */
  openProgram(
    kernel: Kernel,
    task: Task,
    directoryDescriptor: number,
    path: string,
    flags: number,
  ): ProgramFile | number;
}

/** An OpenFile that mmap accepts has this method (mmap gives ENODEV otherwise). */
export interface Mappable {
  /** -EACCES if the description's access mode forbids it. `shared`/`writable` as asked by mmap. */
  mapping(kernel: Kernel, task: Task, shared: boolean, writable: boolean): MappableFile | number;
  /** The same file as something that may be verified and run (a library): -ETXTBSY while it is open for writing. */
  program?(kernel: Kernel, task: Task): ProgramFile | number;
}

/** Where log lines go besides the ring (the COM1 driver, the boot screen). Must not sleep. */
export interface LogSink {
  writeLine(kernel: Kernel, line: string): void;
}

export interface PanicReport {
  readonly reason: string;
  /** Lines of text: registers, CR2, backtrace. */
  readonly lines: readonly string[];
}

/** Paints the panic screen and prints on the serial line, without interrupts. */
export interface PanicPresenter {
  present(kernel: Kernel, report: PanicReport): void;
}

/** The driver of the periodic timer (8254). */
export interface TickDevice {
  /** Periodic interrupts on line 0 at `hertz`. */
  startPeriodic(kernel: Kernel, hertz: number): void;
  /** One interrupt on line 0 after `nanos` (the driver clamps to what the chip can count); periodic ones stop. */
  startOneShot(kernel: Kernel, nanos: number): void;
}

/** ACPI or i8042: turns the machine off or resets it. */
export interface PowerDevice {
  /** Something that programs have written is on its way out of the machine still: the queue that is woken as it goes; null = all has gone. */
  outputWaits(): WaitQueue | null;
  powerOff(kernel: Kernel): void;
  reset(kernel: Kernel): void;
}
