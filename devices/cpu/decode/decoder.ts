// Bytes to Instruction, driven by the instruction table (SDM vol. 2, 2.1 and 2.2: instruction format in 64-bit mode).
//
//   legacy prefixes (any order) | REX | opcode: xx, 0F xx, 0F 38 xx, 0F 3A xx | ModRM | SIB | displacement | immediate
//   at most 15 bytes in all; longer raises #GP(0)

import { raiseInvalid, raiseTooLong } from '../interpreter/invalid.ts';
import { selectorFor } from '../interpreter/registry.ts';
import { FS_BASE, GS_BASE, ZERO } from '../state-layout.ts';
import { instructionTable } from '../table/index.ts';
import type { InstructionRow } from '../table/row.ts';
import { type HandlerSelector, Instruction } from './instruction.ts';

export const MAXIMUM_LENGTH = 15;

/** What a byte run out of means: the caller must offer more (the instruction goes on in the next page). */
export const NEED_MORE = 'need more bytes';

/** How the operand size follows from prefixes. */
const Width = { fixed: 0, byOperandSize: 1, byRexW: 2 } as const;

/** What bytes follow for an operand. */
const Follows = { nothing: 0, byte: 1, word: 2, z: 3, jumpLong: 4, v: 5, address: 6 } as const;
const followsByForm: { readonly [form: string]: number } = {
  Ib: Follows.byte,
  Jb: Follows.byte,
  Iw: Follows.word,
  Iz: Follows.z,
  Jz: Follows.jumpLong,
  Iv: Follows.v,
  Ob: Follows.address,
  Ov: Follows.address,
};

const fixedWidths: { readonly [suffix: string]: number } = { b: 1, w: 2, d: 4, q: 8, t: 10, x: 16 };

/** A row with what the decoder asks of it, found once. */
class RowPlan {
  readonly row: InstructionRow;
  readonly specificity: number;
  readonly hasModrm: boolean;
  /** A Z operand: the register is in the opcode. */
  readonly registerInOpcode: boolean;
  readonly follows: readonly number[];
  readonly jumps: boolean;
  readonly registerOnly: boolean;
  readonly memoryOnly: boolean;
  readonly select: HandlerSelector | undefined;
  readonly width: number;
  readonly fixedWidth: number;

  constructor(row: InstructionRow) {
    const { operands } = row;
    this.row = row;
    this.specificity =
      (row.prefix === undefined ? 0 : 8) +
      (row.rm === undefined ? 0 : 4) +
      (row.reg === undefined ? 0 : 2) +
      (row.mod === undefined ? 0 : 1) +
      (row.rexW === undefined ? 0 : 1);
    this.hasModrm = row.modrm === true;
    this.registerInOpcode = operands.some((form) => form[0] === 'Z');
    this.follows = operands.map((form) => followsByForm[form] ?? Follows.nothing).filter((what) => what !== 0);
    this.jumps = operands[0]?.[0] === 'J' || operands[1]?.[0] === 'J';
    this.registerOnly = operands.some((form) => 'RUN'.includes(form[0]));
    this.memoryOnly = this.hasModrm && operands.some((form) => form[0] === 'M');
    this.select = selectorFor(row.operation);
    [this.width, this.fixedWidth] = widthRule(row);
  }
}

/** Operand size by the first form that tells. */
function widthRule(row: InstructionRow): [width: number, fixed: number] {
  for (const form of row.operands) {
    if (form === 'AL') return [Width.fixed, 1];
    if (form === 'rAX') break;
    if ('IJ1CDXMS'.includes(form[0]) && !form.startsWith('M') && !/^[XY][bv]$/.test(form)) continue;
    const suffix = form[form.length - 1];
    if (suffix === 'v' || suffix === 'z') break;
    if (suffix === 'y') return [Width.byRexW, 0];
    const fixed = fixedWidths[suffix];
    if (fixed !== undefined && form.length === 2) return [Width.fixed, fixed];
  }
  return [Width.byOperandSize, 0];
}

/** Plans by map and opcode, the more specific first; made when the first instruction is decoded, when all handlers are registered. */
const plansByOpcode: RowPlan[][] = [];

function makePlans(): void {
  for (let n = 0; n < 4 * 256; n++) plansByOpcode.push([]);
  for (const row of instructionTable) {
    const plan = new RowPlan(row);
    const registers = plan.registerInOpcode ? 8 : 1;
    for (let n = 0; n < registers; n++) plansByOpcode[(row.map << 8) | (row.opcode + n)].push(plan);
  }
  for (const plans of plansByOpcode) plans.sort((a, b) => b.specificity - a.specificity);
}

const undefinedRow: InstructionRow = { map: 0, opcode: 0, operation: '(bad)', operands: [], endsBlock: true };

/** One byte cursor for the whole decoder: decoding is not re-entrant. */
let bytes: Uint8Array = new Uint8Array(0);
let position = 0;
let limit = 0;

function next(): number {
  if (position >= limit) throw NEED_MORE;
  return bytes[position++];
}
function next32(): number {
  const a = next();
  const b = next();
  const c = next();
  return a | (b << 8) | (c << 16) | (next() << 24);
}

