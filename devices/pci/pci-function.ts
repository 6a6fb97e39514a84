// One PCI function: 256 bytes of configuration space with a type 0 header (PCI Local Bus Specification 3.0, 6.1-6.2).
//
//   00 vendor, device   04 command, status   08 revision, class   0C line size, timer, header type
//   10-24 BARs          2C subsystem         34 capabilities      3C interrupt line, pin       40 … capabilities
//
//   command   bit 1 memory space · bit 2 bus master · bit 10 INTx off          status   bit 3 INTx pending · bit 4 capabilities
//
// What a write may change is a mask per byte, not code. Memory BARs of 32 bits; no I/O BARs, no ROM, no MSI (the machine has an
// 8259 pair, so INTx is the interrupt that can be delivered).
//
// Invariant: the line is high exactly while the function asserts INTx and command bit 10 is clear.

import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, InterruptLine, Snapshotable } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';

export const CONFIGURATION_BYTES = 256;
const Offset = {
  vendor: 0x00,
  device: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  headerType: 0x0e,
  bar: 0x10,
  subsystemVendor: 0x2c,
  subsystem: 0x2e,
  capabilities: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
  firstCapability: 0x40,
} as const;
const Command = {
  memorySpace: 0x0002,
  busMaster: 0x0004,
  parity: 0x0040,
  systemError: 0x0100,
  interruptOff: 0x0400,
} as const;
const Status = { interrupt: 0x08, capabilities: 0x10 } as const;
const BAR_COUNT = 6;
const BAR_FLAG_BITS = 0x0f;
const INTERRUPT_PIN_A = 1;

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Base class << 16 | subclass << 8 | interface. */
  readonly classCode: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
}

/** A capability whose bytes are live (virtio's PCI configuration access). */
export interface LiveCapability {
  readonly offset: number;
  readonly length: number;
  read(offset: number, width: AccessWidth): number;
  write(offset: number, width: AccessWidth, value: number): void;
}

export class PciFunction implements Snapshotable {
  private readonly kind: string;
  private readonly line: InterruptLine;
  private readonly writable = new Uint8Array(CONFIGURATION_BYTES);
  private readonly barSizes: number[] = [0, 0, 0, 0, 0, 0];
  private lastCapability = 0;
  private freeCapability: number = Offset.firstCapability;
  private live: LiveCapability | null = null;
  private readonly state = { bytes: new Uint8Array(CONFIGURATION_BYTES), asserted: false };

  /** @param name tells this function's snapshot from others of its kind. */
  constructor(name: string, identity: PciIdentity, line: InterruptLine) {
    this.kind = `pci-${name}`;
    this.line = line;
    this.put(Offset.vendor, 2, identity.vendor);
    this.put(Offset.device, 2, identity.device);
    this.put(Offset.revision, 1, identity.revision);
    this.put(Offset.classCode, 1, identity.classCode & 0xff);
    this.put(Offset.classCode + 1, 2, identity.classCode >> 8);
    this.put(Offset.subsystemVendor, 2, identity.subsystemVendor);
    this.put(Offset.subsystem, 2, identity.subsystem);
    this.allow(
      Offset.command,
      2,
      Command.memorySpace | Command.busMaster | Command.parity | Command.systemError | Command.interruptOff,
    );
    this.allow(0x0c, 2, 0xffff); // cache line size and latency timer: kept, without effect
    this.allow(Offset.interruptLine, 1, 0xff);
  }

  /** Declares that the function uses INTA. */
  useInterrupt(): void {
    this.put(Offset.interruptPin, 1, INTERRUPT_PIN_A);
  }

  /** Declares a 32-bit memory BAR; size a power of two, at least 16. */
  addMemoryBar(index: number, sizeBytes: number): void {
    this.barSizes[index] = sizeBytes;
    this.allow(Offset.bar + index * 4, 4, ~(sizeBytes - 1) & ~BAR_FLAG_BITS);
  }

