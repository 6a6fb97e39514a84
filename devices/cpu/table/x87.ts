// The x87: opcodes D8 to DF and 9B. SDM vol. 1 chapter 8; opcodes from vol. 2, appendix A.5. Undocumented aliases (FCOM2, FXCH4 …)
// are absent and raise #UD.
//
//   D8..DF  mod reg rm        mod < 3: memory, reg chooses the operation      mod = 3: reg and rm choose it, rm is ST(i)

import type { InstructionRow, OperandForm } from './row.ts';

function memoryForm(
  opcode: number,
  reg: number,
  operation: string,
  operands: readonly OperandForm[],
  more: Partial<InstructionRow> = {},
): InstructionRow {
  return { map: 0, opcode, modrm: true, mod: 'memory', reg, operation, operands, feature: 'x87', ...more };
}

function registerForm(
  opcode: number,
  reg: number,
  operation: string,
  operands: readonly OperandForm[],
  more: Partial<InstructionRow> = {},
): InstructionRow {
  return { map: 0, opcode, modrm: true, mod: 'register', reg, operation, operands, feature: 'x87', ...more };
}

/** D9 E0..FF and the like: one operation for one reg and rm. */
function single(
  opcode: number,
  modrm: number,
  operation: string,
  operands: readonly OperandForm[] = [],
): InstructionRow {
  return registerForm(opcode, (modrm >> 3) & 7, operation, operands, { rm: modrm & 7 });
}

const arithmetic = ['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr'] as const;
/** With ST(i) as the destination the encodings of the reversed operations change places. */
const reversed = ['fadd', 'fmul', undefined, undefined, 'fsubr', 'fsub', 'fdivr', 'fdiv'] as const;

const arithmeticRows: readonly InstructionRow[] = arithmetic.flatMap((operation, reg) => [
  memoryForm(0xd8, reg, operation, ['ST0', 'Md']),
  memoryForm(0xdc, reg, operation, ['ST0', 'Mq']),
  memoryForm(0xda, reg, operation.replace('f', 'fi'), ['ST0', 'Md']),
  memoryForm(0xde, reg, operation.replace('f', 'fi'), ['ST0', 'Mw']),
  registerForm(0xd8, reg, operation, ['ST0', 'STi']),
]);
const reversedRows: readonly InstructionRow[] = reversed.flatMap((operation, reg) =>
  operation === undefined
    ? []
    : [registerForm(0xdc, reg, operation, ['STi', 'ST0']), registerForm(0xde, reg, `${operation}p`, ['STi', 'ST0'])],
);

const comparesToFlags = { flagsWritten: 'cpazso' } as const;

const loadsAndStores: readonly InstructionRow[] = [
  memoryForm(0xd9, 0, 'fld', ['Md']),
  memoryForm(0xdd, 0, 'fld', ['Mq']),
  memoryForm(0xdb, 5, 'fld', ['Mt']),
  registerForm(0xd9, 0, 'fld', ['STi']),
  memoryForm(0xd9, 2, 'fst', ['Md']),
  memoryForm(0xdd, 2, 'fst', ['Mq']),
  registerForm(0xdd, 2, 'fst', ['STi']),
  memoryForm(0xd9, 3, 'fstp', ['Md']),
  memoryForm(0xdd, 3, 'fstp', ['Mq']),
  memoryForm(0xdb, 7, 'fstp', ['Mt']),
  registerForm(0xdd, 3, 'fstp', ['STi']),
  memoryForm(0xdf, 0, 'fild', ['Mw']),
  memoryForm(0xdb, 0, 'fild', ['Md']),
  memoryForm(0xdf, 5, 'fild', ['Mq']),
  memoryForm(0xdf, 2, 'fist', ['Mw']),
  memoryForm(0xdb, 2, 'fist', ['Md']),
  memoryForm(0xdf, 3, 'fistp', ['Mw']),
  memoryForm(0xdb, 3, 'fistp', ['Md']),
  memoryForm(0xdf, 7, 'fistp', ['Mq']),
  memoryForm(0xdf, 1, 'fisttp', ['Mw'], { feature: 'sse3' }),
  memoryForm(0xdb, 1, 'fisttp', ['Md'], { feature: 'sse3' }),
  memoryForm(0xdd, 1, 'fisttp', ['Mq'], { feature: 'sse3' }),
  memoryForm(0xdf, 4, 'fbld', ['Mt']),
  memoryForm(0xdf, 6, 'fbstp', ['Mt']),
  registerForm(0xd9, 1, 'fxch', ['ST0', 'STi']),
  registerForm(0xda, 0, 'fcmovb', ['ST0', 'STi'], { flagsRead: 'c', parameter: 2 }),
  registerForm(0xda, 1, 'fcmove', ['ST0', 'STi'], { flagsRead: 'z', parameter: 4 }),
  registerForm(0xda, 2, 'fcmovbe', ['ST0', 'STi'], { flagsRead: 'cz', parameter: 6 }),
  registerForm(0xda, 3, 'fcmovu', ['ST0', 'STi'], { flagsRead: 'p', parameter: 10 }),
  registerForm(0xdb, 0, 'fcmovnb', ['ST0', 'STi'], { flagsRead: 'c', parameter: 3 }),
  registerForm(0xdb, 1, 'fcmovne', ['ST0', 'STi'], { flagsRead: 'z', parameter: 5 }),
  registerForm(0xdb, 2, 'fcmovnbe', ['ST0', 'STi'], { flagsRead: 'cz', parameter: 7 }),
  registerForm(0xdb, 3, 'fcmovnu', ['ST0', 'STi'], { flagsRead: 'p', parameter: 11 }),
];

