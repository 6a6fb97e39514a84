// caps [process…]: the rights of each process, and whose key vouched for its code. Without the right to processes: only its own.

#include "proc.h"

static const struct {
  const char *name;
  unsigned bit;
} rights[] = {{"console", 1}, {"process", 2}, {"file", 4}, {"network", 8}, {"exec-local", 16}, {"exec-jit", 32}};

/* The value of a line "Name:\tvalue", cut at its end. */
static const char *field(char *text, const char *name, char *buffer, size_t size) {
  char *line = strstr(text, name);
  if (line == NULL) return "";
  line += strlen(name);
  while (*line == '\t' || *line == ' ') line++;
  snprintf(buffer, size, "%.*s", (int)strcspn(line, "\n"), line);
  return buffer;
}

static int show(const struct process *process) {
  char path[64], text[4096], value[128];
  snprintf(path, sizeof path, "/proc/%d/status", process->id);
  if (read_file(path, text, sizeof text) < 0) return -1;
  unsigned held = (unsigned)strtoul(field(text, "\nRights:", value, sizeof value), NULL, 16);
  printf("%5d  %-15s", process->id, process->name);
  for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
    printf(" %-*s", (int)strlen(rights[i].name), (held & rights[i].bit) != 0 ? "held" : "-");
  printf("  %s\n", field(text, "\nVerifiedBy:", value, sizeof value));
  return 0;
}

int main(int argc, char **argv) {
  static const char *use = "caps [process...]";
  program_name = "caps";
  if (getopt(argc, argv, "") != -1) usage(use);
  struct process *list, one;
  int count = 0, status = 0;
  if (optind == argc && (count = list_processes(&list)) < 0) {
    complain("/proc");
    return 1;
  }
  printf("  PID  %-15s", "NAME");
  for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) printf(" %s", rights[i].name);
  printf("  VERIFIED BY\n");
  // One that has ended meanwhile is left out.
  for (int i = 0; i < count; i++) show(&list[i]);
  for (int i = optind; i < argc; i++) {
    if (read_process((int)number_argument(argv[i], use), &one) == 0 && show(&one) == 0) continue;
    if (errno == ENOENT) errno = ESRCH;
    complain(argv[i]);
    status = 1;
  }
  return finish_output(status);
}
