// Boot services (UEFI 2.10, chapter 7) and the boot-time protocols: text output, text input, graphics output, loaded image.
//
// The tables below stand in the order of the specification's structures; a service's place in its table is its place in memory.
// Events, timers, image loading, driver binding and device paths are left out: they answer EFI_UNSUPPORTED.
// Everything that a caller passes is hostile: a pointer outside RAM is EFI_INVALID_PARAMETER.

import { PAGE_BYTES } from '../base/physical-memory.ts';
import { type FirmwareContext, type FirmwareService, Handle, handleAddress } from './context.ts';
import { crc32 } from './crc32.ts';
import {
  AllocateType,
  BootData,
  EfiMemoryType,
  EfiStatus,
  LEGACY_HOLE_END,
  LEGACY_HOLE_START,
  MEMORY_DESCRIPTOR_STRIDE,
  MEMORY_DESCRIPTOR_VERSION,
} from './layout.ts';
import { isAllocatableType } from './memory-map.ts';
import { detachBootServices } from './tables.ts';

/** TPL_HIGH_LEVEL. */
const HIGHEST_TASK_PRIORITY = 31;
/** Pool blocks carry no header here; the bound stops a loader from filling the list. */
const MAX_POOL_BLOCKS = 4096;
/** Bound on Stall, CopyMem and text: one call is bounded work. */
const MAX_STALL_MICROS = 10_000_000;
const MAX_TEXT_CHARACTERS = 4096;
const MAX_CRC_BYTES = 16 * 1024 * 1024;

/** EFI_LOCATE_SEARCH_TYPE. */
const LocateSearch = { allHandles: 0, byRegisterNotify: 1, byProtocol: 2 } as const;

const unsupported = (): bigint => EfiStatus.unsupported;
const success = (): bigint => EfiStatus.success;

function inRam(context: FirmwareContext, address: number, length: number): boolean {
  return address > 0 && context.board.memory.contains(address, length);
}

function readGuid(context: FirmwareContext, address: number): Uint8Array | null {
  const guid = new Uint8Array(16);
  return inRam(context, address, 16) && context.board.memory.readBytes(address, guid) ? guid : null;
}

function sameGuid(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, n) => byte === b[n]);
}

function allocatePages(context: FirmwareContext, a: readonly number[]): bigint {
  const [allocateType, memoryType, pages, resultAt] = a;
  const memory = context.board.memory;
  if (!inRam(context, resultAt, 8) || !isAllocatableType(memoryType)) return EfiStatus.invalidParameter;
  if (!Number.isInteger(pages) || pages <= 0 || pages > memory.sizeBytes / PAGE_BYTES) return EfiStatus.outOfResources;
  const wanted = memory.read64AsNumber(resultAt);
  let start: number;
  if (allocateType === AllocateType.anyPages) {
    start = context.map.findFree(pages, memory.sizeBytes - 1);
  } else if (allocateType === AllocateType.maxAddress) {
    start = context.map.findFree(pages, wanted);
  } else if (allocateType === AllocateType.address) {
    if (wanted % PAGE_BYTES !== 0) return EfiStatus.notFound;
    start = context.map.isFree(wanted, pages) ? wanted : -1;
    if (start < 0) return EfiStatus.notFound;
  } else {
    return EfiStatus.invalidParameter;
  }
  if (start < 0 || !context.map.retype(start, pages, memoryType)) return EfiStatus.outOfResources;
  memory.write64FromNumber(resultAt, start);
  return EfiStatus.success;
}

/** What AllocatePages can have given lies below the firmware and outside the legacy hole. */
function isLoadersMemory(context: FirmwareContext, start: number, pages: number): boolean {
  const end = start + pages * PAGE_BYTES;
  return end <= context.plan.bootData && (end <= LEGACY_HOLE_START || start >= LEGACY_HOLE_END);
}

function freePages(context: FirmwareContext, a: readonly number[]): bigint {
  const [start, pages] = a;
  if (start % PAGE_BYTES !== 0 || !Number.isInteger(pages) || pages <= 0) return EfiStatus.invalidParameter;
  if (!isLoadersMemory(context, start, pages) || !context.map.free(start, pages)) return EfiStatus.notFound;
  return EfiStatus.success;
}

