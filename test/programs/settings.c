// What processes ask and set about themselves: scheduling, limits, prctl, barriers, capabilities, random numbers.
#define _GNU_SOURCE
#include "check.h"
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/membarrier.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void scheduling(void) {
  int priority = 5;
  unsigned long mask[16] = {0};
  SHOW(syscall(SYS_sched_getscheduler, 0));
  SHOW(syscall(SYS_sched_getscheduler, -1));
  SHOW(syscall(SYS_sched_getscheduler, 99999999));
  SHOW(syscall(SYS_sched_getparam, 0, &priority));
  printf("priority %d\n", priority);
  SHOW(syscall(SYS_sched_getparam, 0, NULL));
  SHOW(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &priority));
  SHOW(syscall(SYS_sched_getscheduler, 0));
  priority = 1;
  SHOW(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority));
  SHOW(syscall(SYS_sched_setscheduler, 0, 77, &priority));
  SHOW(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, (void *)0));
  priority = 100;
  SHOW(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority));
  priority = 0;
  SHOW(syscall(SYS_sched_setparam, 0, &priority));
  SHOW(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority));
  for (int policy = 0; policy < 7; policy++) printf("%d: %d to %d\n", policy, (int)syscall(SYS_sched_get_priority_min, policy), (int)syscall(SYS_sched_get_priority_max, policy));
  struct timespec interval;
  SHOW(syscall(SYS_sched_rr_get_interval, 0, &interval));
  long size = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
  printf("affinity %d, first processor %d\n", size >= 8 && size % 8 == 0, (int)(mask[0] & 1));
  SHOW(syscall(SYS_sched_setaffinity, 0, (unsigned)size, mask));
  SHOW(syscall(SYS_sched_setaffinity, 0, sizeof mask, (unsigned long[16]){0}));
  SHOW(syscall(SYS_sched_setaffinity, 99999999, sizeof mask, mask));
  SHOW(syscall(SYS_sched_getaffinity, 0, 7, mask));
  unsigned attributes[14] = {0};
  SHOW(syscall(SYS_sched_getattr, 0, attributes, 48, 0));
  printf("size %u policy %u nice %d\n", attributes[0], attributes[1], (int)attributes[4]);
  attributes[4] = 3;
  SHOW(syscall(SYS_sched_setattr, 0, attributes, 0));
  SHOW(getpriority(PRIO_PROCESS, 0));
  SHOW(syscall(SYS_sched_getattr, 0, attributes, 40, 0));
  unsigned cpu = 9, node = 9;
  SHOW(syscall(SYS_getcpu, &cpu, &node, NULL));
  printf("cpu %d node %u\n", cpu < 4096, node);
}

static void limits(void) {
  struct rlimit limit, old;
  SHOW(getrlimit(RLIMIT_NOFILE, &old));
  limit = old, limit.rlim_cur = 10;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  int last = 0;
  for (int fd; (fd = dup(0)) >= 0;) last = fd;
  printf("last %d %s\n", last, strerror(errno));
  SHOW(dup2(0, 10));
  for (int fd = 3; fd <= last; fd++) close(fd);
  limit.rlim_cur = limit.rlim_max + 1;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  SHOW(setrlimit(RLIMIT_NOFILE, &old));
  SHOW(getrlimit(16, &limit));
  SHOW(getrlimit(RLIMIT_NOFILE, (void *)0x10));
  SHOW(prlimit(0, RLIMIT_CORE, &(struct rlimit){0, 0}, NULL));
  SHOW(prlimit(0, RLIMIT_CORE, NULL, &limit));
  printf("core %d\n", (int)limit.rlim_cur);
  SHOW(prlimit(99999999, RLIMIT_CORE, NULL, &limit));
}

