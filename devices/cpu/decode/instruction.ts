// One decoded instruction: the operands resolved as far as they can be before execution. Every instance has the same shape, so
// that handlers stay monomorphic. Created by the decoder only; immutable afterwards.

import type { CpuCore } from '../interpreter/core.ts';
import { VOID, ZERO } from '../state-layout.ts';
import type { InstructionRow } from '../table/row.ts';

/**
 * Executes one instruction. Contract:
 *  - all that can fault comes before the first change of state; faults are raised by core.raise*(), which throw;
 *  - RIP is not touched, unless the row has `endsBlock`: then the handler must set it (core.words[RIP_LOW/HIGH]), also when it
 *    simply goes on to instruction.nextLow/nextHigh (core.goNext(instruction)).
 */
export type Handler = (core: CpuCore, instruction: Instruction) => void;

/** Chosen once per decoded instruction: the handler for its width and operand kinds. */
export type HandlerSelector = (instruction: Instruction) => Handler;

export class Instruction {
  row: InstructionRow;
  execute: Handler;

  /** Virtual address of the instruction and of the next one. */
  ripLow = 0;
  ripHigh = 0;
  nextLow = 0;
  nextHigh = 0;
  /** Length in bytes. */
  length = 0;
  /** The row's parameter (a condition code), 0 if it has none. */
  parameter = 0;
  /** Position in its block; core.instructionCount + index = instructions retired before this one. */
  index = 0;

  /** Operand size in bytes: 1 for b forms, else 2, 4 or 8 by prefix and REX.W (for v, y, z forms), else that of the fixed form. */
  width = 4;
  rexW = false;
  hasRex = false;
  /** 66 prefix seen. */
  operandSizePrefix = false;
  /** 67 prefix seen: addresses are 32 bit. */
  address32 = false;
  lock = false;
  /** 0, 0xF2 or 0xF3. */
  repeat = 0;
  opcode = 0;
  modrm = 0;

  /** ModRM.rm names memory. */
  memory = false;
  /** Register number in ModRM.reg (0..15 with REX.R). */
  reg = 0;
  /** Register number in ModRM.rm (0..15 with REX.B) when not memory; for Z forms the register in the opcode. */
  rm = 0;
  /** Word index of those as general registers: 2 x number. */
  regWord = 0;
  rmWord = 0;
  /** Byte index of those as 8-bit registers (AH, CH, DH, BH without REX are byte 1 of register 0..3). */
  regByte = 0;
  rmByte = 0;

  /** Address = words[base] + words[addressIndex] << scale + displacement (+ segment base): word indices, ZERO if absent. */
  base: number = ZERO;
  addressIndex: number = ZERO;
  scale = 0;
  /** Signed displacement, or the whole address for RIP-relative and moffs forms. */
  displacementLow = 0;
  displacementHigh = 0;
  /** Word index of the segment base pair that is added: FS_BASE, GS_BASE or ZERO. */
  segment: number = ZERO;
  /** Neither index nor segment nor 67 prefix: address = base + displacement. */
  simpleAddress = true;
  /** A bad address raises #SS, not #GP (default segment SS). */
  stackSegment = false;

  /** Immediate, sign-extended to 64 bit; relative branches: the target's address. */
  immediateLow = 0;
  immediateHigh = 0;
  /** Second immediate (ENTER). */
  immediate2 = 0;

  constructor(row: InstructionRow, execute: Handler) {
    this.row = row;
    this.execute = execute;
    this.rmWord = VOID;
    this.regWord = VOID;
  }

  /** As new, for another decoding: all that the decoder does not always set. */
  reset(): void {
    this.address32 = false;
    this.lock = false;
    this.memory = false;
    this.reg = 0;
    this.rm = 0;
    this.regWord = VOID;
    this.rmWord = VOID;
    this.regByte = 0;
    this.rmByte = 0;
    this.base = ZERO;
    this.addressIndex = ZERO;
    this.scale = 0;
    this.displacementLow = 0;
    this.displacementHigh = 0;
    this.stackSegment = false;
    this.immediateLow = 0;
    this.immediateHigh = 0;
    this.immediate2 = 0;
  }
}
