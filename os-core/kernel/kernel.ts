// The kernel: what its parts are and how they hang together. The work is in the folders.
//
//   memory/     frames, address spaces, page faults, user memory      process/    processes, tasks, exec, ELF, signals
//   scheduler/  who runs, the slice loop                              syscalls/   the table, the two doors, groups of calls
//   traps/      descriptor tables, exceptions, interrupts             time/       clock and timers
//   vfs/        files, pipes, descriptors                             snapshot.ts everything as bytes
//
// `Kernel` itself is rebuilt on restore; all that changes lies in `state` and is written by object-graph.

import { assert } from '../../devices/base/assert.ts';
import { registerClass } from '../../devices/base/object-graph.ts';
import type { Machine } from '../../devices/contract/machine.ts';
import type { BootInformation } from '../abi/boot-information.ts';
import type { SystemTask } from '../sdk/system-task.ts';
import { KernelLog } from './log.ts';
import type { AddressSpace } from './memory/address-space.ts';
import { FrameAllocator } from './memory/frames.ts';
import { KernelPaging } from './memory/kernel-paging.ts';
import { UserMemory } from './memory/user-memory.ts';
import { Vdso } from './memory/vdso.ts';
import { FaultReports } from './process/fault-report.ts';
import type { HashEngine } from './process/hash-engine.ts';
import { ProcessTable } from './process/process-table.ts';
import { ProgramCache } from './process/program-image.ts';
import type { PanicPresenter, PanicReport, PowerDevice, TickDevice } from './process/seams.ts';
import { SecurityRecord } from './process/security-record.ts';
import type { ProgramSecurity } from './process/verification.ts';
import { RandomPool } from './random.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { runSlice, type SliceResult, serveSystemCall } from './scheduler/slice.ts';
import { startTick } from './scheduler/tick.ts';
import { snapshotKernel } from './snapshot.ts';
import { Futexes } from './syscalls/futex.ts';
import { kernelCoreSystemCalls } from './syscalls/groups.ts';
import type { SystemCallEntry } from './syscalls/handler.ts';
import { SystemCallTable } from './syscalls/table.ts';
import { Clock } from './time/clock.ts';
import { Timers } from './time/timers.ts';
import { DescriptorTables } from './traps/descriptor-tables.ts';
import { Interrupts } from './traps/interrupts.ts';
import { panicReport } from './traps/panic.ts';
import { PageCache } from './vfs/page-cache.ts';

/** A part of the kernel outside the core (vfs, drivers, network): its calls and its start at boot. */
export interface Subsystem {
  readonly name: string;
  readonly systemCalls: readonly SystemCallEntry[];
  /** Runs once at boot, in the order of the list, not on restore. Puts its state into kernel.state.services. */
  start(kernel: Kernel): void;
}

/** What is given anew at boot and at restore. */
export interface KernelEnvironment {
  readonly machine: Machine;
  /** Initial tasks by name, injected by the host: the kernel names none. */
  readonly systemTasks: readonly SystemTask<unknown>[];
  readonly subsystems: readonly Subsystem[];
  readonly security: ProgramSecurity;
}

export interface KernelOptions extends KernelEnvironment {
  readonly bootInformation: BootInformation;
}

/** All that changes, in one graph. */
export class KernelState {
  readonly boot: BootInformation;
  readonly log: KernelLog = new KernelLog();
  readonly frames: FrameAllocator;
  readonly paging: KernelPaging = new KernelPaging();
  readonly descriptorTables: DescriptorTables = new DescriptorTables();
  readonly interrupts: Interrupts = new Interrupts();
  readonly timers: Timers = new Timers();
  readonly clock: Clock = new Clock();
  readonly random: RandomPool = new RandomPool();
  readonly scheduler: Scheduler = new Scheduler();
  readonly processes: ProcessTable = new ProcessTable();
  readonly futexes: Futexes = new Futexes();
  readonly programs: ProgramCache = new ProgramCache();
  readonly pageCache: PageCache = new PageCache();
  readonly vdso: Vdso = new Vdso();
  readonly faultReports: FaultReports = new FaultReports();
  readonly security: SecurityRecord = new SecurityRecord();
  /** State of subsystems by name: 'vfs', 'drivers', 'network' … */
  readonly services: Map<string, object> = new Map();
  loadedAddressSpace: AddressSpace | null = null;
  tickDevice: TickDevice | null = null;
  powerDevice: PowerDevice | null = null;
  /** A device that hashes programs, if there is one. */
  hashEngine: HashEngine | null = null;
  panicPresenter: PanicPresenter | null = null;
  power: 'on' | 'off' | 'panic' = 'on';
  panic: PanicReport | null = null;
  /** Host name (uname, sethostname). */
  hostName = 'euroos';
  /** /proc/sys/kernel/random/boot_id, made when it is first read. */
  bootId = '';
  /** Unknown calls that were logged already: `program number`. */
  readonly unknownCallsLogged: Set<string> = new Set();

  constructor(boot: BootInformation, frames: FrameAllocator) {
    this.boot = boot;
    this.frames = frames;
  }
}
registerClass('KernelState', 4, KernelState);

