// Runs the jobs of the corpus natively and in EuroOS, compares what they printed, how they ended and which files they left, and
// writes the page of results. The native run is the measure: nothing of the expected results is stored.
// Usage: compare.mjs PROGRAMS-AND-SUITES.json PAGE ENGINE JOB…   (PAGE may be empty; see corpus.mjs, which makes the file and chooses the jobs)

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Job, jobs } from './jobs.mjs';
import { difference, partsOf } from './outcome.ts';
import { programOf, type Row, writePage } from './page.ts';
import { type Program, Sides, type Suite } from './sides.ts';

/** Jobs at the same time: a machine's thread keeps one core busy. */
const LANES = 2;
/** Differing parts of a job that are printed; the rest is counted. */
const PRINTED_PARTS = 40;

async function compare(job: Job, sides: Sides): Promise<Omit<Row, 'version' | 'language'>> {
  const native = await sides.runNative(job);
  const guest = await sides.runInEuroOs(job);
  const first = difference(native, guest);
  const { instructions, seconds } = guest;
  let result = first === '' ? 'the same' : first;
  const [parts, inGuest] = [partsOf(native.stdout), partsOf(guest.stdout)];
  const report: string[] = [];
  if (parts.size > 0) {
    const differing = [...parts].filter(([name, output]) => inGuest.get(name) !== output);
    for (const [name, output] of differing.slice(0, PRINTED_PARTS))
      report.push(
        `  ${name}\n    natively ${JSON.stringify(output)}\n    EuroOS   ${JSON.stringify(inGuest.get(name))}`,
      );
    const note = `${parts.size - differing.length} of ${parts.size} parts the same`;
    result = first === '' ? note : `${note}; ${first}`;
  } else if (first !== '' && guest.stderr !== native.stderr) report.push(guest.stderr.split('\n').slice(-6).join('\n'));
  const figures = `${(instructions / 1e6).toFixed(0)} million instructions, ${seconds.toFixed(1)} s`;
  const verdict = first === '' ? 'same     ' : 'DIFFERENT';
  report.push(`${verdict} ${programOf(job)}: ${job.name} (${figures})${first === '' ? '' : `: ${result}`}`);
  console.error(report.join('\n'));
  if (first !== '' && job.known !== undefined) result = job.known;
  return { job, same: first === '', result, instructions };
}

const { programs, suites } = JSON.parse(fs.readFileSync(process.argv[2], 'utf8')) as {
  programs: Program[];
  suites: Suite[];
};
const [pageFile, engine] = process.argv.slice(3, 5);
const wanted = process.argv.slice(5);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'euroos-corpus-'));
process.once('exit', () => fs.rmSync(work, { recursive: true, force: true }));

const sides = new Sides(work, engine, programs, suites);
const waiting = jobs.filter((job) => wanted.includes(`${programOf(job)}: ${job.name}`));
const rows: Row[] = [];

async function lane(): Promise<void> {
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
    const row = await compare(job, sides);
    const about = programs.find(({ name }) => name === programOf(row.job));
    const suite = suites.find(({ name }) => name === row.job.suite);
    const version = about?.name === 'busybox' && suite !== undefined ? suite.version : (about?.version ?? '');
    rows.push({ ...row, version, language: about?.language ?? '' });
    // After each job, so that a run that is broken off has not been for nothing.
    if (pageFile !== '') writePage(pageFile, rows);
  }
}
await Promise.all(Array.from({ length: LANES }, lane));
process.exitCode = rows.every((row) => row.same || row.job.known !== undefined) ? 0 : 1;
