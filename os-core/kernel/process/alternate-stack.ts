// The alternate stack for signal handlers of a thread (sigaltstack(2)).
//
//   SS_DISABLE ── set ──► armed ── SS_AUTODISARM: a handler starts ──► SS_DISABLE ── rt_sigreturn: from the frame ──► armed

import { Errno } from '../../abi/errno.ts';
import type { TaskSignals } from './signal-state.ts';

/** MINSIGSTKSZ of the kernel, as sigaltstack asks for. */
const MINIMUM_BYTES = 2048;

export const StackFlag = {
  onStack: 1,
  disable: 2,
  /** Off while a handler runs on it, so that it may be left by swapcontext and used anew. */
  autoDisarm: 0x8000_0000 | 0,
} as const;

/** stack_t: what a thread has set. */
export interface AlternateStack {
  readonly address: number;
  readonly bytes: number;
  /** As given; SS_DISABLE also when it has disarmed itself. */
  readonly flags: number;
}

/** Is `stackPointer` on it? One that disarms itself is left as soon as it is entered. */
export function onAlternateStack({ alternateStack }: TaskSignals, stackPointer: number): boolean {
  return (alternateStack.flags & StackFlag.autoDisarm) === 0 && liesOn(alternateStack, stackPointer);
}
export const liesOn = ({ address, bytes }: AlternateStack, stackPointer: number): boolean =>
  stackPointer > address && stackPointer <= address + bytes;

/** ss_flags as sigaltstack tells of them. */
export function flagsNow(signals: TaskSignals, stackPointer: number): number {
  const { bytes, flags } = signals.alternateStack;
  const state = bytes === 0 ? StackFlag.disable : onAlternateStack(signals, stackPointer) ? StackFlag.onStack : 0;
  return state | (flags & StackFlag.autoDisarm);
}

/** The stack that a request makes, or -EINVAL, -ENOMEM. */
export function checkedStack(address: number, bytes: number, flags: number): AlternateStack | number {
  const mode = flags & ~StackFlag.autoDisarm;
  if (mode !== 0 && mode !== StackFlag.onStack && mode !== StackFlag.disable) return -Errno.EINVAL;
  if (mode === StackFlag.disable) return { address: 0, bytes: 0, flags };
  return bytes < MINIMUM_BYTES ? -Errno.ENOMEM : { address, bytes, flags };
}
