// What all SSE and MMX handlers share: the checks before an instruction, fetching its source, and the loop from operand forms to
// a handler.
//
//   row operands  Vx,Wx  Vx,Wq  Vx,Wd  Pq,Qq  Ux,Ib  ...  ->  operation(core, destination, source, count, immediate)
//
// destination and source are word indices into core.words (an XMM register, an MMX register or the scratch WIDE), count is the
// operand's size in words (4 or 2). An operation must give the right result when both are the same register.

import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import { CR0, CR4, FSW, FTW, HIGH, MXCSR, WIDE, X87, XMM } from '../state-layout.ts';
import type { CpuCore } from './core.ts';
import { effectiveAddress } from './operands.ts';

export type WideOperation = (
  core: CpuCore,
  destination: number,
  source: number,
  count: number,
  immediate: number,
) => void;

/** #UD with CR0.EM or without CR4.OSFXSR, #NM with CR0.TS (SDM vol. 3, 13.1). */
export function requireSse(core: CpuCore): void {
  const words = core.words;
  if ((words[CR0] & 0xc) === 0 && (words[CR4] & 0x200) !== 0) return;
  if ((words[CR0] & 4) !== 0 || (words[CR4] & 0x200) === 0) core.raiseInvalidOpcode();
  core.raiseDeviceNotAvailable();
}

/** #UD with CR0.EM, #NM with CR0.TS, #MF for a pending x87 exception (SDM vol. 1, 9.5). */
export function requireMmx(core: CpuCore): void {
  const words = core.words;
  if ((words[CR0] & 4) !== 0) core.raiseInvalidOpcode();
  if ((words[CR0] & 8) !== 0) core.raiseDeviceNotAvailable();
  if ((words[FSW] & 0x80) !== 0) core.raiseFloatingPoint();
}

/** After the last possible fault: TOP = 0 and all registers valid (SDM vol. 1, 9.5.1). */
export function enterMmx(core: CpuCore): void {
  core.words[FSW] &= ~0x3800;
  core.words[FTW] = 0;
}

/** Word index of an MMX register; bit 3 of the number (REX) is ignored. */
export function mmxRegister(number: number): number {
  return X87 + ((number & 7) << 2);
}
/** A write to an MMX register sets the sign and exponent part to all ones. */
export function touchMmx(core: CpuCore, register: number): void {
  core.words[register + 2] = 0xffff;
}

/** Loads the memory operand of `bytes` bytes into WIDE. */
export function loadSource(core: CpuCore, i: Instruction, bytes: number, aligned: boolean): void {
  const low = effectiveAddress(core, i);
  const high = core.words[HIGH];
  const words = core.words;
  switch (bytes) {
    case 16:
      if (aligned) core.checkAligned(low, 16);
      core.load128(low, high);
      return;
    case 8: {
      const value = core.load64(low, high);
      words[WIDE] = value;
      words[WIDE + 1] = words[HIGH];
      return;
    }
    case 4:
      words[WIDE] = core.load32(low, high);
      return;
    case 2:
      words[WIDE] = core.load16(low, high);
      return;
    default:
      words[WIDE] = core.load8(low, high);
  }
}

const formBytes: { readonly [letter: string]: number } = { b: 1, w: 2, d: 4, q: 8, x: 16 };

/** Size in bytes of an operand form such as Wq. */
export function bytesOf(form: string): number {
  return formBytes[form.charAt(1)] ?? 16;
}

/** The handler selector of an operation over register and source; `unaligned` for the instructions that ask no alignment. */
export function wide(operation: WideOperation, unaligned = false): HandlerSelector {
  return (i: Instruction): Handler => {
    const [first, second] = i.row.operands;
    const immediate = i.immediateLow & 0xff;
    if (second === 'Ib') return shiftByImmediate(operation, first === 'Nq', immediate);
    const bytes = bytesOf(second);
    const mmxSource = second.charAt(0) === 'Q' || second.charAt(0) === 'N';
    if (first === 'Pq' || mmxSource) return mmxHandler(operation, first === 'Pq', mmxSource, bytes, immediate);
    if (!i.memory)
      return (core, i) => {
        requireSse(core);
        operation(core, XMM + (i.reg << 2), XMM + (i.rm << 2), 4, immediate);
      };
    if (bytes === 16)
      return (core, i) => {
        requireSse(core);
        const low = effectiveAddress(core, i);
        const high = core.words[HIGH];
        if (!unaligned) core.checkAligned(low, 16);
        core.load128(low, high);
        operation(core, XMM + (i.reg << 2), WIDE, 4, immediate);
      };
    return (core, i) => {
      requireSse(core);
      loadSource(core, i, bytes, false);
      operation(core, XMM + (i.reg << 2), WIDE, 4, immediate);
    };
  };
}

function mmxHandler(
  operation: WideOperation,
  mmxTarget: boolean,
  mmxSource: boolean,
  bytes: number,
  immediate: number,
): Handler {
  return (core, i) => {
    if (!mmxTarget || !mmxSource) requireSse(core);
    // CVTPI2PS and CVTPI2PD from memory do not touch the x87 at all.
    if (mmxTarget || !i.memory) requireMmx(core);
    let source = WIDE;
    if (i.memory) loadSource(core, i, bytes, !mmxSource);
    else source = mmxSource ? mmxRegister(i.rm) : XMM + (i.rm << 2);
    if (mmxTarget) {
      const target = mmxRegister(i.reg);
      // Also when the conversion then raises #XM.
      enterMmx(core);
      operation(core, target, source, 2, immediate);
      touchMmx(core, target);
    } else {
      if (!i.memory) enterMmx(core);
      operation(core, XMM + (i.reg << 2), source, 4, immediate);
    }
  };
}

/** Groups 12 to 14: the count is an immediate; it takes the place of the source operand. */
function shiftByImmediate(operation: WideOperation, mmx: boolean, immediate: number): Handler {
  return (core, i) => {
    const words = core.words;
    if (mmx) requireMmx(core);
    else requireSse(core);
    words[WIDE] = immediate;
    words[WIDE + 1] = 0;
    const target = mmx ? mmxRegister(i.rm) : XMM + (i.rm << 2);
    operation(core, target, WIDE, mmx ? 2 : 4, immediate);
    if (mmx) {
      enterMmx(core);
      touchMmx(core, target);
    }
  };
}

/**
 * Puts the flags that an instruction raised into MXCSR and raises #XM (#UD without CR4.OSXMMEXCPT) if one is unmasked. Call it
 * before the destination is written. An unmasked IE, DE or ZE on any element hides what comes after the computation
 * (SDM vol. 1, 11.5.3.1).
 */
export function settle(core: CpuCore, flags: number): void {
  const words = core.words;
  const unmasked = ~(words[MXCSR] >> 7) & 0x3f;
  const raised = (flags & unmasked & 7) !== 0 ? flags & 7 : flags;
  words[MXCSR] |= raised;
  if ((raised & unmasked) === 0) return;
  if ((words[CR4] & 0x400) === 0) core.raiseInvalidOpcode();
  core.raiseSimdFloatingPoint();
}
