// From x86 instructions to WebAssembly: the state of one translation, registers, memory, flags and exits. What each instruction
// does is in emit-*.ts; how blocks are nested in compiler.ts.
//
//   registers   one local each (i64, v128), loaded at entry, stored at exits
//   flags       operands of the last operation in locals, and what it was, known at compile time where possible (flag-kinds.ts)
//   memory      TLB look-up inline; a miss leaves the function, and the interpreter executes that instruction
//   exits       `i32.const number; br leave`: the engine finds RIP, instruction count and flag kind in the exit's record
//
// Blocks are translated twice. The first pass only records: which registers and memory accesses there are, and where control may
// leave. Accesses of one block through the same base register within 256 bytes share one TLB look-up: that is known after it.
//
// Invariants: an instruction changes no register, flag or memory before its last possible exit; locals hold the whole state at
// every exit; LEFT already counts the whole block, so an exit's record says how much of it did not run.

import type { Instruction } from '../decode/instruction.ts';
import type { Block } from '../interpreter/blocks.ts';
import { FLAGS, FS_BASE, GS_BASE, LAZY_A_LOW, LAZY_B_LOW, LAZY_KIND, ZERO } from '../state-layout.ts';
import { registerEffects } from './effects.ts';
import { FIRST_STEP_KIND, flagKind, isStepKind, KIND_BITS, KIND_DYNAMIC, STEP_KINDS, type What } from './flag-kinds.ts';
import { type BatchLocals, type FloatBatch, newBatchLocals } from './float-batch.ts';
import {
  JIT_LEFT,
  JIT_PREVIOUS_A,
  JIT_PREVIOUS_B,
  JIT_PREVIOUS_KIND,
  TLB_PHYSICAL,
  TLB_READ_OFFSET,
  TLB_WRITE_OFFSET,
} from './layout.ts';
import { addressKey } from './region.ts';
import { type SplitRegisters, VectorRegisters } from './vector-registers.ts';
import { Code, I32, I64, NO_RESULT, Op, V128, type ValueType } from './wasm.ts';

/** Functions that regions import, in this order. */
export const HELPER_EXECUTE = 0;
export const HELPER_FLAGS = 1;
export const HELPER_STRING = 2;

/** Where compiled code may stop, and what the engine has to know there. */
export interface ExitRecord {
  readonly low: number;
  readonly high: number;
  /** Instructions of the block that were counted but did not run. */
  readonly uncounted: number;
  /** Kind of the flags in LAZY_A, LAZY_B, FLAGS; KIND_DYNAMIC: LAZY_KIND says it. */
  readonly kind: number;
  /** Likewise of the operation before; undefined as KIND_DYNAMIC. */
  readonly previousKind?: number;
  /** The instruction at the exit; null if the block ended before it. */
  readonly instruction: Instruction | null;
  /** XMM registers whose low lane is apart. */
  readonly split?: SplitRegisters | null;
  /** The exit is a look-up for several accesses at once. */
  readonly shared?: boolean;
  /** The end of this block, an indirect jump, went where no edge leads; RIP is there already. */
  readonly indirect?: Block;
}

/** A place in guest memory that may be accessed now: i32 local plus constant offset. */
export interface MemoryReference {
  readonly host: number;
  readonly offset: number;
}

interface AccessRecord {
  readonly key: string;
  readonly displacement: number;
  readonly size: number;
  readonly write: boolean;
  readonly instruction: number;
}

interface AccessGroup {
  low: number;
  high: number;
  write: boolean;
  /** Local that holds the host address of `low`; -1 until the look-up. */
  host: number;
}

/** What the first pass finds out about a block. */
export interface BlockPlan {
  readonly accesses: readonly AccessGroup[];
  /** Per instruction: it may leave the region. */
  readonly mayExit: readonly boolean[];
  /** Kind of the flags at the end; null = as at the start. */
  readonly flagsOut: number | null;
  /** The kind at the end is due to `materialize`, which depends on the kind at the start. */
  readonly flagsDepend: boolean;
}

/** One look-up serves accesses within so many bytes; more would cross pages too often. */
const GROUP_SPAN = 256;

