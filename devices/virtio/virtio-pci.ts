// virtio over PCI, modern interface (virtio 1.2, 4.1).
//
//   BAR 0, 16 KiB   0x0000 common configuration   0x1000 ISR   0x2000 device configuration   0x3000 notify, 4 bytes per queue
//
//   common configuration (4.1.4.3)
//     00 u32 device feature select   04 u32 device feature   08 u32 driver feature select   0C u32 driver feature
//     10 u16 config MSI-X   12 u16 queues   14 u8 status   15 u8 generation
//     16 u16 queue select   18 u16 queue size   1A u16 queue MSI-X   1C u16 enable   1E u16 notify offset
//     20 u64 descriptors   28 u64 driver area   30 u64 device area   38 u16 notify data   3A u16 queue reset
//
//   status   1 ACKNOWLEDGE  2 DRIVER  8 FEATURES_OK  4 DRIVER_OK  64 DEVICE_NEEDS_RESET  128 FAILED; writing 0 resets
//
// Left out: MSI-X (every vector reads back "none"), the legacy interface, packed rings.
//
// Invariants: the device touches guest memory only while `running`; FEATURES_OK stays set only for a subset of the offer that has
// VERSION_1; ISR bit 0 = a queue, bit 1 = the configuration, cleared by reading, and INTx is high while ISR is not 0.

import { restoreState, writeState } from '../base/device-state.ts';
import type { PhysicalMemory } from '../base/physical-memory.ts';
import type { DeviceSnapshot, InterruptLine, MmioDevice, Snapshotable } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import { PciFunction } from '../pci/pci-function.ts';
import { RegisterFile, type RegisterRow } from './register-file.ts';
import { CommonFeature, type VirtioDevice, type VirtioTransport } from './virtio-device.ts';
import { type QueueState, VirtQueue } from './virtqueue.ts';

const VIRTIO_VENDOR = 0x1af4;
const VIRTIO_DEVICE_BASE = 0x1040;
/** Modern devices have revision 1 or higher (4.1.2.1). */
const VIRTIO_REVISION = 1;
const SUBSYSTEM = 0x1100;

export const VIRTIO_BAR = 0;
export const VIRTIO_BAR_BYTES = 0x4000;
const REGION_BYTES = 0x1000;
const Region = { common: 0, isr: 1, device: 2, notify: 3 } as const;
const NOTIFY_MULTIPLIER = 4;
const COMMON_BYTES = 0x3c;

const CAPABILITY_VENDOR = 0x09;
const CapabilityType = { common: 1, notify: 2, isr: 3, device: 4, pciAccess: 5 } as const;

export const VirtioStatus = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 64,
  failed: 128,
} as const;
const Isr = { queue: 1, configuration: 2 } as const;
const NO_VECTOR = 0xffff;

export class VirtioPci implements VirtioTransport, MmioDevice, Snapshotable {
  readonly memory: PhysicalMemory;
  readonly pci: PciFunction;
  readonly device: VirtioDevice;
  private readonly kind: string;
  private readonly queues: VirtQueue[];
  private readonly state: {
    status: number;
    generation: number;
    isr: number;
    deviceFeatureSelect: number;
    driverFeatureSelect: number;
    driverFeaturesLow: number;
    driverFeaturesHigh: number;
    queueSelect: number;
    accessBar: number;
    accessOffset: number;
    accessLength: number;
    queues: QueueState[];
  };
  private readonly common: RegisterFile;

  constructor(name: string, memory: PhysicalMemory, device: VirtioDevice, line: InterruptLine) {
    this.kind = `virtio-${name}`;
    this.memory = memory;
    this.device = device;
    this.pci = new PciFunction(
      name,
      {
        vendor: VIRTIO_VENDOR,
        device: VIRTIO_DEVICE_BASE + device.deviceType,
        revision: VIRTIO_REVISION,
        classCode: device.classCode,
        subsystemVendor: VIRTIO_VENDOR,
        subsystem: SUBSYSTEM,
      },
      line,
    );
    this.queues = device.queueSizes.map((size) => new VirtQueue(memory, size));
    this.state = {
      status: 0,
      generation: 0,
      isr: 0,
      deviceFeatureSelect: 0,
      driverFeatureSelect: 0,
      driverFeaturesLow: 0,
      driverFeaturesHigh: 0,
      queueSelect: 0,
      accessBar: 0,
      accessOffset: 0,
      accessLength: 0,
      queues: this.queues.map((queue) => queue.state),
    };
    this.common = new RegisterFile(COMMON_BYTES, this.commonRegisters());
    this.describe();
    device.connect(this);
  }

