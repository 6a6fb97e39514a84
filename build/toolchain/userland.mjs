// Compiles C programs with gcc against musl as static-PIE ELF files: what `musl-gcc -static-pie` should do and on Debian does not
// (its specs ignore the flag and emit a dynamic program; ours beside this file do it).

import fs from 'node:fs';
import path from 'node:path';
import { dist, fingerprint, root, run, SetupError, upToDate } from '../setup/steps.mjs';

const SPECS = path.join(root, 'build/toolchain/musl-static-pie.specs');
const FLAGS = [
  '-specs',
  SPECS,
  '-O2',
  '-fPIE',
  '-static-pie',
  '-Wall',
  '-Wextra',
  '-s',
  '-Wl,--build-id=none',
  `-ffile-prefix-map=${root}=.`,
];

/** Compiles one source to `output`. Throws SetupError with gcc's words, or if the result is no static-PIE. */
export function compileStaticPie(source, output, extra = []) {
  fs.mkdirSync(path.dirname(output), { recursive: true });
  run('gcc', [...FLAGS, ...extra, '-o', output, source, '-lm']);
  const elf = fs.readFileSync(output);
  // e_type at 16: ET_DYN = 3. A dynamic program would carry PT_INTERP (3) among its program headers.
  const headers = Number(elf.readBigUInt64LE(32));
  let interpreter = false;
  for (let i = 0; i < elf.readUInt16LE(56); i++) if (elf.readUInt32LE(headers + i * 56) === 3) interpreter = true;
  if (elf.readUInt16LE(16) !== 3 || interpreter) throw new SetupError(`${output} did not become a static-PIE program`);
}

/** Compiles every FOLDER/*.c to dist/OUTPUT/NAME if anything changed. Returns the folder of the results. */
export async function compileFolder(folder, outputName) {
  const sources = fs.existsSync(path.join(root, folder))
    ? fs
        .readdirSync(path.join(root, folder))
        .filter((name) => name.endsWith('.c'))
        .sort()
    : [];
  const output = path.join(dist, outputName);
  const results = sources.map((name) => path.join(output, name.slice(0, -2)));
  const print = fingerprint([folder, SPECS], FLAGS, (file) => /\.(c|h|specs)$/.test(file));
  await upToDate(outputName, print, results, async () => {
    fs.rmSync(output, { recursive: true, force: true });
    for (const [i, name] of sources.entries()) compileStaticPie(path.join(root, folder, name), results[i]);
  });
  return output;
}
