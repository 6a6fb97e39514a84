// ICMP errors (RFC 792): those that we send, and those that tell a socket of ours what became of its packet.
//
// None is sent about an ICMP error, a broadcast, a fragment other than the first, or to an address that is no single host
// (RFC 1122 section 3.2.2); at most one in ERROR_INTERVAL (RFC 1812 section 4.3.2.8).

import { registerClass } from '../../../devices/base/object-graph.ts';
import { Errno } from '../../abi/errno.ts';
import type { Ipv4Output } from '../interface/ipv4-output.ts';
import type { NetworkInterface } from '../interface/network-interface.ts';
import { read16, read32 } from '../wire/address.ts';
import { emitIcmp, IcmpType, UnreachableCode } from '../wire/icmp.ts';
import { DEFAULT_TTL, IPV4_HEADER_BYTES, type Ipv4Header, Protocol } from '../wire/ipv4.ts';
import type { DatagramSocket, DatagramSockets } from './datagram-socket.ts';

const ERROR_INTERVAL_NANOS = 10e6;
/** An error quotes the IP header and 8 bytes more. */
const QUOTED_BYTES = 8;

export class IcmpErrors {
  private readonly port: NetworkInterface;
  private readonly output: Ipv4Output;
  private readonly sockets: DatagramSockets;
  private nextErrorAt = 0;

  constructor(port: NetworkInterface, output: Ipv4Output, sockets: DatagramSockets) {
    this.port = port;
    this.output = output;
    this.sockets = sockets;
  }

  /** Tells the sender of `packet` (its header, then at least 8 bytes if it has them) what went wrong. */
  send(type: number, code: number, header: Ipv4Header, packet: Uint8Array, now: number): void {
    if (now < this.nextErrorAt || header.fragmentOffset !== 0) return;
    if (header.source === 0 || header.source >>> 28 >= 14 || this.port.isBroadcast(header.source)) return;
    this.nextErrorAt = now + ERROR_INTERVAL_NANOS;
    const data = packet.slice(0, header.headerBytes + QUOTED_BYTES);
    const payload = emitIcmp({ type, code, identifier: 0, sequence: 0, data });
    const { source: destination, destination: source } = header;
    this.output.send({ protocol: Protocol.icmp, source, destination, ttl: DEFAULT_TTL, payload }, now);
  }

  /** An error that came in: the socket that sent the quoted packet has `pendingError` then; null if there is none. */
  receive(type: number, code: number, quoted: Uint8Array): DatagramSocket | null {
    return this.fail(quoted, errnoOf(type, code));
  }

  /** A packet of ours could not be sent: nobody answered for its next hop. */
  undeliverable(packet: Uint8Array): DatagramSocket | null {
    return this.fail(packet, Errno.EHOSTUNREACH);
  }

  private fail(packet: Uint8Array, error: number): DatagramSocket | null {
    if (packet.length < IPV4_HEADER_BYTES) return null;
    const at = (packet[0] & 15) * 4;
    if (packet[0] >>> 4 !== 4 || at < IPV4_HEADER_BYTES || packet.length < at + QUOTED_BYTES) return null;
    // Ports stand in the first fragment only.
    if ((read16(packet, 6) & 0x1fff) !== 0) return null;
    const source = read32(packet, 12);
    if (!this.port.isLocal(source)) return null;
    const udp = packet[9] === Protocol.udp;
    if (!udp && (packet[9] !== Protocol.icmp || packet[at] !== IcmpType.echoRequest)) return null;
    const localPort = read16(packet, udp ? at : at + 4);
    const remotePort = udp ? read16(packet, at + 2) : 0;
    const socket = this.sockets.find(udp ? 'udp' : 'icmp', source, localPort, read32(packet, 16), remotePort);
    // As on Linux, an unconnected UDP socket is told nothing: its next datagram may go elsewhere.
    if (socket === null || (udp && !socket.connected)) return null;
    socket.pendingError = error;
    return socket;
  }
}
registerClass('euronet.IcmpErrors', 1, IcmpErrors);

/** As Linux maps them (icmp(7), net/ipv4/icmp.c: icmp_err_convert). */
function errnoOf(type: number, code: number): number {
  if (type === IcmpType.timeExceeded) return Errno.EHOSTUNREACH;
  switch (code) {
    case UnreachableCode.host:
      return Errno.EHOSTUNREACH;
    case UnreachableCode.protocol:
      return Errno.ENOPROTOOPT;
    case UnreachableCode.port:
      return Errno.ECONNREFUSED;
    case UnreachableCode.fragmentationNeeded:
      return Errno.EMSGSIZE;
    case UnreachableCode.hostProhibited:
    case UnreachableCode.communicationProhibited:
      return Errno.EHOSTUNREACH;
    default:
      return Errno.ENETUNREACH;
  }
}
