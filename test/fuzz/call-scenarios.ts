// Short sequences of calls that lead into states which single random calls seldom reach. Each leaves room for chance in its arguments.

import type { SeededRandom } from '../../devices/base/random.ts';
import { SystemCall } from '../../os-core/abi/system-call-numbers.ts';
import {
  type Argument,
  ArgumentKind,
  argument,
  type CallRecord,
  inPrivate,
  inShared,
  LANES,
  literal,
  STORE,
} from './call-program.ts';

const SA_RESTORER = 0x0400_0000;
type Name = keyof typeof SystemCall;

export class Scenarios {
  private readonly random: SeededRandom;
  private lane = 0;
  private records: CallRecord[] = [];

  constructor(random: SeededRandom) {
    this.random = random;
  }

  next(lane: number): CallRecord[] {
    this.lane = lane;
    this.records = [];
    this.pick(this.all)();
    return this.records;
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }
  private add(number: number, list: readonly Argument[]): void {
    const full = [...list];
    while (full.length < 6) full.push(literal(0));
    this.records.push({ number, lane: this.lane, delay: this.random.below(8) * 16, arguments: full });
  }
  private call(name: Name, ...list: readonly Argument[]): void {
    this.add(SystemCall[name], list);
  }
  /** Words at an offset of private memory. */
  private store(offset: number, ...words: readonly Argument[]): void {
    for (let n = 0; n < words.length; n += 5) this.add(STORE, [literal(offset + n * 8), ...words.slice(n, n + 5)]);
  }
  private file(): Argument {
    return argument(ArgumentKind.descriptor, this.random.below(64));
  }
  private process(): Argument {
    return argument(ArgumentKind.process, this.random.below(16));
  }
  private thread(): Argument {
    return argument(ArgumentKind.thread, this.random.below(LANES));
  }
  private signal(): Argument {
    return literal(1 + this.random.below(64));
  }
  private buffer(): Argument {
    return inPrivate(0x4000 + this.random.below(64) * 128);
  }
  private count(): Argument {
    return literal(this.pick([1, 8, 100, 4096, 5000, 65536]));
  }
  /** A struct timespec, short as a rule. */
  private duration(offset: number): Argument {
    this.store(
      offset,
      literal(this.pick([0, 0, 0, 0, 1, -1])),
      literal(this.pick([0, 1, 1000, 1_000_000, 20_000_000, 1e9])),
    );
    return inPrivate(offset);
  }
  private loaded(offset: number): Argument {
    return argument(ArgumentKind.loaded, offset);
  }

