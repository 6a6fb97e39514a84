// The bytes of a verified program in RAM frames: what was hashed is what is mapped, whatever happens to the file afterwards.
//
//   file ─► read once ─► SHA-256, signature ─► frames ─► mapped by every process that runs it (copy-on-write)
//                                                └─► cached by content identity until RAM is wanted

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { allocateZeroed } from '../memory/page-tables.ts';
import type { MappableFile } from './seams.ts';
import type { Task } from './task.ts';

/** Bound on what is read and hashed for one exec. */
export const MAX_PROGRAM_BYTES = 256 * 1024 * 1024;

export class ProgramImage implements MappableFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly identity: string;
  readonly keyName: string;
  private readonly pages: number[] = [];
  private users = 0;
  /** Where a position-independent program lies, in bytes above the lowest place; -1 = not chosen. The same for all who run it: what the processor has decoded and compiled of the frames serves them all. */
  placement = -1;

  constructor(path: string, sizeBytes: number, identity: string, keyName: string) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.identity = identity;
    this.keyName = keyName;
  }

  /** Copies verified bytes into frames; null when RAM is full. */
  static create(
    kernel: Kernel,
    path: string,
    bytes: Uint8Array,
    identity: string,
    keyName: string,
  ): ProgramImage | null {
    const image = new ProgramImage(path, bytes.length, identity, keyName);
    for (let offset = 0; offset < bytes.length; offset += FRAME_BYTES) {
      const frame = allocateZeroed(kernel.machine.memory, kernel.frames);
      if (frame === 0) {
        image.free(kernel);
        return null;
      }
      image.pages.push(frame);
      kernel.machine.memory.writeBytes(frame, bytes.subarray(offset, Math.min(offset + FRAME_BYTES, bytes.length)));
    }
    return image;
  }

  get isUsed(): boolean {
    return this.users > 0;
  }
  retain(): void {
    this.users++;
  }
  release(kernel: Kernel): void {
    if (--this.users === 0 && this.identity === '') this.free(kernel);
  }
  free(kernel: Kernel): void {
    for (const frame of this.pages) kernel.frames.release(frame);
    this.pages.length = 0;
  }

  get allInMemory(): boolean {
    return true;
  }
  residentFrame(pageIndex: number): number {
    return this.pages[pageIndex] ?? 0;
  }

  /** Plain bytes from the frames. */
  read(kernel: Kernel, offset: number, target: Uint8Array): number {
    const count = Math.max(0, Math.min(target.length, this.sizeBytes - offset));
    for (let done = 0; done < count; ) {
      const frame = this.pages[Math.floor((offset + done) / FRAME_BYTES)];
      const within = (offset + done) % FRAME_BYTES;
      const part = Math.min(count - done, FRAME_BYTES - within);
      target.set(kernel.machine.memory.bytes.subarray(frame + within, frame + within + part), done);
      done += part;
    }
    return count;
  }
  readInto(kernel: Kernel, _task: Task, offset: number, target: Uint8Array): number {
    return this.read(kernel, offset, target);
  }
}
registerClass('ProgramImage', 1, ProgramImage);

/** Share of RAM that unused images may keep: 1 / this. */
const CACHE_SHARE = 8;

/** Verified images by content identity, least recently used first. */
export class ProgramCache {
  private readonly images: Map<string, ProgramImage> = new Map();

  find(identity: string): ProgramImage | null {
    const image = identity === '' ? undefined : this.images.get(identity);
    if (image === undefined) return null;
    this.images.delete(identity);
    this.images.set(identity, image);
    return image;
  }

  /** Frames of all images, for /proc/meminfo. */
  get frames(): number {
    let count = 0;
    for (const image of this.images.values()) count += Math.ceil(image.sizeBytes / FRAME_BYTES);
    return count;
  }

  /** Keeps an image; frees unused ones beyond the cache's share of RAM. */
  add(kernel: Kernel, image: ProgramImage): void {
    if (image.identity === '') return;
    this.trim(kernel, Math.max(0, kernel.machine.memory.sizeBytes / CACHE_SHARE - image.sizeBytes));
    this.images.set(image.identity, image);
  }

  /** Frees unused images, oldest first, until the rest fits into `limitBytes`. */
  trim(kernel: Kernel, limitBytes: number): void {
    let sum = 0;
    for (const image of this.images.values()) sum += image.sizeBytes;
    for (const [identity, image] of this.images) {
      if (sum <= limitBytes) return;
      if (image.isUsed) continue;
      this.images.delete(identity);
      sum -= image.sizeBytes;
      image.free(kernel);
    }
  }
}
registerClass('ProgramCache', 1, ProgramCache);
