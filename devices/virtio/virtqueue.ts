// Split virtqueues (virtio 1.2, 2.7), device side.
//
//   descriptor table  16 bytes each   u64 address  u32 length  u16 flags (1 next, 2 write, 4 indirect)  u16 next
//   available ring    u16 flags (1 = no interrupt)  u16 index  u16 ring[size]  u16 used_event
//   used ring         u16 flags (1 = no notify)     u16 index  { u32 id, u32 length }[size]  u16 avail_event
//
// All of it lies in guest memory and is hostile. A ring that breaks a rule of 2.7 is reported as broken, once; the transport then sets
// DEVICE_NEEDS_RESET. Rules that are checked: rings inside RAM, indices at most `size` ahead, descriptor numbers below `size`,
// chains of at most `size` descriptors (so a loop ends), every buffer of at least one byte and inside RAM, readable before
// writable, indirect tables neither nested nor continued, at most MAX_CHAIN_BYTES in all.
//
// Invariants: nextAvailable is the next ring slot to look at, usedIndex what the used ring's index says; taken chains are those
// between them in number, at most `size`.

import type { PhysicalMemory } from '../base/physical-memory.ts';

const DESCRIPTOR_BYTES = 16;
const Flag = { next: 1, write: 2, indirect: 4 } as const;
const AVAILABLE_NO_INTERRUPT = 1;
/** virtio 1.2, 2.7.5 allows 2^32; no device here has use for more than this in one request. */
export const MAX_CHAIN_BYTES = 64 * 1024 * 1024;
/** An indirect table may be longer than the queue is (2.7.5.3.1 leaves it to the device); this is its bound. */
export const MAX_CHAIN_DESCRIPTORS = 1024;
export const MAX_QUEUE_SIZE = 1024;

/** A descriptor chain, resolved and checked. One object is used again and again. */
export class DescriptorChain {
  head = 0;
  count = 0;
  /** Segments below this number are for the device to read, the others to write. */
  readableCount = 0;
  readableBytes = 0;
  writableBytes = 0;
  readonly addresses = new Float64Array(MAX_CHAIN_DESCRIPTORS);
  readonly lengths = new Float64Array(MAX_CHAIN_DESCRIPTORS);

  clear(head: number): void {
    this.head = head;
    this.count = 0;
    this.readableCount = 0;
    this.readableBytes = 0;
    this.writableBytes = 0;
  }

  /** Copies readable bytes from position `offset` of the chain into `target`; returns how many there were. */
  read(memory: PhysicalMemory, offset: number, target: Uint8Array): number {
    let skip = offset;
    let done = 0;
    for (let n = 0; n < this.readableCount && done < target.length; n++) {
      const length = this.lengths[n];
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const count = Math.min(length - skip, target.length - done);
      const at = this.addresses[n] + skip;
      target.set(memory.bytes.subarray(at, at + count), done);
      done += count;
      skip = 0;
    }
    return done;
  }

  /** Copies `source` into the writable bytes from position `offset` of them; returns how many found room. */
  write(memory: PhysicalMemory, offset: number, source: Uint8Array): number {
    let skip = offset;
    let done = 0;
    for (let n = this.readableCount; n < this.count && done < source.length; n++) {
      const length = this.lengths[n];
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const count = Math.min(length - skip, source.length - done);
      memory.writeBytes(this.addresses[n] + skip, source.subarray(done, done + count));
      done += count;
      skip = 0;
    }
    return done;
  }
}

/** What a look at the available ring found. */
export const QueueLook = { empty: 0, chain: 1, broken: 2 } as const;
export type QueueLook = (typeof QueueLook)[keyof typeof QueueLook];

export interface QueueState {
  size: number;
  enabled: boolean;
  descriptors: number;
  available: number;
  used: number;
  nextAvailable: number;
  usedIndex: number;
  /** usedIndex when the driver was last interrupted, for EVENT_IDX. */
  signalledUsed: number;
  signalledValid: boolean;
}

export class VirtQueue {
  readonly maxSize: number;
  /** Registers as the driver set them, and the positions; written into the transport's snapshot. */
  readonly state: QueueState;
  private readonly memory: PhysicalMemory;

  constructor(memory: PhysicalMemory, maxSize: number) {
    this.memory = memory;
    this.maxSize = maxSize;
    this.state = {
      size: maxSize,
      enabled: false,
      descriptors: 0,
      available: 0,
      used: 0,
      nextAvailable: 0,
      usedIndex: 0,
      signalledUsed: 0,
      signalledValid: false,
    };
  }

  reset(): void {
    const state = this.state;
    state.size = this.maxSize;
    state.enabled = false;
    state.descriptors = 0;
    state.available = 0;
    state.used = 0;
    state.nextAvailable = 0;
    state.usedIndex = 0;
    state.signalledUsed = 0;
    state.signalledValid = false;
  }

  /** True if the three rings lie in RAM with the alignment of 2.7: 16, 2 and 4. */
  ringsValid(): boolean {
    const { size, descriptors, available, used } = this.state;
    return (
      descriptors % 16 === 0 &&
      available % 2 === 0 &&
      used % 4 === 0 &&
      this.memory.contains(descriptors, size * DESCRIPTOR_BYTES) &&
      this.memory.contains(available, 6 + 2 * size) &&
      this.memory.contains(used, 6 + 8 * size)
    );
  }

