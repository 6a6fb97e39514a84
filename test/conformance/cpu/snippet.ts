// Random snippets made from the instruction table: one instruction or a few, with operands in registers and in the window. A
// snippet is a function of seed and number; the first row goes round the table, so that every entry comes up equally often.

import { instructionTable } from '../../../devices/cpu/table/index.ts';
import type { InstructionRow } from '../../../devices/cpu/table/row.ts';
import { encodeInstruction, type MemoryRequest, strings } from './encode.ts';
import { CODE_ADDRESS, CODE_BYTES, type Setup, type Snippet, WINDOW_ADDRESS, WINDOW_BYTES } from './layout.ts';
import {
  chooseAddress,
  chooseBranchTarget,
  encodeMemory,
  type MemoryOperand,
  memoryBytes,
  planterOf,
} from './operands.ts';
import { stackSetup, stringSetup } from './setups.ts';
import { Random } from './values.ts';

/** Operations that are not compared, and why. */
export const excludedOperations: { readonly [operation: string]: string } = {
  ...Object.fromEntries(
    ['syscall', 'int', 'int1', 'int3', 'iret', 'sysret'].map((name) => [
      name,
      'used by the harness, or act on its kernel',
    ]),
  ),
  ...Object.fromEntries(['cpuid', 'rdtsc', 'rdtscp', 'xgetbv'].map((name) => [name, 'answered differently by design'])),
  ...Object.fromEntries(
    ['sgdt', 'sidt', 'sldt', 'str', 'smsw'].map((name) => [name, 'emulated by the host kernel (UMIP)']),
  ),
  ...Object.fromEntries(
    [
      'popSegment',
      'pushSegment',
      'movFromSegment',
      'movToSegment',
      'rdfsbase',
      'rdgsbase',
      'wrfsbase',
      'wrgsbase',
      'swapgs',
    ].map((name) => [name, 'segments are those of the harness']),
  ),
  ...Object.fromEntries(['ins', 'outs', 'in', 'out'].map((name) => [name, 'ports are those of the host'])),
  clflush: 'has no effect that could be compared',
};

export const testedRows: readonly InstructionRow[] = instructionTable.filter(
  (row) => !Object.hasOwn(excludedOperations, row.operation),
);

export const transcendental: ReadonlySet<string> = new Set([
  'fsin',
  'fcos',
  'fsincos',
  'fptan',
  'fpatan',
  'f2xm1',
  'fyl2x',
  'fyl2xp1',
]);
export const estimates: ReadonlySet<string> = new Set(['rcpps', 'rcpss', 'rsqrtps', 'rsqrtss']);
/** Instructions that touch memory in pieces of an order of their own. */
export const piecewise: ReadonlySet<string> = new Set([
  'fxsave',
  'fxrstor',
  'fnsave',
  'frstor',
  'fnstenv',
  'fldenv',
  'maskmovdqu',
  'maskmovq',
  'enter',
]);
/** Instructions that stand alone in a snippet: what follows them would hide how they may differ. */
const alone: ReadonlySet<string> = new Set([
  ...transcendental,
  ...estimates,
  ...piecewise,
  ...['fst', 'fstp', 'fist', 'fistp', 'fisttp', 'fbstp', 'fprem', 'fprem1', 'fscale', 'dpps', 'dppd'],
]);
const aligned16: ReadonlySet<string> = new Set(['fxsave', 'fxrstor', 'cmpxchg16b']);
/** Bits of RFLAGS by the letters of a FlagSet. */
export const flagBits: { readonly [letter: string]: number } = { c: 1, p: 4, a: 16, z: 64, s: 128, o: 2048 };

class Builder {
  readonly bytes: number[] = [];
  readonly random: Random;
  readonly setups: Setup[] = [];
  readonly inMemory: InstructionRow[] = [];
  /** Registers that hold addresses and must not be given to a later operand. */
  readonly used = new Set<number>();

  constructor(random: Random) {
    this.random = random;
  }
}

