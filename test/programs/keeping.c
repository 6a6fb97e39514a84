// keeping MASK PROGRAM ARGUMENT…: gives up all rights but those in MASK (euroos_capability_drop), then becomes PROGRAM.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EUROOS_CAPABILITY_DROP 0x40000000

int main(int count, char **arguments) {
  if (count < 3) return 2;
  syscall(EUROOS_CAPABILITY_DROP, strtoul(arguments[1], NULL, 0));
  execvp(arguments[2], arguments + 2);
  printf("%s: %s\n", arguments[2], strerror(errno));
  return 126;
}
