// SSE, SSE2 and SSE3 (and the SSE4.1 rows that work on floats): moves, arithmetic, compares, conversions, shuffles, MXCSR, FXSAVE.
// SDM vol. 1 chapters 10 to 12; opcodes from vol. 2, appendix A. Packed integers and MMX are in sse-integer.ts.
//
//   mandatory prefix   none: ps (4 x float32)   66: pd (2 x float64)   F3: ss (1 x float32)   F2: sd (1 x float64)

import type { Feature, InstructionRow, OperandForm } from './row.ts';
import { packedIntegerRows } from './sse-integer.ts';

type Prefix = NonNullable<InstructionRow['prefix']>;

function simd(
  opcode: number,
  prefix: Prefix,
  operation: string,
  operands: readonly OperandForm[],
  feature: Feature,
  more: Partial<InstructionRow> = {},
): InstructionRow {
  return { map: 1, opcode, prefix, modrm: true, operation, operands, feature, ...more };
}

/** The four forms ps pd ss sd of an arithmetic instruction. */
function arithmetic(opcode: number, stem: string): InstructionRow[] {
  return [
    simd(opcode, 'none', `${stem}ps`, ['Vx', 'Wx'], 'sse'),
    simd(opcode, '66', `${stem}pd`, ['Vx', 'Wx'], 'sse2'),
    simd(opcode, 'F3', `${stem}ss`, ['Vx', 'Wd'], 'sse'),
    simd(opcode, 'F2', `${stem}sd`, ['Vx', 'Wq'], 'sse2'),
  ];
}

/** ps and pd of a bitwise or shuffling instruction. */
function pair(opcode: number, stem: string, immediate = false): InstructionRow[] {
  const operands: readonly OperandForm[] = immediate ? ['Vx', 'Wx', 'Ib'] : ['Vx', 'Wx'];
  return [simd(opcode, 'none', `${stem}ps`, operands, 'sse'), simd(opcode, '66', `${stem}pd`, operands, 'sse2')];
}

const memory = { mod: 'memory' } as const;
const register = { mod: 'register' } as const;
const compareFlags = { flagsWritten: 'cpazso' } as const;

