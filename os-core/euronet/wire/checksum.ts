// The Internet checksum (RFC 1071): ones' complement of the ones' complement sum of 16-bit big-endian words.

/** Adds `length` bytes at `start` to a running sum (an odd last byte counts as the high half of a word). Parts before the last must have even length. */
export function sumWords(bytes: Uint8Array, start: number, length: number, sum = 0): number {
  let total = sum;
  const even = start + (length & ~1);
  for (let i = start; i < even; i += 2) total += (bytes[i] << 8) | bytes[i + 1];
  if ((length & 1) !== 0) total += bytes[even] << 8;
  // Sums stay below 2^53 for any packet; folding once per call keeps them small.
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

/** The value for the checksum field: 0xffff & ~sum. */
export function finishChecksum(sum: number): number {
  return ~sum & 0xffff;
}

/** Sum of the IPv4 pseudo header (RFC 768, RFC 9293 3.1). Addresses as unsigned 32-bit numbers. */
export function pseudoHeaderSum(source: number, destination: number, protocol: number, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;
}
