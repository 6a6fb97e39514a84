// A ring of bytes with a fixed capacity. Invariant: 0 <= length <= capacity; the oldest byte is at `start`.

import { registerClass } from '../../devices/base/object-graph.ts';

export class ByteRing {
  private readonly bytes: Uint8Array;
  private start = 0;
  private count = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  get capacity(): number {
    return this.bytes.length;
  }
  get length(): number {
    return this.count;
  }
  get free(): number {
    return this.bytes.length - this.count;
  }

  /** Appends one byte; false if the ring is full. */
  push(byte: number): boolean {
    if (this.count === this.bytes.length) return false;
    let place = this.start + this.count;
    if (place >= this.bytes.length) place -= this.bytes.length;
    this.bytes[place] = byte;
    this.count++;
    return true;
  }

  /** Takes the oldest byte, or -1. */
  shift(): number {
    if (this.count === 0) return -1;
    const byte = this.bytes[this.start];
    this.start = this.start + 1 === this.bytes.length ? 0 : this.start + 1;
    this.count--;
    return byte;
  }

  /** Byte `index` counted from the oldest, or -1. */
  at(index: number): number {
    if (index < 0 || index >= this.count) return -1;
    return this.bytes[(this.start + index) % this.bytes.length];
  }

  /** Takes back the newest byte, or -1. */
  pop(): number {
    if (this.count === 0) return -1;
    this.count--;
    return this.bytes[(this.start + this.count) % this.bytes.length];
  }

  /** Appends source[from, to) as far as it fits and returns the count. */
  write(source: Uint8Array, from: number, to: number): number {
    const total = Math.min(to - from, this.free);
    const end = (this.start + this.count) % this.bytes.length;
    const first = Math.min(total, this.bytes.length - end);
    this.bytes.set(source.subarray(from, from + first), end);
    this.bytes.set(source.subarray(from + first, from + total), 0);
    this.count += Math.max(0, total);
    return Math.max(0, total);
  }

  /** Copies up to `limit` oldest bytes into target at `offset` without taking them; returns the count. */
  peek(target: Uint8Array, offset: number, limit: number): number {
    const total = Math.min(limit, this.count, target.length - offset);
    const first = Math.min(total, this.bytes.length - this.start);
    target.set(this.bytes.subarray(this.start, this.start + first), offset);
    target.set(this.bytes.subarray(0, total - first), offset + first);
    return total;
  }

  /** Drops up to `limit` oldest bytes; returns the count. */
  discard(limit: number): number {
    const total = Math.min(limit, this.count);
    this.start = (this.start + total) % this.bytes.length;
    this.count -= total;
    return total;
  }

  clear(): void {
    this.count = 0;
  }
}
registerClass('ByteRing', 1, ByteRing);
