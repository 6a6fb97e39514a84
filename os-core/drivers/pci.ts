// PCI enumeration (PCI Local Bus Specification 3.0, 3.2.2.3 mechanism #1 and chapter 6; bridges: PCI-to-PCI Bridge 1.2, 3.2).
//
//   0xCF8  1 | reserved | bus 23-16 | device 15-11 | function 10-8 | register 7-2 | 00        0xCFC  data
//
//   00 vendor, device   04 command, status   08 revision, class   0C .. header type   10-24 BARs   34 capabilities   3C line, pin
//
// The firmware has assigned addresses and lines; they are read, not changed. What a device says of itself is hostile: lists are
// bounded, addresses are only used for MMIO, never as RAM.

import { registerClass } from '../../devices/base/object-graph.ts';
import type { Machine } from '../../devices/contract/machine.ts';

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const COMMAND = 0x04;
const COMMAND_IO = 1;
const COMMAND_MEMORY = 2;
const COMMAND_BUS_MASTER = 4;
const COMMAND_INTERRUPT_OFF = 0x400;
const STATUS_CAPABILITIES = 0x10;
const HEADER_BRIDGE = 1;
const HEADER_MULTIFUNCTION = 0x80;
const FIRST_BAR = 0x10;
const BARS = 6;
const CAPABILITIES_POINTER = 0x34;
/** Capabilities are 4-byte aligned above the 64-byte header: (256 - 64) / 4. */
const MAX_CAPABILITIES = 48;
const MAX_BUSES = 256;
const MAX_FUNCTIONS_FOUND = 256;

export interface PciBar {
  readonly kind: 'none' | 'io' | 'memory';
  /** Port or physical address. */
  readonly address: number;
  readonly sizeBytes: number;
  readonly prefetchable: boolean;
}

export interface PciCapability {
  readonly id: number;
  /** Offset in configuration space. */
  readonly offset: number;
}

export class PciFunction {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision: number;
  /** Base class << 16 | subclass << 8 | interface. */
  readonly classCode: number;
  /** As the firmware routed it; 255 = none. */
  readonly interruptLine: number;
  readonly bars: readonly PciBar[];
  readonly capabilities: readonly PciCapability[];

  constructor(machine: Machine, bus: number, device: number, fn: number) {
    this.bus = bus;
    this.device = device;
    this.function = fn;
    const identity = this.read32(machine, 0);
    this.vendorId = identity & 0xffff;
    this.deviceId = identity >>> 16;
    const classRegister = this.read32(machine, 8);
    this.revision = classRegister & 0xff;
    this.classCode = classRegister >>> 8;
    this.interruptLine = this.read32(machine, 0x3c) & 0xff;
    this.bars = this.readBars(machine);
    this.capabilities = this.readCapabilities(machine);
  }

  /** Address as lspci prints it. */
  get name(): string {
    return `${hex(this.bus, 2)}:${hex(this.device, 2)}.${this.function}`;
  }

  private select(machine: Machine, register: number): void {
    const address = 0x80000000 | (this.bus << 16) | (this.device << 11) | (this.function << 8) | (register & 0xfc);
    machine.portWrite(CONFIG_ADDRESS, 4, address >>> 0);
  }
  read32(machine: Machine, register: number): number {
    this.select(machine, register);
    return machine.portRead(CONFIG_DATA, 4) >>> 0;
  }
  read8(machine: Machine, register: number): number {
    return (this.read32(machine, register) >>> ((register & 3) * 8)) & 0xff;
  }
  write32(machine: Machine, register: number, value: number): void {
    this.select(machine, register);
    machine.portWrite(CONFIG_DATA, 4, value >>> 0);
  }

  /** Switches memory decoding, bus mastering and interrupts on. Status bits are write-1-to-clear: zeros leave them. */
  enable(machine: Machine): void {
    const command = this.read32(machine, COMMAND) & 0xffff;
    this.write32(machine, COMMAND, (command | COMMAND_MEMORY | COMMAND_BUS_MASTER) & ~COMMAND_INTERRUPT_OFF);
  }

