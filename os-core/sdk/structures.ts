// Kernel structures of Linux x86-64 as plain records, parsed from and written to the bytes that calls exchange.
// Every parser checks the length it needs and returns null for short input.
//
//   struct stat (144)      0 st_dev  8 st_ino  16 st_nlink  24 st_mode(4)  28 uid  32 gid  40 rdev  48 st_size  56 blksize
//                          64 st_blocks  72 atime  80 nsec  88 mtime  96 nsec  104 ctime  112 nsec
//   linux_dirent64         0 d_ino  8 d_off  16 d_reclen(2)  18 d_type(1)  19 d_name (NUL-terminated)
//   struct termios (36)    0 iflag  4 oflag  8 cflag  12 lflag  16 line(1)  17 cc[19]       (kernel form, asm-generic/termbits.h)
//   struct winsize (8)     0 rows(2)  2 columns(2)  4 xpixel(2)  6 ypixel(2)
//   struct pollfd (8)      0 fd  4 events(2)  6 revents(2)
//   struct timespec (16)   0 seconds  8 nanoseconds

import { byteString } from './bytes.ts';

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
/** Exact below 2^53, rounded above. */
function read64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getInt32(at + 4, true) * 0x1_0000_0000;
}
export function write64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

export const STAT_BYTES = 144;
export interface FileStatus {
  readonly device: number;
  readonly inode: number;
  readonly links: number;
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly sizeBytes: number;
  readonly modifiedSeconds: number;
  readonly modifiedNanos: number;
}
export function parseStatus(bytes: Uint8Array): FileStatus | null {
  if (bytes.length < STAT_BYTES) return null;
  const view = viewOf(bytes);
  return {
    device: read64(view, 0),
    inode: read64(view, 8),
    links: read64(view, 16),
    mode: view.getUint32(24, true),
    userId: view.getUint32(28, true),
    groupId: view.getUint32(32, true),
    sizeBytes: read64(view, 48),
    modifiedSeconds: read64(view, 88),
    modifiedNanos: read64(view, 96),
  };
}

export interface DirectoryEntry {
  readonly name: string;
  readonly type: number;
}
/** d_type of linux_dirent64 (linux/fs.h). */
export const DirectoryEntryType = { unknown: 0, directory: 4, regular: 8, link: 10 } as const;

/** The entries of one getdents64 result; a record that does not fit ends the list. */
export function parseDirectoryEntries(bytes: Uint8Array): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  const view = viewOf(bytes);
  for (let at = 0; at + 20 <= bytes.length; ) {
    const length = view.getUint16(at + 16, true);
    if (length < 20 || at + length > bytes.length) break;
    const nameBytes = bytes.subarray(at + 19, at + length);
    const end = nameBytes.indexOf(0);
    entries.push({
      name: byteString(end < 0 ? nameBytes : nameBytes.subarray(0, end)),
      type: bytes[at + 18],
    });
    at += length;
  }
  return entries;
}

export const TERMIOS_BYTES = 36;
export interface TerminalModes {
  input: number;
  output: number;
  control: number;
  local: number;
  line: number;
  characters: Uint8Array;
}
export function parseTerminalModes(bytes: Uint8Array): TerminalModes | null {
  if (bytes.length < TERMIOS_BYTES) return null;
  const view = viewOf(bytes);
  return {
    input: view.getUint32(0, true),
    output: view.getUint32(4, true),
    control: view.getUint32(8, true),
    local: view.getUint32(12, true),
    line: bytes[16],
    characters: bytes.slice(17, TERMIOS_BYTES),
  };
}
export function terminalModesBytes(modes: TerminalModes): Uint8Array {
  const bytes = new Uint8Array(TERMIOS_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, modes.input, true);
  view.setUint32(4, modes.output, true);
  view.setUint32(8, modes.control, true);
  view.setUint32(12, modes.local, true);
  bytes[16] = modes.line;
  bytes.set(modes.characters.subarray(0, TERMIOS_BYTES - 17), 17);
  return bytes;
}

export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}
export function parseWindowSize(bytes: Uint8Array): WindowSize | null {
  if (bytes.length < 8) return null;
  const view = viewOf(bytes);
  return { rows: view.getUint16(0, true), columns: view.getUint16(2, true) };
}
export function windowSizeBytes(size: WindowSize, widthPixels: number, heightPixels: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = viewOf(bytes);
  view.setUint16(0, size.rows, true);
  view.setUint16(2, size.columns, true);
  view.setUint16(4, widthPixels, true);
  view.setUint16(6, heightPixels, true);
  return bytes;
}

/** Seconds of a struct timespec, with the fraction. */
export function parseTimeSeconds(bytes: Uint8Array): number {
  if (bytes.length < 16) return 0;
  const view = viewOf(bytes);
  return read64(view, 0) + read64(view, 8) / 1e9;
}

/** A wait status (wait4): how a child ended or stopped. */
export type ChildOutcome =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: number }
  | { readonly kind: 'stopped'; readonly signal: number };
export function parseWaitStatus(status: number): ChildOutcome {
  if ((status & 0xff) === 0x7f) return { kind: 'stopped', signal: (status >> 8) & 0xff };
  if ((status & 0x7f) !== 0) return { kind: 'signalled', signal: status & 0x7f };
  return { kind: 'exited', status: (status >> 8) & 0xff };
}
