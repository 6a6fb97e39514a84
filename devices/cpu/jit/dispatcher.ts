// The resident WebAssembly function that goes from region to region without JavaScript.
//
//   loop   RIP -> slot of the dispatch cache: same RIP, same key, enough instructions left? -> call the function by number
//          it answers 0: again; anything else is for the engine
//   not in the cache: 0
//
// Only this module has the function table: a module for every region that imported it would cost quadratic time.

import type { PhysicalMemory } from '../../base/physical-memory.ts';
import { HOST_AREA_BYTES } from '../../base/physical-memory.ts';
import { RIP_LOW } from '../state-layout.ts';
import {
  DISPATCH_CACHE_OFFSET,
  DISPATCH_MASK,
  dispatchSlot,
  FUNCTION_LEFT_OFFSET,
  FUNCTION_RUNS_OFFSET,
  JIT_FUNCTION,
  JIT_KEY,
  JIT_LEFT,
  JIT_RUNS,
  MAXIMUM_FUNCTIONS,
} from './layout.ts';
import { Code, encodeModule, I32, I64, MEMORY_PAGE_BYTES, NO_RESULT, Op } from './wasm.ts';

export class Dispatcher {
  /** Runs from RIP in the state area; 0 = nothing compiled there, else what a region answered. */
  readonly run: () => number;
  private readonly table: WebAssembly.Table;
  private readonly memory: PhysicalMemory;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: MAXIMUM_FUNCTIONS });
    const bytes = encodeModule({
      memoryPages: (memory.sizeBytes + HOST_AREA_BYTES) / MEMORY_PAGE_BYTES,
      tableSize: MAXIMUM_FUNCTIONS,
      imports: [],
      type: { parameters: [], results: [I32] },
      functions: [{ locals: [I64, I32, I32], code: dispatchLoop(memory.sizeBytes) }],
    });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: memory.wasmMemory, table: this.table },
    });
    this.run = instance.exports.f0 as () => number;
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

  /** From now on the function runs when RIP is there, as long as the key is this one. */
  remember(low: number, high: number, key: number, number: number): void {
    const at = this.memory.sizeBytes + DISPATCH_CACHE_OFFSET + dispatchSlot(low) * 16;
    const { view } = this.memory;
    view.setInt32(at, low, true);
    view.setInt32(at + 4, high, true);
    view.setInt32(at + 8, key, true);
    view.setInt32(at + 12, number, true);
  }
  /** Forgets all (no key is -1). */
  forget(): void {
    const from = this.memory.sizeBytes + DISPATCH_CACHE_OFFSET;
    this.memory.bytes.fill(0xff, from, from + (DISPATCH_MASK + 1) * 16);
  }
}

function dispatchLoop(hostArea: number): Uint8Array {
  const code = new Code();
  const [rip, slot, answer] = [0, 1, 2];
  const word = (index: number): void => {
    code.i32(0);
    code.memory(Op.i32Load, hostArea + index * 4);
  };
  const cache = hostArea + DISPATCH_CACHE_OFFSET;
  code.op(Op.loop);
  code.op(NO_RESULT);
  code.op(Op.block);
  code.op(NO_RESULT);
  code.i32(0);
  code.memory(Op.i64Load, hostArea + RIP_LOW * 4);
  code.tee(rip);
  code.op(Op.i32WrapI64);
  code.tee(slot);
  code.get(slot);
  code.i32(12);
  code.op(Op.i32ShrU);
  code.op(Op.i32Xor);
  code.i32(DISPATCH_MASK);
  code.op(Op.i32And);
  code.i32(4);
  code.op(Op.i32Shl);
  code.tee(slot);
  code.memory(Op.i64Load, cache);
  code.get(rip);
  code.op(Op.i64Ne);
  code.brIf(0);
  code.get(slot);
  code.memory(Op.i32Load, cache + 8);
  word(JIT_KEY);
  code.op(Op.i32Ne);
  code.brIf(0);
  // The number of the function takes the place of the slot.
  code.get(slot);
  code.memory(Op.i32Load, cache + 12);
  code.tee(slot);
  code.i32(2);
  code.op(Op.i32Shl);
  code.memory(Op.i32Load, hostArea + FUNCTION_LEFT_OFFSET);
  word(JIT_LEFT);
  code.op(Op.i32GtS);
  code.brIf(0);
  code.i32(0);
  code.get(slot);
  code.memory(Op.i32Store, hostArea + JIT_FUNCTION * 4);
  const increment = (address: () => void, offset: number): void => {
    address();
    address();
    code.memory(Op.i32Load, offset);
    code.i32(1);
    code.op(Op.i32Add);
    code.memory(Op.i32Store, offset);
  };
  increment(() => code.i32(0), hostArea + JIT_RUNS * 4);
  increment(() => {
    code.get(slot);
    code.i32(2);
    code.op(Op.i32Shl);
  }, hostArea + FUNCTION_RUNS_OFFSET);
  code.get(slot);
  code.op(Op.callIndirect);
  code.unsigned(0);
  code.unsigned(0);
  code.tee(answer);
  code.op(Op.i32Eqz);
  code.brIf(1);
  code.get(answer);
  code.op(Op.return);
  code.op(Op.end);
  code.op(Op.end);
  code.i32(0);
  return code.bytes.slice(0, code.length);
}
