// Handlers of the hot forms of moves.ts.

import type { Handler, Instruction } from '../decode/instruction.ts';

/** The special handler of an instruction, undefined if the general one serves. */
export function movesFast(_instruction: Instruction): Handler | undefined {
  return undefined;
}