  private describe(): void {
    this.pci.useInterrupt();
    this.pci.addMemoryBar(VIRTIO_BAR, VIRTIO_BAR_BYTES);
    const add = (type: number, region: number, length: number, extra: readonly number[] = []): number => {
      const body = new Uint8Array(14 + extra.length * 4);
      const view = new DataView(body.buffer);
      body[0] = 16 + extra.length * 4; // cap_len counts id and next
      body[1] = type;
      body[2] = VIRTIO_BAR;
      view.setUint32(6, region * REGION_BYTES, true);
      view.setUint32(10, length, true);
      extra.forEach((value, n) => view.setUint32(14 + n * 4, value, true));
      return this.pci.addCapability(CAPABILITY_VENDOR, body);
    };
    add(CapabilityType.common, Region.common, COMMON_BYTES);
    add(CapabilityType.notify, Region.notify, this.queues.length * NOTIFY_MULTIPLIER, [NOTIFY_MULTIPLIER]);
    add(CapabilityType.isr, Region.isr, 1);
    if (this.device.configurationBytes > 0) add(CapabilityType.device, Region.device, this.device.configurationBytes);
    const access = add(CapabilityType.pciAccess, 0, 0, [0]);
    this.describeAccessWindow(access);
  }

  /** VIRTIO_PCI_CAP_PCI_CFG (4.1.4.9): BAR, offset and length are writable, the last four bytes are the window. */
  private describeAccessWindow(at: number): void {
    const state = this.state;
    const header = new RegisterFile(16, [
      { offset: 0, width: 4, read: () => this.accessHeader },
      {
        offset: 4,
        width: 1,
        read: () => state.accessBar,
        write: (value) => {
          state.accessBar = value;
        },
      },
      {
        offset: 8,
        width: 4,
        read: () => state.accessOffset,
        write: (value) => {
          state.accessOffset = value;
        },
      },
      {
        offset: 12,
        width: 4,
        read: () => state.accessLength,
        write: (value) => {
          state.accessLength = value;
        },
      },
    ]);
    const stored = [0, 1, 2, 3].map((n) => this.pci.configurationRead(at + n, 1));
    this.accessHeader = stored.reduce((sum, byte, n) => sum + byte * 2 ** (8 * n), 0);
    this.pci.setLiveCapability({
      offset: at,
      length: 20,
      read: (offset, width) => (offset < 16 ? header.read(offset, width) : this.accessWindow(null)),
      write: (offset, width, value) => {
        if (offset < 16) header.write(offset, width, value);
        else this.accessWindow(value);
      },
    });
  }
  private accessHeader = 0;

  private accessWindow(value: number | null): number {
    const { accessBar, accessOffset, accessLength } = this.state;
    const valid =
      accessBar === VIRTIO_BAR &&
      (accessLength === 1 || accessLength === 2 || accessLength === 4) &&
      accessOffset % accessLength === 0 &&
      accessOffset + accessLength <= VIRTIO_BAR_BYTES;
    if (!valid) return 0;
    if (value === null) return this.mmioRead(accessOffset, accessLength as AccessWidth);
    this.mmioWrite(accessOffset, accessLength as AccessWidth, value);
    return 0;
  }

  // ------------------------------------------------------------------------------------------------- registers

  mmioRead(offset: number, width: AccessWidth): number {
    const within = offset % REGION_BYTES;
    switch (Math.floor(offset / REGION_BYTES)) {
      case Region.common:
        return this.common.read(within, width);
      case Region.isr:
        return within === 0 ? this.readIsr() : 0;
      case Region.device:
        return within + width <= this.device.configurationBytes ? this.device.configurationRead(within, width) : 0;
      default:
        return 0;
    }
  }

  mmioWrite(offset: number, width: AccessWidth, value: number): void {
    const within = offset % REGION_BYTES;
    switch (Math.floor(offset / REGION_BYTES)) {
      case Region.common:
        this.common.write(within, width, value);
        break;
      case Region.device:
        if (within + width <= this.device.configurationBytes) this.device.configurationWrite(within, width, value);
        break;
      case Region.notify:
        this.notify(Math.floor(within / NOTIFY_MULTIPLIER));
        break;
    }
  }

