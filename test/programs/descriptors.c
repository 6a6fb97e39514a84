// signalfd, pidfd, memfd: signals, processes and nameless memory as descriptors.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void shown(const char *what, const struct signalfd_siginfo *record) {
  printf("%s: signal %u code %d pid %d uid %d status %d int %d ptr %llx\n", what, record->ssi_signo, record->ssi_code,
         record->ssi_pid == (unsigned)getpid(), record->ssi_uid == getuid(), record->ssi_status, record->ssi_int, (unsigned long long)record->ssi_ptr);
}
static void nothing(int number) { (void)number; }

static void signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1), sigaddset(&set, SIGCHLD), sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  struct signalfd_siginfo records[4];
  SHOW(read(fd, records, sizeof records));
  SHOW(read(fd, records, 127));
  kill(getpid(), SIGUSR1), kill(getpid(), SIGUSR1);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_ptr = (void *)0x1122334455667788}), sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 9});
  struct pollfd poller = {fd, POLLIN, 0};
  SHOW(poll(&poller, 1, 0));
  SHOW(read(fd, records, sizeof records));
  shown("kill", &records[0]), shown("first", &records[1]), shown("second", &records[2]);
  SHOW(poll(&poller, 1, 0));
  pid_t pid = fork();
  if (pid == 0) _exit(5);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  SHOW(epoll_wait(epoll, &event, 1, -1));
  SHOW(read(fd, records, sizeof records));
  shown("child", &records[0]);
  waitpid(pid, NULL, 0);
  fcntl(fd, F_SETFL, 0);
  pid = fork();
  if (pid == 0) {
    struct timespec moment = {0, 20000000};
    nanosleep(&moment, NULL);
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  SHOW(read(fd, records, sizeof *records));
  printf("waited for %u\n", records[0].ssi_signo);
  waitpid(pid, NULL, 0);
  sigset_t other;
  sigemptyset(&other);
  sigaddset(&other, SIGUSR2);
  sigprocmask(SIG_BLOCK, &other, NULL);
  raise(SIGUSR2);
  SHOW(signalfd(fd, &other, 0) == fd);
  SHOW(read(fd, records, sizeof *records));
  printf("new mask %u code %d\n", records[0].ssi_signo, records[0].ssi_code);
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, NULL);
  ualarm(20000, 0);
  SHOW(read(fd, records, sizeof *records));
  SHOW(write(fd, records, 128));
  SHOW(signalfd(99, &set, 0));
  SHOW(signalfd(0, &set, 0));
  SHOW(signalfd(-1, &set, 1));
  SHOW(syscall(SYS_signalfd4, -1, &set, 4, 0));
  SHOW(syscall(SYS_signalfd4, -1, 0x10, 8, 0));
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  close(fd), close(epoll);
}

static int openPid(pid_t pid, unsigned flags) { return (int)syscall(434, pid, flags); }
static int signalPid(int fd, int number, void *information, unsigned flags) { return (int)syscall(424, fd, number, information, flags); }

static void processes(void) {
  signal(SIGCHLD, SIG_DFL);
  pid_t pid = fork();
  if (pid == 0)
    for (;;) pause();
  int fd = openPid(pid, 0);
  printf("pidfd %d cloexec %d flags %o\n", fd >= 0, fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
  struct pollfd poller = {fd, POLLIN, 0};
  SHOW(poll(&poller, 1, 0));
  SHOW(signalPid(fd, 0, NULL, 0));
  siginfo_t information;
  memset(&information, 0, sizeof information);
  SHOW(waitid(3, (id_t)fd, &information, WEXITED | WNOHANG));
  SHOW(signalPid(fd, SIGTERM, NULL, 0));
  SHOW(poll(&poller, 1, -1));
  printf("events %x\n", poller.revents & POLLIN);
  SHOW(waitid(3, (id_t)fd, &information, WEXITED));
  printf("pid %d code %d status %d\n", information.si_pid == pid, information.si_code, information.si_status);
  SHOW(signalPid(fd, 0, NULL, 0));
  SHOW(waitid(3, (id_t)fd, &information, WEXITED));
  SHOW(waitid(3, 0, &information, WEXITED));
  SHOW(waitid(3, 99, &information, WEXITED));
  SHOW(openPid(pid, 0));
  SHOW(openPid(0, 0));
  SHOW(openPid(-1, 0));
  SHOW(openPid(getpid(), 1));
  SHOW(signalPid(99, 0, NULL, 0));
  SHOW(signalPid(0, 0, NULL, 0));
  SHOW(signalPid(fd, 0, NULL, 0x100));
  int self = openPid(getpid(), 0);
  SHOW(signalPid(self, 99, NULL, 0));
  memset(&information, 0, sizeof information);
  information.si_signo = SIGUSR2, information.si_code = SI_QUEUE;
  SHOW(signalPid(self, SIGUSR1, &information, 0));
  SHOW(read(self, &information, 8));
  SHOW(signalPid(self, 0, (void *)0x10, 0));
  close(fd), close(self);
  pid = fork();
  if (pid == 0)
    for (;;) pause();
  fd = openPid(pid, O_NONBLOCK);
  SHOW(waitid(3, (id_t)fd, &information, WEXITED));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  close(fd);
}

static void memory(void) {
  int fd = memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  struct stat status;
  fstat(fd, &status);
  char link[64] = {0}, path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  readlink(path, link, sizeof link - 1);
  printf("memfd mode %o links %d size %d cloexec %d %s\n", status.st_mode, (int)status.st_nlink, (int)status.st_size, fcntl(fd, F_GETFD), link);
  SHOW(fcntl(fd, F_GET_SEALS));
  SHOW(write(fd, "0123456789", 10));
  SHOW(ftruncate(fd, 100000));
  char *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  printf("mapped %.10s\n", mapped);
  munmap(mapped, 4096);
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  SHOW(ftruncate(fd, 10));
  SHOW(ftruncate(fd, 200000));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  SHOW(ftruncate(fd, 300000));
  SHOW(pwrite(fd, "x", 1, 200000));
  SHOW(pwrite(fd, "x", 1, 199999));
  SHOW(fallocate(fd, 0, 0, 300000));
  SHOW(fcntl(fd, F_ADD_SEALS, 1 << 20));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  SHOW(write(fd, "y", 1));
  SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  int file = open("source", O_CREAT | O_RDWR, 0600);
  write(file, "abc", 3), lseek(file, 0, SEEK_SET);
  SHOW(sendfile(fd, file, NULL, 3));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  SHOW(fcntl(fd, F_GET_SEALS));
  SHOW(fcntl(file, F_GET_SEALS));
  SHOW(fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
  char bytes[4] = {0};
  SHOW(pread(fd, bytes, 3, 0));
  printf("%s\n", bytes);
  close(fd);
  fd = memfd_create("", 0);
  SHOW(fcntl(fd, F_GET_SEALS));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  printf("flags %o\n", fcntl(fd, F_GETFL));
  close(fd);
  SHOW(memfd_create("x", 0x100));
  char longName[300];
  memset(longName, 'n', 299), longName[299] = 0;
  SHOW(memfd_create(longName, 0));
  longName[249] = 0;
  TRY(memfd_create(longName, 0));
  SHOW(memfd_create((char *)0x10, 0));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signals();
  processes();
  memory();
  return 0;
}
