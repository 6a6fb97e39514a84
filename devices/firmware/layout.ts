// Constants of UEFI 2.10: status codes, memory types, GUIDs, table signatures, and where the firmware lies in RAM.
//
//   0 ......... 0x9F000 | 0x9F000 .. 0x100000 | 0x100000 ................. firmware | ......... | framebuffer | end of RAM
//   conventional        | EBDA, legacy hole   | conventional               ranges below        GOP, stolen, reserved
//
//   firmware ranges, from low to high (sizes in FIRMWARE_RANGES):
//     boot services data   page tables, GDT, stack, boot services table, protocols      free for the OS after exit
//     boot services code   one 16-byte stub per function                                free for the OS after exit
//     reserved             as a real machine's management engine leaves it
//     ACPI reclaim, ACPI NVS
//     runtime services data   system table, runtime services table, configuration tables, vendor string
//     runtime services code   one 16-byte stub per function
//
// A function pointer in a table is the address of a stub; the stub's bytes are UD2, so machine code that jumps there traps.

/** EFI_STATUS (UEFI 2.10, appendix D). Errors have bit 63 set. */
const ERROR = 0x8000_0000_0000_0000n;
export const EfiStatus = {
  success: 0n,
  invalidParameter: ERROR | 2n,
  unsupported: ERROR | 3n,
  badBufferSize: ERROR | 4n,
  bufferTooSmall: ERROR | 5n,
  deviceError: ERROR | 7n,
  writeProtected: ERROR | 8n,
  outOfResources: ERROR | 9n,
  notFound: ERROR | 14n,
  securityViolation: ERROR | 26n,
} as const;

/** EFI_MEMORY_TYPE (UEFI 2.10, 7.2.1). */
export const EfiMemoryType = {
  reserved: 0,
  loaderCode: 1,
  loaderData: 2,
  bootServicesCode: 3,
  bootServicesData: 4,
  runtimeServicesCode: 5,
  runtimeServicesData: 6,
  conventional: 7,
  unusable: 8,
  acpiReclaim: 9,
  acpiNvs: 10,
  memoryMappedIo: 11,
} as const;
/** Types from here to 0xffffffff are the OEM's and the OS loader's. */
export const EFI_MEMORY_TYPE_CUSTOM = 0x7000_0000;
export const EFI_MEMORY_TYPE_LAST = 15;

/** EFI_MEMORY_WB and EFI_MEMORY_RUNTIME. The latter is bit 63, written as its high word. */
export const EFI_MEMORY_WRITE_BACK = 0x8;
export const EFI_MEMORY_UNCACHEABLE = 0x1;
export const EFI_MEMORY_RUNTIME_HIGH_WORD = 0x8000_0000;

/** EFI_MEMORY_DESCRIPTOR: u32 type, u32 pad, u64 physical, u64 virtual, u64 pages, u64 attribute. */
export const MEMORY_DESCRIPTOR_VERSION = 1;
/** Larger than the 40 bytes of the structure, as real firmware reports it: a loader must use the stride. */
export const MEMORY_DESCRIPTOR_STRIDE = 48;

/** EFI_ALLOCATE_TYPE. */
export const AllocateType = { anyPages: 0, maxAddress: 1, address: 2 } as const;

/** EFI_TABLE_HEADER: u64 signature, u32 revision, u32 size, u32 crc32, u32 reserved. */
export const TABLE_HEADER_BYTES = 24;
export const UEFI_REVISION = (2 << 16) | 100;
export const SYSTEM_TABLE_SIGNATURE = 0x5453_5953_2049_4249n; // 'IBI SYST'
export const BOOT_SERVICES_SIGNATURE = 0x5652_4553_544f_4f42n; // 'BOOTSERV'
export const RUNTIME_SERVICES_SIGNATURE = 0x5652_4553_544e_5552n; // 'RUNTSERV'

/** EFI_SYSTEM_TABLE (UEFI 2.10, 4.3). */
export const SystemTable = {
  firmwareVendor: 0x18,
  firmwareRevision: 0x20,
  consoleInHandle: 0x28,
  consoleIn: 0x30,
  consoleOutHandle: 0x38,
  consoleOut: 0x40,
  standardErrorHandle: 0x48,
  standardError: 0x50,
  runtimeServices: 0x58,
  bootServices: 0x60,
  tableEntryCount: 0x68,
  configurationTable: 0x70,
  sizeBytes: 0x78,
} as const;

