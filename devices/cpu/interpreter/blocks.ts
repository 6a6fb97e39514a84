// Decoded code: straight runs of instructions by virtual address, owned by the physical page they come from.
//
//   lookup(RIP) -> direct-mapped cache (key still valid?) -> page by physical address -> block by virtual address -> decode
//
// With a compiler there is threaded code too (../threaded), found the same way: most blocks exist only as that, and are decoded into
// instructions when they become hot; instructions that need the interpreter are decoded one by one (`single`).
//
// Invariants: a page that has blocks has holdsCode = 1, so that every write to it is noticed: by this CPU at the store, by others
// through codeWriteCount at the next run(). A block lies in one physical page, except that its only instruction may reach into the
// next virtual page: then the block names a second physical page. A block may run only while its key equals core.fetchKey.

import { PAGE_BYTES, PAGE_SHIFT } from '../../base/physical-memory.ts';
import { decode, MAXIMUM_LENGTH, NEED_MORE } from '../decode/decoder.ts';
import type { Instruction } from '../decode/instruction.ts';
import type { CompiledCode } from '../jit/jit.ts';
import { addressKey, Ending, endingOf } from '../jit/region.ts';
import type { ThreadedCode } from '../threaded/threaded-code.ts';
import type { CpuCore } from './core.ts';

/** Longer runs are cut, so that decoding ahead stays cheap. */
const MAXIMUM_BLOCK = 64;
/** All blocks are dropped when more instructions than this are held (about 200 bytes each). */
const MAXIMUM_INSTRUCTIONS = 400_000;
const CACHE_MASK = 0x3fff;
/** Targets of an indirect jump that are remembered. */
const MAXIMUM_TARGETS = 64;

export class Block {
  readonly ripLow: number;
  readonly ripHigh: number;
  readonly code: readonly Instruction[];
  /** The last instruction sets RIP itself. */
  readonly endsWithJump: boolean;
  /** core.fetchKey at which the mapping was last checked. */
  key = -1;
  /** Physical page of the part beyond the page boundary, -1 if none. */
  readonly secondPage: number;
  readonly firstPage: number;
  /** How often it ran without being compiled (while there is a compiler). */
  count = 0;
  /** It is to be compiled. */
  waiting = false;
  /** How often its region was compiled anew. */
  recompilations = 0;
  /** Its region may keep pages in locals. */
  keepsPages = true;
  /** The region that begins here. */
  compiled: CompiledCode | null = null;
  /** Where its indirect jump went so far, in pairs low, high. */
  readonly targets: number[] = [];
  readonly endsIndirect: boolean;

  constructor(ripLow: number, ripHigh: number, code: readonly Instruction[], firstPage: number, secondPage: number) {
    this.ripLow = ripLow;
    this.ripHigh = ripHigh;
    this.code = code;
    this.firstPage = firstPage;
    this.secondPage = secondPage;
    this.endsWithJump = code[code.length - 1].row.endsBlock === true;
    this.endsIndirect = endingOf(code[code.length - 1]) === Ending.indirect;
  }

  /** Its indirect jump went to an address. */
  noteTarget(low: number, high: number): void {
    const { targets } = this;
    for (let n = 0; n < targets.length; n += 2) if (targets[n] === low && targets[n + 1] === high) return;
    if (targets.length < MAXIMUM_TARGETS * 2) targets.push(low, high);
  }
}

const emptyCache = (): (Block | undefined)[] => new Array<Block | undefined>(CACHE_MASK + 1).fill(undefined);

/** The blocks of one physical page, by virtual address (upper word x 2^32 + lower: exact, addresses have 48 bits). */
class CodePage {
  readonly blocks = new Map<number, Block>();
  /** Blocks of one instruction. */
  readonly singles = new Map<number, Block>();
  /** Headers of threaded code. */
  readonly threaded = new Map<number, number>();
  readonly generation: number;
  get size(): number {
    return this.blocks.size + this.singles.size + this.threaded.size;
  }
  constructor(generation: number) {
    this.generation = generation;
  }
}

export class BlockCache {
  private readonly core: CpuCore;
  private readonly cache = emptyCache();
  private readonly singles = emptyCache();
  private readonly pages = new Map<number, CodePage>();
  private instructions = 0;
  private readonly straddle = new Uint8Array(2 * MAXIMUM_LENGTH);
  /** Set by the compiler. */
  threaded: ThreadedCode | null = null;
  /** The blocks of a physical page (-1: of all pages) are about to go. */
  onDrop: (page: number) => void = () => {};

