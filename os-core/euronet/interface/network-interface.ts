// The one Ethernet interface: its addresses, its counters, its way to the driver.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { LIMITED_BROADCAST } from '../wire/address.ts';

/** The driver below. */
export interface Link {
  /** Takes the frame, which is the link's from then on; false = no room, the frame is lost (as on any network). */
  send(frame: Uint8Array): boolean;
}

const LOOPBACK_NET = 127;
/** Every IPv4 host takes datagrams of 576 bytes (RFC 791). */
const MINIMUM_MTU = 576;

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

export class NetworkInterface {
  readonly mac: Uint8Array;
  /** What the link can carry. */
  readonly linkMtu: number;
  /** What is sent: the link's, or less if DHCP says so. */
  mtu: number;
  /** 0 = none yet. */
  address = 0;
  mask = 0;
  /** 0 = none. */
  router = 0;
  dns: readonly number[] = [];
  readonly counters: StackCounters = new StackCounters();
  private readonly link: Link;

  constructor(mac: Uint8Array, mtu: number, link: Link) {
    this.mac = mac.slice();
    this.linkMtu = mtu;
    this.mtu = mtu;
    this.link = link;
  }

  setMtu(mtu: number): void {
    this.mtu = Math.min(this.linkMtu, Math.max(MINIMUM_MTU, mtu));
  }

  /** An address of this host. */
  isLocal(address: number): boolean {
    return isLoopback(address) || (this.address !== 0 && address === this.address);
  }
  isBroadcast(address: number): boolean {
    if (address === LIMITED_BROADCAST) return true;
    // Networks of one or two addresses have none of their own (RFC 3021).
    const hosts = ~this.mask >>> 0;
    return this.address !== 0 && hosts > 1 && address === (this.address | hosts) >>> 0;
  }
  /** Where a packet to `destination` goes next; 0 = there is no route. */
  nextHop(destination: number): number {
    const direct = this.mask !== 0 && ((destination ^ this.address) & this.mask) === 0;
    return direct || this.isBroadcast(destination) ? destination : this.router;
  }

  transmit(frame: Uint8Array): void {
    if (!this.link.send(frame)) {
      this.counters.dropped++;
      return;
    }
    this.counters.framesOut++;
    this.counters.bytesOut += frame.length;
  }
}
registerClass('euronet.NetworkInterface', 1, NetworkInterface);

export function isLoopback(address: number): boolean {
  return address >>> 24 === LOOPBACK_NET;
}
