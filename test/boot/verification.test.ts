// Nothing unsigned and nothing changed reaches ring 3, whichever way it got onto the disk.

import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../devices/base/random.ts';
import { SIGNATURE_ATTRIBUTE, sha256Of, signProgram } from '../../os-core/security/program-signature.ts';
import { euroosRun, programs, temporaryFolder } from '../support/euroos.ts';
import { copySystemImage, editImage } from '../support/images.ts';

const FLIPS = 24;
const USER = { user: 1000, group: 1000 };
const seed = Number(process.env.EUROOS_TEST_SEED ?? 35);
const image = path.join(temporaryFolder('verification'), 'disk.img');

beforeAll(() => {
  copySystemImage(image);
  editImage(image, (volume) => {
    const program = volume.readFile('/bin/hello');
    const signature = volume.getAttribute('/bin/hello', SIGNATURE_ATTRIBUTE);
    if (signature === null) throw new Error('/bin/hello carries no signature');
    const put = (name: string, contents: Uint8Array, signed: Uint8Array | null): void => {
      volume.writeFile(name, contents, 0o755);
      if (signed !== null) volume.setAttribute(name, SIGNATURE_ATTRIBUTE, signed);
    };
    put('/bin/same', program, signature);
    const random = new SeededRandom(seed);
    for (let n = 0; n < FLIPS; n++) {
      const changed = program.slice();
      changed[random.below(changed.length)] ^= 1 << random.below(8);
      put(`/bin/flipped-${n}`, changed, signature);
    }
    const shorter = signature.slice(0, -1);
    const otherSignature = signature.slice();
    otherSignature[60] ^= 1;
    put('/bin/unsigned', program, null);
    put('/bin/short-signature', program, shorter);
    put('/bin/other-signature', program, otherSignature);
    put('/bin/stranger', program, signProgram(new Uint8Array(32).fill(9), sha256Of(program)));
    put('/bin/script', new TextEncoder().encode('#!/bin/sh\necho the script runs\n'), null);
    volume.writeFile('/home/user/open', program, 0o775, USER);
    volume.writeFile('/home/user/script', new TextEncoder().encode('#!/bin/sh\necho a script of mine\n'), 0o700, USER);
    // A byte of a program in use by the system changes in place: name, mode and signature stay.
    const changed = volume.readFile('/bin/cat');
    changed[changed.length >> 1] ^= 0x20;
    volume.writeFile('/bin/cat', changed);
  });
});

describe('verify before execute', () => {
  it('E35 E36: a program whose copy on the disk was changed by one byte is refused with a reason', async () => {
    const result = await euroosRun(['--disk', image], ['cat', '/etc/hostname']);
    expect(result.stderr).toBe(
      'euroos: cat: /bin/cat: changed since it was signed: the signature does not match its contents\n',
    );
    expect(result.stdout).toBe('');
    expect(result.status).toBe(126);
  });

  it(`E36: of ${FLIPS} copies with one random bit flipped none runs (seed ${seed})`, async () => {
    const script = `same >/dev/null; echo same $?; for n in $(seq 0 ${FLIPS - 1}); do flipped-$n; echo $?; done`;
    const result = await euroosRun(['--disk', image], ['sh', '-c', script]);
    expect(result.stdout).toBe(`same 0\n${'126\n'.repeat(FLIPS)}`);
    expect(result.stderr.match(/changed since it was signed/g)).toHaveLength(FLIPS);
  });

  it('E35: unsigned, cut, altered and strange signatures are refused, and so is a script', async () => {
    const names = ['unsigned', 'short-signature', 'other-signature', 'stranger', 'script'];
    const result = await euroosRun(
      ['--disk', image],
      ['sh', '-c', `for p in ${names.join(' ')}; do $p; echo $p $?; done`],
    );
    expect(result.stdout).toBe(names.map((name) => `${name} 126\n`).join(''));
    const lines = result.stderr.split('\n');
    expect(lines[0]).toContain('not signed');
    expect(lines[1]).toContain('signed in a form that this system does not know');
    expect(lines[2]).toContain('changed since it was signed');
    expect(lines[3]).toContain('not signed by a trusted key');
    expect(lines[4]).toContain('not signed');
  });

  it('E35: a copy made inside the system is not signed; the original still runs', async () => {
    const script =
      'cp /bin/numbers /tmp/copy; /tmp/copy; echo copy $?; cat /bin/numbers | cat > /tmp/piped; numbers > /dev/null; echo $?';
    const result = await euroosRun(['--add', `${path.join(programs, 'numbers')}:/bin/numbers`], null, script);
    expect(result.stdout).toBe('copy 126\n0\n');
    expect(result.stderr).toContain('/tmp/copy');
    expect(result.stderr).toContain('not signed');
  });

  it('E35: writing to a signed program ends its signature', async () => {
    const options = ['--user', 'root', '--add', `${path.join(programs, 'numbers')}:/bin/numbers`];
    const result = await euroosRun(options, [
      'sh',
      '-c',
      'numbers >/dev/null; echo $?; echo x >> /bin/numbers; numbers; echo $?',
    ]);
    expect(result.stdout).toBe('0\n126\n');
  });

  it('E35: a script that --add has signed runs', async () => {
    const folder = temporaryFolder('script');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(path.join(folder, 'greet'), '#!/bin/sh\necho "hello $1"\nexit 5\n', { mode: 0o755 });
    const result = await euroosRun(['--add', `${folder}/greet:/bin/greet`], ['greet', 'you']);
    expect(result.stdout).toBe('hello you\n');
    expect(result.status).toBe(5);
  });

  it('E35: with exec-local, files that only their own user can have written run; others and altered ones do not', async () => {
    const options = ['--disk', image, '--caps', 'console,file,process,network,exec-local'];
    const script = `
      cp /bin/hello mine; ./mine > /dev/null; echo mine $?
      ./open; echo open $?
      ./script; echo script $?
      unsigned; echo of root $?
      flipped-0; echo flipped $?`;
    const result = await euroosRun(options, ['sh', '-c', script]);
    expect(result.stdout).toBe('mine 0\nopen 126\na script of mine\nscript 0\nof root 126\nflipped 126\n');
  });

  it('E34 E35: what ran by exec-local does not run for a process that has given the right up', async () => {
    const options = [
      '--caps',
      'console,file,process,exec-local',
      '--add',
      `${path.join(programs, 'keeping')}:/bin/keeping`,
    ];
    const script =
      'cp /bin/hello mine; ./mine > /dev/null; echo $?; keeping 7 ./mine; echo $?; ./mine > /dev/null; echo $?';
    const result = await euroosRun(options, ['sh', '-c', script]);
    expect(result.stdout).toBe('0\n./mine: Permission denied\n126\n0\n');
  });
});
