// IPv4 header (RFC 791 section 3.1), offsets from its first byte.
//
//    0 version 4 | IHL   1 DSCP/ECN   2 total length   4 identification   6 flags | fragment offset
//    8 TTL   9 protocol   10 header checksum   12 source   16 destination   20 options …

import { read16, read32, write16, write32 } from './address.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { ETHERNET_HEADER_BYTES } from './ethernet.ts';

export const IPV4_HEADER_BYTES = 20;
export const Protocol = { icmp: 1, tcp: 6, udp: 17 } as const;
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET_MASK = 0x1fff;
export const DEFAULT_TTL = 64;
/** The total length is a 16-bit field. */
export const MAXIMUM_IPV4_PAYLOAD = 65535 - IPV4_HEADER_BYTES;

export interface Ipv4Header {
  readonly headerBytes: number;
  readonly totalBytes: number;
  readonly identification: number;
  readonly moreFragments: boolean;
  /** In bytes. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
}

/** True if the 20 to 60 bytes at `at` sum up as they should. False also for a header that is not there. */
export function headerChecksumFits(bytes: Uint8Array, at: number): boolean {
  const headerBytes = (bytes[at] & 15) * 4;
  return bytes.length - at >= headerBytes && sumWords(bytes, at, headerBytes) === 0xffff;
}

/** The header at `at` of `bytes` (to its end); null if it is malformed or its checksum is wrong. */
export function parseIpv4Header(bytes: Uint8Array, at: number): Ipv4Header | null {
  const available = bytes.length - at;
  if (available < IPV4_HEADER_BYTES || bytes[at] >>> 4 !== 4) return null;
  const headerBytes = (bytes[at] & 15) * 4;
  const totalBytes = read16(bytes, at + 2);
  if (headerBytes < IPV4_HEADER_BYTES || totalBytes < headerBytes || totalBytes > available) return null;
  if (!headerChecksumFits(bytes, at)) return null;
  const fragment = read16(bytes, at + 6);
  return {
    headerBytes,
    totalBytes,
    identification: read16(bytes, at + 4),
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    fragmentOffset: (fragment & FRAGMENT_OFFSET_MASK) * 8,
    ttl: bytes[at + 8],
    protocol: bytes[at + 9],
    source: read32(bytes, at + 12),
    destination: read32(bytes, at + 16),
  };
}

/** Writes a 20-byte header behind the Ethernet header of `frame`. `fragment`: flags and offset word. */
export function writeIpv4Header(
  frame: Uint8Array,
  header: {
    readonly payloadBytes: number;
    readonly identification: number;
    readonly fragment: number;
    readonly ttl: number;
    readonly protocol: number;
    readonly source: number;
    readonly destination: number;
  },
): void {
  const at = ETHERNET_HEADER_BYTES;
  frame[at] = 0x45;
  frame[at + 1] = 0;
  write16(frame, at + 2, IPV4_HEADER_BYTES + header.payloadBytes);
  write16(frame, at + 4, header.identification);
  write16(frame, at + 6, header.fragment);
  frame[at + 8] = header.ttl;
  frame[at + 9] = header.protocol;
  write16(frame, at + 10, 0);
  write32(frame, at + 12, header.source);
  write32(frame, at + 16, header.destination);
  write16(frame, at + 10, finishChecksum(sumWords(frame, at, IPV4_HEADER_BYTES)));
}
