// Packed integer instructions: MMX (64 bit, MM0..7 in the x87 significands), SSE2 (128 bit), SSSE3, SSE4.1 and SSE4.2.
// SDM vol. 1, chapters 9, 11.4.2, 12; opcodes from vol. 2, appendix A.
//
//   no prefix: operands P, Q (MMX)        66: operands V, W (XMM); the operation is the same, only twice as wide

import type { Feature, InstructionRow, OperandForm } from './row.ts';

/** An instruction that exists for MMX and XMM registers. */
function both(opcode: number, operation: string, mmx: Feature = 'mmx', map: 1 | 2 | 3 = 1): InstructionRow[] {
  return [
    { map, opcode, prefix: 'none', modrm: true, operation, operands: ['Pq', 'Qq'], feature: mmx },
    {
      map,
      opcode,
      prefix: '66',
      modrm: true,
      operation,
      operands: ['Vx', 'Wx'],
      feature: mmx === 'mmx' || mmx === 'sse' ? 'sse2' : mmx,
    },
  ];
}

/** XMM only, prefix 66. */
function wide(
  map: 1 | 2 | 3,
  opcode: number,
  operation: string,
  operands: readonly OperandForm[],
  feature: Feature,
  more: Partial<InstructionRow> = {},
): InstructionRow {
  return { map, opcode, prefix: '66', modrm: true, operation, operands, feature, ...more };
}

function mmx(
  opcode: number,
  operation: string,
  operands: readonly OperandForm[],
  feature: Feature = 'mmx',
  more: Partial<InstructionRow> = {},
): InstructionRow {
  return { map: 1, opcode, prefix: 'none', modrm: true, operation, operands, feature, ...more };
}

/** Shift by immediate: groups 12, 13, 14. */
function shiftImmediate(opcode: number, reg: number, operation: string): InstructionRow[] {
  const shared = { map: 1, opcode, modrm: true, reg, mod: 'register', operation } as const;
  return [
    { ...shared, prefix: 'none', operands: ['Nq', 'Ib'], feature: 'mmx' },
    { ...shared, prefix: '66', operands: ['Ux', 'Ib'], feature: 'sse2' },
  ];
}

const register = { mod: 'register' } as const;
const memory = { mod: 'memory' } as const;

const shared: readonly InstructionRow[] = [
  both(0x60, 'punpcklbw').map((row) => (row.prefix === 'none' ? { ...row, operands: ['Pq', 'Qd'] as const } : row)),
  both(0x61, 'punpcklwd').map((row) => (row.prefix === 'none' ? { ...row, operands: ['Pq', 'Qd'] as const } : row)),
  both(0x62, 'punpckldq').map((row) => (row.prefix === 'none' ? { ...row, operands: ['Pq', 'Qd'] as const } : row)),
  both(0x63, 'packsswb'),
  both(0x64, 'pcmpgtb'),
  both(0x65, 'pcmpgtw'),
  both(0x66, 'pcmpgtd'),
  both(0x67, 'packuswb'),
  both(0x68, 'punpckhbw'),
  both(0x69, 'punpckhwd'),
  both(0x6a, 'punpckhdq'),
  both(0x6b, 'packssdw'),
  both(0x74, 'pcmpeqb'),
  both(0x75, 'pcmpeqw'),
  both(0x76, 'pcmpeqd'),
  both(0xd1, 'psrlw'),
  both(0xd2, 'psrld'),
  both(0xd3, 'psrlq'),
  both(0xd4, 'paddq', 'sse2'),
  both(0xd5, 'pmullw'),
  both(0xd8, 'psubusb'),
  both(0xd9, 'psubusw'),
  both(0xda, 'pminub', 'sse'),
  both(0xdb, 'pand'),
  both(0xdc, 'paddusb'),
  both(0xdd, 'paddusw'),
  both(0xde, 'pmaxub', 'sse'),
  both(0xdf, 'pandn'),
  both(0xe0, 'pavgb', 'sse'),
  both(0xe1, 'psraw'),
  both(0xe2, 'psrad'),
  both(0xe3, 'pavgw', 'sse'),
  both(0xe4, 'pmulhuw', 'sse'),
  both(0xe5, 'pmulhw'),
  both(0xe8, 'psubsb'),
  both(0xe9, 'psubsw'),
  both(0xea, 'pminsw', 'sse'),
  both(0xeb, 'por'),
  both(0xec, 'paddsb'),
  both(0xed, 'paddsw'),
  both(0xee, 'pmaxsw', 'sse'),
  both(0xef, 'pxor'),
  both(0xf1, 'psllw'),
  both(0xf2, 'pslld'),
  both(0xf3, 'psllq'),
  both(0xf4, 'pmuludq', 'sse2'),
  both(0xf5, 'pmaddwd'),
  both(0xf6, 'psadbw', 'sse'),
  both(0xf8, 'psubb'),
  both(0xf9, 'psubw'),
  both(0xfa, 'psubd'),
  both(0xfb, 'psubq', 'sse2'),
  both(0xfc, 'paddb'),
  both(0xfd, 'paddw'),
  both(0xfe, 'paddd'),
  shiftImmediate(0x71, 2, 'psrlw'),
  shiftImmediate(0x71, 4, 'psraw'),
  shiftImmediate(0x71, 6, 'psllw'),
  shiftImmediate(0x72, 2, 'psrld'),
  shiftImmediate(0x72, 4, 'psrad'),
  shiftImmediate(0x72, 6, 'pslld'),
  shiftImmediate(0x73, 2, 'psrlq'),
  shiftImmediate(0x73, 6, 'psllq'),
  both(0x00, 'pshufb', 'ssse3', 2),
  both(0x01, 'phaddw', 'ssse3', 2),
  both(0x02, 'phaddd', 'ssse3', 2),
  both(0x03, 'phaddsw', 'ssse3', 2),
  both(0x04, 'pmaddubsw', 'ssse3', 2),
  both(0x05, 'phsubw', 'ssse3', 2),
  both(0x06, 'phsubd', 'ssse3', 2),
  both(0x07, 'phsubsw', 'ssse3', 2),
  both(0x08, 'psignb', 'ssse3', 2),
  both(0x09, 'psignw', 'ssse3', 2),
  both(0x0a, 'psignd', 'ssse3', 2),
  both(0x0b, 'pmulhrsw', 'ssse3', 2),
  both(0x1c, 'pabsb', 'ssse3', 2),
  both(0x1d, 'pabsw', 'ssse3', 2),
  both(0x1e, 'pabsd', 'ssse3', 2),
  both(0x0f, 'palignr', 'ssse3', 3).map((row) => ({ ...row, operands: [...row.operands, 'Ib'] as const })),
].flat();

