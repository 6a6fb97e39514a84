// A driver for tests of virtio devices: finds the function by its PCI id, sets it up as virtio 1.2, 3.1.1 says, and lets a test put any
// descriptor into the rings, also wrong ones. It shares no code with the product's drivers.

import type { HostMachine } from '../../devices/contract/host-machine.ts';

const NEXT = 1;
const WRITE = 2;

export interface Segment {
  readonly address: number;
  readonly length: number;
  readonly write?: boolean;
}

export interface TestQueue {
  readonly index: number;
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  nextDescriptor: number;
  availableIndex: number;
  seenUsed: number;
}

export class VirtioTestDriver {
  readonly machine: HostMachine;
  readonly slot: number;
  readonly bar: number;
  readonly irq: number;
  readonly queues: TestQueue[] = [];
  private nextPage: number;

  constructor(machine: HostMachine, deviceType: number, firstFreeAddress = 0x20_0000) {
    this.machine = machine;
    this.nextPage = firstFreeAddress;
    let slot = -1;
    for (let n = 0; n < 32 && slot < 0; n++)
      if (this.configuration(n, 0) === (((0x1040 + deviceType) << 16) | 0x1af4) >>> 0) slot = n;
    if (slot < 0) throw new Error(`no virtio device of type ${deviceType} on the bus`);
    this.slot = slot;
    this.bar = this.configuration(slot, 0x10) & ~15;
    this.irq = this.configuration(slot, 0x3c) & 0xff;
    this.setCommand(6);
  }

  setCommand(value: number): void {
    this.machine.portWrite(0xcf8, 4, (0x8000_0000 | (this.slot << 11) | 4) >>> 0);
    this.machine.portWrite(0xcfc, 2, value);
  }
  configuration(slot: number, register: number): number {
    this.machine.portWrite(0xcf8, 4, (0x8000_0000 | (slot << 11) | register) >>> 0);
    return this.machine.portRead(0xcfc, 4);
  }
  read(offset: number, width: 1 | 2 | 4): number {
    return this.machine.mmioRead((this.bar >>> 0) + offset, width);
  }
  write(offset: number, width: 1 | 2 | 4, value: number): void {
    this.machine.mmioWrite((this.bar >>> 0) + offset, width, value);
  }
  get status(): number {
    return this.read(0x14, 1);
  }
  get isr(): number {
    return this.read(0x1000, 1);
  }
  config(offset: number, width: 1 | 2 | 4): number {
    return this.read(0x2000 + offset, width);
  }

  /** Negotiates `features` (bit numbers) and VERSION_1, makes the queues, sets DRIVER_OK. */
  start(features: readonly number[], queueCount: number, queueSize = 16): this {
    this.write(0x14, 1, 0);
    this.write(0x14, 1, 1);
    this.write(0x14, 1, 3);
    for (const word of [0, 1]) {
      const bits = [...features, 32]
        .filter((bit) => bit >> 5 === word)
        .reduce((sum, bit) => sum | (1 << (bit & 31)), 0);
      this.write(0x08, 4, word);
      this.write(0x0c, 4, bits >>> 0);
    }
    this.write(0x14, 1, 11);
    if ((this.status & 8) === 0) throw new Error('features refused');
    this.queues.length = 0;
    for (let index = 0; index < queueCount; index++) this.queues.push(this.makeQueue(index, queueSize));
    this.write(0x14, 1, 15);
    return this;
  }

  private makeQueue(index: number, size: number): TestQueue {
    this.write(0x16, 2, index);
    this.write(0x18, 2, size);
    const descriptors = this.allocate(0x1000);
    const available = this.allocate(0x1000);
    const used = this.allocate(0x1000);
    for (const [offset, address] of [
      [0x20, descriptors],
      [0x28, available],
      [0x30, used],
    ]) {
      this.write(offset, 4, address);
      this.write(offset + 4, 4, 0);
    }
    this.write(0x1c, 2, 1);
    return { index, size, descriptors, available, used, nextDescriptor: 0, availableIndex: 0, seenUsed: 0 };
  }

  /** Zeroed guest memory of the test's own. */
  allocate(bytes: number): number {
    const at = this.nextPage;
    this.nextPage += (bytes + 0xfff) & ~0xfff;
    this.machine.memory.fill(at, bytes, 0);
    return at;
  }

  descriptor(queue: TestQueue, n: number, address: number, length: number, flags: number, next: number): void {
    const at = queue.descriptors + n * 16;
    this.machine.memory.write64FromNumber(at, address);
    this.machine.memory.write32(at + 8, length);
    this.machine.memory.write16(at + 12, flags);
    this.machine.memory.write16(at + 14, next);
  }

  /** Makes `head` available without a kick. */
  offer(queue: TestQueue, head: number): void {
    this.machine.memory.write16(queue.available + 4 + (queue.availableIndex % queue.size) * 2, head);
    queue.availableIndex = (queue.availableIndex + 1) & 0xffff;
    this.machine.memory.write16(queue.available + 2, queue.availableIndex);
  }
  kick(queue: TestQueue): void {
    this.write(0x3000 + queue.index * 4, 4, queue.index);
  }

  /** Puts a well-formed chain into the ring and kicks; returns its head. Descriptors are used round and round. */
  submit(queueIndex: number, segments: readonly Segment[]): number {
    const queue = this.queues[queueIndex];
    const numbers = segments.map((_, n) => (queue.nextDescriptor + n) % queue.size);
    queue.nextDescriptor = (queue.nextDescriptor + segments.length) % queue.size;
    segments.forEach((segment, n) => {
      const last = n === segments.length - 1;
      const flags = (last ? 0 : NEXT) | (segment.write === true ? WRITE : 0);
      this.descriptor(queue, numbers[n], segment.address, segment.length, flags, last ? 0 : numbers[n + 1]);
    });
    this.offer(queue, numbers[0]);
    this.kick(queue);
    return numbers[0];
  }

  /** Chains that the device has finished since the last call. */
  finished(queueIndex: number): { id: number; length: number }[] {
    const queue = this.queues[queueIndex];
    const memory = this.machine.memory;
    const found: { id: number; length: number }[] = [];
    while (queue.seenUsed !== memory.read16(queue.used + 2)) {
      const at = queue.used + 4 + (queue.seenUsed % queue.size) * 8;
      found.push({ id: memory.read32(at), length: memory.read32(at + 4) });
      queue.seenUsed = (queue.seenUsed + 1) & 0xffff;
    }
    return found;
  }
}
