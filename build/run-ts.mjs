// Runs a TypeScript file of ours under plain Node: bundles it with esbuild into dist/tools/ and executes it there.
// Usage: node build/run-ts.mjs FILE [ARGUMENT…]

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Bundles `file` (relative to the root) and returns the path of the result, an ES module. */
export async function bundleTool(file) {
  const { build } = await import('esbuild');
  const outfile = path.join(root, 'dist/tools', `${file.replace(/\.ts$/, '').replaceAll('/', '-')}.mjs`);
  fs.mkdirSync(path.dirname(outfile), { recursive: true });
  await build({
    entryPoints: [path.join(root, file)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: 'inline',
    packages: 'external',
    logLevel: 'warning',
  });
  return outfile;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, ...rest] = process.argv.slice(2);
  if (file === undefined || !fs.existsSync(path.resolve(file))) {
    console.error('usage: node build/run-ts.mjs FILE [ARGUMENT…]');
    process.exit(2);
  }
  const bundle = await bundleTool(path.relative(root, path.resolve(file)));
  const result = spawnSync(process.execPath, ['--enable-source-maps', bundle, ...rest], { stdio: 'inherit' });
  process.exit(result.status ?? 1);
}
