// The compiler's engine room: which blocks are hot, what is compiled, when compiled code may run, and what happens when it stops.
//
//   block ran COMPILE_THRESHOLD times ─► queue ─► (a few together) region ─► compiler ─► module ─► function number, dispatch cache
//   engine.ts ─► advance() ─► dispatcher ─► regions, threaded code … ─► an exit ─► RIP, count and flags for the interpreter
//
// What is not compiled runs as threaded code (../threaded). With a threshold of 0 there is none: every block is compiled before it
// first runs, which is for tests.
//
// Invariants: compiled code runs in ring 3 only, and only while the pages it was made from are mapped as they were (checked once per
// fetchKey by a walk that changes nothing: pages whose A bit is not set are left to the interpreter, which sets it). Code pages have
// holdsCode = 1, so a write to one drops its regions before the next instruction. Whether and when something is compiled changes no
// state of the guest: every tier counts and stops at the same instructions.

import { HOST_AREA_BYTES, PAGE_SHIFT } from '../../base/physical-memory.ts';
import type { CompilerStatistics } from '../../contract/cpu.ts';
import type { Instruction } from '../decode/instruction.ts';
import { unitImports } from '../extended/unit.ts';
import type { Block, BlockCache } from '../interpreter/blocks.ts';
import { type CpuCore, faultSignal, Vector } from '../interpreter/core.ts';
import { TF } from '../interpreter/flags.ts';
import { systemCall } from '../interpreter/interrupts.ts';
import { remember } from '../interpreter/x87-common.ts';
import { CR0, CR4, FLAGS, LAZY_A_LOW, LAZY_B_LOW, LAZY_KIND, RIP_HIGH, RIP_LOW } from '../state-layout.ts';
import { Answer, HEADER_BYTES, HEADER_COUNT, RECORD_BYTES, RECORD_RIP } from '../threaded/layout.ts';
import { ThreadedCode } from '../threaded/threaded-code.ts';
import { type CompiledRegion, compileRegion } from './compiler.ts';
import { Dispatcher, type RegionEnvironment, regionImports } from './dispatcher.ts';
import { adoptFlags, KIND_DYNAMIC, offerFlags, settleFlags } from './flag-kinds.ts';
import { fetchSource } from './flag-sources.ts';
import { JumpTableArea } from './jump-table.ts';
import {
  JIT_FUNCTION,
  JIT_KEY,
  JIT_LEFT,
  JIT_PREVIOUS_KIND,
  JIT_REFILLS,
  JIT_RUNS,
  MAXIMUM_FUNCTIONS,
  THREADED_AT,
  THREADED_COUNT,
  THREADED_EPOCH,
  THREADED_GENERATION,
  THREADED_HEADER,
} from './layout.ts';
import { addressKey, FIRST_INSTRUCTIONS, growRegion, MAXIMUM_INSTRUCTIONS, type Region } from './region.ts';
import type { ExitRecord } from './translator.ts';
import { joinRegisters } from './vector-registers.ts';
import { encodeModule, I32, type ImportedFunction, MEMORY_PAGE_BYTES } from './wasm.ts';

export const DEFAULT_COMPILE_THRESHOLD = 1500;
/** A module costs a fixed time: regions wait for company, but not longer than so many instructions. */
const QUEUE_LENGTH = 12;
const QUEUE_INSTRUCTIONS = 20_000;
/** Compiled code returns at least so often, so that V8 can replace its first code by the optimised one. */
const LONGEST_RUN = 1_000_000;
/** A shared look-up that fails so often is split into one for each access. */
const SHARED_FAILURES = 24;
/** A count of runs that never reaches the threshold. */
const NEVER_AGAIN = -0x40000000;
/** A region that looks for pages so often, and more than once in so many instructions, stops keeping them in locals. */
const REFILLS = 1024;
const INSTRUCTIONS_PER_REFILL = 24;
/** Unknown targets of indirect jumps after which a region is compiled anew with them. */
const UNKNOWN_TARGETS = 40;
/** An entry's region is compiled anew so often at most. */
const MAXIMUM_RECOMPILATIONS = 4;
/** Runs of regions, one after the other through the dispatcher, after which it is looked which of them belong together. */
const MERGE_AFTER_RUNS = 100_000;
const BUSY_RUNS = 5_000;
/** WebAssembly bytes held at most; then all is dropped, and what is still hot compiled anew. */
const CODE_BUDGET_BYTES = 48 * 1024 * 1024;