const mmxOnly: readonly InstructionRow[] = [
  mmx(0x6e, 'movd', ['Pq', 'Ey']),
  mmx(0x7e, 'movd', ['Ey', 'Pq']),
  mmx(0x6f, 'movq', ['Pq', 'Qq']),
  mmx(0x7f, 'movq', ['Qq', 'Pq']),
  mmx(0x70, 'pshufw', ['Pq', 'Qq', 'Ib'], 'sse'),
  mmx(0xc4, 'pinsrw', ['Pq', 'Ed', 'Ib'], 'sse', register),
  mmx(0xc4, 'pinsrw', ['Pq', 'Mw', 'Ib'], 'sse', memory),
  mmx(0xc5, 'pextrw', ['Gd', 'Nq', 'Ib'], 'sse', register),
  mmx(0xd7, 'pmovmskb', ['Gd', 'Nq'], 'sse', register),
  mmx(0xe7, 'movntq', ['Mq', 'Pq'], 'sse', memory),
  mmx(0xf7, 'maskmovq', ['Pq', 'Nq'], 'sse', register),
  mmx(0x2a, 'cvtpi2ps', ['Vx', 'Qq'], 'sse'),
  mmx(0x2c, 'cvttps2pi', ['Pq', 'Wq'], 'sse'),
  mmx(0x2d, 'cvtps2pi', ['Pq', 'Wq'], 'sse'),
  wide(1, 0x2a, 'cvtpi2pd', ['Vx', 'Qq'], 'sse2'),
  wide(1, 0x2c, 'cvttpd2pi', ['Pq', 'Wx'], 'sse2'),
  wide(1, 0x2d, 'cvtpd2pi', ['Pq', 'Wx'], 'sse2'),
  { map: 1, opcode: 0x77, prefix: 'none', operation: 'emms', operands: [], feature: 'mmx' },
  {
    map: 1,
    opcode: 0xd6,
    prefix: 'F3',
    modrm: true,
    mod: 'register',
    operation: 'movq2dq',
    operands: ['Vx', 'Nq'],
    feature: 'sse2',
  },
  {
    map: 1,
    opcode: 0xd6,
    prefix: 'F2',
    modrm: true,
    mod: 'register',
    operation: 'movdq2q',
    operands: ['Pq', 'Ux'],
    feature: 'sse2',
  },
];

