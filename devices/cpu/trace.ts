// What the CPU tells somebody who watches it, as lines of text for the trace backend.
//
//   decoder ─► BlockCache: an instruction's handler is wrapped ─► instruction()       interrupts.ts ─► exception(), systemCall()
//   blocks.ts ─► block()     jit.ts ─► region()     core.ts, on a TLB miss ─► translation()
//
// Without a backend there is no CpuTrace: `core.trace` is null, looked at only where microseconds are spent anyway (a trap, a miss, a
// compilation); instructions cost nothing because what is watched is wrapped when it is decoded. Rules: nothing here changes the state
// of the guest, not even an A bit; bytes are read by peekFetch.

import type { TraceBackend } from '../backends/backends.ts';
import type { TraceCategory } from '../contract/trace.ts';
import type { Instruction } from './decode/instruction.ts';
import { disassemble, instructionText } from './disassembler.ts';
import type { Block } from './interpreter/blocks.ts';
import type { CpuCore } from './interpreter/core.ts';
import { CR2, PRIVILEGE, RIP_HIGH, RIP_LOW } from './state-layout.ts';

const LONGEST_INSTRUCTION = 15;
/** RDI, RSI, RDX, R10, R8, R9: arguments of a system call; RAX has its number (System V ABI, A.2.1). */
const CALL_REGISTERS = [7, 6, 2, 10, 8, 9] as const;

/** Mnemonics of SDM vol. 3, table 6-1. */
const vectorNames: { readonly [vector: number]: string } = {
  0: '#DE',
  1: '#DB',
  3: '#BP',
  4: '#OF',
  5: '#BR',
  6: '#UD',
  7: '#NM',
  8: '#DF',
  10: '#TS',
  11: '#NP',
  12: '#SS',
  13: '#GP',
  14: '#PF',
  16: '#MF',
  17: '#AC',
  19: '#XM',
};

const pair = (low: number, high: number): string =>
  high === 0
    ? `0x${(low >>> 0).toString(16)}`
    : `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, '0')}`;
const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A region as the trace tells it. */
export interface TracedRegion {
  readonly entry: Block;
  readonly instructions: number;
  readonly pages: number;
  readonly codeBytes: number;
  readonly millis: number;
}

export class CpuTrace {
  private readonly core: CpuCore;
  private readonly backend: TraceBackend;

  constructor(core: CpuCore, backend: TraceBackend) {
    this.core = core;
    this.backend = backend;
  }

  wants(category: TraceCategory): boolean {
    return this.backend.categories.has(category);
  }
  /** `count`: instructions retired before. */
  private write(category: TraceCategory, text: string): void {
    const { core } = this;
    this.backend.write(category, core.instructionCount + core.done, text);
  }

  /** Its handler tells of it from now on. */
  watch(instruction: Instruction, bytes: Uint8Array): void {
    if (!this.wants('cpu.instruction')) return;
    const execute = instruction.execute;
    const code = hexBytes(bytes);
    let text = '';
    instruction.execute = (core, i) => {
      if (core.words[PRIVILEGE] === 3) {
        if (text === '') text = `${pair(i.ripLow, i.ripHigh)}  ${code.padEnd(20)}  ${instructionText(i)}`;
        this.write('cpu.instruction', text);
      }
      execute(core, i);
    };
  }

  /** Code was decoded: into instructions, or into threaded code. */
  block(what: string, low: number, high: number, instructions: number, page: number): void {
    if (this.wants('cpu.block'))
      this.write(
        'cpu.block',
        `${what} ${pair(low, high)}: ${instructions} instructions, physical page ${page.toString(16)}`,
      );
  }
  blocksDropped(page: number, blocks: number): void {
    if (this.wants('cpu.block') && blocks > 0)
      this.write(
        'cpu.block',
        page < 0
          ? `all of ${blocks} pages evicted`
          : `physical page ${page.toString(16)} invalidated: ${blocks} blocks`,
      );
  }

  regionCompiled(region: TracedRegion): void {
    if (!this.wants('cpu.region')) return;
    const { entry, instructions, pages, codeBytes, millis } = region;
    this.write(
      'cpu.region',
      `compiled ${pair(entry.ripLow, entry.ripHigh)}: ${instructions} instructions in ${pages} pages, ${codeBytes} bytes, ${millis.toFixed(2)} ms`,
    );
  }
  regionDropped(entry: Block, reason: string): void {
    if (this.wants('cpu.region')) this.write('cpu.region', `dropped ${pair(entry.ripLow, entry.ripHigh)}: ${reason}`);
  }

  /** `vector` is about to be delivered; RIP is where it came up. */
  exception(vector: number, errorCode: number): void {
    if (!this.wants('cpu.exception')) return;
    const w = this.core.words;
    const code = errorCode < 0 ? '' : ` error ${errorCode.toString(16)}`;
    const address = vector === 14 ? ` address ${pair(w[CR2], w[CR2 + 1])}` : '';
    const place = pair(w[RIP_LOW], w[RIP_HIGH]);
    this.write(
      'cpu.exception',
      `${vectorNames[vector] ?? `vector ${vector}`}${code}${address} ring ${w[PRIVILEGE]} at ${place}: ${this.textAt(w[RIP_LOW], w[RIP_HIGH])}`,
    );
  }

  systemCall(): void {
    if (!this.wants('cpu.syscall')) return;
    const w = this.core.words;
    const values = CALL_REGISTERS.map((number) => pair(w[number * 2], w[number * 2 + 1]));
    this.write('cpu.syscall', `syscall ${w[0]} (${values.join(', ')})`);
  }
  systemReturn(): void {
    if (!this.wants('cpu.syscall')) return;
    const w = this.core.words;
    this.write('cpu.syscall', `sysret ${pair(w[0], w[1])} to ${pair(w[RIP_LOW], w[RIP_HIGH])}`);
  }

  /** A look-up went to the page tables; `physical` -1: and ended in a page fault. Bits of `access` as in contract/cpu.ts. */
  translation(low: number, high: number, access: number, physical: number): void {
    if (!this.wants('cpu.tlb')) return;
    const kind = (access & 16) !== 0 ? 'fetch' : (access & 2) !== 0 ? 'write' : 'read';
    const end = physical < 0 ? 'page fault' : `physical 0x${physical.toString(16)}`;
    this.write('cpu.tlb', `${kind} ${pair(low, high)} ring ${this.core.words[PRIVILEGE]}: ${end}`);
  }

  /** The instruction at an address, as far as it can be read without changing anything. */
  private textAt(low: number, high: number): string {
    const { core } = this;
    const bytes = new Uint8Array(LONGEST_INSTRUCTION);
    let count = 0;
    for (; count < LONGEST_INSTRUCTION; count++) {
      const at = (low + count) | 0;
      const physical = core.mmu.peekFetch(at, at >>> 0 < low >>> 0 ? (high + 1) | 0 : high);
      if (physical < 0 || physical >= core.memory.sizeBytes) break;
      bytes[count] = core.ram[physical];
    }
    if (count === 0) return '(not in memory)';
    return disassemble(bytes.subarray(0, count), (BigInt(high) << 32n) | BigInt(low >>> 0)).text;
  }
}
