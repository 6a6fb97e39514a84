// What all virtio drivers share: the transport and the interrupt entry.

import type { Kernel } from '../../kernel/kernel.ts';
import type { InterruptHandler } from '../../kernel/traps/interrupts.ts';
import { IsrBit, type VirtioTransport } from './transport.ts';

/** The highest line that the 8259 pair has; 255 in PCI's register means "not connected". */
const LAST_LINE = 15;

export abstract class VirtioDriver implements InterruptHandler {
  readonly transport: VirtioTransport;

  constructor(transport: VirtioTransport) {
    this.transport = transport;
  }

  /** Called once the queues are set up: interrupts on, device live. */
  protected go(kernel: Kernel): void {
    const line = this.transport.pci.interruptLine;
    if (line <= LAST_LINE) kernel.interrupts.register(kernel, line, this);
    this.transport.start(kernel.machine);
  }

  handleInterrupt(kernel: Kernel): boolean {
    const status = this.transport.readInterruptStatus(kernel.machine);
    if (status === 0 || status === 0xff) return false;
    if ((status & IsrBit.queue) !== 0) this.queuesChanged(kernel);
    if ((status & IsrBit.configuration) !== 0) this.configurationChanged(kernel);
    return true;
  }

  /** Buffers have come back on some queue. Bounded by the queue sizes. */
  abstract queuesChanged(kernel: Kernel): void;
  configurationChanged(_kernel: Kernel): void {}
}
