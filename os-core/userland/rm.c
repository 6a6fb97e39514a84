// rm [-rf] path…

#include "transfer.h"

int main(int argc, char **argv) {
  static const char *use = "rm [-rf] path...";
  program_name = "rm";
  int option, recursive = 0, force = 0, status = 0;
  while ((option = getopt(argc, argv, "rRf")) != -1) {
    if (option == '?') usage(use);
    if (option == 'f') force = 1;
    else recursive = 1;
  }
  if (optind == argc && !force) usage(use);
  for (int i = optind; i < argc; i++) {
    struct stat target;
    const char *name = last_component(argv[i]);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(argv[i], "/") == 0) {
      fprintf(stderr, "rm: %s: refused\n", argv[i]);
      status = 1;
    } else if (lstat(argv[i], &target) != 0) {
      if (force && errno == ENOENT) continue;
      complain(argv[i]);
      status = 1;
    } else if (S_ISDIR(target.st_mode) && !recursive) {
      errno = EISDIR;
      complain(argv[i]);
      status = 1;
    } else status |= remove_tree(argv[i], "", 0);
  }
  return status;
}