/** A hot block of threaded code that waits to be compiled is looked at again after so many runs. */
const RUNS_WHILE_WAITING = 10;
/** An epoch that no entry of the cache of threaded code has. */
const NO_EPOCH = -1;
/** As threshold of threaded code: never. */
const NEVER = 0x7fff_ffff;

/** What the engine does after compiled and threaded code have stopped. */
export const Then = {
  /** Goes on at RIP as it likes. */
  goOn: 0,
  /** The interpreter executes the instruction at RIP. */
  interpretOne: 1,
  /** The interpreter takes the rest: a block is longer than what is left. */
  interpret: 2,
} as const;
export type Then = (typeof Then)[keyof typeof Then];

/** Answers of a region that are no exit numbers. */
const FAULT = -1;
const AFTER = -2;
/** RIP and LEFT say where: a string instruction has stopped between two iterations, or the engine has to look around after SYSCALL. */
const BETWEEN = -3;

interface CodePage {
  /** Virtual page number and the physical page that it was mapped to. */
  readonly virtual: number;
  readonly physical: number;
}

/** A region that can run. */
export class CompiledCode {
  readonly entry: Block;
  readonly number: number;
  readonly pages: readonly CodePage[];
  readonly exits: readonly ExitRecord[];
  readonly minimumLeft: number;
  readonly byteLength: number;
  /** core.fetchKey at which the mapping was last found good; -1 = not. */
  key = -1;
  /** fetchKey at which it was found bad. */
  badKey = -1;
  failures = 0;
  unknownTargets = 0;

  constructor(entry: Block, number: number, pages: readonly CodePage[], region: CompiledRegion) {
    this.entry = entry;
    this.number = number;
    this.pages = pages;
    this.exits = region.exits;
    this.minimumLeft = region.minimumLeft;
    this.byteLength = region.body.code.length;
  }
}

interface Compilation {
  readonly entry: Block;
  readonly pages: CodePage[];
  readonly region: CompiledRegion;
  readonly instructions: number;
  /** Host time that went into it so far. */
  readonly millis: number;
}

const importsWithUnit: readonly ImportedFunction[] = [...regionImports, ...unitImports];

/** The figures before anything was compiled. */
export function noCompilation(): CompilerStatistics {
  return {
    regions: 0,
    codeBytes: 0,
    liveRegions: 0,
    liveCodeBytes: 0,
    instructions: 0,
    threadedInstructions: 0,
    exits: 0,
    refused: 0,
    compileMillis: 0,
  };
}

export class Jit {
  readonly threshold: number;
  private readonly statistics = noCompilation();
  /** core.instructionCount at which waiting blocks are compiled; Infinity while none waits. */
  compileAt = Number.POSITIVE_INFINITY;
  private readonly core: CpuCore;
  private readonly blocks: BlockCache;
  private readonly stopwatch: (() => number) | null;
  private readonly dispatcher: Dispatcher;
  private readonly threaded: ThreadedCode | null;
  private readonly tables: JumpTableArea;
  private readonly environment: RegionEnvironment;
  private readonly functions: (CompiledCode | undefined)[] = [];
  private freeNumbers: number[] = [];
  private readonly byPage = new Map<number, Set<CompiledCode>>();
  private readonly queue: Block[] = [];
  private readonly ungrouped = new Set<number>();
  /** The region that ran last; it may have been retired since. */
  private stoppedIn: CompiledCode | null = null;
  /** Where the last call of an interpreter's handler ended the run. */
  private stopped: ExitRecord | null = null;
  /** Instructions that the present run may take. */
  private granted = 0;