  private readonly all: readonly (() => void)[] = [
    // A pipe that is filled, read, and closed on one side.
    () => {
      this.call('pipe2', inPrivate(0x100), literal(this.pick([0, 0x800, 0x80000])));
      this.call('write', this.loaded(0x104), this.buffer(), this.count());
      this.call(this.pick(['read', 'write']), this.loaded(this.pick([0x100, 0x104])), this.buffer(), this.count());
      this.call('close', this.loaded(this.pick([0x100, 0x104])));
      this.call('read', this.loaded(0x100), this.buffer(), this.count());
    },
    // Descriptors in messages, of sockets in sockets.
    () => {
      this.call('socketpair', literal(1), literal(this.pick([1, 2, 5])), literal(0), inPrivate(0x200));
      this.sendRights(this.loaded(0x200), this.pick([this.loaded(0x204), this.loaded(0x200), this.file()]));
      if (this.random.below(2) === 0) this.call('close', this.loaded(0x204));
      if (this.random.below(2) === 0) this.call('close', this.loaded(0x200));
      this.receive(this.pick([this.loaded(0x204), this.file()]));
    },
    () => this.sendRights(this.file(), this.file()),
    () => this.receive(this.file()),
    // Connect, accept, talk.
    () => {
      this.store(0x600, literal(0x74656b636f730001n), literal(0));
      this.call('socket', literal(1), literal(this.pick([1, 0x801, 5])), literal(0));
      this.call(
        'connect',
        this.pick([argument(ArgumentKind.descriptor, 17), this.file()]),
        inPrivate(0x600),
        literal(9),
      );
      const listener = this.pick([argument(ArgumentKind.descriptor, 16), this.file()]);
      this.call(this.pick(['accept', 'accept4']), listener, literal(0), literal(0), literal(0x800));
      this.call('shutdown', this.file(), literal(this.random.below(3)));
    },
    () => {
      this.store(0x640, literal(0x4141_0000_0001n | (BigInt(this.random.below(4)) << 48n)));
      this.call(this.pick(['bind', 'connect']), this.file(), inPrivate(0x640), literal(this.pick([2, 6, 8])));
      this.call('listen', this.file(), literal(this.random.below(3)));
    },
    // Epoll of anything, also of itself and each other.
    () => {
      this.store(0x300, literal(this.pick([1, 4, 5, 0x80000001, 0x40000005, 0x8000001f])), literal(7));
      const epoll = this.file();
      this.call('epoll_create1', literal(0));
      this.call('epoll_ctl', epoll, literal(this.pick([1, 1, 2, 3])), this.file(), inPrivate(0x300));
      this.call('epoll_ctl', this.file(), literal(1), epoll, inPrivate(0x300));
      this.call('epoll_wait', epoll, inPrivate(0x340), literal(4), literal(this.pick([0, 1, 10])));
    },
    () => {
      this.store(0x300, literal(0x80000005), literal(7));
      this.call('epoll_ctl', this.file(), literal(1), this.file(), inPrivate(0x300));
      this.call('close', this.file());
      this.call('epoll_pwait', this.file(), inPrivate(0x340), literal(4), literal(5), literal(0), literal(8));
    },
    // Poll and select of many.
    () => {
      for (let n = 0; n < 3; n++) {
        this.store(0x400 + n * 8, this.file());
        this.store(0x404 + n * 8, literal(0x1f));
      }
      this.call('poll', inPrivate(0x400), literal(3), literal(this.pick([0, 1, 10])));
      this.call('ppoll', inPrivate(0x400), literal(3), this.duration(0x440), inPrivate(0x460), literal(8));
    },
    () => {
      this.store(0x480, literal(this.random.next32()), literal(this.random.next32()));
      this.call(
        'select',
        literal(this.pick([1, 20, 64, 100, 1024])),
        inPrivate(0x480),
        inPrivate(0x480),
        literal(0),
        this.duration(0x4a0),
      );
    },
    // Files that are mapped, written, cut short, read.
    () => {
      const file = this.file();
      const at = literal(0x1120_0000 + this.random.below(16) * 4096);
      this.call('ftruncate', file, literal(this.pick([0, 1, 4096, 5000, 65536])));
      this.call(
        'mmap',
        at,
        literal(8192),
        literal(this.pick([1, 3])),
        literal(this.pick([0x11, 0x12])),
        file,
        literal(this.pick([0, 4096])),
      );
      this.call('write', file, at, literal(this.pick([1, 5000])));
      this.call('ftruncate', this.pick([file, this.file()]), literal(this.pick([0, 1, 4096])));
      this.call('read', file, at, literal(this.pick([100, 4096, 8192])));
      this.call(this.pick(['msync', 'munmap', 'madvise']), at, literal(8192), literal(4));
    },
    () => {
      const at = literal(0x1130_0000 + this.random.below(16) * 4096);
      this.call('mmap', at, literal(0x10000), literal(3), literal(this.pick([0x32, 0x31])), literal(-1), literal(0));
      this.call('getrandom', at, literal(0x10000), literal(0));
      this.call(
        'mremap',
        at,
        literal(this.pick([0, 4096, 0x8000])),
        literal(this.pick([4096, 0x10000, 0x20000])),
        literal(this.pick([1, 3, 5])),
        literal(0x1140_0000 + this.random.below(16) * 4096),
      );
      this.call('mprotect', at, literal(this.pick([4096, 0x4000])), literal(this.random.below(4)));
      this.call('madvise', at, literal(0x8000), literal(this.pick([4, 8, 9, 14])));
      this.call('mlock', at, literal(0x2000));
    },
    // Much memory at once.
    () => {
      const at = literal(0x2000_0000 + this.random.below(4) * 0x100_0000);
      this.call(
        'mmap',
        at,
        literal(this.pick([0x10_0000, 0x100_0000, 0x400_0000])),
        literal(3),
        literal(this.pick([0x32, 0x8032, 0x31])),
        literal(-1),
        literal(0),
      );
      this.call('read', this.file(), at, literal(0x10_0000));
      this.call('munmap', at, literal(0x100_0000));
    },
    // Futexes between lanes.
    () =>
      this.call(
        'futex',
        inShared(this.random.below(4) * 4),
        literal(this.pick([0, 128])),
        literal(0),
        this.duration(0x500),
      ),
    () =>
      this.call('futex', inShared(this.random.below(4) * 4), literal(this.pick([1, 129])), literal(this.pick([1, 10]))),
    () =>
      this.call(
        'futex',
        inShared(this.random.below(4) * 4),
        literal(this.pick([3, 4, 131, 132])),
        literal(1),
        literal(10),
        inShared(this.random.below(4) * 4),
        literal(0),
      ),
    () =>
      this.call(
        'futex',
        inShared(this.random.below(4) * 4),
        literal(5),
        literal(1),
        literal(1),
        inShared(this.random.below(4) * 4),
        literal(this.random.next32()),
      ),
    () => {
      this.store(0x520, inPrivate(0x540), literal(this.pick([0, -8, 16])), literal(0));
      this.store(0x540, inPrivate(this.pick([0x520, 0x540, 0x560])), literal(0));
      this.call('set_robust_list', inPrivate(0x520), literal(24));
    },
    // Signals: handlers, masks, stacks, timers, who gets them.
    () => {
      const flags = SA_RESTORER | this.pick([0, 0x1000_0000, 0x4000_0000, 0x0800_0000, 4, 0x8000_0000, 2, 1]);
      this.store(
        0x700,
        argument(ArgumentKind.handler, this.random.below(4)),
        literal(flags >>> 0),
        argument(ArgumentKind.restorer, 0),
        literal(this.random.next32()),
      );
      this.call('rt_sigaction', this.signal(), inPrivate(0x700), literal(0), literal(8));
    },
    () => {
      this.store(0x740, literal(this.pick([0n, 0xffff_ffff_ffff_ffffn, BigInt(this.random.next32())])));
      this.call('rt_sigprocmask', literal(this.random.below(3)), inPrivate(0x740), literal(0), literal(8));
    },
    () => {
      this.store(
        0x760,
        inPrivate(0xc000),
        literal(this.pick([0, 2, 0x80000000])),
        literal(this.pick([2048, 8192, 0x2000])),
      );
      this.call('sigaltstack', inPrivate(0x760), literal(0));
    },
    () => this.call('kill', this.process(), this.signal()),
    () => this.call('tgkill', argument(ArgumentKind.process, 0), this.thread(), this.signal()),
    () => {
      this.call('kill', this.process(), literal(this.pick([19, 20, 21, 22])));
      this.call('kill', this.process(), literal(18));
    },
    () => {
      this.store(0x780, this.signal(), literal(-1), literal(0), literal(5));
      this.call('rt_sigqueueinfo', this.process(), this.signal(), inPrivate(0x780));
    },
    () => {
      this.store(0x7c0, literal(3), literal(this.pick([0, 4, 1]) * 2 ** 32 + 1 + this.random.below(64)), this.thread());
      this.call('timer_create', literal(this.pick([0, 1, 2, 3])), inPrivate(0x7c0), inPrivate(0x7f8));
      this.store(
        0x800,
        literal(0),
        literal(this.pick([0, 1000, 10_000_000])),
        literal(0),
        literal(this.pick([1, 1000, 10_000_000])),
      );
      this.call('timer_settime', this.loaded(0x7f8), literal(0), inPrivate(0x800), literal(0));
    },
    () => {
      this.store(0x840, literal(0), literal(this.pick([0, 1000])), literal(0), literal(this.pick([1, 1000, 100_000])));
      this.call(
        this.pick(['timerfd_settime', 'setitimer']),
        this.pick([this.file(), literal(this.random.below(3))]),
        this.pick([literal(0), inPrivate(0x840)]),
        inPrivate(0x840),
        literal(0),
      );
    },
    () => {
      this.store(0x860, literal(this.random.next32()));
      this.call('rt_sigtimedwait', inPrivate(0x860), inPrivate(0x870), this.duration(0x900), literal(8));
    },
    // Processes: made, waited for, moved between groups and sessions.
    () => {
      this.call('fork');
      this.call(
        'wait4',
        this.pick([literal(-1), this.process()]),
        inPrivate(0x940),
        literal(this.pick([0, 1, 2, 3, 9])),
        literal(0),
      );
    },
    () => {
      this.call(
        'clone',
        literal(this.pick([0x10f00, 0x10f00, 0x110f00, 0x4111, 0x111])),
        argument(ArgumentKind.stack, this.random.below(16)),
        inPrivate(0x960),
        inPrivate(0x968),
        literal(0),
      );
      this.call('sched_yield');
    },
    () => {
      this.call('vfork');
      this.call('waitid', literal(this.pick([0, 1, 2])), this.process(), inPrivate(0x980), literal(5));
    },
    () => {
      this.call('setpgid', this.process(), this.process());
      this.call(this.pick(['setsid', 'getsid', 'getpgid']), this.process());
    },
    () =>
      this.call(
        'execve',
        argument(ArgumentKind.path, this.pick([31, 32, 33, 45])),
        argument(ArgumentKind.arguments, 1 + this.random.below(2)),
        argument(ArgumentKind.arguments, 0),
      ),
    () => this.call('pidfd_send_signal', this.file(), this.signal(), literal(0), literal(0)),
    // Terminals.
    () => {
      const terminal = this.file();
      this.call(
        'ioctl',
        terminal,
        literal(this.pick([0x540e, 0x5410, 0x5422, 0x5414])),
        this.pick([literal(0), inPrivate(0x9c0)]),
      );
      this.call(this.pick(['read', 'write']), terminal, this.buffer(), literal(this.pick([1, 100])));
    },
    // Locks, watches, names.
    () => {
      this.store(
        0xa00,
        literal(this.pick([0, 1, 2])),
        literal(this.random.below(64)),
        literal(this.pick([0, 1, 100])),
        literal(0),
      );
      this.call('fcntl', this.file(), literal(this.pick([5, 6, 7, 36, 37, 38])), inPrivate(0xa00));
    },
    () => {
      this.call('inotify_add_watch', this.file(), argument(ArgumentKind.path, this.random.below(9)), literal(0xfff));
      this.call(
        'rename',
        argument(ArgumentKind.path, this.random.below(6)),
        argument(ArgumentKind.path, this.random.below(6)),
      );
      this.call('unlink', argument(ArgumentKind.path, this.random.below(6)));
      this.call(
        'openat',
        literal(-100),
        argument(ArgumentKind.path, this.random.below(6)),
        literal(0x42),
        literal(0o644),
      );
      this.call('read', this.file(), this.buffer(), literal(4096));
    },
    () => {
      this.call('openat', literal(-100), argument(ArgumentKind.path, 5), literal(this.pick([0, 1, 2, 0x800, 0x801])));
      this.call('unlink', argument(ArgumentKind.path, 5));
      this.call('mknod', argument(ArgumentKind.path, 5), literal(0o10666), literal(0));
    },
    // Extended attributes: "user.x".
    () => {
      this.store(0xe00, literal(0x782e_7265_7375n), literal(this.random.next32()));
      const path = argument(ArgumentKind.path, this.pick([0, 1, 2, 4, 34]));
      const length = literal(this.pick([0, 1, 8, 4096]));
      this.call(
        this.pick(['setxattr', 'lsetxattr']),
        path,
        inPrivate(0xe00),
        inPrivate(0xe08),
        length,
        literal(this.random.below(3)),
      );
      this.call(this.pick(['getxattr', 'lgetxattr']), path, inPrivate(0xe00), this.buffer(), length);
      this.call('listxattr', path, this.buffer(), length);
      this.call(this.pick(['removexattr', 'lremovexattr']), path, inPrivate(0xe00));
    },
    () => {
      this.store(0xe20, literal(0x782e_7265_7375n));
      const file = argument(ArgumentKind.descriptor, this.pick([3, 4, 26]));
      this.call('fsetxattr', file, inPrivate(0xe00), this.buffer(), literal(8), literal(0));
      this.call('fgetxattr', file, inPrivate(0xe20), this.buffer(), literal(8));
      this.call('fremovexattr', file, inPrivate(0xe20));
    },
    () => {
      this.call('timer_getoverrun', this.loaded(0x7f8));
      this.call('timer_delete', this.loaded(0x7f8));
    },
    () => {
      const sockets = [12, 13, 14, 15, 18].map((slot) => argument(ArgumentKind.descriptor, slot));
      this.call(
        'sendto',
        this.pick(sockets),
        this.buffer(),
        this.count(),
        literal(this.pick([0x40, 0x4040])),
        literal(0),
        literal(0),
      );
      this.call(
        'recvfrom',
        this.pick(sockets),
        this.buffer(),
        this.count(),
        literal(this.pick([0x40, 0x42])),
        literal(0),
        literal(0),
      );
    },
    () => {
      this.call('epoll_pwait2', this.file(), this.buffer(), literal(4), this.duration(0xe40), literal(0), literal(8));
      this.call('pselect6', literal(0), literal(0), literal(0), literal(0), this.duration(0xe40), literal(0));
    },
    // Between files in the kernel.
    () => {
      const name = this.pick(['splice', 'copy_file_range'] as const);
      this.call(name, this.file(), literal(0), this.file(), literal(0), this.count(), literal(0));
      this.call('sendfile', this.file(), this.file(), literal(0), this.count());
      this.call('tee', this.file(), this.file(), this.count(), literal(0));
    },
    () => {
      this.vectors(0xa40);
      this.call(
        this.pick(['readv', 'writev', 'vmsplice', 'preadv', 'pwritev']),
        this.file(),
        inPrivate(0xa40),
        literal(3),
        literal(0),
      );
    },
    () => {
      this.store(0xb00, literal(this.pick([16, 100, 1024])), literal(this.pick([16, 1024])));
      this.call('prlimit64', literal(0), literal(this.pick([3, 7, 8, 9, 2, 6])), inPrivate(0xb00), literal(0));
    },
    () => this.call('euroos_capability_drop', literal(this.pick([0xffff_ffff, 7, 11, 15, 14]))),
    () => this.call('euroos_capability_get'),
  ];

  private vectors(offset: number): void {
    this.store(
      offset,
      this.buffer(),
      literal(this.pick([0, 1, 100])),
      this.buffer(),
      literal(this.pick([0, 4096])),
      inPrivate(0xff00),
    );
    this.store(offset + 40, literal(this.pick([0, 256, 512])));
  }
  /** struct msghdr at 0xc00, its control message at 0xc80. */
  private message(controlBytes: number): void {
    this.vectors(0xd00);
    this.store(
      0xc00,
      literal(0),
      literal(0),
      inPrivate(0xd00),
      literal(this.pick([1, 3])),
      inPrivate(0xc80),
      literal(controlBytes),
      literal(0),
    );
  }
  private sendRights(socket: Argument, what: Argument): void {
    this.message(24);
    this.store(0xc80, literal(20), literal(this.pick([1, 1, 1, 2]) * 2 ** 32 + 1), what);
    this.call('sendmsg', socket, inPrivate(0xc00), literal(this.pick([0x40, 0x4040])));
  }
  private receive(socket: Argument): void {
    this.message(this.pick([0, 16, 24, 100]));
    this.call('recvmsg', socket, inPrivate(0xc00), literal(this.pick([0x40, 0x42, 0x4000_0040])));
  }
}