export interface TranslatorOptions {
  /** Byte offset of the host area in the memory. */
  readonly hostArea: number;
  /** Addresses of instructions whose accesses look up for themselves: their group crossed a page too often. */
  readonly ungrouped: ReadonlySet<number>;
}

export class Translator {
  readonly code = new Code();
  readonly exits: ExitRecord[] = [];
  readonly locals: ValueType[] = [];
  /** Local of a register, -1 = not used in the region. */
  private readonly general = new Int32Array(16).fill(-1);
  readonly vectors = new VectorRegisters(this.code, (type) => this.newLocal(type));
  writtenGeneral = 0;
  usesFlags = false;
  usesFloat = false;
  readonly left: number;
  /** Flags: operands, FLAGS word, kind. */
  readonly flagA: number;
  readonly flagB: number;
  readonly flagWord: number;
  readonly flagKindLocal: number;
  private readonly fsBase: number;
  private readonly gsBase: number;
  usesFs = false;
  usesGs = false;
  /** i32: 1 while floating-point instructions must be left to the interpreter. */
  readonly floatSlow: number;

  /** Of the operation before an increment or decrement: operands and kind (flag-kinds.ts). */
  readonly previousA: number;
  readonly previousB: number;
  private readonly previousKindLocal: number;
  private usesPrevious = false;
  /** Compile-time knowledge of the flags. */
  kind: number = KIND_DYNAMIC;
  previousKind: number = KIND_DYNAMIC;
  private floatChecked = false;
  /** Gathers the checks of float operations; null while planning. */
  batch: FloatBatch | null = null;
  private lazyBatchLocals: BatchLocals | null = null;

  private readonly options: TranslatorOptions;
  private readonly constants = new Map<string, number>();
  private readonly free = new Map<ValueType, number[]>();
  private instructionTemporaries: { type: ValueType; local: number }[] = [];
  private blockTemporaries: { type: ValueType; local: number }[] = [];
  /** Branch depth of the block that leaves the function; kept by the compiler as it nests. */
  leaveDepth = 0;

  // The block and instruction being translated.
  private blockCode: readonly Instruction[] = [];
  private index = 0;
  private plan: BlockPlan | null = null;
  /** Number of the next memory access of the block, and of the first one of the current instruction. */
  nextAccess = 0;
  firstAccess = 0;
  private records: AccessRecord[] = [];
  private exitsAt: boolean[] = [];
  private flagsWritten = false;
  private materializedLast = false;
  /** Symbolic values of registers: a number for the unknown part, and a constant added to it. */
  private readonly root = new Int32Array(16);
  private readonly rootOffset = new Float64Array(16);
  private rootCount = 0;

  constructor(options: TranslatorOptions) {
    this.options = options;
    this.left = this.newLocal(I32);
    this.flagA = this.newLocal(I64);
    this.flagB = this.newLocal(I64);
    this.flagWord = this.newLocal(I32);
    this.flagKindLocal = this.newLocal(I32);
    this.previousA = this.newLocal(I64);
    this.previousB = this.newLocal(I64);
    this.previousKindLocal = this.newLocal(I32);
    this.fsBase = this.newLocal(I64);
    this.gsBase = this.newLocal(I64);
    this.floatSlow = this.newLocal(I32);
  }

  // ------------------------------------------------------------------------------------------------ locals

  newLocal(type: ValueType): number {
    this.locals.push(type);
    return this.locals.length - 1;
  }

  private take(type: ValueType): number {
    return this.free.get(type)?.pop() ?? this.newLocal(type);
  }
  private giveBack(list: { type: ValueType; local: number }[]): void {
    for (const { type, local } of list) {
      const free = this.free.get(type);
      if (free === undefined) this.free.set(type, [local]);
      else free.push(local);
    }
    list.length = 0;
  }
  /** A local until the end of the instruction. */
  temporary(type: ValueType): number {
    const local = this.take(type);
    this.instructionTemporaries.push({ type, local });
    return local;
  }
  private blockTemporary(type: ValueType): number {
    const local = this.take(type);
    this.blockTemporaries.push({ type, local });
    return local;
  }

  /** Local with a v128 constant, set once at entry. */
  constant(bytes: readonly number[]): number {
    const key = bytes.join();
    let local = this.constants.get(key);
    if (local === undefined) {
      local = this.newLocal(V128);
      this.constants.set(key, local);
    }
    return local;
  }

