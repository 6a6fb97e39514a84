// Linux x86-64 signals (asm/signal.h) and the constants of rt_sigaction, sigaltstack, siginfo.

export const Signal = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;
export const LAST_SIGNAL = 64;

/** Names by number, for messages. */
export const signalNames: readonly string[] = (() => {
  const names: string[] = [];
  for (let number = 0; number <= LAST_SIGNAL; number++) names.push(`SIG${number}`);
  for (const [name, number] of Object.entries(Signal)) names[number] = name;
  return names;
})();

/** sa_flags */
export const SignalActionFlag = {
  noChildStop: 1,
  noChildWait: 2,
  signalInformation: 4,
  restorer: 0x0400_0000,
  onStack: 0x0800_0000,
  restart: 0x1000_0000,
  noDefer: 0x4000_0000,
  resetHandler: 0x8000_0000,
} as const;

/** sa_handler values that are not addresses. */
export const SIG_DFL = 0;
export const SIG_IGN = 1;

/** si_code */
export const SignalCode = {
  user: 0,
  kernel: 0x80,
  timer: -2,
  threadKill: -6,
  childExited: 1,
  childKilled: 2,
  childStopped: 5,
  childContinued: 6,
  mapError: 1,
  accessError: 2,
  illegalOperand: 2,
  divideByZero: 1,
  floatingDivide: 3,
  floatingOverflow: 4,
  floatingUnderflow: 5,
  floatingInexact: 6,
  floatingInvalid: 7,
  busAlignment: 1,
  busAddress: 2,
  trapTrace: 2,
} as const;
