// Entropy device (virtio 1.2, 5.4): queue 0, device-writable buffers, filled from the host's generator (seeded in deterministic runs).

import type { EntropyBackend } from '../backends/backends.ts';
import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot } from '../contract/device.ts';
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts';
import { DescriptorChain, QueueLook } from './virtqueue.ts';

const QUEUE_SIZE = 64;
/** A request gets at most this much; 5.4.6.1 allows less than was asked for. */
const MAX_BYTES = 4096;

export class VirtioEntropy implements VirtioDevice {
  readonly deviceType = 4;
  readonly classCode = 0x00_ff00;
  readonly features = 0;
  readonly queueSizes: readonly number[] = [QUEUE_SIZE];
  readonly configurationBytes = 0;
  private readonly backend: EntropyBackend;
  private readonly chain = new DescriptorChain();
  private readonly buffer = new Uint8Array(MAX_BYTES);
  private transport!: VirtioTransport;

  constructor(backend: EntropyBackend) {
    this.backend = backend;
  }
  connect(transport: VirtioTransport): void {
    this.transport = transport;
  }
  configurationRead(): number {
    return 0;
  }
  configurationWrite(): void {}
  started(): void {
    this.notified();
  }
  reset(): void {}
  queueReset(): void {}

  notified(): void {
    if (!this.transport.running) return;
    const queue = this.transport.queue(0);
    for (let n = 0; n < queue.state.size; n++) {
      const look = queue.peek(this.chain, this.transport.eventIndex);
      if (look === QueueLook.empty) return;
      if (look === QueueLook.broken || this.chain.readableBytes > 0) {
        this.transport.broken();
        return;
      }
      queue.take();
      const target = this.buffer.subarray(0, Math.min(MAX_BYTES, this.chain.writableBytes));
      this.backend.fill(target);
      this.transport.complete(0, this.chain.head, this.chain.write(this.transport.memory, 0, target));
    }
  }

  snapshot(): DeviceSnapshot {
    return writeState('virtio-entropy', 1, {});
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('virtio-entropy', 1, snapshot, {});
  }
}
