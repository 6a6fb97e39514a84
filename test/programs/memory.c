// malloc, realloc, calloc, mmap, mprotect, brk and string functions with a checksum of everything.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t state = 88172645463325252ULL;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

int main(void) {
  enum { COUNT = 200 };
  char *blocks[COUNT] = {0};
  size_t sizes[COUNT] = {0};
  uint64_t sum = 0;
  for (int round = 0; round < 2500; round++) {
    int i = next() % COUNT;
    for (size_t k = 0; k < sizes[i]; k += 97)
      if (blocks[i][k] != (char)(i + k)) return printf("block %d is damaged at %zu\n", i, k), 1;
    if (blocks[i] && next() % 2) {
      free(blocks[i]);
      blocks[i] = NULL;
      sizes[i] = 0;
    } else {
      size_t size = next() % (next() % 40 ? 3000 : 200000);
      char *block = realloc(blocks[i], size + 1);
      if (!block) return puts("no memory"), 1;
      blocks[i] = block;
      sizes[i] = size;
      for (size_t k = 0; k < size; k++) block[k] = (char)(i + k);
    }
    sum = sum * 31 + sizes[i];
  }
  printf("malloc %016lx\n", (unsigned long)sum);
  size_t length = 3 * 4096;
  unsigned char *pages = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(pages, 0xab, length);
  printf("mprotect %d\n", mprotect(pages + 4096, 4096, PROT_READ));
  printf("munmap %d\n", munmap(pages + 8192, 4096));
  printf("%x %x\n", pages[0], pages[4096 + 5]);
  char text[64] = "the quick brown fox";
  memmove(text + 4, text, 20);
  printf("%s %zu %d %s %p\n", text, strlen(text), memcmp(text, "the ", 4), strstr(text, "quick"), (void *)strchr(text, 'Z'));
  char *copy = strdup("a,b,,c");
  for (char *rest = copy, *part; (part = strsep(&rest, ",")) != NULL;) printf("<%s>", part);
  puts("");
  free(copy);
  char *zero = calloc(1000, 1000);
  for (int i = 0; i < 1000000; i += 4095)
    if (zero[i]) return puts("calloc is not zero"), 1;
  free(zero);
  int numbers[1000];
  for (int i = 0; i < 1000; i++) numbers[i] = next() % 10000;
  int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
  qsort(numbers, 1000, sizeof *numbers, compare);
  for (int i = 1; i < 1000; i++)
    if (numbers[i - 1] > numbers[i]) return puts("qsort failed"), 1;
  printf("qsort %d %d\n", numbers[0], numbers[999]);
  return 0;
}
