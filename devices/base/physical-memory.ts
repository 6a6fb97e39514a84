// Guest physical memory, and the one gateway through which it is written.
//
//   0 ........................... sizeBytes ............ sizeBytes + HOST_AREA_BYTES
//   | RAM, page n = [n*4096, ...)  | host area: CPU state and TLBs  |
//   '------------- one shared WebAssembly.Memory -------------------'
//
// The host area is not guest memory: no physical address reaches it (contains() is false there). It lies in the same
// WebAssembly.Memory so that compiled code finds registers and RAM in one memory.
//
// Invariants (kept by every writer: CPU, DMA, kernel):
//   1. after a byte of page n has changed, dirtyGeneration[n] >= the epoch that was current at the write;
//   2. when holdsCode[n] is 1, a write to page n also raises codeGeneration[n] and codeWriteCount.
// A fast path may write through the typed-array views itself, if it calls noteWrite for what it wrote, or has
// called it for that page earlier in the same epoch while holdsCode[n] was 0 and stayed 0.

export const PAGE_BYTES = 4096;
export const PAGE_SHIFT = 12;
/** 1 MiB of registers, TLBs and tables, 4.5 MiB of caches, 48 MiB of decoded code: see devices/cpu/jit/layout.ts. Pages that nobody touches cost nothing. */
export const HOST_AREA_BYTES = 0x358_0000;

/** Guest RAM. Addresses are physical byte addresses as plain numbers (< 2^53). Out-of-range reads give all ones, out-of-range writes are dropped, as on a bus where no device answers. */
export class PhysicalMemory {
  readonly sizeBytes: number;
  readonly buffer: SharedArrayBuffer;
  readonly wasmMemory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly words16: Uint16Array;
  readonly words32: Int32Array;
  readonly doubles: Float64Array;
  readonly view: DataView;
  /** Per page: the epoch of its last write; 0 = never written (still all zero). */
  readonly dirtyGeneration: Uint32Array;
  /** Per page: how often its contents changed while it held decoded or compiled code. */
  readonly codeGeneration: Uint32Array;
  /** Per page: 1 while the CPU holds decoded or compiled code from it. */
  readonly holdsCode: Uint8Array;
  /** The epoch that writes are stamped with; snapshots start a new one. Starts at 1. */
  epoch = 1;
  /** Number of writes into code pages so far; the CPU compares it to notice self-modification cheaply. */
  codeWriteCount = 0;

  /** @param sizeBytes multiple of 64 KiB (a WebAssembly page), at most 4 GiB less the host area. */
  constructor(sizeBytes: number) {
    if (
      !Number.isInteger(sizeBytes) ||
      sizeBytes <= 0 ||
      sizeBytes % 65536 !== 0 ||
      sizeBytes + HOST_AREA_BYTES > 2 ** 32
    )
      throw new RangeError(`memory size ${sizeBytes} is not a multiple of 64 KiB in (0, 4 GiB]`);
    const pages = (sizeBytes + HOST_AREA_BYTES) / 65536;
    this.sizeBytes = sizeBytes;
    this.wasmMemory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.buffer = this.wasmMemory.buffer as unknown as SharedArrayBuffer;
    this.bytes = new Uint8Array(this.buffer);
    this.words16 = new Uint16Array(this.buffer);
    this.words32 = new Int32Array(this.buffer);
    this.doubles = new Float64Array(this.buffer);
    this.view = new DataView(this.buffer);
    this.dirtyGeneration = new Uint32Array(sizeBytes / PAGE_BYTES);
    this.codeGeneration = new Uint32Array(sizeBytes / PAGE_BYTES);
    this.holdsCode = new Uint8Array(sizeBytes / PAGE_BYTES);
  }

  /** True if [address, address+length) lies in RAM. */
  contains(address: number, length: number): boolean {
    return address >= 0 && length >= 0 && address + length <= this.sizeBytes;
  }

  /** Records that [address, address+length) was written. The range must lie in RAM. */
  noteWrite(address: number, length: number): void {
    if (length <= 0) return;
    const last = Math.floor((address + length - 1) / PAGE_BYTES);
    for (let page = Math.floor(address / PAGE_BYTES); page <= last; page++) {
      this.dirtyGeneration[page] = this.epoch;
      if (this.holdsCode[page] !== 0) {
        this.codeGeneration[page]++;
        this.codeWriteCount++;
      }
    }
  }

  read8(address: number): number {
    return this.contains(address, 1) ? this.bytes[address] : 0xff;
  }
  read16(address: number): number {
    return this.contains(address, 2) ? this.view.getUint16(address, true) : 0xffff;
  }
  /** Unsigned. */
  read32(address: number): number {
    return this.contains(address, 4) ? this.view.getUint32(address, true) : 0xffffffff;
  }
  read64(address: number): bigint {
    return this.contains(address, 8) ? this.view.getBigUint64(address, true) : 0xffff_ffff_ffff_ffffn;
  }
  /** A 64-bit field as a number; exact below 2^53. For addresses and lengths on cold paths without bigint. */
  read64AsNumber(address: number): number {
    return this.read32(address) + this.read32(address + 4) * 0x1_0000_0000;
  }

  write8(address: number, value: number): void {
    if (!this.contains(address, 1)) return;
    this.bytes[address] = value;
    this.noteWrite(address, 1);
  }
  write16(address: number, value: number): void {
    if (!this.contains(address, 2)) return;
    this.view.setUint16(address, value, true);
    this.noteWrite(address, 2);
  }
  write32(address: number, value: number): void {
    if (!this.contains(address, 4)) return;
    this.view.setUint32(address, value, true);
    this.noteWrite(address, 4);
  }
  write64(address: number, value: bigint): void {
    if (!this.contains(address, 8)) return;
    this.view.setBigUint64(address, BigInt.asUintN(64, value), true);
    this.noteWrite(address, 8);
  }
  /** Writes a non-negative number below 2^53 as a 64-bit field. */
  write64FromNumber(address: number, value: number): void {
    this.write32(address, value >>> 0);
    this.write32(address + 4, Math.floor(value / 0x1_0000_0000));
  }

  /** Copies `source` to `address`; false (nothing written) if it does not fit in RAM. */
  writeBytes(address: number, source: Uint8Array): boolean {
    if (!this.contains(address, source.length)) return false;
    this.bytes.set(source, address);
    this.noteWrite(address, source.length);
    return true;
  }
  /** Copies RAM into `target`; false if the range does not lie in RAM. */
  readBytes(address: number, target: Uint8Array): boolean {
    if (!this.contains(address, target.length)) return false;
    target.set(this.bytes.subarray(address, address + target.length));
    return true;
  }
  /** Fills a range with one byte; false if it does not lie in RAM. */
  fill(address: number, length: number, value: number): boolean {
    if (!this.contains(address, length)) return false;
    // Zeroes by eight: on shared memory that takes a third of the time.
    if (value === 0 && address % 8 === 0 && length % 8 === 0) this.doubles.fill(0, address / 8, (address + length) / 8);
    else this.bytes.fill(value, address, address + length);
    this.noteWrite(address, length);
    return true;
  }
}
