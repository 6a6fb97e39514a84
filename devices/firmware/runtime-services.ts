// Runtime services (UEFI 2.10, chapter 8): time, variables, reset. They go on working after ExitBootServices.
//
//   EFI_TIME   0 u16 year  2 u8 month  3 u8 day  4 u8 hour  5 u8 minute  6 u8 second  7 pad  8 u32 nanosecond
//             12 i16 time zone (0 = UTC)  14 u8 daylight  15 pad
//
// Left out: wake-up alarms, capsules and SetVirtualAddressMap (the machine calls by physical address).

import { civilFromDays, daysFromCivil } from '../base/calendar.ts';
import type { FirmwareContext, FirmwareService } from './context.ts';
import { EfiStatus } from './layout.ts';
import { MAX_NAME_BYTES, MAX_STORE_BYTES, MAX_VARIABLE_BYTES, VariableAttribute } from './variables.ts';

const EFI_TIME_BYTES = 16;
/** EFI_RESET_TYPE EfiResetShutdown. */
const RESET_SHUTDOWN = 2;
const RESET_PLATFORM_SPECIFIC = 3;
const MILLIS_PER_DAY = 86_400_000;

const unsupported = (): bigint => EfiStatus.unsupported;

function inRam(context: FirmwareContext, address: number, length: number): boolean {
  return address > 0 && context.board.memory.contains(address, length);
}

function getTime(context: FirmwareContext, a: readonly number[]): bigint {
  const [timeAt, capabilitiesAt] = a;
  const memory = context.board.memory;
  if (!inRam(context, timeAt, EFI_TIME_BYTES)) return EfiStatus.invalidParameter;
  const millis = context.board.unixMillis() + context.state.clockOffsetMillis;
  const days = Math.floor(millis / MILLIS_PER_DAY);
  const { year, month, day } = civilFromDays(days);
  const rest = millis - days * MILLIS_PER_DAY;
  memory.fill(timeAt, EFI_TIME_BYTES, 0);
  memory.write16(timeAt, year);
  memory.write8(timeAt + 2, month);
  memory.write8(timeAt + 3, day);
  memory.write8(timeAt + 4, Math.floor(rest / 3_600_000));
  memory.write8(timeAt + 5, Math.floor(rest / 60_000) % 60);
  memory.write8(timeAt + 6, Math.floor(rest / 1000) % 60);
  memory.write32(timeAt + 8, Math.floor(rest % 1000) * 1_000_000);
  if (inRam(context, capabilitiesAt, 12)) {
    // EFI_TIME_CAPABILITIES: resolution in Hz, accuracy in 1e-6 ppm, SetsToZero.
    memory.write32(capabilitiesAt, 1000);
    memory.write32(capabilitiesAt + 4, 50_000_000);
    memory.write32(capabilitiesAt + 8, 0);
  }
  return EfiStatus.success;
}

function setTime(context: FirmwareContext, a: readonly number[]): bigint {
  const memory = context.board.memory;
  if (!inRam(context, a[0], EFI_TIME_BYTES)) return EfiStatus.invalidParameter;
  const year = memory.read16(a[0]);
  const [month, day, hour, minute, second] = [2, 3, 4, 5, 6].map((offset) => memory.read8(a[0] + offset));
  if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return EfiStatus.invalidParameter;
  if (hour > 23 || minute > 59 || second > 59) return EfiStatus.invalidParameter;
  const wanted = daysFromCivil(year, month, day) * MILLIS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1000;
  context.state.clockOffsetMillis = wanted - Math.floor(context.board.unixMillis());
  return EfiStatus.success;
}

/** The UCS-2 string at `address` without its terminator; null if it is too long or leaves RAM. */
function readName(context: FirmwareContext, address: number): Uint8Array | null {
  for (let length = 0; length <= MAX_NAME_BYTES; length += 2) {
    if (!inRam(context, address + length, 2)) return null;
    if (context.board.memory.read16(address + length) === 0)
      return context.board.memory.bytes.slice(address, address + length);
  }
  return null;
}

function readGuid(context: FirmwareContext, address: number): Uint8Array | null {
  return inRam(context, address, 16) ? context.board.memory.bytes.slice(address, address + 16) : null;
}

function getVariable(context: FirmwareContext, a: readonly number[]): bigint {
  const [nameAt, guidAt, attributesAt, sizeAt, dataAt] = a;
  const memory = context.board.memory;
  const name = readName(context, nameAt);
  const guid = readGuid(context, guidAt);
  if (name === null || guid === null || !inRam(context, sizeAt, 8)) return EfiStatus.invalidParameter;
  const variable = context.variables.find(name, guid, context.state.exited);
  if (variable === undefined) return EfiStatus.notFound;
  const offered = memory.read64AsNumber(sizeAt);
  memory.write64FromNumber(sizeAt, variable.data.length);
  if (inRam(context, attributesAt, 4)) memory.write32(attributesAt, variable.attributes);
  if (offered < variable.data.length) return EfiStatus.bufferTooSmall;
  return inRam(context, dataAt, variable.data.length) && memory.writeBytes(dataAt, variable.data)
    ? EfiStatus.success
    : EfiStatus.invalidParameter;
}

