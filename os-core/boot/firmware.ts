// Calls into the firmware, each through the function pointer found in the tables in guest memory.
//
//   EFI_SYSTEM_TABLE ──► EFI_BOOT_SERVICES ──► GetMemoryMap …      arguments and results pass through a scratch area,
//                   └──► EFI_RUNTIME_SERVICES ──► GetVariable …    a window of the stack that the firmware gave us
//
// Every address that comes out of a table is checked to lie in RAM before it is read. A table with a bad signature or
// checksum is not used: BootError says which.

import { Register } from '../../devices/contract/cpu.ts';
import type { Machine } from '../../devices/contract/machine.ts';
import {
  BOOT_SERVICES_BYTES,
  guidBytes,
  isError,
  RUNTIME_SERVICES_BYTES,
  Status,
  SYSTEM_TABLE_BYTES,
  SystemTable,
  TABLE_HEADER_BYTES,
  TableSignature,
  tableCrc32,
} from './uefi.ts';

/** The loader cannot go on; the message is one clear line. There is no system yet that could answer otherwise. */
export class BootError extends Error {
  override readonly name = 'BootError';
}

/** Bytes of stack below RSP that the loader uses for arguments (UEFI 2.3.4 promises 128 KiB of stack). */
export const SCRATCH_BYTES = 64 * 1024;
/** Where the scratch area lies if the firmware hands over no stack: below the old video area, free in every PC map. */
const FALLBACK_SCRATCH = 0x10000;
/** No table of UEFI 2.10 comes near this. */
const MAX_TABLE_BYTES = 4096;
/** Longest variable that the loader takes. */
const MAX_VARIABLE_BYTES = 16 * 1024;

export class Firmware {
  readonly machine: Machine;
  readonly systemTable: number;
  readonly bootServices: number;
  readonly runtimeServices: number;
  /** Physical address of the scratch area, 16-byte aligned, SCRATCH_BYTES long. */
  readonly scratch: number;

  constructor(machine: Machine) {
    this.machine = machine;
    this.systemTable = machine.firmwareEntry.systemTable;
    this.checkTable('EFI_SYSTEM_TABLE', this.systemTable, TableSignature.system, SYSTEM_TABLE_BYTES);
    this.bootServices = machine.memory.read64AsNumber(this.systemTable + SystemTable.bootServices);
    this.checkTable('EFI_BOOT_SERVICES', this.bootServices, TableSignature.bootServices, BOOT_SERVICES_BYTES);
    this.runtimeServices = machine.memory.read64AsNumber(this.systemTable + SystemTable.runtimeServices);
    this.checkTable(
      'EFI_RUNTIME_SERVICES',
      this.runtimeServices,
      TableSignature.runtimeServices,
      RUNTIME_SERVICES_BYTES,
    );
    const stack = Number(machine.cpu.readRegister(Register.rsp));
    const below = Math.floor((stack - SCRATCH_BYTES - 256) / 16) * 16;
    this.scratch = stack > SCRATCH_BYTES * 2 && machine.memory.contains(stack, 0) ? below : FALLBACK_SCRATCH;
  }

  private checkTable(name: string, address: number, signature: bigint, leastBytes: number): void {
    const memory = this.machine.memory;
    if (!memory.contains(address, TABLE_HEADER_BYTES)) throw new BootError(`firmware: ${name} does not lie in memory`);
    if (memory.read64(address) !== signature) throw new BootError(`firmware: ${name} has a wrong signature`);
    const size = memory.read32(address + 12);
    if (size < leastBytes || size > MAX_TABLE_BYTES || !memory.contains(address, size))
      throw new BootError(`firmware: ${name} has the impossible size ${size}`);
    if (memory.read32(address + 16) !== tableCrc32(memory, address, size))
      throw new BootError(`firmware: ${name} has a wrong checksum`);
  }

  /** Calls the boot service whose pointer lies at `offset`. Returns EFI_STATUS. */
  boot(offset: number, ...args: number[]): bigint {
    return this.machine.callFirmware(this.machine.memory.read64AsNumber(this.bootServices + offset), ...args);
  }
  runtime(offset: number, ...args: number[]): bigint {
    return this.machine.callFirmware(this.machine.memory.read64AsNumber(this.runtimeServices + offset), ...args);
  }

  /** UTF-16 text at a pointer, at most 64 characters. */
  readText(pointer: number): string {
    let text = '';
    for (let i = 0; i < 64; i++) {
      const unit = this.machine.memory.read16(pointer + 2 * i);
      if (unit === 0 || unit === 0xffff) break;
      text += String.fromCharCode(unit);
    }
    return text;
  }

  /** The protocol interface of a GUID, or 0. Layout: scratch+0 GUID, +16 result. */
  locateProtocol(offset: number, guid: string): number {
    const memory = this.machine.memory;
    memory.writeBytes(this.scratch, guidBytes(guid));
    memory.write64FromNumber(this.scratch + 16, 0);
    const status = this.boot(offset, this.scratch, 0, this.scratch + 16);
    return isError(status) ? 0 : memory.read64AsNumber(this.scratch + 16);
  }

  /** Contents of a variable (GetVariable, 8.2), null if there is none or it cannot be read. */
  readVariable(offset: number, name: string, guid: string): Uint8Array | null {
    const memory = this.machine.memory;
    const nameAt = this.scratch;
    const guidAt = this.scratch + 512;
    const attributesAt = this.scratch + 528;
    const sizeAt = this.scratch + 536;
    const dataAt = this.scratch + 1024;
    for (let i = 0; i <= name.length && i < 255; i++)
      memory.write16(nameAt + 2 * i, i < name.length ? name.charCodeAt(i) : 0);
    memory.writeBytes(guidAt, guidBytes(guid));
    memory.write64FromNumber(sizeAt, MAX_VARIABLE_BYTES);
    const status = this.runtime(offset, nameAt, guidAt, attributesAt, sizeAt, dataAt);
    if (status !== Status.success) return null;
    const size = memory.read64AsNumber(sizeAt);
    if (size > MAX_VARIABLE_BYTES) return null;
    return memory.bytes.slice(dataAt, dataAt + size);
  }
}
