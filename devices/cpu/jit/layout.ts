// What compiled code finds in the host area of guest memory (see ../state-layout.ts for the registers), and the words that only
// compiled code and its dispatcher use.
//
//   words 320..   LEFT, key, function: written by the engine before it enters compiled code
//   0x50000       dispatch cache: 4096 entries of 16 bytes {RIP (8), key (4), function number (4)}
//   0x60000       per function number: instructions that must be left to enter it (4 bytes each)
//   0x70000       per function number: how often the dispatcher called it since the engine last looked (4 bytes each)
//   0x80000       jump tables of indirect branches
//   0x100000      cache of threaded code: 2^18 entries of 16 bytes {RIP (8), epoch (4), address of the block's header (4)}
//   0x500000      TLBs of compiled code (../state-layout.ts)
//   0x580000      threaded code (../threaded/layout.ts), up to the end of the host area

import { HOST_AREA_BYTES } from '../../base/physical-memory.ts';
import { COMPILED_TABLE_BYTES } from '../../mmu/compiled-table.ts';
import { USER_EXECUTE } from '../../mmu/mmu.ts';
import { COMPILED_TABLES_OFFSET, TLB_AREA_OFFSET } from '../state-layout.ts';

/** Word indices in the state area. LEFT: instructions that may still run. */
export const JIT_LEFT = 320;
/** core.fetchKey at entry: only functions checked under it may run. */
export const JIT_KEY = 323;
/** Number of the function that ran last. */
export const JIT_FUNCTION = 324;
/** Functions called by the dispatcher since the engine last looked. */
export const JIT_RUNS = 325;
/** How often loops looked for their pages since the engine last looked (pages.ts). */
export const JIT_REFILLS = 327;
/** Kind and operands (pairs) of the operation before an increment or decrement: CF is still its. */
export const JIT_PREVIOUS_KIND = 326;
export const JIT_PREVIOUS_A = 328;
export const JIT_PREVIOUS_B = 330;
/** Where threaded code stopped: addresses of the block's header and of the record. */
export const THREADED_HEADER = 334;
export const THREADED_AT = 332;
/** Set before a run: the epoch of threaded code, the generation of the TLB. */
export const THREADED_EPOCH = 335;
export const THREADED_GENERATION = 336;
/** Instructions that threaded code has counted since the engine last looked (unsigned). */
export const THREADED_COUNT = 333;

/** Low lanes of XMM registers that a region left in two parts (vector-registers.ts): 16 float64, 16 float32. */
export const JIT_LOW_DOUBLES = 400;
export const JIT_LOW_SINGLES = 432;

export const DISPATCH_CACHE_OFFSET = 0x50000;
export const DISPATCH_ENTRIES = 4096;
export const DISPATCH_MASK = DISPATCH_ENTRIES - 1;
export const FUNCTION_LEFT_OFFSET = 0x60000;
/** Functions that may exist at a time. */
export const MAXIMUM_FUNCTIONS = 16384;
export const FUNCTION_RUNS_OFFSET = 0x70000;
export const JUMP_TABLES_OFFSET = 0x80000;
export const JUMP_TABLES_BYTES = 0x80000;
export const THREADED_CACHE_OFFSET = 0x100000;
export const THREADED_CACHE_ENTRIES = 0x4_0000;
export const THREADED_OFFSET = 0x580000;
export const THREADED_BYTES = HOST_AREA_BYTES - THREADED_OFFSET;

/** Byte offsets of the fields of TLB entry 0, from the start of the host area. */
export const TLB_READ_OFFSET = COMPILED_TABLES_OFFSET;
/** Of fetches in ring 3: virtual page address | generation (8 bytes) at 0. */
export const TLB_EXECUTE_OFFSET = TLB_AREA_OFFSET + USER_EXECUTE * 4;
export const TLB_WRITE_OFFSET = COMPILED_TABLES_OFFSET + COMPILED_TABLE_BYTES;
/** Virtual page address (8 bytes) at 0; physical page address (4 bytes) at 8. */
export const TLB_PHYSICAL = 8;

/** In the function table, handlers of threaded code follow the regions. */
export const FIRST_HANDLER = MAXIMUM_FUNCTIONS;
export const MAXIMUM_HANDLERS = 8192;

/** Slots of the caches for an address: its lower half and itself shifted, masked. */
export const DISPATCH_SHIFT = 12;
export const THREADED_SHIFT = 18;
export function dispatchSlot(low: number): number {
  return (low ^ (low >>> DISPATCH_SHIFT)) & DISPATCH_MASK;
}
export function threadedSlot(low: number): number {
  return (low ^ (low >>> THREADED_SHIFT)) & (THREADED_CACHE_ENTRIES - 1);
}
