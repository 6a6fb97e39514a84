// The CPU as the rest of the machine sees it (contract/cpu.ts): the interpreter behind the published interface, and its written form.
//
// Reset state: 64-bit mode, ring 0, paging on with CR3 = 0 (the firmware sets CR3 before it runs or translates anything; with
// CR0.PG = 0 addresses are physical), interrupts off, IDT and GDT empty. The 16- and 32-bit modes before it do not exist here.

import type { TraceBackend } from '../backends/backends.ts';
import type { PhysicalMemory } from '../base/physical-memory.ts';
import {
  Access,
  type CompilerStatistics,
  type Cpu,
  type CpuStatistics,
  type SystemCallDoor,
  TrapKind,
} from '../contract/cpu.ts';
import type { DeviceSnapshot, Snapshotable } from '../contract/device.ts';
import './interpreter/all.ts';
import { BlockCache } from './interpreter/blocks.ts';
import {
  applyPaging,
  loadSegment,
  loadTaskRegister,
  markAccessed,
  readControl,
  readDescriptor,
  readMsr,
  writeControl,
  writeMsr,
} from './interpreter/control-state.ts';
import { type CpuBus, CpuCore, faultSignal, Vector } from './interpreter/core.ts';
import { run } from './interpreter/engine.ts';
import { AC, getFlags, IF } from './interpreter/flags.ts';
import { deliver, deliverFault, interruptReturn, Source, systemReturn } from './interpreter/interrupts.ts';
import { restoreFloatingPoint, saveFloatingPoint } from './interpreter/x87-state.ts';
import { DEFAULT_COMPILE_THRESHOLD, Jit, noCompilation } from './jit/jit.ts';
import { restoreState, snapshotState } from './snapshot.ts';
import {
  CR0,
  DR6,
  DR7,
  EFER,
  FCW,
  FLAGS,
  FTW,
  GDT_BASE,
  GDT_LIMIT,
  HIGH,
  IDT_BASE,
  IDT_LIMIT,
  LAZY_KIND,
  MXCSR,
  PRIVILEGE,
  RIP_LOW,
} from './state-layout.ts';
import { CpuTrace } from './trace.ts';

export type { CpuBus } from './interpreter/core.ts';

export interface CpuOptions {
  readonly memory: PhysicalMemory;
  readonly bus: CpuBus;
  /** Virtual time at core.instructionCount, for RDTSC; without it the counter counts instructions. */
  readonly nowNanos?: () => number;
  /** 'jit' compiles hot code to WebAssembly; default: the interpreter alone. */
  readonly engine?: 'interpreter' | 'jit';
  /** A block that ran so often is compiled; 0: before it first runs (tests). */
  readonly compileThreshold?: number;
  /** Host milliseconds, for the time spent compiling; a figure for people, nothing depends on it. */
  readonly stopwatch?: (() => number) | undefined;
  /** Somebody watches. With cpu.instruction every instruction is interpreted. */
  readonly trace?: TraceBackend | undefined;
}

const NO_COMPILER = noCompilation();

/** The CPU in its reset state. */
export function createCpu(options: CpuOptions): VirtualCpu {
  return new VirtualCpu(options);
}

export class VirtualCpu implements Cpu, Snapshotable {
  readonly core: CpuCore;
  readonly generalRegisters: Int32Array;
  readonly selectors: Uint16Array;
  faultCode = 0;
  private readonly blocks: BlockCache;
  private readonly jit: Jit | null;

  constructor(options: CpuOptions) {
    this.core = new CpuCore(options.memory, options.bus, options.nowNanos ?? null);
    if (options.trace !== undefined) this.core.trace = new CpuTrace(this.core, options.trace);
    this.blocks = new BlockCache(this.core);
    this.jit =
      options.engine === 'jit' && this.core.trace?.wants('cpu.instruction') !== true
        ? new Jit(
            this.core,
            this.blocks,
            options.compileThreshold ?? DEFAULT_COMPILE_THRESHOLD,
            options.stopwatch ?? null,
          )
        : null;
    this.generalRegisters = this.core.words.subarray(0, 32);
    this.selectors = this.core.selectors;
    this.reset();
  }

  private reset(): void {
    const w = this.core.words;
    w.fill(0);
    w[FLAGS] = 2;
    // PG WP NE ET MP PE; EFER LMA LME.
    w[CR0] = 0x80010033 | 0;
    w[EFER] = 0x500;
    w[DR6] = 0xffff0ff0 | 0;
    w[DR7] = 0x400;
    w[FCW] = 0x37f;
    w[FTW] = 0xffff;
    w[MXCSR] = 0x1f80;
    this.core.selectors.fill(0);
    this.core.setPrivilege(0);
    applyPaging(this.core);
  }

