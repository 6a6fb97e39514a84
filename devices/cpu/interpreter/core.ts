// The state of the CPU as the handlers see it, and their access to memory.
//
// 64-bit values travel as pairs: functions take (low, high) and return the low word, leaving the upper one in words[HIGH].
// 80- and 128-bit values travel through the scratch area WIDE. Memory functions take linear addresses (segment base already
// added, see operands.ts) and raise faults by throwing `faultSignal`, which run() catches: so a handler performs everything that
// can fault before its first change of state. For a read-modify-write call probeWrite first, then load, then store: after the
// probe the store cannot fault. Wide and page-crossing stores probe all their bytes before they write one.

import { PAGE_BYTES, PAGE_SHIFT, type PhysicalMemory } from '../../base/physical-memory.ts';
import { Access, type CpuStatistics, type SystemCallDoor, TrapKind } from '../../contract/cpu.ts';
import type { AccessWidth } from '../../contract/machine.ts';
import {
  Mmu,
  SUPERVISOR_EXECUTE,
  SUPERVISOR_READ,
  SUPERVISOR_WRITE,
  TLB_INDEX_MASK,
  USER_EXECUTE,
  USER_READ,
  USER_WRITE,
} from '../../mmu/mmu.ts';
import type { Instruction } from '../decode/instruction.ts';
import { createExtendedUnit, type ExtendedUnit } from '../extended/unit.ts';
import {
  COMPILED_TABLES_OFFSET,
  CR0,
  CR2,
  FLAGS,
  HIGH,
  PRIVILEGE,
  RIP_HIGH,
  RIP_LOW,
  STATE_AREA_BYTES,
  TLB_AREA_OFFSET,
  TLB_HITS,
  WIDE,
} from '../state-layout.ts';
import type { CpuTrace } from '../trace.ts';
import type { Block } from './blocks.ts';

/** What lies outside RAM. */
export interface CpuBus {
  portRead(port: number, width: AccessWidth): number;
  portWrite(port: number, width: AccessWidth, value: number): void;
  mmioRead(physicalAddress: number, width: AccessWidth): number;
  mmioWrite(physicalAddress: number, width: AccessWidth, value: number): void;
}

/** Exception vectors (SDM vol. 3, 6.3.1). */
export const Vector = {
  divideError: 0,
  debug: 1,
  breakpoint: 3,
  overflow: 4,
  boundRange: 5,
  invalidOpcode: 6,
  deviceNotAvailable: 7,
  doubleFault: 8,
  invalidTss: 10,
  segmentNotPresent: 11,
  stackFault: 12,
  generalProtection: 13,
  pageFault: 14,
  floatingPoint: 16,
  alignmentCheck: 17,
  simdFloatingPoint: 19,
} as const;

/** Thrown by raise(): the fault itself is in core.faultVector and core.faultErrorCode. Never leaves this folder. */
export const faultSignal = { name: 'cpu fault' } as const;

/** The extended unit costs milliseconds to make, softfloat/ a fraction of a microsecond an operation. */
const UNIT_PAYS = 4000;

export class CpuCore {
  readonly memory: PhysicalMemory;
  readonly bus: CpuBus;
  /** Virtual time at instructionCount; null = the time stamp counts instructions. */
  readonly nowNanos: (() => number) | null;
  readonly mmu: Mmu;
  /** The state area (state-layout.ts) in several views. */
  readonly words: Int32Array;
  readonly bytes8: Uint8Array;
  readonly words16: Uint16Array;
  readonly floats32: Float32Array;
  readonly floats64: Float64Array;
  /** CS, SS, DS, ES, FS, GS. */
  readonly selectors = new Uint16Array(6);

  /** RAM and the host area. */
  readonly ram: Uint8Array;
  readonly ramView: DataView;
  readonly tlb: Int32Array;
  /** Of the current privilege level. */
  readTable = SUPERVISOR_READ;
  writeTable = SUPERVISOR_WRITE;
  executeTable = SUPERVISOR_EXECUTE;
  readGeneration = 1;
  writeGeneration = 1;