function getMemoryMap(context: FirmwareContext, a: readonly number[]): bigint {
  const [sizeAt, mapAt, keyAt, strideAt, versionAt] = a;
  const memory = context.board.memory;
  if (!inRam(context, sizeAt, 8)) return EfiStatus.invalidParameter;
  const offered = memory.read64AsNumber(sizeAt);
  const needed = context.map.descriptorBytes;
  memory.write64FromNumber(sizeAt, needed);
  if (inRam(context, strideAt, 8)) memory.write64FromNumber(strideAt, MEMORY_DESCRIPTOR_STRIDE);
  if (inRam(context, versionAt, 4)) memory.write32(versionAt, MEMORY_DESCRIPTOR_VERSION);
  if (offered < needed) return EfiStatus.bufferTooSmall;
  if (!inRam(context, mapAt, needed) || !inRam(context, keyAt, 8)) return EfiStatus.invalidParameter;
  context.map.writeDescriptors(memory, mapAt);
  memory.write64FromNumber(keyAt, context.map.key);
  return EfiStatus.success;
}

function allocatePool(context: FirmwareContext, a: readonly number[]): bigint {
  const [memoryType, size, resultAt] = a;
  const memory = context.board.memory;
  if (!inRam(context, resultAt, 8) || !isAllocatableType(memoryType)) return EfiStatus.invalidParameter;
  const pages = Math.max(1, Math.ceil(size / PAGE_BYTES));
  if (!Number.isSafeInteger(pages) || pages > memory.sizeBytes / PAGE_BYTES) return EfiStatus.outOfResources;
  if (context.state.pool.length >= MAX_POOL_BLOCKS) return EfiStatus.outOfResources;
  const start = context.map.findFree(pages, memory.sizeBytes - 1);
  if (start < 0 || !context.map.retype(start, pages, memoryType)) return EfiStatus.outOfResources;
  context.state.pool.push({ address: start, pages });
  memory.write64FromNumber(resultAt, start);
  return EfiStatus.success;
}

function freePool(context: FirmwareContext, a: readonly number[]): bigint {
  const index = context.state.pool.findIndex((block) => block.address === a[0]);
  if (index < 0) return EfiStatus.invalidParameter;
  const [block] = context.state.pool.splice(index, 1);
  return context.map.free(block.address, block.pages) ? EfiStatus.success : EfiStatus.invalidParameter;
}

/** HandleProtocol and OpenProtocol: handle, guid, where the interface goes. */
function handleProtocol(context: FirmwareContext, a: readonly number[]): bigint {
  const guid = readGuid(context, a[1]);
  if (guid === null || !inRam(context, a[2], 8)) return EfiStatus.invalidParameter;
  const onHandle = context.state.protocols.filter((entry) => entry.handle === a[0]);
  if (onHandle.length === 0) return EfiStatus.invalidParameter;
  const found = onHandle.find((entry) => sameGuid(entry.guid, guid));
  context.board.memory.write64FromNumber(a[2], found?.address ?? 0);
  return found === undefined ? EfiStatus.unsupported : EfiStatus.success;
}

function locateProtocol(context: FirmwareContext, a: readonly number[]): bigint {
  const guid = readGuid(context, a[0]);
  if (guid === null || !inRam(context, a[2], 8)) return EfiStatus.invalidParameter;
  const found = context.state.protocols.find((entry) => sameGuid(entry.guid, guid));
  context.board.memory.write64FromNumber(a[2], found?.address ?? 0);
  return found === undefined ? EfiStatus.notFound : EfiStatus.success;
}

function findHandles(context: FirmwareContext, searchType: number, guidAt: number): number[] | null {
  const all = [...new Set(context.state.protocols.map((entry) => entry.handle))];
  if (searchType === LocateSearch.allHandles) return all;
  const guid = searchType === LocateSearch.byProtocol ? readGuid(context, guidAt) : null;
  if (guid === null) return null;
  return all.filter((handle) =>
    context.state.protocols.some((entry) => entry.handle === handle && sameGuid(entry.guid, guid)),
  );
}

function locateHandle(context: FirmwareContext, a: readonly number[]): bigint {
  const [searchType, guidAt, , sizeAt, bufferAt] = a;
  const handles = findHandles(context, searchType, guidAt);
  const memory = context.board.memory;
  if (handles === null || !inRam(context, sizeAt, 8)) return EfiStatus.invalidParameter;
  if (handles.length === 0) return EfiStatus.notFound;
  const offered = memory.read64AsNumber(sizeAt);
  memory.write64FromNumber(sizeAt, handles.length * 8);
  if (offered < handles.length * 8) return EfiStatus.bufferTooSmall;
  if (!inRam(context, bufferAt, handles.length * 8)) return EfiStatus.invalidParameter;
  handles.forEach((handle, n) => memory.write64FromNumber(bufferAt + n * 8, handle));
  return EfiStatus.success;
}

