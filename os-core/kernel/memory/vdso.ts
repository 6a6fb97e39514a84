// The vDSO (vdso(7)): a shared object that the kernel maps into every program, so that it reads the clock without a system call.
//
//   base - 0x1000   timing page, read-only: +0 Unix time in seconds at virtual time 0        [vvar]
//   base            ELF header, program headers, symbols and their versions, dynamic section, code at +0x400     [vdso]
//
// RDTSC gives virtual nanoseconds since power-on (one TSC tick is one nanosecond, and the counter is a function of retired instructions),
// so monotonic time needs no data at all; the date adds the one word of the timing page. Clocks of CPU time go to the kernel.
// Both pages are the same two frames in all programs. AT_SYSINFO_EHDR says where; C libraries look up __vdso_clock_gettime of version
// LINUX_2.6, and Go's runtime takes for granted that versions are there.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { MappableFile } from '../process/seams.ts';
import type { Task } from '../process/task.ts';
import type { AddressSpace } from './address-space.ts';
import { anonymousBacking, Protection } from './area.ts';
import { FRAME_BYTES } from './frames.ts';
import { allocateZeroed } from './page-tables.ts';

const PROGRAM_HEADERS = 0x40;
const SYMBOLS = 0xc0;
const HASH = 0x140;
const DYNAMIC = 0x160;
const STRINGS = 0x200;
const SYMBOL_VERSIONS = 0x300;
const VERSION_DEFINITIONS = 0x310;
const CODE = 0x400;

/** now: rax, rdx = seconds and nanoseconds since power-on, r9 = date of power-on. Its last instruction but one refers to the timing page. */
const NOW = 0xb0;
const DATE_OPERAND = 0xc6;

const code = `
  83ff07 7728               clock_gettime: cmp edi, 7; ja kernel
  b8f3000000 0fa3f8 731e      mov eax, 0b11110011; bt eax, edi; jnc kernel     (REALTIME MONOTONIC RAW COARSE.. BOOTTIME)
  e89c000000                  call now
  41b821000000 410fa3f8 7303  mov r8d, 0b100001; bt r8d, edi; jnc store        (REALTIME, REALTIME_COARSE)
  4c01c8                      add rax, r9
  488906 48895608           store: mov [rsi], rax; mov [rsi + 8], rdx
  31c0 c3                     xor eax, eax; ret
  b8e4000000 0f05 c3        kernel: mov eax, 228; syscall; ret
  66662e0f1f840000000000
  4885ff 741a               gettimeofday: test rdi, rdi; jz zone
  e866000000 4c01c8 488907    call now; add rax, r9; mov [rdi], rax
  89d0 31d2 b9e8030000 f7f1   mov eax, edx; xor edx, edx; mov ecx, 1000; div ecx
  48894708                    mov [rdi + 8], rax
  4885f6 7407               zone: test rsi, rsi; jz done
  48c70600000000              mov qword [rsi], 0
  31c0 c3                   done: xor eax, eax; ret
  6690
  e83b000000 4c01c8         time: call now; add rax, r9
  4885ff 7403 488907 c3       test rdi, rdi; jz +3; mov [rdi], rax; ret
  66662e0f1f840000000000 0f1f4000
  31c0                      getcpu: xor eax, eax
  4885ff 7402 8907            test rdi, rdi; jz +2; mov [rdi], eax
  4885f6 7402 8906 c3         test rsi, rsi; jz +2; mov [rsi], eax; ret
  66662e0f1f840000000000 0f1f4000
  0f31 48c1e220 4809d0      now: rdtsc; shl rdx, 32; or rax, rdx
  31d2 b900ca9a3b 48f7f1      xor edx, edx; mov ecx, 1000000000; div rcx
  4c8b0d00000000 c3           mov r9, [rip + timing page]; ret
`;
/** The bytes before the first gap of two spaces of each line. */
const machineCode = (): Uint8Array => {
  const digits = code.split('\n').map((line) => line.trim().split(/ {2,}/)[0].replace(/ /g, ''));
  return Uint8Array.from(digits.join('').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
};

const symbols = [
  ['__vdso_clock_gettime', 0x00],
  ['__vdso_gettimeofday', 0x40],
  ['__vdso_time', 0x70],
  ['__vdso_getcpu', 0x90],
] as const;

/** Name and flags of each version; the first names the object itself (VER_FLG_BASE). A symbol's version is its place here, from 1. */
const versions = [
  ['linux-vdso.so.1', 1],
  ['LINUX_2.6', 0],
] as const;
const SYMBOL_VERSION = 2;
/** Elf64_Verdef with one Elf64_Verdaux behind it. */
const VERDEF_BYTES = 20;
const VERSION_BYTES = VERDEF_BYTES + 8;

/** The hash of the System V ABI, chapter 5, which version definitions carry too. */
function elfHash(text: string): number {
  let hash = 0;
  for (let n = 0; n < text.length; n++) {
    hash = (hash << 4) + text.charCodeAt(n);
    hash = (hash ^ ((hash >>> 24) & 0xf0)) & 0x0fffffff;
  }
  return hash;
}

/** The ELF page (System V ABI, chapters 4 and 5; versions: Linux Standard Base, Core, Symbol Versioning). */
export function vdsoImage(): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES);
  const view = new DataView(bytes.buffer);
  const words = (at: number, ...values: number[]): void =>
    values.forEach((value, n) => view.setBigUint64(at + n * 8, BigInt(value), true));
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 3, true); // ET_DYN
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  words(32, PROGRAM_HEADERS);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const header = (at: number, type: number, flags: number, offset: number, size: number, align: number): void => {
    view.setUint32(at, type, true);
    view.setUint32(at + 4, flags, true);
    words(at + 8, offset, offset, offset, size, size, align);
  };
  header(PROGRAM_HEADERS, 1, 5, 0, FRAME_BYTES, FRAME_BYTES);
  header(PROGRAM_HEADERS + 56, 2, 4, DYNAMIC, 10 * 16, 8);

  let name = STRINGS + 1;
  const string = (text: string): number => {
    for (let n = 0; n < text.length; n++) bytes[name + n] = text.charCodeAt(n);
    const at = name - STRINGS;
    name += text.length + 1;
    return at;
  };
  const versionNames = versions.map(([text]) => string(text));
  symbols.forEach(([text, offset], n) => {
    const at = SYMBOLS + (n + 1) * 24;
    view.setUint32(at, string(text), true);
    bytes[at + 4] = 0x12; // STB_GLOBAL, STT_FUNC
    view.setUint16(at + 6, 1, true); // defined
    words(at + 8, CODE + offset, 0x10);
    view.setUint16(SYMBOL_VERSIONS + (n + 1) * 2, SYMBOL_VERSION, true);
  });
  versions.forEach(([text, flags], n) => {
    const at = VERSION_DEFINITIONS + n * VERSION_BYTES;
    // vd_version, vd_flags, vd_ndx, vd_cnt; then vd_hash, vd_aux, vd_next; then vda_name, vda_next
    [1, flags, n + 1, 1].forEach((value, field) => view.setUint16(at + field * 2, value, true));
    const next = n + 1 < versions.length ? VERSION_BYTES : 0;
    [elfHash(text), VERDEF_BYTES, next, versionNames[n], 0].forEach((value, field) =>
      view.setUint32(at + 8 + field * 4, value, true),
    );
  });
  // One bucket; each symbol leads to the next one.
  const chain = [1, symbols.length + 1, 1, 0, ...symbols.map((_, n) => (n + 1 < symbols.length ? n + 2 : 0))];
  for (const [n, value] of chain.entries()) view.setUint32(HASH + n * 4, value, true);
  // DT_HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME
  words(DYNAMIC, 4, HASH, 5, STRINGS, 6, SYMBOLS, 10, name - STRINGS, 11, 24, 14, versionNames[0]);
  // DT_VERSYM, VERDEF, VERDEFNUM, NULL
  words(
    DYNAMIC + 6 * 16,
    0x6ffffff0,
    SYMBOL_VERSIONS,
    0x6ffffffc,
    VERSION_DEFINITIONS,
    0x6ffffffd,
    versions.length,
    0,
    0,
  );

  bytes.set(machineCode(), CODE);
  assert(bytes[CODE + NOW] === 0x0f && bytes[CODE + NOW + 1] === 0x31, 'vdso: the code is not where it should be');
  view.setInt32(CODE + DATE_OPERAND, -FRAME_BYTES - (CODE + DATE_OPERAND + 4), true);
  return bytes;
}

