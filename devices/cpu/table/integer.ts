// General-purpose instructions (SDM vol. 2), 64-bit mode. What 64-bit mode dropped (AAA, PUSHA, BOUND, LES, far calls by
// immediate …) has no row and raises #UD.

import type { InstructionRow, OperandForm } from './row.ts';

type Extra = Partial<InstructionRow>;

/** A row with ModRM. */
const rm = (
  map: 0 | 1 | 2 | 3,
  opcode: number,
  operation: string,
  operands: readonly OperandForm[],
  extra: Extra = {},
): InstructionRow => ({
  map,
  opcode,
  modrm: true,
  operation,
  operands,
  ...extra,
});
/** A row without ModRM. */
const op = (
  map: 0 | 1,
  opcode: number,
  operation: string,
  operands: readonly OperandForm[] = [],
  extra: Extra = {},
): InstructionRow => ({
  map,
  opcode,
  operation,
  operands,
  ...extra,
});

/** Condition codes 0..15 as suffixes. */
export const conditionNames = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
] as const;
/** Flags read by condition code >> 1. */
const conditionFlags = ['o', 'c', 'z', 'cz', 's', 'p', 'so', 'zso'] as const;

const all: Extra = { flagsWritten: 'cpazso' };
const logic: Extra = { flagsWritten: 'cpzso', flagsUndefined: 'a' };
const locked = (extra: Extra): Extra => ({ ...extra, lockable: true });

const arithmetic: InstructionRow[] = [];
const groupOne: readonly [string, Extra][] = [
  ['add', all],
  ['or', logic],
  ['adc', { ...all, flagsRead: 'c' }],
  ['sbb', { ...all, flagsRead: 'c' }],
  ['and', logic],
  ['sub', all],
  ['xor', logic],
  ['cmp', all],
];
groupOne.forEach(([name, flags], index) => {
  const base = index << 3;
  const memory = name === 'cmp' ? flags : locked(flags);
  arithmetic.push(
    rm(0, base, name, ['Eb', 'Gb'], memory),
    rm(0, base | 1, name, ['Ev', 'Gv'], memory),
    rm(0, base | 2, name, ['Gb', 'Eb'], flags),
    rm(0, base | 3, name, ['Gv', 'Ev'], flags),
    op(0, base | 4, name, ['AL', 'Ib'], flags),
    op(0, base | 5, name, ['rAX', 'Iz'], flags),
    rm(0, 0x80, name, ['Eb', 'Ib'], { ...memory, reg: index }),
    rm(0, 0x81, name, ['Ev', 'Iz'], { ...memory, reg: index }),
    rm(0, 0x83, name, ['Ev', 'Ib'], { ...memory, reg: index }),
  );
});

const shifts: InstructionRow[] = [];
const rotateFlags: Extra = { flagsWritten: 'co', flagsUndefined: 'o' };
const shiftFlags: Extra = { flagsWritten: 'cpzso', flagsUndefined: 'ao' };
const groupTwo: readonly [string, Extra][] = [
  ['rol', rotateFlags],
  ['ror', rotateFlags],
  ['rcl', { ...rotateFlags, flagsRead: 'c' }],
  ['rcr', { ...rotateFlags, flagsRead: 'c' }],
  ['shl', shiftFlags],
  ['shr', shiftFlags],
  ['shl', shiftFlags],
  ['sar', shiftFlags],
];
groupTwo.forEach(([name, flags], reg) => {
  shifts.push(
    rm(0, 0xc0, name, ['Eb', 'Ib'], { ...flags, reg }),
    rm(0, 0xc1, name, ['Ev', 'Ib'], { ...flags, reg }),
    rm(0, 0xd0, name, ['Eb', '1'], { ...flags, reg }),
    rm(0, 0xd1, name, ['Ev', '1'], { ...flags, reg }),
    rm(0, 0xd2, name, ['Eb', 'CL'], { ...flags, reg }),
    rm(0, 0xd3, name, ['Ev', 'CL'], { ...flags, reg }),
  );
});
shifts.push(
  rm(1, 0xa4, 'shld', ['Ev', 'Gv', 'Ib'], shiftFlags),
  rm(1, 0xa5, 'shld', ['Ev', 'Gv', 'CL'], shiftFlags),
  rm(1, 0xac, 'shrd', ['Ev', 'Gv', 'Ib'], shiftFlags),
  rm(1, 0xad, 'shrd', ['Ev', 'Gv', 'CL'], shiftFlags),
);

