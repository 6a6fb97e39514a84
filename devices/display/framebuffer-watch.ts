// Finds what has changed in the GOP framebuffer and sends just that to the viewer.
//
//   page generation says "not written since" ─► skipped      else rows are compared with a copy ─► bands of 16 rows, cut to what differs
//
// A page's generation is the epoch of its last write and epochs change only at snapshots, so a page written in the present epoch
// has to be compared; while the scene is shown, nothing is.

import type { DisplayBackend } from '../backends/backends.ts';
import { PAGE_BYTES, type PhysicalMemory } from '../base/physical-memory.ts';

const BAND_ROWS = 16;
const PIXEL_BYTES = 4;

export interface FramebufferPlace {
  readonly address: number;
  readonly width: number;
  readonly height: number;
}

export class FramebufferWatch {
  private readonly memory: PhysicalMemory;
  private readonly place: FramebufferPlace;
  private readonly backend: DisplayBackend;
  private readonly live: Int32Array;
  private readonly sent: Int32Array;
  /** Per page: the generation at the last comparison. */
  private readonly seen: Uint32Array;
  private everythingStale = true;
  /** The rectangle that is being put together; right 0 = none. */
  private left = 0;
  private right = 0;
  private top = 0;
  private bottom = 0;

  constructor(memory: PhysicalMemory, place: FramebufferPlace, backend: DisplayBackend) {
    this.memory = memory;
    this.place = place;
    this.backend = backend;
    const words = place.width * place.height;
    this.live = memory.words32.subarray(place.address / PIXEL_BYTES, place.address / PIXEL_BYTES + words);
    this.sent = new Int32Array(words);
    this.seen = new Uint32Array(Math.ceil((words * PIXEL_BYTES) / PAGE_BYTES));
  }

  /** The viewer knows nothing any more: the next refresh sends all of it. */
  forget(): void {
    this.everythingStale = true;
  }

  refresh(): void {
    const { width, height } = this.place;
    if (this.everythingStale) {
      this.send(0, 0, width, height);
      this.everythingStale = false;
      return;
    }
    this.left = width;
    this.right = 0;
    for (let top = 0; top < height; top += BAND_ROWS) {
      const bottom = Math.min(height, top + BAND_ROWS);
      // Neighbouring bands go out together; an unchanged one ends the rectangle.
      if (!this.mayHaveChanged(top, bottom) || !this.compareBand(top, bottom)) this.flush();
    }
    this.flush();
    this.noteGenerations();
  }

  private firstPage(row: number): number {
    return Math.floor((row * this.place.width * PIXEL_BYTES) / PAGE_BYTES);
  }

  private mayHaveChanged(top: number, bottom: number): boolean {
    const base = this.place.address / PAGE_BYTES;
    const last = Math.floor((bottom * this.place.width * PIXEL_BYTES - 1) / PAGE_BYTES);
    for (let page = this.firstPage(top); page <= last; page++) {
      const generation = this.memory.dirtyGeneration[base + page];
      if (generation !== this.seen[page] || (generation !== 0 && generation === this.memory.epoch)) return true;
    }
    return false;
  }

  private noteGenerations(): void {
    const base = this.place.address / PAGE_BYTES;
    this.seen.set(this.memory.dirtyGeneration.subarray(base, base + this.seen.length));
  }

  /** Widens the rectangle by what differs in the band; false if nothing does. */
  private compareBand(top: number, bottom: number): boolean {
    const { width } = this.place;
    let changed = false;
    for (let row = top; row < bottom; row++) {
      const start = row * width;
      let x = 0;
      while (x < width && this.live[start + x] === this.sent[start + x]) x++;
      if (x === width) continue;
      let end = width;
      while (this.live[start + end - 1] === this.sent[start + end - 1]) end--;
      if (this.right === 0) this.top = row;
      this.left = Math.min(this.left, x);
      this.right = Math.max(this.right, end);
      this.bottom = row + 1;
      changed = true;
    }
    return changed;
  }

  private flush(): void {
    if (this.right > 0) this.send(this.left, this.top, this.right - this.left, this.bottom - this.top);
    this.left = this.place.width;
    this.right = 0;
  }

  private send(x: number, y: number, width: number, height: number): void {
    const rgba = new Uint8Array(width * height * PIXEL_BYTES);
    const pixels = new Uint32Array(rgba.buffer);
    for (let row = 0; row < height; row++) {
      const start = (y + row) * this.place.width + x;
      for (let n = 0; n < width; n++) {
        const bgrx = this.live[start + n];
        this.sent[start + n] = bgrx;
        // BGRX in memory is 0x00RRGGBB as a little-endian word; RGBA is 0xAABBGGRR.
        pixels[row * width + n] = 0xff00_0000 | ((bgrx & 0xff) << 16) | (bgrx & 0xff00) | ((bgrx >>> 16) & 0xff);
      }
    }
    this.backend.framebuffer(x, y, width, height, rgba);
  }
}