/** One frame of the kernel's that programs map read-only. */
class KernelPage implements MappableFile {
  readonly path: string;
  readonly frame: number;
  constructor(path: string, frame: number) {
    this.path = path;
    this.frame = frame;
  }
  residentFrame(pageIndex: number): number {
    return pageIndex === 0 ? this.frame : 0;
  }
  readInto(kernel: Kernel, _task: Task, offset: number, target: Uint8Array): number {
    const count = Math.max(0, Math.min(target.length, FRAME_BYTES - offset));
    target.set(kernel.machine.memory.bytes.subarray(this.frame + offset, this.frame + offset + count));
    return count;
  }
  retain(): void {}
  release(): void {}
}
registerClass('KernelPage', 1, KernelPage);

export class Vdso {
  private timing: KernelPage | null = null;
  private object: KernelPage | null = null;

  build(kernel: Kernel): void {
    const frame = (): number => {
      const address = allocateZeroed(kernel.machine.memory, kernel.frames);
      assert(address !== 0, 'no RAM for the vDSO');
      return address;
    };
    this.timing = new KernelPage('[vvar]', frame());
    this.object = new KernelPage('[vdso]', frame());
    kernel.machine.memory.writeBytes(this.object.frame, vdsoImage());
  }

  /** The date is known, or was set. */
  publishDate(kernel: Kernel): void {
    if (this.timing === null) return;
    kernel.machine.memory.write64FromNumber(this.timing.frame, kernel.clock.powerOnUnixSeconds);
  }

  /** Maps both pages into a new program's space: address of the ELF header, or -1. */
  map(kernel: Kernel, space: AddressSpace): number {
    const start = space.findGap(2 * FRAME_BYTES);
    if (start === 0 || this.timing === null || this.object === null) return -1;
    const backing = (file: KernelPage) => ({ ...anonymousBacking, file, fileBytes: FRAME_BYTES, neverWritable: true });
    const base = start + FRAME_BYTES;
    const mapped =
      space.map(kernel, start, base, Protection.read, backing(this.timing)) === 0 &&
      space.map(kernel, base, base + FRAME_BYTES, Protection.read | Protection.execute, backing(this.object)) === 0;
    return mapped ? base : -1;
  }
}
registerClass('Vdso', 1, Vdso);
