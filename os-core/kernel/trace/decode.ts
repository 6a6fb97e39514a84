// System calls as people read them: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3`. Names and kinds of the arguments come from
// the one system call table; what a number stands for, and which pointers lead to bytes, from the tables here.
//
// Only memory that is present is looked at: a look changes nothing. What a call fills in is decoded when it has returned.

import { Errno } from '../../abi/errno.ts';
import { signalNames } from '../../abi/signal.ts';
import { errorText } from '../../sdk/error-text.ts';
import type { Kernel } from '../kernel.ts';
import { USER_MAP_END } from '../memory/address-space.ts';
import type { Task } from '../process/task.ts';
import type { SystemCallArguments, SystemCallEntry } from '../syscalls/handler.ts';

const MAX_TEXT_BYTES = 32;
const MAX_PATH_BYTES = 256;
const MAX_STRINGS = 16;
const MAX_VECTORS = 4;
const AT_FDCWD = -100;

/** Bits that are set, then names of the values of a field, if the value has one. */
interface Names {
  readonly bits: readonly (readonly [number, string])[];
  readonly fieldMask?: number;
  readonly field?: Readonly<Record<number, string>>;
}
const openFlags: Names = {
  fieldMask: 3,
  field: { 0: 'O_RDONLY', 1: 'O_WRONLY', 2: 'O_RDWR' },
  bits: [
    [0x40, 'O_CREAT'],
    [0x80, 'O_EXCL'],
    [0x100, 'O_NOCTTY'],
    [0x200, 'O_TRUNC'],
    [0x400, 'O_APPEND'],
    [0x800, 'O_NONBLOCK'],
    [0x8000, 'O_LARGEFILE'],
    [0x1_0000, 'O_DIRECTORY'],
    [0x2_0000, 'O_NOFOLLOW'],
    [0x8_0000, 'O_CLOEXEC'],
    [0x20_0000, 'O_PATH'],
  ],
};
const protection: Names = {
  fieldMask: 7,
  field: { 0: 'PROT_NONE' },
  bits: [
    [1, 'PROT_READ'],
    [2, 'PROT_WRITE'],
    [4, 'PROT_EXEC'],
  ],
};
const mapFlags: Names = {
  bits: [
    [1, 'MAP_SHARED'],
    [2, 'MAP_PRIVATE'],
    [0x10, 'MAP_FIXED'],
    [0x20, 'MAP_ANONYMOUS'],
    [0x100, 'MAP_GROWSDOWN'],
    [0x4000, 'MAP_NORESERVE'],
    [0x2_0000, 'MAP_STACK'],
    [0x10_0000, 'MAP_FIXED_NOREPLACE'],
  ],
};
const waitOptions: Names = {
  bits: [
    [1, 'WNOHANG'],
    [2, 'WUNTRACED'],
    [8, 'WCONTINUED'],
  ],
};
const accessModes: Names = {
  fieldMask: 7,
  field: { 0: 'F_OK' },
  bits: [
    [4, 'R_OK'],
    [2, 'W_OK'],
    [1, 'X_OK'],
  ],
};
const cloneFlags: Names = {
  fieldMask: 0xff,
  field: Object.fromEntries(signalNames.map((name, number) => [number, number === 0 ? '0' : name])),
  bits: [
    [0x100, 'CLONE_VM'],
    [0x200, 'CLONE_FS'],
    [0x400, 'CLONE_FILES'],
    [0x800, 'CLONE_SIGHAND'],
    [0x4000, 'CLONE_VFORK'],
    [0x1_0000, 'CLONE_THREAD'],
    [0x4_0000, 'CLONE_SYSVSEM'],
    [0x8_0000, 'CLONE_SETTLS'],
    [0x10_0000, 'CLONE_PARENT_SETTID'],
    [0x20_0000, 'CLONE_CHILD_CLEARTID'],
    [0x100_0000, 'CLONE_CHILD_SETTID'],
  ],
};
const values = (...names: readonly string[]): Names => ({
  bits: [],
  fieldMask: 0xffff_ffff,
  field: Object.fromEntries(names.map((name, number) => [number, name])),
});
const named = (field: Readonly<Record<number, string>>): Names => ({ bits: [], fieldMask: 0xffff_ffff, field });

