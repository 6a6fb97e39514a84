// EuroNet at its link: what comes in, what goes out, what the sockets get; by virtual time.

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../abi/errno.ts';
import { DatagramSocket } from './socket/datagram-socket.ts';
import {
  arp,
  dhcpAnswer,
  hex,
  ip,
  ipv4,
  OWN,
  OWN_MAC,
  PEER,
  PEER_MAC,
  SECOND,
  sameBytes,
  udp,
  World,
} from './testing/peer.ts';
import { BROADCAST_MAC } from './wire/address.ts';
import { ArpOperation, emitArp, parseArp } from './wire/arp.ts';
import { DhcpMessage } from './wire/dhcp.ts';
import { emitIcmp, IcmpType, parseIcmp, UnreachableCode } from './wire/icmp.ts';
import { Protocol } from './wire/ipv4.ts';
import { emitUdp, parseUdp } from './wire/udp.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8));

let world: World;
beforeEach(() => {
  world = new World();
});

function socket(kind: 'udp' | 'icmp' = 'udp', port = 0): DatagramSocket {
  const made = new DatagramSocket(kind);
  if (port !== 0) expect(world.net.bind(made, 0, port)).toBe(0);
  return made;
}
function echo(sequence: number, data: Uint8Array): Uint8Array {
  return emitIcmp({ type: IcmpType.echoRequest, code: 0, identifier: 77, sequence, data });
}

