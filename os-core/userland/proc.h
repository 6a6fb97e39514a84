// Reading /proc, for ps, top, free and caps: processes in the order of their numbers, with what proc(5) says of them.

#ifndef EUROOS_PROC_H
#define EUROOS_PROC_H

#include "common.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

struct process {
  int id, parent;
  char state;
  char name[32];
  char command[256];
  unsigned user;
  unsigned long long ticks; // CPU time, user and system, in 1/100 s
  unsigned long size_kib, resident_kib;
};

/* Reads a file whole (cut to what fits) and ends it with 0. The count of bytes, or -1 with errno. */
static UNUSED ssize_t read_file(const char *path, char *buffer, size_t size) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return -1;
  size_t length = 0;
  ssize_t count;
  while (length < size - 1 && (count = read(descriptor, buffer + length, size - 1 - length)) > 0) length += (size_t)count;
  int reason = errno;
  close(descriptor);
  errno = reason;
  buffer[length] = 0;
  return count < 0 ? -1 : (ssize_t)length;
}

/* The command line with blanks between the arguments; the name in brackets if there is none. */
static UNUSED void read_command(struct process *process) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/cmdline", process->id);
  ssize_t length = read_file(path, process->command, sizeof process->command);
  if (length <= 0) {
    snprintf(process->command, sizeof process->command, "[%s]", process->name);
    return;
  }
  while (length > 0 && process->command[length - 1] == 0) length--;
  for (ssize_t i = 0; i < length; i++)
    if (!isprint((unsigned char)process->command[i])) process->command[i] = process->command[i] == 0 ? ' ' : '?';
}

/* 0, or -1 with errno: it has ended meanwhile, or this program may not look at it. */
static UNUSED int read_process(int id, struct process *process) {
  char path[64], text[1024];
  memset(process, 0, sizeof *process);
  process->id = id;
  snprintf(path, sizeof path, "/proc/%d/stat", id);
  if (read_file(path, text, sizeof text) < 0) return -1;
  struct stat status;
  if (stat(path, &status) == 0) process->user = status.st_uid;
  char *open_bracket = strchr(text, '('), *close_bracket = strrchr(text, ')');
  if (open_bracket == NULL || close_bracket == NULL) {
    errno = EIO;
    return -1;
  }
  snprintf(process->name, sizeof process->name, "%.*s", (int)(close_bracket - open_bracket - 1), open_bracket + 1);
  unsigned long long user_ticks, system_ticks, bytes;
  long pages;
  int fields = sscanf(close_bracket + 2, "%c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %*u %llu %ld",
                      &process->state, &process->parent, &user_ticks, &system_ticks, &bytes, &pages);
  if (fields != 6) {
    errno = EIO;
    return -1;
  }
  process->ticks = user_ticks + system_ticks;
  process->size_kib = (unsigned long)(bytes / 1024);
  process->resident_kib = (unsigned long)pages * 4;
  read_command(process);
  return 0;
}

static int compare_ids(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

/* All processes that may be looked at, in fresh memory; the count, or -1 with errno of the first refusal if there are none. */
static UNUSED int list_processes(struct process **result) {
  DIR *folder = opendir("/proc");
  if (folder == NULL) return -1;
  int *ids = NULL, count = 0, found = 0, reason = 0;
  struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    if (count % 64 == 0) ids = must(realloc(ids, sizeof *ids * (size_t)(count + 64)));
    ids[count++] = atoi(entry->d_name);
  }
  closedir(folder);
  qsort(ids, (size_t)count, sizeof *ids, compare_ids);
  *result = must(calloc((size_t)count + 1, sizeof **result));
  for (int i = 0; i < count; i++)
    if (read_process(ids[i], *result + found) == 0) found++;
    else if (reason == 0) reason = errno;
  free(ids);
  errno = reason;
  return found > 0 ? found : -1;
}

/* KiB of a line "Name:   123 kB" of /proc/meminfo. */
static UNUSED long long memory_field(const char *text, const char *name) {
  size_t length = strlen(name);
  for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, name, length) == 0 && line[length] == ':') return atoll(line + length + 1);
  }
  return 0;
}

static UNUSED const char *user_name(unsigned id, char *buffer, size_t size) {
  struct passwd *entry = getpwuid(id);
  if (entry != NULL) snprintf(buffer, size, "%s", entry->pw_name);
  else snprintf(buffer, size, "%u", id);
  return buffer;
}

static UNUSED const char *memory_text(unsigned long kib, char *buffer, size_t size) {
  if (kib >= 10240) snprintf(buffer, size, "%luM", (kib + 512) / 1024);
  else snprintf(buffer, size, "%luK", kib);
  return buffer;
}

#endif