const moves: readonly InstructionRow[] = [
  simd(0x10, 'none', 'movups', ['Vx', 'Wx'], 'sse'),
  simd(0x10, '66', 'movupd', ['Vx', 'Wx'], 'sse2'),
  simd(0x10, 'F3', 'movss', ['Vx', 'Wd'], 'sse'),
  simd(0x10, 'F2', 'movsd', ['Vx', 'Wq'], 'sse2'),
  simd(0x11, 'none', 'movups', ['Wx', 'Vx'], 'sse'),
  simd(0x11, '66', 'movupd', ['Wx', 'Vx'], 'sse2'),
  simd(0x11, 'F3', 'movss', ['Wd', 'Vx'], 'sse'),
  simd(0x11, 'F2', 'movsd', ['Wq', 'Vx'], 'sse2'),
  simd(0x12, 'none', 'movlps', ['Vx', 'Mq'], 'sse', memory),
  simd(0x12, 'none', 'movhlps', ['Vx', 'Ux'], 'sse', register),
  simd(0x12, '66', 'movlps', ['Vx', 'Mq'], 'sse2', { ...memory, mnemonic: 'movlpd' }),
  simd(0x12, 'F3', 'movsldup', ['Vx', 'Wx'], 'sse3'),
  simd(0x12, 'F2', 'movddup', ['Vx', 'Wq'], 'sse3'),
  simd(0x13, 'none', 'movlps', ['Mq', 'Vx'], 'sse', memory),
  simd(0x13, '66', 'movlps', ['Mq', 'Vx'], 'sse2', { ...memory, mnemonic: 'movlpd' }),
  simd(0x16, 'none', 'movhps', ['Vx', 'Mq'], 'sse', memory),
  simd(0x16, 'none', 'movlhps', ['Vx', 'Ux'], 'sse', register),
  simd(0x16, '66', 'movhps', ['Vx', 'Mq'], 'sse2', { ...memory, mnemonic: 'movhpd' }),
  simd(0x16, 'F3', 'movshdup', ['Vx', 'Wx'], 'sse3'),
  simd(0x17, 'none', 'movhps', ['Mq', 'Vx'], 'sse', memory),
  simd(0x17, '66', 'movhps', ['Mq', 'Vx'], 'sse2', { ...memory, mnemonic: 'movhpd' }),
  simd(0x28, 'none', 'movaps', ['Vx', 'Wx'], 'sse'),
  simd(0x28, '66', 'movapd', ['Vx', 'Wx'], 'sse2'),
  simd(0x29, 'none', 'movaps', ['Wx', 'Vx'], 'sse'),
  simd(0x29, '66', 'movapd', ['Wx', 'Vx'], 'sse2'),
  simd(0x2b, 'none', 'movntps', ['Mx', 'Vx'], 'sse', memory),
  simd(0x2b, '66', 'movntpd', ['Mx', 'Vx'], 'sse2', memory),
  simd(0x50, 'none', 'movmskps', ['Gd', 'Ux'], 'sse', register),
  simd(0x50, '66', 'movmskpd', ['Gd', 'Ux'], 'sse2', register),
  simd(0x6e, '66', 'movd', ['Vx', 'Ey'], 'sse2'),
  simd(0x7e, '66', 'movd', ['Ey', 'Vx'], 'sse2'),
  simd(0x6f, '66', 'movdqa', ['Vx', 'Wx'], 'sse2'),
  simd(0x6f, 'F3', 'movdqu', ['Vx', 'Wx'], 'sse2'),
  simd(0x7f, '66', 'movdqa', ['Wx', 'Vx'], 'sse2'),
  simd(0x7f, 'F3', 'movdqu', ['Wx', 'Vx'], 'sse2'),
  simd(0x7e, 'F3', 'movq', ['Vx', 'Wq'], 'sse2'),
  simd(0xd6, '66', 'movq', ['Wq', 'Vx'], 'sse2'),
  simd(0xe7, '66', 'movntdq', ['Mx', 'Vx'], 'sse2', memory),
  simd(0xf0, 'F2', 'lddqu', ['Vx', 'Mx'], 'sse3', memory),
  simd(0xf7, '66', 'maskmovdqu', ['Vx', 'Ux'], 'sse2', register),
  simd(0x2a, '66', 'movntdqa', ['Vx', 'Mx'], 'sse4.1', { ...memory, map: 2 }),
];

const conversions: readonly InstructionRow[] = [
  simd(0x2a, 'F3', 'cvtsi2ss', ['Vx', 'Ey'], 'sse'),
  simd(0x2a, 'F2', 'cvtsi2sd', ['Vx', 'Ey'], 'sse2'),
  simd(0x2c, 'F3', 'cvttss2si', ['Gy', 'Wd'], 'sse'),
  simd(0x2c, 'F2', 'cvttsd2si', ['Gy', 'Wq'], 'sse2'),
  simd(0x2d, 'F3', 'cvtss2si', ['Gy', 'Wd'], 'sse'),
  simd(0x2d, 'F2', 'cvtsd2si', ['Gy', 'Wq'], 'sse2'),
  simd(0x5a, 'none', 'cvtps2pd', ['Vx', 'Wq'], 'sse2'),
  simd(0x5a, '66', 'cvtpd2ps', ['Vx', 'Wx'], 'sse2'),
  simd(0x5a, 'F3', 'cvtss2sd', ['Vx', 'Wd'], 'sse2'),
  simd(0x5a, 'F2', 'cvtsd2ss', ['Vx', 'Wq'], 'sse2'),
  simd(0x5b, 'none', 'cvtdq2ps', ['Vx', 'Wx'], 'sse2'),
  simd(0x5b, '66', 'cvtps2dq', ['Vx', 'Wx'], 'sse2'),
  simd(0x5b, 'F3', 'cvttps2dq', ['Vx', 'Wx'], 'sse2'),
  simd(0xe6, '66', 'cvttpd2dq', ['Vx', 'Wx'], 'sse2'),
  simd(0xe6, 'F3', 'cvtdq2pd', ['Vx', 'Wq'], 'sse2'),
  simd(0xe6, 'F2', 'cvtpd2dq', ['Vx', 'Wx'], 'sse2'),
];