  constructor(core: CpuCore, blocks: BlockCache, threshold: number, stopwatch: (() => number) | null) {
    this.core = core;
    this.blocks = blocks;
    this.threshold = threshold;
    this.stopwatch = stopwatch;
    this.dispatcher = new Dispatcher(core.memory, Math.min(threshold, NEVER));
    this.dispatcher.forget();
    this.tables = new JumpTableArea(core.memory);
    this.environment = {
      memory: core.memory.wasmMemory,
      execute: (exit: number) => this.execute(exit),
      flags: () => settleFlags(core),
      counting: (exit: number) => this.executeCounting(exit),
    };
    this.threaded = threshold === 0 ? null : new ThreadedCode(core, this.dispatcher, this.environment);
    blocks.threaded = this.threaded;
    blocks.onDrop = (page) => this.drop(page);
  }

  // ---------------------------------------------------------------------------------------------- compiling

  /** What was compiled and run so far. */
  get figures(): CompilerStatistics {
    return { ...this.statistics, refused: this.statistics.refused + (this.threaded?.refusedHandlers ?? 0) };
  }

  /** A block has become hot. */
  private request(block: Block): void {
    if (block.secondPage >= 0 || block.waiting) return;
    block.waiting = true;
    this.queue.push(block);
    if (this.queue.length >= QUEUE_LENGTH) this.compileAt = 0;
    else this.compileAt = Math.min(this.compileAt, this.core.instructionCount + QUEUE_INSTRUCTIONS);
  }

  /** Compiles what waits. */
  private compileQueue(): void {
    const started = this.stopwatch?.() ?? 0;
    for (const block of this.queue) block.waiting = false;
    const waiting = this.queue.splice(0).filter((block) => block.compiled === null);
    this.compileAt = Number.POSITIVE_INFINITY;
    if (
      this.statistics.liveCodeBytes > CODE_BUDGET_BYTES ||
      this.functions.length - this.freeNumbers.length + waiting.length > MAXIMUM_FUNCTIONS
    )
      this.blocks.drop(-1);
    this.compile(this.chooseRegions(waiting, false));
    if (this.stopwatch !== null) this.statistics.compileMillis += this.stopwatch() - started;
  }

  /** Regions that cover the blocks: the one that covers most first. Blocks within another's region get none of their own. */
  private chooseRegions(wanted: readonly Block[], merging: boolean): Region[] {
    const most = merging ? MAXIMUM_INSTRUCTIONS : FIRST_INSTRUCTIONS;
    const chosen: Region[] = [];
    let open = new Set(wanted);
    const candidates: { readonly block: Block; readonly region: Region }[] = [];
    for (const block of wanted) {
      // Not under the present mapping, or the page is not marked as accessed: later, perhaps.
      if (this.blocks.known(block.ripLow, block.ripHigh) !== block) {
        open.delete(block);
        block.count = 1;
      } else
        candidates.push({
          block,
          region: growRegion(block, most, (low, high) => this.neighbour(block, merging, low, high)),
        });
    }
    while (open.size > 0) {
      let best: Region | null = null;
      let bestBlock: Block | null = null;
      let most = 0;
      for (const { block, region } of candidates) {
        if (!open.has(block)) continue;
        let covered = 0;
        for (const source of region.sources) if (open.has(source)) covered++;
        if (covered > most) {
          most = covered;
          best = region;
          bestBlock = block;
        }
      }
      if (best === null || bestBlock === null) break;
      chosen.push(best);
      const rest = new Set(open);
      for (const source of best.sources) {
        rest.delete(source);
        // Entered from elsewhere it may become hot again.
        if (source !== bestBlock && source.compiled === null) source.count = 1;
      }
      rest.delete(bestBlock);
      open = rest;
    }
    return chosen;
  }

  /** A block that may belong to a region: one that is compiled already is left to the dispatcher, unless it is known that both are busy. */
  private neighbour(entry: Block, merging: boolean, low: number, high: number): Block | undefined {
    const block = this.blocks.known(low, high);
    if (merging || entry.recompilations > 0 || block === entry) return block;
    return block?.compiled === null ? block : undefined;
  }