  private readBars(machine: Machine): PciBar[] {
    const bars: PciBar[] = [];
    const header = (this.read32(machine, 0x0c) >>> 16) & 0x7f;
    const count = header === HEADER_BRIDGE ? 2 : BARS;
    const command = this.read32(machine, COMMAND) & 0xffff;
    // No decoding while a BAR holds the sizing pattern (6.2.5.1).
    this.write32(machine, COMMAND, command & ~(COMMAND_IO | COMMAND_MEMORY));
    for (let index = 0; index < count; index++) {
      const bar = this.readBar(machine, index, count);
      bars.push(bar.value);
      if (bar.wide) {
        bars.push(noBar);
        index++;
      }
    }
    this.write32(machine, COMMAND, command);
    return bars;
  }

  private readBar(machine: Machine, index: number, count: number): { value: PciBar; wide: boolean } {
    const register = FIRST_BAR + 4 * index;
    const low = this.read32(machine, register);
    const lowSize = this.sizeMask(machine, register, low);
    if ((low & 1) !== 0) {
      const sizeBytes = lowSize === 0 ? 0 : ((~(lowSize & 0xfffffffc) & 0xffff) + 1) & 0xffff;
      return { value: { kind: 'io', address: low & 0xfffc, sizeBytes, prefetchable: false }, wide: false };
    }
    const wide = (low & 6) === 4 && index + 1 < count;
    const high = wide ? this.read32(machine, register + 4) : 0;
    const highSize = wide ? this.sizeMask(machine, register + 4, high) : 0xffffffff;
    if ((lowSize & 0xfffffff0) === 0 && !wide) return { value: noBar, wide: false };
    const sizeBytes = (~highSize >>> 0) * 2 ** 32 + (~(lowSize & 0xfffffff0) >>> 0) + 1;
    const address = high * 2 ** 32 + ((low & 0xfffffff0) >>> 0);
    return { value: { kind: 'memory', address, sizeBytes, prefetchable: (low & 8) !== 0 }, wide };
  }

  private sizeMask(machine: Machine, register: number, original: number): number {
    this.write32(machine, register, 0xffffffff);
    const mask = this.read32(machine, register);
    this.write32(machine, register, original);
    return mask;
  }

  private readCapabilities(machine: Machine): PciCapability[] {
    const found: PciCapability[] = [];
    if (((this.read32(machine, COMMAND) >>> 16) & STATUS_CAPABILITIES) === 0) return found;
    let offset = this.read8(machine, CAPABILITIES_POINTER) & 0xfc;
    while (offset >= 0x40 && found.length < MAX_CAPABILITIES) {
      found.push({ id: this.read8(machine, offset), offset });
      offset = this.read8(machine, offset + 1) & 0xfc;
    }
    return found;
  }
}
registerClass('PciFunction', 1, PciFunction);

const noBar: PciBar = { kind: 'none', address: 0, sizeBytes: 0, prefetchable: false };

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function probe(machine: Machine, bus: number, device: number, fn: number, register: number): number {
  machine.portWrite(CONFIG_ADDRESS, 4, (0x80000000 | (bus << 16) | (device << 11) | (fn << 8) | register) >>> 0);
  return machine.portRead(CONFIG_DATA, 4) >>> 0;
}

/** All functions on bus 0 and behind bridges, in bus order. */
export function scanPci(machine: Machine): PciFunction[] {
  const found: PciFunction[] = [];
  const buses = [0];
  for (let i = 0; i < buses.length && i < MAX_BUSES; i++) {
    for (let device = 0; device < 32; device++) {
      for (let fn = 0; fn < 8 && found.length < MAX_FUNCTIONS_FOUND; fn++) {
        const bus = buses[i];
        if ((probe(machine, bus, device, fn, 0) & 0xffff) === 0xffff) {
          if (fn === 0) break;
          continue;
        }
        found.push(new PciFunction(machine, bus, device, fn));
        const header = (probe(machine, bus, device, fn, 0x0c) >>> 16) & 0xff;
        if ((header & 0x7f) === HEADER_BRIDGE) {
          const secondary = (probe(machine, bus, device, fn, 0x18) >>> 8) & 0xff;
          if (!buses.includes(secondary)) buses.push(secondary);
        }
        if (fn === 0 && (header & HEADER_MULTIFUNCTION) === 0) break;
      }
    }
  }
  return found;
}