function locateHandleBuffer(context: FirmwareContext, a: readonly number[]): bigint {
  const [searchType, guidAt, , countAt, bufferAt] = a;
  const handles = findHandles(context, searchType, guidAt);
  const memory = context.board.memory;
  if (handles === null || !inRam(context, countAt, 8) || !inRam(context, bufferAt, 8))
    return EfiStatus.invalidParameter;
  if (handles.length === 0) return EfiStatus.notFound;
  const status = allocatePool(context, [EfiMemoryType.bootServicesData, handles.length * 8, bufferAt]);
  if (status !== EfiStatus.success) return status;
  const buffer = memory.read64AsNumber(bufferAt);
  handles.forEach((handle, n) => memory.write64FromNumber(buffer + n * 8, handle));
  memory.write64FromNumber(countAt, handles.length);
  return EfiStatus.success;
}

function exitBootServices(context: FirmwareContext, a: readonly number[]): bigint {
  const [imageHandle, mapKey] = a;
  if (imageHandle !== handleAddress(context.plan, Handle.image) || mapKey !== context.map.key)
    return EfiStatus.invalidParameter;
  context.state.exited = true;
  detachBootServices(context);
  return EfiStatus.success;
}

function outputString(context: FirmwareContext, a: readonly number[]): bigint {
  const memory = context.board.memory;
  for (let n = 0; n < MAX_TEXT_CHARACTERS; n++) {
    const at = a[1] + n * 2;
    if (!inRam(context, at, 2)) return EfiStatus.invalidParameter;
    let code = memory.read16(at);
    if (code === 0) return EfiStatus.success;
    // UCS-2 has no surrogates; one is replaced rather than sent as a broken byte sequence.
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    for (const byte of new TextEncoder().encode(String.fromCharCode(code))) context.board.serialByte(byte);
  }
  return EfiStatus.success;
}

function calculateCrc32(context: FirmwareContext, a: readonly number[]): bigint {
  const [dataAt, size, resultAt] = a;
  if (size <= 0 || size > MAX_CRC_BYTES || !inRam(context, dataAt, size) || !inRam(context, resultAt, 4))
    return EfiStatus.invalidParameter;
  context.board.memory.write32(resultAt, crc32(context.board.memory.bytes.subarray(dataAt, dataAt + size)));
  return EfiStatus.success;
}

function copyMem(context: FirmwareContext, a: readonly number[]): bigint {
  const [target, source, length] = a;
  if (length > 0 && inRam(context, target, length) && inRam(context, source, length)) {
    context.board.memory.bytes.copyWithin(target, source, source + length);
    context.board.memory.noteWrite(target, length);
  }
  return EfiStatus.success;
}

function setMem(context: FirmwareContext, a: readonly number[]): bigint {
  const [target, length, value] = a;
  if (length > 0 && inRam(context, target, length)) context.board.memory.fill(target, length, value & 0xff);
  return EfiStatus.success;
}

function raiseTaskPriority(context: FirmwareContext, a: readonly number[]): bigint {
  const old = context.state.taskPriority;
  if (a[0] >= old && a[0] <= HIGHEST_TASK_PRIORITY) context.state.taskPriority = a[0];
  return BigInt(old);
}

function restoreTaskPriority(context: FirmwareContext, a: readonly number[]): bigint {
  if (a[0] >= 0 && a[0] <= context.state.taskPriority) context.state.taskPriority = a[0];
  return EfiStatus.success;
}

function getNextMonotonicCount(context: FirmwareContext, a: readonly number[]): bigint {
  if (!inRam(context, a[0], 8)) return EfiStatus.invalidParameter;
  context.state.monotonicCount++;
  context.board.memory.write32(a[0], context.state.monotonicCount);
  context.board.memory.write32(a[0] + 4, context.state.highMonotonicCount);
  return EfiStatus.success;
}

function stall(context: FirmwareContext, a: readonly number[]): bigint {
  if (!(a[0] >= 0)) return EfiStatus.invalidParameter;
  context.board.stall(Math.min(a[0], MAX_STALL_MICROS) * 1000);
  return EfiStatus.success;
}