function bad(instruction: Instruction): void {
  instruction.row = undefinedRow;
  instruction.execute = raiseInvalid;
}

function matches(row: InstructionRow, mandatory: string, modrm: number, rexW: boolean): boolean {
  if (row.prefix !== undefined && row.prefix !== mandatory) return false;
  if (row.rexW !== undefined && (row.rexW === 1) !== rexW) return false;
  if (row.modrm !== true) return true;
  if (row.reg !== undefined && row.reg !== ((modrm >> 3) & 7)) return false;
  if (row.mod !== undefined && (row.mod === 'register') !== modrm >= 0xc0) return false;
  return row.rm === undefined || row.rm === (modrm & 7);
}

/**
 * Decodes the instruction at `source[start]`, of which `available` bytes may be read, for the virtual address given. What is no
 * instruction comes back as one that raises #UD (or #GP when too long). Returns NEED_MORE if the bytes end before it does.
 */
export function decode(
  source: Uint8Array,
  start: number,
  available: number,
  ripLow: number,
  ripHigh: number,
): Instruction | typeof NEED_MORE {
  const instruction = new Instruction(undefinedRow, raiseInvalid);
  return decodeAt(instruction, source, start, available, ripLow, ripHigh, true) ? instruction : NEED_MORE;
}

/** As `decode`, into an instruction that exists (a new or reset one); false: NEED_MORE. `selects`: it gets its handler, which takes a while. */
export function decodeAt(
  instruction: Instruction,
  source: Uint8Array,
  start: number,
  available: number,
  ripLow: number,
  ripHigh: number,
  selects: boolean,
): boolean {
  if (plansByOpcode.length === 0) makePlans();
  bytes = source;
  position = start;
  limit = start + Math.min(available, MAXIMUM_LENGTH);
  instruction.ripLow = ripLow;
  instruction.ripHigh = ripHigh;
  try {
    decodeInto(instruction, start, selects);
  } catch (signal) {
    if (signal !== NEED_MORE) throw signal;
    if (available < MAXIMUM_LENGTH) return false;
    instruction.row = undefinedRow;
    instruction.execute = raiseTooLong;
    instruction.length = MAXIMUM_LENGTH;
  }
  return true;
}

function decodeInto(instruction: Instruction, start: number, selects: boolean): void {
  let rex = 0;
  let repeat = 0;
  let sizePrefix = false;
  let segment: number = ZERO;
  let opcode = 0;
  for (;;) {
    opcode = next();
    if (opcode >= 0x40 && opcode <= 0x4f) {
      rex = opcode;
      continue;
    }
    if (opcode === 0x66) sizePrefix = true;
    else if (opcode === 0x67) instruction.address32 = true;
    else if (opcode === 0xf0) instruction.lock = true;
    else if (opcode === 0xf2 || opcode === 0xf3) repeat = opcode;
    else if (opcode === 0x64) segment = FS_BASE;
    else if (opcode === 0x65) segment = GS_BASE;
    else if (opcode !== 0x26 && opcode !== 0x2e && opcode !== 0x36 && opcode !== 0x3e) break;
    // A REX prefix counts only right before the opcode.
    rex = 0;
  }
  let map = 0;
  if (opcode === 0x0f) {
    opcode = next();
    map = 1;
    if (opcode === 0x38) {
      map = 2;
      opcode = next();
    } else if (opcode === 0x3a) {
      map = 3;
      opcode = next();
    }
  }
  const rexW = (rex & 8) !== 0;
  const mandatory = repeat === 0xf3 ? 'F3' : repeat === 0xf2 ? 'F2' : sizePrefix ? '66' : 'none';
  const candidates = plansByOpcode[(map << 8) | opcode];
  let modrm = 0;
  const hasModrm = candidates.length > 0 && candidates[0].hasModrm;
  if (hasModrm) modrm = next();
  let plan: RowPlan | undefined;
  for (let n = 0; n < candidates.length; n++) {
    if (matches(candidates[n].row, mandatory, modrm, rexW)) {
      plan = candidates[n];
      break;
    }
  }
  instruction.hasRex = rex !== 0;
  instruction.rexW = rexW;
  instruction.repeat = repeat;
  instruction.operandSizePrefix = sizePrefix;
  instruction.opcode = opcode;
  instruction.modrm = modrm;
  instruction.segment = segment;
  if (plan === undefined) {
    finish(instruction, start);
    bad(instruction);
    return;
  }
  const { row } = plan;
  instruction.row = row;
  instruction.parameter = row.parameter ?? 0;
  if (plan.width === Width.fixed) instruction.width = plan.fixedWidth;
  else if (rexW) instruction.width = 8;
  else if (plan.width === Width.byRexW) instruction.width = 4;
  else instruction.width = sizePrefix && row.prefix !== '66' ? 2 : row.default64 === true ? 8 : 4;

  if (hasModrm) {
    setRegister(instruction, ((modrm >> 3) & 7) | ((rex & 4) << 1));
    if (modrm >= 0xc0) setRm(instruction, (modrm & 7) | ((rex & 1) << 3));
    else decodeAddress(instruction, modrm, rex);
  } else if (plan.registerInOpcode) setRm(instruction, (opcode & 7) | ((rex & 1) << 3));

  decodeImmediates(instruction, plan.follows);
  finish(instruction, start);
  if (plan.jumps) {
    const low = (instruction.nextLow + instruction.immediateLow) | 0;
    const carry = low >>> 0 < instruction.nextLow >>> 0 ? 1 : 0;
    instruction.immediateHigh = (instruction.nextHigh + instruction.immediateHigh + carry) | 0;
    instruction.immediateLow = low;
  }
  // RIP-relative: the address is a constant (SDM vol. 2, 2.2.1.6).
  if (instruction.memory && hasModrm && (modrm & 0xc7) === 5) {
    const low = (instruction.nextLow + instruction.displacementLow) | 0;
    const carry = low >>> 0 < instruction.nextLow >>> 0 ? 1 : 0;
    instruction.displacementHigh = (instruction.nextHigh + instruction.displacementHigh + carry) | 0;
    instruction.displacementLow = low;
  }
  instruction.simpleAddress =
    instruction.addressIndex === ZERO && instruction.segment === ZERO && !instruction.address32;

  const wrongKind = instruction.memory ? plan.registerOnly : plan.memoryOnly;
  const wrongLock = instruction.lock && !(row.lockable === true && instruction.memory);
  if (wrongKind || wrongLock || plan.select === undefined) bad(instruction);
  else if (selects) instruction.execute = plan.select(instruction);
}