const incrementFlags: Extra = { flagsWritten: 'pazso' };
const multiplyFlags: Extra = { flagsWritten: 'co', flagsUndefined: 'pazs' };
const divideFlags: Extra = { flagsUndefined: 'cpazso' };
const unary: InstructionRow[] = [];
for (const [opcode, form] of [
  [0xf6, 'Eb'],
  [0xf7, 'Ev'],
] as const) {
  const immediate: OperandForm = form === 'Eb' ? 'Ib' : 'Iz';
  unary.push(
    rm(0, opcode, 'test', [form, immediate], { ...logic, reg: 0 }),
    rm(0, opcode, 'test', [form, immediate], { ...logic, reg: 1 }),
    rm(0, opcode, 'not', [form], { reg: 2, lockable: true }),
    rm(0, opcode, 'neg', [form], locked({ ...all, reg: 3 })),
    rm(0, opcode, 'mul', [form], { ...multiplyFlags, reg: 4 }),
    rm(0, opcode, 'imul1', [form], { ...multiplyFlags, reg: 5, mnemonic: 'imul' }),
    rm(0, opcode, 'div', [form], { ...divideFlags, reg: 6 }),
    rm(0, opcode, 'idiv', [form], { ...divideFlags, reg: 7 }),
  );
}
for (const [opcode, form] of [
  [0xfe, 'Eb'],
  [0xff, 'Ev'],
] as const) {
  unary.push(
    rm(0, opcode, 'inc', [form], locked({ ...incrementFlags, reg: 0 })),
    rm(0, opcode, 'dec', [form], locked({ ...incrementFlags, reg: 1 })),
  );
}
unary.push(
  rm(0, 0x69, 'imul3', ['Gv', 'Ev', 'Iz'], { ...multiplyFlags, mnemonic: 'imul' }),
  rm(0, 0x6b, 'imul3', ['Gv', 'Ev', 'Ib'], { ...multiplyFlags, mnemonic: 'imul' }),
  rm(1, 0xaf, 'imul2', ['Gv', 'Ev'], { ...multiplyFlags, mnemonic: 'imul' }),
  rm(0, 0x84, 'test', ['Eb', 'Gb'], logic),
  rm(0, 0x85, 'test', ['Ev', 'Gv'], logic),
  op(0, 0xa8, 'test', ['AL', 'Ib'], logic),
  op(0, 0xa9, 'test', ['rAX', 'Iz'], logic),
);

