// The values in the tree.
//
//   inode (128)       0 mode u16 | 2 zero u16 | 4 links u32 | 8 user u32 | 12 group u32 | 16 size u64 | 24 blocks u64 | 32 birth generation u64
//                     40 data sequence u64 | 48 device u64 | 56 atime | 72 mtime | 88 ctime | 104 btime (seconds i64, nanoseconds u32, zero u32) | 120 zero
//   directory bucket  key offset = hash of the name; entries: inode u48 | type u8 (mode >> 12) | name length u8 | name
//   inline data       bytes of file block 0, up to 1,024; the rest of the block is zero
//   chunk             key offset = file block / 64; run count u8 | runs: first u8, count u8, address u48 | xxh3 u64 per mapped block, in order
//   attribute bucket  key offset = hash of the name; entries: name length u8 | zero u8 | value length u16 | name | value
//   back link         (directories) parent u48 | name: for ".." and getcwd
//
// Names are byte strings: JavaScript strings whose char codes are bytes, so that any bytes Linux allows survive.

import { registerClass } from '../../devices/base/object-graph.ts';
import { xxh3Into } from '../../devices/base/xxh3.ts';
import { FIRST_FREE_BLOCK, LARGEST_VALUE_BYTES, readU48, readU64, viewOf, writeU48, writeU64 } from './layout.ts';

export const INODE_BYTES = 128;
export const LARGEST_INLINE_BYTES = 1024;
export const CHUNK_BLOCKS = 64;
export const LONGEST_NAME_BYTES = 255;
/** Entries of one hash value; more cannot be told apart by a directory position (four bits). */
export const LARGEST_BUCKET_ENTRIES = 15;
/** File blocks are numbered below 2^40: files up to 4 PiB. */
export const LARGEST_FILE_BYTES = 2 ** 52;

/** File type bits of the mode. */
export const FileType = {
  mask: 0o170000,
  fifo: 0o010000,
  characterDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  regular: 0o100000,
  symbolicLink: 0o120000,
  socket: 0o140000,
} as const;

export class Timestamp {
  seconds = 0;
  nanos = 0;
}
registerClass('eurofs.Timestamp', 1, Timestamp);

export class Inode {
  number = 0;
  mode = 0;
  links = 0;
  user = 0;
  group = 0;
  /** Bytes; for directories the number of entries without "." and "..". */
  size = 0;
  /** Mapped data blocks of 4 KiB. */
  blocks = 0;
  /** Generation in which the inode was made. */
  birth = 0;
  /** Raised by every change of the contents; with volume, number and birth it names the contents. */
  dataSequence = 0;
  device = 0;
  accessed = new Timestamp();
  modified = new Timestamp();
  changed = new Timestamp();
  created = new Timestamp();

  get type(): number {
    return this.mode & FileType.mask;
  }
  get isDirectory(): boolean {
    return this.type === FileType.directory;
  }
}
registerClass('eurofs.Inode', 1, Inode);

function writeTime(view: DataView, at: number, time: Timestamp): void {
  view.setUint32(at, time.seconds >>> 0, true);
  view.setInt32(at + 4, Math.floor(time.seconds / 0x1_0000_0000), true);
  view.setUint32(at + 8, time.nanos, true);
}
function readTime(view: DataView, at: number, time: Timestamp): boolean {
  time.seconds = view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
  time.nanos = view.getUint32(at + 8, true);
  return Number.isSafeInteger(time.seconds) && time.nanos < 1_000_000_000;
}

export function encodeInode(inode: Inode): Uint8Array {
  const bytes = new Uint8Array(INODE_BYTES);
  const view = viewOf(bytes);
  view.setUint16(0, inode.mode, true);
  view.setUint32(4, inode.links, true);
  view.setUint32(8, inode.user, true);
  view.setUint32(12, inode.group, true);
  writeU64(view, 16, inode.size);
  writeU64(view, 24, inode.blocks);
  writeU64(view, 32, inode.birth);
  writeU64(view, 40, inode.dataSequence);
  writeU64(view, 48, inode.device);
  writeTime(view, 56, inode.accessed);
  writeTime(view, 72, inode.modified);
  writeTime(view, 88, inode.changed);
  writeTime(view, 104, inode.created);
  return bytes;
}