  /** Retired instructions up to the start of the current block. */
  instructionCount = 0;
  /** instructionCount at which run() stops. */
  instructionLimit = 0;
  /** The block that runs (null while one is being found). */
  block: Block | null = null;
  /** Instructions of the running block that are done, not yet in instructionCount; 0 between blocks. */
  done = 0;
  /** Instructions of the current block that may still run; 0 makes run() leave the block after this instruction. */
  blockEnd = 0;
  /** Changes when anything that decoded blocks depend on may have changed. Bit 0: user mode. */
  fetchKey = 0;
  private knownEpoch = 1;
  private knownCodeWrites = 0;
  /** A TrapKind that ends run() after this instruction; -1 = go on. */
  exit = -1;
  systemCallDoor: SystemCallDoor | null = null;

  /** The #GP just raised is for a non-canonical address: #SS if the segment was SS. */
  nonCanonical = false;
  faultVector = 0;
  /** -1 = none. */
  faultErrorCode = -1;
  /** Others (kernel, DMA) wrote into code pages: see which. Set by the owner of the blocks. */
  onCodeChange: () => void = () => {};
  /** A code page was written: its blocks must go (-1: all blocks). Set by the owner of the blocks. */
  onCodeWrite: (page: number) => void = () => {};
  /** Told what happens, if somebody watches. */
  trace: CpuTrace | null = null;
  private unit: ExtendedUnit | null = null;
  private unitWishes = 0;
  readonly statistics: CpuStatistics = { tlbHits: 0, tlbMisses: 0, pageFaults: 0, interrupts: 0, systemCalls: 0 };

  constructor(memory: PhysicalMemory, bus: CpuBus, nowNanos: (() => number) | null) {
    this.memory = memory;
    this.nowNanos = nowNanos;
    this.bus = bus;
    this.mmu = new Mmu(memory, memory.sizeBytes + TLB_AREA_OFFSET, memory.sizeBytes + COMPILED_TABLES_OFFSET);
    const base = memory.sizeBytes;
    this.words = new Int32Array(memory.buffer, base, STATE_AREA_BYTES / 4);
    this.bytes8 = new Uint8Array(memory.buffer, base, STATE_AREA_BYTES);
    this.words16 = new Uint16Array(memory.buffer, base, STATE_AREA_BYTES / 2);
    this.floats32 = new Float32Array(memory.buffer, base, STATE_AREA_BYTES / 4);
    this.floats64 = new Float64Array(memory.buffer, base, STATE_AREA_BYTES / 8);
    this.ram = memory.bytes;
    this.ramView = memory.view;
    this.tlb = this.mmu.entries;
  }

  /** The extended unit of this memory; made when it is first needed. */
  get extendedUnit(): ExtendedUnit {
    this.unit ??= createExtendedUnit(this.memory);
    return this.unit;
  }
  /** The same for the interpreter: null until it has been asked for so often that making it pays. */
  extendedUnitIfHot(): ExtendedUnit | null {
    if (this.unit !== null) return this.unit;
    return ++this.unitWishes < UNIT_PAYS ? null : this.extendedUnit;
  }

  // ---------------------------------------------------------------------------------------------- exceptions

  /** Raises an exception without error code. */
  raise(vector: number): never {
    this.faultVector = vector;
    this.faultErrorCode = -1;
    throw faultSignal;
  }
  raiseWithCode(vector: number, errorCode: number): never {
    this.faultVector = vector;
    this.faultErrorCode = errorCode;
    throw faultSignal;
  }
  /** #UD */
  raiseInvalidOpcode(): never {
    return this.raise(Vector.invalidOpcode);
  }
  /** #GP(errorCode) */
  raiseGeneralProtection(errorCode = 0): never {
    return this.raiseWithCode(Vector.generalProtection, errorCode);
  }
  /** #NM */
  raiseDeviceNotAvailable(): never {
    return this.raise(Vector.deviceNotAvailable);
  }
  /** #MF */
  raiseFloatingPoint(): never {
    return this.raise(Vector.floatingPoint);
  }
  /** #XM */
  raiseSimdFloatingPoint(): never {
    return this.raise(Vector.simdFloatingPoint);
  }
  /** #SS(0) if the address (high word) is not canonical: for implicit stack accesses. */
  checkStackAddress(high: number): void {
    const top = high >> 15;
    if (top !== 0 && top !== -1) this.raiseWithCode(Vector.stackFault, 0);
  }
  /** #GP(0) unless the address is a multiple of `bytes` (16 for SSE operands). */
  checkAligned(low: number, bytes: number): void {
    if ((low & (bytes - 1)) !== 0) this.raiseGeneralProtection();
  }