/** EFI_GRAPHICS_PIXEL_FORMAT (UEFI 2.10, 12.9.2). */
export const PixelFormat = { redGreenBlue: 0, blueGreenRed: 1 } as const;
/** The framebuffer is BGRX: blue in the lowest byte. */
export const FRAMEBUFFER_PIXEL_FORMAT = PixelFormat.blueGreenRed;

/** A GUID as in memory: the first three fields little endian. */
export function guidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (n) => Number.parseInt(hex.slice(n * 2, n * 2 + 2), 16));
}

export const Guid = {
  loadedImage: '5b1b31a1-9562-11d2-8e3f-00a0c969723b',
  simpleTextInput: '387477c1-69c7-11d2-8e39-00a0c969723b',
  simpleTextOutput: '387477c2-69c7-11d2-8e39-00a0c969723b',
  graphicsOutput: '9042a9de-23dc-4a38-96fb-7aded080516a',
  /** EFI_RT_PROPERTIES_TABLE (UEFI 2.10, 4.6.2). */
  runtimeProperties: 'eb66918a-7eef-402a-842e-931d21c38ae9',
  /** EFI_GLOBAL_VARIABLE. */
  globalVariable: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
} as const;

export const STUB_BYTES = 16;

/** Where everything of the firmware lies. All addresses are multiples of a page. */
export interface FirmwarePlan {
  readonly bootData: number;
  readonly bootCode: number;
  readonly reserved: number;
  readonly acpiReclaim: number;
  readonly acpiNvs: number;
  readonly runtimeData: number;
  readonly runtimeCode: number;
  readonly framebuffer: number;
  readonly framebufferBytes: number;
}

export const FIRMWARE_RANGES = {
  bootData: 0x10_0000,
  bootCode: 0x1_0000,
  reserved: 0x4_0000,
  acpiReclaim: 0x1_0000,
  acpiNvs: 0x8000,
  runtimeData: 0x1_0000,
  runtimeCode: 0x1_0000,
} as const;

export const LEGACY_HOLE_START = 0x9_f000;
export const LEGACY_HOLE_END = 0x10_0000;

/** Offsets in the boot services data range. */
export const BootData = {
  pageTableRoot: 0x0000,
  pageDirectoryPointers: 0x1000,
  globalDescriptorTable: 0x2000,
  handles: 0x3000,
  loadedImage: 0x3100,
  consoleOut: 0x3200,
  consoleOutMode: 0x3280,
  consoleIn: 0x3300,
  graphicsOutput: 0x3400,
  graphicsMode: 0x3440,
  graphicsInformation: 0x3480,
  bootServices: 0x4000,
  stackTop: 0x3_0000,
} as const;

/** Offsets in the runtime services data range. */
export const RuntimeData = {
  systemTable: 0x0000,
  runtimeServices: 0x0100,
  configurationTable: 0x0200,
  runtimeProperties: 0x0300,
  vendor: 0x0400,
} as const;

/** Lays the ranges out below the top of RAM. */
export function planFirmware(memoryBytes: number, framebufferBytes: number): FirmwarePlan {
  const framebuffer = Math.floor((memoryBytes - framebufferBytes) / 0x1_0000) * 0x1_0000;
  const runtimeCode = framebuffer - FIRMWARE_RANGES.runtimeCode;
  const runtimeData = runtimeCode - FIRMWARE_RANGES.runtimeData;
  const acpiNvs = runtimeData - FIRMWARE_RANGES.acpiNvs;
  const acpiReclaim = acpiNvs - FIRMWARE_RANGES.acpiReclaim;
  const reserved = acpiReclaim - FIRMWARE_RANGES.reserved;
  const bootCode = reserved - FIRMWARE_RANGES.bootCode;
  const bootData = bootCode - FIRMWARE_RANGES.bootData;
  return {
    bootData,
    bootCode,
    reserved,
    acpiReclaim,
    acpiNvs,
    runtimeData,
    runtimeCode,
    framebuffer,
    framebufferBytes: memoryBytes - framebuffer,
  };
}
