// Hostile to the TLB: a walk along pointers in an order without a pattern over 64 MiB, four places on every page. A round is one step.
#include "bench.h"

enum { PLACES = 4 * 16384, SPACING = 1024 };

static _Alignas(4096) char area[(size_t)PLACES * SPACING];

/** Where place `index` lies: not always at the same offset in its part of the page, so that the cache is used evenly. */
static uint32_t offsetOf(uint32_t index) { return index * SPACING + index * 64 % SPACING; }

static uint64_t work(long count) {
  // A random cycle through all places (Sattolo's algorithm).
  static uint32_t order[PLACES];
  uint64_t random = 88172645463325252u;
  for (uint32_t i = 0; i < PLACES; i++) order[i] = i;
  for (uint32_t i = PLACES - 1; i > 0; i--) {
    const uint32_t other = (uint32_t)(scramble(&random) >> 20) % i, swapped = order[i];
    order[i] = order[other];
    order[other] = swapped;
  }
  for (uint32_t i = 0; i < PLACES; i++) *(char **)(area + offsetOf(i)) = area + offsetOf(order[i]);
  char *at = area;
  while (count-- > 0) at = *(char **)at;
  return (uint64_t)(at - area);
}
