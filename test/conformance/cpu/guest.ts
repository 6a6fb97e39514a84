// Our side of the oracle: a ring-3 address space with the pages of harness.c, built in guest memory; each vector is entered by IRET
// and left by the fault or INT3 that ends it.
//
//   physical  1000 PML4  2000 PDPT  3000 PD  4000 PT code  5000 PT data  6000 GDT  7000 IDT  8000 TSS  9000..a000 stack  b000 FX
//             10000 code page   20000, 21000 data pages   23000 read-only page
//
// What costs per vector is kept small: code is written once a snippet, so that it stays decoded (or compiled); registers are copied as
// words; CS and SS of the frame are still there from the last trap.

import { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import { Msr, TrapKind } from '../../../devices/contract/cpu.ts';
import { createCpu, type VirtualCpu } from '../../../devices/cpu/index.ts';
import {
  CODE_ADDRESS,
  CODE_BYTES,
  FLAG_MASK,
  FX_BYTES,
  FxOffset,
  GS_BASE,
  OUTCOME_BYTES,
  OutcomeOffset,
  VectorOffset,
  WINDOW_BYTES,
} from './layout.ts';

const MEMORY_BYTES = 4 * 1024 * 1024;
const STACK_TOP = 0xa000;
/** PML4 of the first address space. */
export const PAGE_TABLES = 0x1000;
/** IRET frame: RIP, CS, RFLAGS, RSP, SS. A fault pushes the same, and its error code below. */
export const FRAME = STACK_TOP - 40;
export const FX_AREA = 0xb000;
const CODE_PHYSICAL = 0x10000;
const DATA_PHYSICAL = 0x20000;
const DATA_BYTES = 8192;
const WINDOW_PHYSICAL = DATA_PHYSICAL + 0xf00;
const READ_ONLY_PHYSICAL = 0x23000;
const USER_CODE = 0x23n;
const USER_DATA = 0x1bn;
const NO_EXECUTE = 1n << 63n;
const RSP_WORD = 8;
/** More than any REP of a snippet needs. */
const BUDGET = 100_000;

/** True for vectors that push an error code. */
const withErrorCode = (vector: number): boolean => (vector >= 10 && vector <= 14) || vector === 8 || vector === 17;

/** What runs the snippets. */
export const engines = ['interpreter', 'threaded', 'jit'] as const;
export type Engine = (typeof engines)[number];

export function buildCpu(memory: PhysicalMemory, engine: Engine, compileThreshold: number): VirtualCpu {
  const bus = { portRead: () => 0xffffffff, portWrite: () => {}, mmioRead: () => 0xffffffff, mmioWrite: () => {} };
  if (engine === 'threaded')
    return createCpu({ memory, bus, engine: 'jit', compileThreshold: Number.POSITIVE_INFINITY });
  return createCpu({ memory, bus, engine, compileThreshold });
}

/** Writes descriptor tables, TSS and the first 2 MiB of page tables, and sets the registers that ring 3 needs. */
export function enterLongMode(memory: PhysicalMemory, cpu: VirtualCpu): void {
  // The first 2 MiB for ring 0 only.
  memory.write64(PAGE_TABLES, 0x2007n);
  memory.write64(0x2000, 0x3007n);
  memory.write64(0x3000, 0x83n);
  // Null, ring-0 code, ring-0 data, ring-3 data, ring-3 code, TSS (two entries).
  const descriptors = [
    0n,
    0xaf9b000000ffffn,
    0xcf93000000ffffn,
    0xcff3000000ffffn,
    0xaffb000000ffffn,
    0x0000_8900_8000_0067n,
    0n,
  ];
  descriptors.forEach((value, n) => memory.write64(0x6000 + n * 8, value));
  memory.write64(0x8004, BigInt(STACK_TOP));
  for (let vector = 0; vector < 256; vector++) {
    // 64-bit interrupt gate, DPL 3, selector 8, offset 0xc000: nothing runs there, run() returns first.
    memory.write64(0x7000 + vector * 16, 0x0000_ee00_0008_c000n);
    memory.write64(0x7008 + vector * 16, 0n);
  }
  memory.write64(FRAME + 8, USER_CODE);
  memory.write64(FRAME + 32, USER_DATA);
  cpu.writeMsr(Msr.efer, 0xd01n);
  cpu.writeControl(3, 0x1000n);
  cpu.writeControl(4, 0x620n);
  cpu.writeControl(0, 0x80010033n);
  cpu.loadGlobalDescriptorTable(0x6000n, 0x37);
  cpu.loadInterruptDescriptorTable(0x7000n, 0xfff);
  cpu.loadSegments(8, 16);
  cpu.loadTaskRegister(0x28);
}

/** IRET to ring 3. */
export function enterRing3(memory: PhysicalMemory, cpu: VirtualCpu, rip: bigint, flags: bigint): void {
  memory.write64(FRAME, rip);
  memory.write64(FRAME + 16, flags);
  memory.write64(FRAME + 24, cpu.readRegister(4));
  cpu.writeRegister(4, BigInt(FRAME));
  if (cpu.interruptReturn() !== TrapKind.budget) throw new Error('oracle: IRET into ring 3 failed');
}

export class Guest {
  readonly memory = new PhysicalMemory(MEMORY_BYTES);
  readonly cpu: VirtualCpu;
  private readonly code = new Uint8Array(CODE_BYTES);

  /** By default code is compiled before it first runs: a snippet does not live long enough to become hot. */
  constructor(engine: Engine = 'interpreter', compileThreshold = 0) {
    this.cpu = buildCpu(this.memory, engine, compileThreshold);
    this.buildPages();
    enterLongMode(this.memory, this.cpu);
    this.cpu.writeMsr(Msr.gsBase, BigInt(GS_BASE));
  }

  private buildPages(): void {
    const memory = this.memory;
    memory.write64(0x3000 + 128 * 8, 0x4007n);
    memory.write64(0x3000 + 256 * 8, 0x5007n);
    memory.write64(0x4000, BigInt(CODE_PHYSICAL) | 5n);
    memory.write64(0x5000, BigInt(DATA_PHYSICAL) | 7n | NO_EXECUTE);
    memory.write64(0x5008, BigInt(DATA_PHYSICAL + 0x1000) | 7n | NO_EXECUTE);
    memory.write64(0x5018, BigInt(READ_ONLY_PHYSICAL) | 5n | NO_EXECUTE);
    memory.fill(CODE_PHYSICAL, 4096, 0xcc);
    memory.fill(READ_ONLY_PHYSICAL, 4096, 0x5a);
  }

  /** Puts a snippet's code in place. */
  load(code: Uint8Array): void {
    this.code.fill(0xcc);
    this.code.set(code);
    this.memory.writeBytes(CODE_PHYSICAL + 0x100, this.code);
  }

  /**
   * Runs the vector at byte `at` of `input` and writes its outcome to byte `to` of `output`. `inputWords` is `input` as words.
   */
  run(input: Uint8Array, inputWords: Uint32Array, at: number, output: Uint8Array, to: number): void {
    const { memory, cpu } = this;
    const from = at >> 2;
    const fx = at + VectorOffset.fx;
    memory.writeBytes(FX_AREA, input.subarray(fx, fx + FX_BYTES));
    cpu.restoreFloatingPoint(FX_AREA);
    memory.fill(DATA_PHYSICAL, DATA_BYTES, 0);
    memory.writeBytes(
      WINDOW_PHYSICAL,
      input.subarray(at + VectorOffset.window, at + VectorOffset.window + WINDOW_BYTES),
    );
    this.enter(inputWords.subarray(from, from + 32), inputWords[from + 32]);
    const kind = cpu.run(BUDGET);
    if (cpu.compilerStatistics.refused > 0) throw new Error('oracle: the compiler wrote a module that is not valid');
    if (kind !== TrapKind.interrupt) throw new Error(`oracle: the snippet ended with trap kind ${kind}`);
    this.store(output, to);
  }

  /** Enters ring 3 at CODE_ADDRESS with these general registers (32 words) and flags. */
  enter(registers: Uint32Array, flags: number): void {
    const { memory, cpu } = this;
    cpu.generalRegisters.set(registers);
    const frame = memory.words32;
    frame[FRAME >> 2] = CODE_ADDRESS;
    frame[(FRAME >> 2) + 1] = 0;
    frame[(FRAME >> 2) + 4] = flags | 0x202;
    frame[(FRAME >> 2) + 5] = 0;
    frame[(FRAME >> 2) + 6] = registers[RSP_WORD];
    frame[(FRAME >> 2) + 7] = registers[RSP_WORD + 1];
    memory.noteWrite(FRAME, 40);
    cpu.generalRegisters[RSP_WORD] = FRAME;
    cpu.generalRegisters[RSP_WORD + 1] = 0;
    if (cpu.interruptReturn() !== TrapKind.budget) throw new Error('oracle: IRET into the snippet failed');
  }

  private store(output: Uint8Array, to: number): void {
    const { memory, cpu } = this;
    const registers = cpu.generalRegisters;
    const view = new DataView(output.buffer, output.byteOffset + to, OUTCOME_BYTES);
    const vector = cpu.trapVector;
    const frame = memory.words32;
    for (let n = 0; n < 32; n++) view.setInt32(n * 4, registers[n], true);
    view.setInt32(RSP_WORD * 4, frame[(FRAME >> 2) + 6], true);
    view.setInt32(RSP_WORD * 4 + 4, frame[(FRAME >> 2) + 7], true);
    view.setInt32(OutcomeOffset.rip, frame[FRAME >> 2], true);
    view.setInt32(OutcomeOffset.rip + 4, frame[(FRAME >> 2) + 1], true);
    view.setBigUint64(OutcomeOffset.cr2, vector === 14 ? BigInt.asUintN(64, cpu.readControl(2)) : 0n, true);
    view.setUint32(OutcomeOffset.flags, frame[(FRAME >> 2) + 4] & FLAG_MASK, true);
    view.setUint32(OutcomeOffset.vector, vector, true);
    view.setUint32(OutcomeOffset.error, withErrorCode(vector) ? frame[(FRAME - 8) >> 2] : 0, true);
    view.setUint32(OutcomeOffset.error + 4, 0, true);
    cpu.saveFloatingPoint(FX_AREA);
    memory.bytes.fill(0, FX_AREA + FxOffset.opcode, FX_AREA + FxOffset.mxcsr);
    memory.words32[(FX_AREA + FxOffset.mxcsrMask) >> 2] = 0;
    output.set(memory.bytes.subarray(FX_AREA, FX_AREA + FX_BYTES), to + OutcomeOffset.fx);
    output.set(memory.bytes.subarray(WINDOW_PHYSICAL, WINDOW_PHYSICAL + WINDOW_BYTES), to + OutcomeOffset.window);
  }
}