  private compile(regions: readonly Region[]): void {
    const compilations: Compilation[] = [];
    for (const region of regions) {
      const entry = region.sources[0];
      const pages = region.blocks[0].code.length === 0 ? null : this.pagesOf(region);
      if (pages === null) {
        entry.count = 1;
        continue;
      }
      const started = this.stopwatch?.() ?? 0;
      const compiled = compileRegion(region, {
        hostArea: this.core.memory.sizeBytes,
        ungrouped: this.ungrouped,
        keepsPages: entry.keepsPages,
        learns: entry.recompilations < MAXIMUM_RECOMPILATIONS,
        allocateTable: (targets) => this.tables.allocate(targets),
      });
      const millis = (this.stopwatch?.() ?? 0) - started;
      compilations.push({ entry, pages, region: compiled, instructions: region.instructions, millis });
    }
    if (compilations.length > 0) this.instantiate(compilations);
  }

  /** Compiles an entry's region anew, with what has been learnt. */
  private recompile(code: CompiledCode): void {
    if (code.entry.compiled !== code) return;
    code.entry.recompilations++;
    this.retire(code, 'to be compiled anew');
    this.core.invalidateFetches();
    this.request(code.entry);
  }

  /** Regions that call each other too often through the dispatcher become one. */
  private mergeBusy(): void {
    const started = this.stopwatch?.() ?? 0;
    const busy: CompiledCode[] = [];
    for (const code of this.functions)
      if (code !== undefined && this.dispatcher.takeRuns(code.number) >= BUSY_RUNS && this.usable(code))
        busy.push(code);
    if (busy.length < 2) return;
    const entries = new Set(busy.map((code) => code.entry));
    const regions = this.chooseRegions(
      [...entries].filter((entry) => entry.recompilations < MAXIMUM_RECOMPILATIONS),
      true,
    );
    const better = regions.filter((region) => region.sources.filter((source) => entries.has(source)).length > 1);
    if (better.length === 0) return;
    for (const region of better)
      for (const source of region.sources)
        if (entries.has(source) && source.compiled !== null) {
          source.recompilations++;
          this.retire(source.compiled, 'joined with another');
          source.count = 1;
        }
    this.core.invalidateFetches();
    this.compile(better);
    if (this.stopwatch !== null) this.statistics.compileMillis += this.stopwatch() - started;
  }

  private pagesOf(region: Region): CodePage[] | null {
    const pages: CodePage[] = [];
    for (const virtual of region.pages) {
      const physical = this.physicalPage(virtual);
      if (physical < 0) return null;
      pages.push({ virtual, physical });
    }
    return pages;
  }

  /** Physical page that ring 3 fetches from now, -1 if that would fault or set an A bit. */
  private physicalPage(virtual: number): number {
    const address = virtual * 4096;
    const physical = this.core.mmu.peekFetch(address | 0, Math.floor(address / 0x1_0000_0000) | 0);
    return physical < 0 ? -1 : physical >>> PAGE_SHIFT;
  }

  private instantiate(compilations: readonly Compilation[]): void {
    const { memory } = this.core;
    const usesX87 = compilations.some(({ region }) => region.usesX87);
    const started = this.stopwatch?.() ?? 0;
    const bytes = encodeModule({
      memoryPages: (memory.sizeBytes + HOST_AREA_BYTES) / MEMORY_PAGE_BYTES,
      tableSize: 0,
      imports: usesX87 ? importsWithUnit : regionImports,
      type: { parameters: [], results: [I32] },
      functions: compilations.map(({ region }) => region.body),
    });
    let module: WebAssembly.Module;
    try {
      module = new WebAssembly.Module(bytes);
    } catch (error) {
      // A mistake in one region must not take the guest down: it stays with the interpreter, and is counted.
      if ((error as Error).name !== 'CompileError') throw error;
      if (compilations.length > 1) for (const one of compilations) this.instantiate([one]);
      else {
        this.statistics.refused++;
        compilations[0].entry.count = NEVER_AGAIN;
      }
      return;
    }
    const { exports } = new WebAssembly.Instance(module, {
      env: usesX87 ? { ...this.environment, ...this.core.extendedUnit } : this.environment,
    });
    const share = ((this.stopwatch?.() ?? 0) - started) / compilations.length;
    compilations.forEach(({ entry, pages, region, instructions, millis }, n) => {
      const number = this.freeNumbers.pop() ?? this.functions.length;
      const code = new CompiledCode(entry, number, pages, region);
      this.functions[number] = code;
      entry.compiled = code;
      for (const { physical } of pages) {
        const known = this.byPage.get(physical);
        if (known === undefined) this.byPage.set(physical, new Set([code]));
        else known.add(code);
      }
      this.dispatcher.install(number, exports[`f${n}`], region.minimumLeft);
      this.statistics.liveRegions++;
      this.statistics.liveCodeBytes += code.byteLength;
      this.statistics.regions++;
      this.statistics.codeBytes += code.byteLength;
      const { byteLength: codeBytes } = code;
      this.core.trace?.regionCompiled({ entry, instructions, pages: pages.length, codeBytes, millis: millis + share });
    });
  }

