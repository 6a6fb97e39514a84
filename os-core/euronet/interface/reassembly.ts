// Reassembly of IPv4 fragments (RFC 815's idea, with overlap refused: RFC 5722 for IPv6, wise for IPv4).
//
// Invariants: at most MAXIMUM_DATAGRAMS in the making, each at most 65,515 payload bytes and MAXIMUM_PARTS parts, each for at
// most TIMEOUT after its first fragment. A datagram with an overlap is dropped whole.

import { registerClass } from '../../../devices/base/object-graph.ts';
import type { Ipv4Header } from '../wire/ipv4.ts';

const MAXIMUM_DATAGRAMS = 16;
/** A longest datagram over the smallest MTU in use (576) has 119. */
const MAXIMUM_PARTS = 128;
const MAXIMUM_PAYLOAD = 65515;
const TIMEOUT_NANOS = 30e9;
/** Of the first fragment, besides its header: what an ICMP error quotes. */
const QUOTED_BYTES = 8;

/** Header and first bytes of the fragment with offset 0: what an ICMP error about the datagram speaks of. */
export interface FirstFragment {
  readonly header: Ipv4Header;
  readonly packet: Uint8Array;
}

export interface WholeDatagram {
  readonly payload: Uint8Array;
  readonly first: FirstFragment;
}

interface Partial {
  readonly deadline: number;
  /** Sorted by offset, without overlap. */
  readonly parts: { readonly offset: number; readonly data: Uint8Array }[];
  first: FirstFragment | null;
  /** -1 until the last fragment has come. */
  total: number;
}

export class Reassembly {
  private readonly partials: Map<string, Partial> = new Map();

  /** Takes one fragment (`packet`: from its IP header on); returns the whole datagram once it is complete, else null. */
  add(header: Ipv4Header, packet: Uint8Array, now: number): WholeDatagram | null {
    const payload = packet.subarray(header.headerBytes, header.totalBytes);
    const key = `${header.source} ${header.destination} ${header.protocol} ${header.identification}`;
    const end = header.fragmentOffset + payload.length;
    // Only the last fragment may have a length that is not a multiple of 8 (RFC 791).
    if (end > MAXIMUM_PAYLOAD || (header.moreFragments && (payload.length % 8 !== 0 || payload.length === 0)))
      return null;
    let partial = this.partials.get(key);
    if (partial === undefined) {
      if (this.partials.size >= MAXIMUM_DATAGRAMS) {
        const [oldest] = this.partials.keys();
        this.partials.delete(oldest);
      }
      partial = { deadline: now + TIMEOUT_NANOS, parts: [], first: null, total: -1 };
      this.partials.set(key, partial);
    }
    if (!insert(partial, header, payload, end)) {
      this.partials.delete(key);
      return null;
    }
    if (header.fragmentOffset === 0 && partial.first === null)
      partial.first = { header, packet: packet.slice(0, header.headerBytes + QUOTED_BYTES) };
    return this.complete(key, partial);
  }

  private complete(key: string, partial: Partial): WholeDatagram | null {
    const { parts, total, first } = partial;
    if (total < 0 || first === null) return null;
    let covered = 0;
    for (const part of parts) {
      if (part.offset !== covered) return null;
      covered += part.data.length;
    }
    if (covered !== total) return null;
    this.partials.delete(key);
    const payload = new Uint8Array(covered);
    for (const part of parts) payload.set(part.data, part.offset);
    return { payload, first };
  }

  /** Gives up what is too old; returns the first fragments of those, where they had come (RFC 792: their senders learn it). */
  expire(now: number): readonly FirstFragment[] {
    const given: FirstFragment[] = [];
    for (const [key, partial] of this.partials) {
      // A Map keeps the order of insertion, so the deadlines rise.
      if (partial.deadline > now) break;
      this.partials.delete(key);
      if (partial.first !== null) given.push(partial.first);
    }
    return given;
  }

  nextDeadline(): number {
    for (const partial of this.partials.values()) return partial.deadline;
    return Infinity;
  }
}
registerClass('euronet.Reassembly', 1, Reassembly);

/** False: the datagram must be dropped (overlap, contradicting ends, too many parts). An exact repetition is ignored. */
function insert(partial: Partial, header: Ipv4Header, payload: Uint8Array, end: number): boolean {
  if (!header.moreFragments) {
    if (partial.total >= 0 && partial.total !== end) return false;
    partial.total = end;
  }
  if (partial.total >= 0 && end > partial.total) return false;
  const { parts } = partial;
  let at = 0;
  while (at < parts.length && parts[at].offset < header.fragmentOffset) at++;
  const same = parts[at];
  if (same !== undefined && same.offset === header.fragmentOffset && same.data.length === payload.length) return true;
  const before = parts[at - 1];
  if (before !== undefined && before.offset + before.data.length > header.fragmentOffset) return false;
  if (same !== undefined && same.offset < end) return false;
  if (parts.length >= MAXIMUM_PARTS) return false;
  parts.splice(at, 0, { offset: header.fragmentOffset, data: payload.slice() });
  return partial.total < 0 || parts.every((part) => part.offset + part.data.length <= partial.total);
}
