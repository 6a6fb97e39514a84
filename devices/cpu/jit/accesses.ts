// Memory operands: addresses, TLB look-ups inline. A miss leaves the region, and the interpreter executes that instruction.
//
// Accesses of one block through the same base register within 256 bytes share one look-up. Which they are is known after the first
// pass over the block.

import { COMPILED_INDEX_MASK, COMPILED_INDEX_SHIFT } from '../../mmu/compiled-table.ts';
import type { Instruction } from '../decode/instruction.ts';
import { FDP, FS_BASE, GS_BASE, ZERO } from '../state-layout.ts';
import { Exits } from './exits.ts';
import type { FlagState, RegisterMoves } from './flag-code.ts';
import { TLB_PHYSICAL, TLB_READ_OFFSET, TLB_WRITE_OFFSET } from './layout.ts';
import { addressKey } from './region.ts';
import type { Extension } from './registers.ts';
import { I32, I64, Op } from './wasm.ts';

/** A place in guest memory that may be accessed now: i32 local plus constant offset. */
export interface MemoryReference {
  readonly host: number;
  readonly offset: number;
}

/** An address known at the start of a block: registers as they are there (null: none), segment base, and a displacement. */
interface BlockAddress {
  readonly base: Term | null;
  readonly index: Term | null;
  readonly scale: number;
  readonly segment: number;
}

/** A register, or what is made of one. */
type Term = number | Extension;

interface AccessRecord {
  readonly address: BlockAddress | null;
  readonly key: string;
  readonly displacement: number;
  readonly size: number;
  readonly write: boolean;
  readonly instruction: number;
}

export interface AccessGroup {
  /** Null: not known at the start of the block. */
  readonly address: BlockAddress | null;
  low: number;
  high: number;
  write: boolean;
  /** How many accesses it is for. */
  members: number;
  /** Local that holds the host address of `low`; -1 until the look-up. */
  host: number;
}

/** What the first pass finds out about a block. */
export interface BlockPlan {
  readonly accesses: readonly AccessGroup[];
  /** Some instruction is executed by its handler. */
  readonly callsHandler: boolean;
  /** Per instruction: it may leave the region. */
  readonly mayExit: readonly boolean[];
  /** The flags at the end; null = as at the start, as far as the registers still say. */
  readonly flagsOut: FlagState | null;
  readonly moves: RegisterMoves;
  /** The kind at the end is due to `materialize`, which depends on the kind at the start. */
  readonly flagsDepend: boolean;
}

/** A page that compiled code has looked up: its virtual address (i64) and where it lies in the memory (i32). */
export interface PageLocals {
  readonly virtual: number;
  readonly host: number;
}

export const PAGE_BYTES = 4096;
/** One look-up serves accesses within so many bytes; more would cross pages too often. */
const GROUP_SPAN = 256;

export interface TranslatorOptions {
  /** Byte offset of the host area in the memory. */
  readonly hostArea: number;
  /** Addresses of instructions whose accesses look up for themselves: their group crossed a page too often. */
  readonly ungrouped: ReadonlySet<number>;
  /** Loops keep pages in locals (pages.ts). */
  readonly keepsPages: boolean;
}

export class Accesses extends Exits {
  protected readonly options: TranslatorOptions;
  protected readonly fsBase = this.newLocal(I64);
  protected readonly gsBase = this.newLocal(I64);
  protected usesFs = false;
  protected usesGs = false;
  /** Of the block being translated; null in the first pass. */
  protected plan: BlockPlan | null = null;
  protected records: AccessRecord[] = [];
  /** Number of the next memory access of the block, and of the first one of the current instruction. */
  nextAccess = 0;
  firstAccess = 0;

  constructor(options: TranslatorOptions) {
    super(options.hostArea);
    this.options = options;
  }

  /** Pushes the immediate operand, sign-extended. */
  pushImmediate(i: Instruction): void {
    this.code.i64Pair(i.immediateLow, i.immediateHigh);
  }

