// long double on the x87 unit: a round is one step of a recurrence with all four operations, a square root and a conversion.
#include "bench.h"
#include <math.h>

static uint64_t work(long count) {
  long double x = 1, y = 0.5L;
  int64_t whole = 0;
  while (count-- > 0) {
    x = (x * 1.0625L + y) / (1 + y * y);
    y = sqrtl(x * x + 2) - (long double)(whole & 3);
    whole += (int64_t)(x * 1000);
  }
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return fold(bits, (uint64_t)whole);
}
