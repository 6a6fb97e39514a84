// A bare CPU for tests: RAM, a bus that records, and code at an address. With paging off addresses are physical.

import { PhysicalMemory } from '../base/physical-memory.ts';
import type { CpuBus } from './index.ts';
import { createCpu, type VirtualCpu } from './index.ts';

export interface TestMachine {
  readonly memory: PhysicalMemory;
  readonly cpu: VirtualCpu;
  /** Accesses seen by the bus, as text. */
  readonly log: string[];
}

export function createTestMachine(sizeBytes = 4 * 1024 * 1024): TestMachine {
  const memory = new PhysicalMemory(sizeBytes);
  const log: string[] = [];
  const bus: CpuBus = {
    portRead: (port, width) => {
      log.push(`in ${port.toString(16)}/${width}`);
      return 0x12345678 & (2 ** (width * 8) - 1);
    },
    portWrite: (port, width, value) => {
      log.push(`out ${port.toString(16)}/${width}=${value.toString(16)}`);
    },
    mmioRead: (address, width) => {
      log.push(`read ${address.toString(16)}/${width}`);
      return (0x89abcdef & (2 ** (width * 8) - 1)) >>> 0;
    },
    mmioWrite: (address, width, value) => {
      log.push(`write ${address.toString(16)}/${width}=${value.toString(16)}`);
    },
  };
  return { memory, cpu: createCpu({ memory, bus }), log };
}

/** Flat physical addressing, code at 0x1000, stack below 0x8000. */
export function createFlatMachine(code: readonly number[] | Uint8Array, sizeBytes?: number): TestMachine {
  const machine = createTestMachine(sizeBytes);
  machine.cpu.writeControl(0, 0x10033n);
  machine.memory.writeBytes(0x1000, Uint8Array.from(code));
  machine.cpu.rip = 0x1000n;
  machine.cpu.writeRegister(4, 0x8000n);
  return machine;
}

/** Bytes from hexadecimal text with any spacing. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/[^0-9a-fA-F]/g, '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, n) => Number.parseInt(digits.slice(n * 2, n * 2 + 2), 16));
}
