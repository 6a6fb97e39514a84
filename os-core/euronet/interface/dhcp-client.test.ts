// The DHCP client in the whole stack, by virtual time: what goes out on the wire and what the interface has.

import { describe, expect, it } from 'vitest';
import { arp, dhcpAnswer, hex, ip, OWN, PEER, SECOND, World } from '../testing/peer.ts';
import { maskOf } from '../wire/address.ts';
import { ArpOperation } from '../wire/arp.ts';
import { bytes32, DhcpMessage, DhcpOption, type DhcpPacket, messageType, option32 } from '../wire/dhcp.ts';

const LEASE = 1000 * SECOND;

function started(): World {
  const world = new World({ address: 0 });
  world.net.dhcp.start(0);
  world.net.poll(0);
  return world;
}
function only(packets: readonly DhcpPacket[]): DhcpPacket {
  expect(packets).toHaveLength(1);
  return packets[0];
}
/** From power-on to a lease of 1,000 s; returns the moment at which it was acknowledged. */
function bound(world: World, options: readonly [number, Uint8Array][] = []): number {
  world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.offer));
  const acknowledged = world.now;
  world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.ack, options));
  world.until(world.now + SECOND);
  expect(world.net.dhcp.state).toBe('bound');
  world.sent();
  return acknowledged;
}

