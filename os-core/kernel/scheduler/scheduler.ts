// Who runs next: the runnable task that has had least, weighed by niceness; pre-empted by the 100 Hz tick (8254 through the 8259) and by
// sleepers that wake with little behind them.
//
//   virtual run time = instructions x 1024 / weight(niceness)      one step of niceness = 1.25 times the share
//
//        lowest ─► current ─────────── runs: grows ───────────► back among the others
//        |  woken: at least `minimum` less half a tick of credit: ahead of endless work, but never far
//        '- minimum: virtual run time of who was picked last; never falls; new tasks begin there
//
// Whom an interrupt wakes pre-empts who has a tenth of a tick more. Whom the current task itself wakes does so only once that task has
// had the CPU for a while: two that hand things to each other in small pieces do not switch at each (Linux: sched_min_granularity).
//
// Everything counts retired instructions, so the same run takes the same course.
//
// Invariants: a task is queued exactly when it is runnable and not current; `cpuOwner` is the program whose x87/SSE registers and
// FS base are in the CPU, everybody else's are in guest memory.

import { assert } from '../../../devices/base/assert.ts';
import { registerClass } from '../../../devices/base/object-graph.ts';
import { Msr } from '../../../devices/contract/cpu.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { FRAME_BYTES } from '../memory/frames.ts';
import { enforceCpuTime } from '../process/limits.ts';
import { type Task, TaskKind, TaskState } from '../process/task.ts';
import { LoadAverage } from './load-average.ts';
import { weightOf } from './weights.ts';

export const TICK_HERTZ = 100;
const FIRST_TICK_INSTRUCTIONS = 1_000_000;
/** Parts of a tick: by how much less a woken task must have had, and for how long who wakes it has the CPU at least. */
const LEAST_LEAD = 10;
const LEAST_TURN = 20;

export class Scheduler {
  current: Task | null = null;
  /** Virtual time at which it became that. */
  private currentSinceNanos = 0;
  /** True while the CPU is (or is about to be) in ring 3 with current's registers. */
  inUserMode = false;
  /** The tick asks for another task at the next chance. */
  reschedule = false;
  /** A device's handler runs: who wakes now is not woken by the current task. */
  servingInterrupt = false;
  /** The idle loop has the CPU. */
  idle = false;
  /** The periodic tick is stopped for the time being idle. */
  tickStopped = false;
  /** In the order in which they came: of equals the first is picked. */
  private readonly queue: Set<Task> = new Set();
  /** See above; in weighed instructions. */
  minimum = 0;
  /** Instruction count up to which the current task was charged, and at which it was picked. */
  private chargedUpTo = 0;
  private pickedAt = 0;
  /** Instruction count at the last tick; and the most that lay between two, which is what a busy tick holds. A guess until then. */
  private lastTickAt = 0;
  private tickInstructions = FIRST_TICK_INSTRUCTIONS;
  private tickMeasured = false;
  private cpuOwner: Task | null = null;
  /** Ticks since boot, and those of them that found the machine idle. */
  ticks = 0;
  idleTicks = 0;
  /** … and those that found a task at work that is no program of ring 3. */
  systemTicks = 0;
  /** Virtual time spent idle up to the last time that there was work; and when the present idling began. */
  private idleNanos = 0;
  private idleSinceNanos = 0;
  readonly load: LoadAverage = new LoadAverage();
  contextSwitches = 0;

  get hasRunnable(): boolean {
    return this.queue.size > 0;
  }
  get runnableCount(): number {
    return this.queue.size + (this.current === null ? 0 : 1);
  }

  /** Nothing can run from now on, or something can again. */
  setIdle(nowNanos: number, idle: boolean): void {
    if (idle === this.idle) return;
    if (idle) this.idleSinceNanos = nowNanos;
    else this.idleNanos += nowNanos - this.idleSinceNanos;
    this.idle = idle;
  }
  /** Virtual time since power-on in which there was nothing to do. */
  idleTimeNanos(nowNanos: number): number {
    return this.idleNanos + (this.idle ? nowNanos - this.idleSinceNanos : 0);
  }

  /** Queues a task that can go on. */
  makeRunnable(task: Task): void {
    assert(task.state !== TaskState.dead, 'a dead task is made runnable');
    task.state = TaskState.runnable;
    const { current } = this;
    if (task === current) return;
    this.queue.add(task);
    task.virtualRunTime = Math.max(task.virtualRunTime, this.minimum - this.tickInstructions / 2);
    if (current === null || task.virtualRunTime + this.tickInstructions / LEAST_LEAD >= current.virtualRunTime) return;
    const hasRun = this.chargedUpTo - this.pickedAt;
    if (this.servingInterrupt || hasRun >= this.tickInstructions / LEAST_TURN) this.reschedule = true;
  }

  /** What the current task has run since the last call is added to its account. Called wherever somebody may be woken next. */
  charge(instructionCount: number): void {
    const { current } = this;
    if (current !== null)
      current.virtualRunTime += ((instructionCount - this.chargedUpTo) * 1024) / weightOf(current.process.niceness);
    this.chargedUpTo = instructionCount;
  }

