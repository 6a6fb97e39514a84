// Which rows of the instruction table compiled code executes itself: found by compiling an instruction of each row, so that the
// published list (docs/CPU-COVERAGE.md) cannot claim more than there is.

import { decode, MAXIMUM_LENGTH, NEED_MORE } from '../decode/decoder.ts';
import type { Instruction } from '../decode/instruction.ts';
import '../interpreter/all.ts';
import { selectorFor } from '../interpreter/registry.ts';
import type { InstructionRow } from '../table/row.ts';
import { emitsItself } from './compiler.ts';
import { isStringOnce } from './emit-strings.ts';
import { Ending, endingOf, isSetting } from './region.ts';

/** How an instruction is executed where the code around it is compiled. */
export const Execution = {
  compiled: 'compiled',
  /** Compiled code calls the interpreter's handler, and goes on. */
  called: 'by call',
  /** Compiled code ends before it. */
  left: 'interpreter',
} as const;
export type Execution = (typeof Execution)[keyof typeof Execution];

export interface Coverage {
  readonly interpreted: boolean;
  /** Undefined where the row has no such form. Rows without ModRM have a register form. */
  readonly register: Execution | undefined;
  readonly memory: Execution | undefined;
}

/** An instruction of the row, null if the row has no form of this kind. */
function sample(row: InstructionRow, memory: boolean): Instruction | null {
  const forms = row.operands.map((form) => form[0]);
  if (memory) {
    if (row.mod === 'register' || row.modrm !== true || !forms.some((letter) => 'EWQM'.includes(letter))) return null;
  } else if (row.mod === 'memory' || forms.includes('M')) return null;
  const start: number[] = [];
  if (row.prefix !== undefined && row.prefix !== 'none') start.push(Number.parseInt(row.prefix, 16));
  if (row.rexW === 1) start.push(0x48);
  if (row.map > 0) start.push(0x0f);
  if (row.map > 1) start.push(row.map === 2 ? 0x38 : 0x3a);
  // Register 1 where the opcode names one: 0 is the accumulator, and 90 is NOP.
  start.push(row.opcode | (forms.includes('Z') ? 1 : 0));
  // ModRM.rm is [RBX] or register 2; ModRM.reg is the first number that no other row claims. Immediates are 1: a count of 0 is no shift.
  const numbers = row.reg === undefined ? [1, 2, 3, 4, 5, 6, 7, 0] : [row.reg];
  for (const number of numbers) {
    const bytes = [...start];
    if (row.modrm === true) bytes.push((memory ? 3 : 0xc0 | (row.rm ?? 2)) | (number << 3));
    bytes.push(1);
    while (bytes.length < MAXIMUM_LENGTH) bytes.push(0);
    const instruction = decode(Uint8Array.from(bytes), 0, bytes.length, 0x1000, 0);
    if (instruction !== NEED_MORE && instruction.row === row) return instruction;
  }
  throw new Error(`cpu: no instruction found for ${row.operation} at ${row.opcode.toString(16)}`);
}

function executionOf(i: Instruction): Execution {
  if (isSetting(i)) return Execution.left;
  switch (endingOf(i)) {
    case Ending.leave:
      return Execution.left;
    case Ending.counting:
      return isStringOnce(i) ? Execution.compiled : Execution.called;
    case Ending.fallThrough:
      return emitsItself(i) ? Execution.compiled : Execution.called;
    default:
      return Execution.compiled;
  }
}

export function coverageOf(row: InstructionRow): Coverage {
  const interpreted = selectorFor(row.operation) !== undefined;
  const [register, memory] = [false, true].map((form) => {
    const instruction = sample(row, form);
    return instruction === null ? undefined : executionOf(instruction);
  });
  return { interpreted, register, memory };
}
