// Runs published.ts from the root of the checkout.

import { spawnSync } from 'node:child_process';
import { bundleTool, root } from '../run-ts.mjs';

const result = spawnSync(process.execPath, [await bundleTool('build/checks/published.ts'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = result.status ?? 1;
