// What `npm run bench:cpu` and `npm run bench:kernel` share: options, subjects, table.

import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { type Engine, engines } from '../support/engines.ts';
import { type Comparison, compare } from './comparison.ts';
import { buildModule } from './measure.ts';
import { machineText, markdownOf, tableOf, textOf, writeIntoReadme } from './report.ts';
import { EuroOsSubject, native, qemu, type Subject, type Workload } from './subjects.ts';

const DEFAULT_ROUNDS = 3;
const MAXIMUM_ROUNDS = 100;
/** Slowest over fastest round from which on a figure is doubtful. */
const SPREAD_LIMIT = 1.25;

/** Measures and takes the machines down again. */
export async function measureWorkloads(
  workloads: readonly Workload[],
  chosenEngines: readonly Engine[],
  rounds: number,
): Promise<Comparison[]> {
  const subjects: Subject[] = [native()];
  try {
    const emulator = qemu();
    if (emulator !== null) subjects.push(emulator);
    for (const engine of chosenEngines)
      subjects.push(
        await EuroOsSubject.boot(
          engine,
          workloads.map(({ program }) => program),
        ),
      );
    return await compare(workloads, subjects, rounds, (line) => console.error(line));
  } finally {
    for (const subject of subjects) await subject.close();
  }
}

/** `name`: of the command and of the markers in README.md. `workloads` compiles the programs. */
export async function comparisonCommand(name: string, workloads: () => Promise<readonly Workload[]>): Promise<void> {
  const { values } = parseArgs({
    options: {
      engine: { type: 'string', multiple: true },
      class: { type: 'string', multiple: true },
      json: { type: 'string' },
      rounds: { type: 'string' },
      write: { type: 'boolean' },
    },
  });
  const { setup } = await buildModule<{ setup(purpose: string): Promise<unknown> }>('setup/setup.mjs');
  await setup('headless');
  const all = await workloads();
  const fail = (text: string): never => {
    console.error(`${name}: ${text}`);
    console.error(`usage: npm run ${name} [-- --engine E --class NAME --rounds N --json FILE --write]`);
    console.error(`engines: ${engines.join(' ')}\nclasses: ${all.map((one) => one.name).join(' ')}`);
    process.exit(2);
  };
  const rounds = Number(values.rounds ?? DEFAULT_ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MAXIMUM_ROUNDS)
    fail(`--rounds ${values.rounds}: 1 to ${MAXIMUM_ROUNDS}`);
  for (const engine of values.engine ?? [])
    if (!(engines as readonly string[]).includes(engine)) fail(`--engine ${engine}: this version does not have it`);
  for (const one of values.class ?? [])
    if (!all.some((workload) => workload.name === one)) fail(`--class ${one}: unknown`);
  if (values.write === true && (values.class ?? values.engine) !== undefined)
    fail('--write needs all classes and engines');

  const machine = machineText();
  const chosen = all.filter((workload) => values.class?.includes(workload.name) ?? true);
  const comparisons = await measureWorkloads(chosen, (values.engine as Engine[] | undefined) ?? engines, rounds);
  const table = tableOf(comparisons);
  console.log(`${machine}; medians of ${rounds}, CPU time, a round's time over native\n\n${textOf(table)}`);
  const uncertain = comparisons.flatMap(({ workload, measured }) =>
    measured
      .filter(({ problem, spread }) => problem === null && spread > SPREAD_LIMIT)
      .map((one) => `${workload.name} (${one.subject}) ${one.spread.toFixed(1)}`),
  );
  // A figure whose rounds disagree is never shown without saying so.
  const doubt =
    uncertain.length === 0 ? '' : `\n\nSlowest over fastest round above ${SPREAD_LIMIT}: ${uncertain.join(', ')}.`;
  if (doubt !== '') console.log(doubt.slice(1));
  if (values.json !== undefined)
    fs.writeFileSync(values.json, `${JSON.stringify({ machine, rounds, comparisons }, null, 2)}\n`);
  if (values.write === true) writeIntoReadme(name, `${machine}; medians of ${rounds}.\n\n${markdownOf(table)}${doubt}`);
  const failed = comparisons.flatMap(({ workload, measured }) =>
    measured.filter(({ problem }) => problem !== null && problem !== workload.notInQemu),
  );
  if (failed.length > 0) process.exitCode = 1;
}
