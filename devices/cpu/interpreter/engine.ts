// The loop of the reference interpreter: find a block, run it, count, trap.

import { TrapKind } from '../../contract/cpu.ts';
import { DR6, FLAGS, RIP_HIGH, RIP_LOW } from '../state-layout.ts';
import type { Block, BlockCache } from './blocks.ts';
import { type CpuCore, faultSignal, Vector } from './core.ts';
import { TF } from './flags.ts';
import { deliver, deliverFault, Source } from './interrupts.ts';

/** DR6.BS: a single step raised the #DB (SDM vol. 3, 18.2.3). */
const SINGLE_STEP = 0x4000;

/** Runs at most `budget` instructions from the current state; see Cpu.run. */
export function run(core: CpuCore, blocks: BlockCache, budget: number): TrapKind {
  const w = core.words;
  const end = core.instructionCount + budget;
  core.exit = -1;
  while (core.instructionCount < end) {
    const stepping = (w[FLAGS] & TF) !== 0;
    const limit = stepping ? core.instructionCount + 1 : end;
    core.instructionLimit = limit;
    let done = 0;
    let block: Block | undefined = undefined;
    try {
      block = blocks.find(w[RIP_LOW], w[RIP_HIGH]);
      const code = block.code;
      const length = code.length;
      const left = limit - core.instructionCount;
      core.blockEnd = left < length ? left : length;
      while (done < core.blockEnd) {
        const instruction = code[done];
        instruction.execute(core, instruction);
        done++;
      }
      const last = code[done - 1];
      if (done < length || !block.endsWithJump) {
        w[RIP_LOW] = last.nextLow;
        w[RIP_HIGH] = last.nextHigh;
      }
      core.instructionCount += done;
      core.statistics.tlbHits += block.memoryOperands;
      if (core.exit >= 0) return core.exit as TrapKind;
      if (stepping) {
        w[DR6] |= SINGLE_STEP;
        return deliver(core, Vector.debug, -1, Source.exception);
      }
    } catch (signal) {
      if (signal !== faultSignal) throw signal;
      if (block !== undefined) {
        const instruction = block.code[done];
        w[RIP_LOW] = instruction.ripLow;
        w[RIP_HIGH] = instruction.ripHigh;
        core.instructionCount += done;
        // A bad address in the stack segment is #SS, not #GP (SDM vol. 1, 6.2.5).
        if (core.nonCanonical && instruction.stackSegment) core.faultVector = Vector.stackFault;
      }
      core.nonCanonical = false;
      return deliverFault(core);
    }
  }
  return TrapKind.budget;
}
