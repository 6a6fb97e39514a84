// A byte stream between two threads: bounded, one writer, one reader, no locks, no event loop.
//
//   SharedArrayBuffer:  Int32[0] write position   Int32[1] read position   Int32[2] state   Int32[3] wake-up word   then the bytes
//
// Positions count modulo twice the capacity, so full and empty differ. The writer only moves [0], the reader only [1].
// After each move the mover bumps and notifies the wake-up word, on which a thread without an event loop may sleep; a side
// that has an event loop is told by `announce`, which the other side calls when it may have gone to rest (ring empty or full).

const HEADER_BYTES = 16;
const WRITE = 0;
const READ = 1;
const STATE = 2;
const WAKE = 3;
/** The writer will write no more (end of file). */
const ENDED = 1;
/** The reader is gone: writing is pointless (broken pipe). */
const BROKEN = 2;

/** One end of a byte stream. Make it with createByteRing on one side, pass `buffer` on, wrap it with new ByteRing there. */
export class ByteRing {
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly capacity: number;
  private readonly doorbell: Int32Array | null;
  /** Called after a move that the other side may be waiting for; set it where the other side has an event loop. */
  announce: (() => void) | null = null;

  /** `doorbell`: a shared word that is bumped and notified besides, when the other side sleeps on more than one ring. */
  constructor(buffer: SharedArrayBuffer, doorbell: Int32Array | null = null) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.bytes = new Uint8Array(buffer, HEADER_BYTES);
    this.capacity = this.bytes.length;
    this.doorbell = doorbell;
  }

  private moved(): void {
    Atomics.add(this.words, WAKE, 1);
    Atomics.notify(this.words, WAKE);
    if (this.doorbell !== null) {
      Atomics.add(this.doorbell, 0, 1);
      Atomics.notify(this.doorbell, 0);
    }
  }

  /** Bytes that wait for the reader. */
  available(): number {
    const distance = Atomics.load(this.words, WRITE) - Atomics.load(this.words, READ);
    return distance < 0 ? distance + 2 * this.capacity : distance;
  }

  /** Room for the writer in bytes. */
  room(): number {
    return this.capacity - this.available();
  }

  /** Writes as much as there is room for; the count, or -1 once the reader is gone. */
  write(source: Uint8Array): number {
    if ((Atomics.load(this.words, STATE) & BROKEN) !== 0) return -1;
    const count = Math.min(source.length, this.room());
    if (count === 0) return 0;
    const position = Atomics.load(this.words, WRITE);
    const at = position % this.capacity;
    const first = Math.min(count, this.capacity - at);
    this.bytes.set(source.subarray(0, first), at);
    if (first < count) this.bytes.set(source.subarray(first, count), 0);
    Atomics.store(this.words, WRITE, (position + count) % (2 * this.capacity));
    this.moved();
    // Looked at after the store: a reader that has not come to `position` yet will still see the new bytes by itself.
    if (this.announce !== null && Atomics.load(this.words, READ) === position) this.announce();
    return count;
  }

  /** Reads at most target.length bytes; the count, 0 if none wait, -1 at the end of the stream. */
  read(target: Uint8Array): number {
    // The end is looked at first: bytes written before it are then surely visible.
    const ended = (Atomics.load(this.words, STATE) & ENDED) !== 0;
    const count = Math.min(target.length, this.available());
    if (count === 0) return ended && this.available() === 0 ? -1 : 0;
    const position = Atomics.load(this.words, READ);
    const at = position % this.capacity;
    const first = Math.min(count, this.capacity - at);
    target.set(this.bytes.subarray(at, at + first), 0);
    if (first < count) target.set(this.bytes.subarray(0, count - first), first);
    const wasFull = this.room() === 0;
    Atomics.store(this.words, READ, (position + count) % (2 * this.capacity));
    this.moved();
    if (this.announce !== null && (wasFull || this.room() === count)) this.announce();
    return count;
  }

  /** The writer is done. */
  end(): void {
    Atomics.or(this.words, STATE, ENDED);
    this.moved();
    this.announce?.();
  }
  /** The reader is gone. */
  breakOff(): void {
    Atomics.or(this.words, STATE, BROKEN);
    this.moved();
    this.announce?.();
  }
  get isBroken(): boolean {
    return (Atomics.load(this.words, STATE) & BROKEN) !== 0;
  }

  /** A value for `waitForChange`; take it before looking at the ring. */
  changeMark(): number {
    return Atomics.load(this.words, WAKE);
  }
  /** Sleeps until the ring has changed since `mark`, at most `timeoutMillis`. Not on a browser's main thread. */
  waitForChange(mark: number, timeoutMillis: number): void {
    Atomics.wait(this.words, WAKE, mark, timeoutMillis);
  }
}

/** A ring for at most `capacity` waiting bytes. */
export function createByteRing(capacity: number, doorbell: Int32Array | null = null): ByteRing {
  return new ByteRing(new SharedArrayBuffer(HEADER_BYTES + capacity), doorbell);
}
