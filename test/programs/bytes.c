// Byte streams: `bytes copy` passes standard input on; `bytes make COUNT` writes a pattern; `bytes check` sums standard input up.
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char block[65536];

static int put(size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = write(1, block + done, length - done);
    if (count < 0) return -1;
    done += (size_t)count;
  }
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  ssize_t count;
  if (strcmp(what, "copy") == 0) {
    while ((count = read(0, block, sizeof block)) > 0)
      if (put((size_t)count) != 0) return 3;
    return count < 0;
  }
  if (strcmp(what, "make") == 0) {
    long left = argc > 2 ? atol(argv[2]) : 0;
    uint32_t state = 1;
    while (left > 0) {
      size_t length = left < (long)sizeof block ? (size_t)left : sizeof block;
      for (size_t i = 0; i < length; i++) {
        state = state * 1664525u + 1013904223u;
        block[i] = (unsigned char)(state >> 24);
      }
      if (put(length) != 0) return errno == EPIPE ? 32 : 3;
      left -= (long)length;
    }
    return 0;
  }
  if (strcmp(what, "signal") == 0) {
    raise(argc > 2 ? atoi(argv[2]) : SIGTERM);
    return 0;
  }
  if (strcmp(what, "shell") == 0) {
    FILE *pipe = popen("echo from popen; exit 3", "r");
    char line[64] = "";
    if (pipe == NULL || fgets(line, sizeof line, pipe) == NULL) return 1;
    int status = pclose(pipe);
    printf("%spclose %x system %x\n", line, status, system("exit 4"));
    return 0;
  }
  return 2;
}
