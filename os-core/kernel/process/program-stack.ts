// A new program's stack (psABI x86-64, 3.4.1):
//
//   high  "path\0" environment strings, argument strings, "x86_64\0", 16 random bytes
//         padding to 16
//         auxiliary vector: pairs of 64-bit words, ended by AT_NULL
//         envp pointers, 0
//         argv pointers, 0
//   low   argc                                         <- RSP, a multiple of 16

import type { Credentials } from './process.ts';

const Auxiliary = {
  null: 0,
  programHeaders: 3,
  programHeaderBytes: 4,
  programHeaderCount: 5,
  pageBytes: 6,
  base: 7,
  flags: 8,
  entry: 9,
  userId: 11,
  effectiveUserId: 12,
  groupId: 13,
  effectiveGroupId: 14,
  platform: 15,
  hardwareCapabilities: 16,
  clockTicks: 17,
  secure: 23,
  random: 25,
  hardwareCapabilities2: 26,
  programPath: 31,
  /** AT_SYSINFO_EHDR: the ELF header of the vDSO. */
  systemInformation: 33,
  minimumSignalStack: 51,
} as const;

/** CPUID.1:EDX of an x86-64-v2 CPU without what we lack; the same word that the CPU reports is not visible here, programs use CPUID. */
const HARDWARE_CAPABILITIES = 0x078b_fbff;

/** AT_MINSIGSTKSZ: a signal frame with its FXSAVE area, rounded up to what the kernel of Linux gives without AVX. */
const MINIMUM_SIGNAL_STACK = 1232;

export interface StackContents {
  readonly arguments: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
  readonly path: Uint8Array;
  readonly random: Uint8Array;
  readonly entry: number;
  readonly programHeaders: number;
  readonly programHeaderCount: number;
  /** AT_BASE: where the dynamic loader lies, 0 without one. */
  readonly loaderBase: number;
  readonly vdso: number;
  readonly credentials: Credentials;
}

export interface BuiltStack {
  /** To be written so that its last byte is at top - 1. */
  readonly bytes: Uint8Array;
  readonly stackPointer: number;
  readonly argumentsStart: number;
  readonly argumentsEnd: number;
  readonly environmentStart: number;
  readonly environmentEnd: number;
  /** The auxiliary vector, AT_NULL included, for /proc/PID/auxv. */
  readonly auxiliary: Uint8Array;
}

/** Bytes needed, generously. */
export function stackBytesNeeded(contents: StackContents): number {
  let sum = 1024 + contents.path.length;
  for (const text of contents.arguments) sum += text.length + 9;
  for (const text of contents.environment) sum += text.length + 9;
  return sum;
}

/** Lays the stack out below `top` (a multiple of 16). */
export function buildStack(top: number, contents: StackContents): BuiltStack {
  const size = Math.ceil(stackBytesNeeded(contents) / 16) * 16;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const base = top - size;
  let cursor = size - 8;
  const put = (text: Uint8Array): number => {
    cursor -= text.length + 1;
    bytes.set(text, cursor);
    return base + cursor;
  };
  const path = put(contents.path);
  // Strings lie in ascending order, as /proc/PID/cmdline reads them.
  const strings = (
    list: readonly Uint8Array[],
  ): { readonly addresses: number[]; readonly start: number; readonly end: number } => {
    const end = base + cursor;
    const addresses: number[] = [];
    for (let i = list.length - 1; i >= 0; i--) addresses.unshift(put(list[i]));
    return { addresses, start: base + cursor, end };
  };
  const environment = strings(contents.environment);
  const argumentStrings = strings(contents.arguments);
  const platform = put(Uint8Array.from('x86_64', (c) => c.charCodeAt(0)));
  cursor -= cursor % 16;
  cursor -= 16;
  bytes.set(contents.random.subarray(0, 16), cursor);
  const random = base + cursor;

  const { credentials } = contents;
  const auxiliary: [number, number][] = [
    [Auxiliary.systemInformation, contents.vdso],
    [Auxiliary.hardwareCapabilities, HARDWARE_CAPABILITIES],
    [Auxiliary.pageBytes, 4096],
    [Auxiliary.clockTicks, 100],
    [Auxiliary.programHeaders, contents.programHeaders],
    [Auxiliary.programHeaderBytes, 56],
    [Auxiliary.programHeaderCount, contents.programHeaderCount],
    [Auxiliary.base, contents.loaderBase],
    [Auxiliary.flags, 0],
    [Auxiliary.entry, contents.entry],
    [Auxiliary.userId, credentials.userId],
    [Auxiliary.effectiveUserId, credentials.userId],
    [Auxiliary.groupId, credentials.groupId],
    [Auxiliary.effectiveGroupId, credentials.groupId],
    [Auxiliary.secure, 0],
    [Auxiliary.random, random],
    [Auxiliary.hardwareCapabilities2, 0],
    [Auxiliary.programPath, path],
    [Auxiliary.minimumSignalStack, MINIMUM_SIGNAL_STACK],
    [Auxiliary.platform, platform],
    [Auxiliary.null, 0],
  ];
  const words = 1 + argumentStrings.addresses.length + 1 + environment.addresses.length + 1 + auxiliary.length * 2;
  cursor -= words * 8;
  cursor -= (base + cursor) % 16;
  let at = cursor;
  const word = (value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
    at += 8;
  };
  word(argumentStrings.addresses.length);
  argumentStrings.addresses.forEach(word);
  word(0);
  environment.addresses.forEach(word);
  word(0);
  const auxiliaryStart = at;
  for (const [type, value] of auxiliary) {
    word(type);
    word(value);
  }
  return {
    bytes: bytes.subarray(cursor),
    stackPointer: base + cursor,
    argumentsStart: argumentStrings.start,
    argumentsEnd: argumentStrings.end,
    environmentStart: environment.start,
    environmentEnd: environment.end,
    auxiliary: bytes.slice(auxiliaryStart, at),
  };
}
