// Handlers of the hot forms of arithmetic.ts.

import type { Handler, Instruction } from '../decode/instruction.ts';

/** The special handler of an instruction, undefined if the general one serves. */
export function arithmeticFast(_instruction: Instruction): Handler | undefined {
  return undefined;
}
