// SSE moves, shuffles and packed integers as WebAssembly SIMD (SDM vol. 2; WebAssembly core 2.0, 5.4.9). Packed floats and their
// exceptions are in emit-float.ts. The MMX form of an instruction is the same SIMD instruction, whose upper half nobody looks at
// (emit-mmx.ts), unless its result depends on the width: those return false.

import type { Instruction } from '../decode/instruction.ts';
import { CF, ZF } from '../interpreter/flags.ts';
import { isMmx, moveMmx, moveMmxGeneral, pushMmx, pushMmxSource, setMmx } from './emit-mmx.ts';
import type { Emitter } from './place.ts';
import { Simd } from './simd.ts';
import type { Translator } from './translator.ts';
import { I64, Op, V128 } from './wasm.ts';

/** The source operand of a 16-byte instruction: pushes a v128. `aligned` as for all but the MOVU family. */
export function pushSource(t: Translator, i: Instruction, aligned = true): void {
  if (!i.memory) {
    t.getXmm(i.rm);
    return;
  }
  const at = t.access(i, 16, false, aligned);
  t.code.get(at.host);
  t.code.simdMemory(Simd.load, at.offset);
}

/** d = op(d, s) by one SIMD instruction; `lanes`: each lane of the result depends on the same lanes only. */
const binary =
  (opcode: number, lanes = true): Emitter =>
  (t, i) => {
    if (!lanes && isMmx(i)) return false;
    const source = t.temporary(V128);
    pushEither(t, i);
    t.code.set(source);
    pushTarget(t, i);
    t.code.get(source);
    t.code.simd(opcode);
    setTarget(t, i);
    return true;
  };

/** d = op(s). */
const unary =
  (opcode: number): Emitter =>
  (t, i) => {
    pushEither(t, i);
    t.code.simd(opcode);
    setTarget(t, i);
    return true;
  };

/** PANDN and its float names: not d, and s. */
const andNot: Emitter = (t, i) => {
  pushEither(t, i);
  pushTarget(t, i);
  t.code.simd(Simd.andNot);
  setTarget(t, i);
  return true;
};

/** PXOR of a register with itself is zero. */
const exclusiveOr: Emitter = (t, i) => {
  if (isMmx(i) || i.memory || i.reg !== i.rm) return binary(Simd.xor)(t, i);
  pushZero(t);
  t.setXmm(i.reg);
  return true;
};

/** The source, the destination, and where the result goes, in either register file. */
function pushEither(t: Translator, i: Instruction): void {
  if (isMmx(i)) pushMmxSource(t, i);
  else pushSource(t, i);
}
function pushTarget(t: Translator, i: Instruction): void {
  if (isMmx(i)) pushMmx(t, i.reg);
  else t.getXmm(i.reg);
}
function setTarget(t: Translator, i: Instruction): void {
  if (isMmx(i)) setMmx(t, i.reg);
  else t.setXmm(i.reg);
}

export function pushZero(t: Translator): void {
  pushConstant(t, new Array<number>(16).fill(0));
}
/** Pushes a v128 of 16 bytes. */
export function pushConstant(t: Translator, bytes: readonly number[]): void {
  t.code.simd(Simd.constant);
  for (const byte of bytes) t.code.op(byte & 0xff);
}

/** Bytes 0..15 are those of the first operand, 16..31 those of the second. */
function shuffle(t: Translator, lanes: readonly number[]): void {
  t.code.simd(Simd.shuffle);
  for (const lane of lanes) t.code.op(lane);
}

/** d = bytes chosen from d and s by what the immediate says. */
const shuffled =
  (lanes: (immediate: number) => readonly number[], sourceOnly = false, doubles = false): Emitter =>
  (t, i) => {
    if (i.row.operands[0] !== 'Vx') return false;
    const source = t.temporary(V128);
    pushSource(t, i);
    t.code.set(source);
    // Whole doubles change places: what is known of them stays true.
    const known = i.memory ? 0 : t.plain[i.rm];
    const plain = known === 24 && (sourceOnly || t.plain[i.reg] === 24) && doubles ? 24 : 0;
    if (sourceOnly) t.code.get(source);
    else t.getXmm(i.reg);
    t.code.get(source);
    shuffle(t, lanes(i.immediateLow & 0xff));
    t.setXmm(i.reg);
    t.plain[i.reg] = plain;
    return true;
  };

