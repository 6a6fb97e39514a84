// Our side of the oracle: a ring-3 address space with the pages of harness.c, built in guest memory; each case is entered by IRET
// and left by the fault or INT3 that ends it.
//
//   physical  1000 PML4  2000 PDPT  3000 PD  4000 PT code  5000 PT data  6000 GDT  7000 IDT  8000 TSS  9000..a000 stack  b000 FX
//             10000 code page   20000, 21000 data pages   23000 read-only page

import { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import { Msr, TrapKind } from '../../../devices/contract/cpu.ts';
import { createCpu, type VirtualCpu } from '../../../devices/cpu/index.ts';
import { type Case, CODE_ADDRESS, CODE_BYTES, FX_BYTES, type Outcome, WINDOW_BYTES } from './layout.ts';

const MEMORY_BYTES = 4 * 1024 * 1024;
const STACK_TOP = 0xa000n;
const FX_AREA = 0xb000;
const CODE_PHYSICAL = 0x10000;
const DATA_PHYSICAL = 0x20000;
const WINDOW_PHYSICAL = DATA_PHYSICAL + 0xf00;
const USER_CODE = 0x23n;
const USER_DATA = 0x1bn;
const NO_EXECUTE = 1n << 63n;
/** Vectors that push an error code. */
const withErrorCode = new Set([8, 10, 11, 12, 13, 14, 17]);
/** More than any REP of a case needs. */
const BUDGET = 100_000;

export class Guest {
  readonly memory = new PhysicalMemory(MEMORY_BYTES);
  readonly cpu: VirtualCpu;
  private readonly code = new Uint8Array(CODE_BYTES);

  constructor() {
    const memory = this.memory;
    this.cpu = createCpu({
      memory,
      bus: { portRead: () => 0xffffffff, portWrite: () => {}, mmioRead: () => 0xffffffff, mmioWrite: () => {} },
    });
    memory.write64(0x1000, 0x2007n);
    memory.write64(0x2000, 0x3007n);
    // The first 2 MiB for ring 0 only.
    memory.write64(0x3000, 0x83n);
    memory.write64(0x3000 + 128 * 8, 0x4007n);
    memory.write64(0x3000 + 256 * 8, 0x5007n);
    memory.write64(0x4000, BigInt(CODE_PHYSICAL) | 7n);
    memory.write64(0x5000, BigInt(DATA_PHYSICAL) | 7n | NO_EXECUTE);
    memory.write64(0x5008, BigInt(DATA_PHYSICAL + 0x1000) | 7n | NO_EXECUTE);
    memory.write64(0x5018, 0x23005n | NO_EXECUTE);
    memory.fill(CODE_PHYSICAL, 4096, 0xcc);
    memory.fill(0x23000, 4096, 0x5a);
    // GDT: null, ring-0 code, ring-0 data, ring-3 data, ring-3 code, TSS (two entries).
    const descriptors = [
      0n,
      0xaf9b000000ffffn,
      0xcf93000000ffffn,
      0xcff3000000ffffn,
      0xaffb000000ffffn,
      0x89008000_0067n,
      0n,
    ];
    descriptors.forEach((value, n) => memory.write64(0x6000 + n * 8, value));
    memory.write64(0x6000 + 5 * 8, 0x0000_8900_8000_0067n);
    memory.write64(0x8004, STACK_TOP);
    for (let vector = 0; vector < 256; vector++) {
      // 64-bit interrupt gate, DPL 3, selector 8, offset 0xc000: nothing runs there, run() returns first.
      memory.write64(0x7000 + vector * 16, 0x0000_ee00_0008_c000n);
      memory.write64(0x7008 + vector * 16, 0n);
    }
    const cpu = this.cpu;
    cpu.writeMsr(Msr.efer, 0xd01n);
    cpu.writeControl(3, 0x1000n);
    cpu.writeControl(4, 0x620n);
    cpu.writeControl(0, 0x80010033n);
    cpu.loadGlobalDescriptorTable(0x6000n, 0x37);
    cpu.loadInterruptDescriptorTable(0x7000n, 0xfff);
    cpu.loadSegments(8, 16);
    cpu.loadTaskRegister(0x28);
  }

  run(item: Case): Outcome {
    const { memory, cpu } = this;
    this.code.fill(0xcc);
    this.code.set(item.code);
    memory.writeBytes(CODE_PHYSICAL + 0x100, this.code);
    memory.writeBytes(WINDOW_PHYSICAL, item.window);
    memory.fill(DATA_PHYSICAL + 0x1e00, 512, 0);
    memory.writeBytes(FX_AREA, item.fx);
    cpu.restoreFloatingPoint(FX_AREA);
    const frame = Number(STACK_TOP) - 40;
    memory.write64(frame, BigInt(CODE_ADDRESS));
    memory.write64(frame + 8, USER_CODE);
    memory.write64(frame + 16, BigInt(item.flags | 0x202));
    memory.write64(frame + 24, item.general[4]);
    memory.write64(frame + 32, USER_DATA);
    for (let n = 0; n < 16; n++) cpu.writeRegister(n, item.general[n]);
    cpu.writeRegister(4, BigInt(frame));
    if (cpu.interruptReturn() !== TrapKind.budget) throw new Error('oracle: IRET into the case failed');
    const kind = cpu.run(BUDGET);
    if (kind !== TrapKind.interrupt) throw new Error(`oracle: the case ended with trap kind ${kind}`);
    const vector = cpu.trapVector;
    const general = new BigUint64Array(16);
    for (let n = 0; n < 16; n++) general[n] = BigInt.asUintN(64, cpu.readRegister(n));
    const at = Number(general[4]) + (withErrorCode.has(vector) ? 8 : 0);
    general[4] = memory.read64(at + 24);
    cpu.saveFloatingPoint(FX_AREA);
    return {
      general,
      rip: memory.read64(at),
      flags: Number(memory.read64(at + 16)),
      cr2: vector === 14 ? BigInt.asUintN(64, cpu.readControl(2)) : 0n,
      vector,
      error: withErrorCode.has(vector) ? Number(memory.read64(at - 8)) : 0,
      fx: memory.bytes.slice(FX_AREA, FX_AREA + FX_BYTES),
      window: memory.bytes.slice(WINDOW_PHYSICAL, WINDOW_PHYSICAL + WINDOW_BYTES),
    };
  }

  /** Code and data pages as the harness finds them at its start. */
  clearPages(): void {
    this.memory.fill(CODE_PHYSICAL, 4096, 0xcc);
    this.memory.fill(DATA_PHYSICAL, 8192, 0);
  }
}
