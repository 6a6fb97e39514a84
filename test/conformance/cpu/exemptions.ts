// Where processors of different makers rightly answer differently: the one list of what is not compared, for which maker, and why.
//
//   silicon's outcome, ours  ->  equal?  no  ->  each exemption of this maker that knows the snippet's rows makes ours like
//   silicon's where it allows that  ->  equal?  no  ->  a difference
//
// An exemption checks as much as it can before it gives in, so that a real fault beside it is still seen. How often each was
// needed is part of the report. Ours is what the SDM says; where the SDM leaves it open, what the first host (an AMD) did.

import fs from 'node:fs';
import type { InstructionRow } from '../../../devices/cpu/table/row.ts';
import { type Outcome, OutcomeOffset, WINDOW_ADDRESS, WINDOW_BYTES, type WindowRange } from './layout.ts';
import { estimates, piecewise, transcendental } from './snippet.ts';

export type Maker = 'intel' | 'amd' | 'other';

/** The maker of the processor that this runs on. */
export function hostMaker(): Maker {
  const vendor = /^vendor_id\s*:\s*(\S+)/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  return vendor === 'GenuineIntel' ? 'intel' : vendor === 'AuthenticAMD' ? 'amd' : 'other';
}

export interface Exemption {
  readonly id: string;
  /** Empty: whatever the maker. */
  readonly makers: readonly Maker[];
  readonly what: string;
  readonly why: string;
  readonly concerns: (row: InstructionRow) => boolean;
  /** Changes `ours` to what silicon has, where that is allowed. */
  readonly forgive: (silicon: Outcome, ours: Outcome, pointers: readonly WindowRange[]) => void;
}

const STACK = OutcomeOffset.fx + 32;
const XMM = OutcomeOffset.fx + 160;
const TAGS = OutcomeOffset.fx + 4;
const TOP = 0x3800;
const C1 = 0x200;
const PRECISION_AND_UNDERFLOW = 0x30;
const UNDERFLOW = 0x10;
const ERROR_SUMMARY = 0x80;
const SUMMARY_AND_BUSY = 0x8080;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
/** #SS, #GP, #PF, #AC: what a memory access can raise. */
const accessFaults: ReadonlySet<number> = new Set([12, 13, 14, 17]);
const ARITHMETIC_FLAGS = 0x8d5;
/** RCPPS and RSQRTPS are exact to 1.5 x 2^-12. */
const ESTIMATE_ERROR = 2 ** -10;

const operations =
  (...names: string[]) =>
  (row: InstructionRow): boolean =>
    names.includes(row.operation);

/** True if the eight physical x87 registers are the same, whatever TOP says. */
function sameRegisters(silicon: Outcome, ours: Outcome): boolean {
  const topA = silicon.statusWord >> 11;
  const topB = ours.statusWord >> 11;
  for (let physical = 0; physical < 8; physical++) {
    const atA = STACK + ((physical - topA) & 7) * 16;
    const atB = STACK + ((physical - topB) & 7) * 16;
    for (let n = 0; n < 10; n++) if (silicon.bytes[atA + n] !== ours.bytes[atB + n]) return false;
  }
  return true;
}

/** Distance of the 80-bit encodings at `at` in units in the last place; large if they are not neighbours. */
function ulps(silicon: Outcome, ours: Outcome, at: number): bigint {
  // Without the explicit integer bit neighbours are adjacent numbers also across a power of two.
  const ordinal = ({ view }: Outcome): bigint =>
    (BigInt(view.getUint16(at + 8, true)) << 63n) + (view.getBigUint64(at, true) & 0x7fff_ffff_ffff_ffffn);
  const difference = ordinal(silicon) - ordinal(ours);
  return difference < 0n ? -difference : difference;
}

/** Takes silicon's lanes of XMM where `allowed` says so. */
function takeLanes(silicon: Outcome, ours: Outcome, bytes: 4 | 8, allowed: (at: number) => boolean): void {
  for (let at = XMM; at < XMM + 256; at += bytes)
    if (allowed(at)) ours.bytes.set(silicon.bytes.subarray(at, at + bytes), at);
}
function isQuietNaN(outcome: Outcome, at: number, bytes: 4 | 8): boolean {
  const high = outcome.view.getUint16(at + bytes - 2, true);
  return bytes === 4 ? (high & 0x7fc0) === 0x7fc0 : (high & 0x7ff8) === 0x7ff8;
}

