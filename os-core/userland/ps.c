// ps [-l] [process…]: the processes, or those that are named; -l with whole command lines even if they are longer than a line.

#include "proc.h"
#include <sys/ioctl.h>

static int columns(void) {
  struct winsize size;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 0;
}

static void show(const struct process *process, int width) {
  char user[32], memory[16], line[400];
  unsigned long long seconds = process->ticks / 100;
  snprintf(line, sizeof line, "%5d %5d %-8s %c  %3llu:%02llu %7s  %s", process->id, process->parent,
           user_name(process->user, user, sizeof user), process->state, seconds / 60, seconds % 60,
           memory_text(process->resident_kib, memory, sizeof memory), process->command);
  printf("%.*s\n", width > 0 ? width : (int)sizeof line, line);
}

int main(int argc, char **argv) {
  static const char *use = "ps [-l] [process...]";
  program_name = "ps";
  int option, width = columns(), status = 0;
  while ((option = getopt(argc, argv, "l")) != -1) {
    if (option != 'l') usage(use);
    width = 0;
  }
  struct process *list, one;
  int count = 0;
  if (optind == argc && (count = list_processes(&list)) < 0) {
    complain("/proc");
    return 1;
  }
  printf("  PID  PPID USER     S    TIME  MEMORY  COMMAND\n");
  for (int i = 0; i < count; i++) show(&list[i], width);
  for (int i = optind; i < argc; i++) {
    if (read_process((int)number_argument(argv[i], use), &one) == 0) show(&one, width);
    else {
      if (errno == ENOENT) errno = ESRCH;
      complain(argv[i]);
      status = 1;
    }
  }
  return finish_output(status);
}
