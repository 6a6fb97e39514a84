// The x87 register stack and its exceptions, for all x87 handlers (SDM vol. 1, 8.1 and 8.5).
//
//   FSW  15 B | 14 C3 | 13..11 TOP | 10 C2 | 9 C1 | 8 C0 | 7 ES | 6 SF | 5 PE UE OE ZE DE IE 0
//   FCW  11..10 RC | 9..8 PC | 5 PM UM OM ZM DM IM 0
//   FTW  2 bits a physical register; here 3 = empty and 0 = not empty: the finer tags are computed when FNSTENV asks
//
// ST(i) is physical register (TOP + i) mod 8. Order in every handler: memory and #NM/#MF first, then the stack check, then the
// computation, then commit() says whether the destination may be written and the stack popped.

import type { Instruction } from '../decode/instruction.ts';
import { Extended, extendedIndefinite } from '../softfloat/extended.ts';
import { FloatFlag, FloatStatus } from '../softfloat/rounding.ts';
import { CR0, FCW, FDP, FIP, FOP, FSW, FTW, X87 } from '../state-layout.ts';
import type { CpuCore } from './core.ts';

export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;
export const CONDITION_CODES = C0 | C1 | C2 | C3;
export const STACK_FAULT = 0x40;
const SUMMARY_AND_BUSY = 0x8080;

/** State of the software float for x87; one instruction uses it at a time. */
export const x87Status = new FloatStatus();

/** Takes rounding, precision and masks from FCW and clears the flags. */
export function configureX87(core: CpuCore): FloatStatus {
  const control = core.words[FCW];
  x87Status.flags = 0;
  x87Status.roundedUp = false;
  x87Status.rounding = (control >> 10) & 3;
  x87Status.masks = control & 0x3f;
  const precision = (control >> 8) & 3;
  x87Status.precision = precision === 0 ? 24 : precision === 2 ? 53 : 64;
  return x87Status;
}

/** #NM with CR0.EM or CR0.TS; #MF if an unmasked exception is pending. */
export function requireX87(core: CpuCore): void {
  const words = core.words;
  if ((words[CR0] & 0xc) !== 0) core.raiseDeviceNotAvailable();
  if ((words[FSW] & 0x80) !== 0) core.raiseFloatingPoint();
}
/** For the instructions that do not wait (FNSTSW …). */
export function requireX87NoWait(core: CpuCore): void {
  if ((core.words[CR0] & 0xc) !== 0) core.raiseDeviceNotAvailable();
}

/** FOP of an instruction: the low bits of the opcode, and the ModRM byte. */
export function lastOpcode(i: Instruction): number {
  return ((i.opcode & 7) << 8) | i.modrm;
}
/** Remembers the last instruction (and operand) for FNSTENV and FXSAVE. */
export function remember(core: CpuCore, i: Instruction): void {
  const words = core.words;
  words[FOP] = lastOpcode(i);
  words[FIP] = i.ripLow;
  words[FIP + 1] = i.ripHigh;
}
export function rememberOperand(core: CpuCore, low: number, high: number): void {
  core.words[FDP] = low;
  core.words[FDP + 1] = high;
}