  /** How many chains wait, or -1 if the index is impossible. */
  waiting(): number {
    const index = this.memory.read16(this.state.available + 2);
    const count = (index - this.state.nextAvailable) & 0xffff;
    return count <= this.state.size ? count : -1;
  }

  /** Looks at the next chain without taking it. With event indices on and nothing there, asks for a notification. */
  peek(chain: DescriptorChain, eventIndex: boolean): QueueLook {
    if (!this.state.enabled) return QueueLook.empty;
    const waiting = this.waiting();
    if (waiting < 0) return QueueLook.broken;
    if (waiting === 0) {
      if (eventIndex) this.memory.write16(this.state.used + 4 + 8 * this.state.size, this.state.nextAvailable);
      return QueueLook.empty;
    }
    const slot = this.state.nextAvailable % this.state.size;
    const head = this.memory.read16(this.state.available + 4 + 2 * slot);
    return this.resolve(head, chain) ? QueueLook.chain : QueueLook.broken;
  }

  /** Takes the chain that peek showed. */
  take(): void {
    this.state.nextAvailable = (this.state.nextAvailable + 1) & 0xffff;
  }
  /** Gives back the last `count` taken chains: they are seen again by the next peek. */
  untake(count: number): void {
    this.state.nextAvailable = (this.state.nextAvailable - count) & 0xffff;
  }

  /** Resolves the chain that starts at `head`; false if it is malformed. */
  resolve(head: number, chain: DescriptorChain): boolean {
    chain.clear(head);
    const { size, descriptors } = this.state;
    let index = head;
    for (let steps = 0; steps < size; steps++) {
      if (index >= size) return false;
      const at = descriptors + index * DESCRIPTOR_BYTES;
      const flags = this.memory.read16(at + 12);
      if ((flags & Flag.indirect) !== 0) {
        if ((flags & Flag.next) !== 0) return false;
        return this.resolveIndirect(this.memory.read64AsNumber(at), this.memory.read32(at + 8), chain);
      }
      if (!this.append(at, flags, chain)) return false;
      if ((flags & Flag.next) === 0) return true;
      index = this.memory.read16(at + 14);
    }
    return false;
  }

  private resolveIndirect(table: number, bytes: number, chain: DescriptorChain): boolean {
    const entries = bytes / DESCRIPTOR_BYTES;
    if (!Number.isInteger(entries) || entries === 0 || entries > MAX_CHAIN_DESCRIPTORS) return false;
    if (!this.memory.contains(table, bytes)) return false;
    let index = 0;
    for (let steps = 0; steps < entries; steps++) {
      const at = table + index * DESCRIPTOR_BYTES;
      const flags = this.memory.read16(at + 12);
      if ((flags & Flag.indirect) !== 0 || !this.append(at, flags, chain)) return false;
      if ((flags & Flag.next) === 0) return true;
      index = this.memory.read16(at + 14);
      if (index >= entries) return false;
    }
    return false;
  }

  private append(at: number, flags: number, chain: DescriptorChain): boolean {
    const address = this.memory.read64AsNumber(at);
    const length = this.memory.read32(at + 8);
    if (length === 0 || !this.memory.contains(address, length) || chain.count >= MAX_CHAIN_DESCRIPTORS) return false;
    if (chain.readableBytes + chain.writableBytes + length > MAX_CHAIN_BYTES) return false;
    if ((flags & Flag.write) !== 0) {
      chain.writableBytes += length;
    } else {
      if (chain.count !== chain.readableCount) return false;
      chain.readableCount++;
      chain.readableBytes += length;
    }
    chain.addresses[chain.count] = address;
    chain.lengths[chain.count] = length;
    chain.count++;
    return true;
  }

  /** Puts a chain into the used ring: `written` bytes of its writable part are valid. `slotAhead` > 0 leaves the index for later (publish). */
  addUsed(head: number, written: number, slotAhead = 0): void {
    const { used, size, usedIndex } = this.state;
    const at = used + 4 + 8 * (((usedIndex + slotAhead) & 0xffff) % size);
    this.memory.write32(at, head);
    this.memory.write32(at + 4, written);
  }
  /** Makes `count` entries of the used ring visible at once. */
  publish(count: number): void {
    this.state.usedIndex = (this.state.usedIndex + count) & 0xffff;
    this.memory.write16(this.state.used + 2, this.state.usedIndex);
  }

  /** Whether the driver wants an interrupt for what was published since the last one (2.7.7.2, 2.7.10). */
  wantsInterrupt(eventIndex: boolean): boolean {
    const state = this.state;
    if (!eventIndex) return (this.memory.read16(state.available) & AVAILABLE_NO_INTERRUPT) === 0;
    const event = this.memory.read16(state.available + 4 + 2 * state.size);
    const old = state.signalledUsed;
    const first = !state.signalledValid;
    state.signalledUsed = state.usedIndex;
    state.signalledValid = true;
    return first || ((state.usedIndex - event - 1) & 0xffff) < ((state.usedIndex - old) & 0xffff);
  }
}
