// ARP at work (RFC 826, RFC 5227): answers for our address, fills the neighbour cache, defends the address.
//
// Beliefs: a station may say where it is itself; an entry is made only for one that asks us, changed for one that we already
// talk to. Nobody is believed to be us: a claim on our own address is answered at most every ten seconds, and ignored.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { BROADCAST_MAC, isMulticast } from '../wire/address.ts';
import { ArpOperation, type ArpPacket, emitArp } from '../wire/arp.ts';
import { macEquals } from '../wire/ethernet.ts';
import { type Neighbour, NeighbourCache } from './neighbours.ts';
import { isLoopback, type NetworkInterface } from './network-interface.ts';

/** RFC 5227 section 1.1, DEFEND_INTERVAL. */
const DEFENCE_INTERVAL_NANOS = 10e9;
const NO_MAC = new Uint8Array(6);

export class ArpLayer {
  readonly neighbours: NeighbourCache = new NeighbourCache();
  private readonly port: NetworkInterface;
  private nextDefenceAt = 0;

  constructor(port: NetworkInterface) {
    this.port = port;
  }

  /** Acts on a packet of another station. True: it claims our address and that is worth a line in the log. */
  receive(packet: ArpPacket, now: number): boolean {
    const { port } = this;
    const { senderAddress, senderMac } = packet;
    if (port.address !== 0 && senderAddress === port.address) return this.defend(now);
    const toUs = port.address !== 0 && packet.targetAddress === port.address;
    const request = packet.operation === ArpOperation.request;
    // The sender of a probe has no address yet; nobody is a group or this host.
    const isStation =
      senderAddress !== 0 &&
      !isMulticast(senderAddress) &&
      !isLoopback(senderAddress) &&
      !port.isBroadcast(senderAddress);
    if (isStation)
      for (const frame of this.neighbours.learn(senderAddress, senderMac, now, toUs && request)) {
        frame.set(senderMac, 0);
        port.transmit(frame);
      }
    if (toUs && request)
      port.transmit(
        emitArp(senderMac, {
          operation: ArpOperation.reply,
          senderMac: port.mac,
          senderAddress: port.address,
          targetMac: senderMac,
          targetAddress: senderAddress,
        }),
      );
    return false;
  }

  private defend(now: number): boolean {
    if (now < this.nextDefenceAt) return false;
    this.nextDefenceAt = now + DEFENCE_INTERVAL_NANOS;
    this.announce();
    return true;
  }

  /** Tells the link that our address is ours (RFC 5227 2.3). */
  announce(): void {
    this.request(this.port.address, this.port.address);
  }
  /** Asks whether anyone has `address` before we take it (RFC 5227 2.1.1). */
  probe(address: number): void {
    this.request(address, 0);
  }
  private request(targetAddress: number, senderAddress: number): void {
    const { mac } = this.port;
    const packet = {
      operation: ArpOperation.request,
      senderMac: mac,
      senderAddress,
      targetMac: NO_MAC,
      targetAddress,
    };
    this.port.transmit(emitArp(BROADCAST_MAC, packet));
  }

  /** Sends a whole frame to the neighbour `hop`, now or when it has answered. */
  send(frame: Uint8Array, hop: number, now: number): void {
    const mac = this.neighbours.lookup(hop, now);
    if (mac !== null) {
      frame.set(mac, 0);
      this.port.transmit(frame);
    } else if (this.neighbours.enqueue(hop, frame, now)) this.request(hop, this.port.address);
  }

  /** Due requests go out; returns neighbours that did not answer, with the frames that they were to get. */
  poll(now: number): readonly Neighbour[] {
    const { request, failed } = this.neighbours.poll(now);
    for (const address of request) this.request(address, this.port.address);
    return failed;
  }
}
registerClass('euronet.ArpLayer', 1, ArpLayer);

/** True for an ARP packet that no honest station sends: from a group address, or from ourselves. */
export function isForgedArp(packet: ArpPacket, ownMac: Uint8Array): boolean {
  return (
    (packet.senderMac[0] & 1) === 1 || macEquals(packet.senderMac, 0, ownMac) || macEquals(packet.senderMac, 0, NO_MAC)
  );
}
