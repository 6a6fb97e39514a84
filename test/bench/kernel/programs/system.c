// The kernel's hot paths: system PATH COUNT performs COUNT of them and prints how many came back right.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long parentNumbers(long count) {
  long good = 0;
  for (long i = 0; i < count; i++) good += syscall(SYS_getppid) >= 0;
  return good;
}

/** Two processes hand one byte to and fro: two switches a round. */
static long switches(long count) {
  int there[2], back[2];
  char byte = 1;
  if (pipe(there) != 0 || pipe(back) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    for (long i = 0; i < count; i++)
      if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  long good = 0;
  for (long i = 0; i < count; i++) good += write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1;
  waitpid(child, NULL, 0);
  return good;
}

/** COUNT blocks of 64 KiB through a pipe. */
static long pipeBlocks(long count) {
  static char block[65536];
  int ends[2];
  if (pipe(ends) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    for (long i = 0; i < count; i++)
      for (size_t done = 0; done < sizeof block;) {
        ssize_t step = write(ends[1], block + done, sizeof block - done);
        if (step <= 0) _exit(1);
        done += (size_t)step;
      }
    _exit(0);
  }
  close(ends[1]);
  long long bytes = 0;
  ssize_t step;
  while ((step = read(ends[0], block, sizeof block)) > 0) bytes += step;
  waitpid(child, NULL, 0);
  return (long)(bytes / (long)sizeof block);
}

/** The program that is started: this one, which without arguments ends at once. */
static const char *self;

static long programs(long count) {
  long good = 0;
  for (long i = 0; i < count; i++) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
      execl(self, "system", (char *)NULL);
      _exit(127);
    }
    if (waitpid(child, &status, 0) == child && status == 0) good++;
  }
  return good;
}

/** First write to a page, 256 pages at a time. */
static long faults(long count) {
  enum { PAGES = 256, PAGE = 4096 };
  long good = 0;
  while (good < count) {
    char *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) return -1;
    for (long page = 0; page < PAGES && good < count; page++, good++) *(volatile char *)(area + page * PAGE) = 1;
    munmap(area, PAGES * PAGE);
  }
  return good;
}

/** Mapping and unmapping 16 pages that are never touched. */
static long mappings(long count) {
  long good = 0;
  for (long i = 0; i < count; i++) {
    void *area = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    good += area != MAP_FAILED && munmap(area, 65536) == 0;
  }
  return good;
}

static void *nothing(void *argument) { return argument; }

static long threads(long count) {
  long good = 0;
  for (long i = 0; i < count; i++) {
    pthread_t thread;
    good += pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
  }
  return good;
}

int main(int count, char **arguments) {
  static const struct {
    const char *name;
    long (*run)(long);
  } paths[] = {{"getppid", parentNumbers}, {"switch", switches}, {"pipe", pipeBlocks}, {"exec", programs},
               {"fault", faults},          {"map", mappings},    {"thread", threads}};
  if (count == 1) return 0;
  if (count != 3) return 2;
  self = arguments[0];
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    if (strcmp(arguments[1], paths[i].name) == 0) {
      printf("%ld\n", paths[i].run(atol(arguments[2])));
      return 0;
    }
  return 2;
}
