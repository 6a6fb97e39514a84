// From x86 instructions to WebAssembly: the state of one translation, registers, memory, flags and exits. What each instruction
// does is in emit-*.ts; how blocks are nested in compiler.ts. The translator is built up in layers, each extending the one before:
//
//   locals.ts ◄ registers.ts ◄ flag-code.ts ◄ exits.ts ◄ accesses.ts ◄ pages.ts ◄ translator.ts (calls of handlers, blocks, entry and exit)
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
import { FLAGS, FS_BASE, GS_BASE, MXCSR } from '../state-layout.ts';
import type { BlockPlan } from './accesses.ts';
import { type RegisterEffects, registerEffects } from './effects.ts';
import { type FlagState, HELPER_COUNTING, HELPER_EXECUTE, UNKNOWN_FLAGS } from './flag-code.ts';
import { type BatchLocals, newBatchLocals } from './float-batch.ts';
import { JIT_LEFT } from './layout.ts';
import { Pages } from './pages.ts';
import { Code, I32, NO_RESULT, Op } from './wasm.ts';
import { X87Stack } from './x87-stack.ts';

export type { BlockPlan, MemoryReference, TranslatorOptions } from './accesses.ts';
export type { ExitRecord } from './exits.ts';

export class Translator extends Pages {
  readonly x87 = new X87Stack(this);
  private callsHandler = false;
  private lazyBatchLocals: BatchLocals | null = null;

  protected override get pendingX87(): Instruction | null {
    return this.x87.pending;
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

  /** Hands the current instruction to the interpreter's handler, and goes on after it. `counts`: the handler counts in LEFT. */
  callInterpreter(i: Instruction, counts = false): void {
    const { code } = this;
    // The kernel sees all registers.
    const system = i.row.operation === 'syscall';
    const effects = system ? this.allInUse() : registerEffects(i);
    const writesFlags = system || i.row.flagsWritten !== undefined;
    const touchesFlags = writesFlags || i.row.flagsRead !== undefined;
    const xmm = effects.xmm;
    const readsOnly = effects.readsOnly && !touchesFlags;
    this.vectors.mergeAll();
    const number = this.exitNumber();
    this.exitsAt[this.index] = true;
    this.callsHandler = true;
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
    this.x87.flush();
    this.x87.store();
    code.i32(number);
    code.call(counts ? HELPER_COUNTING : HELPER_EXECUTE);
    const status = this.temporary(I32);
    code.set(status);
    if (counts) this.loadWord(code, JIT_LEFT, this.left);
    this.x87.load(code);
    this.x87.forget();
    if (!readsOnly) {
      for (let n = 0; n < 16; n++)
        if ((effects.general & (1 << n)) !== 0) {
          this.beforeWrite(n, null);
          this.loadPair(code, n * 2, this.generalLocal(n));
          this.forgetGeneral(n);
        }
      this.loadRegisters(code, 0, xmm);
      this.vectors.written |= xmm;
      for (let n = 0; n < 16; n++) if ((xmm & (1 << n)) !== 0) this.vectors.plain[n] = 0;
      if (system) this.loadBases(code);
      if (writesFlags) {
        this.loadWord(code, FLAGS, this.flagWord);
        this.setFlagBits();
      }
    }
    // A fault, or something that ends the run: the engine knows what.
    if (this.usesFlags) {
      code.get(status);
      code.op(Op.if);
      code.op(NO_RESULT);
      this.fixFlags();
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

  private beginBlock(instructions: readonly Instruction[], plan: BlockPlan | null, flags: FlagState): void {
    this.blockCode = instructions;
    this.plan = plan;
    this.nextAccess = 0;
    this.floatChecked = false;
    this.x87.forget();
    this.startFlags(flags);
    this.forgetRegisters();
  }

  /** The first pass over a block that begins with these flags. `emit` translates all its instructions, the jump at its end included. */
  planBlock(instructions: readonly Instruction[], flags: FlagState, emit: () => void): BlockPlan {
    const start = this.code.length;
    const exits = this.exits.length;
    this.beginBlock(instructions, null, flags);
    this.records = [];
    this.callsHandler = false;
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
      callsHandler: this.callsHandler,
      mayExit,
      flagsOut: this.flagsWritten ? this.flagState : null,
      moves: Array.from(this.root, (root, n) => (root === n ? this.rootOffset[n] : null)),
      flagsDepend: this.materializedLast,
    };
  }

  /** The second pass: starts a block that begins with `flags`. */
  startBlock(instructions: readonly Instruction[], plan: BlockPlan, flags: FlagState): void {
    for (const group of plan.accesses) group.host = -1;
    this.exitsAt = [];
    this.beginBlock(instructions, plan, flags);
  }
  /** The instruction at `index` of the block is translated next. */
  startInstruction(index: number): Instruction {
    this.endInstruction();
    this.index = index;
    this.firstAccess = this.nextAccess;
    return this.blockCode[index];
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

  // -------------------------------------------------------------------------------- entry and exit of the function

  /** Code that fills the locals; written after the rest is known. */
  prologue(): Code {
    const target = new Code();
    this.loadWord(target, JIT_LEFT, this.left);
    this.loadBases(target);
    for (let n = 0; n < 16; n++) if (this.general[n] >= 0) this.loadPair(target, n * 2, this.general[n]);
    this.vectors.loadUsed(target, (word) => this.stateOffset(word));
    this.x87.load(target);
    this.loadConstants(target);
    if (this.usesFloat) this.loadFloatMode(target);
    this.loadFlags(target);
    return target;
  }
  private loadBases(target: Code): void {
    if (this.usesFs) this.loadPair(target, FS_BASE, this.fsBase);
    if (this.usesGs) this.loadPair(target, GS_BASE, this.gsBase);
  }
  /** All registers that have locals; in the second pass those of the whole region. */
  private allInUse(): RegisterEffects {
    let general = 0;
    for (let n = 0; n < 16; n++) if (this.general[n] >= 0) general |= 1 << n;
    return { general, xmm: this.vectors.inUse, readsOnly: false };
  }
  protected loadConstants(target: Code): void {
    for (const [bytes, local] of this.constants) {
      target.simd(0x0c);
      for (const byte of bytes.split(',')) target.op(Number(byte));
      target.set(local);
    }
  }
  /** floatSlow = MXCSR is not "nearest, all masked, no DAZ, PE set". */
  protected loadFloatMode(target: Code): void {
    this.loadWord(target, MXCSR, this.floatSlow);
    target.get(this.floatSlow);
    target.i32(0x7fe0);
    target.op(Op.i32And);
    target.i32(0x1fa0);
    target.op(Op.i32Ne);
    target.set(this.floatSlow);
  }

  /** Stores the flags, where the exit does not say what they are. */
  storeFlagsAtExit(): void {
    if (!this.usesFlags) return;
    this.startFlags(UNKNOWN_FLAGS);
    this.storeFlags();
  }
  /** Stores what the function may have changed. */
  epilogue(): void {
    this.storeWord(JIT_LEFT, () => this.code.get(this.left));
    this.storeRegisters(this.writtenGeneral, 0);
    this.vectors.storeChanged((word) => this.stateOffset(word));
    this.x87.store();
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
