// A process: what its threads share. It lives from fork to wait4; in between lies the zombie state, which keeps only the status.
//
//   alive ── last thread exits ──► zombie ── parent waits, or ignores SIGCHLD ──► reaped (out of the table)

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { sharedConstant } from '../shared-constants.ts';
import type { CpuTime } from '../time/cpu-time.ts';
import type { Trace } from '../trace/trace.ts';
import { WaitQueue } from '../wait-queue.ts';
import type { ProcessFiles } from './seams.ts';
import { ProcessSignals } from './signal-state.ts';
import type { Task } from './task.ts';

/** A timer that ends with its process (syscalls/timer-calls.ts). */
export interface ProcessTimer {
  stop(kernel: Kernel): void;
}

export interface Credentials {
  readonly userId: number;
  readonly groupId: number;
  readonly supplementaryGroups: readonly number[];
}

/** Wait status as wait4 writes it. */
export const waitStatus = {
  exited: (code: number): number => (code & 0xff) << 8,
  /** Without the flag of a core dump (0x80): none is ever written. */
  killed: (signal: number): number => signal & 0x7f,
  stopped: (signal: number): number => 0x7f | (signal << 8),
  continued: 0xffff,
} as const;

/** getrlimit numbers; limits are pairs, Infinity = RLIM_INFINITY. */
export const ResourceLimit = {
  cpuTime: 0,
  fileSize: 1,
  data: 2,
  stack: 3,
  core: 4,
  processes: 6,
  openFiles: 7,
  lockedMemory: 8,
  addressSpace: 9,
} as const;
export const RESOURCE_LIMITS = 16;
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}
const unlimited: Limit = sharedConstant('unlimited', { soft: Infinity, hard: Infinity });

export class Process {
  /** pid = thread group id. */
  readonly id: number;
  parent: Process | null;
  readonly children: Set<Process> = new Set();
  readonly tasks: Set<Task> = new Set();
  state: 'alive' | 'zombie' | 'reaped' = 'alive';
  /** exit_group or a deadly signal: every thread ends at its next chance. */
  dying = false;
  /** As for wait4; meaningful once a zombie (or dying). */
  exitStatus = 0;
  /** Signal sent to the parent at exit (clone's low byte). */
  exitSignal = 17;

  /** null for kernel tasks and zombies. */
  addressSpace: AddressSpace | null;
  files: ProcessFiles | null;
  credentials: Credentials = { userId: 0, groupId: 0, supplementaryGroups: [] };
  /** Bits of os-core/abi/capability.ts. Only dropCapabilities may change it. */
  capabilities: number;
  signals: ProcessSignals = new ProcessSignals();

  /** Process group and session ids. */
  group: number;
  session: number;
  /** The terminal that the session leader has opened (an object of the tty driver), null if none. */
  controllingTerminal: object | null = null;

  /** What runs here, for /proc and messages. */
  executablePath = '';
  arguments: readonly string[] = [];
  environment: readonly string[] = [];
  /** Who vouched for the code: the name of the key, '' for none. */
  verifiedBy = '';
  /** Text for euroos_why: the reason of the last refusal. */
  lastRefusal = '';
  /** Who watches what it does. */
  trace: Trace | null = null;
  /** prctl PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG. */
  dumpable = 1;
  noNewPrivileges = 0;
  /** nice(2): -20 … 19. */
  niceness = 0;
  /** sched_setscheduler. */
  schedulingPolicy = 0;
  /** prctl PR_SET_CHILD_SUBREAPER: orphans among its descendants become its children. */
  isSubreaper = false;
  /** prctl PR_SET_TIMERSLACK. */
  timerSlackNanos = 50_000;
  /** Commands that membarrier was told will be used. */
  barriersRegistered = 0;
  parentDeathSignal = 0;
  hasExecuted = false;

  limits: Limit[] = new Array(RESOURCE_LIMITS).fill(unlimited);
  readonly startedNanos: number;
  /** Sums over ended threads: instructions, and virtual time on the CPU. */
  userInstructions = 0;
  systemInstructions = 0;
  cpuNanos = 0;
  /** How its CPU time was divided when somebody asked last (time/cpu-time.ts); and the sum over waited-for children. */
  readonly shownCpuTime: CpuTime = { user: 0, system: 0 };
  readonly childrenCpuTime: CpuTime = { user: 0, system: 0 };
  minorFaults = 0;

  /** Job control: last stop signal to report, and whether wait4 has reported it. */
  stopSignal = 0;
  stopReported = true;
  continueReported = true;

  /** ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, made at the first use. */
  readonly intervalTimers: (ProcessTimer | null)[] = [null, null, null];
  /** Of timer_create, by id. */
  readonly posixTimers: Map<number, ProcessTimer> = new Map();
  nextTimerId = 0;

  /** Woken when a child changes state. */
  readonly childQueue: WaitQueue = new WaitQueue();
  /** Woken when this process becomes a zombie or stops (pidfd, waitid by others). */
  readonly exitQueue: WaitQueue = new WaitQueue();

  constructor(
    id: number,
    parent: Process | null,
    addressSpace: AddressSpace | null,
    files: ProcessFiles | null,
    capabilities: number,
    startedNanos: number,
  ) {
    this.id = id;
    this.parent = parent;
    this.addressSpace = addressSpace;
    this.files = files;
    this.capabilities = capabilities;
    this.group = parent?.group ?? id;
    this.session = parent?.session ?? id;
    this.startedNanos = startedNanos;
  }

  /** Keeps only the rights in `mask`. There is no way to widen a set. */
  dropCapabilities(mask: number): void {
    this.capabilities &= mask;
  }
}
registerClass('Process', 4, Process);
