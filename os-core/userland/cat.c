// cat [file…]: files to standard output; `-` is standard input.

#include "common.h"
#include <fcntl.h>

static char buffer[65536];

static int copy(int descriptor, const char *name) {
  for (;;) {
    ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count == 0) return 0;
    if (count < 0) {
      if (errno == EINTR) continue;
      complain(name);
      return 1;
    }
    if (write_all(1, buffer, (size_t)count) != 0) {
      complain("standard output");
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  program_name = "cat";
  if (getopt(argc, argv, "u") == '?') usage("cat [file...]");
  if (optind >= argc) return copy(0, "standard input");
  int status = 0;
  for (int i = optind; i < argc; i++) {
    if (strcmp(argv[i], "-") == 0) {
      status |= copy(0, "standard input");
      continue;
    }
    int descriptor = open(argv[i], O_RDONLY);
    if (descriptor < 0) {
      complain(argv[i]);
      status = 1;
      continue;
    }
    status |= copy(descriptor, argv[i]);
    close(descriptor);
  }
  return status;
}
