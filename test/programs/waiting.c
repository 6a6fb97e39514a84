// waitid and wait4: which child, what happened, what is left for the next call.
#define _GNU_SOURCE
#include "check.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(int code) {
  pid_t pid = fork();
  if (pid == 0) {
    if (code >= 0) _exit(code);
    for (;;) pause();
  }
  return pid;
}
static void tell(const char *what, int type, id_t id, int options, pid_t known) {
  siginfo_t information;
  memset(&information, 0x55, sizeof information);
  errno = 0;
  int result = waitid(type, id, &information, options);
  printf("%s: %d %s", what, result, errorName(result < 0 ? errno : 0));
  if (result == 0)
    printf(" signo %d code %d status %d child %d me %d", information.si_signo, information.si_code, information.si_status,
           information.si_pid == 0 ? 0 : information.si_pid == known ? 1 : 2, information.si_pid != 0 && information.si_uid == getuid());
  printf("\n");
}

int main(void) {
  tell("no child", P_ALL, 0, WEXITED, 0);
  pid_t pid = start(7);
  tell("left for later", P_PID, (id_t)pid, WEXITED | WNOWAIT, pid);
  tell("again", P_ALL, 0, WEXITED | WNOWAIT, pid);
  tell("taken", P_PID, (id_t)pid, WEXITED, pid);
  tell("gone", P_PID, (id_t)pid, WEXITED, pid);
  pid = start(-1);
  tell("nothing yet", P_ALL, 0, WEXITED | WNOHANG, pid);
  kill(pid, SIGSTOP);
  tell("stopped", P_PID, (id_t)pid, WSTOPPED, pid);
  tell("told once", P_PID, (id_t)pid, WSTOPPED | WNOHANG, pid);
  kill(pid, SIGCONT);
  tell("continued", P_PID, (id_t)pid, WCONTINUED, pid);
  kill(pid, SIGKILL);
  tell("killed", P_PGID, (id_t)getpgrp(), WEXITED, pid);
  pid = start(-1);
  kill(pid, SIGSTOP);
  int status;
  SHOW(waitpid(pid, &status, WUNTRACED) == pid);
  printf("status %x\n", status);
  kill(pid, SIGCONT);
  SHOW(waitpid(pid, &status, WCONTINUED) == pid);
  printf("status %x\n", status);
  kill(pid, SIGTERM);
  struct rusage usage;
  memset(&usage, 0x55, sizeof usage);
  SHOW(wait4(pid, &status, 0, &usage) == pid);
  printf("status %x usage %d\n", status, usage.ru_utime.tv_sec < 10 && usage.ru_nsignals == 0);
  pid = start(3);
  setpgid(pid, pid);
  tell("other group", P_PGID, (id_t)getpgrp(), WEXITED | WNOHANG, pid);
  tell("its group", P_PGID, (id_t)pid, WEXITED, pid);
  pid = start(1);
  tell("group 0 is one's own", P_PGID, 0, WEXITED, pid);
  tell("no event", P_ALL, 0, WNOHANG, 0);
  tell("bad options", P_ALL, 0, WEXITED | 0x10, 0);
  tell("bad type", 9, 0, WEXITED, 0);
  tell("bad pid", P_PID, 0, WEXITED, 0);
  pid = start(0);
  SHOW(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL));
  pid = start(0);
  SHOW(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, &usage));
  pid = start(0);
  SHOW(syscall(SYS_waitid, P_PID, pid, (void *)0x10, WEXITED, NULL));
  /* Linux has taken the child all the same, EuroOS leaves it. */
  waitpid(pid, NULL, WNOHANG);
  SHOW(waitpid(-1, NULL, 0x10));
  SHOW(waitpid(99999, NULL, 0));
  signal(SIGCHLD, SIG_IGN);
  pid = start(5);
  tell("ignored children leave nothing", P_ALL, 0, WEXITED, 0);
  signal(SIGCHLD, SIG_DFL);
  return 0;
}