function getNextVariableName(context: FirmwareContext, a: readonly number[]): bigint {
  const [sizeAt, nameAt, guidAt] = a;
  const memory = context.board.memory;
  const name = readName(context, nameAt);
  const guid = readGuid(context, guidAt);
  if (name === null || guid === null || !inRam(context, sizeAt, 8)) return EfiStatus.invalidParameter;
  const next = context.variables.next(name, guid, context.state.exited);
  if (next === null) return EfiStatus.invalidParameter;
  if (next === undefined) return EfiStatus.notFound;
  const offered = memory.read64AsNumber(sizeAt);
  const needed = next.name.length + 2;
  memory.write64FromNumber(sizeAt, needed);
  if (offered < needed) return EfiStatus.bufferTooSmall;
  if (!inRam(context, nameAt, needed)) return EfiStatus.invalidParameter;
  memory.writeBytes(nameAt, next.name);
  memory.write16(nameAt + next.name.length, 0);
  memory.writeBytes(guidAt, next.guid);
  return EfiStatus.success;
}

function setVariable(context: FirmwareContext, a: readonly number[]): bigint {
  const [nameAt, guidAt, attributes, size, dataAt] = a;
  const name = readName(context, nameAt);
  const guid = readGuid(context, guidAt);
  if (name === null || guid === null || !(size >= 0)) return EfiStatus.invalidParameter;
  if (size > MAX_VARIABLE_BYTES) return EfiStatus.outOfResources;
  if (size > 0 && !inRam(context, dataAt, size)) return EfiStatus.invalidParameter;
  const data = context.board.memory.bytes.slice(dataAt, dataAt + size);
  return context.variables.set(name, guid, attributes, data, context.state.exited);
}

function queryVariableInfo(context: FirmwareContext, a: readonly number[]): bigint {
  const [attributes, maximumAt, remainingAt, largestAt] = a;
  if ((attributes & (VariableAttribute.bootService | VariableAttribute.runtime)) === 0)
    return EfiStatus.invalidParameter;
  if (![maximumAt, remainingAt, largestAt].every((at) => inRam(context, at, 8))) return EfiStatus.invalidParameter;
  const memory = context.board.memory;
  memory.write64FromNumber(maximumAt, MAX_STORE_BYTES);
  memory.write64FromNumber(remainingAt, Math.max(0, MAX_STORE_BYTES - context.variables.usedBytes()));
  memory.write64FromNumber(largestAt, MAX_VARIABLE_BYTES);
  return EfiStatus.success;
}

function getNextHighMonotonicCount(context: FirmwareContext, a: readonly number[]): bigint {
  if (!inRam(context, a[0], 4)) return EfiStatus.invalidParameter;
  context.board.memory.write32(a[0], ++context.state.highMonotonicCount);
  return EfiStatus.success;
}

function resetSystem(context: FirmwareContext, a: readonly number[]): bigint {
  if (!(a[0] >= 0 && a[0] <= RESET_PLATFORM_SPECIFIC)) return EfiStatus.invalidParameter;
  context.board.reset(a[0] === RESET_SHUTDOWN ? 'off' : 'reset');
  return EfiStatus.success;
}

/** EFI_RUNTIME_SERVICES after its header (UEFI 2.10, 4.5), in order. */
export const runtimeServices: readonly FirmwareService[] = [
  { name: 'GetTime', call: getTime },
  { name: 'SetTime', call: setTime },
  { name: 'GetWakeupTime', call: unsupported },
  { name: 'SetWakeupTime', call: unsupported },
  { name: 'SetVirtualAddressMap', call: unsupported },
  { name: 'ConvertPointer', call: unsupported },
  { name: 'GetVariable', call: getVariable },
  { name: 'GetNextVariableName', call: getNextVariableName },
  { name: 'SetVariable', call: setVariable },
  { name: 'GetNextHighMonotonicCount', call: getNextHighMonotonicCount },
  { name: 'ResetSystem', call: resetSystem },
  { name: 'UpdateCapsule', call: unsupported },
  { name: 'QueryCapsuleCapabilities', call: unsupported },
  { name: 'QueryVariableInfo', call: queryVariableInfo },
];

/** EFI_RT_SUPPORTED_*: a bit per service above that is not left out (UEFI 2.10, 4.6.2). */
export const RUNTIME_SERVICES_SUPPORTED = 0x0001 | 0x0002 | 0x0040 | 0x0080 | 0x0100 | 0x0200 | 0x0400 | 0x2000;