function finish(instruction: Instruction, start: number): void {
  const length = position - start;
  instruction.length = length;
  instruction.nextLow = (instruction.ripLow + length) | 0;
  instruction.nextHigh =
    instruction.nextLow >>> 0 < instruction.ripLow >>> 0 ? (instruction.ripHigh + 1) | 0 : instruction.ripHigh;
}

/** Byte index of an 8-bit register: without REX numbers 4..7 are AH CH DH BH. */
function byteRegister(instruction: Instruction, number: number): number {
  return !instruction.hasRex && number >= 4 && number < 8 ? (number - 4) * 8 + 1 : number * 8;
}
function setRegister(instruction: Instruction, number: number): void {
  instruction.reg = number;
  instruction.regWord = number * 2;
  instruction.regByte = byteRegister(instruction, number);
}
function setRm(instruction: Instruction, number: number): void {
  instruction.rm = number;
  instruction.rmWord = number * 2;
  instruction.rmByte = byteRegister(instruction, number);
}

function decodeAddress(instruction: Instruction, modrm: number, rex: number): void {
  instruction.memory = true;
  const mod = modrm >> 6;
  let base = modrm & 7;
  let baseWord: number = ZERO;
  let noBase = false;
  if (base === 4) {
    const sib = next();
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index !== 4) {
      instruction.addressIndex = index * 2;
      instruction.scale = sib >> 6;
    }
    base = sib & 7;
    noBase = base === 5 && mod === 0;
  } else noBase = base === 5 && mod === 0;
  if (!noBase) {
    const number = base | ((rex & 1) << 3);
    baseWord = number * 2;
    instruction.stackSegment = (number === 4 || number === 5) && instruction.segment === ZERO;
  }
  instruction.base = baseWord;
  let displacement = 0;
  if (mod === 1) displacement = (next() << 24) >> 24;
  else if (mod === 2 || noBase) displacement = next32();
  instruction.displacementLow = displacement;
  instruction.displacementHigh = displacement >> 31;
}

function decodeImmediates(instruction: Instruction, follows: readonly number[]): void {
  for (let n = 0; n < follows.length; n++) {
    let low = 0;
    let high = 0;
    switch (follows[n]) {
      case Follows.byte:
        low = (next() << 24) >> 24;
        high = low >> 31;
        break;
      case Follows.word:
        low = next();
        low |= next() << 8;
        break;
      case Follows.z:
        if (instruction.width === 2) {
          low = next();
          low = ((low | (next() << 8)) << 16) >> 16;
        } else low = next32();
        high = low >> 31;
        break;
      case Follows.jumpLong:
        // In 64-bit mode the displacement is 32 bit whatever the operand size (Intel; AMD takes 16 with prefix 66).
        low = next32();
        high = low >> 31;
        break;
      case Follows.v:
        if (instruction.width === 8) {
          low = next32();
          high = next32();
        } else if (instruction.width === 2) {
          low = next();
          low = ((low | (next() << 8)) << 16) >> 16;
          high = low >> 31;
        } else if (instruction.width === 1) {
          low = (next() << 24) >> 24;
          high = low >> 31;
        } else {
          low = next32();
          high = low >> 31;
        }
        break;
      default:
        instruction.memory = true;
        instruction.displacementLow = next32();
        instruction.displacementHigh = instruction.address32 ? 0 : next32();
        continue;
    }
    if (n === 0) {
      instruction.immediateLow = low;
      instruction.immediateHigh = high;
    } else instruction.immediate2 = low;
  }
}
