// User-mode network: a router, a DHCP server and a name server's address on a link that exists only in this process. No privilege.
//
//   guest 10.0.2.15 ──► 10.0.2.2 router: answers ARP and echo, leases by DHCP
//                  └──► 10.0.2.3 name server: UDP 53 goes to the host's resolver
//                  └──► anything else: UDP through sockets of the relay thread (udp-relay.ts)
//
// Left out for now: TCP, IPv6, echo to other hosts (they get no answer). The host's loopback and own services are not reachable:
// 10.0.2.2 and 127.0.0.0/8 are never relayed. Frames from the guest are hostile: malformed ones are dropped; every input makes at
// most one answer; the answer queue is bounded.

import type { NetworkBackend } from '../../../devices/backends/backends.ts';
import { Reassembly } from '../../../os-core/euronet/interface/reassembly.ts';
import { maskOf, parseIpv4 } from '../../../os-core/euronet/wire/address.ts';
import { ArpOperation, emitArp, parseArp } from '../../../os-core/euronet/wire/arp.ts';
import {
  bytes32,
  DhcpMessage,
  DhcpOption,
  type DhcpPacket,
  DhcpPort,
  emitDhcp,
  messageType,
  option32,
  parseDhcp,
} from '../../../os-core/euronet/wire/dhcp.ts';
import {
  ETHERNET_HEADER_BYTES,
  EtherType,
  MINIMUM_FRAME_BYTES,
  writeEthernetHeader,
} from '../../../os-core/euronet/wire/ethernet.ts';
import { emitIcmp, IcmpType, parseIcmp, UnreachableCode } from '../../../os-core/euronet/wire/icmp.ts';
import {
  DEFAULT_TTL,
  IPV4_HEADER_BYTES,
  type Ipv4Header,
  MAXIMUM_IPV4_PAYLOAD,
  MORE_FRAGMENTS,
  Protocol,
  parseIpv4Header,
  writeIpv4Header,
} from '../../../os-core/euronet/wire/ipv4.ts';
import { emitUdp, parseUdp } from '../../../os-core/euronet/wire/udp.ts';

export const NatAddress = { router: 0x0a000202, dns: 0x0a000203, guest: 0x0a00020f } as const;
const NETWORK_PREFIX = 24;
const ROUTER_MAC = Uint8Array.of(0x52, 0x55, 0x0a, 0, 2, 2);
const LEASE_SECONDS = 86400;
const MTU = 1500;
/** Frames that wait for the guest; more are dropped. */
const QUEUE_FRAMES = 512;
const DNS_PORT = 53;

/** Sends datagrams to the real network; answers come through `receive`. */
export interface UdpRelay {
  send(guestPort: number, destination: number, port: number, data: Uint8Array): boolean;
  /** Calls `deliver` for each datagram that has come back, at most `most` of them. */
  receive(deliver: (guestPort: number, source: number, port: number, data: Uint8Array) => void, most: number): void;
  close(): void;
}

export class UserNat implements NetworkBackend {
  readonly macAddress: Uint8Array;
  readonly mtu = MTU;
  private readonly relay: UdpRelay | null;
  private readonly resolver: number | null;
  private readonly queue: Uint8Array[] = [];
  private readonly reassembly = new Reassembly();
  private readonly nowNanos: () => number;
  private identification = 0;

  /**
   * `relay` null: nothing leaves the process. `resolver`: the host's name server, null if it has none that may be asked.
   * `nowNanos`: the machine's time, by which fragments grow old.
   */
  constructor(macAddress: Uint8Array, relay: UdpRelay | null, resolver: number | null, nowNanos: () => number) {
    this.macAddress = macAddress;
    this.relay = relay;
    this.resolver = resolver;
    this.nowNanos = nowNanos;
  }

  linkUp(): boolean {
    return true;
  }

