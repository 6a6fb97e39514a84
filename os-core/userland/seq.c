// seq [first [step]] last: whole numbers, one a line.

#include "common.h"

int main(int argc, char **argv) {
  static const char *use = "seq [first [step]] last";
  program_name = "seq";
  if (argc < 2 || argc > 4) usage(use);
  long first = 1, step = 1;
  long last = number_argument(argv[argc - 1], use);
  if (argc > 2) first = number_argument(argv[1], use);
  if (argc > 3) step = number_argument(argv[2], use);
  if (step == 0) usage(use);
  for (long value = first; step > 0 ? value <= last : value >= last;) {
    printf("%ld\n", value);
    if (__builtin_add_overflow(value, step, &value)) break;
  }
  return finish_output(0);
}