const moves: InstructionRow[] = [
  rm(0, 0x63, 'movsxd', ['Gv', 'Ed']),
  rm(0, 0x88, 'mov', ['Eb', 'Gb']),
  rm(0, 0x89, 'mov', ['Ev', 'Gv']),
  rm(0, 0x8a, 'mov', ['Gb', 'Eb']),
  rm(0, 0x8b, 'mov', ['Gv', 'Ev']),
  op(0, 0xa0, 'mov', ['AL', 'Ob']),
  op(0, 0xa1, 'mov', ['rAX', 'Ov']),
  op(0, 0xa2, 'mov', ['Ob', 'AL']),
  op(0, 0xa3, 'mov', ['Ov', 'rAX']),
  op(0, 0xb0, 'mov', ['Zb', 'Ib']),
  op(0, 0xb8, 'mov', ['Zv', 'Iv']),
  rm(0, 0xc6, 'mov', ['Eb', 'Ib'], { reg: 0 }),
  rm(0, 0xc7, 'mov', ['Ev', 'Iz'], { reg: 0 }),
  rm(0, 0x8d, 'lea', ['Gv', 'M'], { mod: 'memory' }),
  rm(0, 0x86, 'xchg', ['Eb', 'Gb'], { lockable: true }),
  rm(0, 0x87, 'xchg', ['Ev', 'Gv'], { lockable: true }),
  op(0, 0x90, 'xchg', ['Zv', 'rAX']),
  rm(1, 0xb6, 'movzx8', ['Gv', 'Eb'], { mnemonic: 'movzx' }),
  rm(1, 0xb7, 'movzx16', ['Gv', 'Ew'], { mnemonic: 'movzx' }),
  rm(1, 0xbe, 'movsx8', ['Gv', 'Eb'], { mnemonic: 'movsx' }),
  rm(1, 0xbf, 'movsx16', ['Gv', 'Ew'], { mnemonic: 'movsx' }),
  rm(1, 0xc3, 'movnti', ['My', 'Gy'], { prefix: 'none', mod: 'memory', feature: 'sse2' }),
  op(1, 0xc8, 'bswap', ['Zv']),
  rm(1, 0xb0, 'cmpxchg', ['Eb', 'Gb'], locked(all)),
  rm(1, 0xb1, 'cmpxchg', ['Ev', 'Gv'], locked(all)),
  rm(1, 0xc0, 'xadd', ['Eb', 'Gb'], locked(all)),
  rm(1, 0xc1, 'xadd', ['Ev', 'Gv'], locked(all)),
  rm(1, 0xc7, 'cmpxchg8b', ['Mq'], {
    reg: 1,
    mod: 'memory',
    rexW: 0,
    lockable: true,
    flagsWritten: 'z',
    feature: 'cx8',
  }),
  rm(1, 0xc7, 'cmpxchg16b', ['Mx'], {
    reg: 1,
    mod: 'memory',
    rexW: 1,
    lockable: true,
    flagsWritten: 'z',
    feature: 'cx16',
  }),
  op(0, 0xd7, 'xlat'),
  op(0, 0x98, 'cbw'),
  op(0, 0x99, 'cwd'),
];

const stack: InstructionRow[] = [
  op(0, 0x50, 'push', ['Zv'], { default64: true }),
  op(0, 0x58, 'pop', ['Zv'], { default64: true }),
  op(0, 0x68, 'push', ['Iz'], { default64: true }),
  op(0, 0x6a, 'push', ['Ib'], { default64: true }),
  rm(0, 0xff, 'push', ['Ev'], { reg: 6, default64: true }),
  rm(0, 0x8f, 'pop', ['Ev'], { reg: 0, default64: true }),
  op(0, 0x9c, 'pushf', [], { default64: true, flagsRead: 'cpazsoditA' }),
  op(0, 0x9d, 'popf', [], { default64: true, flagsWritten: 'cpazsoditA', endsBlock: true }),
  op(0, 0xc8, 'enter', ['Iw', 'Ib'], { default64: true }),
  op(0, 0xc9, 'leave', [], { default64: true }),
  op(1, 0xa0, 'pushSegment', ['FS'], { default64: true, mnemonic: 'push', parameter: 4 }),
  op(1, 0xa8, 'pushSegment', ['GS'], { default64: true, mnemonic: 'push', parameter: 5 }),
  op(1, 0xa1, 'popSegment', ['FS'], { default64: true, mnemonic: 'pop', parameter: 4 }),
  op(1, 0xa9, 'popSegment', ['GS'], { default64: true, mnemonic: 'pop', parameter: 5 }),
];

const control: InstructionRow[] = [
  op(0, 0xe8, 'call', ['Jz'], { default64: true, endsBlock: true }),
  op(0, 0xe9, 'jmp', ['Jz'], { default64: true, endsBlock: true }),
  op(0, 0xeb, 'jmp', ['Jb'], { default64: true, endsBlock: true }),
  rm(0, 0xff, 'callIndirect', ['Ev'], { reg: 2, default64: true, endsBlock: true, mnemonic: 'call' }),
  rm(0, 0xff, 'jmpIndirect', ['Ev'], { reg: 4, default64: true, endsBlock: true, mnemonic: 'jmp' }),
  op(0, 0xc2, 'ret', ['Iw'], { default64: true, endsBlock: true }),
  op(0, 0xc3, 'ret', [], { default64: true, endsBlock: true }),
  op(0, 0xe0, 'loopne', ['Jb'], { default64: true, endsBlock: true, flagsRead: 'z' }),
  op(0, 0xe1, 'loope', ['Jb'], { default64: true, endsBlock: true, flagsRead: 'z' }),
  op(0, 0xe2, 'loop', ['Jb'], { default64: true, endsBlock: true }),
  op(0, 0xe3, 'jrcxz', ['Jb'], { default64: true, endsBlock: true }),
];
conditionNames.forEach((name, code) => {
  const extra: Extra = { flagsRead: conditionFlags[code >> 1], parameter: code };
  control.push(
    op(0, 0x70 | code, 'jcc', ['Jb'], { ...extra, default64: true, endsBlock: true, mnemonic: `j${name}` }),
    op(1, 0x80 | code, 'jcc', ['Jz'], { ...extra, default64: true, endsBlock: true, mnemonic: `j${name}` }),
    rm(1, 0x90 | code, 'setcc', ['Eb'], { ...extra, mnemonic: `set${name}` }),
    rm(1, 0x40 | code, 'cmovcc', ['Gv', 'Ev'], { ...extra, mnemonic: `cmov${name}`, feature: 'cmov' }),
  );
});

