// Instructions as text (Intel syntax), from the same table that executes them: for fault messages and traces.

import { decode, NEED_MORE } from './decode/decoder.ts';
import type { Instruction } from './decode/instruction.ts';
import { FS_BASE, GS_BASE, ZERO } from './state-layout.ts';
import type { OperandForm } from './table/row.ts';
import './interpreter/all.ts';

const names64 = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];
const names32 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const names16 = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const names8 = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const high8 = ['ah', 'ch', 'dh', 'bh'];
const segments = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'seg6', 'seg7'];
const sizes: { readonly [width: number]: string } = {
  1: 'byte ptr ',
  2: 'word ptr ',
  4: 'dword ptr ',
  8: 'qword ptr ',
  10: 'tbyte ptr ',
  16: 'xmmword ptr ',
};

/** Name of a general register of a width in bytes. */
export function registerName(number: number, width: number, hasRex = true): string {
  if (width === 8) return names64[number];
  if (width === 4) return number < 8 ? names32[number] : `r${number}d`;
  if (width === 2) return number < 8 ? names16[number] : `r${number}w`;
  if (!hasRex && number >= 4 && number < 8) return high8[number - 4];
  return number < 8 ? names8[number] : `r${number}b`;
}

function hexadecimal(low: number, high: number): string {
  const upper = high >>> 0;
  return upper === 0
    ? `0x${(low >>> 0).toString(16)}`
    : `0x${upper.toString(16)}${(low >>> 0).toString(16).padStart(8, '0')}`;
}
/** Signed pair as text; small negative values with a minus sign. */
function signedHexadecimal(low: number, high: number): string {
  return high === -1 && low < 0 ? `-0x${(-low >>> 0).toString(16)}` : hexadecimal(low, high);
}

function address(i: Instruction): string {
  const segment = i.segment === FS_BASE ? 'fs:' : i.segment === GS_BASE ? 'gs:' : '';
  const width = i.address32 ? 4 : 8;
  const parts: string[] = [];
  if (i.base !== ZERO) parts.push(registerName(i.base / 2, width));
  if (i.addressIndex !== ZERO) parts.push(`${registerName(i.addressIndex / 2, width)}*${1 << i.scale}`);
  let text = parts.join('+');
  if (text === '') text = hexadecimal(i.displacementLow, i.displacementHigh);
  else if (i.displacementLow > 0) text += `+0x${i.displacementLow.toString(16)}`;
  else if (i.displacementLow < 0) text += `-0x${(-i.displacementLow >>> 0).toString(16)}`;
  return `${segment}[${text}]`;
}

function widthOf(i: Instruction, form: OperandForm): number {
  switch (form[1]) {
    case 'b':
      return 1;
    case 'w':
      return 2;
    case 'd':
      return 4;
    case 'q':
      return 8;
    case 't':
      return 10;
    case 'x':
      return 16;
    case 'y':
      return i.rexW ? 8 : 4;
    case 'v':
      return i.row.operation === 'crc32' && form === 'Ev' ? (i.rexW ? 8 : i.operandSizePrefix ? 2 : 4) : i.width;
    default:
      return 0;
  }
}

function operandText(i: Instruction, form: OperandForm, immediates: number): string {
  const width = widthOf(i, form);
  const memory = (): string => `${sizes[width] ?? ''}${address(i)}`;
  switch (form) {
    case 'AL':
    case 'AX':
    case 'CL':
    case 'DX':
    case '1':
    case 'XMM0':
    case 'FS':
    case 'GS':
      return form.toLowerCase();
    case 'rAX':
      return registerName(0, i.width);
    case 'ST0':
      return 'st(0)';
    case 'STi':
      return `st(${i.modrm & 7})`;
    default:
  }
  switch (form[0]) {
    case 'E':
      return i.memory ? memory() : registerName(i.rm, width, i.hasRex);
    case 'R':
    case 'Z':
      return registerName(i.rm, width === 0 ? i.width : width, i.hasRex);
    case 'G':
      return registerName(i.reg, width, i.hasRex);
    case 'M':
    case 'O':
      return memory();
    case 'I':
      return immediates === 0
        ? signedHexadecimal(i.immediateLow, i.immediateHigh)
        : `0x${(i.immediate2 & 0xff).toString(16)}`;
    case 'J':
      return hexadecimal(i.immediateLow, i.immediateHigh);
    case 'S':
      return segments[i.reg & 7];
    case 'C':
      return `cr${i.reg}`;
    case 'D':
      return `dr${i.reg}`;
    case 'V':
      return `xmm${i.reg}`;
    case 'W':
    case 'U':
      return i.memory ? memory() : `xmm${i.rm}`;
    case 'P':
      return `mm${i.reg & 7}`;
    case 'Q':
    case 'N':
      return i.memory ? memory() : `mm${i.rm & 7}`;
    case 'X':
      return `${sizes[width] ?? ''}[${i.address32 ? 'esi' : 'rsi'}]`;
    default:
      return `${sizes[width] ?? ''}[${i.address32 ? 'edi' : 'rdi'}]`;
  }
}

const repeatable = new Set(['movs', 'stos', 'lods', 'ins', 'outs']);
const comparing = new Set(['cmps', 'scas']);
const sizedNames: { readonly [operation: string]: readonly [string, string, string] } = {
  cbw: ['cbw', 'cwde', 'cdqe'],
  cwd: ['cwd', 'cdq', 'cqo'],
};

/** The text of one decoded instruction. */
export function instructionText(i: Instruction): string {
  const operation = i.row.operation;
  let name = i.row.mnemonic ?? operation;
  const sized = sizedNames[operation];
  if (sized !== undefined) name = sized[i.width === 2 ? 0 : i.width === 4 ? 1 : 2];
  if (operation === 'xchg' && i.opcode === 0x90 && i.rm === 0) return 'nop';
  let prefix = i.lock ? 'lock ' : '';
  if (i.repeat !== 0 && repeatable.has(operation)) prefix += 'rep ';
  if (i.repeat !== 0 && comparing.has(operation)) prefix += i.repeat === 0xf3 ? 'repe ' : 'repne ';
  let immediates = 0;
  const operands = i.row.operands.map((form) => operandText(i, form, form[0] === 'I' ? immediates++ : 0));
  return `${prefix}${name}${operands.length > 0 ? ` ${operands.join(', ')}` : ''}`;
}

/** Disassembles the instruction at the start of `bytes`, which lies at the virtual address given. '(bad)' if it is none. */
export function disassemble(
  bytes: Uint8Array,
  virtualAddress: bigint,
): { readonly text: string; readonly length: number } {
  const low = Number(BigInt.asIntN(32, virtualAddress));
  const high = Number(BigInt.asIntN(32, virtualAddress >> 32n));
  const instruction = decode(bytes, 0, bytes.length, low, high);
  if (instruction === NEED_MORE) return { text: '(incomplete)', length: bytes.length };
  return { text: instructionText(instruction), length: instruction.length };
}