export function physical(core: CpuCore, index: number): number {
  return ((core.words[FSW] >> 11) + index) & 7;
}
export function isEmpty(core: CpuCore, index: number): boolean {
  return ((core.words[FTW] >> (physical(core, index) * 2)) & 3) === 3;
}
/** Word index of ST(index). */
export function stackWord(core: CpuCore, index: number): number {
  return X87 + (physical(core, index) << 2);
}
export function readStack(core: CpuCore, index: number): Extended {
  const at = stackWord(core, index);
  const words = core.words;
  return new Extended(words[at + 2] & 0xffff, (BigInt(words[at + 1] >>> 0) << 32n) | BigInt(words[at] >>> 0));
}
/** Writes ST(index) and tags it as in use. */
export function writeStack(core: CpuCore, index: number, value: Extended): void {
  const at = stackWord(core, index);
  const words = core.words;
  words[at] = Number(value.significand & 0xffffffffn) | 0;
  words[at + 1] = Number(value.significand >> 32n) | 0;
  words[at + 2] = value.signExponent;
  markUsed(core, index);
}
/** Writes ST(index) from the three words at word `from`. */
export function copyToStack(core: CpuCore, index: number, from: number): void {
  const at = stackWord(core, index);
  const words = core.words;
  words[at] = words[from];
  words[at + 1] = words[from + 1];
  words[at + 2] = words[from + 2] & 0xffff;
  markUsed(core, index);
}
export function markUsed(core: CpuCore, index: number): void {
  core.words[FTW] &= ~(3 << (physical(core, index) * 2));
}
export function setTop(core: CpuCore, top: number): void {
  core.words[FSW] = (core.words[FSW] & ~0x3800) | ((top & 7) << 11);
}
export function pop(core: CpuCore): void {
  const top = physical(core, 0);
  core.words[FTW] |= 3 << (top * 2);
  setTop(core, top + 1);
}
/** Moves TOP down; the caller has checked that ST(7) is empty and writes ST(0). */
export function moveTopDown(core: CpuCore): void {
  setTop(core, physical(core, 7));
}

/** Brings ES and B in line with flags and masks. */
export function updateSummary(core: CpuCore): void {
  const words = core.words;
  if ((words[FSW] & ~words[FCW] & 0x3f) !== 0) words[FSW] |= SUMMARY_AND_BUSY;
  else words[FSW] &= ~SUMMARY_AND_BUSY;
}

/**
 * Enters flags into FSW (C1 = `roundedUp`, other condition codes stay). True if the masked response holds: write the result and
 * pop. False if IE, DE or ZE is unmasked: leave everything.
 */
export function commit(core: CpuCore, flags: number, roundedUp = false): boolean {
  const words = core.words;
  const stop = (flags & ~words[FCW] & FloatFlag.beforeResult) !== 0;
  const raised = stop ? flags & (FloatFlag.beforeResult | STACK_FAULT) : flags;
  words[FSW] = (words[FSW] & ~C1) | raised | (roundedUp && !stop ? C1 : 0);
  if (flags !== 0) updateSummary(core);
  return !stop;
}
/** commit() with what x87Status has gathered. */
export function commitStatus(core: CpuCore): boolean {
  return commit(core, x87Status.flags, x87Status.roundedUp && (x87Status.flags & FloatFlag.inexact) !== 0);
}

/** Place of ST(index) for the extended unit. */
export function stackPlace(core: CpuCore, index: number): number {
  return physical(core, index) << 4;
}
/** commit() with an answer of the extended unit; false: it has not done the operation. */
export function commitAnswer(core: CpuCore, answer: number): boolean {
  if (answer < 0) return false;
  // It has raised nothing but a masked PE, so ES stays as it is.
  core.words[FSW] = (core.words[FSW] & ~C1) | answer;
  return true;
}

/** Stack underflow: IE and SF with C1 = 0; true if masked (the indefinite takes the place of the result). */
export function stackUnderflow(core: CpuCore): boolean {
  return commit(core, FloatFlag.invalid | STACK_FAULT);
}
/** Stack overflow: the same with C1 = 1. */
export function stackOverflow(core: CpuCore): boolean {
  const masked = commit(core, FloatFlag.invalid | STACK_FAULT);
  core.words[FSW] |= C1;
  return masked;
}

/** Pushes `value` unless the stack is full. */
export function push(core: CpuCore, value: Extended): void {
  let pushed = value;
  if (isEmpty(core, 7)) core.words[FSW] &= ~C1;
  else {
    if (!stackOverflow(core)) return;
    pushed = extendedIndefinite;
  }
  moveTopDown(core);
  writeStack(core, 0, pushed);
}

export function setConditionCodes(core: CpuCore, codes: number): void {
  core.words[FSW] = (core.words[FSW] & ~CONDITION_CODES) | codes;
}
