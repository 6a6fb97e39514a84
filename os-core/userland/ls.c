// ls [-1al] [path…]: names in a folder, sorted by bytes.

#include "common.h"
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

static const char *use = "ls [-1al] [path...]";
static int show_all, show_long, one_per_line;

struct entry {
  char *name;
  char *path;
  struct stat status;
};

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void print_long(const struct entry *entry) {
  static const char types[] = "?pc?d?b?-?l?s???";
  mode_t mode = entry->status.st_mode;
  char bits[11] = "?rwxrwxrwx";
  bits[0] = types[(mode >> 12) & 15];
  for (int i = 0; i < 9; i++)
    if (!(mode & (0400 >> i))) bits[i + 1] = '-';
  char when[32];
  struct tm *time = gmtime(&entry->status.st_mtime);
  if (time == NULL || strftime(when, sizeof when, "%Y-%m-%d %H:%M", time) == 0) strcpy(when, "?");
  printf("%s %3lu %-8lu %-8lu %10lld %s %s", bits, (unsigned long)entry->status.st_nlink,
         (unsigned long)entry->status.st_uid, (unsigned long)entry->status.st_gid, (long long)entry->status.st_size,
         when, entry->name);
  if (S_ISLNK(mode)) {
    char target[4096];
    ssize_t length = readlink(entry->path, target, sizeof target - 1);
    if (length >= 0) printf(" -> %.*s", (int)length, target);
  }
  putchar('\n');
}

static void print_entries(struct entry *entries, size_t count) {
  struct winsize size;
  int columns = 0;
  if (!one_per_line && !show_long && ioctl(1, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  if (columns == 0) {
    for (size_t i = 0; i < count; i++) {
      if (show_long) print_long(&entries[i]);
      else puts(entries[i].name);
    }
    return;
  }
  size_t widest = 1;
  for (size_t i = 0; i < count; i++)
    if (strlen(entries[i].name) > widest) widest = strlen(entries[i].name);
  size_t per_row = (size_t)columns / (widest + 2);
  if (per_row == 0) per_row = 1;
  size_t rows = (count + per_row - 1) / per_row;
  for (size_t row = 0; row < rows; row++)
    for (size_t i = row; i < count; i += rows) {
      int folder = S_ISDIR(entries[i].status.st_mode);
      int program = S_ISREG(entries[i].status.st_mode) && (entries[i].status.st_mode & 0111);
      printf("%s%s%s", folder ? "\033[34m" : program ? "\033[32m" : "", entries[i].name,
             folder || program ? "\033[0m" : "");
      if (i + rows < count) printf("%*s", (int)(widest + 2 - strlen(entries[i].name)), "");
      else putchar('\n');
    }
}

static int list_folder(const char *path) {
  DIR *folder = opendir(path);
  if (folder == NULL) {
    complain(path);
    return 1;
  }
  struct entry *entries = NULL;
  size_t count = 0, room = 0;
  int failed = 0;
  struct dirent *record;
  while ((errno = 0, record = readdir(folder)) != NULL) {
    if (record->d_name[0] == '.' && !show_all) continue;
    if (count == room) {
      room = room == 0 ? 64 : room * 2;
      entries = realloc(entries, room * sizeof *entries);
      if (entries == NULL) {
        complain("memory");
        exit(1);
      }
    }
    struct entry *entry = &entries[count];
    entry->path = join_path(path, record->d_name);
    entry->name = strdup(record->d_name);
    if (entry->name == NULL || lstat(entry->path, &entry->status) != 0) {
      complain(entry->path);
      failed = 1;
      continue;
    }
    count++;
  }
  if (errno != 0) {
    complain(path);
    failed = 1;
  }
  closedir(folder);
  if (count > 0) qsort(entries, count, sizeof *entries, by_name);
  print_entries(entries, count);
  for (size_t i = 0; i < count; i++) {
    free(entries[i].name);
    free(entries[i].path);
  }
  free(entries);
  return failed;
}

int main(int argc, char **argv) {
  program_name = "ls";
  int option;
  while ((option = getopt(argc, argv, "1al")) != -1) {
    if (option == '1') one_per_line = 1;
    else if (option == 'a') show_all = 1;
    else if (option == 'l') show_long = 1;
    else usage(use);
  }
  if (optind == argc) return finish_output(list_folder("."));
  int status = 0, folders = 0, shown = 0;
  struct entry *files = calloc((size_t)(argc - optind), sizeof *files);
  size_t count = 0;
  for (int i = optind; i < argc; i++) {
    struct stat *target = &files[count].status;
    if ((show_long ? lstat : stat)(argv[i], target) != 0 && lstat(argv[i], target) != 0) {
      complain(argv[i]);
      status = 1;
    } else if (S_ISDIR(target->st_mode)) folders++;
    else {
      files[count].name = argv[i];
      files[count++].path = argv[i];
    }
  }
  if (count > 0) qsort(files, count, sizeof *files, by_name);
  print_entries(files, count);
  shown = count > 0;
  for (int i = optind; i < argc; i++) {
    struct stat target;
    if ((show_long ? lstat : stat)(argv[i], &target) != 0 || !S_ISDIR(target.st_mode)) continue;
    if (argc - optind > 1) printf("%s%s:\n", shown ? "\n" : "", argv[i]);
    shown = 1;
    status |= list_folder(argv[i]);
  }
  free(files);
  return finish_output(status);
}