  // ------------------------------------------------------------------------------------------------- dropping

  /** The code of a physical page has changed (-1: of all pages). */
  private drop(page: number): void {
    if (page < 0) {
      for (const code of this.functions) if (code !== undefined) this.release(code, 'evicted');
      this.byPage.clear();
      this.functions.length = 0;
      this.freeNumbers = [];
      this.tables.clear();
      this.dispatcher.forget();
      for (const block of this.queue) block.waiting = false;
      this.queue.length = 0;
      this.compileAt = Number.POSITIVE_INFINITY;
      return;
    }
    const regions = this.byPage.get(page);
    if (regions === undefined) return;
    this.byPage.delete(page);
    for (const code of regions) this.retire(code, 'invalidated');
  }

  private retire(code: CompiledCode, reason: string): void {
    this.release(code, reason);
    this.functions[code.number] = undefined;
    this.freeNumbers.push(code.number);
  }

  private release(code: CompiledCode, reason: string): void {
    this.core.trace?.regionDropped(code.entry, reason);
    if (code.entry.compiled === code) code.entry.compiled = null;
    this.dispatcher.remove(code.number);
    this.statistics.liveRegions--;
    this.statistics.liveCodeBytes -= code.byteLength;
    for (const { physical } of code.pages) this.byPage.get(physical)?.delete(code);
    // The key of the dispatch cache changes with every drop (BlockCache.drop), so that the number is not called again.
  }

  // -------------------------------------------------------------------------------------------------- running

  /** Compiled and threaded code are for ring 3, and SSE must be usable: CR0.EM, CR0.TS, CR4.OSFXSR. */
  get isReady(): boolean {
    const { core } = this;
    return (core.fetchKey & 1) !== 0 && (core.words[CR0] & 0xc) === 0 && (core.words[CR4] & 0x200) !== 0;
  }

  /** True if the code may run now, under the present mapping. */
  private usable(code: CompiledCode): boolean {
    const { core } = this;
    if (code.key === core.fetchKey) return true;
    if (code.badKey === core.fetchKey) return false;
    const good = code.pages.every(({ virtual, physical }) => this.physicalPage(virtual) === physical);
    if (good) code.key = core.fetchKey;
    else code.badKey = core.fetchKey;
    return good;
  }

  /**
   * Runs compiled and threaded code from RIP until it stops, for at most `left` instructions. RIP, flags and core.instructionCount are
   * right afterwards. Raises faults. Only while `isReady`.
   */
  advance(left: number): Then {
    const { core, threaded } = this;
    const w = core.words;
    const end = core.instructionCount + left;
    let once = 0;
    for (;;) {
      if (core.instructionCount >= this.compileAt) this.compileQueue();
      if (threaded === null && !this.enterBlock(left)) return Then.interpret;
      const answer = this.run(end - core.instructionCount, once);
      once = 0;
      switch (answer) {
        case 0:
          adoptFlags(core);
          if (core.instructionCount >= end) return Then.goOn;
          if (threaded === null) return Then.goOn;
          if (!this.enterThreaded(threaded)) return Then.interpretOne;
          break;
        case Answer.hot:
          adoptFlags(core);
          once = w[THREADED_HEADER];
          this.enterHot(threaded as ThreadedCode, once);
          break;
        case Answer.budget:
          adoptFlags(core);
          // It was the run that was short, not what is left.
          if (w[JIT_LEFT] < end - core.instructionCount) break;
          return Then.interpret;
        case Answer.interpret:
          this.stopThreaded(threaded as ThreadedCode);
          return Then.interpretOne;
        default: {
          const then = this.afterExit(answer);
          if (then !== Then.goOn || !this.goesOn(end)) return then;
        }
      }
    }
  }