  receive(target: Uint8Array): number {
    if (this.queue.length === 0)
      this.relay?.receive((guestPort, source, port, data) => this.answerUdp(guestPort, source, port, data), 16);
    const frame = this.queue.shift();
    if (frame === undefined || frame.length > target.length) return 0;
    target.set(frame);
    return frame.length;
  }

  send(frame: Uint8Array): boolean {
    if (frame.length < ETHERNET_HEADER_BYTES) return true;
    const etherType = (frame[12] << 8) | frame[13];
    if (etherType === EtherType.arp) this.answerArp(frame);
    else if (etherType === EtherType.ipv4) this.routePacket(frame.subarray(ETHERNET_HEADER_BYTES));
    return true;
  }

  private push(frame: Uint8Array): void {
    if (this.queue.length < QUEUE_FRAMES) this.queue.push(frame);
  }

  private answerArp(frame: Uint8Array): void {
    const packet = parseArp(frame);
    if (packet === null || packet.operation !== ArpOperation.request) return;
    if (packet.targetAddress !== NatAddress.router && packet.targetAddress !== NatAddress.dns) return;
    this.push(
      emitArp(packet.senderMac, {
        operation: ArpOperation.reply,
        senderMac: ROUTER_MAC,
        senderAddress: packet.targetAddress,
        targetMac: packet.senderMac,
        targetAddress: packet.senderAddress,
      }),
    );
  }

  private routePacket(packet: Uint8Array): void {
    const header = parseIpv4Header(packet, 0);
    if (header === null) return;
    if (!header.moreFragments && header.fragmentOffset === 0) {
      this.routeDatagram(header, packet.subarray(header.headerBytes, header.totalBytes), packet);
      return;
    }
    const now = this.nowNanos();
    this.reassembly.expire(now);
    const whole = this.reassembly.add(header, packet, now);
    if (whole !== null) this.routeDatagram(whole.first.header, whole.payload, whole.first.packet);
  }

  private routeDatagram(header: Ipv4Header, payload: Uint8Array, packet: Uint8Array): void {
    if (header.protocol === Protocol.udp) this.routeUdp(header, payload, packet);
    else if (header.protocol === Protocol.icmp) this.answerEcho(header, payload);
  }

  private answerEcho(header: Ipv4Header, payload: Uint8Array): void {
    if (header.destination !== NatAddress.router && header.destination !== NatAddress.dns) return;
    const message = parseIcmp(payload);
    if (message?.type !== IcmpType.echoRequest) return;
    this.sendIpv4(
      Protocol.icmp,
      header.destination,
      header.source,
      emitIcmp({ ...message, type: IcmpType.echoReply }),
      this.macAddress,
    );
  }

  private routeUdp(header: Ipv4Header, payload: Uint8Array, packet: Uint8Array): void {
    const datagram = parseUdp(payload, header.source, header.destination);
    if (datagram === null) return;
    if (datagram.destinationPort === DhcpPort.server && datagram.sourcePort === DhcpPort.client) {
      const message = parseDhcp(datagram.data);
      if (message !== null && !message.isReply) this.serveDhcp(message);
      return;
    }
    const target = this.targetOf(header.destination, datagram.destinationPort);
    const sent =
      target !== null &&
      this.relay?.send(datagram.sourcePort, target, datagram.destinationPort, datagram.data) === true;
    if (!sent && header.source === NatAddress.guest) this.refuse(header, packet);
  }

  /** Where a datagram really goes; null = nowhere. */
  private targetOf(destination: number, port: number): number | null {
    if (destination === NatAddress.dns) return port === DNS_PORT ? this.resolver : null;
    if (port === 0) return null;
    const first = destination >>> 24;
    // This network, loopback, multicast and broadcast are not relayed.
    if (first === 0 || first === 127 || first >= 224) return null;
    return (destination & maskOf(NETWORK_PREFIX)) >>> 0 === (NatAddress.router & maskOf(NETWORK_PREFIX)) >>> 0
      ? null
      : destination;
  }

