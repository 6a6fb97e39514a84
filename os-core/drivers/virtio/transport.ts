// Virtio over PCI, modern devices only (virtio 1.2, 4.1).
//
//   vendor capabilities (id 9): +3 type, +4 BAR, +8 offset, +12 length, notify also +16 multiplier
//     1 common ─► registers below     2 notify ─► + queue_notify_off * multiplier     3 ISR     4 device configuration
//
//   common (4.1.4.3)  00 device_feature_select  04 device_feature  08 driver_feature_select  0C driver_feature
//                     12 num_queues  14 device_status  15 config_generation  16 queue_select  18 queue_size
//                     1C queue_enable  1E queue_notify_off  20 queue_desc  28 queue_driver  30 queue_device
//
// Start-up order is that of 3.1.1. Interrupts: the legacy line; reading ISR says queue (1) or configuration (2) and takes
// the request back.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Machine } from '../../../devices/contract/machine.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { PciFunction } from '../pci.ts';
import { VirtioQueue } from './queue.ts';

export const VIRTIO_VENDOR = 0x1af4;
/** PCI device id of a modern device = this + virtio device type. */
export const VIRTIO_FIRST_DEVICE_ID = 0x1040;

/** Virtio device types (virtio 1.2, 5). */
export const VirtioType = { network: 1, block: 2, console: 3, entropy: 4, crypto: 20 } as const;

const CAPABILITY_VENDOR = 9;
const StructureType = { common: 1, notify: 2, isr: 3, device: 4 } as const;
const Common = {
  deviceFeatureSelect: 0x00,
  deviceFeature: 0x04,
  driverFeatureSelect: 0x08,
  driverFeature: 0x0c,
  queueCount: 0x12,
  status: 0x14,
  queueSelect: 0x16,
  queueSize: 0x18,
  queueEnable: 0x1c,
  queueNotifyOffset: 0x1e,
  queueDescriptors: 0x20,
  queueDriver: 0x28,
  queueDevice: 0x30,
} as const;
const Status = { acknowledge: 1, driver: 2, driverOk: 4, featuresOk: 8, failed: 128 } as const;
/** Feature bit 32: virtio 1.x. */
const FEATURE_VERSION_1_HIGH = 1;
const FRAME_BYTES = 4096;
/** A reset is done when the status reads 0 (4.1.4.3.2); a device that never gets there is given up. */
const MAX_RESET_LOOKS = 1000;
const MAX_QUEUE_SIZE = 256;

export const IsrBit = { queue: 1, configuration: 2 } as const;

export class VirtioTransport {
  readonly pci: PciFunction;
  private readonly common: number;
  private readonly notify: number;
  private readonly notifyMultiplier: number;
  private readonly isr: number;
  /** MMIO address of the device configuration, 0 if it has none; and its length. */
  readonly deviceConfiguration: number;
  readonly deviceConfigurationBytes: number;
  /** Negotiated features, bits 0-31 and 32-63. */
  featuresLow = 0;
  featuresHigh = 0;

  private constructor(pci: PciFunction, structures: ReadonlyMap<number, Structure>) {
    this.pci = pci;
    this.common = structures.get(StructureType.common)?.address ?? 0;
    this.notify = structures.get(StructureType.notify)?.address ?? 0;
    this.notifyMultiplier = structures.get(StructureType.notify)?.multiplier ?? 0;
    this.isr = structures.get(StructureType.isr)?.address ?? 0;
    this.deviceConfiguration = structures.get(StructureType.device)?.address ?? 0;
    this.deviceConfigurationBytes = structures.get(StructureType.device)?.length ?? 0;
  }

  /** Finds the structures of a modern virtio device; null if `pci` is not one. */
  static find(machine: Machine, pci: PciFunction): VirtioTransport | null {
    if (pci.vendorId !== VIRTIO_VENDOR || pci.deviceId < VIRTIO_FIRST_DEVICE_ID) return null;
    const structures = new Map<number, Structure>();
    for (const capability of pci.capabilities) {
      if (capability.id !== CAPABILITY_VENDOR) continue;
      const type = pci.read8(machine, capability.offset + 3);
      const bar = pci.bars[pci.read8(machine, capability.offset + 4)];
      const offset = pci.read32(machine, capability.offset + 8);
      const length = pci.read32(machine, capability.offset + 12);
      // The first usable structure of a type is the preferred one (4.1.4).
      if (bar?.kind !== 'memory' || offset + length > bar.sizeBytes || structures.has(type)) continue;
      const multiplier = type === StructureType.notify ? pci.read32(machine, capability.offset + 16) : 0;
      structures.set(type, { address: bar.address + offset, length, multiplier });
    }
    for (const needed of [StructureType.common, StructureType.notify, StructureType.isr])
      if (!structures.has(needed)) return null;
    return new VirtioTransport(pci, structures);
  }

  /** The virtio device type. */
  get type(): number {
    return this.pci.deviceId - VIRTIO_FIRST_DEVICE_ID;
  }

