/* What the lockstep test follows: a little of all that a program does. Exit status 7. */
#define _GNU_SOURCE
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t signals;
static void on_signal(int number) {
  (void)number;
  signals++;
}
/* A fault that silicon and model raise alike; the handler goes on behind the instruction (LOAD below). */
static void on_fault(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  signals++;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 3;
}

int main(void) {
  uint32_t words[256], sum = 1;
  for (int round = 0; round < 4; round++)
    for (int n = 0; n < 256; n++) {
      sum = sum * 1664525u + 1013904223u;
      words[n] = round == 0 ? sum : words[n] ^ (sum >> (n & 7));
      sum ^= (uint32_t)__builtin_popcount(words[n]) + words[n] / (uint32_t)(n + 1);
    }
  double real = 0;
  for (int n = 1; n < 40; n++) real += sqrt((double)(words[n] & 0xffff)) / n;
  long double wide = 1;
  for (int n = 1; n < 20; n++) wide = wide * 1.1L + (long double)words[n] / 3.0L;
  wide += sinl(wide);

  char text[300];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  for (int n = 0; n < 20; n++) text[(size_t)(words[n] % (sizeof text - 1))] = (char)('a' + n);
  char *found = memchr(text, 'd', strlen(text));

  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  uint64_t value = 5;
  __asm__ volatile("movq (%1), %0" : "+a"(value) : "b"((uint64_t *)0x7000)); /* LOAD: three bytes. */

  uint8_t *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 1;
  int mapped = code[4096] == 0 && value == 5;
  /* MOV EAX, n; RET, written anew each time. */
  int answer = 0;
  for (int n = 0; n < 12; n++) {
    const uint8_t bytes[] = {0xb8, (uint8_t)(n == 11 ? 9 : 3), 0, 0, 0, 0xc3};
    memcpy(code, bytes, sizeof bytes);
    answer += ((int (*)(void))code)();
  }
  munmap(code + 4096, 4096);
  printf("sum %u %.9f %.12Lf %d signals %d mapped %d code %d\n", sum, real, wide, found == NULL ? -1 : (int)(found - text), (int)signals,
         mapped, answer);
  fflush(stdout);
  return 7;
}
