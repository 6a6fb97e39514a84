// Random programs of system calls, made from the kernel's own table: a row's argument kinds say what is tried for each argument.
//
//   pointer   valid, shared, NULL, read-only, unmapped, the last bytes before an unmapped page, kernel half, non-canonical
//   fd        a description of every kind (call-runner.c opens them), what calls have opened, none
//   flags     no bit, one bit, some bits, sets that the call knows      size   0 … 2^64-1, around pages and records
//
// In between stand short sequences that only make sense together (call-scenarios.ts).

import type { SeededRandom } from '../../devices/base/random.ts';
import type { SystemCallEntry } from '../../os-core/kernel/syscalls/handler.ts';
import {
  ARENA_BYTES,
  type Argument,
  ArgumentKind,
  argument,
  type CallProgram,
  type CallRecord,
  inPrivate,
  inShared,
  LANES,
  literal,
  ProgramFlag,
} from './call-program.ts';
import { Scenarios } from './call-scenarios.ts';

const AT_FDCWD = -100;
/** Where mmap and its kin work as a rule, so that the program's own memory lasts a while. */
const PLAYGROUND = 0x1100_0000;
const PLAYGROUND_PAGES = 64;
const PATHS = 46;

const sizes = [
  0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 100, 128, 144, 256, 1000, 4095, 4096, 4097, 8192, 65535, 65536, 131072,
];
const hugeSizes = [2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 47, 2 ** 52, 2 ** 63, -1, -4096, 0x7fff_f000];
const smallIntegers = [
  -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 32, 63, 64, 65, 100, 255, 1000, 1024, 4096, 65535, 65536,
];
const wildIntegers = [2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1, 2 ** 40, 2 ** 63, -2, -100, -4095, 0x5401];
const badPointers = [
  0,
  1,
  0xfff,
  0x7fff_ffff_f000,
  0x8000_0000_0000,
  0xffff_8000_0000_1000n,
  0xffff_ffff_8000_0000n,
  -1,
  0x1234_5678_9abc_def0n,
];

/** Calls that end or stop who makes them, or what it needs: seldom, so that the rest of the program is heard. In hundredths. */
const seldom: Readonly<Record<string, number>> = {
  exit: 8,
  exit_group: 4,
  execve: 10,
  execveat: 10,
  rt_sigreturn: 4,
  pause: 10,
  rt_sigsuspend: 15,
  rt_sigtimedwait: 40,
  wait4: 60,
  waitid: 60,
  kill: 50,
  tkill: 60,
  tgkill: 60,
  munmap: 60,
  brk: 50,
  vfork: 30,
  fork: 50,
  clone: 80,
  sync: 10,
  syncfs: 15,
  fsync: 30,
  fdatasync: 30,
  close_range: 15,
  close: 60,
  mlockall: 20,
  euroos_log: 20,
  euroos_capability_drop: 15,
  setsid: 40,
};

