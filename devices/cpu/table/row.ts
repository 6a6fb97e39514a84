// One row of the instruction table: everything that decoder, interpreter, disassembler, tests and a compiler need to know of one
// encoding. Notation of operands after SDM vol. 2, appendix A.2 (addressing method + operand type).

/**
 * Operand forms. First letter(s): where; rest: how wide.
 *
 *   E  general register or memory by ModRM.rm          G  general register by ModRM.reg
 *   R  general register by ModRM.rm (mod = 3 only)     M  memory only
 *   Z  general register in the low opcode bits         O  memory at an absolute offset (moffs)
 *   I  immediate (sign-extended to the operand width)  J  relative branch target
 *   S  segment register by ModRM.reg                   C  control register, D debug register by ModRM.reg
 *   V  XMM register by ModRM.reg                       W  XMM register or memory by ModRM.rm     U  XMM register by ModRM.rm (mod = 3 only)
 *   P  MMX register by ModRM.reg                       Q  MMX register or memory by ModRM.rm     N  MMX register by ModRM.rm (mod = 3 only)
 *   X  string source [rSI]                             Y  string destination [rDI]
 *
 *   b 8, w 16, d 32, q 64, t 80, x 128 bit; v 16/32/64 by operand size; y 32 or 64 by REX.W; z immediate of 16 or 32 bit;
 *   no letter: an address or area of other size
 */
export type OperandForm =
  | 'Eb'
  | 'Ew'
  | 'Ed'
  | 'Eq'
  | 'Ev'
  | 'Ey'
  | 'Gb'
  | 'Gw'
  | 'Gd'
  | 'Gq'
  | 'Gv'
  | 'Gy'
  | 'Rd'
  | 'Rq'
  | 'Rv'
  | 'Ry'
  | 'M'
  | 'Mb'
  | 'Mw'
  | 'Md'
  | 'Mq'
  | 'Mt'
  | 'Mx'
  | 'Mv'
  | 'My'
  | 'Zb'
  | 'Zv'
  | 'Zq'
  | 'Ob'
  | 'Ov'
  | 'Ib'
  | 'Iw'
  | 'Iz'
  | 'Iv'
  | 'Jb'
  | 'Jz'
  | 'Sw'
  | 'Cq'
  | 'Dq'
  | 'Vx'
  | 'Wb'
  | 'Ww'
  | 'Wd'
  | 'Wq'
  | 'Wx'
  | 'Ux'
  | 'Pq'
  | 'Qd'
  | 'Qq'
  | 'Nq'
  | 'Xb'
  | 'Xv'
  | 'Yb'
  | 'Yv'
  | 'AL'
  | 'rAX'
  | 'AX'
  | 'CL'
  | 'DX'
  | '1'
  | 'XMM0'
  | 'FS'
  | 'GS'
  | 'ST0'
  | 'STi';

/** A flag set as letters: c p a z s o (arithmetic), d i t A(C). '' = none. */
export type FlagSet = string;

export type Feature =
  | 'base'
  | 'cmov'
  | 'cx8'
  | 'cx16'
  | 'popcnt'
  | 'sse'
  | 'sse2'
  | 'sse3'
  | 'ssse3'
  | 'sse4.1'
  | 'sse4.2'
  | 'x87'
  | 'mmx'
  | 'fxsr'
  | 'syscall'
  | 'rdtscp'
  | 'fsgsbase'
  | 'smap';

export interface InstructionRow {
  /** 0: one byte; 1: 0F; 2: 0F 38; 3: 0F 3A. */
  readonly map: 0 | 1 | 2 | 3;
  /** Opcode byte. With a Z operand the low three bits are the register and `opcode` has them zero. */
  readonly opcode: number;
  /**
   * Mandatory prefix. Absent: 66 is the operand size, F2/F3 are ignored or REP. 'none' / '66' / 'F3' / 'F2': the row is for that
   * prefix only (F2/F3 win over 66; with '66' that prefix is no operand size).
   */
  readonly prefix?: 'none' | '66' | 'F3' | 'F2';
  /** The encoding has a ModRM byte. */
  readonly modrm?: boolean;
  /** ModRM.reg must be this (/digit). */
  readonly reg?: number;
  readonly mod?: 'register' | 'memory';
  /** ModRM.rm must be this (with mod 'register'). */
  readonly rm?: number;
  /** REX.W must be this. */
  readonly rexW?: 0 | 1;
  /** Semantics: key of the handler selector; also the mnemonic unless `mnemonic` is given. */
  readonly operation: string;
  readonly mnemonic?: string;
  readonly operands: readonly OperandForm[];
  /** Operand size is 64 bit without REX.W (66 gives 16): push, pop, near branches. */
  readonly default64?: boolean;
  readonly flagsRead?: FlagSet;
  readonly flagsWritten?: FlagSet;
  readonly flagsUndefined?: FlagSet;
  readonly feature?: Feature;
  /** 0: #GP outside ring 0. */
  readonly privilege?: 0;
  /** LOCK is allowed when the first operand is memory. */
  readonly lockable?: boolean;
  /** May set RIP other than to the next instruction, or must be the last of a block (REP, system instructions). */
  readonly endsBlock?: boolean;
  /** A condition code (0..15) or other small constant for the handler. */
  readonly parameter?: number;
}
