// Copying and removing whole trees, for cp, mv and rm.

#ifndef EUROOS_TRANSFER_H
#define EUROOS_TRANSFER_H

#include "common.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Deeper trees than this are refused: the stack is finite. */
#define MAX_DEPTH 256

typedef int visit(const char *path, const char *other, int depth);

/* Calls `each` for every name in a folder; `other` is the same name in a second folder. */
static int visit_folder(const char *path, const char *other, int depth, visit *each) {
  if (depth > MAX_DEPTH) {
    errno = ELOOP;
    complain(path);
    return 1;
  }
  DIR *folder = opendir(path);
  if (folder == NULL) {
    complain(path);
    return 1;
  }
  int status = 0;
  struct dirent *record;
  while ((record = readdir(folder)) != NULL) {
    if (strcmp(record->d_name, ".") == 0 || strcmp(record->d_name, "..") == 0) continue;
    char *inner = join_path(path, record->d_name);
    char *inner_other = join_path(other, record->d_name);
    status |= each(inner, inner_other, depth + 1);
    free(inner);
    free(inner_other);
  }
  closedir(folder);
  return status;
}

static UNUSED int copy_file(const char *from, const char *to, mode_t mode) {
  static char buffer[65536];
  int source = open(from, O_RDONLY);
  if (source < 0) {
    complain(from);
    return 1;
  }
  int target = open(to, O_WRONLY | O_CREAT | O_TRUNC, mode & 0777);
  if (target < 0) {
    complain(to);
    close(source);
    return 1;
  }
  int status = 0;
  for (;;) {
    ssize_t count = read(source, buffer, sizeof buffer);
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      complain(from);
      status = 1;
      break;
    }
    if (write_all(target, buffer, (size_t)count) != 0) {
      complain(to);
      status = 1;
      break;
    }
  }
  close(source);
  if (close(target) != 0) {
    complain(to);
    status = 1;
  }
  return status;
}

static UNUSED int copy_tree(const char *from, const char *to, int depth) {
  struct stat status;
  if (lstat(from, &status) != 0) {
    complain(from);
    return 1;
  }
  if (S_ISLNK(status.st_mode)) {
    char target[4096];
    ssize_t length = readlink(from, target, sizeof target - 1);
    if (length < 0) {
      complain(from);
      return 1;
    }
    target[length] = 0;
    if (symlink(target, to) != 0) {
      complain(to);
      return 1;
    }
    return 0;
  }
  if (!S_ISDIR(status.st_mode)) return copy_file(from, to, status.st_mode);
  if (mkdir(to, (status.st_mode & 0777) | 0700) != 0 && errno != EEXIST) {
    complain(to);
    return 1;
  }
  return visit_folder(from, to, depth, copy_tree);
}

static UNUSED int remove_tree(const char *path, const char *other, int depth) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    complain(path);
    return 1;
  }
  int failed = 0;
  if (S_ISDIR(status.st_mode)) {
    failed = visit_folder(path, other, depth, remove_tree);
    if (rmdir(path) != 0) {
      complain(path);
      failed = 1;
    }
  } else if (unlink(path) != 0) {
    complain(path);
    failed = 1;
  }
  return failed;
}

/* "target/last component of path" when the target is a folder, else the target. Fresh memory. */
static UNUSED char *destination(const char *path, const char *target, int *is_folder) {
  struct stat status;
  *is_folder = stat(target, &status) == 0 && S_ISDIR(status.st_mode);
  if (!*is_folder) return strdup(target);
  char *copy = strdup(path);
  size_t length = strlen(copy);
  while (length > 1 && copy[length - 1] == '/') copy[--length] = 0;
  char *joined = join_path(target, last_component(copy));
  free(copy);
  return joined;
}

/* True when both names mean one file. */
static UNUSED int same_file(const char *a, const char *b) {
  struct stat first, second;
  return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

/* True when `inner` lies in the folder `outer`, which must not be copied or moved into itself. */
static UNUSED int lies_within(const char *outer, const char *inner) {
  char *folder = realpath(outer, NULL);
  char *parent = strdup(inner);
  char *slash = strrchr(parent, '/');
  if (slash == NULL) strcpy(parent, strlen(parent) > 0 ? "." : "");
  else slash[slash == parent ? 1 : 0] = 0;
  char *resolved = realpath(parent, NULL);
  size_t length = folder == NULL ? 0 : strlen(folder);
  int within = folder != NULL && resolved != NULL && strncmp(resolved, folder, length) == 0 &&
               (resolved[length] == 0 || resolved[length] == '/');
  free(folder);
  free(parent);
  free(resolved);
  return within;
}

#endif
