// virtio-rng (virtio 1.2, 5.4): one queue of buffers that the device fills with random bytes.
//
//   device ──► 64-byte buffer ──► kernel.random.addEntropy        at boot, then again every RESEED_NANOS

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { TimerTarget } from '../../kernel/time/timers.ts';
import { VirtioDriver } from './driver.ts';
import type { VirtioQueue } from './queue.ts';
import type { VirtioTransport } from './transport.ts';

const SEED_BYTES = 64;
const RESEED_NANOS = 60_000_000_000;

export class VirtioEntropy extends VirtioDriver implements TimerTarget {
  private readonly queue: VirtioQueue;
  private readonly buffer: number;
  private outstanding = false;

  private constructor(transport: VirtioTransport, queue: VirtioQueue, buffer: number) {
    super(transport);
    this.queue = queue;
    this.buffer = buffer;
  }

  static start(kernel: Kernel, transport: VirtioTransport): VirtioEntropy | null {
    if (!transport.negotiate(kernel.machine, 0)) return null;
    const queue = transport.createQueue(kernel, 0, 8);
    const buffer = kernel.frames.allocate();
    if (queue === null || buffer === 0) {
      transport.fail(kernel.machine);
      return null;
    }
    const driver = new VirtioEntropy(transport, queue, buffer);
    driver.go(kernel);
    driver.timerExpired(kernel);
    return driver;
  }

  /** Asks for new entropy. */
  timerExpired(kernel: Kernel): void {
    kernel.timers.schedule(kernel.nowNanos() + RESEED_NANOS, this);
    if (this.outstanding || this.queue.broken) return;
    const { machine } = kernel;
    this.outstanding = true;
    this.queue.begin();
    this.queue.push(machine.memory, this.buffer, SEED_BYTES, true);
    this.queue.commit(machine.memory);
    this.transport.kick(machine, this.queue);
    this.queuesChanged(kernel);
  }

  override queuesChanged(kernel: Kernel): void {
    const { memory } = kernel.machine;
    if (this.queue.pop(memory) < 0) return;
    this.outstanding = false;
    kernel.random.addEntropy(memory.bytes.slice(this.buffer, this.buffer + this.queue.usedLength));
    memory.fill(this.buffer, SEED_BYTES, 0);
  }
}
registerClass('drivers.VirtioEntropy', 1, VirtioEntropy as unknown as abstract new () => object);