  // ---------------------------------------------------------------------------------------------- control flow

  /** Sets RIP to the next instruction (for handlers of rows with endsBlock). */
  goNext(instruction: Instruction): void {
    this.words[RIP_LOW] = instruction.nextLow;
    this.words[RIP_HIGH] = instruction.nextHigh;
  }

  /** Selects the TLBs and the block key for a privilege level. */
  setPrivilege(level: number): void {
    this.words[PRIVILEGE] = level;
    const user = level === 3;
    this.readTable = user ? USER_READ : SUPERVISOR_READ;
    this.writeTable = user ? USER_WRITE : SUPERVISOR_WRITE;
    this.executeTable = user ? USER_EXECUTE : SUPERVISOR_EXECUTE;
    this.fetchKey = (this.fetchKey & ~1) | (user ? 1 : 0);
  }

  /** Makes every decoded block check its mapping again. */
  invalidateFetches(): void {
    this.fetchKey += 2;
    this.blockEnd = 0;
    // Stays a small integer; when it starts anew no block may hold an old key.
    if (this.fetchKey > 0x3ffffff0) {
      this.fetchKey &= 1;
      this.onCodeWrite(-1);
    }
  }

  /** Notices what others did to memory: a new epoch (snapshot), writes into code. */
  noticeMemoryChanges(): void {
    const memory = this.memory;
    if (memory.epoch !== this.knownEpoch) {
      this.knownEpoch = memory.epoch;
      this.flushWriteTranslations();
    }
    if (memory.codeWriteCount !== this.knownCodeWrites) {
      this.knownCodeWrites = memory.codeWriteCount;
      this.onCodeChange();
    }
  }

  flushTranslations(): void {
    this.mmu.flush();
    this.adoptGenerations();
    this.invalidateFetches();
  }
  flushWriteTranslations(): void {
    this.mmu.flushWrites();
    this.adoptGenerations();
  }
  adoptGenerations(): void {
    this.readGeneration = this.mmu.generation;
    this.writeGeneration = this.mmu.writeGeneration;
  }

  // ---------------------------------------------------------------------------------------------- translation

  /** Physical address of a byte for an access of kind `access` (Access.write or fetch) at the current privilege; fills the TLB; raises #GP, #PF. */
  private translateMiss(low: number, high: number, access: number): number {
    const top = high >> 15;
    if (top !== 0 && top !== -1) {
      this.nonCanonical = true;
      this.raiseGeneralProtection();
    }
    const user = this.words[PRIVILEGE] === 3;
    const mmu = this.mmu;
    mmu.misses++;
    if (!user) mmu.accessFlag = (this.words[FLAGS] & 0x40000) !== 0;
    const physical = mmu.walk(low, high, user ? access | Access.user : access);
    this.trace?.translation(low, high, access, physical);
    if (physical < 0) {
      this.words[CR2] = low;
      this.words[CR2 + 1] = high;
      this.raiseWithCode(Vector.pageFault, mmu.faultCode);
    }
    if (physical < this.memory.sizeBytes && (user || !mmu.smap || !mmu.walkedUserPage)) {
      if (access === Access.write) {
        if (this.memory.holdsCode[physical >>> PAGE_SHIFT] === 0) {
          this.memory.noteWrite(physical, 1);
          mmu.enter(this.writeTable, this.writeGeneration, low, high, physical);
        }
      } else {
        mmu.enter(
          access === Access.fetch ? this.executeTable : this.readTable,
          this.readGeneration,
          low,
          high,
          physical,
        );
      }
    }
    return physical;
  }

