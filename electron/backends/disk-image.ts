// Disks kept in host files.
//
//   DiskImage          FILE, read and written in place; flush = fdatasync
//   ThrowAwayDisk      4 KiB blocks that were written, in memory  ──►  anything else from the disk below (never changed)

import fs from 'node:fs';
import type { BlockBackend } from '../../devices/backends/backends.ts';

const SECTOR_BYTES = 512;
const LAYER_BLOCK_BYTES = 4096;

/** A raw disk image file. The constructor throws an Error with one clear line if the file cannot be used. */
export class DiskImage implements BlockBackend {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly serial = 'euroos-disk';
  private descriptor: number;

  constructor(file: string, options: { readonly readOnly: boolean }) {
    this.readOnly = options.readOnly;
    this.descriptor = fs.openSync(file, options.readOnly ? 'r' : 'r+');
    this.sizeBytes = fs.fstatSync(this.descriptor).size;
    if (this.sizeBytes === 0 || this.sizeBytes % SECTOR_BYTES !== 0) {
      fs.closeSync(this.descriptor);
      throw new Error(
        `${file} is no disk image: its size, ${this.sizeBytes} bytes, is not a multiple of ${SECTOR_BYTES}`,
      );
    }
  }

  read(offset: number, target: Uint8Array): boolean {
    if (offset < 0 || offset + target.length > this.sizeBytes) return false;
    return transferAll(target.length, (done) =>
      fs.readSync(this.descriptor, target, done, target.length - done, offset + done),
    );
  }

  write(offset: number, source: Uint8Array): boolean {
    if (this.readOnly || offset < 0 || offset + source.length > this.sizeBytes) return false;
    return transferAll(source.length, (done) =>
      fs.writeSync(this.descriptor, source, done, source.length - done, offset + done),
    );
  }

  flush(): boolean {
    if (this.readOnly) return true;
    try {
      fs.fdatasyncSync(this.descriptor);
      return true;
    } catch {
      // The host lost data that it had accepted: the guest must know (its volume becomes read-only).
      return false;
    }
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }
}

function transferAll(length: number, step: (done: number) => number): boolean {
  let done = 0;
  try {
    while (done < length) {
      const count = step(done);
      if (count <= 0) return false;
      done += count;
    }
    return true;
  } catch {
    return false;
  }
}

/** Keeps changes in memory only; the disk below stays as it is. Costs memory for what is written, up to the disk's size. */
export class ThrowAwayDisk implements BlockBackend {
  readonly readOnly = false;
  readonly serial = 'euroos-throw-away';
  readonly sizeBytes: number;
  private readonly below: BlockBackend;
  private readonly written = new Map<number, Uint8Array>();

  constructor(below: BlockBackend) {
    this.below = below;
    this.sizeBytes = below.sizeBytes;
  }

  read(offset: number, target: Uint8Array): boolean {
    return this.eachBlock(offset, target.length, (block, from, count, done) => {
      const layer = this.written.get(block);
      if (layer === undefined)
        return this.below.read(block * LAYER_BLOCK_BYTES + from, target.subarray(done, done + count));
      target.set(layer.subarray(from, from + count), done);
      return true;
    });
  }

  write(offset: number, source: Uint8Array): boolean {
    return this.eachBlock(offset, source.length, (block, from, count, done) => {
      let layer = this.written.get(block);
      if (layer === undefined) {
        layer = new Uint8Array(LAYER_BLOCK_BYTES);
        const start = block * LAYER_BLOCK_BYTES;
        const present = Math.min(LAYER_BLOCK_BYTES, this.sizeBytes - start);
        if (count < present && !this.below.read(start, layer.subarray(0, present))) return false;
        this.written.set(block, layer);
      }
      layer.set(source.subarray(done, done + count), from);
      return true;
    });
  }

  flush(): boolean {
    return true;
  }

  private eachBlock(
    offset: number,
    length: number,
    visit: (block: number, from: number, count: number, done: number) => boolean,
  ): boolean {
    if (offset < 0 || offset + length > this.sizeBytes) return false;
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const from = at % LAYER_BLOCK_BYTES;
      const count = Math.min(length - done, LAYER_BLOCK_BYTES - from);
      if (!visit((at - from) / LAYER_BLOCK_BYTES, from, count, done)) return false;
      done += count;
    }
    return true;
  }
}