/** What an instruction needs in registers and on the stack, beside its memory operand. */
function implicitSetup(builder: Builder, row: InstructionRow, small: boolean, address32: boolean): Setup | undefined {
  const { used } = builder;
  const operation = row.operation;
  if (strings.has(operation)) return stringSetup(address32);
  const stack = stackSetup(row);
  if (stack !== undefined) {
    used.add(4);
    used.add(5);
    return stack;
  }
  switch (operation) {
    case 'maskmovdqu':
    case 'maskmovq':
      // Where the page of a masked-out byte is missing, the SDM leaves open whether there is a fault.
      used.add(7);
      return (state, random) => state.setGeneralNumber(7, WINDOW_ADDRESS + random.below(WINDOW_BYTES - 16));
    case 'shld':
    case 'shrd':
      // A count above the operand size leaves everything undefined.
      used.add(1);
      return (state, random) =>
        state.setGeneral(1, (state.general(1) & ~0xffn) | BigInt(random.below(small ? 17 : 70)));
    case 'xlat':
      return (state, random) => state.setGeneralNumber(3, WINDOW_ADDRESS + random.below(256));
    case 'loop':
    case 'loope':
    case 'loopne':
    case 'jrcxz':
      return (state, random) => state.setGeneralNumber(1, random.below(3));
    case 'fyl2xp1':
      // Defined for |x| < 1 - sqrt(1/2) only.
      return (state) => {
        const at = state.fxAt + 41;
        const exponent = state.view.getUint8(at);
        if ((exponent & 0x7f) >= 0x3f && exponent !== 0x7f) state.view.setUint8(at, (exponent & 0x80) | 0x3e);
      };
    default:
      return undefined;
  }
}

/** The memory operand of an instruction: its encoding, and a setup that places and fills it. */
function memoryOperand(builder: Builder, row: InstructionRow, request: MemoryRequest): MemoryOperand {
  const { random } = builder;
  const { form, reg, rexW, prefixes } = request;
  const size = memoryBytes(row, form, rexW, prefixes.small || row.prefix === '66');
  const wide = aligned16.has(row.operation) || size === 16;
  const bitOffset = /^bt/.test(row.operation) && row.operands[1] === 'Gv';
  if (bitOffset) builder.used.add(reg);
  const choose = (random: Random): number => {
    const target = chooseAddress(random, size, wide ? 16 : random.pick([1, 4, 8]));
    if (size === 512 && target >= WINDOW_ADDRESS && target < WINDOW_ADDRESS + 16)
      return WINDOW_ADDRESS + (random.chance(5) ? 8 : 0);
    return target;
  };
  const memory = encodeMemory(random, {
    reg,
    used: builder.used,
    gs: prefixes.gs,
    address32: prefixes.address32,
    target: bitOffset ? WINDOW_ADDRESS + 192 + random.below(64) : choose(random),
  });
  const planter = planterOf(row, size);
  const pointers = pointerRanges(row, prefixes.small);
  builder.inMemory.push(row);
  builder.setups.push((state, random, pool) => {
    let target = memory.fixedTarget ?? choose(random);
    if (bitOffset) {
      // The bit offset is part of the address: keep it near.
      state.setGeneral(reg, BigInt.asUintN(64, BigInt(random.below(1024) - 512)));
      if (memory.fixedTarget === undefined) target = WINDOW_ADDRESS + 192 + random.below(64);
    }
    if (Math.floor(target / 4096) !== Math.floor((target + size - 1) / 4096)) state.crosses = true;
    const offset = target - WINDOW_ADDRESS;
    if (planter !== undefined && offset >= 0 && offset + size <= WINDOW_BYTES)
      planter(state.view, state.windowAt(offset), random, pool);
    memory.place(state, random, target);
    for (const [from, length] of pointers) state.ignored.push([offset + from, length]);
  });
  return memory;
}