/** Sets of flags, and numbers of operations, that the call knows. By call, then by argument. */
const known: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  open: { flags: [0, 1, 2, 0x42, 0xc2, 0x241, 0x401, 0x800, 0x10000, 0x200000, 0x1002, 0x101002] },
  openat: { flags: [0, 1, 2, 0x42, 0xc2, 0x241, 0x401, 0x800, 0x10000, 0x200000, 0x80042, 0x410002] },
  mmap: {
    protection: [0, 1, 3, 3, 5, 7],
    flags: [0x22, 0x22, 0x21, 0x32, 0x31, 1, 2, 0x12, 0x11, 0x4022, 0x8022, 0x100022, 0x122],
  },
  mprotect: { protection: [0, 1, 3, 5, 7] },
  mremap: { flags: [0, 1, 3, 5] },
  madvise: { advice: [0, 1, 3, 4, 8, 9, 10, 21, 22] },
  msync: { flags: [1, 2, 4, 6] },
  clone: {
    flags: [17, 17, 0x100 | 17, 0x4111, 0x10f00, 0x50f00, 0x350f00, 0x3d0f00, 0x1200011, 0x8011, 0x400011, 0x900],
  },
  wait4: { options: [1, 1, 3, 9, 11, 0, 0x40000001, 0x20000001] },
  waitid: { type: [0, 1, 2, 3], options: [5, 5, 0x1000005, 0xd, 7, 4] },
  fcntl: {
    command: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 36, 37, 38, 1024, 1025, 1026, 1030, 1031, 1032, 1033, 1034],
  },
  flock: { operation: [1, 2, 5, 6, 8] },
  futex: { operation: [0, 1, 3, 4, 5, 9, 10, 128, 129, 131, 132, 133, 137, 138, 256, 393, 6, 7, 13] },
  ioctl: {
    request: [
      0x5401, 0x5402, 0x5403, 0x5404, 0x5409, 0x540a, 0x540b, 0x540e, 0x540f, 0x5410, 0x5411, 0x5412, 0x5413, 0x5414,
      0x541b, 0x5421, 0x5422, 0x5429, 0x5450, 0x5451, 0x80045430, 0x40045431, 0x5441, 0x8004_5432,
    ],
  },
  socket: { family: [1, 2, 10, 16], type: [1, 2, 5, 0x801, 0x80802, 3] },
  socketpair: { family: [1, 1, 2], type: [1, 2, 5, 0x801, 0x80805] },
  epoll_ctl: { operation: [1, 2, 3] },
  prctl: { option: [1, 2, 3, 4, 15, 16, 29, 30, 36, 37, 38, 39, 22, 53] },
  arch_prctl: { code: [0x1002, 0x1003, 0x1001, 0x1004] },
  rt_sigprocmask: { how: [0, 1, 2] },
  setitimer: { which: [0, 1, 2] },
  clock_nanosleep: { clock: [0, 1, 2, 3, 7], flags: [0, 1] },
  timer_create: { clock: [0, 1, 2, 3, 7] },
  timer_settime: { flags: [0, 1] },
  timerfd_create: { clock: [0, 1, 7], flags: [0, 0x800] },
  timerfd_settime: { flags: [0, 1, 3] },
  inotify_add_watch: { mask: [0xfff, 0x100, 0x80000fff, 0x20000fff, 0x1000003f] },
  memfd_create: { flags: [0, 1, 2, 3] },
  fallocate: { mode: [0, 1, 3] },
  splice: { flags: [0, 1, 2, 4] },
  membarrier: { command: [0, 1, 2, 4, 8, 16, 32, 64] },
  shutdown: { how: [0, 1, 2] },
  setsockopt: { level: [1, 0, 6, 17], option: [2, 4, 6, 7, 8, 9, 13, 15, 16, 20, 21, 26] },
  getsockopt: { level: [1, 0, 6, 17], option: [3, 4, 7, 8, 9, 15, 16, 17, 20, 21, 30, 38, 39] },
  lseek: { whence: [0, 1, 2, 3, 4] },
  unlinkat: { flags: [0, 0x200] },
  renameat2: { flags: [0, 1, 2] },
  sendmsg: { flags: [0, 0x40, 0x4000, 0x4040] },
  recvmsg: { flags: [0x40, 0x42, 0x140, 0x40000040, 0] },
  mknod: { mode: [0o10644, 0o100644, 0o140644, 0o20644] },
  getrandom: { flags: [0, 1, 2] },
  close_range: { flags: [0, 2, 4] },
};

