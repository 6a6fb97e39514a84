// Random snippets made from the instruction table: one instruction or a few, their operands in registers and in the data window, with an address that is mostly good, sometimes unaligned, across a page, read-only or unmapped.

import { instructionTable } from '../../../devices/cpu/table/index.ts';
import type { InstructionRow, OperandForm } from '../../../devices/cpu/table/row.ts';
import {
  type Case,
  CODE_ADDRESS,
  CODE_BYTES,
  FLAG_MASK,
  GUARD_PAGE,
  READ_ONLY_PAGE,
  type Tolerance,
  WINDOW_ADDRESS,
  WINDOW_BYTES,
} from './layout.ts';
import { fillWindow, float32, float64, float80, fxImage, integer, Random } from './values.ts';

/**
 * Operations that are not compared: they answer by design otherwise than the host (identification, time), the host kernel emulates
 * them or acts on them (SGDT under UMIP, SYSCALL, INT n), or they touch state that the harness itself needs (segment registers).
 */
const excluded: ReadonlySet<string> = new Set([
  'syscall',
  'sysret',
  'iret',
  'int',
  'int1',
  'int3',
  'cpuid',
  'rdtsc',
  'rdtscp',
  'sgdt',
  'sidt',
  'sldt',
  'str',
  'smsw',
  'popf',
  'pushf',
  'popSegment',
  'pushSegment',
  'movFromSegment',
  'movToSegment',
  'rdfsbase',
  'rdgsbase',
  'wrfsbase',
  'wrgsbase',
  'swapgs',
  'callIndirect',
  'jmpIndirect',
  'ret',
  'xgetbv',
  'ins',
  'outs',
  'in',
  'out',
  'clflush',
]);

export const testedRows: readonly InstructionRow[] = instructionTable.filter((row) => !excluded.has(row.operation));

