// Random programs of several blocks, for one engine against the other: loops, calls and returns, jumps through a table, flags that are
// read far from where they were made, partial registers, memory over a page boundary, string, SSE, MMX and x87 instructions.
//
//   code page   0x10000100 blocks, each ends with a jump, a conditional jump, a call, a return, or an indirect jump
//   registers   R14 data (two pages), R15 table of block addresses in the data, RSP in the second data page; the others are free
//
// Programs need not end: they run for a number of instructions, and are compared on the way.

import type { SeededRandom } from '../../../devices/base/random.ts';
import { CODE_ADDRESS } from '../cpu/layout.ts';
import { makeMmxRun, makeX87Run } from './program-x87.ts';

export const DATA_ADDRESS = 0x2000_0000;
export const STACK_TOP = DATA_ADDRESS + 0x1f00;
/** Offset of the table of block addresses in the data: 8 entries. */
export const TABLE_OFFSET = 0x800;
const TABLE_ENTRIES = 8;
/** Operands of SSE instructions in the data: 256 bytes. */
export const VECTOR_OFFSET = 0x500;

/** Mandatory prefix, opcode after 0F, and whether an immediate follows. */
type VectorForm = readonly [number, number, boolean];
const VECTORS: readonly VectorForm[] = [
  // ADD MUL SUB MIN DIV MAX SQRT of all four kinds.
  ...[0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f, 0x51].flatMap((opcode) =>
    [0, 0x66, 0xf2, 0xf3, 0xf2, 0xf2].map((prefix) => [prefix, opcode, false] as const),
  ),
  // Moves: MOVSD, MOVSS, MOVAPD, MOVDQA, MOVQ, MOVLPD, MOVHPD, MOVHLPS, MOVLHPS, MOVDDUP, UNPCK, SHUF, PSHUFD.
  ...[0xf2, 0xf2, 0xf2, 0xf3, 0x66].flatMap((prefix) => [
    [prefix, 0x10, false] as const,
    [prefix, 0x11, false] as const,
  ]),
  [0, 0x28, false],
  [0x66, 0x28, false],
  [0x66, 0x28, false],
  [0x66, 0x29, false],
  [0x66, 0x6f, false],
  [0xf3, 0x7e, false],
  [0x66, 0xd6, false],
  [0x66, 0x12, false],
  [0x66, 0x13, false],
  [0, 0x12, false],
  [0, 0x16, false],
  [0x66, 0x17, false],
  [0xf2, 0x12, false],
  [0x66, 0x14, false],
  [0x66, 0x15, false],
  [0x66, 0x15, false],
  [0, 0x14, false],
  [0x66, 0xc6, true],
  [0, 0xc6, true],
  [0x66, 0x70, true],
  // Compares, conversions between the sizes, estimates, bits.
  [0x66, 0x2e, false],
  [0, 0x2f, false],
  [0xf2, 0xc2, true],
  [0x66, 0xc2, true],
  [0xf2, 0x5a, false],
  [0xf3, 0x5a, false],
  [0, 0x5a, false],
  [0, 0x52, false],
  [0xf3, 0x52, false],
  [0, 0x53, false],
  [0xf3, 0x53, false],
  [0x66, 0x5a, false],
  [0xf2, 0x2a, false],
  [0xf2, 0x2c, false],
  [0x66, 0x54, false],
  [0x66, 0x57, false],
  [0x66, 0xef, false],
  [0x66, 0xfe, false],
  [0x66, 0xd4, false],
  [0x66, 0x76, false],
  [0x66, 0xf4, false],
];
const CODE_ROOM = 0xe00;
/** Registers that instructions may write: not RSP, R14, R15. */
const FREE = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13];

/** Arithmetic and moves of float64 that do not store. */
const DOUBLES: readonly VectorForm[] = VECTORS.filter(
  ([prefix, opcode]) =>
    (opcode > 0x50 && opcode < 0x5f && opcode !== 0x5a && opcode !== 0x5d && (prefix === 0xf2 || prefix === 0x66)) ||
    (prefix === 0xf2 && (opcode === 0x10 || opcode === 0x12)) ||
    (opcode === 0x28 && prefix === 0x66) ||
    [0x14, 0x15, 0x16, 0x7e].includes(opcode),
);

export interface Program {
  readonly code: Uint8Array;
  /** Addresses of the blocks. */
  readonly blocks: readonly number[];
}

