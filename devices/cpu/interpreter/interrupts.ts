// Delivery of interrupts and exceptions, IRETQ, SYSCALL, SYSRET (SDM vol. 3, 6.14; vol. 2, IRET, SYSCALL, SYSRET).
//
//   IDT gate  offset 31..16 | P DPL 0 type | IST | selector | offset 15..0      type E interrupt gate (clears IF), F trap gate
//             reserved      | offset 63..32
//   frame     SS, RSP, RFLAGS, CS, RIP [, error code]                           from the top down; RSP was aligned to 16 before
//   TSS       4 RSP0, 12 RSP1, 20 RSP2, 36 IST1 … 84 IST7

import { TrapKind } from '../../contract/cpu.ts';
import type { Instruction } from '../decode/instruction.ts';
import {
  EFER,
  FLAGS,
  FMASK,
  GDT_LIMIT,
  HIGH,
  IDT_BASE,
  IDT_LIMIT,
  LSTAR,
  PRIVILEGE,
  RIP_HIGH,
  RIP_LOW,
  STAR,
  TASK_BASE,
  TASK_LIMIT,
} from '../state-layout.ts';
import { RCX_WORD, RSP_WORD } from './access.ts';
import {
  CS,
  descriptor,
  descriptorDpl,
  descriptorPresent,
  EFER_SCE,
  loadSegment,
  markAccessed,
  readDescriptor,
  SS,
} from './control-state.ts';
import { type CpuCore, faultSignal, Vector } from './core.ts';
import { AC, ARITHMETIC, DF, getFlags, ID, IF, IOPL, NT, RF, TF } from './flags.ts';
import { readSystem32, readSystem64 } from './system-memory.ts';

/** Who asks for the delivery. */
export const Source = { external: 0, exception: 1, software: 2 } as const;

const TRAP_GATE = 15;
const INTERRUPT_GATE = 14;

const R11_WORD = 22;

/** Contributory exceptions (SDM vol. 3, table 6-4). */
function isContributory(vector: number): boolean {
  return vector === 0 || (vector >= 10 && vector <= 13);
}

/**
 * Delivers one vector. `errorCode` -1 = none. A fault during delivery is delivered instead, or becomes #DF, or shuts the CPU down
 * (SDM vol. 3, 6.15, interrupt 8). Afterwards core.faultVector and faultErrorCode tell what was delivered.
 */
export function deliver(core: CpuCore, vector: number, errorCode: number, source: number): TrapKind {
  let currentVector = vector;
  let currentCode = errorCode;
  let currentSource = source;
  // Each pass delivers something graver; the third fault in a row ends in shutdown.
  for (let attempt = 0; attempt < 4; attempt++) {
    if (currentSource !== Source.external) core.trace?.exception(currentVector, currentCode);
    try {
      deliverOnce(core, currentVector, currentCode, currentSource);
      core.faultVector = currentVector;
      core.faultErrorCode = currentCode;
      core.statistics.interrupts++;
      return TrapKind.interrupt;
    } catch (signal) {
      if (signal !== faultSignal) throw signal;
    }
    const second = core.faultVector;
    if (second === Vector.pageFault) core.statistics.pageFaults++;
    if (currentVector === Vector.doubleFault && currentSource === Source.exception) break;
    const first = currentSource === Source.exception ? currentVector : -1;
    const double =
      (isContributory(first) && isContributory(second)) ||
      (first === Vector.pageFault && (isContributory(second) || second === Vector.pageFault));
    currentVector = double ? Vector.doubleFault : second;
    currentCode = double ? 0 : core.faultErrorCode;
    currentSource = Source.exception;
  }
  return TrapKind.shutdown;
}

