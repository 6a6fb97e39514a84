// Which handler executes an instruction. Instructions of one shape share it: the same row of the table, the same operand size and kind
// of operands, whatever the registers, the displacement and, mostly, the immediate. Handlers are translated when their shape is first
// met, and compiled a few together; until then, and for what has no emitter, the interpreter executes the instruction.
//
//   Instruction ─► shape (row, bits) ─► number of the handler, what is known of the flags afterwards

import { HOST_AREA_BYTES } from '../../base/physical-memory.ts';
import { type Handler, Instruction } from '../decode/instruction.ts';
import { emitters } from '../jit/compiler.ts';
import { regionImports } from '../jit/dispatcher.ts';
import { moveStack, pushJumpCondition, pushNotCanonical, pushReturnAddress } from '../jit/emit-jumps.ts';
import { emitRepeated, emitStringOnce, repeatsInline } from '../jit/emit-strings.ts';
import { x87Emitters } from '../jit/emit-x87.ts';
import { KIND_DYNAMIC } from '../jit/flag-kinds.ts';
import { JIT_LEFT, MAXIMUM_HANDLERS, THREADED_COUNT } from '../jit/layout.ts';
import { RSP } from '../jit/place.ts';
import { Ending, endingOf } from '../jit/region.ts';
import { encodeModule, type FunctionBody, I32, I64, MEMORY_PAGE_BYTES, NO_RESULT, Op } from '../jit/wasm.ts';
import { FS_BASE, GS_BASE, RIP_LOW, ZERO } from '../state-layout.ts';
import type { InstructionRow } from '../table/row.ts';
import { HandlerTranslator, NOT_DONE, SLOT_BASE, SLOT_INDEX, SLOT_REG, SLOT_RM } from './handler-translator.ts';
import { RECORD_DISPLACEMENT, RECORD_IMMEDIATE, RECORD_RIP, RECORD_TARGETS, TARGETS } from './layout.ts';

export interface Shape {
  /** Number of the handler; 0 = the interpreter executes it. */
  readonly handler: number;
  /** Kind of the flags afterwards; null: as before. */
  readonly kindAfter: number | null;
  /** ModRM.reg, ModRM.rm are 8-bit registers. */
  readonly byteReg: boolean;
  readonly byteRm: boolean;
  /** The record has room for targets of an indirect jump. */
  readonly notesTargets: boolean;
}

/** The handler that does nothing and says so; the one at the end of a block that goes on: RIP becomes the immediate. */
export const INTERPRET = 0;
export const GO_ON = 1;
const interpreted: Shape = {
  handler: INTERPRET,
  kindAfter: KIND_DYNAMIC,
  byteReg: false,
  byteRm: false,
  notesTargets: false,
};

/** Operations whose emitters take the immediate as a value; for others it is part of the shape. */
const immediateIsValue = new Set(
  'add or adc sbb and sub xor cmp test mov imul3 push ret jcc jmp call loop loope loopne jrcxz'.split(' '),
);
/** Registers of these operands have other places than the record can name. */
const isForeign = (form: string): boolean =>
  ('PQNSCDXY'.includes(form[0]) && !stringForms.has(form)) || form.startsWith('ST');
const stringForms = new Set(['Xb', 'Xv', 'Yb', 'Yv']);

/** What is asked of a row, found once. */
class RowShapes {
  readonly shapes = new Map<number, Shape>();
  readonly possible: boolean;
  /** ModRM.reg, ModRM.rm as 8-bit registers. */
  readonly byteReg: boolean;
  readonly byteRm: boolean;
  readonly immediateInShape: boolean;
  readonly isString: boolean;
  /** What the handler does depends on what is known of the flags. */
  readonly looksAtFlags: boolean;

  constructor(row: InstructionRow) {
    this.byteReg = row.operands.includes('Gb');
    this.byteRm = row.operands.some((form) => form === 'Eb' || form === 'Zb');
    const immediate = row.operands.find((form) => form[0] === 'I');
    this.immediateInShape = immediate !== undefined && !immediateIsValue.has(row.operation);
    this.possible =
      !Object.hasOwn(x87Emitters, row.operation) &&
      !row.operands.some(isForeign) &&
      (!this.immediateInShape || immediate === 'Ib');
    this.isString = row.operands.some((form) => stringForms.has(form));
    this.looksAtFlags =
      (row.flagsRead !== undefined && row.flagsRead !== 'd') ||
      (row.flagsWritten !== undefined &&
        (row.operands.includes('CL') ||
          [...'cpazso'].some((flag) => !`${row.flagsWritten}${row.flagsUndefined ?? ''}`.includes(flag)) ||
          row.operation.startsWith('ro')));
  }
}

const never: Handler = () => {
  throw new Error('cpu: a shape is no instruction');
};
const widthBits = [0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0];

interface HandlerModule {
  /** Number of its first handler. */
  readonly first: number;
  readonly count: number;
  readonly module: WebAssembly.Module;
}