  /** Physical address for a read of the byte at an address. */
  translateRead(low: number, high: number): number {
    const entry = this.readTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (this.tlb[entry] === ((low & -PAGE_BYTES) | this.readGeneration) && this.tlb[entry + 1] === high) {
      this.words[TLB_HITS]++;
      return (this.tlb[entry + 2] | (low & 0xfff)) >>> 0;
    }
    return this.translateMiss(low, high, Access.read);
  }
  translateWrite(low: number, high: number): number {
    const entry = this.writeTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (this.tlb[entry] === ((low & -PAGE_BYTES) | this.writeGeneration) && this.tlb[entry + 1] === high) {
      this.words[TLB_HITS]++;
      return (this.tlb[entry + 2] | (low & 0xfff)) >>> 0;
    }
    return this.translateMiss(low, high, Access.write);
  }
  translateFetch(low: number, high: number): number {
    const entry = this.executeTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (this.tlb[entry] === ((low & -PAGE_BYTES) | this.readGeneration) && this.tlb[entry + 1] === high) {
      this.words[TLB_HITS]++;
      return (this.tlb[entry + 2] | (low & 0xfff)) >>> 0;
    }
    return this.translateMiss(low, high, Access.fetch);
  }

  /**
   * Physical address of `bytes` bytes that may be read and written in place through `ramView` now, or -1 if they must go through
   * probeWrite/load/store (TLB miss, page crossing, code, MMIO).
   */
  writableAddress(low: number, high: number, bytes: number): number {
    const entry = this.writeTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (
      this.tlb[entry] === ((low & -PAGE_BYTES) | this.writeGeneration) &&
      this.tlb[entry + 1] === high &&
      (low & 0xfff) <= PAGE_BYTES - bytes
    ) {
      this.words[TLB_HITS]++;
      return (this.tlb[entry + 2] | (low & 0xfff)) >>> 0;
    }
    return -1;
  }

  /** Raises #GP for an access that begins below the gap of addresses that are not canonical and ends in it, before any #PF. */
  private checkEnd(low: number, high: number, bytes: number): void {
    if (high !== 0x7fff || low >>> 0 <= -bytes >>> 0) return;
    this.nonCanonical = true;
    this.raiseGeneralProtection();
  }

  /** Raises what a write of `bytes` bytes would raise; changes nothing that a program can see. */
  probeWrite(low: number, high: number, bytes: number): void {
    if ((low & 0xfff) > PAGE_BYTES - bytes) this.checkEnd(low, high, bytes);
    this.translateWrite(low, high);
    if ((low & 0xfff) > PAGE_BYTES - bytes) {
      const end = (low + bytes - 1) | 0;
      this.translateWrite(end & -PAGE_BYTES, end >>> 0 < low >>> 0 ? (high + 1) | 0 : high);
    }
  }
  probeRead(low: number, high: number, bytes: number): void {
    if ((low & 0xfff) > PAGE_BYTES - bytes) this.checkEnd(low, high, bytes);
    this.translateRead(low, high);
    if ((low & 0xfff) > PAGE_BYTES - bytes) {
      const end = (low + bytes - 1) | 0;
      this.translateRead(end & -PAGE_BYTES, end >>> 0 < low >>> 0 ? (high + 1) | 0 : high);
    }
  }

  /** A chip was reached: it may have raised a line or written memory, so run() ends and the machine looks at the lines. */
  busAccessed(): void {
    this.noticeMemoryChanges();
    this.blockEnd = 0;
    if (this.exit < 0) this.exit = TrapKind.budget;
  }
  private busRead(physical: number, bytes: AccessWidth): number {
    const value = this.bus.mmioRead(physical, bytes);
    this.busAccessed();
    return value;
  }

  // ---------------------------------------------------------------------------------------------- loads

