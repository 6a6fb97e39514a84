// rmdir folder…: removes empty folders.

#include "common.h"

int main(int argc, char **argv) {
  program_name = "rmdir";
  if (getopt(argc, argv, "") == '?' || optind == argc) usage("rmdir folder...");
  int status = 0;
  for (int i = optind; i < argc; i++)
    if (rmdir(argv[i]) != 0) {
      complain(argv[i]);
      status = 1;
    }
  return status;
}
