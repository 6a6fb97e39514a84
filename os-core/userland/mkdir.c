// mkdir [-p] [-m mode] folder…

#include "common.h"
#include <sys/stat.h>

static int make_parents(const char *path, mode_t mode) {
  char *copy = strdup(path);
  for (char *at = copy + 1; *at != 0; at++) {
    if (*at != '/') continue;
    *at = 0;
    if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
      complain(copy);
      free(copy);
      return 1;
    }
    *at = '/';
  }
  free(copy);
  struct stat status;
  if (mkdir(path, mode) == 0 || (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))) return 0;
  complain(path);
  return 1;
}

int main(int argc, char **argv) {
  static const char *use = "mkdir [-p] [-m mode] folder...";
  program_name = "mkdir";
  int option, parents = 0, status = 0;
  mode_t mode = 0777;
  while ((option = getopt(argc, argv, "pm:")) != -1) {
    if (option == 'p') parents = 1;
    else if (option == 'm') mode = (mode_t)strtoul(optarg, NULL, 8);
    else usage(use);
  }
  if (optind == argc) usage(use);
  for (int i = optind; i < argc; i++) {
    if (parents) status |= make_parents(argv[i], mode);
    else if (mkdir(argv[i], mode) != 0) {
      complain(argv[i]);
      status = 1;
    }
  }
  return status;
}
