// Plugs PCI functions in and does what the firmware does with them at power-on: BAR addresses, interrupt lines, level triggering.

import { restoreState, writeState } from '../base/device-state.ts';
import type { PhysicalMemory } from '../base/physical-memory.ts';
import type { DeviceSnapshot, Snapshotable } from '../contract/device.ts';
import { type InterruptController, SharedInterruptLine } from '../interrupts/interrupt-controller.ts';
import { PciBus } from '../pci/pci-bus.ts';
import { PciFunction } from '../pci/pci-function.ts';
import type { VirtioDevice } from '../virtio/virtio-device.ts';
import { VIRTIO_BAR, VirtioPci } from '../virtio/virtio-pci.ts';
import { PCI_IRQS, PCI_MEMORY_BASE, PciSlot, Ports } from './addresses.ts';
import type { MmioBus, PortBus } from './buses.ts';

/** A host bridge without registers of its own (vendor and device as QEMU's generic bridge). */
const HOST_BRIDGE = {
  vendor: 0x1b36,
  device: 0x0008,
  revision: 0,
  classCode: 0x06_0000,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
} as const;

/** The four INTx lines; a function pulls the one of its slot. */
class InterruptRouting implements Snapshotable {
  readonly lines: readonly SharedInterruptLine[];

  constructor(interrupts: InterruptController) {
    this.lines = PCI_IRQS.map((irq) => new SharedInterruptLine(interrupts.line(irq)));
  }
  snapshot(): DeviceSnapshot {
    return writeState('pci-interrupts', 1, { asserted: this.lines.map((line) => line.assertedSources) });
  }
  restore(snapshot: DeviceSnapshot): void {
    const form = { asserted: [] as number[] };
    restoreState('pci-interrupts', 1, snapshot, form);
    this.lines.forEach((line, n) => {
      line.assertedSources = form.asserted[n] ?? 0;
    });
  }
}

export class PciBackplane {
  /** Everything plugged in, in the order in which it is written down. */
  readonly written: Snapshotable[];
  private readonly bus = new PciBus();
  private readonly routing: InterruptRouting;
  private readonly memory: PhysicalMemory;
  private readonly mmio: MmioBus;
  private nextAddress = PCI_MEMORY_BASE;

  constructor(memory: PhysicalMemory, ports: PortBus, mmio: MmioBus, interrupts: InterruptController) {
    this.memory = memory;
    this.mmio = mmio;
    this.routing = new InterruptRouting(interrupts);
    this.written = [this.bus, this.routing];
    ports.attach(Ports.pciConfiguration, this.bus, 4);
    this.bus.plug(PciSlot.hostBridge, new PciFunction('host-bridge', HOST_BRIDGE, { set: () => {} }));
    // PCI interrupts are level triggered (PCI 3.0, 2.2.6); the firmware sets the ELCR so.
    for (const irq of PCI_IRQS) {
      const byte = irq >> 3;
      const old = interrupts.edgeLevelControl.portRead(byte, 1);
      interrupts.edgeLevelControl.portWrite(byte, 1, old | (1 << (irq & 7)));
    }
  }

  plugVirtio(slot: number, name: string, device: VirtioDevice): void {
    const line = slot % PCI_IRQS.length;
    const transport = new VirtioPci(name, this.memory, device, this.routing.lines[line].source());
    const sizeBytes = transport.pci.barSize(VIRTIO_BAR);
    transport.pci.assign(new Map([[VIRTIO_BAR, this.nextAddress]]), PCI_IRQS[line]);
    this.nextAddress += sizeBytes;
    this.bus.plug(slot, transport.pci);
    this.mmio.attach({ device: transport, sizeBytes, address: () => transport.pci.barAddress(VIRTIO_BAR) });
    this.written.push(transport, device);
  }
}
