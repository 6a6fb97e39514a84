// The I/O port bus and the memory bus: who answers at an address.
//
//   access of n bytes ─► the range that holds the first byte
//                          n <= widest of the chip: one access
//                          else (8-bit chip, or the access leaves the range): n accesses of one byte, lowest address first,
//                          as the bus converter of an ISA bridge does
//   nobody there: reads all ones, writes are dropped

import type { MmioDevice, PortDevice } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';

const PORT_COUNT = 0x1_0000;

interface PortRange {
  readonly base: number;
  readonly end: number;
  readonly device: PortDevice;
  readonly widest: AccessWidth;
}

const ALL_ONES = [0, 0xff, 0xffff, 0, 0xffff_ffff] as const;

export class PortBus {
  /** Index into ranges plus 1; 0 = nobody. */
  private readonly owner = new Uint8Array(PORT_COUNT);
  private readonly ranges: PortRange[] = [];

  /** Wires a chip to a range. Throws if another one is there: that is a mistake in the parts list. */
  attach(range: { readonly base: number; readonly count: number }, device: PortDevice, widest: AccessWidth = 1): void {
    const end = range.base + range.count;
    for (let port = range.base; port < end; port++) {
      if (this.owner[port] !== 0) throw new Error(`port 0x${port.toString(16)} is wired twice`);
      this.owner[port] = this.ranges.length + 1;
    }
    this.ranges.push({ base: range.base, end, device, widest });
  }

  read(port: number, width: AccessWidth): number {
    const index = this.owner[port & 0xffff];
    if (index !== 0) {
      const range = this.ranges[index - 1];
      if (width <= range.widest && port + width <= range.end)
        return range.device.portRead(port - range.base, width) >>> 0;
    }
    if (width === 1) return 0xff;
    let value = 0;
    for (let n = 0; n < width; n++) value += this.read((port + n) & 0xffff, 1) * 2 ** (8 * n);
    return value;
  }

  write(port: number, width: AccessWidth, value: number): void {
    const index = this.owner[port & 0xffff];
    if (index !== 0) {
      const range = this.ranges[index - 1];
      if (width <= range.widest && port + width <= range.end) {
        range.device.portWrite(port - range.base, width, value >>> 0);
        return;
      }
    }
    if (width === 1) return;
    for (let n = 0; n < width; n++) this.write((port + n) & 0xffff, 1, (value >>> (8 * n)) & 0xff);
  }
}

/** A window of memory space that moves when the guest writes a BAR. */
export interface MmioWindow {
  readonly device: MmioDevice;
  readonly sizeBytes: number;
  /** Physical address, or -1 while decoding is off. */
  address(): number;
}

export class MmioBus {
  private readonly windows: MmioWindow[] = [];

  attach(window: MmioWindow): void {
    this.windows.push(window);
  }

  read(address: number, width: AccessWidth): number {
    for (const window of this.windows) {
      const offset = address - window.address();
      if (window.address() >= 0 && offset >= 0 && offset + width <= window.sizeBytes)
        return window.device.mmioRead(offset, width) >>> 0;
    }
    return ALL_ONES[width];
  }

  write(address: number, width: AccessWidth, value: number): void {
    for (const window of this.windows) {
      const offset = address - window.address();
      if (window.address() >= 0 && offset >= 0 && offset + width <= window.sizeBytes) {
        window.device.mmioWrite(offset, width, value >>> 0);
        return;
      }
    }
  }
}
