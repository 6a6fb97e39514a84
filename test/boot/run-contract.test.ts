// The contract of `euroos run`: streams, exit statuses, options, files.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { dist, euroosRun, execute, programs, root, temporaryFolder } from '../support/euroos.ts';
import { copySystemImage, editImage } from '../support/images.ts';

const bytes = ['--add', `${path.join(programs, 'bytes')}:/bin/bytes`];
const folder = temporaryFolder('contract');
const digest = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
const euroos = path.join(root, 'electron/cli/euroos.mjs');

describe('exit status', () => {
  it('D7: of the program, of a signal, not found, refused, failed', async () => {
    const status = async (...command: string[]): Promise<number | null> => (await euroosRun(bytes, command)).status;
    expect(await status('sh', '-c', 'exit 77')).toBe(77);
    expect(await status('bytes', 'signal', '15')).toBe(143);
    expect(await status('bytes', 'signal', '11')).toBe(139);
    const missing = await euroosRun([], ['no-such-program']);
    expect([missing.status, missing.stdout, missing.stderr]).toEqual([127, '', 'euroos: no-such-program: not found\n']);
    const folderAsProgram = await euroosRun([], ['/bin']);
    expect([folderAsProgram.status, folderAsProgram.stdout]).toEqual([126, '']);
  });

  it('D7: the time limit ends with 124, and the figures say so', async () => {
    const { status, stats, stdout } = await euroosRun(['--time-limit', '2'], ['loop']);
    expect([status, stats.outcome, stdout]).toEqual([124, 'time-limit', '']);
  });

  it('D7: a missing disk, a broken disk and a bad --add are one line and 125', async () => {
    const junk = path.join(folder, 'junk.img');
    fs.writeFileSync(junk, Buffer.alloc(1024 * 1024, 7));
    for (const options of [
      ['--disk', path.join(folder, 'missing.img')],
      ['--disk', junk],
      ['--add', `${folder}/missing:/x`],
    ]) {
      const { status, stdout, stderr } = await euroosRun(options, ['true']);
      expect([status, stdout]).toEqual([125, '']);
      expect(stderr).toMatch(/^euroos: [^\n]+\n$/);
    }
  });
});

describe('streams', () => {
  it('D7: 3 MB of any bytes pass through standard input and output unchanged, and the end of file arrives', async () => {
    const data = randomBytes(3_000_000);
    const { stdout, stderr, status } = await euroosRun(bytes, ['bytes', 'copy'], data);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(digest(Buffer.from(stdout, 'latin1'))).toBe(digest(data));
  });

  it('D7: a reader that is slow to the end gets all that was written', async () => {
    const options = ['run', '--net', 'none', ...bytes, '--', 'bytes', 'make', '4000000'];
    const child = spawn(process.execPath, [euroos, ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, XDG_CONFIG_HOME: folder },
    });
    let length = 0;
    for await (const chunk of child.stdout) {
      length += chunk.length;
      // Slower than the program: it ends while everything on the way out is full.
      await setTimeout(5);
    }
    expect(length).toBe(4_000_000);
  });

  it('D7: standard error is a stream of its own, and nothing else is on standard output', async () => {
    const { stdout, stderr } = await euroosRun(['--verbose'], ['sh', '-c', 'echo out; echo err >&2']);
    expect(stdout).toBe('out\n');
    expect(stderr).toContain('err\n');
    expect(stderr).toContain('[kernel] power off');
  });

  it('D7: a closed standard output ends the program by SIGPIPE', async () => {
    const status = await new Promise<number | null>((resolve) => {
      const child = spawn(
        process.execPath,
        [euroos, 'run', '--net', 'none', ...bytes, '--', 'bytes', 'make', '100000000'],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { ...process.env, XDG_CONFIG_HOME: folder },
        },
      );
      child.stdout.once('data', () => child.stdout.destroy());
      child.once('exit', resolve);
    });
    expect(status).toBe(128 + 13);
  });

  it('D7: a script on standard input', async () => {
    const { stdout, status } = await euroosRun(
      [],
      null,
      'x=5\nwhile [ $x -gt 3 ]; do echo $x; x=$((x-1)); done\nexit 6\n',
    );
    expect([stdout, status]).toEqual(['5\n4\n', 6]);
  });

  it('D7 E28: system and popen run the shell', async () => {
    const { stdout } = await euroosRun(bytes, ['bytes', 'shell']);
    expect(stdout).toBe('from popen\npclose 300 system 400\n');
  });
});