  /** The run has not ended meanwhile, and it is compiled code's turn. */
  private goesOn(end: number): boolean {
    const { core } = this;
    return core.exit < 0 && core.instructionCount < end && (core.words[FLAGS] & TF) === 0 && this.isReady;
  }

  /** One run of the dispatcher, counted. */
  private run(left: number, once: number): number {
    const { core } = this;
    const w = core.words;
    offerFlags(core);
    const granted = Math.min(left, LONGEST_RUN);
    this.granted = granted;
    w[JIT_LEFT] = granted;
    w[THREADED_COUNT] = 0;
    w[THREADED_EPOCH] = this.threaded?.epoch ?? NO_EPOCH;
    w[THREADED_GENERATION] = core.readGeneration;
    core.mmu.syncCompiled();
    w[JIT_KEY] = core.fetchKey;
    w[JIT_REFILLS] = 0;
    const answer = this.dispatcher.run(once);
    const done = granted - w[JIT_LEFT];
    core.instructionCount += done;
    const threadedInstructions = w[THREADED_COUNT];
    this.statistics.threadedInstructions += threadedInstructions;
    this.statistics.instructions += done - threadedInstructions;
    this.stoppedIn = this.functions[w[JIT_FUNCTION]] ?? null;
    if (answer === 0 && w[JIT_REFILLS] > REFILLS && w[JIT_REFILLS] * INSTRUCTIONS_PER_REFILL > done)
      this.forgoPages(this.stoppedIn);
    if (w[JIT_RUNS] >= MERGE_AFTER_RUNS) {
      w[JIT_RUNS] = 0;
      if (answer === 0) this.mergeBusy();
    }
    return answer;
  }

  /** The block at RIP is compiled if that is possible, and the dispatcher knows it (threshold 0). */
  private enterBlock(left: number): boolean {
    const { core } = this;
    const w = core.words;
    const block = this.blocks.find(w[RIP_LOW], w[RIP_HIGH]);
    if (block.compiled === null && block.count === 0) {
      block.count = 1;
      this.request(block);
      this.compileQueue();
    }
    return block.compiled !== null && left >= block.compiled.minimumLeft && this.remember(block);
  }

  /** The dispatcher finds the compiled code of a block from now on; false if it may not run. */
  private remember(block: Block): boolean {
    const { compiled } = block;
    if (compiled === null || !this.usable(compiled)) return false;
    this.dispatcher.remember(block.ripLow, block.ripHigh, this.core.fetchKey, compiled.number);
    return true;
  }

  /** The dispatcher finds threaded code at RIP from now on; false if the interpreter must execute what is there. */
  private enterThreaded(threaded: ThreadedCode): boolean {
    const { core } = this;
    const w = core.words;
    const header = this.blocks.findThreaded(threaded, w[RIP_LOW], w[RIP_HIGH]);
    if (header === 0) return false;
    this.dispatcher.rememberThreaded(w[RIP_LOW], w[RIP_HIGH], threaded.epoch, header);
    return true;
  }

  /** A block of threaded code at RIP has become hot, or there is compiled code for it. */
  private enterHot(threaded: ThreadedCode, header: number): void {
    const w = this.core.words;
    const block = this.blocks.known(w[RIP_LOW], w[RIP_HIGH]);
    if (block === undefined || block.count === NEVER_AGAIN) {
      threaded.setRuns(header, NEVER_AGAIN);
      return;
    }
    if (block.compiled !== null) {
      this.remember(block);
      return;
    }
    this.request(block);
    threaded.setRuns(header, this.threshold - RUNS_WHILE_WAITING);
  }

