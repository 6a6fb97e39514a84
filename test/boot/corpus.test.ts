// The share of the corpus that every change must pass: programs of other people, natively and in EuroOS.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
/** On a machine that has built none of the programs yet. */
const TIME_LIMIT_MILLIS = 40 * 60 * 1000;
const hasApt = spawnSync('apt-get', ['--version']).status === 0;
if (!hasApt) console.warn('corpus: skipped, since its programs come from Debian, and there is no apt-get');

describe('M2: real programs', () => {
  it.skipIf(!hasApt)(
    'M2: shells, Lua, SQLite, Go, Rust and OCaml programs do in EuroOS what they do natively',
    () => {
      const result = spawnSync(process.execPath, ['build/corpus/corpus.mjs', '--share'], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(result.stderr).not.toContain('DIFFERENT');
      expect(result.stderr.match(/^same /gm)?.length ?? 0, result.stderr).toBeGreaterThanOrEqual(7);
      expect(result.status, result.stderr).toBe(0);
    },
    TIME_LIMIT_MILLIS,
  );
});
