// The parts of UEFI 2.10 that the loader reads: layouts of tables in guest memory, service offsets, status codes, GUIDs.
//
//   EFI_SYSTEM_TABLE (4.3)                      EFI_TABLE_HEADER (4.2)
//   0   header, "IBI SYST"                      0  u64 Signature
//   24  FirmwareVendor*  (UTF-16)               8  u32 Revision
//   32  u32 FirmwareRevision                    12 u32 HeaderSize
//   40  ConsoleInHandle, ConIn                  16 u32 CRC32 (of HeaderSize bytes, this field as 0)
//   56  ConsoleOutHandle, ConOut                20 u32 Reserved
//   72  StandardErrorHandle, StdErr
//   88  RuntimeServices*   96 BootServices*
//   104 NumberOfTableEntries   112 ConfigurationTable*

import type { PhysicalMemory } from '../../devices/base/physical-memory.ts';

export const TABLE_HEADER_BYTES = 24;
export const SYSTEM_TABLE_BYTES = 120;
export const BOOT_SERVICES_BYTES = 376;
export const RUNTIME_SERVICES_BYTES = 136;

/** Table signatures: ASCII, first character lowest. */
export const TableSignature = {
  system: 0x5453595320494249n,
  bootServices: 0x56524553544f4f42n,
  runtimeServices: 0x56524553544e5552n,
} as const;

export const SystemTable = { firmwareVendor: 24, firmwareRevision: 32, runtimeServices: 88, bootServices: 96 } as const;

/** Offsets of the function pointers in EFI_BOOT_SERVICES (4.4). */
export const BootService = {
  allocatePages: 40,
  freePages: 48,
  getMemoryMap: 56,
  exitBootServices: 232,
  setWatchdogTimer: 256,
  locateProtocol: 320,
} as const;

/** Offsets of the function pointers in EFI_RUNTIME_SERVICES (4.5). */
export const RuntimeService = { getTime: 24, getVariable: 72, resetSystem: 104 } as const;

/** EFI_STATUS (appendix D): errors have the top bit. */
const ERROR_BIT = 1n << 63n;
export const Status = {
  success: 0n,
  invalidParameter: ERROR_BIT | 2n,
  bufferTooSmall: ERROR_BIT | 5n,
  notFound: ERROR_BIT | 14n,
} as const;
export function isError(status: bigint): boolean {
  return (status & ERROR_BIT) !== 0n;
}

/** EFI_ALLOCATE_TYPE (7.2). */
export const AllocateType = { anyPages: 0, maxAddress: 1, address: 2 } as const;

/** EFI_MEMORY_DESCRIPTOR (7.2.3): fields by offset. The stride comes from GetMemoryMap, not from this size. */
export const MemoryDescriptor = { type: 0, physicalStart: 8, numberOfPages: 24, bytes: 40 } as const;

/** EFI_GRAPHICS_OUTPUT_PROTOCOL, its Mode and its Mode->Info (12.9.2). */
export const Gop = {
  mode: 24,
  modeInfo: 8,
  modeSizeOfInfo: 16,
  modeFrameBufferBase: 24,
  modeFrameBufferSize: 32,
  infoHorizontalResolution: 4,
  infoVerticalResolution: 8,
  infoPixelFormat: 12,
  infoPixelsPerScanLine: 32,
} as const;
/** EFI_GRAPHICS_PIXEL_FORMAT. */
export const PixelFormat = { rgbx: 0, bgrx: 1, bitMask: 2, bltOnly: 3 } as const;

/** EFI_GUID in memory order (2.3.1: the first three fields are little endian). `text` is the registry form. */
export function guidBytes(text: string): Uint8Array {
  const digits = text.replaceAll('-', '');
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (place) => Number.parseInt(digits.slice(place * 2, place * 2 + 2), 16));
}
export const GRAPHICS_OUTPUT_PROTOCOL_GUID = '9042a9de-23dc-4a38-96fb-7aded080516a';
/** Variables of EuroOS itself. */
export const EUROOS_VARIABLE_GUID = '6f0b1c5e-8a53-4d7e-9c41-455552f4f500';
/** Public keys (32 bytes each, back to back) of the machine's owner: what they sign may run. */
export const OWNER_KEYS_VARIABLE = 'OwnerKeys';
/** Options for the kernel, UTF-8. */
export const COMMAND_LINE_VARIABLE = 'CommandLine';

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of a table as UEFI 4.2 asks: over `length` bytes at `address`, the CRC32 field (16-19) taken as zero. */
export function tableCrc32(memory: PhysicalMemory, address: number, length: number): number {
  let crc = 0xffffffff;
  for (let i = 0; i < length; i++) {
    const byte = i >= 16 && i < 20 ? 0 : memory.bytes[address + i];
    crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
