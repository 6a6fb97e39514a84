// A region becomes one WebAssembly function.
//
//   block (result i32)                    leave without flags: the exit says where they are
//     block (result i32)                  leave: the number of the exit, 0 = go on at RIP through the dispatch cache
//       [loop + br_table]                 dispatcher, only for irreducible loops (flow.ts)
//         block* loop* if* …              blocks nested by dominance, jumps between them as br
//     end
//     store flags
//   end
//   store registers, LEFT; return
//
// Instructions are counted per block, at its start. At loop headers, and after string instructions, the count is compared: unless the
// longest way to the next such place still fits, the function is left, and the interpreter runs up to the exact instruction.

import type { Instruction } from '../decode/instruction.ts';
import { RIP_LOW } from '../state-layout.ts';
import type { AccessGroup } from './accesses.ts';
import { arithmeticEmitters } from './emit-arithmetic.ts';
import { floatEstimateEmitters } from './emit-float-estimates.ts';
import { floatPackedEmitters } from './emit-float-packed.ts';
import { floatScalarEmitters } from './emit-float-scalar.ts';
import { moveStack, pushJumpCondition, pushNotCanonical, pushReturnAddress } from './emit-jumps.ts';
import { moveEmitters } from './emit-moves.ts';
import { multiplyEmitters } from './emit-multiply.ts';
import { shiftEmitters } from './emit-shifts.ts';
import { emitRepeated, emitStringOnce, repeatsInline } from './emit-strings.ts';
import { vectorIntegerEmitters } from './emit-vector-integer.ts';
import { vectorMoveEmitters } from './emit-vector-moves.ts';
import { vectorShuffleEmitters } from './emit-vector-shuffles.ts';
import { x87Emitters } from './emit-x87.ts';
import { type FlagState, flagsMoved, mergedFlags, sameFlags, UNKNOWN_FLAGS } from './flag-code.ts';
import { KIND_DYNAMIC } from './flag-kinds.ts';
import { FloatBatch } from './float-batch.ts';
import { type FlowStructure, structureFlow } from './flow.ts';
import type { JumpTable } from './jump-table.ts';
import { type Emitter, RSP } from './place.ts';
import { Ending, type Region, type RegionBlock, type RegionTarget } from './region.ts';
import { type BlockPlan, type ExitRecord, Translator, type TranslatorOptions } from './translator.ts';
import { type FunctionBody, I32, I64, NO_RESULT, Op, V128 } from './wasm.ts';

/** By operation. */
export const emitters: ReadonlyMap<string, Emitter> = new Map(
  Object.entries({
    ...arithmeticEmitters,
    ...moveEmitters,
    ...shiftEmitters,
    ...multiplyEmitters,
    ...vectorMoveEmitters,
    ...vectorShuffleEmitters,
    ...vectorIntegerEmitters,
    ...floatScalarEmitters,
    ...floatPackedEmitters,
    ...floatEstimateEmitters,
    ...x87Emitters,
  }),
);

/** Whether compiled code executes an instruction itself, without the interpreter's handler; for tests and the coverage list. */
export function emitsItself(i: Instruction): boolean {
  const t = new Translator({ hostArea: 0, ungrouped: new Set(), keepsPages: false });
  let emitted = false;
  t.planBlock([i], UNKNOWN_FLAGS, () => {
    emitted = emitters.get(i.row.operation)?.(t, t.startInstruction(0)) === true;
  });
  return emitted;
}

/** Indirect jumps with more targets than this get a table. */
const LONGEST_CHAIN = 4;

export interface CompileOptions extends TranslatorOptions {
  /** Indirect jumps to unknown targets are reported to the engine. */
  readonly learns: boolean;
  /** Room for a table of an indirect jump, or null if there is none. */
  readonly allocateTable: (targets: readonly RegionTarget[]) => JumpTable | null;
}

export interface CompiledRegion {
  readonly body: FunctionBody;
  readonly exits: readonly ExitRecord[];
  /** The function may be entered while at least so many instructions are left. */
  readonly minimumLeft: number;
  readonly usesXmm: boolean;
  /** It calls the extended unit. */
  readonly usesX87: boolean;
}

interface Label {
  readonly kind: 'loop' | 'block' | 'other';
  readonly node: number;
}

/** Compiles a region of at least one instruction. */
export function compileRegion(region: Region, options: CompileOptions): CompiledRegion {
  return new RegionCompiler(region, options).compile();
}

