// `euroos run`: what the main thread gives to the machine's worker thread, and what comes back.
//
//   main thread                                   machine worker
//   stdin  ──► ring stdin  ────────────────────►  console ports stdin, tty
//   stdout ◄── ring stdout ◄────────────────────  port stdout
//   stderr ◄── ring stderr ◄────────────────────  port stderr
//   the terminal ◄── ring terminal ◄────────────  port tty
//   terminal size, stop word ──► control words

export interface HeadlessRings {
  readonly stdin: SharedArrayBuffer;
  readonly stdout: SharedArrayBuffer;
  readonly stderr: SharedArrayBuffer;
  readonly terminal: SharedArrayBuffer;
  /** Int32 words: see ControlWord. The doorbell rings for everything that goes to the worker. */
  readonly control: SharedArrayBuffer;
}

export const ControlWord = { doorbell: 0, columns: 1, rows: 2, stop: 3 } as const;
export const CONTROL_BYTES = 16;
export const RING_BYTES = 256 * 1024;

/** Reasons for which the main thread stops the machine, in ControlWord.stop. */
export const StopReason = { none: 0, timeLimit: 1, signal: 2 } as const;

export interface HeadlessWorkerData {
  /** Folder of the boot files. */
  readonly bootFolder: string;
  readonly configurationFolder: string;
  readonly rings: HeadlessRings;
  /** Which of stdin, stdout, stderr are terminals on the host. */
  readonly terminals: readonly [boolean, boolean, boolean];
  /** All of stdin, for seeded runs; null = stdin comes through the ring. */
  readonly preloadedInput: Uint8Array | null;
  readonly powerOnUnixMillis: number;
  readonly command: readonly string[];
  readonly disk: string | null;
  readonly additions: readonly { readonly host: string; readonly guest: string }[];
  readonly memoryBytes: number;
  readonly engine: 'interpreter' | 'jit';
  readonly network:
    | { readonly kind: 'none' }
    | { readonly kind: 'user' }
    | { readonly kind: 'tap'; readonly name: string };
  readonly waitForNetwork: boolean;
  readonly pcap: string | null;
  readonly serial: string | null;
  readonly verbose: boolean;
  readonly environment: readonly string[];
  readonly workingDirectory: string | null;
  readonly user: string;
  readonly capabilities: number;
  readonly seed: number | null;
  /** File for the figures of the run; null = nobody asks. */
  readonly stats: string | null;
  /** Names of what is watched, and the file that it goes to; null = stderr. */
  readonly trace: readonly string[];
  readonly traceFile: string | null;
}

export type HeadlessOutcome = 'exit' | 'signal' | 'time-limit' | 'stopped' | 'panic' | 'failed';

export interface RunFigures {
  bootMs: number;
  instructions: number;
  slices: number;
  faults: number;
  syscalls: number;
  tlbHits: number;
  tlbMisses: number;
  jitRegions: number;
  /** Instructions that compiled code retired, and how often it left one to the interpreter. */
  jitInstructions: number;
  jitExits: number;
  /** Instructions that threaded code retired. */
  threadedInstructions: number;
  jitRefused: number;
  jitCodeBytes: number;
  /** What of it was held at the end. */
  jitLiveRegions: number;
  jitLiveCodeBytes: number;
  jitCompileMs: number;
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  diskReads: number;
  diskWrites: number;
  flushes: number;
  bootServiceCallsAfterExit: number;
  stateHash: string;
}

/** The worker's last message. */
export interface HeadlessEnd {
  readonly kind: 'end';
  readonly outcome: HeadlessOutcome;
  /** The program's exit status or signal number. */
  readonly code: number;
  /** One line for 'failed' and 'panic'. */
  readonly text: string;
  readonly figures: RunFigures | null;
}

/** A ring may have news for the main thread. */
export interface HeadlessRingNews {
  readonly kind: 'ring';
}
/** Besides ringing the doorbell, write a 64-bit one to this eventfd: the worker sleeps in poll. */
export interface HeadlessWake {
  readonly kind: 'wake';
  readonly descriptor: number;
}
export type HeadlessMessage = HeadlessEnd | HeadlessRingNews | HeadlessWake;
