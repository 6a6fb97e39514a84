// top [-b] [-d seconds] [-n rounds]: the busiest processes, drawn again and again; -b prints tables instead, for files and pipes.
//
//   keys: q ends, P sorts by CPU, M by memory, N by number; any other key draws at once. A new size of the window does, too.

#include "proc.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

struct row {
  struct process process;
  unsigned long long delta; // CPU time since the last round, 1/100 s
};

static struct termios before;
static int drawing;
static char sort_by = 'P';
static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  if (number != SIGWINCH) interrupted = number;
}

static void leave_screen(void) {
  if (!drawing) return;
  drawing = 0;
  fputs("\x1b[?25h\x1b[?1049l", stdout);
  fflush(stdout);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

static void enter_screen(void) {
  struct termios raw = before;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
  fputs("\x1b[?1049h\x1b[?25l", stdout);
  drawing = 1;
}

static int compare_rows(const void *left, const void *right) {
  const struct row *a = left, *b = right;
  if (sort_by == 'P' && a->delta != b->delta) return a->delta < b->delta ? 1 : -1;
  if (sort_by == 'M' && a->process.resident_kib != b->process.resident_kib)
    return a->process.resident_kib < b->process.resident_kib ? 1 : -1;
  return a->process.id - b->process.id;
}

static unsigned long long now_hundredths(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long long)now.tv_sec * 100 + (unsigned long long)now.tv_nsec / 10000000;
}

/* The head: up time, load, memory. */
static int head_lines(char lines[3][160], int running, int count) {
  char text[4096];
  double up;
  char load[32] = "";
  if (read_file("/proc/uptime", text, sizeof text) < 0 || sscanf(text, "%lf", &up) != 1) return -1;
  if (read_file("/proc/loadavg", text, sizeof text) < 0) return -1;
  sscanf(text, "%31[0-9. ]", load);
  // The fourth field begins where the third ends: "0.00 0.01 0.05 1/32 99".
  for (int blanks = 0, i = 0; load[i] != 0; i++)
    if (load[i] == ' ' && ++blanks == 3) load[i] = 0;
  unsigned long seconds = (unsigned long)up;
  snprintf(lines[0], 160, "up %lu:%02lu:%02lu, load average: %s", seconds / 3600, seconds / 60 % 60, seconds % 60, load);
  snprintf(lines[1], 160, "%d processes, %d running", count, running);
  if (read_file("/proc/meminfo", text, sizeof text) < 0) return -1;
  long long total = memory_field(text, "MemTotal"), available = memory_field(text, "MemAvailable");
  snprintf(lines[2], 160, "memory: %lld MiB total, %lld MiB used, %lld MiB available", total / 1024,
           (total - available) / 1024, available / 1024);
  return 0;
}

static void draw(struct row *rows, int count, unsigned long long passed) {
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  if (drawing && (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0))
    size = (struct winsize){.ws_row = 24, .ws_col = 80};
  int width = drawing ? size.ws_col : 399, height = drawing ? size.ws_row : count + 5, running = 0;
  char lines[3][160], line[400];
  for (int i = 0; i < count; i++) running += rows[i].process.state == 'R';
  if (head_lines(lines, running, count) != 0) return;
  qsort(rows, (size_t)count, sizeof *rows, compare_rows);
  const char *end = drawing ? "\x1b[K\n" : "\n";
  if (drawing) fputs("\x1b[H", stdout);
  for (int i = 0; i < 3 && i < height - 1; i++) printf("%.*s%s", width, lines[i], end);
  snprintf(line, sizeof line, "  PID USER     S  %%CPU  MEMORY    TIME  COMMAND");
  if (height > 4) printf("%s%s%-*.*s%s", end, drawing ? "\x1b[7m" : "", drawing ? width : 0, width, line, drawing ? "\x1b[0m\n" : "\n");
  for (int i = 0; i < count && i + 5 < height; i++) {
    struct process *process = &rows[i].process;
    char user[32], memory[16];
    unsigned long long share = passed == 0 ? 0 : rows[i].delta * 1000 / passed;
    snprintf(line, sizeof line, "%5d %-8s %c %3llu.%llu %7s %4llu:%02llu  %s", process->id,
             user_name(process->user, user, sizeof user), process->state, share / 10, share % 10,
             memory_text(process->resident_kib, memory, sizeof memory), process->ticks / 6000,
             process->ticks / 100 % 60, process->command);
    // The last line has no line feed, which would scroll the screen.
    printf("%.*s%s", width, line, i + 6 == height && drawing ? "\x1b[K" : end);
  }
  fputs(drawing ? "\x1b[J" : "\n", stdout);
  fflush(stdout);
}

/* 0: time is up or a key wants a new picture; 1: the end. */
static int wait_for_key(long seconds) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  int ready = poll(&input, drawing ? 1 : 0, (int)(seconds * 1000));
  if (interrupted) return 1;
  if (ready <= 0) return 0;
  char key;
  if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') return 1;
  if (strchr("PMN", key & ~0x20) != NULL) sort_by = key & ~0x20;
  return 0;
}

int main(int argc, char **argv) {
  static const char *use = "top [-b] [-d seconds] [-n rounds]";
  program_name = "top";
  int option, batch = 0;
  long seconds = 2, rounds = -1;
  while ((option = getopt(argc, argv, "bd:n:")) != -1) {
    if (option == 'b') batch = 1;
    else if (option == 'd') seconds = number_argument(optarg, use);
    else if (option == 'n') rounds = number_argument(optarg, use);
    else usage(use);
  }
  if (optind < argc || seconds < 0 || seconds > 86400) usage(use);
  if (!batch && (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)) {
    complain("the screen (top -b prints to files and pipes)");
    return 1;
  }
  struct sigaction action = {.sa_handler = on_signal};
  for (size_t i = 0; i < 3; i++) sigaction((int[]){SIGWINCH, SIGINT, SIGTERM}[i], &action, NULL);
  if (!batch) enter_screen();
  struct row *old = NULL;
  int old_count = 0;
  unsigned long long last = now_hundredths();
  for (long round = 0; rounds < 0 || round < rounds; round++) {
    if (round > 0 && wait_for_key(seconds) != 0) break;
    struct process *list;
    int count = list_processes(&list);
    if (count < 0) {
      leave_screen();
      complain("/proc");
      return 1;
    }
    struct row *rows = must(calloc((size_t)count, sizeof *rows));
    for (int i = 0; i < count; i++) {
      rows[i].process = list[i];
      // What is new has used all its time since.
      rows[i].delta = round == 0 ? 0 : list[i].ticks;
      for (int j = 0; j < old_count; j++)
        if (old[j].process.id == list[i].id && old[j].process.ticks <= list[i].ticks)
          rows[i].delta = list[i].ticks - old[j].process.ticks;
    }
    unsigned long long now = now_hundredths();
    draw(rows, count, now - last);
    last = now;
    free(list);
    free(old);
    old = rows;
    old_count = count;
  }
  leave_screen();
  if (interrupted == SIGTERM) return 143;
  return finish_output(interrupted ? 130 : 0);
}
