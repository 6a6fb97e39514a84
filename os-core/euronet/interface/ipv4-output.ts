// IPv4 packets on their way out: route, fragments (RFC 791 section 2.3), and the short way back for our own addresses.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import { BROADCAST_MAC, isMulticast } from '../wire/address.ts';
import { ETHERNET_HEADER_BYTES, EtherType, MINIMUM_FRAME_BYTES, writeEthernetHeader } from '../wire/ethernet.ts';
import { IPV4_HEADER_BYTES, MAXIMUM_IPV4_PAYLOAD, MORE_FRAGMENTS, writeIpv4Header } from '../wire/ipv4.ts';
import type { ArpLayer } from './arp-layer.ts';
import type { NetworkInterface } from './network-interface.ts';

const MAXIMUM_LOOPBACK = 64;
/** The longest payload of a packet to ourselves that is a multiple of 8, as a fragment must be. */
const LOOPBACK_STEP = 65512;

export interface OutgoingPacket {
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  readonly ttl: number;
  readonly payload: Uint8Array;
}

export class Ipv4Output {
  private readonly port: NetworkInterface;
  private readonly arp: ArpLayer;
  /** Packets to ourselves; the stack takes them in when it is polled. */
  private readonly loopback: Uint8Array[] = [];
  private identification: number;

  constructor(port: NetworkInterface, arp: ArpLayer, firstIdentification: number) {
    this.port = port;
    this.arp = arp;
    this.identification = firstIdentification & 0xffff;
  }

  get waitingLoopback(): number {
    return this.loopback.length;
  }
  takeLoopback(): Uint8Array | null {
    return this.loopback.shift() ?? null;
  }

  /** 0 or -errno. */
  send(packet: OutgoingPacket, now: number): number {
    const { port } = this;
    const { destination, payload } = packet;
    if (payload.length > MAXIMUM_IPV4_PAYLOAD) return -Errno.EMSGSIZE;
    if (isMulticast(destination)) return -Errno.ENETUNREACH;
    const local = port.isLocal(destination);
    const broadcast = port.isBroadcast(destination);
    const hop = port.nextHop(destination);
    if (!local && !broadcast && (port.address === 0 || hop === 0)) return -Errno.ENETUNREACH;
    const identification = this.identification;
    this.identification = (this.identification + 1) & 0xffff;
    const step = local ? LOOPBACK_STEP : (port.mtu - IPV4_HEADER_BYTES) & ~7;
    for (let offset = 0; offset === 0 || offset < payload.length; offset += step) {
      // The last piece may fill the packet to the byte.
      const room = local ? LOOPBACK_STEP : port.mtu - IPV4_HEADER_BYTES;
      const rest = payload.length - offset;
      const part = payload.subarray(offset, offset + (rest <= room ? rest : step));
      const isLast = offset + part.length >= payload.length;
      const frame = this.frameFor(packet, part, identification, (isLast ? 0 : MORE_FRAGMENTS) | (offset / 8));
      if (local) this.loop(frame.subarray(ETHERNET_HEADER_BYTES));
      else if (broadcast) port.transmit(frame);
      else this.arp.send(frame, hop, now);
      if (isLast) break;
    }
    return 0;
  }

  private frameFor(packet: OutgoingPacket, part: Uint8Array, identification: number, fragment: number): Uint8Array {
    const { protocol, source, destination, ttl } = packet;
    const length = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + part.length;
    const frame = new Uint8Array(Math.max(MINIMUM_FRAME_BYTES, length));
    // A unicast destination is filled in when the neighbour is known.
    writeEthernetHeader(frame, BROADCAST_MAC, this.port.mac, EtherType.ipv4);
    const payloadBytes = part.length;
    writeIpv4Header(frame, { payloadBytes, identification, fragment, ttl, protocol, source, destination });
    frame.set(part, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES);
    return frame;
  }

  private loop(packet: Uint8Array): void {
    if (this.loopback.length >= MAXIMUM_LOOPBACK) this.port.counters.dropped++;
    else this.loopback.push(packet);
  }
}
registerClass('euronet.Ipv4Output', 1, Ipv4Output);
