// npm run check: types, layers and lint (and unit tests unless --no-tests). Prints one line a check; returns the count of failures.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, say } from '../setup/steps.mjs';

const bin = (name) => path.join(root, 'node_modules/.bin', name);
const checks = [
  ['types: devices', bin('tsc'), ['-p', 'devices']],
  ['types: os-core', bin('tsc'), ['-p', 'os-core']],
  ['types: electron', bin('tsc'), ['-p', 'electron']],
  ['types: renderer', bin('tsc'), ['-p', 'renderer']],
  ['types: tests and tools', bin('tsc'), ['-p', '.']],
  ['layers', process.execPath, ['build/checks/layers.mjs']],
  ['lint', bin('biome'), ['check', '--diagnostic-level=error', '.']],
  ['published tables', process.execPath, ['build/checks/published.mjs']],
];

function execute([name, command, args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.once('close', (status) => {
      say(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}`);
      if (status !== 0) say(output.split('\n').slice(-60).join('\n'));
      resolve(status === 0);
    });
  });
}

/** Runs all checks, two at a time. Returns { passed, failed }. */
export async function runChecks() {
  const queue = [...checks];
  let passed = 0;
  let failed = 0;
  const lane = async () => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift())
      (await execute(check)) ? passed++ : failed++;
  };
  await Promise.all([lane(), lane()]);
  return { passed, failed };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { failed } = await runChecks();
  process.exitCode = failed === 0 ? 0 : 1;
}
