// XMM registers in compiled code: a v128 local each, and for scalar code a float local beside it that holds the low lane.
//
//   low   0         the v128 local is right
//         4, 8      the float local has the low lane (float32, float64); the v128 local has it too unless the register is split
//   split bit n     only the float local has the low lane; the rest is in the v128 local
//
// So a chain of scalar operations moves no lanes. A register is put together when all of it is read, at the end of a block, and before
// the interpreter's handlers are called. At an exit it stays split: the float local goes to JIT_LOW_DOUBLES or JIT_LOW_SINGLES, the
// exit's record says for which registers, and the engine copies the lane. A float local that is not needed any more becomes 0, so that
// V8 need not keep it until the exits.
//
// Reading a register may write code that changes its locals: emitters do so on the straight way only, never within an `if`.

import { XMM } from '../state-layout.ts';
import { JIT_LOW_DOUBLES, JIT_LOW_SINGLES } from './layout.ts';
import { Simd } from './simd-opcodes.ts';
import { type Code, F32, F64, Op, V128, type ValueType } from './wasm.ts';

export type LaneBytes = 4 | 8;
const REGISTERS = 16;
export const laneFormats = {
  4: { type: F32, extract: Simd.f32x4Extract, replace: Simd.f32x4Replace, constant: Op.f32Const, store: Op.f32Store },
  8: { type: F64, extract: Simd.f64x2Extract, replace: Simd.f64x2Replace, constant: Op.f64Const, store: Op.f64Store },
} as const;

/** What is known of lanes: size of a lane in bytes if the low one is not denormal, plus this if none is; 0 = nothing. */
export const ALL_LANES = 16;

/** Registers whose low lane is to be copied at an exit: bit n. */
export interface SplitRegisters {
  readonly doubles: number;
  readonly singles: number;
}

/** How the registers stand at one place of a block. */
export interface VectorState {
  readonly low: Uint8Array;
  readonly split: number;
  readonly plain: Uint8Array;
}
/** A register as it was when it was first written after `keepAside`. */
interface SavedRegister {
  readonly low: number;
  readonly whole: number;
  /** Local of the low lane if the register was split, else -1. */
  readonly lowLocal: number;
}
export type SavedRegisters = ReadonlyMap<number, SavedRegister>;

export class VectorRegisters {
  /** Bit n: register n may have changed since the entry of the region. */
  written = 0;
  /** Per register, what is known of its lanes. */
  readonly plain = new Uint8Array(2 * REGISTERS);
  private readonly code: Code;
  private readonly newLocal: (type: ValueType) => number;
  /** Locals, -1 = not used in the region. */
  private readonly whole = new Int32Array(REGISTERS).fill(-1);
  private readonly lowLocals = { 4: new Int32Array(REGISTERS).fill(-1), 8: new Int32Array(REGISTERS).fill(-1) };
  private readonly low = new Uint8Array(REGISTERS);
  private split = 0;
  private saved: Map<number, SavedRegister> | null = null;
  /** Locals of saved registers, by type and number. */
  private readonly saveLocals = new Map<number, number>();
  /** Registers that were split at some exit. */
  private exitDoubles = 0;
  private exitSingles = 0;

  constructor(code: Code, newLocal: (type: ValueType) => number) {
    this.code = code;
    this.newLocal = newLocal;
  }

  private wholeLocal(number: number): number {
    if (this.whole[number] < 0) this.whole[number] = this.newLocal(V128);
    return this.whole[number];
  }
  private lowLocal(bytes: LaneBytes, number: number): number {
    const locals = this.lowLocals[bytes];
    if (locals[number] < 0) locals[number] = this.newLocal(laneFormats[bytes].type);
    return locals[number];
  }

