// The loop of the reference interpreter: find a block, run it, count, trap.

import { TrapKind } from '../../contract/cpu.ts';
import { type Jit, Then } from '../jit/jit.ts';
import { DR6, FLAGS, RIP_HIGH, RIP_LOW, TLB_HITS } from '../state-layout.ts';
import type { Block, BlockCache } from './blocks.ts';
import { type CpuCore, faultSignal, Vector } from './core.ts';
import { TF } from './flags.ts';
import { deliver, deliverFault, Source } from './interrupts.ts';

/** DR6.BS: a single step raised the #DB (SDM vol. 3, 18.2.3). */
const SINGLE_STEP = 0x4000;
/** TLB hits are counted in 32 bits during a slice, and an instruction makes fewer than 128: longer runs come in slices. */
const MAXIMUM_SLICE = 0x0200_0000;

/** Runs at most `budget` instructions from the current state; see Cpu.run. */
export function run(core: CpuCore, blocks: BlockCache, jit: Jit | null, budget: number): TrapKind {
  const end = core.instructionCount + budget;
  let kind: TrapKind = TrapKind.budget;
  while (kind === TrapKind.budget && core.instructionCount < end) {
    kind = runSlice(core, blocks, jit, Math.min(end, core.instructionCount + MAXIMUM_SLICE));
    core.statistics.tlbHits += core.words[TLB_HITS] >>> 0;
    core.words[TLB_HITS] = 0;
    if (core.exit === TrapKind.budget) break;
  }
  return kind;
}

/**
 * Runs blocks from RIP until core.instructionCount reaches `limit` (more than it is now), core.exit is set or TF is on. A fault is
 * thrown with core.block and core.done saying where.
 */
function runBlocks(core: CpuCore, blocks: BlockCache, jit: Jit | null, limit: number): void {
  const w = core.words;
  let block: Block | null = null;
  core.block = null;
  do {
    if (jit?.isReady === true) {
      core.block = null;
      block = null;
      const then = jit.advance(limit - core.instructionCount);
      if (then === Then.goOn || core.instructionCount >= limit) continue;
      if (then === Then.interpretOne) block = blocks.single(w[RIP_LOW], w[RIP_HIGH]);
    }
    // Most jumps of a tight loop lead to its start.
    if (block === null || block.ripLow !== w[RIP_LOW] || block.ripHigh !== w[RIP_HIGH] || block.key !== core.fetchKey) {
      core.block = null;
      block = blocks.find(w[RIP_LOW], w[RIP_HIGH]);
    }
    core.block = block;
    runBlock(core, block, limit);
  } while (core.exit < 0 && core.instructionCount < limit && (w[FLAGS] & TF) === 0);
}

/** Runs a block once, as far as the limit allows. */
function runBlock(core: CpuCore, block: Block, limit: number): void {
  const w = core.words;
  const { code } = block;
  const { length } = code;
  core.blockEnd = Math.min(limit - core.instructionCount, length);
  let done = 0;
  while (done < core.blockEnd) {
    const instruction = code[done];
    core.done = done;
    instruction.execute(core, instruction);
    done++;
  }
  if (done < length || !block.endsWithJump) {
    const last = code[done - 1];
    w[RIP_LOW] = last.nextLow;
    w[RIP_HIGH] = last.nextHigh;
  }
  core.instructionCount += done;
  core.done = 0;
}

function runSlice(core: CpuCore, blocks: BlockCache, jit: Jit | null, end: number): TrapKind {
  const w = core.words;
  core.exit = -1;
  try {
    while (core.instructionCount < end) {
      const stepping = (w[FLAGS] & TF) !== 0;
      core.instructionLimit = stepping ? core.instructionCount + 1 : end;
      runBlocks(core, blocks, jit, core.instructionLimit);
      if (core.exit > TrapKind.budget) return core.exit as TrapKind;
      if (stepping) {
        w[DR6] |= SINGLE_STEP;
        return deliver(core, Vector.debug, -1, Source.exception);
      }
      if (core.exit === TrapKind.budget) return TrapKind.budget;
    }
  } catch (signal) {
    if (signal !== faultSignal) throw signal;
    if (core.block !== null) {
      const instruction = core.block.code[core.done];
      w[RIP_LOW] = instruction.ripLow;
      w[RIP_HIGH] = instruction.ripHigh;
      core.instructionCount += core.done;
      core.done = 0;
      // A bad address in the stack segment is #SS, not #GP (SDM vol. 1, 6.2.5).
      if (core.nonCanonical && instruction.stackSegment) core.faultVector = Vector.stackFault;
    }
    core.nonCanonical = false;
    return deliverFault(core);
  }
  return TrapKind.budget;
}
