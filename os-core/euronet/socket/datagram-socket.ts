// Datagram sockets: UDP, and ICMP echo ("ping" sockets as Linux has them: the identifier is the local port).
//
// Invariant: a socket's receive queue holds at most RECEIVE_BYTES (data plus DATAGRAM_OVERHEAD each); what comes on top is
// dropped and counted, as UDP may.

import { registerClass } from '../../../devices/base/object-graph.ts';

const RECEIVE_BYTES = 212_992;
const DATAGRAM_OVERHEAD = 64;

export interface ReceivedDatagram {
  readonly source: number;
  readonly sourcePort: number;
  readonly data: Uint8Array;
  readonly ttl: number;
}

export class DatagramSocket {
  readonly kind: 'udp' | 'icmp';
  /** 0 = any address. */
  localAddress = 0;
  /** 0 = not bound yet. ICMP: the echo identifier. */
  localPort = 0;
  /** Connected peer; port 0 = not connected. */
  remoteAddress = 0;
  remotePort = 0;
  connected = false;
  allowBroadcast = false;
  ttl = 64;
  /** Errno of an ICMP error or failed resolution for this socket, 0 = none; reading it clears it. */
  pendingError = 0;
  dropped = 0;
  private readonly queue: ReceivedDatagram[] = [];
  private queuedBytes = 0;

  constructor(kind: 'udp' | 'icmp') {
    this.kind = kind;
  }

  /** False if the queue is full. */
  offer(datagram: ReceivedDatagram): boolean {
    const cost = datagram.data.length + DATAGRAM_OVERHEAD;
    if (this.queuedBytes + cost > RECEIVE_BYTES) {
      this.dropped++;
      return false;
    }
    this.queue.push(datagram);
    this.queuedBytes += cost;
    return true;
  }
  peek(): ReceivedDatagram | null {
    return this.queue[0] ?? null;
  }
  take(): ReceivedDatagram | null {
    const datagram = this.queue.shift();
    if (datagram === undefined) return null;
    this.queuedBytes -= datagram.data.length + DATAGRAM_OVERHEAD;
    return datagram;
  }
  takeError(): number {
    const error = this.pendingError;
    this.pendingError = 0;
    return error;
  }
}
registerClass('euronet.DatagramSocket', 1, DatagramSocket);

/** All datagram sockets of a stack, found by kind and local port. */
export class DatagramSockets {
  private readonly sockets: Set<DatagramSocket> = new Set();

  add(socket: DatagramSocket): void {
    this.sockets.add(socket);
  }
  remove(socket: DatagramSocket): void {
    this.sockets.delete(socket);
  }
  /** True if another socket has the port at an address that overlaps. */
  isTaken(kind: 'udp' | 'icmp', address: number, port: number): boolean {
    for (const socket of this.sockets)
      if (
        socket.kind === kind &&
        socket.localPort === port &&
        (socket.localAddress === 0 || address === 0 || socket.localAddress === address)
      )
        return true;
    return false;
  }
  /** The best match for a packet: a connected socket first, then one bound to the address, then any. */
  find(kind: 'udp' | 'icmp', address: number, port: number, source: number, sourcePort: number): DatagramSocket | null {
    let best: DatagramSocket | null = null;
    let bestScore = -1;
    for (const socket of this.sockets) {
      if (socket.kind !== kind || socket.localPort !== port) continue;
      if (socket.localAddress !== 0 && socket.localAddress !== address) continue;
      if (socket.connected && (socket.remoteAddress !== source || (kind === 'udp' && socket.remotePort !== sourcePort)))
        continue;
      const score = (socket.connected ? 2 : 0) + (socket.localAddress !== 0 ? 1 : 0);
      if (score > bestScore) {
        best = socket;
        bestScore = score;
      }
    }
    return best;
  }
  [Symbol.iterator](): Iterator<DatagramSocket> {
    return this.sockets.values();
  }
}
registerClass('euronet.DatagramSockets', 1, DatagramSockets);
