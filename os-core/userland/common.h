// Shared by the programs of EuroOS: error messages in one form, numbers from arguments, writing everything.

#ifndef EUROOS_COMMON_H
#define EUROOS_COMMON_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static const char *program_name UNUSED = "program";

/* "name: what: reason of errno" on standard error. */
static UNUSED void complain(const char *what) {
  int reason = errno;
  fflush(stdout);
  fprintf(stderr, "%s: %s: %s\n", program_name, what, strerror(reason));
}

static UNUSED _Noreturn void usage(const char *text) {
  fprintf(stderr, "usage: %s\n", text);
  exit(2);
}

/* A whole decimal number or the end of the program with `text` as usage. */
static UNUSED long number_argument(const char *argument, const char *text) {
  char *end;
  errno = 0;
  long value = strtol(argument, &end, 10);
  if (*argument == 0 || *end != 0 || errno != 0) usage(text);
  return value;
}

/* What malloc and its kin gave, or the end of the program. */
static UNUSED void *must(void *memory) {
  if (memory == NULL) {
    complain("memory");
    exit(1);
  }
  return memory;
}

/* 0, or -1 with errno. */
static UNUSED int write_all(int descriptor, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(descriptor, bytes, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    bytes += written;
    count -= (size_t)written;
  }
  return 0;
}

/* "folder/name" in fresh memory. */
static UNUSED char *join_path(const char *folder, const char *name) {
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') length--;
  char *path = must(malloc(length + strlen(name) + 2));
  memcpy(path, folder, length);
  path[length] = '/';
  strcpy(path + length + 1, name);
  if (length == 1 && folder[0] == '/') strcpy(path + 1, name);
  return path;
}

static UNUSED const char *last_component(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* The end of every program that prints: a failed write must not pass as success. */
static UNUSED int finish_output(int status) {
  if (fflush(stdout) != 0 || ferror(stdout)) {
    complain("standard output");
    return 1;
  }
  return status;
}

#endif
