// Integer loop: the sieve of Eratosthenes over 256 KiB, a round is one whole sieve.
#include "bench.h"

static uint8_t flags[1 << 18];

static uint64_t work(long count) {
  uint64_t sum = 0;
  while (count-- > 0) {
    uint32_t primes = 0;
    for (uint32_t i = 0; i < sizeof flags; i++) flags[i] = (uint8_t)(1 + (count & 1));
    for (uint32_t i = 2; i * i < sizeof flags; i++)
      if (flags[i])
        for (uint32_t j = i * i; j < sizeof flags; j += i) flags[j] = 0;
    for (uint32_t i = 2; i < sizeof flags; i++) primes += flags[i];
    sum = fold(sum, primes);
  }
  return sum;
}