/** The shapes and handlers for memories of one size (the handlers know where the host area is). */
export class ShapeLibrary {
  /** Bodies that are not in a module yet, in the order of their numbers. */
  private pending: FunctionBody[] = [];
  private readonly modules: HandlerModule[] = [];
  /** Handlers that the WebAssembly engine did not take. */
  refused = 0;
  /** Handlers that have a number. */
  count = 0;
  private readonly rows = new Map<InstructionRow, RowShapes>();
  private readonly hostArea: number;
  private readonly memoryPages: number;

  constructor(hostArea: number) {
    this.hostArea = hostArea;
    this.memoryPages = (hostArea + HOST_AREA_BYTES) / MEMORY_PAGE_BYTES;
    this.add((t) => t.code.br(t.leaveDepth), NOT_DONE);
    this.add((t) => {
      t.code.i32(0);
      t.pushRecordPair(RECORD_IMMEDIATE);
      t.storePushedPair(RIP_LOW);
    });
    this.compile();
  }

  get waiting(): number {
    return this.pending.length;
  }
  /** Modules of compiled handlers, the first ones first. */
  get compiled(): readonly HandlerModule[] {
    return this.modules;
  }

  /** Compiles the handlers that wait. */
  compile(): void {
    if (this.pending.length === 0) return;
    this.addModule(this.count - this.pending.length, this.pending);
    this.pending = [];
  }
  private addModule(first: number, functions: readonly FunctionBody[]): void {
    const bytes = encodeModule({
      memoryPages: this.memoryPages,
      tableSize: 0,
      imports: regionImports,
      type: { parameters: [I32], results: [I32] },
      functions,
    });
    try {
      this.modules.push({ first, count: functions.length, module: new WebAssembly.Module(bytes) });
    } catch (error) {
      // A mistake in one handler must not take the guest down: its instructions stay with the interpreter, and it is counted.
      if ((error as Error).name !== 'CompileError') throw error;
      if (functions.length === 1) this.refused++;
      else functions.forEach((body, n) => this.addModule(first + n, [body]));
    }
  }

  private add(emit: (t: HandlerTranslator) => void, answer = 0): void {
    const t = new HandlerTranslator(this.hostArea, KIND_DYNAMIC);
    if (answer !== 0) t.code.i32(answer);
    emit(t);
    this.pending.push(t.finish());
    this.count++;
  }

  /** The shape of an instruction that is reached with flags of this kind. */
  shapeOf(i: Instruction, kind: number): Shape {
    let row = this.rows.get(i.row);
    if (row === undefined) {
      row = new RowShapes(i.row);
      this.rows.set(i.row, row);
    }
    if (!row.possible) return interpreted;
    // The one-byte NOP is an exchange of RAX with itself.
    const literalRm = i.row.operands[0] === 'Zv' && i.row.operation === 'xchg' && i.rm === 0;
    const segment = i.segment === FS_BASE ? 1 : i.segment === GS_BASE ? 2 : 0;
    const key =
      widthBits[i.width] |
      (i.memory ? 4 : 0) |
      (i.base !== ZERO ? 8 : 0) |
      (i.addressIndex !== ZERO ? 0x10 : 0) |
      (segment << 5) |
      (i.address32 ? 0x80 : 0) |
      (row.byteReg ? (i.regByte & 1) << 8 : 0) |
      (row.byteRm ? (i.rmByte & 1) << 9 : 0) |
      (isSameRegister(row, i) ? 0x400 : 0) |
      (i.rexW ? 0x800 : 0) |
      (literalRm ? 0x1000 : 0) |
      (row.looksAtFlags ? (kind + 1) << 13 : 0) |
      (row.immediateInShape ? (i.immediateLow & 0xff) << 20 : 0) |
      (row.isString && i.repeat !== 0 ? 0x1000_0000 : 0);
    let shape = row.shapes.get(key);
    if (shape === undefined) {
      shape = this.translate(row, i, literalRm, row.looksAtFlags ? kind : KIND_DYNAMIC);
      row.shapes.set(key, shape);
    }
    return shape;
  }

  private translate(row: RowShapes, like: Instruction, literalRm: boolean, kind: number): Shape {
    if (this.count >= MAXIMUM_HANDLERS) return interpreted;
    const i = symbolic(row, like, literalRm);
    const t = new HandlerTranslator(this.hostArea, kind);
    const ending = endingOf(like);
    if (ending === Ending.leave) return interpreted;
    if (ending === Ending.counting) {
      if (!emitString(t, i)) return interpreted;
    } else if (ending !== Ending.fallThrough) emitJump(t, ending, i);
    else if (emitters.get(i.row.operation)?.(t, i) !== true) return interpreted;
    this.pending.push(t.finish());
    return {
      handler: this.count++,
      kindAfter: t.kindAfter,
      byteReg: row.byteReg,
      byteRm: row.byteRm,
      notesTargets: ending === Ending.indirect,
    };
  }
}

/** Both operands are one register. (CH has the number of RBP.) */
function isSameRegister(row: RowShapes, i: Instruction): boolean {
  const highByte = (row.byteReg && (i.regByte & 1) !== 0) || (row.byteRm && (i.rmByte & 1) !== 0);
  return !i.memory && i.reg === i.rm && !highByte;
}

