// The resident WebAssembly function that goes from region to region, and through threaded code, without JavaScript.
//
//   loop   RIP -> slot of the dispatch cache: same RIP, same key, enough instructions left? -> call the function by number
//          it answers 0: again; anything else is for the engine
//          RIP -> slot of the cache of threaded code, likewise -> call the handlers of its records one after the other; again
//   in neither cache: 0
//
// Only this module has the function table: a module for every region that imported it would cost quadratic time.

import { HOST_AREA_BYTES, PAGE_BYTES, PAGE_SHIFT, type PhysicalMemory } from '../../base/physical-memory.ts';
import { TLB_INDEX_MASK } from '../../mmu/mmu.ts';
import { RIP_LOW } from '../state-layout.ts';
import {
  Answer,
  HEADER_BYTES,
  HEADER_COUNT,
  HEADER_END,
  HEADER_PAGE,
  HEADER_RUNS,
  RECORD_BYTES,
  RECORD_HANDLER,
} from '../threaded/layout.ts';
import {
  DISPATCH_CACHE_OFFSET,
  DISPATCH_ENTRIES,
  DISPATCH_MASK,
  DISPATCH_SHIFT,
  dispatchSlot,
  FIRST_HANDLER,
  FUNCTION_LEFT_OFFSET,
  FUNCTION_RUNS_OFFSET,
  JIT_FUNCTION,
  JIT_KEY,
  JIT_LEFT,
  JIT_RUNS,
  MAXIMUM_HANDLERS,
  THREADED_AT,
  THREADED_CACHE_ENTRIES,
  THREADED_CACHE_OFFSET,
  THREADED_COUNT,
  THREADED_EPOCH,
  THREADED_GENERATION,
  THREADED_HEADER,
  THREADED_SHIFT,
  TLB_EXECUTE_OFFSET,
  TLB_PHYSICAL,
  threadedSlot,
} from './layout.ts';
import { Code, encodeModule, I32, I64, type ImportedFunction, MEMORY_PAGE_BYTES, NO_RESULT, Op } from './wasm.ts';

/** What regions and handlers import (translator.ts: HELPER_*). */
export const regionImports: readonly ImportedFunction[] = [
  { name: 'execute', type: { parameters: [I32], results: [I32] } },
  { name: 'flags', type: { parameters: [], results: [I32] } },
  { name: 'counting', type: { parameters: [I32], results: [I32] } },
];
export type RegionEnvironment = {
  readonly memory: WebAssembly.Memory;
  readonly execute: (exit: number) => number;
  readonly flags: () => number;
  readonly counting: (exit: number) => number;
};
/** Types of the resident function and of handlers; of regions. */
const HANDLER_TYPE = 0;
const REGION_TYPE = 1;

export class Dispatcher {
  /**
   * Runs from RIP in the state area; 0 = nothing known there, else what a region or threaded code answered. The block of threaded code
   * whose header is `once` runs although it is hot.
   */
  readonly run: (once: number) => number;
  private readonly table: WebAssembly.Table;
  private readonly memory: PhysicalMemory;

