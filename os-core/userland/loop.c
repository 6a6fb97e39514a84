// loop: computes for ever and makes no system call, to show that the scheduler takes the processor away.

#include <stdint.h>

int main(void) {
  volatile uint64_t state = 88172645463325252u;
  for (;;) {
    uint64_t x = state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    state = x;
  }
}