/** Byte lanes of elements of `size` bytes given by their numbers. */
function elements(size: number, numbers: readonly number[]): number[] {
  return numbers.flatMap((number) => Array.from({ length: size }, (_, byte) => number * size + byte));
}
const interleave = (size: number, high: boolean) => (): readonly number[] => {
  const half = 8 / size;
  const first = high ? half : 0;
  const numbers: number[] = [];
  for (let n = 0; n < half; n++) numbers.push(first + n, first + n + 16 / size);
  return elements(size, numbers);
};
/** PUNPCKL: the lower half of a wide result is the narrow one. */
const interleaveLow =
  (size: number): Emitter =>
  (t, i) => {
    if (!isMmx(i)) return shuffled(interleave(size, false))(t, i);
    const source = t.temporary(V128);
    pushMmxSource(t, i);
    t.code.set(source);
    pushMmx(t, i.reg);
    t.code.get(source);
    shuffle(t, interleave(size, false)());
    setMmx(t, i.reg);
    return true;
  };
const field = (immediate: number, n: number): number => (immediate >> (2 * n)) & 3;

/** PSRLDQ, PSLLDQ: whole bytes. */
const shiftBytes =
  (left: boolean): Emitter =>
  (t, i) => {
    const count = Math.min(16, i.immediateLow & 0xff);
    if (left) pushZero(t);
    t.getXmm(i.rm);
    if (!left) pushZero(t);
    shuffle(
      t,
      Array.from({ length: 16 }, (_, n) => (left ? 16 - count + n : count + n)),
    );
    t.setXmm(i.rm);
    return true;
  };

const alignRight: Emitter = (t, i) => {
  if (i.row.operands[0] !== 'Vx') return false;
  const count = i.immediateLow & 0xff;
  if (count > 16) return false;
  pushSource(t, i);
  t.getXmm(i.reg);
  shuffle(
    t,
    Array.from({ length: 16 }, (_, n) => n + count),
  );
  t.setXmm(i.reg);
  return true;
};

const shuffleBytes: Emitter = (t, i) => {
  if (i.row.operands[0] !== 'Vx') return false;
  const source = t.temporary(V128);
  pushSource(t, i);
  // An index with bit 7 gives 0, as every index above 15 does in WebAssembly; bits 4 to 6 do not count.
  pushConstant(t, new Array<number>(16).fill(0x8f));
  t.code.simd(Simd.and);
  t.code.set(source);
  t.getXmm(i.reg);
  t.code.get(source);
  t.code.simd(Simd.swizzle);
  t.setXmm(i.reg);
  return true;
};

/** Shifts of elements by an immediate. */
const shiftElements =
  (opcode: number, bits: number, arithmetic: boolean): Emitter =>
  (t, i) => {
    if (i.row.operands[1] !== 'Ib') return false;
    const mmx = isMmx(i);
    if (mmx) t.x87.begin();
    const count = i.immediateLow & 0xff;
    if (count >= bits && !arithmetic) pushZero(t);
    else {
      if (mmx) pushMmx(t, i.rm);
      else t.getXmm(i.rm);
      t.code.i32(Math.min(count, bits - 1));
      t.code.simd(opcode);
    }
    if (mmx) setMmx(t, i.rm);
    else t.setXmm(i.rm);
    return true;
  };

/** PMULHW, PMULHUW: upper halves of 16-bit products. */
const multiplyHigh =
  (low: number, high: number): Emitter =>
  (t, i) => {
    const source = t.temporary(V128);
    pushEither(t, i);
    t.code.set(source);
    for (const opcode of [low, high]) {
      pushTarget(t, i);
      t.code.get(source);
      t.code.simd(opcode);
    }
    shuffle(t, elements(2, [1, 3, 5, 7, 9, 11, 13, 15]));
    setTarget(t, i);
    return true;
  };

