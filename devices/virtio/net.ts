// Network device (virtio 1.2, 5.1).
//
//   queue 0 receive, queue 1 transmit      each buffer: 12-byte header, then an Ethernet frame
//   header   u8 flags  u8 gso_type  u16 hdr_len  u16 gso_size  u16 csum_start  u16 csum_offset  u16 num_buffers
//   config   0 MAC[6]   6 u16 status (1 = link up)   8 u16 queue pairs   10 u16 MTU
//
// Features: MTU, MAC, MRG_RXBUF, STATUS. No checksum or segmentation offload yet, so the header of a sent frame must be zero in
// flags and gso_type; a frame that asks for more is dropped. A received frame that finds no buffers waits in `held`, and the
// backend is not asked for the next one: nothing is lost here.

import type { NetworkBackend } from '../backends/backends.ts';
import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { putConfiguration, readConfiguration } from './configuration.ts';
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts';
import { DescriptorChain, QueueLook } from './virtqueue.ts';

const QUEUE_SIZE = 256;
const Queue = { receive: 0, transmit: 1 } as const;
const Feature = { mtu: 3, mac: 5, mergeReceiveBuffers: 15, status: 16 } as const;
const HEADER_BYTES = 12;
const NUM_BUFFERS = 10;
const MIN_FRAME_BYTES = 14;
/** 65,535 bytes of IP and a 14-byte Ethernet header. */
const MAX_FRAME_BYTES = 65_549;
const CONFIGURATION_BYTES = 12;
const STATUS_OFFSET = 6;
const STATUS_LINK_UP = 1;
/** Frames per poll: bounded work between two slices. */
const FRAMES_PER_POLL = 64;

export interface NetworkCounters {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
}

export class VirtioNet implements VirtioDevice {
  readonly deviceType = 1;
  readonly classCode = 0x02_0000;
  readonly features =
    (1 << Feature.mtu) | (1 << Feature.mac) | (1 << Feature.mergeReceiveBuffers) | (1 << Feature.status);
  readonly queueSizes: readonly number[] = [QUEUE_SIZE, QUEUE_SIZE];
  readonly configurationBytes = CONFIGURATION_BYTES;
  private readonly backend: NetworkBackend;
  private readonly counters: NetworkCounters;
  private readonly configuration = new Uint8Array(CONFIGURATION_BYTES);
  private readonly chain = new DescriptorChain();
  private readonly header = new Uint8Array(HEADER_BYTES);
  private readonly outgoing = new Uint8Array(MAX_FRAME_BYTES);
  private transport!: VirtioTransport;
  private readonly state = {
    linkUp: false,
    /** A received frame for which there was no room yet. */
    held: new Uint8Array(MAX_FRAME_BYTES),
    heldBytes: 0,
  };

  constructor(backend: NetworkBackend, counters: NetworkCounters) {
    this.backend = backend;
    this.counters = counters;
    this.configuration.set(backend.macAddress.subarray(0, 6));
    putConfiguration(this.configuration, 8, 2, 1);
    putConfiguration(this.configuration, 10, 2, Math.max(68, Math.min(65_535, backend.mtu)));
    this.setLink(backend.linkUp());
  }

  connect(transport: VirtioTransport): void {
    this.transport = transport;
  }
  configurationRead(offset: number, width: AccessWidth): number {
    return readConfiguration(this.configuration, offset, width);
  }
  configurationWrite(): void {}
  started(): void {
    this.transmit();
  }
  reset(): void {
    this.state.heldBytes = 0;
  }
  queueReset(): void {}

  notified(index: number): void {
    if (index === Queue.transmit) this.transmit();
    else this.deliverHeld();
  }

  /** Moves up to 64 frames from the backend into posted buffers; true if anything moved. */
  pollBackend(): boolean {
    const linkUp = this.backend.linkUp();
    if (linkUp !== this.state.linkUp) {
      this.setLink(linkUp);
      this.transport.configurationChanged();
    }
    let moved = false;
    for (let n = 0; n < FRAMES_PER_POLL && this.transport.running; n++) {
      if (this.state.heldBytes === 0) {
        if (!this.hasReceiveBuffer()) break;
        const length = this.backend.receive(this.state.held);
        if (length < MIN_FRAME_BYTES || length > MAX_FRAME_BYTES) break;
        this.state.heldBytes = length;
      }
      if (!this.deliverHeld()) break;
      moved = true;
    }
    return moved;
  }

  private setLink(up: boolean): void {
    this.state.linkUp = up;
    putConfiguration(this.configuration, STATUS_OFFSET, 2, up ? STATUS_LINK_UP : 0);
  }

