// ELF64 executables (System V ABI, chapters 4 and 5; psABI x86-64, 4): reading the headers of a hostile file.
//
//   0  7f 'E' 'L' 'F'  class 2  data 1  version 1     16 e_type  18 e_machine 62  20 e_version  24 e_entry  32 e_phoff
//   54 e_phentsize 56  56 e_phnum
//   program header: p_type 0, p_flags 4, p_offset 8, p_vaddr 16, p_paddr 24, p_filesz 32, p_memsz 40, p_align 48
//
// The program headers may lie anywhere in the file (patchelf moves them to its end). parseElf gives a plan of segments that are in bounds,
// ordered and do not overlap, or one line that says what is wrong.

import { USER_MAP_END, USER_MAP_START } from '../memory/address-space.ts';
import { FRAME_BYTES } from '../memory/frames.ts';

/** What exec looks at first of any file. */
export const MAX_HEADER_BYTES = 4096;
const PROGRAM_HEADER_BYTES = 56;
/** As Linux: they fit into a page. */
const MAX_PROGRAM_HEADERS = Math.floor(FRAME_BYTES / PROGRAM_HEADER_BYTES);
/** PATH_MAX, as Linux. */
const MAX_INTERPRETER_BYTES = 4096;

const ElfType = { executable: 2, shared: 3 } as const;
const SegmentType = { load: 1, interpreter: 3, programHeaders: 6, stack: 0x6474_e551 } as const;
const SegmentFlag = { execute: 1, write: 2, read: 4 } as const;

export interface ElfSegment {
  /** As in the file; add the load bias. */
  readonly virtualAddress: number;
  readonly fileOffset: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  /** PROT_* */
  readonly protection: number;
}

export interface ElfPlan {
  readonly entry: number;
  /** ET_DYN: may be placed anywhere. */
  readonly positionIndependent: boolean;
  readonly segments: readonly ElfSegment[];
  /** Page-rounded range of all segments. */
  readonly start: number;
  readonly end: number;
  readonly alignment: number;
  /** Where the program headers lie in memory (AT_PHDR), 0 if in no segment. */
  readonly programHeaders: number;
  readonly programHeaderCount: number;
  /** Where the path of the dynamic loader lies in the file, zero-terminated (PT_INTERP). */
  readonly interpreter: { readonly fileOffset: number; readonly bytes: number } | null;
}

/** Where the program headers lie, or why the file is no program. `header`: the first bytes of the file; `fileBytes`: its size. */
export function programHeadersOf(
  header: Uint8Array,
  fileBytes: number,
): { readonly offset: number; readonly bytes: number } | string {
  if (header.length < 64) return 'shorter than an ELF header';
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0, false) !== 0x7f45_4c46) return 'no ELF magic';
  if (header[4] !== 2) return 'not ELF64';
  if (header[5] !== 1) return 'not little endian';
  if (header[6] !== 1 || view.getUint32(20, true) !== 1) return 'unknown ELF version';
  const type = view.getUint16(16, true);
  if (type !== ElfType.executable && type !== ElfType.shared) return `ELF type ${type} is no program`;
  if (view.getUint16(18, true) !== 62) return 'not for x86-64';
  if (view.getUint16(54, true) !== PROGRAM_HEADER_BYTES) return 'odd program header size';
  const count = view.getUint16(56, true);
  if (count === 0 || count > MAX_PROGRAM_HEADERS) return `${count} program headers`;
  const offset = wordAt(view, 32);
  const bytes = count * PROGRAM_HEADER_BYTES;
  if (offset < 64 || offset + bytes > fileBytes) return 'program headers lie outside the file';
  return { offset, bytes };
}

const wordAt = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;