export class Kernel {
  readonly machine: Machine;
  readonly systemCalls: SystemCallTable;
  readonly systemTasks: ReadonlyMap<string, SystemTask<unknown>>;
  readonly security: ProgramSecurity;
  readonly userMemory: UserMemory;

  /** Instruction count from which the present time in ring 3 is not in the task's account yet. Between two runs it says nothing. */
  userSince = 0;
  private held: KernelState | null = null;

  constructor(environment: KernelEnvironment) {
    this.machine = environment.machine;
    this.security = environment.security;
    this.systemTasks = new Map(environment.systemTasks.map((task) => [task.name, task]));
    this.systemCalls = new SystemCallTable([
      ...kernelCoreSystemCalls,
      ...environment.subsystems.map((subsystem) => subsystem.systemCalls),
    ]);
    this.userMemory = new UserMemory(this);
  }

  /** Takes the state into use: once, at boot or restore. */
  adopt(state: KernelState): void {
    assert(this.held === null, 'the kernel has its state already');
    this.held = state;
    this.machine.openSystemCallDoor(() => serveSystemCall(this));
  }
  get state(): KernelState {
    if (this.held === null) throw new Error('kernel: no state yet');
    return this.held;
  }

  // Short names for what others use most.
  get frames(): FrameAllocator {
    return this.state.frames;
  }
  get interrupts(): Interrupts {
    return this.state.interrupts;
  }
  get timers(): Timers {
    return this.state.timers;
  }
  get clock(): Clock {
    return this.state.clock;
  }
  get random(): RandomPool {
    return this.state.random;
  }
  get scheduler(): Scheduler {
    return this.state.scheduler;
  }
  get processes(): ProcessTable {
    return this.state.processes;
  }
  get loadedAddressSpace(): AddressSpace | null {
    return this.state.loadedAddressSpace;
  }
  /** Virtual nanoseconds since power-on. */
  nowNanos(): number {
    return this.machine.nowNanos();
  }

  /** The state object of a subsystem. The caller names its class; a missing one is a mistake of ours. */
  service<T extends object>(name: string, type: abstract new (...parameters: never[]) => T): T {
    const service = this.state.services.get(name);
    if (!(service instanceof type)) throw new Error(`kernel: there is no service ${name}`);
    return service;
  }

  /** One line on the serial log and in the ring. */
  log(line: string): void {
    this.state.log.write(this, this.machine.nowNanos(), line);
  }

  /** RAM is full: gives back what can be read again. False if there was nothing. */
  reclaimMemory(): boolean {
    const before = this.frames.freeFrames;
    this.state.programs.trim(this, 0);
    this.state.pageCache.reclaim(this);
    return this.frames.freeFrames > before;
  }

  /** Everything that changes, as bytes; restoreKernel (snapshot.ts) reads them. */
  snapshot(): Uint8Array {
    return snapshotKernel(this);
  }

  /** Runs until about `maxInstructions` are spent, nothing can run ('idle'), the machine is off, or the kernel has panicked. */
  runSlice(maxInstructions: number): SliceResult {
    try {
      return runSlice(this, maxInstructions);
    } catch (error) {
      // A failed assertion is a mistake of ours: it ends on the panic screen, never in the host.
      const what = error instanceof Error ? error : new Error(String(error));
      this.panic(what.message, what);
      return 'panic';
    }
  }

  /** A fault of the kernel's own: paints the panic screen, logs, and stops for good. `where`: its stack is shown. */
  panic(reason: string, where: Error = new Error(reason)): void {
    if (this.state.power === 'panic') return;
    this.state.power = 'panic';
    const report = panicReport(this, reason, where.stack ?? '');
    this.state.panic = report;
    this.log(`[panic] ${report.reason}`);
    for (const line of report.lines) this.log(`[panic] ${line}`);
    this.state.panicPresenter?.present(this, report);
  }

  powerOff(): void {
    this.log('[kernel] power off');
    this.state.powerDevice?.powerOff(this);
    this.state.power = 'off';
  }

  reset(): void {
    this.log('[kernel] reset');
    this.state.powerDevice?.reset(this);
    this.state.power = 'off';
  }
}

/** Boots the kernel proper: everything after the loader. */
export function createKernel(options: KernelOptions): Kernel {
  const { machine, bootInformation } = options;
  const frames = new FrameAllocator(
    machine.memory.sizeBytes,
    bootInformation.memoryMap,
    bootInformation.reservedRanges,
  );
  const state = new KernelState(bootInformation, frames);
  const kernel = new Kernel(options);
  kernel.adopt(state);
  for (const line of bootInformation.bootLog) kernel.log(line);
  // Own page tables: a direct map of all RAM in the higher half, kernel text, nothing of the firmware's.
  state.paging.build(kernel);
  // What every program sees of the clock: a shared object with its page of data.
  state.vdso.build(kernel);
  // Own GDT, TSS and IDT in kernel frames; SYSCALL entry; SMEP, SMAP, NX.
  state.descriptorTables.build(kernel);
  // Files, drivers, network: in the order in which the host lists them.
  for (const subsystem of options.subsystems) subsystem.start(kernel);
  // Pre-emption, 100 times a second.
  startTick(kernel);
  return kernel;
}
