// What every program of the benchmark shares: NAME COUNT does COUNT rounds of work and prints one line, a checksum that depends on
// all of them. The same binary runs natively, in qemu-user and in EuroOS; time is measured from outside.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** COUNT rounds; returns the checksum. What is set up before the loop is the same for every COUNT and cancels out. */
static uint64_t work(long count);

static inline uint64_t rotate64(uint64_t value, int count) { return value << count | value >> (64 - count); }
/** Folds a value into a checksum. */
static inline uint64_t fold(uint64_t sum, uint64_t value) { return (rotate64(sum, 7) ^ value) * 0x9e3779b97f4a7c15u; }
/** The next number of a sequence without a pattern (xorshift64). */
static inline uint64_t scramble(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  printf("%016llx\n", (unsigned long long)work(atol(arguments[1])));
  return 0;
}
