// Picks the generated handlers of hot moves (build/generate/cpu-fast-handlers.mjs); what has none goes the general way.

import type { Handler, Instruction } from '../decode/instruction.ts';
import { moveHandlers } from './generated/move.ts';

const extensions: { readonly [operation: string]: string } = {
  movzx8: 'zeroByte',
  movzx16: 'zeroWord',
  movsx8: 'signByte',
  movsx16: 'signWord',
  movsxd: 'signDouble',
};

/** The special handler of an instruction, undefined if the general one serves. */
export function movesFast(i: Instruction): Handler | undefined {
  const operation = i.row.operation;
  const extension = extensions[operation];
  if (extension !== undefined) return moveHandlers[`${extension}${i.memory ? 'Memory' : 'Register'}${i.width}`];
  const [first, second] = i.row.operands;
  switch (operation) {
    case 'mov':
      if (second[0] === 'I') return moveHandlers[`${i.memory ? 'storeImmediate' : 'moveImmediate'}${i.width}`];
      if (first[0] === 'G') return moveHandlers[`${i.memory ? 'load' : 'moveRegisterRm'}${i.width}`];
      if (first[0] === 'E') return moveHandlers[`${i.memory ? 'store' : 'moveRmRegister'}${i.width}`];
      return undefined;
    case 'lea':
      return moveHandlers[`address${i.simpleAddress && i.width === 8 ? 'Simple' : ''}${i.width}`];
    case 'push':
      if (first[0] === 'Z') return moveHandlers[`push${i.width}`];
      return first[0] === 'I' ? moveHandlers[`pushImmediate${i.width}`] : undefined;
    case 'pop':
      return i.memory ? undefined : moveHandlers[`pop${i.width}`];
    case 'setcc':
      return i.memory ? undefined : moveHandlers.setConditionRegister;
    case 'cmovcc':
      return i.memory ? undefined : moveHandlers[`conditionalRegister${i.width}`];
    default:
      return undefined;
  }
}
