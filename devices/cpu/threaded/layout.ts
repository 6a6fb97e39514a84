// Threaded code as it lies in the host area of guest memory.
//
//   block    header, then one record for each instruction
//
//   header   0  address after the last record (4)     4  instructions (4)
//            8  how often it ran (4)                12  physical address of its page (4)
//
//   record   0  number of the handler in the function table (4)
//            4  ModRM.reg, 5 ModRM.rm, 6 base, 7 index: byte offset of the general register in the state area
//            8  scale            9  ModRM.reg, 10 ModRM.rm as XMM registers: byte offset from XMM0
//           12  RIP, lower half (4); a block lies in one page, so that the upper half is that of its start
//           16  displacement, or the whole address if it is relative to RIP; direct jumps: address of the next instruction
//           24  immediate, or the target of a direct jump; indirect calls: address of the next instruction
//   after the record of an indirect jump
//           32  where it went: a few addresses, by a hash of the address

export const HEADER_BYTES = 32;
export const HEADER_END = 0;
export const HEADER_COUNT = 4;
export const HEADER_RUNS = 8;
export const HEADER_PAGE = 12;

export const RECORD_BYTES = 32;
export const RECORD_HANDLER = 0;
export const RECORD_REG = 4;
export const RECORD_RM = 5;
export const RECORD_BASE = 6;
export const RECORD_INDEX = 7;
export const RECORD_SCALE = 8;
export const RECORD_REG_XMM = 9;
export const RECORD_RM_XMM = 10;
export const RECORD_RIP = 12;
export const RECORD_DISPLACEMENT = 16;
export const RECORD_IMMEDIATE = 24;
export const RECORD_TARGETS = 32;
export const TARGETS = 8;

/** Answers of the resident loop that come from threaded code; below them are the exits of compiled code, 0 = nothing known at RIP. */
export const Answer = {
  /** The interpreter must execute the instruction of the record. */
  interpret: 0x4000_0000,
  /** The block has become hot, or is compiled. */
  hot: 0x4000_0001,
  /** The block does not fit into what is left. */
  budget: 0x4000_0002,
} as const;