describe('ARP', () => {
  it('E42: resolves: the packet waits for the answer; then no more questions', () => {
    const sender = socket();
    expect(world.net.sendUdp(sender, PEER, 7, text('one'), world.now)).toBe(0);
    expect(world.net.sendUdp(sender, PEER, 7, text('two'), world.now)).toBe(0);
    expect(world.sentArp()).toMatchObject([
      { operation: ArpOperation.request, senderAddress: OWN, targetAddress: PEER, senderMac: OWN_MAC },
    ]);
    world.receive(arp({}));
    const sent = world.sentIpv4();
    expect(sent.map(({ frame }) => frame.slice(0, 6))).toEqual([PEER_MAC, PEER_MAC]);
    expect(sent.map(({ payload }) => parseUdp(payload, OWN, PEER)?.data)).toEqual([text('one'), text('two')]);
    world.net.sendUdp(sender, PEER, 7, text('three'), world.now);
    expect(world.sentIpv4()).toHaveLength(1);
  });

  it('E42: answers requests for its address, and no others', () => {
    world.receive(arp({ operation: ArpOperation.request, targetAddress: OWN }));
    expect(world.sent()).toEqual([
      emitArp(PEER_MAC, {
        operation: ArpOperation.reply,
        senderMac: OWN_MAC,
        senderAddress: OWN,
        targetMac: PEER_MAC,
        targetAddress: PEER,
      }),
    ]);
    world.receive(arp({ operation: ArpOperation.request, targetAddress: OWN + 1 }));
    expect(world.sent()).toEqual([]);
    // A probe gets its answer too: the address is taken.
    world.receive(arp({ operation: ArpOperation.request, senderAddress: 0, targetAddress: OWN }));
    expect(world.sentArp()).toMatchObject([{ operation: ArpOperation.reply, senderAddress: OWN }]);
  });

  it('E42: ages: after a minute it asks again; three silent seconds make the sender learn of it', () => {
    const sender = socket();
    world.knowPeer();
    world.net.sendUdp(sender, PEER, 7, text('x'), world.now);
    expect(world.sentIpv4()).toHaveLength(1);
    world.until(61 * SECOND);
    expect(world.net.describe(world.now)).not.toContain('neighbour');
    sender.connected = true;
    sender.remoteAddress = PEER;
    sender.remotePort = 7;
    world.net.sendUdp(sender, PEER, 7, text('y'), world.now);
    world.until(61 * SECOND + 2.5 * SECOND);
    expect(world.sentArp()).toHaveLength(3);
    expect(sender.pendingError).toBe(0);
    world.until(65 * SECOND);
    expect(sender.takeError()).toBe(Errno.EHOSTUNREACH);
    expect(world.changed).toEqual([sender]);
    expect(world.net.nextDeadline()).toBe(Infinity);
  });

  it('E42: ignores a spoof of its own address, says so once, defends it at most every ten seconds', () => {
    world.knowPeer();
    const liar = hex('02bad0bad0bad0'.slice(0, 12));
    for (let n = 0; n < 5; n++) world.receive(arp({ senderMac: liar, senderAddress: OWN, targetAddress: OWN }));
    expect(world.lines).toEqual(['[net] 02:ba:d0:ba:d0:ba claims our address 10.77.0.50: ignored, and told so']);
    expect(world.sentArp()).toMatchObject([{ senderAddress: OWN, targetAddress: OWN, senderMac: OWN_MAC }]);
    expect(world.net.describe(world.now)).not.toContain('02:ba');
    expect(world.net.port.address).toBe(OWN);
    world.until(11 * SECOND);
    world.receive(arp({ senderMac: liar, senderAddress: OWN, targetAddress: OWN }));
    expect(world.sentArp()).toHaveLength(1);
  });

  it('E42: learns only from stations that ask for it or that it talks to; never a group or itself', () => {
    world.receive(arp({ senderAddress: PEER + 1 }));
    world.receive(arp({ operation: ArpOperation.request, senderAddress: PEER + 2, targetAddress: PEER + 3 }));
    world.receive(arp({ operation: ArpOperation.request, senderAddress: ip('10.77.0.255') }));
    world.receive(arp({ operation: ArpOperation.request, senderAddress: ip('224.0.0.1') }));
    world.receive(arp({ operation: ArpOperation.request, senderMac: BROADCAST_MAC }));
    world.receive(arp({ operation: ArpOperation.request, senderMac: OWN_MAC }));
    world.receive(arp({ operation: ArpOperation.request, senderMac: new Uint8Array(6) }));
    expect(world.net.describe(world.now)).not.toContain('neighbour');
    world.knowPeer();
    const moved = hex('020000000009');
    world.receive(arp({ senderMac: moved }));
    expect(world.net.describe(world.now)).toContain('neighbour 10.77.0.1 02:00:00:00:00:09');
  });

  it('E42: bounds: 64 packets wait for a neighbour, 256 for all, 256 neighbours are known', () => {
    const sender = socket();
    for (let n = 0; n < 100; n++) world.net.sendUdp(sender, PEER, 7, Uint8Array.of(n), world.now);
    world.sent();
    world.receive(arp({}));
    const kept = world.sentIpv4().map(({ payload }) => parseUdp(payload, OWN, PEER)?.data[0]);
    expect(kept).toEqual(Array.from({ length: 64 }, (_, i) => 36 + i));
    for (let host = 100; host < 110; host++)
      for (let n = 0; n < 64; n++) world.net.sendUdp(sender, ip(`10.77.0.${host}`), 7, text('x'), world.now);
    world.sent();
    for (let host = 100; host < 110; host++) world.receive(arp({ senderAddress: ip(`10.77.0.${host}`) }));
    expect(world.sentIpv4()).toHaveLength(256);
    for (let n = 0; n < 1000; n++)
      world.receive(
        arp({ operation: ArpOperation.request, senderAddress: ip('10.0.0.0') + n, senderMac: hex('020000000007') }),
      );
    expect(world.net.describe(world.now).match(/neighbour/g)).toHaveLength(256);
  });
});

