// The main program around generated functions (generate.ts): a round calls the next one, in an order that jumps about.
#include "../programs/bench.h"

enum { WORDS = 512 };

typedef uint64_t (*function)(uint64_t value, uint64_t memory[WORDS]);
extern const function functions[];
extern const uint32_t functionCount;

static uint64_t memory[WORDS];

static uint64_t work(long count) {
  uint64_t sum = 0;
  for (long i = 0; i < count; i++) sum = fold(sum, functions[(uint64_t)i * 7919 % functionCount](sum, memory));
  return sum;
}
