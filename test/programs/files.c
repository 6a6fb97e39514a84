// stdio and the file calls below it: round trip, seek, append, truncate, rename, directories, error numbers.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int byName(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv) {
  if (argc > 1 && chdir(argv[1])) return perror("chdir"), 1;
  printf("mkdir %d\n", mkdir("work", 0755));
  if (chdir("work")) return perror("chdir"), 1;
  FILE *file = fopen("data.bin", "w+");
  unsigned sum = 0;
  for (unsigned i = 0; i < 200000; i++) {
    unsigned value = i * 2654435761u;
    fwrite(&value, sizeof value, 1, file);
  }
  rewind(file);
  for (unsigned value; fread(&value, sizeof value, 1, file) == 1;) sum = sum * 31 + value;
  printf("size %ld sum %08x eof %d\n", ftell(file), sum, feof(file) != 0);
  fseek(file, 1000, SEEK_SET);
  fputs("hello", file);
  fseek(file, -4, SEEK_CUR);
  char text[8] = {0};
  fread(text, 1, 4, file);
  printf("seek %s %ld\n", text, ftell(file));
  fclose(file);
  file = fopen("data.bin", "a");
  fputs("tail", file);
  fclose(file);
  struct stat status;
  stat("data.bin", &status);
  printf("append %ld mode %o regular %d links %d\n", (long)status.st_size, status.st_mode & 0777, S_ISREG(status.st_mode), (int)status.st_nlink);
  printf("truncate %d", truncate("data.bin", 10));
  stat("data.bin", &status);
  printf(" %ld\n", (long)status.st_size);
  int fd = open("data.bin", O_RDWR);
  struct iovec parts[2] = {{"abc", 3}, {"defg", 4}};
  printf("writev %zd ", writev(fd, parts, 2));
  printf("pread %zd", pread(fd, text, 4, 2));
  printf(" %.4s lseek %ld", text, (long)lseek(fd, 0, SEEK_END));
  printf(" ftruncate %d\n", ftruncate(fd, 100000));
  printf("hole %zd", pread(fd, text, 4, 50000));
  printf(" %d%d%d%d\n", text[0], text[1], text[2], text[3]);
  int twin = dup(fd);
  lseek(fd, 77, SEEK_SET);
  printf("dup shares the offset %ld\n", (long)lseek(twin, 0, SEEK_CUR));
  close(twin);
  close(fd);
  printf("link %d ", link("data.bin", "hard"));
  printf("symlink %d ", symlink("hard", "soft"));
  printf("rename %d\n", rename("data.bin", "renamed"));
  ssize_t length = readlink("soft", text, sizeof text);
  lstat("soft", &status);
  printf("readlink %.*s islnk %d\n", (int)length, text, S_ISLNK(status.st_mode));
  stat("soft", &status);
  printf("links %d\n", (int)status.st_nlink);
  mkdir("sub", 0700);
  for (int i = 0; i < 50; i++) {
    char name[32];
    snprintf(name, sizeof name, "sub/entry-%02d", i);
    close(open(name, O_CREAT | O_WRONLY, 0600));
  }
  DIR *directory = opendir("sub");
  char *names[64];
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL && count < 64;) names[count++] = strdup(entry->d_name);
  closedir(directory);
  qsort(names, count, sizeof *names, byName);
  printf("entries %d %s %s %s\n", count, names[0], names[2], names[count - 1]);
#define ERROR(call) (errno = 0, result = (int)(call), printf("%s -> %d %s\n", #call, result < 0 ? -1 : 0, strerror(errno)))
  int result;
  ERROR(open("missing", O_RDONLY));
  ERROR(open("sub", O_WRONLY));
  ERROR(open("renamed/x", O_RDONLY));
  ERROR(open("hard", O_CREAT | O_EXCL | O_RDWR, 0600));
  ERROR(mkdir("sub", 0700));
  ERROR(rmdir("sub"));
  ERROR(unlink("sub"));
  ERROR(rename("sub", "sub/inner"));
  ERROR(rmdir("hard"));
  ERROR(close(99));
  ERROR(read(99, text, 1));
  ERROR(lseek(99, 0, SEEK_SET));
  ERROR(access("hard", X_OK));
  ERROR(chdir("hard"));
  ERROR(symlink("x", "soft"));
  ERROR(write(open("hard", O_RDONLY), "x", 1));
  ERROR(read(open("hard", O_WRONLY), text, 1));
  ERROR(read(open("sub", O_RDONLY), text, 1));
  ERROR(open("", O_RDONLY));
  ERROR(fcntl(99, F_GETFL));
  symlink("loop", "loop");
  ERROR(open("loop", O_RDONLY));
  char longName[300];
  memset(longName, 'n', sizeof longName - 1);
  longName[299] = 0;
  ERROR(open(longName, O_CREAT | O_RDWR, 0600));
  char *cwd = getcwd(NULL, 0);
  printf("cwd ends with %s\n", cwd ? strrchr(cwd, '/') : "nothing");
  return 0;
}
