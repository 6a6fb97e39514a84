// statx, times, access: what is told of files and how it is changed.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define EMPTY 0x1000
static int look(const char *what, int folder, const char *path, int flags, unsigned mask) {
  unsigned words[64] = {0};
  errno = 0;
  int result = (int)syscall(SYS_statx, folder, path, flags, mask, words);
  printf("%s: %d %s", what, result, errorName(result < 0 ? errno : 0));
  if (result == 0) {
    unsigned long long *longs = (unsigned long long *)words;
    unsigned mode = words[7] & 0xffff;
    /* The folder is the tester's, its permissions differ. */
    printf(" mask %x links %u mode %o", words[0] & 0x7ff, S_ISDIR(mode) ? 0 : words[4], S_ISDIR(mode) ? mode & S_IFMT : mode);
    if (S_ISREG(mode)) printf(" size %llu mtime %lld.%09u", longs[5], longs[14], words[30]);
    if (S_ISREG(mode)) printf(" born %d", (words[0] & 0x800) == 0 || longs[10] > 1000000000);
  }
  printf("\n");
  return result;
}
static void times(const char *what, const char *path) {
  struct stat status;
  lstat(path, &status);
  printf("%s: %lld.%09ld %lld.%09ld\n", what, (long long)status.st_atim.tv_sec, status.st_atim.tv_nsec, (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}
static int set(int folder, const char *path, long as, long an, long ms, long mn, int flags) {
  struct timespec pair[2] = {{as, an}, {ms, mn}};
  return (int)syscall(SYS_utimensat, folder, path, pair, flags);
}

int main(void) {
  umask(022);
  int fd = open("file", O_CREAT | O_RDWR, 0640), folder = open(".", O_RDONLY | O_DIRECTORY), path = open("file", O_PATH);
  write(fd, "0123456789", 10);
  symlink("file", "link");
  symlink("nowhere", "dangling");
  int ends[2];
  pipe(ends);
  SHOW(set(AT_FDCWD, "file", 1000, 5, 2000, 7, 0));
  times("set", "file");
  look("statx", AT_FDCWD, "file", 0, 0x7ff);
  look("relative", folder, "file", 0, 0xfff);
  look("followed", AT_FDCWD, "link", 0, 0x7ff);
  look("not followed", AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, 0x7ff);
  look("descriptor", fd, "", EMPTY, 0x7ff);
  look("path descriptor", path, "", EMPTY, 0x7ff);
  look("pipe", ends[0], "", EMPTY, 0x7ff);
  look("here", AT_FDCWD, "", EMPTY, 0x7ff);
  look("empty", fd, "", 0, 0x7ff);
  look("missing", AT_FDCWD, "missing", 0, 0x7ff);
  look("bad descriptor", 99, "file", 0, 0x7ff);
  look("no folder", fd, "x", 0, 0x7ff);
  look("bad flags", AT_FDCWD, "file", 0x6000, 0x7ff);
  look("more bad flags", AT_FDCWD, "file", 1, 0x7ff);
  look("bad mask", AT_FDCWD, "file", 0, 0x80000000);
  SHOW(syscall(SYS_statx, AT_FDCWD, "file", 0, 0x7ff, (void *)0x10));
  SHOW(syscall(SYS_statx, AT_FDCWD, (void *)0x10, 0, 0x7ff, NULL));

  SHOW(set(AT_FDCWD, "file", 0, UTIME_OMIT, 3000, 1, 0));
  times("one left", "file");
  SHOW(set(AT_FDCWD, "missing", 0, UTIME_OMIT, 0, UTIME_OMIT, 0));
  SHOW(set(99, NULL, 0, UTIME_OMIT, 0, UTIME_OMIT, 0));
  SHOW(set(AT_FDCWD, "missing", 0, 0, 0, 1000000000, 0));
  SHOW(set(AT_FDCWD, "missing", 0, 0, 0, 0, 0));
  SHOW(set(AT_FDCWD, "file", 0, -1, 0, 0, 0));
  SHOW(set(AT_FDCWD, "file", -5, 5, -1, 999999999, 0));
  times("before 1970", "file");
  SHOW(set(fd, NULL, 11, 0, 12, 0, 0));
  times("descriptor", "file");
  SHOW(set(fd, NULL, 11, 0, 12, 0, AT_SYMLINK_NOFOLLOW));
  SHOW(set(path, NULL, 11, 0, 12, 0, 0));
  SHOW(set(99, NULL, 11, 0, 12, 0, 0));
  SHOW(set(AT_FDCWD, NULL, 11, 0, 12, 0, 0));
  SHOW(set(AT_FDCWD, "dangling", 21, 0, 22, 0, 0));
  SHOW(set(AT_FDCWD, "dangling", 21, 0, 22, 0, AT_SYMLINK_NOFOLLOW));
  times("the link itself", "dangling");
  SHOW(set(fd, "", 31, 0, 32, 0, EMPTY));
  times("empty path", "file");
  SHOW(set(fd, "", 31, 0, 32, 0, 0));
  SHOW(set(AT_FDCWD, "file", 31, 0, 32, 0, 1));
  SHOW(syscall(SYS_utimensat, AT_FDCWD, "file", (void *)0x10, 0));
  SHOW(syscall(SYS_utimensat, AT_FDCWD, "file", NULL, 0));
  struct timeval old[2] = {{41, 5}, {42, 6}};
  SHOW(utimes("file", old));
  times("utimes", "file");
  old[0].tv_usec = 1000000;
  SHOW(utimes("file", old));
  SHOW(syscall(SYS_futimesat, fd, NULL, NULL));

  SHOW(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, 0));
  SHOW(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, 0));
  SHOW(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
  SHOW(syscall(SYS_faccessat2, fd, "", R_OK, EMPTY));
  SHOW(syscall(SYS_faccessat2, fd, "", X_OK, EMPTY | AT_EACCESS));
  SHOW(syscall(SYS_faccessat2, fd, "", R_OK, 0));
  SHOW(syscall(SYS_faccessat2, AT_FDCWD, "file", 8, 0));
  SHOW(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, 1));
  SHOW(faccessat(folder, "file", X_OK, 0));
  return 0;
}
