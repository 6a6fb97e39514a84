// Unmodified musl programs: the same binary runs natively on the host and in EuroOS; output and status must be equal.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dist, euroosRun, execute, programs, temporaryFolder } from '../support/euroos.ts';

const folder = temporaryFolder('programs');

async function native(program: string, args: readonly string[], environment: NodeJS.ProcessEnv) {
  const cwd = fs.mkdtempSync(path.join(folder, 'native-'));
  return await execute(program, args, { cwd, environment });
}

/** The environment that `euroos run` gives to its command. */
const environment = {
  PATH: '/bin',
  HOME: '/home/user',
  USER: 'user',
  SHELL: '/bin/sh',
  TERM: 'xterm-256color',
  LANG: 'C.UTF-8',
};

describe('unmodified musl static-PIE programs', () => {
  it('E29: they are what `file` calls static-pie', async () => {
    const { stdout } = await execute('file', [path.join(programs, 'numbers'), path.join(dist, 'userland/hello')]);
    expect(stdout.match(/static-pie linked/g)).toHaveLength(2);
  });

  for (const [name, ids] of [
    ['numbers', 'E29'],
    ['memory', 'E29'],
    ['mappings', 'E24 L2 L3'],
    ['files', 'E21 E28'],
    ['processes', 'E23 E28 E56'],
    ['threads', 'E30'],
    ['events', 'E28'],
    ['sockets', 'E28'],
    ['timers', 'E28'],
    ['locks', 'E28'],
    ['attributes', 'E21 E28'],
    ['waiting', 'E23 E28'],
    ['system', 'E28'],
    ['descriptors', 'E28'],
    ['watching', 'E28'],
    ['copying', 'E28 E56'],
    ['settings', 'E28'],
  ])
    it(`${ids}: ${name} prints what it prints on Linux`, async () => {
      const expected = await native(path.join(programs, name), [], environment);
      // mappings: one file on the disk, one in memory.
      const cwd = name === 'mappings' ? '/home/user' : '/tmp';
      const result = await euroosRun(['--add', `${path.join(programs, name)}:/bin/${name}`, '--cwd', cwd], [name]);
      expect(result.stdout).toBe(expected.stdout);
      expect(result.status).toBe(expected.status);
    });

  it('E27 E31 E58: arguments, environment and auxiliary vector arrive as on Linux', async () => {
    const args = ['', 'two words', 'quote"quote', "it's", '$HOME', '*', 'ünïcode', 'x'.repeat(100_000)];
    const program = path.join(programs, 'arguments');
    const expected = await native(program, args, environment);
    const result = await euroosRun(['--add', `${program}:/bin/arguments`], ['arguments', ...args]);
    expect(result.stdout).toBe(expected.stdout);
    expect(result.status).toBe(7);
  });

  it('E29 D7: /bin/hello prints argv, getenv, %f and %lx, and reads back what it wrote', async () => {
    const expected = await native(path.join(dist, 'userland/hello'), ['a', 'b c'], environment);
    const result = await euroosRun([], ['/bin/hello', 'a', 'b c']);
    const withoutName = (text: string) => text.replaceAll(path.join(dist, 'userland/hello'), '/bin/hello');
    expect(result.stdout).toBe(withoutName(expected.stdout));
    expect(result.status).toBe(0);
  });
});
