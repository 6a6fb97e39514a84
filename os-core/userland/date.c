// date [-u] [+format]: the time; this system keeps UTC.

#include "common.h"
#include <time.h>

int main(int argc, char **argv) {
  static const char *use = "date [-u] [+format]";
  program_name = "date";
  if (getopt(argc, argv, "u") == '?') usage(use);
  if (optind < argc && strcmp(argv[optind], "-u") == 0) optind++;
  const char *format = "%a %b %e %H:%M:%S UTC %Y";
  if (optind < argc) {
    if (argv[optind][0] != '+' || optind + 1 < argc) usage(use);
    format = argv[optind] + 1;
  }
  time_t now = time(NULL);
  static char text[4096];
  if (*format != 0 && strftime(text, sizeof text, format, gmtime(&now)) == 0) usage(use);
  puts(text);
  return finish_output(0);
}