/** PMULUDQ, PMULDQ: the even 32-bit elements. */
const multiplyEven =
  (opcode: number): Emitter =>
  (t, i) => {
    const source = t.temporary(V128);
    pushEither(t, i);
    t.code.set(source);
    const even = (push: () => void): void => {
      push();
      push();
      shuffle(t, elements(4, [0, 2, 0, 2]));
    };
    even(() => pushTarget(t, i));
    even(() => t.code.get(source));
    t.code.simd(opcode);
    setTarget(t, i);
    return true;
  };

/** PMOVSX, PMOVZX from 8 bytes. */
const widen =
  (opcode: number): Emitter =>
  (t, i) => {
    if (i.memory) {
      const at = t.access(i, 8, false);
      t.code.get(at.host);
      t.code.simdMemory(Simd.load64Zero, at.offset);
    } else t.getXmm(i.rm);
    t.code.simd(opcode);
    t.setXmm(i.reg);
    return true;
  };

const moveMask =
  (opcode: number): Emitter =>
  (t, i) => {
    if (i.row.operands[1] !== 'Ux') return false;
    t.getXmm(i.rm);
    t.code.simd(opcode);
    t.code.op(Op.i64ExtendI32U);
    t.setGeneral(i.reg);
    return true;
  };

const test: Emitter = (t, i) => {
  const { code } = t;
  const source = t.temporary(V128);
  pushSource(t, i);
  code.set(source);
  code.get(t.flagWord);
  code.i32(~0x8d5);
  code.op(Op.i32And);
  code.get(source);
  t.getXmm(i.reg);
  code.simd(Simd.and);
  code.simd(Simd.anyTrue);
  code.op(Op.i32Eqz);
  code.i32(Math.log2(ZF));
  code.op(Op.i32Shl);
  code.op(Op.i32Or);
  code.get(source);
  t.getXmm(i.reg);
  code.simd(Simd.andNot);
  code.simd(Simd.anyTrue);
  code.op(Op.i32Eqz);
  code.i32(Math.log2(CF));
  code.op(Op.i32Shl);
  code.op(Op.i32Or);
  code.set(t.flagWord);
  t.setFlagBits();
  return true;
};

// ------------------------------------------------------------------------------------------------------- moves

/** Whole registers; `aligned` for MOVAPS, MOVDQA and the non-temporal stores. */
const moveWhole =
  (aligned: boolean): Emitter =>
  (t, i) => {
    const first = i.row.operands[0];
    if (first === 'Vx') {
      const plain = i.memory ? 0 : t.plain[i.rm];
      pushSource(t, i, aligned);
      t.setXmm(i.reg);
      t.plain[i.reg] = plain;
      return true;
    }
    if (!i.memory) {
      t.getXmm(i.reg);
      t.setXmm(i.rm);
      return true;
    }
    const at = t.access(i, 16, true, aligned);
    t.code.get(at.host);
    t.getXmm(i.reg);
    t.code.simdMemory(Simd.store, at.offset);
    return true;
  };

/** MOVSS, MOVSD: a load clears the rest, a register move keeps it. */
const moveScalar =
  (size: 4 | 8): Emitter =>
  (t, i) => {
    const { code } = t;
    const load = i.row.operands[0] === 'Vx';
    const extract = size === 4 ? Simd.i32x4Extract : Simd.i64x2Extract;
    const replace = size === 4 ? Simd.f32x4Replace : Simd.f64x2Replace;
    const extractFloat = size === 4 ? Simd.f32x4Extract : Simd.f64x2Extract;
    if (i.memory && load) {
      const at = t.access(i, size, false);
      code.get(at.host);
      code.simdMemory(size === 4 ? Simd.load32Zero : Simd.load64Zero, at.offset);
      t.setXmm(i.reg);
    } else if (i.memory) {
      const at = t.access(i, size, true);
      code.get(at.host);
      t.getXmm(i.reg);
      code.simdLane(extract, 0);
      code.memory(size === 4 ? Op.i32Store : Op.i64Store, at.offset);
    } else {
      const [target, source] = load ? [i.reg, i.rm] : [i.rm, i.reg];
      // Of a double's four low bytes nothing is known.
      const plain = (t.plain[source] & 15) <= size ? t.plain[source] : 0;
      t.getXmm(target);
      t.getXmm(source);
      // Lanes are moved as they are: no NaN changes on the way.
      code.simdLane(extractFloat, 0);
      code.simdLane(replace, 0);
      const all = t.plain[target] === (16 | size) && plain !== 0 && (plain & 15) === size;
      t.setXmm(target);
      t.plain[target] = all ? 16 | size : plain & 15;
    }
    return true;
  };

