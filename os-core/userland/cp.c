// cp [-r] source… target

#include "transfer.h"

int main(int argc, char **argv) {
  static const char *use = "cp [-r] source... target";
  program_name = "cp";
  int option, recursive = 0, status = 0;
  while ((option = getopt(argc, argv, "rR")) != -1) {
    if (option == '?') usage(use);
    recursive = 1;
  }
  if (argc - optind < 2) usage(use);
  const char *target = argv[argc - 1];
  for (int i = optind; i < argc - 1; i++) {
    int is_folder;
    char *to = destination(argv[i], target, &is_folder);
    struct stat source;
    if (!is_folder && argc - optind > 2) {
      errno = ENOTDIR;
      complain(target);
      return 1;
    }
    if (stat(argv[i], &source) != 0) {
      complain(argv[i]);
      status = 1;
    } else if (same_file(argv[i], to)) {
      fprintf(stderr, "cp: %s and %s are the same file\n", argv[i], to);
      status = 1;
    } else if (S_ISDIR(source.st_mode) && !recursive) {
      errno = EISDIR;
      complain(argv[i]);
      status = 1;
    } else if (S_ISDIR(source.st_mode) && lies_within(argv[i], to)) {
      fprintf(stderr, "cp: %s cannot be copied into itself\n", argv[i]);
      status = 1;
    } else if (S_ISDIR(source.st_mode)) status |= copy_tree(argv[i], to, 0);
    else status |= copy_file(argv[i], to, source.st_mode);
    free(to);
  }
  return status;
}