/** All exemptions; those without a maker first, for they belong to the instruction. */
export const exemptions: readonly Exemption[] = [
  {
    id: 'transcendental-ulp',
    makers: [],
    what: 'the last bit and C1 of FSIN FCOS FSINCOS FPTAN FPATAN F2XM1 FYL2X FYL2XP1',
    why: 'within 1 ulp is their specification (SDM vol. 1, 8.3.10)',
    concerns: (row) => transcendental.has(row.operation),
    forgive: (silicon, ours) => {
      ours.statusWord = (ours.statusWord & ~C1) | (silicon.statusWord & C1);
      for (let at = STACK; at < STACK + 128; at += 16)
        if (ulps(silicon, ours, at) <= 1n) ours.bytes.set(silicon.bytes.subarray(at, at + 10), at);
    },
  },
  {
    id: 'estimates',
    makers: [],
    what: 'the lower bits of RCPPS, RCPSS, RSQRTPS, RSQRTSS (relative error up to 2^-10 between the two)',
    why: 'the SDM bounds the error only',
    concerns: (row) => estimates.has(row.operation),
    forgive: (silicon, ours) =>
      takeLanes(silicon, ours, 4, (at) => {
        const ratio = silicon.view.getFloat32(at, true) / ours.view.getFloat32(at, true);
        return Math.abs(ratio - 1) <= ESTIMATE_ERROR;
      }),
  },
  {
    id: 'pieces',
    makers: [],
    what: 'CR2 below the page for FXSAVE, FXRSTOR, FNSAVE, FRSTOR, FNSTENV, FLDENV, MASKMOVDQU, MASKMOVQ, ENTER',
    why: 'pieces of one access come in any order',
    concerns: (row) => piecewise.has(row.operation),
    forgive: (silicon, ours) => {
      if (silicon.vector === ours.vector && silicon.cr2 >> 12n === ours.cr2 >> 12n) ours.cr2 = silicon.cr2;
    },
  },
  {
    id: 'pointers',
    makers: [],
    what: 'FOP, FIP, FDP, their selectors and MXCSR_MASK in what FNSTENV, FNSAVE and FXSAVE store',
    why: 'the makers update the pointers at different times, and AMD has a further MXCSR bit',
    concerns: operations('fnstenv', 'fnsave', 'fxsave'),
    forgive: (silicon, ours, pointers) => {
      const a = silicon.window;
      const b = ours.window;
      for (const [from, length] of pointers)
        for (let n = Math.max(0, from); n < from + length && n < a.length; n++) b[n] = a[n];
    },
  },
  {
    id: 'mmx-store-fault',
    makers: ['intel'],
    what: 'TOP and tags after an MMX store that faults (the registers themselves are compared)',
    why: 'silicon has already entered MMX mode; Intel lists it as an erratum of most of its processors, ours leaves the x87 state alone',
    concerns: (row) => (row.operands[1] === 'Pq' && /^[EMQ]/.test(row.operands[0])) || row.operation === 'maskmovq',
    forgive: (silicon, ours) => {
      if (silicon.vector !== ours.vector || !accessFaults.has(ours.vector)) return;
      if ((silicon.statusWord & TOP) !== 0 || !sameRegisters(silicon, ours)) return;
      ours.statusWord &= ~TOP;
      ours.bytes[TAGS] = silicon.bytes[TAGS];
      ours.bytes.set(silicon.bytes.subarray(STACK, STACK + 128), STACK);
    },
  },
  {
    id: 'x87-store-order',
    makers: ['intel'],
    what: 'an x87 store with an unmasked exception to a page that refuses it',
    why: 'both are faults of one priority class (SDM vol. 3, priority among concurrent events), whose order is open: silicon finds the exception first and accesses nothing, ours the page fault',
    concerns: operations('fst', 'fstp', 'fist', 'fistp', 'fisttp', 'fbstp'),
    forgive: (silicon, ours) => {
      const raised = (silicon.statusWord & ~ours.statusWord & ERROR_SUMMARY) !== 0;
      if (raised && accessFaults.has(ours.vector)) ours.bytes.set(silicon.bytes);
    },
  },
  {
    id: 'repeated-compare-fault',
    makers: ['intel'],
    what: 'arithmetic flags after a page fault within a repeated CMPS or SCAS',
    why: 'silicon restores what they were before the instruction (SDM vol. 2, REP); ours keeps those of the last iteration, because what "before" means would depend on where slices end',
    concerns: operations('cmps', 'scas'),
    forgive: (silicon, ours) => {
      if (silicon.vector !== PAGE_FAULT || ours.vector !== PAGE_FAULT) return;
      ours.flags = (ours.flags & ~ARITHMETIC_FLAGS) | (silicon.flags & ARITHMETIC_FLAGS);
    },
  },
  {
    id: 'call-target',
    makers: [],
    what: 'a CALL to an address that is not canonical: what lies below RSP, and which fault it is if the push would raise one too',
    why: 'the SDM checks the target before the push, which ours does; Intel silicon has pushed when it faults, with RSP as before',
    concerns: operations('callIndirect'),
    forgive: (silicon, ours) => {
      if (ours.vector !== GENERAL_PROTECTION || !accessFaults.has(silicon.vector)) return;
      ours.vector = silicon.vector;
      ours.cr2 = silicon.cr2;
      ours.error = silicon.error;
      const below = Number(BigInt.asUintN(32, ours.general(4))) - 8 - WINDOW_ADDRESS;
      for (let n = Math.max(0, below); n < below + 8 && n < WINDOW_BYTES; n++) ours.window[n] = silicon.window[n];
    },
  },
  {
    id: 'repeat-nothing',
    makers: [],
    what: 'upper halves of RCX, RSI and RDI after a REP with 32-bit addresses and ECX = 0',
    why: 'no iteration writes them by the SDM, and ours does not; Intel silicon clears them after some string instructions',
    concerns: operations('movs', 'stos', 'lods', 'cmps', 'scas'),
    forgive: (silicon, ours) => {
      for (const register of [1, 6, 7]) {
        const theirs = silicon.general(register);
        if (theirs === BigInt.asUintN(32, ours.general(register))) ours.setGeneral(register, theirs);
      }
    },
  },
  {
    id: 'dot-product-nan',
    makers: ['intel'],
    what: 'which NaN comes out of DPPS and DPPD when several go in',
    why: 'the SDM gives no order of the additions for NaNs; the makers differ',
    concerns: operations('dpps', 'dppd'),
    forgive: (silicon, ours) => {
      for (const bytes of [4, 8] as const)
        takeLanes(silicon, ours, bytes, (at) => isQuietNaN(silicon, at, bytes) && isQuietNaN(ours, at, bytes));
    },
  },
  {
    id: 'transcendental-tiny',
    makers: ['intel'],
    what: 'UE and PE after FSIN FCOS FSINCOS FPTAN FPATAN F2XM1 FYL2X FYL2XP1; with an unmasked UE that one of the two raises, the result',
    why: 'whether a result within 1 ulp is tiny or exact is not specified beyond the value',
    concerns: (row) => transcendental.has(row.operation),
    forgive: (silicon, ours) => {
      const unmasked = ~silicon.controlWord & PRECISION_AND_UNDERFLOW;
      const differ = (silicon.statusWord ^ ours.statusWord) & PRECISION_AND_UNDERFLOW;
      // Unmasked, UE scales the result, and both set ES and B.
      if ((differ & unmasked & UNDERFLOW) !== 0) ours.bytes.set(silicon.bytes.subarray(STACK, STACK + 128), STACK);
      const bits = PRECISION_AND_UNDERFLOW | ((differ & unmasked) !== 0 ? SUMMARY_AND_BUSY : 0);
      ours.statusWord = (ours.statusWord & ~bits) | (silicon.statusWord & bits);
    },
  },
  {
    id: 'unchanged-tiny',
    makers: ['intel'],
    what: 'FPREM and FPREM1 of a denormal by an infinity and FSCALE of a denormal by less than 1, with UE unmasked',
    why: 'the result is the operand; whether that is an underflow is open: ours (as AMD) raises UE, silicon does not',
    concerns: operations('fprem', 'fprem1', 'fscale'),
    forgive: (silicon, ours) => {
      const raised = ours.statusWord & ~silicon.statusWord & ~silicon.controlWord & UNDERFLOW;
      if (raised !== 0) ours.bytes.set(silicon.bytes);
    },
  },
  {
    id: 'movsxd-16',
    makers: ['amd'],
    what: 'bytes that MOVSXD with a 16-bit operand reads, seen in page faults',
    why: 'two by the SDM (MOVSXD r16, r/m16), which ours follows; four on AMD',
    concerns: operations('movsxd'),
    forgive: (silicon, ours) => {
      if (silicon.vector === PAGE_FAULT && (silicon.cr2 & 0xfffn) === 0n) ours.bytes.set(silicon.bytes);
    },
  },
];

/** What is left out before anything is compared, for any maker. */
export const neverCompared: readonly (readonly [what: string, why: string])[] = [
  ['flags that a row of the table calls undefined, until the end of the snippet', 'the SDM leaves them open'],
  ['SHLD and SHRD with a count above the operand size', 'the SDM leaves everything open'],
  [
    'bit P of the error code outside the pages of the oracle',
    'the two address spaces differ in what is mapped for ring 0',
  ],
  ['MASKMOVDQU and MASKMOVQ beside a missing page; a faulting ENTER', 'the SDM leaves the faults open'],
  ['FYL2XP1 out of its range', 'undefined'],
  ['near branches with prefix 66', '16 bit on AMD, 64 bit on Intel, which we follow'],
];

/** Exemptions that hold for this maker and concern one of the rows. */
export function exemptionsFor(maker: Maker, rows: readonly InstructionRow[]): Exemption[] {
  return exemptions.filter(
    ({ makers, concerns }) => (makers.length === 0 || makers.includes(maker)) && rows.some(concerns),
  );
}