const wideOnly: readonly InstructionRow[] = [
  wide(1, 0x6c, 'punpcklqdq', ['Vx', 'Wx'], 'sse2'),
  wide(1, 0x6d, 'punpckhqdq', ['Vx', 'Wx'], 'sse2'),
  wide(1, 0x70, 'pshufd', ['Vx', 'Wx', 'Ib'], 'sse2'),
  { ...wide(1, 0x70, 'pshufhw', ['Vx', 'Wx', 'Ib'], 'sse2'), prefix: 'F3' },
  { ...wide(1, 0x70, 'pshuflw', ['Vx', 'Wx', 'Ib'], 'sse2'), prefix: 'F2' },
  wide(1, 0x73, 'psrldq', ['Ux', 'Ib'], 'sse2', { ...register, reg: 3 }),
  wide(1, 0x73, 'pslldq', ['Ux', 'Ib'], 'sse2', { ...register, reg: 7 }),
  wide(1, 0xc4, 'pinsrw', ['Vx', 'Ed', 'Ib'], 'sse2', register),
  wide(1, 0xc4, 'pinsrw', ['Vx', 'Mw', 'Ib'], 'sse2', memory),
  wide(1, 0xc5, 'pextrw', ['Gd', 'Ux', 'Ib'], 'sse2', register),
  wide(1, 0xd7, 'pmovmskb', ['Gd', 'Ux'], 'sse2', register),
  wide(2, 0x10, 'pblendvb', ['Vx', 'Wx', 'XMM0'], 'sse4.1'),
  wide(2, 0x17, 'ptest', ['Vx', 'Wx'], 'sse4.1', { flagsWritten: 'cpazso' }),
  wide(2, 0x20, 'pmovsxbw', ['Vx', 'Wq'], 'sse4.1'),
  wide(2, 0x21, 'pmovsxbd', ['Vx', 'Wd'], 'sse4.1'),
  wide(2, 0x22, 'pmovsxbq', ['Vx', 'Ww'], 'sse4.1'),
  wide(2, 0x23, 'pmovsxwd', ['Vx', 'Wq'], 'sse4.1'),
  wide(2, 0x24, 'pmovsxwq', ['Vx', 'Wd'], 'sse4.1'),
  wide(2, 0x25, 'pmovsxdq', ['Vx', 'Wq'], 'sse4.1'),
  wide(2, 0x28, 'pmuldq', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x29, 'pcmpeqq', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x2b, 'packusdw', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x30, 'pmovzxbw', ['Vx', 'Wq'], 'sse4.1'),
  wide(2, 0x31, 'pmovzxbd', ['Vx', 'Wd'], 'sse4.1'),
  wide(2, 0x32, 'pmovzxbq', ['Vx', 'Ww'], 'sse4.1'),
  wide(2, 0x33, 'pmovzxwd', ['Vx', 'Wq'], 'sse4.1'),
  wide(2, 0x34, 'pmovzxwq', ['Vx', 'Wd'], 'sse4.1'),
  wide(2, 0x35, 'pmovzxdq', ['Vx', 'Wq'], 'sse4.1'),
  wide(2, 0x37, 'pcmpgtq', ['Vx', 'Wx'], 'sse4.2'),
  wide(2, 0x38, 'pminsb', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x39, 'pminsd', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x3a, 'pminuw', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x3b, 'pminud', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x3c, 'pmaxsb', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x3d, 'pmaxsd', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x3e, 'pmaxuw', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x3f, 'pmaxud', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x40, 'pmulld', ['Vx', 'Wx'], 'sse4.1'),
  wide(2, 0x41, 'phminposuw', ['Vx', 'Wx'], 'sse4.1'),
  wide(3, 0x0e, 'pblendw', ['Vx', 'Wx', 'Ib'], 'sse4.1'),
  wide(3, 0x14, 'pextrb', ['Rd', 'Vx', 'Ib'], 'sse4.1', register),
  wide(3, 0x14, 'pextrb', ['Mb', 'Vx', 'Ib'], 'sse4.1', memory),
  wide(3, 0x15, 'pextrw', ['Rd', 'Vx', 'Ib'], 'sse4.1', register),
  wide(3, 0x15, 'pextrw', ['Mw', 'Vx', 'Ib'], 'sse4.1', memory),
  wide(3, 0x16, 'pextrd', ['Ey', 'Vx', 'Ib'], 'sse4.1'),
  wide(3, 0x17, 'extractps', ['Ed', 'Vx', 'Ib'], 'sse4.1'),
  wide(3, 0x20, 'pinsrb', ['Vx', 'Ed', 'Ib'], 'sse4.1', register),
  wide(3, 0x20, 'pinsrb', ['Vx', 'Mb', 'Ib'], 'sse4.1', memory),
  wide(3, 0x22, 'pinsrd', ['Vx', 'Ey', 'Ib'], 'sse4.1'),
  wide(3, 0x42, 'mpsadbw', ['Vx', 'Wx', 'Ib'], 'sse4.1'),
  wide(3, 0x60, 'pcmpestrm', ['Vx', 'Wx', 'Ib'], 'sse4.2', { flagsWritten: 'cpazso' }),
  wide(3, 0x61, 'pcmpestri', ['Vx', 'Wx', 'Ib'], 'sse4.2', { flagsWritten: 'cpazso' }),
  wide(3, 0x62, 'pcmpistrm', ['Vx', 'Wx', 'Ib'], 'sse4.2', { flagsWritten: 'cpazso' }),
  wide(3, 0x63, 'pcmpistri', ['Vx', 'Wx', 'Ib'], 'sse4.2', { flagsWritten: 'cpazso' }),
];

export const packedIntegerRows: readonly InstructionRow[] = [...shared, ...mmxOnly, ...wideOnly];
