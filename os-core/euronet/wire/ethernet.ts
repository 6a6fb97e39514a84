// Ethernet II (IEEE 802.3-2022 clause 3), without the frame check sequence.
//
//    0            6            12          14
//   | destination | source     | EtherType | payload …

import { write16 } from './address.ts';

export const ETHERNET_HEADER_BYTES = 14;
/** Shorter frames are padded with zeros (60 bytes without FCS). */
export const MINIMUM_FRAME_BYTES = 60;
export const EtherType = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

export function writeEthernetHeader(
  frame: Uint8Array,
  destination: Uint8Array,
  source: Uint8Array,
  etherType: number,
): void {
  frame.set(destination, 0);
  frame.set(source, 6);
  write16(frame, 12, etherType);
}

/** True if the 6 bytes at `at` equal `mac`. */
export function macEquals(frame: Uint8Array, at: number, mac: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (frame[at + i] !== mac[i]) return false;
  return true;
}
