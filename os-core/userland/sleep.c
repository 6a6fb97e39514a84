// sleep seconds: may have a fraction.

#include "common.h"
#include <time.h>

int main(int argc, char **argv) {
  char *end;
  double seconds = argc == 2 ? strtod(argv[1], &end) : -1;
  if (argc != 2 || *argv[1] == 0 || *end != 0 || !(seconds >= 0) || seconds > 1e9) usage("sleep seconds");
  struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (nanosleep(&time, &time) != 0)
    if (errno != EINTR) return 1;
  return 0;
}