const floats: readonly InstructionRow[] = [
  ...arithmetic(0x51, 'sqrt'),
  ...arithmetic(0x58, 'add'),
  ...arithmetic(0x59, 'mul'),
  ...arithmetic(0x5c, 'sub'),
  ...arithmetic(0x5d, 'min'),
  ...arithmetic(0x5e, 'div'),
  ...arithmetic(0x5f, 'max'),
  simd(0x52, 'none', 'rsqrtps', ['Vx', 'Wx'], 'sse'),
  simd(0x52, 'F3', 'rsqrtss', ['Vx', 'Wd'], 'sse'),
  simd(0x53, 'none', 'rcpps', ['Vx', 'Wx'], 'sse'),
  simd(0x53, 'F3', 'rcpss', ['Vx', 'Wd'], 'sse'),
  ...pair(0x54, 'and'),
  ...pair(0x55, 'andn'),
  ...pair(0x56, 'or'),
  ...pair(0x57, 'xor'),
  ...pair(0x14, 'unpckl'),
  ...pair(0x15, 'unpckh'),
  ...pair(0xc6, 'shuf', true),
  simd(0x2e, 'none', 'ucomiss', ['Vx', 'Wd'], 'sse', compareFlags),
  simd(0x2e, '66', 'ucomisd', ['Vx', 'Wq'], 'sse2', compareFlags),
  simd(0x2f, 'none', 'comiss', ['Vx', 'Wd'], 'sse', compareFlags),
  simd(0x2f, '66', 'comisd', ['Vx', 'Wq'], 'sse2', compareFlags),
  simd(0xc2, 'none', 'cmpps', ['Vx', 'Wx', 'Ib'], 'sse'),
  simd(0xc2, '66', 'cmppd', ['Vx', 'Wx', 'Ib'], 'sse2'),
  simd(0xc2, 'F3', 'cmpss', ['Vx', 'Wd', 'Ib'], 'sse'),
  simd(0xc2, 'F2', 'cmpsd', ['Vx', 'Wq', 'Ib'], 'sse2'),
  simd(0x7c, '66', 'haddpd', ['Vx', 'Wx'], 'sse3'),
  simd(0x7c, 'F2', 'haddps', ['Vx', 'Wx'], 'sse3'),
  simd(0x7d, '66', 'hsubpd', ['Vx', 'Wx'], 'sse3'),
  simd(0x7d, 'F2', 'hsubps', ['Vx', 'Wx'], 'sse3'),
  simd(0xd0, '66', 'addsubpd', ['Vx', 'Wx'], 'sse3'),
  simd(0xd0, 'F2', 'addsubps', ['Vx', 'Wx'], 'sse3'),
];

const sse41: readonly InstructionRow[] = [
  simd(0x14, '66', 'blendvps', ['Vx', 'Wx', 'XMM0'], 'sse4.1', { map: 2 }),
  simd(0x15, '66', 'blendvpd', ['Vx', 'Wx', 'XMM0'], 'sse4.1', { map: 2 }),
  simd(0x08, '66', 'roundps', ['Vx', 'Wx', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x09, '66', 'roundpd', ['Vx', 'Wx', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x0a, '66', 'roundss', ['Vx', 'Wd', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x0b, '66', 'roundsd', ['Vx', 'Wq', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x0c, '66', 'blendps', ['Vx', 'Wx', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x0d, '66', 'blendpd', ['Vx', 'Wx', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x21, '66', 'insertps', ['Vx', 'Wd', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x40, '66', 'dpps', ['Vx', 'Wx', 'Ib'], 'sse4.1', { map: 3 }),
  simd(0x41, '66', 'dppd', ['Vx', 'Wx', 'Ib'], 'sse4.1', { map: 3 }),
];

const control: readonly InstructionRow[] = [
  simd(0xae, 'none', 'fxsave', ['M'], 'fxsr', { ...memory, reg: 0 }),
  simd(0xae, 'none', 'fxrstor', ['M'], 'fxsr', { ...memory, reg: 1 }),
  simd(0xae, 'none', 'ldmxcsr', ['Md'], 'sse', { ...memory, reg: 2 }),
  simd(0xae, 'none', 'stmxcsr', ['Md'], 'sse', { ...memory, reg: 3 }),
];

export const sseRows: readonly InstructionRow[] = [
  ...moves,
  ...conversions,
  ...floats,
  ...sse41,
  ...control,
  ...packedIntegerRows,
];
