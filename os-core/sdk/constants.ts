// Numbers of the Linux x86-64 user interface that system tasks pass to system calls. Each group names its header.

/** asm-generic/fcntl.h */
export const OpenFlag = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  noControllingTerminal: 0o400,
  truncate: 0o1000,
  append: 0o2000,
  nonBlocking: 0o4000,
  directory: 0o200000,
  closeOnExec: 0o2000000,
} as const;

/** linux/fcntl.h, asm-generic/fcntl.h */
export const FileControl = { duplicate: 0, setDescriptorFlags: 2, duplicateCloseOnExec: 1030 } as const;
export const CLOSE_ON_EXEC = 1;

/** linux/stat.h */
export const FileType = {
  mask: 0o170000,
  socket: 0o140000,
  link: 0o120000,
  regular: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const;

/** asm/signal.h */
export const Signal = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
} as const;

/** What to do on a signal (rt_sigaction). `event`: the task gets a signal event. */
export const SignalAction = { default: 0, ignore: 1, event: 2 } as const;

/** asm-generic/ioctls.h */
export const Ioctl = {
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  TCSETSW: 0x5403,
  TCSETSF: 0x5404,
  TIOCSCTTY: 0x540e,
  TIOCGPGRP: 0x540f,
  TIOCSPGRP: 0x5410,
  TIOCGWINSZ: 0x5413,
  TIOCSWINSZ: 0x5414,
  FIONREAD: 0x541b,
  TIOCGPTN: 0x80045430,
  TIOCSPTLCK: 0x40045431,
} as const;

/** asm-generic/termbits.h */
export const InputMode = {
  BRKINT: 0o2,
  INPCK: 0o20,
  ISTRIP: 0o40,
  ICRNL: 0o400,
  IXON: 0o2000,
  IUTF8: 0o40000,
} as const;
export const OutputMode = { OPOST: 1, ONLCR: 4 } as const;
export const LocalMode = { ISIG: 1, ICANON: 2, ECHO: 0o10, ECHOE: 0o20, ECHOK: 0o40, IEXTEN: 0o100000 } as const;
/** Index into c_cc. */
export const ControlCharacter = {
  interrupt: 0,
  quit: 1,
  erase: 2,
  kill: 3,
  endOfFile: 4,
  time: 5,
  minimum: 6,
} as const;

/** asm-generic/poll.h */
export const PollEvent = { in: 1, priority: 2, out: 4, error: 8, hangUp: 16, invalid: 32 } as const;

/** linux/wait.h */
export const Wait = { noHang: 1, untraced: 2, continued: 8 } as const;

/** linux/time.h */
export const Clock = { realTime: 0, monotonic: 1 } as const;

/** linux/socket.h, linux/in.h, asm-generic/socket.h */
export const Socket = {
  inet: 2,
  inet6: 10,
  datagram: 2,
  icmp: 1,
  icmpVersion6: 58,
  levelSocket: 1,
  receiveTimeout: 20,
} as const;

/** linux/kernel.h: seek origins. */
export const Seek = { set: 0, current: 1, end: 2 } as const;
