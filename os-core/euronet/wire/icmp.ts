// ICMP for IPv4 (RFC 792): echo, and the errors that concern us.
//
//    0 type   1 code   2 checksum   4 identifier / unused   6 sequence / MTU   8 data …

import { read16, write16 } from './address.ts';
import { finishChecksum, sumWords } from './checksum.ts';

export const ICMP_HEADER_BYTES = 8;
export const IcmpType = { echoReply: 0, unreachable: 3, echoRequest: 8, timeExceeded: 11 } as const;
export const UnreachableCode = {
  network: 0,
  host: 1,
  protocol: 2,
  port: 3,
  fragmentationNeeded: 4,
  hostProhibited: 10,
  communicationProhibited: 13,
} as const;
/** Codes of timeExceeded. */
export const TimeExceededCode = { transit: 0, reassembly: 1 } as const;

export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  readonly identifier: number;
  readonly sequence: number;
  /** After the 8-byte header. */
  readonly data: Uint8Array;
}

/** Null if it is too short or its checksum is wrong. */
export function parseIcmp(payload: Uint8Array): IcmpMessage | null {
  if (payload.length < ICMP_HEADER_BYTES || sumWords(payload, 0, payload.length) !== 0xffff) return null;
  return {
    type: payload[0],
    code: payload[1],
    identifier: read16(payload, 4),
    sequence: read16(payload, 6),
    data: payload.subarray(ICMP_HEADER_BYTES),
  };
}

export function emitIcmp(message: IcmpMessage): Uint8Array {
  const payload = new Uint8Array(ICMP_HEADER_BYTES + message.data.length);
  payload[0] = message.type;
  payload[1] = message.code;
  write16(payload, 4, message.identifier);
  write16(payload, 6, message.sequence);
  payload.set(message.data, ICMP_HEADER_BYTES);
  write16(payload, 2, finishChecksum(sumWords(payload, 0, payload.length)));
  return payload;
}
