// Small tools of the set-up: progress on the terminal, running a command, and "is this step up to date?".
//
// A step is up to date when the fingerprint of its inputs (contents, in name order) equals the one that was written beside
// its result. So a second run costs the reading of the inputs only.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
export const dist = path.join(root, 'dist');

/** One line for people, on stderr: stdout belongs to the result of a command. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** A failure that people can act on: printed as one line, without a stack. */
export class SetupError extends Error {}

/** Runs a command; throws SetupError with the end of its output if it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, ...options });
  if (result.error !== undefined) throw new SetupError(`${command} cannot be started: ${result.error.message}`);
  if (result.status !== 0) {
    const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-15).join('\n');
    throw new SetupError(`${command} ${args.join(' ')} failed (${result.signal ?? result.status}):\n${output}`);
  }
  return result.stdout ?? '';
}

function* filesUnder(entry) {
  const stat = fs.statSync(entry, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) {
    yield entry;
    return;
  }
  for (const name of fs.readdirSync(entry).sort()) yield* filesUnder(path.join(entry, name));
}

/** SHA-256 over names and contents of files and folders (relative to the root) and extra strings. `accept` filters file names. */
export function fingerprint(entries, extra = [], accept = () => true) {
  const hash = createHash('sha256');
  for (const entry of entries)
    for (const file of filesUnder(path.resolve(root, entry))) {
      if (!accept(file)) continue;
      hash.update(`${path.relative(root, file)}\0`);
      hash.update(fs.readFileSync(file));
    }
  for (const text of extra) hash.update(`${text}\0`);
  return hash.digest('hex');
}

/** Runs `work` unless `results` exist and were made from the same `print`. Returns true if it had to work. */
export async function upToDate(name, print, results, work) {
  const stamp = path.join(dist, 'stamps', name);
  const fresh =
    fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === print && results.every((file) => fs.existsSync(file));
  if (fresh) return false;
  fs.rmSync(stamp, { force: true });
  await work();
  fs.mkdirSync(path.dirname(stamp), { recursive: true });
  fs.writeFileSync(stamp, print);
  return true;
}
