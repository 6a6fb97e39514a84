// Which registers an instruction may touch that compiled code hands to the interpreter's handler: those have to be in memory
// before, and are read back after. Known from the operand forms of its row and a list of implicit operands (SDM vol. 2).

import type { Instruction } from '../decode/instruction.ts';
import { ZERO } from '../state-layout.ts';

export interface RegisterEffects {
  /** Bit n: general register n, XMM register n. */
  readonly general: number;
  readonly xmm: number;
  /** Registers are only read: nothing has to be read back. */
  readonly readsOnly: boolean;
}

const RAX = 1 << 0;
const RCX = 1 << 1;
const RDX = 1 << 2;
const RBX = 1 << 3;
const RSP = 1 << 4;
const RBP = 1 << 5;
const RSI = 1 << 6;
const RDI = 1 << 7;
const XMM0 = 1;
const ALL = 0xffff;

const implicitGeneral: { readonly [operation: string]: number } = {
  mul: RAX | RDX,
  imul1: RAX | RDX,
  div: RAX | RDX,
  idiv: RAX | RDX,
  cmpxchg: RAX,
  cmpxchg8b: RAX | RDX | RBX | RCX,
  cmpxchg16b: RAX | RDX | RBX | RCX,
  cpuid: RAX | RBX | RCX | RDX,
  push: RSP,
  pop: RSP,
  pushf: RSP,
  pushSegment: RSP,
  popSegment: RSP,
  enter: RSP | RBP,
  leave: RSP | RBP,
  xlat: RAX | RBX,
  cbw: RAX,
  cwd: RAX | RDX,
  lahf: RAX,
  sahf: RAX,
  pcmpestri: RAX | RDX | RCX,
  pcmpestrm: RAX | RDX,
  pcmpistri: RCX,
  movs: RCX,
  stos: RCX,
  lods: RCX,
  cmps: RCX,
  scas: RCX,
  maskmovdqu: RDI,
  maskmovq: RDI,
};

const implicitXmm: { readonly [operation: string]: number } = {
  pcmpestrm: XMM0,
  pcmpistrm: XMM0,
  blendvps: XMM0,
  blendvpd: XMM0,
  pblendvb: XMM0,
  fxsave: ALL,
  fxrstor: ALL,
};

function addressRegisters(i: Instruction): number {
  let mask = 0;
  if (i.base !== ZERO) mask |= 1 << (i.base >> 1);
  if (i.addressIndex !== ZERO) mask |= 1 << (i.addressIndex >> 1);
  return mask;
}

export function registerEffects(i: Instruction): RegisterEffects {
  const { row } = i;
  let general = implicitGeneral[row.operation] ?? 0;
  let xmm = implicitXmm[row.operation] ?? 0;
  let readsOnly = general === 0 && row.flagsWritten === undefined && row.flagsRead === undefined;
  for (const form of row.operands) {
    switch (form[0]) {
      case 'E':
        if (!i.memory) {
          general |= (1 << (i.rmByte >> 3)) | (1 << i.rm);
          readsOnly = false;
        }
        break;
      case 'R':
      case 'Z':
        general |= (1 << (i.rmByte >> 3)) | (1 << i.rm);
        readsOnly = false;
        break;
      case 'G':
        general |= (1 << (i.regByte >> 3)) | (1 << i.reg);
        readsOnly = false;
        break;
      case 'V':
        xmm |= 1 << i.reg;
        readsOnly = false;
        break;
      case 'W':
      case 'U':
        if (!i.memory) {
          xmm |= 1 << i.rm;
          readsOnly = false;
        }
        break;
      case 'A':
      case 'r':
        general |= RAX;
        readsOnly = false;
        break;
      case 'C':
        if (form === 'CL') general |= RCX;
        readsOnly = false;
        break;
      case 'D':
        general |= RDX;
        readsOnly = false;
        break;
      case 'X':
        if (form === 'XMM0') xmm |= XMM0;
        else general |= RSI;
        readsOnly = false;
        break;
      case 'Y':
        general |= RDI;
        readsOnly = false;
        break;
      case 'S':
        readsOnly = readsOnly && form.startsWith('ST');
        break;
    }
  }
  if (xmm !== 0) readsOnly = false;
  if (i.memory) general |= addressRegisters(i);
  return { general, xmm, readsOnly };
}
