// npm run corpus: real programs of other people, natively and in EuroOS, with the same words on the screen?
// Usage: node build/corpus/corpus.mjs [--share] [--list] [--interpreter] [NAME…]
//   NAME      only jobs whose "program: job" contains it; the others keep their lines on the published page
//   --share   only the share that the tests of every change run; the published page stays as it is
//   --list    only says which jobs that would be
//   --interpreter   EuroOS without its compiler, which takes longer than it saves where no code runs often
//
//   Debian, npm ─► programs, suites (toolchain.mjs) ─► jobs (jobs.mjs) ─┬─► this machine ──┐
//                                                                       └─► EuroOS, 1 boot ┴─► compared ─► docs/COMPATIBILITY.md

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { bundleTool } from '../run-ts.mjs';
import { runMain, setup } from '../setup/setup.mjs';
import { root } from '../setup/steps.mjs';
import { jobs } from './jobs.mjs';
import { buildCorpus, cache } from './toolchain.mjs';

const PAGE = 'docs/COMPATIBILITY.md';

const titleOf = (job) => `${job.program ?? job.command[0]}: ${job.name}`;

await runMain(async () => {
  const options = process.argv.slice(2).filter((word) => word.startsWith('--'));
  const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
  const chosen = jobs.filter(
    (job) =>
      (job.share === true || !options.includes('--share')) &&
      (names.length === 0 || names.some((name) => titleOf(job).includes(name))),
  );
  if (options.includes('--list')) {
    for (const job of chosen) console.log(titleOf(job));
    return 0;
  }
  await setup('headless');
  const programs = ['busybox', ...chosen.flatMap((job) => [job.command[0], ...(job.needs ?? [])])];
  const built = buildCorpus(
    programs,
    chosen.flatMap((job) => job.suite ?? []),
  );
  const list = path.join(cache, `built-${process.pid}.json`);
  fs.writeFileSync(list, JSON.stringify(built));
  try {
    const tool = await bundleTool('build/corpus/compare.ts');
    const result = spawnSync(
      process.execPath,
      [
        tool,
        list,
        options.includes('--share') ? '' : PAGE,
        options.includes('--interpreter') ? 'interpreter' : 'jit',
        ...chosen.map(titleOf),
      ],
      { cwd: root, stdio: 'inherit' },
    );
    return result.status ?? 1;
  } finally {
    fs.rmSync(list, { force: true });
  }
});