class RegionCompiler {
  private readonly region: Region;
  private readonly learns: boolean;
  private readonly t: Translator;
  private readonly labels: Label[] = [];
  private readonly plans: BlockPlan[] = [];
  private readonly tables: (JumpTable | null)[];
  /** The flags at the start of each block. */
  private readonly flagsIn: FlagState[] = [];
  /** Of blocks in loops: the accesses at the loop's top whose pages are in locals. */
  private readonly loopPages: (readonly AccessGroup[] | undefined)[] = [];
  /** The same, of tops of loops. */
  private readonly pages: (readonly AccessGroup[] | undefined)[] = [];
  private flow: FlowStructure;
  /** Most instructions from the start of a block to the next counted header. */
  private readonly distance: Int32Array;
  private nextLocal = -1;
  /** Blocks after an instruction that may have taken any part of what was left. */
  private readonly afterCounting: ReadonlySet<number>;

  constructor(region: Region, options: CompileOptions) {
    this.region = region;
    this.learns = options.learns;
    this.t = new Translator(options);
    const { blocks } = region;
    this.tables = blocks.map((block) =>
      block.targets.length > LONGEST_CHAIN ? options.allocateTable(block.targets) : null,
    );
    const labelled = new Set<number>();
    blocks.forEach((block, n) => {
      if (this.tables[n] !== null) for (const target of block.targets) labelled.add(target.block);
    });
    this.flow = structureFlow({ count: blocks.length, successors: (node) => blocks[node].successors, labelled });
    this.distance = new Int32Array(blocks.length + 1);
    this.afterCounting = new Set(
      blocks.filter((block) => block.ending === Ending.counting && block.next >= 0).map((block) => block.next),
    );
  }

  compile(): CompiledRegion {
    const { t, flow } = this;
    const { blocks } = this.region;
    for (const node of flow.order) if (node < blocks.length) this.plans[node] = this.plan(node, UNKNOWN_FLAGS);
    this.findFlags();
    this.findPages();
    this.measure();

    const { code } = t;
    code.op(Op.block);
    code.op(I32);
    code.op(Op.block);
    code.op(I32);
    this.labels.push({ kind: 'other', node: -1 }, { kind: 'other', node: -1 });
    t.leaveDepth = 0;
    if (flow.root === blocks.length) this.nextLocal = t.newLocal(I32);
    this.emitTree(flow.root);
    code.op(Op.unreachable);
    code.op(Op.end);
    this.labels.length = 0;
    const result = t.newLocal(I32);
    code.set(result);
    t.storeFlagsAtExit();
    code.get(result);
    code.op(Op.end);
    code.set(result);
    t.epilogue();
    code.get(result);

    const whole = t.prologue();
    whole.append(code.bytes.subarray(0, code.length));
    return {
      body: { locals: t.locals, code: whole.bytes.slice(0, whole.length) },
      exits: t.exits,
      minimumLeft: this.distance[0],
      usesXmm: t.locals.includes(V128),
      usesX87: t.x87.used,
    };
  }

  // ------------------------------------------------------------------------------------------------ analysis

  /** The flags at the start of each block: what is known after all its predecessors. */
  private findFlags(): void {
    const { blocks } = this.region;
    const { flagsIn } = this;
    flagsIn[0] = UNKNOWN_FLAGS;
    // Nodes that the dispatcher reaches come from anywhere.
    for (const node of this.flow.dispatched) flagsIn[node] = UNKNOWN_FLAGS;
    for (let changed = true; changed; ) {
      changed = false;
      for (const node of this.flow.order) {
        if (node >= blocks.length || flagsIn[node] === undefined) continue;
        const out = this.flagsAfter(node, flagsIn[node]);
        for (const next of blocks[node].successors) {
          const known = flagsIn[next];
          const merged = known === undefined ? out : mergedFlags(known, out);
          if (known !== undefined && sameFlags(merged, known)) continue;
          flagsIn[next] = merged;
          changed = true;
        }
      }
    }
  }

  private plan(node: number, flags: FlagState): BlockPlan {
    return this.t.planBlock(this.region.blocks[node].code, flags, () => this.emitBlock(node, true));
  }

  /** The flags after a block that begins with `flags`. */
  private flagsAfter(node: number, flags: FlagState): FlagState {
    const known = this.plans[node];
    const plan = flags.kind !== KIND_DYNAMIC && known.flagsDepend ? this.plan(node, flags) : known;
    return plan.flagsOut ?? flagsMoved(flags, plan.moves);
  }

  /** Before these blocks the count is compared. */
  private isCounted(node: number): boolean {
    return this.flow.isLoopHeader[node] === 1 || this.flow.dispatched.includes(node) || this.afterCounting.has(node);
  }

