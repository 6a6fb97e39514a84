// The network without any privilege: `--net user` as an ordinary user of the host, with real sockets behind it.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dist, execute, root, temporaryFolder } from '../support/euroos.ts';
import { eventually, faultsOf, framesOf, udpEcho } from './namespace.ts';

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
/** In front of a command: takes every privilege away. Empty if there is none. */
const unprivileged = process.getuid?.() === 0 ? NOBODY : [];

function reasonAgainst(): string | null {
  if (unprivileged.length === 0) return null;
  const [command, ...rest] = [...unprivileged, 'cat', path.join(dist, 'system.img'), path.join(dist, 'os-core.cjs')];
  const result = spawnSync(command, rest, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  return result.status === 0 ? null : `user nobody cannot read the build: ${result.error?.message ?? result.stderr}`;
}
const reason = reasonAgainst();
if (reason !== null) console.log(`tests of --net user without privileges are left out: ${reason}`);

/** An address of this host that is not loopback. */
function ownAddress(): string | null {
  for (const list of Object.values(os.networkInterfaces()))
    for (const entry of list ?? []) if (entry.family === 'IPv4' && !entry.internal) return entry.address;
  return null;
}

describe.skipIf(reason !== null)('--net user, by a user without privileges', () => {
  const folder = temporaryFolder('user-net');
  const recording = path.join(folder, 'user.pcap');
  const serial = path.join(folder, 'serial');
  beforeAll(() => fs.chmodSync(folder, 0o777));

  const euroos = (options: readonly string[], command: readonly string[]) => {
    const args = [
      ...unprivileged,
      'env',
      `HOME=${folder}`,
      `XDG_CONFIG_HOME=${folder}/config`,
      process.execPath,
      path.join(root, 'electron/cli/euroos.mjs'),
      ...['run', '--net', 'user', '--wait-net', '--serial', serial, '--time-limit', '100', ...options],
      '--',
      ...command,
    ];
    return execute(args[0], args.slice(1));
  };

  it('M15 E44 E46: a lease, and pings of the gateway; nothing malformed', async () => {
    const result = await euroos(['--pcap', recording], ['sh', '-c', 'net; ping -c 3 10.0.2.2; echo status $?']);
    expect(result.stderr).toBe('');
    expect(result.stdout).toContain('10.0.2.15/24');
    expect(result.stdout.match(/64 bytes from 10\.0\.2\.2: seq=\d time=\d+\.\d+ ms/g)).toHaveLength(3);
    expect(result.stdout).toContain('3 sent, 3 received, 0% lost');
    expect(result.stdout).toContain('status 0');
    expect(fs.readFileSync(serial, 'utf8')).toContain(
      '[net] DHCP ACK: lease 10.0.2.15 (router 10.0.2.2, dns 10.0.2.3)',
    );
    expect(await faultsOf(recording)).toBe('');
    expect(await framesOf(recording, 'dhcp.option.dhcp == 5')).toBe(1);
    expect(await framesOf(recording, 'icmp.type == 0')).toBe(3);
  });

  it('E60: Ctrl-C ends a ping at a terminal with its figures; the shell goes on', async () => {
    const command = `${process.execPath} ${path.join(root, 'electron/cli/euroos.mjs')} run --net user --wait-net --time-limit 60`;
    // script(1) gives it a terminal.
    const child = spawn('script', ['-qfc', command, '/dev/null'], {
      env: { ...process.env, XDG_CONFIG_HOME: `${folder}/terminal` },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
    });
    const ended = new Promise((resolve) => {
      child.once('close', resolve);
    });
    await eventually('a prompt', () => output.includes('$ '));
    child.stdin.write('ping 10.0.2.2\r');
    await eventually('two answers', () => output.includes('seq=2 time='));
    child.stdin.write('\x03');
    await eventually('the figures', () => /--- 10\.0\.2\.2: \d sent, \d received, 0% lost/.test(output));
    child.stdin.write('echo still $((20 + 3))\r');
    await eventually('the shell', () => output.includes('still 23'));
    child.stdin.write('exit\r');
    await ended;
    expect(output).toMatch(/round trip min\/avg\/max = [\d.]+\/[\d.]+\/[\d.]+ ms/);
  });

  describe.skipIf(ownAddress() === null)('with this host as the peer', () => {
    const address = ownAddress() ?? '';
    const server = ownAddress() === null ? null : spawn(udpEcho, ['server', '4107']);
    afterAll(() => void server?.kill());

    it('M15 E45: a thousand echoes through real sockets; the gateway’s ports are closed; loopback is the guest’s own', async () => {
      let output = '';
      server?.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString('latin1');
      });
      await eventually('the server listens', () => output.includes('listening'));
      const script = [
        `udp-echo client ${address} 4107 1000`,
        `udp-echo large ${address} 4107 20000`,
        'udp-echo probe 10.0.2.2 4107',
        'udp-echo probe 127.0.0.1 4107',
      ].join('; ');
      const result = await euroos(['--add', `${udpEcho}:/bin/udp-echo`], ['sh', '-c', script]);
      expect(result.stdout.split('\n')).toEqual([
        'sent 1000 echoed 1000 lost 0 wrong 0 twice 0',
        '20000 bytes equal',
        'recv: Connection refused',
        'recv: Connection refused',
        '',
      ]);
    });
  });
});
