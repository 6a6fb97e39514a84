// AF_UNIX: streams, datagrams, packets, names, descriptors and credentials in messages, errors.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ends[2];
static void pairOf(int type) {
  if (socketpair(AF_UNIX, type, 0, ends)) perror("socketpair");
}
static void closePair(void) { close(ends[0]), close(ends[1]); }
static void polled(const char *what, int fd) {
  struct pollfd poller = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  int count = poll(&poller, 1, 0);
  printf("%s: poll %d %x\n", what, count, poller.revents);
}
static void got(const char *what, int fd, size_t most, int flags) {
  char buffer[256] = {0};
  errno = 0;
  ssize_t count = recv(fd, buffer, most, flags);
  printf("%s: %zd \"%s\" %s\n", what, count, buffer, count < 0 ? strerror(errno) : "");
}
static socklen_t address(struct sockaddr_un *to, const char *name) {
  memset(to, 0, sizeof *to);
  to->sun_family = AF_UNIX;
  if (name[0] == '@') {
    memcpy(to->sun_path + 1, name + 1, strlen(name) - 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
  }
  strcpy(to->sun_path, name);
  return (socklen_t)sizeof *to;
}
static int bindTo(int fd, const char *name) {
  struct sockaddr_un to;
  socklen_t length = address(&to, name);
  return bind(fd, (struct sockaddr *)&to, length);
}
static int connectTo(int fd, const char *name) {
  struct sockaddr_un to;
  socklen_t length = address(&to, name);
  return connect(fd, (struct sockaddr *)&to, length);
}
static void named(const char *what, int fd, int (*which)(int, struct sockaddr *, socklen_t *)) {
  struct sockaddr_un name;
  memset(&name, 0, sizeof name);
  socklen_t length = sizeof name;
  int result = which(fd, (struct sockaddr *)&name, &length);
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: length %u family %d first %d \"%s\"\n", what, length, name.sun_family, name.sun_path[0], name.sun_path + (name.sun_path[0] == 0));
}

