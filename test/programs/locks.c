// Locks on files: fcntl's on ranges, of processes and of descriptions, and flock.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int lock(int fd, int command, int type, long start, long length) {
  struct flock record = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, command, &record);
}
static void query(int fd, int type, long start, long length, pid_t known) {
  struct flock record = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  int result = fcntl(fd, F_GETLK, &record);
  printf("query %d %ld+%ld: %d type %d start %ld length %ld whence %d owner %d\n", type, start, length, result, record.l_type,
         (long)record.l_start, (long)record.l_len, record.l_whence, record.l_type == F_UNLCK ? 0 : record.l_pid == known ? 1 : record.l_pid);
}
/* Runs a part in a child, whose locks are its own. */
static void child(void (*body)(int), int fd) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    body(fd);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}
static void fromOutside(int fd) {
  pid_t owner = getppid();
  query(fd, F_WRLCK, 0, 0, owner);
  query(fd, F_RDLCK, 0, 100, owner);
  query(fd, F_WRLCK, 30, 1, owner);
  query(fd, F_WRLCK, 1000, 1, owner);
  query(fd, F_RDLCK, 500, 0, owner);
  SHOW(lock(fd, F_SETLK, F_RDLCK, 50, 10));
  SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 10));
  SHOW(lock(fd, F_SETLK, F_WRLCK, 25, 10));
  SHOW(lock(fd, F_SETLK, F_UNLCK, 0, 0));
}
static void tryAll(int fd) { SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 0)); }
static void nothing(int number) { (void)number; }
static void waiter(int fd) {
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, NULL);
  ualarm(20000, 0);
  SHOW(lock(fd, F_SETLKW, F_WRLCK, 0, 0));
}

int main(void) {
  setvbuf(stdout, NULL, _IOFBF, 65536);
  int fd = open("locked", O_CREAT | O_RDWR, 0600), reader = open("locked", O_RDONLY), writer = open("locked", O_WRONLY);
  ftruncate(fd, 2000);
  SHOW(lock(fd, F_SETLK, F_WRLCK, 10, 90));
  SHOW(lock(fd, F_SETLK, F_RDLCK, 40, 20));
  SHOW(lock(fd, F_SETLK, F_UNLCK, 20, 15));
  SHOW(lock(fd, F_SETLK, F_WRLCK, 600, 0));
  child(fromOutside, fd);
  query(fd, F_WRLCK, 0, 0, 0);
  SHOW(lock(fd, F_SETLK, F_WRLCK, 100, 500));
  child(fromOutside, fd);
  struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = 0, .l_len = -100};
  SHOW(fcntl(fd, F_SETLK, &record));
  record.l_start = -3000;
  SHOW(fcntl(fd, F_SETLK, &record));
  lseek(fd, 50, SEEK_SET);
  record.l_whence = SEEK_CUR, record.l_start = -20, record.l_len = 5;
  SHOW(fcntl(fd, F_SETLK, &record));
  record.l_whence = 9;
  SHOW(fcntl(fd, F_SETLK, &record));
  record.l_whence = SEEK_SET, record.l_type = 7;
  SHOW(fcntl(fd, F_SETLK, &record));
  SHOW(fcntl(fd, F_GETLK, &record));
  SHOW(fcntl(fd, F_SETLK, (void *)0x10));
  SHOW(lock(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffffL, 1));
  SHOW(lock(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffffL, 2));
  SHOW(lock(reader, F_SETLK, F_WRLCK, 0, 1));
  SHOW(lock(writer, F_SETLK, F_RDLCK, 0, 1));
  SHOW(lock(99, F_SETLK, F_RDLCK, 0, 1));
  child(waiter, fd);
  close(dup(reader));
  child(tryAll, fd);

  SHOW(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 100));
  SHOW(lock(reader, F_OFD_SETLK, F_RDLCK, 50, 1));
  SHOW(lock(reader, F_OFD_SETLK, F_RDLCK, 100, 1));
  SHOW(lock(writer, F_SETLK, F_WRLCK, 0, 1));
  query(writer, F_WRLCK, 0, 1, 0);
  record = (struct flock){.l_type = F_RDLCK, .l_pid = 5};
  SHOW(fcntl(fd, F_OFD_SETLK, &record));
  int twin = dup(fd);
  close(fd);
  child(tryAll, writer);
  close(twin);
  close(reader);
  child(tryAll, writer);

  /* Each waits for the other: one is told. */
  fd = open("locked", O_RDWR);
  int start[2];
  pipe(start);
  lock(fd, F_SETLK, F_WRLCK, 0, 1);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    lock(fd, F_SETLK, F_WRLCK, 1, 1);
    write(start[1], "x", 1);
    _exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 7 : 8);
  }
  char byte;
  read(start[0], &byte, 1);
  struct timespec moment = {0, 50000000};
  nanosleep(&moment, NULL);
  SHOW(lock(fd, F_SETLKW, F_WRLCK, 1, 1));
  SHOW(lock(fd, F_SETLK, F_UNLCK, 0, 1));
  int status;
  waitpid(pid, &status, 0);
  printf("the other got it: %d\n", WEXITSTATUS(status));

  int other = open("locked", O_RDWR);
  SHOW(flock(fd, LOCK_EX));
  SHOW(flock(other, LOCK_SH | LOCK_NB));
  SHOW(flock(fd, LOCK_SH));
  SHOW(flock(other, LOCK_SH | LOCK_NB));
  SHOW(flock(other, LOCK_EX | LOCK_NB));
  SHOW(flock(fd, LOCK_UN));
  SHOW(flock(other, LOCK_EX | LOCK_NB));
  SHOW(flock(other, 0));
  SHOW(flock(99, LOCK_EX));
  SHOW(lockf(fd, F_TLOCK, 10));
  SHOW(lockf(fd, F_TEST, 10));
  int path = open("locked", O_PATH);
  SHOW(flock(path, LOCK_SH));
  SHOW(lock(path, F_SETLK, F_RDLCK, 0, 1));
  return 0;
}