  /** Pushes the effective address without segment (LEA). */
  pushOffset(i: Instruction): void {
    const { code } = this;
    let empty = true;
    if (i.base !== ZERO) {
      this.getGeneral(i.base >> 1);
      empty = false;
    }
    if (i.addressIndex !== ZERO) {
      this.getGeneral(i.addressIndex >> 1);
      if (i.scale !== 0) {
        code.i64(i.scale);
        code.op(Op.i64Shl);
      }
      if (!empty) code.op(Op.i64Add);
      empty = false;
    }
    if (empty) code.i64Pair(i.displacementLow, i.displacementHigh);
    else if ((i.displacementLow | i.displacementHigh) !== 0) {
      code.i64Pair(i.displacementLow, i.displacementHigh);
      code.op(Op.i64Add);
    }
    if (i.address32) {
      code.op(Op.i32WrapI64);
      code.op(Op.i64ExtendI32U);
    }
  }

  /** Pushes the linear address of the memory operand. */
  protected pushAddress(i: Instruction): void {
    this.pushOffset(i);
    this.addSegment(i.segment);
  }
  private addSegment(segment: number): void {
    if (segment === FS_BASE) {
      this.usesFs = true;
      this.code.get(this.fsBase);
      this.code.op(Op.i64Add);
    } else if (segment === GS_BASE) {
      this.usesGs = true;
      this.code.get(this.gsBase);
      this.code.op(Op.i64Add);
    }
  }

  /** Writes the linear address of the memory operand to FDP. */
  storeOperandAddress(i: Instruction): void {
    this.code.i32(0);
    this.pushAddress(i);
    this.storePushedPair(FDP);
  }

  /** The memory operand, checked for `size` bytes: leaves the region if the TLB does not know it. `aligned`: also if it is not a multiple of the size. */
  access(i: Instruction, size: number, write: boolean, aligned = false): MemoryReference {
    if (aligned) this.checkAligned(i, size);
    const base = i.base >> 1;
    const hasBase = i.base !== ZERO;
    const hasIndex = i.addressIndex !== ZERO;
    let displacement = i.displacementHigh * 0x1_0000_0000 + (i.displacementLow >>> 0);
    let key: string;
    let address: BlockAddress | null = null;
    if (i.address32) key = '';
    else {
      if (hasBase) displacement += this.rootOffset[base];
      if (hasIndex) displacement += this.rootOffset[i.addressIndex >> 1] * 2 ** i.scale;
      key = `${hasBase ? this.root[base] : ''}.${hasIndex ? `${this.root[i.addressIndex >> 1]}*${i.scale}` : ''}.${i.segment}`;
      // Constant addresses: those of one page.
      if (!hasBase && !hasIndex) key += Math.floor(displacement / 4096);
      address = this.addressAtStart(
        hasBase ? base : -1,
        hasIndex ? i.addressIndex >> 1 : -1,
        i.scale,
        i.segment,
        displacement,
      );
    }
    return this.accessAt(key, address, displacement, size, write, () => this.pushAddress(i));
  }

  /** Leaves the region if the address is not a multiple of `size`. */
  protected checkAligned(i: Instruction, size: number): void {
    this.exitBegin();
    this.pushAddress(i);
    this.code.op(Op.i32WrapI64);
    this.code.i32(size - 1);
    this.code.op(Op.i32And);
    this.exitIf();
  }

  /** [register + constant]. */
  accessRegister(number: number, delta: number, size: number, write: boolean): MemoryReference {
    const root = this.root[number];
    const displacement = this.rootOffset[number] + delta;
    const address = this.addressAtStart(number, -1, 0, ZERO, displacement);
    return this.accessAt(`${root}..${ZERO}`, address, displacement, size, write, () => {
      this.getGeneral(number);
      if (delta !== 0) {
        this.code.i64(delta);
        this.code.op(Op.i64Add);
      }
    });
  }