/** The plan, or why there is none. `table`: the program headers, where programHeadersOf says. */
export function parseElf(header: Uint8Array, fileBytes: number, table?: Uint8Array): ElfPlan | string {
  const place = programHeadersOf(header, fileBytes);
  if (typeof place === 'string') return place;
  const { offset: tableOffset, bytes: tableBytes } = place;
  const programHeaderTable = table ?? header.subarray(tableOffset, tableOffset + tableBytes);
  if (programHeaderTable.length !== tableBytes) return 'program headers were not read';
  const count = tableBytes / PROGRAM_HEADER_BYTES;
  const elf = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const type = elf.getUint16(16, true);
  const view = new DataView(programHeaderTable.buffer, programHeaderTable.byteOffset, tableBytes);
  const number = (at: number): number => wordAt(view, at);

  const segments: ElfSegment[] = [];
  let alignment = FRAME_BYTES;
  let programHeaders = 0;
  let interpreter: ElfPlan['interpreter'] = null;
  for (let index = 0; index < count; index++) {
    const at = index * PROGRAM_HEADER_BYTES;
    const kind = view.getUint32(at, true);
    if (kind === SegmentType.interpreter) {
      if (interpreter !== null) return 'more than one PT_INTERP';
      interpreter = { fileOffset: number(at + 8), bytes: number(at + 32) };
      if (interpreter.bytes < 2 || interpreter.bytes > MAX_INTERPRETER_BYTES) return 'PT_INTERP holds no path';
      if (interpreter.fileOffset + interpreter.bytes > fileBytes) return 'PT_INTERP lies beyond the end of the file';
    }
    if (kind === SegmentType.programHeaders) programHeaders = number(at + 16);
    if (kind !== SegmentType.load) continue;
    const flags = view.getUint32(at + 4, true);
    const segment: ElfSegment = {
      fileOffset: number(at + 8),
      virtualAddress: number(at + 16),
      fileBytes: number(at + 32),
      memoryBytes: number(at + 40),
      protection:
        ((flags & SegmentFlag.read) !== 0 ? 1 : 0) |
        ((flags & SegmentFlag.write) !== 0 ? 2 : 0) |
        ((flags & SegmentFlag.execute) !== 0 ? 4 : 0),
    };
    const align = number(at + 48);
    if (segment.memoryBytes === 0) continue;
    if (segment.fileBytes > segment.memoryBytes) return 'a segment is larger in the file than in memory';
    if (segment.fileOffset + segment.fileBytes > fileBytes) return 'a segment lies beyond the end of the file';
    if (segment.virtualAddress + segment.memoryBytes > USER_MAP_END) return 'a segment lies outside user space';
    if (segment.virtualAddress % FRAME_BYTES !== segment.fileOffset % FRAME_BYTES && segment.fileBytes > 0)
      return 'a segment is not congruent with its file offset';
    if ((segment.protection & 6) === 6) return 'a segment is writable and executable';
    if (align > FRAME_BYTES) {
      if (align > 2 ** 30 || !isPowerOfTwo(align)) return 'odd segment alignment';
      alignment = Math.max(alignment, align);
    }
    const last = segments[segments.length - 1];
    // Pages may not be shared by two segments: one page has one set of rights.
    if (last !== undefined && pageFloor(segment.virtualAddress) < pageCeiling(last.virtualAddress + last.memoryBytes))
      return 'segments overlap or are out of order';
    segments.push(segment);
  }
  const first = segments[0];
  const last = segments[segments.length - 1];
  if (first === undefined || last === undefined) return 'no loadable segment';
  const start = pageFloor(first.virtualAddress);
  if (type === ElfType.executable && start < USER_MAP_START) return 'a segment lies below the lowest user address';
  const entry = wordAt(elf, 24);
  const entrySegment = segments.find((s) => entry >= s.virtualAddress && entry < s.virtualAddress + s.memoryBytes);
  if (entrySegment === undefined || (entrySegment.protection & 4) === 0) return 'the entry point is not in code';
  if (programHeaders === 0) {
    const holder = segments.find(
      (s) => tableOffset >= s.fileOffset && tableOffset + tableBytes <= s.fileOffset + s.fileBytes,
    );
    if (holder !== undefined) programHeaders = tableOffset - holder.fileOffset + holder.virtualAddress;
  } else if (
    !segments.some(
      (s) => programHeaders >= s.virtualAddress && programHeaders + tableBytes <= s.virtualAddress + s.memoryBytes,
    )
  ) {
    return 'PT_PHDR lies outside the segments';
  }
  return {
    entry,
    positionIndependent: type === ElfType.shared,
    segments,
    start,
    end: pageCeiling(last.virtualAddress + last.memoryBytes),
    alignment,
    programHeaders,
    programHeaderCount: count,
    interpreter,
  };
}

const pageFloor = (address: number): number => address - (address % FRAME_BYTES);
export const pageCeiling = (address: number): number => Math.ceil(address / FRAME_BYTES) * FRAME_BYTES;
/** For numbers up to 2^30. */
const isPowerOfTwo = (value: number): boolean => Number.isInteger(value) && (value & (value - 1)) === 0;
