// UDP peers for tests; the same binary runs on the host and in EuroOS.
//
//   udp-echo server PORT                 answers every datagram with itself; "stop" ends it
//   udp-echo client ADDRESS PORT COUNT   sends COUNT datagrams of many sizes, WINDOW at a time; checks every answer
//   udp-echo probe ADDRESS PORT          one datagram to a connected peer; prints what becomes of it
//   udp-echo stop ADDRESS PORT           ends a server
//   udp-echo large ADDRESS PORT BYTES    one datagram of BYTES and its echo

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { WINDOW = 24, MOST = 1400, LARGEST = 65507 };
// Milliseconds without an answer after which it counts as lost: a busy host is slow, but loses nothing.
enum { SILENCE = 10000 };
static unsigned char buffer[LARGEST + 1];

static void fail(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static int open_socket(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) fail("socket");
  return fd;
}

static int connected(const char *address, const char *port, int milliseconds) {
  int fd = open_socket();
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) fail("address");
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) fail("connect");
  struct timeval timeout = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) fail("setsockopt");
  return fd;
}

static int server(const char *port) {
  int fd = open_socket();
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) fail("bind");
  printf("listening\n");
  fflush(stdout);
  long count = 0;
  for (;;) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    ssize_t bytes = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &length);
    if (bytes < 0) fail("recvfrom");
    if (bytes == 4 && memcmp(buffer, "stop", 4) == 0) break;
    if (sendto(fd, buffer, bytes, 0, (struct sockaddr *)&peer, length) != bytes) fail("sendto");
    count++;
  }
  printf("answered %ld\n", count);
  return 0;
}

// Datagram n: 4 bytes n, then bytes that follow from n; 4 to MOST bytes.
static size_t make(uint32_t n) {
  size_t length = 4 + n * 37 % (MOST - 3);
  memcpy(buffer, &n, 4);
  for (size_t i = 4; i < length; i++) buffer[i] = n * 13 + i * 7;
  return length;
}

static int client(const char *address, const char *port, uint32_t total) {
  int fd = connected(address, port, SILENCE);
  char *seen = calloc(total, 1);
  uint32_t sent = 0, echoed = 0, wrong = 0, twice = 0, lost = 0;
  while (echoed + lost < total) {
    while (sent < total && sent - echoed - lost < WINDOW) {
      size_t length = make(sent++);
      if (send(fd, buffer, length, 0) != (ssize_t)length) fail("send");
    }
    ssize_t bytes = recv(fd, buffer, sizeof buffer, 0);
    if (bytes < 0) {
      if (errno != EAGAIN) fail("recv");
      lost = sent - echoed;
      continue;
    }
    static unsigned char got[LARGEST];
    memcpy(got, buffer, bytes);
    uint32_t n = total;
    if (bytes >= 4) memcpy(&n, got, 4);
    if (n >= total || make(n) != (size_t)bytes || memcmp(got, buffer, bytes) != 0)
      wrong++;
    else if (seen[n]++)
      twice++;
    else
      echoed++;
  }
  printf("sent %u echoed %u lost %u wrong %u twice %u\n", sent, echoed, lost, wrong, twice);
  return echoed == total && wrong == 0 && twice == 0 ? 0 : 1;
}

static int probe(const char *address, const char *port) {
  int fd = connected(address, port, SILENCE);
  if (send(fd, "anybody?", 8, 0) != 8) fail("send");
  if (recv(fd, buffer, sizeof buffer, 0) < 0) fail("recv");
  printf("answered\n");
  return 0;
}

static int large(const char *address, const char *port, int bytes) {
  int fd = connected(address, port, SILENCE);
  for (int i = 0; i < bytes; i++) buffer[i] = i * 7 + i / 256;
  if (send(fd, buffer, bytes, 0) != bytes) fail("send");
  memset(buffer, 0, sizeof buffer);
  ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got < 0) fail("recv");
  int equal = got == bytes;
  for (int i = 0; i < got; i++)
    if (buffer[i] != (unsigned char)(i * 7 + i / 256)) equal = 0;
  printf("%zd bytes %s\n", got, equal ? "equal" : "different");
  return equal ? 0 : 1;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "server") == 0 && argc == 3) return server(argv[2]);
  if (strcmp(mode, "client") == 0 && argc == 5) return client(argv[2], argv[3], strtoul(argv[4], NULL, 10));
  if (strcmp(mode, "probe") == 0 && argc == 4) return probe(argv[2], argv[3]);
  if (strcmp(mode, "large") == 0 && argc == 5) return large(argv[2], argv[3], atoi(argv[4]));
  if (strcmp(mode, "stop") == 0 && argc == 4) {
    int fd = connected(argv[2], argv[3], 1000);
    return send(fd, "stop", 4, 0) == 4 ? 0 : 1;
  }
  fprintf(stderr, "usage: see udp-echo.c\n");
  return 2;
}
