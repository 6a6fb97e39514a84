// Looks at the whole state of a kernel between two slices and tells what does not add up. Whatever programs do, this holds.
// The kernel must be of the same modules as this file (not of a bundle): classes are compared.

import type { Kernel } from '../../../os-core/kernel/kernel.ts';
import { checkFiles } from './check-files.ts';
import { checkFrames } from './check-frames.ts';
import { checkProcesses, checkTasks } from './check-tasks.ts';
import { StateGraph } from './state-graph.ts';

export interface KernelCheck {
  /** One line each; none is as it should be. */
  readonly problems: readonly string[];
  /** Objects by class, to compare with those of another time. */
  readonly objects: ReadonlyMap<string, number>;
}

export function checkKernel(kernel: Kernel): KernelCheck {
  const graph = new StateGraph(kernel);
  checkFrames(graph);
  checkTasks(graph);
  checkProcesses(graph);
  if (kernel.state.services.has('vfs')) checkFiles(graph);
  return { problems: graph.problems, objects: graph.counts() };
}

/** Objects of caches, of the file system's tree, of what it has to write back at the time (one deadline). */
const mayVary: Readonly<Record<string, number>> = {
  Object: Infinity,
  CacheEntry: Infinity,
  FilePages: Infinity,
  FileMapping: Infinity,
  ProgramImage: Infinity,
  NodePointer: Infinity,
  TreeNode: Infinity,
  DirtyFile: Infinity,
  Superblock: Infinity,
  Timer: 1,
};

/** Classes of which there are more objects than there were. */
export function growth(first: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string[] {
  const names = [...new Set([...first.keys(), ...now.keys()])].sort();
  return names
    .filter((name) => (now.get(name) ?? 0) > (first.get(name) ?? 0) + (mayVary[name] ?? 0))
    .map((name) => `leak: ${name}: ${first.get(name) ?? 0} at first, ${now.get(name) ?? 0} now`);
}