  /** Threaded code has stopped at a record. */
  private stopThreaded(threaded: ThreadedCode): void {
    const { core } = this;
    const w = core.words;
    const { view } = core.memory;
    const header = w[THREADED_HEADER];
    const record = w[THREADED_AT];
    const done = (record - header - HEADER_BYTES) / RECORD_BYTES;
    const uncounted = view.getInt32(header + HEADER_COUNT, true) - done;
    core.instructionCount -= uncounted;
    this.statistics.threadedInstructions -= uncounted;
    w[RIP_LOW] = view.getInt32(record + RECORD_RIP, true);
    adoptFlags(core);
    threaded.noteInterpreted();
  }

  /** Compiled code was left by an exit. */
  private afterExit(answer: number): Then {
    const { core } = this;
    const w = core.words;
    this.statistics.exits++;
    if (answer < 0) return this.afterHandler(answer);
    const stoppedIn = this.stoppedIn as CompiledCode;
    const exit = stoppedIn.exits[answer - 1];
    if (exit.indirect !== undefined) {
      adoptFlags(core);
      exit.indirect.noteTarget(w[RIP_LOW], w[RIP_HIGH]);
      if (++stoppedIn.unknownTargets === UNKNOWN_TARGETS) this.recompile(stoppedIn);
      return Then.goOn;
    }
    this.settle(exit, exit.uncounted);
    if (exit.shared === true) this.sharedFailure(stoppedIn, exit);
    return Then.interpretOne;
  }

  /** A region's loops keep pages for too short a time. (It is the one that ran last; likely the one that ran longest.) */
  private forgoPages(code: CompiledCode | null): void {
    if (code === null || !code.entry.keepsPages) return;
    code.entry.keepsPages = false;
    this.recompile(code);
  }

  /** State at an exit. */
  private settle(exit: ExitRecord, uncounted: number): void {
    const { core } = this;
    const w = core.words;
    w[RIP_LOW] = exit.low;
    w[RIP_HIGH] = exit.high;
    core.instructionCount -= uncounted;
    this.statistics.instructions -= uncounted;
    if (exit.lastX87 !== null) remember(core, exit.lastX87);
    if (exit.kind !== KIND_DYNAMIC) w[LAZY_KIND] = exit.kind;
    if (exit.operands !== undefined) {
      fetchSource(core, exit.operands.a, LAZY_A_LOW);
      fetchSource(core, exit.operands.b, LAZY_B_LOW);
    }
    if (exit.previousKind !== undefined && exit.previousKind !== KIND_DYNAMIC) w[JIT_PREVIOUS_KIND] = exit.previousKind;
    if (exit.split) joinRegisters(w, exit.split);
    adoptFlags(core);
  }

  /** The handler that compiled code called has faulted, or ended the run. */
  private afterHandler(answer: number): Then {
    const { core } = this;
    const exit = this.stopped as ExitRecord;
    const instruction = exit.instruction;
    this.stopped = null;
    adoptFlags(core);
    if (answer === BETWEEN) return Then.goOn;
    core.words[RIP_LOW] = exit.low;
    core.words[RIP_HIGH] = exit.high;
    const uncounted = answer === AFTER ? exit.uncounted - 1 : exit.uncounted;
    core.instructionCount -= uncounted;
    this.statistics.instructions -= uncounted;
    if (instruction === null) throw new Error('cpu: a handler stopped without an instruction');
    if (answer === FAULT) {
      // A bad address in the stack segment is #SS, not #GP (SDM vol. 1, 6.2.5).
      if (core.nonCanonical && instruction.stackSegment) core.faultVector = Vector.stackFault;
      throw faultSignal;
    }
    core.words[RIP_LOW] = instruction.nextLow;
    core.words[RIP_HIGH] = instruction.nextHigh;
    return Then.goOn;
  }

