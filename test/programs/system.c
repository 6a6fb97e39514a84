// /proc and /sys as programs read them: what must be there, and in which form.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static char text[65536];
static int load(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return printf("%s: %s\n", path, strerror(errno)), 0;
  size_t length = 0;
  for (ssize_t count; (count = read(fd, text + length, sizeof text - 1 - length)) > 0;) length += (size_t)count;
  text[length] = 0;
  close(fd);
  return length > 0;
}
static void row(const char *path, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\n%s:", name);
  memmove(text + 1, text, strlen(text) + 1), text[0] = '\n';
  printf("%s %s %s\n", path, name, strstr(text, key) ? "there" : "missing");
  memmove(text, text + 1, strlen(text));
}
static int words(void) {
  int count = 0, inside = 0;
  for (char *at = text; *at; at++) {
    int blank = *at == ' ' || *at == '\n' || *at == '\t';
    if (!blank && !inside) count++;
    inside = !blank;
  }
  return count;
}
static void *thread(void *argument) {
  char link[64] = {0}, expected[64];
  readlink("/proc/thread-self", link, sizeof link - 1);
  snprintf(expected, sizeof expected, "%d/task/%ld", getpid(), syscall(SYS_gettid));
  printf("thread-self %d\n", strcmp(link, expected) == 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%ld/comm", syscall(SYS_gettid));
  pthread_setname_np(pthread_self(), "worker");
  load(path);
  printf("comm of a thread %s", text);
  int count = 0;
  DIR *folder = opendir("/proc/self/task");
  for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
  closedir(folder);
  printf("threads %d\n", count);
  load("/proc/self/status");
  printf("Threads: 2 %d\n", strstr(text, "Threads:\t2\n") != NULL);
  return argument;
}

int main(void) {
  static const char *cpus[] = {"online", "possible", "present"};
  for (int i = 0; i < 3; i++) {
    char path[64];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/%s", cpus[i]);
    load(path);
    int last = -1, first = -1, fields = sscanf(text, "%d-%d", &first, &last);
    printf("%s starts at %d, as many as the system says %d\n", path, first, i > 0 || (fields == 2 ? last + 1 : 1) == sysconf(_SC_NPROCESSORS_ONLN));
  }
  struct stat status;
  SHOW(stat("/sys/devices/system/cpu/cpu0", &status));
  SHOW(open("/sys/devices/system/cpu/cpu9999", O_RDONLY));
  SHOW(open("/sys/devices/system/cpu/online", O_WRONLY | O_CREAT, 0600) >= 0);

  char exe[256] = {0};
  ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
  printf("exe %d ends with %s\n", length > 0, strrchr(exe, '/'));
  load("/proc/self/stat");
  int pid, parent, group;
  char name[32], state;
  sscanf(text, "%d (%31[^)]) %c %d %d", &pid, name, &state, &parent, &group);
  printf("stat %d %s %c %d %d, fields %d\n", pid == getpid(), name, state, parent == getppid(), group == getpgrp(), words());
  load("/proc/self/statm");
  printf("statm %d fields\n", words());
  load("/proc/self/status");
  for (const char *const *key = (const char *const[]){"Name", "Umask", "State", "Tgid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "Groups", "VmSize", "VmRSS", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed_list", NULL}; *key; key++)
    row("status", *key);
  signal(SIGUSR1, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR2);
  load("/proc/self/status");
  printf("signals %d %d %d\n", strstr(text, "SigBlk:\t0000000000000800") != NULL, strstr(text, "SigIgn:\t0000000000000200") != NULL, strstr(text, "Pnd:\t0000000000000800") != NULL);
  load("/proc/self/cmdline");
  printf("cmdline ends with %s\n", strrchr(text, '/') ? strrchr(text, '/') + 1 : text);
  load("/proc/self/comm");
  printf("comm %s", text);
  load("/proc/self/environ");
  printf("environ starts with a name %d\n", strchr(text, '=') != NULL);
  load("/proc/self/limits");
  int lines = 0;
  for (char *at = text; *at; at++) lines += *at == '\n';
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  char expected[64];
  snprintf(expected, sizeof expected, "Max open files            %-21lu", (unsigned long)limit.rlim_cur);
  printf("limits %d lines, open files %d\n", lines, strstr(text, expected) != NULL);
  load("/proc/self/maps");
  printf("maps shows the stack %d\n", strstr(text, "[stack]") != NULL);
  load("/proc/self/mountinfo");
  printf("mountinfo %d\n", strstr(text, " / / ") != NULL && strstr(text, " - ") != NULL && strstr(text, " /proc ") != NULL);
  load("/proc/self/cgroup");
  printf("cgroup %.3s\n", strstr(text, "0::") ? "0::" : text);
  load("/proc/self/mounts");
  printf("mounts %d\n", strstr(text, " /proc proc ") != NULL);
  int fd = open("/proc/self/comm", O_RDONLY);
  snprintf(expected, sizeof expected, "/proc/self/fd/%d", fd);
  length = readlink(expected, exe, sizeof exe - 1);
  exe[length < 0 ? 0 : length] = 0;
  printf("fd leads to %s\n", strrchr(exe, '/'));
  close(fd);
  TRY(readlink(expected, exe, sizeof exe));
  pthread_t other;
  pthread_create(&other, NULL, thread, NULL);
  pthread_join(other, NULL);

  load("/proc/meminfo");
  for (const char *const *key = (const char *const[]){"MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree", NULL}; *key; key++)
    row("meminfo", *key);
  load("/proc/stat");
  printf("stat %d %d %d %d\n", strncmp(text, "cpu  ", 5) == 0, strstr(text, "\ncpu0 ") != NULL, strstr(text, "\nbtime ") != NULL, strstr(text, "\nprocesses ") != NULL);
  load("/proc/cpuinfo");
  printf("cpuinfo %d %d %d\n", strstr(text, "processor\t: 0") != NULL, strstr(text, "model name\t: ") != NULL, strstr(text, "flags\t\t: ") != NULL);
  load("/proc/loadavg");
  printf("loadavg %d\n", words());
  load("/proc/uptime");
  printf("uptime %d\n", words());
  load("/proc/version");
  printf("version %d\n", words() >= 3);
  load("/proc/filesystems");
  printf("filesystems %d %d\n", strstr(text, "nodev\tproc\n") != NULL, strstr(text, "nodev\tsysfs\n") != NULL);
  load("/proc/sys/kernel/ostype");
  printf("ostype %s", text);
  for (const char *const *path = (const char *const[]){"/proc/sys/kernel/osrelease", "/proc/sys/kernel/hostname", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/cap_last_cap", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count", "/proc/sys/fs/nr_open", "/proc/sys/fs/pipe-max-size", "/proc/sys/net/core/somaxconn", NULL}; *path; path++)
    printf("%s %d\n", *path, load(*path) && words() == 1);
  load("/proc/sys/kernel/random/boot_id");
  char first[64];
  snprintf(first, sizeof first, "%s", text);
  load("/proc/sys/kernel/random/boot_id");
  printf("boot id %zu, the same %d\n", strlen(first), strcmp(first, text) == 0);
  load("/proc/sys/kernel/random/uuid");
  snprintf(first, sizeof first, "%s", text);
  load("/proc/sys/kernel/random/uuid");
  printf("uuid %zu, another %d, version %c\n", strlen(first), strcmp(first, text) != 0, text[14]);
  SHOW(stat("/proc/sys/kernel", &status));
  SHOW(open("/proc/999999", O_RDONLY));
  SHOW(open("/proc/self/nothing", O_RDONLY));
  SHOW(mkdir("/proc/self/folder", 0700) == 0);
  return 0;
}