  /** Innermost loops without calls, of handlers or of functions, keep pages in locals. */
  private findPages(): void {
    const { blocks } = this.region;
    const { isLoopHeader, order } = this.flow;
    for (const header of order) {
      if (header >= blocks.length || isLoopHeader[header] === 0) continue;
      const loop = this.naturalLoop(header);
      const simple = loop.every(
        (n) =>
          !this.plans[n].callsHandler &&
          (n === header || isLoopHeader[n] === 0) &&
          blocks[n].ending !== Ending.call &&
          blocks[n].ending !== Ending.indirect,
      );
      if (!simple) continue;
      const pages = this.t.pageGroups(this.plans[header].accesses);
      this.pages[header] = pages;
      for (const node of loop) if (node !== header) this.loopPages[node] = pages;
    }
  }
  /** The blocks from which the header is reached again without leaving through it. */
  private naturalLoop(header: number): number[] {
    const { blocks } = this.region;
    const loop = new Set([header]);
    for (let grown = true; grown; ) {
      grown = false;
      for (const node of this.flow.order) {
        if (node >= blocks.length || loop.has(node)) continue;
        const into = blocks[node].successors.some((next) =>
          next === header ? this.flow.isBackEdge(node, next) : loop.has(next),
        );
        if (!into || this.flow.position[node] < this.flow.position[header]) continue;
        loop.add(node);
        grown = true;
      }
    }
    return [...loop];
  }

  private measure(): void {
    const { order } = this.flow;
    const { blocks } = this.region;
    for (let index = order.length - 1; index >= 0; index--) {
      const node = order[index];
      if (node >= blocks.length) continue;
      let rest = 0;
      for (const next of blocks[node].successors) {
        const forward = this.flow.position[next] > this.flow.position[node];
        if (forward && !this.isCounted(next)) rest = Math.max(rest, this.distance[next]);
      }
      this.distance[node] = blocks[node].code.length + rest;
    }
  }

  // ------------------------------------------------------------------------------------------------- nesting

  private depthOf(kind: Label['kind'], node: number): number {
    for (let n = this.labels.length - 1; n >= 0; n--)
      if (this.labels[n].kind === kind && this.labels[n].node === node) return this.labels.length - 1 - n;
    throw new Error(`cpu: no label for block ${node}`);
  }
  private open(opcode: number, label: Label): void {
    this.t.code.op(opcode);
    this.t.code.op(NO_RESULT);
    this.labels.push(label);
    this.t.leaveDepth = this.labels.length - 2;
  }
  private close(): void {
    this.t.code.op(Op.end);
    this.labels.pop();
    this.t.leaveDepth = this.labels.length - 2;
  }

  private pagesOf(node: number): readonly AccessGroup[] {
    return this.pages[node] ?? [];
  }

  private emitTree(node: number): void {
    const header = this.flow.isLoopHeader[node] === 1;
    const pages = this.pagesOf(node);
    if (pages.length > 0) {
      const { t } = this;
      this.open(Op.loop, { kind: 'other', node: -1 });
      t.startBlock(this.region.blocks[node].code, this.plans[node], this.flagsIn[node]);
      t.startInstruction(0);
      t.refillPages(pages);
      t.endBlock();
    }
    if (header) this.open(Op.loop, { kind: 'loop', node });
    this.emitWithin(node, 0);
    if (header) this.close();
    if (pages.length > 0) this.close();
  }

  private emitWithin(node: number, child: number): void {
    const children = this.flow.mergeChildren[node];
    if (child === children.length) {
      if (node === this.region.blocks.length) this.emitDispatcher();
      else this.emitNode(node);
      return;
    }
    this.open(Op.block, { kind: 'block', node: children[child] });
    this.emitWithin(node, child + 1);
    this.close();
    this.emitTree(children[child]);
  }

  private emitDispatcher(): void {
    const { code } = this.t;
    const { dispatched } = this.flow;
    code.get(this.nextLocal);
    code.op(Op.brTable);
    code.unsigned(dispatched.length - 1);
    for (const node of dispatched) code.unsigned(this.depthOf('block', node));
  }

  private hasLabel(from: number, to: number): boolean {
    return this.flow.isIrreducible(from, to) ? false : this.flow.isBackEdge(from, to) || this.flow.isMerge[to] === 1;
  }
  private labelDepth(from: number, to: number): number {
    return this.flow.isBackEdge(from, to) ? this.depthOf('loop', to) : this.depthOf('block', to);
  }

