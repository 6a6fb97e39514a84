// clone and clone3: what they refuse, descriptors of processes, handlers set back; another process's files; the auxiliary vector.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#define CLEAR_HANDLERS 0x100000000ull
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct arguments {
  uint64_t flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize, cgroup, more[2];
};
static long clone3(struct arguments *arguments, size_t size) { return syscall(SYS_clone3, arguments, size); }
/** Only the error is of interest; a child that comes to be anyway ends at once. */
static void refused(const char *what, struct arguments arguments, size_t size) {
  errno = 0;
  long result = clone3(&arguments, size);
  if (result == 0) _exit(99);
  printf("%s: %s\n", what, result > 0 ? "a child" : errorName(errno));
  if (result > 0) wait(NULL);
}
#define REFUSED(size, ...) refused(#__VA_ARGS__, (struct arguments){__VA_ARGS__}, size)

static void arguments(void) {
  char *stack = malloc(16384);
  int word = 0;
  uint64_t here = (uint64_t)stack;
  REFUSED(0, .exitSignal = SIGCHLD);
  REFUSED(63, .exitSignal = SIGCHLD);
  REFUSED(64, .exitSignal = SIGCHLD);
  REFUSED(72, .exitSignal = SIGCHLD);
  REFUSED(88, .exitSignal = SIGCHLD);
  REFUSED(96, .exitSignal = SIGCHLD);
  REFUSED(96, .exitSignal = SIGCHLD, .more = {1});
  REFUSED(88, .exitSignal = 65);
  REFUSED(88, .exitSignal = 1ull << 32);
  REFUSED(88, .flags = SIGCHLD);
  REFUSED(88, .flags = 0x400000, .exitSignal = SIGCHLD);
  REFUSED(88, .flags = 1ull << 40, .exitSignal = SIGCHLD);
  REFUSED(88, .flags = CLONE_THREAD, .exitSignal = SIGCHLD);
  REFUSED(88, .flags = CLONE_PARENT, .exitSignal = SIGCHLD);
  REFUSED(88, .flags = CLONE_THREAD);
  REFUSED(88, .flags = CLONE_SIGHAND, .exitSignal = SIGCHLD);
  REFUSED(88, .flags = CLEAR_HANDLERS | CLONE_SIGHAND | CLONE_VM, .exitSignal = SIGCHLD);
  REFUSED(88, .stack = 4096, .exitSignal = SIGCHLD);
  REFUSED(88, .stackSize = 4096, .exitSignal = SIGCHLD);
  REFUSED(88, .stack = 1ull << 63, .stackSize = 4096, .exitSignal = SIGCHLD);
  REFUSED(88, .setTid = 1, .exitSignal = SIGCHLD);
  REFUSED(88, .setTidSize = 1, .exitSignal = SIGCHLD);
  REFUSED(88, .setTid = here, .setTidSize = 33, .exitSignal = SIGCHLD);
  REFUSED(80, .flags = 0x200000000ull, .exitSignal = SIGCHLD);
  REFUSED(88, .flags = CLONE_PIDFD, .pidfd = 1, .exitSignal = SIGCHLD);
  SHOW(syscall(SYS_clone3, NULL, 88));
  SHOW(syscall(SYS_clone3, NULL, 5000));
  SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &word, NULL, NULL));
  SHOW(syscall(SYS_clone, CLONE_PIDFD | 0x400000 | SIGCHLD, NULL, &word, NULL, NULL));
  free(stack);
}

static volatile sig_atomic_t handled;
static void handler(int number) { handled = number; }

static void descriptors(void) {
  int descriptor = -1, parentTid = 0, childTid = 0, told[2];
  char byte;
  (void)!pipe(told);
  struct arguments with = {
      .flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
      .pidfd = (uint64_t)&descriptor,
      .parentTid = (uint64_t)&parentTid,
      .childTid = (uint64_t)&childTid,
      .exitSignal = SIGCHLD,
  };
  fflush(stdout);
  long child = clone3(&with, sizeof with - 16);
  if (child == 0) {
    printf("child: its number %d, no descriptor of itself %d\n", childTid == getpid(), descriptor == -1);
    fflush(stdout);
    (void)!write(told[1], "t", 1);
    pause();
  }
  (void)!read(told[0], &byte, 1);
  printf("child %d, number %d, the parent's copy %d\n", child > 0, parentTid == child, childTid == 0);
  printf("close on exec %d\n", fcntl(descriptor, F_GETFD) == FD_CLOEXEC);
  struct pollfd ready = {descriptor, POLLIN, 0};
  SHOW(poll(&ready, 1, 0));
  SHOW(syscall(424, descriptor, SIGTERM, NULL, 0));
  SHOW(poll(&ready, 1, 5000));
  siginfo_t information = {0};
  SHOW(waitid(P_PIDFD, descriptor, &information, WEXITED));
  printf("ended by %d %d\n", information.si_code == CLD_KILLED, information.si_status == SIGTERM);
  close(descriptor);

  // clone(2) puts it where the number would go; an exit signal other than SIGCHLD comes, too.
  signal(SIGUSR1, handler);
  descriptor = -1;
  child = syscall(SYS_clone, CLONE_PIDFD | SIGUSR1, NULL, &descriptor, NULL, NULL);
  if (child == 0) _exit(3);
  int status = 0;
  SHOW(waitpid(-1, &status, 0));
  SHOW(waitpid(child, &status, WNOHANG));
  SHOW(waitpid(child, &status, __WCLONE) == child);
  printf("status %x, signal %d\n", status, handled == SIGUSR1);
  child = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
  if (child == 0) _exit(4);
  SHOW(waitpid(-1, &status, __WALL) == child);
  SHOW(waitpid(-1, &status, __WALL));
  close(descriptor);
}

