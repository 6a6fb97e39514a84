// The kernel's half of every address space, and the kernel's text pages.
//
//   0000_0000_0000_0000 ─ 0000_7fff_ffff_ffff   user half, own tables per address space
//   ffff_8000_0000_0000 + physical               all of RAM by 1 GiB pages: writable, never executable
//   ffff_ffff_8000_0000   interrupt stubs, 256 x 16 bytes    ┐ read-only, executable
//   ffff_ffff_8000_1000   system call entry, idle loop       ┘
//
// The stubs are real machine code, although the kernel's handler (TypeScript) takes over as soon as the CPU has arrived there
// and does what the stub would do by the same instructions (IRETQ, SYSRETQ).

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import { allocateZeroed, PageFlag } from './page-tables.ts';

/** High half of every direct-map address; the low half is the physical address. */
export const DIRECT_MAP_HIGH = 0xffff_8000;
export const DIRECT_MAP_BASE = 0xffff_8000_0000_0000n;
export const KERNEL_TEXT_BASE = 0xffff_ffff_8000_0000n;
export const STUB_BYTES = 16;
export const systemCallEntryAddress = KERNEL_TEXT_BASE + 0x1000n;
export const idleLoopAddress = KERNEL_TEXT_BASE + 0x1010n;
/** Where RIP rests while a system task or kernel task has the CPU. */
export const kernelTaskAddress = KERNEL_TEXT_BASE + 0x1020n;

/** Vectors for which the CPU pushes an error code (SDM vol. 3, table 6-1). */
export const vectorHasErrorCode = (vector: number): boolean =>
  vector === 8 || (vector >= 10 && vector <= 14) || vector === 17 || vector === 21;

export class KernelPaging {
  /** The kernel's own root: no user half. Loaded when no process is. */
  root = 0;
  private directMapTable = 0;
  private textTable = 0;

  /** Builds the kernel half and loads CR3. */
  build(kernel: Kernel): void {
    const { memory } = kernel.machine;
    const frame = (): number => {
      const address = allocateZeroed(memory, kernel.frames);
      assert(address !== 0, 'no RAM for the page tables of the kernel');
      return address;
    };
    const table = PageFlag.present | PageFlag.writable;
    this.root = frame();
    this.directMapTable = frame();
    for (let gibibyte = 0; gibibyte < Math.ceil(memory.sizeBytes / 2 ** 30); gibibyte++) {
      const entry = this.directMapTable + gibibyte * 8;
      memory.write32(entry, (gibibyte * 2 ** 30) | table | PageFlag.large);
      memory.write32(entry + 4, PageFlag.noExecuteHigh);
    }
    this.textTable = frame();
    const directory = frame();
    const pages = frame();
    const stubs = frame();
    const code = frame();
    memory.write32(this.textTable + 510 * 8, directory | table);
    memory.write32(directory, pages | table);
    memory.write32(pages, stubs | PageFlag.present);
    memory.write32(pages + 8, code | PageFlag.present);
    for (let vector = 0; vector < 256; vector++)
      memory.writeBytes(
        stubs + vector * STUB_BYTES,
        vectorHasErrorCode(vector)
          ? Uint8Array.of(0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf) // add rsp, 8; iretq
          : Uint8Array.of(0x48, 0xcf), // iretq
      );
    memory.writeBytes(code, Uint8Array.of(0x48, 0x0f, 0x07)); // sysretq
    memory.writeBytes(code + 0x10, Uint8Array.of(0xfb, 0xf4, 0xeb, 0xfc)); // sti; hlt; jmp back
    memory.writeBytes(code + 0x20, Uint8Array.of(0xf3, 0x90, 0xeb, 0xfc)); // pause; jmp back
    this.shareKernelHalf(kernel, this.root);
    kernel.machine.cpu.writeControl(3, BigInt(this.root));
  }

  /** Enters the kernel's tables into a new root. */
  shareKernelHalf(kernel: Kernel, root: number): void {
    const { memory } = kernel.machine;
    memory.write32(root + 256 * 8, this.directMapTable | PageFlag.present | PageFlag.writable);
    memory.write32(root + 511 * 8, this.textTable | PageFlag.present | PageFlag.writable);
  }
}
registerClass('KernelPaging', 1, KernelPaging);
