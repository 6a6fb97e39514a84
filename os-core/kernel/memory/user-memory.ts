// The kernel's only way to user memory: checked, page by page, with RFLAGS.AC set just for the copy (SMAP, SDM vol. 3, 4.6).
//
//   address >= 2^47 (kernel half or non-canonical) ─► -EFAULT
//   copy ─► fault? ─► the address space brings the page in ─► again      (PENDING when a page must come from the disk:
//                              └─ not mapped / not allowed ─► -EFAULT     the handler returns it and is run again)
//
// Rule: the address space of `task` is the loaded one while its handlers run (the scheduler sees to it).

import { assert } from '../../../devices/base/assert.ts';
import { Errno } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../process/task.ts';
import { PENDING } from '../syscalls/handler.ts';
import { populate } from './page-fault.ts';

/** First address above the user half. */
export const USER_END = 0x8000_0000_0000;
/** PATH_MAX */
export const MAX_PATH_BYTES = 4096;

export class UserMemory {
  private readonly kernel: Kernel;
  private readonly scratch = new Uint8Array(16);
  private readonly scratchView = new DataView(this.scratch.buffer);
  private readonly strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** True if [address, address + length) lies in the user half (says nothing about what is mapped). */
  inUserHalf(address: number, length: number): boolean {
    return address >= 0 && length >= 0 && address <= USER_END && length <= USER_END - address;
  }

  /** Reads `length` bytes at `address` into target[offset…]. 0, -EFAULT or PENDING. */
  copyIn(task: Task, address: number, target: Uint8Array, offset = 0, length: number = target.length - offset): number {
    return this.copy(task, address, target, offset, length, false);
  }

  /** Writes source[offset…] to `address`. 0, -EFAULT or PENDING. On failure a prefix may have been written, as on Linux. */
  copyOut(
    task: Task,
    address: number,
    source: Uint8Array,
    offset = 0,
    length: number = source.length - offset,
  ): number {
    return this.copy(task, address, source, offset, length, true);
  }

  /**
   * Brings in every page of a range for reading or writing without copying anything: 0, -EFAULT or PENDING. For handlers that must know
   * that a later copy cannot fail before they do something visible.
   */
  prepare(task: Task, address: number, length: number, writing: boolean): number {
    if (!this.inUserHalf(address, length)) return -Errno.EFAULT;
    if (length === 0) return 0;
    const space = task.process.addressSpace;
    if (space === null) return -Errno.EFAULT;
    return populate(this.kernel, task, space, address, length, writing);
  }

  /** A zero-terminated string as bytes without the zero; -EFAULT, PENDING, or -ENAMETOOLONG if no zero is among `maximumBytes`. */
  readString(task: Task, address: number, maximumBytes: number): Uint8Array | number {
    let buffer = new Uint8Array(Math.min(maximumBytes, 256));
    let length = 0;
    while (length < maximumBytes) {
      // Up to the end of the page: the byte after the zero need not be mapped.
      const pageRest = 4096 - ((address + length) % 4096);
      const count = Math.min(pageRest, maximumBytes - length, 256);
      if (length + count > buffer.length) {
        const larger = new Uint8Array(Math.min(maximumBytes, Math.max(buffer.length * 2, length + count)));
        larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      const result = this.copyIn(task, address + length, buffer, length, count);
      if (result !== 0) return result;
      const zero = buffer.subarray(0, length + count).indexOf(0, length);
      if (zero >= 0) return buffer.slice(0, zero);
      length += count;
    }
    return -Errno.ENAMETOOLONG;
  }

  /** A path argument as text. -EILSEQ if it is not UTF-8 (names are Unicode here), -ENAMETOOLONG above 4096 bytes, -EFAULT, PENDING. */
  readPath(task: Task, address: number): string | number {
    const bytes = this.readString(task, address, MAX_PATH_BYTES);
    if (typeof bytes === 'number') return bytes;
    try {
      return this.strictText.decode(bytes);
    } catch {
      return -Errno.EILSEQ;
    }
  }

  /** An unsigned 32-bit word through `task`'s memory into `words[index]`: 0, -EFAULT or PENDING. */
  readWord32(task: Task, address: number, words: Uint32Array | Int32Array, index: number): number {
    const result = this.copyIn(task, address, this.scratch, 0, 4);
    if (result === 0) words[index] = this.scratchView.getUint32(0, true);
    return result;
  }
  writeWord32(task: Task, address: number, value: number): number {
    this.scratchView.setUint32(0, value, true);
    return this.copyOut(task, address, this.scratch, 0, 4);
  }
  /** Writes a (possibly negative) integer of magnitude below 2^53 as 64 bits. */
  writeWord64(task: Task, address: number, value: number): number {
    this.scratchView.setUint32(0, value >>> 0, true);
    this.scratchView.setInt32(4, Math.floor(value / 0x1_0000_0000), true);
    return this.copyOut(task, address, this.scratch, 0, 8);
  }

  private copy(
    task: Task,
    address: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    writing: boolean,
  ): number {
    if (length === 0) return 0;
    if (!this.inUserHalf(address, length)) return -Errno.EFAULT;
    const space = task.process.addressSpace;
    if (space === null) return -Errno.EFAULT;
    assert(space === this.kernel.loadedAddressSpace, 'user memory is reached through the loaded address space only');
    const { cpu } = this.kernel.machine;
    for (let done = 0; ; ) {
      cpu.setAccessFlag(true);
      done += writing
        ? cpu.copyToVirtual(address + done, buffer, offset + done, length - done)
        : cpu.copyFromVirtual(address + done, buffer, offset + done, length - done);
      cpu.setAccessFlag(false);
      if (done === length) return 0;
      // Ring-3 rights decide, although ring 0 copies.
      const result = space.fault(this.kernel, task, address + done, writing, false);
      if (result !== 0) return result === PENDING ? PENDING : -Errno.EFAULT;
    }
  }
}