static void handlers(void) {
  signal(SIGUSR1, handler);
  signal(SIGUSR2, SIG_IGN);
  struct arguments with = {.flags = CLEAR_HANDLERS, .exitSignal = SIGCHLD};
  fflush(stdout);
  long child = clone3(&with, 88);
  struct sigaction one, two;
  if (child == 0) {
    sigaction(SIGUSR1, NULL, &one);
    sigaction(SIGUSR2, NULL, &two);
    _exit((one.sa_handler == SIG_DFL) | (two.sa_handler == SIG_IGN) << 1);
  }
  int status = 0;
  waitpid((pid_t)child, &status, 0);
  printf("handlers set back: %x\n", status);
  // With memory and a stack of its own, the parent waiting as for vfork.
  char *stack = malloc(65536);
  static int shared;
  struct arguments spawn = {.flags = CLONE_VM | CLONE_VFORK | CLEAR_HANDLERS,
                            .exitSignal = SIGCHLD,
                            .stack = (uint64_t)stack,
                            .stackSize = 65536};
  // The child may not return from here: its stack is another one.
  register struct arguments *at __asm__("rdi") = &spawn;
  register long size __asm__("rsi") = 88;
  long result = SYS_clone3;
  __asm__ volatile(
      "syscall\n test %%rax,%%rax\n jnz 1f\n"
      " mov %%rsp,%[seen]\n mov $60,%%eax\n mov $7,%%edi\n syscall\n ud2\n 1:"
      : "+a"(result), [seen] "=m"(*(uint64_t *)(void *)stack)
      : "r"(at), "r"(size)
      : "rcx", "r11", "memory");
  shared = *(uint64_t *)(void *)stack == (uint64_t)stack + 65536;
  printf("spawned %d, stack at its end %d\n", result > 0, shared);
  waitpid((pid_t)result, &status, 0);
  printf("status %x\n", status);
  free(stack);
}

static void othersFiles(void) {
  int ends[2], ready[2];
  char byte = 0;
  (void)!pipe(ready);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    // Descriptors that the parent has not got.
    (void)!pipe(ends);
    if (dup2(ends[0], 70) < 0 || dup2(ends[1], 71) < 0) _exit(1);
    (void)!write(ready[1], "r", 1);
    (void)!read(70, &byte, 1);
    _exit(byte);
  }
  (void)!read(ready[0], &byte, 1);
  int process = (int)syscall(SYS_pidfd_open, child, 0);
  SHOW(syscall(SYS_pidfd_getfd, process, 72, 0));
  SHOW(syscall(SYS_pidfd_getfd, process, 71, 1));
  SHOW(syscall(SYS_pidfd_getfd, 0, 71, 0));
  SHOW(syscall(SYS_pidfd_getfd, -1, 71, 0));
  int file = (int)syscall(SYS_pidfd_getfd, process, 71, 0);
  printf("taken %d, close on exec %d\n", file >= 0, fcntl(file, F_GETFD) == FD_CLOEXEC);
  SHOW(write(file, "%", 1));
  int status = 0;
  siginfo_t information = {0};
  SHOW(waitid(P_PIDFD, process, &information, WEXITED | WNOWAIT));
  SHOW(syscall(SYS_pidfd_getfd, process, 71, 0));
  SHOW(waitpid(child, &status, 0) == child);
  printf("status %x\n", status);
  SHOW(syscall(SYS_pidfd_getfd, process, 71, 0));
  int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  int again = (int)syscall(SYS_pidfd_getfd, self, file, 0);
  printf("of oneself %d\n", again > file);
  close(again);
  close(file);
}

static void auxiliary(void) {
  unsigned long words[128] = {0};
  int file = open("/proc/self/auxv", O_RDONLY);
  long bytes = read(file, words, sizeof words);
  close(file);
  unsigned agree = 0, count = 0;
  for (long n = 0; n < bytes / 8 && words[n] != AT_NULL; n += 2, count++) agree += getauxval(words[n]) == words[n + 1];
  printf("auxv: whole pairs %d, all as getauxval says %d, ends with AT_NULL %d\n", bytes % 16 == 0, count > 15 && agree == count,
         bytes >= 16 && words[bytes / 8 - 2] == AT_NULL);
}

int main(void) {
  arguments();
  descriptors();
  handlers();
  othersFiles();
  auxiliary();
  return 0;
}
