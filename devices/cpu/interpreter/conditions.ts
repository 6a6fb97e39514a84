// Jcc, one handler per condition code: the condition is a constant in each.

import type { Handler, Instruction } from '../decode/instruction.ts';
import { RIP_HIGH, RIP_LOW } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { carry, overflow, sign, testCondition, zero } from './flags.ts';

function go(core: CpuCore, i: Instruction, taken: boolean): void {
  const w = core.words;
  if (taken) {
    w[RIP_LOW] = i.immediateLow;
    w[RIP_HIGH] = i.immediateHigh;
  } else {
    w[RIP_LOW] = i.nextLow;
    w[RIP_HIGH] = i.nextHigh;
  }
}

export const conditionHandlers: readonly Handler[] = [
  (core, i) => go(core, i, overflow(core)),
  (core, i) => go(core, i, !overflow(core)),
  (core, i) => go(core, i, carry(core) !== 0),
  (core, i) => go(core, i, carry(core) === 0),
  (core, i) => go(core, i, zero(core)),
  (core, i) => go(core, i, !zero(core)),
  (core, i) => go(core, i, zero(core) || carry(core) !== 0),
  (core, i) => go(core, i, !zero(core) && carry(core) === 0),
  (core, i) => go(core, i, sign(core)),
  (core, i) => go(core, i, !sign(core)),
  (core, i) => go(core, i, testCondition(core, 10)),
  (core, i) => go(core, i, testCondition(core, 11)),
  (core, i) => go(core, i, sign(core) !== overflow(core)),
  (core, i) => go(core, i, sign(core) === overflow(core)),
  (core, i) => go(core, i, zero(core) || sign(core) !== overflow(core)),
  (core, i) => go(core, i, !zero(core) && sign(core) === overflow(core)),
];