describe('IPv4', () => {
  it('E43: a bad header checksum or length is dropped and counted', () => {
    const frame = ipv4(Protocol.icmp, echo(1, text('abc')));
    frame[14 + 10] ^= 1;
    world.receive(frame);
    const short = ipv4(Protocol.icmp, echo(1, text('abc'))).subarray(0, 38);
    world.receive(short);
    expect(world.sent()).toEqual([]);
    expect(world.net.port.counters).toMatchObject({ badChecksum: 1, malformed: 1 });
  });

  it('E43: martians and packets for others are dropped', () => {
    const request = echo(1, text('abc'));
    for (const source of ['127.0.0.1', '224.0.0.1', '255.255.255.255', '10.77.0.255', '10.77.0.50'])
      world.receive(ipv4(Protocol.icmp, request, { source: ip(source) }));
    world.receive(ipv4(Protocol.icmp, request, { destination: ip('127.0.0.1') }));
    world.receive(ipv4(Protocol.icmp, request, { destination: OWN + 1 }));
    world.receive(ipv4(Protocol.icmp, request, { mac: hex('020000000077') }));
    expect(world.sent()).toEqual([]);
  });

  it('E43 E44: a large ping comes in fragments and its answer goes out in fragments that fit the MTU', () => {
    world.knowPeer();
    const request = echo(9, pattern(60_000));
    for (let at = 0; at < request.length; at += 1480) {
      const more = at + 1480 < request.length ? 0x2000 : 0;
      world.receive(ipv4(Protocol.icmp, request.slice(at, at + 1480), { fragment: more | (at / 8) }));
    }
    const packets = world.sentIpv4();
    expect(packets).toHaveLength(Math.ceil(60_008 / 1480));
    expect(new Set(packets.map(({ header }) => header.identification)).size).toBe(1);
    const whole = new Uint8Array(60_008);
    for (const { header, payload, frame } of packets) {
      expect(frame.length).toBeLessThanOrEqual(1514);
      whole.set(payload, header.fragmentOffset);
    }
    const reply = parseIcmp(whole);
    expect(reply?.type).toBe(IcmpType.echoReply);
    expect(sameBytes(reply?.data, pattern(60_000))).toBe(true);
  });

  it('E43: fragments for any MTU: multiples of 8 but the last, which may fill it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 576, max: 1600 }), fc.nat(20_000), (mtu, length) => {
        const small = new World({ mtu });
        small.knowPeer();
        const sender = new DatagramSocket('udp');
        expect(small.net.sendUdp(sender, PEER, 7, pattern(length), 0)).toBe(0);
        const packets = small.sentIpv4();
        const whole = new Uint8Array(length + 8);
        packets.forEach(({ header, payload }, n) => {
          expect(header.totalBytes).toBeLessThanOrEqual(mtu);
          expect(header.moreFragments).toBe(n < packets.length - 1);
          if (header.moreFragments) expect(payload.length % 8).toBe(0);
          whole.set(payload, header.fragmentOffset);
        });
        expect(packets.length).toBe(length + 8 <= mtu - 20 ? 1 : packets.length);
        expect(sameBytes(parseUdp(whole, OWN, PEER)?.data, pattern(length))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('E43: a datagram that stays incomplete is reported after 30 s, quoting its first fragment', () => {
    world.knowPeer();
    const request = echo(1, pattern(2000));
    world.receive(ipv4(Protocol.icmp, request.slice(0, 1480), { fragment: 0x2000, identification: 99 }));
    world.until(31 * SECOND);
    const [report] = world.sentIpv4();
    const message = parseIcmp(report.payload);
    expect(message).toMatchObject({ type: IcmpType.timeExceeded, code: 1 });
    expect(message?.data.length).toBe(28);
    expect(message?.data.subarray(20)).toEqual(request.subarray(0, 8));
  });

  it('E43: routes: the own network directly, all else by the router; without a lease nowhere', () => {
    const sender = socket();
    world.net.sendUdp(sender, ip('10.77.0.9'), 7, text('x'), 0);
    world.net.sendUdp(sender, ip('192.0.2.1'), 7, text('x'), 0);
    expect(world.sentArp().map(({ targetAddress }) => targetAddress)).toEqual([ip('10.77.0.9'), PEER]);
    expect(world.net.sendUdp(sender, ip('224.0.0.251'), 7, text('x'), 0)).toBe(-Errno.ENETUNREACH);
    const without = new World({ address: 0 });
    expect(without.net.sendUdp(new DatagramSocket('udp'), PEER, 7, text('x'), 0)).toBe(-Errno.ENETUNREACH);
  });
});

describe('ICMP', () => {
  it('E44: answers pings with the same identifier, sequence and data', () => {
    world.knowPeer();
    world.receive(ipv4(Protocol.icmp, echo(5, text('data'))));
    const [{ header, payload }] = world.sentIpv4();
    expect(header).toMatchObject({ source: OWN, destination: PEER });
    expect(parseIcmp(payload)).toMatchObject({ type: 0, identifier: 77, sequence: 5, data: text('data') });
  });

  it('E44: no answer to a broadcast ping, to a bad checksum, or to a ping in a frame for all', () => {
    world.receive(ipv4(Protocol.icmp, echo(5, text('data')), { destination: ip('10.77.0.255'), mac: BROADCAST_MAC }));
    world.receive(ipv4(Protocol.icmp, echo(5, text('data')), { mac: BROADCAST_MAC }));
    const damaged = echo(5, text('data'));
    damaged[9] ^= 1;
    world.receive(ipv4(Protocol.icmp, damaged));
    expect(world.sent()).toEqual([]);
  });

  it('E44: a ping socket gets the replies to its own requests only', () => {
    world.knowPeer();
    const [first, second] = [socket('icmp'), socket('icmp')];
    const message = Uint8Array.of(8, 0, 0, 0, 0xde, 0xad, 0, 3, 1, 2, 3);
    expect(world.net.sendEcho(first, PEER, message, world.now)).toBe(0);
    expect(world.net.sendEcho(second, PEER, message, world.now)).toBe(0);
    const [request] = world.sentIpv4();
    const asked = parseIcmp(request.payload);
    expect(asked?.identifier).toBe(first.localPort);
    const reply = emitIcmp({ ...(asked ?? { code: 0, identifier: 0, sequence: 0, data: text('') }), type: 0 });
    world.receive(ipv4(Protocol.icmp, reply));
    expect(first.take()?.data).toEqual(reply);
    expect(second.peek()).toBeNull();
    expect(world.net.sendEcho(first, PEER, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0), 0)).toBe(-Errno.EINVAL);
    expect(world.net.sendEcho(first, PEER, Uint8Array.of(8, 0, 0), 0)).toBe(-Errno.EINVAL);
    expect(world.net.sendEcho(first, PEER, pattern(65_535).fill(8, 0, 1).fill(0, 1, 2), 0)).toBe(-Errno.EMSGSIZE);
  });

  it('E44: a protocol that is not there is reported, but no error about an error', () => {
    world.knowPeer();
    world.receive(ipv4(6, pattern(20)));
    expect(parseIcmp(world.sentIpv4()[0].payload)).toMatchObject({ type: 3, code: UnreachableCode.protocol });
    world.until(SECOND);
    world.receive(ipv4(Protocol.icmp, emitIcmp({ type: 3, code: 3, identifier: 0, sequence: 0, data: pattern(28) })));
    expect(world.sent()).toEqual([]);
  });

  it('E45: errors are limited in rate', () => {
    world.knowPeer();
    for (let n = 0; n < 1000; n++) world.receive(udp(9, 9, text('x')));
    expect(world.sentIpv4()).toHaveLength(1);
  });
});

describe('UDP sockets', () => {
  it('E45: a datagram reaches the socket of its port, with the sender; the answer goes back', () => {
    world.knowPeer();
    const server = socket('udp', 7);
    world.receive(udp(4000, 7, text('hello')));
    expect(world.changed).toEqual([server]);
    const got = server.take();
    expect(got).toMatchObject({ source: PEER, sourcePort: 4000, data: text('hello') });
    world.net.sendUdp(server, PEER, 4000, text('back'), world.now);
    const [{ payload }] = world.sentIpv4();
    expect(parseUdp(payload, OWN, PEER)).toEqual({ sourcePort: 7, destinationPort: 4000, data: text('back') });
  });

  it('E45: a connected socket hears its peer only; one bound to an address goes before one bound to any', () => {
    const any = socket('udp', 7);
    const connected = socket('udp', 8);
    Object.assign(connected, { connected: true, remoteAddress: PEER, remotePort: 4000 });
    world.receive(udp(4000, 8, text('peer')));
    world.receive(udp(4001, 8, text('other')));
    world.receive(udp(4000, 8, text('other'), { source: PEER + 1 }));
    expect(connected.take()?.data).toEqual(text('peer'));
    expect(connected.take()).toBeNull();
    expect(world.net.bind(new DatagramSocket('udp'), OWN, 7)).toBe(-Errno.EADDRINUSE);
    expect(world.net.bind(new DatagramSocket('udp'), ip('10.77.0.51'), 9)).toBe(-Errno.EADDRNOTAVAIL);
    world.net.close(any);
    expect(world.net.bind(new DatagramSocket('udp'), OWN, 7)).toBe(0);
  });

  it('E45: port unreachable is sent for a port that nobody has, and reported to a connected sender', () => {
    world.knowPeer();
    const arrived = udp(4000, 9, text('anybody?'));
    world.receive(arrived);
    const [{ header, payload }] = world.sentIpv4();
    expect(header).toMatchObject({ source: OWN, destination: PEER });
    const error = parseIcmp(payload);
    expect(error).toMatchObject({ type: 3, code: UnreachableCode.port });
    expect(error?.data).toEqual(arrived.slice(14, 14 + 28));

    const [connected, unconnected] = [socket('udp', 50), socket('udp', 51)];
    Object.assign(connected, { connected: true, remoteAddress: PEER, remotePort: 9 });
    for (const sender of [connected, unconnected]) {
      world.net.sendUdp(sender, PEER, 9, text('x'), world.now);
      const quoted = world.sentIpv4()[0].frame.slice(14, 14 + 28);
      world.receive(ipv4(1, emitIcmp({ type: 3, code: 3, identifier: 0, sequence: 0, data: quoted })));
    }
    expect(connected.takeError()).toBe(Errno.ECONNREFUSED);
    expect(unconnected.takeError()).toBe(0);
  });

  it('E45: no port unreachable for a broadcast; a large datagram is quoted from its first fragment', () => {
    world.knowPeer();
    world.receive(udp(4000, 9, text('x'), { destination: 0xffffffff, mac: BROADCAST_MAC }));
    world.receive(udp(4000, 9, text('x'), { mac: BROADCAST_MAC }));
    expect(world.sent()).toEqual([]);
    const datagram = emitUdp({ sourcePort: 4000, destinationPort: 9, data: pattern(2000) }, PEER, OWN);
    world.receive(ipv4(17, datagram.slice(1480), { fragment: 185 }));
    world.receive(ipv4(17, datagram.slice(0, 1480), { fragment: 0x2000 }));
    const error = parseIcmp(world.sentIpv4()[0].payload);
    expect(error?.data.subarray(20)).toEqual(datagram.subarray(0, 8));
  });

  it('E45: the queue of a socket is bounded; what does not fit is lost and counted', () => {
    const slow = socket('udp', 7);
    for (let n = 0; n < 300; n++) world.receive(udp(4000, 7, pattern(1000)));
    expect(slow.dropped).toBeGreaterThan(50);
    expect(world.net.port.counters.dropped).toBe(slow.dropped);
    let count = 0;
    while (slow.take() !== null) count++;
    expect(count + slow.dropped).toBe(300);
    expect(count * 1064).toBeLessThanOrEqual(212_992);
    world.receive(udp(4000, 7, text('again')));
    expect(slow.take()?.data).toEqual(text('again'));
  });

  it('E45: ports for the taking are from 49152 up, all different, and come to an end', () => {
    const made = Array.from({ length: 16_384 }, () => new DatagramSocket('udp'));
    for (const each of made.slice(0, 300)) expect(world.net.bind(each, 0, 0)).toBe(0);
    const ports = made.slice(0, 300).map(({ localPort }) => localPort);
    expect(new Set(ports).size).toBe(300);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(49_152);
  });

  it('E45: refusals: too long, port 0, broadcast without leave', () => {
    const sender = socket();
    expect(world.net.sendUdp(sender, PEER, 7, pattern(65_508), 0)).toBe(-Errno.EMSGSIZE);
    expect(world.net.sendUdp(sender, PEER, 0, text('x'), 0)).toBe(-Errno.EINVAL);
    expect(world.net.sendUdp(sender, ip('10.77.0.255'), 7, text('x'), 0)).toBe(-Errno.EACCES);
    sender.allowBroadcast = true;
    expect(world.net.sendUdp(sender, ip('10.77.0.255'), 7, text('x'), 0)).toBe(0);
    expect(world.sentIpv4()[0].frame.subarray(0, 6)).toEqual(BROADCAST_MAC);
  });

  it('E45: loopback: to 127.0.0.1 and to the own address, without a frame; port unreachable there too', () => {
    const server = socket('udp', 7);
    const client = socket();
    for (const [address, data] of [
      [ip('127.0.0.1'), pattern(10)],
      [OWN, pattern(65_507)],
    ] as const) {
      expect(world.net.sendUdp(client, address, 7, data, world.now)).toBe(0);
      expect(world.net.nextDeadline()).toBe(0);
      world.until(world.now);
      const got = server.take();
      expect(got?.source).toBe(address);
      expect(got?.sourcePort).toBe(client.localPort);
      expect(sameBytes(got?.data, data)).toBe(true);
    }
    Object.assign(client, { connected: true, remoteAddress: ip('127.0.0.1'), remotePort: 9 });
    world.net.sendUdp(client, ip('127.0.0.1'), 9, text('x'), world.now);
    world.until(world.now + 1);
    expect(client.takeError()).toBe(Errno.ECONNREFUSED);
    expect(world.sent()).toEqual([]);
  });
});

describe('hostile frames', () => {
  const seeds = [
    arp({}),
    arp({ operation: ArpOperation.request }),
    udp(4000, 7, pattern(100)),
    ipv4(Protocol.icmp, echo(1, pattern(50))),
    ipv4(Protocol.icmp, emitIcmp({ type: 3, code: 3, identifier: 0, sequence: 0, data: pattern(60) })),
    ipv4(17, pattern(64), { fragment: 0x2000 }),
    ipv4(17, pattern(64), { fragment: 8 }),
  ];

  it('E40 E43: random and damaged frames: no throw, few answers each, bounded memory', () => {
    const fuzz = new World();
    fuzz.net.dhcp.start(0);
    fuzz.net.poll(0);
    const discover = fuzz.sentDhcp()[0];
    const all = [...seeds, dhcpAnswer(discover, DhcpMessage.offer), dhcpAnswer(discover, DhcpMessage.ack)];
    const victim = new DatagramSocket('udp');
    fuzz.net.bind(victim, 0, 7);
    fc.assert(
      fc.property(
        fc.nat(all.length),
        fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
        fc.option(fc.nat(200)),
        fc.boolean(),
        fc.uint8Array({ maxLength: 200 }),
        (which, changes, cut, mend, random) => {
          const frame = which < all.length ? all[which].slice() : random;
          for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
          // Mended checksums let the damage through to the layers behind them.
          if (mend && frame.length >= 34 && frame[12] === 8 && frame[13] === 0) {
            frame[24] = 0;
            frame[25] = 0;
            let sum = 0;
            for (let i = 14; i < 34; i += 2) sum += (frame[i] << 8) | frame[i + 1];
            while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
            frame[24] = (~sum >> 8) & 255;
            frame[25] = ~sum & 255;
          }
          const given = cut === null ? frame : frame.subarray(0, cut);
          const before = given.slice();
          fuzz.now += 20e6;
          fuzz.receive(given);
          // The driver's buffer is not ours to change.
          expect(given).toEqual(before);
          // One answer, one ARP question, one announcement, one DHCP message.
          expect(fuzz.sent().length).toBeLessThanOrEqual(6);
          while (victim.take() !== null);
        },
      ),
      { numRuns: 3000 },
    );
    expect(parseArp(seeds[0])).not.toBeNull();
  });
});
