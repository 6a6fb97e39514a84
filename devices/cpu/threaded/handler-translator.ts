// The translator for handlers of threaded code: the emitters of the compiler, but registers, addresses and immediates are those that
// a record names while the program runs, and all state stays in memory.
//
//   handler (record) -> 0: done, 1: nothing was done, the interpreter must execute the instruction
//
// An emitter sees an instruction whose registers are slots (16 reg, 17 rm, 18 base, 19 index); numbers below 16 are the registers that
// the instruction names itself, such as RAX of MUL.

import type { Instruction } from '../decode/instruction.ts';
import { KIND_DYNAMIC } from '../jit/flag-kinds.ts';
import { JIT_PREVIOUS_A, JIT_PREVIOUS_B, JIT_PREVIOUS_KIND } from '../jit/layout.ts';
import { Simd } from '../jit/simd-opcodes.ts';
import { type MemoryReference, Translator } from '../jit/translator.ts';
import { type LaneBytes, laneFormats, VectorRegisters } from '../jit/vector-registers.ts';
import { Code, type FunctionBody, I32, I64, Op, V128, type ValueType } from '../jit/wasm.ts';
import { FLAGS, FS_BASE, GS_BASE, LAZY_A_LOW, LAZY_B_LOW, LAZY_KIND, XMM, ZERO } from '../state-layout.ts';
import {
  RECORD_BASE,
  RECORD_DISPLACEMENT,
  RECORD_IMMEDIATE,
  RECORD_INDEX,
  RECORD_REG,
  RECORD_REG_XMM,
  RECORD_RM,
  RECORD_RM_XMM,
  RECORD_SCALE,
} from './layout.ts';

export const SLOT_REG = 16;
export const SLOT_RM = 17;
export const SLOT_BASE = 18;
export const SLOT_INDEX = 19;
const generalFields = [RECORD_REG, RECORD_RM, RECORD_BASE, RECORD_INDEX];
const xmmFields = [RECORD_REG_XMM, RECORD_RM_XMM];

/** The handler's parameter. */
const RECORD = 0;
export const NOT_DONE = 1;

/** Notes which locals are read before they are certainly written, and which are written. */
class WatchedCode extends Code {
  readonly readFirst = new Set<number>();
  readonly written = new Set<number>();
  /** Code that is written now may be skipped when it runs. */
  conditional: () => boolean = () => false;

  override get(local: number): void {
    if (!this.written.has(local)) this.readFirst.add(local);
    super.get(local);
  }
  override set(local: number): void {
    this.note(local);
    super.set(local);
  }
  override tee(local: number): void {
    this.note(local);
    super.tee(local);
  }
  private note(local: number): void {
    if (this.conditional() && !this.written.has(local)) this.readFirst.add(local);
    this.written.add(local);
  }
}

/** XMM registers that are nowhere but in memory. */
class VectorsInMemory extends VectorRegisters {
  private readonly handler: HandlerTranslator;
  constructor(handler: HandlerTranslator) {
    super(handler.code, (type) => handler.newLocal(type));
    this.handler = handler;
  }

  override merge(): void {}
  override mergeAll(): void {}
  override get(number: number): void {
    this.handler.loadVector(number);
  }
  override getUpper(number: number): void {
    this.get(number);
  }
  override set(number: number): void {
    this.handler.storeVector(number);
    this.plain[number] = 0;
  }
  override getLow(bytes: LaneBytes, number: number): void {
    this.get(number);
    this.handler.code.simdLane(laneFormats[bytes].extract, 0);
  }
  override setLow(bytes: LaneBytes, number: number): void {
    const { handler } = this;
    const value = handler.temporary(laneFormats[bytes].type);
    handler.code.set(value);
    this.get(number);
    handler.code.get(value);
    handler.code.simdLane(laneFormats[bytes].replace, 0);
    this.set(number);
  }
  override copy(target: number, source: number): void {
    this.get(source);
    const plain = this.plain[source];
    this.set(target);
    this.plain[target] = plain;
  }
}

export class HandlerTranslator extends Translator {
  /** `kind`: what the flags are known to be when the instruction begins. */
  constructor(hostArea: number, kind: number) {
    super({ hostArea, ungrouped: new Set(), keepsPages: false });
    this.kind = kind;
    const code = this.watched;
    code.op(Op.block);
    code.op(I32);
    code.conditional = () => this.leaveDepth > 0;
  }
  protected override createCode(): Code {
    return new WatchedCode();
  }
  private get watched(): WatchedCode {
    return this.code as WatchedCode;
  }
  protected override parameterTypes(): readonly ValueType[] {
    return [I32];
  }

  // --------------------------------------------------------------------------------------------- registers

  /** Pushes what has to be added to the offset of register 0 to reach a register. */
  private pushRegisterOffset(number: number, fields: readonly number[], size: number): void {
    if (number < 16) {
      this.code.i32(number * size);
      return;
    }
    this.code.get(RECORD);
    this.code.memory(Op.i32Load8U, fields[number - 16]);
  }
  override getGeneral(number: number): void {
    this.pushRegisterOffset(number, generalFields, 8);
    this.code.memory(Op.i64Load, this.stateOffset(0));
  }
  override setGeneral(number: number): void {
    const value = this.temporary(I64);
    this.code.set(value);
    this.pushRegisterOffset(number, generalFields, 8);
    this.code.get(value);
    this.code.memory(Op.i64Store, this.stateOffset(0));
  }
  override setGeneralOffset(number: number): void {
    this.setGeneral(number);
  }
  override setGeneralExtended(number: number): void {
    this.setGeneral(number);
  }
  // What registers hold is not known beyond the instruction.
  override lowBytesOf(): number {
    return 8;
  }
  override noteLowBytes(): void {}
  override noteFlagSources(): void {}
  protected override createVectors(): VectorRegisters {
    return new VectorsInMemory(this);
  }
  /** Pushes an XMM register; pops one. */
  loadVector(number: number): void {
    this.pushRegisterOffset(number, xmmFields, 16);
    this.code.simdMemory(Simd.load, this.stateOffset(XMM));
  }
  storeVector(number: number): void {
    const value = this.temporary(V128);
    this.code.set(value);
    this.pushRegisterOffset(number, xmmFields, 16);
    this.code.get(value);
    this.code.simdMemory(Simd.store, this.stateOffset(XMM));
  }

