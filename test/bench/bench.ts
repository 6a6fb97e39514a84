// npm run bench: what the system costs, each figure beside its aim. Medians; what could not be measured says why.
//
//   node build/run-ts.mjs test/bench/bench.ts [SECTION…]     sections: boot cpu kernel network desktop frames

import os from 'node:os';
import { boot } from './boot.ts';
import { cpu, kernel } from './compute.ts';
import { desktop, frames } from './desktop.ts';
import { buildModule, missing, printRow, type Row } from './measure.ts';
import { network } from './network.ts';

const sections: Readonly<Record<string, (print: (row: Row) => void) => Promise<void>>> = {
  boot,
  cpu,
  kernel,
  network,
  desktop,
  frames,
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in sections));
if (unknown.length > 0) {
  console.error(`bench: unknown section ${unknown.join(', ')}; there are ${Object.keys(sections).join(', ')}`);
  process.exit(2);
}

const { setup } = await buildModule<{ setup(purpose: string): Promise<unknown> }>('setup/setup.mjs');
await setup('start');

const load = () => os.loadavg().map((value) => value.toFixed(2));
console.log(`${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.cpus().length} cores, Node ${process.versions.node}`);
console.log(`load average at the start ${load().join(' ')}: above 1 the times below are those of a busy machine\n`);

let failed = false;
for (const [name, measure] of Object.entries(sections)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  try {
    await measure((row) => {
      failed ||= row.met === false;
      printRow(row);
    });
  } catch (error) {
    failed = true;
    printRow(missing(name, error instanceof Error ? error.message.split('\n')[0] : String(error)));
  }
}
console.log(`\nload average at the end ${load().join(' ')}`);
// An aim that is not met on a busy machine is no error of the program: it is said, the status stays 0.
if (failed) console.log('not every aim was met, or not everything could be measured: see above');
