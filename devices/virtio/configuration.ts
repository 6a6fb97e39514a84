// Device configuration that is a plain block of little-endian bytes.

import type { AccessWidth } from '../contract/machine.ts';

/** Reads `width` bytes at `offset`; the caller has checked the bounds. */
export function readConfiguration(bytes: Uint8Array, offset: number, width: AccessWidth): number {
  let value = 0;
  for (let n = 0; n < width; n++) value += bytes[offset + n] * 2 ** (8 * n);
  return value;
}

export function putConfiguration(bytes: Uint8Array, offset: number, width: 1 | 2 | 4 | 8, value: number): void {
  let rest = value;
  for (let n = 0; n < width; n++) {
    bytes[offset + n] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
