// SHA-256 (FIPS 180-4, 6.2.2): a round is the compression of one block of 64 bytes. The constants are made as section 4.2.2 defines
// them, from the cube roots of the first 64 primes, and the start values (5.3.3) from the square roots of the first eight.
#include "bench.h"

static uint32_t constants[64], start[8];

/** The first 32 bits of the fraction of the square (power 2) or cube root (power 3) of a small number, by bisection. */
static uint32_t rootFraction(uint32_t number, int power) {
  unsigned __int128 low = 0, high = (unsigned __int128)32 << 32;
  const unsigned __int128 goal = (unsigned __int128)number << 32 * power;
  while (high - low > 1) {
    unsigned __int128 middle = (low + high) / 2;
    unsigned __int128 raised = power == 2 ? middle * middle : middle * middle * middle;
    if (raised <= goal) low = middle;
    else high = middle;
  }
  return (uint32_t)low;
}

static uint32_t right(uint32_t value, int count) { return value >> count | value << (32 - count); }

static void compress(uint32_t state[8], const uint32_t block[16]) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++) w[i] = __builtin_bswap32(block[i]);
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + (right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
           (right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i];
    uint32_t t2 = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static uint64_t work(long count) {
  int found = 0;
  for (uint32_t number = 2; found < 64; number++) {
    uint32_t divisor = 2;
    while (divisor * divisor <= number && number % divisor != 0) divisor++;
    if (divisor * divisor <= number) continue;
    if (found < 8) start[found] = rootFraction(number, 2);
    constants[found++] = rootFraction(number, 3);
  }
  uint32_t state[8], block[16];
  memcpy(state, start, sizeof state);
  for (int i = 0; i < 16; i++) block[i] = (uint32_t)i * 0x01010101u;
  while (count-- > 0) {
    block[count & 15] ^= state[0];
    compress(state, block);
  }
  return (uint64_t)state[0] << 32 | state[7];
}