  constructor(core: CpuCore) {
    this.core = core;
    core.onCodeWrite = (page) => this.drop(page);
    core.onCodeChange = () => this.sweep();
  }

  /** The block at an address, decoded if need be. Raises #PF, #GP for the fetch. */
  find(ripLow: number, ripHigh: number): Block {
    return this.lookUp(this.cache, ripLow, ripHigh, false);
  }
  /** The instruction at an address as a block of its own. Raises as `find`. */
  single(ripLow: number, ripHigh: number): Block {
    return this.lookUp(this.singles, ripLow, ripHigh, true);
  }
  private lookUp(cache: (Block | undefined)[], ripLow: number, ripHigh: number, single: boolean): Block {
    const slot = (ripLow ^ (ripLow >>> 13)) & CACHE_MASK;
    const cached = cache[slot];
    if (
      cached !== undefined &&
      cached.key === this.core.fetchKey &&
      cached.ripLow === ripLow &&
      cached.ripHigh === ripHigh
    )
      return cached;
    const block = this.search(ripLow, ripHigh, single);
    block.key = this.core.fetchKey;
    cache[slot] = block;
    return block;
  }

  /**
   * The block at an address, if it ran and could be fetched without changing anything. Of one that exists as threaded code only, the
   * instructions are decoded now.
   */
  known(ripLow: number, ripHigh: number): Block | undefined {
    const physical = this.core.mmu.peekFetch(ripLow, ripHigh);
    if (physical < 0) return undefined;
    const page = physical >>> PAGE_SHIFT;
    const owner = this.pages.get(page);
    if (owner === undefined || owner.generation !== this.core.memory.codeGeneration[page]) return undefined;
    const address = addressKey(ripLow, ripHigh);
    let block = owner.blocks.get(address);
    const header = owner.threaded.get(address) ?? 0;
    if (header === 0 || this.threaded === null) return block;
    if (block === undefined) {
      block = this.decodeBlock(ripLow, ripHigh, physical, MAXIMUM_BLOCK);
      owner.blocks.set(address, block);
      this.instructions += block.code.length;
    }
    if (block.count >= 0) block.count = Math.max(0, this.threaded.runs(header));
    if (block.endsIndirect) this.threaded.targets(header, (low, high) => block.noteTarget(low, high));
    return block;
  }

  /** The header of the threaded code at an address, written if need be; 0 = there can be none. Raises as `find`. */
  findThreaded(threaded: ThreadedCode, ripLow: number, ripHigh: number): number {
    const physical = this.translate(ripLow, ripHigh);
    const page = physical >>> PAGE_SHIFT;
    const address = addressKey(ripLow, ripHigh);
    const known = this.current(page)?.threaded.get(address);
    if (known !== undefined) return known;
    if (threaded.isFull) this.drop(-1);
    const header = threaded.write(physical, ripLow, ripHigh);
    if (header !== 0) this.core.trace?.block('threaded', ripLow, ripHigh, threaded.count(header), page);
    this.own(page).threaded.set(address, header);
    return header;
  }

  /** Drops the blocks of a page (-1: of all pages). */
  drop(page: number): void {
    const memory = this.core.memory;
    this.onDrop(page);
    this.core.trace?.blocksDropped(page, page < 0 ? this.pages.size : (this.pages.get(page)?.size ?? 0));
    if (page < 0) {
      for (const number of this.pages.keys()) memory.holdsCode[number] = 0;
      this.pages.clear();
      this.threaded?.clear();
      this.cache.fill(undefined);
      this.singles.fill(undefined);
      this.instructions = 0;
    } else {
      const owner = this.pages.get(page);
      if (owner !== undefined) {
        for (const block of owner.blocks.values()) this.instructions -= block.code.length;
        this.instructions -= owner.singles.size;
        if (owner.threaded.size > 0) this.threaded?.invalidate();
      }
      this.pages.delete(page);
      memory.holdsCode[page] = 0;
    }
    this.core.invalidateFetches();
  }

