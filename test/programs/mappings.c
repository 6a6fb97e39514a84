// Memory mapped files and the limits of address spaces. Prints what happened; the same on every Linux.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
static sigjmp_buf back;
static void onFault(int number, siginfo_t *information, void *context) {
  (void)context;
  siglongjmp(back, number * 16 + information->si_code);
}
/** 0, or signal and code of the fault. */
static int touch(volatile char *at, int writing) {
  int fault = sigsetjmp(back, 1);
  if (fault != 0) return fault;
  if (writing) *at = 'w';
  else (void)*at;
  return 0;
}
static const char *told(void *address) { return address == MAP_FAILED ? strerror(errno) : "mapped"; }
static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: %ld\n", what, result);
}
static int newFile(const char *name, size_t size) {
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  char block[PAGE];
  for (size_t at = 0; at < size; at += PAGE) {
    memset(block, 'a' + (int)(at / PAGE % 26), PAGE);
    if (write(fd, block, size - at < PAGE ? size - at : PAGE) < 0) perror("write");
  }
  return fd;
}
static char byteAt(int fd, off_t at) {
  char byte = '?';
  if (pread(fd, &byte, 1, at) != 1) byte = '-';
  return byte;
}

static void sharedFile(const char *name) {
  printf("== shared file %s\n", name[0] == '/' ? "tmpfs" : "disk");
  int fd = newFile(name, 3 * PAGE + 100);
  char *one = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *two = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  printf("%c %c %c %c\n", one[0], two[PAGE], private[2 * PAGE], one[3 * PAGE + 99]);
  one[5] = 'X';
  printf("mapping %c, read %c, private %c\n", two[5], byteAt(fd, 5), private[5]);
  private[5] = 'P';
  if (pwrite(fd, "WRITE", 5, PAGE + 10) != 5) perror("pwrite");
  printf("%.5s %.5s %.5s %c\n", one + PAGE + 10, two + PAGE + 10, private + PAGE + 10, one[5]);
  pid_t child = fork();
  if (child == 0) {
    one[6] = 'C';
    one[2 * PAGE] = 'D';
    _exit(two[5] == 'X' ? 3 : 4);
  }
  int status;
  waitpid(child, &status, 0);
  printf("child %d: %c %c %c\n", WEXITSTATUS(status), one[6], byteAt(fd, 2 * PAGE), private[6]);
  say("msync", msync(one, 4 * PAGE, MS_SYNC));
  say("msync hole", msync(one, 64 * PAGE, MS_SYNC));
  say("msync both", msync(one, PAGE, MS_SYNC | MS_ASYNC));
  say("msync odd", msync(one + 1, PAGE, MS_SYNC));
  one[3 * PAGE + 200] = 'Z';
  struct stat s;
  fstat(fd, &s);
  printf("size %ld\n", (long)s.st_size);
  say("ftruncate", ftruncate(fd, PAGE + 50));
  printf("fault %d %d, rest %d\n", touch(one + 2 * PAGE, 0), touch(private + 2 * PAGE, 1), one[PAGE + 60]);
  say("ftruncate", ftruncate(fd, 3 * PAGE));
  printf("after: %d %c\n", one[2 * PAGE], one[PAGE + 49]);
  one[2 * PAGE + 1] = 'E';
  munmap(one, 4 * PAGE);
  munmap(two, 4 * PAGE);
  printf("unmapped: read %c %c\n", byteAt(fd, 2 * PAGE + 1), byteAt(fd, 6));
  say("fsync", fsync(fd));
  close(fd);
  fd = open(name, O_RDONLY);
  printf("again: %c %c %c\n", byteAt(fd, 5), byteAt(fd, 2 * PAGE + 1), byteAt(fd, PAGE + 10));
  printf("read only: %s, ", told(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)));
  char *reader = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  say("mprotect", mprotect(reader, PAGE, PROT_READ | PROT_WRITE));
  int writer = open(name, O_WRONLY);
  printf("write only: %s\n", told(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, writer, 0)));
  printf("private copy kept: %c\n", private[5]);
  // The file goes, the mapping stays; what the child leaves dirty at its end is the file's.
  int both = open(name, O_RDWR);
  char *last = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, both, 0);
  unlink(name);
  child = fork();
  if (child == 0) {
    last[7] = 'L';
    _exit(0);
  }
  waitpid(child, &status, 0);
  printf("unlinked: %c %c\n", last[7], byteAt(both, 7));
  munmap(last, PAGE);
  munmap(reader, PAGE);
  munmap(private, 4 * PAGE);
  close(both);
  close(writer);
  close(fd);
}

