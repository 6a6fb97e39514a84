// The long run of the silicon oracle. Usage:
//
//   node build/run-ts.mjs test/conformance/cpu/campaign.ts [--seed N] [--cases N] [--first N] [--case N] [--only TEXT] [--show N]
//
//   --seed, --first, --cases   which cases (default: seed 1, from 0, 100,000)
//   --case N                   one case, shown in full
//   --only TEXT                rows whose mnemonic matches this regular expression
//   --show N                   differences shown in full for each mnemonic (default 1)
//
// Exit status 1 if there was a difference. A case is reproduced by its seed, number and --only.

import path from 'node:path';
import { testedRows } from './generate.ts';
import { buildHarness, hostObstacle } from './host.ts';
import { describeDifference, Guest, runBatch } from './oracle.ts';

const BATCH = 4000;

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const obstacle = hostObstacle();
if (obstacle !== undefined) {
  console.error(obstacle);
  process.exit(2);
}
const seed = Number(option('seed', '1'));
const single = option('case', '');
const first = Number(single === '' ? option('first', '0') : single);
const total = single === '' ? Number(option('cases', '100000')) : 1;
const shown = Number(option('show', '1'));
const only = new RegExp(`^(${option('only', '.*')})$`);
const rows = testedRows.filter((row) => only.test(row.mnemonic ?? row.operation));
const harness = buildHarness(path.join(process.cwd(), 'test/conformance/cpu/harness.c'));
const guest = new Guest();
const counts = new Map<string, number>();
const started = Date.now();
let failed = 0;
for (let done = 0; done < total; done += BATCH) {
  const count = Math.min(BATCH, total - done);
  for (const { item, lines } of runBatch(guest, { harness, seed, first: first + done, count, rows })) {
    failed++;
    const key = item.text;
    const before = counts.get(key) ?? 0;
    counts.set(key, before + 1);
    if (before < shown) console.log(`${describeDifference(item, lines)}\n`);
  }
}
for (const [text, count] of [...counts].sort((a, b) => b[1] - a[1]))
  console.log(`${String(count).padStart(7)}  ${text}`);
const seconds = (Date.now() - started) / 1000;
console.log(
  `${total} cases, ${failed} differences, ${Math.round(total / seconds)} cases/s, ${rows.length} rows, seed ${seed}`,
);
process.exit(failed === 0 ? 0 : 1);
