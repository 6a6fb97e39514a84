// MOVS STOS LODS SCAS CMPS INS OUTS with REP, REPE, REPNE (SDM vol. 2, REP).
//
// Each iteration is one retired instruction: it is complete in memory and registers before the next begins, and run() may stop
// between two (budget, write into code). RIP then stays at the instruction. A fault leaves RSI, RDI, RCX at the iteration that faulted.

import { PAGE_BYTES } from '../../base/physical-memory.ts';
import type { AccessWidth } from '../../contract/machine.ts';
import type { Handler, HandlerSelector, Instruction } from '../decode/instruction.ts';
import { FLAGS, HIGH, RIP_HIGH, RIP_LOW } from '../state-layout.ts';
import {
  loadWidth,
  RAX_WORD,
  RCX_WORD,
  RDI_WORD,
  RDX_WORD,
  RSI_WORD,
  readRegister,
  storeWidth,
  writeRegister,
} from './access.ts';
import { subtract } from './arithmetic.ts';
import type { CpuCore } from './core.ts';
import { DF, zero } from './flags.ts';
import { checkPortAccess } from './ports.ts';
import { registerHandlers } from './registry.ts';

/** Linear address of [rSI] (with the segment of the instruction): low returned, upper in HIGH. */
function sourceAddress(core: CpuCore, i: Instruction): number {
  const w = core.words;
  const segmentLow = w[i.segment];
  const low = (w[RSI_WORD] + segmentLow) | 0;
  w[HIGH] = ((i.address32 ? 0 : w[RSI_WORD + 1]) + w[i.segment + 1] + (low >>> 0 < segmentLow >>> 0 ? 1 : 0)) | 0;
  return low;
}
/** [rDI] is always in ES, whose base is 0. */
function targetHigh(core: CpuCore, i: Instruction): number {
  return i.address32 ? 0 : core.words[RDI_WORD + 1];
}
/** Adds a signed step to an address register. */
function advance(core: CpuCore, i: Instruction, word: number, step: number): void {
  const w = core.words;
  const old = w[word];
  const low = (old + step) | 0;
  w[word] = low;
  if (i.address32) w[word + 1] = 0;
  else if (step >= 0) {
    if (low >>> 0 < old >>> 0) w[word + 1]++;
  } else if (low >>> 0 > old >>> 0) w[word + 1]--;
}

/** One iteration; may fault before it changes anything. */
type Step = (core: CpuCore, i: Instruction, width: number, step: number) => void;

const moveStep: Step = (core, i, width, step) => {
  const sourceLow = sourceAddress(core, i);
  const low = loadWidth(core, width, sourceLow, core.words[HIGH]);
  storeWidth(core, width, core.words[RDI_WORD], targetHigh(core, i), low, core.words[HIGH]);
  advance(core, i, RSI_WORD, step);
  advance(core, i, RDI_WORD, step);
};
const storeStep: Step = (core, i, width, step) => {
  const w = core.words;
  storeWidth(core, width, w[RDI_WORD], targetHigh(core, i), w[RAX_WORD], w[RAX_WORD + 1]);
  advance(core, i, RDI_WORD, step);
};
const loadStep: Step = (core, i, width, step) => {
  const sourceLow = sourceAddress(core, i);
  const low = loadWidth(core, width, sourceLow, core.words[HIGH]);
  writeRegister(core, width, RAX_WORD, 0, low, core.words[HIGH]);
  advance(core, i, RSI_WORD, step);
};
/** [rDI] is read before [rSI], as silicon does (seen when both fault). */
const compareStep: Step = (core, i, width, step) => {
  const w = core.words;
  const bLow = loadWidth(core, width, w[RDI_WORD], targetHigh(core, i));
  const bHigh = w[HIGH];
  const sourceLow = sourceAddress(core, i);
  const aLow = loadWidth(core, width, sourceLow, w[HIGH]);
  subtract(core, width, aLow, w[HIGH], bLow, bHigh);
  advance(core, i, RSI_WORD, step);
  advance(core, i, RDI_WORD, step);
};
const scanStep: Step = (core, i, width, step) => {
  const w = core.words;
  const bLow = loadWidth(core, width, w[RDI_WORD], targetHigh(core, i));
  const bHigh = w[HIGH];
  const aLow = readRegister(core, width, RAX_WORD, 0);
  subtract(core, width, aLow, w[HIGH], bLow, bHigh);
  advance(core, i, RDI_WORD, step);
};
const inputStep: Step = (core, i, width, step) => {
  const w = core.words;
  const targetLow = w[RDI_WORD];
  core.probeWrite(targetLow, targetHigh(core, i), width);
  const value = core.bus.portRead(w[RDX_WORD] & 0xffff, width as AccessWidth);
  core.busAccessed();
  storeWidth(core, width, targetLow, targetHigh(core, i), value, 0);
  advance(core, i, RDI_WORD, step);
};
const outputStep: Step = (core, i, width, step) => {
  const sourceLow = sourceAddress(core, i);
  const value = loadWidth(core, width, sourceLow, core.words[HIGH]);
  const unsigned = width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff);
  core.bus.portWrite(core.words[RDX_WORD] & 0xffff, width as AccessWidth, unsigned);
  core.busAccessed();
  advance(core, i, RSI_WORD, step);
};

