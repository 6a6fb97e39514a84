// env [-i] [name=value…] [command [argument…]]: prints or changes the environment.

#include "common.h"

extern char **environ;

int main(int argc, char **argv) {
  program_name = "env";
  int option;
  while ((option = getopt(argc, argv, "+i")) != -1) {
    if (option != 'i') usage("env [-i] [name=value...] [command [argument...]]");
    static char *nothing[] = {NULL};
    environ = nothing;
  }
  while (optind < argc && strchr(argv[optind], '=') != NULL) putenv(argv[optind++]);
  if (optind < argc) {
    execvp(argv[optind], argv + optind);
    int reason = errno;
    complain(argv[optind]);
    return reason == ENOENT ? 127 : 126;
  }
  for (char **entry = environ; *entry != NULL; entry++) puts(*entry);
  return finish_output(0);
}
