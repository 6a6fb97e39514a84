// uname [-asnrvm]: what system this is.

#include "common.h"
#include <sys/utsname.h>

int main(int argc, char **argv) {
  program_name = "uname";
  struct utsname system;
  if (uname(&system) != 0) {
    complain("uname");
    return 1;
  }
  const char letters[] = "snrvm";
  const char *fields[] = {system.sysname, system.nodename, system.release, system.version, system.machine};
  int wanted = 0, option;
  while ((option = getopt(argc, argv, "asnrvm")) != -1) {
    if (option == '?') usage("uname [-asnrvm]");
    if (option == 'a') wanted = 31;
    else wanted |= 1 << (strchr(letters, option) - letters);
  }
  if (wanted == 0) wanted = 1;
  const char *between = "";
  for (int i = 0; i < 5; i++)
    if (wanted & (1 << i)) {
      printf("%s%s", between, fields[i]);
      between = " ";
    }
  putchar('\n');
  return finish_output(0);
}
