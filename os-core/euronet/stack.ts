// EuroNet: one Ethernet interface with IPv4, and the datagram sockets above it.
//
//   frame ─► receive ─► ARP │ IPv4 ─► reassembly ─► ICMP │ UDP ─► sockets, DHCP client
//   socket ─► sendUdp, sendEcho ─► sendIpv4 (route, fragments) ─► neighbour cache ─► link.send(frame)
//
// Left out here: TCP, IPv6, DNS. Time comes in with each call (`now`, virtual nanoseconds); randomness from a seed. All packets are
// hostile: each parser checks its lengths, each queue is bounded, each input frame causes at most a constant count of answers.

import { registerClass } from '../../devices/base/object-graph.ts';
import { SeededRandom } from '../../devices/base/random.ts';
import { Errno } from '../abi/errno.ts';
import { type DhcpAction, DhcpClient, type Lease } from './interface/dhcp-client.ts';
import { NeighbourCache } from './interface/neighbours.ts';
import { Reassembly } from './interface/reassembly.ts';
import { type DatagramSocket, DatagramSockets } from './socket/datagram-socket.ts';
import { BROADCAST_MAC, ipv4Text, isMulticast, LIMITED_BROADCAST, macText, prefixLength } from './wire/address.ts';
import { ArpOperation, emitArp, parseArp } from './wire/arp.ts';
import { DhcpPort, emitDhcp, parseDhcp } from './wire/dhcp.ts';
import {
  ETHERNET_HEADER_BYTES,
  EtherType,
  MINIMUM_FRAME_BYTES,
  macEquals,
  writeEthernetHeader,
} from './wire/ethernet.ts';
import { emitIcmp, IcmpType, parseIcmp, UnreachableCode } from './wire/icmp.ts';
import {
  DEFAULT_TTL,
  IPV4_HEADER_BYTES,
  type Ipv4Header,
  MORE_FRAGMENTS,
  Protocol,
  parseIpv4Header,
  writeIpv4Header,
} from './wire/ipv4.ts';
import { emitUdp, MAXIMUM_UDP_DATA, parseUdp } from './wire/udp.ts';

/** The driver below. */
export interface Link {
  /** Takes the frame by copy; false = no room, the frame is lost (as on any network). */
  send(frame: Uint8Array): boolean;
}

/** The kernel above: is told what happened; must not call back into the stack. */
export interface StackListener {
  /** A socket has a datagram or an error. */
  socketChanged(socket: DatagramSocket): void;
  log(line: string): void;
}

const LOOPBACK_NET = 127;
const MAXIMUM_LOOPBACK = 64;
/** ICMP errors and ARP defences at most this often (RFC 1812 4.3.2.8 asks for a limit). */
const ERROR_INTERVAL_NANOS = 10e6;
const DEFENCE_INTERVAL_NANOS = 10e9;
const FIRST_EPHEMERAL = 49152;
const EPHEMERAL_PORTS = 16384;

export class StackCounters {
  framesIn = 0;
  framesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  malformed = 0;
  badChecksum = 0;
  dropped = 0;
}
registerClass('euronet.StackCounters', 1, StackCounters);

export class EuroNet {
  readonly mac: Uint8Array;
  readonly mtu: number;
  address = 0;
  mask = 0;
  router = 0;
  dns: readonly number[] = [];
  readonly sockets: DatagramSockets = new DatagramSockets();
  readonly neighbours: NeighbourCache = new NeighbourCache();
  readonly counters: StackCounters = new StackCounters();
  readonly dhcp: DhcpClient;
  private readonly link: Link;
  private readonly listener: StackListener;
  private readonly random: SeededRandom;
  private readonly reassembly: Reassembly = new Reassembly();
  /** IPv4 packets to ourselves, delivered by poll. */
  private readonly loopback: Uint8Array[] = [];
  private identification: number;
  private nextErrorAt = 0;
  private nextDefenceAt = 0;