  override pushImmediate(): void {
    this.pushRecordPair(RECORD_IMMEDIATE);
  }
  /** Pushes 8 bytes of the record. */
  pushRecordPair(field: number): void {
    this.code.get(RECORD);
    this.code.memory(Op.i64Load, field);
  }
  /** Pushes 4 bytes of the record. */
  pushRecordWord(field: number): void {
    this.code.get(RECORD);
    this.code.memory(Op.i32Load, field);
  }
  /** Stores an i64 local into the record at `field` plus what `pushOffset` pushes. */
  storeRecordPair(field: number, pushOffset: () => void, local: number): void {
    this.code.get(RECORD);
    pushOffset();
    this.code.op(Op.i32Add);
    this.code.get(local);
    this.code.memory(Op.i64Store, field);
  }

  // --------------------------------------------------------------------------------------------- addresses

  override pushOffset(i: Instruction): void {
    const { code } = this;
    this.pushRecordPair(RECORD_DISPLACEMENT);
    if (i.base !== ZERO) {
      this.getGeneral(i.base >> 1);
      code.op(Op.i64Add);
    }
    if (i.addressIndex !== ZERO) {
      this.getGeneral(i.addressIndex >> 1);
      code.get(RECORD);
      code.memory(Op.i64Load8U, RECORD_SCALE);
      code.op(Op.i64Shl);
      code.op(Op.i64Add);
    }
    if (i.address32) {
      code.op(Op.i32WrapI64);
      code.op(Op.i64ExtendI32U);
    }
  }
  override access(i: Instruction, size: number, write: boolean, aligned = false): MemoryReference {
    if (aligned) this.checkAligned(i, size);
    return this.accessAt('', null, 0, size, write, () => this.pushAddress(i));
  }

  // ------------------------------------------------------------------------------------------------- exits

  protected override exitNumber(): number {
    return NOT_DONE;
  }
  override exitHere(): number {
    return NOT_DONE;
  }
  override exitIf(): void {
    this.code.brIf(this.leaveDepth);
    this.code.op(Op.drop);
  }

  // ------------------------------------------------------------------------------------------ the whole function

  /** What is known of the flags after the instruction; null: as before. */
  get kindAfter(): number | null {
    return this.flagsWritten ? this.kind : null;
  }

  /** The finished handler. */
  finish(): FunctionBody {
    this.storeChangedFlags();
    this.code.i32(0);
    this.code.op(Op.end);
    const whole = this.loads();
    whole.append(this.code.bytes.subarray(0, this.code.length));
    return { locals: this.locals.slice(1), code: whole.bytes.slice(0, whole.length) };
  }

  private storeChangedFlags(): void {
    const { written } = this.watched;
    if (written.has(this.flagWord)) this.storeWord(FLAGS, () => this.code.get(this.flagWord));
    if (written.has(this.flagA)) this.storePair(LAZY_A_LOW, this.flagA);
    if (written.has(this.flagB)) this.storePair(LAZY_B_LOW, this.flagB);
    if (this.flagsWritten)
      this.storeWord(LAZY_KIND, () =>
        this.kind === KIND_DYNAMIC ? this.code.get(this.flagKindLocal) : this.code.i32(this.kind),
      );
    if (written.has(this.previousA)) this.storePair(JIT_PREVIOUS_A, this.previousA);
    if (written.has(this.previousB)) this.storePair(JIT_PREVIOUS_B, this.previousB);
    if (written.has(this.previousKindLocal) || (this.usesPrevious && this.previousKind !== KIND_DYNAMIC))
      this.storeWord(JIT_PREVIOUS_KIND, () =>
        this.previousKind === KIND_DYNAMIC ? this.code.get(this.previousKindLocal) : this.code.i32(this.previousKind),
      );
  }

  /** What the instruction reads before it writes it. */
  private loads(): Code {
    const target = new Code();
    const { readFirst } = this.watched;
    const pairs: readonly (readonly [number, number])[] = [
      [this.flagA, LAZY_A_LOW],
      [this.flagB, LAZY_B_LOW],
      [this.previousA, JIT_PREVIOUS_A],
      [this.previousB, JIT_PREVIOUS_B],
      [this.fsBase, FS_BASE],
      [this.gsBase, GS_BASE],
    ];
    for (const [local, word] of pairs) if (readFirst.has(local)) this.loadPair(target, word, local);
    const words: readonly (readonly [number, number])[] = [
      [this.flagWord, FLAGS],
      [this.flagKindLocal, LAZY_KIND],
      [this.previousKindLocal, JIT_PREVIOUS_KIND],
    ];
    for (const [local, word] of words) if (readFirst.has(local)) this.loadWord(target, word, local);
    this.loadConstants(target);
    if (this.usesFloat) this.loadFloatMode(target);
    return target;
  }
}
