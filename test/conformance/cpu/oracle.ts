// Runs a range of cases on silicon and on our CPU and gathers the differences.

import type { InstructionRow } from '../../../devices/cpu/table/row.ts';
import { compareOutcomes, describeDifference } from './compare.ts';
import { hostMaker } from './exemptions.ts';
import { generateCase, testedRows } from './generate.ts';
import { Guest } from './guest.ts';
import { runOnHost } from './host.ts';
import type { Case, Outcome } from './layout.ts';

export interface Difference {
  readonly item: Case;
  readonly lines: readonly string[];
}

export interface OracleOptions {
  readonly harness: string;
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  readonly rows?: readonly InstructionRow[];
  /** Changes our outcome before it is compared: for planted faults. */
  readonly tamper?: (item: Case, ours: Outcome) => void;
}

const maker = hostMaker();

/** Cases first .. first+count-1 of a seed. */
export function runBatch(guest: Guest, options: OracleOptions): Difference[] {
  const cases: Case[] = [];
  for (let n = 0; n < options.count; n++)
    cases.push(generateCase(options.seed, options.first + n, options.rows ?? testedRows));
  const silicon = runOnHost(options.harness, cases);
  guest.clearPages();
  const differences: Difference[] = [];
  cases.forEach((item, n) => {
    const ours = guest.run(item);
    options.tamper?.(item, ours);
    const lines = compareOutcomes(item, maker, silicon[n], ours);
    if (lines.length > 0) differences.push({ item, lines });
  });
  return differences;
}

export { describeDifference, Guest };