/** MOVQ between XMM registers and memory: the upper half becomes 0. */
const moveQuad: Emitter = (t, i) => {
  const { code } = t;
  if (i.row.operands.includes('Pq')) return moveMmx(t, i);
  const load = i.row.operands[0] === 'Vx';
  if (!load && i.row.operands[1] !== 'Vx') return false;
  if (load && i.row.operands[1] !== 'Wq') return false;
  if (i.memory) return moveScalar(8)(t, i);
  const [target, source] = load ? [i.reg, i.rm] : [i.rm, i.reg];
  const plain = t.plain[source];
  pushZero(t);
  t.getXmm(source);
  code.simdLane(Simd.i64x2Extract, 0);
  code.simdLane(Simd.i64x2Replace, 0);
  t.setXmm(target);
  // The upper half is zero.
  t.plain[target] = (plain & 15) === 8 ? 24 : 0;
  return true;
};

/** MOVD, MOVQ between XMM and general registers. */
const moveGeneral: Emitter = (t, i) => {
  const { code } = t;
  if (i.row.operands.includes('Pq')) return moveMmxGeneral(t, i);
  const [first, second] = i.row.operands;
  const size = i.rexW ? 8 : 4;
  if (first === 'Vx' && second === 'Ey') {
    if (i.memory) {
      const at = t.access(i, size, false);
      code.get(at.host);
      code.simdMemory(size === 4 ? Simd.load32Zero : Simd.load64Zero, at.offset);
    } else {
      pushZero(t);
      t.getGeneral(i.rm);
      if (size === 4) code.op(Op.i32WrapI64);
      code.simdLane(size === 4 ? Simd.i32x4Replace : Simd.i64x2Replace, 0);
    }
    t.setXmm(i.reg);
    return true;
  }
  if (first !== 'Ey' || second !== 'Vx') return false;
  if (i.memory) {
    const at = t.access(i, size, true);
    code.get(at.host);
    t.getXmm(i.reg);
    code.simdLane(size === 4 ? Simd.i32x4Extract : Simd.i64x2Extract, 0);
    code.memory(size === 4 ? Op.i32Store : Op.i64Store, at.offset);
    return true;
  }
  t.getXmm(i.reg);
  code.simdLane(size === 4 ? Simd.i32x4Extract : Simd.i64x2Extract, 0);
  if (size === 4) code.op(Op.i64ExtendI32U);
  t.setGeneral(i.rm);
  return true;
};

/** MOVLPS, MOVHPS (and the pd names): one half, to or from memory. */
const moveHalf =
  (half: 0 | 1): Emitter =>
  (t, i) => {
    const { code } = t;
    if (i.row.operands[0] === 'Vx') {
      const at = t.access(i, 8, false);
      code.get(at.host);
      t.getXmm(i.reg);
      code.simd(Simd.load64Lane);
      code.op(0);
      code.unsigned(at.offset);
      code.op(half);
      t.setXmm(i.reg);
    } else {
      const at = t.access(i, 8, true);
      code.get(at.host);
      t.getXmm(i.reg);
      code.simdLane(Simd.i64x2Extract, half);
      code.memory(Op.i64Store, at.offset);
    }
    return true;
  };

/** MOVDDUP: the low double twice. */
const moveDouble: Emitter = (t, i) => {
  if (i.memory) {
    const at = t.access(i, 8, false);
    t.code.get(at.host);
    t.code.simdMemory(0x0a, at.offset);
  } else {
    t.getXmm(i.rm);
    t.getXmm(i.rm);
    shuffle(t, elements(8, [0, 0]));
  }
  t.setXmm(i.reg);
  return true;
};

