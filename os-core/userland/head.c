// head [-n lines] [-c bytes] [file…]

#include "common.h"

static const char *use = "head [-n lines] [-c bytes] [file...]";

static void show(FILE *file, long lines, long bytes) {
  int c;
  while (lines > 0 && bytes > 0 && (c = getc(file)) != EOF) {
    putchar(c);
    if (c == '\n') lines--;
    bytes--;
  }
}

int main(int argc, char **argv) {
  program_name = "head";
  int option, status = 0;
  long lines = 10, bytes = __LONG_MAX__;
  if (argc > 1 && argv[1][0] == '-' && argv[1][1] >= '0' && argv[1][1] <= '9') {
    lines = number_argument(argv[1] + 1, use);
    optind = 2;
  }
  while ((option = getopt(argc, argv, "n:c:")) != -1) {
    if (option == 'n') lines = number_argument(optarg, use);
    else if (option == 'c') {
      bytes = number_argument(optarg, use);
      lines = __LONG_MAX__;
    } else usage(use);
  }
  if (optind == argc) show(stdin, lines, bytes);
  for (int i = optind; i < argc; i++) {
    FILE *file = fopen(argv[i], "r");
    if (file == NULL) {
      complain(argv[i]);
      status = 1;
      continue;
    }
    if (argc - optind > 1) printf("%s==> %s <==\n", i > optind ? "\n" : "", argv[i]);
    show(file, lines, bytes);
    fclose(file);
  }
  return finish_output(status);
}