describe('DHCP client', () => {
  it('E46: discover, request, two probes, then the address, announced', () => {
    const world = started();
    const discover = only(world.sentDhcp());
    expect(messageType(discover)).toBe(DhcpMessage.discover);
    expect(discover.clientAddress).toBe(0);
    expect(discover.options.get(DhcpOption.clientIdentifier)).toEqual(hex('01 525400123456'));
    world.receive(dhcpAnswer(discover, DhcpMessage.offer));
    const frames = world.frames.slice();
    const request = only(world.sentDhcp());
    expect(frames[0].subarray(0, 6)).toEqual(hex('ffffffffffff'));
    expect(messageType(request)).toBe(DhcpMessage.request);
    expect(option32(request, DhcpOption.requestedAddress)).toBe(OWN);
    expect(option32(request, DhcpOption.serverIdentifier)).toBe(PEER);
    expect(request.transaction).toBe(discover.transaction);
    world.receive(dhcpAnswer(request, DhcpMessage.ack));
    expect(world.net.port.address).toBe(0);
    world.until(SECOND);
    const [first, second, announcement] = world.sentArp();
    for (const probe of [first, second]) expect(probe).toMatchObject({ senderAddress: 0, targetAddress: OWN });
    expect(announcement).toMatchObject({ senderAddress: OWN, targetAddress: OWN });
    expect(world.net.port).toMatchObject({ address: OWN, mask: maskOf(24), router: PEER, dns: [PEER] });
    expect(world.lines).toEqual(['[net] DHCP ACK: lease 10.77.0.50 (router 10.77.0.1, dns 10.77.0.1)']);
    expect(world.net.describe(world.now)).toContain(
      'address 10.77.0.50/24\nrouter 10.77.0.1\ndns 10.77.0.1\nlease 999 s',
    );
  });

  it('E46: nobody answers: 1, 2, 4 … 64 s, each within half a second of it, the same transaction', () => {
    const world = started();
    const transaction = only(world.sentDhcp()).transaction;
    let last = 0;
    for (const wait of [1, 2, 4, 8, 16, 32, 64, 64]) {
      while (world.frames.length === 0) world.until(world.net.nextDeadline());
      expect(Math.abs(world.now - last - wait * SECOND)).toBeLessThanOrEqual(SECOND / 2);
      last = world.now;
      const again = only(world.sentDhcp());
      expect(messageType(again)).toBe(DhcpMessage.discover);
      expect(again.transaction).toBe(transaction);
      expect(again.seconds).toBe(Math.floor(world.now / SECOND));
    }
  });

  it('E46: an offer whose request is never acknowledged: four requests, then from the beginning', () => {
    const world = started();
    world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.offer));
    const types: number[] = [];
    while (types.length < 6) {
      world.until(world.net.nextDeadline());
      types.push(...world.sentDhcp().map(messageType));
    }
    expect(types.slice(0, 5)).toEqual([...Array<number>(4).fill(DhcpMessage.request), DhcpMessage.discover]);
  });

  it('E46: T1 renews by unicast, and the lease starts anew', () => {
    const world = started();
    const start = bound(world);
    world.until(start + LEASE / 2 - 1);
    expect(world.sentDhcp()).toEqual([]);
    world.until(start + LEASE / 2 + 1);
    // The server's MAC is asked for first; the request waits for it.
    expect(world.sentArp()[0]).toMatchObject({ operation: ArpOperation.request, targetAddress: PEER });
    world.receive(arp({}));
    const [packet] = world.sentIpv4();
    expect(packet.header).toMatchObject({ source: OWN, destination: PEER });
    world.frames.push(packet.frame);
    const renewal = only(world.sentDhcp());
    expect(messageType(renewal)).toBe(DhcpMessage.request);
    expect(renewal.clientAddress).toBe(OWN);
    // RFC 2131 4.3.2: neither requested address nor server identifier when renewing.
    expect(renewal.options.has(DhcpOption.requestedAddress)).toBe(false);
    expect(renewal.options.has(DhcpOption.serverIdentifier)).toBe(false);
    world.receive(dhcpAnswer(renewal, DhcpMessage.ack));
    expect(world.net.dhcp.state).toBe('bound');
    expect(world.net.dhcp.lease?.expiresAt).toBe(world.now + LEASE);
    expect(world.lines.at(-1)).toBe('[net] DHCP renewed: 10.77.0.50 for 1000 s');
    expect(world.net.port.address).toBe(OWN);
  });

  it('E46: T2 rebinds by broadcast; at the end of the lease the address goes and all begins again', () => {
    const world = started();
    const start = bound(world);
    world.until(start + 0.875 * LEASE - 1);
    expect(world.net.dhcp.state).toBe('renewing');
    world.sent();
    world.until(start + 0.875 * LEASE + 1);
    expect(world.net.dhcp.state).toBe('rebinding');
    const [packet] = world.sentIpv4();
    expect(packet.header).toMatchObject({ source: OWN, destination: 0xffffffff });
    expect(world.net.port.address).toBe(OWN);
    world.until(start + LEASE - 1);
    const repeated = world.sentDhcp();
    // 125 s are left at T2: again after 62.5 s, and after the minute that is the least; then it is over.
    expect(repeated.length).toBe(2);
    world.until(start + LEASE + 1);
    expect(world.net.port.address).toBe(0);
    expect(world.lines.at(-1)).toBe('[net] DHCP lease lost');
    expect(messageType(only(world.sentDhcp()))).toBe(DhcpMessage.discover);
  });

  it('E46: times of the server are used; nonsense among them is not', () => {
    const world = started();
    const start = bound(world, [
      [DhcpOption.renewalSeconds, bytes32(100)],
      [DhcpOption.rebindingSeconds, bytes32(200)],
    ]);
    expect(world.net.dhcp.lease).toMatchObject({ renewAt: start + 100 * SECOND, rebindAt: start + 200 * SECOND });
    const other = started();
    const otherStart = bound(other, [
      [DhcpOption.renewalSeconds, bytes32(0)],
      [DhcpOption.rebindingSeconds, bytes32(5000)],
    ]);
    expect(other.net.dhcp.lease).toMatchObject({
      renewAt: otherStart + LEASE / 2,
      rebindAt: otherStart + 0.875 * LEASE,
    });
    const endless = started();
    bound(endless, [[DhcpOption.leaseSeconds, bytes32(0xffffffff)]]);
    expect(endless.net.nextDeadline()).toBe(Infinity);
    const small = started();
    bound(small, [[DhcpOption.mtu, hex('0500')]]);
    expect(small.net.port.mtu).toBe(1280);
  });

  it('E46: NAK while requesting begins again; NAK while renewing takes the address away', () => {
    const world = started();
    world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.offer));
    world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.nak));
    world.until(world.now + 2 * SECOND);
    expect(messageType(only(world.sentDhcp()))).toBe(DhcpMessage.discover);
    const renewing = started();
    const start = bound(renewing);
    renewing.until(start + 0.875 * LEASE + 1);
    const request = renewing.sentDhcp().at(-1);
    if (request !== undefined) renewing.receive(dhcpAnswer(request, DhcpMessage.nak));
    expect(renewing.net.port.address).toBe(0);
  });

  it.each([
    ['answers the probe', {}],
    ['probes for it too', { operation: ArpOperation.request, senderAddress: 0, targetAddress: OWN }],
  ])('E46: conflict: a station that %s makes us decline, wait ten seconds, and begin again', (_, fields) => {
    const world = started();
    world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.offer));
    world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.ack));
    world.sent();
    world.receive(arp({ senderAddress: OWN, ...fields }));
    const decline = only(world.sentDhcp());
    expect(messageType(decline)).toBe(DhcpMessage.decline);
    expect(option32(decline, DhcpOption.requestedAddress)).toBe(OWN);
    expect(option32(decline, DhcpOption.serverIdentifier)).toBe(PEER);
    expect(decline.clientAddress).toBe(0);
    const declinedAt = world.now;
    world.until(declinedAt + 9 * SECOND);
    expect(world.frames).toEqual([]);
    expect(world.net.port.address).toBe(0);
    world.until(declinedAt + 11 * SECOND);
    expect(messageType(world.sentDhcp()[0])).toBe(DhcpMessage.discover);
  });

  it('E46: answers to others, of clients, with another transaction, without a server or without an address are not believed', () => {
    const world = started();
    const discover = only(world.sentDhcp());
    const forged: Partial<DhcpPacket>[] = [
      { transaction: discover.transaction ^ 1 },
      { clientMac: hex('525400123457') },
    ];
    for (const change of forged) world.receive(dhcpAnswer({ ...discover, ...change }, DhcpMessage.offer));
    world.receive(dhcpAnswer(discover, DhcpMessage.ack));
    world.receive(dhcpAnswer(discover, DhcpMessage.offer, [[DhcpOption.serverIdentifier, hex('01')]]));
    expect(world.sentDhcp()).toEqual([]);
    expect(world.net.dhcp.state).toBe('selecting');
    // A lease of no time is none.
    world.receive(dhcpAnswer(discover, DhcpMessage.offer));
    world.receive(dhcpAnswer(only(world.sentDhcp()), DhcpMessage.ack, [[DhcpOption.leaseSeconds, bytes32(0)]]));
    expect(world.net.dhcp.state).toBe('requesting');
  });

  it('E46: without a router or name server in the lease there is none', () => {
    const world = started();
    bound(world, [
      [DhcpOption.router, hex('')],
      [DhcpOption.dns, hex('0a')],
    ]);
    expect(world.net.port).toMatchObject({ address: OWN, router: 0, dns: [] });
    expect(world.lines[0]).toContain('(router none, dns none)');
    expect(ip('10.77.0.50')).toBe(OWN);
  });
});
