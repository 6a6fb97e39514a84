// Writes the firmware's tables into guest memory in their documented binary formats (UEFI 2.10, chapter 4, 9.1, 12.4, 12.9).
//
//   EFI_SYSTEM_TABLE ─► EFI_BOOT_SERVICES ─► stubs in boot services code
//        │   │   └────► EFI_RUNTIME_SERVICES ─► stubs in runtime services code
//        │   └────────► ConIn, ConOut, StdErr
//        └────────────► configuration table ─► EFI_RT_PROPERTIES_TABLE
//
//   EFI_GRAPHICS_OUTPUT_PROTOCOL       0 QueryMode  8 SetMode  16 Blt  24 Mode
//   ….MODE                             0 u32 max  4 u32 mode  8 *Info  16 u64 info size  24 u64 framebuffer  32 u64 size
//   EFI_GRAPHICS_OUTPUT_MODE_INFORMATION  0 u32 version  4 u32 width  8 u32 height  12 u32 format  16 4×u32 masks  32 u32 stride
//   EFI_LOADED_IMAGE_PROTOCOL          0 u32 revision  8 parent  16 system table  24 device  … 64 base  72 u64 size  80 u32 types

import type { PhysicalMemory } from '../base/physical-memory.ts';
import { type FirmwareContext, Handle, handleAddress } from './context.ts';
import { crc32 } from './crc32.ts';
import {
  BOOT_SERVICES_SIGNATURE,
  BootData,
  EfiMemoryType,
  FIRMWARE_RANGES,
  FRAMEBUFFER_PIXEL_FORMAT,
  Guid,
  guidBytes,
  RUNTIME_SERVICES_SIGNATURE,
  RuntimeData,
  STUB_BYTES,
  SYSTEM_TABLE_SIGNATURE,
  SystemTable,
  TABLE_HEADER_BYTES,
  UEFI_REVISION,
} from './layout.ts';

const FIRMWARE_REVISION = 0x0001_0000;
const LOADED_IMAGE_REVISION = 0x1000;

function writeHeader(memory: PhysicalMemory, at: number, signature: bigint, sizeBytes: number): void {
  memory.write64(at, signature);
  memory.write32(at + 8, UEFI_REVISION);
  memory.write32(at + 12, sizeBytes);
  memory.write64(at + 16, 0n);
  sealTable(memory, at, sizeBytes);
}

/** CRC over the table with its CRC field as zero (UEFI 2.10, 4.2). */
function sealTable(memory: PhysicalMemory, at: number, sizeBytes: number): void {
  memory.write32(at + 16, 0);
  memory.write32(at + 16, crc32(memory.bytes.subarray(at, at + sizeBytes)));
}

function writePointers(memory: PhysicalMemory, at: number, firstStub: number, count: number): void {
  for (let n = 0; n < count; n++) memory.write64FromNumber(at + n * 8, firstStub + n * STUB_BYTES);
}

function writeText(memory: PhysicalMemory, at: number, text: string): void {
  for (let n = 0; n <= text.length; n++) memory.write16(at + n * 2, n < text.length ? text.charCodeAt(n) : 0);
}

/** How many functions each range of stubs holds. */
export interface StubCounts {
  readonly boot: number;
  readonly protocol: number;
  readonly runtime: number;
}

/** Lays out all tables. Boot stubs: the boot services, then the protocols' functions. */
export function writeTables(context: FirmwareContext, counts: StubCounts): void {
  const memory = context.board.memory;
  const plan = context.plan;
  // UD2 in every stub: machine code that jumps here gets #UD instead of running on.
  for (const [start, length] of [
    [plan.bootCode, FIRMWARE_RANGES.bootCode],
    [plan.runtimeCode, FIRMWARE_RANGES.runtimeCode],
  ])
    for (let at = start; at < start + length; at += STUB_BYTES) memory.write16(at, 0x0b0f);

  const bootTable = plan.bootData + BootData.bootServices;
  writePointers(memory, bootTable + TABLE_HEADER_BYTES, plan.bootCode, counts.boot);
  writeHeader(memory, bootTable, BOOT_SERVICES_SIGNATURE, TABLE_HEADER_BYTES + counts.boot * 8);

  const runtimeTable = plan.runtimeData + RuntimeData.runtimeServices;
  writePointers(memory, runtimeTable + TABLE_HEADER_BYTES, plan.runtimeCode, counts.runtime);
  writeHeader(memory, runtimeTable, RUNTIME_SERVICES_SIGNATURE, TABLE_HEADER_BYTES + counts.runtime * 8);

  writeProtocols(context, plan.bootCode + counts.boot * STUB_BYTES);
  writeSystemTable(context, bootTable, runtimeTable);
}

