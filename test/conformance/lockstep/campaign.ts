// A program in lockstep with this host's processor. Usage: npm run campaign:lockstep -- [OPTIONS] PROGRAM [ARGUMENT…]
//
//   --engine NAME    interpreter (default: compares after every instruction), threaded or jit (after pieces)
//   --steps N        end after so many instructions (default 10,000,000)
//   --piece N        at most so many instructions between two comparisons (default 1, or 2000 for threaded and jit)
//   --seed N         chooses the lengths of the pieces (default 1)
//   --threshold N    runs of a block before it is compiled (default 20)
//   --memory N       MiB for the program's pages (default 256)
//   --input FILE     its standard input; --output FILE: its standard output (default /dev/null); --folder PATH: where it runs
//
// PROGRAM is a path, or a name in the corpus, dist/bench/cpu, dist/test-programs or dist/userland. Exit status 1 if they differ.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Engine, engines } from '../cpu/guest.ts';
import { hostObstacle } from '../cpu/host.ts';
import { buildTracer, lockstep } from './lockstep.ts';

const OPTIONS = ['engine', 'steps', 'piece', 'seed', 'threshold', 'memory', 'input', 'output', 'folder'];

function refuse(reason: string): never {
  console.error(reason);
  process.exit(2);
}

const given = new Map<string, string>();
const rest = process.argv.slice(2);
while (rest.length > 0 && rest[0].startsWith('--')) {
  const [name, value] = rest.splice(0, 2);
  if (!OPTIONS.includes(name.slice(2)) || value === undefined)
    refuse(`${name}: no such option; see the head of campaign.ts`);
  given.set(name.slice(2), value);
}
function count(name: string, fallback: number): number {
  const value = Number(given.get(name) ?? fallback);
  return Number.isInteger(value) && value > 0 ? value : refuse(`--${name} is a positive number`);
}

function findProgram(name: string): string {
  const corpus = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'euroos/corpus/bin');
  const folders = name.includes('/') ? ['.'] : [corpus, 'dist/bench/cpu', 'dist/test-programs', 'dist/userland'];
  const found = folders.map((folder) => path.resolve(folder, name)).find((file) => fs.existsSync(file));
  return found ?? refuse(`no program ${name}`);
}

const obstacle = hostObstacle();
if (obstacle !== undefined) refuse(obstacle);
if (rest.length === 0) refuse('usage: npm run campaign:lockstep -- [OPTIONS] PROGRAM [ARGUMENT…]');
const engine = (given.get('engine') ?? 'interpreter') as Engine;
if (!engines.includes(engine)) refuse(`--engine is one of ${engines.join(', ')}`);
const began = Date.now();
const result = lockstep(
  buildTracer(path.resolve('test/conformance/lockstep/tracer.c')),
  {
    command: [findProgram(rest[0]), ...rest.slice(1)],
    folder: given.get('folder'),
    input: given.get('input'),
    output: given.get('output'),
  },
  count('steps', 10_000_000),
  {
    engine,
    seed: count('seed', 1),
    piece: count('piece', engine === 'interpreter' ? 1 : 2000),
    threshold: count('threshold', 20),
    memoryBytes: count('memory', 256) * 1024 * 1024,
  },
);
const rate = Math.round(result.steps / Math.max(0.001, (Date.now() - began) / 1000));
const figures = `${result.steps} steps (${result.adopted} adopted), ${result.compared} comparisons, ${result.pages} pages, ${result.forgiven} forgiven, ${rate} steps a second`;
console.log(`${path.basename(rest[0])}, ${engine}: ${figures}; ended: ${result.end}`);
if (result.difference !== null) {
  console.log(`they differ ${result.difference}`);
  const quoted = process.argv
    .slice(2)
    .map((text) => (/^[\w./:=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`));
  console.log(`again: npm run campaign:lockstep -- ${quoted.join(' ')}`);
}
process.exit(result.difference === null ? 0 : 1);