/** null if the record is malformed. */
export function decodeInode(number: number, bytes: Uint8Array): Inode | null {
  if (bytes.length !== INODE_BYTES) return null;
  const view = viewOf(bytes);
  const inode = new Inode();
  inode.number = number;
  inode.mode = view.getUint16(0, true);
  inode.links = view.getUint32(4, true);
  inode.user = view.getUint32(8, true);
  inode.group = view.getUint32(12, true);
  inode.size = readU64(view, 16);
  inode.blocks = readU64(view, 24);
  inode.birth = readU64(view, 32);
  inode.dataSequence = readU64(view, 40);
  inode.device = readU64(view, 48);
  const timesValid =
    readTime(view, 56, inode.accessed) &&
    readTime(view, 72, inode.modified) &&
    readTime(view, 88, inode.changed) &&
    readTime(view, 104, inode.created);
  const numbers = [inode.size, inode.blocks, inode.birth, inode.dataSequence, inode.device];
  const isType = (Object.values(FileType) as number[]).includes(inode.type) && inode.type !== FileType.mask;
  return timesValid && isType && !numbers.some(Number.isNaN) && inode.size <= LARGEST_FILE_BYTES ? inode : null;
}

export function nameToBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}
export function bytesToName(bytes: Uint8Array): string {
  let name = '';
  for (let i = 0; i < bytes.length; i++) name += String.fromCharCode(bytes[i]);
  return name;
}

const hash = new Uint32Array(2);
/** The key offset of a name: the low 48 bits of its XXH3-64. */
export function hashName(name: string): number {
  xxh3Into(nameToBytes(name), hash);
  return (hash[1] & 0xffff) * 0x1_0000_0000 + hash[0];
}

/** 0 or the errno-like reason: names hold 1 to 255 bytes, no NUL and no slash, and are not "." or "..". */
export function isValidName(name: string): boolean {
  if (name.length === 0 || name.length > LONGEST_NAME_BYTES || name === '.' || name === '..') return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0 || code === 0x2f || code > 255) return false;
  }
  return true;
}

export interface DirectoryEntry {
  readonly inode: number;
  /** mode >> 12, which is also d_type of getdents64. */
  readonly type: number;
  readonly name: string;
}

/** null if malformed. */
export function decodeBucket(bytes: Uint8Array): DirectoryEntry[] | null {
  const view = viewOf(bytes);
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) return null;
    const length = bytes[at + 7];
    if (at + 8 + length > bytes.length) return null;
    const name = bytesToName(bytes.subarray(at + 8, at + 8 + length));
    const inode = readU48(view, at);
    if (!isValidName(name) || inode === 0) return null;
    entries.push({ inode, type: bytes[at + 6], name });
    at += 8 + length;
  }
  return entries.length > 0 && entries.length <= LARGEST_BUCKET_ENTRIES ? entries : null;
}
/** null if the entries do not fit into one bucket (a flood of equal hashes): the caller answers ENOSPC. */
export function encodeBucket(entries: readonly DirectoryEntry[]): Uint8Array | null {
  let length = 0;
  for (const entry of entries) length += 8 + entry.name.length;
  if (length > LARGEST_VALUE_BYTES || entries.length > LARGEST_BUCKET_ENTRIES) return null;
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  let at = 0;
  for (const entry of entries) {
    writeU48(view, at, entry.inode);
    bytes[at + 6] = entry.type;
    bytes[at + 7] = entry.name.length;
    bytes.set(nameToBytes(entry.name), at + 8);
    at += 8 + entry.name.length;
  }
  return bytes;
}

export interface Attribute {
  readonly name: string;
  readonly value: Uint8Array;
}
export function decodeAttributes(bytes: Uint8Array): Attribute[] | null {
  const view = viewOf(bytes);
  const attributes: Attribute[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return null;
    const nameEnd = at + 4 + bytes[at];
    const end = nameEnd + view.getUint16(at + 2, true);
    if (bytes[at] === 0 || end > bytes.length) return null;
    attributes.push({ name: bytesToName(bytes.subarray(at + 4, nameEnd)), value: bytes.subarray(nameEnd, end) });
    at = end;
  }
  return attributes.length > 0 ? attributes : null;
}
/** null if they do not fit. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array | null {
  let length = 0;
  for (const attribute of attributes) length += 4 + attribute.name.length + attribute.value.length;
  if (length > LARGEST_VALUE_BYTES) return null;
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  let at = 0;
  for (const attribute of attributes) {
    bytes[at] = attribute.name.length;
    view.setUint16(at + 2, attribute.value.length, true);
    bytes.set(nameToBytes(attribute.name), at + 4);
    bytes.set(attribute.value, at + 4 + attribute.name.length);
    at += 4 + attribute.name.length + attribute.value.length;
  }
  return bytes;
}

export interface BackLink {
  readonly parent: number;
  readonly name: string;
}
export function decodeBackLink(bytes: Uint8Array): BackLink | null {
  if (bytes.length < 6) return null;
  return { parent: readU48(viewOf(bytes), 0), name: bytesToName(bytes.subarray(6)) };
}
export function encodeBackLink(link: BackLink): Uint8Array {
  const bytes = new Uint8Array(6 + link.name.length);
  writeU48(viewOf(bytes), 0, link.parent);
  bytes.set(nameToBytes(link.name), 6);
  return bytes;
}

/** Where 64 consecutive blocks of a file lie, spread out for changing. Address 0: a hole. */
export class Chunk {
  readonly addresses: number[] = new Array<number>(CHUNK_BLOCKS).fill(0);
  readonly checksums: Uint32Array = new Uint32Array(2 * CHUNK_BLOCKS);