  private hasReceiveBuffer(): boolean {
    const queue = this.transport.queue(Queue.receive);
    const look = queue.peek(this.chain, this.transport.eventIndex);
    if (look === QueueLook.broken) this.transport.broken();
    return look === QueueLook.chain;
  }

  /** Puts the held frame into one buffer, or with MRG_RXBUF into as many as it needs. False if it has to wait. */
  private deliverHeld(): boolean {
    const { held, heldBytes } = this.state;
    if (heldBytes === 0 || !this.transport.running) return false;
    const queue = this.transport.queue(Queue.receive);
    const memory = this.transport.memory;
    const merge = this.transport.hasFeature(Feature.mergeReceiveBuffers);
    let buffers = 0;
    let done = 0;
    let lowAddress = -1;
    let highAddress = -1;
    while (done < heldBytes) {
      const look = buffers < queue.state.size ? queue.peek(this.chain, this.transport.eventIndex) : QueueLook.empty;
      const room = this.chain.writableBytes - (buffers === 0 ? HEADER_BYTES : 0);
      if (look === QueueLook.broken || (look === QueueLook.chain && (this.chain.readableBytes > 0 || room <= 0))) {
        this.transport.broken();
        return false;
      }
      if (look === QueueLook.empty) {
        queue.untake(buffers);
        return false;
      }
      if (!merge && room < heldBytes) {
        // The frame is larger than what the driver said it can take: dropped, as 5.1.6.3.1 leaves it to the driver to post enough.
        this.state.heldBytes = 0;
        return true;
      }
      const start = buffers === 0 ? HEADER_BYTES : 0;
      if (buffers === 0) {
        this.header.fill(0);
        this.chain.write(memory, 0, this.header);
        lowAddress = this.writableAddress(NUM_BUFFERS);
        highAddress = this.writableAddress(NUM_BUFFERS + 1);
      }
      const count = this.chain.write(memory, start, held.subarray(done, heldBytes));
      queue.addUsed(this.chain.head, start + count, buffers);
      queue.take();
      done += count;
      buffers++;
    }
    memory.write8(lowAddress, buffers & 0xff);
    memory.write8(highAddress, buffers >> 8);
    queue.publish(buffers);
    this.state.heldBytes = 0;
    this.counters.framesIn++;
    this.counters.bytesIn += heldBytes;
    this.transport.signal(Queue.receive);
    return true;
  }

  /** Where byte `position` of the current chain's writable part lies (num_buffers may be split over two segments). */
  private writableAddress(position: number): number {
    let skip = position;
    for (let n = this.chain.readableCount; n < this.chain.count; n++) {
      if (skip < this.chain.lengths[n]) return this.chain.addresses[n] + skip;
      skip -= this.chain.lengths[n];
    }
    return -1;
  }

  private transmit(): void {
    if (!this.transport.running) return;
    const queue = this.transport.queue(Queue.transmit);
    let sent = 0;
    // At most one round of the ring: a driver cannot keep the device here.
    for (let n = 0; n < queue.state.size; n++) {
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) break;
      if (look === QueueLook.broken || this.chain.readableBytes < HEADER_BYTES) {
        this.transport.broken();
        return;
      }
      queue.take();
      this.sendChain();
      queue.addUsed(this.chain.head, 0);
      queue.publish(1);
      sent++;
    }
    if (sent > 0) this.transport.signal(Queue.transmit);
  }

  private sendChain(): void {
    const memory = this.transport.memory;
    const length = this.chain.readableBytes - HEADER_BYTES;
    this.chain.read(memory, 0, this.header);
    const asksForOffload = this.header[0] !== 0 || this.header[1] !== 0;
    if (asksForOffload || length < MIN_FRAME_BYTES || length > MAX_FRAME_BYTES) return;
    const frame = this.outgoing.subarray(0, length);
    this.chain.read(memory, HEADER_BYTES, frame);
    if (!this.backend.send(frame)) return;
    this.counters.framesOut++;
    this.counters.bytesOut += length;
  }

  snapshot(): DeviceSnapshot {
    const { linkUp, held, heldBytes } = this.state;
    return writeState('virtio-net', 1, { linkUp, heldBytes, frames: [{ bytes: held.slice(0, heldBytes) }] });
  }
  restore(snapshot: DeviceSnapshot): void {
    const form = { linkUp: false, heldBytes: 0, frames: [] as { bytes: Uint8Array }[] };
    restoreState('virtio-net', 1, snapshot, form);
    const frame = form.frames[0]?.bytes;
    const valid = frame instanceof Uint8Array && frame.length <= MAX_FRAME_BYTES && frame.length === form.heldBytes;
    if (!valid) throw new Error('snapshot: virtio-net holds a frame of a wrong length');
    this.state.held.set(frame);
    this.state.heldBytes = frame.length;
    this.setLink(form.linkUp);
  }
}