  /** Control goes from one block to another; what follows in the code is not reached. */
  private branch(from: number, to: number): void {
    const { code } = this.t;
    if (this.flow.isIrreducible(from, to)) {
      code.i32(this.flow.dispatched.indexOf(to));
      code.set(this.nextLocal);
      code.br(this.depthOf('loop', this.region.blocks.length));
    } else if (this.hasLabel(from, to)) code.br(this.labelDepth(from, to));
    else this.emitTree(to);
  }

  /** Leaves for an address outside. */
  private leaveTo(low: number, high: number): void {
    this.t.storeConstantPair(RIP_LOW, low, high);
    this.t.code.i32(0);
    this.t.code.br(this.t.leaveDepth);
  }
  private branchOrLeave(from: number, to: number, low: number, high: number): void {
    if (to >= 0) this.branch(from, to);
    else this.leaveTo(low, high);
  }

  // -------------------------------------------------------------------------------------------------- blocks

  private emitNode(node: number): void {
    const { t } = this;
    const { code } = t;
    const block = this.region.blocks[node];
    t.startBlock(block.code, this.plans[node], this.flagsIn[node]);
    t.setLoopPages(this.loopPages[node] ?? []);
    if (this.isCounted(node)) {
      code.get(t.left);
      code.i32(this.distance[node]);
      code.op(Op.i32LtS);
      this.open(Op.if, { kind: 'other', node: -1 });
      t.fixFlags();
      this.leaveTo(block.low, block.high);
      this.close();
    }
    const pages = this.pagesOf(node);
    if (pages.length > 0) t.checkPages(pages, this.depthOf('loop', node) + 1);
    if (block.code.length > 0) {
      code.get(t.left);
      code.i32(block.code.length);
      code.op(Op.i32Sub);
      code.set(t.left);
    }
    this.emitBlock(node, false);
  }

  /** All instructions of a block. When planning, control flow is left out: only the jump's own work counts. */
  private emitBlock(node: number, planning: boolean): void {
    const { t } = this;
    const block = this.region.blocks[node];
    const jumps = block.ending !== Ending.fallThrough && block.ending !== Ending.leave;
    const straight = jumps ? block.code.length - 1 : block.code.length;
    const emitOne = (index: number): void => {
      const i = t.startInstruction(index);
      const emit = emitters.get(i.row.operation);
      if (emit === undefined || !emit(t, i)) t.callInterpreter(i);
    };
    t.batch = planning ? null : new FloatBatch(t, block.code, emitOne);
    for (let index = 0; index < straight; index++) {
      t.batch?.beginInstruction(index);
      emitOne(index);
    }
    t.batch?.finish(straight);
    t.batch = null;
    t.vectors.mergeAll();
    t.x87.flush();
    if (jumps) this.emitJump(node, block, t.startInstruction(straight), planning);
    else if (!planning) {
      t.endBlock();
      t.fixFlags();
      if (block.ending === Ending.fallThrough) this.branchOrLeave(node, block.next, block.nextLow, block.nextHigh);
      else {
        const exit = t.addExit({
          low: block.nextLow,
          high: block.nextHigh,
          uncounted: 0,
          kind: KIND_DYNAMIC,
          instruction: null,
          lastX87: null,
        });
        t.code.i32(exit);
        t.code.br(t.leaveDepth);
      }
    }
  }

  private emitJump(node: number, block: RegionBlock, i: Instruction, planning: boolean): void {
    const { t } = this;
    const { code } = t;
    if (block.ending === Ending.indirect) {
      this.emitIndirect(node, block, i, planning);
      return;
    }
    if (block.ending === Ending.counting) {
      const byHandler = (): void => t.callInterpreter(i, true);
      if (repeatsInline(i)) emitRepeated(t, i, byHandler);
      else if (!emitStringOnce(t, i)) byHandler();
      if (planning) return;
      t.endBlock();
      t.fixFlags();
      this.branchOrLeave(node, block.next, block.nextLow, block.nextHigh);
      return;
    }
    if (block.ending === Ending.call) {
      pushReturnAddress(t, () => code.i64Pair(i.nextLow, i.nextHigh));
    } else if (block.ending === Ending.conditional) {
      pushJumpCondition(t, i);
      if (planning) {
        code.op(Op.drop);
        return;
      }
      t.endBlock();
      // Both ways may lead where the kind is not known; the condition waits on the stack.
      t.fixFlags();
      if (block.taken >= 0 && this.hasLabel(node, block.taken)) code.brIf(this.labelDepth(node, block.taken));
      else {
        this.open(Op.if, { kind: 'other', node: -1 });
        this.branchOrLeave(node, block.taken, i.immediateLow, i.immediateHigh);
        this.close();
      }
      this.branchOrLeave(node, block.next, block.nextLow, block.nextHigh);
      return;
    }
    if (planning) return;
    t.endBlock();
    t.fixFlags();
    this.branchOrLeave(node, block.taken, i.immediateLow, i.immediateHigh);
  }

