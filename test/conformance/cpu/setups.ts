// What stack and string instructions need in their registers, and what they will find on the stack.

import type { InstructionRow } from '../../../devices/cpu/table/row.ts';
import { type Setup, type VectorState, WINDOW_ADDRESS, WINDOW_BYTES } from './layout.ts';
import { chooseAddress, chooseBranchTarget } from './operands.ts';
import type { Random } from './values.ts';

/** Flags that POPF may find: those that are compared. TF and AC would act on the harness. */
const POPPED_FLAGS = 0xcd5;

function setAddress(state: VectorState, random: Random, register: number, address: number, address32: boolean): void {
  state.setGeneralNumber(register, address);
  if (address32) state.setGeneral(register, BigInt(address) | (BigInt(random.next()) << 32n));
}

export function stringSetup(address32: boolean): Setup {
  return (state, random) => {
    setAddress(state, random, 1, random.below(20), address32);
    for (const register of [6, 7])
      setAddress(state, random, register, chooseAddress(random, 40, 8) + (random.chance(50) ? 0 : 20), address32);
  };
}

/** RSP and RBP of an instruction that uses the stack; undefined for all others. */
export function stackSetup(row: InstructionRow): Setup | undefined {
  const { operation } = row;
  switch (operation) {
    case 'push':
    case 'pop':
    case 'call':
    case 'leave':
    case 'pushf':
    case 'callIndirect':
      return (state, random) => {
        for (const register of [4, 5]) state.setGeneralNumber(register, chooseAddress(random, 64, 8) + 64);
      };
    case 'enter':
      // It touches up to 264 bytes in an order of its own: where it faults is not compared.
      return (state, random) => {
        for (const register of [4, 5]) state.setGeneralNumber(register, WINDOW_ADDRESS + 384 + random.below(16) * 8);
      };
    case 'ret':
    case 'popf':
      return (state, random) => {
        const address = chooseAddress(random, 8, random.pick([1, 8]));
        state.setGeneralNumber(4, address);
        const offset = address - WINDOW_ADDRESS;
        if (offset < 0 || offset + 8 > WINDOW_BYTES) return;
        const value = operation === 'ret' ? chooseBranchTarget(random) : BigInt(random.next() & POPPED_FLAGS);
        state.view.setBigUint64(state.windowAt(offset), value, true);
      };
    default:
      return undefined;
  }
}
