// Copies within the kernel and vectored forms: splice, tee, vmsplice, sendfile, copy_file_range, preadv2, close_range.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char block[200000];
static void got(const char *what, int fd, size_t most) {
  char buffer[64] = {0};
  ssize_t count = read(fd, buffer, most);
  printf("%s: %zd \"%s\" %s\n", what, count, buffer, count < 0 ? strerror(errno) : "");
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < sizeof block; i++) block[i] = (char)('a' + i % 26);
  int file = open("file", O_CREAT | O_RDWR, 0600), copy = open("copy", O_CREAT | O_RDWR, 0600), ends[2], other[2], pair[2];
  write(file, block, sizeof block);
  pipe2(ends, O_NONBLOCK), pipe2(other, O_NONBLOCK), socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
  off_t at = 5, to = 3;
  SHOW(splice(file, &at, ends[1], NULL, 10, 0));
  printf("offset %ld position %ld\n", (long)at, (long)lseek(file, 0, SEEK_CUR));
  SHOW(tee(ends[0], other[1], 6, 0));
  got("tee", other[0], 20);
  SHOW(splice(ends[0], NULL, other[1], NULL, 4, SPLICE_F_MOVE));
  got("pipe to pipe", other[0], 20);
  SHOW(splice(ends[0], NULL, copy, &to, 100, 0));
  pread(copy, block, 9, 0);
  printf("at %ld \"%.6s\"\n", (long)to, block + 3);
  SHOW(splice(ends[0], NULL, copy, NULL, 10, 0));
  SHOW(tee(ends[0], other[1], 6, SPLICE_F_NONBLOCK));
  lseek(file, 0, SEEK_SET);
  SHOW(sendfile(pair[0], file, NULL, 20));
  got("sendfile to a socket", pair[1], 63);
  printf("position %ld\n", (long)lseek(file, 0, SEEK_CUR));
  write(pair[0], "from the socket", 15);
  SHOW(splice(pair[1], NULL, ends[1], NULL, 8, SPLICE_F_NONBLOCK));
  got("socket to pipe", ends[0], 63);
  SHOW(splice(pair[1], NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
  SHOW(splice(ends[0], NULL, pair[0], NULL, 100, 0));
  got("and back", pair[1], 63);
  SHOW(splice(pair[1], NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
  struct iovec parts[2] = {{"vector ", 7}, {"of two", 6}};
  SHOW(vmsplice(ends[1], parts, 2, 0));
  got("vmsplice", ends[0], 63);
  SHOW(vmsplice(file, parts, 2, 0));
  SHOW(splice(file, NULL, copy, NULL, 10, 0));
  SHOW(splice(file, NULL, ends[1], &to, 10, 0));
  SHOW(splice(ends[0], &to, copy, NULL, 10, 0));
  SHOW(splice(ends[0], NULL, ends[1], NULL, 10, 0));
  SHOW(splice(ends[1], NULL, copy, NULL, 10, 0));
  SHOW(splice(99, NULL, copy, NULL, 10, 0));
  SHOW(splice(99, NULL, copy, NULL, 0, 0));
  SHOW(splice(file, NULL, ends[1], NULL, 10, 0x100));
  SHOW(tee(file, ends[1], 10, 0));
  SHOW(tee(ends[0], ends[1], 10, 0));
  at = 1000000;
  SHOW(splice(file, &at, ends[1], NULL, 10, 0));
  at = -1;
  SHOW(splice(file, &at, ends[1], NULL, 10, 0));
  signal(SIGPIPE, SIG_IGN);
  close(other[0]);
  at = 0;
  SHOW(splice(file, &at, other[1], NULL, 10, 0));
  SHOW(sendfile(other[1], file, &at, 10));
  close(ends[1]);
  SHOW(splice(ends[0], NULL, copy, NULL, 10, 0));

  /* More than a pipe holds, through a pipe, by two processes. */
  pipe(ends);
  if (fork() == 0) {
    close(ends[0]);
    at = 0;
    for (size_t left = sizeof block; left > 0;) left -= (size_t)splice(file, &at, ends[1], NULL, left, 0);
    _exit(0);
  }
  close(ends[1]);
  ftruncate(copy, 0), lseek(copy, 0, SEEK_SET);
  for (ssize_t count; (count = splice(ends[0], NULL, copy, NULL, sizeof block, 0)) > 0;) {}
  wait(NULL);
  struct stat status;
  fstat(copy, &status);
  unsigned long sums[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    pread(i == 0 ? file : copy, block, sizeof block, 0);
    for (size_t j = 0; j < sizeof block; j++) sums[i] = sums[i] * 31 + (unsigned char)block[j];
  }
  printf("size %ld equal %d\n", (long)status.st_size, sums[0] == sums[1]);
  at = 10, to = 0;
  SHOW(copy_file_range(file, &at, copy, &to, 5000, 0));
  printf("%ld %ld\n", (long)at, (long)to);
  SHOW(copy_file_range(file, &at, copy, &to, 5000, 1));
  SHOW(copy_file_range(file, NULL, ends[0], NULL, 5, 0));

  char one[4] = {0}, two[4] = {0};
  struct iovec into[2] = {{one, 3}, {two, 3}};
  SHOW(syscall(SYS_preadv2, file, into, 2, 26L, 0L, 0));
  printf("%s %s\n", one, two);
  lseek(file, 52, SEEK_SET);
  SHOW(syscall(SYS_preadv2, file, into, 2, -1L, 0L, 0));
  printf("%s %s position %ld\n", one, two, (long)lseek(file, 0, SEEK_CUR));
  SHOW(syscall(SYS_preadv2, file, into, 2, -2L, 0L, 0));
  SHOW(syscall(SYS_preadv2, file, into, 2, 0L, 0L, 0x10000));
  SHOW(syscall(SYS_pwritev2, copy, parts, 2, 0L, 0L, 0));
  SHOW(syscall(SYS_pwritev2, ends[0], parts, 2, 0L, 0L, 0));
  SHOW(preadv(file, into, 2, -1));
  SHOW(preadv(ends[0], into, 2, 0));
  SHOW(pwritev(copy, parts, 2, 100));
  SHOW(preadv(file, into, 1025, 0));
  SHOW(sync_file_range(file, 0, 100, SYNC_FILE_RANGE_WRITE));
  SHOW(sync_file_range(file, 0, 100, 8));
  SHOW(sync_file_range(file, -1, 100, 0));
  SHOW(sync_file_range(ends[0], 0, 100, 0));

  int high = fcntl(file, F_DUPFD, 40);
  fcntl(file, F_DUPFD, 42);
  SHOW(syscall(SYS_close_range, 41, 50, 0));
  SHOW(syscall(SYS_close_range, 40, 39, 0));
  SHOW(syscall(SYS_close_range, 40, ~0U, 4));
  printf("cloexec %d closed %d\n", fcntl(high, F_GETFD), fcntl(42, F_GETFD));
  SHOW(syscall(SYS_close_range, 40, 40, 8));
  return 0;
}