static void anonymous(void) {
  printf("== anonymous\n");
  char *shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int n = 0; n < 3; n++) {
    pid_t child = fork();
    if (child == 0) {
      shared[n * PAGE] += (char)(n + 1);
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
  printf("%d %d %d %d\n", shared[0], shared[PAGE], shared[2 * PAGE], shared[3 * PAGE]);
  char *same = mremap(shared, 0, 4 * PAGE, MREMAP_MAYMOVE);
  shared[1] = 'm';
  printf("second mapping: %c\n", same == MAP_FAILED ? '!' : same[1]);
  char *huge = mmap(NULL, 1ul << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  printf("1 TiB: %s\n", told(huge));
  say("part", mprotect(huge + (1ul << 39), PAGE, PROT_READ | PROT_WRITE));
  huge[(1ul << 39) + 1] = 'h';
  printf("%d %d\n", touch(huge, 0), touch(huge + (1ul << 39) + PAGE, 1));
  say("unmap", munmap(huge, 1ul << 40));
  char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("no replace: %s\n", told(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)));
  munmap(p + 4 * PAGE, PAGE);
  printf("no replace: %s\n", told(mmap(p + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)));
  munmap(p + 4 * PAGE, PAGE);
  printf("mremap into neighbour: %s\n", told(mremap(p, PAGE, 2 * PAGE, 0)));
  printf("mremap of a hole: %s\n", told(mremap(p + 4 * PAGE, PAGE, 2 * PAGE, 0)));
  printf("mremap over a hole: %s\n", told(mremap(p + 3 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE)));
  printf("mremap grows: %d\n", mremap(p + 3 * PAGE, PAGE, 2 * PAGE, 0) == p + 3 * PAGE);
  printf("mremap odd: %s\n", told(mremap(p + 1, PAGE, PAGE, 0)));
  printf("mremap nothing: %s\n", told(mremap(p, PAGE, 0, 0)));
  memset(p, 'd', 4 * PAGE);
  say("DONTNEED", madvise(p, 2 * PAGE, MADV_DONTNEED));
  printf("%d %d %c\n", p[0], p[PAGE], p[2 * PAGE]);
  say("WILLNEED", madvise(p, 2 * PAGE, MADV_WILLNEED));
  say("unknown", madvise(p, PAGE, 77));
  munmap(p + PAGE, PAGE);
  say("hole", madvise(p, 3 * PAGE, MADV_DONTNEED));
  printf("%d\n", p[2 * PAGE]);
  say("odd", madvise(p + 1, PAGE, MADV_DONTNEED));
  unsigned char vector[8];
  say("mincore hole", mincore(p + 60 * PAGE, PAGE, vector));
  char *fresh = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fresh[PAGE] = 1;
  say("mincore", mincore(fresh, 4 * PAGE, vector));
  printf("%d%d%d%d\n", vector[0] & 1, vector[1] & 1, vector[2] & 1, vector[3] & 1);
  munmap(fresh, 4 * PAGE);
  munmap(p, 8 * PAGE);
}

static long depth(long n) {
  volatile char frame[1024];
  frame[n % 1024] = (char)n;
  return n == 0 ? frame[0] : depth(n - 1) + frame[n % 1024] - (char)n;
}

static void limits(void) {
  printf("== limits\n");
  pid_t child = fork();
  if (child == 0) {
    struct rlimit space = {512ul << 20, 512ul << 20};
    setrlimit(RLIMIT_AS, &space);
    printf("AS: %s\n", told(mmap(NULL, 1ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    struct rlimit data = {64ul << 20, 64ul << 20};
    setrlimit(RLIMIT_DATA, &data);
    printf("DATA: %s %s\n", told(mmap(NULL, 128ul << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
           told(mmap(NULL, 128ul << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    char *small = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (setgid(1000) == 0 && setuid(1000) == 0) {}
    struct rlimit lock = {65536, 65536};
    setrlimit(RLIMIT_MEMLOCK, &lock);
    say("mlock", mlock(small, 65536));
    say("mlock again", mlock(small, 32768));
    say("mlock more", mlock(small + 65536, PAGE));
    say("DONTNEED locked", madvise(small, PAGE, MADV_DONTNEED));
    say("munlock", munlock(small, PAGE));
    say("mlock more", mlock(small + 65536, PAGE));
    say("mlock hole", mlock((void *)0x10000000, PAGE));
    say("mlockall", mlockall(MCL_CURRENT));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  int status;
  child = fork();
  if (child == 0) {
    struct rlimit stack = {1 << 20, RLIM_INFINITY};
    setrlimit(RLIMIT_STACK, &stack);
    signal(SIGSEGV, SIG_DFL);
    _exit((int)depth(3000));
  }
  waitpid(child, &status, 0);
  printf("stack limit: signal %d\n", WTERMSIG(status));
  printf("4 MiB of stack: %ld\n", depth(3500));
  fflush(stdout);
  child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    _exit((int)depth(100000));
  }
  waitpid(child, &status, 0);
  printf("overflow: signal %d\n", WTERMSIG(status));
  char *top = mmap(NULL, 4 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(top, 4 << 20);
  char *grows = mmap(top + (3 << 20), PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
  printf("grows down: %d %d\n", touch(grows - PAGE, 1), touch(grows - 5 * PAGE, 1));
  char *block = mmap(grows - (1 << 20) - 16 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  printf("gap: %d %d\n", block == MAP_FAILED, touch(grows - (1 << 20) + PAGE, 1));
}

/** What a child gets of memory that fork was told about. */
static void forkAdvice(void) {
  printf("== advice for fork\n");
  char *area = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int page = 0; page < 8; page++) area[page * PAGE] = 'p';
  say("DONTFORK", madvise(area + PAGE, 2 * PAGE, MADV_DONTFORK));
  say("WIPEONFORK", madvise(area + 3 * PAGE, 2 * PAGE, MADV_WIPEONFORK));
  say("KEEPONFORK", madvise(area + 4 * PAGE, PAGE, MADV_KEEPONFORK));
  say("DOFORK", madvise(area + 2 * PAGE, PAGE, MADV_DOFORK));
  say("both", madvise(area + 6 * PAGE, PAGE, MADV_DONTFORK) | madvise(area + 6 * PAGE, PAGE, MADV_WIPEONFORK));
  say("locked", mlock(area + 5 * PAGE, PAGE));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    for (int page = 0; page < 8; page++) {
      int fault = touch(area + page * PAGE, 0);
      if (fault != 0) printf("page %d: signal %d code %d\n", page, fault / 16, fault % 16);
      else printf("page %d: %d\n", page, area[page * PAGE]);
    }
    // Handed on to its own children, what is wiped stays so; what is not there stays so.
    area[3 * PAGE] = 'c';
    fflush(stdout);
    if (fork() == 0) {
      printf("grandchild: %d, %s\n", area[3 * PAGE], touch(area + PAGE, 0) != 0 ? "absent" : "there");
      fflush(stdout);
      _exit(0);
    }
    wait(NULL);
    // A lock is not handed on: what is locked cannot be dropped.
    say("dropped by the child", madvise(area + 5 * PAGE, PAGE, MADV_DONTNEED));
    fflush(stdout);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  printf("parent: %c %c %c\n", area[PAGE], area[3 * PAGE], area[6 * PAGE]);
  say("dropped by the parent", madvise(area + 5 * PAGE, PAGE, MADV_DONTNEED));
  say("odd", madvise(area + 1, PAGE, MADV_DONTFORK));
  say("hole", munmap(area + 7 * PAGE, PAGE) | madvise(area + 6 * PAGE, 2 * PAGE, MADV_DOFORK));
  int fd = newFile("advised", PAGE);
  char *file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
  char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  say("file WIPEONFORK", madvise(file, PAGE, MADV_WIPEONFORK));
  say("shared WIPEONFORK", madvise(shared, PAGE, MADV_WIPEONFORK));
  say("file DONTFORK", madvise(file, PAGE, MADV_DONTFORK));
  say("readahead", readahead(fd, 0, PAGE));
  int ends[2];
  say("pipe", pipe(ends));
  say("readahead of a pipe", readahead(ends[0], 0, 1));
  say("readahead for writing", readahead(open("advised", O_WRONLY), 0, 1));
  say("readahead of nothing", readahead(-1, 0, 1));
  unlink("advised");
}

/** Blocks count from the write on, not only once they have a place on the disk (du, tar). A file system may reserve more. */
static void room(const char *name) {
  struct stat status;
  int fd = newFile(name, 16 * PAGE);
  fstat(fd, &status);
  say("blocks of 64 KiB", status.st_blocks >= 16 * PAGE / 512);
  pwrite(fd, "again", 5, PAGE);
  fstat(fd, &status);
  say("written again", status.st_blocks >= 16 * PAGE / 512);
  fsync(fd);
  fstat(fd, &status);
  say("on the disk", status.st_blocks >= 16 * PAGE / 512);
  pwrite(fd, "again", 5, PAGE);
  fstat(fd, &status);
  say("and again", status.st_blocks >= 16 * PAGE / 512);
  close(fd);
  unlink(name);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = onFault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  sharedFile("mapped-file");
  sharedFile("/dev/shm/mapped-file");
  room("room");
  anonymous();
  limits();
  forkAdvice();
  return 0;
}
