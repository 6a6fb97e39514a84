// One instruction as bytes, made from its row of the table with random prefixes, registers and immediates. Who asks decides about
// registers and memory operands (OperandChoice): snippets of the silicon oracle and programs of the engine test do that differently.

import type { InstructionRow, OperandForm } from '../../../devices/cpu/table/row.ts';
import type { MemoryOperand } from './operands.ts';
import { integer, type Random } from './values.ts';

export const strings: ReadonlySet<string> = new Set(['movs', 'cmps', 'stos', 'lods', 'scas']);
const environments: ReadonlySet<string> = new Set(['fnstenv', 'fldenv', 'fnsave', 'frstor']);
const nearBranches: ReadonlySet<string> = new Set(['callIndirect', 'jmpIndirect', 'ret']);
/** Registers as addresses without ModRM: prefix 67 concerns them. */
const implicitAddress: ReadonlySet<string> = new Set([...strings, 'xlat', 'maskmovdqu', 'maskmovq', 'jrcxz']);
/** ES CS SS DS: without effect on addresses in 64-bit mode. */
const idlePrefixes = [0x26, 0x2e, 0x36, 0x3e] as const;

/** Prefixes of one instruction except REX. */
export interface Prefixes {
  readonly bytes: number[];
  readonly small: boolean;
  readonly address32: boolean;
  readonly gs: boolean;
}

function choosePrefixes(random: Random, row: InstructionRow, useMemory: boolean): Prefixes {
  const forms = row.operands;
  const sized = forms.some((form) => /^.[vz]$/.test(form)) || row.operation === 'cbw' || row.operation === 'cwd';
  let small = row.prefix === undefined && (sized || environments.has(row.operation)) && random.chance(25);
  // A near branch with 66 is 16 bit on AMD and 64 bit on Intel.
  if (forms.some((form) => form[0] === 'J') || nearBranches.has(row.operation)) small = false;
  const bytes: number[] = [];
  const gs = useMemory && random.chance(5);
  if (gs) bytes.push(0x65);
  else if (random.chance(3) && forms[0]?.[0] !== 'J') bytes.push(random.pick(idlePrefixes));
  const offset = forms.some((form) => form[0] === 'O');
  const address32 = (useMemory || offset || implicitAddress.has(row.operation)) && random.chance(5);
  if (address32) bytes.push(0x67);
  if (small) bytes.push(0x66);
  if (row.prefix === '66') bytes.push(0x66);
  if (row.prefix === 'F2') bytes.push(0xf2);
  if (row.prefix === 'F3') bytes.push(0xf3);
  const locked =
    row.lockable === true && useMemory ? random.chance(20) : row.privilege === undefined && random.below(200) === 0;
  if (locked) bytes.push(0xf0);
  if (strings.has(row.operation)) {
    const repeat = random.below(3);
    const compares = row.operation === 'cmps' || row.operation === 'scas';
    if (repeat === 1) bytes.push(0xf3);
    else if (repeat === 2 && compares) bytes.push(0xf2);
  }
  return { bytes, small, address32, gs };
}

export interface MemoryRequest {
  readonly form: OperandForm;
  /** ModRM.reg with its REX bit. */
  readonly reg: number;
  readonly rexW: boolean;
  readonly prefixes: Prefixes;
}

export interface OperandChoice {
  /** A general register (or XMM, MMX register) below `limit` for a field that the row leaves free. */
  readonly register: (limit: number) => number;
  /** Told before operands are chosen: the place to see to registers that the instruction uses by itself. */
  readonly prepare: (prefixes: Prefixes) => void;
  readonly memory: (request: MemoryRequest) => MemoryOperand;
  /** Where an operand with an absolute offset (moffs) lies. */
  readonly absolute: () => number;
  /** An indirect branch goes by this register. */
  readonly branchTarget: (register: number) => void;
}

function little(bytes: number[], value: number, count: number): void {
  for (let n = 0; n < count; n++) bytes.push((n < 4 ? value >> (n * 8) : value >> 31) & 0xff);
}