  /** Blocks of threaded code are handed to the engine when they have run `threshold` times. */
  constructor(memory: PhysicalMemory, threshold: number) {
    this.memory = memory;
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: TABLE_SIZE });
    const bytes = encodeModule({
      memoryPages: (memory.sizeBytes + HOST_AREA_BYTES) / MEMORY_PAGE_BYTES,
      tableSize: TABLE_SIZE,
      imports: [],
      type: { parameters: [I32], results: [I32] },
      otherType: { parameters: [], results: [I32] },
      functions: [{ locals: [I64, I32, I32, I32, I32, I32], code: residentLoop(memory.sizeBytes, threshold) }],
    });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: memory.wasmMemory, table: this.table },
    });
    this.run = instance.exports.f0 as (once: number) => number;
  }

  /** Gives a function its number. */
  install(number: number, entry: unknown, minimumLeft: number): void {
    this.table.set(number, entry);
    this.memory.view.setInt32(this.memory.sizeBytes + FUNCTION_LEFT_OFFSET + number * 4, minimumLeft, true);
  }
  /** How often it was called since the last time this was asked. */
  takeRuns(number: number): number {
    const at = this.memory.sizeBytes + FUNCTION_RUNS_OFFSET + number * 4;
    const runs = this.memory.view.getInt32(at, true);
    this.memory.view.setInt32(at, 0, true);
    return runs;
  }
  remove(number: number): void {
    this.table.set(number, null);
  }

  /** Gives a handler of threaded code its number. */
  installHandler(number: number, handler: unknown): void {
    this.table.set(FIRST_HANDLER + number, handler);
  }

  /** From now on the function runs when RIP is there, as long as the key is this one. */
  remember(low: number, high: number, key: number, number: number): void {
    const at = this.memory.sizeBytes + DISPATCH_CACHE_OFFSET + dispatchSlot(low) * 16;
    const { view } = this.memory;
    view.setInt32(at, low, true);
    view.setInt32(at + 4, high, true);
    view.setInt32(at + 8, key, true);
    view.setInt32(at + 12, number, true);
  }
  /** Likewise the threaded code with this header; what was in its slot moves to the neighbour. */
  rememberThreaded(low: number, high: number, epoch: number, header: number): void {
    const at = this.memory.sizeBytes + THREADED_CACHE_OFFSET + threadedSlot(low) * 16;
    const { view, bytes } = this.memory;
    if (view.getInt32(at, true) !== low || view.getInt32(at + 4, true) !== high) bytes.copyWithin(at ^ 16, at, at + 16);
    view.setInt32(at, low, true);
    view.setInt32(at + 4, high, true);
    view.setInt32(at + 8, epoch, true);
    view.setInt32(at + 12, header, true);
  }
  /** Forgets the regions (no key is -1). Threaded code is forgotten by another epoch. */
  forget(): void {
    const from = this.memory.sizeBytes + DISPATCH_CACHE_OFFSET;
    this.memory.bytes.fill(0xff, from, from + DISPATCH_ENTRIES * 16);
  }
}

const TABLE_SIZE = FIRST_HANDLER + MAXIMUM_HANDLERS;