function writeProtocols(context: FirmwareContext, firstStub: number): void {
  const memory = context.board.memory;
  const data = context.plan.bootData;
  const stub = (n: number): number => firstStub + n * STUB_BYTES;

  // EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL: nine functions, then Mode (max, mode, attribute, column, row, visible).
  writePointers(memory, data + BootData.consoleOut, stub(0), 9);
  memory.write64FromNumber(data + BootData.consoleOut + 72, data + BootData.consoleOutMode);
  memory.write32(data + BootData.consoleOutMode, 1);
  memory.write32(data + BootData.consoleOutMode + 8, 7);
  // EFI_SIMPLE_TEXT_INPUT_PROTOCOL: Reset, ReadKeyStroke, WaitForKey (no event: null).
  writePointers(memory, data + BootData.consoleIn, stub(9), 2);

  const { width, height } = context.framebuffer;
  const graphics = data + BootData.graphicsOutput;
  const mode = data + BootData.graphicsMode;
  const information = data + BootData.graphicsInformation;
  writePointers(memory, graphics, stub(11), 3);
  memory.write64FromNumber(graphics + 24, mode);
  memory.write32(mode, 1);
  memory.write32(mode + 4, 0);
  memory.write64FromNumber(mode + 8, information);
  memory.write64FromNumber(mode + 16, 36);
  memory.write64FromNumber(mode + 24, context.plan.framebuffer);
  memory.write64FromNumber(mode + 32, width * height * 4);
  memory.write32(information, 0);
  memory.write32(information + 4, width);
  memory.write32(information + 8, height);
  memory.write32(information + 12, FRAMEBUFFER_PIXEL_FORMAT);
  memory.write32(information + 32, width);

  const image = data + BootData.loadedImage;
  memory.write32(image, LOADED_IMAGE_REVISION);
  memory.write64FromNumber(image + 16, context.plan.runtimeData + RuntimeData.systemTable);
  // ImageBase and ImageSize stay 0: the loader is the os-core bundle, which does not run from guest memory.
  memory.write32(image + 80, EfiMemoryType.loaderCode);
  memory.write32(image + 84, EfiMemoryType.loaderData);
  memory.write64FromNumber(image + 88, stub(14));

  const add = (handle: number, guid: string, address: number): void => {
    context.state.protocols.push({ handle: handleAddress(context.plan, handle), guid: guidBytes(guid), address });
  };
  add(Handle.image, Guid.loadedImage, image);
  add(Handle.console, Guid.simpleTextInput, data + BootData.consoleIn);
  add(Handle.console, Guid.simpleTextOutput, data + BootData.consoleOut);
  add(Handle.graphics, Guid.graphicsOutput, graphics);
}

function writeSystemTable(context: FirmwareContext, bootTable: number, runtimeTable: number): void {
  const memory = context.board.memory;
  const plan = context.plan;
  const runtime = plan.runtimeData;
  const table = runtime + RuntimeData.systemTable;
  writeText(memory, runtime + RuntimeData.vendor, 'EuroOS Workstation');

  // EFI_RT_PROPERTIES_TABLE: u16 version, u16 length, u32 services. The bits are filled in by the caller's constant.
  memory.write16(runtime + RuntimeData.runtimeProperties, 1);
  memory.write16(runtime + RuntimeData.runtimeProperties + 2, 8);
  memory.writeBytes(runtime + RuntimeData.configurationTable, guidBytes(Guid.runtimeProperties));
  memory.write64FromNumber(runtime + RuntimeData.configurationTable + 16, runtime + RuntimeData.runtimeProperties);

  memory.write64FromNumber(table + SystemTable.firmwareVendor, runtime + RuntimeData.vendor);
  memory.write32(table + SystemTable.firmwareRevision, FIRMWARE_REVISION);
  memory.write64FromNumber(table + SystemTable.consoleInHandle, handleAddress(plan, Handle.console));
  memory.write64FromNumber(table + SystemTable.consoleIn, plan.bootData + BootData.consoleIn);
  memory.write64FromNumber(table + SystemTable.consoleOutHandle, handleAddress(plan, Handle.console));
  memory.write64FromNumber(table + SystemTable.consoleOut, plan.bootData + BootData.consoleOut);
  memory.write64FromNumber(table + SystemTable.standardErrorHandle, handleAddress(plan, Handle.console));
  memory.write64FromNumber(table + SystemTable.standardError, plan.bootData + BootData.consoleOut);
  memory.write64FromNumber(table + SystemTable.runtimeServices, runtimeTable);
  memory.write64FromNumber(table + SystemTable.bootServices, bootTable);
  memory.write64FromNumber(table + SystemTable.tableEntryCount, 1);
  memory.write64FromNumber(table + SystemTable.configurationTable, runtime + RuntimeData.configurationTable);
  writeHeader(memory, table, SYSTEM_TABLE_SIGNATURE, SystemTable.sizeBytes);
}

/** After ExitBootServices the boot-time fields of the system table are null (as EDK2 does; UEFI 2.10, 7.4.6). */
export function detachBootServices(context: FirmwareContext): void {
  const memory = context.board.memory;
  const table = context.plan.runtimeData + RuntimeData.systemTable;
  for (const field of [
    SystemTable.consoleInHandle,
    SystemTable.consoleIn,
    SystemTable.consoleOutHandle,
    SystemTable.consoleOut,
    SystemTable.standardErrorHandle,
    SystemTable.standardError,
    SystemTable.bootServices,
  ])
    memory.write64(table + field, 0n);
  sealTable(memory, table, SystemTable.sizeBytes);
}
