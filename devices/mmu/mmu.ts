// The memory management unit: 4-level page tables (SDM vol. 3, 4.5) and the software TLB in front of them.
//
//   virtual  63..48   47..39  38..30  29..21  20..12  11..0
//            sign     PML4    PDPT    PD      PT      offset        PS in PDPTE: 1 GiB page, in PDE: 2 MiB page
//
//   entry    63  62..52   51..40    39..12      8 7  6 5 4   3   2   1   0
//            NX  ignored  reserved  frame       G PS D A PCD PWT U/S R/W P
//
// TLB: six direct-mapped tables (user, supervisor) x (read, write, execute) of 2048 entries in the host area of memory:
//   word 0  virtual page address (low 32 bits) | generation (12 bits; never 0)
//   word 1  upper 32 bits of the virtual address
//   word 2  physical page address (low 32 bits; RAM ends below 4 GiB)
//   word 3  unused
// An entry holds when its generation is the current one of its kind, so a flush is one increment.
//
// Compiled code has two tables of its own (compiled-table.ts) with what the user's read and write tables were filled with. They are
// flushed together with those, but emptied only when somebody looks (syncCompiled).
//
// Invariants: every entry maps RAM; its page has A (for write entries D too) set; a write entry's page was noted with
// memory.noteWrite in this epoch and holds no code (see physical-memory.ts); a supervisor entry never maps a user page while SMAP
// is on, because RFLAGS.AC may change at any time.

import { PAGE_BYTES, PAGE_SHIFT, type PhysicalMemory } from '../base/physical-memory.ts';
import { COMPILED_TABLE_BYTES, CompiledTable } from './compiled-table.ts';

export const TLB_ENTRIES = 2048;
export const TLB_INDEX_MASK = TLB_ENTRIES - 1;
const TABLE_WORDS = TLB_ENTRIES * 4;
const GENERATION_MASK = 0xfff;

/** Word offset of each table within the TLB area; supervisor tables follow the user ones. */
export const USER_READ = 0;
export const USER_WRITE = TABLE_WORDS;
export const USER_EXECUTE = TABLE_WORDS * 2;
export const SUPERVISOR_READ = TABLE_WORDS * 3;
export const SUPERVISOR_WRITE = TABLE_WORDS * 4;
export const SUPERVISOR_EXECUTE = TABLE_WORDS * 5;
export const TLB_AREA_WORDS = TABLE_WORDS * 6;

/** Bits of the access argument and of the #PF error code. */
const PRESENT = 1;
const WRITE = 2;
const USER = 4;
const RESERVED = 8;
const FETCH = 16;

const ENTRY_ACCESSED = 0x20;
const ENTRY_DIRTY = 0x40;
const ENTRY_LARGE = 0x80;
/** MAXPHYADDR is 40 (CPUID 80000008h): bits 51..40 of an entry are reserved. */
const RESERVED_HIGH = 0x000fff00;

export class Mmu {
  readonly memory: PhysicalMemory;
  /** The TLB area. */
  readonly entries: Int32Array;
  /** CR0.PG; off: virtual = physical. */
  paging = true;
  /** CR0.WP. */
  writeProtect = true;
  /** EFER.NXE. */
  noExecute = false;
  /** CR4.SMEP, CR4.SMAP. */
  smep = false;
  smap = false;
  /** RFLAGS.AC at the time of a supervisor data access. */
  accessFlag = false;
  /** Physical address of the PML4. */
  rootTable = 0;

  /** Generation of read and execute entries; of write entries. */
  generation = 1;
  writeGeneration = 1;

  /** #PF error code of the last failed walk. */
  faultCode = 0;
  /** The last successful walk ended in a page that user mode may touch. */
  walkedUserPage = false;
  misses = 0;
  private readonly compiledRead: CompiledTable;
  private readonly compiledWrite: CompiledTable;

