// The calls of before the vDSO, at fixed addresses: old static programs make them (Linux: arch/x86/entry/vsyscall).
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define PAGE 0xffffffffff600000ul
static long (*const getDay)(void *, void *) = (void *)PAGE;
static long (*const getTime)(void *) = (void *)(PAGE + 0x400);
static long (*const getCpu)(void *, void *, void *) = (void *)(PAGE + 0x800);

static sigjmp_buf back;
static void onFault(int number, siginfo_t *information, void *context) {
  (void)context;
  (void)information;
  siglongjmp(back, number);
}
/** What a call at an address comes to: 0, or the signal. */
static int try(uintptr_t address, void *argument) {
  int signal = sigsetjmp(back, 1);
  if (signal != 0) return signal;
  ((long (*)(void *, void *))address)(argument, NULL);
  return 0;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = onFault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  time_t now = time(NULL), stored = 0;
  long answer = getTime(&stored);
  printf("time %d %d\n", answer - now <= 1, answer == stored);
  printf("time without a place %d\n", getTime(NULL) - now <= 1);
  struct timeval day;
  struct timezone zone = {7, 7};
  answer = getDay(&day, &zone);
  printf("gettimeofday %ld %d, zone %d %d\n", answer, day.tv_sec - now <= 1, zone.tz_minuteswest, zone.tz_dsttime);
  unsigned cpu = 77, node = 77;
  answer = getCpu(&cpu, &node, NULL);
  printf("getcpu %ld %d %u\n", answer, cpu < 64, node);
  // The callee keeps what a system call keeps, and the stack is as before.
  uint64_t kept = 0x1234567890abcdef, moved;
  __asm__ volatile(
      "mov %%rsp, %1\n mov %0, %%r12\n mov %0, %%r8\n xor %%edi, %%edi\n call *%2\n sub %%rsp, %1\n mov %%r12, %0\n sub %%r8, %0\n"
      : "+&r"(kept), "=&r"(moved)
      : "r"(PAGE + 0x400)
      : "rax", "rcx", "r11", "rdi", "r8", "r12", "memory", "cc");
  printf("kept %d %d\n", kept == 0, moved == 0);
  printf("a bad place: signal %d\n", try(PAGE + 0x400, (void *)16));
  printf("no call: signal %d\n", try(PAGE + 0xc00, NULL));
  printf("in the middle: signal %d\n", try(PAGE + 0x401, NULL));
  char line[256], last[256] = "";
  for (FILE *maps = fopen("/proc/self/maps", "r"); maps != NULL && fgets(line, sizeof line, maps) != NULL;) strcpy(last, line);
  printf("%s", strstr(last, "[vsyscall]") != NULL ? "listed\n" : last);
  return 0;
}
