// Where a region may be left, and the block and instruction being translated that an exit belongs to.

import type { Instruction } from '../decode/instruction.ts';
import type { Block } from '../interpreter/blocks.ts';
import { FlagCode } from './flag-code.ts';
import { isStepKind, KIND_BITS, KIND_DYNAMIC } from './flag-kinds.ts';
import type { FlagSource } from './flag-sources.ts';
import type { FloatBatch } from './float-batch.ts';
import type { SplitRegisters } from './vector-registers.ts';
import { I32, Op } from './wasm.ts';

/** Where compiled code may stop, and what the engine has to know there. */
export interface ExitRecord {
  readonly low: number;
  readonly high: number;
  /** Instructions of the block that were counted but did not run. */
  readonly uncounted: number;
  /** Kind of the flags in LAZY_A, LAZY_B, FLAGS; KIND_DYNAMIC: LAZY_KIND says it. */
  readonly kind: number;
  /** The operands of that kind are in registers, not in LAZY_A and LAZY_B. */
  readonly operands?: { readonly a: FlagSource; readonly b: FlagSource } | undefined;
  /** Likewise of the operation before; undefined as KIND_DYNAMIC. */
  readonly previousKind?: number;
  /** The instruction at the exit; null if the block ended before it. */
  readonly instruction: Instruction | null;
  /** FOP and FIP are to become those of this x87 instruction. */
  readonly lastX87: Instruction | null;
  /** XMM registers whose low lane is apart. */
  readonly split?: SplitRegisters | null;
  /** The exit is a look-up for several accesses at once. */
  readonly shared?: boolean;
  /** The exit is a look-up before a loop (pages.ts). */
  readonly beforeLoop?: boolean;
  /** The end of this block, an indirect jump, went where no edge leads; RIP is there already. */
  readonly indirect?: Block;
}

export class Exits extends FlagCode {
  readonly exits: ExitRecord[] = [];
  /** Instructions that may still run. */
  readonly left = this.newLocal(I32);
  /** Branch depth of the block that stores the flags and leaves the function; kept by the compiler as it nests. */
  leaveDepth = 0;
  /** The one around it leaves the flags out: for exits that say where the operands are. */
  private get leaveWithoutFlagsDepth(): number {
    return this.leaveDepth + 1;
  }
  /** Where the exit leads whose condition is being pushed. */
  private exitKeepsFlags = false;
  protected blockCode: readonly Instruction[] = [];
  protected index = 0;
  /** The block is the top of a loop, about to be entered: not counted yet. */
  protected beforeLoop = false;
  /** Per instruction of the block: it may leave. */
  protected exitsAt: boolean[] = [];
  /** i32: 1 while floating-point instructions must be left to the interpreter. */
  readonly floatSlow = this.newLocal(I32);
  usesFloat = false;
  /** Gathers the checks of float operations; null while planning. */
  batch: FloatBatch | null = null;
  protected floatChecked = false;

  /** A new exit at the current instruction, through leaveDepth unless `operands` are given. */
  protected exitNumber(shared = false, operands?: ExitRecord['operands']): number {
    this.batch?.beforeExit(this.index);
    const i = this.blockCode[this.index];
    return this.addExit({
      operands,
      shared,
      low: i.ripLow,
      high: i.ripHigh,
      uncounted: this.beforeLoop ? 0 : this.blockCode.length - this.index,
      beforeLoop: this.beforeLoop,
      kind: this.kind,
      previousKind: this.previousKind,
      instruction: i,
      lastX87: this.pendingX87,
      split: this.vectors.splitRegisters(),
    });
  }
  /** The last x87 instruction, whose FOP and FIP are not stored yet. */
  protected get pendingX87(): Instruction | null {
    return null;
  }
  addExit(record: ExitRecord): number {
    this.exits.push(record);
    return this.exits.length;
  }
  /** The number of an exit at the current instruction, for a branch that the caller writes. */
  exitHere(): number {
    this.exitsAt[this.index] = true;
    this.writeOperands();
    return this.exitNumber();
  }
  /** Before a condition is pushed: an exit at the current instruction. */
  exitBegin(shared = false): void {
    const { kind, a, b } = this.flagState;
    const known = kind !== KIND_DYNAMIC && kind !== KIND_BITS && !isStepKind(kind);
    const operands = known && a !== null && b !== null ? { a, b } : undefined;
    this.exitKeepsFlags = operands === undefined;
    if (this.exitKeepsFlags) this.writeOperands();
    this.code.i32(this.exitNumber(shared, operands));
  }
  /** After it: leaves if the condition on the stack is true. */
  exitIf(counts = true): void {
    if (counts) this.exitsAt[this.index] = true;
    this.code.brIf(this.exitKeepsFlags ? this.leaveDepth : this.leaveWithoutFlagsDepth);
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
}
