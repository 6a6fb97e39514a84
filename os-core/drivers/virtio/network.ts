// virtio-net (virtio 1.2, 5.1): Ethernet frames in and out.
//
//   queue 0 receive, 1 transmit; each buffer begins with virtio_net_hdr (12 bytes: flags, gso_type, hdr_len, gso_size, csum_start,
//   csum_offset, num_buffers), all zero here: no offload is negotiated
//   configuration: 0 mac[6], 6 u16 status (bit 0 link up), 10 u16 mtu
//
//   buffers of 2048 bytes, two to a frame ──► device ──► IRQ ──► receiver.receiveFrame(view) ──► buffer goes back
//   transmit(frame) ──► copy into a free buffer ──► device            no buffer free: false, the frame is dropped by the caller
//
// Invariant: every buffer is either with the device or (transmit) in idleTransmit.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { FrameReceiver, NetworkDriver } from '../../kernel/network/service.ts';
import { VirtioDriver } from './driver.ts';
import type { VirtioQueue } from './queue.ts';
import type { VirtioTransport } from './transport.ts';

const FEATURE_MTU = 3;
const FEATURE_MAC = 5;
const FEATURE_STATUS = 16;
const HEADER_BYTES = 12;
const BUFFER_BYTES = 2048;
const FRAME_BYTES = 4096;
const ETHERNET_HEADER_BYTES = 14;
const DEFAULT_MTU = 1500;
const MAX_MTU = BUFFER_BYTES - HEADER_BYTES - ETHERNET_HEADER_BYTES;
const MIN_MTU = 576;
const STATUS_LINK_UP = 1;
/** One interrupt takes at most this many frames before it looks at the transmit side; more come with the next round. */
const MAX_RECEIVE_BATCH = 256;

export class VirtioNetwork extends VirtioDriver implements NetworkDriver {
  readonly macAddress: Uint8Array = new Uint8Array(6);
  readonly mtu: number;
  receiver: FrameReceiver | null = null;
  framesIn = 0;
  framesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Frames that were too short, too long, or found no free buffer. */
  dropped = 0;
  linkUp = true;

  private readonly receive: VirtioQueue;
  private readonly send: VirtioQueue;
  private readonly receiveAddress: Float64Array;
  private readonly sendAddress: Float64Array;
  private readonly idleTransmit: number[] = [];

  private constructor(kernel: Kernel, transport: VirtioTransport, receive: VirtioQueue, send: VirtioQueue) {
    super(transport);
    this.receive = receive;
    this.send = send;
    this.receiveAddress = new Float64Array(receive.size);
    this.sendAddress = new Float64Array(send.size);
    const { machine } = kernel;
    for (let i = 0; i < 6; i++) this.macAddress[i] = transport.configuration8(machine, i);
    if (!transport.has(FEATURE_MAC)) {
      // No address of its own: a random, locally administered one.
      kernel.random.fill(this.macAddress);
      this.macAddress[0] = (this.macAddress[0] & 0xfe) | 2;
    }
    const offered = transport.has(FEATURE_MTU) ? transport.configuration16(machine, 10) : DEFAULT_MTU;
    this.mtu = Math.min(MAX_MTU, Math.max(MIN_MTU, offered));
  }

  static start(kernel: Kernel, transport: VirtioTransport): VirtioNetwork | null {
    const { machine } = kernel;
    if (!transport.negotiate(machine, (1 << FEATURE_MTU) | (1 << FEATURE_MAC) | (1 << FEATURE_STATUS))) return null;
    const receive = transport.createQueue(kernel, 0, 128);
    const send = transport.createQueue(kernel, 1, 128);
    if (receive === null || send === null) {
      transport.fail(machine);
      return null;
    }
    const driver = new VirtioNetwork(kernel, transport, receive, send);
    driver.allocateBuffers(kernel);
    driver.configurationChanged(kernel);
    driver.go(kernel);
    transport.kick(machine, receive);
    return driver;
  }

  private allocateBuffers(kernel: Kernel): void {
    for (let i = 0; i < this.receive.size; i += 2) {
      const frame = kernel.frames.allocate();
      if (frame === 0) break;
      for (let at = frame; at < frame + FRAME_BYTES && this.receive.free > 0; at += BUFFER_BYTES) this.post(kernel, at);
    }
    for (let i = 0; i < this.send.size; i += 2) {
      const frame = kernel.frames.allocate();
      if (frame === 0) break;
      this.idleTransmit.push(frame, frame + BUFFER_BYTES);
    }
  }

  private post(kernel: Kernel, address: number): void {
    const { memory } = kernel.machine;
    this.receive.begin();
    this.receive.push(memory, address, BUFFER_BYTES, true);
    this.receiveAddress[this.receive.commit(memory)] = address;
  }

  override queuesChanged(kernel: Kernel): void {
    const { memory } = kernel.machine;
    let taken = 0;
    for (; taken < MAX_RECEIVE_BATCH; taken++) {
      const head = this.receive.pop(memory);
      if (head < 0) break;
      const address = this.receiveAddress[head];
      const length = this.receive.usedLength - HEADER_BYTES;
      if (length >= ETHERNET_HEADER_BYTES && length <= this.mtu + ETHERNET_HEADER_BYTES) {
        this.framesIn++;
        this.bytesIn += length;
        this.receiver?.receiveFrame(
          kernel,
          memory.bytes.subarray(address + HEADER_BYTES, address + HEADER_BYTES + length),
        );
      } else {
        this.dropped++;
      }
      this.post(kernel, address);
    }
    if (taken > 0) this.transport.kick(kernel.machine, this.receive);
    this.reclaim(kernel);
  }

  override configurationChanged(kernel: Kernel): void {
    if (!this.transport.has(FEATURE_STATUS)) return;
    const up = (this.transport.configuration16(kernel.machine, 6) & STATUS_LINK_UP) !== 0;
    if (up !== this.linkUp) kernel.log(`[net] link ${up ? 'up' : 'down'}`);
    this.linkUp = up;
  }

  private reclaim(kernel: Kernel): void {
    const { memory } = kernel.machine;
    for (let head = this.send.pop(memory); head >= 0; head = this.send.pop(memory))
      this.idleTransmit.push(this.sendAddress[head]);
  }

  transmit(kernel: Kernel, frame: Uint8Array): boolean {
    assert(frame.length >= ETHERNET_HEADER_BYTES, 'a frame has at least its header');
    if (this.idleTransmit.length === 0) this.reclaim(kernel);
    if (frame.length > this.mtu + ETHERNET_HEADER_BYTES || this.send.broken || this.idleTransmit.length === 0) {
      this.dropped++;
      return false;
    }
    const { machine } = kernel;
    const address = this.idleTransmit.pop() ?? 0;
    machine.memory.fill(address, HEADER_BYTES, 0);
    machine.memory.writeBytes(address + HEADER_BYTES, frame);
    this.send.begin();
    this.send.push(machine.memory, address, HEADER_BYTES + frame.length, false);
    this.sendAddress[this.send.commit(machine.memory)] = address;
    this.framesOut++;
    this.bytesOut += frame.length;
    this.transport.kick(machine, this.send);
    return true;
  }
}
registerClass('drivers.VirtioNetwork', 1, VirtioNetwork as unknown as abstract new () => object);

/** 52:54:00:12:34:56 */
export function formatMac(address: Uint8Array): string {
  return [...address].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
