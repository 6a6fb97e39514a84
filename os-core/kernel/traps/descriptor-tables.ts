// GDT, IDT, TSS and the control registers: what the CPU reads to enter the kernel. All lie in kernel frames of guest memory.
//
//   GDT (SDM vol. 3, 3.4.5; selectors as Linux has them, for programs can see them)
//     0x10 kernel code   0x18 kernel data   0x20 user code 32 (unused)   0x28 user data   0x30 user code   0x40 TSS
//   IDT: 256 interrupt gates (SDM vol. 3, 6.14.1) to the stubs; #BP and #OF may be called from ring 3
//   TSS (SDM vol. 3, 7.7): RSP0 = kernel stack of the current task; IST1 #DF, IST2 NMI, IST3 #MC
//   STAR/LSTAR/FMASK: SYSCALL enters with IF, TF, DF, AC, NT, IOPL clear

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import { Msr } from '../../../devices/contract/cpu.ts';
import type { Kernel } from '../kernel.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { DIRECT_MAP_HIGH, KERNEL_TEXT_BASE, STUB_BYTES, systemCallEntryAddress } from '../memory/kernel-paging.ts';
import { allocateZeroed } from '../memory/page-tables.ts';

export const Selector = {
  kernelCode: 0x10,
  kernelData: 0x18,
  userData: 0x28 | 3,
  userCode: 0x30 | 3,
  taskState: 0x40,
} as const;

const GDT_BYTES = 0x50;
const TSS_OFFSET = 0x100;
const TSS_BYTES = 104;
/** RFLAGS bits that SYSCALL clears. */
const SYSCALL_FLAG_MASK = 0x100 | 0x200 | 0x400 | 0x3000 | 0x4000 | 0x4_0000;

const DOUBLE_FAULT_STACK = 1;
const NMI_STACK = 2;
const MACHINE_CHECK_STACK = 3;

export class DescriptorTables {
  /** GDT at +0 and TSS at +0x100 of this frame; the IDT fills one of its own. */
  private tables = 0;
  private interruptTable = 0;
  /** Top (physical) of the stack used while idle. */
  idleStackTop = 0;

  build(kernel: Kernel): void {
    const { memory, cpu } = kernel.machine;
    const frame = (): number => {
      const address = allocateZeroed(memory, kernel.frames);
      assert(address !== 0, 'no RAM for the descriptor tables');
      return address;
    };
    const linear = (physical: number): bigint => (BigInt(DIRECT_MAP_HIGH) << 32n) | BigInt(physical);
    this.tables = frame();
    this.interruptTable = frame();
    this.idleStackTop = frame() + FRAME_BYTES;

    const descriptor = (selector: number, value: bigint): void => memory.write64(this.tables + (selector & ~7), value);
    descriptor(Selector.kernelCode, 0x00af_9b00_0000_ffffn);
    descriptor(Selector.kernelData, 0x00cf_9300_0000_ffffn);
    descriptor(0x20, 0x00cf_fb00_0000_ffffn);
    descriptor(Selector.userData, 0x00cf_f300_0000_ffffn);
    descriptor(Selector.userCode, 0x00af_fb00_0000_ffffn);
    const tss = linear(this.tables + TSS_OFFSET);
    // Available 64-bit TSS, present: type 9 (SDM vol. 3, 7.2.3).
    descriptor(
      Selector.taskState,
      BigInt(TSS_BYTES - 1) | ((tss & 0xff_ffffn) << 16n) | (0x89n << 40n) | (((tss >> 24n) & 0xffn) << 56n),
    );
    memory.write64(this.tables + Selector.taskState + 8, tss >> 32n);

    for (const stack of [DOUBLE_FAULT_STACK, NMI_STACK, MACHINE_CHECK_STACK])
      memory.write64(this.tables + TSS_OFFSET + 36 + (stack - 1) * 8, linear(frame() + FRAME_BYTES));
    memory.write16(this.tables + TSS_OFFSET + 102, TSS_BYTES);
    this.setKernelStack(kernel, this.idleStackTop);

    for (let vector = 0; vector < 256; vector++) {
      const target = KERNEL_TEXT_BASE + BigInt(vector * STUB_BYTES);
      const stack =
        vector === 8 ? DOUBLE_FAULT_STACK : vector === 2 ? NMI_STACK : vector === 18 ? MACHINE_CHECK_STACK : 0;
      const privilege = vector === 3 || vector === 4 ? 3 : 0;
      const gate = this.interruptTable + vector * 16;
      memory.write16(gate, Number(target & 0xffffn));
      memory.write16(gate + 2, Selector.kernelCode);
      memory.write8(gate + 4, stack);
      memory.write8(gate + 5, 0x8e | (privilege << 5));
      memory.write16(gate + 6, Number((target >> 16n) & 0xffffn));
      memory.write32(gate + 8, Number(target >> 32n));
    }

    cpu.loadGlobalDescriptorTable(linear(this.tables), GDT_BYTES - 1);
    cpu.loadInterruptDescriptorTable(linear(this.interruptTable), 256 * 16 - 1);
    cpu.loadSegments(Selector.kernelCode, Selector.kernelData);
    cpu.loadTaskRegister(Selector.taskState);

    // EFER.SCE, NXE; CR0.WP, NE, MP without EM and TS; CR4: OSFXSR, OSXMMEXCPT, SMEP, SMAP (SDM vol. 3, 2.5).
    cpu.writeMsr(Msr.efer, cpu.readMsr(Msr.efer) | 1n | (1n << 11n));
    cpu.writeMsr(Msr.star, (BigInt(0x20 | 3) << 48n) | (BigInt(Selector.kernelCode) << 32n));
    cpu.writeMsr(Msr.lstar, systemCallEntryAddress);
    cpu.writeMsr(Msr.fmask, BigInt(SYSCALL_FLAG_MASK));
    cpu.writeControl(0, (cpu.readControl(0) & ~0xcn) | (1n << 16n) | (1n << 5n) | 2n);
    cpu.writeControl(4, cpu.readControl(4) | (1n << 9n) | (1n << 10n) | (1n << 20n) | (1n << 21n));
  }

  /** TSS.RSP0 := the stack that the CPU switches to on an interrupt from ring 3. Physical address of its top. */
  setKernelStack(kernel: Kernel, stackTop: number): void {
    const { memory } = kernel.machine;
    memory.write32(this.tables + TSS_OFFSET + 4, stackTop);
    memory.write32(this.tables + TSS_OFFSET + 8, DIRECT_MAP_HIGH);
  }

  /**
   * Leaves vectors 0 to 8 in the IDT: the next interrupt or page fault lies beyond its limit (#GP), and so does #GP itself: #DF
   * (SDM vol. 3, 6.10 and table 6-5). For trying what the kernel says then.
   */
  cutShort(kernel: Kernel): void {
    const base = (BigInt(DIRECT_MAP_HIGH) << 32n) | BigInt(this.interruptTable);
    kernel.machine.cpu.loadInterruptDescriptorTable(base, 9 * 16 - 1);
  }

  /** Physical addresses, for the inspector and tests. */
  get physicalAddresses(): { readonly gdt: number; readonly tss: number; readonly idt: number } {
    return { gdt: this.tables, tss: this.tables + TSS_OFFSET, idt: this.interruptTable };
  }
}
registerClass('DescriptorTables', 1, DescriptorTables);
