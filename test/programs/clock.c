// Reads clocks through the vDSO and by system calls, which must agree; then tries to write the vDSO's data.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static sigjmp_buf back;
static void onFault(int number) { siglongjmp(back, number); }
static int64_t nanos(const struct timespec *t) { return t->tv_sec * 1000000000ll + t->tv_nsec; }
static int64_t called(int clock) {
  struct timespec t;
  syscall(SYS_clock_gettime, clock, &t);
  return nanos(&t);
}

int main(int count, char **arguments) {
  unsigned long object = getauxval(AT_SYSINFO_EHDR);
  printf("vDSO: %d\n", object != 0 && object % 4096 == 0 && *(uint32_t *)object == 0x464c457f);
  static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME};
  for (unsigned n = 0; n < sizeof clocks / sizeof *clocks; n++) {
    struct timespec t;
    int64_t before = called(clocks[n]);
    int result = clock_gettime(clocks[n], &t);
    int64_t after = called(clocks[n]);
    printf("clock %d: %d %d %d\n", clocks[n], result, before <= nanos(&t) && nanos(&t) <= after, t.tv_nsec < 1000000000);
  }
  struct timespec used;
  printf("cpu clock: %d\n", clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used));
  printf("no clock: %d\n", clock_gettime(77, &used));
  struct timeval day;
  int64_t before = called(CLOCK_REALTIME) / 1000;
  gettimeofday(&day, NULL);
  int64_t micros = day.tv_sec * 1000000ll + day.tv_usec;
  printf("gettimeofday: %d\n", before <= micros && micros <= called(CLOCK_REALTIME) / 1000);
  printf("time: %d\n", time(NULL) - called(CLOCK_REALTIME) / 1000000000 <= 0);
  long reads = count > 1 ? atol(arguments[1]) : 1000;
  int64_t last = 0;
  int backward = 0;
  for (long n = 0; n < reads; n++) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (nanos(&t) < last) backward++;
    last = nanos(&t);
  }
  printf("%ld reads, %d went backward\n", reads, backward);
  signal(SIGSEGV, onFault);
  signal(SIGBUS, onFault);
  int fault = sigsetjmp(back, 1);
  if (fault == 0) *(volatile char *)(object - 1) = 1;
  printf("writing faults: %d\n", fault != 0);
  fault = sigsetjmp(back, 1);
  if (fault == 0) *(volatile char *)object = 1;
  printf("writing faults: %d\n", fault != 0);
  return 0;
}
