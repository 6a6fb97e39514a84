/* 32 processes and 60 threads that never rest, under memory pressure: what each of them writes it finds again, and none hinders another.
 *
 *   soak ROUNDS MILLISECONDS FILE-KIB      a round: "running" · all work · "ending" · all are ended and waited for · "round N errors E"
 *
 * A step of work computes, reads a page of a mapped file that does not fit beside the rest, writes and compares pages of its own, and now and
 * then maps memory anew, opens a file, sends a byte through a pipe and wakes a futex. No step waits for anybody.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 32
#define THREADS 60
#define PAGE 4096
#define OWN_PAGES 68
#define FILE_NAME "/tmp/soak-file"

struct common {
  unsigned started, errors;
};
static struct common *common;
static const unsigned char *file;
static unsigned filePages;

static void wrong(void) { __atomic_add_fetch(&common->errors, 1, __ATOMIC_RELAXED); }
static uint32_t next(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}
static uint32_t ofPage(unsigned page) { return page * 2654435761u + 17; }

struct worker {
  uint32_t random, generation;
  unsigned char *memory;
};

static void mapAnew(struct worker *worker) {
  if (worker->memory != NULL) munmap(worker->memory, OWN_PAGES * PAGE);
  worker->memory = mmap(NULL, OWN_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (worker->memory == MAP_FAILED) _exit(2);
  worker->generation = 0;
}

static void callsThatDoNotWait(void) {
  int ends[2];
  char byte = 7;
  int descriptor = open(FILE_NAME, O_RDONLY);
  uint32_t value;
  if (descriptor < 0 || pread(descriptor, &value, sizeof value, 0) != sizeof value || value != ofPage(0)) wrong();
  close(descriptor);
  if (pipe(ends) != 0 || write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1 || byte != 7) wrong();
  close(ends[0]);
  close(ends[1]);
  static uint32_t word;
  syscall(SYS_futex, &word, 129 /* FUTEX_WAKE_PRIVATE */, 1, NULL, NULL, 0);
}

static void step(struct worker *worker, unsigned count) {
  for (volatile int i = 0; i < 200; i++) {}
  unsigned page = next(&worker->random) % filePages;
  if (*(const uint32_t *)(file + (size_t)page * PAGE) != ofPage(page)) wrong();
  uint32_t *own = (uint32_t *)(worker->memory + count % OWN_PAGES * PAGE);
  if (count % OWN_PAGES == 0) worker->generation++;
  uint32_t before = worker->generation == 1 ? 0 : (worker->generation - 1) * 31 + count % OWN_PAGES;
  if (own[0] != before || own[1023] != before) wrong();
  own[0] = own[1023] = worker->generation * 31 + count % OWN_PAGES;
}

static void *work(void *argument) {
  struct worker worker = {.random = (uint32_t)(uintptr_t)argument * 7919 + 1};
  mapAnew(&worker);
  __atomic_add_fetch(&common->started, 1, __ATOMIC_RELAXED);
  for (unsigned count = 0;; count++) {
    if (count == OWN_PAGES * 4) {
      mapAnew(&worker);
      callsThatDoNotWait();
      count = 0;
    }
    step(&worker, count);
  }
  return NULL;
}

static void rest(long millis) {
  struct timespec span = {millis / 1000, millis % 1000 * 1000000};
  nanosleep(&span, NULL);
}

static void makeFile(void) {
  int descriptor = open(FILE_NAME, O_CREAT | O_TRUNC | O_RDWR, 0644);
  unsigned char bytes[PAGE];
  for (unsigned page = 0; page < filePages; page++) {
    uint32_t value = ofPage(page);
    memset(bytes, page, sizeof bytes);
    memcpy(bytes, &value, sizeof value);
    if (write(descriptor, bytes, PAGE) != PAGE) exit(3);
  }
  file = mmap(NULL, (size_t)filePages * PAGE, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (file == MAP_FAILED) exit(3);
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  int rounds = atoi(arguments[1]), millis = atoi(arguments[2]);
  setvbuf(stdout, NULL, _IOLBF, 0);
  filePages = atoi(arguments[3]) / 4;
  common = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int round = 0; round < rounds; round++) {
    makeFile();
    common->started = 0;
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
      children[i] = fork();
      if (children[i] < 0) return 4;
      if (children[i] > 0) continue;
      pthread_attr_t attributes;
      pthread_attr_init(&attributes);
      pthread_attr_setstacksize(&attributes, 16384);
      for (int n = THREADS * i / PROCESSES; n < THREADS * (i + 1) / PROCESSES; n++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, work, (void *)(uintptr_t)(1000 + n)) != 0) _exit(5);
      }
      work((void *)(uintptr_t)(i + 1));
    }
    while (common->started < PROCESSES + THREADS) rest(10);
    printf("running\n");
    rest(millis);
    printf("ending\n");
    int ended = 0;
    for (int i = 0; i < PROCESSES; i++) kill(children[i], SIGTERM);
    for (int i = 0; i < PROCESSES; i++) {
      int status;
      if (waitpid(children[i], &status, 0) == children[i] && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) ended++;
    }
    munmap((void *)file, (size_t)filePages * PAGE);
    unlink(FILE_NAME);
    rest(20);
    printf("round %d errors %u ended %d\n", round, common->errors, ended);
    rest(20);
  }
  return 0;
}
