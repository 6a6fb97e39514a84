// npm run setup: everything that a fresh checkout needs, and nothing when there is nothing to do.
//
//   Node version ─► node_modules ─► Debian packages ─► Electron runtime ─► userland ─► key ─► bundles ─► manifest ─► system image
//
// Only Node's own modules may be imported here at the top: node_modules may not exist yet.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureDebianPackages } from './debian-packages.mjs';
import { ensureDevelopmentKey } from './keys.mjs';
import { dist, fingerprint, root, run, SetupError, say, upToDate } from './steps.mjs';

const MINIMUM_NODE = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1]))
    throw new SetupError(`set-up: Node ${MINIMUM_NODE.join('.')} or newer is needed, this is ${process.versions.node}`);
}

async function installNodeModules() {
  const lock = createHash('sha256')
    .update(fs.readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = path.join(root, 'node_modules/.euroos-lock');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === lock) return;
  say('set-up: installing npm packages (a minute or so)');
  // Not `npm ci`: it insists on the optional packages of every other platform, which some registries do not carry. This takes
  // the locked versions and checks their integrity all the same, and leaves the lock file as it is.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  fs.writeFileSync(stamp, lock);
}

/** dist/*.cjs and the renderer; the manifest that pins the os-core bundle. */
async function buildBundles() {
  const inputs = [
    'os-core',
    'devices',
    'electron',
    'renderer',
    'build/app',
    'build/image/boot-manifest.mjs',
    'package.json',
    'package-lock.json',
  ];
  const accept = (file) => !file.endsWith('.test.ts') && !file.includes('/userland/');
  const results = [
    'os-core.cjs',
    'headless-worker.cjs',
    'machine-worker.cjs',
    'euroos-cli.mjs',
    'main.cjs',
    'boot-manifest.sig',
  ];
  const worked = await upToDate(
    'bundles',
    fingerprint(inputs, [], accept),
    results.map((name) => path.join(dist, name)),
    async () => {
      const { buildApp } = await import('../app/build.mjs');
      await buildApp({ log: say });
      const { writeBootManifest } = await import('../image/boot-manifest.mjs');
      writeBootManifest(JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).version);
    },
  );
  if (worked) say('set-up: built the bundles');
}

async function buildSystemImage(userland) {
  const inputs = [
    userland,
    'os-core/eurofs',
    'os-core/security',
    'devices/base',
    'build/image',
    path.join(dist, 'keys'),
  ];
  const worked = await upToDate('system-image', fingerprint(inputs), [path.join(dist, 'system.img')], async () => {
    const { bundleTool } = await import('../run-ts.mjs');
    run(process.execPath, [await bundleTool('build/image/build-image.ts'), path.join(dist, 'system.img'), userland]);
  });
  if (worked) say('set-up: built the system image');
}

/** `purpose`: 'headless' (no window needed), 'start' or 'test'. Returns the path of the Electron executable, null if headless. */
export async function setup(purpose) {
  checkNode();
  await installNodeModules();
  await ensureDebianPackages(purpose);
  let electron = null;
  if (purpose !== 'headless') {
    const { resolveElectron } = await import('./electron-runtime.mjs');
    electron = await resolveElectron({ log: say });
  }
  const { compileFolder } = await import('../toolchain/userland.mjs');
  const userland = await compileFolder('os-core/userland', 'userland');
  if (purpose === 'test') await compileFolder('test/programs', 'test-programs');
  ensureDevelopmentKey();
  await buildBundles();
  await buildSystemImage(userland);
  return electron;
}

/** Runs `main` and turns a SetupError into one clear line and status 1. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    say(error instanceof SetupError ? error.message : String(error.stack ?? error));
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await runMain(async () => {
    const purpose = process.argv[2] ?? 'start';
    if (!['headless', 'start', 'test'].includes(purpose))
      throw new SetupError('usage: npm run setup [-- headless|start|test]');
    await setup(purpose);
    say('set-up: complete');
  });