const bits: InstructionRow[] = [];
const bitFlags: Extra = { flagsWritten: 'c', flagsUndefined: 'paso' };
['bt', 'bts', 'btr', 'btc'].forEach((name, index) => {
  const extra = index === 0 ? bitFlags : locked(bitFlags);
  bits.push(
    rm(1, 0xa3 | (index << 3), name, ['Ev', 'Gv'], { ...extra, parameter: index }),
    rm(1, 0xba, name, ['Ev', 'Ib'], { ...extra, reg: 4 + index, parameter: index }),
  );
});
const scanFlags: Extra = { flagsWritten: 'z', flagsUndefined: 'cpaso' };
bits.push(
  rm(1, 0xbc, 'bsf', ['Gv', 'Ev'], scanFlags),
  rm(1, 0xbd, 'bsr', ['Gv', 'Ev'], scanFlags),
  rm(1, 0xb8, 'popcnt', ['Gv', 'Ev'], { prefix: 'F3', flagsWritten: 'cpazso', feature: 'popcnt' }),
  rm(2, 0xf0, 'crc32', ['Gy', 'Eb'], { prefix: 'F2', feature: 'sse4.2', parameter: 1 }),
  rm(2, 0xf1, 'crc32', ['Gy', 'Ev'], { prefix: 'F2', feature: 'sse4.2', parameter: 0 }),
);

const strings: InstructionRow[] = [];
const stringFlags: Extra = { flagsRead: 'd', endsBlock: true };
for (const [name, opcode, flags, byteForms, wideForms] of [
  ['movs', 0xa4, {}, ['Yb', 'Xb'], ['Yv', 'Xv']],
  ['cmps', 0xa6, all, ['Xb', 'Yb'], ['Xv', 'Yv']],
  ['stos', 0xaa, {}, ['Yb', 'AL'], ['Yv', 'rAX']],
  ['lods', 0xac, {}, ['AL', 'Xb'], ['rAX', 'Xv']],
  ['scas', 0xae, all, ['AL', 'Yb'], ['rAX', 'Yv']],
] as const) {
  strings.push(
    op(0, opcode, name, byteForms, { ...stringFlags, ...flags }),
    op(0, opcode | 1, name, wideForms, { ...stringFlags, ...flags }),
  );
}

const flags: InstructionRow[] = [
  op(0, 0x9e, 'sahf', [], { flagsWritten: 'cpazs' }),
  op(0, 0x9f, 'lahf', [], { flagsRead: 'cpazs' }),
  op(0, 0xf5, 'cmc', [], { flagsRead: 'c', flagsWritten: 'c' }),
  op(0, 0xf8, 'clc', [], { flagsWritten: 'c' }),
  op(0, 0xf9, 'stc', [], { flagsWritten: 'c' }),
  op(0, 0xfc, 'cld', [], { flagsWritten: 'd' }),
  op(0, 0xfd, 'std', [], { flagsWritten: 'd' }),
];

export const integerRows: readonly InstructionRow[] = [
  ...arithmetic,
  ...shifts,
  ...unary,
  ...moves,
  ...stack,
  ...control,
  ...bits,
  ...strings,
  ...flags,
];