  /** Called by compiled code: executes the instruction of an exit by its handler. 0 = go on. */
  private execute(number: number): number {
    const { core } = this;
    const exit = (this.functions[core.words[JIT_FUNCTION]] as CompiledCode).exits[number - 1];
    const instruction = exit.instruction;
    if (instruction === null) throw new Error('cpu: compiled code calls no instruction');
    const { flagsRead, flagsWritten } = instruction.row;
    if (flagsRead !== undefined || flagsWritten !== undefined) settleFlags(core);
    core.blockEnd = 1;
    this.stopped = exit;
    try {
      instruction.execute(core, instruction);
    } catch (signal) {
      if (signal !== faultSignal) throw signal;
      return FAULT;
    } finally {
      if (flagsWritten !== undefined) settleFlags(core);
    }
    return core.blockEnd === 0 || core.exit >= 0 ? AFTER : 0;
  }

  /** Called by compiled code for an instruction at the end of a block whose handler counts. 0 = finished, go on after it. */
  private executeCounting(number: number): number {
    const exit = (this.functions[this.core.words[JIT_FUNCTION]] as CompiledCode).exits[number - 1];
    const { instruction } = exit;
    if (instruction === null) throw new Error('cpu: compiled code calls no instruction');
    if (instruction.row.operation === 'syscall') return this.executeSystemCall(exit, instruction);
    return this.executeString(number, instruction);
  }

  /**
   * SYSCALL. Compiled code goes on after it if a door has served it, all translations and all code are as they were, and so are the
   * counters that the dispatcher compares.
   */
  private executeSystemCall(exit: ExitRecord, instruction: Instruction): number {
    const { core } = this;
    const w = core.words;
    const entered = core.instructionCount;
    // LEFT has this instruction taken off already; its handler counts it.
    const before = entered + this.granted - w[JIT_LEFT];
    const { fetchKey, readGeneration, writeGeneration } = core;
    core.instructionCount = before - 1;
    this.stopped = exit;
    settleFlags(core);
    try {
      systemCall(core, instruction);
    } catch (signal) {
      core.instructionCount = entered;
      if (signal !== faultSignal) throw signal;
      return FAULT;
    }
    w[JIT_LEFT] -= core.instructionCount + core.done - before;
    core.instructionCount = entered;
    core.done = 0;
    const asBefore =
      core.exit < 0 &&
      core.fetchKey === fetchKey &&
      core.readGeneration === readGeneration &&
      core.writeGeneration === writeGeneration &&
      w[RIP_LOW] === instruction.nextLow &&
      w[RIP_HIGH] === instruction.nextHigh;
    return asBefore ? 0 : BETWEEN;
  }

  /**
   * A string instruction: its handler counts iterations by core.instructionCount, so that stands still at the instruction while it
   * runs; what it counted goes into LEFT.
   */
  private executeString(number: number, instruction: Instruction): number {
    const { core } = this;
    const w = core.words;
    const entered = core.instructionCount;
    const limit = core.instructionLimit;
    // LEFT has this instruction taken off already; the handler's own index in its block is added by it.
    const before = entered + this.granted - w[JIT_LEFT] - 1 - instruction.index;
    core.instructionCount = before;
    core.instructionLimit = entered + this.granted;
    let answer: number;
    try {
      settleFlags(core);
      answer = this.execute(number);
      w[JIT_LEFT] -= core.instructionCount - before;
      if (answer === 0 && (w[RIP_LOW] !== instruction.nextLow || w[RIP_HIGH] !== instruction.nextHigh))
        answer = BETWEEN;
      if (answer === AFTER) answer = BETWEEN;
    } finally {
      core.instructionCount = entered;
      core.instructionLimit = limit;
    }
    return answer;
  }

  /** A look-up for several accesses keeps failing: they straddle a page boundary, or some of them may not be written. */
  private sharedFailure(code: CompiledCode, exit: ExitRecord): void {
    if (++code.failures < SHARED_FAILURES) return;
    if (exit.beforeLoop === true) {
      this.forgoPages(code);
      return;
    }
    this.ungrouped.add(addressKey(exit.low, exit.high));
    this.recompile(code);
  }
}
