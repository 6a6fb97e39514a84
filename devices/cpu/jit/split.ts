// Loops with more than one way in, made reducible by copying blocks (node splitting; Muchnick, "Advanced Compiler Design", 7.7).
//
//   compilers enter an unrolled loop in its middle:         a copy of the loop, without its top, is entered instead:
//
//        a ──► L1 ──► L2 ──┐                                     a ──► L1 ──► L2 ──┐          L1 is the top; the
//              ▲───────────┘                                           ▲───────────┘          copy goes on there
//        b ─────────► L2                                         b ──► L2' ──► L1
//
// Loops are the strongly connected components of the graph, and within each those that remain when its top is taken away. What would
// take too much copying is left to the dispatcher (flow.ts).

import { Ending, type RegionBlock } from './region.ts';

const MAXIMUM_SPLITS = 16;
const MAXIMUM_COPIED_INSTRUCTIONS = 300;
/** More entrances than this belong to an interpreter's loop, which the dispatcher serves. */
const MAXIMUM_ENTRANCES = 4;

function successorsOf(block: RegionBlock): number[] {
  const successors: number[] = [];
  if (block.taken >= 0) successors.push(block.taken);
  if (block.next >= 0) successors.push(block.next);
  for (const target of block.targets) successors.push(target.block);
  return successors;
}

/** Turns the edges of a block to other blocks. */
function redirect(block: RegionBlock, to: (node: number) => number): void {
  block.taken = to(block.taken);
  block.next = to(block.next);
  block.targets = block.targets.map((target) => ({ ...target, block: to(target.block) }));
  block.successors = successorsOf(block);
}

/** Copies blocks until no loop has a second way in, as far as that is cheap. Block 0 stays the entry. */
export function splitLoops(blocks: RegionBlock[]): void {
  let room = MAXIMUM_COPIED_INSTRUCTIONS;
  for (let split = 0; split < MAXIMUM_SPLITS; split++) {
    const all = new Set(blocks.keys());
    const cost = splitOne(blocks, all, room);
    if (cost === 0) return;
    room -= cost;
  }
}

/** Makes one loop within `nodes` single-entry; returns the instructions copied, 0 if there was nothing to do (or no room). */
function splitOne(blocks: RegionBlock[], nodes: ReadonlySet<number>, room: number): number {
  for (const loop of components(blocks, nodes)) {
    const entrances = entrancesOf(blocks, loop);
    if (entrances.length === 1) {
      const inner = new Set(loop);
      inner.delete(entrances[0]);
      const cost = splitOne(blocks, inner, room);
      if (cost > 0) return cost;
    } else if (entrances.length <= MAXIMUM_ENTRANCES) {
      const cost = makeSingleEntry(blocks, loop, entrances, room);
      if (cost > 0) return cost;
    }
  }
  return 0;
}

/** Strongly connected components with a cycle, of the graph on `nodes` (Tarjan, without recursion). */
function components(blocks: readonly RegionBlock[], nodes: ReadonlySet<number>): Set<number>[] {
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const onStack = new Set<number>();
  const stack: number[] = [];
  const found: Set<number>[] = [];
  for (const root of nodes) {
    if (index.has(root)) continue;
    const work: { node: number; next: number }[] = [{ node: root, next: 0 }];
    while (work.length > 0) {
      const top = work[work.length - 1];
      const { node } = top;
      if (top.next === 0) {
        index.set(node, index.size);
        low.set(node, index.get(node) as number);
        stack.push(node);
        onStack.add(node);
      }
      const successors = blocks[node].successors;
      if (top.next < successors.length) {
        const next = successors[top.next++];
        if (!nodes.has(next)) continue;
        if (!index.has(next)) work.push({ node: next, next: 0 });
        else if (onStack.has(next)) low.set(node, Math.min(low.get(node) as number, index.get(next) as number));
        continue;
      }
      work.pop();
      const parent = work[work.length - 1];
      if (parent !== undefined) low.set(parent.node, Math.min(low.get(parent.node) as number, low.get(node) as number));
      if (low.get(node) !== index.get(node)) continue;
      const component = new Set<number>();
      for (let member = -1; member !== node; ) {
        member = stack.pop() as number;
        onStack.delete(member);
        component.add(member);
      }
      if (component.size > 1 || blocks[node].successors.includes(node)) found.push(component);
    }
  }
  return found;
}

/** Blocks of a loop that are reached from outside it. */
function entrancesOf(blocks: readonly RegionBlock[], loop: ReadonlySet<number>): number[] {
  const entrances = new Set<number>();
  if (loop.has(0)) entrances.add(0);
  blocks.forEach((block, n) => {
    if (!loop.has(n)) for (const next of block.successors) if (loop.has(next)) entrances.add(next);
  });
  return [...entrances];
}

