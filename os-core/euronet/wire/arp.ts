// ARP for IPv4 over Ethernet (RFC 826), 28 bytes after the Ethernet header.
//
//    0 hardware type 1   2 protocol 0x0800   4 lengths 6, 4   6 operation
//    8 sender MAC   14 sender IPv4   18 target MAC   24 target IPv4

import { read16, read32, write16, write32 } from './address.ts';
import { ETHERNET_HEADER_BYTES, EtherType, MINIMUM_FRAME_BYTES, writeEthernetHeader } from './ethernet.ts';

export const ArpOperation = { request: 1, reply: 2 } as const;
const ARP_BYTES = 28;

export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderAddress: number;
  readonly targetMac: Uint8Array;
  readonly targetAddress: number;
}

/** The ARP packet of a frame; null if it is none for IPv4 over Ethernet. */
export function parseArp(frame: Uint8Array): ArpPacket | null {
  const at = ETHERNET_HEADER_BYTES;
  if (frame.length < at + ARP_BYTES) return null;
  if (read16(frame, at) !== 1 || read16(frame, at + 2) !== EtherType.ipv4 || read16(frame, at + 4) !== 0x0604)
    return null;
  return {
    operation: read16(frame, at + 6),
    senderMac: frame.slice(at + 8, at + 14),
    senderAddress: read32(frame, at + 14),
    targetMac: frame.slice(at + 18, at + 24),
    targetAddress: read32(frame, at + 24),
  };
}

/** A whole frame. */
export function emitArp(destination: Uint8Array, packet: ArpPacket): Uint8Array {
  const frame = new Uint8Array(MINIMUM_FRAME_BYTES);
  const at = ETHERNET_HEADER_BYTES;
  writeEthernetHeader(frame, destination, packet.senderMac, EtherType.arp);
  write16(frame, at, 1);
  write16(frame, at + 2, EtherType.ipv4);
  write16(frame, at + 4, 0x0604);
  write16(frame, at + 6, packet.operation);
  frame.set(packet.senderMac, at + 8);
  write32(frame, at + 14, packet.senderAddress);
  frame.set(packet.targetMac, at + 18);
  write32(frame, at + 24, packet.targetAddress);
  return frame;
}