  /** Drops every page that others have written since it was decoded, so that later writes to it cost nothing. */
  private sweep(): void {
    const { codeGeneration } = this.core.memory;
    for (const [page, owner] of this.pages) if (owner.generation !== codeGeneration[page]) this.drop(page);
    this.core.invalidateFetches();
  }

  /** Forgets pages whose code was changed by others (kernel, DMA) since it was decoded. */
  private current(page: number): CodePage | undefined {
    const owner = this.pages.get(page);
    if (owner !== undefined && owner.generation !== this.core.memory.codeGeneration[page]) {
      this.drop(page);
      return undefined;
    }
    return owner;
  }

  private own(page: number): CodePage {
    const memory = this.core.memory;
    let owner = this.current(page);
    if (owner === undefined) {
      owner = new CodePage(memory.codeGeneration[page]);
      this.pages.set(page, owner);
      if (memory.holdsCode[page] === 0) {
        memory.holdsCode[page] = 1;
        // No store may pass this page unseen any more.
        this.core.flushWriteTranslations();
      }
    }
    return owner;
  }

  /** Physical address for a fetch, in RAM. Raises #PF, #GP, #UD. */
  private translate(ripLow: number, ripHigh: number): number {
    const physical = this.core.translateFetch(ripLow, ripHigh);
    if (physical >= this.core.memory.sizeBytes) this.core.raiseInvalidOpcode();
    return physical;
  }

  private search(ripLow: number, ripHigh: number, single: boolean): Block {
    const physical = this.translate(ripLow, ripHigh);
    const page = physical >>> PAGE_SHIFT;
    const address = addressKey(ripLow, ripHigh);
    const owner = this.current(page);
    const known = (single ? owner?.singles : owner?.blocks)?.get(address);
    if (known !== undefined) {
      if (known.secondPage < 0) return known;
      const second = this.secondPage(ripLow, ripHigh);
      if (second === known.secondPage && this.current(second) !== undefined) return known;
    }
    if (this.instructions > MAXIMUM_INSTRUCTIONS) this.drop(-1);
    const block = this.decodeBlock(ripLow, ripHigh, physical, single ? 1 : MAXIMUM_BLOCK);
    const target = this.own(page);
    (single ? target.singles : target.blocks).set(address, block);
    if (block.secondPage >= 0) this.own(block.secondPage);
    this.instructions += block.code.length;
    if (!single) this.core.trace?.block('decoded', ripLow, ripHigh, block.code.length, page);
    return block;
  }

  /** Physical page after the one of an address, for a fetch. */
  private secondPage(ripLow: number, ripHigh: number): number {
    const low = ((ripLow & -PAGE_BYTES) + PAGE_BYTES) | 0;
    return this.translate(low, low === 0 ? (ripHigh + 1) | 0 : ripHigh) >>> PAGE_SHIFT;
  }

  private decodeBlock(ripLow: number, ripHigh: number, physical: number, most: number): Block {
    const core = this.core;
    const code: Instruction[] = [];
    const page = physical >>> PAGE_SHIFT;
    let at = physical;
    let low = ripLow;
    while (code.length < most) {
      const available = PAGE_BYTES - (at & 0xfff);
      const instruction = decode(core.ram, at, available, low, ripHigh);
      if (instruction === NEED_MORE) {
        if (code.length > 0) break;
        // The first instruction reaches into the next page.
        const second = this.secondPage(ripLow, ripHigh);
        const bytes = this.straddle;
        bytes.set(core.ram.subarray(at, at + available));
        const from = second * PAGE_BYTES;
        bytes.set(core.ram.subarray(from, from + MAXIMUM_LENGTH), available);
        const whole = decode(bytes, 0, available + MAXIMUM_LENGTH, low, ripHigh);
        if (whole === NEED_MORE) throw new Error('cpu: decoder wants more than 15 bytes');
        core.trace?.watch(whole, bytes.subarray(0, whole.length));
        return new Block(ripLow, ripHigh, [whole], page, second);
      }
      instruction.index = code.length;
      core.trace?.watch(instruction, core.ram.subarray(at, at + instruction.length));
      code.push(instruction);
      if (instruction.row.endsBlock === true) break;
      at += instruction.length;
      low = instruction.nextLow;
      if ((at & 0xfff) === 0 || at >>> PAGE_SHIFT !== page) break;
    }
    return new Block(ripLow, ripHigh, code, page, -1);
  }
}
