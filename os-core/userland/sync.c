// sync: returns when everything written so far is on the disk.

#include "common.h"

int main(int argc, char **argv) {
  (void)argv;
  program_name = "sync";
  if (argc > 1) usage("sync");
  sync();
  return 0;
}
