// echo [-n] [text…]

#include "common.h"

int main(int argc, char **argv) {
  program_name = "echo";
  int first = 1, newline = 1;
  if (argc > 1 && strcmp(argv[1], "-n") == 0) {
    newline = 0;
    first = 2;
  }
  for (int i = first; i < argc; i++) {
    if (i > first) putchar(' ');
    fputs(argv[i], stdout);
  }
  if (newline) putchar('\n');
  return finish_output(0);
}
