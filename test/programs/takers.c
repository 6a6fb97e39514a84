// Which thread takes a signal of the process: one that does not block it, also when another thread was chosen first.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_t other;
static volatile sig_atomic_t takenByOther, takenByMain, ready;
static int never[2];

static void take(int number) {
  (void)number;
  if (pthread_equal(pthread_self(), other)) takenByOther++;
  else takenByMain++;
}
static int waitUntil(volatile sig_atomic_t *what, int value) {
  for (int n = 0; n < 2000 && *what != value; n++) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  return *what;
}
/** Runs in the main thread with SIGUSR2 blocked by the mask of the action. */
static void takeFirst(int number) {
  (void)number;
  printf("in the handler of the first: the other has taken %d\n", waitUntil(&takenByOther, 1));
}
static void setMask(int how, int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(how, &set, NULL);
}
static void install(int number, void (*handler)(int), int blocks) {
  struct sigaction action = {.sa_handler = handler};
  if (blocks != 0) sigaddset(&action.sa_mask, blocks);
  sigaction(number, &action, NULL);
}

/** Sleeps in a call without an end; takes SIGUSR2 only. */
static void *sleeper(void *unused) {
  (void)unused;
  char byte;
  setMask(SIG_BLOCK, SIGUSR1);
  setMask(SIG_UNBLOCK, SIGUSR2);
  ready = 1;
  read(never[0], &byte, 1);
  return NULL;
}
static void send(pid_t target, int first, int second) {
  if (fork() == 0) {
    kill(target, first);
    if (second != 0) kill(target, second);
    _exit(0);
  }
  wait(NULL);
}
static void startSleeper(void) {
  ready = takenByOther = takenByMain = 0;
  pthread_create(&other, NULL, sleeper, NULL);
  waitUntil(&ready, 1);
  // Into its read.
  nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/** The second signal finds the main thread awake, with the first to take, but blocking the second. */
static void besideAnother(void) {
  install(SIGUSR1, take, 0);
  install(SIGUSR2, take, 0);
  setMask(SIG_BLOCK, SIGUSR2);
  startSleeper();
  send(getpid(), SIGUSR1, SIGUSR2);
  waitUntil(&takenByOther, 1);
  printf("beside another: main %d, other %d\n", (int)takenByMain, (int)takenByOther);
  pthread_join(other, NULL);
}

/** The main thread could take both, but the handler of the first blocks the second. */
static void behindAnother(void) {
  install(SIGUSR1, takeFirst, SIGUSR2);
  setMask(SIG_UNBLOCK, SIGUSR2);
  startSleeper();
  send(getpid(), SIGUSR1, SIGUSR2);
  waitUntil(&takenByOther, 1);
  printf("behind another: main %d, other %d\n", (int)takenByMain, (int)takenByOther);
  pthread_join(other, NULL);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (pipe(never) != 0) return 1;
  alarm(20);
  besideAnother();
  behindAnother();
  return 0;
}