const transcendental: ReadonlySet<string> = new Set([
  'fsin',
  'fcos',
  'fsincos',
  'fptan',
  'fpatan',
  'f2xm1',
  'fyl2x',
  'fyl2xp1',
]);
const estimates: ReadonlySet<string> = new Set(['rcpps', 'rcpss', 'rsqrtps', 'rsqrtss']);
const strings: ReadonlySet<string> = new Set(['movs', 'cmps', 'stos', 'lods', 'scas']);
const manyAccesses: ReadonlySet<string> = new Set([
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
const aligned16: ReadonlySet<string> = new Set(['fxsave', 'fxrstor', 'cmpxchg16b']);
const flagBits: { readonly [letter: string]: number } = { c: 1, p: 4, a: 16, z: 64, s: 128, o: 2048 };

class Builder {
  readonly bytes: number[] = [];
  readonly general = new BigUint64Array(16);
  readonly window = new Uint8Array(WINDOW_BYTES);
  readonly random: Random;
  readonly ignored: [number, number][] = [];
  /** Registers that hold addresses and must not be overwritten by a later choice. */
  readonly used = new Set<number>();

  constructor(random: Random) {
    this.random = random;
  }

  byte(value: number): void {
    this.bytes.push(value & 0xff);
  }
  little(value: number, count: number): void {
    for (let n = 0; n < count; n++) this.byte(n < 4 ? value >> (n * 8) : value >> 31);
  }
}

/** Bytes that a memory operand of this form takes. */
function memoryBytes(row: InstructionRow, form: OperandForm, rexW: boolean, small: boolean): number {
  if (row.operation === 'fxsave' || row.operation === 'fxrstor') return 512;
  if (row.operation === 'fnsave' || row.operation === 'frstor') return small ? 94 : 108;
  if (row.operation === 'fnstenv' || row.operation === 'fldenv') return small ? 14 : 28;
  const suffix = form.charAt(1);
  if (suffix === 'v') return rexW ? 8 : small ? 2 : 4;
  if (suffix === 'y') return rexW ? 8 : 4;
  return { b: 1, w: 2, d: 4, q: 8, t: 10, x: 16 }[suffix] ?? 16;
}

/** Where the operand shall lie. */
function chooseAddress(random: Random, size: number, alignment: number): number {
  const kind = random.below(100);
  const room = WINDOW_BYTES - size;
  if (kind < 3) return GUARD_PAGE - random.below(size + 1);
  if (kind < 5) return READ_ONLY_PAGE + random.below(64) * 16;
  if (room <= 0) return WINDOW_ADDRESS + (kind < 15 ? random.below(16) : 0);
  if (kind < 15) return WINDOW_ADDRESS + 256 - random.below(size + 1);
  if (kind < 25) return WINDOW_ADDRESS + random.below(room);
  return WINDOW_ADDRESS + (random.below(room) & -alignment);
}

/** Emits ModRM, SIB and displacement for memory at `target`; returns what must be added once the instruction's end is known. */
function emitMemory(
  builder: Builder,
  reg: number,
  target: number,
): { rexBits: number; emit: () => void; ripRelativeAt: () => number } {
  const random = builder.random;
  let rexBits = (reg & 8) >> 1;
  const field = (reg & 7) << 3;
  let ripAt = -1;
  const kind = random.below(10);
  if (kind === 0) {
    return {
      rexBits,
      emit: () => {
        builder.byte(field | 5);
        ripAt = builder.bytes.length;
        builder.little(0, 4);
      },
      ripRelativeAt: () => ripAt,
    };
  }
  if (kind === 1) {
    return {
      rexBits,
      emit: () => {
        builder.byte(field | 4);
        builder.byte(0x25);
        builder.little(target, 4);
      },
      ripRelativeAt: () => -1,
    };
  }
  const free = (): number => {
    for (;;) {
      const number = random.below(16);
      if (!builder.used.has(number)) return number;
    }
  };
  const base = free();
  builder.used.add(base);
  let displacementKind = random.below(3);
  let displacement = 0;
  if (displacementKind === 1) displacement = random.below(256) - 128;
  else if (displacementKind === 2) displacement = (random.next() | 0) >> random.below(20);
  if (displacementKind === 0 && (base & 7) === 5) displacementKind = 1;
  let address = BigInt(target) - BigInt(displacement);
  let index = -1;
  let scale = 0;
  if (random.chance(40)) {
    index = free();
    if (index === 4) index = -1;
  }
  if (index >= 0) {
    builder.used.add(index);
    scale = random.below(4);
    builder.general[index] = random.chance(70) ? BigInt(random.below(256)) : integer(random);
    address -= builder.general[index] << BigInt(scale);
  }
  builder.general[base] = BigInt.asUintN(64, address);
  rexBits |= (base & 8) >> 3;
  if (index >= 0) rexBits |= (index & 8) >> 2;
  return {
    rexBits,
    emit: () => {
      const sib = index >= 0 || (base & 7) === 4;
      builder.byte((displacementKind << 6) | field | (sib ? 4 : base & 7));
      if (sib) builder.byte((scale << 6) | ((index >= 0 ? index & 7 : 4) << 3) | (base & 7));
      if (displacementKind === 1) builder.byte(displacement);
      else if (displacementKind === 2) builder.little(displacement, 4);
    },
    ripRelativeAt: () => -1,
  };
}

/** Puts a value that suits the row where the operand will be read. */
function plant(builder: Builder, row: InstructionRow, offset: number, size: number): void {
  if (offset < 0 || offset + size > WINDOW_BYTES) return;
  const random = builder.random;
  const view = new DataView(builder.window.buffer);
  const fill32 = (): void => {
    for (let at = 0; at + 4 <= size; at += 4) view.setUint32(offset + at, Number(float32(random)), true);
  };
  const fill64 = (): void => {
    for (let at = 0; at + 8 <= size; at += 8) view.setBigUint64(offset + at, float64(random), true);
  };
  if (row.operation === 'ldmxcsr') {
    view.setUint32(offset, random.chance(90) ? random.below(0x10000) : random.next() & ~0x20000, true);
  } else if (row.operation === 'fxrstor') {
    const image = fxImage(random);
    if (random.chance(5)) image[27] = 1;
    builder.window.set(image.subarray(0, Math.min(size, WINDOW_BYTES - offset)), offset);
  } else if (row.operation === 'fbld') {
    for (let n = 0; n < 9; n++) builder.window[offset + n] = random.below(10) | (random.below(10) << 4);
    builder.window[offset + 9] = random.below(2) << 7;
  } else if (size === 10) {
    const value = float80(random);
    view.setBigUint64(offset, value & 0xffff_ffff_ffff_ffffn, true);
    view.setUint16(offset + 8, Number(value >> 64n), true);
  } else if (/(ps|ss)\w*$/.test(row.operation) || (row.feature === 'x87' && size === 4)) fill32();
  else if (/(pd|sd)\w*$/.test(row.operation) || (row.feature === 'x87' && size === 8)) fill64();
}

/** One instruction; false if this choice of the dice makes none. */
function emitInstruction(builder: Builder, row: InstructionRow): boolean {
  const random = builder.random;
  const { general } = builder;
  const forms = row.operands;
  const memoryForm = forms.find((form) => /^[EMWQ]/.test(form) || form === 'M');
  const registerOnly = forms.some((form) => /^[RUN]/.test(form)) || row.mod === 'register';
  const useMemory =
    row.modrm === true && memoryForm !== undefined && !registerOnly && (row.mod === 'memory' || random.chance(50));
  if (row.mod === 'memory' && !useMemory) return false;

  const rexW = row.rexW === undefined ? random.chance(40) : row.rexW === 1;
  const sized = forms.some((form) => /^.[vz]$/.test(form)) || row.operation === 'cbw' || row.operation === 'cwd';
  const environment = ['fnstenv', 'fldenv', 'fnsave', 'frstor'].includes(row.operation);
  let small = row.prefix === undefined && (sized || environment) && random.chance(25);
  // A relative branch with 66 is 16 bit on AMD and 32 bit on Intel.
  if (forms.some((form) => form[0] === 'J')) small = false;
  if (row.prefix === 'none') small = false;

  const reg = row.reg ?? random.below(row.modrm === true && /^[PN]/.test(forms.join()) ? 8 : 16);
  let rm = row.rm ?? random.below(16);
  if (row.rm !== undefined || row.feature === 'x87') rm &= 7;
  let prefixes: number[] = [];
  if (small) prefixes.push(0x66);
  if (row.prefix === '66') prefixes.push(0x66);
  if (row.prefix === 'F2') prefixes.push(0xf2);
  if (row.prefix === 'F3') prefixes.push(0xf3);
  if (row.lockable === true && useMemory && random.chance(20)) prefixes.push(0xf0);
  if (strings.has(row.operation)) {
    const repeat = random.below(3);
    if (repeat > 0) {
      prefixes.push(repeat === 1 ? 0xf3 : 0xf2);
      if ((row.operation === 'movs' || row.operation === 'stos' || row.operation === 'lods') && repeat === 2)
        prefixes = prefixes.slice(0, -1);
    }
    general[1] = BigInt(random.below(20));
    general[6] = BigInt(chooseAddress(random, 40, 8) + (random.chance(50) ? 0 : 20));
    general[7] = BigInt(chooseAddress(random, 40, 8) + (random.chance(50) ? 0 : 20));
  }
  if (row.operation === 'maskmovdqu' || row.operation === 'maskmovq') {
    // Where the page of a masked-out byte is missing, the SDM leaves open whether there is a fault.
    builder.used.add(7);
    general[7] = BigInt(WINDOW_ADDRESS + random.below(WINDOW_BYTES - 16));
  }
  if (row.operation === 'shld' || row.operation === 'shrd') {
    // A count above the operand size leaves everything undefined.
    builder.used.add(1);
    general[1] = (general[1] & ~0xffn) | BigInt(random.below(small ? 17 : 70));
  }
  if (row.operation === 'xlat') general[3] = BigInt(WINDOW_ADDRESS + random.below(256));
  if (['push', 'pop', 'call', 'enter', 'leave'].includes(row.operation)) {
    builder.used.add(4);
    builder.used.add(5);
    general[4] = BigInt(chooseAddress(random, 64, 8) + 64);
    general[5] = BigInt(chooseAddress(random, 64, 8) + 64);
    // ENTER touches up to 264 bytes in an order of its own: where it faults is not compared.
    if (row.operation === 'enter') general[4] = general[5] = BigInt(WINDOW_ADDRESS + 384 + random.below(16) * 8);
  }
  if (row.operation.startsWith('loop') || row.operation === 'jrcxz') general[1] = BigInt(random.below(3));

  let rex = rexW ? 8 : 0;
  let memory: ReturnType<typeof emitMemory> | undefined;
  let target = 0;
  let size = 0;
  if (useMemory && memoryForm !== undefined) {
    size = memoryBytes(row, memoryForm, rexW, small || row.prefix === '66');
    const wide = aligned16.has(row.operation) || size === 16;
    target = chooseAddress(random, size, wide ? 16 : random.pick([1, 4, 8]));
    if (size === 512 && target >= WINDOW_ADDRESS && target < WINDOW_ADDRESS + 16)
      target = WINDOW_ADDRESS + (random.chance(5) ? 8 : 0);
    plant(builder, row, target - WINDOW_ADDRESS, size);
    if (/^bt/.test(row.operation) && forms[1] === 'Gv') {
      // The bit offset is part of the address: keep it near.
      builder.used.add(reg);
      general[reg] = BigInt.asUintN(64, BigInt(random.below(1024) - 512));
      target = WINDOW_ADDRESS + 192 + random.below(64);
    }
    memory = emitMemory(builder, row.reg ?? reg, target);
    rex |= memory.rexBits;
    const offset = target - WINDOW_ADDRESS;
    if (environment)
      for (const range of small
        ? ([
            [6, 2],
            [10, 2],
          ] as const)
        : ([
            [12, 8],
            [20, 8],
          ] as const))
        builder.ignored.push([offset + range[0], range[1]]);
    if (row.operation === 'fxsave') builder.ignored.push([offset + 6, 18], [offset + 28, 4], [offset + 464, 48]);
  } else if (row.modrm === true) {
    rex |= ((row.reg === undefined ? reg : 0) & 8) >> 1;
    rex |= (rm & 8) >> 3;
  }
  const inOpcode = forms.some((form) => form[0] === 'Z');
  if (inOpcode) rex |= (rm & 8) >> 3;

  for (const prefix of prefixes) builder.byte(prefix);
  if (rex !== 0 || random.chance(10)) builder.byte(0x40 | rex);
  if (row.map > 0) builder.byte(0x0f);
  if (row.map === 2) builder.byte(0x38);
  if (row.map === 3) builder.byte(0x3a);
  builder.byte(row.opcode | (inOpcode ? rm & 7 : 0));
  if (row.modrm === true) {
    if (memory !== undefined) memory.emit();
    else builder.byte(0xc0 | ((reg & 7) << 3) | (rm & 7));
  }
  emitImmediates(builder, row, (rex & 8) !== 0, small && (rex & 8) === 0);
  const ripAt = memory?.ripRelativeAt() ?? -1;
  if (ripAt >= 0) {
    const displacement = target - (CODE_ADDRESS + builder.bytes.length);
    for (let n = 0; n < 4; n++) builder.bytes[ripAt + n] = (displacement >> (n * 8)) & 0xff;
  }
  return true;
}

function emitImmediates(builder: Builder, row: InstructionRow, rexW: boolean, small: boolean): void {
  const random = builder.random;
  for (const form of row.operands) {
    const value = Number(BigInt.asIntN(32, integer(random)));
    if (form === 'Ib')
      builder.byte(
        random.chance(50) && !(small && /^sh[lr]d$/.test(row.operation)) ? random.below(256) : random.below(16),
      );
    else if (form === 'Iw') builder.little(row.operation === 'enter' ? random.below(32) : value, 2);
    else if (form === 'Iz') builder.little(value, small ? 2 : 4);
    else if (form === 'Iv') builder.little(value, rexW ? 8 : small ? 2 : 4);
    else if (form === 'Jb') builder.byte(random.below(8));
    else if (form === 'Jz') builder.little(random.below(8), 4);
    else if (form === 'Ob' || form === 'Ov') {
      builder.little(chooseAddress(random, 8, 1), 4);
      builder.little(0, 4);
    }
  }
}

function toleranceOf(rows: readonly InstructionRow[], ignored: readonly (readonly [number, number])[]): Tolerance {
  let undefinedFlags = 0;
  // Any of the instructions may fault, so that what was undefined before it is what is compared.
  for (const row of rows) for (const letter of row.flagsUndefined ?? '') undefinedFlags |= flagBits[letter] ?? 0;
  return {
    undefinedFlags,
    extendedUlps: rows.some((row) => transcendental.has(row.operation)) ? 1 : 0,
    relativeError: rows.some((row) => estimates.has(row.operation)) ? 2 ** -10 : 0,
    pageOfFaultOnly: rows.some((row) => manyAccesses.has(row.operation)),
    ignoredMemory: ignored,
  };
}

/** Rows that may stand in a snippet of several: no jumps, no REP, results to the bit. */
function mayFollow(row: InstructionRow): boolean {
  return (
    row.endsBlock !== true &&
    !transcendental.has(row.operation) &&
    !estimates.has(row.operation) &&
    !manyAccesses.has(row.operation)
  );
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

/** Emits one to four instructions; their rows, or undefined if the dice made nothing. */
function emitSnippet(builder: Builder, rows: readonly InstructionRow[]): InstructionRow[] | undefined {
  const random = builder.random;
  const chosen: InstructionRow[] = [];
  let undefinedFlags: Set<string> = new Set();
  const length = random.chance(80) ? 1 : 2 + random.below(3);
  for (let attempt = 0; attempt < 20 && chosen.length < length; attempt++) {
    const row = random.pick(rows);
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

/** Case number `index` of campaign `seed`; `rows` narrows the choice. */
export function generateCase(seed: number, index: number, rows: readonly InstructionRow[] = testedRows): Case {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  for (;;) {
    const builder = new Builder(random);
    for (let n = 0; n < 16; n++) builder.general[n] = integer(random);
    // Without this, half of all stack accesses would fault.
    builder.general[4] = BigInt(WINDOW_ADDRESS + 256);
    fillWindow(random, builder.window);
    const chosen = emitSnippet(builder, rows);
    if (chosen === undefined) continue;
    const fx = fxImage(random);
    // FYL2XP1 is defined for |x| < 1 - sqrt(1/2) only.
    if (chosen[0].operation === 'fyl2xp1' && (fx[41] & 0x7f) >= 0x3f && fx[41] !== 0x7f)
      fx[41] = (fx[41] & 0x80) | 0x3e;
    return {
      seed,
      index,
      general: builder.general,
      flags: random.next() & FLAG_MASK & (random.chance(80) ? ~0x400 : ~0),
      code: Uint8Array.from(builder.bytes),
      fx,
      window: builder.window,
      tolerance: toleranceOf(chosen, builder.ignored),
      rows: chosen,
      text: chosen.map((row) => `${row.mnemonic ?? row.operation} ${row.operands.join(',')}`.trim()).join('; '),
    };
  }
}
