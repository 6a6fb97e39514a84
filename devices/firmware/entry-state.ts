// The state of the processor when the firmware enters the loader (UEFI 2.10, 2.3.4 "x64 Platforms"):
// long mode, paging with an identity map, ring 0, a GDT and a stack of the firmware's own in boot services data.
//
//   PML4 ─► PDPT: 512 entries of 1 GiB each, present, writable: the first 512 GiB, virtual = physical
//   GDT    0x30 data, 0x38 64-bit code (the selectors that EDK2 uses)
//
// Interrupts: the firmware has no interrupt handlers of its own and enters with RFLAGS.IF = 0 and an empty IDT; a loader
// enables them when it has loaded its own IDT.

import type { PhysicalMemory } from '../base/physical-memory.ts';
import { type Cpu, Msr, Register } from '../contract/cpu.ts';
import { BootData, type FirmwarePlan } from './layout.ts';

const PAGE_PRESENT_WRITABLE = 0x3;
const PAGE_LARGE = 0x80;
const IDENTITY_GIBIBYTES = 512;
const DATA_SELECTOR = 0x30;
const CODE_SELECTOR = 0x38;
const DATA_DESCRIPTOR = 0x00cf_9300_0000_ffffn;
const CODE_DESCRIPTOR = 0x00af_9b00_0000_ffffn;
/** PE, MP, ET, NE, WP, PG. */
const CR0_LONG_MODE = 0x8001_0033n;
/** PAE, OSFXSR, OSXMMEXCPT. */
const CR4_LONG_MODE = 0x620n;
/** LME, NXE. LMA is set by the processor. */
const EFER_LONG_MODE = 0x900n;
const RFLAGS_RESERVED = 2n;

/** Writes page tables and GDT and puts the processor into the entry state. `entry`: where RIP points. */
export function enterLongMode(memory: PhysicalMemory, cpu: Cpu, plan: FirmwarePlan, entry: number): void {
  const root = plan.bootData + BootData.pageTableRoot;
  const directory = plan.bootData + BootData.pageDirectoryPointers;
  const descriptors = plan.bootData + BootData.globalDescriptorTable;
  memory.write64(root, BigInt(directory + PAGE_PRESENT_WRITABLE));
  for (let n = 0; n < IDENTITY_GIBIBYTES; n++)
    memory.write64(directory + n * 8, (BigInt(n) << 30n) | BigInt(PAGE_PRESENT_WRITABLE | PAGE_LARGE));
  memory.write64(descriptors + DATA_SELECTOR, DATA_DESCRIPTOR);
  memory.write64(descriptors + CODE_SELECTOR, CODE_DESCRIPTOR);

  cpu.writeControl(4, CR4_LONG_MODE);
  cpu.writeControl(3, BigInt(root));
  cpu.writeMsr(Msr.efer, EFER_LONG_MODE);
  cpu.writeControl(0, CR0_LONG_MODE);
  cpu.loadGlobalDescriptorTable(BigInt(descriptors), CODE_SELECTOR + 7);
  cpu.loadInterruptDescriptorTable(0n, 0);
  cpu.loadSegments(CODE_SELECTOR, DATA_SELECTOR);
  cpu.rflags = RFLAGS_RESERVED;
  cpu.rip = BigInt(entry);
  // The entry point is called: RSP is 8 below a multiple of 16 (the pushed return address).
  cpu.writeRegister(Register.rsp, BigInt(plan.bootData + BootData.stackTop - 8));
}