/** One attempt; raises what goes wrong, with nothing changed but A bits. */
export function deliverOnce(core: CpuCore, vector: number, errorCode: number, source: number): void {
  const w = core.words;
  const external = source === Source.software ? 0 : 1;
  // Error codes of faults in delivery: the vector, IDT bit, EXT bit.
  const gateCode = (vector << 3) | 2 | external;
  const gate = vector * 16;
  if (gate + 15 > w[IDT_LIMIT]) core.raiseGeneralProtection(gateCode);
  const word0 = readSystem32(core, IDT_BASE, gate);
  const word1 = readSystem32(core, IDT_BASE, gate + 4);
  const targetHigh = readSystem32(core, IDT_BASE, gate + 8);
  const targetLow = (word0 & 0xffff) | (word1 & 0xffff0000);
  const type = (word1 >> 8) & 31;
  if (type !== INTERRUPT_GATE && type !== TRAP_GATE) core.raiseGeneralProtection(gateCode);
  const level = w[PRIVILEGE];
  if (source === Source.software && ((word1 >> 13) & 3) < level) core.raiseGeneralProtection(gateCode);
  if ((word1 & 0x8000) === 0) core.raiseWithCode(Vector.segmentNotPresent, gateCode);

  const selector = (word0 >>> 16) & 0xffff;
  const selectorCode = (selector & 0xfffc) | external;
  if ((selector & 0xfffc) === 0) core.raiseGeneralProtection(external);
  readDescriptor(core, selector, Vector.generalProtection);
  const codeType = (descriptor.high >> 8) & 31;
  const dpl = descriptorDpl();
  // A 64-bit code segment (L = 1, D = 0) of this or an inner ring.
  if ((codeType & 0x18) !== 0x18 || dpl > level) core.raiseGeneralProtection(selectorCode);
  if (!descriptorPresent()) core.raiseWithCode(Vector.segmentNotPresent, selectorCode);
  if ((descriptor.high & 0x600000) !== 0x200000) core.raiseGeneralProtection(selectorCode);
  const conforming = (codeType & 4) !== 0;
  const newLevel = conforming ? level : dpl;
  markAccessed(core, selector);

  const stackTable = word1Ist(readSystem32(core, IDT_BASE, gate + 4));
  let spLow = w[RSP_WORD];
  let spHigh = w[RSP_WORD + 1];
  if (stackTable !== 0 || newLevel < level) {
    const offset = stackTable !== 0 ? 28 + stackTable * 8 : 4 + newLevel * 8;
    if (offset + 7 > w[TASK_LIMIT]) core.raiseWithCode(Vector.invalidTss, external);
    spLow = readSystem64(core, TASK_BASE, offset);
    spHigh = w[HIGH];
    const top = spHigh >> 15;
    if (top !== 0 && top !== -1) core.raiseWithCode(Vector.stackFault, external);
  }
  const targetTop = targetHigh >> 15;
  if (targetTop !== 0 && targetTop !== -1) core.raiseGeneralProtection(external);

  const oldFlags = getFlags(core);
  const oldSpLow = w[RSP_WORD];
  const oldSpHigh = w[RSP_WORD + 1];
  spLow &= -16;
  const words = errorCode >= 0 ? 6 : 5;
  const bottomLow = (spLow - words * 8) | 0;
  const bottomHigh = (spHigh - (spLow >>> 0 < words * 8 ? 1 : 0)) | 0;
  const bottomTop = bottomHigh >> 15;
  if (bottomTop !== 0 && bottomTop !== -1) core.raiseWithCode(Vector.stackFault, external);

  // From here on the accesses are those of the new ring; a fault puts the old one back.
  core.setPrivilege(newLevel);
  try {
    core.probeWrite(bottomLow, bottomHigh, words * 8);
  } catch (signal) {
    core.setPrivilege(level);
    throw signal;
  }
  let at = bottomLow;
  let atHigh = bottomHigh;
  const put = (low: number, high: number): void => {
    core.store64(at, atHigh, low, high);
    at = (at + 8) | 0;
    if (at >>> 0 < 8) atHigh = (atHigh + 1) | 0;
  };
  if (errorCode >= 0) put(errorCode, 0);
  put(w[RIP_LOW], w[RIP_HIGH]);
  put(core.selectors[CS], 0);
  // Faults push RF = 1 so that the instruction breakpoint does not hit again; interrupts and traps push it as it was.
  put(
    source === Source.exception && vector !== Vector.debug && vector !== Vector.breakpoint
      ? oldFlags | RF
      : oldFlags & ~RF,
    0,
  );
  put(oldSpLow, oldSpHigh);
  put(core.selectors[SS], 0);

  w[RSP_WORD] = bottomLow;
  w[RSP_WORD + 1] = bottomHigh;
  w[RIP_LOW] = targetLow;
  w[RIP_HIGH] = targetHigh;
  core.selectors[CS] = (selector & 0xfffc) | newLevel;
  // 64-bit mode loads a null SS when the ring changes (SDM vol. 3, 6.14.2).
  if (newLevel < level) core.selectors[SS] = newLevel;
  w[FLAGS] = oldFlags & ~(TF | NT | RF | (type === INTERRUPT_GATE ? IF : 0));
}