  private commonRegisters(): readonly RegisterRow[] {
    const state = this.state;
    const selected = (): VirtQueue | undefined => this.queues[state.queueSelect];
    const address = (offset: number, field: 'descriptors' | 'available' | 'used'): RegisterRow[] => [
      {
        offset,
        width: 4,
        read: () => (selected()?.state[field] ?? 0) % 2 ** 32,
        write: (value) => this.setAddress(field, value, null),
      },
      {
        offset: offset + 4,
        width: 4,
        read: () => Math.floor((selected()?.state[field] ?? 0) / 2 ** 32),
        write: (value) => this.setAddress(field, null, value),
      },
    ];
    return [
      {
        offset: 0x00,
        width: 4,
        read: () => state.deviceFeatureSelect,
        write: (value) => {
          state.deviceFeatureSelect = value;
        },
      },
      { offset: 0x04, width: 4, read: () => this.offeredFeatures(state.deviceFeatureSelect) },
      {
        offset: 0x08,
        width: 4,
        read: () => state.driverFeatureSelect,
        write: (value) => {
          state.driverFeatureSelect = value;
        },
      },
      {
        offset: 0x0c,
        width: 4,
        read: () =>
          state.driverFeatureSelect === 0
            ? state.driverFeaturesLow
            : state.driverFeatureSelect === 1
              ? state.driverFeaturesHigh
              : 0,
        write: (value) => this.acceptFeatures(value),
      },
      { offset: 0x10, width: 2, read: () => NO_VECTOR },
      { offset: 0x12, width: 2, read: () => this.queues.length },
      { offset: 0x14, width: 1, read: () => state.status, write: (value) => this.writeStatus(value) },
      { offset: 0x15, width: 1, read: () => state.generation },
      {
        offset: 0x16,
        width: 2,
        read: () => state.queueSelect,
        write: (value) => {
          state.queueSelect = value;
        },
      },
      { offset: 0x18, width: 2, read: () => selected()?.state.size ?? 0, write: (value) => this.setQueueSize(value) },
      { offset: 0x1a, width: 2, read: () => NO_VECTOR },
      {
        offset: 0x1c,
        width: 2,
        read: () => (selected()?.state.enabled === true ? 1 : 0),
        write: (value) => this.enableQueue(value),
      },
      { offset: 0x1e, width: 2, read: () => state.queueSelect },
      ...address(0x20, 'descriptors'),
      ...address(0x28, 'available'),
      ...address(0x30, 'used'),
      { offset: 0x38, width: 2, read: () => state.queueSelect },
      { offset: 0x3a, width: 2, read: () => 0, write: (value) => this.resetQueue(value) },
    ];
  }

  private offeredFeatures(word: number): number {
    if (word === 0)
      return (
        (this.device.features & 0xff_ffff) | (1 << CommonFeature.indirectDescriptors) | (1 << CommonFeature.eventIndex)
      );
    if (word === 1) return (1 << (CommonFeature.version1 - 32)) | (1 << (CommonFeature.ringReset - 32));
    return 0;
  }

  private acceptFeatures(value: number): void {
    const state = this.state;
    // After FEATURES_OK the set is fixed (3.1.1).
    if ((state.status & VirtioStatus.featuresOk) !== 0) return;
    if (state.driverFeatureSelect === 0) state.driverFeaturesLow = value >>> 0;
    else if (state.driverFeatureSelect === 1) state.driverFeaturesHigh = value >>> 0;
  }

  private featuresAcceptable(): boolean {
    const { driverFeaturesLow: low, driverFeaturesHigh: high } = this.state;
    return (
      (low & ~this.offeredFeatures(0)) === 0 &&
      (high & ~this.offeredFeatures(1)) === 0 &&
      this.hasFeature(CommonFeature.version1)
    );
  }

  private writeStatus(value: number): void {
    const state = this.state;
    if (value === 0) {
      this.reset();
      return;
    }
    // Bits are only ever added by the driver (2.1.1), and NEEDS_RESET is the device's.
    let next = state.status | (value & ~VirtioStatus.needsReset);
    const fresh = next & ~state.status;
    if ((fresh & VirtioStatus.featuresOk) !== 0 && !this.featuresAcceptable()) next &= ~VirtioStatus.featuresOk;
    if ((next & VirtioStatus.featuresOk) === 0) next &= ~VirtioStatus.driverOk;
    state.status = next;
    if ((fresh & next & VirtioStatus.driverOk) !== 0) this.device.started();
  }

  private reset(): void {
    const state = this.state;
    state.status = 0;
    state.isr = 0;
    state.driverFeaturesLow = 0;
    state.driverFeaturesHigh = 0;
    state.deviceFeatureSelect = 0;
    state.driverFeatureSelect = 0;
    state.queueSelect = 0;
    for (const queue of this.queues) queue.reset();
    this.pci.setInterrupt(false);
    this.device.reset();
  }

  private setQueueSize(value: number): void {
    const queue = this.queues[this.state.queueSelect];
    if (queue === undefined || queue.state.enabled) return;
    // A power of two up to the offer (2.7); anything else leaves the size as it was.
    if (value > 0 && value <= queue.maxSize && (value & (value - 1)) === 0) queue.state.size = value;
  }