export function makeProgram(random: SeededRandom): Program {
  const builder = new ProgramBuilder(random);
  return builder.build();
}

class ProgramBuilder {
  private readonly random: SeededRandom;
  private readonly bytes: number[] = [];
  private readonly blocks: number[] = [];
  /** Places of 32-bit displacements, and the number of the block that they lead to. */
  private readonly jumps: { readonly at: number; readonly block: number }[] = [];

  constructor(random: SeededRandom) {
    this.random = random;
  }

  build(): Program {
    const count = 4 + this.random.below(14);
    for (let block = 0; block < count && this.bytes.length < CODE_ROOM - 900; block++) {
      this.blocks.push(this.bytes.length);
      const length = 1 + this.random.below(9);
      for (let n = 0; n < length; n++) this.instruction();
      this.ending(count);
    }
    // The last block always goes round.
    this.emit(0xe9);
    this.displacement(0);
    for (const { at, block } of this.jumps) {
      const target = this.blocks[block % this.blocks.length];
      const distance = target - (at + 4);
      for (let n = 0; n < 4; n++) this.bytes[at + n] = (distance >> (8 * n)) & 0xff;
    }
    return { code: Uint8Array.from(this.bytes), blocks: this.blocks.map((offset) => CODE_ADDRESS + offset) };
  }