/** Where an x87 image holds instruction and operand pointers. */
function pointerRanges(row: InstructionRow, small: boolean): readonly (readonly [number, number])[] {
  if (row.operation === 'fxsave')
    return [
      [6, 18],
      [28, 4],
      [464, 48],
    ];
  if (row.operation !== 'fnstenv' && row.operation !== 'fnsave') return [];
  return small
    ? [
        [6, 2],
        [10, 2],
      ]
    : [
        [12, 8],
        [20, 8],
      ];
}

/** One instruction; false if this choice of the dice makes none. */
function emitInstruction(builder: Builder, row: InstructionRow): boolean {
  const { random } = builder;
  return encodeInstruction(random, builder.bytes, CODE_ADDRESS, row, {
    register: (limit) => random.below(limit),
    prepare: (prefixes) => {
      const setup = implicitSetup(builder, row, prefixes.small, prefixes.address32);
      if (setup !== undefined) builder.setups.push(setup);
    },
    memory: (request) => memoryOperand(builder, row, request),
    absolute: () => chooseAddress(random, 8, 1),
    branchTarget: (register) => {
      builder.used.add(register);
      builder.setups.push((state, random) => state.setGeneral(register, chooseBranchTarget(random)));
    },
  });
}

/** Rows that may stand in a snippet of several: no jumps, no REP, results to the bit. */
function mayFollow(row: InstructionRow): boolean {
  return row.endsBlock !== true && !alone.has(row.operation);
}

/** Flags that are undefined after `row`, given those that were before; undefined if the row would read one of them. */
function undefinedAfter(row: InstructionRow, before: ReadonlySet<string>): Set<string> | undefined {
  for (const letter of row.flagsRead ?? '') if (before.has(letter)) return undefined;
  const after = new Set(before);
  // Shifts by zero write nothing, so only rows without undefined flags make flags defined again.
  if (row.flagsUndefined === undefined) for (const letter of row.flagsWritten ?? '') after.delete(letter);
  for (const letter of row.flagsUndefined ?? '') after.add(letter);
  return after;
}

/** Emits one to four instructions, `first` at their head; their rows, or undefined if the dice made nothing. */
function emitRows(
  builder: Builder,
  first: InstructionRow,
  rows: readonly InstructionRow[],
): InstructionRow[] | undefined {
  const random = builder.random;
  const chosen: InstructionRow[] = [];
  let undefinedFlags: Set<string> = new Set();
  const length = random.chance(80) || !mayFollow(first) ? 1 : 2 + random.below(3);
  for (let attempt = 0; attempt < 20 && chosen.length < length; attempt++) {
    const row = chosen.length === 0 ? first : random.pick(rows);
    if (length > 1 && !mayFollow(row)) continue;
    const after = undefinedAfter(row, undefinedFlags);
    if (after === undefined) continue;
    const before = builder.bytes.length;
    if (before > CODE_BYTES - 32 || !emitInstruction(builder, row)) {
      builder.bytes.length = before;
      continue;
    }
    undefinedFlags = after;
    chosen.push(row);
  }
  return chosen.length > 0 && builder.bytes.length <= CODE_BYTES - 16 ? chosen : undefined;
}

/** Snippet number `index` of campaign `seed`; `rows` narrows the choice. */
export function generateSnippet(seed: number, index: number, rows: readonly InstructionRow[] = testedRows): Snippet {
  const random = new Random(seed, index, 0x5e1f);
  for (;;) {
    const builder = new Builder(random);
    const chosen = emitRows(builder, rows[index % rows.length], rows);
    if (chosen === undefined) continue;
    // Any of the instructions may fault, so that what was undefined before it is what is compared.
    let undefinedFlags = 0;
    for (const row of chosen) for (const letter of row.flagsUndefined ?? '') undefinedFlags |= flagBits[letter] ?? 0;
    return {
      seed,
      index,
      code: Uint8Array.from(builder.bytes),
      rows: chosen,
      inMemory: builder.inMemory,
      setups: builder.setups,
      undefinedFlags,
    };
  }
}