  private setAddress(field: 'descriptors' | 'available' | 'used', low: number | null, high: number | null): void {
    const queue = this.queues[this.state.queueSelect];
    if (queue === undefined || queue.state.enabled) return;
    const old = queue.state[field];
    const lowPart = low ?? old % 2 ** 32;
    // Above 2^53 numbers are not exact, but far outside RAM: all that counts is that enabling is refused.
    const highPart = high ?? Math.floor(old / 2 ** 32);
    queue.state[field] = lowPart + highPart * 2 ** 32;
  }

  private enableQueue(value: number): void {
    const queue = this.queues[this.state.queueSelect];
    if (queue === undefined || value !== 1 || queue.state.enabled) return;
    if (queue.ringsValid()) queue.state.enabled = true;
    else this.broken();
  }

  private resetQueue(value: number): void {
    const queue = this.queues[this.state.queueSelect];
    if (queue === undefined || value !== 1 || !this.hasFeature(CommonFeature.ringReset)) return;
    // Nothing is left in flight afterwards, so queue_reset reads 0 at once (4.1.4.3.1).
    queue.reset();
    this.device.queueReset(this.state.queueSelect);
  }

  private notify(index: number): void {
    if (this.running && this.queues[index]?.state.enabled === true) this.device.notified(index);
  }

  private readIsr(): number {
    const value = this.state.isr;
    this.state.isr = 0;
    this.pci.setInterrupt(false);
    return value;
  }

  private interrupt(bits: number): void {
    this.state.isr |= bits;
    this.pci.setInterrupt(true);
  }

  // ------------------------------------------------------------------------------------------------- for the device

  get running(): boolean {
    const { status } = this.state;
    return (
      (status & VirtioStatus.driverOk) !== 0 &&
      (status & (VirtioStatus.needsReset | VirtioStatus.failed)) === 0 &&
      this.pci.busMaster
    );
  }
  get eventIndex(): boolean {
    return this.hasFeature(CommonFeature.eventIndex);
  }
  hasFeature(bit: number): boolean {
    const word = bit < 32 ? this.state.driverFeaturesLow : this.state.driverFeaturesHigh;
    return (word & (1 << (bit & 31))) !== 0;
  }
  queue(index: number): VirtQueue {
    return this.queues[index];
  }
  complete(index: number, head: number, written: number): void {
    const queue = this.queues[index];
    queue.addUsed(head, written);
    queue.publish(1);
    this.signal(index);
  }
  signal(index: number): void {
    if (this.queues[index].wantsInterrupt(this.eventIndex)) this.interrupt(Isr.queue);
  }
  configurationChanged(): void {
    this.state.generation = (this.state.generation + 1) & 0xff;
    if ((this.state.status & VirtioStatus.driverOk) !== 0) this.interrupt(Isr.configuration);
  }
  broken(): void {
    if ((this.state.status & VirtioStatus.needsReset) !== 0) return;
    this.state.status |= VirtioStatus.needsReset;
    if ((this.state.status & VirtioStatus.driverOk) !== 0) this.interrupt(Isr.configuration);
  }

  // ------------------------------------------------------------------------------------------------- written form

  snapshot(): DeviceSnapshot {
    return writeState(this.kind, 1, {
      transport: { ...this.state, queues: this.queues.map((queue) => ({ ...queue.state })) },
      pci: this.pci.snapshot().state,
    });
  }

  restore(snapshot: DeviceSnapshot): void {
    const form = {
      transport: { ...this.state, queues: [] as QueueState[] },
      pci: (this.pci.snapshot() as { state: object }).state,
    };
    restoreState(this.kind, 1, snapshot, form);
    if (form.transport.queues.length !== this.queues.length)
      throw new Error(`snapshot: ${this.kind} has ${form.transport.queues.length} queues`);
    this.pci.restore({ ...this.pci.snapshot(), state: form.pci as never });
    const { queues: restoredQueues, ...registers } = form.transport;
    Object.assign(this.state, registers);
    this.queues.forEach((queue, n) => restoreQueue(queue, restoredQueues[n]));
  }
}

/** A queue with registers that no driver could have set comes back disabled. */
function restoreQueue(queue: VirtQueue, from: QueueState): void {
  const state = queue.state;
  queue.reset();
  const position = (value: unknown): number => (Number.isInteger(value) ? (value as number) & 0xffff : 0);
  const size = from.size;
  if (!(size > 0 && size <= queue.maxSize && Number.isInteger(size) && (size & (size - 1)) === 0)) return;
  state.size = size;
  state.descriptors = Number(from.descriptors);
  state.available = Number(from.available);
  state.used = Number(from.used);
  state.nextAvailable = position(from.nextAvailable);
  state.usedIndex = position(from.usedIndex);
  state.signalledUsed = position(from.signalledUsed);
  state.signalledValid = from.signalledValid === true;
  state.enabled = from.enabled === true && queue.ringsValid();
}