/** PINSRB/W/D/Q. */
const insert: Emitter = (t, i) => {
  const { code } = t;
  if (i.row.operands[0] !== 'Vx') return false;
  const operation = i.row.operation;
  const size = operation === 'pinsrb' ? 1 : operation === 'pinsrw' ? 2 : i.rexW ? 8 : 4;
  const lane = i.immediateLow & 0xff & (16 / size - 1);
  const value = t.temporary(I64);
  if (i.memory) t.loadRaw(size, t.access(i, size, false));
  else t.getGeneral(i.rm);
  code.set(value);
  t.getXmm(i.reg);
  code.get(value);
  if (size !== 8) code.op(Op.i32WrapI64);
  code.simdLane(
    size === 1
      ? Simd.i8x16Replace
      : size === 2
        ? Simd.i16x8Replace
        : size === 4
          ? Simd.i32x4Replace
          : Simd.i64x2Replace,
    lane,
  );
  t.setXmm(i.reg);
  return true;
};

/** PEXTRB/W/D/Q, EXTRACTPS. */
const extract: Emitter = (t, i) => {
  const { code } = t;
  const operation = i.row.operation;
  const size = operation === 'pextrb' ? 1 : operation === 'pextrw' ? 2 : operation === 'pextrd' && i.rexW ? 8 : 4;
  const [first, second] = i.row.operands;
  if (second !== 'Vx' && second !== 'Ux') return false;
  const lane = i.immediateLow & 0xff & (16 / size - 1);
  // The form 0F C5 has the general register in ModRM.reg.
  const legacy = first === 'Gd';
  const xmm = legacy ? i.rm : i.reg;
  const value = t.temporary(I64);
  const at = i.memory ? t.access(i, size, true) : null;
  t.getXmm(xmm);
  code.simdLane(
    size === 1
      ? Simd.i8x16Extract
      : size === 2
        ? Simd.i16x8Extract
        : size === 4
          ? Simd.i32x4Extract
          : Simd.i64x2Extract,
    lane,
  );
  if (size !== 8) code.op(Op.i64ExtendI32U);
  code.set(value);
  if (at !== null) t.storeRaw(size, at, value);
  else {
    code.get(value);
    t.setGeneral(legacy ? i.reg : i.rm);
  }
  return true;
};

