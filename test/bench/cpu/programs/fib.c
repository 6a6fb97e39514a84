// Call and return: Fibonacci numbers by plain recursion. A round is fibonacci(20), 21,891 calls.
#include "bench.h"

__attribute__((noinline)) static uint64_t fibonacci(uint64_t n) {
  if (n < 2) return n;
  uint64_t sum = fibonacci(n - 1) + fibonacci(n - 2);
  // The compiler may not see through this, or it would turn half of the calls into a loop.
  __asm__("" : "+r"(sum));
  return sum;
}

static uint64_t work(long count) {
  uint64_t sum = 0;
  while (count-- > 0) sum = fold(sum, fibonacci(20 - (uint64_t)(count & 1)));
  return sum;
}