  /** Unsigned. */
  load8(low: number, high: number): number {
    const physical = this.translateRead(low, high);
    if (physical < this.memory.sizeBytes) return this.ram[physical];
    return this.busRead(physical, 1) & 0xff;
  }
  /** Unsigned. */
  load16(low: number, high: number): number {
    if ((low & 0xfff) <= PAGE_BYTES - 2) {
      const physical = this.translateRead(low, high);
      if (physical < this.memory.sizeBytes) return this.ramView.getUint16(physical, true);
      return this.busRead(physical, 2) & 0xffff;
    }
    this.probeRead(low, high, 2);
    return this.load8(low, high) | (this.load8((low + 1) | 0, low === -1 ? (high + 1) | 0 : high) << 8);
  }
  /** Signed 32 bit. */
  load32(low: number, high: number): number {
    const entry = this.readTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (
      this.tlb[entry] === ((low & -PAGE_BYTES) | this.readGeneration) &&
      this.tlb[entry + 1] === high &&
      (low & 0xfff) <= PAGE_BYTES - 4
    ) {
      this.words[TLB_HITS]++;
      return this.ramView.getInt32((this.tlb[entry + 2] | (low & 0xfff)) >>> 0, true);
    }
    return this.load32Slow(low, high);
  }
  private load32Slow(low: number, high: number): number {
    if ((low & 0xfff) <= PAGE_BYTES - 4) {
      const physical = this.translateRead(low, high);
      if (physical < this.memory.sizeBytes) return this.ramView.getInt32(physical, true);
      return this.busRead(physical, 4) | 0;
    }
    this.probeRead(low, high, 4);
    let value = 0;
    for (let n = 0; n < 4; n++) {
      const at = (low + n) | 0;
      value |= this.load8(at, at >>> 0 < low >>> 0 ? (high + 1) | 0 : high) << (n * 8);
    }
    return value;
  }
  /** Low word returned, upper in words[HIGH]. */
  load64(low: number, high: number): number {
    const entry = this.readTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (
      this.tlb[entry] === ((low & -PAGE_BYTES) | this.readGeneration) &&
      this.tlb[entry + 1] === high &&
      (low & 0xfff) <= PAGE_BYTES - 8
    ) {
      const physical = (this.tlb[entry + 2] | (low & 0xfff)) >>> 0;
      this.words[TLB_HITS]++;
      this.words[HIGH] = this.ramView.getInt32(physical + 4, true);
      return this.ramView.getInt32(physical, true);
    }
    this.probeRead(low, high, 8);
    const value = this.load32(low, high);
    const next = (low + 4) | 0;
    this.words[HIGH] = this.load32(next, next >>> 0 < low >>> 0 ? (high + 1) | 0 : high);
    return value;
  }
  /** 10 bytes into WIDE (bytes 10..15 are 0). */
  load80(low: number, high: number): void {
    this.probeRead(low, high, 10);
    const words = this.words;
    const value = this.load64(low, high);
    const next = (low + 8) | 0;
    const exponent = this.load16Upper(next, low, high);
    words[WIDE] = value;
    words[WIDE + 2] = exponent;
    words[WIDE + 3] = 0;
  }
  private load16Upper(next: number, low: number, high: number): number {
    this.words[WIDE + 1] = this.words[HIGH];
    return this.load16(next, next >>> 0 < low >>> 0 ? (high + 1) | 0 : high);
  }
  /** 16 bytes, no alignment asked, into WIDE. */
  load128(low: number, high: number): void {
    const words = this.words;
    if ((low & 0xfff) <= PAGE_BYTES - 16) {
      const physical = this.translateRead(low, high);
      if (physical < this.memory.sizeBytes) {
        const view = this.ramView;
        words[WIDE] = view.getInt32(physical, true);
        words[WIDE + 1] = view.getInt32(physical + 4, true);
        words[WIDE + 2] = view.getInt32(physical + 8, true);
        words[WIDE + 3] = view.getInt32(physical + 12, true);
        return;
      }
    }
    this.probeRead(low, high, 16);
    for (let n = 0; n < 4; n++) {
      const at = (low + n * 4) | 0;
      words[WIDE + n] = this.load32(at, at >>> 0 < low >>> 0 ? (high + 1) | 0 : high);
    }
  }

  // ---------------------------------------------------------------------------------------------- stores

