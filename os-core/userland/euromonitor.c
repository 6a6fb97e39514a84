// euromonitor [file]: the heartbeat daemon. Every second the next number, put in place as a whole, so that a reader never sees
// half a number. `euromonitor -` prints the beats instead.

#include "common.h"
#include <fcntl.h>
#include <signal.h>
#include <time.h>

static int put(const char *path, const char *fresh, unsigned long beat) {
  char text[32];
  int length = snprintf(text, sizeof text, "%lu\n", beat);
  if (strcmp(path, "-") == 0) return write_all(1, text, (size_t)length);
  int descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (descriptor < 0) return -1;
  int failed = write_all(descriptor, text, (size_t)length);
  if (close(descriptor) != 0 || failed) return -1;
  return rename(fresh, path);
}

int main(int argc, char **argv) {
  program_name = "euromonitor";
  if (argc > 2) usage("euromonitor [file]");
  const char *path = argc == 2 ? argv[1] : "/run/euromonitor";
  char *fresh = malloc(strlen(path) + 5);
  if (fresh == NULL) {
    complain("memory");
    return 1;
  }
  sprintf(fresh, "%s.new", path);
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (unsigned long beat = 1;; beat++) {
    if (put(path, fresh, beat) != 0) {
      complain(path);
      return 1;
    }
    next.tv_sec++;
    for (;;) {
      struct timespec now, rest;
      clock_gettime(CLOCK_MONOTONIC, &now);
      rest.tv_sec = next.tv_sec - now.tv_sec;
      rest.tv_nsec = next.tv_nsec - now.tv_nsec;
      if (rest.tv_nsec < 0) {
        rest.tv_nsec += 1000000000;
        rest.tv_sec--;
      }
      if (rest.tv_sec < 0 || nanosleep(&rest, NULL) == 0 || errno != EINTR) break;
    }
  }
}