  /** From the registers (-1: none) that the address has now. */
  private addressAtStart(
    baseRegister: number,
    indexRegister: number,
    scale: number,
    segment: number,
    displacement: number,
  ): BlockAddress | null {
    const base = this.termAtStart(baseRegister);
    const index = this.termAtStart(indexRegister);
    if (base === undefined || index === undefined || displacement !== (displacement | 0)) return null;
    return { base, index, scale, segment };
  }
  /** The unknown part of a register's value, if the start of the block knows it. Roots below 16 are the registers there. */
  private termAtStart(register: number): Term | null | undefined {
    if (register < 0) return null;
    const root = this.root[register];
    return root < 16 ? root : this.extensions.get(root);
  }
  private pushTerm(term: Term): void {
    const { code } = this;
    if (typeof term === 'number') {
      this.getGeneral(term);
      return;
    }
    this.getGeneral(term.register);
    code.op(Op.i32WrapI64);
    if (term.offset !== 0) {
      code.i32(term.offset);
      code.op(Op.i32Add);
    }
    code.op(term.signed ? Op.i64ExtendI32S : Op.i64ExtendI32U);
  }
  /** At the start of the block: pushes the address of a group's first byte. */
  protected pushGroupAddress(group: AccessGroup): void {
    const { code } = this;
    const { base, index, scale, segment } = group.address as BlockAddress;
    code.i64(group.low);
    if (base !== null) {
      this.pushTerm(base);
      code.op(Op.i64Add);
    }
    if (index !== null) {
      this.pushTerm(index);
      if (scale !== 0) {
        code.i64(scale);
        code.op(Op.i64Shl);
      }
      code.op(Op.i64Add);
    }
    this.addSegment(segment);
  }

  protected accessAt(
    key: string,
    address: BlockAddress | null,
    displacement: number,
    size: number,
    write: boolean,
    push: () => void,
  ): MemoryReference {
    const number = this.nextAccess++;
    let group: AccessGroup;
    if (this.plan === null) {
      this.records.push({ key, address, displacement, size, write, instruction: this.index });
      group = { address, low: displacement, high: displacement + size, write, members: 1, host: -1 };
    } else group = this.plan.accesses[number];
    if (group.host < 0) this.lookUp(group, displacement, size, push);
    return { host: group.host, offset: displacement - group.low };
  }

  protected tableOf(group: { readonly write: boolean }): number {
    return this.hostArea + (group.write ? TLB_WRITE_OFFSET : TLB_READ_OFFSET);
  }
  private lookUp(group: AccessGroup, displacement: number, size: number, push: () => void): void {
    const { code } = this;
    const pushFirst = (): void => {
      push();
      if (group.low === displacement) return;
      code.i64(group.low - displacement);
      code.op(Op.i64Add);
    };
    const shared = group.high - group.low > size;
    group.host = this.blockTemporary(I32);
    const page = this.likelyPage(group);
    if (page === null) this.translate(group, shared, pushFirst);
    else {
      const address = this.temporary(I64);
      const offset = this.temporary(I64);
      pushFirst();
      code.tee(address);
      code.get(page.virtual);
      code.op(Op.i64Sub);
      code.tee(offset);
      code.i64(PAGE_BYTES - (group.high - group.low));
      code.op(Op.i64LeU);
      code.op(Op.if);
      code.op(I32);
      this.leaveDepth++;
      code.get(offset);
      code.op(Op.i32WrapI64);
      code.get(page.host);
      code.op(Op.i32Add);
      code.op(Op.else);
      this.translate(group, shared, () => code.get(address));
      this.leaveDepth--;
      code.op(Op.end);
    }
    code.set(group.host);
  }
  /** A page in locals that an access may be expected in. */
  protected likelyPage(_group: AccessGroup): PageLocals | null {
    return null;
  }

