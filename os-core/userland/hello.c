// The program that shows that everything is there: arguments, environment, floating point, files.

#include "common.h"

int main(int argc, char **argv) {
  printf("Hello from ring 3\n");
  for (int i = 0; i < argc; i++) printf("argv[%d] = \"%s\"\n", i, argv[i]);
  const char *names[] = {"PATH", "HOME", "USER", "LANG", "TERM", "EUROOS_UNSET"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    printf("%s = %s\n", names[i], value == NULL ? "(unset)" : value);
  }
  double third = 1.0 / 3.0;
  printf("%%f: %f %.10f %e %g\n", third, third * 1e6, third / 1e9, 6.02214076e23);
  unsigned long word = 0xfedcba9876543210UL;
  printf("%%lx: %lx %lu %ld\n", word, word, (long)word);

  char path[64];
  snprintf(path, sizeof path, "/tmp/hello.%ld", (long)getpid());
  FILE *file = fopen(path, "w+");
  if (file == NULL) {
    program_name = "hello";
    complain(path);
    return 1;
  }
  for (int i = 1; i <= 5; i++) fprintf(file, "line %d: %d squared is %d\n", i, i, i * i);
  rewind(file);
  char line[128];
  int lines = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    printf("read back: %s", line);
    lines++;
  }
  fclose(file);
  remove(path);
  printf("%d lines\n", lines);
  return finish_output(0);
}