/** Descriptions that suit a call, by their place in call-runner.c: the first pattern that fits its name. */
const suitable: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^(connect|accept|send|recv|shutdown|bind|listen|get(sock|peer)|setsock)/, [12, 13, 14, 15, 16, 17, 18, 19]],
  [/^epoll/, [24]],
  [/^timerfd/, [22]],
  [/^signalfd/, [23]],
  [/^inotify/, [25]],
  [/^pidfd/, [31]],
  [/^(fchdir|getdents64|syncfs)/, [5]],
  [/^(splice|tee|vmsplice)/, [7, 8, 9, 10, 11, 12, 13]],
  [/^(f|mmap|copy|sendfile|lseek|p(read|write)|sync_file)/, [3, 4, 26]],
  [/^ioctl/, [8, 12, 16, 25, 27, 28]],
];

export class CallGenerator {
  private readonly random: SeededRandom;
  private readonly rows: readonly SystemCallEntry[];
  private readonly scenarios: Scenarios;

  constructor(random: SeededRandom, rows: readonly SystemCallEntry[]) {
    this.random = random;
    this.rows = rows;
    this.scenarios = new Scenarios(random);
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }
  private chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  /** `looks`: see call-program.ts. */
  program(calls: number, looks: number): CallProgram {
    const lanes = 1 + this.random.below(LANES - 1);
    const records: CallRecord[] = [];
    while (records.length < calls) {
      const lane = this.random.below(lanes);
      if (this.chance(25)) records.push(...this.scenarios.next(lane));
      else records.push(...this.call(lane));
    }
    let flags = this.random.below(16) << 16;
    for (const flag of Object.values(ProgramFlag)) if (this.chance(25)) flags |= flag;
    return {
      lanes,
      looks,
      processLanes: this.random.below(1 << LANES),
      flags,
      periodMicros: this.chance(40) ? this.pick([1, 100, 10_000, 20_000, 50_000]) : 0,
      handled: this.handled(),
      records,
    };
  }

  /** As a rule most signals have a handler, so that programs live to their end. */
  private handled(): bigint {
    const some = (BigInt(this.random.next32()) << 32n) | BigInt(this.random.next32());
    if (this.chance(20)) return some | 0x2000n;
    return 0xffff_ffff_ffff_ffffn ^ (1n << BigInt(this.random.below(64))) ^ (1n << BigInt(this.random.below(64)));
  }

  private call(lane: number): CallRecord[] {
    const row = this.pick(this.rows);
    if (this.random.below(100) >= (seldom[row.name] ?? 100)) return [];
    const delay = this.chance(30) ? this.random.below(256) : 0;
    const list = row.arguments.map(([name, kind]) => this.argumentOf(row.name, name, kind));
    // Some calls look at more than the table names.
    while (list.length < 6) list.push(literal(this.chance(80) ? 0 : this.pick(smallIntegers)));
    const number = this.chance(1) ? this.random.next32() >>> this.random.below(32) : row.number;
    return [{ number, lane, delay, arguments: list }];
  }

  private argumentOf(call: string, name: string, kind: string): Argument {
    const choices = known[call]?.[name];
    if (choices !== undefined && this.chance(85)) return literal(this.pick(choices));
    switch (kind) {
      case 'fd':
        return this.descriptor(call, name.toLowerCase().includes('folder') || name === 'directory');
      case 'path':
        return this.chance(93) ? argument(ArgumentKind.path, this.random.below(PATHS)) : this.pointer(call);
      case 'pointer':
        return this.special(call, name) ?? this.pointer(call);
      case 'size':
        return this.size(call);
      case 'offset':
        return this.chance(70) ? literal(this.pick(sizes)) : literal(BigInt(this.pick(hugeSizes)));
      case 'flags':
        return this.flags();
      default:
        return this.special(call, name) ?? this.integer();
    }
  }