  /** `areaOffsetBytes`: where the TLBs lie in memory; `compiledOffsetBytes`: where the two tables of compiled code do. */
  constructor(memory: PhysicalMemory, areaOffsetBytes: number, compiledOffsetBytes: number) {
    this.memory = memory;
    this.compiledRead = new CompiledTable(memory.buffer, compiledOffsetBytes);
    this.compiledWrite = new CompiledTable(memory.buffer, compiledOffsetBytes + COMPILED_TABLE_BYTES);
    this.entries = new Int32Array(memory.buffer, areaOffsetBytes, TLB_AREA_WORDS);
  }

  /** Drops every translation. */
  flush(): void {
    this.generation = (this.generation + 1) & GENERATION_MASK;
    if (this.generation === 0) this.restart();
    else this.flushWrites();
  }

  /** Drops every write translation. */
  flushWrites(): void {
    this.writeGeneration = (this.writeGeneration + 1) & GENERATION_MASK;
    if (this.writeGeneration === 0) this.restart();
  }

  private restart(): void {
    this.entries.fill(0);
    this.generation = 1;
    this.writeGeneration = 1;
    this.compiledRead.forget();
    this.compiledWrite.forget();
  }

  /** Empties the tables of compiled code if their originals were flushed. */
  syncCompiled(): void {
    this.compiledRead.sync(this.generation);
    this.compiledWrite.sync(this.writeGeneration);
  }