  // --------------------------------------------------------------------------------------------- registers

  private generalLocal(number: number): number {
    let local = this.general[number];
    if (local < 0) {
      local = this.newLocal(I64);
      this.general[number] = local;
    }
    return local;
  }

  /** Pushes all 64 bits. */
  getGeneral(number: number): void {
    this.code.get(this.generalLocal(number));
  }
  /** Pops 64 bits into a register. */
  setGeneral(number: number): void {
    this.code.set(this.generalLocal(number));
    this.writtenGeneral |= 1 << number;
    this.root[number] = ++this.rootCount;
    this.rootOffset[number] = 0;
  }
  /** Pops 64 bits into a register: they are those of register `source` plus a constant. */
  setGeneralOffset(number: number, source: number, delta: number): void {
    const root = this.root[source];
    const offset = this.rootOffset[source] + delta;
    this.setGeneral(number);
    this.root[number] = root;
    this.rootOffset[number] = offset;
  }

  /** Pushes an i64 whose low `width` bytes are those of a register; `byte` is the index of an 8-bit register. */
  getRaw(width: number, number: number, byte: number): void {
    if (width !== 1) {
      this.getGeneral(number);
      return;
    }
    this.getGeneral(byte >> 3);
    if ((byte & 1) !== 0) {
      this.code.i64(8);
      this.code.op(Op.i64ShrU);
    }
  }

  /** Pops an i64 (width 8) or i32 (else) into a register, as x86 writes it: 32 bits clear the upper half, fewer keep the rest. */
  setRegister(width: number, number: number, byte: number): void {
    const { code } = this;
    if (width === 8) {
      this.setGeneral(number);
      return;
    }
    if (width === 4) {
      code.op(Op.i64ExtendI32U);
      this.setGeneral(number);
      return;
    }
    const mask = width === 2 ? 0xffff : 0xff;
    const high = width === 1 && (byte & 1) !== 0;
    const target = width === 1 ? byte >> 3 : number;
    code.i32(mask);
    code.op(Op.i32And);
    code.op(Op.i64ExtendI32U);
    if (high) {
      code.i64(8);
      code.op(Op.i64Shl);
    }
    this.getGeneral(target);
    code.i64Pair(high ? ~0xff00 : ~mask, -1);
    code.op(Op.i64And);
    code.op(Op.i64Or);
    this.setGeneral(target);
  }

  // --------------------------------------------------------------------------------------------- addresses

  /** Pushes the effective address without segment (LEA). */
  pushOffset(i: Instruction): void {
    const { code } = this;
    let empty = true;
    if (i.base !== ZERO) {
      this.getGeneral(i.base >> 1);
      empty = false;
    }
    if (i.addressIndex !== ZERO) {
      this.getGeneral(i.addressIndex >> 1);
      if (i.scale !== 0) {
        code.i64(i.scale);
        code.op(Op.i64Shl);
      }
      if (!empty) code.op(Op.i64Add);
      empty = false;
    }
    if (empty) code.i64Pair(i.displacementLow, i.displacementHigh);
    else if ((i.displacementLow | i.displacementHigh) !== 0) {
      code.i64Pair(i.displacementLow, i.displacementHigh);
      code.op(Op.i64Add);
    }
    if (i.address32) {
      code.op(Op.i32WrapI64);
      code.op(Op.i64ExtendI32U);
    }
  }

  /** Pushes the linear address of the memory operand. */
  private pushAddress(i: Instruction): void {
    this.pushOffset(i);
    if (i.segment === FS_BASE) {
      this.usesFs = true;
      this.code.get(this.fsBase);
      this.code.op(Op.i64Add);
    } else if (i.segment === GS_BASE) {
      this.usesGs = true;
      this.code.get(this.gsBase);
      this.code.op(Op.i64Add);
    }
  }