function word1Ist(word1: number): number {
  return word1 & 7;
}

/** Delivers the fault in core.faultVector (raised by an instruction). */
export function deliverFault(core: CpuCore): TrapKind {
  if (core.faultVector === Vector.pageFault) core.statistics.pageFaults++;
  return deliver(core, core.faultVector, core.faultErrorCode, Source.exception);
}

/** The bits of RFLAGS that exist in 64-bit mode. */
const FLAGS_EXISTING = ARITHMETIC | TF | IF | DF | IOPL | NT | RF | AC | ID;

/** IRETQ (width 8) or IRETD (4): raises #GP, #SS, #NP, #PF; changes nothing before the last check. */
export function interruptReturn(core: CpuCore, width: number): void {
  const w = core.words;
  const level = w[PRIVILEGE];
  const flags = getFlags(core);
  if ((flags & NT) !== 0) core.raiseGeneralProtection();
  const spLow = w[RSP_WORD];
  const spHigh = w[RSP_WORD + 1];
  core.checkStackAddress(spHigh);
  const read = (n: number): number => {
    const low = (spLow + n * width) | 0;
    const high = low >>> 0 < spLow >>> 0 ? (spHigh + 1) | 0 : spHigh;
    if (width === 8) return core.load64(low, high);
    w[HIGH] = 0;
    return core.load32(low, high);
  };
  const ripLow = read(0);
  const ripHigh = w[HIGH];
  const selector = read(1) & 0xffff;
  const newFlags = read(2);
  // In 64-bit mode SS:RSP is always popped.
  const newSpLow = read(3);
  const newSpHigh = w[HIGH];
  const stackSelector = read(4) & 0xffff;

  const code = selector & 0xfffc;
  const newLevel = selector & 3;
  if (code === 0) core.raiseGeneralProtection();
  readDescriptor(core, selector, Vector.generalProtection);
  const type = (descriptor.high >> 8) & 31;
  if ((type & 0x18) !== 0x18 || newLevel < level) core.raiseGeneralProtection(code);
  const dpl = descriptorDpl();
  if ((type & 4) !== 0 ? dpl > newLevel : dpl !== newLevel) core.raiseGeneralProtection(code);
  if (!descriptorPresent()) core.raiseWithCode(Vector.segmentNotPresent, code);
  // Only 64-bit code segments: this CPU has no compatibility mode.
  if ((descriptor.high & 0x600000) !== 0x200000) core.raiseGeneralProtection(code);
  markAccessed(core, selector);
  const stackCode = stackSelector & 0xfffc;
  if (stackCode === 0) {
    // A null SS is good for 64-bit code outside ring 3.
    if (newLevel === 3 || (stackSelector & 3) !== newLevel) core.raiseGeneralProtection();
  } else {
    readDescriptor(core, stackSelector, Vector.generalProtection);
    const stackType = (descriptor.high >> 8) & 31;
    if ((stackSelector & 3) !== newLevel || (stackType & 0x1a) !== 0x12 || descriptorDpl() !== newLevel)
      core.raiseGeneralProtection(stackCode);
    if (!descriptorPresent()) core.raiseWithCode(Vector.stackFault, stackCode);
    markAccessed(core, stackSelector);
  }
  const top = ripHigh >> 15;
  if (top !== 0 && top !== -1) core.raiseGeneralProtection();

  let mask = ARITHMETIC | TF | DF | NT | RF | AC | ID;
  if (level === 0) mask |= IOPL;
  if (level <= (flags & IOPL) >> 12) mask |= IF;
  w[FLAGS] = (flags & ~mask) | (newFlags & mask) | 2;
  w[RIP_LOW] = ripLow;
  w[RIP_HIGH] = ripHigh;
  w[RSP_WORD] = newSpLow;
  w[RSP_WORD + 1] = newSpHigh;
  core.selectors[CS] = selector;
  core.selectors[SS] = stackSelector;
  if (newLevel !== level) {
    core.setPrivilege(newLevel);
    dropInnerSegments(core, newLevel);
  }
  core.blockEnd = 0;
}

