// Memory operands of snippets: where they lie, how they are encoded, and what is put there. The encoding is fixed for a snippet;
// where the operand lies and what it holds is chosen anew for each vector.

import type { InstructionRow, OperandForm } from '../../../devices/cpu/table/row.ts';
import {
  CODE_PAGE,
  GS_BASE,
  GUARD_PAGE,
  READ_ONLY_PAGE,
  type VectorState,
  WINDOW_ADDRESS,
  WINDOW_BYTES,
} from './layout.ts';
import { fxControl, Pool, type Random } from './values.ts';

/** Bytes that a memory operand of this form takes. */
export function memoryBytes(row: InstructionRow, form: OperandForm, rexW: boolean, small: boolean): number {
  if (row.operation === 'fxsave' || row.operation === 'fxrstor') return 512;
  if (row.operation === 'fnsave' || row.operation === 'frstor') return small ? 94 : 108;
  if (row.operation === 'fnstenv' || row.operation === 'fldenv') return small ? 14 : 28;
  const suffix = form.charAt(1);
  if (suffix === 'v') return row.default64 === true && !small ? 8 : rexW ? 8 : small ? 2 : 4;
  if (suffix === 'y') return rexW ? 8 : 4;
  return { b: 1, w: 2, d: 4, q: 8, t: 10, x: 16 }[suffix] ?? 16;
}

/** Where an operand shall lie: mostly in the window, sometimes across a page, read-only or missing. */
export function chooseAddress(random: Random, size: number, alignment: number): number {
  const kind = random.below(100);
  const room = WINDOW_BYTES - size;
  if (kind < 3) return GUARD_PAGE - random.below(size + 1);
  if (kind < 5) return READ_ONLY_PAGE + random.below(64) * 16;
  if (room <= 0) return WINDOW_ADDRESS + (kind < 15 ? random.below(16) : 0);
  if (kind < 15) return WINDOW_ADDRESS + 256 - random.below(size + 1);
  if (kind < 25) return WINDOW_ADDRESS + random.below(room);
  return WINDOW_ADDRESS + (random.below(room) & -alignment);
}

/** An address where only INT3 stands, now and then one that is not canonical. */
export function chooseBranchTarget(random: Random): bigint {
  return random.chance(4) ? random.bits64() | (1n << 62n) : BigInt(CODE_PAGE + 0x400 + random.below(0x800));
}

/** How one memory operand is encoded. */
export interface MemoryOperand {
  readonly rexBits: number;
  /** Its ModRM, SIB and displacement; a RIP-relative displacement is left zero. */
  readonly bytes: readonly number[];
  /** Position of a RIP-relative displacement in `bytes`, -1 if there is none. */
  readonly ripRelativeAt: number;
  /** The only address that the encoding can mean. */
  readonly fixedTarget?: number;
  /** Sets base and index so that the address is `target`. */
  readonly place: (state: VectorState, random: Random, target: number) => void;
}

function little(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}

export interface AddressForm {
  /** ModRM.reg with its REX bit. */
  readonly reg: number;
  /** Registers that are taken; the operand's own are added. */
  readonly used: Set<number>;
  /** GS override. */
  readonly gs: boolean;
  /** Prefix 67. */
  readonly address32: boolean;
  /** Where the operand shall lie if its address is fixed. */
  readonly target: number;
}

