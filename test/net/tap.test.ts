// The real network: EuroOS on a TAP of the Linux kernel, with real peers: dnsmasq, ping, tcpdump, tshark, programs of the host.

import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually, faultsOf, framesOf, GUEST_MAC, HOST, TestNetwork, udpEcho } from './namespace.ts';

const opened = TestNetwork.open();
if (typeof opened === 'string') console.log(`TAP tests are left out: ${opened}`);

describe.skipIf(typeof opened === 'string')('EuroOS on a TAP', () => {
  const network = opened as TestNetwork;
  const recording = path.join(network.folder ?? '', 'guest.pcap');
  const capture = path.join(network.folder ?? '', 'host.pcap');
  afterAll(() => network.close());

  it('D2 E40 E41 E42 E44 E45 E46 E49: lease, pings, echoes; nothing malformed on the wire', async () => {
    const dhcp = network.startDhcpServer();
    const tcpdump = network.start('tcpdump', '-i', 'eu0', '-U', '-Z', 'root', '-w', capture);
    await eventually('tcpdump listens', () => tcpdump.stderr.includes('listening on eu0'));
    const guest = network.startEuroos(
      ['--add', `${udpEcho}:/bin/udp-echo`, '--pcap', recording],
      ['udp-echo', 'server', '4007'],
    );
    await eventually('the guest listens', () => {
      if (guest.child.exitCode !== null) throw new Error(`euroos ended: ${guest.stderr}${guest.stdout}`);
      return guest.stdout.includes('listening');
    });

    // The lease: what the guest says is what the server says.
    const log = guest.serial();
    expect(log).toMatch(new RegExp(`\\[net\\] .*${GUEST_MAC}`));
    const [, address] =
      /\[net\] DHCP ACK: lease (10\.77\.0\.\d+) \(router 10\.77\.0\.1, dns 10\.77\.0\.1\)/.exec(log) ?? [];
    expect(address).toBeDefined();
    expect(fs.readFileSync(path.join(network.folder, 'leases'), 'utf8')).toContain(`${GUEST_MAC} ${address}`);
    expect(dhcp.stderr).toContain(`DHCPACK(eu0) ${address} ${GUEST_MAC}`);

    // E42 E44: the host kernel pings the guest, with small and with many-fragment packets; it knows the guest's MAC by ARP.
    await network.run('ip', 'neigh', 'flush', 'dev', 'eu0');
    const ping = await network.run('ping', '-c', '5', '-i', '0.2', address);
    expect(ping.stdout).toContain('5 packets transmitted, 5 received, 0% packet loss');
    const neighbours = await network.run('ip', 'neigh', 'show', 'dev', 'eu0');
    expect(neighbours.stdout).toContain(`${address} lladdr ${GUEST_MAC}`);
    const large = await network.run('ping', '-c', '3', '-i', '0.2', '-s', '30000', address);
    expect(large.stdout).toContain('3 received, 0% packet loss');

    // E45: ten thousand datagrams, each checked; a longest one; a port that nobody has.
    const echo = await network.run(udpEcho, 'client', address, '4007', '10000');
    expect(echo.stdout).toBe('sent 10000 echoed 10000 lost 0 wrong 0 twice 0\n');
    const longest = await network.run(udpEcho, 'large', address, '4007', '65507');
    expect(longest.stdout).toBe('65507 bytes equal\n');
    const refused = await network.run(udpEcho, 'probe', address, '4008');
    expect(refused.stdout).toBe('recv: Connection refused\n');

    // E46: T1 is three seconds after the lease.
    await eventually('the lease is renewed', () => guest.serial().includes(`[net] DHCP renewed: ${address} for 120 s`));
    expect(dhcp.stderr.match(/DHCPACK/g)?.length).toBeGreaterThan(1);

    await network.run(udpEcho, 'stop', address, '4007');
    expect(await guest.ended).toBe(0);
    expect(guest.stdout).toContain('answered 10001');

    tcpdump.child.kill('SIGINT');
    await tcpdump.ended;
    for (const file of [recording, capture]) {
      expect(await faultsOf(file)).toBe('');
      expect(await framesOf(file, `icmp.type == 0 && ip.src == ${address}`)).toBeGreaterThanOrEqual(5);
    }
    // E42: it asked twice whether the address is free, then said that it is its own.
    expect(await framesOf(recording, `arp.isprobe && eth.src == ${GUEST_MAC}`)).toBe(2);
    expect(await framesOf(recording, `arp.isannouncement && eth.src == ${GUEST_MAC}`)).toBe(1);
  });

  it('D2 E44 E60: the guest pings the host by the shell', async () => {
    const guest = network.startEuroos(
      [],
      ['sh', '-c', `net; ping -c 3 ${HOST}; echo status $?; ping -c 1 10.77.0.200`],
    );
    expect(await guest.ended).not.toBe(0);
    expect(guest.stdout).toContain('3 sent, 3 received, 0% lost');
    expect(guest.stdout).toContain('status 0');
    expect(guest.stdout.match(/64 bytes from 10\.77\.0\.1: seq=\d time=\d+\.\d+ ms/g)).toHaveLength(3);
    expect(guest.stdout).toMatch(/1 sent, 0 received, 100% lost/);
  });

  it('E45: the guest as the client: ten thousand echoes from the host, port unreachable reported to it', async () => {
    const server = network.start(udpEcho, 'server', '4007');
    await eventually('the server listens', () => server.stdout.includes('listening'));
    const script = `udp-echo client ${HOST} 4007 10000; udp-echo large ${HOST} 4007 65507; udp-echo probe ${HOST} 4008`;
    const guest = network.startEuroos(['--add', `${udpEcho}:/bin/udp-echo`], ['sh', '-c', script]);
    await guest.ended;
    expect(guest.stdout.split('\n')).toEqual([
      'sent 10000 echoed 10000 lost 0 wrong 0 twice 0',
      '65507 bytes equal',
      'recv: Connection refused',
      '',
    ]);
  });

  it('D2: a TAP that cannot be opened is one clear line and status 125', async () => {
    const long = await network.run(
      process.execPath,
      ...['electron/cli/euroos.mjs', 'run', '--net', 'tap:much-too-long-a-name', '--', 'true'],
    );
    expect(long.status).toBe(125);
    expect(long.stderr).toMatch(/^euroos: [^\n]*much-too-long-a-name[^\n]*\n$/);
    const loopback = await network.run(
      process.execPath,
      ...['electron/cli/euroos.mjs', 'run', '--net', 'tap:lo', '--', 'true'],
    );
    expect(loopback.status).toBe(125);
    expect(loopback.stderr).toBe('euroos: --net tap:lo: it exists, but is no TAP interface\n');
  });
});
