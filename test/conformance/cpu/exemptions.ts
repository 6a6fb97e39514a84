// Where processors of different makers rightly answer differently: the one list of what is not compared, for which maker, and why.
//
//   silicon's outcome, ours  ->  equal?  no  ->  each exemption of this maker that knows the snippet's rows makes ours like
//   silicon's where it allows that  ->  equal?  no  ->  a difference
//
// An exemption checks as much as it can before it gives in, so that a real fault beside it is still seen. How often each was
// needed is part of the report. Ours is what the SDM says; where the SDM leaves it open, what the first host (an AMD) did.

import fs from 'node:fs';
import type { InstructionRow } from '../../../devices/cpu/table/row.ts';
import type { Outcome } from './layout.ts';

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
  readonly forgive: (silicon: Outcome, ours: Outcome) => void;
}

const FSW = 2;
const FTW = 4;
const STACK = 32;
const XMM = 160;
const PRECISION_AND_UNDERFLOW = 0x30;
const ERROR_SUMMARY = 0x80;
const PAGE_FAULT = 14;
/** #SS, #GP, #PF, #AC: what a memory access can raise. */
const accessFaults: ReadonlySet<number> = new Set([12, 13, 14, 17]);
const ARITHMETIC_FLAGS = 0x8d5;

const operations =
  (...names: string[]) =>
  (row: InstructionRow): boolean =>
    names.includes(row.operation);

function viewOf(outcome: Outcome): DataView {
  return new DataView(outcome.fx.buffer, outcome.fx.byteOffset, outcome.fx.length);
}

/** True if the eight physical x87 registers are the same, whatever TOP says. */
function sameRegisters(silicon: Outcome, ours: Outcome): boolean {
  const a = viewOf(silicon);
  const b = viewOf(ours);
  const topA = a.getUint16(FSW, true) >> 11;
  const topB = b.getUint16(FSW, true) >> 11;
  for (let physical = 0; physical < 8; physical++) {
    const atA = STACK + ((physical - topA) & 7) * 16;
    const atB = STACK + ((physical - topB) & 7) * 16;
    for (let n = 0; n < 10; n++) if (silicon.fx[atA + n] !== ours.fx[atB + n]) return false;
  }
  return true;
}

/** Copies lanes of XMM where both are quiet NaNs. */
function takeQuietNaNs(silicon: Outcome, ours: Outcome, bytes: 4 | 8): void {
  const quiet = (bytesOf: Uint8Array, at: number): boolean => {
    const high = (bytesOf[at + bytes - 1] << 8) | bytesOf[at + bytes - 2];
    return bytes === 4 ? (high & 0x7fc0) === 0x7fc0 : (high & 0x7ff8) === 0x7ff8;
  };
  for (let at = XMM; at < XMM + 256; at += bytes)
    if (quiet(silicon.fx, at) && quiet(ours.fx, at)) ours.fx.set(silicon.fx.subarray(at, at + bytes), at);
}

function takeEverything(silicon: Outcome, ours: Outcome): void {
  ours.general.set(silicon.general);
  ours.rip = silicon.rip;
  ours.flags = silicon.flags;
  ours.cr2 = silicon.cr2;
  ours.vector = silicon.vector;
  ours.error = silicon.error;
  ours.fx.set(silicon.fx);
  ours.window.set(silicon.window);
}

const transcendental = operations('fsin', 'fcos', 'fsincos', 'fptan', 'fpatan', 'f2xm1', 'fyl2x', 'fyl2xp1');

export const exemptions: readonly Exemption[] = [
  {
    id: 'mmx-store-fault',
    makers: ['intel'],
    what: 'TOP and tags after an MMX store that faults (the registers themselves are compared)',
    why: 'silicon has already entered MMX mode; Intel lists it as an erratum of most of its processors, ours leaves the x87 state alone',
    concerns: (row) => (row.operands[1] === 'Pq' && /^[EMQ]/.test(row.operands[0])) || row.operation === 'maskmovq',
    forgive: (silicon, ours) => {
      const a = viewOf(silicon);
      const b = viewOf(ours);
      if (silicon.vector !== ours.vector || !accessFaults.has(ours.vector)) return;
      if ((a.getUint16(FSW, true) & 0x3800) !== 0 || !sameRegisters(silicon, ours)) return;
      b.setUint16(FSW, b.getUint16(FSW, true) & ~0x3800, true);
      ours.fx[FTW] = silicon.fx[FTW];
      ours.fx.set(silicon.fx.subarray(STACK, STACK + 128), STACK);
    },
  },
  {
    id: 'x87-store-order',
    makers: ['intel'],
    what: 'an x87 store with an unmasked exception to a page that refuses it',
    why: 'both are faults of one priority class (SDM vol. 3, priority among concurrent events), whose order is open: silicon finds the exception first and accesses nothing, ours the page fault',
    concerns: operations('fst', 'fstp', 'fist', 'fistp', 'fisttp', 'fbstp'),
    forgive: (silicon, ours) => {
      const raised = (viewOf(silicon).getUint16(FSW, true) & ERROR_SUMMARY) !== 0;
      const pending = (viewOf(ours).getUint16(FSW, true) & ERROR_SUMMARY) !== 0;
      if (raised && !pending && accessFaults.has(ours.vector)) takeEverything(silicon, ours);
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
    id: 'dot-product-nan',
    makers: ['intel'],
    what: 'which NaN comes out of DPPS and DPPD when several go in',
    why: 'the SDM gives no order of the additions for NaNs; the makers differ',
    concerns: operations('dpps', 'dppd'),
    forgive: (silicon, ours) => {
      takeQuietNaNs(silicon, ours, 4);
      takeQuietNaNs(silicon, ours, 8);
    },
  },
  {
    id: 'transcendental-tiny',
    makers: ['intel'],
    what: 'UE and PE after FSIN FCOS FSINCOS FPTAN FPATAN F2XM1 FYL2X FYL2XP1, both masked',
    why: 'whether a result within 1 ulp is tiny or exact is not specified beyond the value',
    concerns: transcendental,
    forgive: (silicon, ours) => {
      const a = viewOf(silicon);
      const b = viewOf(ours);
      if ((a.getUint16(0, true) & PRECISION_AND_UNDERFLOW) !== PRECISION_AND_UNDERFLOW) return;
      const theirs = a.getUint16(FSW, true) & PRECISION_AND_UNDERFLOW;
      b.setUint16(FSW, (b.getUint16(FSW, true) & ~PRECISION_AND_UNDERFLOW) | theirs, true);
    },
  },
  {
    id: 'movsxd-16',
    makers: ['amd'],
    what: 'bytes that MOVSXD with a 16-bit operand reads, seen in page faults',
    why: 'two by the SDM (MOVSXD r16, r/m16), which ours follows; four on AMD',
    concerns: operations('movsxd'),
    forgive: (silicon, ours) => {
      if (silicon.vector === PAGE_FAULT && (silicon.cr2 & 0xfffn) === 0n) takeEverything(silicon, ours);
    },
  },
];

/** Exemptions that hold for this maker and concern one of the rows. */
export function exemptionsFor(maker: Maker, rows: readonly InstructionRow[]): Exemption[] {
  return exemptions.filter(
    ({ makers, concerns }) => (makers.length === 0 || makers.includes(maker)) && rows.some(concerns),
  );
}
