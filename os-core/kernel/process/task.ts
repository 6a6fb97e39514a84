// A task: one thread of execution. Three kinds share it: ring-3 programs, TypeScript system tasks, kernel tasks.
//
//      ┌──────────────► runnable ◄──────────────┐
//      │ wake()            │ picked              │ SIGCONT
//   sleeping ◄── waitOn ── current ──────────► stopped
//                          │ exit
//                          ▼
//                         dead
//
// Kernel stack frame (one page of guest memory, seen by the CPU through the direct map):
//   +0    FXSAVE area (512 bytes)
//   ...   free
//   +3928 saved registers, in the order of Linux' pt_regs: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax
//   +4056 rip cs rflags rsp ss  (the frame that the CPU pushes: TSS.rsp0 = +4096)
//
// Invariant: a task is in the scheduler's run queue exactly when its state is `runnable` and it is not current.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Kernel } from '../kernel.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { SystemCallArguments } from '../syscalls/handler.ts';
import type { CpuTime } from '../time/cpu-time.ts';
import type { Timer, TimerTarget } from '../time/timers.ts';
import type { WaitQueue, Wakeable } from '../wait-queue.ts';
import type { Process } from './process.ts';
import { TaskSignals } from './signal-state.ts';

export const TaskState = { runnable: 0, sleeping: 1, stopped: 2, dead: 3 } as const;
export type TaskState = (typeof TaskState)[keyof typeof TaskState];

export const TaskKind = { program: 0, systemTask: 1, kernelTask: 2 } as const;
export type TaskKind = (typeof TaskKind)[keyof typeof TaskKind];

/** Work of a kernel task: a bounded step on plain data. Instances are of registered classes. */
export interface KernelWork {
  /** 'again' = has more to do; 'sleep' = after task.waitOn(); 'done' = the task ends. */
  step(kernel: Kernel, task: Task): 'again' | 'sleep' | 'done';
}

/** A restart record that holds something: told when the call is over or its task ends. What was given up already is given up once. */
export interface AbandonableProgress {
  abandoned(kernel: Kernel): void;
}
/** The running call does not go on from where it was: it has its result, perhaps before its handler looked at the record again. */
export function dropProgress(kernel: Kernel, task: Task): void {
  const { progress } = task;
  if (progress === null) return;
  task.progress = null;
  if (typeof progress === 'object' && 'abandoned' in progress) (progress as AbandonableProgress).abandoned(kernel);
}

/** A system call that sleeps and will be run again. Reused for every call of the task. */
export class PendingCall {
  number = 0;
  active = false;
  /** The handler has returned -EINTR: signals are looked at before the call may go on. */
  interrupted = false;
  readonly arguments: SystemCallArguments = new SystemCallArguments();
}
registerClass('PendingCall', 1, PendingCall);

export class Task implements Wakeable, TimerTarget {
  /** Thread id; equals the process id for the first thread. */
  readonly id: number;
  process: Process;
  kind: TaskKind;
  state: TaskState = TaskState.sleeping;
  /** Name shown in ps and logs (prctl PR_SET_NAME). */
  name: string;

  /** Physical address of the kernel stack page. */
  readonly kernelStack: number;
  /** FS base, low and high half. */
  fsBaseLow = 0;
  fsBaseHigh = 0;
  /** True when the saved registers were changed and RCX/R11 no longer mirror RIP/RFLAGS: leave by IRET. */
  returnByInterrupt = true;
  /** In a system call whose registers are still in the CPU alone; only while current. */
  registersInCpu = false;

  /** The running call has set all registers itself (rt_sigreturn, execve): its result is not written to RAX. */
  keepRegisters = false;

  readonly call: PendingCall = new PendingCall();
  /**
   * Restart record of the running call: a handler that returns PENDING may keep here how far it got (plain data or registered classes).
   * null when a call starts.
   */
  progress: unknown = null;
  /** The arguments of the running call as text, while somebody watches (kernel/trace). */
  tracedCall: string[] | null = null;

  readonly signals: TaskSignals = new TaskSignals();
  /** set_tid_address / CLONE_CHILD_CLEARTID: user address or 0. */
  clearChildTid = 0;
  robustListHead = 0;
  /** vfork: the parent sleeps on this until exec or exit. */
  vforkParent: Task | null = null;

  /** State of the system task, plain data; its name tells the code. */
  systemTaskName = '';
  systemTaskState: unknown = null;
  /** The event for the next step, if one is ready. */
  systemTaskEvent: unknown = null;
  /** Which bytes of the arena the running call brings back. */
  systemTaskRequest: { readonly resultAt: number; readonly resultLength: number } | null = null;
  kernelWork: KernelWork | null = null;

  /** Virtual time used, in instructions, split as getrusage wants it. */
  userInstructions = 0;
  systemInstructions = 0;
  /** Virtual time as the current task, without the present turn; and how it was divided when somebody asked last (time/cpu-time.ts). */
  cpuNanos = 0;
  readonly shownCpuTime: CpuTime = { user: 0, system: 0 };
  /** Timer ticks seen while current. */
  ticks = 0;
  /** Instructions weighed by niceness, see scheduler.ts. */
  virtualRunTime: number;
  /** Times the CPU was handed to this task. */
  switches = 0;

  private readonly scheduler: Scheduler;
  private readonly queues: Set<WaitQueue> = new Set();
  private timer: Timer | null = null;
  /** True when the deadline given to waitUntil has passed (since the last clearWait). */
  timedOut = false;

  constructor(id: number, process: Process, kind: TaskKind, name: string, kernelStack: number, scheduler: Scheduler) {
    this.id = id;
    this.process = process;
    this.kind = kind;
    this.name = name;
    this.kernelStack = kernelStack;
    this.scheduler = scheduler;
    this.virtualRunTime = scheduler.minimum;
  }

  /** Rights of the task's process. */
  get capabilities(): number {
    return this.process.capabilities;
  }

  /** A signal that would be acted on waits: a handler that would sleep returns what it has done, or -EINTR. */
  get signalPending(): boolean {
    return this.signals.actionable || this.process.dying;
  }

  /** The handler is about to return PENDING: wake me when `queue` is woken. May be called for several queues. */
  waitOn(queue: WaitQueue): void {
    queue.add(this);
    this.queues.add(queue);
  }

  /** … or at `deadlineNanos` of virtual time (Infinity = no limit). On wake-up compare the clock, or look at timedOut. */
  waitUntil(kernel: Kernel, deadlineNanos: number): void {
    assert(this.timer === null, 'a task waits for one deadline at a time');
    if (deadlineNanos !== Infinity) this.timer = kernel.timers.schedule(deadlineNanos, this);
  }

  /** Undoes waitOn and waitUntil. Called by the scheduler when the task runs again. */
  clearWait(kernel: Kernel): void {
    // Nearly every call ends without having waited: not even an iterator is made then.
    if (this.queues.size > 0) {
      for (const queue of this.queues) queue.remove(this);
      this.queues.clear();
    }
    if (this.timer !== null) kernel.timers.cancel(this.timer);
    this.timer = null;
  }
  /** True if the task has named something that can wake it (a signal always can). */
  get hasWait(): boolean {
    return this.queues.size > 0 || this.timer !== null;
  }

  timerExpired(): void {
    this.timer = null;
    this.timedOut = true;
    this.wake();
  }

  /** Makes a sleeping task runnable; others are left alone. */
  wake(): void {
    if (this.state === TaskState.sleeping) this.scheduler.makeRunnable(this);
  }
}
registerClass('Task', 3, Task);
