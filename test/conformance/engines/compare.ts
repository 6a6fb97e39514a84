// Two engines run the same program in the same pieces; after each piece everything that a program can see must be equal.

import { SeededRandom } from '../../../devices/base/random.ts';
import { TrapKind } from '../../../devices/contract/cpu.ts';
import type { Guest } from '../cpu/guest.ts';
import { CODE_ADDRESS } from '../cpu/layout.ts';
import { DATA_ADDRESS, makeProgram, type Program, STACK_TOP, TABLE_OFFSET, VECTOR_OFFSET } from './program.ts';

const CODE_PHYSICAL = 0x10100;
const PAGE_BYTES = 4096;
/** The two data pages do not lie side by side: what reaches over their boundary must be seen to do so. */
const DATA_PHYSICAL = [0x20000, 0x30000];
const SECOND_PAGE_ENTRY = 0x5008;
const PRESENT_WRITABLE_USER = 7n;
const NO_EXECUTE = 1n << 63n;
const FX_AREA = 0xb000;
const FX_BYTES = 512;
const TIMER_VECTOR = 0x20;

/** Something to run programs on; `damage` plants a fault, for the test of this test. */
export interface Subject {
  readonly guest: Guest;
  readonly damage?: (guest: Guest) => void;
}

export interface ProgramOptions {
  readonly seed: number;
  /** Instructions in all, and at most in one piece. */
  readonly instructions: number;
  readonly piece: number;
  /** Instead of a random one. */
  readonly program?: Program;
}

function start(guest: Guest, program: Program, seed: number): void {
  const { memory, cpu } = guest;
  // The last program may have been stopped in ring 3.
  if (cpu.currentPrivilegeLevel === 3) cpu.deliver(TIMER_VECTOR);
  const random = new SeededRandom(seed ^ 0x5eed);
  memory.fill(0x10000, 4096, 0xcc);
  memory.writeBytes(CODE_PHYSICAL, program.code);
  memory.write64(SECOND_PAGE_ENTRY, BigInt(DATA_PHYSICAL[1]) | PRESENT_WRITABLE_USER | NO_EXECUTE);
  cpu.invalidatePage(BigInt(DATA_ADDRESS + PAGE_BYTES));
  const data = new Uint8Array(2 * PAGE_BYTES);
  random.fill(data);
  const view = new DataView(data.buffer);
  for (let n = 0; n < 8; n++) {
    view.setUint32(TABLE_OFFSET + n * 8, program.blocks[random.below(program.blocks.length)], true);
    view.setUint32(TABLE_OFFSET + n * 8 + 4, 0, true);
  }
  // Mostly plain numbers for SSE, now and then one that is none.
  for (let n = 0; n < 256; n += 8) {
    const value = random.below(8) === 0 ? random.below(4) : (random.below(2000) - 1000) / (1 + random.below(7));
    view.setFloat64(
      VECTOR_OFFSET + n,
      [value, value, value, -0, 5e-324, Infinity, NaN][Math.max(0, random.below(30) - 23)],
      true,
    );
  }
  DATA_PHYSICAL.forEach((page, n) => memory.writeBytes(page, data.subarray(n * PAGE_BYTES, (n + 1) * PAGE_BYTES)));
  const state = new Uint8Array(FX_BYTES);
  const control = new DataView(state.buffer);
  control.setUint16(0, 0x37f, true);
  // Every other program begins with PE set: then compiled code does the arithmetic itself.
  control.setUint32(24, (seed & 1) === 0 ? 0x1fa0 : 0x1f80, true);
  for (let n = 0; n < 16; n++) {
    control.setFloat64(160 + n * 16, (random.below(2000) - 1000) / (1 + random.below(7)), true);
    control.setFloat64(168 + n * 16, random.below(100), true);
  }
  memory.writeBytes(FX_AREA, state);
  cpu.restoreFloatingPoint(FX_AREA);
  const registers = new Uint32Array(32);
  for (let n = 0; n < 16; n++) {
    registers[n * 2] = random.below(3) === 0 ? random.below(4) : random.next32();
    registers[n * 2 + 1] = random.below(2) === 0 ? 0 : random.next32();
  }
  for (const [register, value] of [
    [4, STACK_TOP],
    [14, DATA_ADDRESS],
    [15, DATA_ADDRESS + TABLE_OFFSET],
  ]) {
    registers[register * 2] = value;
    registers[register * 2 + 1] = 0;
  }
  guest.enter(registers, random.next32() & 0xcd5);
}