  get instructionCount(): number {
    return this.core.instructionCount + this.core.done;
  }
  get trapVector(): number {
    return this.core.faultVector;
  }
  get trapErrorCode(): number {
    return Math.max(0, this.core.faultErrorCode);
  }
  get statistics(): CpuStatistics {
    const statistics = this.core.statistics;
    statistics.tlbMisses = this.core.mmu.misses;
    return statistics;
  }

  get compilerStatistics(): CompilerStatistics {
    return this.jit?.figures ?? NO_COMPILER;
  }

  run(budget: number): TrapKind {
    this.core.noticeMemoryChanges();
    return run(this.core, this.blocks, this.jit, budget);
  }
  get systemCallDoor(): SystemCallDoor | null {
    return this.core.systemCallDoor;
  }
  set systemCallDoor(door: SystemCallDoor | null) {
    this.core.systemCallDoor = door;
  }
  chargeInstructions(count: number): void {
    this.core.instructionCount += count;
  }

  deliver(vector: number, errorCode?: number): TrapKind {
    this.core.noticeMemoryChanges();
    // Vectors below 32 without a device behind them are exceptions: their faults combine to #DF.
    const source = errorCode !== undefined || vector < 32 ? Source.exception : Source.external;
    return deliver(this.core, vector, errorCode ?? -1, source);
  }
  interruptReturn(): TrapKind {
    this.core.noticeMemoryChanges();
    try {
      interruptReturn(this.core, 8);
      return TrapKind.budget;
    } catch (signal) {
      return this.deliverSignal(signal);
    }
  }
  systemReturn(): TrapKind {
    this.core.noticeMemoryChanges();
    try {
      systemReturn(this.core, true);
      return TrapKind.budget;
    } catch (signal) {
      return this.deliverSignal(signal);
    }
  }
  /** Delivers the fault of an operation; anything else is our own mistake and goes on. */
  private deliverSignal(signal: unknown): TrapKind {
    if (signal !== faultSignal) throw signal;
    return deliverFault(this.core);
  }

  readRegister(number: number): bigint {
    return this.pair(number * 2);
  }
  writeRegister(number: number, value: bigint): void {
    this.setPair(number * 2, value);
  }
  get rip(): bigint {
    return this.pair(RIP_LOW);
  }
  set rip(value: bigint) {
    this.setPair(RIP_LOW, value);
  }
  get rflags(): bigint {
    return BigInt(getFlags(this.core) >>> 0);
  }
  set rflags(value: bigint) {
    const w = this.core.words;
    w[LAZY_KIND] = 0;
    // Only the bits that exist; bit 1 is always 1.
    w[FLAGS] = (Number(BigInt.asUintN(32, value)) & 0x257fd5) | 2;
  }
  private pair(word: number): bigint {
    const w = this.core.words;
    return (BigInt(w[word + 1] >>> 0) << 32n) | BigInt(w[word] >>> 0);
  }
  private setPair(word: number, value: bigint): void {
    const w = this.core.words;
    w[word] = Number(BigInt.asIntN(32, value));
    w[word + 1] = Number(BigInt.asIntN(32, value >> 32n));
  }

  get currentPrivilegeLevel(): number {
    return this.core.words[PRIVILEGE];
  }
  setAccessFlag(on: boolean): void {
    const w = this.core.words;
    w[FLAGS] = on ? w[FLAGS] | AC : w[FLAGS] & ~AC;
  }
  setInterruptFlag(on: boolean): void {
    const w = this.core.words;
    w[FLAGS] = on ? w[FLAGS] | IF : w[FLAGS] & ~IF;
  }
  get interruptFlag(): boolean {
    return (this.core.words[FLAGS] & IF) !== 0;
  }