  /** RET, and JMP and CALL through register or memory. */
  private emitIndirect(node: number, block: RegionBlock, i: Instruction, planning: boolean): void {
    const { t } = this;
    const { code } = t;
    const operation = i.row.operation;
    const target = t.temporary(I64);
    if (operation === 'ret') {
      t.loadRaw(8, t.accessRegister(RSP, 0, 8, false));
    } else if (i.memory) t.loadRaw(8, t.access(i, 8, false));
    else t.getGeneral(i.rm);
    code.set(target);
    // A target that is not canonical faults before anything changes. Known targets are canonical: where nothing is stored, only
    // unknown ones are looked at.
    const refuseBadTarget = (undo: () => void): void => {
      pushNotCanonical(t, target);
      this.open(Op.if, { kind: 'other', node: -1 });
      undo();
      code.i32(badTarget);
      code.br(t.leaveDepth);
      this.close();
    };
    const badTarget = t.exitHere();
    const dropped = 8 + (i.immediateLow & 0xffff);
    if (operation === 'ret') moveStack(t, dropped);
    else if (operation === 'callIndirect') {
      refuseBadTarget(() => {});
      pushReturnAddress(t, () => code.i64Pair(i.nextLow, i.nextHigh));
    }
    if (planning) return;

    t.fixFlags();
    const table = this.tables[node];
    if (table !== null) this.emitTable(node, block.targets, table, target);
    else
      for (const { low, high, block: to } of block.targets) {
        code.get(target);
        code.i64Pair(low, high);
        code.op(Op.i64Eq);
        if (this.hasLabel(node, to)) code.brIf(this.labelDepth(node, to));
        else {
          // The target's local is done with on this way, but not on the next: no temporaries are given back yet.
          this.open(Op.if, { kind: 'other', node: -1 });
          const saved = t.detachTemporaries();
          this.branch(node, to);
          t.attachTemporaries(saved);
          this.close();
        }
      }
    if (operation === 'ret') refuseBadTarget(() => moveStack(t, -dropped));
    else if (operation === 'jmpIndirect') refuseBadTarget(() => {});
    code.i32(0);
    code.get(target);
    t.storePushedPair(RIP_LOW);
    // The engine learns targets that were not known yet, for the next time that the region is compiled.
    code.i32(
      this.learns
        ? t.addExit({
            low: 0,
            high: 0,
            uncounted: 0,
            kind: KIND_DYNAMIC,
            instruction: null,
            lastX87: null,
            indirect: block.source,
          })
        : 0,
    );
    code.br(t.leaveDepth);
    t.endBlock();
  }

  /** Through a table: straight to the blocks, or to the dispatcher where the flow is not reducible. */
  private emitTable(node: number, targets: readonly RegionTarget[], table: JumpTable, target: number): void {
    const { t } = this;
    const { code } = t;
    const { dispatched } = this.flow;
    const numbers = targets.map((entry) => dispatched.indexOf(entry.block));
    table.fill(targets, numbers);
    const slot = t.temporary(I32);
    code.get(target);
    table.pushSlot(code);
    code.tee(slot);
    code.memory(Op.i64Load, table.offset);
    code.get(target);
    code.op(Op.i64Eq);
    this.open(Op.if, { kind: 'other', node: -1 });
    const direct = targets.map((entry) => !this.flow.isIrreducible(node, entry.block));
    if (numbers.includes(-1)) {
      this.open(Op.block, { kind: 'other', node: -1 });
      code.get(slot);
      code.memory(Op.i32Load, table.offset + 8);
      code.op(Op.brTable);
      code.unsigned(targets.length);
      targets.forEach((entry, n) => code.unsigned(direct[n] ? this.labelDepth(node, entry.block) : 0));
      code.unsigned(0);
      this.close();
      if (direct.includes(false)) this.branchByNumber(slot, table);
      else code.op(Op.unreachable);
    } else this.branchByNumber(slot, table);
    this.close();
  }

  private branchByNumber(slot: number, table: JumpTable): void {
    const { code } = this.t;
    code.get(slot);
    code.memory(Op.i32Load, table.offset + 12);
    code.set(this.nextLocal);
    code.br(this.depthOf('loop', this.region.blocks.length));
  }
}
