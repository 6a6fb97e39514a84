// fork, exec, wait, pipes, signals, and what a parent sees of each.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t seen;
static void handler(int number) { seen = number; }
static void describe(const char *what, int status) {
  if (WIFEXITED(status)) printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
  else printf("%s: status %x\n", what, status);
  fflush(stdout);
}
static void child(const char *what, void (*body)(void)) {
  fflush(stdout);
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  if (waitpid(pid, &status, 0) != pid) perror("waitpid");
  describe(what, status);
}
static void leave(void) { _exit(42); }
static void readNull(void) { *(volatile int *)0 = 1; }
static void divide(void) {
  volatile int zero = 0;
  volatile int result = 100 / zero;
  (void)result;
}
static void illegal(void) { __asm__ volatile("ud2"); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void kernelAddress(void) { *(volatile char *)0xffff800000000000UL; }
static void aborting(void) { abort(); }
static void __attribute__((noinline)) recurse(void) {
  volatile char buffer[65536];
  buffer[0] = 1;
  recurse();
  buffer[1] = 2;
}
static void badExec(void) {
  execl("/no/such/program", "x", (char *)NULL);
  _exit(errno == ENOENT ? 3 : 4);
}
static void pipeWriter(void) {
  int ends[2];
  if (pipe(ends)) _exit(1);
  close(ends[0]);
  write(ends[1], "x", 1);
  _exit(9);
}
static void ignoredPipe(void) {
  int ends[2];
  signal(SIGPIPE, SIG_IGN);
  if (pipe(ends)) _exit(1);
  close(ends[0]);
  _exit(write(ends[1], "x", 1) == -1 && errno == EPIPE ? 5 : 6);
}
static void selfTerminate(void) { kill(getpid(), SIGTERM); }

int main(void) {
  child("exit", leave);
  child("null pointer", readNull);
  child("division", divide);
  child("undefined instruction", illegal);
  child("privileged instruction", privileged);
  child("kernel address", kernelAddress);
  child("abort", aborting);
  child("stack overflow", recurse);
  child("bad exec", badExec);
  child("broken pipe", pipeWriter);
  child("ignored broken pipe", ignoredPipe);
  child("SIGTERM", selfTerminate);

  int ends[2];
  pipe(ends);
  pid_t pid = fork();
  fflush(stdout);
  if (pid == 0) {
    close(ends[0]);
    char block[10000];
    for (int i = 0; i < 100; i++) {
      memset(block, i, sizeof block);
      for (size_t done = 0; done < sizeof block;) done += write(ends[1], block + done, sizeof block - done);
    }
    _exit(0);
  }
  close(ends[1]);
  unsigned long sum = 0, total = 0;
  unsigned char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    for (ssize_t i = 0; i < n; i++) sum = sum * 31 + buffer[i], total++;
  int status;
  waitpid(pid, &status, 0);
  printf("pipe %lu bytes sum %lx\n", total, sum);
  describe("writer", status);

  struct sigaction action = {.sa_handler = handler};
  sigaction(SIGUSR1, &action, NULL);
  kill(getpid(), SIGUSR1);
  printf("handler saw %d\n", seen == SIGUSR1);
  sigaction(SIGALRM, &action, NULL);
  struct itimerval interval = {.it_value = {0, 20000}};
  setitimer(ITIMER_REAL, &interval, NULL);
  int result = pause();
  printf("pause %d errno %d alarm %d\n", result, errno == EINTR, seen == SIGALRM);
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  seen = 0;
  sigprocmask(SIG_BLOCK, &set, &old);
  kill(getpid(), SIGUSR1);
  int before = seen;
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("blocked %d then %d\n", before, seen == SIGUSR1);
  result = (int)wait(NULL);
  printf("wait without children %d %d\n", result, errno == ECHILD);
  struct timespec a, b, pauseFor = {0, 30000000};
  clock_gettime(CLOCK_MONOTONIC, &a);
  nanosleep(&pauseFor, NULL);
  clock_gettime(CLOCK_MONOTONIC, &b);
  long nanos = (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec;
  printf("slept long enough %d\n", nanos >= 30000000L);
  FILE *echo = popen("echo from the shell; exit 3", "r");
  char line[64] = "";
  fgets(line, sizeof line, echo);
  status = pclose(echo);
  printf("popen %s", line);
  describe("popen", status);
  describe("system", system("exit 11"));
  return 0;
}