function countIsZero(core: CpuCore, i: Instruction): boolean {
  const w = core.words;
  return (w[RCX_WORD] | (i.address32 ? 0 : w[RCX_WORD + 1])) === 0;
}
/** RCX -= amount (not more than it holds). */
function reduceCount(core: CpuCore, i: Instruction, amount: number): void {
  const w = core.words;
  const low = (w[RCX_WORD] - amount) | 0;
  if (i.address32) w[RCX_WORD + 1] = 0;
  else if (low >>> 0 > w[RCX_WORD] >>> 0) w[RCX_WORD + 1]--;
  w[RCX_WORD] = low;
}

/**
 * Several iterations of MOVS or STOS at once, where both operands lie in one writable page each and do not overlap in a way that
 * matters. Returns how many were done; 0: go by single steps.
 */
function bulk(core: CpuCore, i: Instruction, width: number, maximum: number, moves: boolean): number {
  const w = core.words;
  if (i.address32) return 0;
  const targetLow = w[RDI_WORD];
  const targetPhysical = core.writableAddress(targetLow, w[RDI_WORD + 1], width);
  if (targetPhysical < 0) return 0;
  let count = Math.floor((PAGE_BYTES - (targetLow & 0xfff)) / width);
  const wanted = w[RCX_WORD + 1] === 0 ? w[RCX_WORD] >>> 0 : 0xffffffff;
  if (wanted < count) count = wanted;
  if (maximum < count) count = maximum;
  if (moves) {
    const sourceLow = sourceAddress(core, i);
    const room = Math.floor((PAGE_BYTES - (sourceLow & 0xfff)) / width);
    if (room < count) count = room;
    if (count < 2) return 0;
    const sourcePhysical = core.translateRead(sourceLow, w[HIGH]);
    if (sourcePhysical >= core.memory.sizeBytes) return 0;
    const distance = targetPhysical - sourcePhysical;
    if (distance > 0 && distance < count * width) return 0;
    core.ram.copyWithin(targetPhysical, sourcePhysical, sourcePhysical + count * width);
    advance(core, i, RSI_WORD, count * width);
  } else {
    if (count < 2) return 0;
    const low = w[RAX_WORD];
    const high = width === 8 ? w[RAX_WORD + 1] : low;
    const byte = low & 0xff;
    const repeated = byte * 0x01010101;
    const uniform =
      width === 1 ||
      (width === 2 && (low & 0xffff) === (repeated & 0xffff)) ||
      (low === (repeated | 0) && high === (repeated | 0));
    if (uniform) core.ram.fill(byte, targetPhysical, targetPhysical + count * width);
    else {
      const view = core.ramView;
      for (let n = 0; n < count; n++) {
        const at = targetPhysical + n * width;
        if (width === 2) view.setInt16(at, low, true);
        else {
          view.setInt32(at, low, true);
          if (width === 8) view.setInt32(at + 4, high, true);
        }
      }
    }
  }
  advance(core, i, RDI_WORD, count * width);
  reduceCount(core, i, count);
  return count;
}

const Bulk = { none: 0, store: 1, move: 2 } as const;

/** The handler of one string instruction: single, repeated, or repeated while equal / not equal. */
function stringInstruction(step: Step, compares: boolean, bulkKind: number, port: boolean): HandlerSelector {
  const once: Handler = (core, i) => {
    const width = port && i.width === 8 ? 4 : i.width;
    if (port) checkPortAccess(core, core.words[RDX_WORD] & 0xffff, width);
    step(core, i, width, (core.words[FLAGS] & DF) !== 0 ? -width : width);
    core.goNext(i);
  };
  const repeated: Handler = (core, i) => {
    const w = core.words;
    const width = port && i.width === 8 ? 4 : i.width;
    if (countIsZero(core, i)) {
      core.goNext(i);
      return;
    }
    if (port) checkPortAccess(core, w[RDX_WORD] & 0xffff, width);
    const backward = (w[FLAGS] & DF) !== 0;
    const stepBytes = backward ? -width : width;
    let finished = false;
    // Every pass counts what it did; run() adds one for the instruction, which is taken back at the end.
    for (;;) {
      const left = core.instructionLimit - core.instructionCount - i.index;
      if (left <= 0) break;
      const many = bulkKind !== Bulk.none && !backward ? bulk(core, i, width, left, bulkKind === Bulk.move) : 0;
      if (many !== 0) core.instructionCount += many;
      else {
        step(core, i, width, stepBytes);
        reduceCount(core, i, 1);
        core.instructionCount++;
      }
      if (countIsZero(core, i) || (compares && zero(core) !== (i.repeat === 0xf3))) {
        finished = true;
        break;
      }
      // A write into code: what follows is decoded anew. A chip was reached: the machine looks at the interrupt lines.
      if (core.blockEnd === 0) break;
    }
    core.instructionCount--;
    if (finished) core.goNext(i);
    else {
      w[RIP_LOW] = i.ripLow;
      w[RIP_HIGH] = i.ripHigh;
    }
  };
  return (i) => (i.repeat === 0 ? once : repeated);
}

export function registerStrings(): void {
  registerHandlers({
    movs: stringInstruction(moveStep, false, Bulk.move, false),
    stos: stringInstruction(storeStep, false, Bulk.store, false),
    lods: stringInstruction(loadStep, false, Bulk.none, false),
    cmps: stringInstruction(compareStep, true, Bulk.none, false),
    scas: stringInstruction(scanStep, true, Bulk.none, false),
    ins: stringInstruction(inputStep, false, Bulk.none, true),
    outs: stringInstruction(outputStep, false, Bulk.none, true),
  });
}
