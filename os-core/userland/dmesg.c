// dmesg [-t] [-n lines]: the kernel log; -t without time stamps, -n only the last lines. Reading it takes the right to processes.

#include "common.h"
#include <fcntl.h>

int main(int argc, char **argv) {
  static const char *use = "dmesg [-t] [-n lines]";
  program_name = "dmesg";
  int option, plain = 0;
  long last = -1;
  while ((option = getopt(argc, argv, "tn:")) != -1) {
    if (option == 't') plain = 1;
    else if (option == 'n') last = number_argument(optarg, use);
    else usage(use);
  }
  if (optind < argc) usage(use);
  FILE *log = fopen("/proc/kmsg", "r");
  if (log == NULL) {
    complain("/proc/kmsg");
    return 1;
  }
  char **lines = NULL, *line = NULL;
  size_t count = 0, size = 0;
  while (getline(&line, &size, log) >= 0) {
    if (count % 256 == 0) lines = must(realloc(lines, sizeof *lines * (count + 256)));
    lines[count++] = must(strdup(line));
  }
  if (ferror(log)) {
    complain("/proc/kmsg");
    return 1;
  }
  for (size_t i = last >= 0 && (size_t)last < count ? count - (size_t)last : 0; i < count; i++) {
    // "[    0.123456] text"
    char *end = plain ? strstr(lines[i], "] ") : NULL;
    fputs(end == NULL ? lines[i] : end + 2, stdout);
  }
  return finish_output(0);
}
