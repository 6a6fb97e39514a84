// One case of the silicon oracle and its outcome: the records that harness.c reads and writes, and where things lie.
//
//   input   16 x 8 general | 8 flags | 4 code length | 4 - | 48 code | 512 FXSAVE image | 512 window
//   output  16 x 8 general | 8 rip | 8 flags | 8 cr2 | 4 vector | 4 error | 512 FXSAVE image | 512 window

import type { InstructionRow } from '../../../devices/cpu/table/row.ts';

export const CODE_PAGE = 0x1000_0000;
export const CODE_ADDRESS = CODE_PAGE + 0x100;
export const CODE_BYTES = 48;
export const DATA_PAGES = 0x2000_0000;
export const GUARD_PAGE = 0x2000_2000;
export const READ_ONLY_PAGE = 0x2000_3000;
export const WINDOW_ADDRESS = DATA_PAGES + 0xf00;
export const WINDOW_BYTES = 512;
export const FX_BYTES = 512;
/** CF PF AF ZF SF DF OF. */
export const FLAG_MASK = 0xcd5;

export const INPUT_BYTES = 128 + 8 + 8 + CODE_BYTES + FX_BYTES + WINDOW_BYTES;
export const OUTPUT_BYTES = 128 + 24 + 8 + FX_BYTES + WINDOW_BYTES;

/** How results of a case are compared. */
export interface Tolerance {
  /** RFLAGS bits that the instruction leaves undefined. */
  readonly undefinedFlags: number;
  /** x87 results may differ by so many units in the last place (transcendentals), and C1 with them. */
  readonly extendedUlps: number;
  /** float32 lanes may differ by this relative error (RCPPS, RSQRTPS). */
  readonly relativeError: number;
  /** Only the page of CR2 is compared. */
  readonly pageOfFaultOnly: boolean;
  /** Byte ranges of the window that hold instruction and operand pointers (FNSTENV, FNSAVE, FXSAVE): [offset, length] pairs from the operand. */
  readonly ignoredMemory: readonly (readonly [number, number])[];
}

export interface Case {
  readonly seed: number;
  readonly index: number;
  readonly general: BigUint64Array;
  readonly flags: number;
  readonly code: Uint8Array;
  readonly fx: Uint8Array;
  readonly window: Uint8Array;
  readonly tolerance: Tolerance;
  /** What it is made of, for the exemptions. */
  readonly rows: readonly InstructionRow[];
  /** Mnemonics and operand forms, for reports and counts. */
  readonly text: string;
}

export interface Outcome {
  general: BigUint64Array;
  rip: bigint;
  flags: number;
  cr2: bigint;
  vector: number;
  error: number;
  fx: Uint8Array;
  window: Uint8Array;
}

export function emitCase(target: Uint8Array, at: number, item: Case): void {
  const view = new DataView(target.buffer, target.byteOffset + at, INPUT_BYTES);
  item.general.forEach((value, n) => view.setBigUint64(n * 8, value, true));
  view.setBigUint64(128, BigInt(item.flags), true);
  view.setUint32(136, item.code.length, true);
  target.fill(0xcc, at + 144, at + 144 + CODE_BYTES);
  target.set(item.code, at + 144);
  target.set(item.fx, at + 144 + CODE_BYTES);
  target.set(item.window, at + 144 + CODE_BYTES + FX_BYTES);
}

export function parseOutcome(source: Uint8Array, at: number): Outcome {
  const view = new DataView(source.buffer, source.byteOffset + at, OUTPUT_BYTES);
  const general = new BigUint64Array(16);
  for (let n = 0; n < 16; n++) general[n] = view.getBigUint64(n * 8, true);
  return {
    general,
    rip: view.getBigUint64(128, true),
    flags: Number(view.getBigUint64(136, true)),
    cr2: view.getBigUint64(144, true),
    vector: view.getUint32(152, true),
    error: view.getUint32(156, true),
    fx: source.slice(at + 160, at + 160 + FX_BYTES),
    window: source.slice(at + 160 + FX_BYTES, at + OUTPUT_BYTES),
  };
}
