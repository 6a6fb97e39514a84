// npm test: the set-up, the checks, all tests; the last line counts them.
// --update-goldens: rewrites the golden screenshots instead of comparing (look at them before committing).

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { runChecks } from '../checks/check.mjs';
import { jobs } from '../corpus/jobs.mjs';
import { buildCorpus } from '../corpus/toolchain.mjs';
import { runMain, setup } from './setup.mjs';
import { dist, root, say } from './steps.mjs';

const report = path.join(dist, 'test-report.json');

function runVitest(updateGoldens, electron) {
  fs.rmSync(report, { force: true });
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const environment = { ...process.env, EUROOS_ELECTRON: electron };
  if (updateGoldens) environment.EUROOS_UPDATE_GOLDENS = '1';
  const result = spawnSync(path.join(root, 'node_modules/.bin/vitest'), args, {
    cwd: root,
    stdio: 'inherit',
    env: environment,
  });
  // A run that wrote no report has failed as a whole, whatever its status.
  if (!fs.existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const counts = JSON.parse(fs.readFileSync(report, 'utf8'));
  const broken = counts.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  for (const file of broken) say(`FAIL ${path.relative(root, file.name)}: ${file.message}`);
  const failed = counts.numFailedTests + broken.length;
  return {
    passed: counts.numPassedTests,
    failed: failed === 0 && result.status !== 0 ? 1 : failed,
    skipped: counts.numPendingTests + (counts.numTodoTests ?? 0),
  };
}

/** Programs of other people that the tests run: fetched and built once, kept in the cache of the corpus. */
function buildTestPrograms() {
  const shared = jobs.filter((job) => job.share === true);
  const names = shared.flatMap((job) => [job.command[0], ...(job.needs ?? [])]);
  buildCorpus(['busybox', 'dash', 'less', ...names], []);
}

await runMain(async () => {
  const electron = await setup('test');
  buildTestPrograms();
  const checks = await runChecks();
  const tests = runVitest(process.argv.includes('--update-goldens'), electron);
  const passed = checks.passed + tests.passed;
  const failed = checks.failed + tests.failed;
  console.log(`${passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}`);
  return failed === 0 ? 0 : 1;
});
