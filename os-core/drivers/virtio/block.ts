// virtio-blk (virtio 1.2, 5.2) with a block cache in kernel frames: the BlockStore under EuroFS.
//
//   request = u32 type, u32 0, u64 sector │ data, one frame │ u8 status          type 0 read, 1 write, 4 flush
//
//   read(b) ── in the cache ──► the frame's bytes        write(b) ──► frame ──► request at once (write-through)
//        └── miss ──► request (and a few ahead), null          flush ──► after the last write has come back
//                      IRQ ──► entry is valid, `changed` wakes the sleepers
//
// Invariants: a frame belongs to one entry; an entry that is reading or writing is never evicted; requestEntry[slot] is the
// entry of the request in that slot, or null. The device is hostile: a bad used ring makes every further request fail.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Machine } from '../../../devices/contract/machine.ts';
import type { BlockStore } from '../../eurofs/block-store.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { FrameAllocator } from '../../kernel/memory/frames.ts';
import { WaitQueue } from '../../kernel/wait-queue.ts';
import { VirtioDriver } from './driver.ts';
import type { VirtioQueue } from './queue.ts';
import type { VirtioTransport } from './transport.ts';

const BLOCK_BYTES = 4096;
const SECTOR_BYTES = 512;
const SECTORS_PER_BLOCK = BLOCK_BYTES / SECTOR_BYTES;
const RequestType = { read: 0, write: 1, flush: 4 } as const;
const STATUS_OK = 0;
const FEATURE_READ_ONLY = 5;
const FEATURE_FLUSH = 9;
/** Header (16) and status (1) of one request, in the request page. */
const SLOT_BYTES = 32;
const STATUS_OFFSET = 16;
const MAX_SLOTS = BLOCK_BYTES / SLOT_BYTES;
const DESCRIPTORS_PER_REQUEST = 3;
/** Blocks asked for beyond one that was missed, if the one before it was used last: sequential reading. */
const READ_AHEAD_BLOCKS = 8;
/** Cache: at most this many blocks, and this share of free memory. */
const MAX_CACHE_BLOCKS = 8192;
const CACHE_SHARE = 1 / 8;
/** Frames that the cache has from the start, so that reading and writing go on when RAM is full. */
const SPARE_FRAMES = 16;
/** Room that must be left free for others before the cache takes another frame. */
const MIN_FREE_FRAMES = 256;

export const EntryState = { reading: 0, valid: 1, writing: 2, failed: 3 } as const;

class CacheEntry {
  readonly block: number;
  readonly frame: number;
  state: number;
  constructor(block: number, frame: number, state: number) {
    this.block = block;
    this.frame = frame;
    this.state = state;
  }
}
registerClass('drivers.CacheEntry', 1, CacheEntry);

export class VirtioBlock extends VirtioDriver implements BlockStore {
  readonly blockCount: number;
  readonly readOnly: boolean;
  /** Woken whenever a request has ended: wait here after null, false or 'pending'. */
  readonly changed: WaitQueue = new WaitQueue();
  reads = 0;
  writes = 0;
  flushes = 0;

  private readonly machine: Machine;
  private readonly frames: FrameAllocator;
  private readonly queue: VirtioQueue;
  private readonly requestPage: number;
  private readonly canFlush: boolean;
  /** In order of use, least recently used first. */
  private readonly cache: Map<number, CacheEntry> = new Map();
  private readonly cacheLimit: number;
  /** Frames of the cache's own that hold no block. */
  private readonly spareFrames: number[] = [];
  private readonly freeSlots: number[] = [];
  private readonly requestEntry: (CacheEntry | null)[] = [];
  private readonly slotOfHead: Int16Array;
  private lastReadBlock = -2;

  // Flush: everything up to durableSequence is on the disk.
  private writeSequence = 0;
  private durableSequence = 0;
  private writesInFlight = 0;
  private flushWanted = false;
  private flushInFlight = false;
  private flushTarget = 0;
  private writeFailed = false;
  private dead = false;