/** EFI_BOOT_SERVICES after its header (UEFI 2.10, 4.4), in order. */
export const bootServices: readonly FirmwareService[] = [
  { name: 'RaiseTPL', call: raiseTaskPriority },
  { name: 'RestoreTPL', call: restoreTaskPriority },
  { name: 'AllocatePages', call: allocatePages },
  { name: 'FreePages', call: freePages },
  { name: 'GetMemoryMap', call: getMemoryMap },
  { name: 'AllocatePool', call: allocatePool },
  { name: 'FreePool', call: freePool },
  { name: 'CreateEvent', call: unsupported },
  { name: 'SetTimer', call: unsupported },
  { name: 'WaitForEvent', call: unsupported },
  { name: 'SignalEvent', call: unsupported },
  { name: 'CloseEvent', call: unsupported },
  { name: 'CheckEvent', call: unsupported },
  { name: 'InstallProtocolInterface', call: unsupported },
  { name: 'ReinstallProtocolInterface', call: unsupported },
  { name: 'UninstallProtocolInterface', call: unsupported },
  { name: 'HandleProtocol', call: handleProtocol },
  { name: 'Reserved', call: unsupported },
  { name: 'RegisterProtocolNotify', call: unsupported },
  { name: 'LocateHandle', call: locateHandle },
  { name: 'LocateDevicePath', call: unsupported },
  { name: 'InstallConfigurationTable', call: unsupported },
  { name: 'LoadImage', call: unsupported },
  { name: 'StartImage', call: unsupported },
  { name: 'Exit', call: unsupported },
  { name: 'UnloadImage', call: unsupported },
  { name: 'ExitBootServices', call: exitBootServices },
  { name: 'GetNextMonotonicCount', call: getNextMonotonicCount },
  { name: 'Stall', call: stall },
  // The watchdog only guards a loader that hangs; the host's time limit does that here.
  { name: 'SetWatchdogTimer', call: success },
  { name: 'ConnectController', call: unsupported },
  { name: 'DisconnectController', call: unsupported },
  { name: 'OpenProtocol', call: handleProtocol },
  { name: 'CloseProtocol', call: success },
  { name: 'OpenProtocolInformation', call: unsupported },
  { name: 'ProtocolsPerHandle', call: unsupported },
  { name: 'LocateHandleBuffer', call: locateHandleBuffer },
  { name: 'LocateProtocol', call: locateProtocol },
  { name: 'InstallMultipleProtocolInterfaces', call: unsupported },
  { name: 'UninstallMultipleProtocolInterfaces', call: unsupported },
  { name: 'CalculateCrc32', call: calculateCrc32 },
  { name: 'CopyMem', call: copyMem },
  { name: 'SetMem', call: setMem },
  { name: 'CreateEventEx', call: unsupported },
];

function graphicsQueryMode(context: FirmwareContext, a: readonly number[]): bigint {
  const [, mode, sizeAt, infoAt] = a;
  if (mode !== 0 || !inRam(context, sizeAt, 8) || !inRam(context, infoAt, 8)) return EfiStatus.invalidParameter;
  context.board.memory.write64FromNumber(sizeAt, 36);
  context.board.memory.write64FromNumber(infoAt, context.plan.bootData + BootData.graphicsInformation);
  return EfiStatus.success;
}

/** The only mode is mode 0; setting it clears the screen (UEFI 2.10, 12.9.2). */
function graphicsSetMode(context: FirmwareContext, a: readonly number[]): bigint {
  if (a[1] !== 0) return EfiStatus.unsupported;
  const { width, height } = context.framebuffer;
  context.board.memory.fill(context.plan.framebuffer, width * height * 4, 0);
  return EfiStatus.success;
}

/** Functions of the protocols, in the order of their stubs. */
export const protocolServices: readonly FirmwareService[] = [
  { name: 'ConOut.Reset', call: success },
  { name: 'ConOut.OutputString', call: outputString },
  { name: 'ConOut.TestString', call: success },
  { name: 'ConOut.QueryMode', call: unsupported },
  { name: 'ConOut.SetMode', call: unsupported },
  { name: 'ConOut.SetAttribute', call: success },
  { name: 'ConOut.ClearScreen', call: success },
  { name: 'ConOut.SetCursorPosition', call: unsupported },
  { name: 'ConOut.EnableCursor', call: unsupported },
  { name: 'ConIn.Reset', call: success },
  { name: 'ConIn.ReadKeyStroke', call: unsupported },
  { name: 'Gop.QueryMode', call: graphicsQueryMode },
  { name: 'Gop.SetMode', call: graphicsSetMode },
  { name: 'Gop.Blt', call: unsupported },
  { name: 'LoadedImage.Unload', call: unsupported },
];
