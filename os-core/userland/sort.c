// sort [-nru] [file…]: lines by bytes (-n: by leading number), -r backwards, -u each once.

#include "common.h"

struct line {
  char *text;
  size_t length;
};
static struct line *lines;
static size_t count, room;
static int numeric, backwards, unique;

static int order(const struct line *a, const struct line *b) {
  if (numeric) {
    double first = strtod(a->text, NULL), second = strtod(b->text, NULL);
    if (first != second) return first < second ? -1 : 1;
    if (unique) return 0;
  }
  size_t shorter = a->length < b->length ? a->length : b->length;
  int result = memcmp(a->text, b->text, shorter);
  if (result != 0) return result;
  return a->length < b->length ? -1 : a->length > b->length;
}

static int compare(const void *a, const void *b) { return backwards ? order(b, a) : order(a, b); }

static void read_lines(FILE *file) {
  char *text = NULL;
  size_t size = 0;
  ssize_t length;
  while ((length = getline(&text, &size, file)) >= 0) {
    if (length > 0 && text[length - 1] == '\n') text[--length] = 0;
    if (count == room) {
      room = room == 0 ? 1024 : room * 2;
      lines = realloc(lines, room * sizeof *lines);
      if (lines == NULL) {
        complain("memory");
        exit(2);
      }
    }
    lines[count].text = text;
    lines[count++].length = (size_t)length;
    text = NULL;
    size = 0;
  }
  free(text);
}

int main(int argc, char **argv) {
  program_name = "sort";
  int option;
  while ((option = getopt(argc, argv, "nru")) != -1) {
    if (option == 'n') numeric = 1;
    else if (option == 'r') backwards = 1;
    else if (option == 'u') unique = 1;
    else usage("sort [-nru] [file...]");
  }
  if (optind == argc) read_lines(stdin);
  for (int i = optind; i < argc; i++) {
    FILE *file = strcmp(argv[i], "-") == 0 ? stdin : fopen(argv[i], "r");
    if (file == NULL) {
      complain(argv[i]);
      return 2;
    }
    read_lines(file);
    if (file != stdin) fclose(file);
  }
  if (count > 0) qsort(lines, count, sizeof *lines, compare);
  for (size_t i = 0; i < count; i++) {
    if (unique && i > 0 && order(&lines[i - 1], &lines[i]) == 0) continue;
    fwrite(lines[i].text, 1, lines[i].length, stdout);
    putchar('\n');
  }
  return finish_output(0);
}
