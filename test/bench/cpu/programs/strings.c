// Strings through the C library: a round copies, measures, searches and compares texts of up to 4 KiB.
#include "bench.h"

static char text[4096], copy[4096];

static uint64_t work(long count) {
  uint64_t sum = 0;
  for (int i = 0; i < 4095; i++) text[i] = "the quick brown fox jumps over the lazy dog "[i % 44];
  while (count-- > 0) {
    const size_t length = 64 + (size_t)(count * 61 & 2047);
    memcpy(copy, text, sizeof copy);
    copy[length] = 0;
    const char *dot = memchr(text, '.', length), *last = strrchr(copy, 'z'), *first = strchr(copy + 16, 'j');
    sum = fold(sum, strlen(copy));
    sum = fold(sum, (uint64_t)(dot != NULL) + (uint64_t)(last == NULL ? 0 : last - copy) + (uint64_t)(first - copy));
    sum = fold(sum, (uint64_t)(strcmp(copy, text) < 0) + (uint64_t)(memcmp(copy, text, length) == 0));
    memset(copy, (int)count, length);
    sum = fold(sum, (uint8_t)copy[length - 1]);
  }
  return sum;
}