  /** Puts a register together. */
  merge(number: number): void {
    if ((this.split & (1 << number)) === 0) return;
    const bytes = this.low[number] as LaneBytes;
    this.code.get(this.wholeLocal(number));
    this.code.get(this.lowLocal(bytes, number));
    this.code.simdLane(laneFormats[bytes].replace, 0);
    this.code.set(this.wholeLocal(number));
    this.split &= ~(1 << number);
  }
  /** Puts all registers together, and forgets the float locals. */
  mergeAll(): void {
    for (let number = 0; number < REGISTERS; number++) {
      this.merge(number);
      this.forgetLow(number);
    }
  }
  private forgetLow(number: number): void {
    const bytes = this.low[number];
    if (bytes === 0) return;
    const format = laneFormats[bytes as LaneBytes];
    this.code.op(format.constant);
    for (let n = 0; n < bytes; n++) this.code.op(0);
    this.code.set(this.lowLocal(bytes as LaneBytes, number));
    this.low[number] = 0;
  }

  /** Pushes all 128 bits. */
  get(number: number): void {
    this.merge(number);
    this.code.get(this.wholeLocal(number));
  }
  /** Pushes a v128 whose upper 64 bits are those of the register. */
  getUpper(number: number): void {
    this.code.get(this.wholeLocal(number));
  }
  /** Pops 128 bits. */
  set(number: number): void {
    this.save(number);
    this.split &= ~(1 << number);
    this.forgetLow(number);
    this.code.set(this.wholeLocal(number));
    this.written |= 1 << number;
    this.plain[number] = 0;
  }

  /** Pushes the float in the low lane. */
  getLow(bytes: LaneBytes, number: number): void {
    if (this.low[number] !== bytes) {
      this.get(number);
      this.code.simdLane(laneFormats[bytes].extract, 0);
      this.forgetLow(number);
      this.low[number] = bytes;
      this.code.tee(this.lowLocal(bytes, number));
    } else this.code.get(this.lowLocal(bytes, number));
  }
  /** Pops a float into the low lane; the rest stays. */
  setLow(bytes: LaneBytes, number: number): void {
    this.save(number);
    if (this.low[number] !== bytes) {
      this.merge(number);
      this.forgetLow(number);
      this.low[number] = bytes;
    }
    this.code.set(this.lowLocal(bytes, number));
    this.wholeLocal(number);
    this.split |= 1 << number;
    this.written |= 1 << number;
    this.plain[number] = 0;
  }

  /** MOVAPS between registers. */
  copy(target: number, source: number): void {
    if (target === source) return;
    const bytes = this.low[source];
    const isSplit = (this.split & (1 << source)) !== 0;
    const plain = this.plain[source];
    this.getUpper(source);
    this.set(target);
    if (isSplit) {
      this.getLow(bytes as LaneBytes, source);
      this.setLow(bytes as LaneBytes, target);
    }
    this.plain[target] = plain;
  }

  // -------------------------------------------------------------------------------------- going back (float-batch.ts)

  /** From now on registers are saved before they are written; false: no longer. Gives what was saved. */
  keepAside(on: boolean): SavedRegisters {
    const saved = this.saved ?? new Map<number, SavedRegister>();
    this.saved = on ? new Map() : null;
    return saved;
  }
  private save(number: number): void {
    if (this.saved === null || this.saved.has(number)) return;
    const isSplit = (this.split & (1 << number)) !== 0;
    const low = isSplit ? (this.low[number] as LaneBytes) : 0;
    const whole = this.saveLocal(V128, number);
    this.code.get(this.wholeLocal(number));
    this.code.set(whole);
    let lowLocal = -1;
    if (low !== 0) {
      lowLocal = this.saveLocal(laneFormats[low].type, number);
      this.code.get(this.lowLocal(low, number));
      this.code.set(lowLocal);
    }
    this.saved.set(number, { low, whole, lowLocal });
  }
  private saveLocal(type: ValueType, number: number): number {
    const key = type * REGISTERS + number;
    let local = this.saveLocals.get(key);
    if (local === undefined) {
      local = this.newLocal(type);
      this.saveLocals.set(key, local);
    }
    return local;
  }