  /** The memory operand, checked for `size` bytes: leaves the region if the TLB does not know it. `aligned`: also if it is not a multiple of the size. */
  access(i: Instruction, size: number, write: boolean, aligned = false): MemoryReference {
    if (aligned) {
      this.exitBegin();
      this.pushAddress(i);
      this.code.op(Op.i32WrapI64);
      this.code.i32(size - 1);
      this.code.op(Op.i32And);
      this.exitIf();
    }
    const base = i.base >> 1;
    const hasBase = i.base !== ZERO;
    const hasIndex = i.addressIndex !== ZERO;
    let displacement = i.displacementHigh * 0x1_0000_0000 + (i.displacementLow >>> 0);
    let key: string;
    if (i.address32 || (hasIndex && this.rootOffset[i.addressIndex >> 1] !== 0)) key = '';
    else {
      if (hasBase) displacement += this.rootOffset[base];
      key = `${hasBase ? this.root[base] : ''}.${hasIndex ? `${this.root[i.addressIndex >> 1]}*${i.scale}` : ''}.${i.segment}`;
      // Constant addresses: those of one page.
      if (!hasBase && !hasIndex) key += Math.floor(displacement / 4096);
    }
    return this.accessAt(key, displacement, size, write, () => this.pushAddress(i));
  }

  /** [register + constant]. */
  accessRegister(number: number, delta: number, size: number, write: boolean): MemoryReference {
    return this.accessAt(`${this.root[number]}..${ZERO}`, this.rootOffset[number] + delta, size, write, () => {
      this.getGeneral(number);
      if (delta !== 0) {
        this.code.i64(delta);
        this.code.op(Op.i64Add);
      }
    });
  }

  private accessAt(key: string, displacement: number, size: number, write: boolean, push: () => void): MemoryReference {
    const number = this.nextAccess++;
    let group: AccessGroup;
    if (this.plan === null) {
      this.records.push({ key, displacement, size, write, instruction: this.index });
      group = { low: displacement, high: displacement + size, write, host: -1 };
    } else group = this.plan.accesses[number];
    if (group.host < 0) this.lookUp(group, displacement, size, push);
    return { host: group.host, offset: displacement - group.low };
  }

  private lookUp(group: AccessGroup, displacement: number, size: number, push: () => void): void {
    const { code } = this;
    const address = this.temporary(I64);
    const entry = this.temporary(I32);
    group.host = this.blockTemporary(I32);
    const table = this.options.hostArea + (group.write ? TLB_WRITE_OFFSET : TLB_READ_OFFSET);
    this.exitBegin(group.high - group.low > size);
    push();
    if (group.low !== displacement) {
      code.i64(group.low - displacement);
      code.op(Op.i64Add);
    }
    code.tee(address);
    code.get(address);
    code.op(Op.i32WrapI64);
    code.i32(8);
    code.op(Op.i32ShrU);
    code.i32(0x7ff0);
    code.op(Op.i32And);
    code.tee(entry);
    code.memory(Op.i64Load, table);
    // Offset in the page: the last byte has to lie in it too.
    code.op(Op.i64Sub);
    code.tee(address);
    code.i64(4096 - (group.high - group.low));
    code.op(Op.i64GtU);
    // In the first pass it is not known yet which access of a group comes first.
    this.exitIf(this.plan !== null);
    code.get(address);
    code.op(Op.i32WrapI64);
    code.get(entry);
    code.memory(Op.i32Load, table + TLB_PHYSICAL);
    code.op(Op.i32Add);
    code.set(group.host);
  }

  /** Pushes an i64 whose low `width` bytes are those at a reference (zero-extended). */
  loadRaw(width: number, at: MemoryReference): void {
    this.code.get(at.host);
    const opcode = width === 8 ? Op.i64Load : width === 4 ? Op.i64Load32U : width === 2 ? Op.i64Load16U : Op.i64Load8U;
    this.code.memory(opcode, at.offset);
  }
  /** Stores the low bytes of an i64 local. */
  storeRaw(width: number, at: MemoryReference, local: number): void {
    this.code.get(at.host);
    this.code.get(local);
    this.storePushed(width, at);
  }
  /** The store alone: address (at.host) and i64 value are on the stack. */
  storePushed(width: number, at: MemoryReference): void {
    const opcode = width === 8 ? Op.i64Store : width === 4 ? Op.i64Store32 : width === 2 ? Op.i64Store16 : Op.i64Store8;
    this.code.memory(opcode, at.offset);
  }

  // ------------------------------------------------------------------------------------------------- exits