  private refuse(header: Ipv4Header, packet: Uint8Array): void {
    const data = packet.slice(0, header.headerBytes + 8);
    const message = { type: IcmpType.unreachable, code: UnreachableCode.port, identifier: 0, sequence: 0, data };
    this.sendIpv4(Protocol.icmp, NatAddress.router, header.source, emitIcmp(message), this.macAddress);
  }

  private answerUdp(guestPort: number, source: number, port: number, data: Uint8Array): void {
    const shown = source === this.resolver && port === DNS_PORT ? NatAddress.dns : source;
    const payload = emitUdp({ sourcePort: port, destinationPort: guestPort, data }, shown, NatAddress.guest);
    this.sendIpv4(Protocol.udp, shown, NatAddress.guest, payload, this.macAddress);
  }

  private serveDhcp(message: DhcpPacket): void {
    const type = messageType(message);
    const wanted = option32(message, DhcpOption.requestedAddress) ?? message.clientAddress;
    const server = option32(message, DhcpOption.serverIdentifier);
    if (server !== null && server !== NatAddress.router) return;
    if (type === DhcpMessage.discover) this.replyDhcp(message, DhcpMessage.offer);
    else if (type === DhcpMessage.request)
      this.replyDhcp(message, wanted === NatAddress.guest ? DhcpMessage.ack : DhcpMessage.nak);
  }

  private replyDhcp(message: DhcpPacket, type: number): void {
    const refused = type === DhcpMessage.nak;
    const options = new Map<number, Uint8Array>([
      [DhcpOption.messageType, Uint8Array.of(type)],
      [DhcpOption.serverIdentifier, bytes32(NatAddress.router)],
    ]);
    if (!refused) {
      options.set(DhcpOption.leaseSeconds, bytes32(LEASE_SECONDS));
      options.set(DhcpOption.subnetMask, bytes32(maskOf(NETWORK_PREFIX)));
      options.set(DhcpOption.router, bytes32(NatAddress.router));
      options.set(DhcpOption.dns, bytes32(NatAddress.dns));
    }
    const data = emitDhcp({
      isReply: true,
      transaction: message.transaction,
      seconds: 0,
      flags: message.flags,
      clientAddress: 0,
      yourAddress: refused ? 0 : NatAddress.guest,
      serverAddress: NatAddress.router,
      clientMac: message.clientMac,
      options,
    });
    const broadcast = 0xffffffff;
    const payload = emitUdp(
      { sourcePort: DhcpPort.server, destinationPort: DhcpPort.client, data },
      NatAddress.router,
      broadcast,
    );
    this.sendIpv4(Protocol.udp, NatAddress.router, broadcast, payload, message.clientMac);
  }

  private sendIpv4(protocol: number, source: number, destination: number, payload: Uint8Array, mac: Uint8Array): void {
    if (payload.length > MAXIMUM_IPV4_PAYLOAD) return;
    this.identification = (this.identification + 1) & 0xffff;
    // A multiple of 8, as offsets count in eights.
    const step = MTU - IPV4_HEADER_BYTES;
    for (let at = 0; at === 0 || at < payload.length; at += step) {
      const part = payload.subarray(at, at + step);
      const length = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + part.length;
      const frame = new Uint8Array(Math.max(MINIMUM_FRAME_BYTES, length));
      writeEthernetHeader(frame, mac, ROUTER_MAC, EtherType.ipv4);
      writeIpv4Header(frame, {
        payloadBytes: part.length,
        identification: this.identification,
        fragment: (at + step < payload.length ? MORE_FRAGMENTS : 0) | (at / 8),
        ttl: DEFAULT_TTL,
        protocol,
        source,
        destination,
      });
      frame.set(part, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES);
      this.push(frame);
    }
  }
}

/** The first IPv4 name server of a resolv.conf; one on loopback counts too, since only port 53 of it is ever asked. */
export function resolverOf(resolvConf: string): number | null {
  for (const [, text] of resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)) {
    const address = parseIpv4(text);
    if (address !== null) return address;
  }
  return null;
}
