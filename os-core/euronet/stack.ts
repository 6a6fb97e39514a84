// EuroNet: one Ethernet interface with IPv4, and the datagram sockets above it.
//
//   frame ─► receive ─► ArpLayer │ IPv4 ─► Reassembly ─► ICMP │ UDP ─► sockets, DHCP client
//   socket ─► sendUdp, sendEcho ─► Ipv4Output (route, fragments) ─► ArpLayer (neighbour cache) ─► link.send(frame)
//
//   wire/       packets as plain records: parse, emit
//   interface/  the port, ARP, DHCP, reassembly, output          socket/  datagram sockets, ICMP errors
//
// Left out here: TCP, IPv6, DNS. Time comes in with each call (`now`, virtual nanoseconds); randomness from a seed. All packets are
// hostile: each parser checks its lengths, each queue is bounded, each input frame causes at most a constant count of answers.

import { registerClass } from '../../devices/base/object-graph.ts';
import { SeededRandom } from '../../devices/base/random.ts';
import { Errno } from '../abi/errno.ts';
import { ArpLayer, isForgedArp } from './interface/arp-layer.ts';
import { type DhcpAction, DhcpClient, type Lease } from './interface/dhcp-client.ts';
import { Ipv4Output } from './interface/ipv4-output.ts';
import { isLoopback, type Link, NetworkInterface } from './interface/network-interface.ts';
import { Reassembly } from './interface/reassembly.ts';
import { type DatagramSocket, DatagramSockets } from './socket/datagram-socket.ts';
import { IcmpErrors } from './socket/icmp-errors.ts';
import { ipv4Text, isMulticast, LIMITED_BROADCAST, macText, prefixLength } from './wire/address.ts';
import { parseArp } from './wire/arp.ts';
import { DhcpPort, emitDhcp, parseDhcp } from './wire/dhcp.ts';
import { ETHERNET_HEADER_BYTES, EtherType, macEquals } from './wire/ethernet.ts';
import { emitIcmp, ICMP_HEADER_BYTES, IcmpType, parseIcmp, TimeExceededCode, UnreachableCode } from './wire/icmp.ts';
import {
  DEFAULT_TTL,
  headerChecksumFits,
  type Ipv4Header,
  MAXIMUM_IPV4_PAYLOAD,
  Protocol,
  parseIpv4Header,
} from './wire/ipv4.ts';
import { emitUdp, MAXIMUM_UDP_DATA, parseUdp } from './wire/udp.ts';

/** The kernel above: is told what happened; must not call back into the stack. */
export interface StackListener {
  /** A socket has a datagram or an error. */
  socketChanged(socket: DatagramSocket): void;
  log(line: string): void;
}

const FIRST_EPHEMERAL = 49152;
const EPHEMERAL_PORTS = 16384;

/** A packet on its way up. `payload` is whole; `packet` begins with the header that an ICMP error about it quotes. */
interface Arrival {
  readonly header: Ipv4Header;
  readonly packet: Uint8Array;
  readonly payload: Uint8Array;
  /** Addressed to this host alone, on the link too: may be answered. */
  readonly unicast: boolean;
  readonly now: number;
}

export class EuroNet {
  readonly port: NetworkInterface;
  readonly arp: ArpLayer;
  readonly dhcp: DhcpClient;
  readonly sockets: DatagramSockets = new DatagramSockets();
  private readonly output: Ipv4Output;
  private readonly errors: IcmpErrors;
  private readonly listener: StackListener;
  private readonly random: SeededRandom;
  private readonly reassembly: Reassembly = new Reassembly();