  /** A new exit at the current instruction. */
  private exitNumber(shared = false): number {
    this.batch?.beforeExit(this.index);
    const i = this.blockCode[this.index];
    return this.addExit({
      shared,
      low: i.ripLow,
      high: i.ripHigh,
      uncounted: this.blockCode.length - this.index,
      kind: this.kind,
      previousKind: this.previousKind,
      split: this.vectors.splitRegisters(),
      instruction: i,
    });
  }
  addExit(record: ExitRecord): number {
    this.exits.push(record);
    return this.exits.length;
  }
  /** The number of an exit at the current instruction, for a branch that the caller writes. */
  exitHere(): number {
    this.exitsAt[this.index] = true;
    return this.exitNumber();
  }
  /** Before a condition is pushed: an exit at the current instruction. */
  exitBegin(shared = false): void {
    this.code.i32(this.exitNumber(shared));
  }
  /** After it: leaves if the condition on the stack is true. */
  exitIf(counts = true): void {
    if (counts) this.exitsAt[this.index] = true;
    this.code.brIf(this.leaveDepth);
    this.code.op(Op.drop);
  }

  /** Before a block's first floating-point instruction that may round: the interpreter does it until inexact results are nothing new. */
  requireFastFloat(): void {
    this.usesFloat = true;
    if (this.floatChecked) return;
    this.floatChecked = true;
    this.exitBegin();
    this.code.get(this.floatSlow);
    this.exitIf();
  }

  // ------------------------------------------------------------------------------------------------- flags

  /** The flags are now those of `what` on flagA, flagB (already set). */
  setFlagKind(what: What, width: number): void {
    this.kind = flagKind(what, width);
    this.usesFlags = true;
    this.flagsWritten = true;
    this.materializedLast = false;
  }
  /** All six flags are in flagWord (already set). */
  setFlagBits(): void {
    this.kind = KIND_BITS;
    this.usesFlags = true;
    this.flagsWritten = true;
    this.materializedLast = false;
  }

  /** Before an increment or decrement: the last operation becomes the one before, whose CF stays. */
  keepCarry(): void {
    const { code } = this;
    this.usesFlags = true;
    this.usesPrevious = true;
    if (isStepKind(this.kind)) return;
    if (this.kind !== KIND_DYNAMIC) {
      code.get(this.flagA);
      code.set(this.previousA);
      code.get(this.flagB);
      code.set(this.previousB);
      this.previousKind = this.kind;
      return;
    }
    this.fixPreviousKind();
    this.previousKind = KIND_DYNAMIC;
    const keep = (previous: number, last: number): void => {
      code.get(previous);
      code.get(last);
      code.get(this.flagKindLocal);
      code.i32(FIRST_STEP_KIND);
      code.op(Op.i32Sub);
      code.i32(STEP_KINDS);
      code.op(Op.i32LtU);
      code.op(Op.select);
      code.set(previous);
    };
    keep(this.previousA, this.flagA);
    keep(this.previousB, this.flagB);
    keep(this.previousKindLocal, this.flagKindLocal);
  }

  /** The kind's locals become what is known now, for code that will not know. */
  fixKinds(kind: number): void {
    if (!this.usesFlags) return;
    if (kind !== KIND_DYNAMIC) {
      this.code.i32(kind);
      this.code.set(this.flagKindLocal);
    }
    this.fixPreviousKind();
  }
  private fixPreviousKind(): void {
    if (this.previousKind === KIND_DYNAMIC || !this.usesPrevious) return;
    this.code.i32(this.previousKind);
    this.code.set(this.previousKindLocal);
  }

  /** The kind of the flags goes into its local: the instruction decides at run time what it will be. */
  makeKindDynamic(): void {
    this.usesFlags = true;
    this.flagsWritten = true;
    this.materializedLast = false;
    if (this.kind === KIND_DYNAMIC) return;
    this.code.i32(this.kind);
    this.code.set(this.flagKindLocal);
    this.kind = KIND_DYNAMIC;
  }

