// What the kernel may do with the CPU. The meaning of every operation is that of the Intel SDM (vol. 2 and 3);
// the names here are the field's own. Registers are 64 bit, kept as pairs of 32-bit halves so that hot paths need no bigint.

/** Why run() returned. */
export const TrapKind = {
  /** The instruction budget is spent; RIP is at the next instruction. */
  budget: 0,
  /**
   * A vector was delivered through the IDT: the frame (SS, RSP, RFLAGS, CS, RIP, error code if the vector has one) lies on
   * the stack that TSS/IDT choose, CPL is 0 and RIP is the gate's offset. `trapVector`/`trapErrorCode` say which.
   */
  interrupt: 1,
  /** SYSCALL was executed in ring 3: RCX/R11 hold RIP/RFLAGS, RIP = LSTAR, CPL is 0, RSP still the user's. */
  systemCall: 2,
  /** HLT was executed in ring 0; RIP is after it. */
  halt: 3,
  /** Triple fault: delivery of #DF failed. The machine can only be reset. */
  shutdown: 4,
  /** SYSCALL was executed in ring 3 and a door has served it, but the program does not go on at once. */
  served: 5,
} as const;
export type TrapKind = (typeof TrapKind)[keyof typeof TrapKind];

/**
 * Serves SYSCALL of ring 3 without the end of run(), which is most of what a short call costs. It finds the CPU as after
 * TrapKind.systemCall, instructionCount included, and may do what the kernel may do then. True: it has executed SYSRET, and nothing but
 * the program's next instruction is to be done; false: run() ends with TrapKind.served.
 */
export type SystemCallDoor = () => boolean;

/** Register numbers as instructions encode them. */
export const Register = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

/** Model-specific registers that the CPU knows (SDM vol. 4). Others raise #GP for a program and read 0 for the kernel. */
export const Msr = {
  timeStampCounter: 0x10,
  efer: 0xc0000080,
  star: 0xc0000081,
  lstar: 0xc0000082,
  cstar: 0xc0000083,
  fmask: 0xc0000084,
  fsBase: 0xc0000100,
  gsBase: 0xc0000101,
  kernelGsBase: 0xc0000102,
} as const;

/** How an address is used, for translate(). Bits as in the #PF error code (SDM vol. 3, 4.7). */
export const Access = { read: 0, write: 2, user: 4, fetch: 16 } as const;

export interface Cpu {
  /** 16 registers x 2 words: low half at 2n, high half at 2n+1; n is the number in `Register`. Live: reading and writing it is reading and writing the register. */
  readonly generalRegisters: Int32Array;
  /** Retired instructions since power-on plus virtual cost charged by chargeInstructions. Exact in every engine. */
  readonly instructionCount: number;

  readonly trapVector: number;
  /** 0 where the vector has none. */
  readonly trapErrorCode: number;

  /**
   * Runs from the current state, in whatever ring, for at most `budget` instructions (> 0).
   * REP string instructions count once per iteration and stop between iterations when the budget is spent.
   */
  run(budget: number): TrapKind;

  /** Set by the machine, which has its own reasons to look around after a call; null: SYSCALL ends run(). */
  systemCallDoor: SystemCallDoor | null;

  /** Adds the fixed virtual cost of work that the kernel did outside machine code. */
  chargeInstructions(count: number): void;

  /**
   * Delivers an external interrupt or exception through the IDT now, exactly as silicon does.
   * Returns TrapKind.interrupt, or shutdown. `errorCode` undefined = none is pushed.
   */
  deliver(vector: number, errorCode?: number): TrapKind;

  /** IRETQ at the current RSP. Returns TrapKind.budget when done, interrupt if it faulted (the fault is delivered), shutdown. */
  interruptReturn(): TrapKind;
  /** SYSRETQ: RIP from RCX, RFLAGS from R11, CPL 3. A non-canonical RCX raises #GP in ring 0, as on Intel. */
  systemReturn(): TrapKind;

