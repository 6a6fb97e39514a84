// mv source… target: renames; between file systems it copies and removes.

#include "transfer.h"

int main(int argc, char **argv) {
  static const char *use = "mv source... target";
  program_name = "mv";
  if (getopt(argc, argv, "f") == '?' || argc - optind < 2) usage(use);
  const char *target = argv[argc - 1];
  int status = 0;
  for (int i = optind; i < argc - 1; i++) {
    int is_folder;
    char *to = destination(argv[i], target, &is_folder);
    if (!is_folder && argc - optind > 2) {
      errno = ENOTDIR;
      complain(target);
      return 1;
    }
    if (rename(argv[i], to) != 0) {
      if (errno == EXDEV) {
        if (copy_tree(argv[i], to, 0) != 0 || remove_tree(argv[i], "", 0) != 0) status = 1;
      } else {
        complain(argv[i]);
        status = 1;
      }
    }
    free(to);
  }
  return status;
}