  /** True if nobody can see the flags that the current instruction leaves: a full set follows before any reader or exit. */
  flagsAreDead(): boolean {
    if (this.plan === null) return false;
    for (let n = this.index + 1; n < this.blockCode.length; n++) {
      const { row } = this.blockCode[n];
      if (this.plan.mayExit[n] || row.flagsRead !== undefined) return false;
      if (writesAllFlags(this.blockCode[n])) return true;
    }
    return false;
  }

  /** Makes all six flags stand in flagWord. */
  materialize(): void {
    if (this.kind === KIND_BITS) return;
    this.usesFlags = true;
    this.storeFlags();
    this.code.call(HELPER_FLAGS);
    this.code.set(this.flagWord);
    this.kind = KIND_BITS;
    this.flagsWritten = true;
    this.materializedLast = true;
  }

  /** Writes the flag locals to the state area. */
  storeFlags(): void {
    this.storeWord(FLAGS, () => this.code.get(this.flagWord));
    this.storeWord(LAZY_KIND, () =>
      this.kind === KIND_DYNAMIC ? this.code.get(this.flagKindLocal) : this.code.i32(this.kind),
    );
    this.storePair(LAZY_A_LOW, this.flagA);
    this.storePair(LAZY_B_LOW, this.flagB);
    if (!this.usesPrevious) return;
    this.storeWord(JIT_PREVIOUS_KIND, () =>
      this.previousKind === KIND_DYNAMIC ? this.code.get(this.previousKindLocal) : this.code.i32(this.previousKind),
    );
    this.storePair(JIT_PREVIOUS_A, this.previousA);
    this.storePair(JIT_PREVIOUS_B, this.previousB);
  }

  // ------------------------------------------------------------------------------- state area in memory

  private stateOffset(word: number): number {
    return this.options.hostArea + word * 4;
  }
  storeWord(word: number, push: () => void): void {
    this.code.i32(0);
    push();
    this.code.memory(Op.i32Store, this.stateOffset(word));
  }
  storePair(word: number, local: number): void {
    this.code.i32(0);
    this.code.get(local);
    this.code.memory(Op.i64Store, this.stateOffset(word));
  }
  storeConstantPair(word: number, low: number, high: number): void {
    this.code.i32(0);
    this.code.i64Pair(low, high);
    this.code.memory(Op.i64Store, this.stateOffset(word));
  }
  /** The store alone: i32 0 and the i64 value are on the stack. */
  storePushedPair(word: number): void {
    this.code.memory(Op.i64Store, this.stateOffset(word));
  }
  loadWord(target: Code, word: number, local: number): void {
    target.i32(0);
    target.memory(Op.i32Load, this.stateOffset(word));
    target.set(local);
  }
  private loadPair(target: Code, word: number, local: number): void {
    target.i32(0);
    target.memory(Op.i64Load, this.stateOffset(word));
    target.set(local);
  }

  private storeRegisters(general: number, xmm: number): void {
    for (let n = 0; n < 16; n++) if ((general & (1 << n)) !== 0) this.storePair(n * 2, this.generalLocal(n));
    this.vectors.store(xmm, (word) => this.stateOffset(word));
  }
  private loadRegisters(target: Code, general: number, xmm: number): void {
    for (let n = 0; n < 16; n++) if ((general & (1 << n)) !== 0) this.loadPair(target, n * 2, this.generalLocal(n));
    this.vectors.load(target, xmm, (word) => this.stateOffset(word));
  }

