// The driver's side of a split virtqueue (virtio 1.2, 2.7). All three parts lie in kernel frames.
//
//   descriptors  16 bytes each: u64 address, u32 length, u16 flags (1 NEXT, 2 WRITE by the device), u16 next
//   avail        u16 flags, u16 idx, u16 ring[size], u16 used_event
//   used         u16 flags, u16 idx, { u32 id, u32 length }[size], u16 avail_event
//
//   begin() push() push() … commit() ──► head number ──► device ──► pop() gives the head back, `usedLength` bytes written
//
// Invariants: chainLength[h] > 0 exactly while head h is with the device; freeCount + all chain lengths = size. The used ring
// is written by the device and so hostile: an index that runs ahead, a head that is not out, a length above what the chain
// can hold make the queue `broken`; then nothing is taken from it any more.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import type { PhysicalMemory } from '../../../devices/base/physical-memory.ts';

const DESCRIPTOR_BYTES = 16;
const FLAG_NEXT = 1;
const FLAG_WRITE = 2;
const USED_NO_NOTIFY = 1;
const NO_DESCRIPTOR = 0xffff;

export class VirtioQueue {
  readonly index: number;
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  /** MMIO address that takes the kick. */
  readonly notifyAddress: number;

  private readonly next: Uint16Array;
  private freeHead = 0;
  private freeCount: number;
  /** Number of descriptors of the chain that starts here and is with the device. */
  private readonly chainLength: Uint16Array;
  /** Bytes that the device may write into the chain. */
  private readonly writableBytes: Float64Array;
  private availableIndex = 0;
  private usedIndex = 0;

  private buildHead = NO_DESCRIPTOR;
  private buildTail = NO_DESCRIPTOR;
  private buildCount = 0;
  private buildWritable = 0;

  /** Bytes that the device wrote, for the head that pop() returned last. */
  usedLength = 0;
  /** The device broke the rules. */
  broken = false;

  /** Bytes of kernel memory that a queue of `size` (a power of two) needs. */
  static bytesFor(size: number): number {
    return VirtioQueue.usedOffset(size) + 6 + 8 * size;
  }
  private static usedOffset(size: number): number {
    return (DESCRIPTOR_BYTES * size + 6 + 2 * size + 3) & ~3;
  }

  /** @param memoryAddress physical address of bytesFor(size) bytes, 16-byte aligned. */
  constructor(index: number, size: number, memoryAddress: number, notifyAddress: number) {
    this.index = index;
    this.size = size;
    this.descriptors = memoryAddress;
    this.available = memoryAddress + DESCRIPTOR_BYTES * size;
    this.used = memoryAddress + VirtioQueue.usedOffset(size);
    this.notifyAddress = notifyAddress;
    this.next = new Uint16Array(size);
    for (let i = 0; i < size; i++) this.next[i] = i + 1 < size ? i + 1 : NO_DESCRIPTOR;
    this.chainLength = new Uint16Array(size);
    this.writableBytes = new Float64Array(size);
    this.freeCount = size;
  }

  /** Free descriptors. */
  get free(): number {
    return this.freeCount;
  }

  /** Starts a chain. Make sure that `free` suffices. */
  begin(): void {
    assert(this.buildHead === NO_DESCRIPTOR, 'virtqueue: a chain is being built');
    this.buildCount = 0;
    this.buildWritable = 0;
  }

  /** Adds one buffer; those that the device writes come last (2.7.4.2). */
  push(memory: PhysicalMemory, address: number, length: number, deviceWrites: boolean): void {
    assert(this.freeCount > 0, 'virtqueue: no free descriptor');
    const slot = this.freeHead;
    this.freeHead = this.next[slot];
    this.freeCount--;
    this.next[slot] = NO_DESCRIPTOR;
    const at = this.descriptors + DESCRIPTOR_BYTES * slot;
    memory.write64FromNumber(at, address);
    memory.write32(at + 8, length);
    memory.write16(at + 12, deviceWrites ? FLAG_WRITE : 0);
    memory.write16(at + 14, 0);
    if (this.buildHead === NO_DESCRIPTOR) {
      this.buildHead = slot;
    } else {
      const tail = this.descriptors + DESCRIPTOR_BYTES * this.buildTail;
      memory.write16(tail + 12, memory.read16(tail + 12) | FLAG_NEXT);
      memory.write16(tail + 14, slot);
      this.next[this.buildTail] = slot;
    }
    this.buildTail = slot;
    this.buildCount++;
    if (deviceWrites) this.buildWritable += length;
  }

  /** Hands the chain to the device (it is told by notify()). Returns its head. */
  commit(memory: PhysicalMemory): number {
    const head = this.buildHead;
    assert(head !== NO_DESCRIPTOR, 'virtqueue: an empty chain');
    this.buildHead = NO_DESCRIPTOR;
    this.chainLength[head] = this.buildCount;
    this.writableBytes[head] = this.buildWritable;
    memory.write16(this.available + 4 + 2 * (this.availableIndex & (this.size - 1)), head);
    this.availableIndex = (this.availableIndex + 1) & 0xffff;
    memory.write16(this.available + 2, this.availableIndex);
    return head;
  }

  /** True if the device wants to be told of new chains. */
  wantsNotification(memory: PhysicalMemory): boolean {
    return (memory.read16(this.used) & USED_NO_NOTIFY) === 0;
  }

  /** Takes one finished chain: its head, or -1 if none (or the queue is broken). Its descriptors are free again. */
  pop(memory: PhysicalMemory): number {
    if (this.broken) return -1;
    const deviceIndex = memory.read16(this.used + 2);
    const waiting = (deviceIndex - this.usedIndex) & 0xffff;
    if (waiting === 0) return -1;
    if (waiting > this.size) return this.fail();
    const element = this.used + 4 + 8 * (this.usedIndex & (this.size - 1));
    const head = memory.read32(element);
    const length = memory.read32(element + 4);
    if (head >= this.size || this.chainLength[head] === 0 || length > this.writableBytes[head]) return this.fail();
    this.usedIndex = (this.usedIndex + 1) & 0xffff;
    this.usedLength = length;
    this.release(head);
    return head;
  }

  private fail(): number {
    this.broken = true;
    return -1;
  }

  private release(head: number): void {
    let tail = head;
    for (let i = 1; i < this.chainLength[head]; i++) tail = this.next[tail];
    this.next[tail] = this.freeHead;
    this.freeHead = head;
    this.freeCount += this.chainLength[head];
    this.chainLength[head] = 0;
  }
}
registerClass('VirtioQueue', 1, VirtioQueue);