/** By `call.argument`. */
const namesOf: Readonly<Record<string, Names>> = {
  'open.flags': openFlags,
  'openat.flags': openFlags,
  'mmap.protection': protection,
  'mprotect.protection': protection,
  'mmap.flags': mapFlags,
  'wait4.options': waitOptions,
  'access.mode': accessModes,
  'faccessat.mode': accessModes,
  'clone.flags': cloneFlags,
  'lseek.whence': values('SEEK_SET', 'SEEK_CUR', 'SEEK_END', 'SEEK_DATA', 'SEEK_HOLE'),
  'rt_sigprocmask.how': values('SIG_BLOCK', 'SIG_UNBLOCK', 'SIG_SETMASK'),
  'madvise.advice': named({ 0: 'MADV_NORMAL', 3: 'MADV_WILLNEED', 4: 'MADV_DONTNEED', 8: 'MADV_FREE' }),
  'fcntl.command': {
    ...values('F_DUPFD', 'F_GETFD', 'F_SETFD', 'F_GETFL', 'F_SETFL', 'F_GETLK', 'F_SETLK', 'F_SETLKW'),
  },
  'arch_prctl.code': named({ 4097: 'ARCH_SET_GS', 4098: 'ARCH_SET_FS', 4099: 'ARCH_GET_FS' }),
  'ioctl.request': named({
    21505: 'TCGETS',
    21506: 'TCSETS',
    21507: 'TCSETSW',
    21508: 'TCSETSF',
    21519: 'TIOCGPGRP',
    21520: 'TIOCSPGRP',
    21523: 'TIOCGWINSZ',
    21524: 'TIOCSWINSZ',
    21531: 'FIONREAD',
    21537: 'FIONBIO',
  }),
  'socket.family': values('AF_UNSPEC', 'AF_UNIX', 'AF_INET'),
};

/** Bytes that a call reads, by the number of the argument that counts them. */
const bytesIn: Readonly<Record<string, number>> = { 'write.buffer': 2, 'pwrite64.buffer': 2, 'sendto.buffer': 2 };
/** Bytes that a call fills in; its result counts them. */
const bytesOut: ReadonlySet<string> = new Set([
  'read.buffer',
  'pread64.buffer',
  'recvfrom.buffer',
  'readlink.buffer',
  'readlinkat.buffer',
  'getcwd.buffer',
]);
const statusOut: ReadonlySet<string> = new Set(['stat.buffer', 'fstat.buffer', 'lstat.buffer', 'newfstatat.buffer']);
/** Results that are addresses. */
const addressResults: ReadonlySet<string> = new Set(['mmap', 'brk', 'mremap', 'shmat']);

const hex = (value: number): string => `0x${value.toString(16)}`;
const pointer = (address: number): string => (address === 0 ? 'NULL' : hex(address));

/** Bytes in quotes as C writes them. */
export function quote(bytes: Uint8Array, isCut: boolean): string {
  let text = '';
  for (const [i, byte] of bytes.entries()) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 32 && byte < 127) text += String.fromCharCode(byte);
    else if (byte >= 9 && byte <= 13) text += `\\${'tnvfr'[byte - 9]}`;
    else {
      // A digit that follows would be taken for one of the number's.
      const next = bytes[i + 1] ?? 0;
      text += `\\${byte.toString(8).padStart(next >= 0x30 && next <= 0x39 ? 3 : 1, '0')}`;
    }
  }
  return `"${text}"${isCut ? '...' : ''}`;
}

export function flagText(value: number, { bits, fieldMask = 0, field = {} }: Names): string {
  const known = field[(value & fieldMask) >>> 0];
  const parts = known === undefined ? [] : [known];
  let rest = (known === undefined ? value : value & ~fieldMask) >>> 0;
  for (const [bit, name] of bits)
    if ((rest & bit) !== 0) {
      parts.push(name);
      rest = (rest & ~bit) >>> 0;
    }
  if (rest !== 0 || parts.length === 0) parts.push(parts.length === 0 && value === 0 ? '0' : hex(rest));
  return parts.join('|');
}

function peek(kernel: Kernel, task: Task, address: number, length: number): Uint8Array {
  // What lies beyond user space is never shown; the call itself refuses it.
  const bytes = new Uint8Array(Math.max(0, Math.min(length, USER_MAP_END - address)));
  return bytes.subarray(0, task.process.addressSpace?.peek(kernel, address, bytes) ?? 0);
}

function bytesText(kernel: Kernel, task: Task, address: number, count: number): string {
  const bytes = peek(kernel, task, address, Math.min(count, MAX_TEXT_BYTES));
  return bytes.length === 0 && count > 0 ? pointer(address) : quote(bytes, count > bytes.length);
}

function pathText(kernel: Kernel, task: Task, address: number): string {
  const bytes = peek(kernel, task, address, MAX_PATH_BYTES);
  const end = bytes.indexOf(0);
  return bytes.length === 0 ? pointer(address) : quote(end < 0 ? bytes : bytes.subarray(0, end), end < 0);
}

/** struct iovec: address and length, 16 bytes each. */
function vectorsText(kernel: Kernel, task: Task, address: number, count: number): string {
  const shown = Math.min(count, MAX_VECTORS);
  const words = peek(kernel, task, address, shown * 16);
  if (words.length < shown * 16) return pointer(address);
  const view = new DataView(words.buffer, words.byteOffset, words.length);
  const word = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
  const texts = Array.from({ length: shown }, (_, i) => bytesText(kernel, task, word(16 * i), word(16 * i + 8)));
  return `[${texts.join(', ')}${count > shown ? ', ...' : ''}]`;
}