  /** Hands the current instruction to the interpreter's handler, and goes on after it. `counts`: the handler counts iterations in LEFT. */
  callInterpreter(i: Instruction, counts = false): void {
    const { code } = this;
    const effects = registerEffects(i);
    const touchesFlags = i.row.flagsRead !== undefined || i.row.flagsWritten !== undefined;
    const xmm = effects.xmm;
    const readsOnly = effects.readsOnly && !touchesFlags;
    this.vectors.mergeAll();
    const number = this.exitNumber();
    this.exitsAt[this.index] = true;
    this.storeWord(JIT_LEFT, () => code.get(this.left));
    if (readsOnly) this.storeRegisters(effects.general, 0);
    else {
      // What the handler may change has to be right in memory when it changes; the rest is stored at the exit below.
      this.storeRegisters(effects.general, xmm);
      if (touchesFlags) {
        this.usesFlags = true;
        this.storeFlags();
      }
    }
    code.i32(number);
    code.call(counts ? HELPER_STRING : HELPER_EXECUTE);
    const status = this.temporary(I32);
    code.set(status);
    if (counts) this.loadWord(code, JIT_LEFT, this.left);
    if (!readsOnly) {
      for (let n = 0; n < 16; n++)
        if ((effects.general & (1 << n)) !== 0) {
          this.loadPair(code, n * 2, this.generalLocal(n));
          this.writtenGeneral |= 1 << n;
          this.root[n] = ++this.rootCount;
          this.rootOffset[n] = 0;
        }
      this.loadRegisters(code, 0, xmm);
      this.vectors.written |= xmm;
      for (let n = 0; n < 16; n++) if ((xmm & (1 << n)) !== 0) this.vectors.plain[n] = 0;
      if (i.row.flagsWritten !== undefined) {
        this.loadWord(code, FLAGS, this.flagWord);
        this.setFlagBits();
      }
    }
    // A fault, or something that ends the run: the engine knows what.
    if (this.usesFlags) {
      code.get(status);
      code.op(Op.if);
      code.op(NO_RESULT);
      this.fixKinds(this.kind);
      code.get(status);
      code.br(this.leaveDepth + 1);
      code.op(Op.end);
    } else {
      code.get(status);
      code.get(status);
      code.brIf(this.leaveDepth);
      code.op(Op.drop);
    }
  }

  // ------------------------------------------------------------------------------------------------ blocks

  private beginBlock(instructions: readonly Instruction[], plan: BlockPlan | null, kind: number): void {
    this.blockCode = instructions;
    this.plan = plan;
    this.nextAccess = 0;
    this.kind = kind;
    this.previousKind = KIND_DYNAMIC;
    this.vectors.beginBlock();
    this.floatChecked = false;
    this.flagsWritten = false;
    this.materializedLast = false;
    for (let n = 0; n < 16; n++) {
      this.root[n] = n;
      this.rootOffset[n] = 0;
    }
    this.rootCount = 16;
  }

  /** The first pass over a block that begins with this kind of flags. `emit` translates all its instructions, the jump at its end included. */
  planBlock(instructions: readonly Instruction[], kind: number, emit: () => void): BlockPlan {
    const start = this.code.length;
    const exits = this.exits.length;
    this.beginBlock(instructions, null, kind);
    this.records = [];
    this.exitsAt = instructions.map(() => false);
    emit();
    this.endBlock();
    this.code.length = start;
    this.exits.length = exits;
    const mayExit = this.exitsAt.slice();
    const { groups, first } = this.groupAccesses(instructions);
    this.records.forEach((record, n) => {
      if (first[n]) mayExit[record.instruction] = true;
    });
    return {
      accesses: groups,
      mayExit,
      flagsOut: this.flagsWritten ? this.kind : null,
      flagsDepend: this.materializedLast,
    };
  }

  private groupAccesses(instructions: readonly Instruction[]): { groups: AccessGroup[]; first: boolean[] } {
    const open = new Map<string, AccessGroup>();
    const groups: AccessGroup[] = [];
    const first: boolean[] = [];
    for (const { key, displacement, size, write, instruction } of this.records) {
      const i = instructions[instruction];
      const alone = key === '' || this.options.ungrouped.has(addressKey(i.ripLow, i.ripHigh));
      const known = alone ? undefined : open.get(key);
      const low = known === undefined ? displacement : Math.min(known.low, displacement);
      const high = known === undefined ? displacement + size : Math.max(known.high, displacement + size);
      if (known !== undefined && high - low <= GROUP_SPAN) {
        known.low = low;
        known.high = high;
        known.write ||= write;
        groups.push(known);
        first.push(false);
      } else {
        const group = { low: displacement, high: displacement + size, write, host: -1 };
        if (!alone) open.set(key, group);
        groups.push(group);
        first.push(true);
      }
    }
    return { groups, first };
  }

  /** The second pass: starts a block whose flags at the start have kind `kind`. */
  startBlock(instructions: readonly Instruction[], plan: BlockPlan, kind: number): void {
    for (const group of plan.accesses) group.host = -1;
    this.exitsAt = [];
    this.beginBlock(instructions, plan, kind);
  }
  /** The instruction at `index` of the block is translated next. */
  startInstruction(index: number): Instruction {
    this.giveBack(this.instructionTemporaries);
    this.index = index;
    this.firstAccess = this.nextAccess;
    return this.blockCode[index];
  }
  endBlock(): void {
    this.giveBack(this.instructionTemporaries);
    this.giveBack(this.blockTemporaries);
  }

