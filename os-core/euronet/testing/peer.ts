// The other end of the cable, for tests: a EuroNet on a link that keeps its frames, and a hand that makes the peer's packets.

import type { DatagramSocket } from '../socket/datagram-socket.ts';
import { EuroNet } from '../stack.ts';
import { BROADCAST_MAC, maskOf, parseIpv4 } from '../wire/address.ts';
import { ArpOperation, type ArpPacket, emitArp, parseArp } from '../wire/arp.ts';
import { bytes32, DhcpMessage, DhcpOption, type DhcpPacket, DhcpPort, emitDhcp, parseDhcp } from '../wire/dhcp.ts';
import { ETHERNET_HEADER_BYTES, EtherType, writeEthernetHeader } from '../wire/ethernet.ts';
import { IPV4_HEADER_BYTES, type Ipv4Header, Protocol, parseIpv4Header, writeIpv4Header } from '../wire/ipv4.ts';
import { emitUdp, parseUdp, type UdpDatagram } from '../wire/udp.ts';

export const SECOND = 1e9;
export const OWN_MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
export const PEER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

export function ip(text: string): number {
  const address = parseIpv4(text);
  if (address === null) throw new Error(`no address: ${text}`);
  return address;
}
export const OWN = ip('10.77.0.50');
export const PEER = ip('10.77.0.1');

export interface SeenPacket {
  readonly header: Ipv4Header;
  readonly payload: Uint8Array;
  readonly frame: Uint8Array;
}

export class World {
  readonly frames: Uint8Array[] = [];
  readonly lines: string[] = [];
  readonly changed: DatagramSocket[] = [];
  readonly net: EuroNet;
  now = 0;

  constructor(options: { readonly mtu?: number; readonly address?: number } = {}) {
    this.net = new EuroNet({
      mac: OWN_MAC,
      mtu: options.mtu ?? 1500,
      link: {
        send: (frame) => {
          this.frames.push(frame.slice());
          return true;
        },
      },
      listener: {
        socketChanged: (socket) => this.changed.push(socket),
        log: (line) => this.lines.push(line),
      },
      seed: 7,
    });
    const address = options.address ?? OWN;
    if (address !== 0) this.net.setAddress(address, maskOf(24), PEER, []);
  }

  /** Lets time pass, deadline by deadline. */
  until(time: number): void {
    for (let n = 0; n < 10_000; n++) {
      const next = this.net.nextDeadline();
      if (next > time) break;
      this.now = Math.max(this.now, next);
      this.net.poll(this.now);
    }
    this.now = Math.max(this.now, time);
  }
  receive(frame: Uint8Array): void {
    this.net.receive(frame, this.now);
    this.net.poll(this.now);
  }
  /** Frames since the last look. */
  sent(): Uint8Array[] {
    return this.frames.splice(0);
  }

  sentArp(): ArpPacket[] {
    return this.sent()
      .map(parseArp)
      .filter((packet) => packet !== null);
  }
  sentIpv4(): SeenPacket[] {
    return this.sent()
      .filter((frame) => frame[12] === 8 && frame[13] === 0)
      .map((frame) => {
        const header = parseIpv4Header(frame, ETHERNET_HEADER_BYTES);
        if (header === null) throw new Error('sent a malformed IPv4 packet');
        const start = ETHERNET_HEADER_BYTES + header.headerBytes;
        return { header, frame, payload: frame.slice(start, ETHERNET_HEADER_BYTES + header.totalBytes) };
      });
  }
  sentDhcp(): DhcpPacket[] {
    return this.sentIpv4()
      .filter(({ header }) => header.protocol === Protocol.udp)
      .map(({ header, payload }) => parseUdp(payload, header.source, header.destination))
      .filter((datagram): datagram is UdpDatagram => datagram?.destinationPort === DhcpPort.server)
      .map(({ data }) => parseDhcp(data))
      .filter((packet) => packet !== null);
  }

  /** The peer's MAC is known from here on. */
  knowPeer(): void {
    this.receive(arp({ operation: ArpOperation.request, targetAddress: OWN }));
    this.sent();
  }
}

export function arp(fields: Partial<ArpPacket>, destination: Uint8Array = BROADCAST_MAC): Uint8Array {
  return emitArp(destination, {
    operation: ArpOperation.reply,
    senderMac: PEER_MAC,
    senderAddress: PEER,
    targetMac: OWN_MAC,
    targetAddress: OWN,
    ...fields,
  });
}

export interface PeerPacket {
  readonly source?: number;
  readonly destination?: number;
  readonly mac?: Uint8Array;
  readonly fragment?: number;
  readonly identification?: number;
}

export function ipv4(protocol: number, payload: Uint8Array, options: PeerPacket = {}): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + payload.length);
  writeEthernetHeader(frame, options.mac ?? OWN_MAC, PEER_MAC, EtherType.ipv4);
  writeIpv4Header(frame, {
    payloadBytes: payload.length,
    identification: options.identification ?? 1,
    fragment: options.fragment ?? 0,
    ttl: 64,
    protocol,
    source: options.source ?? PEER,
    destination: options.destination ?? OWN,
  });
  frame.set(payload, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES);
  return frame;
}

export function udp(
  sourcePort: number,
  destinationPort: number,
  data: Uint8Array,
  options: PeerPacket = {},
): Uint8Array {
  const payload = emitUdp({ sourcePort, destinationPort, data }, options.source ?? PEER, options.destination ?? OWN);
  return ipv4(Protocol.udp, payload, options);
}

/** A server's answer to `request`. */
export function dhcpAnswer(
  request: DhcpPacket,
  type: number,
  options: readonly [number, Uint8Array][] = [],
): Uint8Array {
  const data = emitDhcp({
    ...request,
    isReply: true,
    yourAddress: type === DhcpMessage.nak ? 0 : OWN,
    options: new Map([
      [DhcpOption.messageType, Uint8Array.of(type)],
      [DhcpOption.serverIdentifier, bytes32(PEER)],
      [DhcpOption.leaseSeconds, bytes32(1000)],
      [DhcpOption.subnetMask, bytes32(maskOf(24))],
      [DhcpOption.router, bytes32(PEER)],
      [DhcpOption.dns, bytes32(PEER)],
      ...options,
    ]),
  });
  return udp(DhcpPort.server, DhcpPort.client, data, { destination: 0xffffffff, mac: BROADCAST_MAC });
}

/** Bytes from hexadecimal text with any spacing. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/[^0-9a-fA-F]/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** As toEqual for long byte arrays, in no time. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
