// A bounded single-producer, single-consumer ring of messages in shared memory: how the main process reaches the machine's
// worker, which never enters its event loop while the machine runs. No Node types: any two threads may use it.
//
// Layout of the SharedArrayBuffer (Int32 words, then bytes):
//
//    0  write position   bytes ever written, modulo 2^32; only the producer stores it
//    1  read position    bytes ever read, modulo 2^32; only the consumer stores it
//    2  doorbell         counts messages; Atomics.wait here when idle
//    3  reserved
//   16  data             capacity bytes, a power of two
//
// A message is u32 length (little endian) and that many bytes, padded to a multiple of 4; it may wrap around the end.
// Invariant: 0 <= write - read <= capacity, both multiples of 4. A consumer that finds a length outside the bounds is
// looking at memory that the producer does not own up to: it skips to the write position and reports it.

import { MAX_RING_MESSAGE_BYTES } from './limits.ts';

const WRITE = 0;
const READ = 1;
const DOORBELL = 2;
const HEADER_BYTES = 16;

/** @param capacityBytes a power of two, at least twice the longest message. */
export function createRingBuffer(capacityBytes: number): SharedArrayBuffer {
  if (capacityBytes < 64 || (capacityBytes & (capacityBytes - 1)) !== 0) {
    throw new RangeError(`ring capacity ${capacityBytes} is not a power of two`);
  }
  return new SharedArrayBuffer(HEADER_BYTES + capacityBytes);
}

class RingEnd {
  protected readonly words: Int32Array;
  protected readonly bytes: Uint8Array;
  readonly capacity: number;
  readonly maxMessageBytes: number;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.bytes = new Uint8Array(buffer, HEADER_BYTES);
    this.capacity = this.bytes.length;
    this.maxMessageBytes = Math.min(MAX_RING_MESSAGE_BYTES, this.capacity - 4);
  }
}

export class RingWriter extends RingEnd {
  /** Copies the message in and rings the doorbell. False if there is no room now; throws on one that can never fit. */
  push(message: Uint8Array): boolean {
    if (message.length > this.maxMessageBytes) throw new RangeError(`ring message of ${message.length} bytes`);
    const write = Atomics.load(this.words, WRITE);
    const used = (write - Atomics.load(this.words, READ)) >>> 0;
    const needed = 4 + ((message.length + 3) & ~3);
    if (needed > this.capacity - used) return false;
    const mask = this.capacity - 1;
    const start = (write >>> 0) & mask;
    // The length never straddles the end: positions are multiples of 4 and so is the capacity.
    this.bytes[start] = message.length & 0xff;
    this.bytes[start + 1] = (message.length >>> 8) & 0xff;
    this.bytes[start + 2] = (message.length >>> 16) & 0xff;
    this.bytes[start + 3] = 0;
    const body = (start + 4) & mask;
    const first = Math.min(message.length, this.capacity - body);
    this.bytes.set(message.subarray(0, first), body);
    if (first < message.length) this.bytes.set(message.subarray(first), 0);
    Atomics.store(this.words, WRITE, (write + needed) | 0);
    Atomics.add(this.words, DOORBELL, 1);
    Atomics.notify(this.words, DOORBELL);
    return true;
  }
}

export class RingReader extends RingEnd {
  private readonly scratch: Uint8Array;
  /** Times the ring held nonsense and was emptied; stays 0 unless the producer is broken. */
  resynchronised = 0;

  constructor(buffer: SharedArrayBuffer) {
    super(buffer);
    this.scratch = new Uint8Array(this.maxMessageBytes);
  }

  /** The next message, valid until the following call, or null if none waits. */
  next(): Uint8Array | null {
    const read = Atomics.load(this.words, READ);
    const write = Atomics.load(this.words, WRITE);
    const available = (write - read) >>> 0;
    if (available === 0) return null;
    const mask = this.capacity - 1;
    const start = (read >>> 0) & mask & ~3;
    const length =
      this.bytes[start] |
      (this.bytes[start + 1] << 8) |
      (this.bytes[start + 2] << 16) |
      ((this.bytes[start + 3] & 0x7f) << 24);
    const needed = 4 + ((length + 3) & ~3);
    if (length > this.maxMessageBytes || needed > available || available > this.capacity) {
      Atomics.store(this.words, READ, write);
      this.resynchronised++;
      return null;
    }
    const body = (start + 4) & mask;
    const first = Math.min(length, this.capacity - body);
    // Copied out: the producer may overwrite the bytes as soon as the read position moves.
    this.scratch.set(this.bytes.subarray(body, body + first), 0);
    if (first < length) this.scratch.set(this.bytes.subarray(0, length - first), first);
    Atomics.store(this.words, READ, (read + needed) | 0);
    return this.scratch.subarray(0, length);
  }

  isEmpty(): boolean {
    return Atomics.load(this.words, WRITE) === Atomics.load(this.words, READ);
  }

  /**
   * The doorbell as a view of one word. Hand it to the worker's other rings (ByteRing), and the worker sleeps on one word for
   * all of them.
   */
  doorbellWord(): Int32Array {
    return this.words.subarray(DOORBELL, DOORBELL + 1);
  }

  /** Value to hand to `wait`; take it before the last look at the ring. */
  doorbell(): number {
    return Atomics.load(this.words, DOORBELL);
  }

  /** Sleeps until a message comes after `seen` was read, or the time is over. Only in threads that may block. */
  wait(seen: number, timeoutMillis: number): void {
    Atomics.wait(this.words, DOORBELL, seen, timeoutMillis);
  }
}