  /** Arguments whose name tells more than their kind. */
  private special(call: string, name: string): Argument | null {
    const memory = call.startsWith('m') && (name === 'address' || name === 'newAddress');
    if (memory && this.chance(80))
      return literal(PLAYGROUND + this.random.below(PLAYGROUND_PAGES) * 4096 + (this.chance(3) ? 1 : 0));
    if (name === 'stack' && call === 'clone' && this.chance(70))
      return argument(ArgumentKind.stack, this.random.below(16));
    if (name === 'signal') return literal(this.chance(90) ? 1 + this.random.below(64) : this.pick(smallIntegers));
    if ((name === 'pid' || name === 'who' || name === 'group' || name === 'id') && this.chance(85))
      return argument(ArgumentKind.process, this.random.below(16));
    if (name === 'thread' && this.chance(85)) return argument(ArgumentKind.thread, this.random.below(LANES));
    if (name === 'setSize') return literal(this.chance(95) ? 8 : this.pick(sizes));
    if (name === 'arguments' && this.chance(90)) return argument(ArgumentKind.arguments, this.random.below(4));
    if (name === 'environment' && this.chance(90)) return argument(ArgumentKind.arguments, 0);
    if (name === 'timeout' && this.chance(60)) return literal(this.random.below(20));
    if (/^(user|group|real|effective|saved)$/.test(name) && this.chance(60)) return literal(this.pick([-1, 1000]));
    if (name === 'length' && this.chance(50)) return literal(this.pick([0, 2, 8, 9, 16, 110]));
    if (name === 'timer' || name === 'watch') return literal(this.random.below(6));
    if (call === 'futex' && this.chance(80)) return inShared(this.random.below(16) * 4);
    return null;
  }

  private descriptor(call: string, folder: boolean): Argument {
    if (folder && !call.startsWith('fchdir') && this.chance(60)) return literal(AT_FDCWD);
    const slots = suitable.find(([pattern]) => pattern.test(call))?.[1];
    if (slots !== undefined && this.chance(60)) return argument(ArgumentKind.descriptor, this.pick(slots));
    const which = this.random.below(100);
    if (which < 88) return argument(ArgumentKind.descriptor, this.random.below(64));
    if (which < 92) return argument(ArgumentKind.result, this.random.below(16));
    return literal(this.pick([-1, 3, 5, 10, 20, 63, 1023, 1024, 2 ** 31 - 1, AT_FDCWD]));
  }

  private pointer(call: string): Argument {
    const which = this.random.below(100);
    const mapping = call === 'munmap' || call === 'mprotect' || call === 'mremap' || call === 'mmap';
    if (which < 62) return inPrivate((this.random.below(ARENA_BYTES / 96) * (mapping ? 4096 : 96)) % ARENA_BYTES);
    if (which < 70) return inShared(this.random.below(ARENA_BYTES / 8) * 8);
    if (which < 76) return argument(ArgumentKind.atEdge, this.pick([0, 1, 4, 8, 16, 64, 100, 4096]));
    if (which < 80) return argument(ArgumentKind.inReadOnly, this.pick([0, 8, 4088, 4095]));
    if (which < 83) return argument(ArgumentKind.inHole, this.random.below(4096));
    if (which < 86) return argument(ArgumentKind.path, this.random.below(PATHS));
    if (which < 87) return argument(ArgumentKind.handler, this.random.below(4));
    return literal(this.pick(badPointers));
  }

  private size(call: string): Argument {
    const isMapping = call.startsWith('m') && call !== 'mincore';
    if (isMapping && this.chance(75)) return literal(4096 * (1 + this.random.below(16)));
    return this.chance(88) ? literal(this.pick(sizes)) : literal(BigInt(this.pick(hugeSizes)));
  }

  private flags(): Argument {
    const which = this.random.below(10);
    if (which < 5) return literal(0);
    if (which < 8) return literal(1n << BigInt(this.random.below(32)));
    if (which < 9) return literal(this.random.next32() & this.random.next32() & this.random.next32());
    return literal(this.random.next32());
  }

  private integer(): Argument {
    const which = this.random.below(100);
    if (which < 75) return literal(this.pick(smallIntegers));
    if (which < 85) return literal(BigInt(this.pick(wildIntegers)));
    if (which < 92) return argument(ArgumentKind.result, this.random.below(16));
    return literal(this.random.next32());
  }
}
