// Which blocks are compiled together: grown from a hot entry along the edges that the interpreter has seen, hottest first.
//
//   entry ─► jumps, fall-throughs, calls and what they call, indirect jumps to the targets seen so far
//
// A region has one entry, so that loops keep their natural shape; another hot block of the same loop gets a region of its own.
// A call stays in the region: the callee's blocks are part of it once, and its RET compares the return address with the return
// points of the region's calls. Blocks that were decoded from overlapping runs are cut where another block begins.

import type { Instruction } from '../decode/instruction.ts';
import type { Block } from '../interpreter/blocks.ts';
import { rotateLoops, separateEntry, splitLoops } from './split.ts';

/** What a hot block first gets around it: regions overlap, and the code of a large program is seldom hot all over. */
export const FIRST_INSTRUCTIONS = 250;
/** What is hot together for long. Larger regions compile slowly and keep too many values alive. */
export const MAXIMUM_INSTRUCTIONS = 2000;
const MAXIMUM_BLOCKS = 400;
/** Targets of one indirect jump or RET that get an edge. */
const MAXIMUM_TARGETS = 64;
/** A block belongs to the region if it ran at least once in so many runs of the entry. */
const COLDEST_SHARE = 64;

/** How control leaves a block. */
export const Ending = {
  /** Goes on with the next instruction. */
  fallThrough: 0,
  /** Jcc, LOOP, JRCXZ: `taken` or `next`. */
  conditional: 1,
  jump: 2,
  /** CALL with a fixed target. */
  call: 3,
  /** RET, or JMP/CALL through register or memory: one of `targets`. */
  indirect: 4,
  /** The next instruction is one that the interpreter must execute. */
  leave: 5,
  /** A string instruction, or SYSCALL: its handler runs it, as far as the count allows; then `next`. */
  counting: 6,
} as const;
export type Ending = (typeof Ending)[keyof typeof Ending];

export interface RegionTarget {
  readonly low: number;
  readonly high: number;
  /** Index of the block. */
  readonly block: number;
}

export interface RegionBlock {
  /** The decoded block that it was cut from. */
  readonly source: Block;
  readonly low: number;
  readonly high: number;
  /** Executed here; the last one is the jump unless `ending` is fallThrough or leave. */
  readonly code: readonly Instruction[];
  readonly ending: Ending;
  /** Indices of blocks, -1 = leaves the region. */
  taken: number;
  next: number;
  /** Address of `next`. */
  readonly nextLow: number;
  readonly nextHigh: number;
  targets: readonly RegionTarget[];
  successors: readonly number[];
}

export interface Region {
  readonly blocks: readonly RegionBlock[];
  readonly instructions: number;
  /** Virtual page numbers (address / 4096) that the code lies in. */
  readonly pages: readonly number[];
  /** The decoded blocks that it is made of. */
  readonly sources: readonly Block[];
}

/** Exact: addresses have 48 bits. */
export function addressKey(low: number, high: number): number {
  return high * 0x1_0000_0000 + (low >>> 0);
}

const conditional = new Set(['jcc', 'loop', 'loope', 'loopne', 'jrcxz']);
const indirect = new Set(['ret', 'jmpIndirect', 'callIndirect']);
/** They change what compiled code has looked at when it was entered: MXCSR, FS and GS base. */
const settings = new Set(['ldmxcsr', 'fxrstor', 'wrfsbase', 'wrgsbase', 'popSegment']);
export function isSetting(i: Instruction): boolean {
  return settings.has(i.row.operation);
}
/** Their handlers count: iterations, or what the kernel has charged. */
const counting = new Set(['movs', 'stos', 'lods', 'cmps', 'scas', 'syscall']);

/** Instructions at the end of a block that compiled code executes itself. */
export function endingOf(last: Instruction): Ending {
  const operation = last.row.operation;
  if (last.row.endsBlock !== true) return Ending.fallThrough;
  if (conditional.has(operation)) return Ending.conditional;
  if (operation === 'jmp') return Ending.jump;
  if (operation === 'call') return Ending.call;
  if (counting.has(operation)) return Ending.counting;
  // 16-bit branch targets are nobody's hot path.
  if (indirect.has(operation) && last.width === 8) return Ending.indirect;
  return Ending.leave;
}

function pushSeen(frontier: Block[], seen: Set<Block>, block: Block | undefined): void {
  if (block === undefined || seen.has(block)) return;
  seen.add(block);
  frontier.push(block);
}

/**
 * Grows a region of at most `most` instructions. `lookUp` gives the decoded block at an address under the current mapping, if there is one; it must change nothing.
 */
