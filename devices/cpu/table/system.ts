// System instructions, hints and fences (SDM vol. 2 and 3). Privileged ones raise #GP(0) outside ring 0.

import type { InstructionRow, OperandForm } from './row.ts';

type Extra = Partial<InstructionRow>;

const row = (
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
const group = (
  opcode: number,
  reg: number,
  operation: string,
  operands: readonly OperandForm[] = [],
  extra: Extra = {},
): InstructionRow => ({
  map: 1,
  opcode,
  modrm: true,
  reg,
  operation,
  operands,
  ...extra,
});
/** One fixed ModRM byte (0F 01 /reg with mod = 3). */
const fixed = (reg: number, rm: number, operation: string, extra: Extra = {}): InstructionRow =>
  group(0x01, reg, operation, [], { mod: 'register', rm, ...extra });

const ends: Extra = { endsBlock: true };
const kernel: Extra = { privilege: 0, endsBlock: true };

const hints: InstructionRow[] = [
  row(0, 0x90, 'nop', [], { prefix: 'F3', mnemonic: 'pause' }),
  group(0x0d, 0, 'nop', ['M'], { mnemonic: 'prefetch', mod: 'memory' }),
  group(0x0d, 1, 'nop', ['M'], { mnemonic: 'prefetchw', mod: 'memory' }),
  group(0x0d, 2, 'nop', ['M'], { mnemonic: 'prefetchwt1', mod: 'memory' }),
  group(0xae, 5, 'nop', [], { prefix: 'none', mod: 'register', mnemonic: 'lfence', feature: 'sse2' }),
  group(0xae, 6, 'nop', [], { prefix: 'none', mod: 'register', mnemonic: 'mfence', feature: 'sse2' }),
  group(0xae, 7, 'nop', [], { prefix: 'none', mod: 'register', mnemonic: 'sfence', feature: 'sse' }),
  group(0xae, 7, 'clflush', ['Mb'], { prefix: 'none', mod: 'memory', feature: 'sse2' }),
  ...(['prefetchnta', 'prefetcht0', 'prefetcht1', 'prefetcht2'] as const).map((mnemonic, reg) =>
    group(0x18, reg, 'nop', ['M'], { mod: 'memory', mnemonic }),
  ),
  // SDM vol. 2, NOP and Intel's list of reserved NOPs: 0F 18 .. 0F 1F take a ModRM byte and do nothing (ENDBR64 is F3 0F 1E FA).
  {
    map: 1,
    opcode: 0x1e,
    modrm: true,
    prefix: 'F3',
    reg: 7,
    mod: 'register',
    rm: 2,
    operation: 'nop',
    mnemonic: 'endbr64',
    operands: [],
  },
  ...[0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f].map(
    (opcode): InstructionRow => ({ map: 1, opcode, modrm: true, operation: 'nop', operands: ['Ev'] }),
  ),
];

const traps: InstructionRow[] = [
  row(0, 0xcc, 'int3', [], ends),
  row(0, 0xcd, 'int', ['Ib'], ends),
  row(0, 0xf1, 'int1', [], ends),
  row(1, 0x0b, 'ud2', [], ends),
  { map: 1, opcode: 0xb9, modrm: true, operation: 'ud2', mnemonic: 'ud1', operands: ['Gv', 'Ev'], endsBlock: true },
  row(1, 0x05, 'syscall', [], { ...ends, feature: 'syscall' }),
  row(1, 0x07, 'sysret', [], { ...kernel, feature: 'syscall' }),
  row(0, 0xcf, 'iret', [], ends),
  row(0, 0xf4, 'hlt', [], kernel),
];

const registers: InstructionRow[] = [
  row(0, 0xfa, 'cli', [], ends),
  row(0, 0xfb, 'sti', [], ends),
  row(1, 0x06, 'clts', [], kernel),
  row(1, 0x08, 'wbinvd', [], { privilege: 0, mnemonic: 'invd' }),
  row(1, 0x09, 'wbinvd', [], { privilege: 0 }),
  row(1, 0x30, 'wrmsr', [], kernel),
  row(1, 0x31, 'rdtsc', [], ends),
  row(1, 0x32, 'rdmsr', [], kernel),
  row(1, 0xa2, 'cpuid'),
  {
    map: 1,
    opcode: 0x20,
    modrm: true,
    operation: 'movFromControl',
    mnemonic: 'mov',
    operands: ['Rq', 'Cq'],
    ...kernel,
  },
  { map: 1, opcode: 0x22, modrm: true, operation: 'movToControl', mnemonic: 'mov', operands: ['Cq', 'Rq'], ...kernel },
  { map: 1, opcode: 0x21, modrm: true, operation: 'movFromDebug', mnemonic: 'mov', operands: ['Rq', 'Dq'], ...kernel },
  { map: 1, opcode: 0x23, modrm: true, operation: 'movToDebug', mnemonic: 'mov', operands: ['Dq', 'Rq'], ...kernel },
  { map: 0, opcode: 0x8c, modrm: true, operation: 'movFromSegment', mnemonic: 'mov', operands: ['Ev', 'Sw'] },
  {
    map: 0,
    opcode: 0x8e,
    modrm: true,
    operation: 'movToSegment',
    mnemonic: 'mov',
    operands: ['Sw', 'Ew'],
    endsBlock: true,
  },
  group(0x00, 0, 'sldt', ['Ev']),
  group(0x00, 1, 'str', ['Ev']),
  group(0x00, 2, 'lldt', ['Ew'], kernel),
  group(0x00, 3, 'ltr', ['Ew'], kernel),
  group(0x01, 0, 'sgdt', ['M'], { mod: 'memory' }),
  group(0x01, 1, 'sidt', ['M'], { mod: 'memory' }),
  group(0x01, 2, 'lgdt', ['M'], { mod: 'memory', ...kernel }),
  group(0x01, 3, 'lidt', ['M'], { mod: 'memory', ...kernel }),
  group(0x01, 4, 'smsw', ['Ev']),
  group(0x01, 6, 'lmsw', ['Ew'], kernel),
  group(0x01, 7, 'invlpg', ['M'], { mod: 'memory', ...kernel }),
  fixed(1, 2, 'clac', { ...kernel, feature: 'smap' }),
  fixed(1, 3, 'stac', { ...kernel, feature: 'smap' }),
  fixed(7, 0, 'swapgs', { ...kernel, rm: 0 }),
  fixed(7, 1, 'rdtscp', { ...ends, feature: 'rdtscp' }),
  group(0xae, 0, 'rdfsbase', ['Ry'], { prefix: 'F3', mod: 'register', feature: 'fsgsbase' }),
  group(0xae, 1, 'rdgsbase', ['Ry'], { prefix: 'F3', mod: 'register', feature: 'fsgsbase' }),
  group(0xae, 2, 'wrfsbase', ['Ry'], { prefix: 'F3', mod: 'register', feature: 'fsgsbase' }),
  group(0xae, 3, 'wrgsbase', ['Ry'], { prefix: 'F3', mod: 'register', feature: 'fsgsbase' }),
];

const ports: InstructionRow[] = [
  row(0, 0xe4, 'in', ['AL', 'Ib'], ends),
  row(0, 0xe5, 'in', ['rAX', 'Ib'], ends),
  row(0, 0xe6, 'out', ['Ib', 'AL'], ends),
  row(0, 0xe7, 'out', ['Ib', 'rAX'], ends),
  row(0, 0xec, 'in', ['AL', 'DX'], ends),
  row(0, 0xed, 'in', ['rAX', 'DX'], ends),
  row(0, 0xee, 'out', ['DX', 'AL'], ends),
  row(0, 0xef, 'out', ['DX', 'rAX'], ends),
  row(0, 0x6c, 'ins', ['Yb', 'DX'], ends),
  row(0, 0x6d, 'ins', ['Yv', 'DX'], ends),
  row(0, 0x6e, 'outs', ['DX', 'Xb'], ends),
  row(0, 0x6f, 'outs', ['DX', 'Xv'], ends),
];

export const systemRows: readonly InstructionRow[] = [...hints, ...traps, ...registers, ...ports];
