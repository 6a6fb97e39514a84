// x87 and MMX instructions for the random programs (program.ts): runs that push a few values, compute with them and mostly leave the stack as
// deep as it was, so that compiled code finds numbers and not only stack faults.

import type { SeededRandom } from '../../../devices/base/random.ts';

/** Control words: 64, 53 and 24 bits, all roundings; the last two unmask PE and IE. */
const CONTROL_WORDS = [0x37f, 0x37f, 0x27f, 0x07f, 0x77f, 0xb7f, 0xf7f, 0x67f, 0x35f, 0x37e];

/** MMX instructions on registers and memory; they alias the x87 registers, so a run mostly ends with EMMS. */
export function makeMmxRun(random: SeededRandom): number[] {
  const bytes: number[] = [];
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const operands = (opcode: number, wide = false, memory = random.below(3) === 0): void => {
    const reg = random.below(8) << 3;
    const offset = random.below(8) === 0 ? 0xff0 + random.below(32) : random.below(0x600);
    if (memory) bytes.push(wide ? 0x49 : 0x41, 0x0f, opcode, 0x86 | reg, offset & 0xff, offset >> 8, 0, 0);
    // RAX to RBX, or an MMX register.
    else bytes.push(...(wide ? [0x48] : []), 0x0f, opcode, 0xc0 | reg | random.below(4));
  };
  for (let n = random.below(8); n >= 0; n--) {
    const forms: (() => void)[] = [
      () => operands(pick([0x6f, 0x7f])),
      () => operands(pick([0x6e, 0x7e]), random.below(2) === 0),
      () => operands(0x60 + random.below(12)),
      () => operands(pick([0x74, 0x75, 0x76, 0xd1, 0xd4, 0xd5, 0xf4, 0xf5, 0xf6])),
      () => operands(0xd8 + random.below(14)),
      () => operands(pick([0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe])),
      () => bytes.push(0x0f, 0x71 + random.below(2), 0xc0 | (pick([2, 4, 6]) << 3) | random.below(8), random.below(40)),
      () => bytes.push(0x0f, 0x73, 0xc0 | (pick([2, 6]) << 3) | random.below(8), random.below(70)),
    ];
    pick(forms)();
  }
  if (random.below(4) !== 0) bytes.push(0x0f, 0x77);
  return bytes;
}

/** One run as bytes; memory operands are at [R14 + 0..0x600] or over the boundary of the data's two pages. */
export function makeX87Run(random: SeededRandom): number[] {
  const bytes: number[] = [];
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const memory = (opcode: number, reg: number): void => {
    const offset = random.below(8) === 0 ? 0xff0 + random.below(32) : random.below(0x60) * 16;
    bytes.push(0x41, opcode, 0x86 | (reg << 3), offset & 0xff, offset >> 8, 0, 0);
  };
  const register = (opcode: number, reg: number, index: number): void => {
    bytes.push(opcode, 0xc0 | (reg << 3) | index);
  };
  let depth = 0;
  const index = (): number => (random.below(12) === 0 ? random.below(8) : random.below(Math.max(1, depth)));

  const push = (): void => {
    depth++;
    switch (random.below(8)) {
      case 0:
        return memory(0xdd, 0);
      case 1:
        return memory(0xd9, 0);
      case 2:
        return memory(0xdb, 5);
      case 3:
        bytes.push(0xd9, 0xe8 | random.below(7));
        return;
      case 4:
        if (depth < 2) return memory(0xdf, 0);
        return register(0xd9, 0, random.below(depth - 1));
      default:
        // FILD of all widths: numbers that stay numbers.
        return pick([() => memory(0xdf, 0), () => memory(0xdb, 0), () => memory(0xdf, 5)])();
    }
  };
  const pop = (): void => {
    depth--;
    const forms: (() => void)[] = [
      () => register(0xdd, 3, index()),
      () => memory(0xd9, 3),
      () => memory(0xdd, 3),
      () => memory(0xdb, 7),
      () => memory(0xdf, pick([1, 3, 7])),
      () => memory(0xdb, pick([1, 3])),
      () => memory(0xdd, 1),
      () => register(0xde, pick([0, 1, 4, 5, 6, 7]), index()),
      () => register(0xdd, pick([3, 5]), index()),
      () => register(pick([0xdb, 0xdf]), pick([5, 6]), index()),
      () => register(0xd8, 3, index()),
      () => register(0xdf, 0, 0),
    ];
    pick(forms)();
  };
  const compute = (): void => {
    const forms: (() => void)[] = [
      () => register(0xd8, pick([0, 1, 4, 5, 6, 7]), index()),
      () => register(0xd8, pick([0, 1, 4, 5, 6, 7]), index()),
      () => register(0xdc, pick([0, 1, 4, 5, 6, 7]), index()),
      () => memory(pick([0xd8, 0xdc, 0xda, 0xde]), random.below(8)),
      () => register(0xd9, 1, index()),
      () => register(0xd8, 2, index()),
      () => register(0xdb, pick([5, 6]), index()),
      () => register(pick([0xda, 0xdb]), random.below(4), index()),
      () => register(0xdd, pick([2, 4]), index()),
      () => memory(pick([0xd9, 0xdd, 0xdb, 0xdf]), 2),
      // FCHS FABS FTST FXAM FSQRT FRNDINT FSCALE FPREM FPREM1.
      () => bytes.push(0xd9, pick([0xe0, 0xe1, 0xe4, 0xe5, 0xfa, 0xfa, 0xfc, 0xfc, 0xfd, 0xf8, 0xf5])),
      // FNSTSW AX, FNSTSW and FNSTCW to memory, FWAIT, FNOP.
      () => bytes.push(0xdf, 0xe0),
      () => memory(pick([0xdd, 0xd9]), 7),
      () => bytes.push(...pick([[0x9b], [0xd9, 0xd0]])),
    ];
    pick(forms)();
  };
  /** MOV WORD [R14], word; FLDCW [R14]. */
  const setControl = (word: number): void => {
    bytes.push(0x66, 0x41, 0xc7, 0x06, word & 0xff, word >> 8, 0x41, 0xd9, 0x2e);
  };

  switch (random.below(12)) {
    case 0:
      // FNINIT, FNCLEX, EMMS.
      bytes.push(
        ...pick([
          [0xdb, 0xe3],
          [0xdb, 0xe3],
          [0xdb, 0xe2],
          [0x0f, 0x77],
        ]),
      );
      break;
    case 1:
      setControl(pick(random.below(6) === 0 ? CONTROL_WORDS : CONTROL_WORDS.slice(0, -2)));
      break;
    case 2:
      // FINCSTP, FDECSTP, FFREE, FFREEP.
      bytes.push(
        ...pick([
          [0xd9, 0xf7],
          [0xd9, 0xf6],
          [0xdd, 0xc0 | random.below(8)],
          [0xdf, 0xc0 | random.below(8)],
        ]),
      );
      break;
    default:
  }
  for (let n = random.below(3); n >= 0; n--) push();
  for (let n = random.below(5); n > 0; n--) {
    compute();
    if (random.below(5) === 0 && depth < 5) push();
  }
  if (random.below(10) !== 0) while (depth > 0) pop();
  // MOV EAX,[R14+4000h] faults: the last instruction and operand of the x87 are looked at then.
  if (random.below(80) === 0) bytes.push(0x41, 0x8b, 0x86, 0, 0x40, 0, 0);
  return bytes;
}