  store8(low: number, high: number, value: number): void {
    const entry = this.writeTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (this.tlb[entry] === ((low & -PAGE_BYTES) | this.writeGeneration) && this.tlb[entry + 1] === high) {
      this.words[TLB_HITS]++;
      this.ram[(this.tlb[entry + 2] | (low & 0xfff)) >>> 0] = value;
    } else this.storeWithin(low, high, 1, value);
  }
  store16(low: number, high: number, value: number): void {
    const physical = this.writableAddress(low, high, 2);
    if (physical >= 0) this.ramView.setInt16(physical, value, true);
    else if ((low & 0xfff) <= PAGE_BYTES - 2) this.storeWithin(low, high, 2, value);
    else this.storeAcross(low, high, 2, value, 0);
  }
  store32(low: number, high: number, value: number): void {
    const entry = this.writeTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (
      this.tlb[entry] === ((low & -PAGE_BYTES) | this.writeGeneration) &&
      this.tlb[entry + 1] === high &&
      (low & 0xfff) <= PAGE_BYTES - 4
    ) {
      this.words[TLB_HITS]++;
      this.ramView.setInt32((this.tlb[entry + 2] | (low & 0xfff)) >>> 0, value, true);
    } else if ((low & 0xfff) <= PAGE_BYTES - 4) this.storeWithin(low, high, 4, value);
    else this.storeAcross(low, high, 4, value, 0);
  }
  store64(low: number, high: number, valueLow: number, valueHigh: number): void {
    const entry = this.writeTable + (((low >>> PAGE_SHIFT) & TLB_INDEX_MASK) << 2);
    if (
      this.tlb[entry] === ((low & -PAGE_BYTES) | this.writeGeneration) &&
      this.tlb[entry + 1] === high &&
      (low & 0xfff) <= PAGE_BYTES - 8
    ) {
      const physical = (this.tlb[entry + 2] | (low & 0xfff)) >>> 0;
      this.words[TLB_HITS]++;
      this.ramView.setInt32(physical, valueLow, true);
      this.ramView.setInt32(physical + 4, valueHigh, true);
    } else if ((low & 0xfff) <= PAGE_BYTES - 8) {
      this.storeWithin(low, high, 4, valueLow);
      this.storeWithin((low + 4) | 0, high, 4, valueHigh);
    } else this.storeAcross(low, high, 8, valueLow, valueHigh);
  }
  /** 10 bytes from WIDE. */
  store80(low: number, high: number): void {
    this.probeWrite(low, high, 10);
    const words = this.words;
    this.store64(low, high, words[WIDE], words[WIDE + 1]);
    const next = (low + 8) | 0;
    this.store16(next, next >>> 0 < low >>> 0 ? (high + 1) | 0 : high, words[WIDE + 2]);
  }
  /** 16 bytes from WIDE, no alignment asked. */
  store128(low: number, high: number): void {
    const words = this.words;
    const physical = this.writableAddress(low, high, 16);
    if (physical >= 0) {
      const view = this.ramView;
      view.setInt32(physical, words[WIDE], true);
      view.setInt32(physical + 4, words[WIDE + 1], true);
      view.setInt32(physical + 8, words[WIDE + 2], true);
      view.setInt32(physical + 12, words[WIDE + 3], true);
      return;
    }
    this.probeWrite(low, high, 16);
    this.store64(low, high, words[WIDE], words[WIDE + 1]);
    const next = (low + 8) | 0;
    this.store64(next, next >>> 0 < low >>> 0 ? (high + 1) | 0 : high, words[WIDE + 2], words[WIDE + 3]);
  }

  /** The store of 1, 2 or 4 bytes in one page that missed the TLB. */
  private storeWithin(low: number, high: number, bytes: AccessWidth, value: number): void {
    const physical = this.translateWrite(low, high);
    if (physical >= this.memory.sizeBytes) {
      this.bus.mmioWrite(physical, bytes, bytes === 4 ? value >>> 0 : value & (bytes === 2 ? 0xffff : 0xff));
      this.busAccessed();
      return;
    }
    if (bytes === 1) this.ram[physical] = value;
    else if (bytes === 2) this.ramView.setInt16(physical, value, true);
    else this.ramView.setInt32(physical, value, true);
    this.memory.noteWrite(physical, bytes);
    const page = physical >>> PAGE_SHIFT;
    if (this.memory.holdsCode[page] !== 0) this.onCodeWrite(page);
  }
  /** A store over a page boundary: both pages are probed first. */
  private storeAcross(low: number, high: number, bytes: number, valueLow: number, valueHigh: number): void {
    this.probeWrite(low, high, bytes);
    for (let n = 0; n < bytes; n++) {
      const at = (low + n) | 0;
      const value = n < 4 ? valueLow >>> (n * 8) : valueHigh >>> (n * 8 - 32);
      this.storeWithin(at, at >>> 0 < low >>> 0 ? (high + 1) | 0 : high, 1, value & 0xff);
    }
  }

  /** CR0 bits: EM 4, TS 8 … for #NM and #UD checks. */
  get control0(): number {
    return this.words[CR0];
  }
}