  /** Resets, then agrees on version 1 and those of the wanted features (low word) that the device offers. False: unusable. */
  negotiate(machine: Machine, wantedLow: number): boolean {
    this.pci.enable(machine);
    machine.mmioWrite(this.common + Common.status, 1, 0);
    let looks = 0;
    while (machine.mmioRead(this.common + Common.status, 1) !== 0) if (++looks > MAX_RESET_LOOKS) return false;
    this.addStatus(machine, Status.acknowledge);
    this.addStatus(machine, Status.driver);
    machine.mmioWrite(this.common + Common.deviceFeatureSelect, 4, 0);
    this.featuresLow = machine.mmioRead(this.common + Common.deviceFeature, 4) & wantedLow;
    machine.mmioWrite(this.common + Common.deviceFeatureSelect, 4, 1);
    this.featuresHigh = machine.mmioRead(this.common + Common.deviceFeature, 4) & FEATURE_VERSION_1_HIGH;
    if (this.featuresHigh === 0) return this.fail(machine);
    machine.mmioWrite(this.common + Common.driverFeatureSelect, 4, 0);
    machine.mmioWrite(this.common + Common.driverFeature, 4, this.featuresLow >>> 0);
    machine.mmioWrite(this.common + Common.driverFeatureSelect, 4, 1);
    machine.mmioWrite(this.common + Common.driverFeature, 4, this.featuresHigh);
    this.addStatus(machine, Status.featuresOk);
    if ((machine.mmioRead(this.common + Common.status, 1) & Status.featuresOk) === 0) return this.fail(machine);
    return true;
  }

  /** True if feature bit n (0-31) was agreed on. */
  has(bit: number): boolean {
    return ((this.featuresLow >>> bit) & 1) !== 0;
  }

  private addStatus(machine: Machine, bits: number): void {
    const status = machine.mmioRead(this.common + Common.status, 1);
    machine.mmioWrite(this.common + Common.status, 1, status | bits);
  }

  /** Gives the device up. */
  fail(machine: Machine): false {
    this.addStatus(machine, Status.failed);
    return false;
  }

  /** Back to the state after power-on. */
  reset(machine: Machine): void {
    machine.mmioWrite(this.common + Common.status, 1, 0);
  }

  queueCount(machine: Machine): number {
    return machine.mmioRead(this.common + Common.queueCount, 2);
  }

  /** Sets up queue `index` in new kernel frames, with at most `wantedSize` entries; null if the device has no such queue or RAM is full. */
  createQueue(kernel: Kernel, index: number, wantedSize: number): VirtioQueue | null {
    const machine = kernel.machine;
    if (index >= this.queueCount(machine)) return null;
    machine.mmioWrite(this.common + Common.queueSelect, 2, index);
    const offered = machine.mmioRead(this.common + Common.queueSize, 2);
    if (offered === 0) return null;
    let size = 1;
    while (size * 2 <= Math.min(offered, wantedSize, MAX_QUEUE_SIZE)) size *= 2;
    const bytes = VirtioQueue.bytesFor(size);
    const address = kernel.frames.contiguous(Math.ceil(bytes / FRAME_BYTES));
    if (address === 0) return null;
    machine.memory.fill(address, Math.ceil(bytes / FRAME_BYTES) * FRAME_BYTES, 0);
    const notifyOffset = machine.mmioRead(this.common + Common.queueNotifyOffset, 2);
    const queue = new VirtioQueue(index, size, address, this.notify + notifyOffset * this.notifyMultiplier);
    machine.mmioWrite(this.common + Common.queueSize, 2, size);
    this.write64(machine, Common.queueDescriptors, queue.descriptors);
    this.write64(machine, Common.queueDriver, queue.available);
    this.write64(machine, Common.queueDevice, queue.used);
    machine.mmioWrite(this.common + Common.queueEnable, 2, 1);
    return queue;
  }

  private write64(machine: Machine, register: number, value: number): void {
    machine.mmioWrite(this.common + register, 4, value >>> 0);
    machine.mmioWrite(this.common + register + 4, 4, Math.floor(value / 0x1_0000_0000));
  }

  /** The device may work from now on. */
  start(machine: Machine): void {
    this.addStatus(machine, Status.driverOk);
  }

  /** Tells the device that queue has new chains, unless it asked not to be told. */
  kick(machine: Machine, queue: VirtioQueue): void {
    if (queue.wantsNotification(machine.memory)) machine.mmioWrite(queue.notifyAddress, 2, queue.index);
  }

  /** Bits of IsrBit; reading takes the interrupt request back. */
  readInterruptStatus(machine: Machine): number {
    return machine.mmioRead(this.isr, 1);
  }

  configuration8(machine: Machine, offset: number): number {
    return offset < this.deviceConfigurationBytes ? machine.mmioRead(this.deviceConfiguration + offset, 1) & 0xff : 0;
  }
  configuration16(machine: Machine, offset: number): number {
    return offset + 2 <= this.deviceConfigurationBytes ? machine.mmioRead(this.deviceConfiguration + offset, 2) : 0;
  }
  configuration32(machine: Machine, offset: number): number {
    return offset + 4 <= this.deviceConfigurationBytes
      ? machine.mmioRead(this.deviceConfiguration + offset, 4) >>> 0
      : 0;
  }
}
registerClass('VirtioTransport', 1, VirtioTransport as unknown as abstract new () => object);

interface Structure {
  readonly address: number;
  readonly length: number;
  readonly multiplier: number;
}
