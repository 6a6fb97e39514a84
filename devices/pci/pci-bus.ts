// PCI bus 0 behind configuration mechanism #1 (PCI Local Bus Specification 3.0, 3.2.2.3.2).
//
//   offset 0 (CF8h), 32-bit access only   1 | reserved | bus 23-16 | device 15-11 | function 10-8 | register 7-2 | 00
//   offset 4-7 (CFCh), 8, 16, 32 bit      the register that CF8h selects, byte lanes as in the access
//
// One bus, function 0 of each device. Nobody there: reads all ones.

import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, PortDevice, Snapshotable } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';
import type { PciFunction } from './pci-function.ts';

const ENABLE = 0x8000_0000;
const DATA_OFFSET = 4;
const ALL_ONES = [0, 0xff, 0xffff, 0, 0xffff_ffff] as const;

export class PciBus implements PortDevice, Snapshotable {
  private readonly slots: (PciFunction | null)[] = new Array<PciFunction | null>(32).fill(null);
  private readonly state = { address: 0 };

  /** Plugs a function into a slot. Throws if the slot is taken: a mistake in the parts list. */
  plug(slot: number, pciFunction: PciFunction): void {
    if (this.slots[slot] !== null) throw new Error(`PCI slot ${slot} is taken`);
    this.slots[slot] = pciFunction;
  }

  portRead(offset: number, width: AccessWidth): number {
    if (offset < DATA_OFFSET) return offset === 0 && width === 4 ? this.state.address : ALL_ONES[width];
    return this.selected()?.configurationRead(this.register(offset), width) ?? ALL_ONES[width];
  }

  portWrite(offset: number, width: AccessWidth, value: number): void {
    if (offset < DATA_OFFSET) {
      if (offset === 0 && width === 4) this.state.address = (value & 0x80ff_fffc) >>> 0;
      return;
    }
    this.selected()?.configurationWrite(this.register(offset), width, value);
  }

  private selected(): PciFunction | null {
    const address = this.state.address;
    const bus = (address >>> 16) & 0xff;
    const functionNumber = (address >>> 8) & 7;
    if (address < ENABLE || bus !== 0 || functionNumber !== 0) return null;
    return this.slots[(address >>> 11) & 31];
  }
  private register(offset: number): number {
    return (this.state.address & 0xfc) + (offset - DATA_OFFSET);
  }

  snapshot(): DeviceSnapshot {
    return writeState('pci-bus', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('pci-bus', 1, snapshot, this.state);
    this.state.address = (this.state.address & 0x80ff_fffc) >>> 0;
  }
}