/** Chooses an encoding for a memory operand. */
export function encodeMemory(random: Random, form: AddressForm): MemoryOperand {
  const { used, gs, address32 } = form;
  const rexR = (form.reg & 8) >> 1;
  const field = (form.reg & 7) << 3;
  const segment = gs ? GS_BASE : 0;
  const nothing = (): void => {};
  const kind = random.below(10);
  if (kind === 0 && !gs)
    return {
      rexBits: rexR,
      bytes: [field | 5, 0, 0, 0, 0],
      ripRelativeAt: 1,
      fixedTarget: form.target,
      place: nothing,
    };
  if (kind === 1)
    return {
      rexBits: rexR,
      bytes: [field | 4, 0x25, ...little(form.target - segment)],
      ripRelativeAt: -1,
      fixedTarget: form.target,
      place: nothing,
    };
  const free = (): number => {
    for (;;) {
      const number = random.below(16);
      if (!used.has(number)) return number;
    }
  };
  const base = free();
  used.add(base);
  let displacementKind = random.below(3);
  if (displacementKind === 0 && (base & 7) === 5) displacementKind = 1;
  const displacement =
    displacementKind === 0
      ? 0
      : displacementKind === 1
        ? random.below(256) - 128
        : (random.next() | 0) >> random.below(20);
  let index = random.chance(40) ? free() : -1;
  if (index === 4) index = -1;
  if (index >= 0) used.add(index);
  const scale = random.below(4);
  const sib = index >= 0 || (base & 7) === 4;
  const bytes = [(displacementKind << 6) | field | (sib ? 4 : base & 7)];
  if (sib) bytes.push((scale << 6) | ((index >= 0 ? index & 7 : 4) << 3) | (base & 7));
  if (displacementKind === 1) bytes.push(displacement & 0xff);
  else if (displacementKind === 2) bytes.push(...little(displacement));
  const constant = BigInt(displacement) + BigInt(segment);
  return {
    rexBits: rexR | ((base & 8) >> 3) | (index >= 0 ? (index & 8) >> 2 : 0),
    bytes,
    ripRelativeAt: -1,
    place: (state, random, target) => {
      let address = BigInt(target) - constant;
      if (index >= 0) {
        // What the register holds anyway, or something small.
        if (random.chance(70)) state.setGeneralNumber(index, random.below(256));
        address -= state.general(index) << BigInt(scale);
      }
      // With 32-bit addresses the upper half is ignored: anything may stand there.
      if (address32) address = BigInt.asUintN(32, address) | (BigInt(random.next()) << 32n);
      state.setGeneral(base, BigInt.asUintN(64, address));
    },
  };
}

type Planter = (view: DataView, at: number, random: Random, pool: Pool) => void;

const plantControl: Planter = (view, at, random) => {
  view.setUint32(at, random.chance(90) ? random.below(0x10000) : random.next() & ~0x20000, true);
};
const plantImage: Planter = (view, at, random) => {
  fxControl(random, view, at);
  if (random.chance(5)) view.setUint8(at + 27, 1);
};
const plantDecimal: Planter = (view, at, random) => {
  for (let n = 0; n < 9; n++) view.setUint8(at + n, random.below(10) | (random.below(10) << 4));
  view.setUint8(at + 9, random.below(2) << 7);
};
const plantTarget: Planter = (view, at, random) => view.setBigUint64(at, chooseBranchTarget(random), true);
const plantExtended: Planter = (view, at, random, pool) => {
  const from = random.below(Pool.size) * 4;
  view.setUint32(at, pool.extended[from], true);
  view.setUint32(at + 4, pool.extended[from + 1], true);
  view.setUint16(at + 8, pool.extended[from + 2], true);
};
const plantFloats32 =
  (size: number): Planter =>
  (view, at, random, pool) => {
    for (let n = 0; n + 4 <= size; n += 4) view.setUint32(at + n, pool.floats32[random.below(Pool.size)], true);
  };
const plantFloats64 =
  (size: number): Planter =>
  (view, at, random, pool) => {
    for (let n = 0; n + 8 <= size; n += 8) {
      const from = random.below(Pool.size) * 2;
      view.setUint32(at + n, pool.floats64[from], true);
      view.setUint32(at + n + 4, pool.floats64[from + 1], true);
    }
  };

/** What puts a value that suits the row where its operand of `size` bytes will be read; undefined if anything suits it. */
export function planterOf(row: InstructionRow, size: number): Planter | undefined {
  if (row.operation === 'ldmxcsr') return plantControl;
  if (row.operation === 'fxrstor') return plantImage;
  if (row.operation === 'fbld') return plantDecimal;
  if (row.operation === 'callIndirect' || row.operation === 'jmpIndirect') return plantTarget;
  if (size === 10) return plantExtended;
  if (/(ps|ss)\w*$/.test(row.operation) || (row.feature === 'x87' && size === 4)) return plantFloats32(size);
  if (/(pd|sd)\w*$/.test(row.operation) || (row.feature === 'x87' && size === 8)) return plantFloats64(size);
  return undefined;
}
