// pwd: the current folder.

#include "common.h"

int main(void) {
  program_name = "pwd";
  char *path = getcwd(NULL, 0);
  if (path == NULL) {
    complain("current folder");
    return 1;
  }
  puts(path);
  return finish_output(0);
}