  private constructor(kernel: Kernel, transport: VirtioTransport, queue: VirtioQueue, requestPage: number) {
    super(transport);
    this.machine = kernel.machine;
    this.frames = kernel.frames;
    this.queue = queue;
    this.requestPage = requestPage;
    const sectors =
      transport.configuration32(kernel.machine, 0) + transport.configuration32(kernel.machine, 4) * 0x1_0000_0000;
    this.blockCount = Math.floor(sectors / SECTORS_PER_BLOCK);
    this.readOnly = transport.has(FEATURE_READ_ONLY);
    this.canFlush = transport.has(FEATURE_FLUSH);
    this.cacheLimit = Math.max(16, Math.min(MAX_CACHE_BLOCKS, Math.floor(kernel.frames.freeFrames * CACHE_SHARE)));
    const slots = Math.min(MAX_SLOTS, Math.floor(queue.size / DESCRIPTORS_PER_REQUEST));
    for (let slot = slots - 1; slot >= 0; slot--) {
      this.freeSlots.push(slot);
      this.requestEntry.push(null);
    }
    this.slotOfHead = new Int16Array(queue.size).fill(-1);
    for (let n = 0; n < SPARE_FRAMES; n++) {
      const frame = kernel.frames.allocate();
      if (frame !== 0) this.spareFrames.push(frame);
    }
  }

  /** Starts the device behind `transport`; null with a log line if it is not usable. */
  static start(kernel: Kernel, transport: VirtioTransport): VirtioBlock | null {
    if (!transport.negotiate(kernel.machine, (1 << FEATURE_READ_ONLY) | (1 << FEATURE_FLUSH))) return null;
    const queue = transport.createQueue(kernel, 0, 256);
    const requestPage = kernel.frames.allocate();
    if (queue === null || queue.size < DESCRIPTORS_PER_REQUEST || requestPage === 0) {
      transport.fail(kernel.machine);
      return null;
    }
    const driver = new VirtioBlock(kernel, transport, queue, requestPage);
    driver.go(kernel);
    return driver;
  }

  get sizeBytes(): number {
    return this.blockCount * BLOCK_BYTES;
  }

  read(block: number): Uint8Array | null | 'failed' {
    if (!(block >= 0 && block < this.blockCount) || this.dead) return 'failed';
    let entry = this.cache.get(block);
    if (entry === undefined) {
      this.startRead(block);
      if (this.lastReadBlock === block - 1)
        for (let ahead = 1; ahead <= READ_AHEAD_BLOCKS && block + ahead < this.blockCount; ahead++)
          if (!this.cache.has(block + ahead) && !this.startRead(block + ahead)) break;
      this.transport.kick(this.machine, this.queue);
      // Many devices are done at once; looking spares a sleep.
      this.complete();
      entry = this.cache.get(block);
    }
    if (entry === undefined || entry.state === EntryState.reading) return null;
    this.cache.delete(block);
    if (entry.state === EntryState.failed) {
      // Reported once; the next read tries the disk again.
      this.spareFrames.push(entry.frame);
      return 'failed';
    }
    this.lastReadBlock = block;
    this.cache.set(block, entry);
    return this.machine.memory.bytes.subarray(entry.frame, entry.frame + BLOCK_BYTES);
  }

  write(block: number, bytes: Uint8Array): boolean {
    assert(bytes.length === BLOCK_BYTES, 'a block has 4,096 bytes');
    if (this.readOnly || this.dead || !(block >= 0 && block < this.blockCount)) {
      // Taken and lost; flush says so.
      this.writeFailed = true;
      return true;
    }
    let entry = this.cache.get(block);
    if (entry !== undefined && (entry.state === EntryState.reading || entry.state === EntryState.writing)) {
      this.complete();
      if (entry.state === EntryState.reading || entry.state === EntryState.writing) return false;
    }
    if (this.freeSlots.length === 0) this.complete();
    if (this.freeSlots.length === 0) return false;
    entry = this.cache.get(block) ?? this.newEntry(block, EntryState.valid) ?? undefined;
    if (entry === undefined) return false;
    this.machine.memory.writeBytes(entry.frame, bytes);
    entry.state = EntryState.writing;
    this.writeSequence++;
    this.writesInFlight++;
    this.writes++;
    this.submit(RequestType.write, entry);
    this.transport.kick(this.machine, this.queue);
    return true;
  }