static void streams(void) {
  pairOf(SOCK_STREAM);
  polled("fresh pair", ends[0]);
  SHOW(write(ends[0], "hello", 5));
  SHOW(write(ends[0], " world", 6));
  int waiting = 0;
  ioctl(ends[1], FIONREAD, &waiting);
  printf("FIONREAD %d\n", waiting);
  polled("with bytes", ends[1]);
  got("peek", ends[1], 200, MSG_PEEK);
  got("three", ends[1], 3, 0);
  got("rest", ends[1], 200, 0);
  got("none", ends[1], 200, MSG_DONTWAIT);
  struct iovec parts[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
  SHOW(writev(ends[0], parts, 3));
  char one[2] = {0}, two[8] = {0};
  struct iovec into[2] = {{one, 2}, {two, 8}};
  SHOW(readv(ends[1], into, 2));
  printf("%.2s %s\n", one, two);
  SHOW(shutdown(ends[0], SHUT_WR));
  polled("shut for writing", ends[0]);
  polled("peer shut", ends[1]);
  got("end", ends[1], 200, 0);
  SHOW(send(ends[0], "x", 1, MSG_NOSIGNAL));
  SHOW(write(ends[1], "back", 4));
  got("other way", ends[0], 200, 0);
  SHOW(shutdown(ends[0], 3));
  SHOW(write(ends[1], "lost", 4));
  close(ends[0]);
  polled("reset", ends[1]);
  got("reset", ends[1], 10, 0);
  got("then end", ends[1], 10, 0);
  polled("closed", ends[1]);
  SHOW(send(ends[1], "x", 1, MSG_NOSIGNAL));
  signal(SIGPIPE, SIG_IGN);
  SHOW(write(ends[1], "x", 1));
  close(ends[1]);
  pairOf(SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  printf("flags %o %d\n", fcntl(ends[0], F_GETFL), fcntl(ends[0], F_GETFD));
  got("would wait", ends[0], 1, 0);
  static char block[100000];
  long total = 0, count;
  while ((count = write(ends[0], block, sizeof block)) > 0) total += count;
  printf("full %s, more than 100000: %d\n", strerror(errno), total > 100000);
  polled("full", ends[0]);
  long back = 0;
  while ((count = read(ends[1], block, sizeof block)) > 0) back += count;
  printf("all of it %d\n", back == total);
  polled("room again", ends[0]);
  closePair();
  pairOf(SOCK_STREAM);
  if (fork() == 0) {
    close(ends[0]);
    for (int i = 0; i < 50; i++) {
      memset(block, i, sizeof block);
      for (size_t done = 0; done < sizeof block;) done += (size_t)write(ends[1], block + done, sizeof block - done);
    }
    _exit(0);
  }
  close(ends[1]);
  unsigned long sum = 0;
  total = 0;
  for (; (count = recv(ends[0], block, sizeof block, MSG_WAITALL)) > 0; total += count)
    for (long i = 0; i < count; i++) sum = sum * 31 + (unsigned char)block[i];
  wait(NULL);
  printf("%ld bytes, sum %lx\n", total, sum);
  close(ends[0]);
  pairOf(SOCK_STREAM);
  struct timeval limit = {0, 20000};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  got("time limit", ends[0], 1, 0);
  closePair();
}

static void datagrams(void) {
  pairOf(SOCK_DGRAM);
  SHOW(write(ends[0], "first", 5));
  SHOW(write(ends[0], "", 0));
  struct iovec parts[2] = {{"two ", 4}, {"parts", 5}};
  SHOW(writev(ends[0], parts, 2));
  got("cut", ends[1], 2, 0);
  got("empty", ends[1], 10, 0);
  got("whole length", ends[1], 3, MSG_TRUNC);
  static char large[300000];
  SHOW(send(ends[0], large, sizeof large, 0));
  polled("datagram", ends[0]);
  close(ends[1]);
  SHOW(send(ends[0], "x", 1, 0));
  SHOW(send(ends[0], "x", 1, 0));
  got("peer is gone", ends[0], 1, MSG_DONTWAIT);
  close(ends[0]);
  pairOf(SOCK_SEQPACKET);
  write(ends[0], "one", 3), write(ends[0], "two", 3);
  got("packet", ends[1], 100, 0);
  got("cut packet", ends[1], 1, 0);
  close(ends[0]);
  got("end", ends[1], 100, 0);
  SHOW(send(ends[1], "x", 1, MSG_NOSIGNAL));
  close(ends[1]);

  int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
  SHOW(bindTo(server, "server"));
  struct sockaddr_un to, from;
  socklen_t length = address(&to, "server"), room = sizeof from;
  SHOW(sendto(client, "unnamed", 7, 0, (struct sockaddr *)&to, length));
  char buffer[64] = {0};
  memset(&from, 0, sizeof from);
  SHOW(recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &room));
  printf("from length %u\n", room);
  SHOW(bindTo(client, "@client"));
  SHOW(connectTo(client, "server"));
  SHOW(write(client, "named", 5));
  room = sizeof from;
  SHOW(recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &room));
  printf("from length %u \"%.6s\"\n", room, from.sun_path + 1);
  SHOW(sendto(server, "answer", 6, 0, (struct sockaddr *)&from, room));
  got("answer", client, 20, 0);
  int stranger = socket(AF_UNIX, SOCK_DGRAM, 0);
  SHOW(sendto(stranger, "x", 1, 0, (struct sockaddr *)&from, room));
  SHOW(connectTo(stranger, "nowhere"));
  SHOW(connectTo(stranger, "@nowhere"));
  SHOW(send(stranger, "x", 1, 0));
  SHOW(listen(stranger, 1));
  SHOW(accept(stranger, NULL, NULL));
  int count = 0;
  while (send(client, "fill", 4, MSG_DONTWAIT) == 4) count++;
  printf("queue full after %d: %s\n", count, strerror(errno));
  close(server);
  SHOW(send(client, "x", 1, 0));
  SHOW(connectTo(stranger, "server"));
  unlink("server");
  close(client), close(stranger);
}

