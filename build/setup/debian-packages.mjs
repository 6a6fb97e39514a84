// Debian packages that the project needs, by purpose. Installed only as root or after a yes on a terminal; otherwise one
// exact line to paste is printed. Never sudo unasked.

import { spawnSync } from 'node:child_process';
import readline from 'node:readline/promises';
import { run, SetupError, say } from './steps.mjs';

/** Compiling the userland; running the Electron window. */
const forStart = [
  'gcc',
  'libc6-dev',
  'musl-dev',
  'musl-tools',
  'libnss3',
  'libatk-bridge2.0-0',
  'libgtk-3-0',
  'libgbm1',
  'libasound2',
  // Chromium loads it at run time, so no package of the list brings it.
  'libx11-xcb1',
];
/** Real peers of the tests, and what builds the corpus of other people's programs. */
const forTests = [
  'binutils',
  'bzip2',
  'dpkg-dev',
  'file',
  'xvfb',
  'iproute2',
  'iputils-ping',
  'dnsmasq-base',
  'tshark',
  'tcpdump',
  'xxhash',
  'xz-utils',
];

function missing(packages) {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...packages], {
    encoding: 'utf8',
  });
  if (query.error !== undefined) return null;
  const installed = new Set();
  for (const line of query.stdout.split('\n')) {
    const [name, status] = line.split(' ');
    if (status === 'installed') installed.add(name);
  }
  return packages.filter((name) => !installed.has(name));
}

/** Makes sure that the packages are there. `purpose`: 'start' or 'test'. */
export async function ensureDebianPackages(purpose) {
  const wanted = missing(purpose === 'test' ? [...forStart, ...forTests] : forStart);
  if (wanted === null) {
    say('set-up: this is no Debian system; needed are a C compiler, musl, GTK 3 and NSS by your own package manager');
    return;
  }
  if (wanted.length === 0) return;
  const line = `apt-get update && apt-get install -y --no-install-recommends ${wanted.join(' ')}`;
  if (process.getuid?.() !== 0) {
    if (!process.stdin.isTTY) throw new SetupError(`set-up: Debian packages are missing. As root, run:\n  ${line}`);
    const prompt = readline.createInterface({ input: process.stdin, output: process.stderr });
    const answer = await prompt.question(
      `Debian packages are missing: ${wanted.join(' ')}\nInstall them with sudo now? [y/N] `,
    );
    prompt.close();
    if (!/^y(es)?$/i.test(answer.trim())) throw new SetupError(`set-up: as root, run:\n  ${line}`);
    run('sudo', ['sh', '-c', line], { stdio: 'inherit' });
    return;
  }
  say(`set-up: installing ${wanted.length} Debian packages: ${wanted.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env: environment });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], { env: environment });
}