  constructor(options: {
    readonly mac: Uint8Array;
    readonly mtu: number;
    readonly link: Link;
    readonly listener: StackListener;
    readonly seed: number;
  }) {
    this.listener = options.listener;
    this.random = new SeededRandom(options.seed);
    this.port = new NetworkInterface(options.mac, options.mtu, options.link);
    this.arp = new ArpLayer(this.port);
    this.output = new Ipv4Output(this.port, this.arp, this.random.next32());
    this.errors = new IcmpErrors(this.port, this.output, this.sockets);
    this.dhcp = new DhcpClient(this.port.mac, this.random);
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  /** Does what is due. Call at nextDeadline and after anything that may have queued local packets. */
  poll(now: number): void {
    for (let n = this.output.waitingLoopback; n > 0; n--) {
      const packet = this.output.takeLoopback();
      if (packet !== null) this.receiveIpv4(packet, now, true, false);
    }
    for (const { header, packet } of this.reassembly.expire(now))
      if (header.destination === this.port.address)
        this.errors.send(IcmpType.timeExceeded, TimeExceededCode.reassembly, header, packet, now);
    for (const neighbour of this.arp.poll(now))
      for (const frame of neighbour.queue) this.tell(this.errors.undeliverable(frame.subarray(ETHERNET_HEADER_BYTES)));
    this.act(this.dhcp.poll(now), now);
  }

  /** Virtual time of the next due action, Infinity if none. */
  nextDeadline(): number {
    if (this.output.waitingLoopback > 0) return 0;
    return Math.min(this.arp.neighbours.nextDeadline(), this.dhcp.deadline, this.reassembly.nextDeadline());
  }

  // --- frames in ----------------------------------------------------------------------------------------------------------

  /** One frame from the driver, valid during the call. */
  receive(frame: Uint8Array, now: number): void {
    const { counters, mac } = this.port;
    counters.framesIn++;
    counters.bytesIn += frame.length;
    if (frame.length < ETHERNET_HEADER_BYTES) {
      counters.malformed++;
      return;
    }
    const group = (frame[0] & 1) === 1;
    if (!group && !macEquals(frame, 0, mac)) return;
    const etherType = (frame[12] << 8) | frame[13];
    if (etherType === EtherType.arp) this.receiveArp(frame, now);
    else if (etherType === EtherType.ipv4) this.receiveIpv4(frame.subarray(ETHERNET_HEADER_BYTES), now, false, group);
  }

  private receiveArp(frame: Uint8Array, now: number): void {
    const packet = parseArp(frame);
    if (packet === null) {
      this.port.counters.malformed++;
      return;
    }
    if (isForgedArp(packet, this.port.mac)) return;
    // One that probes for an address wants it: as good as having it.
    const claimed = packet.senderAddress === 0 ? packet.targetAddress : packet.senderAddress;
    this.act(this.dhcp.conflict(claimed, now), now);
    if (this.arp.receive(packet, now))
      this.listener.log(
        `[net] ${macText(packet.senderMac)} claims our address ${ipv4Text(this.port.address)}: ignored, and told so`,
      );
  }

  private receiveIpv4(packet: Uint8Array, now: number, local: boolean, linkGroup: boolean): void {
    const { port } = this;
    const header = parseIpv4Header(packet, 0);
    if (header === null) {
      if (headerChecksumFits(packet, 0)) port.counters.malformed++;
      else port.counters.badChecksum++;
      return;
    }
    if (!local && isMartian(header, port)) {
      port.counters.malformed++;
      return;
    }
    const { source, destination } = header;
    const ours = local ? port.isLocal(destination) : port.address !== 0 && destination === port.address;
    // Before the lease there is no address: DHCP answers may come to any destination.
    if (!ours && !port.isBroadcast(destination) && port.address !== 0) return;
    const unicast = ours && !linkGroup && source !== 0;
    if (!header.moreFragments && header.fragmentOffset === 0) {
      const payload = packet.subarray(header.headerBytes, header.totalBytes);
      this.deliver({ header, packet, payload, unicast, now });
      return;
    }
    const whole = this.reassembly.add(header, packet, now);
    if (whole !== null) this.deliver({ ...whole.first, payload: whole.payload, unicast, now });
  }

  private deliver(arrival: Arrival): void {
    switch (arrival.header.protocol) {
      case Protocol.icmp:
        this.receiveIcmp(arrival);
        break;
      case Protocol.udp:
        this.receiveUdp(arrival);
        break;
      default:
        this.refuse(UnreachableCode.protocol, arrival);
    }
  }

  private refuse(code: number, { unicast, header, packet, now }: Arrival): void {
    if (unicast) this.errors.send(IcmpType.unreachable, code, header, packet, now);
  }

  private receiveIcmp({ header, payload, unicast, now }: Arrival): void {
    const message = parseIcmp(payload);
    if (message === null) {
      this.port.counters.badChecksum++;
      return;
    }
    const { source, destination, ttl } = header;
    if (message.type === IcmpType.echoRequest && unicast) {
      const reply = emitIcmp({ ...message, type: IcmpType.echoReply });
      const packet = {
        protocol: Protocol.icmp,
        source: destination,
        destination: source,
        ttl: DEFAULT_TTL,
        payload: reply,
      };
      this.output.send(packet, now);
    } else if (message.type === IcmpType.echoReply) {
      const socket = this.sockets.find('icmp', destination, message.identifier, source, 0);
      // A ping socket reads the whole ICMP message, header included, as on Linux.
      if (socket?.offer({ source, sourcePort: 0, data: payload.slice(), ttl }) === true) this.tell(socket);
    } else if (message.type === IcmpType.unreachable || message.type === IcmpType.timeExceeded)
      this.tell(this.errors.receive(message.type, message.code, message.data));
  }

  private receiveUdp(arrival: Arrival): void {
    const { header, payload, now } = arrival;
    const { counters } = this.port;
    const { source, destination, ttl } = header;
    const datagram = parseUdp(payload, source, destination);
    if (datagram === null) {
      counters.badChecksum++;
      return;
    }
    const { sourcePort, destinationPort, data } = datagram;
    if (destinationPort === DhcpPort.client && sourcePort === DhcpPort.server && this.dhcp.state !== 'off') {
      const message = parseDhcp(data);
      if (message === null) counters.malformed++;
      else this.act(this.dhcp.receive(message, now), now);
      return;
    }
    if (this.port.address === 0 && !isLoopback(destination)) return;
    const socket = this.sockets.find('udp', destination, destinationPort, source, sourcePort);
    if (socket === null) this.refuse(UnreachableCode.port, arrival);
    else if (socket.offer({ source, sourcePort, data: data.slice(), ttl })) this.tell(socket);
    else counters.dropped++;
  }

  private tell(socket: DatagramSocket | null): void {
    if (socket !== null) this.listener.socketChanged(socket);
  }

  // --- sockets ------------------------------------------------------------------------------------------------------------

  /** 0 or -errno. A socket without a port gets one. */
  sendUdp(socket: DatagramSocket, destination: number, remotePort: number, data: Uint8Array, now: number): number {
    if (data.length > MAXIMUM_UDP_DATA) return -Errno.EMSGSIZE;
    if (remotePort === 0) return -Errno.EINVAL;
    if (this.port.isBroadcast(destination) && !socket.allowBroadcast) return -Errno.EACCES;
    const bound = this.bind(socket, socket.localAddress, socket.localPort);
    if (bound < 0) return bound;
    const source = this.sourceFor(destination, socket);
    const datagram = { sourcePort: socket.localPort, destinationPort: remotePort, data };
    const payload = emitUdp(datagram, source, destination);
    return this.output.send({ protocol: Protocol.udp, source, destination, ttl: socket.ttl, payload }, now);
  }

  /** An echo request from a ping socket: `message` is an ICMP message whose identifier is replaced by the socket's. 0 or -errno. */
  sendEcho(socket: DatagramSocket, destination: number, message: Uint8Array, now: number): number {
    if (message.length < ICMP_HEADER_BYTES || message[0] !== IcmpType.echoRequest || message[1] !== 0)
      return -Errno.EINVAL;
    if (message.length > MAXIMUM_IPV4_PAYLOAD) return -Errno.EMSGSIZE;
    if (this.port.isBroadcast(destination) && !socket.allowBroadcast) return -Errno.EACCES;
    const bound = this.bind(socket, socket.localAddress, socket.localPort);
    if (bound < 0) return bound;
    const payload = emitIcmp({
      type: IcmpType.echoRequest,
      code: 0,
      identifier: socket.localPort,
      sequence: (message[6] << 8) | message[7],
      data: message.subarray(ICMP_HEADER_BYTES),
    });
    const source = this.sourceFor(destination, socket);
    return this.output.send({ protocol: Protocol.icmp, source, destination, ttl: socket.ttl, payload }, now);
  }

  /** bind(2) for datagram sockets; port 0 picks a free one at random (RFC 6056). 0 or -errno. */
  bind(socket: DatagramSocket, address: number, port: number): number {
    if (socket.localPort !== 0) return port === socket.localPort || port === 0 ? 0 : -Errno.EINVAL;
    const group = address !== 0 && this.port.isBroadcast(address);
    if (address !== 0 && !group && !this.port.isLocal(address)) return -Errno.EADDRNOTAVAIL;
    let chosen = port;
    if (chosen === 0) {
      const first = this.random.below(EPHEMERAL_PORTS);
      for (let n = 0; n < EPHEMERAL_PORTS && chosen === 0; n++) {
        const candidate = FIRST_EPHEMERAL + ((first + n) % EPHEMERAL_PORTS);
        if (!this.sockets.isTaken(socket.kind, address, candidate)) chosen = candidate;
      }
    } else if (this.sockets.isTaken(socket.kind, address, chosen)) return -Errno.EADDRINUSE;
    if (chosen === 0) return -Errno.EAGAIN;
    socket.localAddress = address;
    socket.localPort = chosen;
    this.sockets.add(socket);
    return 0;
  }

  close(socket: DatagramSocket): void {
    this.sockets.remove(socket);
  }

  /** The source address that a packet to `destination` would carry. */
  sourceFor(destination: number, socket: DatagramSocket): number {
    // One that is bound to a broadcast address only listens there.
    if (socket.localAddress !== 0 && !this.port.isBroadcast(socket.localAddress)) return socket.localAddress;
    return isLoopback(destination) ? destination : this.port.address;
  }

  // --- configuration ------------------------------------------------------------------------------------------------------

  private act(actions: readonly DhcpAction[], now: number): void {
    for (const action of actions)
      switch (action.kind) {
        case 'send': {
          const source = action.packet.clientAddress;
          const { destination } = action;
          const data = emitDhcp(action.packet);
          const datagram = { sourcePort: DhcpPort.client, destinationPort: DhcpPort.server, data };
          const payload = emitUdp(datagram, source, destination);
          this.output.send({ protocol: Protocol.udp, source, destination, ttl: DEFAULT_TTL, payload }, now);
          break;
        }
        case 'probe':
          this.arp.probe(action.address);
          break;
        case 'configure':
          this.configure(action.lease);
          break;
        default:
          this.listener.log('[net] DHCP lease lost');
          this.setAddress(0, 0, 0, []);
      }
  }

  private configure(lease: Lease): void {
    const renewed = lease.address === this.port.address;
    this.setAddress(lease.address, lease.mask, lease.router, lease.dns);
    this.port.setMtu(lease.mtu === 0 ? this.port.linkMtu : lease.mtu);
    const dns = lease.dns.length === 0 ? 'none' : lease.dns.map(ipv4Text).join(' ');
    const router = lease.router === 0 ? 'none' : ipv4Text(lease.router);
    if (renewed) this.listener.log(`[net] DHCP renewed: ${ipv4Text(lease.address)} for ${lease.leaseSeconds} s`);
    else {
      this.listener.log(`[net] DHCP ACK: lease ${ipv4Text(lease.address)} (router ${router}, dns ${dns})`);
      this.arp.announce();
    }
  }

  /** A static address, or 0 for none. */
  setAddress(address: number, mask: number, router: number, dns: readonly number[]): void {
    if (address !== this.port.address) this.arp.neighbours.clear();
    Object.assign(this.port, { address, mask, router, dns });
  }

  /** Text of /proc/net/euronet. */
  describe(now: number): string {
    const { mac, mtu, address, mask, router, dns, counters } = this.port;
    const lines = [`interface eth0 virtio ${macText(mac)} mtu ${mtu}`];
    if (address !== 0) {
      lines.push(`address ${ipv4Text(address)}/${prefixLength(mask)}`);
      if (router !== 0) lines.push(`router ${ipv4Text(router)}`);
      for (const server of dns) lines.push(`dns ${ipv4Text(server)}`);
    }
    const { lease } = this.dhcp;
    if (lease !== null && Number.isFinite(lease.expiresAt))
      lines.push(`lease ${Math.max(0, Math.round((lease.expiresAt - now) / 1e9))} s`);
    lines.push(`dhcp ${this.dhcp.state}`);
    const { framesIn, framesOut, bytesIn, bytesOut, malformed, badChecksum, dropped } = counters;
    lines.push(`frames ${framesIn} in ${framesOut} out`, `bytes ${bytesIn} in ${bytesOut} out`);
    lines.push(`errors ${malformed} malformed ${badChecksum} checksum ${dropped} dropped`);
    for (const neighbour of this.arp.neighbours.list(now))
      lines.push(`neighbour ${ipv4Text(neighbour.address)} ${macText(neighbour.mac)}`);
    return `${lines.join('\n')}\n`;
  }
}
registerClass('euronet.EuroNet', 1, EuroNet);

/** A sender that cannot be, on a wire (RFC 1812 section 5.3.7): a group, a loopback address, this host itself. */
function isMartian({ source, destination }: Ipv4Header, port: NetworkInterface): boolean {
  return (
    isMulticast(source) ||
    source === LIMITED_BROADCAST ||
    isLoopback(source) ||
    isLoopback(destination) ||
    (port.address !== 0 && (source === port.address || port.isBroadcast(source)))
  );
}
