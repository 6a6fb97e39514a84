// Block device (virtio 1.2, 5.2).
//
//   request   readable: u32 type  u32 reserved  u64 sector (512 bytes)  data to write      writable: data read  u8 status (last byte)
//   config    0 u64 capacity in sectors   8 u32 size_max   12 u32 seg_max   16 geometry   20 u32 blk_size
//
// A request completes at a virtual time: requests are served one after the other, BASE_NANOS plus a share per byte each, so that
// completions come at the same instruction in every run. The data moves at completion; the chain is resolved and checked again then.
//
// Invariant: inFlight is in order of due time and no longer than the queue.

import type { BlockBackend } from '../backends/backends.ts';
import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, TimedDevice, VirtualClock } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { putConfiguration, readConfiguration } from './configuration.ts';
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts';
import { DescriptorChain, QueueLook } from './virtqueue.ts';

const SECTOR_BYTES = 512;
const HEADER_BYTES = 16;
const QUEUE_SIZE = 256;
const SEGMENTS_MAX = 254;
const BLOCK_BYTES = 4096;
const CONFIGURATION_BYTES = 60;
/** Largest request: seg_max segments of 64 KiB. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const ID_BYTES = 20;

const Feature = { segmentsMax: 2, readOnly: 5, blockSize: 6, flush: 9 } as const;
const RequestType = { read: 0, write: 1, flush: 4, getId: 8 } as const;
const Status = { ok: 0, ioError: 1, unsupported: 2 } as const;

/** Virtual latency of a fast disk: 15 µs and 4 GB/s; a flush takes 60 µs. */
const BASE_NANOS = 15_000;
const FLUSH_NANOS = 60_000;
const BYTES_PER_NANO = 4;

export interface BlockCounters {
  diskReads: number;
  diskWrites: number;
  flushes: number;
}

export class VirtioBlock implements VirtioDevice, TimedDevice {
  readonly deviceType = 2;
  readonly classCode = 0x01_0000;
  readonly features: number;
  readonly queueSizes: readonly number[] = [QUEUE_SIZE];
  readonly configurationBytes = CONFIGURATION_BYTES;
  private readonly backend: BlockBackend;
  private readonly clock: VirtualClock;
  private readonly counters: BlockCounters;
  private readonly configuration = new Uint8Array(CONFIGURATION_BYTES);
  private readonly chain = new DescriptorChain();
  private readonly header = new Uint8Array(HEADER_BYTES);
  private readonly headerView = new DataView(this.header.buffer);
  private readonly statusByte = new Uint8Array(1);
  private transport!: VirtioTransport;
  private readonly state: { inFlight: { head: number; dueNanos: number }[] } = { inFlight: [] };

  constructor(backend: BlockBackend, clock: VirtualClock, counters: BlockCounters) {
    this.backend = backend;
    this.clock = clock;
    this.counters = counters;
    this.features =
      (1 << Feature.segmentsMax) |
      (1 << Feature.blockSize) |
      (1 << Feature.flush) |
      (backend.readOnly ? 1 << Feature.readOnly : 0);
    putConfiguration(this.configuration, 0, 8, Math.floor(backend.sizeBytes / SECTOR_BYTES));
    putConfiguration(this.configuration, 12, 4, SEGMENTS_MAX);
    putConfiguration(this.configuration, 20, 4, BLOCK_BYTES);
  }

  connect(transport: VirtioTransport): void {
    this.transport = transport;
  }
  configurationRead(offset: number, width: AccessWidth): number {
    return readConfiguration(this.configuration, offset, width);
  }
  configurationWrite(): void {}
  started(): void {
    this.notified();
  }
  reset(): void {
    this.state.inFlight = [];
  }
  queueReset(): void {
    this.state.inFlight = [];
  }

