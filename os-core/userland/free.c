// free [-b|-k|-m]: memory in bytes, KiB (as without an option) or MiB.

#include "proc.h"

int main(int argc, char **argv) {
  program_name = "free";
  int option;
  long long multiply = 1, divide = 1;
  while ((option = getopt(argc, argv, "bkm")) != -1) {
    if (option == '?') usage("free [-b|-k|-m]");
    multiply = option == 'b' ? 1024 : 1;
    divide = option == 'm' ? 1024 : 1;
  }
  if (optind < argc) usage("free [-b|-k|-m]");
  char text[4096];
  if (read_file("/proc/meminfo", text, sizeof text) < 0) {
    complain("/proc/meminfo");
    return 1;
  }
  long long total = memory_field(text, "MemTotal"), unused = memory_field(text, "MemFree");
  long long cached = memory_field(text, "Cached") + memory_field(text, "Buffers");
  long long rows[] = {total, total - unused - cached, unused, cached, memory_field(text, "MemAvailable")};
  printf("%18s %11s %11s %11s %11s\nMemory:", "total", "used", "free", "cached", "available");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) printf(" %*lld", i == 0 ? 10 : 11, rows[i] * multiply / divide);
  printf("\n");
  return finish_output(0);
}
