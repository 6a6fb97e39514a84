#!/usr/bin/env node
// The `euroos` command of a checkout: finds what the set-up has built and runs it.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(path.dirname(fs.realpathSync(fileURLToPath(import.meta.url)))));
const folder = path.join(root, 'dist');
const bundle = path.join(folder, 'euroos-cli.mjs');

if (!fs.existsSync(bundle) || !fs.existsSync(path.join(folder, 'system.img'))) {
  console.error('euroos: not set up yet; run npm run setup first');
  process.exit(125);
}
const { main } = await import(pathToFileURL(bundle).href);
const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
process.exitCode = await main(process.argv.slice(2), {
  folder,
  version,
  startDesktop: async () => {
    const result = spawnSync(process.execPath, [path.join(root, 'build/setup/start.mjs')], { stdio: 'inherit' });
    return result.status ?? 1;
  },
});
