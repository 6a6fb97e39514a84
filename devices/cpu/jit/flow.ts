// Control flow of a region: the blocks that are compiled together, and the order and nesting in which WebAssembly can express it.
//
//   blocks (a graph) -> reverse postorder, dominators (Cooper, Harvey, Kennedy 2001)
//                    -> loop headers, merge points (Ramsey, "Beyond Relooper", 2022)
//
// WebAssembly has structured control flow only. A node is emitted inside its immediate dominator; a node that several forward
// edges reach stands behind a `block` that they leave; the target of a back edge stands in a `loop`. An edge that goes back to a
// node that does not dominate its source (an irreducible loop) is taken through the dispatcher: a root above the entry, in a loop
// of its own, that branches by number.

/** The graph to be structured. Node 0 is the entry. */
export interface FlowGraph {
  readonly count: number;
  /** Successors of a node within the region. */
  successors(node: number): readonly number[];
  /** Nodes that need a label because a `br_table` names them. */
  readonly labelled: ReadonlySet<number>;
}

export interface FlowStructure {
  /** Root of the dominator tree: 0, or the dispatcher's node (= count). */
  readonly root: number;
  /** Nodes that the dispatcher branches to, in the order of their numbers; empty if there is no dispatcher. */
  readonly dispatched: readonly number[];
  /** Position in reverse postorder; -1 for nodes that cannot be reached. */
  readonly position: Int32Array;
  /** Nodes in reverse postorder. */
  readonly order: readonly number[];
  readonly isLoopHeader: Uint8Array;
  readonly isMerge: Uint8Array;
  /** Dominated children that are merge points, the last in reverse postorder first. */
  readonly mergeChildren: readonly (readonly number[])[];
  /** True if the edge has to go through the dispatcher. */
  isIrreducible(from: number, to: number): boolean;
  isBackEdge(from: number, to: number): boolean;
}

/**
 * Finds order and nesting. Nodes that the entry does not reach are left out. `withDispatcher` false: irreducible edges are only found,
 * not resolved.
 */
export function structureFlow(graph: FlowGraph, withDispatcher = true): FlowStructure {
  const dispatched = new Set<number>();
  for (;;) {
    const structure = attempt(graph, dispatched);
    if (!withDispatcher) return structure;
    const before = dispatched.size;
    for (const node of structure.order)
      if (node < graph.count)
        for (const next of graph.successors(node)) if (structure.isIrreducible(node, next)) dispatched.add(next);
    if (dispatched.size === before) return structure;
  }
}

function attempt(graph: FlowGraph, dispatchedSet: ReadonlySet<number>): FlowStructure {
  const { count } = graph;
  const dispatched = [...dispatchedSet].sort((a, b) => a - b);
  const root = dispatched.length > 0 ? count : 0;
  const total = count + 1;
  const rootSuccessors = [0, ...dispatched.filter((node) => node !== 0)];
  const successors = (node: number): readonly number[] => (node === count ? rootSuccessors : graph.successors(node));

  const order = reversePostorder(total, root, successors);
  const position = new Int32Array(total).fill(-1);
  order.forEach((node, index) => {
    position[node] = index;
  });
  const predecessors: number[][] = Array.from({ length: total }, () => []);
  for (const node of order) for (const next of successors(node)) predecessors[next].push(node);

  const dominator = immediateDominators(order, position, predecessors);
  const dominates = (a: number, b: number): boolean => {
    let node = b;
    while (position[node] > position[a]) node = dominator[node];
    return node === a;
  };

  const isLoopHeader = new Uint8Array(total);
  const isMerge = new Uint8Array(total);
  const isBackEdge = (from: number, to: number): boolean => position[to] <= position[from] && dominates(to, from);
  const isIrreducible = (from: number, to: number): boolean => position[to] <= position[from] && !dominates(to, from);
  if (root === count) isLoopHeader[count] = 1;
  const forward = new Int32Array(total);
  for (const node of order)
    for (const next of successors(node)) {
      if (isBackEdge(node, next)) isLoopHeader[next] = 1;
      else if (position[next] > position[node]) forward[next]++;
    }
  const mergeChildren: number[][] = Array.from({ length: total }, () => []);
  for (let index = order.length - 1; index > 0; index--) {
    const node = order[index];
    const named = graph.labelled.has(node) || (root === count && rootSuccessors.includes(node));
    if (forward[node] > 1 || named) {
      isMerge[node] = 1;
      mergeChildren[dominator[node]].push(node);
    }
  }
  return {
    root,
    dispatched: root === count ? rootSuccessors : [],
    position,
    order,
    isLoopHeader,
    isMerge,
    mergeChildren,
    isIrreducible,
    isBackEdge,
  };
}

function reversePostorder(total: number, root: number, successors: (node: number) => readonly number[]): number[] {
  const seen = new Uint8Array(total);
  const finished: number[] = [];
  const stack: { node: number; next: number }[] = [{ node: root, next: 0 }];
  seen[root] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const list = successors(top.node);
    if (top.next < list.length) {
      const child = list[top.next++];
      if (seen[child] === 0) {
        seen[child] = 1;
        stack.push({ node: child, next: 0 });
      }
    } else {
      finished.push(top.node);
      stack.pop();
    }
  }
  return finished.reverse();
}

/** Keith D. Cooper, Timothy J. Harvey, Ken Kennedy: "A Simple, Fast Dominance Algorithm". */
function immediateDominators(
  order: readonly number[],
  position: Int32Array,
  predecessors: readonly (readonly number[])[],
): Int32Array {
  const dominator = new Int32Array(position.length).fill(-1);
  dominator[order[0]] = order[0];
  for (let changed = true; changed; ) {
    changed = false;
    for (let index = 1; index < order.length; index++) {
      const node = order[index];
      let best = -1;
      for (const from of predecessors[node]) {
        if (dominator[from] < 0) continue;
        best = best < 0 ? from : intersect(dominator, position, best, from);
      }
      if (dominator[node] !== best) {
        dominator[node] = best;
        changed = true;
      }
    }
  }
  return dominator;
}

function intersect(dominator: Int32Array, position: Int32Array, a: number, b: number): number {
  let left = a;
  let right = b;
  while (left !== right) {
    while (position[left] > position[right]) left = dominator[left];
    while (position[right] > position[left]) right = dominator[right];
  }
  return left;
}