  notified(): void {
    if (!this.transport.running) return;
    const queue = this.transport.queue(0);
    for (;;) {
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) return;
      // More in flight than the queue has entries: the driver used a descriptor twice.
      if (look === QueueLook.broken || this.state.inFlight.length >= queue.state.size || !this.readHeader()) {
        this.transport.broken();
        return;
      }
      queue.take();
      const start = Math.max(this.clock.nowNanos(), this.state.inFlight.at(-1)?.dueNanos ?? 0);
      this.state.inFlight.push({ head: this.chain.head, dueNanos: start + this.cost() });
    }
  }

  /** A request has 16 readable bytes at least and room for the status (5.2.6). */
  private readHeader(): boolean {
    return (
      this.chain.readableBytes >= HEADER_BYTES &&
      this.chain.writableBytes >= 1 &&
      this.chain.read(this.transport.memory, 0, this.header) === HEADER_BYTES
    );
  }

  private cost(): number {
    if (this.headerView.getUint32(0, true) === RequestType.flush) return FLUSH_NANOS;
    return BASE_NANOS + Math.floor((this.chain.readableBytes + this.chain.writableBytes) / BYTES_PER_NANO);
  }

  nextDeadlineNanos(): number {
    return this.state.inFlight[0]?.dueNanos ?? Number.POSITIVE_INFINITY;
  }

  advanceTo(nowNanos: number): void {
    const queue = this.transport.queue(0);
    let finished = 0;
    while (this.state.inFlight.length > 0 && this.state.inFlight[0].dueNanos <= nowNanos) {
      const request = this.state.inFlight[0];
      if (!this.transport.running) {
        this.state.inFlight = [];
        break;
      }
      if (!queue.resolve(request.head, this.chain) || !this.readHeader()) {
        this.state.inFlight = [];
        this.transport.broken();
        break;
      }
      this.state.inFlight.shift();
      const written = this.perform();
      queue.addUsed(request.head, written);
      queue.publish(1);
      finished++;
    }
    if (finished > 0) this.transport.signal(0);
  }

  /** Does the request in `chain`; returns how many bytes of the writable part are valid. */
  private perform(): number {
    const type = this.headerView.getUint32(0, true);
    const sector = this.headerView.getUint32(8, true) + this.headerView.getUint32(12, true) * 2 ** 32;
    const dataBytes = this.chain.writableBytes - 1;
    let status: number = Status.unsupported;
    let data = 0;
    switch (type) {
      case RequestType.read:
        this.counters.diskReads++;
        status = this.transfer(sector * SECTOR_BYTES, dataBytes, true) ? Status.ok : Status.ioError;
        if (status === Status.ok) data = dataBytes;
        break;
      case RequestType.write:
        this.counters.diskWrites++;
        status = this.transfer(sector * SECTOR_BYTES, this.chain.readableBytes - HEADER_BYTES, false)
          ? Status.ok
          : Status.ioError;
        break;
      case RequestType.flush:
        this.counters.flushes++;
        status = this.backend.flush() ? Status.ok : Status.ioError;
        break;
      case RequestType.getId: {
        const id = new Uint8Array(Math.min(ID_BYTES, dataBytes));
        id.set(new TextEncoder().encode(this.backend.serial).subarray(0, id.length));
        data = this.chain.write(this.transport.memory, 0, id);
        status = Status.ok;
        break;
      }
    }
    this.statusByte[0] = status;
    this.chain.write(this.transport.memory, dataBytes, this.statusByte);
    // The status is the last byte: everything before it counts as written once it is there (5.2.6, 2.7.8).
    return status === Status.ok && type === RequestType.read ? data + 1 : dataBytes + 1;
  }

  private transfer(offset: number, length: number, reading: boolean): boolean {
    if (length === 0 || length % SECTOR_BYTES !== 0 || length > MAX_REQUEST_BYTES) return false;
    if (!Number.isSafeInteger(offset) || offset + length > this.backend.sizeBytes) return false;
    if (!reading && this.backend.readOnly) return false;
    return this.segmentsAreSectors(reading)
      ? this.transferInPlace(offset, length, reading)
      : this.transferThroughBuffer(offset, length, reading);
  }

  /** First byte of the data in the segments of its direction: the header comes before data to write. */
  private dataStart(reading: boolean): number {
    return reading ? 0 : HEADER_BYTES;
  }

  /** Calls `visit` for each piece of guest memory that holds data, in order; stops when it returns false. */
  private eachPiece(length: number, reading: boolean, visit: (address: number, bytes: number) => boolean): boolean {
    const chain = this.chain;
    let skip = this.dataStart(reading);
    let left = length;
    const end = reading ? chain.count : chain.readableCount;
    for (let n = reading ? chain.readableCount : 0; n < end && left > 0; n++) {
      const available = chain.lengths[n] - skip;
      if (available <= 0) {
        skip -= chain.lengths[n];
        continue;
      }
      const bytes = Math.min(available, left);
      if (!visit(chain.addresses[n] + skip, bytes)) return false;
      skip = 0;
      left -= bytes;
    }
    return left === 0;
  }

  private segmentsAreSectors(reading: boolean): boolean {
    const length = reading ? this.chain.writableBytes - 1 : this.chain.readableBytes - HEADER_BYTES;
    return this.eachPiece(length, reading, (_address, bytes) => bytes % SECTOR_BYTES === 0);
  }

  private transferInPlace(offset: number, length: number, reading: boolean): boolean {
    const memory = this.transport.memory;
    let at = offset;
    return this.eachPiece(length, reading, (address, bytes) => {
      const view = memory.bytes.subarray(address, address + bytes);
      const done = reading ? this.backend.read(at, view) : this.backend.write(at, view);
      if (reading) memory.noteWrite(address, bytes);
      at += bytes;
      return done;
    });
  }

  private transferThroughBuffer(offset: number, length: number, reading: boolean): boolean {
    const memory = this.transport.memory;
    const buffer = new Uint8Array(length);
    if (!reading) {
      this.chain.read(memory, HEADER_BYTES, buffer);
      return this.backend.write(offset, buffer);
    }
    if (!this.backend.read(offset, buffer)) return false;
    return this.chain.write(memory, 0, buffer) === length;
  }

  snapshot(): DeviceSnapshot {
    return writeState('virtio-block', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    const form = { inFlight: [] as { head: number; dueNanos: number }[] };
    restoreState('virtio-block', 1, snapshot, form);
    this.state.inFlight = form.inFlight
      .slice(0, QUEUE_SIZE)
      .filter((request) => Number.isInteger(request.head) && Number.isFinite(request.dueNanos));
  }
}