function residentLoop(hostArea: number, threshold: number): Uint8Array {
  const code = new Code();
  const [once, rip, slot, answer, header, record, left] = [0, 1, 2, 3, 4, 5, 6];
  const word = (index: number): void => {
    code.i32(0);
    code.memory(Op.i32Load, hostArea + index * 4);
  };
  const storeWord = (index: number, push: () => void): void => {
    code.i32(0);
    push();
    code.memory(Op.i32Store, hostArea + index * 4);
  };
  /** Leaves its block unless the entry of a cache is that of RIP under the present key, else pushes what the entry says. */
  const findEntry = (cache: number, shift: number, mask: number, key: number, ways: 1 | 2): void => {
    code.get(rip);
    code.op(Op.i32WrapI64);
    code.tee(slot);
    code.get(slot);
    code.i32(shift);
    code.op(Op.i32ShrU);
    code.op(Op.i32Xor);
    code.i32(mask);
    code.op(Op.i32And);
    code.i32(4);
    code.op(Op.i32Shl);
    code.set(slot);
    const isOther = (): void => {
      code.get(slot);
      code.memory(Op.i64Load, cache);
      code.get(rip);
      code.op(Op.i64Ne);
    };
    if (ways === 2) {
      // The neighbour is the second choice.
      isOther();
      code.i32(4);
      code.op(Op.i32Shl);
      code.get(slot);
      code.op(Op.i32Xor);
      code.set(slot);
    }
    isOther();
    code.brIf(0);
    code.get(slot);
    code.memory(Op.i32Load, cache + 8);
    word(key);
    code.op(Op.i32Ne);
    code.brIf(0);
    code.get(slot);
    code.memory(Op.i32Load, cache + 12);
  };
  const increment = (address: () => void, offset: number): void => {
    address();
    address();
    code.memory(Op.i32Load, offset);
    code.i32(1);
    code.op(Op.i32Add);
    code.memory(Op.i32Store, offset);
  };

  code.op(Op.loop);
  code.op(NO_RESULT);
  code.i32(0);
  code.memory(Op.i64Load, hostArea + RIP_LOW * 4);
  code.set(rip);

  // Compiled?
  code.op(Op.block);
  code.op(NO_RESULT);
  findEntry(hostArea + DISPATCH_CACHE_OFFSET, DISPATCH_SHIFT, DISPATCH_MASK, JIT_KEY, 1);
  // The number of the function takes the place of the slot.
  code.tee(slot);
  code.i32(2);
  code.op(Op.i32Shl);
  code.memory(Op.i32Load, hostArea + FUNCTION_LEFT_OFFSET);
  word(JIT_LEFT);
  code.op(Op.i32GtS);
  code.brIf(0);
  storeWord(JIT_FUNCTION, () => code.get(slot));
  increment(() => code.i32(0), hostArea + JIT_RUNS * 4);
  increment(() => {
    code.get(slot);
    code.i32(2);
    code.op(Op.i32Shl);
  }, hostArea + FUNCTION_RUNS_OFFSET);
  code.get(slot);
  code.op(Op.callIndirect);
  code.unsigned(REGION_TYPE);
  code.unsigned(0);
  code.tee(answer);
  code.op(Op.i32Eqz);
  code.brIf(1);
  code.get(answer);
  code.op(Op.return);
  code.op(Op.end);

  // Threaded?
  code.op(Op.block);
  code.op(NO_RESULT);
  findEntry(hostArea + THREADED_CACHE_OFFSET, THREADED_SHIFT, THREADED_CACHE_ENTRIES - 1, THREADED_EPOCH, 2);
  code.set(header);
  // The page must be mapped as it was: by the TLB of fetches (mmu.ts).
  code.get(rip);
  code.op(Op.i32WrapI64);
  code.i32(PAGE_SHIFT - 4);
  code.op(Op.i32ShrU);
  code.i32(TLB_INDEX_MASK << 4);
  code.op(Op.i32And);
  code.tee(left);
  code.memory(Op.i64Load, hostArea + TLB_EXECUTE_OFFSET);
  code.get(rip);
  code.i64(-PAGE_BYTES);
  code.op(Op.i64And);
  code.i32(0);
  code.memory(Op.i64Load32U, hostArea + THREADED_GENERATION * 4);
  code.op(Op.i64Or);
  code.op(Op.i64Ne);
  code.brIf(0);
  code.get(left);
  code.memory(Op.i32Load, hostArea + TLB_EXECUTE_OFFSET + TLB_PHYSICAL);
  code.get(header);
  code.memory(Op.i32Load, HEADER_PAGE);
  code.op(Op.i32Ne);
  code.brIf(0);
  word(JIT_LEFT);
  code.get(header);
  code.memory(Op.i32Load, HEADER_COUNT);
  code.op(Op.i32Sub);
  code.tee(left);
  code.i32(0);
  code.op(Op.i32LtS);
  code.op(Op.if);
  code.op(NO_RESULT);
  code.i32(Answer.budget);
  code.op(Op.return);
  code.op(Op.end);
  increment(() => code.get(header), HEADER_RUNS);
  code.get(header);
  code.memory(Op.i32Load, HEADER_RUNS);
  code.i32(threshold);
  code.op(Op.i32GeS);
  code.get(header);
  code.get(once);
  code.op(Op.i32Ne);
  code.op(Op.i32And);
  code.op(Op.if);
  code.op(NO_RESULT);
  storeWord(THREADED_HEADER, () => code.get(header));
  code.i32(Answer.hot);
  code.op(Op.return);
  code.op(Op.end);
  code.i32(0);
  code.set(once);
  storeWord(JIT_LEFT, () => code.get(left));
  storeWord(THREADED_COUNT, () => {
    word(THREADED_COUNT);
    code.get(header);
    code.memory(Op.i32Load, HEADER_COUNT);
    code.op(Op.i32Add);
  });
  code.get(header);
  code.i32(HEADER_BYTES);
  code.op(Op.i32Add);
  code.set(record);
  code.op(Op.loop);
  code.op(NO_RESULT);
  code.get(record);
  code.get(record);
  code.memory(Op.i32Load, RECORD_HANDLER);
  code.op(Op.callIndirect);
  code.unsigned(HANDLER_TYPE);
  code.unsigned(0);
  code.op(Op.if);
  code.op(NO_RESULT);
  storeWord(THREADED_HEADER, () => code.get(header));
  storeWord(THREADED_AT, () => code.get(record));
  code.i32(Answer.interpret);
  code.op(Op.return);
  code.op(Op.end);
  code.get(record);
  code.i32(RECORD_BYTES);
  code.op(Op.i32Add);
  code.tee(record);
  code.get(header);
  code.memory(Op.i32Load, HEADER_END);
  code.op(Op.i32Ne);
  code.brIf(0);
  code.op(Op.end);
  code.br(1);
  code.op(Op.end);

  code.op(Op.end);
  code.i32(0);
  return code.bytes.slice(0, code.length);
}
