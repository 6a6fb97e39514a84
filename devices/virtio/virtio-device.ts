// What a virtio device type is to its transport, and the transport to it.

import type { PhysicalMemory } from '../base/physical-memory.ts';
import type { Snapshotable } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import type { VirtQueue } from './virtqueue.ts';

/** Feature bits that belong to the transport and the rings (virtio 1.2, 6). */
export const CommonFeature = { indirectDescriptors: 28, eventIndex: 29, version1: 32, ringReset: 40 } as const;

/** A device type. It sees its queues only while the driver has set DRIVER_OK and lets the device be bus master. */
export interface VirtioDevice extends Snapshotable {
  /** Device type number (virtio 1.2, 5). */
  readonly deviceType: number;
  /** PCI base class << 16 | subclass << 8 | interface. */
  readonly classCode: number;
  /** Feature bits 0-23 that the device offers. */
  readonly features: number;
  /** Largest size of each queue, powers of two. */
  readonly queueSizes: readonly number[];
  /** Length of the device-specific configuration. */
  readonly configurationBytes: number;
  connect(transport: VirtioTransport): void;
  configurationRead(offset: number, width: AccessWidth): number;
  configurationWrite(offset: number, width: AccessWidth, value: number): void;
  /** The driver has put chains into queue `index`. */
  notified(index: number): void;
  /** The driver has set DRIVER_OK. */
  started(): void;
  /** Back to the state at power-on, requests in flight forgotten. */
  reset(): void;
  /** Queue `index` alone was reset. */
  queueReset(index: number): void;
}

/** The transport's side. */
export interface VirtioTransport {
  readonly memory: PhysicalMemory;
  /** True while the device may touch its queues. */
  readonly running: boolean;
  readonly eventIndex: boolean;
  hasFeature(bit: number): boolean;
  queue(index: number): VirtQueue;
  /** Publishes one finished chain and interrupts the driver if it wants that. */
  complete(index: number, head: number, written: number): void;
  /** Interrupts the driver if it wants that, after publish calls of the queue itself. */
  signal(index: number): void;
  /** The configuration changed by itself. */
  configurationChanged(): void;
  /** The driver broke a rule from which the device cannot go on: DEVICE_NEEDS_RESET (2.1.2). */
  broken(): void;
}