  /** Drops the translations of one page (INVLPG). */
  invalidate(low: number): void {
    const index = ((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2;
    for (let table = 0; table < TLB_AREA_WORDS; table += TABLE_WORDS) this.entries[table + index] = 0;
    this.compiledRead.invalidate(low);
    this.compiledWrite.invalidate(low);
  }

  /** Enters a translation into the table that starts at word `table`. `physical` is any address in the page, in RAM. */
  enter(table: number, generation: number, low: number, high: number, physical: number): void {
    const index = table + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    this.entries[index] = (low & -PAGE_BYTES) | generation;
    this.entries[index + 1] = high;
    this.entries[index + 2] = physical & -PAGE_BYTES;
    if (table === USER_READ || table === USER_WRITE) {
      this.syncCompiled();
      (table === USER_READ ? this.compiledRead : this.compiledWrite).enter(low, high, physical);
    }
  }

  /**
   * Walks the tables for an access (bits write 2, user 4, fetch 16) to a canonical address; sets A and, for writes, D.
   * Returns the physical address, or -1 with faultCode set. Nothing is written when the walk fails, but A bits of upper levels are
   * not set either, which the SDM allows (4.8: "may").
   */
  walk(low: number, high: number, access: number): number {
    if (!this.paging) {
      this.walkedUserPage = true;
      return (low >>> 0) + (high & 0xffff) * 0x1_0000_0000;
    }
    const memory = this.memory;
    let table = this.rootTable;
    let writable = 2;
    let user = 4;
    let noExecute = 0;
    let entryAddress = 0;
    let entryLow = 0;
    let entryHigh = 0;
    // Addresses of the entries passed, to set A in them once the access is known to be allowed.
    let first = -1;
    let second = -1;
    let third = -1;
    let level = 3;
    for (; ; level--) {
      const slot =
        level === 3
          ? (high >>> 7) & 511
          : level === 2
            ? ((high << 2) | (low >>> 30)) & 511
            : level === 1
              ? (low >>> 21) & 511
              : (low >>> 12) & 511;
      entryAddress = table + slot * 8;
      entryLow = memory.read32(entryAddress) | 0;
      entryHigh = memory.read32(entryAddress + 4) | 0;
      if ((entryLow & PRESENT) === 0) return this.fail(access, 0);
      let reserved = entryHigh & RESERVED_HIGH;
      if (!this.noExecute) reserved |= entryHigh & 0x80000000;
      const large = level === 0 || ((entryLow & ENTRY_LARGE) !== 0 && level < 3);
      if (level === 3) reserved |= entryLow & ENTRY_LARGE;
      else if (large && level === 2) reserved |= entryLow & 0x3fffe000;
      else if (large && level === 1) reserved |= entryLow & 0x001fe000;
      if (reserved !== 0) return this.fail(access, PRESENT | RESERVED);
      writable &= entryLow;
      user &= entryLow;
      noExecute |= entryHigh & 0x80000000;
      if (large) break;
      if (level === 3) first = entryAddress;
      else if (level === 2) second = entryAddress;
      else third = entryAddress;
      table = ((entryLow & -PAGE_BYTES) >>> 0) + (entryHigh & 0xff) * 0x1_0000_0000;
    }

    if ((access & USER) !== 0) {
      if (user === 0) return this.fail(access, PRESENT);
      if ((access & WRITE) !== 0 && writable === 0) return this.fail(access, PRESENT);
    } else {
      if (user !== 0) {
        if ((access & FETCH) !== 0) {
          if (this.smep) return this.fail(access, PRESENT);
        } else if (this.smap && !this.accessFlag) return this.fail(access, PRESENT);
      }
      if ((access & WRITE) !== 0 && writable === 0 && this.writeProtect) return this.fail(access, PRESENT);
    }
    if ((access & FETCH) !== 0 && noExecute !== 0) return this.fail(access, PRESENT);

    if (first >= 0) this.setBits(first, ENTRY_ACCESSED);
    if (second >= 0) this.setBits(second, ENTRY_ACCESSED);
    if (third >= 0) this.setBits(third, ENTRY_ACCESSED);
    this.setBits(entryAddress, (access & WRITE) !== 0 ? ENTRY_ACCESSED | ENTRY_DIRTY : ENTRY_ACCESSED);
    this.walkedUserPage = user !== 0;

    const frameHigh = (entryHigh & 0xff) * 0x1_0000_0000;
    const offsetMask = level === 0 ? 0xfff : level === 1 ? 0x1fffff : 0x3fffffff;
    return (((entryLow & ~offsetMask) | (low & offsetMask)) >>> 0) + frameHigh;
  }

  /**
   * Physical address that ring 3 would fetch from, or -1 if that would fault, lies outside RAM, or would have to set an A bit first:
   * changes nothing.
   */
  peekFetch(low: number, high: number): number {
    if (!this.paging) return -1;
    const top = high >> 15;
    if (top !== 0 && top !== -1) return -1;
    const memory = this.memory;
    const needed = PRESENT | USER | ENTRY_ACCESSED;
    let table = this.rootTable;
    for (let level = 3; level >= 0; level--) {
      const slot =
        level === 3
          ? (high >>> 7) & 511
          : level === 2
            ? ((high << 2) | (low >>> 30)) & 511
            : (low >>> (level === 1 ? 21 : 12)) & 511;
      const entryLow = memory.read32(table + slot * 8) | 0;
      const entryHigh = memory.read32(table + slot * 8 + 4) | 0;
      if ((entryLow & needed) !== needed || (entryHigh & 0x800fffff) !== 0) return -1;
      const large = level === 0 || (entryLow & ENTRY_LARGE) !== 0;
      if (large) {
        if (level === 3) return -1;
        const offsetMask = level === 0 ? 0xfff : level === 1 ? 0x1fffff : 0x3fffffff;
        const physical = ((entryLow & ~offsetMask) | (low & offsetMask)) >>> 0;
        return physical < memory.sizeBytes ? physical : -1;
      }
      table = (entryLow & -PAGE_BYTES) >>> 0;
    }
    return -1;
  }

  private fail(access: number, code: number): number {
    // Bit 4 (fetch) is reported only when NX or SMEP can make a fetch differ from a read (SDM vol. 3, 4.7).
    const fetch = this.noExecute || this.smep ? access & FETCH : 0;
    this.faultCode = code | (access & (WRITE | USER)) | fetch;
    return -1;
  }

  private setBits(entryAddress: number, bits: number): void {
    const value = this.memory.read32(entryAddress);
    if ((value & bits) !== bits) this.memory.write32(entryAddress, value | bits);
  }
}
