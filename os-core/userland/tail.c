// tail [-n lines] [file…]: the last lines; -n +N starts at line N.

#include "common.h"

static const char *use = "tail [-n lines] [file...]";

static void show(FILE *file, long wanted, int from_start) {
  char *text = NULL;
  size_t size = 0;
  ssize_t length;
  if (from_start) {
    for (long line = 1; (length = getline(&text, &size, file)) >= 0; line++)
      if (line >= wanted) fwrite(text, 1, (size_t)length, stdout);
    free(text);
    return;
  }
  if (wanted <= 0) return;
  struct { char *text; size_t length; } *ring = calloc((size_t)wanted, sizeof *ring);
  if (ring == NULL) {
    complain("memory");
    exit(1);
  }
  unsigned long long count = 0;
  while ((length = getline(&text, &size, file)) >= 0) {
    size_t slot = (size_t)(count++ % (unsigned long long)wanted);
    free(ring[slot].text);
    ring[slot].text = text;
    ring[slot].length = (size_t)length;
    text = NULL;
    size = 0;
  }
  free(text);
  unsigned long long first = count > (unsigned long long)wanted ? count - (unsigned long long)wanted : 0;
  for (unsigned long long i = first; i < count; i++) {
    size_t slot = (size_t)(i % (unsigned long long)wanted);
    fwrite(ring[slot].text, 1, ring[slot].length, stdout);
    free(ring[slot].text);
  }
  free(ring);
}

int main(int argc, char **argv) {
  program_name = "tail";
  int option, status = 0, from_start = 0;
  long lines = 10;
  if (argc > 1 && argv[1][0] == '-' && argv[1][1] >= '0' && argv[1][1] <= '9') {
    lines = number_argument(argv[1] + 1, use);
    optind = 2;
  }
  while ((option = getopt(argc, argv, "n:")) != -1) {
    if (option != 'n') usage(use);
    from_start = optarg[0] == '+';
    lines = number_argument(optarg + (optarg[0] == '+' || optarg[0] == '-'), use);
  }
  if (optind == argc) show(stdin, lines, from_start);
  for (int i = optind; i < argc; i++) {
    FILE *file = fopen(argv[i], "r");
    if (file == NULL) {
      complain(argv[i]);
      status = 1;
      continue;
    }
    if (argc - optind > 1) printf("%s==> %s <==\n", i > optind ? "\n" : "", argv[i]);
    show(file, lines, from_start);
    fclose(file);
  }
  return finish_output(status);
}
