// Runs the jobs of the corpus natively and in EuroOS, compares what they printed, how they ended and which files they left, and
// writes the page of results. The native run is the measure: nothing of the expected results is stored.
// Usage: compare.mjs PROGRAMS-AND-SUITES.json PAGE ENGINE JOB…   (PAGE may be empty; see corpus.mjs, which makes the file and chooses the jobs)

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Job, jobs } from './jobs.mjs';
import { difference, type Outcome, partsOf } from './outcome.ts';
import { programOf, type Row, writePage } from './page.ts';
import { type Program, Sides, type Suite } from './sides.ts';

/** Jobs at the same time: a machine's thread keeps one core busy. */
const LANES = 2;
/** Differing parts of a job that are printed; the rest is counted. */
const PRINTED_PARTS = 40;

interface Verdict {
  /** '' if all is the same. */
  readonly difference: string;
  /** For the page. */
  readonly result: string;
  readonly lines: readonly string[];
}

/** Job as a whole: output, status, files. */
function compareWhole(job: Job, native: Outcome, guest: Outcome): Verdict {
  const first = difference(native, guest);
  if (first === '') return { difference: '', result: 'the same', lines: [] };
  return { difference: first, result: job.known ?? first, lines: guest.stderr.split('\n').slice(-6) };
}

/** A job of many parts: each for itself, then the rest. */
function compareParts(job: Job, native: Outcome, guest: Outcome): Verdict {
  const [parts, inGuest] = [partsOf(native.stdout), partsOf(guest.stdout)];
  const differing = [...parts].filter(([name, output]) => inGuest.get(name) !== output);
  const lines = differing
    .slice(0, PRINTED_PARTS)
    .map(
      ([name, output]) =>
        `  ${name}\n    natively ${JSON.stringify(output)}\n    EuroOS   ${JSON.stringify(inGuest.get(name))}`,
    );
  const reasons = job.knownParts ?? {};
  const unknown = differing.filter(([name]) => reasons[name] === undefined).map(([name]) => name);
  const rest = difference({ ...native, stdout: '' }, { ...guest, stdout: '' });
  const notes = [
    `${parts.size - differing.length} of ${parts.size} parts the same`,
    ...differing.flatMap(([name]) => (reasons[name] === undefined ? [] : [`${name}: ${reasons[name]}`])),
    ...(unknown.length === 0 ? [] : [`differing: ${unknown.join(', ')}`]),
    ...(rest === '' ? [] : [rest]),
  ];
  const found = differing.length === 0 && rest === '' ? '' : notes.slice(1).join('; ');
  return { difference: found, result: notes.join('; '), lines };
}

/** Is every difference of the job one that is known? */
function isKnown(job: Job, native: Outcome, guest: Outcome): boolean {
  if (job.known !== undefined) return true;
  const inGuest = partsOf(guest.stdout);
  return (
    job.knownParts !== undefined &&
    [...partsOf(native.stdout)].every(
      ([name, output]) => name in (job.knownParts ?? {}) || inGuest.get(name) === output,
    ) &&
    difference({ ...native, stdout: '' }, { ...guest, stdout: '' }) === ''
  );
}

async function compare(job: Job, sides: Sides): Promise<Omit<Row, 'version' | 'language'> & { known: boolean }> {
  const native = await sides.runNative(job);
  const guest = await sides.runInEuroOs(job);
  const verdict = (partsOf(native.stdout).size > 0 ? compareParts : compareWhole)(job, native, guest);
  const same = verdict.difference === '';
  const known = same || isKnown(job, native, guest);
  const figures = `${(guest.instructions / 1e6).toFixed(0)} million instructions, ${guest.seconds.toFixed(1)} s`;
  const word = same ? 'same     ' : known ? 'as known ' : 'DIFFERENT';
  const line = `${word} ${programOf(job)}: ${job.name} (${figures})${same ? '' : `: ${verdict.difference}`}`;
  console.error([...verdict.lines, line].join('\n'));
  return { job, same, known, result: verdict.result, instructions: guest.instructions };
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
let unknownDifferences = 0;

async function lane(): Promise<void> {
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
    const { known, ...row } = await compare(job, sides);
    if (!known) unknownDifferences++;
    const about = programs.find(({ name }) => name === programOf(row.job));
    const suite = suites.find(({ name }) => name === row.job.suite);
    const version = about?.version ?? suite?.version ?? '';
    rows.push({ ...row, version, language: about?.language ?? '' });
    // After each job, so that a run that is broken off has not been for nothing.
    if (pageFile !== '') writePage(pageFile, rows);
  }
}
await Promise.all(Array.from({ length: LANES }, lane));
process.exitCode = unknownDifferences === 0 ? 0 : 1;
