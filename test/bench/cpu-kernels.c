// Kernels for the interpreter benchmark: freestanding, integer only. The result of each goes to port 80h (low word, high word).
// Built by cpu-interpreter.ts, once for the guest and once (-DNATIVE) for the host, whose results must be equal.

typedef unsigned char byte;
typedef unsigned int word;
typedef unsigned long quad;

static byte flags[1 << 18];

static quad sieve(void) {
  quad count = 0;
  for (int round = 0; round < 20; round++) {
    for (word i = 0; i < sizeof flags; i++) flags[i] = 1;
    for (word i = 2; i * i < sizeof flags; i++)
      if (flags[i])
        for (word j = i * i; j < sizeof flags; j += i) flags[j] = 0;
    for (word i = 2; i < sizeof flags; i++) count += flags[i];
  }
  return count;
}

static quad mix(void) {
  quad x = 88172645463325252UL, sum = 0;
  for (word i = 0; i < 500000; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    sum += x % 1000003;
    sum ^= (x * 0x9E3779B97F4A7C15UL) >> 32;
    sum = (sum << 5 | sum >> 59) - (x & 4 ? x : sum);
  }
  return sum;
}

__attribute__((noinline)) static quad fibonacci(quad n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static quad rounds(void) {
  word a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
  for (word i = 0; i < 500000; i++) {
    word t1 = h + ((e >> 6 | e << 26) ^ (e >> 11 | e << 21) ^ (e >> 25 | e << 7)) + ((e & f) ^ (~e & g)) + i * 2654435761u;
    word t2 = ((a >> 2 | a << 30) ^ (a >> 13 | a << 19) ^ (a >> 22 | a << 10)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  return (quad)a << 32 | h;
}

static quad run(int which) {
  switch (which) {
    case 0: return sieve();
    case 1: return mix();
    case 2: return fibonacci(27);
    default: return rounds();
  }
}

#ifdef NATIVE
#include <stdio.h>
int main(void) {
  for (int which = 0; which < 4; which++) printf("%016lx\n", run(which));
  return 0;
}
#else
void _start(void) {
  for (int which = 0; which < 4; which++) {
    quad result = run(which);
    __asm__ volatile("out %%eax, $0x80" ::"a"((word)result));
    __asm__ volatile("out %%eax, $0x80" ::"a"((word)(result >> 32)));
  }
  __asm__ volatile("hlt");
}
#endif
