// The program's address space on our side: page tables at the native addresses, frames given at first touch, and a copy of each page
// as the native side last had it.
//
//   physical  0 .. 0x10000   tables of enterLongMode (../cpu/guest.ts)     0x10000 ..   frames: pages of the program, page tables
//
// The first 2 MiB are for ring 0: a program that maps something there cannot be followed.

import { PAGE_BYTES, type PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import type { VirtualCpu } from '../../../devices/cpu/index.ts';
import { PAGE_TABLES } from '../cpu/guest.ts';

const FIRST_FRAME = 0x10000;
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const NO_EXECUTE = 1n << 63n;
const FRAME_BITS = 0x000f_ffff_ffff_f000n;
const STACK_LIMIT = 8 * 1024 * 1024;
const zeros = new Uint8Array(PAGE_BYTES);

/** Bits of a protection. */
export const Protection = { read: 1, write: 2, execute: 4 } as const;

interface Region {
  start: number;
  readonly end: number;
  readonly protection: number;
}

export class AddressSpace {
  private readonly memory: PhysicalMemory;
  private readonly cpu: VirtualCpu;
  private regions: Region[] = [];
  /** Page address to frame. */
  private readonly frames = new Map<number, number>();
  private readonly free: number[] = [];
  private nextFrame = FIRST_FRAME;
  /** What the native side has in a page; absent: zeros. */
  private readonly native = new Map<number, Uint8Array>();
  private checkedSince = new Set<number>();

  constructor(memory: PhysicalMemory, cpu: VirtualCpu) {
    this.memory = memory;
    this.cpu = cpu;
  }

  private takeFrame(): number {
    const frame = this.free.pop() ?? this.nextFrame;
    if (frame === this.nextFrame) this.nextFrame += PAGE_BYTES;
    if (!this.memory.fill(frame, PAGE_BYTES, 0))
      throw new Error('lockstep: the program needs more memory; see --memory');
    return frame;
  }

  /** Physical address of the page-table entry. */
  private entryOf(page: number): number {
    let table = PAGE_TABLES;
    const address = BigInt(page);
    for (let shift = 39n; shift > 12n; shift -= 9n) {
      const at = table + Number((address >> shift) & 511n) * 8;
      if (this.memory.read64(at) === 0n) this.memory.write64(at, BigInt(this.takeFrame()) | PRESENT | WRITABLE | USER);
      table = Number(this.memory.read64(at) & FRAME_BITS);
    }
    return table + Number((address >> 12n) & 511n) * 8;
  }
  private enter(page: number, frame: number, protection: number): void {
    const bits =
      (protection === 0 ? 0n : PRESENT) |
      USER |
      ((protection & Protection.write) !== 0 ? WRITABLE : 0n) |
      ((protection & Protection.execute) !== 0 ? 0n : NO_EXECUTE);
    const at = this.entryOf(page);
    // A and D are silicon's own affair.
    if ((this.memory.read64(at) & ~0x60n) === (BigInt(frame) | bits)) return;
    this.memory.write64(at, BigInt(frame) | bits);
    this.cpu.invalidatePage(BigInt(page));
  }
  private drop(page: number): void {
    const frame = this.frames.get(page);
    this.native.delete(page);
    if (frame === undefined) return;
    this.frames.delete(page);
    this.free.push(frame);
    this.memory.write64(this.entryOf(page), 0n);
    this.cpu.invalidatePage(BigInt(page));
  }

  private regionOf(address: number): Region | undefined {
    return this.regions.find(({ start, end }) => address >= start && address < end);
  }

  /** The list of mappings is now this one: (start, end, protection) for each. */
  setRegions(list: readonly number[]): void {
    this.regions = [];
    for (let n = 0; n < list.length; n += 3) {
      if (list[n] < 0x20_0000) throw new Error('lockstep: the program maps addresses below 2 MiB');
      this.regions.push({ start: list[n], end: list[n + 1], protection: list[n + 2] });
    }
    for (const [page, frame] of [...this.frames]) {
      const region = this.regionOf(page);
      if (region === undefined) this.drop(page);
      else this.enter(page, frame, region.protection);
    }
  }
  /** What lay in the range is gone. */
  zap(start: number, end: number): void {
    for (const page of [...this.frames.keys()]) if (page >= start && page < end) this.drop(page);
  }

  /** Gives the page its frame; false if nothing is mapped there. `stackPointer`: the stack grows down to here. */
  touch(address: number, stackPointer: number): boolean {
    const page = address - (address % PAGE_BYTES);
    let region = this.regionOf(page);
    if (region === undefined) {
      const stack = this.regions.find(
        ({ start, end }) => page < start && page >= start - STACK_LIMIT && stackPointer < end,
      );
      if (stack === undefined || (stack.protection & Protection.write) === 0 || address < stackPointer - 65536)
        return false;
      stack.start = page;
      region = stack;
    }
    const had = this.frames.get(page);
    if (had !== undefined || region.protection === 0) return false;
    const frame = this.takeFrame();
    this.frames.set(page, frame);
    this.enter(page, frame, region.protection);
    return true;
  }

  /** The page as the kernel has left it. */
  setPage(page: number, contents: Uint8Array): void {
    this.keepNative(page, contents);
    if (!this.frames.has(page) && !this.touch(page, page)) {
      if (this.regionOf(page)?.protection !== 0)
        throw new Error(`lockstep: a page at ${page.toString(16)} outside all mappings`);
      return;
    }
    this.memory.writeBytes(this.frames.get(page) ?? 0, contents);
  }
  private keepNative(page: number, contents: Uint8Array): void {
    const kept = this.native.get(page);
    if (kept === undefined) this.native.set(page, contents.slice());
    else kept.set(contents);
  }

  /** Compares a page that changed on the native side since the last check. */
  check(page: number, contents: Uint8Array): string | null {
    this.keepNative(page, contents);
    this.checkedSince.add(page);
    return this.comparePage(page, contents);
  }
  /** All that changed has been compared: what we wrote beside it must be as it was. */
  checked(): string | null {
    const { memory } = this;
    for (const [page, frame] of this.frames) {
      if (memory.dirtyGeneration[frame / PAGE_BYTES] < memory.epoch || this.checkedSince.has(page)) continue;
      const difference = this.comparePage(page, this.native.get(page) ?? zeros);
      if (difference !== null) return difference;
    }
    this.checkedSince = new Set();
    memory.epoch++;
    return null;
  }
  private comparePage(page: number, contents: Uint8Array): string | null {
    const frame = this.frames.get(page);
    const ours = frame === undefined ? zeros : this.memory.bytes.subarray(frame, frame + PAGE_BYTES);
    if (Buffer.compare(ours, contents) === 0) return null;
    const n = contents.findIndex((byte, at) => byte !== ours[at]);
    const text = (bytes: Uint8Array): string => Buffer.from(bytes.slice(n, n + 16)).toString('hex');
    return `memory at ${(page + n).toString(16)}: silicon ${text(contents)} ours ${text(ours)}`;
  }

  /** Up to `length` bytes of the program's memory as we have it; fewer where nothing is mapped. */
  read(address: number, length: number): Uint8Array {
    const bytes: number[] = [];
    for (let at = address; at < address + length; at++) {
      const frame = this.frames.get(at - (at % PAGE_BYTES));
      if (frame === undefined) break;
      bytes.push(this.memory.bytes[frame + (at % PAGE_BYTES)]);
    }
    return Uint8Array.from(bytes);
  }
  /** Changes a byte that we have, unseen: a planted fault. False if there is none. */
  flipByte(address: number): boolean {
    const frame = this.frames.get(address - (address % PAGE_BYTES));
    if (frame === undefined) return false;
    const at = frame + (address % PAGE_BYTES);
    return this.memory.writeBytes(at, Uint8Array.of(this.memory.bytes[at] ^ 1));
  }
}
