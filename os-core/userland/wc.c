// wc [-clw] [file…]: lines, words, bytes.

#include "common.h"
#include <ctype.h>
#include <fcntl.h>

static int show_lines, show_words, show_bytes;
struct counts {
  unsigned long long lines, words, bytes;
};

static void print(const struct counts *counts, const char *name) {
  int several = show_lines + show_words + show_bytes > 1 || name != NULL;
  const char *between = "";
  const unsigned long long values[] = {counts->lines, counts->words, counts->bytes};
  const int shown[] = {show_lines, show_words, show_bytes};
  for (int i = 0; i < 3; i++) {
    if (!shown[i]) continue;
    if (several && show_lines + show_words + show_bytes > 1) printf("%s%7llu", between, values[i]);
    else printf("%s%llu", between, values[i]);
    between = " ";
  }
  if (name != NULL) printf(" %s", name);
  putchar('\n');
}

static int count(int descriptor, const char *name, struct counts *counts) {
  static unsigned char buffer[65536];
  int in_word = 0;
  for (;;) {
    ssize_t length = read(descriptor, buffer, sizeof buffer);
    if (length == 0) return 0;
    if (length < 0) {
      if (errno == EINTR) continue;
      complain(name);
      return 1;
    }
    counts->bytes += (unsigned long long)length;
    for (ssize_t i = 0; i < length; i++) {
      if (buffer[i] == '\n') counts->lines++;
      if (isspace(buffer[i])) in_word = 0;
      else if (!in_word) {
        in_word = 1;
        counts->words++;
      }
    }
  }
}

int main(int argc, char **argv) {
  program_name = "wc";
  int option, status = 0;
  while ((option = getopt(argc, argv, "clw")) != -1) {
    if (option == 'c') show_bytes = 1;
    else if (option == 'l') show_lines = 1;
    else if (option == 'w') show_words = 1;
    else usage("wc [-clw] [file...]");
  }
  if (!show_bytes && !show_lines && !show_words) show_bytes = show_lines = show_words = 1;
  struct counts total = {0, 0, 0};
  if (optind == argc) {
    status = count(0, "standard input", &total);
    print(&total, NULL);
    return finish_output(status);
  }
  for (int i = optind; i < argc; i++) {
    struct counts one = {0, 0, 0};
    int descriptor = strcmp(argv[i], "-") == 0 ? 0 : open(argv[i], O_RDONLY);
    if (descriptor < 0 || count(descriptor, argv[i], &one) != 0) {
      if (descriptor < 0) complain(argv[i]);
      status = 1;
    } else print(&one, argv[i]);
    if (descriptor > 0) close(descriptor);
    total.lines += one.lines;
    total.words += one.words;
    total.bytes += one.bytes;
  }
  if (argc - optind > 1) print(&total, "total");
  return finish_output(status);
}
