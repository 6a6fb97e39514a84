// Tables of indirect jumps: from a target's address to its number, by a hash without collisions that is searched for at compile time.
//
//   entry  0  address (8)    8  number of the target (4)    12  number in the region's dispatcher (4)
//
// They lie in the host area, after the dispatch cache. Free places hold an address that hashes elsewhere, so that they never match.

import type { PhysicalMemory } from '../../base/physical-memory.ts';
import { JUMP_TABLES_BYTES, JUMP_TABLES_OFFSET } from './layout.ts';
import type { RegionTarget } from './region.ts';
import { type Code, Op } from './wasm.ts';

const ENTRY_BYTES = 16;
const ENTRY_SHIFT = 4;
/** More places than this for one table are not worth the memory. */
const LARGEST_BITS = 9;
const TRIES = 64;

export class JumpTable {
  /** Byte offset in the memory. */
  readonly offset: number;
  private readonly memory: PhysicalMemory;
  private readonly bits: number;
  private readonly multiplier: number;

  constructor(memory: PhysicalMemory, offset: number, bits: number, multiplier: number) {
    this.memory = memory;
    this.offset = offset;
    this.bits = bits;
    this.multiplier = multiplier;
  }

  /** With the target's address (i64) on the stack: pushes the byte offset of its entry in the table (i32). */
  pushSlot(code: Code): void {
    code.op(Op.i32WrapI64);
    code.i32(this.multiplier);
    code.op(Op.i32Mul);
    code.i32(32 - this.bits);
    code.op(Op.i32ShrU);
    code.i32(ENTRY_SHIFT);
    code.op(Op.i32Shl);
  }

  /** Writes the entries; `dispatched` are the numbers in the region's dispatcher, -1 if a target has none. */
  fill(targets: readonly RegionTarget[], dispatched: readonly number[]): void {
    const { view } = this.memory;
    const write = (slot: number, target: RegionTarget, number: number, dispatcherNumber: number): void => {
      const at = this.offset + slot * ENTRY_BYTES;
      view.setInt32(at, target.low, true);
      view.setInt32(at + 4, target.high, true);
      view.setInt32(at + 8, number, true);
      view.setInt32(at + 12, dispatcherNumber, true);
    };
    const used = new Set<number>();
    targets.forEach((target, number) => {
      const slot = slotOf(target.low, this.multiplier, this.bits);
      used.add(slot);
      write(slot, target, number, dispatched[number]);
    });
    for (let slot = 0; slot < 1 << this.bits; slot++) if (!used.has(slot)) write(slot, targets[0], 0, 0);
  }
}

function slotOf(low: number, multiplier: number, bits: number): number {
  return Math.imul(low, multiplier) >>> (32 - bits);
}

/** Hands out tables until the area is full; they are given back all at once. */
export class JumpTableArea {
  private readonly memory: PhysicalMemory;
  private used = 0;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
  }

  clear(): void {
    this.used = 0;
  }

  /** A table for these targets, or null if there is no room or no hash without collisions. */
  allocate(targets: readonly RegionTarget[]): JumpTable | null {
    let multiplier = 0x9e3779b1 | 0;
    for (let bits = Math.ceil(Math.log2(targets.length)) + 1; bits <= LARGEST_BITS; bits++) {
      const bytes = ENTRY_BYTES << bits;
      if (this.used + bytes > JUMP_TABLES_BYTES) return null;
      for (let n = 0; n < TRIES; n++) {
        multiplier = (Math.imul(multiplier, 0x5851f42d) + 0x14057b7e) | 1;
        const slots = new Set(targets.map((target) => slotOf(target.low, multiplier, bits)));
        if (slots.size < targets.length) continue;
        const offset = this.memory.sizeBytes + JUMP_TABLES_OFFSET + this.used;
        this.used += bytes;
        return new JumpTable(this.memory, offset, bits, multiplier);
      }
    }
    return null;
  }
}