/** An instruction of the same shape whose registers are the slots of the record. */
function symbolic(row: RowShapes, like: Instruction, literalRm: boolean): Instruction {
  const i = new Instruction(like.row, never);
  i.parameter = like.parameter;
  i.width = like.width;
  i.rexW = like.rexW;
  i.repeat = like.repeat;
  i.address32 = like.address32;
  i.memory = like.memory;
  i.reg = isSameRegister(row, like) ? SLOT_RM : SLOT_REG;
  i.rm = literalRm ? like.rm : SLOT_RM;
  i.regByte = i.reg * 8 + (row.byteReg ? like.regByte & 1 : 0);
  i.rmByte = i.rm * 8 + (row.byteRm ? like.rmByte & 1 : 0);
  if (like.base !== ZERO) i.base = SLOT_BASE * 2;
  if (like.addressIndex !== ZERO) i.addressIndex = SLOT_INDEX * 2;
  i.segment = like.segment;
  i.simpleAddress = like.simpleAddress;
  if (row.immediateInShape) {
    i.immediateLow = like.immediateLow;
    i.immediateHigh = like.immediateHigh;
  }
  return i;
}

/** MOVS, STOS, LODS at the end of a block; false if the interpreter has to execute it. */
function emitString(t: HandlerTranslator, i: Instruction): boolean {
  const { code } = t;
  if (i.repeat === 0) {
    if (!emitStringOnce(t, i)) return false;
  } else {
    if (!repeatsInline(i)) return false;
    const before = t.temporary(I32);
    const storeCount = (): void => {
      t.storeWord(THREADED_COUNT, () => {
        t.pushWord(THREADED_COUNT);
        code.get(before);
        code.op(Op.i32Add);
        code.get(t.left);
        code.op(Op.i32Sub);
      });
      t.storeWord(JIT_LEFT, () => code.get(t.left));
    };
    t.loadWord(code, JIT_LEFT, t.left);
    code.get(t.left);
    code.set(before);
    emitRepeated(t, i, () => {
      // The interpreter goes on, unless all instructions of the run are used up: then RIP stays here.
      code.get(t.left);
      code.i32(0);
      code.op(Op.i32LtS);
      code.op(Op.if);
      code.op(NO_RESULT);
      code.i32(0);
      code.set(t.left);
      storeCount();
      t.storeWord(RIP_LOW, () => t.pushRecordWord(RECORD_RIP));
      code.i32(0);
      code.br(t.leaveDepth + 1);
      code.op(Op.end);
      storeCount();
      code.i32(NOT_DONE);
      code.br(t.leaveDepth);
    });
    storeCount();
  }
  code.i32(0);
  t.pushRecordPair(RECORD_DISPLACEMENT);
  t.storePushedPair(RIP_LOW);
  return true;
}

/** Everything that changes RIP: the new one is stored last. */
function emitJump(t: HandlerTranslator, ending: Ending, i: Instruction): void {
  const { code } = t;
  const operation = i.row.operation;
  if (ending === Ending.indirect) {
    emitIndirectJump(t, i, operation);
    return;
  }
  if (ending === Ending.call) pushReturnAddress(t, () => t.pushRecordPair(RECORD_DISPLACEMENT));
  code.i32(0);
  t.pushRecordPair(RECORD_IMMEDIATE);
  if (ending === Ending.conditional) {
    t.pushRecordPair(RECORD_DISPLACEMENT);
    pushJumpCondition(t, i);
    code.op(Op.select);
  }
  t.storePushedPair(RIP_LOW);
}

function emitIndirectJump(t: HandlerTranslator, i: Instruction, operation: string): void {
  const { code } = t;
  const target = t.temporary(I64);
  if (operation === 'ret') t.loadRaw(8, t.accessRegister(RSP, 0, 8, false));
  else if (i.memory) t.loadRaw(8, t.access(i, 8, false));
  else t.getGeneral(i.rm);
  code.set(target);
  code.i32(NOT_DONE);
  pushNotCanonical(t, target);
  t.exitIf();
  if (operation === 'ret') {
    t.getGeneral(RSP);
    t.pushRecordPair(RECORD_IMMEDIATE);
    code.op(Op.i64Add);
    t.setGeneral(RSP);
    moveStack(t, 8);
  } else if (operation === 'callIndirect') pushReturnAddress(t, () => t.pushRecordPair(RECORD_IMMEDIATE));
  t.storeRecordPair(
    RECORD_TARGETS,
    () => {
      code.get(target);
      code.i64(4);
      code.op(Op.i64ShrU);
      code.get(target);
      code.op(Op.i64Xor);
      code.op(Op.i32WrapI64);
      code.i32(TARGETS - 1);
      code.op(Op.i32And);
      code.i32(3);
      code.op(Op.i32Shl);
    },
    target,
  );
  code.i32(0);
  code.get(target);
  t.storePushedPair(RIP_LOW);
}