describe('options', () => {
  it('D7: --env, --cwd, --user; the environment is what DESIGN says', async () => {
    const { stdout } = await euroosRun(
      ['--env', 'COLOUR=rot und blau', '--env', 'LANG=de_DE.UTF-8', '--cwd', '/usr', '--user', 'root'],
      ['sh', '-c', 'echo "$COLOUR|$LANG|$PATH|$HOME|$USER|$(pwd)"'],
    );
    expect(stdout).toBe('rot und blau|de_DE.UTF-8|/bin|/root|root|/usr\n');
  });

  it('D7: arguments are passed verbatim, to programs and to built-ins', async () => {
    const args = ['-n', '', 'a  b', '$HOME', '*', '"', "'", '\\', ';', 'ü'];
    const { stdout } = await euroosRun([], ['printf', '<%s>\\n', ...args]);
    expect(Buffer.from(stdout, 'latin1').toString()).toBe(args.map((text) => `<${text}>\n`).join(''));
  });

  it('E32: --caps without the right to files or to processes: EPERM before any effect', async () => {
    const without = await euroosRun(['--caps', 'console,process'], ['/bin/cat', '/etc/hostname']);
    expect(without.stdout).toBe('');
    expect(without.status).not.toBe(0);
    expect(without.stderr).toMatch(/not permitted|not granted|right/i);
    const withAll = await euroosRun([], ['/bin/cat', '/etc/hostname']);
    expect(withAll.stdout).toBe('euroos\n');
  });

  it('D7: --memory sets the memory, within bounds', async () => {
    const { stdout } = await euroosRun(['--memory', '96M'], ['sh', '-c', 'cat /proc/meminfo']);
    const total = Number(/MemTotal: +(\d+) kB/.exec(stdout)?.[1]);
    expect(total).toBeGreaterThan(85 * 1024);
    expect(total).toBeLessThanOrEqual(96 * 1024);
    for (const size of ['1M', '16G', 'much', '']) {
      const { status, stderr } = await euroosRun(['--memory', size], ['true']);
      expect(status).toBe(125);
      expect(stderr).toMatch(/^euroos: --memory [^\n]+\n$/);
    }
  });

  it('D7: unknown options and half ones are refused, none is ignored', async () => {
    for (const options of [
      ['--frobnicate'],
      ['-x'],
      ['--seed'],
      ['--seed', 'x'],
      ['--net', 'carrier-pigeon'],
      ['stray'],
      ['--caps', 'all'],
    ]) {
      const { status, stdout, stderr } = await execute(process.execPath, [euroos, 'run', ...options, '--', 'true']);
      expect([status, stdout], options.join(' ')).toEqual([125, '']);
      expect(stderr).toMatch(/^euroos: [^\n]+\n$/);
    }
  });

  it('D7: --stats has every key of the contract', async () => {
    const { stats } = await euroosRun([], ['hello']);
    const keys =
      'outcome exitCode signal bootMs wallMs instructions slices faults syscalls tlbMisses jitRegions jitCodeBytes jitCompileMs ' +
      'framesIn framesOut bytesIn bytesOut diskReads diskWrites flushes peakRssBytes stateHash';
    for (const key of keys.split(' ')) expect(stats, key).toHaveProperty(key);
    expect(stats).toMatchObject({ outcome: 'exit', exitCode: 0, signal: null });
    expect(stats.stateHash).toMatch(/^[0-9a-f]{16}$/);
    for (const key of ['instructions', 'syscalls', 'faults', 'diskReads']) expect(stats[key]).toBeGreaterThan(0);
  });

  it('D7: --add copies a folder with modes and links, and signs what is a program', async () => {
    const tree = path.join(folder, 'tree');
    fs.mkdirSync(path.join(tree, 'deep/deeper'), { recursive: true });
    fs.writeFileSync(path.join(tree, 'deep/text'), 'text\n', { mode: 0o640 });
    fs.writeFileSync(path.join(tree, 'deep/deeper/tool'), '#!/bin/sh\necho "tool in $1"\n');
    fs.chmodSync(path.join(tree, 'deep/deeper/tool'), 0o755);
    fs.chmodSync(path.join(tree, 'deep/text'), 0o640);
    fs.symlinkSync('deep/deeper/tool', path.join(tree, 'link'));
    const { stdout } = await euroosRun(
      ['--add', `${tree}:/opt/tree`],
      ['sh', '-c', 'cd /opt/tree; ./link there; ls -l deep; ls -l; cat deep/text'],
    );
    expect(stdout).toMatch(/^tool in there\n/);
    expect(stdout).toMatch(/^-rw-r----- .* text$/m);
    expect(stdout).toMatch(/^lrwxrwxrwx .* link -> deep\/deeper\/tool$/m);
    expect(stdout).toMatch(/^text\n/m);
  });
});

describe('the disk', () => {
  it('E22: what cp and > wrote is there after the power was off', async () => {
    const image = copySystemImage(path.join(folder, 'kept.img'));
    await euroosRun(['--disk', image], ['sh', '-c', 'echo one > kept; cp /etc/hostname copy; echo two >> kept']);
    const { stdout } = await euroosRun(['--disk', image], ['sh', '-c', 'cat kept copy']);
    expect(stdout).toBe('one\ntwo\neuroos\n');
    const original = await euroosRun([], ['sh', '-c', 'ls']);
    expect(original.stdout).toBe('');
  });

  it('E17: after the host was killed in the middle of writing, the volume mounts with an old or a new state', async () => {
    const image = copySystemImage(path.join(folder, 'killed.img'));
    const script = 'n=0; while :; do n=$((n+1)); echo $n > state.new; sync; mv state.new state; sync; echo $n; done';
    const seen = await new Promise<number>((resolve) => {
      const child = spawn(
        process.execPath,
        [euroos, 'run', '--net', 'none', '--disk', image, '--', 'sh', '-c', script],
        {
          stdio: ['ignore', 'pipe', 'ignore'],
          env: { ...process.env, XDG_CONFIG_HOME: folder },
        },
      );
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.split('\n').length > 20) child.kill('SIGKILL');
      });
      child.once('close', () => resolve(Number(output.trimEnd().split('\n').at(-1))));
    });
    const kept = Number(editImage(image, (volume) => new TextDecoder().decode(volume.readFile('/home/user/state'))));
    // What was reported was durable; a little more may be.
    expect(kept).toBeGreaterThanOrEqual(seen);
    expect((await euroosRun(['--disk', image], ['cat', 'state'])).stdout).toBe(`${kept}\n`);
  });

  it('D7: the system image itself is never changed', async () => {
    const before = fs.statSync(path.join(dist, 'system.img')).mtimeMs;
    await euroosRun(['--user', 'root'], ['sh', '-c', 'echo x > /bin/x; rm /bin/ls; sync']);
    expect(fs.statSync(path.join(dist, 'system.img')).mtimeMs).toBe(before);
    expect((await euroosRun([], ['ls', '/bin/ls'])).stdout).toBe('/bin/ls\n');
  });
});
