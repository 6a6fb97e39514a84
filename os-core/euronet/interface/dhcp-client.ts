// DHCP client (RFC 2131 section 4.4).
//
//   init ─► selecting ─► requesting ─► probing ─► bound ─► renewing ─► rebinding ─► (expired) init
//              │ OFFER      │ ACK        │ ARP answer: DECLINE, 10 s, init   T1        T2
//              └ retransmit └ NAK: init
//
// The client decides; the stack sends. `poll` and `receive` return what to send, addressed by the state.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { SeededRandom } from '../../../devices/base/random.ts';
import { LIMITED_BROADCAST, maskOf, read16, read32 } from '../wire/address.ts';
import { bytes32, DhcpMessage, DhcpOption, type DhcpPacket, messageType, option32 } from '../wire/dhcp.ts';

export type DhcpState = 'off' | 'init' | 'selecting' | 'requesting' | 'probing' | 'bound' | 'renewing' | 'rebinding';

export interface Lease {
  readonly address: number;
  readonly mask: number;
  /** 0 = none. */
  readonly router: number;
  readonly dns: readonly number[];
  readonly server: number;
  /** MTU of the link, 0 = not said. */
  readonly mtu: number;
  readonly leaseSeconds: number;
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly expiresAt: number;
}

/** What the stack has to do for the client. */
export type DhcpAction =
  | { readonly kind: 'send'; readonly packet: DhcpPacket; readonly destination: number }
  | { readonly kind: 'probe'; readonly address: number }
  | { readonly kind: 'configure'; readonly lease: Lease }
  | { readonly kind: 'unconfigure' };

const SECOND = 1e9;
/** First retransmission after 1 s (RFC 2131 4.1 suggests 4 s; a fresh virtual link loses its first frames), doubling up to 64 s, ±½ s at random. */
const FIRST_RETRY = SECOND;
const LONGEST_RETRY = 64 * SECOND;
const MOST_REQUESTS = 4;
const DECLINE_PAUSE = 10 * SECOND;
/** Address probes (RFC 5227 with short times: the link is virtual). */
const PROBES = 2;
const PROBE_NANOS = 0.1 * SECOND;
const DEFAULT_LEASE_SECONDS = 3600;
/** RFC 2131 4.4.5: renewals are repeated at half of the time that is left, but not more often. */
const SHORTEST_RENEWAL_RETRY = 60 * SECOND;
const PARAMETERS = Uint8Array.of(
  DhcpOption.subnetMask,
  DhcpOption.router,
  DhcpOption.dns,
  DhcpOption.mtu,
  DhcpOption.renewalSeconds,
  DhcpOption.rebindingSeconds,
);

export class DhcpClient {
  state: DhcpState = 'off';
  lease: Lease | null = null;
  deadline = Infinity;
  private transaction = 0;
  private startedAt = 0;
  private retry = FIRST_RETRY;
  private requestsSent = 0;
  private offered = 0;
  private server = 0;
  private candidate: Lease | null = null;
  private probesSent = 0;
  private readonly mac: Uint8Array;
  private readonly random: SeededRandom;

  constructor(mac: Uint8Array, random: SeededRandom) {
    this.mac = mac;
    this.random = random;
  }

  start(now: number): void {
    this.state = 'init';
    this.deadline = now;
  }
  stop(): void {
    this.state = 'off';
    this.deadline = Infinity;
    this.lease = null;
  }

  private message(
    type: number,
    clientAddress: number,
    now: number,
    extra: readonly [number, Uint8Array][],
  ): DhcpPacket {
    return {
      isReply: false,
      transaction: this.transaction,
      seconds: Math.min(0xffff, Math.floor((now - this.startedAt) / SECOND)),
      flags: 0,
      clientAddress,
      yourAddress: 0,
      serverAddress: 0,
      clientMac: this.mac,
      options: new Map<number, Uint8Array>([
        [DhcpOption.messageType, Uint8Array.of(type)],
        [DhcpOption.clientIdentifier, Uint8Array.of(1, ...this.mac)],
        ...extra,
        [DhcpOption.parameterList, PARAMETERS],
      ]),
    };
  }

  private backOff(now: number): void {
    const jitter = (this.random.next32() / 2 ** 32 - 0.5) * SECOND;
    this.deadline = now + Math.max(0.5 * SECOND, this.retry + jitter);
    this.retry = Math.min(this.retry * 2, LONGEST_RETRY);
  }

  /** Acts on a due deadline. */
  poll(now: number): readonly DhcpAction[] {
    if (now < this.deadline) return [];
    switch (this.state) {
      case 'init':
        this.transaction = this.random.next32();
        this.startedAt = now;
        this.retry = FIRST_RETRY;
        this.state = 'selecting';
        return this.discover(now);
      case 'selecting':
        return this.discover(now);
      case 'requesting':
        // Nobody answers: begin again (RFC 2131 3.1.5).
        if (this.requestsSent >= MOST_REQUESTS) {
          this.state = 'init';
          return this.poll(now);
        }
        return this.request(now);
      case 'probing':
        return this.probe(now);
      case 'bound':
        this.state = 'renewing';
        this.transaction = this.random.next32();
        this.startedAt = now;
        return this.extend(now);
      case 'renewing':
      case 'rebinding':
        return this.extend(now);
      default:
        this.deadline = Infinity;
        return [];
    }
  }

  private discover(now: number): readonly DhcpAction[] {
    this.backOff(now);
    return [{ kind: 'send', packet: this.message(DhcpMessage.discover, 0, now, []), destination: LIMITED_BROADCAST }];
  }