  /** Locals of the batches. */
  get batchLocals(): BatchLocals {
    this.lazyBatchLocals ??= newBatchLocals(this);
    return this.lazyBatchLocals;
  }
  /** The memory access with this number needs no look-up any more. */
  isLookedUp(access: number): boolean {
    return (this.plan?.accesses[access]?.host ?? -1) >= 0;
  }
  /** Translates instructions of the block again, on another way to the present place; their accesses begin with number `access`. */
  replay(access: number, emit: () => void): void {
    const { index, nextAccess, firstAccess } = this;
    const temporaries = this.detachTemporaries();
    this.nextAccess = access;
    emit();
    this.endBlock();
    this.attachTemporaries(temporaries);
    this.index = index;
    this.nextAccess = nextAccess;
    this.firstAccess = firstAccess;
  }

  /** Takes the temporaries in use out of reach of blocks that are translated in between. */
  detachTemporaries(): readonly { type: ValueType; local: number }[] {
    const inUse = [...this.instructionTemporaries, ...this.blockTemporaries];
    this.instructionTemporaries = [];
    this.blockTemporaries = [];
    return inUse;
  }
  attachTemporaries(inUse: readonly { type: ValueType; local: number }[]): void {
    this.blockTemporaries = [...inUse];
  }

  // -------------------------------------------------------------------------------- entry and exit of the function

  /** Code that fills the locals; written after the rest is known. */
  prologue(): Code {
    const target = new Code();
    this.loadWord(target, JIT_LEFT, this.left);
    if (this.usesFs) this.loadPair(target, FS_BASE, this.fsBase);
    if (this.usesGs) this.loadPair(target, GS_BASE, this.gsBase);
    for (let n = 0; n < 16; n++) if (this.general[n] >= 0) this.loadPair(target, n * 2, this.general[n]);
    this.vectors.loadUsed(target, (word) => this.stateOffset(word));
    for (const [bytes, local] of this.constants) {
      target.simd(0x0c);
      for (const byte of bytes.split(',')) target.op(Number(byte));
      target.set(local);
    }
    if (this.usesFlags) {
      this.loadPair(target, LAZY_A_LOW, this.flagA);
      this.loadPair(target, LAZY_B_LOW, this.flagB);
      this.loadWord(target, FLAGS, this.flagWord);
      this.loadWord(target, LAZY_KIND, this.flagKindLocal);
      if (this.usesPrevious) {
        this.loadPair(target, JIT_PREVIOUS_A, this.previousA);
        this.loadPair(target, JIT_PREVIOUS_B, this.previousB);
        this.loadWord(target, JIT_PREVIOUS_KIND, this.previousKindLocal);
      }
    }
    return target;
  }

  /** Stores what the function may have changed. */
  epilogue(): void {
    this.storeWord(JIT_LEFT, () => this.code.get(this.left));
    this.storeRegisters(this.writtenGeneral, 0);
    this.vectors.storeChanged((word) => this.stateOffset(word));
    if (this.usesFlags) {
      this.kind = KIND_DYNAMIC;
      this.previousKind = KIND_DYNAMIC;
      this.storeFlags();
    }
  }
}

/** The instruction sets all six flags whatever its operands are. */
function writesAllFlags(i: Instruction): boolean {
  const { row } = i;
  if (row.flagsWritten === undefined) return false;
  const covered = row.flagsWritten + (row.flagsUndefined ?? '');
  for (const flag of 'cpazso') if (!covered.includes(flag)) return false;
  switch (row.operation) {
    // A count of 0 leaves the flags alone.
    case 'shl':
    case 'shr':
    case 'sar':
      return (
        row.operands[1] === '1' || (row.operands[1] === 'Ib' && (i.immediateLow & (i.width === 8 ? 63 : 31)) !== 0)
      );
    case 'shld':
    case 'shrd':
      return false;
    default:
      return true;
  }
}