  state(): VectorState {
    return { low: this.low.slice(), split: this.split, plain: this.plain.slice() };
  }
  /** Puts saved registers back. */
  restore(saved: SavedRegisters, plain: Uint8Array): void {
    for (const [number, { low, whole, lowLocal }] of saved) {
      this.code.get(whole);
      this.code.set(this.wholeLocal(number));
      this.low[number] = low;
      this.split &= ~(1 << number);
      if (lowLocal < 0) continue;
      this.code.get(lowLocal);
      this.code.set(this.lowLocal(low as LaneBytes, number));
      this.split |= 1 << number;
    }
    this.plain.set(plain);
  }
  /** Brings the locals into the form of `state`, which another way to this place has. */
  conform(state: VectorState): void {
    for (let number = 0; number < REGISTERS; number++) {
      const bit = 1 << number;
      const low = state.low[number];
      if ((state.split & bit) === 0 || this.low[number] !== low) this.merge(number);
      if (low !== 0 && this.low[number] !== low) {
        this.code.get(this.wholeLocal(number));
        this.code.simdLane(laneFormats[low as LaneBytes].extract, 0);
        this.code.set(this.lowLocal(low as LaneBytes, number));
      }
      if (this.plain[number] !== state.plain[number]) this.plain[number] = 0;
    }
    this.low.set(state.low);
    this.split = state.split;
  }

  /** Nothing is known at the start of a block; registers are whole there. */
  beginBlock(): void {
    this.low.fill(0);
    this.split = 0;
    this.plain.fill(0);
  }

  /** For the record of an exit at this place. */
  splitRegisters(): SplitRegisters | null {
    if (this.split === 0) return null;
    let doubles = 0;
    for (let number = 0; number < REGISTERS; number++) if (this.low[number] === 8) doubles |= 1 << number;
    const result = { doubles: doubles & this.split, singles: this.split & ~doubles };
    this.exitDoubles |= result.doubles;
    this.exitSingles |= result.singles;
    return result;
  }

  // --------------------------------------------------------------------------------------- the state area in memory

  store(mask: number, offset: (word: number) => number): void {
    for (let number = 0; number < REGISTERS; number++)
      if ((mask & (1 << number)) !== 0) {
        this.code.i32(0);
        this.get(number);
        this.code.simdMemory(Simd.store, offset(XMM + 4 * number));
      }
  }
  load(target: Code, mask: number, offset: (word: number) => number): void {
    for (let number = 0; number < REGISTERS; number++)
      if ((mask & (1 << number)) !== 0) {
        target.i32(0);
        target.simdMemory(Simd.load, offset(XMM + 4 * number));
        target.set(this.wholeLocal(number));
      }
  }
  /** Bit n: the region uses register n. */
  get inUse(): number {
    let used = 0;
    for (let number = 0; number < REGISTERS; number++) if (this.whole[number] >= 0) used |= 1 << number;
    return used;
  }
  loadUsed(target: Code, offset: (word: number) => number): void {
    this.load(target, this.inUse, offset);
  }
  /** What the region may have changed, and the float locals of registers that an exit may have left split. */
  storeChanged(offset: (word: number) => number): void {
    this.beginBlock();
    this.store(this.written, offset);
    const storeLow = (bytes: LaneBytes, mask: number, word: number): void => {
      for (let number = 0; number < REGISTERS; number++)
        if ((mask & (1 << number)) !== 0) {
          this.code.i32(0);
          this.code.get(this.lowLocal(bytes, number));
          this.code.memory(laneFormats[bytes].store, offset(word + (number * bytes) / 4));
        }
    };
    storeLow(8, this.exitDoubles, JIT_LOW_DOUBLES);
    storeLow(4, this.exitSingles, JIT_LOW_SINGLES);
  }
}

/** After an exit: the low lanes of split registers, in the words of the state area. */
export function joinRegisters(words: Int32Array, { doubles, singles }: SplitRegisters): void {
  for (let number = 0; number < REGISTERS; number++) {
    const target = XMM + 4 * number;
    if ((doubles & (1 << number)) !== 0) {
      words[target] = words[JIT_LOW_DOUBLES + 2 * number];
      words[target + 1] = words[JIT_LOW_DOUBLES + 2 * number + 1];
    } else if ((singles & (1 << number)) !== 0) words[target] = words[JIT_LOW_SINGLES + number];
  }
}