  flush(): 'done' | 'pending' | 'failed' {
    this.complete();
    if (this.writeFailed || this.dead) {
      this.writeFailed = false;
      return 'failed';
    }
    if (this.durableSequence === this.writeSequence) return 'done';
    this.flushWanted = true;
    this.tryFlush();
    this.complete();
    if (this.writeFailed || this.dead) return this.flush();
    return this.durableSequence === this.writeSequence ? 'done' : 'pending';
  }

  private tryFlush(): void {
    if (!this.flushWanted || this.flushInFlight || this.writesInFlight > 0) return;
    if (!this.canFlush) {
      this.flushWanted = false;
      this.durableSequence = this.writeSequence;
      return;
    }
    if (this.freeSlots.length === 0) return;
    this.flushWanted = false;
    this.flushInFlight = true;
    this.flushTarget = this.writeSequence;
    this.flushes++;
    this.submit(RequestType.flush, null);
    this.transport.kick(this.machine, this.queue);
  }

  private startRead(block: number): boolean {
    if (this.freeSlots.length === 0) return false;
    const entry = this.newEntry(block, EntryState.reading);
    if (entry === null) return false;
    this.reads++;
    this.submit(RequestType.read, entry);
    return true;
  }

  /**
   * A cache entry with a frame of its own: a spare one, from free memory, or from the least recently used block. null only while every
   * frame waits for the device, which then wakes who asks again.
   */
  private newEntry(block: number, state: number): CacheEntry | null {
    let frame = this.spareFrames.pop() ?? 0;
    if (frame === 0 && this.cache.size < this.cacheLimit && this.frames.freeFrames > MIN_FREE_FRAMES)
      frame = this.frames.allocate();
    if (frame === 0) {
      for (const [victim, entry] of this.cache) {
        if (entry.state === EntryState.reading || entry.state === EntryState.writing) continue;
        frame = entry.frame;
        this.cache.delete(victim);
        break;
      }
    }
    if (frame === 0) return null;
    const entry = new CacheEntry(block, frame, state);
    this.cache.set(block, entry);
    return entry;
  }

  private submit(type: number, entry: CacheEntry | null): void {
    const memory = this.machine.memory;
    const slot = this.freeSlots.pop();
    assert(slot !== undefined, 'virtio-blk: no free request slot');
    const header = this.requestPage + slot * SLOT_BYTES;
    memory.write32(header, type);
    memory.write32(header + 4, 0);
    memory.write64FromNumber(header + 8, entry === null ? 0 : entry.block * SECTORS_PER_BLOCK);
    memory.write8(header + STATUS_OFFSET, 0xff);
    this.requestEntry[slot] = entry;
    this.queue.begin();
    this.queue.push(memory, header, 16, false);
    if (entry !== null) this.queue.push(memory, entry.frame, BLOCK_BYTES, type === RequestType.read);
    this.queue.push(memory, header + STATUS_OFFSET, 1, true);
    this.slotOfHead[this.queue.commit(memory)] = slot;
  }

  override queuesChanged(): void {
    this.complete();
  }

  /** Takes all finished requests and wakes who waits for them, whoever happened to look. */
  private complete(): void {
    const memory = this.machine.memory;
    let any = false;
    for (let head = this.queue.pop(memory); head >= 0; head = this.queue.pop(memory)) {
      any = true;
      const slot = this.slotOfHead[head];
      const ok = memory.read8(this.requestPage + slot * SLOT_BYTES + STATUS_OFFSET) === STATUS_OK;
      const entry = this.requestEntry[slot];
      this.requestEntry[slot] = null;
      this.freeSlots.push(slot);
      if (entry === null) this.flushEnded(ok);
      else this.requestEnded(entry, ok);
    }
    if (this.queue.broken && !this.dead) {
      this.dead = true;
      this.transport.fail(this.machine);
      any = true;
    }
    this.tryFlush();
    if (any) this.changed.wakeAll();
  }

  private flushEnded(ok: boolean): void {
    this.flushInFlight = false;
    if (ok) this.durableSequence = this.flushTarget;
    else this.writeFailed = true;
  }

  private requestEnded(entry: CacheEntry, ok: boolean): void {
    if (entry.state === EntryState.writing) {
      this.writesInFlight--;
      if (!ok) this.writeFailed = true;
    }
    entry.state = ok ? EntryState.valid : EntryState.failed;
  }
}
registerClass('drivers.VirtioBlock', 1, VirtioBlock as unknown as abstract new () => object);