/** All that the program can see, as text; memory as a checksum. */
function picture(guest: Guest, kind: TrapKind, began: number): string {
  const { cpu, memory } = guest;
  cpu.saveFloatingPoint(FX_AREA);
  const checksum = (from: number, length: number): number => {
    let sum = 0;
    for (let at = from >> 2; at < (from + length) >> 2; at++) sum = (Math.imul(sum, 31) + memory.words32[at]) | 0;
    return sum;
  };
  const registers = Array.from(cpu.generalRegisters, (word) => (word >>> 0).toString(16)).join(' ');
  const trap =
    kind === TrapKind.interrupt ? `${cpu.trapVector}/${cpu.trapErrorCode} cr2 ${cpu.readControl(2).toString(16)}` : '';
  return [
    `kind ${kind} ${trap} after ${cpu.instructionCount - began} at ${cpu.rip.toString(16)} flags ${cpu.rflags.toString(16)}`,
    registers,
    `data ${DATA_PHYSICAL.map((page) => checksum(page, PAGE_BYTES)).join(' ')} stack ${checksum(0x9f00, 0x100)} fx ${checksum(FX_AREA, FX_BYTES)}`,
  ].join('\n');
}

/** Runs one program on both; null if they agree to the end, else what differs and how to see it again. */
export function compareEngines(left: Subject, right: Subject, options: ProgramOptions): string | null {
  const { seed } = options;
  const program = options.program ?? makeProgram(new SeededRandom(seed));
  const subjects = [left, right];
  const began = subjects.map(({ guest }) => {
    start(guest, program, seed);
    return guest.cpu.instructionCount;
  });
  const random = new SeededRandom(seed ^ 0x91ece);
  for (let done = 0; done < options.instructions; ) {
    // Mostly long pieces, so that compiled code gets going; some of a few instructions.
    const piece = 1 + random.below(random.below(4) === 0 ? 40 : options.piece);
    const forgotten = random.below(8);
    const pictures = subjects.map(({ guest, damage }, n) => {
      // Now and then a page is not in the TLB any more.
      if (forgotten < 2) guest.cpu.invalidatePage(BigInt(DATA_ADDRESS + forgotten * PAGE_BYTES));
      const kind = guest.cpu.run(piece);
      damage?.(guest);
      return { kind, text: picture(guest, kind, began[n]) };
    });
    if (pictures[0].text !== pictures[1].text)
      return `seed ${seed}, a piece of ${piece} after ${done} instructions:\n${pictures[0].text}\n-- against --\n${pictures[1].text}`;
    done += piece;
    if (pictures[0].kind !== TrapKind.budget) break;
  }
  return null;
}

/** Random bytes, or (every other seed) a program in which a few bytes were changed. */
function soup(random: SeededRandom, seed: number): Uint8Array {
  if (seed % 2 === 0) {
    const { code } = makeProgram(random);
    for (let n = random.below(8); n >= 0; n--) code[random.below(code.length)] = random.next32() & 0xff;
    return code;
  }
  const code = new Uint8Array(0xe00);
  random.fill(code);
  return code;
}

/** Soup as code, from a random place, mostly not the start of an instruction: only faults of the guest may come of it. */
export function compareSoup(left: Subject, right: Subject, seed: number): string | null {
  const random = new SeededRandom(seed);
  const code = soup(random, seed);
  const subjects = [left, right];
  const entry = CODE_ADDRESS + random.below(code.length - 64);
  const edge = [0n, 0x7fff_ffff_fff0n, 0xffff_ffff_ffff_fff8n, 0x2000_0ffcn, 0x8000_0000_0000n][random.below(5)];
  const pictures = subjects.map(({ guest, damage }) => {
    start(guest, { code, blocks: [entry] }, seed);
    const { cpu } = guest;
    const began = cpu.instructionCount;
    cpu.rip = BigInt(entry);
    // The stack, or an address register, at an edge of the address space.
    cpu.writeRegister(random.state[0] % 2 === 0 ? 4 : 3, edge);
    let kind: TrapKind = TrapKind.budget;
    for (let n = 0; n < 20 && kind === TrapKind.budget; n++) kind = cpu.run(500);
    damage?.(guest);
    return picture(guest, kind, began);
  });
  return pictures[0] === pictures[1] ? null : `soup seed ${seed}:\n${pictures[0]}\n-- against --\n${pictures[1]}`;
}
