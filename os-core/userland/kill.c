// kill [-signal] process…: signal as a number or a name without SIG.

#include "common.h"
#include <ctype.h>
#include <signal.h>

static const struct {
  const char *name;
  int number;
} names[] = {{"HUP", 1},   {"INT", 2},   {"QUIT", 3},  {"ILL", 4},   {"TRAP", 5},  {"ABRT", 6},  {"BUS", 7},
             {"FPE", 8},   {"KILL", 9},  {"USR1", 10}, {"SEGV", 11}, {"USR2", 12}, {"PIPE", 13}, {"ALRM", 14},
             {"TERM", 15}, {"CHLD", 17}, {"CONT", 18}, {"STOP", 19}, {"TSTP", 20}, {"TTIN", 21}, {"TTOU", 22}};

static int signal_number(const char *text) {
  if (isdigit((unsigned char)*text)) return (int)strtol(text, NULL, 10);
  if (strncmp(text, "SIG", 3) == 0) text += 3;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i].name, text) == 0) return names[i].number;
  return -1;
}

int main(int argc, char **argv) {
  static const char *use = "kill [-signal] process...";
  program_name = "kill";
  int first = 1, number = SIGTERM, status = 0;
  if (argc > 1 && argv[1][0] == '-' && argv[1][1] != 0 && strcmp(argv[1], "--") != 0) {
    number = signal_number(argv[1] + 1);
    first = 2;
  }
  if (first < argc && strcmp(argv[first], "--") == 0) first++;
  if (number < 0 || number > 64 || first >= argc) usage(use);
  for (int i = first; i < argc; i++)
    if (kill((pid_t)number_argument(argv[i], use), number) != 0) {
      complain(argv[i]);
      status = 1;
    }
  return status;
}
