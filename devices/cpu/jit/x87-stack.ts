// The x87 register stack in a region: TOP, status and tags in locals, the registers where they always are (state-layout.ts).
//
//   top      16 * TOP: what the places of the extended unit are counted in (../extended/operand.ts)
//   status   FSW without TOP
//   tags     FTW twice, rotated so that ST(0) has bits 0 and 1 (and 16 and 17): a push or a pop is a rotation by two
//
// What a block has found out holds to its end: which registers are in use, and that no unmasked exception is pending (no function
// of the unit raises one). FOP and FIP are stored at the end of a block; an exit before it says which instruction they belong to.

import type { Instruction } from '../decode/instruction.ts';
import { lastOpcode } from '../interpreter/x87-common.ts';
import { FIP, FOP, FSW, FTW, X87 } from '../state-layout.ts';
import type { Translator } from './translator.ts';
import { type Code, I32, I64, Op } from './wasm.ts';

const TOP_MASK = 0x3800;
const PENDING = 0x80;
const TAG_PAIR = 0x30003;

const UNKNOWN = 0;
const USED = 1;
const EMPTY = 2;

export class X87Stack {
  /** The region has x87 instructions of its own. */
  used = false;
  /** The last x87 instruction, whose FOP and FIP are not stored yet. */
  pending: Instruction | null = null;
  private readonly t: Translator;
  private readonly top: number;
  private readonly status: number;
  private readonly tags: number;
  /** By register, counted from ST(0) at the start of the block. */
  private readonly known = new Uint8Array(8);
  private moved = 0;
  private quiet = false;

  constructor(t: Translator) {
    this.t = t;
    this.top = t.newLocal(I32);
    this.status = t.newLocal(I32);
    this.tags = t.newLocal(I32);
  }

  /** At the start of a block, and wherever others may have changed the state. */
  forget(): void {
    this.known.fill(UNKNOWN);
    this.moved = 0;
    this.quiet = false;
    this.pending = null;
  }

  // ------------------------------------------------------------------------------------- state in memory and in locals

  load(target: Code): void {
    if (!this.used) return;
    this.t.loadWord(target, FSW, this.status);
    target.get(this.status);
    target.i32(7);
    target.op(Op.i32ShrU);
    target.i32(0x70);
    target.op(Op.i32And);
    target.set(this.top);
    target.get(this.status);
    target.i32(~TOP_MASK);
    target.op(Op.i32And);
    target.set(this.status);
    this.t.loadWord(target, FTW, this.tags);
    target.get(this.tags);
    target.i32(0x10001);
    target.op(Op.i32Mul);
    this.pushRotation(target);
    target.op(Op.i32Rotr);
    target.set(this.tags);
  }
  store(): void {
    if (!this.used) return;
    const { code } = this.t;
    this.t.storeWord(FSW, () => this.pushStatusWord());
    this.t.storeWord(FTW, () => {
      code.get(this.tags);
      this.pushRotation(code);
      code.op(Op.i32Rotl);
      code.i32(0xffff);
      code.op(Op.i32And);
    });
  }
  private pushRotation(target: Code): void {
    target.get(this.top);
    target.i32(3);
    target.op(Op.i32ShrU);
  }
  /** Pushes FSW. */
  pushStatusWord(): void {
    const { code } = this.t;
    code.get(this.status);
    code.get(this.top);
    code.i32(7);
    code.op(Op.i32Shl);
    code.op(Op.i32Or);
  }

  /** Stores FOP and FIP if they wait. */
  flush(): void {
    const i = this.pending;
    if (i === null) return;
    this.t.storeWord(FOP, () => this.t.code.i32(lastOpcode(i)));
    this.t.storeConstantPair(FIP, i.ripLow, i.ripHigh);
    this.pending = null;
  }
  /** The instruction is done: it is the last one now. `operand`: its address goes into FDP. */
  remember(i: Instruction, operand = false): void {
    if (operand) this.t.storeOperandAddress(i);
    this.pending = i;
  }

  // ------------------------------------------------------------------------------------------------------- checks

