// Pure computation for the speed of the CPU: kernels NAME ROUNDS prints a checksum. The same binary runs natively and in EuroOS.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t flags[1 << 18];

static uint64_t sieve(long rounds) {
  uint64_t count = 0;
  while (rounds-- > 0) {
    memset(flags, 1, sizeof flags);
    for (uint32_t i = 2; i * i < sizeof flags; i++)
      if (flags[i])
        for (uint32_t j = i * i; j < sizeof flags; j += i) flags[j] = 0;
    for (uint32_t i = 2; i < sizeof flags; i++) count += flags[i];
  }
  return count;
}

// SHA-256 compression (FIPS 180-4, 6.2.2) of one changing block; the constants are derived, not listed.
static uint32_t constants[64];
static uint32_t rotate(uint32_t value, int count) { return value >> count | value << (32 - count); }
static uint64_t sha256(long rounds) {
  uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8}, words[64];
  for (int i = 0; i < 64; i++) constants[i] = (uint32_t)(i + 1) * 2654435761u;
  while (rounds-- > 0) {
    for (int i = 0; i < 16; i++) words[i] = state[i & 7] + i;
    for (int i = 16; i < 64; i++) {
      uint32_t a = words[i - 15], b = words[i - 2];
      words[i] = words[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + words[i - 7] +
                 (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    uint32_t v[8];
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
      uint32_t e = v[4], a = v[0];
      uint32_t first = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) +
                       constants[i] + words[i];
      uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
      memmove(v + 1, v, 7 * sizeof *v);
      v[4] += first;
      v[0] = first + second;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
  }
  return (uint64_t)state[0] << 32 | state[7];
}

// A small stack machine, as interpreters are written: a dispatch through a table of labels.
static uint64_t bytecode(long rounds) {
  enum { PUSH, ADD, MULTIPLY, DECREMENT, JUMP, END };
  static const int program[] = {PUSH, 7, ADD, PUSH, 3, MULTIPLY, DECREMENT, JUMP, 0, END};
  static const void *const labels[] = {&&push, &&add, &&multiply, &&decrement, &&jump, &&end};
  uint64_t stack[16] = {1}, *top = stack;
  long counter = rounds;
  const int *at = program;
#define NEXT goto *labels[*at++]
  if (rounds <= 0) return 0;
  NEXT;
push:
  *++top = (uint64_t)*at++;
  NEXT;
add:
  top--;
  *top += top[1];
  NEXT;
multiply:
  top--;
  *top = *top * top[1] ^ *top >> 29;
  NEXT;
decrement:
  counter--;
  NEXT;
jump:
  if (counter > 0) at = program;
  else at++;
  NEXT;
end:
  return *top;
}

static uint64_t strings(long rounds) {
  static char text[4096], copy[4096];
  uint64_t sum = 0;
  for (int i = 0; i < 4095; i++) text[i] = "the quick brown fox jumps over the lazy dog "[i % 44];
  while (rounds-- > 0) {
    memcpy(copy, text, sizeof text);
    copy[rounds & 4095] = 0;
    sum += strlen(copy) + (strchr(text + (rounds & 1023), 'z') - text) + (uint64_t)(strcmp(copy, text) != 0);
  }
  return sum;
}

// Double arithmetic: two bodies around each other.
static uint64_t doubles(long rounds) {
  double x = 1, y = 0, u = 0, v = 1;
  while (rounds-- > 0) {
    double squared = x * x + y * y, pull = -0.001 / (squared * squared + 0.5);
    u += x * pull;
    v += y * pull;
    x += u * 0.001;
    y += v * 0.001;
  }
  uint64_t bits;
  memcpy(&bits, &x, 8);
  return bits;
}

int main(int count, char **arguments) {
  static const struct {
    const char *name;
    uint64_t (*run)(long);
  } kernels[] = {{"sieve", sieve}, {"sha256", sha256}, {"bytecode", bytecode}, {"strings", strings}, {"doubles", doubles}};
  if (count != 3) return 2;
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
    if (strcmp(arguments[1], kernels[i].name) == 0) {
      printf("%016llx\n", (unsigned long long)kernels[i].run(atol(arguments[2])));
      return 0;
    }
  return 2;
}