const compares: readonly InstructionRow[] = [
  registerForm(0xdd, 4, 'fucom', ['ST0', 'STi']),
  registerForm(0xdd, 5, 'fucomp', ['ST0', 'STi']),
  single(0xda, 0xe9, 'fucompp'),
  single(0xde, 0xd9, 'fcompp'),
  registerForm(0xdb, 5, 'fucomi', ['ST0', 'STi'], comparesToFlags),
  registerForm(0xdb, 6, 'fcomi', ['ST0', 'STi'], comparesToFlags),
  registerForm(0xdf, 5, 'fucomip', ['ST0', 'STi'], comparesToFlags),
  registerForm(0xdf, 6, 'fcomip', ['ST0', 'STi'], comparesToFlags),
];

const withoutOperands: readonly InstructionRow[] = [
  single(0xd9, 0xd0, 'fnop'),
  single(0xd9, 0xe0, 'fchs'),
  single(0xd9, 0xe1, 'fabs'),
  single(0xd9, 0xe4, 'ftst'),
  single(0xd9, 0xe5, 'fxam'),
  single(0xd9, 0xe8, 'fld1'),
  single(0xd9, 0xe9, 'fldl2t'),
  single(0xd9, 0xea, 'fldl2e'),
  single(0xd9, 0xeb, 'fldpi'),
  single(0xd9, 0xec, 'fldlg2'),
  single(0xd9, 0xed, 'fldln2'),
  single(0xd9, 0xee, 'fldz'),
  single(0xd9, 0xf0, 'f2xm1'),
  single(0xd9, 0xf1, 'fyl2x'),
  single(0xd9, 0xf2, 'fptan'),
  single(0xd9, 0xf3, 'fpatan'),
  single(0xd9, 0xf4, 'fxtract'),
  single(0xd9, 0xf5, 'fprem1'),
  single(0xd9, 0xf6, 'fdecstp'),
  single(0xd9, 0xf7, 'fincstp'),
  single(0xd9, 0xf8, 'fprem'),
  single(0xd9, 0xf9, 'fyl2xp1'),
  single(0xd9, 0xfa, 'fsqrt'),
  single(0xd9, 0xfb, 'fsincos'),
  single(0xd9, 0xfc, 'frndint'),
  single(0xd9, 0xfd, 'fscale'),
  single(0xd9, 0xfe, 'fsin'),
  single(0xd9, 0xff, 'fcos'),
];

const control: readonly InstructionRow[] = [
  memoryForm(0xd9, 4, 'fldenv', ['M']),
  memoryForm(0xd9, 5, 'fldcw', ['Mw']),
  memoryForm(0xd9, 6, 'fnstenv', ['M']),
  memoryForm(0xd9, 7, 'fnstcw', ['Mw']),
  memoryForm(0xdd, 4, 'frstor', ['M']),
  memoryForm(0xdd, 6, 'fnsave', ['M']),
  memoryForm(0xdd, 7, 'fnstsw', ['Mw']),
  single(0xdf, 0xe0, 'fnstsw', ['AX']),
  single(0xdb, 0xe2, 'fnclex'),
  single(0xdb, 0xe3, 'fninit'),
  registerForm(0xdd, 0, 'ffree', ['STi']),
  registerForm(0xdf, 0, 'ffreep', ['STi']),
  { map: 0, opcode: 0x9b, operation: 'fwait', operands: [], feature: 'x87' },
];

export const x87Rows: readonly InstructionRow[] = [
  ...arithmeticRows,
  ...reversedRows,
  ...loadsAndStores,
  ...compares,
  ...withoutOperands,
  ...control,
];