  readControl(number: 0 | 2 | 3 | 4 | 8): bigint {
    const low = readControl(this.core, number);
    return (BigInt(this.core.words[HIGH] >>> 0) << 32n) | BigInt(low >>> 0);
  }
  /** Throws RangeError for a value that MOV CR would refuse with #GP: the kernel's own mistake. */
  writeControl(number: 0 | 2 | 3 | 4 | 8, value: bigint): void {
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    if (!writeControl(this.core, number, low, high))
      throw new RangeError(`cpu: CR${number} cannot hold 0x${BigInt.asUintN(64, value).toString(16)}`);
  }
  readMsr(msr: number): bigint {
    const low = readMsr(this.core, msr >>> 0);
    return (BigInt(this.core.words[HIGH] >>> 0) << 32n) | BigInt(low >>> 0);
  }
  /** Throws RangeError for what WRMSR would refuse with #GP. */
  writeMsr(msr: number, value: bigint): void {
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    if (!writeMsr(this.core, msr >>> 0, low, high))
      throw new RangeError(`cpu: MSR 0x${msr.toString(16)} cannot hold 0x${BigInt.asUintN(64, value).toString(16)}`);
  }
  loadGlobalDescriptorTable(base: bigint, limit: number): void {
    this.setPair(GDT_BASE, base);
    this.core.words[GDT_LIMIT] = limit & 0xffff;
  }
  loadInterruptDescriptorTable(base: bigint, limit: number): void {
    this.setPair(IDT_BASE, base);
    this.core.words[IDT_LIMIT] = limit & 0xffff;
  }
  loadTaskRegister(selector: number): void {
    this.orThrow('LTR', selector, () => loadTaskRegister(this.core, selector));
  }
  loadSegments(codeSelector: number, dataSelector: number): void {
    const core = this.core;
    this.orThrow('CS', codeSelector, () => {
      readDescriptor(core, codeSelector, Vector.generalProtection);
      markAccessed(core, codeSelector);
      core.selectors[0] = codeSelector;
      core.setPrivilege(codeSelector & 3);
    });
    // SS, DS, ES; FS and GS keep their bases, which MSRs set.
    for (const sreg of [2, 3, 0]) this.orThrow('segment', dataSelector, () => loadSegment(core, sreg, dataSelector));
  }
  private orThrow(what: string, selector: number, operation: () => void): void {
    try {
      operation();
    } catch (signal) {
      if (signal !== faultSignal) throw signal;
      throw new RangeError(
        `cpu: ${what} refuses selector 0x${selector.toString(16)} (vector ${this.core.faultVector})`,
      );
    }
  }
  invalidatePage(virtualAddress: bigint): void {
    this.core.mmu.invalidate(Number(BigInt.asIntN(32, virtualAddress)));
    this.core.invalidateFetches();
  }
  saveFloatingPoint(physicalAddress: number): void {
    saveFloatingPoint(this.core, physicalAddress);
  }
  restoreFloatingPoint(physicalAddress: number): void {
    restoreFloatingPoint(this.core, physicalAddress);
  }

  translate(virtualLow: number, virtualHigh: number, access: number): number {
    const core = this.core;
    const top = (virtualHigh | 0) >> 15;
    if (top !== 0 && top !== -1) {
      // No #PF would come of it: reported as a page that is not there.
      this.faultCode = access & (Access.write | Access.user);
      return -1;
    }
    core.mmu.accessFlag = (core.words[FLAGS] & AC) !== 0;
    const physical = core.mmu.walk(virtualLow | 0, virtualHigh | 0, access);
    if (physical < 0) this.faultCode = core.mmu.faultCode;
    return physical;
  }

  copyFromVirtual(virtualAddress: number, target: Uint8Array, offset: number, length: number): number {
    const ram = this.core.ram;
    const size = this.core.memory.sizeBytes;
    let done = 0;
    while (done < length) {
      const address = virtualAddress + done;
      const physical = this.translate(address | 0, Math.floor(address / 0x1_0000_0000) | 0, Access.read);
      if (physical < 0) return done;
      const count = Math.min(length - done, 4096 - (physical & 0xfff));
      if (physical + count > size) {
        this.faultCode = 0;
        return done;
      }
      if (count <= 16) for (let n = 0; n < count; n++) target[offset + done + n] = ram[physical + n];
      else target.set(ram.subarray(physical, physical + count), offset + done);
      done += count;
    }
    return done;
  }
  copyToVirtual(virtualAddress: number, source: Uint8Array, offset: number, length: number): number {
    const memory = this.core.memory;
    let done = 0;
    while (done < length) {
      const address = virtualAddress + done;
      const physical = this.translate(address | 0, Math.floor(address / 0x1_0000_0000) | 0, Access.write);
      if (physical < 0) return done;
      const count = Math.min(length - done, 4096 - (physical & 0xfff));
      if (!memory.writeBytes(physical, source.subarray(offset + done, offset + done + count))) {
        this.faultCode = Access.write;
        return done;
      }
      done += count;
    }
    return done;
  }

  snapshot(): DeviceSnapshot {
    return snapshotState(this.core);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState(this.core, snapshot);
    this.blocks.drop(-1);
    applyPaging(this.core);
    this.core.setPrivilege(this.core.words[PRIVILEGE]);
  }
}