/** argv of execve. */
function stringsText(kernel: Kernel, task: Task, address: number): string {
  const words = peek(kernel, task, address, MAX_STRINGS * 8);
  const view = new DataView(words.buffer, words.byteOffset, words.length);
  const texts: string[] = [];
  for (let at = 0; at + 8 <= words.length; at += 8) {
    const string = view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
    if (string === 0) return `[${texts.join(', ')}]`;
    texts.push(pathText(kernel, task, string));
  }
  return words.length === 0 ? pointer(address) : `[${texts.join(', ')}, ...]`;
}

const fileTypes: Readonly<Record<number, string>> = {
  1: 'S_IFIFO',
  2: 'S_IFCHR',
  4: 'S_IFDIR',
  6: 'S_IFBLK',
  8: 'S_IFREG',
  10: 'S_IFLNK',
  12: 'S_IFSOCK',
};
/** struct stat: st_mode at 24, st_size at 48. */
function statusText(kernel: Kernel, task: Task, address: number): string {
  const bytes = peek(kernel, task, address, 56);
  if (bytes.length < 56) return pointer(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const mode = view.getUint32(24, true);
  const size = view.getUint32(48, true) + view.getUint32(52, true) * 0x1_0000_0000;
  const type = fileTypes[mode >>> 12] ?? hex(mode >>> 12);
  return `{st_mode=${type}|0${(mode & 0o7777).toString(8)}, st_size=${size}, ...}`;
}

function argumentText(kernel: Kernel, task: Task, call: SystemCallEntry, a: SystemCallArguments, n: number): string {
  const [name, kind] = call.arguments[n];
  const key = `${call.name}.${name}`;
  const counted = bytesIn[key];
  if (counted !== undefined) return bytesText(kernel, task, a.unsigned(n), a.unsigned(counted));
  if (key === 'execve.arguments' || key === 'execveat.arguments') return stringsText(kernel, task, a.unsigned(n));
  if (call.name === 'writev' && name === 'vectors') return vectorsText(kernel, task, a.unsigned(n), a.uint(2));
  const names = namesOf[key];
  if (names !== undefined) return flagText(a.uint(n), names);
  if (name === 'signal' && kind === 'int') return signalNames[a.int(n)] ?? `${a.int(n)}`;
  if (name === 'mode' && kind === 'uint') return `0${a.uint(n).toString(8)}`;
  switch (kind) {
    case 'path':
      return pathText(kernel, task, a.unsigned(n));
    case 'pointer':
      return pointer(a.unsigned(n));
    case 'fd':
      return a.int(n) === AT_FDCWD ? 'AT_FDCWD' : `${a.int(n)}`;
    case 'int':
      return `${a.int(n)}`;
    case 'uint':
      return `${a.uint(n)}`;
    case 'offset':
      return `${a.signed(n)}`;
    case 'flags':
      return a.uint(n) === 0 ? '0' : hex(a.uint(n));
    default:
      return `${a.unsigned(n)}`;
  }
}

/** What a call is about, read when it is made. Plain data: a call may sleep in between. */
export function decodeArguments(
  kernel: Kernel,
  task: Task,
  call: SystemCallEntry | undefined,
  a: SystemCallArguments,
): string[] {
  if (call === undefined) return [0, 1, 2, 3, 4, 5].map((n) => hex(a.unsigned(n)));
  return call.arguments.map((_, n) => argumentText(kernel, task, call, a, n));
}

/** The whole line, with what the call has filled in. */
export function decodeCall(
  kernel: Kernel,
  task: Task,
  call: SystemCallEntry | undefined,
  argumentTexts: readonly string[],
  result: number,
): string {
  const { arguments: a, number } = task.call;
  const texts = argumentTexts.map((text, n) => {
    const key = `${call?.name}.${call?.arguments[n]?.[0]}`;
    if (result > 0 && bytesOut.has(key)) return bytesText(kernel, task, a.unsigned(n), result);
    if (result === 0 && statusOut.has(key)) return statusText(kernel, task, a.unsigned(n));
    return text;
  });
  return `${nameOfCall(call, number)}(${texts.join(', ')}) = ${resultText(call, result)}`;
}

export const nameOfCall = (call: SystemCallEntry | undefined, number: number): string =>
  call?.name ?? `syscall_${hex(number)}`;

const errorNames: ReadonlyMap<number, string> = new Map(Object.entries(Errno).map(([name, number]) => [number, name]));
function resultText(call: SystemCallEntry | undefined, result: number): string {
  if (result >= 0) return addressResults.has(call?.name ?? '') ? hex(result) : `${result}`;
  return `-1 ${errorNames.get(-result) ?? -result} (${errorText(result)})`;
}
