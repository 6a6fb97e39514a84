// The relay thread of user-mode NAT: one host socket per guest port (endpoint-independent mapping, RFC 4787 REQ-1), closed when
// idle. Only addresses that the guest has sent to get through to it (address-dependent filtering, REQ-8).

import { createSocket, type Socket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { ipv4Text, parseIpv4 } from '../../../os-core/euronet/wire/address.ts';
import { RingWriter } from '../../protocol/input-ring.ts';
import { RELAY_HEADER_BYTES, type RelayRequest, type RelayWorkerData } from './udp-relay.ts';

/** RFC 4787 REQ-5: not below two minutes. */
const IDLE_MILLIS = 120_000;
const MOST_SOCKETS = 256;

/** Addresses that one guest port may hear from; the one longest known goes for a new one. */
const MOST_PEERS = 256;

const { ring, doorbell, waiting } = workerData as RelayWorkerData;
const writer = new RingWriter(ring);

interface Mapping {
  readonly socket: Socket;
  readonly peers: Set<number>;
  lastUse: number;
}
const mappings = new Map<number, Mapping>();

function deliver(guestPort: number, peers: Set<number>, address: string, port: number, data: Uint8Array): void {
  const source = parseIpv4(address);
  if (source === null || !peers.has(source)) return;
  const message = new Uint8Array(RELAY_HEADER_BYTES + data.length);
  const view = new DataView(message.buffer);
  view.setUint16(0, guestPort);
  view.setUint16(2, port);
  view.setUint32(4, source);
  message.set(data, RELAY_HEADER_BYTES);
  // A full ring drops the datagram, as a full router would.
  if (message.length > writer.maxMessageBytes || !writer.push(message)) return;
  Atomics.add(doorbell, 0, 1);
  Atomics.notify(doorbell, 0);
}

function open(guestPort: number): Mapping | null {
  if (mappings.size >= MOST_SOCKETS) return null;
  const socket = createSocket('udp4');
  const mapping = { socket, peers: new Set<number>(), lastUse: Date.now() };
  mappings.set(guestPort, mapping);
  socket.on('message', (data, { address, port }) => deliver(guestPort, mapping.peers, address, port, data));
  // Errors of single sends (unreachable hosts) are the network's silence; an error of the socket ends its mapping.
  socket.on('error', () => {
    mappings.delete(guestPort);
    socket.close();
  });
  return mapping;
}

setInterval(() => {
  for (const [guestPort, mapping] of mappings)
    if (Date.now() - mapping.lastUse > IDLE_MILLIS) {
      mappings.delete(guestPort);
      mapping.socket.close();
    }
}, IDLE_MILLIS / 4).unref();

parentPort?.on('message', ({ guestPort, destination, port, data }: RelayRequest) => {
  Atomics.sub(waiting, 0, 1);
  // Node's sockets throw for port 0.
  const mapping = port === 0 ? null : (mappings.get(guestPort) ?? open(guestPort));
  if (mapping === null) return;
  mapping.lastUse = Date.now();
  mapping.peers.delete(destination);
  if (mapping.peers.size >= MOST_PEERS) {
    const [oldest] = mapping.peers;
    mapping.peers.delete(oldest);
  }
  mapping.peers.add(destination);
  mapping.socket.send(data, port, ipv4Text(destination), () => {});
});
