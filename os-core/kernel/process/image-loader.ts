// From an opened file to a verified image in RAM: programs, their dynamic loader, and libraries that a program maps to run them.
//
//   cached by content identity? ─► read ─► SHA-256 (device or portable) ─► signature ─► ProgramImage
//
// Restartable: an ImageLoad remembers how far it got.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Capability } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { PENDING } from '../syscalls/handler.ts';
import type { HashJob } from './hash-engine.ts';
import { MAX_PROGRAM_BYTES, ProgramImage } from './program-image.ts';
import type { ProgramFile } from './seams.ts';
import type { Task } from './task.ts';

/** Read at most this much between two looks at the clock. */
const READ_CHUNK_BYTES = 64 * 1024;
/** Virtual cost of hashing: instructions per byte. */
const HASH_COST_PER_BYTE = 4;
/** Virtual cost of handing bytes to a device. */
const COPY_COST_PER_BYTE = 0.25;
/** From here on the way to a device and back is worth it. */
const DEVICE_HASH_BYTES = 256 * 1024;

/** A file on its way into an image; holds the file open. */
export class ImageLoad {
  readonly file: ProgramFile;
  /** As asked for, for messages. */
  readonly path: string;
  buffer: Uint8Array | null = null;
  bytesRead = 0;
  /** The hash that a device computes. */
  hashJob: HashJob | null = null;
  /** SHA-256 of the whole file. */
  contentSha256: Uint8Array | null = null;

  constructor(file: ProgramFile, path: string) {
    file.retain();
    this.file = file;
    this.path = path;
  }
  close(kernel: Kernel): void {
    this.file.release(kernel);
  }
  /** The task has ended. */
  abandoned(kernel: Kernel): void {
    this.close(kernel);
  }
}
registerClass('ImageLoad', 1, ImageLoad);

/** Goes on reading and verifying. The image, -errno or PENDING. */
export function continueLoad(kernel: Kernel, task: Task, progress: ImageLoad): ProgramImage | number {
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
  const local = !verdict.ok && signature === null && mayRunUnsigned(task, file);
  if (!verdict.ok && !local) {
    kernel.state.security.refused++;
    return refuse(kernel, task, progress.path, verdict.reason, Errno.EACCES, '[verify]');
  }
  if (local) kernel.log(`[verify] ${progress.path}: not signed, runs by the right exec-local`);
  // The cache answers everybody: what runs by one process' right never gets into it.
  const [identity, keyName] = verdict.ok ? [file.contentIdentity, verdict.keyName] : ['', 'exec-local'];
  let image = ProgramImage.create(kernel, file.path, progress.buffer, identity, keyName);
  if (image === null) {
    // Images that nobody runs give way.
    kernel.state.programs.trim(kernel, 0);
    image = ProgramImage.create(kernel, file.path, progress.buffer, identity, keyName);
  }
  if (image === null) return -Errno.ENOMEM;
  kernel.state.programs.add(kernel, image);
  return image;
}

/** The right exec-local: files that only the program's own user can have written. A signature that does not fit is never overruled. */
function mayRunUnsigned(task: Task, file: ProgramFile): boolean {
  const { capabilities, credentials } = task.process;
  return (capabilities & Capability.execLocal) !== 0 && file.onlyWriter === credentials.userId;
}

/** SHA-256 of the file: by the device if it is long and there is one, else (or if the device fails) by the portable way. */
function hashOf(kernel: Kernel, task: Task, progress: ImageLoad, bytes: Uint8Array): Uint8Array | typeof PENDING {
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

/** One line on the log and for euroos_why; -errno. */
export function refuse(
  kernel: Kernel,
  task: Task,
  path: string,
  reason: string,
  errno: number,
  prefix = '[exec]',
): number {
  task.process.lastRefusal = `${path}: ${reason}`;
  kernel.log(`${prefix} ${path}: ${reason}`);
  return -errno;
}

/** An image that nobody maps and that the cache does not keep. */
export function discardUnused(kernel: Kernel, image: ProgramImage): void {
  if (image.identity === '' && !image.isUsed) image.free(kernel);
}
