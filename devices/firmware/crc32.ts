// CRC-32 as UEFI tables carry it (UEFI 2.10, 4.2: the polynomial of IEEE 802.3, reflected, 0x04C11DB7).

const table = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  table[n] = value >>> 0;
}

/** Unsigned CRC-32 of `bytes`. */
export function crc32(bytes: Uint8Array): number {
  let value = 0xffff_ffff;
  for (const byte of bytes) value = table[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffff_ffff) >>> 0;
}
