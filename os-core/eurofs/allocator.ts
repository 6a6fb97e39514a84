// Which blocks are in use. Never on the disk: rebuilt at mount from what is reachable.
//
// Invariants: freeCount is the number of clear bits below blockCount. A freed block passes through Volume's lists and becomes
// clear only when two later commits are durable, so the previous root stays mountable.

import { registerClass } from '../../devices/base/object-graph.ts';
import { FIRST_FREE_BLOCK } from './layout.ts';

export class Allocator {
  readonly blockCount: number;
  freeCount: number;
  private readonly used: Uint32Array;
  /** Next-fit positions: data, first copies of nodes, second copies of nodes (from the middle, far from the first). */
  private readonly cursors: number[];

  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.used = new Uint32Array(Math.ceil(blockCount / 32));
    this.freeCount = blockCount;
    for (let block = 0; block < FIRST_FREE_BLOCK; block++) this.mark(block);
    const quarter = Math.floor(blockCount / 4);
    this.cursors = [FIRST_FREE_BLOCK + Math.floor(blockCount / 16), FIRST_FREE_BLOCK, 2 * quarter];
  }

  isUsed(block: number): boolean {
    return ((this.used[block >>> 5] >>> (block & 31)) & 1) === 1;
  }
  /** Marks a block used; false if it was already. */
  mark(block: number): boolean {
    if (this.isUsed(block)) return false;
    this.used[block >>> 5] |= 1 << (block & 31);
    this.freeCount--;
    return true;
  }
  release(block: number): void {
    if (!this.isUsed(block)) return;
    this.used[block >>> 5] &= ~(1 << (block & 31));
    this.freeCount++;
  }

  /** Takes one block near the cursor of `zone` (0 data, 1 first copy, 2 second copy); 0 if the volume is full. */
  take(zone: number): number {
    const start = this.cursors[zone];
    let block = start;
    for (let steps = 0; steps <= this.blockCount; steps++) {
      if (block >= this.blockCount) block = FIRST_FREE_BLOCK;
      if ((block & 31) === 0 && this.used[block >>> 5] === 0xffffffff) {
        block += 32;
        steps += 31;
        continue;
      }
      if (this.mark(block)) {
        this.cursors[zone] = block + 1;
        return block;
      }
      block++;
    }
    return 0;
  }

  /** Moves the data cursor to a run of `count` free blocks if there is one within a bounded search; else leaves it. */
  seekRun(count: number): void {
    let block = this.cursors[0];
    let run = 0;
    // 65,536 steps: 256 MiB of disk are looked through, a few hundred microseconds.
    for (let steps = 0; steps < 65536 && steps < this.blockCount; steps++, block++) {
      if (block >= this.blockCount) {
        block = FIRST_FREE_BLOCK;
        run = 0;
      }
      run = this.isUsed(block) ? 0 : run + 1;
      if (run === count) {
        this.cursors[0] = block - count + 1;
        return;
      }
    }
  }
}
registerClass('eurofs.Allocator', 1, Allocator);