export function growRegion(
  entry: Block,
  most: number,
  lookUp: (low: number, high: number) => Block | undefined,
): Region {
  const chosen: Block[] = [];
  const seen = new Set<Block>([entry]);
  const frontier: Block[] = [entry];
  const coldest = Math.max(1, Math.floor(entry.count / COLDEST_SHARE));
  let instructions = 0;
  while (frontier.length > 0 && chosen.length < MAXIMUM_BLOCKS) {
    let best = 0;
    for (let n = 1; n < frontier.length; n++) if (frontier[n].count > frontier[best].count) best = n;
    const block = frontier[best];
    frontier[best] = frontier[frontier.length - 1];
    frontier.pop();
    if (block !== entry && (block.count < coldest || instructions + block.code.length > most)) continue;
    // Code over a page boundary is rare and stays with the interpreter.
    if (block.secondPage >= 0) continue;
    chosen.push(block);
    instructions += block.code.length;
    const last = block.code[block.code.length - 1];
    switch (endingOf(last)) {
      case Ending.fallThrough:
      case Ending.counting:
        pushSeen(frontier, seen, lookUp(last.nextLow, last.nextHigh));
        break;
      case Ending.conditional:
      case Ending.call:
        pushSeen(frontier, seen, lookUp(last.immediateLow, last.immediateHigh));
        pushSeen(frontier, seen, lookUp(last.nextLow, last.nextHigh));
        break;
      case Ending.jump:
        pushSeen(frontier, seen, lookUp(last.immediateLow, last.immediateHigh));
        break;
      case Ending.indirect:
        if (last.row.operation === 'callIndirect') pushSeen(frontier, seen, lookUp(last.nextLow, last.nextHigh));
        if (last.row.operation !== 'ret')
          for (let n = 0; n < block.targets.length; n += 2)
            pushSeen(frontier, seen, lookUp(block.targets[n], block.targets[n + 1]));
        break;
    }
  }
  return link(chosen);
}

/** Cuts overlapping blocks, and connects them. */
function link(chosen: readonly Block[]): Region {
  const index = new Map<number, number>();
  for (const block of chosen) index.set(addressKey(block.ripLow, block.ripHigh), index.size);
  const returnPoints = new Set<number>();
  const blocks: RegionBlock[] = [];
  const pages = new Set<number>();
  let instructions = 0;
  for (const block of chosen) {
    const setting = block.code.findIndex(isSetting);
    const longest = setting < 0 ? block.code.length : setting + 1;
    let end = 1;
    while (end < longest && !index.has(addressKey(block.code[end].ripLow, block.code[end].ripHigh))) end++;
    const last = block.code[end - 1];
    const whole = end === block.code.length;
    const ending = isSetting(last) ? Ending.leave : whole ? endingOf(last) : Ending.fallThrough;
    const code = ending === Ending.leave ? block.code.slice(0, end - 1) : block.code.slice(0, end);
    if (ending === Ending.call || (ending === Ending.indirect && last.row.operation === 'callIndirect'))
      returnPoints.add(addressKey(last.nextLow, last.nextHigh));
    const leaves = ending === Ending.leave;
    blocks.push({
      source: block,
      low: block.ripLow,
      high: block.ripHigh,
      code,
      ending,
      taken: -1,
      next: -1,
      nextLow: leaves ? last.ripLow : last.nextLow,
      nextHigh: leaves ? last.ripHigh : last.nextHigh,
      targets: [],
      successors: [],
    });
    instructions += code.length;
    // A block of this cache lies in one page.
    pages.add(Math.floor(addressKey(block.ripLow, block.ripHigh) / 4096));
  }
  const find = (low: number, high: number): number => index.get(addressKey(low, high)) ?? -1;
  blocks.forEach((block, n) => {
    const last = block.code[block.code.length - 1];
    if (block.ending === Ending.fallThrough || block.ending === Ending.conditional || block.ending === Ending.counting)
      block.next = find(block.nextLow, block.nextHigh);
    if (block.ending === Ending.conditional || block.ending === Ending.jump || block.ending === Ending.call)
      block.taken = find(last.immediateLow, last.immediateHigh);
    if (block.ending === Ending.indirect) {
      const seen = chosen[n].targets;
      const targets: RegionTarget[] = [];
      for (let t = 0; t < seen.length && targets.length < MAXIMUM_TARGETS; t += 2) {
        const target = find(seen[t], seen[t + 1]);
        if (target < 0) continue;
        if (last.row.operation === 'ret' && !returnPoints.has(addressKey(seen[t], seen[t + 1]))) continue;
        targets.push({ low: seen[t], high: seen[t + 1], block: target });
      }
      block.targets = targets;
    }
    const successors: number[] = [];
    if (block.taken >= 0) successors.push(block.taken);
    if (block.next >= 0) successors.push(block.next);
    for (const target of block.targets) successors.push(target.block);
    block.successors = successors;
  });
  separateEntry(blocks);
  splitLoops(blocks);
  rotateLoops(blocks);
  return { blocks, instructions, pages: [...pages], sources: chosen };
}