  private request(now: number): readonly DhcpAction[] {
    this.requestsSent++;
    this.backOff(now);
    const extra: [number, Uint8Array][] = [
      [DhcpOption.requestedAddress, bytes32(this.offered)],
      [DhcpOption.serverIdentifier, bytes32(this.server)],
    ];
    return [{ kind: 'send', packet: this.message(DhcpMessage.request, 0, now, extra), destination: LIMITED_BROADCAST }];
  }

  private probe(now: number): readonly DhcpAction[] {
    const candidate = this.candidate;
    if (candidate === null) return [];
    if (this.probesSent < PROBES) {
      this.probesSent++;
      this.deadline = now + PROBE_NANOS;
      return [{ kind: 'probe', address: candidate.address }];
    }
    return this.bind(candidate, now);
  }

  private bind(lease: Lease, now: number): readonly DhcpAction[] {
    this.state = 'bound';
    this.lease = lease;
    this.candidate = null;
    this.deadline = Math.max(now, lease.renewAt);
    return [{ kind: 'configure', lease }];
  }

  /** T1, T2 and expiry (4.4.5). */
  private extend(now: number): readonly DhcpAction[] {
    const lease = this.lease;
    if (lease === null || now >= lease.expiresAt) {
      this.lease = null;
      this.state = 'init';
      this.deadline = now;
      return [{ kind: 'unconfigure' }];
    }
    if (now >= lease.rebindAt) this.state = 'rebinding';
    const until = this.state === 'renewing' ? lease.rebindAt : lease.expiresAt;
    const left = until - now;
    this.deadline = now + Math.min(left, Math.max(left / 2, SHORTEST_RENEWAL_RETRY));
    const destination = this.state === 'renewing' ? lease.server : LIMITED_BROADCAST;
    return [{ kind: 'send', packet: this.message(DhcpMessage.request, lease.address, now, []), destination }];
  }

  /** Another station uses `address` or is about to (RFC 5227 2.1.1): if we were probing it, it is declined (RFC 2131 4.4.1). */
  conflict(address: number, now: number): readonly DhcpAction[] {
    if (this.state !== 'probing' || this.candidate?.address !== address) return [];
    const extra: [number, Uint8Array][] = [
      [DhcpOption.requestedAddress, bytes32(address)],
      [DhcpOption.serverIdentifier, bytes32(this.candidate.server)],
    ];
    this.candidate = null;
    this.state = 'init';
    this.deadline = now + DECLINE_PAUSE;
    return [{ kind: 'send', packet: this.message(DhcpMessage.decline, 0, now, extra), destination: LIMITED_BROADCAST }];
  }

  receive(packet: DhcpPacket, now: number): readonly DhcpAction[] {
    if (!packet.isReply || packet.transaction !== this.transaction) return [];
    if (!packet.clientMac.every((byte, i) => byte === this.mac[i])) return [];
    const type = messageType(packet);
    if (type === DhcpMessage.offer && this.state === 'selecting') {
      const server = option32(packet, DhcpOption.serverIdentifier);
      if (server === null || packet.yourAddress === 0) return [];
      this.offered = packet.yourAddress;
      this.server = server;
      this.state = 'requesting';
      this.retry = FIRST_RETRY;
      this.requestsSent = 0;
      return this.request(now);
    }
    const waiting = this.state === 'requesting' || this.state === 'renewing' || this.state === 'rebinding';
    if (!waiting) return [];
    if (type === DhcpMessage.nak) {
      const had = this.lease !== null;
      this.lease = null;
      this.state = 'init';
      this.deadline = now + SECOND;
      return had ? [{ kind: 'unconfigure' }] : [];
    }
    if (type !== DhcpMessage.ack || packet.yourAddress === 0) return [];
    const lease = leaseOf(packet, this.lease?.server ?? this.server, now);
    // A lease that is over at once is none.
    if (lease.leaseSeconds === 0) return [];
    if (this.state !== 'requesting') return this.bind(lease, now);
    this.candidate = lease;
    this.state = 'probing';
    this.probesSent = 0;
    return this.probe(now);
  }
}
registerClass('euronet.DhcpClient', 1, DhcpClient);

function leaseOf(packet: DhcpPacket, server: number, now: number): Lease {
  const leaseSeconds = option32(packet, DhcpOption.leaseSeconds) ?? DEFAULT_LEASE_SECONDS;
  const infinite = leaseSeconds === 0xffffffff;
  const span = infinite ? Infinity : leaseSeconds * SECOND;
  const seconds = (code: number, share: number): number => {
    const given = option32(packet, code);
    // Zero would make client and server talk without a pause.
    return given !== null && given > 0 && given * SECOND <= span ? given * SECOND : span * share;
  };
  const renew = seconds(DhcpOption.renewalSeconds, 0.5);
  const rebind = Math.max(renew, seconds(DhcpOption.rebindingSeconds, 0.875));
  const dnsBytes = packet.options.get(DhcpOption.dns) ?? new Uint8Array(0);
  const mtu = packet.options.get(DhcpOption.mtu);
  const dns: number[] = [];
  for (let at = 0; at + 4 <= dnsBytes.length && dns.length < 4; at += 4) dns.push(read32(dnsBytes, at));
  return {
    address: packet.yourAddress,
    mask: option32(packet, DhcpOption.subnetMask) ?? maskOf(24),
    router: option32(packet, DhcpOption.router) ?? 0,
    dns,
    server: option32(packet, DhcpOption.serverIdentifier) ?? server,
    mtu: mtu === undefined || mtu.length < 2 ? 0 : read16(mtu, 0),
    leaseSeconds,
    renewAt: now + renew,
    rebindAt: now + rebind,
    expiresAt: now + span,
  };
}
