/* Random sequences of calls on pipes, mappings, children and futexes: what each gives must be what it gives on Linux.
 * models SEED STEPS. One line a step. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static uint32_t state;
static uint32_t next(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % limit;
}
#define PICK(...) ((const long[]){__VA_ARGS__}[next(sizeof((const long[]){__VA_ARGS__}) / sizeof(long))])
static void told(const char *what, long a, long b, long result) {
  printf("%s %ld %ld = %ld %s\n", what, a, b, result, result < 0 ? errorName(errno) : "");
}
static uint32_t sumOf(const unsigned char *bytes, long length) {
  uint32_t sum = 2166136261u;
  for (long i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

/* Two pipes whose ends are copied and closed. Never so full that Linux' pages show. */
struct ends { int reading[3], writing[3], writes; };
static void pipes(int steps) {
  static unsigned char bytes[8192];
  struct ends pipes[2];
  memset(pipes, -1, sizeof pipes);
  for (int step = 0; step < steps; step++) {
    struct ends *one = &pipes[next(2)];
    int *readEnd = &one->reading[next(3)], *writeEnd = &one->writing[next(3)];
    long length = PICK(0, 1, 100, 1000, 4096);
    switch (next(8)) {
      case 0: {
        int open = 0, pair[2];
        for (int i = 0; i < 3; i++) open += (one->reading[i] >= 0) + (one->writing[i] >= 0);
        if (open > 0 || pipe2(pair, O_NONBLOCK) != 0) break;
        one->reading[0] = pair[0];
        one->writing[0] = pair[1];
        one->writes = 0;
        break;
      }
      case 1: case 2:
        if (one->writes >= 12) break;
        for (long i = 0; i < length; i++) bytes[i] = next(256);
        told("write", length, 0, write(*writeEnd, bytes, length));
        one->writes++;
        break;
      case 3: case 4: {
        long got = read(*readEnd, bytes, length * 2);
        told("read", length * 2, got > 0 ? sumOf(bytes, got) : 0, got);
        int left = 1;
        if (*readEnd >= 0 && ioctl(*readEnd, FIONREAD, &left) == 0 && left == 0) one->writes = 0;
        break;
      }
      case 5: {
        struct pollfd polled[2] = {{*readEnd, POLLIN, 0}, {*writeEnd, POLLOUT, 0}};
        long ready = poll(polled, 2, 0);
        told("poll", polled[0].revents, polled[1].revents, ready);
        int left = -1;
        told("left", ioctl(*readEnd, FIONREAD, &left), left, 0);
        break;
      }
      case 6: {
        int *from = next(2) ? one->reading : one->writing;
        int source = next(3), target = next(3);
        if (from[source] < 0 || from[target] >= 0) break;
        from[target] = dup(from[source]);
        break;
      }
      default: {
        int *end = next(2) ? readEnd : writeEnd;
        if (*end >= 0 && next(2)) {
          told("close", 0, 0, close(*end));
          *end = -1;
        }
      }
    }
  }
}