  private emit(...bytes: number[]): void {
    this.bytes.push(...bytes);
  }
  private displacement(block: number): void {
    this.jumps.push({ at: this.bytes.length, block });
    this.emit(0, 0, 0, 0);
  }
  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }
  private free(): number {
    return this.pick(FREE);
  }
  private immediate(size: number): void {
    const edge = this.pick([0, 1, 0x7f, 0x80, 0xff, 0xffffffff, 0x80000000, 0x7fffffff, this.random.next32()]);
    for (let n = 0; n < size; n++) this.emit((edge >>> (8 * n)) & 0xff);
  }

  /** Prefixes and opcode for `reg` and the register or memory operand that follows; width 1, 2, 4 or 8. */
  private operands(
    prefix: readonly number[],
    opcode: readonly number[],
    reg: number,
    width: number,
    memory: boolean,
  ): void {
    const rm = this.free();
    const index = this.pick([0, 1, 2, 3]);
    const indexed = memory && this.random.below(4) === 0;
    // MOVZX index,index8: at most 255.
    if (indexed) this.emit(0x0f, 0xb6, 0xc0 | (index << 3) | index);
    const rex = 0x40 | (width === 8 ? 8 : 0) | (reg >= 8 ? 4 : 0) | ((memory ? 14 : rm) >= 8 ? 1 : 0);
    // Without REX the byte registers 4 to 7 are AH to BH.
    const plain = rex === 0x40 && (width !== 1 || this.random.below(2) === 0);
    if (width === 2) this.emit(0x66);
    this.emit(...prefix);
    if (!plain) this.emit(rex);
    this.emit(...opcode);
    if (!memory) {
      this.emit(0xc0 | ((reg & 7) << 3) | (rm & 7));
      return;
    }
    // Often over the boundary between the two pages.
    const offset = this.random.below(3) === 0 ? 0xff0 + this.random.below(32) : this.random.below(0x600);
    this.emit(0x84 | ((reg & 7) << 3), indexed ? 0x06 | (index << 3) : 0x26);
    for (let n = 0; n < 4; n++) this.emit((offset >> (8 * n)) & 0xff);
  }

  private width(): number {
    return this.pick([1, 2, 4, 4, 4, 8, 8, 8]);
  }

  private instruction(): void {
    const { random } = this;
    const width = this.width();
    const memory = random.below(3) === 0;
    const byte = width === 1 ? 0 : 1;
    switch (random.below(32)) {
      case 0:
      case 1:
      case 2:
        // Group 1, both directions.
        return this.operands([], [(random.below(8) << 3) | (random.below(2) << 1) | byte], this.free(), width, memory);
      case 3:
        this.operands([], [width === 1 ? 0x80 : 0x83], random.below(8), width, memory);
        return this.immediate(1);
      case 4:
        return this.operands([], [byte === 0 ? 0xfe : 0xff], random.below(2), width, memory);
      case 5:
        return this.operands([], [byte === 0 ? 0xf6 : 0xf7], 2 + random.below(2), width, memory);
      case 6:
        this.operands([], [byte === 0 ? 0xc0 : 0xc1], this.pick([0, 1, 2, 3, 4, 5, 7]), width, memory);
        return this.immediate(1);
      case 7:
        return this.operands([], [byte === 0 ? 0xd2 : 0xd3], this.pick([0, 1, 2, 3, 4, 5, 7]), width, memory);
      case 8:
        return this.operands([], [byte === 0 ? 0xd0 : 0xd1], this.pick([0, 1, 2, 3, 4, 5, 7]), width, memory);
      case 9:
        return this.operands([], [0x0f, 0x90 | random.below(16)], 0, 1, memory);
      case 10:
        return this.operands([], [0x0f, 0x40 | random.below(16)], this.free(), width === 1 ? 4 : width, memory);
      case 11:
        return this.operands(
          [],
          [0x0f, this.pick([0xb6, 0xb7, 0xbe, 0xbf])],
          this.free(),
          width === 1 ? 4 : width,
          memory,
        );
      case 12:
        return this.operands(
          [],
          [byte === 0 ? this.pick([0x88, 0x8a]) : this.pick([0x89, 0x8b])],
          this.free(),
          width,
          memory,
        );
      case 13:
        return this.operands([], [0x8d], this.free(), width === 1 ? 8 : width, true);
      case 14:
        return this.operands([], [0x0f, this.pick([0xbc, 0xbd, 0xaf])], this.free(), width === 1 ? 4 : width, memory);
      case 15:
        return this.operands([0xf3], [0x0f, 0xb8], this.free(), width === 1 ? 8 : width, memory);
      case 16:
        return this.operands(
          [],
          [0x0f, this.pick([0xa3, 0xab, 0xb3, 0xbb])],
          this.free(),
          width === 1 ? 4 : width,
          false,
        );
      case 17:
        return this.operands([], [0x0f, this.pick([0xb0, 0xc0]) | byte], this.free(), width, memory);
      case 18:
        return this.operands([], [byte === 0 ? 0xf6 : 0xf7], this.pick([4, 5]), width, memory);
      case 19:
        return this.emit(this.pick([0x9f, 0x9e, 0xf5, 0xf8, 0xf9, 0x98, 0x99, 0x90]));
      case 20: {
        // PUSH and POP; PUSHF and POP.
        const register = this.pick([0, 1, 2, 3]);
        return this.emit(random.below(4) === 0 ? 0x9c : 0x50 | register, 0x58 | this.pick([0, 1, 2, 3]));
      }
      case 21:
        // SHLD, SHRD by a constant.
        this.operands([], [0x0f, this.pick([0xa4, 0xac])], this.free(), width === 1 ? 4 : width, memory);
        return this.immediate(1);
      case 22: {
        // REP STOSB or MOVSB of a few bytes: LEA RDI,[R14+n]; LEA RSI,[R14+n]; MOV ECX,n.
        this.emit(0x49, 0x8d, 0xbe, random.below(256), random.below(16), 0, 0);
        this.emit(0x49, 0x8d, 0xb6, random.below(256), random.below(7), 0, 0);
        this.emit(0xb9, random.below(40), 0, 0, 0);
        return this.emit(this.pick([0xf3, 0xf3, 0xf2]), this.pick([0xaa, 0xa4, 0xab, 0xa5, 0xa6, 0xae]));
      }
      case 23:
      case 24:
        return this.walk();
      case 25:
      case 26:
      case 27:
        return this.emit(...makeX87Run(random));
      case 28:
        return this.emit(...makeMmxRun(random));
      default:
        // Now and then a run of float64 only, whose checks the compiler gathers.
        if (random.below(3) === 0) for (let n = 4 + random.below(10); n > 0; n--) this.vector(DOUBLES);
        else for (let n = 1 + random.below(6); n > 0; n--) this.vector(VECTORS);
    }
  }

  /**
   * A loop that walks through memory, tested at its top or at its end, with flags from one pass to the next and perhaps a second way out:
   * LEA RDI,[R14+n]; MOV ECX,n; what the passes do; ADD RDI,n.
   */
  private walk(): void {
    const { random } = this;
    const body: number[] = [];
    let writes = false;
    for (let n = 1 + random.below(6); n > 0; n--) {
      const at = random.below(60);
      const store = random.below(3) === 0;
      writes ||= store;
      body.push(
        ...this.pick(
          store
            ? // ADD [RDI+n],AL; XOR [RDI+n],RDX
              [
                [0x00, 0x47, at],
                [0x48, 0x31, 0x57, at],
              ]
            : // MOV RAX,[RDI+n]; MOVZX EDX,[RDI+n] and [RDI+RCX]; CMP AL,[RDI+n]; TEST DL,DL; CMP DL,AL; ADD EAX,n; SUB RDX,RAX; SETB DL;
              // and with a jump to the next instruction, which ends the block: CMP EDX,EAX; SUB RDX,RAX; ADD EDX,EAX; AND EDX,EAX; ADD RAX,n
              [
                [0x48, 0x8b, 0x47, at],
                [0x0f, 0xb6, 0x57, at],
                [0x0f, 0xb6, 0x14, 0x0f],
                [0x3a, 0x47, at],
                [0x84, 0xd2],
                [0x38, 0xc2],
                [0x83, 0xc0, at],
                [0x48, 0x29, 0xc2],
                [0x0f, 0x92, 0xc2],
                [0x39, 0xc2, 0x7c, 0],
                [0x48, 0x29, 0xc2, 0x72, 0],
                [0x01, 0xc2, 0x74, 0],
                [0x21, 0xc2, 0x78, 0],
                [0x48, 0x83, 0xc0, at, 0x74, 0],
              ],
        ),
      );
    }
    // Not over the table, and not into the stack.
    const start = writes ? 0x900 + random.below(0x500) : random.below(0x1000);
    this.emit(0x49, 0x8d, 0xbe, start & 0xff, start >> 8, 0, 0, 0xb9, 1 + random.below(40), 0, 0, 0);
    const advance = [0x48, 0x83, 0xc7, random.below(48)];
    const wayOut = random.below(3) === 0 ? [0x70 | random.below(16)] : [];
    const atTop = random.below(2) === 0;
    // SUB ECX,1 or DEC ECX; CF is only that of SUB.
    const count = random.below(3) === 0 ? [0xff, 0xc9] : [0x83, 0xe9, 1];
    const tail = (wayOut.length > 0 ? 2 : 0) + advance.length + (atTop ? 2 : count.length + 2);
    const inner = body.length + tail;
    if (atTop) this.emit(...count, 0x74, inner);
    this.emit(...body);
    if (wayOut.length > 0) this.emit(...wayOut, tail - 2);
    this.emit(...advance);
    if (atTop) this.emit(0xeb, -(count.length + 2 + inner) & 0xff);
    else this.emit(...count, 0x75, -inner & 0xff);
  }

  /** An SSE instruction, often one that mixes low lanes with whole registers; eight registers. */
  private vector(choice: readonly VectorForm[]): void {
    const { random } = this;
    const [prefix, opcode, immediate] = this.pick(choice);
    if (prefix !== 0) this.emit(prefix);
    const reg = random.below(8);
    const memory = opcode === 0x11 || opcode === 0x13 || opcode === 0x17 ? random.below(2) : random.below(4);
    const needsMemory = opcode === 0x13 || opcode === 0x17 || (opcode === 0x12 && prefix === 0x66);
    if (memory === 0 || needsMemory) {
      // [R14 + a multiple of 16].
      this.emit(0x41, 0x0f, opcode, 0x86 | (reg << 3), random.below(16) << 4, VECTOR_OFFSET >> 8, 0, 0);
    } else this.emit(0x0f, opcode, 0xc0 | (reg << 3) | random.below(8));
    if (immediate) this.emit(random.below(256));
  }

  private ending(count: number): void {
    const { random } = this;
    const block = (): number => random.below(count);
    switch (random.below(12)) {
      case 0:
        this.emit(0xe9);
        return this.displacement(block());
      case 1:
      case 2:
        this.emit(0xe8);
        return this.displacement(block());
      case 3:
        // Without a call before it the program ends in a fault: as good as any end.
        return this.emit(0xc3);
      case 4: {
        // AND EAX,7; JMP or CALL [R15+RAX*8]
        this.emit(0x83, 0xe0, TABLE_ENTRIES - 1, 0x41, 0xff, this.pick([0x24, 0x14]), 0xc7);
        return;
      }
      case 5:
        // LOOP over a conditional jump's place.
        this.emit(0xe2, 0x05, 0xe9);
        return this.displacement(block());
      case 6:
        // Falls through.
        return;
      default:
        this.emit(0x0f, 0x80 | random.below(16));
        return this.displacement(block());
    }
  }
}
