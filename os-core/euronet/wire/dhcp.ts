// DHCP (RFC 2131) with its options (RFC 2132).
//
//    0 op   1 htype 1   2 hlen 6   3 hops   4 xid   8 secs   10 flags   12 ciaddr   16 yiaddr   20 siaddr   24 giaddr
//   28 chaddr (16)   44 sname (64)   108 file (128)   236 magic 63 82 53 63   240 options: code length data … 255

import { read32, write16, write32 } from './address.ts';

export const DhcpPort = { server: 67, client: 68 } as const;
export const DhcpMessage = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7 } as const;
export const DhcpOption = {
  subnetMask: 1,
  router: 3,
  dns: 6,
  hostName: 12,
  domainName: 15,
  mtu: 26,
  requestedAddress: 50,
  leaseSeconds: 51,
  messageType: 53,
  serverIdentifier: 54,
  parameterList: 55,
  renewalSeconds: 58,
  rebindingSeconds: 59,
  clientIdentifier: 61,
} as const;
const MAGIC = 0x63825363;
const OPTIONS_AT = 240;
/** BOOTP messages are at least this long (RFC 1542 section 2.1). */
const MINIMUM_MESSAGE_BYTES = 300;
/** Servers stay below 576 unless asked for more (RFC 2131 section 2). Bounds the work of joining options. */
const MAXIMUM_MESSAGE_BYTES = 2048;
export const BROADCAST_FLAG = 0x8000;

export interface DhcpPacket {
  readonly isReply: boolean;
  readonly transaction: number;
  readonly seconds: number;
  readonly flags: number;
  readonly clientAddress: number;
  readonly yourAddress: number;
  readonly serverAddress: number;
  readonly clientMac: Uint8Array;
  /** Data of each option by code; parts of one that came in pieces are joined (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Null if it is no DHCP message for Ethernet. */
export function parseDhcp(data: Uint8Array): DhcpPacket | null {
  if (data.length < OPTIONS_AT || data.length > MAXIMUM_MESSAGE_BYTES) return null;
  if ((data[0] !== 1 && data[0] !== 2) || data[1] !== 1 || data[2] !== 6) return null;
  if (read32(data, 236) !== MAGIC) return null;
  const options = new Map<number, Uint8Array>();
  for (let at = OPTIONS_AT; at < data.length && data[at] !== 255; ) {
    if (data[at] === 0) {
      at++;
      continue;
    }
    const length = data[at + 1];
    if (at + 2 + length > data.length || length === undefined) return null;
    const part = data.slice(at + 2, at + 2 + length);
    const before = options.get(data[at]);
    options.set(data[at], before === undefined ? part : Uint8Array.of(...before, ...part));
    at += 2 + length;
  }
  return {
    isReply: data[0] === 2,
    transaction: read32(data, 4),
    seconds: (data[8] << 8) | data[9],
    flags: (data[10] << 8) | data[11],
    clientAddress: read32(data, 12),
    yourAddress: read32(data, 16),
    serverAddress: read32(data, 20),
    clientMac: data.slice(28, 34),
    options,
  };
}

export function emitDhcp(packet: DhcpPacket): Uint8Array {
  let length = OPTIONS_AT + 1;
  for (const data of packet.options.values()) length += 2 + data.length;
  const bytes = new Uint8Array(Math.max(length, MINIMUM_MESSAGE_BYTES));
  bytes[0] = packet.isReply ? 2 : 1;
  bytes[1] = 1;
  bytes[2] = 6;
  write32(bytes, 4, packet.transaction);
  write16(bytes, 8, packet.seconds);
  write16(bytes, 10, packet.flags);
  write32(bytes, 12, packet.clientAddress);
  write32(bytes, 16, packet.yourAddress);
  write32(bytes, 20, packet.serverAddress);
  bytes.set(packet.clientMac, 28);
  write32(bytes, 236, MAGIC);
  let at = OPTIONS_AT;
  for (const [code, data] of packet.options) {
    bytes[at] = code;
    bytes[at + 1] = data.length;
    bytes.set(data, at + 2);
    at += 2 + data.length;
  }
  bytes[at] = 255;
  return bytes;
}

/** A 32-bit option as a number, null if it is absent or too short. */
export function option32(packet: DhcpPacket, code: number): number | null {
  const data = packet.options.get(code);
  return data === undefined || data.length < 4 ? null : read32(data, 0);
}
export function messageType(packet: DhcpPacket): number {
  return packet.options.get(DhcpOption.messageType)?.[0] ?? 0;
}
export function bytes32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  write32(bytes, 0, value);
  return bytes;
}
