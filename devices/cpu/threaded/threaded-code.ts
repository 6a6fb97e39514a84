// The threaded code of one CPU: writes blocks of records, and keeps the function table of their handlers.
//
//   bytes of a page ─► decoder ─► shape ─► record (layout.ts) …          one block up to a jump, an instruction that only the
//                                                                        interpreter executes, or the end of the page
//
// Records are written one after the other and never moved; when there is no room, all blocks are dropped. Which handlers are compiled
// yet changes no state of the guest: until then the interpreter executes their instructions.

import { PAGE_BYTES } from '../../base/physical-memory.ts';
import { decodeAt } from '../decode/decoder.ts';
import { Instruction } from '../decode/instruction.ts';
import type { CpuCore } from '../interpreter/core.ts';
import { raiseInvalid } from '../interpreter/invalid.ts';
import type { Dispatcher, RegionEnvironment } from '../jit/dispatcher.ts';
import { KIND_DYNAMIC } from '../jit/flag-kinds.ts';
import { FIRST_HANDLER, THREADED_BYTES, THREADED_OFFSET } from '../jit/layout.ts';
import { ZERO } from '../state-layout.ts';
import type { InstructionRow } from '../table/row.ts';
import {
  HEADER_BYTES,
  HEADER_COUNT,
  HEADER_END,
  HEADER_PAGE,
  HEADER_RUNS,
  RECORD_BASE,
  RECORD_BYTES,
  RECORD_DISPLACEMENT,
  RECORD_HANDLER,
  RECORD_IMMEDIATE,
  RECORD_INDEX,
  RECORD_REG,
  RECORD_REG_XMM,
  RECORD_RIP,
  RECORD_RM,
  RECORD_RM_XMM,
  RECORD_SCALE,
  RECORD_TARGETS,
  TARGETS,
} from './layout.ts';
import { GO_ON, INTERPRET, type Shape, ShapeLibrary } from './shapes.ts';

const LAST_EPOCH = 0x7fff_ffff;
/** Longer runs are cut, so that decoding ahead stays cheap. */
const MAXIMUM_BLOCK = 64;
const MOST_BYTES = HEADER_BYTES + (MAXIMUM_BLOCK + 1) * RECORD_BYTES + TARGETS * 8;
/** A module of handlers costs a fixed time: they wait for company, or until so many of their instructions were interpreted. */
const HANDLERS_TOGETHER = 40;
const PATIENCE = 60;

/** Handlers by the place of the host area: machines with as much memory share them. */
const libraries = new Map<number, ShapeLibrary>();

function libraryFor(hostArea: number): ShapeLibrary {
  let library = libraries.get(hostArea);
  if (library === undefined) {
    library = new ShapeLibrary(hostArea);
    libraries.set(hostArea, library);
  }
  return library;
}

const undecoded: InstructionRow = { map: 0, opcode: 0, operation: '(none)', operands: [] };

export class ThreadedCode {
  private readonly core: CpuCore;
  private readonly library: ShapeLibrary;
  private readonly dispatcher: Dispatcher;
  private readonly environment: RegionEnvironment;
  private readonly scratch = new Instruction(undecoded, raiseInvalid);
  private readonly start: number;
  private readonly end: number;
  private next: number;
  /** Changes when blocks go. Never 0, the epoch of entries that were never written. */
  epoch = 1;
  /** Modules and handlers of the library that are in the table. */
  private installedModules = 0;
  private installedHandlers = 0;
  private stub: unknown = null;
  private interpreted = 0;

  constructor(core: CpuCore, dispatcher: Dispatcher, environment: RegionEnvironment) {
    this.core = core;
    this.dispatcher = dispatcher;
    this.environment = environment;
    this.library = libraryFor(core.memory.sizeBytes);
    this.start = core.memory.sizeBytes + THREADED_OFFSET;
    this.end = this.start + THREADED_BYTES;
    this.next = this.start;
    this.install();
  }

  /** Blocks have gone: what the cache knows of blocks does not hold any more. */
  invalidate(): void {
    this.epoch = this.epoch === LAST_EPOCH ? 1 : this.epoch + 1;
  }
  /** Forgets all blocks. */
  clear(): void {
    this.next = this.start;
    this.invalidate();
  }
  /** Handlers that the WebAssembly engine did not take. */
  get refusedHandlers(): number {
    return this.library.refused;
  }
  get isFull(): boolean {
    return this.next + MOST_BYTES > this.end;
  }

