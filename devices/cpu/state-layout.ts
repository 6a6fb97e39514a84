// Where the CPU keeps its state in the host area of guest memory (byte offsets from PhysicalMemory.sizeBytes), shared by every
// engine: the interpreter reads it through typed-array views, compiled code through loads and stores.
//
//   bytes 0x0000  general registers, 16 x 8 (low word first)            words 0..31
//         0x0080  RIP, RFLAGS, lazy flags, scratch, segment bases       words 32..95
//         0x0200  XMM0..15, 16 x 16                                      words 128..191
//         0x0300  x87 physical registers R0..R7, 8 x 16 (10 used: 8 significand, 2 sign+exponent); MM0..7 are the significands
//         0x0380  FCW FSW FTW FOP FIP FDP MXCSR                         words 224..239
//         0x0400  scratch for 80/128-bit operands                       words 256..271
//         0x1000  end of the state area
//        0x10000  TLBs, see devices/mmu/mmu.ts
//
// All names below are indices of 32-bit words. A pair is low word, high word.

export const STATE_AREA_BYTES = 4096;
export const TLB_AREA_OFFSET = 0x10000;
/** The two TLBs of compiled code, see devices/mmu/compiled-table.ts. */
export const COMPILED_TABLES_OFFSET = 0x500000;

/** Word index of general register n is 2n (low) and 2n+1 (high). */
export const GENERAL = 0;
export const RIP_LOW = 32;
export const RIP_HIGH = 33;
/** RFLAGS (upper half is always 0). CF PF AF ZF SF OF are valid here only while LAZY_KIND is 0; see interpreter/flags.ts. */
export const FLAGS = 34;
/** A LazyKind: how the six arithmetic flags follow from the pairs A, B and R. Narrow operands are kept sign-extended to 64 bit. */
export const LAZY_KIND = 35;
export const LAZY_A_LOW = 36;
export const LAZY_A_HIGH = 37;
export const LAZY_B_LOW = 38;
export const LAZY_B_HIGH = 39;
export const LAZY_R_LOW = 40;
export const LAZY_R_HIGH = 41;
/** The upper word of every function here that returns a 64-bit value (the low word is its return value). */
export const HIGH = 42;
/** A pair that is always zero: the "base register" of an address that has none. */
export const ZERO = 44;
/** A pair of scratch for writes to nowhere. */
export const VOID = 46;
/** Segment bases as pairs, in the order of the Sreg encoding (ES CS SS DS FS GS). All but FS and GS are zero in 64-bit mode. */
export const SEGMENT_BASE = 48;
export const FS_BASE = SEGMENT_BASE + 8;
export const GS_BASE = SEGMENT_BASE + 10;
export const KERNEL_GS_BASE = 60;
/** Current privilege level, 0 or 3 (rings 1 and 2 work, but nobody uses them). */
export const PRIVILEGE = 62;
export const CR0 = 63;
/** Pairs. */
export const CR2 = 64;
export const CR3 = 66;
export const CR4 = 68;
export const CR8 = 69;
export const EFER = 70;
export const STAR = 72;
export const LSTAR = 74;
export const CSTAR = 76;
export const FMASK = 78;
export const GDT_BASE = 80;
export const GDT_LIMIT = 82;
export const IDT_LIMIT = 83;
export const IDT_BASE = 84;
export const TASK_BASE = 86;
export const TASK_LIMIT = 88;
export const TASK_SELECTOR = 89;
export const LDT_SELECTOR = 90;
export const DR6 = 91;
export const DR7 = 92;
/** TLB hits since run() began, unsigned; 0 outside it. No state of the guest. */
export const TLB_HITS = 93;

/** XMM register n is words XMM+4n .. XMM+4n+3 (floats: same indices in floats32; doubles: XMM/2+2n in floats64). */
export const XMM = 128;
/** x87 physical register n is words X87+4n .. +2 (low significand, high significand, sign and exponent in the low 16 bits). */
export const X87 = 192;
/** Control word, status word (TOP in bits 11-13), full tag word (2 bits a register), each in its own word. */
export const FCW = 224;
export const FSW = 225;
export const FTW = 226;
/** Last opcode (11 bits), instruction and data pointer (pairs). */
export const FOP = 227;
export const FIP = 228;
export const FDP = 230;
export const MXCSR = 232;

/** 16-byte-aligned scratch: load80/load128 leave their value here, store80/store128 take it from here. */
export const WIDE = 256;
/** Three more 16-byte scratch slots for handlers. */
export const WIDE_B = 260;
export const WIDE_C = 264;
export const WIDE_D = 268;
