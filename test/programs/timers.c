// timerfd, timer_create, setitimer, sleeping to a deadline: expiries, overruns, settings, errors.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const long MILLI = 1000000;
static struct timespec now(int clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time;
}
static long since(struct timespec start) {
  struct timespec end = now(CLOCK_MONOTONIC);
  return (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec;
}
static struct timespec later(struct timespec time, long nanos) {
  time.tv_nsec += nanos;
  time.tv_sec += time.tv_nsec / 1000000000L;
  time.tv_nsec %= 1000000000L;
  return time;
}

static void descriptors(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  uint64_t count = 0;
  struct itimerspec setting = {{0, 0}, {0, 0}}, old;
  SHOW(read(fd, &count, 8));
  SHOW(read(fd, &count, 4));
  SHOW(write(fd, &count, 8));
  SHOW(timerfd_gettime(fd, &old));
  printf("off %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
  setting.it_value.tv_sec = 100, setting.it_interval.tv_nsec = 5 * MILLI;
  SHOW(timerfd_settime(fd, 0, &setting, &old));
  timerfd_gettime(fd, &old);
  printf("runs %d interval %ld\n", old.it_value.tv_sec >= 99 && old.it_value.tv_sec <= 100, old.it_interval.tv_nsec);
  setting.it_value.tv_sec = 0, setting.it_value.tv_nsec = 10 * MILLI, setting.it_interval.tv_nsec = 0;
  struct timespec start = now(CLOCK_MONOTONIC);
  SHOW(timerfd_settime(fd, 0, &setting, &old));
  printf("old interval %ld\n", old.it_interval.tv_nsec);
  struct pollfd poller = {fd, POLLIN, 0};
  SHOW(poll(&poller, 1, -1));
  printf("late enough %d\n", since(start) >= 10 * MILLI);
  SHOW(read(fd, &count, 8));
  printf("count %d\n", (int)count);
  SHOW(read(fd, &count, 8));
  setting.it_interval.tv_nsec = 20 * MILLI;
  timerfd_settime(fd, 0, &setting, NULL);
  struct timespec pause = {0, 100 * MILLI};
  nanosleep(&pause, NULL);
  read(fd, &count, 8);
  printf("several %d\n", count >= 4 && count < 20);
  fcntl(fd, F_SETFL, 0);
  start = now(CLOCK_MONOTONIC);
  read(fd, &count, 8);
  // A busy host may come late for one period and see two.
  printf("waited for one: %d, less than two periods %d\n", count >= 1, since(start) < 2000 * MILLI);
  memset(&setting, 0, sizeof setting);
  SHOW(timerfd_settime(fd, 0, &setting, NULL));
  poller.revents = 0;
  SHOW(poll(&poller, 1, 50));
  int real = timerfd_create(CLOCK_REALTIME, 0);
  setting.it_value = later(now(CLOCK_REALTIME), 20 * MILLI);
  start = now(CLOCK_MONOTONIC);
  SHOW(timerfd_settime(real, TFD_TIMER_ABSTIME, &setting, NULL));
  timerfd_gettime(real, &old);
  printf("rest of an absolute time %d\n", old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0);
  SHOW(read(real, &count, 8));
  printf("at its time %d %d\n", (int)count, since(start) >= 18 * MILLI);
  setting.it_value.tv_sec = 1, setting.it_value.tv_nsec = 0;
  timerfd_settime(real, TFD_TIMER_ABSTIME, &setting, NULL);
  SHOW(read(real, &count, 8));
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  setting.it_value.tv_sec = 0, setting.it_value.tv_nsec = MILLI;
  timerfd_settime(fd, 0, &setting, NULL);
  SHOW(epoll_wait(epoll, &event, 1, -1));
  SHOW(epoll_wait(epoll, &event, 1, 0));
  setting.it_value.tv_nsec = 1000000000L;
  SHOW(timerfd_settime(fd, 0, &setting, NULL));
  setting.it_value.tv_nsec = -1;
  SHOW(timerfd_settime(fd, 0, &setting, NULL));
  SHOW(timerfd_settime(fd, 0, (void *)0x10, NULL));
  setting.it_value.tv_nsec = 1;
  SHOW(timerfd_settime(fd, 8, &setting, NULL));
  SHOW(timerfd_settime(99, 0, &setting, NULL));
  SHOW(timerfd_settime(0, 0, &setting, NULL));
  SHOW(timerfd_gettime(1, &old));
  SHOW(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  SHOW(timerfd_create(99, 0));
  SHOW(timerfd_create(CLOCK_MONOTONIC, 1));
  close(fd), close(real), close(epoll);
}

static volatile int signals, lastCode, lastValue;
static volatile pid_t lastThread;
static void handler(int number, siginfo_t *information, void *context) {
  (void)context, (void)number;
  signals++;
  lastCode = information->si_code;
  lastValue = information->si_value.sival_int;
  lastThread = (pid_t)syscall(SYS_gettid);
}
static timer_t create(int notify, int number, int value, int clock) {
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = notify, event.sigev_signo = number, event.sigev_value.sival_int = value;
  timer_t timer = (timer_t)-1;
  errno = 0;
  int result = timer_create(clock, &event, &timer);
  printf("timer_create = %d %s\n", result, errorName(errno));
  return timer;
}
static void await(int count) {
  struct timespec moment = {0, 5 * MILLI};
  while (signals < count) nanosleep(&moment, NULL);
}
static void *bystander(void *argument) {
  (void)argument;
  struct timespec moment = {0, 200 * MILLI};
  nanosleep(&moment, NULL);
  return NULL;
}

static void posix(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGRTMIN, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  timer_t timer = create(SIGEV_SIGNAL, SIGUSR1, 77, CLOCK_MONOTONIC);
  struct itimerspec setting = {{0, 0}, {0, 10 * MILLI}}, old;
  SHOW(timer_settime(timer, 0, &setting, &old));
  await(1);
  printf("signals %d code %d value %d overrun %d\n", signals, lastCode == SI_TIMER, lastValue, timer_getoverrun(timer));
  timer_gettime(timer, &old);
  printf("off again %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &before);
  setting.it_interval.tv_nsec = 10 * MILLI;
  timer_settime(timer, 0, &setting, NULL);
  struct timespec pause = {0, 120 * MILLI};
  nanosleep(&pause, NULL);
  siginfo_t information;
  SHOW(sigwaitinfo(&set, &information) == SIGUSR1);
  printf("overrun %d same %d value %d\n", information.si_overrun >= 5, information.si_overrun == timer_getoverrun(timer), information.si_value.sival_int);
  memset(&setting, 0, sizeof setting);
  nanosleep(&pause, NULL);
  timer_settime(timer, 0, &setting, &old);
  printf("interval was %ld\n", old.it_interval.tv_nsec);
  struct timespec none = {0, 0};
  SHOW(sigtimedwait(&set, &information, &none));
  sigprocmask(SIG_SETMASK, &before, NULL);
  SHOW(timer_delete(timer));
  SHOW(syscall(SYS_timer_settime, 12345, 0, &setting, NULL));
  SHOW(syscall(SYS_timer_delete, 12345));
  SHOW(syscall(SYS_timer_getoverrun, 12345));
  timer_t silent = create(SIGEV_NONE, 0, 0, CLOCK_MONOTONIC);
  setting.it_value.tv_sec = 50;
  SHOW(timer_settime(silent, 0, &setting, NULL));
  timer_gettime(silent, &old);
  printf("rest %d\n", old.it_value.tv_sec >= 49 && old.it_value.tv_sec < 51);
  setting.it_value.tv_sec = 0, setting.it_value.tv_nsec = MILLI;
  timer_settime(silent, 0, &setting, NULL);
  nanosleep(&pause, NULL);
  timer_gettime(silent, &old);
  printf("silently over %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
  timer_delete(silent);
  signals = 0;
  timer_t plain;
  SHOW(timer_create(CLOCK_REALTIME, NULL, &plain));
  setting.it_value = later(now(CLOCK_REALTIME), 15 * MILLI);
  SHOW(timer_settime(plain, TIMER_ABSTIME, &setting, NULL));
  await(1);
  printf("default signal came\n");
  timer_delete(plain);
  signals = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, bystander, NULL);
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD_ID, event.sigev_signo = SIGRTMIN, event.sigev_value.sival_ptr = (void *)0x123456789abcdef0;
  ((int *)&event)[4] = (int)syscall(SYS_gettid);
  int id;
  SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  setting.it_value.tv_sec = 0, setting.it_value.tv_nsec = 5 * MILLI;
  syscall(SYS_timer_settime, id, 0, &setting, NULL);
  await(1);
  printf("thread id %d\n", lastThread == getpid());
  pthread_join(thread, NULL);
  ((int *)&event)[4] = 1;
  SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = 99;
  SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  event.sigev_notify = 17, event.sigev_signo = SIGUSR1;
  SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  SHOW(syscall(SYS_timer_create, 99, NULL, &id));
  SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (int *)0x10));
  signals = 0;
  timer_t cpu = create(SIGEV_SIGNAL, SIGUSR1, 5, CLOCK_PROCESS_CPUTIME_ID);
  setting.it_value.tv_nsec = 20 * MILLI;
  timer_settime(cpu, 0, &setting, NULL);
  while (signals == 0)
    for (volatile int i = 0; i < 10000; i++) {}
  printf("CPU time %d\n", lastValue);
  timer_delete(cpu);
}

static void intervals(void) {
  signals = 0;
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGVTALRM, &action, NULL);
  sigaction(SIGPROF, &action, NULL);
  struct itimerval setting = {{0, 0}, {0, 10000}}, old;
  SHOW(setitimer(ITIMER_VIRTUAL, &setting, NULL));
  SHOW(setitimer(ITIMER_PROF, &setting, NULL));
  while (signals < 2)
    for (volatile int i = 0; i < 10000; i++) {}
  printf("virtual and profiling\n");
  SHOW(getitimer(ITIMER_PROF, &old));
  printf("off %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
  SHOW(setitimer(3, &setting, NULL));
  SHOW(getitimer(3, &old));
  setting.it_value.tv_usec = 1000000;
  SHOW(setitimer(ITIMER_REAL, &setting, NULL));
  alarm(50);
  unsigned rest = alarm(0);
  printf("alarm rest %d\n", rest >= 49 && rest <= 50);
  struct timespec deadline = later(now(CLOCK_REALTIME), 20 * MILLI), start = now(CLOCK_MONOTONIC);
  SHOW(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &deadline, NULL));
  printf("slept %d\n", since(start) >= 18 * MILLI);
  int word = 1;
  deadline = later(now(CLOCK_REALTIME), 20 * MILLI), start = now(CLOCK_MONOTONIC);
  SHOW(syscall(SYS_futex, &word, 9 | 128 | 256, 1, &deadline, NULL, -1));
  printf("waited %d\n", since(start) >= 18 * MILLI);
  signals = 0;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (int i = 1; i <= 3; i++) sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_ptr = (void *)(0x100000000 * i + i)});
  siginfo_t information;
  for (int i = 1; i <= 3; i++) {
    int number = sigwaitinfo(&set, &information);
    printf("queued %d code %d value %p me %d\n", number == SIGRTMIN, information.si_code == SI_QUEUE, information.si_value.sival_ptr, information.si_pid == getpid());
  }
  SHOW(sigqueue(getpid(), 0, (union sigval){0}));
  SHOW(sigqueue(99999999, SIGUSR1, (union sigval){0}));
  SHOW(sigqueue(getpid(), 99, (union sigval){0}));
  memset(&information, 0, sizeof information);
  information.si_code = SI_USER;
  SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &information));
  SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &information));
}

int main(void) {
  descriptors();
  posix();
  intervals();
  return 0;
}