  /** Writes the block at an address (bytes at `physical`); its header, or 0 if its first instruction goes on in the next page. */
  write(physical: number, ripLow: number, ripHigh: number): number {
    const { core, scratch, library } = this;
    const header = this.next;
    let record = header + HEADER_BYTES;
    let kind = KIND_DYNAMIC;
    let at = physical;
    let low = ripLow;
    let high = ripHigh;
    let count = 0;
    let ended = false;
    let extra = 0;
    const page = physical & -PAGE_BYTES;
    while (count < MAXIMUM_BLOCK) {
      scratch.reset();
      if (!decodeAt(scratch, core.ram, at, PAGE_BYTES - (at & (PAGE_BYTES - 1)), low, high, false)) break;
      const shape = library.shapeOf(scratch, kind);
      this.writeRecord(record, shape, scratch);
      record += RECORD_BYTES;
      count++;
      ended = shape.handler === INTERPRET || scratch.row.endsBlock === true;
      if (ended) {
        if (shape.notesTargets) extra = TARGETS * 8;
        break;
      }
      kind = shape.kindAfter ?? kind;
      at += scratch.length;
      low = scratch.nextLow;
      high = scratch.nextHigh;
      if ((at & -PAGE_BYTES) !== page) break;
    }
    if (count === 0) return 0;
    if (!ended) {
      this.writeGoOn(record, low, high);
      record += RECORD_BYTES;
    }
    const { view } = core.memory;
    view.setInt32(header + HEADER_END, record, true);
    view.setInt32(header + HEADER_COUNT, count, true);
    view.setInt32(header + HEADER_RUNS, 0, true);
    view.setInt32(header + HEADER_PAGE, page, true);
    if (extra > 0) core.memory.bytes.fill(0, record, record + extra);
    this.next = record + extra;
    this.install();
    return header;
  }

  private writeRecord(record: number, shape: Shape, i: Instruction): void {
    const { view, bytes } = this.core.memory;
    view.setInt32(record + RECORD_HANDLER, FIRST_HANDLER + shape.handler, true);
    // AH to BH are in the first four registers.
    bytes[record + RECORD_REG] = shape.byteReg ? i.regByte & ~7 : i.reg * 8;
    bytes[record + RECORD_RM] = shape.byteRm ? i.rmByte & ~7 : i.rm * 8;
    bytes[record + RECORD_BASE] = i.base === ZERO ? 0 : i.base * 4;
    bytes[record + RECORD_INDEX] = i.addressIndex === ZERO ? 0 : i.addressIndex * 4;
    bytes[record + RECORD_SCALE] = i.scale;
    bytes[record + RECORD_REG_XMM] = i.reg * 16;
    bytes[record + RECORD_RM_XMM] = i.rm * 16;
    view.setInt32(record + RECORD_RIP, i.ripLow, true);
    const isDirectJump = i.row.endsBlock === true && !i.memory;
    view.setInt32(record + RECORD_DISPLACEMENT, isDirectJump ? i.nextLow : i.displacementLow, true);
    view.setInt32(record + RECORD_DISPLACEMENT + 4, isDirectJump ? i.nextHigh : i.displacementHigh, true);
    const returns = i.row.operation === 'callIndirect';
    view.setInt32(record + RECORD_IMMEDIATE, returns ? i.nextLow : i.immediateLow, true);
    view.setInt32(record + RECORD_IMMEDIATE + 4, returns ? i.nextHigh : i.immediateHigh, true);
  }
  private writeGoOn(record: number, low: number, high: number): void {
    const { view } = this.core.memory;
    view.setInt32(record + RECORD_HANDLER, FIRST_HANDLER + GO_ON, true);
    view.setInt32(record + RECORD_RIP, low, true);
    view.setInt32(record + RECORD_IMMEDIATE, low, true);
    view.setInt32(record + RECORD_IMMEDIATE + 4, high, true);
  }

  /** Tells `note` where the indirect jump at the end of a block went. */
  targets(header: number, note: (low: number, high: number) => void): void {
    const { view } = this.core.memory;
    const from = view.getInt32(header + HEADER_END, true) - RECORD_BYTES + RECORD_TARGETS;
    for (let at = from; at < from + TARGETS * 8; at += 8) {
      const low = view.getInt32(at, true);
      const high = view.getInt32(at + 4, true);
      if ((low | high) !== 0) note(low, high);
    }
  }

  /** Instructions of a block. */
  count(header: number): number {
    return this.core.memory.view.getInt32(header + HEADER_COUNT, true);
  }
  /** How often a block ran; the count can be set. */
  runs(header: number): number {
    return this.core.memory.view.getInt32(header + HEADER_RUNS, true);
  }
  setRuns(header: number, runs: number): void {
    this.core.memory.view.setInt32(header + HEADER_RUNS, runs, true);
  }

  /** The interpreter has executed an instruction for want of a handler, perhaps one that waits. */
  noteInterpreted(): void {
    if (this.library.waiting > 0 && ++this.interpreted >= PATIENCE) this.compile();
  }

  private compile(): void {
    this.interpreted = 0;
    this.library.compile();
    this.install();
  }

  /** Brings the function table up to what the library has. */
  private install(): void {
    const { library, dispatcher } = this;
    if (library.waiting >= HANDLERS_TOGETHER) library.compile();
    const installStubs = (before: number): void => {
      for (; this.installedHandlers < before; this.installedHandlers++)
        dispatcher.installHandler(this.installedHandlers, this.stub);
    };
    for (; this.installedModules < library.compiled.length; this.installedModules++) {
      const { first, count, module } = library.compiled[this.installedModules];
      const { exports } = new WebAssembly.Instance(module, { env: this.environment });
      installStubs(first);
      for (let n = 0; n < count; n++) dispatcher.installHandler(first + n, exports[`f${n}`]);
      this.stub ??= exports.f0;
      this.installedHandlers = Math.max(this.installedHandlers, first + count);
    }
    installStubs(library.count);
  }
}