  /** Leaves the region if an unmasked exception is pending. */
  begin(): void {
    this.used = true;
    if (this.quiet) return;
    this.quiet = true;
    this.t.exitBegin();
    this.t.code.get(this.status);
    this.t.code.i32(PENDING);
    this.t.code.op(Op.i32And);
    this.t.exitIf();
  }
  requireUsed(index: number): void {
    this.require(index, USED);
  }
  /** There is room for a push. */
  requireRoom(): void {
    this.require(7, EMPTY);
  }
  private require(index: number, state: number): void {
    const at = (this.moved + index) & 7;
    if (this.known[at] === state) return;
    const { code } = this.t;
    this.t.exitBegin();
    code.get(this.tags);
    code.i32(3 << (index * 2));
    code.op(Op.i32And);
    if (state === EMPTY) code.op(Op.i32Eqz);
    this.t.exitIf();
    this.known[at] = state;
  }

  // ------------------------------------------------------------------------------------------------------ changes

  /** Pushes the place of ST(index). */
  pushPlace(index: number): void {
    const { code } = this.t;
    code.get(this.top);
    if (index === 0) return;
    code.i32(index * 16);
    code.op(Op.i32Add);
    code.i32(0x70);
    code.op(Op.i32And);
  }
  private rotate(distance: number): void {
    const { code } = this.t;
    this.pushPlace(distance & 7);
    code.set(this.top);
    this.moved = (this.moved + distance) & 7;
  }
  /** TOP moves down; the new ST(0) has been written (as ST(7)). */
  push(): void {
    const { code } = this.t;
    this.rotate(-1);
    code.get(this.tags);
    code.i32(2);
    code.op(Op.i32Rotl);
    code.i32(~TAG_PAIR);
    code.op(Op.i32And);
    code.set(this.tags);
    this.known[this.moved] = USED;
  }
  pop(): void {
    const { code } = this.t;
    this.known[this.moved] = EMPTY;
    code.get(this.tags);
    code.i32(TAG_PAIR);
    code.op(Op.i32Or);
    code.i32(2);
    code.op(Op.i32Rotr);
    code.set(this.tags);
    this.rotate(1);
  }
  /** FINCSTP and FDECSTP: only TOP moves. */
  turn(distance: 1 | -1): void {
    const { code } = this.t;
    code.get(this.tags);
    code.i32(2);
    code.op(distance === 1 ? Op.i32Rotr : Op.i32Rotl);
    code.set(this.tags);
    this.rotate(distance);
  }
  setUsed(index: number): void {
    const at = (this.moved + index) & 7;
    if (this.known[at] === USED) return;
    this.known[at] = USED;
    this.t.code.get(this.tags);
    this.t.code.i32(~(TAG_PAIR << (index * 2)));
    this.t.code.op(Op.i32And);
    this.t.code.set(this.tags);
  }
  setEmpty(index: number): void {
    this.known[(this.moved + index) & 7] = EMPTY;
    this.t.code.get(this.tags);
    this.t.code.i32(TAG_PAIR << (index * 2));
    this.t.code.op(Op.i32Or);
    this.t.code.set(this.tags);
  }

  /** Clears bits of the status word; then sets those that `push` pushes. */
  changeStatus(cleared: number, push?: () => void): void {
    const { code } = this.t;
    code.get(this.status);
    code.i32(~cleared);
    code.op(Op.i32And);
    if (push !== undefined) {
      push();
      code.op(Op.i32Or);
    }
    code.set(this.status);
  }
  pushStatus(): void {
    this.t.code.get(this.status);
  }

  // ------------------------------------------------------------------------------------------- values of registers

  /** The access to a register: its place is on the stack already. */
  registerMemory(opcode: number, offset: number): void {
    this.t.code.memory(opcode, this.t.stateOffset(X87) + offset);
  }
  /** ST(index) in locals: significand (i64), sign and exponent (i32). */
  read(index: number): { readonly significand: number; readonly signExponent: number } {
    const { t } = this;
    const significand = t.temporary(I64);
    const signExponent = t.temporary(I32);
    this.pushPlace(index);
    this.registerMemory(Op.i64Load, 0);
    t.code.set(significand);
    this.pushPlace(index);
    this.registerMemory(Op.i32Load16U, 8);
    t.code.set(signExponent);
    return { significand, signExponent };
  }
  /** Writes what two functions push into ST(index). */
  write(index: number, pushSignificand: () => void, pushSignExponent: () => void): void {
    this.pushPlace(index);
    pushSignificand();
    this.registerMemory(Op.i64Store, 0);
    this.pushPlace(index);
    pushSignExponent();
    this.registerMemory(Op.i32Store, 8);
  }
  copy(from: number, to: number): void {
    const { code } = this.t;
    const value = this.read(from);
    this.write(
      to,
      () => code.get(value.significand),
      () => code.get(value.signExponent),
    );
  }
}