function emitImmediates(
  random: Random,
  bytes: number[],
  row: InstructionRow,
  rexW: boolean,
  prefixes: Prefixes,
  choice: OperandChoice,
): void {
  const small = prefixes.small && !rexW;
  for (const form of row.operands) {
    const value = Number(BigInt.asIntN(32, integer(random)));
    if (form === 'Ib') {
      const any = random.chance(50) && !(small && /^sh[lr]d$/.test(row.operation));
      bytes.push(random.below(any ? 256 : 16));
    } else if (form === 'Iw') {
      const limit = { enter: 32, ret: 64 }[row.operation];
      little(bytes, limit === undefined ? value : random.below(limit), 2);
    } else if (form === 'Iz') little(bytes, value, small ? 2 : 4);
    else if (form === 'Iv') little(bytes, value, rexW ? 8 : small ? 2 : 4);
    else if (form === 'Jb') bytes.push(random.below(8));
    else if (form === 'Jz') little(bytes, random.below(8), 4);
    else if (form === 'Ob' || form === 'Ov') {
      little(bytes, choice.absolute(), 4);
      if (!prefixes.address32) little(bytes, 0, 4);
    }
  }
}

/**
 * Appends one instruction to `bytes`, whose first byte will lie at `address`. False if this choice of the dice makes none; `bytes` may be longer
 * then.
 */
export function encodeInstruction(
  random: Random,
  bytes: number[],
  address: number,
  row: InstructionRow,
  choice: OperandChoice,
): boolean {
  const forms = row.operands;
  const memoryForm = forms.find((form) => /^[EMWQ]/.test(form));
  const registerOnly = forms.some((form) => /^[RUN]/.test(form)) || row.mod === 'register';
  const useMemory =
    row.modrm === true && memoryForm !== undefined && !registerOnly && (row.mod === 'memory' || random.chance(50));
  if (row.mod === 'memory' && !useMemory) return false;

  const rexW = row.rexW === undefined ? random.chance(40) : row.rexW === 1;
  const prefixes = choosePrefixes(random, row, useMemory);
  const reg = row.reg ?? choice.register(row.modrm === true && /^[PN]/.test(forms.join()) ? 8 : 16);
  let rm = row.rm ?? choice.register(16);
  if (row.rm !== undefined || row.feature === 'x87') rm &= 7;
  choice.prepare(prefixes);

  let rex = rexW ? 8 : 0;
  let memory: MemoryOperand | undefined;
  if (useMemory && memoryForm !== undefined) {
    memory = choice.memory({ form: memoryForm, reg, rexW, prefixes });
    rex |= memory.rexBits;
  } else if (row.modrm === true) {
    rex |= ((row.reg === undefined ? reg : 0) & 8) >> 1;
    rex |= (rm & 8) >> 3;
    if (nearBranches.has(row.operation)) choice.branchTarget(rm);
  }
  const inOpcode = forms.some((form) => form[0] === 'Z');
  if (inOpcode) rex |= (rm & 8) >> 3;

  bytes.push(...prefixes.bytes);
  if (rex !== 0 || random.chance(10)) bytes.push(0x40 | rex);
  if (row.map > 0) bytes.push(0x0f);
  if (row.map === 2) bytes.push(0x38);
  if (row.map === 3) bytes.push(0x3a);
  bytes.push(row.opcode | (inOpcode ? rm & 7 : 0));
  let ripAt = -1;
  if (memory !== undefined) {
    if (memory.ripRelativeAt >= 0) ripAt = bytes.length + memory.ripRelativeAt;
    bytes.push(...memory.bytes);
  } else if (row.modrm === true) bytes.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
  emitImmediates(random, bytes, row, (rex & 8) !== 0, prefixes, choice);
  if (ripAt >= 0) {
    const displacement = (memory?.fixedTarget ?? 0) - (address + bytes.length);
    for (let n = 0; n < 4; n++) bytes[ripAt + n] = (displacement >> (n * 8)) & 0xff;
  }
  return true;
}