/* Sixteen pages in which everything is mapped over everything. */
#define REGION ((unsigned char *)0x20000000ul)
#define PAGE 4096
static sigjmp_buf back;
static void onFault(int number) { siglongjmp(back, number); }
static void touch(const char *what, int page, int value) {
  unsigned char *at = REGION + page * PAGE + 17;
  int number = sigsetjmp(back, 1);
  if (number != 0) printf("%s %d: signal %d\n", what, page, number);
  else if (value >= 0) {
    *(volatile unsigned char *)at = value;
    printf("%s %d\n", what, page);
  } else printf("%s %d: %d\n", what, page, *(volatile unsigned char *)at);
}
static void mappings(int steps) {
  char name[] = "model-file";
  int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  ftruncate(file, 6 * PAGE);
  signal(SIGSEGV, onFault);
  signal(SIGBUS, onFault);
  munmap(REGION, 16 * PAGE);
  for (int step = 0; step < steps; step++) {
    int page = next(16), count = 1 + next(4), protection = PICK(0, 1, 3, 3, 3);
    if (page + count > 16) count = 16 - page;
    unsigned char *at = REGION + page * PAGE;
    int shared = next(2) ? MAP_SHARED : MAP_PRIVATE;
    switch (next(12)) {
      case 0: told("anonymous", page, count, mmap(at, count * PAGE, protection, shared | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at); break;
      case 1: {
        int offset = next(6);
        told("file", page, offset, mmap(at, count * PAGE, protection, shared | MAP_FIXED, file, offset * PAGE) == at);
        break;
      }
      case 2: told("munmap", page, count, munmap(at, count * PAGE)); break;
      case 3: told("mprotect", page, count, mprotect(at, count * PAGE, protection)); break;
      case 4: {
        unsigned char *to = REGION + next(12) * PAGE;
        if (to + count * PAGE > REGION + 16 * PAGE || (to < at + PAGE && to + PAGE > at)) break;
        void *moved = mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        told("mremap", page, (to - REGION) / PAGE, moved == MAP_FAILED ? -1 : 0);
        break;
      }
      case 5: told("msync", page, count, msync(at, count * PAGE, MS_SYNC)); break;
      case 6: told("dontneed", page, count, madvise(at, count * PAGE, MADV_DONTNEED)); break;
      case 7: {
        unsigned char byte = next(256);
        told("pwrite", count, byte, pwrite(file, &byte, 1, next(6) * PAGE + 17));
        break;
      }
      case 8: {
        unsigned char byte = 0;
        long got = pread(file, &byte, 1, count * PAGE + 17);
        told("pread", count, byte, got);
        break;
      }
      case 9: told("truncate", count, 0, ftruncate(file, (2 + next(5)) * PAGE)); break;
      case 10: touch("write", page, next(256)); break;
      default: touch("read", page, -1);
    }
  }
  for (int page = 0; page < 16; page++) touch("end", page, -1);
  signal(SIGSEGV, SIG_DFL);
  signal(SIGBUS, SIG_DFL);
  munmap(REGION, 16 * PAGE);
  unlink(name);
  close(file);
}

/* Children that are stopped, continued, ended and waited for in all ways. */
#define CHILDREN 4
static void show(const char *what, int which, int options, pid_t *children) {
  siginfo_t information = {0};
  pid_t id = which < 0 ? 0 : children[which];
  long result = waitid(which < 0 ? P_ALL : P_PID, id, &information, options);
  int index = -1;
  for (int i = 0; i < CHILDREN; i++)
    if (information.si_pid != 0 && information.si_pid == children[i]) index = i;
  printf("%s %d: %ld %s child %d code %d status %d\n", what, which, result, result < 0 ? errorName(errno) : "", index,
         information.si_code, information.si_status);
}
static void waits(int steps) {
  pid_t children[CHILDREN] = {0};
  enum { NONE, RUNS, STOPPED, ENDED } states[CHILDREN] = {NONE};
  for (int step = 0; step < steps; step++) {
    int which = next(CHILDREN);
    switch (next(6)) {
      case 0:
        if (states[which] != NONE) break;
        children[which] = fork();
        if (children[which] == 0)
          for (;;) pause();
        states[which] = RUNS;
        break;
      case 1:
        if (states[which] != RUNS) break;
        told("stop", which, 0, kill(children[which], PICK(SIGSTOP, SIGTSTP)));
        show("stopped", which, WSTOPPED | (next(2) ? WNOWAIT : 0), children);
        states[which] = STOPPED;
        break;
      case 2:
        if (states[which] != STOPPED) break;
        told("continue", which, 0, kill(children[which], SIGCONT));
        show("continued", which, WCONTINUED | (next(2) ? WNOWAIT : 0), children);
        states[which] = RUNS;
        break;
      case 3:
        if (states[which] != RUNS && states[which] != STOPPED) break;
        told("end", which, 0, kill(children[which], states[which] == STOPPED ? SIGKILL : PICK(SIGKILL, SIGTERM, SIGUSR1)));
        show("ended", which, WEXITED | WNOWAIT, children);
        states[which] = ENDED;
        break;
      case 4:
        show("look", next(3) ? which : -1, WNOHANG | WNOWAIT | PICK(WEXITED, WSTOPPED, WCONTINUED, WEXITED | WSTOPPED), children);
        break;
      default:
        if (states[which] != ENDED) break;
        show("reap", which, WEXITED | WNOHANG, children);
        states[which] = NONE;
        children[which] = 0;
    }
  }
  for (int i = 0; i < CHILDREN; i++)
    if (states[i] == RUNS || states[i] == STOPPED) kill(children[i], SIGKILL);
  while (waitpid(-1, NULL, 0) > 0) {}
}

/* Words of which threads wait; how many is known by moving them onto themselves. */
static uint32_t words[4];
static long futex(uint32_t *word, int operation, uint32_t value, long second, uint32_t *other, uint32_t third) {
  return syscall(SYS_futex, word, operation | 128, value, second, other, third);
}
static void *waiter(void *word) {
  while (futex(word, 0, 0, 0, NULL, 0) != 0) {}
  return NULL;
}
static void futexes(int steps) {
  int waiting[4] = {0};
  pthread_t threads[64];
  int made = 0;
  for (int step = 0; step < steps; step++) {
    int which = next(4), other = next(4);
    switch (next(5)) {
      case 0:
        if (made == 64 || words[which] != 0 || pthread_create(&threads[made], NULL, waiter, &words[which]) != 0) break;
        made++;
        waiting[which]++;
        while (futex(&words[which], 3, 0, 1000, &words[which], 0) < waiting[which]) usleep(500);
        break;
      case 1: {
        long woken = futex(&words[which], 1, PICK(0, 1, 2, 100), 0, NULL, 0);
        told("wake", which, waiting[which], woken);
        waiting[which] -= woken > 0 ? woken : 0;
        break;
      }
      case 2: {
        if (which == other || words[other] != 0) break;
        long moved = futex(&words[which], 4, 0, PICK(0, 1, 3), &words[other], next(8) ? words[which] : 99);
        told("requeue", which, other, moved);
        if (moved > 0) {
          waiting[which] -= moved;
          waiting[other] += moved;
        }
        break;
      }
      case 3: {
        uint32_t operation = (uint32_t)next(5) << 28 | (uint32_t)next(6) << 24 | next(4) << 12 | next(4);
        uint32_t unused = next(4);
        static uint32_t changed;
        changed = unused;
        long woken = futex(&words[which], 5, 0, 0, &changed, operation);
        told("wake-op", unused, operation, woken);
        waiting[which] -= woken > 0 ? woken : 0;
        told("word", changed, 0, 0);
        break;
      }
      default: {
        struct timespec soon = {0, 1000};
        told("wait", which, 0, futex(&words[which], 0, 1 + next(2), (long)&soon, NULL, 0));
        errno = 0;
        static uint32_t alone;
        told("timeout", 0, 0, futex(&alone, 0, 0, (long)&soon, NULL, 0));
      }
    }
  }
  for (int i = 0; i < 4; i++) {
    long woken = futex(&words[i], 1, 1000, 0, NULL, 0);
    told("rest", i, waiting[i], woken);
  }
  for (int i = 0; i < made; i++) pthread_join(threads[i], NULL);
}

int main(int count, char **arguments) {
  uint32_t seed = count > 1 ? atoi(arguments[1]) : 1;
  int steps = count > 2 ? atoi(arguments[2]) : 300;
  // SIGTSTP stops nobody in an orphaned process group, such as this may be in: one of its own has a parent outside.
  pid_t runner = fork();
  if (runner != 0) {
    int status = 0;
    waitpid(runner, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  setpgid(0, 0);
  signal(SIGPIPE, SIG_IGN);
  void (*const models[])(int) = {pipes, mappings, waits, futexes};
  for (int i = 0; i < 4; i++) {
    state = seed * 2654435761u + 1 + i;
    printf("model %d\n", i);
    fflush(stdout);
    models[i](i < 2 ? steps * 4 : steps);
    fflush(stdout);
  }
  return 0;
}
