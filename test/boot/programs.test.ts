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
    ['limits', 'E28'],
    ['frames', 'E23 E28'],
    ['cloning', 'E14 E28 E32'],
    ['takers', 'E28 E56'],
    ['vsyscall', 'E28 L13'],
    ['clock', 'L13'],
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

  it('L13: a million reads of the clock make no system call', async () => {
    const program = path.join(programs, 'clock');
    const [few, many] = [
      await euroosRun(['--add', `${program}:/bin/clock`, '--seed', '1'], ['clock', '10']),
      await euroosRun(['--add', `${program}:/bin/clock`, '--seed', '1'], ['clock', '1000010']),
    ];
    expect(many.stdout).toContain('1000010 reads, 0 went backward\n');
    expect(many.stats.syscalls).toBe(few.stats.syscalls);
  });

  it('E26 L4: a dynamic program runs through its loader; a damaged library is not mapped', async () => {
    const build = temporaryFolder('dynamic');
    const [program, library] = [path.join(build, 'dynamic'), path.join(build, 'libgreeting.so')];
    const [main, part] = [path.join(build, 'main.c'), path.join(build, 'part.c')];
    fs.writeFileSync(part, 'int counter = 41; const char *greet(void) { counter++; return "hello from a library"; }\n');
    fs.writeFileSync(
      main,
      `#include <stdio.h>
#include <pthread.h>
#include <sys/auxv.h>
extern int counter;
const char *greet(void);
static __thread int own = 7;
static void *thread(void *sum) { own += 1; *(int *)sum = own; return NULL; }
int main(void) {
  int sum = 0;
  pthread_t id;
  pthread_create(&id, NULL, thread, &sum);
  pthread_join(id, NULL);
  const char *said = greet();
  printf("%s %d %d %d %f %d\\n", said, counter, sum, own, 1.5, getauxval(AT_BASE) != 0);
  return 5;
}
`,
    );
    for (const args of [
      ['-O2', '-fPIC', '-shared', '-nostdlib', '-Wl,-soname,libgreeting.so', part, '-o', library],
      ['-O2', main, library, '-Wl,-rpath,/lib', '-o', program],
    ])
      expect(await execute('musl-gcc', args)).toMatchObject({ status: 0 });
    const [loader, environment] = ['/lib/ld-musl-x86_64.so.1', { ...process.env, LD_LIBRARY_PATH: build }];
    const expected = await execute(program, [], { environment });
    expect(expected).toMatchObject({ status: 5, stdout: 'hello from a library 42 8 7 1.500000 1\n' });
    const add = ['--add', `${program}:/bin/dynamic`];
    const withLoader = [...add, '--add', `${fs.realpathSync(loader)}:${loader}`];
    const all = [...withLoader, '--add', `${library}:/lib/libgreeting.so`];
    expect(await euroosRun(all, ['dynamic'])).toMatchObject({ status: 5, stdout: expected.stdout });
    // What is missing is said by who misses it.
    expect((await euroosRun(add, ['dynamic'])).status).toBe(127);
    expect((await euroosRun(withLoader, ['dynamic'])).stderr).toContain('Error loading shared library');
    // A library changed after it was signed is mapped by nobody.
    const damaged = await euroosRun(all, ['sh', '-c', 'echo x >> /lib/libgreeting.so; dynamic']);
    expect(damaged.status).not.toBe(5);
    expect(damaged.stdout).toBe('');
  });

  it('E29 D7: /bin/hello prints argv, getenv, %f and %lx, and reads back what it wrote', async () => {
    const expected = await native(path.join(dist, 'userland/hello'), ['a', 'b c'], environment);
    const result = await euroosRun([], ['/bin/hello', 'a', 'b c']);
    const withoutName = (text: string) => text.replaceAll(path.join(dist, 'userland/hello'), '/bin/hello');
    expect(result.stdout).toBe(withoutName(expected.stdout));
    expect(result.status).toBe(0);
  });
});
