// eventfd and epoll: counters, level, edge, oneshot, nesting, errors.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int epoll;
static int add(int fd, unsigned events, int data) {
  struct epoll_event event = {.events = events, .data.u64 = 0x1234567800000000ull | (unsigned)data};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}
static int modify(int fd, unsigned events, int data) {
  struct epoll_event event = {.events = events, .data.u64 = (unsigned)data};
  return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}
static void look(const char *what) {
  struct epoll_event events[8];
  int count = epoll_wait(epoll, events, 8, 0);
  printf("%s: %d", what, count);
  for (int i = 0; i < count; i++) printf(" [%x %llx]", events[i].events, (unsigned long long)events[i].data.u64);
  printf("\n");
}
static uint64_t take(int fd) {
  uint64_t value = 0;
  return read(fd, &value, 8) == 8 ? value : 0;
}
static int give(int fd, uint64_t value) { return (int)write(fd, &value, 8); }
static void nothing(int signal) { (void)signal; }

static void eventfds(void) {
  int fd = eventfd(3, EFD_NONBLOCK);
  struct stat status;
  fstat(fd, &status);
  printf("fstat mode %o links %d\n", status.st_mode, (int)status.st_nlink);
  printf("first %llu\n", (unsigned long long)take(fd));
  SHOW(read(fd, &(uint64_t){0}, 8));
  SHOW(read(fd, &(uint64_t){0}, 7));
  SHOW(give(fd, 5));
  SHOW(give(fd, 6));
  SHOW(give(fd, UINT64_MAX));
  printf("sum %llu\n", (unsigned long long)take(fd));
  SHOW(give(fd, UINT64_MAX - 1));
  SHOW(give(fd, 1));
  struct pollfd poller = {fd, POLLIN | POLLOUT, 0};
  SHOW(poll(&poller, 1, 0));
  printf("poll %x\n", poller.revents);
  SHOW(pread(fd, &(uint64_t){0}, 8, 0));
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(ftruncate(fd, 0));
  SHOW(fsync(fd));
  close(fd);
  fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
  printf("semaphore %llu", (unsigned long long)take(fd));
  printf(" %llu", (unsigned long long)take(fd));
  printf(" %llu\n", (unsigned long long)take(fd));
  printf("cloexec %d flags %o\n", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
  char link[64] = {0}, path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  readlink(path, link, sizeof link - 1);
  printf("%s\n", link);
  close(fd);
  SHOW(eventfd(0, 16));
}

static void *writer(void *argument) {
  int fd = *(int *)argument;
  struct timespec moment = {0, 20000000};
  for (int i = 1; i <= 3; i++) nanosleep(&moment, NULL), give(fd, (uint64_t)i);
  return NULL;
}

static void waiting(void) {
  int fd = eventfd(0, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, writer, &fd);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  add(fd, EPOLLIN, 1);
  uint64_t sum = 0;
  while (sum < 6) {
    struct epoll_event event;
    int count = epoll_wait(epoll, &event, 1, -1);
    if (count == 1) sum += take(fd);
  }
  pthread_join(thread, NULL);
  printf("woken until %llu\n", (unsigned long long)sum);
  struct timespec start, end, limit = {0, 30000000};
  clock_gettime(CLOCK_MONOTONIC, &start);
  int count = epoll_wait(epoll, &(struct epoll_event){0}, 1, 30);
  count += (int)syscall(SYS_epoll_pwait2, epoll, &(struct epoll_event){0}, 1, &limit, NULL, 8);
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("timeout %d, long enough %d\n", count, (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec >= 60000000L);
  struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGALRM);
  sigemptyset(&set);
  SHOW(epoll_pwait(epoll, &(struct epoll_event){0}, 1, -1, &set));
  sigprocmask(SIG_BLOCK, NULL, &set);
  printf("mask is back %d\n", sigismember(&set, SIGALRM));
  close(fd);
  close(epoll);
}

static void modes(void) {
  int ends[2], other[2];
  pipe(ends);
  pipe2(other, O_NONBLOCK);
  epoll = epoll_create(1);
  printf("level %d %d\n", add(ends[0], EPOLLIN, 1), add(ends[1], EPOLLOUT, 2));
  look("writable");
  write(ends[1], "abc", 3);
  look("both");
  look("both again");
  char byte[8];
  read(ends[0], byte, 1);
  look("a rest");
  read(ends[0], byte, 8);
  look("empty");
  add(other[0], EPOLLIN | EPOLLET, 3);
  write(other[1], "x", 1);
  look("edge");
  look("edge is over");
  write(other[1], "y", 1);
  look("edge again");
  read(other[0], byte, 1);
  look("partly read");
  modify(other[0], EPOLLIN | EPOLLET, 4);
  look("modified");
  modify(other[0], EPOLLIN | EPOLLONESHOT, 5);
  look("oneshot");
  write(other[1], "z", 1);
  look("oneshot is over");
  modify(other[0], EPOLLIN | EPOLLONESHOT, 6);
  look("armed again");
  modify(ends[1], 0, 7);
  look("nothing wanted");
  close(ends[0]);
  look("reader has gone");
  close(ends[1]);
  close(other[1]);
  modify(other[0], EPOLLIN | EPOLLRDHUP, 8);
  look("hang-up with data");
  read(other[0], byte, 8);
  look("hang-up");
  int twin = dup(other[0]);
  close(other[0]);
  look("a duplicate lives on");
  close(twin);
  look("all closed");
  close(epoll);
}

static void errors(void) {
  epoll = epoll_create1(0);
  int file = open("regular", O_CREAT | O_RDWR, 0600), folder = open(".", O_RDONLY), null = open("/dev/null", O_RDWR);
  int fd = eventfd(0, 0);
  struct epoll_event event = {.events = EPOLLIN};
  SHOW(add(file, EPOLLIN, 1));
  SHOW(add(folder, EPOLLIN, 1));
  SHOW(add(null, EPOLLIN, 1));
  SHOW(add(99, EPOLLIN, 1));
  SHOW(add(epoll, EPOLLIN, 1));
  SHOW(modify(fd, EPOLLIN, 1));
  SHOW(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
  SHOW(add(fd, EPOLLIN, 1));
  SHOW(add(fd, EPOLLIN, 1));
  SHOW(epoll_ctl(epoll, 9, fd, &event));
  SHOW(epoll_ctl(fd, EPOLL_CTL_ADD, epoll, &event));
  SHOW(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
  SHOW(add(fd, EPOLLIN | EPOLLEXCLUSIVE, 1));
  SHOW(modify(fd, EPOLLIN, 1));
  SHOW(modify(fd, EPOLLIN | EPOLLEXCLUSIVE, 1));
  SHOW(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
  SHOW(add(fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1));
  SHOW(epoll_wait(epoll, &event, 0, 0));
  SHOW(epoll_wait(epoll, &event, -1, 0));
  SHOW(epoll_wait(fd, &event, 1, 0));
  SHOW(epoll_wait(99, &event, 1, 0));
  SHOW(epoll_wait(epoll, (struct epoll_event *)0x10, 1, 0));
  SHOW(epoll_create(0));
  SHOW(epoll_create1(1));
  add(fd, EPOLLIN, 1);
  give(fd, 1);
  SHOW(epoll_wait(epoll, (struct epoll_event *)0x10, 1, 0));
  look("not lost");
  SHOW(read(epoll, &event, 8));
  close(file), close(folder), close(null), close(fd), close(epoll);
}

static void nesting(void) {
  int fd = eventfd(0, 0), chain[12], length = 1;
  epoll = epoll_create1(0);
  add(fd, EPOLLIN, 0);
  chain[0] = epoll;
  for (; length < 12; length++) {
    int inner = epoll;
    epoll = epoll_create1(0);
    if (add(inner, EPOLLIN, length) != 0) break;
    chain[length] = epoll;
  }
  printf("nested %d deep, then %s\n", length, strerror(errno));
  epoll = chain[0];
  SHOW(add(chain[length - 1], EPOLLIN, 1));
  epoll = chain[length - 1];
  look("quiet");
  give(fd, 1);
  look("through the chain");
  take(fd);
  look("quiet again");
}

int main(void) {
  eventfds();
  waiting();
  modes();
  errors();
  nesting();
  return 0;
}