  constructor(options: {
    readonly mac: Uint8Array;
    readonly mtu: number;
    readonly link: Link;
    readonly listener: StackListener;
    readonly seed: number;
  }) {
    this.mac = options.mac.slice();
    this.mtu = options.mtu;
    this.link = options.link;
    this.listener = options.listener;
    this.random = new SeededRandom(options.seed);
    this.identification = this.random.next32() & 0xffff;
    this.dhcp = new DhcpClient(this.mac, this.random);
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  /** Does what is due. Call at nextDeadline and after anything that may have queued local packets. */
  poll(now: number): void {
    for (let n = this.loopback.length; n > 0; n--) {
      const packet = this.loopback.shift();
      if (packet !== undefined) this.receiveIpv4(packet, now, true);
    }
    const { request, failed } = this.neighbours.poll(now);
    for (const address of request) this.sendArpRequest(address);
    for (const neighbour of failed) this.unreachableNeighbour(neighbour.queue);
    this.act(this.dhcp.poll(now), now);
  }

  /** Virtual time of the next due action, Infinity if none. */
  nextDeadline(): number {
    return this.loopback.length > 0 ? 0 : Math.min(this.neighbours.nextDeadline(), this.dhcp.deadline);
  }

  // --- frames in ----------------------------------------------------------------------------------------------------------

  /** One frame from the driver, valid during the call. */
  receive(frame: Uint8Array, now: number): void {
    this.counters.framesIn++;
    this.counters.bytesIn += frame.length;
    if (frame.length < ETHERNET_HEADER_BYTES) {
      this.counters.malformed++;
      return;
    }
    const forUs = macEquals(frame, 0, this.mac) || (frame[0] & 1) === 1;
    if (!forUs) return;
    const etherType = (frame[12] << 8) | frame[13];
    if (etherType === EtherType.arp) this.receiveArp(frame, now);
    else if (etherType === EtherType.ipv4) this.receiveIpv4(frame.subarray(ETHERNET_HEADER_BYTES), now, false);
  }

  private receiveArp(frame: Uint8Array, now: number): void {
    const packet = parseArp(frame);
    if (packet === null || (packet.senderMac[0] & 1) === 1) {
      this.counters.malformed++;
      return;
    }
    if (macEquals(packet.senderMac, 0, this.mac)) return;
    this.act(this.dhcp.conflict(packet.senderAddress, now), now);
    if (this.address !== 0 && packet.senderAddress === this.address) {
      this.defend(now);
      return;
    }
    const toUs = this.address !== 0 && packet.targetAddress === this.address;
    if (packet.senderAddress !== 0)
      for (const waiting of this.neighbours.learn(packet.senderAddress, packet.senderMac, now, toUs)) {
        waiting.set(packet.senderMac, 0);
        this.transmit(waiting);
      }
    if (toUs && packet.operation === ArpOperation.request)
      this.transmit(
        emitArp(packet.senderMac, {
          operation: ArpOperation.reply,
          senderMac: this.mac,
          senderAddress: this.address,
          targetMac: packet.senderMac,
          targetAddress: packet.senderAddress,
        }),
      );
  }

  /** Another station claims our address: say once in a while that it is ours (RFC 5227 2.4), never believe it. */
  private defend(now: number): void {
    if (now < this.nextDefenceAt) return;
    this.nextDefenceAt = now + DEFENCE_INTERVAL_NANOS;
    this.listener.log(`[net] another station claims ${ipv4Text(this.address)}; ignored`);
    this.announce();
  }

  private announce(): void {
    const senderAddress = this.address;
    const packet = {
      operation: ArpOperation.request,
      senderMac: this.mac,
      senderAddress,
      targetMac: new Uint8Array(6),
      targetAddress: senderAddress,
    };
    this.transmit(emitArp(BROADCAST_MAC, packet));
  }

  private receiveIpv4(packet: Uint8Array, now: number, local: boolean): void {
    const header = parseIpv4Header(packet, 0);
    if (header === null) {
      this.counters.malformed++;
      return;
    }
    // Martians (RFC 1812 5.3.7): nobody outside is 127.0.0.0/8, a multicast or a broadcast sender.
    const badSource = isMulticast(header.source) || header.source === LIMITED_BROADCAST;
    if (
      badSource ||
      (!local && (header.source >>> 24 === LOOPBACK_NET || header.destination >>> 24 === LOOPBACK_NET))
    ) {
      this.counters.malformed++;
      return;
    }
    const unicast = header.destination === this.address || (local && this.isLocal(header.destination));
    // Before the lease there is no address: DHCP answers may come to any destination.
    if (!unicast && !this.isBroadcast(header.destination) && this.address !== 0) return;
    let payload = packet.subarray(header.headerBytes, header.totalBytes);
    if (header.moreFragments || header.fragmentOffset !== 0) {
      const whole = this.reassembly.add(header, payload, now);
      if (whole === null) return;
      payload = whole;
    }
    if (header.protocol === Protocol.icmp) this.receiveIcmp(header, payload, now, unicast);
    else if (header.protocol === Protocol.udp) this.receiveUdp(header, payload, packet, now, unicast);
    else if (unicast) this.sendUnreachable(UnreachableCode.protocol, header, packet, now);
  }

  private receiveIcmp(header: Ipv4Header, payload: Uint8Array, now: number, unicast: boolean): void {
    const message = parseIcmp(payload);
    if (message === null) {
      this.counters.badChecksum++;
      return;
    }
    if (message.type === IcmpType.echoRequest && unicast) {
      this.sendIpv4(
        Protocol.icmp,
        header.source,
        emitIcmp({ ...message, type: IcmpType.echoReply }),
        now,
        DEFAULT_TTL,
        header.destination,
      );
    } else if (message.type === IcmpType.echoReply) {
      const socket = this.sockets.find('icmp', header.destination, message.identifier, header.source, 0);
      // A ping socket reads the whole ICMP message, header included, as on Linux.
      if (socket?.offer({ source: header.source, sourcePort: 0, data: payload.slice(), ttl: header.ttl }) === true)
        this.listener.socketChanged(socket);
    } else if (message.type === IcmpType.unreachable || message.type === IcmpType.timeExceeded)
      this.reportError(message.type, message.code, message.data);
  }

  /** An ICMP error quotes the header of our packet and 8 bytes more (RFC 792): finds the socket that sent it. */
  private reportError(type: number, code: number, quoted: Uint8Array): void {
    if (quoted.length < IPV4_HEADER_BYTES + 8) return;
    const headerBytes = (quoted[0] & 15) * 4;
    if (headerBytes < IPV4_HEADER_BYTES || quoted.length < headerBytes + 8) return;
    const view = new DataView(quoted.buffer, quoted.byteOffset, quoted.byteLength);
    const source = view.getUint32(12);
    const destination = view.getUint32(16);
    if (source !== this.address) return;
    const udp = quoted[9] === Protocol.udp;
    if (!udp && quoted[9] !== Protocol.icmp) return;
    const localPort = udp ? view.getUint16(headerBytes) : view.getUint16(headerBytes + 4);
    const remotePort = udp ? view.getUint16(headerBytes + 2) : 0;
    const socket = this.sockets.find(udp ? 'udp' : 'icmp', source, localPort, destination, remotePort);
    // Linux tells an unconnected UDP socket nothing of it: the next datagram may go elsewhere.
    if (socket === null || (udp && !socket.connected)) return;
    socket.pendingError =
      type === IcmpType.timeExceeded || code === UnreachableCode.host
        ? Errno.EHOSTUNREACH
        : code === UnreachableCode.port
          ? Errno.ECONNREFUSED
          : code === UnreachableCode.fragmentationNeeded
            ? Errno.EMSGSIZE
            : code === UnreachableCode.protocol
              ? Errno.ENOPROTOOPT
              : Errno.ENETUNREACH;
    this.listener.socketChanged(socket);
  }

  private receiveUdp(header: Ipv4Header, payload: Uint8Array, packet: Uint8Array, now: number, unicast: boolean): void {
    const datagram = parseUdp(payload, header.source, header.destination);
    if (datagram === null) {
      this.counters.badChecksum++;
      return;
    }
    if (
      datagram.destinationPort === DhcpPort.client &&
      datagram.sourcePort === DhcpPort.server &&
      this.dhcp.state !== 'off'
    ) {
      const message = parseDhcp(datagram.data);
      if (message === null) this.counters.malformed++;
      else this.act(this.dhcp.receive(message, now), now);
      return;
    }
    if (this.address === 0 && header.destination >>> 24 !== LOOPBACK_NET) return;
    const socket = this.sockets.find(
      'udp',
      header.destination,
      datagram.destinationPort,
      header.source,
      datagram.sourcePort,
    );
    if (socket === null) {
      if (unicast) this.sendUnreachable(UnreachableCode.port, header, packet, now);
      return;
    }
    const received = {
      source: header.source,
      sourcePort: datagram.sourcePort,
      data: datagram.data.slice(),
      ttl: header.ttl,
    };
    if (socket.offer(received)) this.listener.socketChanged(socket);
    else this.counters.dropped++;
  }

  private sendUnreachable(code: number, header: Ipv4Header, packet: Uint8Array, now: number): void {
    if (now < this.nextErrorAt) return;
    this.nextErrorAt = now + ERROR_INTERVAL_NANOS;
    const quoted = packet.slice(0, Math.min(header.totalBytes, header.headerBytes + 8));
    const message = { type: IcmpType.unreachable, code, identifier: 0, sequence: 0, data: quoted };
    this.sendIpv4(Protocol.icmp, header.source, emitIcmp(message), now, DEFAULT_TTL, header.destination);
  }

  // --- packets out --------------------------------------------------------------------------------------------------------

  /** 0 or -errno. A socket without a port gets one. */
  sendUdp(socket: DatagramSocket, destination: number, port: number, data: Uint8Array, now: number): number {
    if (data.length > MAXIMUM_UDP_DATA) return -Errno.EMSGSIZE;
    if (port === 0) return -Errno.EINVAL;
    if (this.isBroadcast(destination) && !socket.allowBroadcast) return -Errno.EACCES;
    const bound = this.bind(socket, socket.localAddress, socket.localPort);
    if (bound < 0) return bound;
    const source = this.sourceFor(destination, socket);
    const datagram = { sourcePort: socket.localPort, destinationPort: port, data };
    return this.sendIpv4(Protocol.udp, destination, emitUdp(datagram, source, destination), now, socket.ttl, source);
  }

  /** An echo request from a ping socket: `message` is an ICMP message whose identifier is replaced by the socket's. 0 or -errno. */
  sendEcho(socket: DatagramSocket, destination: number, message: Uint8Array, now: number): number {
    if (message.length < 8 || message[0] !== IcmpType.echoRequest || message[1] !== 0) return -Errno.EINVAL;
    const bound = this.bind(socket, socket.localAddress, socket.localPort);
    if (bound < 0) return bound;
    const packet = emitIcmp({
      type: IcmpType.echoRequest,
      code: 0,
      identifier: socket.localPort,
      sequence: (message[6] << 8) | message[7],
      data: message.subarray(8),
    });
    return this.sendIpv4(Protocol.icmp, destination, packet, now, socket.ttl, this.sourceFor(destination, socket));
  }

  /** bind(2) for datagram sockets; port 0 picks a free one at random (RFC 6056). 0 or -errno. */
  bind(socket: DatagramSocket, address: number, port: number): number {
    if (socket.localPort !== 0) return port === socket.localPort || port === 0 ? 0 : -Errno.EINVAL;
    if (address !== 0 && !this.isLocal(address)) return -Errno.EADDRNOTAVAIL;
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

  isLocal(address: number): boolean {
    return address >>> 24 === LOOPBACK_NET || (this.address !== 0 && address === this.address);
  }
  isBroadcast(address: number): boolean {
    return (
      address === LIMITED_BROADCAST ||
      (this.address !== 0 && this.mask !== 0xffffffff && address === (this.address | ~this.mask) >>> 0)
    );
  }
  /** The source address that a packet to `destination` would carry. */
  sourceFor(destination: number, socket: DatagramSocket): number {
    if (socket.localAddress !== 0) return socket.localAddress;
    return destination >>> 24 === LOOPBACK_NET ? destination : this.address;
  }

  /** Routes and sends a payload, in fragments if it must. 0 or -errno. */
  private sendIpv4(
    protocol: number,
    destination: number,
    payload: Uint8Array,
    now: number,
    ttl: number,
    source: number,
  ): number {
    if (isMulticast(destination)) return -Errno.ENETUNREACH;
    const local = this.isLocal(destination);
    const broadcast = destination === LIMITED_BROADCAST || this.isBroadcast(destination);
    const direct = broadcast || (this.mask !== 0 && ((destination ^ this.address) & this.mask) === 0);
    const hop = direct ? destination : this.router;
    if (!local && !broadcast && (this.address === 0 || hop === 0)) return -Errno.ENETUNREACH;
    const identification = this.identification;
    this.identification = (this.identification + 1) & 0xffff;
    const step = local ? 65512 : (this.mtu - IPV4_HEADER_BYTES) & ~7;
    for (let offset = 0; offset === 0 || offset < payload.length; offset += step) {
      const part = payload.subarray(offset, offset + step);
      const more = offset + part.length < payload.length ? MORE_FRAGMENTS : 0;
      const frame = new Uint8Array(
        Math.max(MINIMUM_FRAME_BYTES, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + part.length),
      );
      writeIpv4Header(frame, {
        payloadBytes: part.length,
        identification,
        fragment: more | (offset / 8),
        ttl,
        protocol,
        source,
        destination,
      });
      frame.set(part, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES);
      if (local) this.loop(frame.subarray(ETHERNET_HEADER_BYTES));
      else this.sendFrame(frame, hop, broadcast, now);
    }
    return 0;
  }

  private loop(packet: Uint8Array): void {
    if (this.loopback.length >= MAXIMUM_LOOPBACK) this.counters.dropped++;
    else this.loopback.push(packet.slice());
  }

  private sendFrame(frame: Uint8Array, hop: number, broadcast: boolean, now: number): void {
    const mac = broadcast ? BROADCAST_MAC : this.neighbours.lookup(hop, now);
    writeEthernetHeader(frame, mac ?? BROADCAST_MAC, this.mac, EtherType.ipv4);
    if (mac !== null) this.transmit(frame);
    else if (this.neighbours.enqueue(hop, frame, now)) this.sendArpRequest(hop);
  }

  private sendArpRequest(address: number): void {
    const packet = {
      operation: ArpOperation.request,
      senderMac: this.mac,
      senderAddress: this.address,
      targetMac: new Uint8Array(6),
      targetAddress: address,
    };
    this.transmit(emitArp(BROADCAST_MAC, packet));
  }

  private transmit(frame: Uint8Array): void {
    if (!this.link.send(frame)) {
      this.counters.dropped++;
      return;
    }
    this.counters.framesOut++;
    this.counters.bytesOut += frame.length;
  }

  /** Nobody answered the ARP requests: the senders of the queued packets learn it (RFC 1122 2.3.2.2). */
  private unreachableNeighbour(frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      const packet = frame.subarray(ETHERNET_HEADER_BYTES);
      this.reportErrorToSender(packet);
    }
  }
  private reportErrorToSender(packet: Uint8Array): void {
    const header = parseIpv4Header(packet, 0);
    if (header === null || header.fragmentOffset !== 0) return;
    const udp = header.protocol === Protocol.udp;
    const at = header.headerBytes;
    const localPort = udp ? (packet[at] << 8) | packet[at + 1] : (packet[at + 4] << 8) | packet[at + 5];
    const remotePort = udp ? (packet[at + 2] << 8) | packet[at + 3] : 0;
    const socket = this.sockets.find(udp ? 'udp' : 'icmp', header.source, localPort, header.destination, remotePort);
    if (socket === null) return;
    socket.pendingError = Errno.EHOSTUNREACH;
    this.listener.socketChanged(socket);
  }

  // --- configuration ------------------------------------------------------------------------------------------------------

  private act(actions: readonly DhcpAction[], now: number): void {
    for (const action of actions)
      switch (action.kind) {
        case 'send': {
          const source = action.packet.clientAddress;
          const datagram = {
            sourcePort: DhcpPort.client,
            destinationPort: DhcpPort.server,
            data: emitDhcp(action.packet),
          };
          const payload = emitUdp(datagram, source, action.destination);
          this.sendIpv4(Protocol.udp, action.destination, payload, now, DEFAULT_TTL, source);
          break;
        }
        case 'probe': {
          const packet = {
            operation: ArpOperation.request,
            senderMac: this.mac,
            senderAddress: 0,
            targetMac: new Uint8Array(6),
            targetAddress: action.address,
          };
          this.transmit(emitArp(BROADCAST_MAC, packet));
          break;
        }
        case 'configure':
          this.configure(action.lease);
          break;
        default:
          this.listener.log('[net] DHCP lease lost');
          this.setAddress(0, 0, 0, []);
      }
  }

  private configure(lease: Lease): void {
    const renewed = lease.address === this.address;
    this.setAddress(lease.address, lease.mask, lease.router, lease.dns);
    const dns = lease.dns.length === 0 ? 'none' : lease.dns.map(ipv4Text).join(' ');
    const router = lease.router === 0 ? 'none' : ipv4Text(lease.router);
    if (renewed) this.listener.log(`[net] DHCP renewed: ${ipv4Text(lease.address)} for ${lease.leaseSeconds} s`);
    else {
      this.listener.log(`[net] DHCP ACK: lease ${ipv4Text(lease.address)} (router ${router}, dns ${dns})`);
      this.announce();
    }
  }

  /** A static address, or 0 for none. */
  setAddress(address: number, mask: number, router: number, dns: readonly number[]): void {
    if (address !== this.address) this.neighbours.clear();
    this.address = address;
    this.mask = mask;
    this.router = router;
    this.dns = dns;
  }

  /** Text of /proc/net/euronet. */
  describe(now: number): string {
    const lines = [`interface eth0 virtio ${macText(this.mac)} mtu ${this.mtu}`];
    if (this.address !== 0) {
      lines.push(`address ${ipv4Text(this.address)}/${prefixLength(this.mask)}`);
      if (this.router !== 0) lines.push(`router ${ipv4Text(this.router)}`);
      for (const server of this.dns) lines.push(`dns ${ipv4Text(server)}`);
    }
    const { lease } = this.dhcp;
    if (lease !== null && Number.isFinite(lease.expiresAt))
      lines.push(`lease ${Math.max(0, Math.round((lease.expiresAt - now) / 1e9))} s`);
    lines.push(`dhcp ${this.dhcp.state}`);
    const { framesIn, framesOut, bytesIn, bytesOut, malformed, badChecksum, dropped } = this.counters;
    lines.push(`frames ${framesIn} in ${framesOut} out`, `bytes ${bytesIn} in ${bytesOut} out`);
    lines.push(`errors ${malformed} malformed ${badChecksum} checksum ${dropped} dropped`);
    for (const neighbour of this.neighbours.list(now))
      lines.push(`neighbour ${ipv4Text(neighbour.address)} ${macText(neighbour.mac)}`);
    return `${lines.join('\n')}\n`;
  }
}
registerClass('euronet.EuroNet', 1, EuroNet);