export const sseEmitters: { readonly [operation: string]: Emitter } = {
  movaps: moveWhole(true),
  movapd: moveWhole(true),
  movdqa: moveWhole(true),
  movntps: moveWhole(true),
  movntpd: moveWhole(true),
  movntdq: moveWhole(true),
  movntdqa: moveWhole(true),
  movups: moveWhole(false),
  movupd: moveWhole(false),
  movdqu: moveWhole(false),
  lddqu: moveWhole(false),
  movss: moveScalar(4),
  movsd: moveScalar(8),
  movq: moveQuad,
  movd: moveGeneral,
  movlps: moveHalf(0),
  movhps: moveHalf(1),
  movhlps: shuffled(() => elements(8, [3, 1]), false, true),
  movlhps: shuffled(() => elements(8, [0, 2]), false, true),
  movddup: moveDouble,
  movsldup: shuffled(() => elements(4, [0, 0, 2, 2]), true),
  movshdup: shuffled(() => elements(4, [1, 1, 3, 3]), true),
  movmskps: moveMask(Simd.i32x4Bitmask),
  movmskpd: moveMask(Simd.i64x2Bitmask),
  pmovmskb: moveMask(Simd.i8x16Bitmask),
  andps: binary(Simd.and),
  andpd: binary(Simd.and),
  pand: binary(Simd.and),
  andnps: andNot,
  andnpd: andNot,
  pandn: andNot,
  orps: binary(Simd.or),
  orpd: binary(Simd.or),
  por: binary(Simd.or),
  xorps: exclusiveOr,
  xorpd: exclusiveOr,
  pxor: exclusiveOr,
  paddb: binary(0x6e),
  paddw: binary(0x8e),
  paddd: binary(0xae),
  paddq: binary(0xce),
  psubb: binary(0x71),
  psubw: binary(0x91),
  psubd: binary(0xb1),
  psubq: binary(0xd1),
  paddsb: binary(0x6f),
  paddsw: binary(0x8f),
  paddusb: binary(0x70),
  paddusw: binary(0x90),
  psubsb: binary(0x72),
  psubsw: binary(0x92),
  psubusb: binary(0x73),
  psubusw: binary(0x93),
  pmullw: binary(0x95),
  pmulld: binary(0xb5),
  pmaddwd: binary(0xba),
  pmulhw: multiplyHigh(0xbc, 0xbd),
  pmulhuw: multiplyHigh(0xbe, 0xbf),
  pmuludq: multiplyEven(0xde),
  pmuldq: multiplyEven(0xdc),
  pminub: binary(0x77),
  pmaxub: binary(0x79),
  pminsw: binary(0x96),
  pmaxsw: binary(0x98),
  pminsb: binary(0x76),
  pmaxsb: binary(0x78),
  pminuw: binary(0x97),
  pmaxuw: binary(0x99),
  pminsd: binary(0xb6),
  pmaxsd: binary(0xb8),
  pminud: binary(0xb7),
  pmaxud: binary(0xb9),
  pavgb: binary(0x7b),
  pavgw: binary(0x9b),
  pcmpeqb: binary(0x23),
  pcmpeqw: binary(0x2d),
  pcmpeqd: binary(0x37),
  pcmpeqq: binary(0xd6),
  pcmpgtb: binary(0x27),
  pcmpgtw: binary(0x31),
  pcmpgtd: binary(0x3b),
  pcmpgtq: binary(0xd9),
  packsswb: binary(0x65, false),
  packuswb: binary(0x66, false),
  packssdw: binary(0x85, false),
  packusdw: binary(0x86),
  pabsb: unary(0x60),
  pabsw: unary(0x80),
  pabsd: unary(0xa0),
  punpcklbw: interleaveLow(1),
  punpcklwd: interleaveLow(2),
  punpckldq: interleaveLow(4),
  punpcklqdq: shuffled(interleave(8, false)),
  punpckhbw: shuffled(interleave(1, true)),
  punpckhwd: shuffled(interleave(2, true)),
  punpckhdq: shuffled(interleave(4, true)),
  punpckhqdq: shuffled(interleave(8, true)),
  unpcklps: shuffled(interleave(4, false)),
  unpckhps: shuffled(interleave(4, true)),
  unpcklpd: shuffled(interleave(8, false), false, true),
  unpckhpd: shuffled(interleave(8, true), false, true),
  pshufd: shuffled((imm) => elements(4, [field(imm, 0), field(imm, 1), field(imm, 2), field(imm, 3)]), true),
  pshuflw: shuffled(
    (imm) => elements(2, [field(imm, 0), field(imm, 1), field(imm, 2), field(imm, 3), 4, 5, 6, 7]),
    true,
  ),
  pshufhw: shuffled(
    (imm) => elements(2, [0, 1, 2, 3, 4 + field(imm, 0), 4 + field(imm, 1), 4 + field(imm, 2), 4 + field(imm, 3)]),
    true,
  ),
  shufps: shuffled((imm) => elements(4, [field(imm, 0), field(imm, 1), 4 + field(imm, 2), 4 + field(imm, 3)])),
  shufpd: shuffled((imm) => elements(8, [imm & 1, 2 + ((imm >> 1) & 1)]), false, true),
  psrldq: shiftBytes(false),
  pslldq: shiftBytes(true),
  palignr: alignRight,
  pshufb: shuffleBytes,
  psrlw: shiftElements(0x8d, 16, false),
  psrld: shiftElements(0xad, 32, false),
  psrlq: shiftElements(0xcd, 64, false),
  psllw: shiftElements(0x8b, 16, false),
  pslld: shiftElements(0xab, 32, false),
  psllq: shiftElements(0xcb, 64, false),
  psraw: shiftElements(0x8c, 16, true),
  psrad: shiftElements(0xac, 32, true),
  pmovsxbw: widen(0x87),
  pmovzxbw: widen(0x89),
  pmovsxwd: widen(0xa7),
  pmovzxwd: widen(0xa9),
  pmovsxdq: widen(0xc7),
  pmovzxdq: widen(0xc9),
  ptest: test,
  pinsrb: insert,
  pinsrw: insert,
  pinsrd: insert,
  pextrb: extract,
  pextrw: extract,
  pextrd: extract,
  extractps: extract,
};
