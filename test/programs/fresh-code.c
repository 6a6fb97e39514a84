// Writes functions into fresh memory, makes it executable, runs them hot and unmaps them again, over and over; every third time it
// rewrites the function in place. Prints a checksum. Argument: rounds.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef uint32_t (*function)(uint32_t);

// lea eax,[rdi+imm32]; imul eax,eax,imm32; ret
static void write_function(unsigned char *at, uint32_t add, uint32_t factor) {
  memcpy(at, "\x8d\x87\0\0\0\0\x69\xc0\0\0\0\0\xc3", 13);
  memcpy(at + 2, &add, 4);
  memcpy(at + 8, &factor, 4);
}

static uint32_t use(unsigned char *code, uint32_t sum) {
  for (int n = 0; n < 6000; n++) sum = ((function)code)(sum);
  return sum;
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 1;
  uint32_t sum = 1;
  for (int round = 0; round < rounds; round++) {
    unsigned char *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED) return 2;
    unsigned char *at = code + (round * 64) % 8000;
    write_function(at, (uint32_t)round, 2654435761u);
    if (mprotect(code, 8192, PROT_READ | PROT_EXEC) != 0) return 3;
    sum = use(at, sum);
    if (round % 3 == 0) {
      if (mprotect(code, 8192, PROT_READ | PROT_WRITE) != 0) return 4;
      write_function(at, (uint32_t)round * 7, 2246822519u);
      if (mprotect(code, 8192, PROT_READ | PROT_EXEC) != 0) return 5;
      sum = use(at, sum);
    }
    munmap(code, 8192);
  }
  printf("%08x\n", sum);
  return 0;
}
