// Builds the desktop app into dist/: the renderer with vite; main process, preload and machine worker with esbuild.
//
//   dist/main.cjs  dist/preload.cjs  dist/machine-worker.cjs  dist/headless-worker.cjs  dist/udp-relay-worker.cjs
//   dist/os-core.cjs  dist/euroos-cli.mjs  dist/renderer/

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as bundle } from 'esbuild';
import { build as buildPage } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Entry -> file below dist/. */
const windowScripts = [
  ['electron/main/main.ts', 'main.cjs'],
  ['electron/preload/preload.ts', 'preload.cjs'],
];
/** What does not exist is left out. */
const machineScripts = [
  ['electron/machine-host/worker.ts', 'machine-worker.cjs'],
  ['electron/machine-host/headless-worker.ts', 'headless-worker.cjs'],
  ['electron/backends/nat/udp-relay-worker.ts', 'udp-relay-worker.cjs'],
  ['os-core/index.ts', 'os-core.cjs'],
];

/** One TypeScript entry and all it imports, as CommonJS for the oldest runtime in use (Electron 25: Node 18.15). */
export async function buildScript(entry, outfile) {
  await bundle({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: ['node18.15', 'chrome114'],
    external: ['electron', 'koffi'],
    sourcemap: 'linked',
    legalComments: 'none',
    logLevel: 'warning',
  });
}

/** The command line, for the Node of the checkout. */
async function buildCommand(outfile) {
  await bundle({
    entryPoints: [join(root, 'electron/cli/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
}

/**
 * @param {{ log?: (line: string) => void, outputFolder?: string, machine?: boolean }} options
 *   `machine: false` builds the window alone (tests that play scenes instead of running a machine).
 */
export async function buildApp({ log = () => {}, outputFolder = join(root, 'dist'), machine = true } = {}) {
  for (const [entry, file] of [...windowScripts, ...(machine ? machineScripts : [])]) {
    if (!existsSync(join(root, entry))) continue;
    await buildScript(join(root, entry), join(outputFolder, file));
    log(`built ${file}`);
  }
  if (machine) await buildCommand(join(outputFolder, 'euroos-cli.mjs'));
  await buildPage({
    root: join(root, 'renderer'),
    base: './',
    configFile: false,
    logLevel: 'warn',
    build: {
      outDir: join(outputFolder, 'renderer'),
      emptyOutDir: true,
      target: 'chrome114',
      // Images stay files: the content security policy knows no data: addresses.
      assetsInlineLimit: 0,
      modulePreload: false,
      sourcemap: false,
      chunkSizeWarningLimit: 2000,
    },
  });
  log('built renderer');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildApp({ log: console.log });
}
