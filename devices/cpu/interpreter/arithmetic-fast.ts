// Picks the generated handlers of hot forms (build/generate/cpu-fast-handlers.mjs); what has none goes the general way.

import type { Handler, Instruction } from '../decode/instruction.ts';
import { addHandlers } from './generated/add.ts';
import { andHandlers } from './generated/and.ts';
import { cmpHandlers } from './generated/cmp.ts';
import { orHandlers } from './generated/or.ts';
import { shiftHandlers } from './generated/shift.ts';
import { subHandlers } from './generated/sub.ts';
import { testHandlers } from './generated/test.ts';
import { unaryHandlers } from './generated/unary.ts';
import { xorHandlers } from './generated/xor.ts';

type Table = { readonly [form: string]: Handler };

const binaryTables: { readonly [operation: string]: Table } = {
  add: addHandlers,
  sub: subHandlers,
  and: andHandlers,
  or: orHandlers,
  xor: xorHandlers,
  cmp: cmpHandlers,
  test: testHandlers,
};

/** The special handler of an instruction, undefined if the general one serves. */
export function arithmeticFast(i: Instruction): Handler | undefined {
  const operation = i.row.operation;
  if (operation === 'inc' || operation === 'dec')
    return unaryHandlers[`${operation}${i.memory ? 'Memory' : 'Register'}${i.width}`];
  const table = binaryTables[operation];
  if (table === undefined) return undefined;
  const [first, second] = i.row.operands;
  if (first === 'AL' || first === 'rAX') return table[`accumulatorImmediate${i.width}`];
  if (first[0] !== 'E' && first[0] !== 'G') return undefined;
  let form: string;
  if (first[0] === 'G') form = i.memory ? 'registerMemory' : 'reversed';
  else if (second[0] === 'I') form = i.memory ? 'memoryImmediate' : 'registerImmediate';
  else form = i.memory ? 'memoryRegister' : 'registerRegister';
  return table[`${form}${i.width}`];
}

/** SHL, SHR, SAR of a 32- or 64-bit register, ROL, ROR of a 32-bit one, by a constant that is not 0. */
export function shiftFast(i: Instruction): Handler | undefined {
  if (i.memory || i.width < 4 || i.row.operands[1] !== 'Ib') return undefined;
  const count = i.immediateLow & (i.width === 8 ? 63 : 31);
  if (count === 0) return undefined;
  return shiftHandlers[`${i.row.operation}${i.width}${count >= 32 ? 'big' : ''}`];
}
