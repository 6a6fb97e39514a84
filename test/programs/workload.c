// Many processes that sleep in different ways while others compute, for saving a machine at any moment: a reader of standard input,
// a chain of pipes, timers, threads on a lock, a writer of files. Prints what came out; the same on every run.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t alarms;
static void onAlarm(int number) { alarms += number == SIGALRM; }
static void sleepMicros(long micros) {
  struct timespec span = {micros / 1000000, micros % 1000000 * 1000};
  while (nanosleep(&span, &span) != 0) {}
}
static uint32_t mix(uint32_t sum, const unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

/** Computes with integers and floating point; `rounds` decides how long. */
static void compute(const char *name, int rounds) {
  double x = 0.5;
  uint32_t sum = 1;
  for (int i = 0; i < rounds; i++) {
    x = 3.9 * x * (1 - x);
    sum = sum * 1664525u + 1013904223u + (uint32_t)(x * 1000);
  }
  printf("%s %08x %.9f\n", name, sum, x);
}
static void readInput(void) {
  char line[64];
  uint32_t sum = 2166136261u;
  int lines = 0;
  while (fgets(line, sizeof line, stdin)) {
    sum = mix(sum, (unsigned char *)line, strlen(line));
    lines++;
    sleepMicros(200);
  }
  printf("input %d lines %08x\n", lines, sum);
}
/** Slow writer, fast reader: the reader sleeps in the pipe. */
static void pipes(void) {
  int first[2], second[2];
  if (pipe(first) || pipe(second)) _exit(1);
  if (fork() == 0) {
    close(first[0]);
    for (int i = 0; i < 40; i++) {
      unsigned char block[300];
      memset(block, i, sizeof block);
      write(first[1], block, sizeof block);
      sleepMicros(300);
    }
    _exit(0);
  }
  close(first[1]);
  if (fork() == 0) {
    unsigned char block[128];
    ssize_t count;
    close(second[0]);
    while ((count = read(first[0], block, sizeof block)) > 0) {
      for (ssize_t i = 0; i < count; i++) block[i] ^= 0x55;
      write(second[1], block, (size_t)count);
    }
    _exit(0);
  }
  close(first[0]);
  close(second[1]);
  uint32_t sum = 2166136261u;
  unsigned char byte[64];
  ssize_t count, total = 0;
  struct pollfd wanted = {second[0], POLLIN, 0};
  while (poll(&wanted, 1, -1) > 0 && (count = read(second[0], byte, sizeof byte)) > 0) {
    sum = mix(sum, byte, (size_t)count);
    total += count;
  }
  while (wait(NULL) > 0) {}
  printf("pipes %zd %08x\n", total, sum);
}
static void timers(void) {
  struct sigaction action = {.sa_handler = onAlarm};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 700}, {0, 700}};
  setitimer(ITIMER_REAL, &every, NULL);
  // A signal between the test and the sleep would be missed: it is blocked but for the sleep.
  sigset_t blocked, open;
  sigemptyset(&open);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGALRM);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  while (alarms < 10) sigsuspend(&open);
  every.it_value.tv_usec = 0;
  setitimer(ITIMER_REAL, &every, NULL);
  printf("timers done\n");
}
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;
static void *player(void *argument) {
  long own = (long)argument;
  for (int i = 0; i < 60; i++) {
    pthread_mutex_lock(&lock);
    while (turn % 3 != own) pthread_cond_wait(&changed, &lock);
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}
static void threads(void) {
  pthread_t all[3];
  for (long i = 0; i < 3; i++) pthread_create(&all[i], NULL, player, (void *)i);
  for (int i = 0; i < 3; i++) pthread_join(all[i], NULL);
  printf("threads %d\n", turn);
}
static void files(void) {
  uint32_t sum = 2166136261u;
  for (int i = 0; i < 6; i++) {
    char name[32], text[3000];
    snprintf(name, sizeof name, "/tmp/workload-%d", i);
    memset(text, 'a' + i, sizeof text);
    int file = open(name, O_CREAT | O_RDWR | O_TRUNC, 0644);
    for (int k = 0; k < 5; k++) write(file, text, sizeof text);
    fsync(file);
    unsigned char *view = mmap(NULL, 15000, PROT_READ, MAP_PRIVATE, file, 0);
    if (view != MAP_FAILED) sum = mix(sum, view, 15000);
    close(file);
    sleepMicros(500);
    if (i % 2) unlink(name);
  }
  printf("files %08x\n", sum);
}
static void start(int place, void (*body)(void), int outputs[][2]) {
  pipe(outputs[place]);
  fflush(stdout);
  if (fork() != 0) return;
  dup2(outputs[place][1], 1);
  body();
  fflush(stdout);
  _exit(0);
}
static void computeShort(void) { compute("short", 20000); }
static void computeLong(void) { compute("long", 60000); }

int main(void) {
  void (*bodies[])(void) = {computeShort, readInput, pipes, timers, threads, files, computeLong};
  enum { COUNT = sizeof bodies / sizeof *bodies };
  int outputs[COUNT][2];
  for (int i = 0; i < COUNT; i++) {
    start(i, bodies[i], outputs);
    close(outputs[i][1]);
  }
  // In a fixed order, whoever finishes first.
  for (int i = 0; i < COUNT; i++) {
    char text[256];
    ssize_t count;
    while ((count = read(outputs[i][0], text, sizeof text)) > 0) write(1, text, (size_t)count);
  }
  while (wait(NULL) > 0) {}
  printf("all done\n");
  return 3;
}
