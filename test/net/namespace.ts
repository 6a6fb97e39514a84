// A network of its own for a test: a namespace of the Linux kernel with a TAP and real peers in it; all gone when it closes.
//
//   namespace euroos-PID:   eu0 (TAP) 10.77.0.1/24 ◄──► the guest            dnsmasq · ping · tcpdump · our C programs

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { dist, execute, root, temporaryFolder } from '../support/euroos.ts';

export const TAP = 'eu0';
export const HOST = '10.77.0.1';
export const GUEST_MAC = '52:54:00:12:34:56';

let count = 0;

export interface Running {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
  readonly ended: Promise<number | null>;
}

export class TestNetwork {
  readonly name: string;
  readonly folder: string;
  private readonly children: ChildProcess[] = [];

  private constructor(name: string) {
    this.name = name;
    this.folder = temporaryFolder('net');
  }

  /** The network, or a reason why this system has none. */
  static open(): TestNetwork | string {
    if (process.getuid?.() !== 0) return 'making a network namespace needs root';
    if (!fs.existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
    const network = new TestNetwork(`euroos-${process.pid}-${++count}`);
    const steps = [
      ['netns', 'add', network.name],
      ['-n', network.name, 'link', 'set', 'lo', 'up'],
      ['-n', network.name, 'tuntap', 'add', 'dev', TAP, 'mode', 'tap'],
      ['-n', network.name, 'link', 'set', TAP, 'up', 'txqueuelen', '10000'],
      ['-n', network.name, 'addr', 'add', `${HOST}/24`, 'dev', TAP],
    ];
    for (const step of steps) {
      const result = spawnSync('ip', step, { encoding: 'utf8' });
      if (result.status !== 0) {
        network.close();
        return `ip ${step.join(' ')}: ${result.error?.message ?? result.stderr.trim()}`;
      }
    }
    return network;
  }

  /** Runs a program in the namespace to its end. */
  run(command: string, ...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    return execute('ip', ['netns', 'exec', this.name, command, ...args]);
  }

  /** Starts a program in the namespace; it is ended with the network at the latest. */
  start(command: string, ...args: string[]): Running {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.push(child);
    const running: Running = {
      child,
      stdout: '',
      stderr: '',
      ended: new Promise((resolve) => {
        child.once('close', (status) => resolve(status));
      }),
    };
    child.stdout.on('data', (chunk: Buffer) => {
      running.stdout += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      running.stderr += chunk.toString('latin1');
    });
    return running;
  }

  /** dnsmasq as the DHCP server: leases of 120 s, T1 after three seconds. */
  startDhcpServer(): Running {
    return this.start(
      'dnsmasq',
      ...[
        '--no-daemon',
        '--conf-file=/dev/null',
        `--interface=${TAP}`,
        '--bind-interfaces',
        '--no-resolv',
        '--no-hosts',
      ],
      ...['--no-ping', '--log-dhcp', '--user=root', '--pid-file=', `--dhcp-leasefile=${this.folder}/leases`],
      ...['--dhcp-range=10.77.0.50,10.77.0.99,120s', '--dhcp-option=option:T1,3', '--dhcp-authoritative'],
    );
  }

  /** `euroos run --net tap:eu0 --wait-net OPTIONS -- COMMAND`, started; its serial log is in `serial`. */
  startEuroos(options: readonly string[], command: readonly string[]): Running & { readonly serial: () => string } {
    const serialFile = path.join(this.folder, `serial-${++count}`);
    const running = this.start(
      'env',
      `XDG_CONFIG_HOME=${this.folder}/config`,
      process.execPath,
      path.join(root, 'electron/cli/euroos.mjs'),
      ...['run', '--net', `tap:${TAP}`, '--wait-net', '--serial', serialFile, '--time-limit', '100'],
      ...options,
      '--',
      ...command,
    );
    return Object.assign(running, {
      serial: () => (fs.existsSync(serialFile) ? fs.readFileSync(serialFile, 'utf8') : ''),
    });
  }

  /** Ends what runs here and takes the namespace away. */
  close(): void {
    for (const child of this.children) if (child.exitCode === null) child.kill('SIGTERM');
    spawnSync('ip', ['netns', 'del', this.name]);
  }
}

/** Waits until `ready` gives something; fails with `what` after a minute: nothing takes that long, even on a busy host. */
export async function eventually<T>(what: string, ready: () => T | null | undefined | false): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const value = ready();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Frames of a recording that tshark finds fault with, one a line; checksums are checked. */
export async function faultsOf(file: string): Promise<string> {
  const checks = ['ip.check_checksum', 'udp.check_checksum'].flatMap((name) => ['-o', `${name}:TRUE`]);
  const filter = [
    '_ws.malformed',
    'ip.checksum.status == "Bad"',
    'udp.checksum.status == "Bad"',
    'icmp.checksum.status == "Bad"',
    'arp.duplicate-address-detected',
    '_ws.expert.severity == "Error"',
  ].join(' || ');
  // Our datagrams hold patterns, in which tshark otherwise sees all sorts of protocols.
  const port = ['-d', 'udp.port==4007,echo'];
  const result = await execute('tshark', ['-n', ...checks, ...port, '-r', file, '-Y', filter]);
  return result.status === 0 ? result.stdout : `tshark: ${result.stderr}`;
}

/** How many frames of a recording a display filter finds. */
export async function framesOf(file: string, filter: string): Promise<number> {
  const result = await execute('tshark', ['-n', '-r', file, '-Y', filter]);
  return result.stdout.split('\n').filter((line) => line !== '').length;
}

export const udpEcho = path.join(dist, 'test-programs/udp-echo');
