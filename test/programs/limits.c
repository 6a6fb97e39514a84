// Limits that act when they are reached: the size of files, the processes of a user, CPU time.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void set(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit limit = {soft, hard};
  if (setrlimit(resource, &limit) != 0) perror("setrlimit");
}
static int inChild(void (*body)(void)) {
  int status = -1;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    body();
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  return status;
}

static volatile sig_atomic_t received;
static volatile int senderIsSelf, code;
static void note(int number, siginfo_t *information, void *context) {
  (void)context;
  received++;
  senderIsSelf = information->si_pid == getpid();
  code = information->si_code;
  if (number == SIGXCPU && received == 2) _exit(42);
}
static void handle(int number) {
  struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigaction(number, &action, NULL);
}
static void told(void) {
  printf("  signals %d, code %d, from itself %d\n", (int)received, code, senderIsSelf);
  received = 0;
}

static void fileSizes(const char *where, int file) {
  static char block[10000];
  struct stat status;
  printf("%s\n", where);
  SHOW(write(file, block, 4000));
  SHOW(write(file, block, 4000));
  told();
  SHOW(write(file, block, 1));
  told();
  SHOW(write(file, block, 0));
  told();
  SHOW(pwrite(file, block, 100, 4950));
  SHOW(pwrite(file, block, 100, 5000));
  told();
  SHOW(pwritev(file, (struct iovec[]){{block, 30}, {block, 30}}, 2, 4970));
  told();
  SHOW(ftruncate(file, 5001));
  told();
  SHOW(ftruncate(file, 5000));
  SHOW(posix_fallocate(file, 4000, 1000));
  SHOW(posix_fallocate(file, 4000, 1001));
  told();
  SHOW(fstat(file, &status));
  printf("  size %ld\n", (long)status.st_size);
  set(RLIMIT_FSIZE, 3000, RLIM_INFINITY);
  SHOW(pwrite(file, block, 100, 2990));
  SHOW(pwrite(file, block, 100, 4000));
  told();
  SHOW(ftruncate(file, 4000));
  told();
  fcntl(file, F_SETFL, O_APPEND);
  SHOW(write(file, block, 10));
  told();
  fcntl(file, F_SETFL, 0);
  int source = open("source", O_RDWR | O_CREAT | O_TRUNC, 0600);
  set(RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY);
  SHOW(write(source, block, 10000));
  set(RLIMIT_FSIZE, 3000, RLIM_INFINITY);
  off_t from = 0;
  SHOW(ftruncate(file, 2000));
  SHOW(lseek(file, 2000, SEEK_SET));
  // Linux may signal here, too: it copies in steps.
  SHOW(sendfile(file, source, &from, 5000));
  received = 0;
  SHOW(sendfile(file, source, &from, 5000));
  told();
  loff_t in = 0, out = 2500;
  // Not from one file system to another.
  if (*where == 'a') SHOW(copy_file_range(source, &in, file, &out, 5000, 0));
  told();
  SHOW(truncate("source", 2000));
  SHOW(truncate("source", 3001));
  told();
  close(source);
  unlink("source");
  // Pipes have no size.
  int ends[2];
  set(RLIMIT_FSIZE, 0, RLIM_INFINITY);
  SHOW(pipe(ends));
  SHOW(write(ends[1], block, 10));
  told();
}
static void onDisk(void) {
  handle(SIGXFSZ);
  int file = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
  set(RLIMIT_FSIZE, 5000, RLIM_INFINITY);
  fileSizes("a file", file);
  unlink("limited");
}
static void inMemory(void) {
  handle(SIGXFSZ);
  int file = memfd_create("limited", 0);
  set(RLIMIT_FSIZE, 5000, RLIM_INFINITY);
  fileSizes("memory", file);
}
static void unhandled(void) {
  int file = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink("limited");
  set(RLIMIT_FSIZE, 1, 1);
  write(file, "ab", 2);
  write(file, "ab", 2);
}
static void ignored(void) {
  signal(SIGXFSZ, SIG_IGN);
  int file = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink("limited");
  set(RLIMIT_FSIZE, 1, 1);
  SHOW(write(file, "ab", 2));
  SHOW(write(file, "ab", 2));
}

static void *nothing(void *argument) { return argument; }
static void processes(void) {
  pthread_t thread;
  // The superuser has no such limit: be somebody else, if there is a choice. Nobody else runs as this one.
  (void)!setgid(54321);
  (void)!setuid(54321);
  set(RLIMIT_NPROC, 1, 10);
  TRY(fork());
  printf("thread: %s\n", strerror(pthread_create(&thread, NULL, nothing, NULL)));
  set(RLIMIT_NPROC, 10, 10);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  printf("with room: %d\n", pid > 0 && waitpid(pid, NULL, 0) == pid);
}

/** Not with `received`: an addition that a handler's comes between would take that back. */
static void computing(void) {
  for (volatile int busy = 0;;) busy++;
}
static void cpuHard(void) {
  signal(SIGXCPU, SIG_IGN);
  set(RLIMIT_CPU, 1, 2);
  computing();
}
/** Again after each second. */
static void cpuHandled(void) {
  handle(SIGXCPU);
  set(RLIMIT_CPU, 1, 5);
  computing();
}

int main(void) {
  SHOW(inChild(onDisk));
  SHOW(inChild(inMemory));
  SHOW(inChild(unhandled) & 0x7f);
  SHOW(inChild(ignored));
  SHOW(inChild(processes));
  SHOW(inChild(cpuHard) & 0x7f);
  SHOW(inChild(cpuHandled));
  return 0;
}