  /** Appends a capability: id, next and then `body`. Returns its offset. */
  addCapability(id: number, body: Uint8Array): number {
    const at = this.freeCapability;
    this.state.bytes[at] = id;
    this.state.bytes.set(body, at + 2);
    this.state.bytes[this.lastCapability === 0 ? Offset.capabilities : this.lastCapability + 1] = at;
    this.state.bytes[Offset.status] |= Status.capabilities;
    this.lastCapability = at;
    this.freeCapability = (at + 2 + body.length + 3) & ~3;
    return at;
  }

  /** Accesses inside `capability` go to it instead of the stored bytes. */
  setLiveCapability(capability: LiveCapability): void {
    this.live = capability;
  }

  /** What the firmware does at power-on: a BAR's address, the interrupt line, memory decoding on. */
  assign(barAddresses: ReadonlyMap<number, number>, irq: number): void {
    for (const [index, address] of barAddresses) this.put(Offset.bar + index * 4, 4, address);
    this.put(Offset.interruptLine, 1, irq);
    this.put(Offset.command, 2, Command.memorySpace);
  }

  barSize(index: number): number {
    return this.barSizes[index];
  }
  /** Where BAR `index` answers, -1 while memory decoding is off. */
  barAddress(index: number): number {
    if ((this.state.bytes[Offset.command] & Command.memorySpace) === 0) return -1;
    return (this.get(Offset.bar + index * 4, 4) & ~BAR_FLAG_BITS) >>> 0;
  }
  /** True while the guest lets the function read and write memory by itself. */
  get busMaster(): boolean {
    return (this.state.bytes[Offset.command] & Command.busMaster) !== 0;
  }

  /** INTx level as the function wants it. */
  setInterrupt(asserted: boolean): void {
    this.state.asserted = asserted;
    this.updateLine();
  }

  configurationRead(offset: number, width: AccessWidth): number {
    const live = this.live;
    if (live !== null && offset >= live.offset && offset + width <= live.offset + live.length)
      return live.read(offset - live.offset, width);
    let value = this.get(offset, width);
    if (offset <= Offset.status && offset + width > Offset.status && this.state.asserted)
      value += Status.interrupt * 2 ** (8 * (Offset.status - offset));
    return value;
  }

  configurationWrite(offset: number, width: AccessWidth, value: number): void {
    const live = this.live;
    if (live !== null && offset >= live.offset && offset + width <= live.offset + live.length) {
      live.write(offset - live.offset, width, value);
      return;
    }
    for (let n = 0; n < width; n++) {
      const mask = this.writable[offset + n];
      const byte = (value >>> (8 * n)) & 0xff;
      this.state.bytes[offset + n] = (this.state.bytes[offset + n] & ~mask) | (byte & mask);
    }
    this.updateLine();
  }

  private updateLine(): void {
    const off = (this.get(Offset.command, 2) & Command.interruptOff) !== 0;
    this.line.set(this.state.asserted && !off);
  }

  private get(offset: number, width: AccessWidth): number {
    let value = 0;
    for (let n = 0; n < width; n++) value += this.state.bytes[offset + n] * 2 ** (8 * n);
    return value;
  }
  private put(offset: number, width: AccessWidth, value: number): void {
    for (let n = 0; n < width; n++) this.state.bytes[offset + n] = (value >>> (8 * n)) & 0xff;
  }
  private allow(offset: number, width: AccessWidth, mask: number): void {
    for (let n = 0; n < width; n++) this.writable[offset + n] = (mask >>> (8 * n)) & 0xff;
  }

  snapshot(): DeviceSnapshot {
    return writeState(this.kind, 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    const fixed = this.state.bytes.slice();
    restoreState(this.kind, 1, snapshot, this.state);
    // What no write can change is the hardware itself, whatever a foreign snapshot says.
    for (let n = 0; n < CONFIGURATION_BYTES; n++)
      this.state.bytes[n] = (fixed[n] & ~this.writable[n]) | (this.state.bytes[n] & this.writable[n]);
  }
}

export const PCI_BAR_COUNT = BAR_COUNT;
