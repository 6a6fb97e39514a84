// npm run corpus: real programs of other people, natively and in EuroOS, with the same words on the screen?
// Usage: node build/corpus/corpus.mjs [NAME…]   (jobs whose name contains NAME; the others keep their lines on the published page)
//
//   Debian's sources ─► programs (toolchain.mjs) ─► jobs (jobs.mjs) ─┬─► this machine ──┐
//                                                                    └─► EuroOS, 1 boot ┴─► compared ─► docs/COMPATIBILITY.md

import { spawnSync } from 'node:child_process';
import { bundleTool } from '../run-ts.mjs';
import { runMain, setup } from '../setup/setup.mjs';
import { root } from '../setup/steps.mjs';
import { buildCorpus } from './toolchain.mjs';

await runMain(async () => {
  await setup('headless');
  const programs = buildCorpus();
  const tool = await bundleTool('build/corpus/compare.ts');
  const list = JSON.stringify([...programs].map(([name, { version, file }]) => ({ name, version, file })));
  const result = spawnSync(process.execPath, [tool, list, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
  return result.status ?? 1;
});
