// inotify: what happens to watched files and folders.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd;
static void drain(const char *what) {
  static char buffer[65536] __attribute__((aligned(8)));
  ssize_t length = read(fd, buffer, sizeof buffer);
  printf("%s:", what);
  unsigned cookie = 0;
  for (char *at = buffer; at < buffer + length;) {
    struct inotify_event *event = (struct inotify_event *)at;
    printf(" [%d %x %s%s len %u]", event->wd, event->mask, event->cookie == 0 ? "" : event->cookie == cookie ? "same " : "cookie ", event->len ? event->name : "-", event->len);
    cookie = event->cookie;
    at += sizeof *event + event->len;
  }
  printf(length < 0 ? " %s\n" : "\n", strerror(errno));
}

int main(void) {
  mkdir("folder", 0755), mkdir("other", 0755);
  fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  printf("flags %o %d\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  char link[64] = {0}, path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  readlink(path, link, sizeof link - 1);
  printf("%s\n", link);
  SHOW(inotify_add_watch(fd, "folder", IN_ALL_EVENTS));
  drain("nothing");
  int file = open("folder/file", O_CREAT | O_RDWR, 0600);
  drain("create and open");
  write(file, "abc", 3), write(file, "def", 3);
  drain("two writes are one event");
  char byte[8];
  pread(file, byte, 1, 0);
  ftruncate(file, 1);
  fchmod(file, 0644);
  drain("read, truncate, mode");
  close(file);
  drain("close");
  close(open("folder/file", O_RDONLY));
  drain("read only");
  mkdir("folder/sub", 0700);
  symlink("x", "folder/link");
  mkfifo("folder/fifo", 0600);
  link[0] = 0;
  drain("other names");
  rename("folder/file", "folder/renamed");
  drain("rename");
  rename("folder/renamed", "other/away");
  drain("away");
  rename("other/away", "folder/a-name-that-is-rather-long");
  drain("back");
  unlink("folder/a-name-that-is-rather-long"), rmdir("folder/sub"), unlink("folder/link"), unlink("folder/fifo");
  drain("removed");
  close(open("plain", O_CREAT | O_RDWR, 0600));
  SHOW(inotify_add_watch(fd, "plain", IN_MODIFY | IN_DELETE_SELF | IN_ATTRIB | IN_MOVE_SELF));
  SHOW(inotify_add_watch(fd, "plain", IN_MODIFY | IN_MASK_ADD));
  file = open("plain", O_RDWR);
  write(file, "x", 1);
  close(file);
  rename("plain", "moved");
  chmod("moved", 0600);
  int waiting = 0;
  ioctl(fd, FIONREAD, &waiting);
  printf("FIONREAD %d\n", waiting);
  SHOW(read(fd, byte, 8));
  struct pollfd poller = {fd, POLLIN, 0};
  SHOW(poll(&poller, 1, 0));
  drain("a file");
  unlink("moved");
  drain("deleted itself");
  SHOW(inotify_rm_watch(fd, 2));
  SHOW(inotify_rm_watch(fd, 1));
  drain("ignored");
  close(open("folder/unseen", O_CREAT | O_RDWR, 0600));
  drain("no longer watched");
  SHOW(inotify_add_watch(fd, "folder", IN_CREATE | IN_ONESHOT));
  close(open("folder/one", O_CREAT | O_RDWR, 0600)), close(open("folder/two", O_CREAT | O_RDWR, 0600));
  drain("once");
  SHOW(inotify_add_watch(fd, "folder/one", IN_OPEN | IN_ONLYDIR));
  SHOW(inotify_add_watch(fd, "missing", IN_OPEN));
  SHOW(inotify_add_watch(fd, "folder", 0));
  SHOW(inotify_add_watch(99, "folder", IN_OPEN));
  SHOW(inotify_add_watch(0, "folder", IN_OPEN));
  SHOW(inotify_add_watch(fd, "folder", IN_OPEN));
  SHOW(inotify_add_watch(fd, "folder", IN_OPEN | 0x10000000));
  SHOW(inotify_init1(1));
  SHOW(write(fd, "x", 1));
  close(fd);
  return 0;
}