/** On a return to an outer ring, data segments that it may not use become null (SDM vol. 2, IRET, "RETURN-TO-OUTER-PRIVILEGE-LEVEL"). */
function dropInnerSegments(core: CpuCore, level: number): void {
  for (const [sreg, index] of [
    [3, 2],
    [0, 3],
    [4, 4],
    [5, 5],
  ]) {
    const selector = core.selectors[index];
    if (selector < 4) continue;
    // The return is complete: a selector that the table no longer holds becomes null, it cannot fault any more.
    if ((selector & 4) !== 0 || (selector | 7) > core.words[GDT_LIMIT]) {
      loadSegment(core, sreg, 0);
      continue;
    }
    readDescriptor(core, selector, Vector.generalProtection);
    const type = (descriptor.high >> 8) & 31;
    const conforming = (type & 0x1c) === 0x1c;
    if (descriptorDpl() < level && !conforming) loadSegment(core, sreg, 0);
  }
}

/** SYSCALL. Raises #UD without EFER.SCE. From ring 3 it ends the run unless a door serves it. */
export function systemCall(core: CpuCore, i: Instruction): void {
  const w = core.words;
  const fromUser = w[PRIVILEGE] === 3;
  if ((w[EFER] & EFER_SCE) === 0) core.raiseInvalidOpcode();
  core.trace?.systemCall();
  const flags = getFlags(core);
  w[RCX_WORD] = i.nextLow;
  w[RCX_WORD + 1] = i.nextHigh;
  w[R11_WORD] = flags & ~RF;
  w[R11_WORD + 1] = 0;
  w[RIP_LOW] = w[LSTAR];
  w[RIP_HIGH] = w[LSTAR + 1];
  w[FLAGS] = ((flags & ~w[FMASK] & ~RF) | 2) & (FLAGS_EXISTING | 2);
  // STAR 47..32: CS, and SS = CS + 8; the descriptors are not read (SDM vol. 2, SYSCALL).
  const selector = w[STAR + 1] & 0xfffc;
  core.selectors[CS] = selector;
  core.selectors[SS] = selector + 8;
  core.setPrivilege(0);
  core.statistics.systemCalls++;
  if (!fromUser) return;
  // The instruction itself is done: a door looks at the count.
  core.done++;
  const door = core.systemCallDoor;
  if (door === null || (flags & TF) !== 0) {
    core.exit = TrapKind.systemCall;
    return;
  }
  const goesOn = door();
  core.noticeMemoryChanges();
  if (!goesOn) core.exit = TrapKind.served;
}

/** SYSRETQ (`wide`); the 32-bit form would enter compatibility mode, which this CPU lacks: #GP. */
export function systemReturn(core: CpuCore, wide: boolean): void {
  const w = core.words;
  if ((w[EFER] & EFER_SCE) === 0) core.raiseInvalidOpcode();
  if (w[PRIVILEGE] !== 0 || !wide) core.raiseGeneralProtection();
  const top = w[RCX_WORD + 1] >> 15;
  if (top !== 0 && top !== -1) core.raiseGeneralProtection();
  getFlags(core);
  w[RIP_LOW] = w[RCX_WORD];
  w[RIP_HIGH] = w[RCX_WORD + 1];
  w[FLAGS] = (w[R11_WORD] & FLAGS_EXISTING & ~RF) | 2;
  const base = w[STAR + 1] >>> 16;
  core.selectors[CS] = (base + 16) | 3;
  core.selectors[SS] = (base + 8) | 3;
  core.setPrivilege(3);
  core.blockEnd = 0;
  core.trace?.systemReturn();
}