static void names(void) {
  int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  polled("unconnected", client);
  named("unnamed", server, getsockname);
  SHOW(listen(server, 1));
  SHOW(bindTo(server, "path"));
  SHOW(bindTo(server, "again"));
  struct stat status;
  stat("path", &status);
  printf("mode %o is socket %d\n", status.st_mode & 0777, S_ISSOCK(status.st_mode));
  int other = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(bindTo(other, "path"));
  SHOW(bindTo(other, "no/such/folder"));
  SHOW(bindTo(other, "@abstract"));
  SHOW(connectTo(client, "path"));
  SHOW(accept(server, NULL, NULL));
  SHOW(listen(server, 1));
  polled("listening", server);
  SHOW(connectTo(client, "path"));
  polled("to accept", server);
  SHOW(connectTo(client, "path"));
  SHOW(write(client, "early", 5));
  struct sockaddr_un from;
  socklen_t room = sizeof from;
  int accepted = accept4(server, (struct sockaddr *)&from, &room, SOCK_CLOEXEC);
  printf("accepted, length %u, cloexec %d, flags %o\n", room, fcntl(accepted, F_GETFD), fcntl(accepted, F_GETFL));
  got("early", accepted, 20, 0);
  named("server", server, getsockname);
  named("accepted", accepted, getsockname);
  named("peer of client", client, getpeername);
  named("peer of accepted", accepted, getpeername);
  named("peer of server", server, getpeername);
  named("abstract", other, getsockname);
  int value;
  socklen_t size = sizeof value;
  for (int option = SO_TYPE; option <= SO_ERROR; option++)
    getsockopt(server, SOL_SOCKET, option, &value, &size), printf("option %d = %d\n", option, value);
  getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &size), printf("listening %d\n", value);
  getsockopt(client, SOL_SOCKET, SO_DOMAIN, &value, &size), printf("domain %d\n", value);
  struct ucred peer;
  size = sizeof peer;
  getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  printf("peer is me %d %d %d\n", peer.pid == getpid(), peer.uid == getuid(), peer.gid == getgid());
  int one[4], made = 0;
  for (; made < 4; made++) {
    one[made] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connectTo(one[made], "path") != 0) break;
  }
  printf("backlog of one takes %d, then %s\n", made, strerror(errno));
  close(server);
  polled("never accepted", one[0]);
  got("never accepted", one[0], 1, 0);
  SHOW(connectTo(one[2], "path"));
  int datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
  SHOW(connectTo(datagram, "@abstract"));
  SHOW(connectTo(datagram, "regular"));
  close(open("regular", O_CREAT | O_RDWR, 0600));
  SHOW(connectTo(datagram, "regular"));
  SHOW(open("path", O_RDONLY));
  SHOW(unlink("path"));
  SHOW(bind(datagram, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX}, 2));
  struct sockaddr_un own;
  size = sizeof own;
  getsockname(datagram, (struct sockaddr *)&own, &size);
  printf("own name has length %u\n", size);
  SHOW(bind(other, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_INET}, 20));
  SHOW(socket(AF_UNIX, 77, 0));
  SHOW(socket(AF_UNIX, SOCK_STREAM, 5));
  SHOW(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0));
  SHOW(socket(99, SOCK_STREAM, 0));
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)0x10));
  int file = open("regular", O_RDONLY);
  SHOW(listen(file, 1));
  SHOW(accept(99, NULL, NULL));
  char byte;
  SHOW(recv(other, &byte, 1, 0));
  SHOW(send(other, "x", 1, MSG_NOSIGNAL));
  SHOW(lseek(other, 0, SEEK_SET));
  SHOW(pread(other, &byte, 1, 0));
  SHOW(fsync(other));
  SHOW(ftruncate(other, 0));
}