/** Blocks of a loop that `from` reaches without passing `top`. */
function bodyFrom(blocks: readonly RegionBlock[], loop: ReadonlySet<number>, from: number, top: number): Set<number> {
  const body = new Set<number>([from]);
  const pending = [from];
  for (let node = pending.pop(); node !== undefined; node = pending.pop())
    for (const next of blocks[node].successors)
      if (loop.has(next) && next !== top && !body.has(next)) {
        body.add(next);
        pending.push(next);
      }
  return body;
}

/** Chooses the top of a loop for which the least has to be copied, and copies. Returns the instructions copied, 0 if they are too many. */
function makeSingleEntry(
  blocks: RegionBlock[],
  loop: ReadonlySet<number>,
  entrances: readonly number[],
  room: number,
): number {
  let best = Number.POSITIVE_INFINITY;
  let bestTop = -1;
  const sizeOf = (body: ReadonlySet<number>): number => {
    let size = 0;
    for (const node of body) size += blocks[node].code.length;
    return size;
  };
  // The region's entry cannot be moved.
  for (const top of loop.has(0) ? [0] : entrances) {
    let cost = 0;
    for (const side of entrances) if (side !== top) cost += sizeOf(bodyFrom(blocks, loop, side, top));
    if (cost < best) {
      best = cost;
      bestTop = top;
    }
  }
  if (best > room) return 0;
  const outside = [...blocks.keys()].filter((node) => !loop.has(node));
  for (const side of entrances) {
    if (side === bestTop) continue;
    // An indirect jump's table or comparisons could be redirected as well, but such loops are rare.
    if (outside.some((node) => blocks[node].ending === Ending.indirect && blocks[node].successors.includes(side)))
      return 0;
    const body = bodyFrom(blocks, loop, side, bestTop);
    const copies = new Map<number, number>();
    for (const node of body) {
      copies.set(node, blocks.length);
      blocks.push({ ...blocks[node] });
    }
    const copyOf = (node: number): number => copies.get(node) ?? node;
    for (const copy of copies.values()) redirect(blocks[copy], copyOf);
    for (const node of outside) redirect(blocks[node], (next) => (next === side ? copyOf(next) : next));
  }
  return Math.max(1, best);
}

/**
 * Gives the region's entry a copy that is not entered from outside, if something in the region leads to it: of a loop's top all is then
 * known that its body knows, while the entry knows nothing.
 */
export function separateEntry(blocks: RegionBlock[]): void {
  if (!blocks.some((block) => block.successors.includes(0))) return;
  const copy = blocks.length;
  blocks.push({ ...blocks[0] });
  const to = (node: number): number => (node === 0 ? copy : node);
  for (const block of blocks) redirect(block, to);
}

/** Rotations are for loops that begin with a test; this is all that is copied for one, and in a region. */
const MAXIMUM_ROTATIONS = 4;
const MAXIMUM_ROTATED_INSTRUCTIONS = 24;
const MAXIMUM_ROTATED_IN_REGION = 200;

/**
 * Runs the first blocks of loops once before the loop, until it begins with a block that accesses memory:
 *
 *   test ◄──┐                test' ──► load ──► test
 *    │      │       becomes             ▲────────┘
 *    └► load┘
 *
 * What is known after those blocks then holds at the loop's top: which operation made the flags (flag-code.ts). And memory
 * accesses at the top can look for their page before the loop (pages.ts).
 */
export function rotateLoops(blocks: RegionBlock[]): void {
  let room = MAXIMUM_ROTATED_IN_REGION;
  const visit = (nodes: ReadonlySet<number>): void => {
    for (const loop of components(blocks, nodes)) {
      const entrances = entrancesOf(blocks, loop);
      if (entrances.length !== 1) continue;
      let top = entrances[0];
      const inner = new Set(loop);
      inner.delete(top);
      if (components(blocks, inner).length > 0) {
        visit(inner);
        continue;
      }
      let copied = 0;
      for (let n = 0; n < MAXIMUM_ROTATIONS; n++) {
        const { code, ending, successors } = blocks[top];
        const within = successors.filter((next) => loop.has(next));
        const size = copied + code.length;
        if (top === 0 || within.length !== 1 || ending === Ending.indirect) break;
        if (size > MAXIMUM_ROTATED_INSTRUCTIONS || size > room) break;
        if (n > 0 && accessesMemory(blocks[top])) break;
        const copy = blocks.length;
        blocks.push({ ...blocks[top] });
        const to = (node: number): number => (node === top ? copy : node);
        for (const [node, block] of blocks.entries()) if (!loop.has(node) && node !== copy) redirect(block, to);
        copied = size;
        if (top === within[0]) break;
        top = within[0];
      }
      room -= copied;
    }
  };
  visit(new Set(blocks.keys()));
}

function accessesMemory(block: RegionBlock): boolean {
  return block.code.some((instruction) => instruction.memory && instruction.row.operation !== 'lea');
}
