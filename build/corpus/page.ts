// docs/COMPATIBILITY.md: one line for each job that was run, now or before.

import fs from 'node:fs';
import { type Job, jobs } from './jobs.mjs';

export interface Row {
  readonly job: Job;
  readonly version: string;
  readonly language: string;
  readonly same: boolean;
  readonly result: string;
  readonly instructions: number;
}

export const programOf = (job: Job): string => job.program ?? job.command[0];
const keyOf = (program: string, job: string): string => `${program}: ${job}`;

/** The lines of the published table by program and job: jobs that were not chosen now keep theirs. */
function publishedLines(pageFile: string): Map<string, string> {
  const text = fs.existsSync(pageFile) ? fs.readFileSync(pageFile, 'utf8') : '';
  const found = [...text.matchAll(/^\| ([^|]+?)(?: \([^|]*\))? \| [^|]+ \| ([^|]+) \|.*$/gm)];
  return new Map(found.map((match) => [keyOf(match[1], match[2]), match[0]]));
}

export function writePage(pageFile: string, rows: readonly Row[]): void {
  const lineOf = publishedLines(pageFile);
  for (const { job, version, language, same, result, instructions } of rows) {
    const program = programOf(job);
    const title = language === '' ? program : `${program} (${language})`;
    const cells = [
      title,
      version,
      job.name,
      same ? 'yes' : 'no',
      result.replaceAll('|', '\\|'),
      (instructions / 1e6).toFixed(0),
    ];
    lineOf.set(keyOf(program, job.name), `| ${cells.join(' | ')} |`);
  }
  const lines = jobs.flatMap((job) => lineOf.get(keyOf(programOf(job), job.name)) ?? []);
  fs.writeFileSync(pageFile, page(lines));
}

const page = (lines: readonly string[]): string => `# Compatibility

Programs of other people, as they are: the sources of Debian 12, compiled with musl as static-PIE (mksh: Debian's own static
binary), and static programs as packages of the npm registry ship them (with the language in brackets). Each job runs on the build
machine and in EuroOS; what it prints, its exit status and the files that it leaves must be the same, byte for byte. This page is
written by \`npm run corpus\`, which also fetches and builds the programs.

| program | version | job | same | result | million instructions |
|---|---|---|---|---|---|
${lines.join('\n')}

Known differences:

- Set-user-id and set-group-id bits of files are not kept: programs get rights from their signature and their parent, never from a
  file's mode.
- Of /sys there are the processors and the PCI bus only.

The million instructions are those of the whole run, boot included. The scripts of the jobs are in \`build/corpus/jobs\`.
`;
