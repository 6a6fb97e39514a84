// Near jumps, calls, returns and loops (SDM vol. 2). Targets that are not canonical raise #GP(0) before anything changes.

import type { Handler, Instruction } from '../decode/instruction.ts';
import { HIGH, RIP_HIGH, RIP_LOW } from '../state-layout.ts';
import { RCX_WORD, readRm } from './access.ts';
import { conditionHandlers } from './conditions.ts';
import type { CpuCore } from './core.ts';
import { zero } from './flags.ts';
import { dropStack, peek, push } from './moves.ts';
import { registerHandlers } from './registry.ts';

function checkTarget(core: CpuCore, high: number): void {
  const top = high >> 15;
  if (top !== 0 && top !== -1) core.raiseGeneralProtection();
}

export const jump: Handler = (core, i) => {
  core.words[RIP_LOW] = i.immediateLow;
  core.words[RIP_HIGH] = i.immediateHigh;
};
export const jumpMemory: Handler = (core, i) => {
  const low = readRm(core, i, 8);
  const high = core.words[HIGH];
  checkTarget(core, high);
  core.words[RIP_LOW] = low;
  core.words[RIP_HIGH] = high;
};
export const jumpRegister: Handler = (core, i) => {
  const w = core.words;
  checkTarget(core, w[i.rmWord + 1]);
  w[RIP_LOW] = w[i.rmWord];
  w[RIP_HIGH] = w[i.rmWord + 1];
};
export const call: Handler = (core, i) => {
  push(core, 8, i.nextLow, i.nextHigh);
  core.words[RIP_LOW] = i.immediateLow;
  core.words[RIP_HIGH] = i.immediateHigh;
};
const callIndirect: Handler = (core, i) => {
  const low = readRm(core, i, 8);
  const high = core.words[HIGH];
  checkTarget(core, high);
  push(core, 8, i.nextLow, i.nextHigh);
  core.words[RIP_LOW] = low;
  core.words[RIP_HIGH] = high;
};
function returnNear(core: CpuCore, extraBytes: number): void {
  const w = core.words;
  const low = peek(core, 8);
  const high = w[HIGH];
  checkTarget(core, high);
  dropStack(core, 8 + extraBytes);
  w[RIP_LOW] = low;
  w[RIP_HIGH] = high;
}
export const returnPlain: Handler = (core) => returnNear(core, 0);
/** RET imm16 also drops arguments. */
const returnAndDrop: Handler = (core, i) => returnNear(core, i.immediateLow);

function jumpIf(core: CpuCore, i: Instruction, taken: boolean): void {
  core.words[RIP_LOW] = taken ? i.immediateLow : i.nextLow;
  core.words[RIP_HIGH] = taken ? i.immediateHigh : i.nextHigh;
}
/** RCX (ECX with prefix 67) less one; true unless it became 0. */
function countDown(core: CpuCore, i: Instruction): boolean {
  const w = core.words;
  const low = (w[RCX_WORD] - 1) | 0;
  if (i.address32) w[RCX_WORD + 1] = 0;
  else if (low === -1) w[RCX_WORD + 1]--;
  w[RCX_WORD] = low;
  return (low | w[RCX_WORD + 1]) !== 0;
}
const loop: Handler = (core, i) => jumpIf(core, i, countDown(core, i));
const loopEqual: Handler = (core, i) => {
  const more = countDown(core, i);
  jumpIf(core, i, more && zero(core));
};
const loopNotEqual: Handler = (core, i) => {
  const more = countDown(core, i);
  jumpIf(core, i, more && !zero(core));
};
const jumpCountZero: Handler = (core, i) => {
  const w = core.words;
  jumpIf(core, i, (w[RCX_WORD] | (i.address32 ? 0 : w[RCX_WORD + 1])) === 0);
};

export function registerControl(): void {
  registerHandlers({
    jmp: () => jump,
    jmpIndirect: (i) => (i.memory ? jumpMemory : jumpRegister),
    call: () => call,
    callIndirect: () => callIndirect,
    ret: (i) => (i.immediateLow === 0 ? returnPlain : returnAndDrop),
    jcc: (i) => conditionHandlers[i.row.parameter ?? 0],
    loop: () => loop,
    loope: () => loopEqual,
    loopne: () => loopNotEqual,
    jrcxz: () => jumpCountZero,
  });
}