  get isEmpty(): boolean {
    return this.addresses.every((address) => address === 0);
  }
}

/** null if malformed or an address is out of range. */
export function decodeChunk(bytes: Uint8Array, blockCount: number): Chunk | null {
  if (bytes.length < 9) return null;
  const view = viewOf(bytes);
  const runs = bytes[0];
  const chunk = new Chunk();
  let sum = 1 + 8 * runs;
  let next = 0;
  for (let run = 0; run < runs; run++) {
    const at = 1 + 8 * run;
    if (at + 8 > bytes.length) return null;
    const first = bytes[at];
    const count = bytes[at + 1];
    const address = readU48(view, at + 2);
    if (first < next || count === 0 || first + count > CHUNK_BLOCKS || sum + 8 * count > bytes.length) return null;
    if (address < FIRST_FREE_BLOCK || address + count > blockCount) return null;
    for (let i = 0; i < count; i++, sum += 8) {
      chunk.addresses[first + i] = address + i;
      chunk.checksums[2 * (first + i)] = view.getUint32(sum, true);
      chunk.checksums[2 * (first + i) + 1] = view.getUint32(sum + 4, true);
    }
    next = first + count;
  }
  return runs > 0 && sum === bytes.length ? chunk : null;
}

export function encodeChunk(chunk: Chunk): Uint8Array {
  const runs: [first: number, count: number][] = [];
  let mapped = 0;
  for (let i = 0; i < CHUNK_BLOCKS; i++) {
    if (chunk.addresses[i] === 0) continue;
    mapped++;
    const last = runs[runs.length - 1];
    const continues = last !== undefined && last[0] + last[1] === i;
    if (continues && chunk.addresses[i] === chunk.addresses[i - 1] + 1) last[1]++;
    else runs.push([i, 1]);
  }
  const bytes = new Uint8Array(1 + 8 * runs.length + 8 * mapped);
  const view = viewOf(bytes);
  bytes[0] = runs.length;
  let sum = 1 + 8 * runs.length;
  for (let run = 0; run < runs.length; run++) {
    const [first, count] = runs[run];
    bytes[1 + 8 * run] = first;
    bytes[2 + 8 * run] = count;
    writeU48(view, 3 + 8 * run, chunk.addresses[first]);
    for (let i = first; i < first + count; i++, sum += 8) {
      view.setUint32(sum, chunk.checksums[2 * i], true);
      view.setUint32(sum + 4, chunk.checksums[2 * i + 1], true);
    }
  }
  return bytes;
}

/** One mapped block of an encoded chunk, found without spreading it out. Filled by findInChunk. */
export const foundBlock = { address: 0, checksumLow: 0, checksumHigh: 0 };

/** Looks up block `index` (0-63): true and foundBlock, or false for a hole. The chunk was checked at mount. */
export function findInChunk(bytes: Uint8Array, index: number, blockCount: number): boolean {
  const view = viewOf(bytes);
  const runs = bytes.length > 0 ? bytes[0] : 0;
  let before = 0;
  for (let run = 0; run < runs && 9 + 8 * run <= bytes.length; run++) {
    const first = bytes[1 + 8 * run];
    const count = bytes[2 + 8 * run];
    if (index >= first && index < first + count) {
      const sum = 1 + 8 * runs + 8 * (before + index - first);
      const address = readU48(view, 3 + 8 * run) + index - first;
      if (sum + 8 > bytes.length || address < FIRST_FREE_BLOCK || address >= blockCount) return false;
      foundBlock.address = address;
      foundBlock.checksumLow = view.getUint32(sum, true);
      foundBlock.checksumHigh = view.getUint32(sum + 4, true);
      return true;
    }
    before += count;
  }
  return false;
}