static ssize_t sendWith(int fd, const char *text, const int *files, int count, int credentials) {
  char control[512] = {0};
  struct iovec part = {(void *)text, strlen(text)};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
  struct cmsghdr *header = (struct cmsghdr *)control;
  if (count > 0) {
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
    memcpy(CMSG_DATA(header), files, sizeof(int) * (size_t)count);
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
  } else if (credentials >= 0) {
    struct ucred own = {getpid(), getuid(), getgid() + (unsigned)credentials};
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_CREDENTIALS, header->cmsg_len = CMSG_LEN(sizeof own);
    memcpy(CMSG_DATA(header), &own, sizeof own);
    message.msg_controllen = CMSG_SPACE(sizeof own);
  }
  return sendmsg(fd, &message, 0);
}
static int receiveWith(int fd, size_t room, int flags, int *files) {
  char control[512] = {0}, text[64] = {0};
  struct iovec part = {text, sizeof text - 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
  ssize_t count = recvmsg(fd, &message, flags);
  printf("received %zd \"%s\" flags %x control %zu", count, text, message.msg_flags & ~MSG_CMSG_CLOEXEC, (size_t)message.msg_controllen);
  int received = 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    printf(" [level %d type %d length %zu", header->cmsg_level, header->cmsg_type, (size_t)header->cmsg_len);
    if (header->cmsg_type == SCM_RIGHTS) {
      received = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(files, CMSG_DATA(header), sizeof(int) * (size_t)received);
    } else if (header->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
      struct ucred sender;
      memcpy(&sender, CMSG_DATA(header), sizeof sender);
      printf(" me %d", sender.pid == getpid() && sender.uid == getuid());
    }
    printf("]");
  }
  printf("\n");
  return received;
}

static void rights(void) {
  int pipes[2], files[16];
  pipe(pipes);
  pairOf(SOCK_STREAM);
  SHOW(sendWith(ends[0], "take these", pipes, 2, -1));
  SHOW(write(ends[0], " and more", 9));
  int count = receiveWith(ends[1], 512, MSG_CMSG_CLOEXEC, files);
  printf("cloexec %d\n", fcntl(files[0], F_GETFD));
  write(files[1], "through", 7);
  char text[16] = {0};
  read(pipes[0], text, sizeof text);
  printf("%d files, %s\n", count, text);
  receiveWith(ends[1], 512, 0, files);
  SHOW(sendWith(ends[0], "no room", pipes, 2, -1));
  SHOW(receiveWith(ends[1], CMSG_LEN(sizeof(int)), 0, files));
  SHOW(sendWith(ends[0], "no control", pipes, 2, -1));
  SHOW(receiveWith(ends[1], 0, 0, files));
  SHOW(sendWith(ends[0], "bad", (int[]){99}, 1, -1));
  int on = 1;
  setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  SHOW(write(ends[0], "plain", 5));
  receiveWith(ends[1], 512, 0, files);
  SHOW(sendWith(ends[0], "told", NULL, 0, 0));
  receiveWith(ends[1], 512, 0, files);
  SHOW(sendWith(ends[0], "both", pipes, 1, -1));
  receiveWith(ends[1], 512, 0, files);
  SHOW(sendWith(ends[0], "short", NULL, 0, 0));
  receiveWith(ends[1], 20, 0, files);
  fflush(stdout);
  if (fork() == 0) {
    int inner[2];
    pipe(inner);
    write(inner[1], "from the child", 14);
    sendWith(ends[0], "child", inner, 1, -1);
    _exit(0);
  }
  wait(NULL);
  receiveWith(ends[1], 512, 0, files);
  memset(text, 0, sizeof text);
  read(files[0], text, 15);
  printf("%s\n", text);
  SHOW(sendWith(ends[0], "itself", ends, 2, -1));
  closePair();
  pairOf(SOCK_DGRAM);
  struct iovec parts[3] = {{"one", 3}, {"two", 3}, {"three", 5}};
  struct mmsghdr messages[3] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &parts[2], .msg_iovlen = 1}}};
  SHOW(sendmmsg(ends[0], messages, 3, 0));
  char buffers[3][8] = {{0}};
  for (int i = 0; i < 3; i++) parts[i] = (struct iovec){buffers[i], 8};
  SHOW(recvmmsg(ends[1], messages, 3, MSG_WAITFORONE, NULL));
  printf("%s %s %s %u\n", buffers[0], buffers[1], buffers[2], messages[2].msg_len);
  SHOW(sendWith(ends[0], "packet", pipes, 1, -1));
  receiveWith(ends[1], 512, MSG_PEEK, files);
  receiveWith(ends[1], 512, 0, files);
  closePair();
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  streams();
  datagrams();
  names();
  rights();
  return 0;
}
