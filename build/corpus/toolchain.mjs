// Fetches and builds the programs of the corpus in a cache folder; nothing outside it is changed.
//
//   <cache>/apt      a private configuration of apt with a deb-src line
//   <cache>/source   what it fetched        <cache>/build   unpacked and compiled        <cache>/bin   the programs, stamped
//
// `mcc` there is gcc with the project's static-PIE specs; `headers` holds links to the kernel's headers only, so that glibc's
// never come in.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fingerprint, root, run, SetupError, say } from '../setup/steps.mjs';
import { binaryPackages, sourcePrograms } from './programs.mjs';

const MIRROR = 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const SPECS = path.join(root, 'build/toolchain/musl-static-pie.specs');

export const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'euroos/corpus');
const folder = (name) => path.join(cache, name);

function aptEnvironment() {
  const apt = folder('apt');
  for (const part of ['lists/partial', 'cache/archives/partial', 'parts'])
    fs.mkdirSync(path.join(apt, part), { recursive: true });
  fs.writeFileSync(
    path.join(apt, 'sources.list'),
    ['deb-src', 'deb'].map((kind) => `${kind} [signed-by=${KEYRING}] ${MIRROR} bookworm main\n`).join(''),
  );
  const configuration = path.join(apt, 'apt.conf');
  fs.writeFileSync(
    configuration,
    `Dir::Etc::sourcelist "${apt}/sources.list";
Dir::Etc::sourceparts "${apt}/parts";
Dir::State::lists "${apt}/lists";
Dir::Cache "${apt}/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
`,
  );
  return { ...process.env, APT_CONFIG: configuration };
}

function installCompiler() {
  const tools = folder('tools');
  const headers = folder('headers');
  for (const made of [tools, headers]) fs.mkdirSync(made, { recursive: true });
  for (const [name, target] of [
    ['linux', '/usr/include/linux'],
    ['asm-generic', '/usr/include/asm-generic'],
    ['mtd', '/usr/include/mtd'],
    ['asm', '/usr/include/x86_64-linux-gnu/asm'],
  ]) {
    const link = path.join(headers, name);
    fs.rmSync(link, { force: true });
    fs.symlinkSync(target, link);
  }
  fs.writeFileSync(
    path.join(tools, 'mcc'),
    // ld refuses -pie beside -r, with which busybox joins object files.
    `#!/bin/sh
case " $* " in *' -r '*) link= ;; *) link=-static-pie ;; esac
exec gcc -specs '${SPECS}' -O2 -fPIE $link -idirafter '${headers}' "$@"
`,
    { mode: 0o755 },
  );
  return tools;
}

/** dpkg-source dates files as they come; in this order make sees no reason to ask for autoconf, automake, bison or flex. */
const KEEP_GENERATED = `
find . -name aclocal.m4 -exec touch {} +
find . '(' -name configure -o -name config.h.in -o -name Makefile.in ')' -exec touch {} +
find . -name '*.y' -exec touch -d 2000-01-01 {} +
`;

/** The version that Debian gave the source, from the name of its .dsc file. */
function versionOf(source) {
  const found = fs.readdirSync(folder('source')).find((name) => name.startsWith(`${source}_`) && name.endsWith('.dsc'));
  return found === undefined ? null : found.slice(source.length + 1, -'.dsc'.length);
}

/** The program's own source first, then its libraries'. */
const sourcesOf = (program) => [program.source, ...(program.libraries ?? [])];

function isStaticPie(file) {
  return /pie executable.*static-pie linked/.test(run('file', ['-b', file]));
}

function buildProgram(program, tools) {
  const output = path.join(folder('bin'), program.name);
  const sources = sourcesOf(program);
  const print = fingerprint([SPECS], [...sources.map(versionOf), program.recipe]);
  const stamp = `${output}.stamp`;
  if (fs.existsSync(output) && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === print) return;
  say(`corpus: building ${program.name}`);
  const work = path.join(folder('build'), program.name);
  fs.rmSync(work, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(work), { recursive: true });
  for (const source of sources) {
    const description = path.join(folder('source'), `${source}_${versionOf(source)}.dsc`);
    const target = source === program.source ? work : path.join(work, source);
    run('dpkg-source', ['--no-check', '--no-copy', '--skip-patches', '-x', description, target], {
      cwd: folder('build'),
    });
  }
  run('sh', ['-ec', `${KEEP_GENERATED}${program.recipe}`], {
    cwd: work,
    env: { ...process.env, PATH: `${tools}:${process.env.PATH}`, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const result = path.join(work, program.result);
  if (!isStaticPie(result)) throw new SetupError(`corpus: ${program.name} did not become a static-PIE program`);
  fs.mkdirSync(folder('bin'), { recursive: true });
  fs.copyFileSync(result, output);
  run('strip', [output]);
  fs.writeFileSync(stamp, print);
  fs.rmSync(work, { recursive: true, force: true });
}

function unpackBinary(program) {
  const output = path.join(folder('bin'), program.name);
  const archive = fs.readdirSync(folder('source')).find((name) => name.startsWith(`${program.package}_`));
  if (!fs.existsSync(output)) {
    const work = path.join(folder('build'), program.name);
    run('dpkg-deb', ['-x', path.join(folder('source'), archive), work]);
    fs.mkdirSync(folder('bin'), { recursive: true });
    fs.copyFileSync(path.join(work, program.file), output);
    fs.chmodSync(output, 0o755);
  }
  return archive.split('_')[1].replace('%3a', ':');
}

/** Fetches and builds what is not there yet. Returns name → { version, file }. */
export function buildCorpus() {
  const environment = aptEnvironment();
  fs.mkdirSync(folder('source'), { recursive: true });
  const missing = sourcePrograms.flatMap(sourcesOf).filter((source) => versionOf(source) === null);
  const missingBinaries = binaryPackages.filter(
    (program) => !fs.readdirSync(folder('source')).some((name) => name.startsWith(`${program.package}_`)),
  );
  if (missing.length + missingBinaries.length > 0) {
    say('corpus: fetching the sources from Debian');
    const options = { cwd: folder('source'), env: environment };
    run('apt-get', ['update'], options);
    if (missing.length > 0) run('apt-get', ['source', '--download-only', ...missing], options);
    if (missingBinaries.length > 0)
      run('apt-get', ['download', ...missingBinaries.map((program) => program.package)], options);
  }
  const tools = installCompiler();
  const programs = new Map();
  for (const program of sourcePrograms) {
    buildProgram(program, tools);
    programs.set(program.name, { version: versionOf(program.source), file: path.join(folder('bin'), program.name) });
  }
  for (const program of binaryPackages)
    programs.set(program.name, { version: unpackBinary(program), file: path.join(folder('bin'), program.name) });
  return programs;
}
