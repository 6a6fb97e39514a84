// The ARP cache (RFC 826; conflict rules of RFC 5227).
//
//   (none) ──resolve──► incomplete ──reply──► reachable ──age──► (none)
//                          │ 3 requests without an answer
//                          └──► failed: queued packets are given up, the senders learn it
//
// Invariants: at most MAXIMUM_ENTRIES; an incomplete entry holds at most MAXIMUM_QUEUED frames (RFC 1122 2.3.2.2 asks for one; a
// longest datagram has 45 fragments), all entries together MAXIMUM_QUEUED_TOTAL.

import { registerClass } from '../../../devices/base/object-graph.ts';

const MAXIMUM_ENTRIES = 256;
const MAXIMUM_QUEUED = 64;
const MAXIMUM_QUEUED_TOTAL = 256;
const REACHABLE_NANOS = 60e9;
const RETRY_NANOS = 1e9;
export const MAXIMUM_REQUESTS = 3;

export interface Neighbour {
  readonly address: number;
  mac: Uint8Array | null;
  /** Reachable: when it ages out. Incomplete: when the next request is due. */
  deadline: number;
  requests: number;
  /** Whole frames that lack only the destination MAC. */
  readonly queue: Uint8Array[];
}

export class NeighbourCache {
  private readonly entries: Map<number, Neighbour> = new Map();
  private queued = 0;

  /** The MAC of a reachable neighbour, null otherwise. */
  lookup(address: number, now: number): Uint8Array | null {
    const entry = this.entries.get(address);
    return entry === undefined || entry.mac === null || entry.deadline <= now ? null : entry.mac;
  }

  /** Queues a frame for an unresolved neighbour. True if a request must be sent now. */
  enqueue(address: number, frame: Uint8Array, now: number): boolean {
    let entry = this.entries.get(address);
    const fresh = entry === undefined || entry.mac !== null;
    if (entry === undefined || entry.mac !== null) {
      this.forget(address);
      this.makeRoom();
      entry = { address, mac: null, deadline: now + RETRY_NANOS, requests: 1, queue: [] };
      this.entries.set(address, entry);
    }
    // The newest are kept: their senders are the likeliest to wait still.
    if (entry.queue.length >= MAXIMUM_QUEUED && entry.queue.shift() !== undefined) this.queued--;
    if (this.queued < MAXIMUM_QUEUED_TOTAL) {
      entry.queue.push(frame);
      this.queued++;
    }
    return fresh;
  }

  /** Learns a mapping. `create`: also for an address that is not in the cache. Returns frames that can go now. */
  learn(address: number, mac: Uint8Array, now: number, create: boolean): readonly Uint8Array[] {
    let entry = this.entries.get(address);
    if (entry === undefined) {
      if (!create) return [];
      this.makeRoom();
      entry = { address, mac: null, deadline: 0, requests: 0, queue: [] };
      this.entries.set(address, entry);
    }
    entry.mac = mac.slice();
    entry.deadline = now + REACHABLE_NANOS;
    entry.requests = 0;
    this.queued -= entry.queue.length;
    return entry.queue.splice(0);
  }

  /** Due retries and failures: calls nothing, returns what to do. */
  poll(now: number): { readonly request: number[]; readonly failed: Neighbour[] } {
    const request: number[] = [];
    const failed: Neighbour[] = [];
    for (const entry of this.entries.values()) {
      if (entry.deadline > now) continue;
      if (entry.mac !== null) this.forget(entry.address);
      else if (entry.requests >= MAXIMUM_REQUESTS) {
        this.forget(entry.address);
        failed.push(entry);
      } else {
        entry.requests++;
        entry.deadline = now + RETRY_NANOS;
        request.push(entry.address);
      }
    }
    return { request, failed };
  }

  nextDeadline(): number {
    let next = Infinity;
    // Only unanswered requests need a timer; old mappings are looked at when used.
    for (const entry of this.entries.values()) if (entry.mac === null && entry.deadline < next) next = entry.deadline;
    return next;
  }

  list(now: number): { readonly address: number; readonly mac: Uint8Array }[] {
    const list: { address: number; mac: Uint8Array }[] = [];
    for (const { address, mac, deadline } of this.entries.values())
      if (mac !== null && deadline > now) list.push({ address, mac });
    return list;
  }

  clear(): void {
    this.entries.clear();
    this.queued = 0;
  }

  private makeRoom(): void {
    if (this.entries.size < MAXIMUM_ENTRIES) return;
    // The oldest entry goes: Maps keep the order of insertion.
    const [oldest] = this.entries.keys();
    this.forget(oldest);
  }

  private forget(address: number): void {
    this.queued -= this.entries.get(address)?.queue.length ?? 0;
    this.entries.delete(address);
  }
}
registerClass('euronet.NeighbourCache', 1, NeighbourCache);