  /** An address on the stack becomes the offset of its entry in a TLB. */
  protected toEntryOffset(): void {
    const { code } = this;
    code.op(Op.i32WrapI64);
    code.i32(COMPILED_INDEX_SHIFT);
    code.op(Op.i32ShrU);
    code.i32(COMPILED_INDEX_MASK);
    code.op(Op.i32And);
  }
  /** An address on the stack becomes its offset in its page, or a larger number if the TLB does not know the page. */
  private pushOffsetInPage(address: number, entry: number, table: number): void {
    const { code } = this;
    code.tee(address);
    code.get(address);
    this.toEntryOffset();
    code.tee(entry);
    code.memory(Op.i64Load, table);
    code.op(Op.i64Sub);
  }
  /** Looks up [register] alone, and branches to `depth` unless the TLB knows its page. In locals: where it lies, its offset in the page. */
  lookUpOrBranch(register: number, write: boolean, depth: number): { readonly host: number; readonly offset: number } {
    const { code } = this;
    const address = this.temporary(I64);
    const entry = this.temporary(I32);
    const offset = this.temporary(I32);
    const table = this.tableOf({ write });
    this.getGeneral(register);
    this.pushOffsetInPage(address, entry, table);
    code.tee(address);
    code.i64(PAGE_BYTES - 1);
    code.op(Op.i64GtU);
    code.brIf(depth);
    code.get(address);
    code.op(Op.i32WrapI64);
    code.tee(offset);
    code.get(entry);
    code.memory(Op.i32Load, table + TLB_PHYSICAL);
    code.op(Op.i32Add);
    code.set(entry);
    return { host: entry, offset };
  }
  /** Looks an address up in the TLB; pushes where it lies. */
  private translate(group: AccessGroup, shared: boolean, push: () => void): void {
    const { code } = this;
    const address = this.temporary(I64);
    const entry = this.temporary(I32);
    const table = this.tableOf(group);
    this.exitBegin(shared);
    push();
    this.pushOffsetInPage(address, entry, table);
    code.tee(address);
    // The last byte has to lie in the page too.
    code.i64(PAGE_BYTES - (group.high - group.low));
    code.op(Op.i64GtU);
    // In the first pass it is not known yet which access of a group comes first.
    this.exitIf(this.plan !== null);
    code.get(address);
    code.op(Op.i32WrapI64);
    code.get(entry);
    code.memory(Op.i32Load, table + TLB_PHYSICAL);
    code.op(Op.i32Add);
  }

  /** Pushes an i64 whose low `width` bytes are those at a reference (zero-extended). */
  loadRaw(width: number, at: MemoryReference): void {
    this.code.get(at.host);
    const opcode = width === 8 ? Op.i64Load : width === 4 ? Op.i64Load32U : width === 2 ? Op.i64Load16U : Op.i64Load8U;
    this.code.memory(opcode, at.offset);
  }
  /** Stores the low bytes of an i64 local. */
  storeRaw(width: number, at: MemoryReference, local: number): void {
    this.code.get(at.host);
    this.code.get(local);
    this.storePushed(width, at);
  }
  /** The store alone: address (at.host) and i64 value are on the stack. */
  storePushed(width: number, at: MemoryReference): void {
    const opcode = width === 8 ? Op.i64Store : width === 4 ? Op.i64Store32 : width === 2 ? Op.i64Store16 : Op.i64Store8;
    this.code.memory(opcode, at.offset);
  }

  protected groupAccesses(instructions: readonly Instruction[]): { groups: AccessGroup[]; first: boolean[] } {
    const open = new Map<string, AccessGroup>();
    const groups: AccessGroup[] = [];
    const first: boolean[] = [];
    for (const { key, address, displacement, size, write, instruction } of this.records) {
      const i = instructions[instruction];
      const alone = key === '' || this.options.ungrouped.has(addressKey(i.ripLow, i.ripHigh));
      const known = alone ? undefined : open.get(key);
      const low = known === undefined ? displacement : Math.min(known.low, displacement);
      const high = known === undefined ? displacement + size : Math.max(known.high, displacement + size);
      if (known !== undefined && high - low <= GROUP_SPAN) {
        known.low = low;
        known.high = high;
        known.write ||= write;
        known.members++;
        groups.push(known);
        first.push(false);
      } else {
        const group = { address, low: displacement, high: displacement + size, write, members: 1, host: -1 };
        if (!alone) open.set(key, group);
        groups.push(group);
        first.push(true);
      }
    }
    return { groups, first };
  }
}