static int setBy(int option, unsigned long value) { return prctl(option, value, 0, 0, 0); }
static void processControl(void) {
  char name[16] = {0};
  int word = 9;
  SHOW(setBy(PR_SET_NAME, (unsigned long)"a-name-longer-than-sixteen"));
  SHOW(setBy(PR_GET_NAME, (unsigned long)name));
  printf("%s\n", name);
  SHOW(setBy(PR_SET_PDEATHSIG, SIGUSR1));
  SHOW(setBy(PR_GET_PDEATHSIG, (unsigned long)&word));
  printf("signal %d\n", word);
  SHOW(setBy(PR_SET_PDEATHSIG, 99));
  SHOW(setBy(PR_GET_DUMPABLE, 0));
  SHOW(setBy(PR_SET_DUMPABLE, 0));
  SHOW(setBy(PR_GET_DUMPABLE, 0));
  SHOW(setBy(PR_SET_DUMPABLE, 2));
  SHOW(setBy(PR_GET_KEEPCAPS, 0));
  SHOW(setBy(PR_GET_TIMING, 0));
  SHOW(setBy(PR_GET_SECCOMP, 0));
  SHOW(setBy(PR_GET_TIMERSLACK, 0));
  SHOW(setBy(PR_SET_TIMERSLACK, 1234));
  SHOW(setBy(PR_GET_TIMERSLACK, 0));
  SHOW(setBy(PR_SET_TIMERSLACK, 0));
  SHOW(setBy(PR_GET_TIMERSLACK, 0));
  SHOW(setBy(PR_GET_NO_NEW_PRIVS, 0));
  SHOW(setBy(PR_SET_NO_NEW_PRIVS, 1));
  SHOW(setBy(PR_GET_NO_NEW_PRIVS, 0));
  SHOW(setBy(PR_SET_NO_NEW_PRIVS, 0));
  SHOW(setBy(PR_GET_THP_DISABLE, 0));
  SHOW(setBy(99999, 0));
  SHOW(setBy(PR_SET_CHILD_SUBREAPER, 1));
  SHOW(setBy(PR_GET_CHILD_SUBREAPER, (unsigned long)&word));
  printf("subreaper %d\n", word);
  fflush(stdout);
  int ends[2];
  pipe(ends);
  pid_t middle = fork();
  if (middle == 0) {
    pid_t last = fork();
    if (last == 0) {
      struct timespec moment = {0, 5000000};
      while (getppid() == middle) nanosleep(&moment, NULL);
      _exit(9);
    }
    write(ends[1], &last, sizeof last);
    _exit(0);
  }
  pid_t last;
  read(ends[0], &last, sizeof last);
  SHOW(waitpid(middle, NULL, 0) == middle);
  int status = 0;
  SHOW(waitpid(last, &status, 0) == last);
  printf("the orphan came to its grandparent: %d\n", WEXITSTATUS(status));
  setBy(PR_SET_CHILD_SUBREAPER, 0);
}

static int barrier(int command, unsigned flags) { return (int)syscall(SYS_membarrier, command, flags, 0); }
static void rest(void) {
  int all = barrier(MEMBARRIER_CMD_QUERY, 0);
  printf("barriers %d\n", (all & 0x1f) == 0x1f);
  SHOW(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
  SHOW(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
  SHOW(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
  SHOW(barrier(MEMBARRIER_CMD_GLOBAL, 0));
  SHOW(barrier(MEMBARRIER_CMD_GLOBAL, 1));
  SHOW(barrier(3, 0));
  unsigned header[2] = {0x20080522, 0}, data[6];
  SHOW(syscall(SYS_capget, header, data));
  SHOW(syscall(SYS_capset, header, data));
  header[0] = 1;
  SHOW(syscall(SYS_capget, header, data));
  printf("version %x\n", header[0]);
  header[0] = 1;
  SHOW(syscall(SYS_capget, header, NULL));
  header[0] = 0x20080522, header[1] = 99999999;
  SHOW(syscall(SYS_capget, header, data));
  SHOW(syscall(SYS_capget, (void *)0x10, data));
  char bytes[64] = {0};
  SHOW(getrandom(bytes, sizeof bytes, 0));
  SHOW(getrandom(bytes, sizeof bytes, GRND_NONBLOCK | GRND_RANDOM));
  SHOW(getrandom(bytes, sizeof bytes, 4));
  SHOW(getrandom(bytes, sizeof bytes, 6));
  SHOW(getrandom(bytes, sizeof bytes, 8));
  SHOW(getrandom((void *)0x10, 8, 0));
  SHOW(getrandom(bytes, 0, 0));
  void *head = NULL;
  size_t length = 0;
  TRY(syscall(SYS_get_robust_list, 0, &head, &length));
  printf("robust list %zu\n", length);
  struct sysinfo information;
  SHOW(sysinfo(&information));
  printf("sysinfo %d %d %d\n", information.totalram > information.freeram, information.procs > 0, information.mem_unit > 0);
  struct tms used;
  printf("times %d\n", times(&used) > 0 && used.tms_utime >= 0);
  struct rusage usage;
  SHOW(getrusage(RUSAGE_SELF, &usage));
  SHOW(getrusage(RUSAGE_CHILDREN, &usage));
  SHOW(getrusage(RUSAGE_THREAD, &usage));
  SHOW(getrusage(5, &usage));
  printf("setfsuid %d\n", (int)syscall(SYS_setfsuid, -1) == (int)getuid());
}

int main(void) {
  scheduling();
  limits();
  processControl();
  rest();
  return 0;
}
