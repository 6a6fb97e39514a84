// strace [-f] [-o file] command [argument…]
// strace [-f] [-o file] -p process
//
// Prints each system call of a program with its arguments and result, its signals and its end; -f those of its children, too. The
// kernel writes the lines (euroos_trace), so the program watched runs as it always does. Takes the right to processes.

#include "common.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define EUROOS_TRACE 0x40000005
#define TRACE_CHILDREN 1
#define TRACE_FROM_EXEC 2

static const char *use = "strace [-f] [-o file] command [argument...] | strace [-f] [-o file] -p process";

/* Runs the command once the parent has closed the pipe's other end. */
static _Noreturn void run_command(char **arguments, int start[2]) {
  char byte;
  close(start[1]);
  if (read(start[0], &byte, 1) != 0) _exit(127);
  close(start[0]);
  execvp(arguments[0], arguments);
  int reason = errno;
  complain(arguments[0]);
  _exit(reason == ENOENT ? 127 : 126);
}

static void copy_lines(int from, int to) {
  char buffer[4096];
  ssize_t count;
  while ((count = read(from, buffer, sizeof buffer)) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || write_all(to, buffer, (size_t)count) != 0) {
      complain("trace");
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  program_name = "strace";
  int option, flags = 0, output = STDERR_FILENO;
  long process = -1;
  // The command's own options are not for us.
  while ((option = getopt(argc, argv, "+fo:p:")) != -1) {
    if (option == 'f') flags |= TRACE_CHILDREN;
    else if (option == 'p') process = number_argument(optarg, use);
    else if (option == 'o') {
      output = open(optarg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
      if (output < 0) {
        complain(optarg);
        return 1;
      }
    } else usage(use);
  }
  if ((process < 0) == (optind == argc)) usage(use);
  int start[2];
  pid_t child = -1;
  if (process < 0) {
    if (pipe(start) != 0 || (child = fork()) < 0) {
      complain("fork");
      return 1;
    }
    if (child == 0) run_command(argv + optind, start);
    close(start[0]);
    process = child;
    flags |= TRACE_FROM_EXEC;
    // The keys are meant for the command; its end is ours.
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
  }
  int lines = (int)syscall(EUROOS_TRACE, process, flags);
  if (lines < 0) {
    char text[32];
    snprintf(text, sizeof text, "process %ld", process);
    complain(text);
    if (child > 0) kill(child, SIGKILL);
    return 1;
  }
  if (child > 0) close(start[1]);
  copy_lines(lines, output);
  if (child < 0) return 0;
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
