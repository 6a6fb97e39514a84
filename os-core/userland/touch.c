// touch file…: makes files, or sets their time to now.

#include "common.h"
#include <fcntl.h>
#include <sys/stat.h>

int main(int argc, char **argv) {
  program_name = "touch";
  if (getopt(argc, argv, "") == '?' || optind == argc) usage("touch file...");
  int status = 0;
  for (int i = optind; i < argc; i++) {
    if (utimensat(AT_FDCWD, argv[i], NULL, 0) == 0) continue;
    int descriptor = errno == ENOENT ? open(argv[i], O_WRONLY | O_CREAT, 0666) : -1;
    if (descriptor < 0) {
      complain(argv[i]);
      status = 1;
    } else close(descriptor);
  }
  return status;
}