  /** sched_yield(2): the current task goes behind the one that would be next. */
  stepBack(): void {
    const { current } = this;
    const next = this.least();
    if (current === null || next === null) return;
    current.virtualRunTime = Math.max(current.virtualRunTime, next.virtualRunTime);
    this.reschedule = true;
  }

  /** Linear: a few dozen tasks are runnable at most times, and a pick is followed by thousands of instructions. */
  private least(): Task | null {
    let least: Task | null = null;
    for (const task of this.queue) if (least === null || task.virtualRunTime < least.virtualRunTime) least = task;
    return least;
  }

  /** Called by the timer's interrupt handler. */
  tick(kernel: Kernel): void {
    this.ticks++;
    const { instructionCount } = kernel.machine.cpu;
    this.charge(instructionCount);
    this.measureTick(instructionCount);
    if (this.current === null) this.idleTicks++;
    else {
      this.current.ticks++;
      if (this.current.kind !== TaskKind.program) this.systemTicks++;
      enforceCpuTime(kernel, this.current.process);
    }
    this.load.update(kernel.nowNanos(), this.runnableCount);
    kernel.timers.expireDue(kernel, kernel.nowNanos());
    this.reschedule = true;
  }

  private measureTick(instructionCount: number): void {
    const passed = instructionCount - this.lastTickAt;
    this.lastTickAt = instructionCount;
    if (this.current === null) return;
    this.tickInstructions = this.tickMeasured ? Math.max(this.tickInstructions, passed) : passed;
    this.tickMeasured = true;
  }

  /** Takes the next task off the queue and makes it current; null if there is none. */
  pickNext(kernel: Kernel): Task | null {
    assert(this.current === null, 'a task has the CPU already');
    this.reschedule = false;
    const task = this.least();
    if (task === null) return null;
    this.queue.delete(task);
    this.current = task;
    this.currentSinceNanos = kernel.nowNanos();
    this.minimum = Math.max(this.minimum, task.virtualRunTime);
    this.chargedUpTo = kernel.machine.cpu.instructionCount;
    this.pickedAt = this.chargedUpTo;
    task.switches++;
    this.contextSwitches++;
    task.clearWait(kernel);
    this.loadAddressSpace(kernel, task.process.addressSpace);
    kernel.state.descriptorTables.setKernelStack(kernel, task.kernelStack + FRAME_BYTES);
    return task;
  }

  /** How long `task` has been the current one; 0 if it is not. */
  runningNanos(task: Task, nowNanos: number): number {
    return task === this.current ? nowNanos - this.currentSinceNanos : 0;
  }

  /** The current task gives up the CPU: among the others if still runnable, else it sleeps, has stopped or is dead. */
  yieldCurrent(kernel: Kernel): void {
    const task = this.current;
    assert(task !== null, 'no task has the CPU');
    this.charge(kernel.machine.cpu.instructionCount);
    task.cpuNanos += this.runningNanos(task, kernel.nowNanos());
    this.current = null;
    this.inUserMode = false;
    if (task.state === TaskState.runnable) this.queue.add(task);
  }

  /** Kernel tasks (null) run in whatever space is loaded. */
  loadAddressSpace(kernel: Kernel, space: AddressSpace | null): void {
    if (space === null || space === kernel.state.loadedAddressSpace) return;
    kernel.state.loadedAddressSpace = space;
    kernel.machine.cpu.writeControl(3, BigInt(space.root));
  }
  /** Leaves user space altogether, so that the loaded one may be freed. */
  loadKernelSpace(kernel: Kernel): void {
    if (kernel.state.loadedAddressSpace === null) return;
    kernel.state.loadedAddressSpace = null;
    kernel.machine.cpu.writeControl(3, BigInt(kernel.state.paging.root));
  }

  /** Brings x87/SSE registers and FS base of a program into the CPU. */
  loadProcessorState(kernel: Kernel, task: Task): void {
    if (this.cpuOwner === task) return;
    this.saveProcessorState(kernel);
    const { cpu } = kernel.machine;
    cpu.restoreFloatingPoint(task.kernelStack);
    cpu.writeMsr(Msr.fsBase, (BigInt(task.fsBaseHigh >>> 0) << 32n) | BigInt(task.fsBaseLow >>> 0));
    this.cpuOwner = task;
  }
  /** Writes the owner's state to guest memory; nobody owns the CPU then. */
  saveProcessorState(kernel: Kernel): void {
    const owner = this.cpuOwner;
    if (owner === null) return;
    const { cpu } = kernel.machine;
    cpu.saveFloatingPoint(owner.kernelStack);
    const base = cpu.readMsr(Msr.fsBase);
    owner.fsBaseLow = Number(base & 0xffff_ffffn) | 0;
    owner.fsBaseHigh = Number(base >> 32n) | 0;
    this.cpuOwner = null;
  }
  /** The task has died or starts a new program: what the CPU holds of it is worth nothing. */
  forgetProcessorState(task: Task): void {
    if (this.cpuOwner === task) this.cpuOwner = null;
  }

  /** The task will not run any more. */
  remove(task: Task): void {
    this.queue.delete(task);
    this.forgetProcessorState(task);
    if (this.current === task) {
      this.current = null;
      this.inUserMode = false;
    }
  }
}
registerClass('Scheduler', 3, Scheduler);