  /** 64-bit values as bigint, for cold paths. */
  readRegister(number: number): bigint;
  writeRegister(number: number, value: bigint): void;
  rip: bigint;
  rflags: bigint;
  /** CS, SS, DS, ES, FS, GS selectors (visible part). */
  readonly selectors: Uint16Array;
  readonly currentPrivilegeLevel: number;
  /** RFLAGS.AC, which with CR4.SMAP decides whether ring 0 may touch user pages (STAC/CLAC). */
  setAccessFlag(on: boolean): void;
  /** RFLAGS.IF (STI/CLI). */
  setInterruptFlag(on: boolean): void;
  readonly interruptFlag: boolean;

  /** CR0, CR2, CR3, CR4, CR8. Writing CR3 flushes non-global translations. */
  readControl(number: 0 | 2 | 3 | 4 | 8): bigint;
  writeControl(number: 0 | 2 | 3 | 4 | 8, value: bigint): void;
  readMsr(msr: number): bigint;
  writeMsr(msr: number, value: bigint): void;
  /** LGDT/LIDT with a linear base address; LTR with a selector (reads the descriptor from the GDT in memory). */
  loadGlobalDescriptorTable(base: bigint, limit: number): void;
  loadInterruptDescriptorTable(base: bigint, limit: number): void;
  loadTaskRegister(selector: number): void;
  /** Loads CS and the data segments for ring 0 after a new GDT (far return + MOV SS). */
  loadSegments(codeSelector: number, dataSelector: number): void;
  /** INVLPG. */
  invalidatePage(virtualAddress: bigint): void;
  /** FXSAVE64/FXRSTOR64 to and from a 16-byte-aligned physical address (512 bytes, SDM vol. 1, 10.5.1). */
  saveFloatingPoint(physicalAddress: number): void;
  restoreFloatingPoint(physicalAddress: number): void;

  /**
   * Walks the page tables as an access of kind `access` (bits of `Access`) at the current CR3 would, setting A/D bits, and
   * honouring CPL (from Access.user), SMEP, SMAP and AC. Returns the physical address, or -1 with `faultCode` set (CR2 is not touched).
   */
  translate(virtualLow: number, virtualHigh: number, access: number): number;
  /** #PF error code of the last failed translate or copy. */
  readonly faultCode: number;

  /**
   * Ring-0 loads and stores of a byte range, page by page, with the rights of ring 0 (SMAP and AC apply).
   * Virtual address as a number below 2^53 (user half). Returns the count of bytes done before the first fault;
   * when short, faultCode says why.
   */
  copyFromVirtual(virtualAddress: number, target: Uint8Array, offset: number, length: number): number;
  copyToVirtual(virtualAddress: number, source: Uint8Array, offset: number, length: number): number;

  /** Counters for --stats. */
  readonly statistics: CpuStatistics;
  readonly compilerStatistics: CompilerStatistics;
}

export interface CpuStatistics {
  tlbHits: number;
  tlbMisses: number;
  pageFaults: number;
  interrupts: number;
  systemCalls: number;
}

/** What the compiler to WebAssembly did; all zero for an engine without one. */
export interface CompilerStatistics {
  /** Regions compiled, and their WebAssembly code in bytes. */
  regions: number;
  codeBytes: number;
  /** Of these, what is held now. */
  liveRegions: number;
  liveCodeBytes: number;
  /** Instructions that compiled code retired, and those that threaded code did; the others were interpreted. */
  instructions: number;
  threadedInstructions: number;
  /** Times that compiled code left an instruction to the interpreter. */
  exits: number;
  /** Regions that the WebAssembly engine did not take: mistakes of the compiler, left to the interpreter. Tests want 0. */
  refused: number;
  /** Host time spent compiling; 0 if nobody lent a stopwatch. */
  compileMillis: number;
}
