// UDP (RFC 768).
//
//    0 source port   2 destination port   4 length   6 checksum (0 = none)   8 data …

import { read16, write16 } from './address.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.ts';
import { Protocol } from './ipv4.ts';

export const UDP_HEADER_BYTES = 8;
export const MAXIMUM_UDP_DATA = 65507;

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly data: Uint8Array;
}

/** Null if lengths do not fit or the checksum is wrong. */
export function parseUdp(payload: Uint8Array, source: number, destination: number): UdpDatagram | null {
  if (payload.length < UDP_HEADER_BYTES) return null;
  const length = read16(payload, 4);
  if (length < UDP_HEADER_BYTES || length > payload.length) return null;
  if (read16(payload, 6) !== 0) {
    const sum = sumWords(payload, 0, length, pseudoHeaderSum(source, destination, Protocol.udp, length));
    if (sum !== 0xffff) return null;
  }
  return {
    sourcePort: read16(payload, 0),
    destinationPort: read16(payload, 2),
    data: payload.subarray(UDP_HEADER_BYTES, length),
  };
}

export function emitUdp(datagram: UdpDatagram, source: number, destination: number): Uint8Array {
  const length = UDP_HEADER_BYTES + datagram.data.length;
  const payload = new Uint8Array(length);
  write16(payload, 0, datagram.sourcePort);
  write16(payload, 2, datagram.destinationPort);
  write16(payload, 4, length);
  payload.set(datagram.data, UDP_HEADER_BYTES);
  const sum = sumWords(payload, 0, length, pseudoHeaderSum(source, destination, Protocol.udp, length));
  const checksum = finishChecksum(sum);
  // RFC 768: a computed zero is sent as all ones, since zero means "no checksum".
  write16(payload, 6, checksum === 0 ? 0xffff : checksum);
  return payload;
}
