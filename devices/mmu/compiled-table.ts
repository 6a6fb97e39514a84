// A table of translations for compiled code, whose check is a subtraction and a comparison: no generations, so it is emptied for real.
//
//   entry   0  virtual page address (8); in a free entry that of a page of another slot, which no address of this one can match
//           8  physical page address (4)       12  unused
//
// It is larger than the tables of the interpreter, since a miss costs compiled code more. Emptying costs by what was entered: a switch to
// another address space must not cost 256 KiB.

import { PAGE_BYTES, PAGE_SHIFT } from '../base/physical-memory.ts';

const ENTRIES = 16384;
const INDEX_MASK = ENTRIES - 1;
const ENTRY_WORDS = 4;
export const COMPILED_TABLE_BYTES = ENTRIES * ENTRY_WORDS * 4;
/** From an address to the byte offset of its entry: shifted right, masked. */
export const COMPILED_INDEX_SHIFT = PAGE_SHIFT - 4;
export const COMPILED_INDEX_MASK = INDEX_MASK << 4;
/** When more was entered than this, all entries are freed at once. */
const LOG_ENTRIES = 1024;

const freeEntries = new Int32Array(ENTRIES * ENTRY_WORDS);
for (let slot = 0; slot < ENTRIES; slot++) freeEntries[slot * ENTRY_WORDS] = (slot ^ 1) << PAGE_SHIFT;

export class CompiledTable {
  private readonly entries: Int32Array;
  /** Slots that were entered since all were free. */
  private readonly log = new Int32Array(LOG_ENTRIES);
  private logged = LOG_ENTRIES + 1;
  /** The generation of translations that it holds; 0 = none yet. */
  private generation = 0;

  constructor(buffer: SharedArrayBuffer, offsetBytes: number) {
    this.entries = new Int32Array(buffer, offsetBytes, ENTRIES * ENTRY_WORDS);
  }

  /** Empties the table unless it belongs to this generation. */
  sync(generation: number): void {
    if (this.generation === generation) return;
    this.generation = generation;
    if (this.logged > LOG_ENTRIES) this.entries.set(freeEntries);
    else for (let n = 0; n < this.logged; n++) this.free(this.log[n]);
    this.logged = 0;
  }
  /** Belongs to no generation any more. */
  forget(): void {
    this.generation = 0;
  }

  enter(low: number, high: number, physical: number): void {
    const slot = (low >>> PAGE_SHIFT) & INDEX_MASK;
    const index = slot * ENTRY_WORDS;
    this.entries[index] = low & -PAGE_BYTES;
    this.entries[index + 1] = high;
    this.entries[index + 2] = physical & -PAGE_BYTES;
    if (this.logged < LOG_ENTRIES) this.log[this.logged++] = slot;
    else this.logged = LOG_ENTRIES + 1;
  }

  /** Frees the entry that an address may have. */
  invalidate(low: number): void {
    this.free((low >>> PAGE_SHIFT) & INDEX_MASK);
  }
  private free(slot: number): void {
    const index = slot * ENTRY_WORDS;
    this.entries[index] = freeEntries[index];
    this.entries[index + 1] = 0;
  }
}
