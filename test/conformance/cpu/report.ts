// The published report of a campaign: docs/CPU-CONFORMANCE.md.

import { encodingText, rowText } from '../../../devices/cpu/table/row-text.ts';
import { exemptions, neverCompared } from './exemptions.ts';
import { type Difference, TALLY_COLUMNS, Tally } from './oracle.ts';
import { BATCH_SNIPPETS, type Progress, VECTORS_EACH } from './progress.ts';
import { excludedOperations, testedRows } from './snippet.ts';

const makerNames = { intel: 'Intel', amd: 'AMD', other: 'others' } as const;
const grouped = (value: number): string => value.toLocaleString('en-GB');

function tallyLines(progress: Progress): string[] {
  return testedRows.map((row, n) => {
    const at = n * TALLY_COLUMNS;
    const cell = (column: number): string => grouped(progress.tallies[at + column]);
    const { snippets, vectors, memory, crossing, pageFaults, otherFaults } = Tally;
    const counts = [snippets, vectors, memory, crossing, pageFaults, otherFaults].map(cell);
    return `| ${rowText(row)} | ${encodingText(row)} | ${counts.join(' | ')} |`;
  });
}

function exemptionLines(progress: Progress): string[] {
  const needed = exemptions.map(
    ({ id, makers, what, why }) =>
      `| ${makers.map((maker) => makerNames[maker]).join(', ') || 'any'} | ${what} | ${why} | ${grouped(progress.exempted[id] ?? 0)} |`,
  );
  return [...needed, ...neverCompared.map(([what, why]) => `| any | ${what} | ${why} | – |`)];
}

function excludedLines(): string[] {
  const byReason = new Map<string, string[]>();
  for (const [operation, reason] of Object.entries(excludedOperations))
    byReason.set(reason, [...(byReason.get(reason) ?? []), operation]);
  return [...byReason].map(([reason, operations]) => `| ${operations.join(', ')} | ${reason} |`);
}

function differenceLines(progress: Progress): string[] {
  const line = ({ snippet, vector, text }: Difference): string =>
    `- ${text}: \`--seed ${progress.seed} --case ${snippet}.${vector}\``;
  const { mended = [] } = progress;
  const open =
    progress.differing === 0
      ? ['None.']
      : [`${grouped(progress.differing)}, of which:`, '', ...progress.differences.slice(0, 50).map(line)];
  if (mended.length === 0) return open;
  return [...open, '', 'Found by this campaign, mended, and tried again:', '', ...mended.slice(0, 50).map(line)];
}

/** The page, as Markdown. */
export function conformancePage(progress: Progress): string {
  const hosts = Object.entries(progress.hosts).map(([model, vectors]) => `${model} (${grouped(vectors)})`);
  const untouched = testedRows.filter((_, n) => progress.tallies[n * TALLY_COLUMNS + Tally.vectors] === 0);
  return [
    '# Conformance of the CPU to silicon',
    '',
    'Random snippets made from the instruction table run on a real processor and on ours (`test/conformance/cpu`); after each, general',
    'registers, RIP, defined flags, x87, XMM, MXCSR, 512 bytes of memory across a page boundary, the vector of the fault, its error code and',
    'CR2 are compared. This page is written by the campaign: `npm run campaign:cpu -- --resume --minutes 30 --write`.',
    '',
    '| | |',
    '|---|---|',
    `| comparisons (machine states) | ${grouped(progress.vectors)} |`,
    `| snippets, each with ${VECTORS_EACH} states | ${grouped(progress.batches * BATCH_SNIPPETS)} |`,
    `| table entries compared | ${testedRows.length - untouched.length} of ${testedRows.length} |`,
    `| our engine | ${progress.engine} |`,
    `| processors | ${hosts.join('; ')} |`,
    `| seed | ${progress.seed} |`,
    `| working time | ${grouped(Math.round(progress.seconds / 60))} minutes |`,
    `| differences | ${grouped(progress.differing)} |`,
    '',
    '## Differences',
    '',
    ...differenceLines(progress),
    '',
    '## What is exempted',
    '',
    '`needed` is how often outcomes would have differed without it.',
    '',
    '| maker | what | why | needed |',
    '|---|---|---|---|',
    ...exemptionLines(progress),
    '',
    '## Instructions that are not compared',
    '',
    '| operations | why |',
    '|---|---|',
    ...excludedLines(),
    '',
    '## Table entries',
    '',
    'Memory: with a memory operand. Across pages, page faults and other exceptions are counted in snippets of one instruction.',
    '',
    '| instruction | encoding | snippets | states | memory | across pages | #PF | other exceptions |',
    '|---|---|---|---|---|---|---|---|',
    ...tallyLines(progress),
    '',
  ].join('\n');
}
